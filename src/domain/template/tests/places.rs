//! Hostile lead texts in every place.

use proptest::prelude::*;

use super::*;

const NAME: &str = "{{ lead.name }}";

/// Everything that takes a lead's text on its way, beside printing it.
const WAYS: &[&str] = &[
    "{{ lead.name }}",
    "{{ lead.name | string | trim | truncate(30) }}",
    "{{ lead.name | truncate(20, unit='bytes', end='...') }}",
    "{{ lead.name | first_name }}",
    "{{ lead.name | upper | lower | title }}",
    "{{ lead.name ~ lead.name }}",
    "{{ '[' ~ (lead.name | e) ~ lead.name ~ ']' }}",
    "{{ lead.name | replace('x', '') }}",
    "{{ [lead.name, lead.name] | join(', ') }}",
    "{{ [lead.name | e, lead.name] | join(', ') }}",
    "{{ lead.name | e | truncate(12) }}",
    "{{ lead.name | tojson }}",
    "{{ {'x': lead.name, 'y': [lead.name]} | tojson }}",
    "{{ [lead.name] }}",
    "{{ lead.missing | default(lead.name) }}",
    "{% set x %}{{ lead.name }}{% endset %}{{ x }}",
    "{% filter trim %}{{ lead.name }}{% endfilter %}",
    "{% for c in lead.name | list %}{{ c }}{% endfor %}",
    "{% set m = {'body': lead.name, 'direction': lead.name, 'content_type': lead.name} %}{{ transcript([m, m, m], max=60) }}",
    "{{ [{'body': lead.name}] | transcript(inbound=lead.name) }}",
    "{{ lead.name | split('a') | last }}",
    "{{ '%s!' | format(lead.name) }}",
];

fn through(way: &str, place: Place, name: &str) -> Result<String, RenderError> {
    Text::parse(way, place).expect("a template").render(&context(&json!({"lead": {"name": name}})))
}

#[test]
fn what_is_harmless_is_left_as_it_is() {
    for text in ["", "Ana Péssimo", "ana_maria.silva@example.com", "11 99999-0000", "R$ 10,50 (à vista)", "5/5 😀"]
    {
        for place in [Place::Plain, Place::Header, Place::Slack, Place::Xml, Place::GoogleChat, Place::Teams] {
            assert_eq!(place.escape(text), text, "{place:?}");
        }
    }
    let link = "veja https://example.com/a_b-c~d#e e diga";
    for place in [Place::Slack, Place::Discord, Place::GoogleChat] {
        assert_eq!(place.escape(link), link, "{place:?}");
    }
}

#[test]
fn each_place_has_its_own_escapes() {
    for (place, text, expected) in [
        (Place::Slack, "<!channel> & <@U1|x>", "&lt;!channel&gt; &amp; &lt;@U1|x&gt;"),
        (Place::Xml, "<a b=\"c\" d='e'>&\u{0}\u{fffe}\n", "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;&#10;"),
        (Place::Header, "a\r\nx: y\0\u{85}\tz", "a  x: y   z"),
        (Place::Form, "a b&c=d+é", "a+b%26c%3Dd%2B%C3%A9"),
        (Place::UrlPart, "a b&c=d+é/~.-_", "a%20b%26c%3Dd%2B%C3%A9%2F~.-_"),
        (Place::Discord, "*a* _b_ ||c|| `d`", "\\*a\\* \\_b\\_ \\|\\|c\\|\\| \\`d\\`"),
        (Place::Discord, "@everyone @here x@example.com", "@ everyone @ here x@example.com"),
        (Place::Discord, "<@1> <@&2> <#3> <b>", "\\< @1\\> \\< @&2\\> \\< #3\\> \\<b\\>"),
        (Place::Discord, "[a](https://b.example/_c_)", "\\[a\\]\\(https://b.example/_c_\\)"),
        (Place::Discord, "# a\n- b\n-# c\n> d :smile: 10:30", "\\# a\n\\- b\n\\-# c\n\\> d \\:smile: 10:30"),
        (Place::Teams, "**a** _b_ c_d [e](https://f.example)", "\\*\\*a\\*\\* \\_b\\_ c_d \\[e\\](https://f.example)"),
        (Place::Teams, "- a\n1. b\n2) c\n# d", "\\- a\n1\\. b\n2\\) c\n\\# d"),
        (
            Place::Teams,
            "<at>Bob</at> & {{DATE(2017-02-14T06:00:00Z)}}",
            "&lt;at&gt;Bob&lt;/at&gt; &amp; {\u{200b}{DATE(2017-02-14T06:00:00Z)}}",
        ),
        (Place::GoogleChat, "<users/all> <https://a.example|b>", "< users/all> <\u{200b}https://a.example|b>"),
        (Place::GoogleChat, "*a* b_c [d](https://e.example)", "*\u{200b}a*\u{200b} b_c [d]\u{200b}(https://e.example)"),
    ] {
        assert_eq!(place.escape(text), expected, "{place:?}");
    }
}

#[test]
fn escape_names_its_places() {
    for place in Place::ALL {
        if let Some(name) = place.as_escape() {
            assert_eq!(Place::from_escape(name), Some(place));
        }
    }
    assert_eq!(Place::from_escape("xml"), None);
}

#[test]
fn a_text_of_ones_own_is_left_alone() {
    let data = json!({"lead": {"name": "<b>"}});
    let text = "<!here> {{ '<https://a.example|' | safe ~ lead.name ~ '>' | safe }} {{ lead.name | slack }}";
    assert_eq!(rendered(text, Place::Slack, &data), "<!here> <https://a.example|&lt;b&gt;> &lt;b&gt;");
    assert_eq!(rendered("{{ lead.name | slack }}{{ lead.name }}", Place::Plain, &data), "&lt;b&gt;<b>");
    assert_eq!(rendered("{{ lead.name | e | e }}", Place::Xml, &data), "&lt;b&gt;");
}

/// Whether a server that takes what is not seen out would find this.
fn mentions(text: &str, mark: &str) -> bool {
    text.replace(['\u{200b}', '\u{2060}', '\u{300}'], "").to_lowercase().contains(mark)
}

/// A document with an element `a`, an attribute `b` and nothing else: its two texts.
fn xml(document: &str) -> Option<(String, String)> {
    let (attribute, rest) = document.strip_prefix("<a b=\"")?.split_once("\">")?;
    let text = rest.strip_suffix("</a>")?;
    let read = |text: &str| {
        let mut out = String::new();
        let mut rest = text;
        while let Some(i) = rest.find(['&', '<', '>', '"', '\'']) {
            out.push_str(&rest[..i]);
            let (name, behind) = rest[i..].strip_prefix('&')?.split_once(';')?;
            out.push(match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                number => char::from_u32(number.strip_prefix('#')?.parse().ok()?)?,
            });
            rest = behind;
        }
        out.push_str(rest);
        out.chars()
            .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
            .then_some(out)
    };
    Some((read(attribute)?, read(text)?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn slack_mentions_nobody(name in hostile(), way in prop::sample::select(WAYS)) {
        if let Ok(text) = through(way, Place::Slack, &name) {
            prop_assert!(!text.contains(['<', '>']), "{way}: {text}");
            let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            prop_assert!(!rest.contains('&'), "an escape was cut: {way}: {text}");
        }
        prop_assert_eq!(through(NAME, Place::Slack, &name).expect("text").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), name);
    }

    #[test]
    fn discord_mentions_nobody(name in hostile(), way in prop::sample::select(WAYS)) {
        if let Ok(text) = through(way, Place::Discord, &name) {
            for mark in ["@everyone", "@here", "<@", "<#"] {
                prop_assert!(!mentions(&text, mark), "{way}: {text}");
            }
            prop_assert!(!text.contains("]("), "{way}: {text}");
        }
    }

    #[test]
    fn a_cut_leaves_no_half_of_an_escape(name in hostile(), length in 0usize..30, unit in prop::sample::select(&["chars", "bytes"][..]), place in prop::sample::select(&Place::ALL[..])) {
        let cut = |value: &str| format!("{{{{ {value} | truncate({length}, unit='{unit}') }}}}");
        let text = through(&cut("lead.name"), place, &name).expect("text");
        let measured = if unit == "bytes" { text.len() } else { text.chars().count() };
        prop_assert!(measured <= length, "{place:?} {measured}: {text}");
        let escaped = through(&cut("lead.name | e"), place, &name).expect("text");
        let whole = place.escape(&name);
        let kept = escaped.trim_end_matches('…');
        // What was kept of it is what escaping a beginning of it gives, but for blanks at its end.
        let beginnings = name.char_indices().map(|(i, _)| &name[..i]).chain([name.as_str()]);
        let is_whole = beginnings.clone().any(|part| place.escape(part).trim_end().starts_with(kept.trim_end()) && place.escape(part).len() <= kept.len() + 8);
        prop_assert!(is_whole || place == Place::Plain, "{place:?}: {escaped:?} of {whole:?}");
    }

    #[test]
    fn a_transcript_keeps_to_its_budget(bodies in prop::collection::vec(hostile(), 0..12), max in 0usize..200, unit in prop::sample::select(&["chars", "bytes"][..]), keep in prop::sample::select(&["first", "last"][..]), place in prop::sample::select(&Place::ALL[..])) {
        let messages: Vec<Json> = bodies.iter().map(|body| json!({"body": body, "direction": "inbound"})).collect();
        let text = format!("{{{{ transcript(messages, max={max}, unit='{unit}', keep='{keep}') }}}}");
        let text = rendered(&text, place, &json!({"messages": messages}));
        let measured = if unit == "bytes" { text.len() } else { text.chars().count() };
        prop_assert!(measured <= max, "{place:?}: {measured} of {max}: {text}");
    }

    #[test]
    fn teams_makes_no_link_and_no_mention(name in hostile(), way in prop::sample::select(WAYS)) {
        if let Ok(text) = through(way, Place::Teams, &name) {
            prop_assert!(!text.contains(['<', '>']) && !text.contains("{{"), "{way}: {text}");
            // Every bracket that could begin a link has a backslash that is none's own.
            let bare = text.replace("\\\\", "").match_indices('[').any(|(i, _)| !text.replace("\\\\", "")[..i].ends_with('\\'));
            prop_assert!(!bare || way.contains("'['") || way.contains("[lead") || way.contains("tojson"), "{way}: {text}");
        }
    }

    #[test]
    fn google_chat_mentions_nobody(name in hostile(), way in prop::sample::select(WAYS)) {
        if let Ok(text) = through(way, Place::GoogleChat, &name) {
            prop_assert!(!mentions(&text, "<users/"), "{way}: {text}");
            prop_assert!(!text.contains("<http") && !text.contains("]("), "{way}: {text}");
        }
    }

    #[test]
    fn two_values_side_by_side_make_no_mention(a in hostile(), b in hostile()) {
        let data = json!({"a": a, "b": b});
        let text = "{{ a }}{{ b }}";
        let discord = rendered(text, Place::Discord, &data);
        prop_assert!(["@everyone", "@here", "<@"].iter().all(|mark| !mentions(&discord, mark)), "{discord}");
        prop_assert!(!mentions(&rendered(text, Place::GoogleChat, &data), "<users/"));
        prop_assert!(!rendered(text, Place::Slack, &data).contains('<'));
    }

    #[test]
    fn xml_stays_one_document(name in hostile(), way in prop::sample::select(WAYS)) {
        let document = |way: &str| through(&format!("<a b=\"{way}\">{way}</a>"), Place::Xml, &name);
        if let Ok(text) = document(way) {
            prop_assert!(xml(&text).is_some(), "{way}: {text}");
        }
        let kept: String = name.chars().filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)).collect();
        prop_assert_eq!(xml(&document(NAME).expect("text")), Some((kept.clone(), kept)));
    }

    #[test]
    fn a_form_keeps_its_pairs(name in hostile(), way in prop::sample::select(WAYS)) {
        if let Ok(text) = through(&format!("a={way}&b=2"), Place::Form, &name) {
            let pairs: Vec<(String, String)> = ::url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            prop_assert_eq!(pairs.len(), 2, "{}: {}", way, text);
            prop_assert_eq!((pairs[0].0.as_str(), &pairs[1]), ("a", &("b".to_owned(), "2".to_owned())), "{}: {}", way, text);
            if way == NAME {
                prop_assert_eq!(&pairs[0].1, &name);
            }
        }
    }

    #[test]
    fn json_by_hand_is_json(name in hostile(), place in prop::sample::select(&[Place::Plain, Place::Slack, Place::Discord, Place::Teams, Place::GoogleChat][..])) {
        let text = through("{\"text\": {{ lead.name | tojson }}, \"lead\": {{ lead | tojson(indent=2) }}}", place, &name).expect("text");
        let json: Json = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        prop_assert_eq!(&json["text"], &Json::from(place.escape(&name)));
    }

    #[test]
    fn plain_text_is_what_it_was(name in hostile()) {
        prop_assert_eq!(through(NAME, Place::Plain, &name).expect("text"), name);
    }
}
