use super::*;

fn paths(text: &str) -> Vec<String> {
    let text = Text::parse(text, Place::Plain).expect("a template");
    text.names().iter().map(|name| name.path.clone()).collect()
}

#[test]
fn every_path_that_is_looked_up_is_found_with_its_place() {
    for (text, expected) in [
        ("{{ lead.name }}", vec!["lead.name"]),
        ("{{ lead['name'] }}{{ lead.list[0].x }}", vec!["lead.name", "lead.list[].x"]),
        (
            "{% for m in lead.chats.messages %}{{ m.body }}{{ loop.index }}{% endfor %}{{ m.body }}",
            vec!["lead.chats.messages", "lead.chats.messages[].body", "m.body"],
        ),
        (
            "{% for m in lead.chats.messages | reverse if m.body %}{% endfor %}",
            vec!["lead.chats.messages", "lead.chats.messages[].body"],
        ),
        (
            "{% set m = lead.chats.messages | last %}{{ m.body }}",
            vec!["lead.chats.messages", "lead.chats.messages[].body"],
        ),
        ("{% with l = lead %}{{ l.name }}{% endwith %}{{ l }}", vec!["lead", "lead.name", "l"]),
        (
            "{{ lead.chats.messages | map(attribute='body') | join }}",
            vec!["lead.chats.messages", "lead.chats.messages[].body"],
        ),
        (
            "{{ lead.chats.messages | selectattr('direction', 'eq', type) | list | length }}",
            vec!["lead.chats.messages", "type", "lead.chats.messages[].direction"],
        ),
        ("{{ (lead.chats.messages | first).body }}", vec!["lead.chats.messages[].body"]),
        ("{{ lead.a or lead.b if lead.c else lead.d }}", vec!["lead.c", "lead.a", "lead.b", "lead.d"]),
        ("{{ transcript(lead.chats.messages, max=settings.max) }}", vec!["lead.chats.messages", "settings.max"]),
        ("{{ lead[type].x }}{{ {'a': id}[timestamp] }}", vec!["lead", "type", "id", "timestamp"]),
        ("{% for k, v in lead | items %}{{ k }}{{ v.x }}{% endfor %}", vec!["lead"]),
        ("{{ omit if lead.name else omit }}", vec!["lead.name"]),
        (
            "{% if lead.a is defined and lead.b in [lead.c] %}{% elif lead.d %}{% else %}{{ lead.e }}{% endif %}",
            vec!["lead.a", "lead.b", "lead.c", "lead.d", "lead.e"],
        ),
        (
            "{% set x %}{{ lead.a }}{% endset %}{{ x }}{% filter upper %}{{ lead.b }}{% endfilter %}",
            vec!["lead.a", "lead.b"],
        ),
        ("no template", vec![]),
    ] {
        assert_eq!(paths(text), expected, "{text}");
    }
    let condition = Condition::parse("csat.low and lead.regional == 'x'").expect("a condition");
    let shown: Vec<&str> = condition.names().iter().map(|name| &condition.source()[name.at.clone()]).collect();
    assert_eq!(shown, ["csat.low", "lead.regional"]);
}

#[test]
fn names_that_no_event_has_are_told_with_what_was_meant() {
    let text = "{{ lead.nmae }}{{ lead.name }}{{ lead.new_field }}{{ name }}{{ csat.scor }}{{ data.lead.name }}{{ settings.chanel }}{{ settings.other }}\
                {{ settings.channel }}{{ colour }}{{ lead.nmae }}{{ steps.contact.id }}{% for m in lead.chats.messages %}{{ m.bdy }}{% endfor %}";
    let text = Text::parse(text, Place::Plain).expect("a template");
    let doubts = check_names(text.names(), &["channel"], &["steps.contact.id"]);
    let told: Vec<_> =
        doubts.iter().map(|doubt| (doubt.path.as_str(), doubt.may_exist, doubt.help.as_deref())).collect();
    let expected = [
        ("lead.nmae", true, Some("did you mean `lead.name`?")),
        ("lead.new_field", true, None),
        ("name", false, Some("did you mean `lead.name`?")),
        ("csat.scor", false, Some("did you mean `csat.score`?")),
        ("data.lead.name", false, Some("what is under `data` has its name without it: `lead.name`")),
        ("settings.chanel", false, Some("did you mean `settings.channel`?")),
        ("settings.other", false, Some("give it under settings: other = \"...\"")),
        ("colour", false, None),
        ("lead.chats.messages[].bdy", true, Some("did you mean `lead.chats.messages[].body`?")),
    ];
    assert_eq!(told, expected);
}

#[test]
fn everything_in_an_event_is_known() {
    use crate::domain::csat::CsatRules;
    use crate::domain::event::EventType;

    fn walk(value: &Json, path: &str, found: &mut Vec<Name>) {
        if !path.is_empty() {
            found.push(Name { path: path.to_owned(), at: 0..0 });
        }
        match value {
            Json::Object(entries) => {
                for (key, value) in entries {
                    walk(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| walk(item, &format!("{path}[]"), found)),
            _ => {}
        }
    }
    for event_type in EventType::ALL {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let sample = crate::domain::sample::event(event_type, "my-platform", "2", &CsatRules::default(), now);
        let envelope: Json = serde_json::from_str(&sample.envelope).expect("JSON");
        let mut names = Vec::new();
        walk(&envelope["data"], "", &mut names);
        assert!(names.len() > 4);
        assert_eq!(check_names(&names, &[], &[]), []);
    }
}

#[test]
fn what_is_offered_exists() {
    use super::super::functions::{FILTERS, FUNCTIONS, OPTIONS, TESTS};
    for filter in FILTERS {
        assert!(Condition::parse(&format!("id | {filter}")).is_ok(), "{filter}");
    }
    for test in TESTS {
        let text = if matches!(*test, "true" | "false" | "none") {
            format!("id is {test}")
        } else {
            format!("id is {test}()")
        };
        assert!(Condition::parse(&text).is_ok(), "{test}");
    }
    for function in FUNCTIONS {
        assert!(Condition::parse(&format!("{function}()")).is_ok(), "{function}");
    }
    for (of, options) in OPTIONS {
        for option in *options {
            // An option that is not taken would be told apart by its error.
            let text = format!("{{{{ id | {of}({option}=1) }}}}");
            let text = Text::parse(&text, Place::Plain).expect("a template");
            if let Err(error) = text.render(&context(&json!({}))) {
                assert!(!error.message.contains("too many"), "{of} {option}: {error}");
            }
        }
    }
}

#[test]
fn a_secret_that_is_put_in_must_be_inert() {
    for text in ["", "s3cret", "{", "a{b}c", "}}", "%}", "#", "{ {"] {
        assert_eq!(is_inert(text), !text.ends_with('{'), "{text}");
        assert!(!is_template(text));
    }
    for text in ["{{", "a{{b", "{%", "{#", "{{}}"] {
        assert!(!is_inert(text) && is_template(text), "{text}");
    }
}

/// The blocks of this kind in the page for users.
fn documented(kind: &str) -> Vec<&'static str> {
    let page = include_str!("../../../../config/TEMPLATES.md");
    let begin = format!("```{kind}\n");
    page.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn what_is_documented_works() {
    let sample = crate::domain::sample::event(
        crate::domain::event::EventType::LeadRated,
        "my-platform",
        "2",
        &crate::domain::csat::CsatRules::default(),
        jiff::Timestamp::UNIX_EPOCH,
    );
    let event = Context::of(&sample.id, sample.envelope.as_bytes()).expect("an event");
    let templates: Vec<&str> = documented("jinja").iter().flat_map(|block| block.lines()).collect();
    assert!(templates.len() > 8, "{templates:?}");
    for text in templates {
        let template = Text::parse(text, Place::Plain).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        assert_eq!(check_names(template.names(), &[], &[]), [], "{text}");
        let rendered = template.render(&event).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!rendered.contains("{{"), "{text}: {rendered}");
    }
    let conditions: Vec<&str> = documented("toml").iter().flat_map(|block| block.lines()).collect();
    assert!(conditions.len() > 4, "{conditions:?}");
    for line in conditions {
        let text = line.strip_prefix("when = \"").and_then(|line| line.strip_suffix('"')).expect("a condition");
        let condition = Condition::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        assert_eq!(check_names(condition.names(), &[], &[]), [], "{text}");
        assert!(!matches!(condition.judge(&event), Judged::CannotTell(_)), "{text}");
    }
    let page = include_str!("../../../../config/TEMPLATES.md");
    for (of, options) in super::super::functions::OPTIONS {
        assert!(page.contains(&format!("`{of}")), "{of} is not documented");
        let missing: Vec<_> = options.iter().filter(|option| *of == "transcript" && !page.contains(**option)).collect();
        assert!(missing.is_empty(), "{of}: {missing:?} are not documented");
    }
}
