//! What a careless or a hostile template, or a hostile lead, costs at most.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn work_and_memory_are_limited() {
    let data = json!({"lead": {"name": "x".repeat(10_000), "list": (0..2000).collect::<Vec<_>>()}});
    let context = context(&data);
    for text in [
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ range(100000000) | list }}",
        "{{ lead.name * 1000000000 }}",
        "{{ lead.list * 1000000000 }}",
        "{% set ns = namespace(x='x') %}{% for a in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x='<') %}{% for a in range(64) %}{% set ns.x = ns.x | tojson %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x='xx') %}{% for a in range(64) %}{% set ns.x = ns.x | replace('x', ns.x) %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% for a in range(100000) %}{{ lead.name }}{% endfor %}",
        "{% for a in range(100000) %}{{ lead.list }}{% endfor %}",
        "{% set m = {'body': lead.name} %}{% set ms = [m, m, m, m, m, m, m, m, m, m] %}{% for a in range(1000) %}{{ transcript(ms, max=100000000) | length }}{% endfor %}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ 'a\nb' | indent(1000000000) }}",
        "{{ lead.list | batch(1000000000, 'x') | list }}",
        "{{ lead.list | slice(1000000000) | list }}",
        "{{ 2 ** 100000000 }}{{ lead.name * (2 ** 62) }}",
        "{% for a in range(900) recursive %}{{ loop(range(900)) }}{% endfor %}",
        "{{ lead.name | join(lead.name) }}",
    ] {
        let begun = Instant::now();
        let template = Text::parse(text, Place::Slack).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        let result = template.render(&context);
        assert!(result.is_err(), "{text} gave {} bytes", result.map_or(0, |text| text.len()));
        assert!(begun.elapsed() < Duration::from_secs(60), "{text} took {:?}", begun.elapsed());
    }
}

#[test]
fn a_long_conversation_is_no_hostile_one() {
    let messages: Vec<Json> =
        (0..3000).map(|i| json!({"body": format!("{i} {}", "á".repeat(100)), "direction": "inbound"})).collect();
    let data = json!({"lead": {"chats": {"messages": messages}}});
    let text = "{% for m in lead.chats.messages %}{% if m.direction == 'inbound' %}> {{ m.body | upper }}\n{% endif %}{% endfor %}";
    assert_eq!(rendered(text, Place::Plain, &data).lines().count(), 3000);
    assert!(rendered("{{ transcript(lead.chats.messages) }}", Place::Discord, &data).chars().count() <= 3000);
    assert!(rendered("{{ lead | tojson }}", Place::Plain, &data).len() > 600_000);
}

#[test]
fn a_text_beyond_four_mebibytes_is_refused() {
    let data = json!({"x": "x".repeat(3_000_000)});
    assert_eq!(rendered("{{ x }}", Place::Plain, &data).len(), 3_000_000);
    assert_eq!(refused("{{ x }}{{ x }}", &data).message, "makes 6000000 bytes, and 4194304 are the most");
    let tree = Tree::parse(&json!({"a": "{{ x }}", "b": ["{{ x }} "]}), Place::Plain).expect("a tree");
    let error = tree.render(&context(&data)).expect_err("too long");
    assert_eq!(error.to_string(), "at /b/0: the body would be longer than 4194304 bytes");
}

#[test]
fn what_templates_are_made_of_is_limited() {
    let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Condition::parse(&deep).is_err());
    let nested = "{% if true %}".repeat(1000);
    assert!(Text::parse(&nested, Place::Plain).is_err());
    let chain = vec!["1 < 2"; 400].join(" and ");
    assert_eq!(Condition::parse(&chain).expect("a condition").judge(&context(&json!({}))), Judged::Yes);
    let mut inner = json!("x");
    for _ in 0..100 {
        inner = json!([inner]);
    }
    let tree = Tree::parse(&json!("{{ lead.deep }}"), Place::Slack).expect("a tree");
    let error = tree.render(&context(&json!({"lead": {"deep": inner}}))).expect_err("too deep");
    assert_eq!(error.to_string(), "is nested too deep");
    assert_eq!(
        refused("{{ lead.deep }}", &json!({"lead": {"deep": inner}})).message,
        "`lead.deep`: is nested too deep (`lead.deep` is a list)"
    );
}

#[test]
fn nothing_is_repeated() {
    let data = json!({"lead": {"price": [1], "name": "Ana", "qty": 99_000_000, "half": 0.5, "neg": -2}});
    for (expression, why) in [
        ("lead.price * lead.qty", "`*` multiplies numbers only, and a list is none"),
        ("lead.qty * lead.name", "`*` multiplies numbers only, and text is none"),
        ("1 + lead.name * 2 * lead.qty", "`*` multiplies numbers only, and text is none"),
        ("lead.missing * 2", "`lead.missing` is missing"),
    ] {
        let message = refused(&format!("{{{{ {expression} }}}}"), &data).message;
        assert!(message.contains(why), "{expression}: {message}");
        let Judged::CannotTell(message) = Condition::parse(expression).expect("a condition").judge(&context(&data))
        else {
            panic!("{expression} is judged");
        };
        assert!(message.contains(why), "{expression}: {message}");
    }
    for (expression, why, at) in [
        ("'x' * 3", "`*` multiplies numbers only, and text is none", "'x'"),
        ("lead.qty * [lead]", "`*` multiplies numbers only, and a list is none", "[lead]"),
        ("2 * {} * 2", "`*` multiplies numbers only, and an object is none", "{}"),
        ("lead.qty > 1 and ('a' ~ 'b') * lead.qty", "`*` multiplies numbers only, and text is none", "'a' ~ 'b'"),
    ] {
        let wrong = Condition::parse(expression).expect_err("wrong");
        assert_eq!((wrong.message.as_str(), &expression[wrong.at]), (why, at));
    }
    assert_eq!(rendered("{{ lead.qty * lead.half * lead.neg }} {{ 2 * 3 }}", Place::Plain, &data), "-99000000 6");
    let jumps = "{% for x in [1, 2] %}{% if x * lead.neg < -2 %}{{ x * 10 }}{% else %}-{% endif %}{% endfor %}";
    assert_eq!(rendered(jumps, Place::Plain, &data), "-20");
}

#[test]
fn what_would_be_read_too_deep_is_refused_first() {
    for (text, message) in [
        (format!("{{{{ {} }}}}", vec!["a"; 5000].join(" or ")), "an expression is longer than 4096 bytes"),
        (format!("{{{{ {} }}}}", vec!["a"; 5000].join("~")), "an expression is longer than 4096 bytes"),
        (format!("{{{{ {}", vec!["a"; 5000].join("~")), "an expression is longer than 4096 bytes"),
        (format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(3500)), "has more than 1000 `{{` and `{%`"),
    ] {
        let wrong = Text::parse(&text, Place::Plain).expect_err("too long");
        assert_eq!(wrong.message, message);
        assert!(wrong.help.is_some() && text.get(wrong.at).is_some());
    }
    let wrong = Condition::parse(&vec!["a"; 5000].join(" or ")).expect_err("too long");
    assert_eq!((wrong.message.as_str(), wrong.at.start), ("an expression is longer than 4096 bytes", 0));
    let long = format!("{}{}", "{{ a }}".repeat(1000), "text {# {{ #} ".repeat(5000));
    assert!(Text::parse(&long, Place::Plain).is_ok());
}
