use super::*;

fn made(tree: &Json, data: &Json) -> Json {
    Tree::parse(tree, Place::Plain).expect("a tree").render(&context(data)).expect("rendered")
}

fn data() -> Json {
    json!({"weclever_lead_id": 7, "csat": {"score": 2, "low": true}, "lead": {"name": "Ana", "half": 2.5, "whole": 2.0, "huge": 18446744073709551615u64,
        "nothing": null, "list": [1, null, "x"], "object": {"b": 1, "a": {"c": null}}}})
}

#[test]
fn one_expression_keeps_its_type_and_everything_else_is_text() {
    let tree = json!({
        "id": "{{ weclever_lead_id }}", "spaced": "{{weclever_lead_id}}", "text": "n {{ weclever_lead_id }}", "behind": "{{ weclever_lead_id }} ", "low": "{{ csat.low }}",
        "half": "{{ lead.half }}", "whole": "{{ lead.whole }}", "huge": "{{ lead.huge }}", "list": "{{ lead.list }}", "object": "{{ lead.object }}", "missing": "{{ lead.missing.deeper }}",
        "null": "{{ lead.nothing }}", "none": "{{ none }}", "missing text": "[{{ lead.missing }}]", "literal": ["plain", 1, 1.50, true, null, {"{{ key }}": "x"}],
        "big": 12345678901234567890u64, "sum": "{{ 1 + 1 }}", "set": "{% set x = 1 %}{{ x }}", "string": "{{ weclever_lead_id | string }}"});
    let expected = json!({
        "id": 7, "spaced": 7, "text": "n 7", "behind": "7 ", "low": true,
        "half": 2.5, "whole": 2.0, "huge": 18446744073709551615u64, "list": [1, null, "x"], "object": {"b": 1, "a": {}}, "missing": null,
        "null": null, "none": null, "missing text": "[]", "literal": ["plain", 1, 1.50, true, null, {"{{ key }}": "x"}],
        "big": 12345678901234567890u64, "sum": 2, "set": "1", "string": "7"});
    let made = made(&tree, &data());
    assert_eq!(made, expected);
    // In the order in which it was written, too.
    assert_eq!(made.to_string(), expected.to_string());
}

#[test]
fn what_is_omitted_is_not_there() {
    let tree = json!({"a": "{{ lead.missing or omit }}", "b": ["{{ omit }}", "x", "{{ lead.name if csat.low else omit }}"], "c": {"d": "{{ omit }}"},
        "e": "{{ lead.missing | default(omit) }}", "f": "{{ [omit, 1] }}", "g": "{{ {'x': omit, 'y': 2} }}", "h": "<{{ omit }}>"});
    let expected = json!({"b": ["x", "Ana"], "c": {}, "f": [1], "g": {"y": 2}, "h": "<>"});
    assert_eq!(made(&tree, &data()), expected);
    assert_eq!(made(&json!("{{ omit }}"), &data()), Json::Null);
}

#[test]
fn every_wrong_text_is_found_with_its_place() {
    let tree = json!({"ok": "{{ id }}", "a/b": ["{{ x | nothing }}"], "c": {"d": "{{ "}});
    let wrong = Tree::parse(&tree, Place::Plain).expect_err("wrong");
    let told: Vec<_> = wrong.iter().map(|wrong| (wrong.leaf.as_str(), wrong.wrong.message.as_str())).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], ("/a~1b/0", "there is no filter `nothing`"));
    assert_eq!(told[1].0, "/c/d");
    let tree = Tree::parse(&json!({"a": [{"b": "{{ lead.nmae }} {{ lead.name }}"}, "{{ id }}"]}), Place::Plain)
        .expect("a tree");
    let names: Vec<_> = tree.names().into_iter().map(|(leaf, name)| (leaf, name.path.clone())).collect();
    assert_eq!(
        names,
        [
            ("/a/0/b".to_owned(), "lead.nmae".to_owned()),
            ("/a/0/b".to_owned(), "lead.name".to_owned()),
            ("/a/1".to_owned(), "id".to_owned())
        ]
    );
}

#[test]
fn an_error_names_its_leaf() {
    let tree = Tree::parse(&json!({"a": [0, "{{ lead.name < 3 }}"]}), Place::Plain).expect("a tree");
    let error = tree.render(&context(&data())).expect_err("an error");
    assert_eq!(
        error.to_string(),
        "at /a/1: `lead.name < 3`: text cannot be compared with a number (`lead.name` is text)"
    );
    let tree = Tree::parse(&json!({"a": "x{{ lead.name < 3 }}"}), Place::Plain).expect("a tree");
    assert_eq!(tree.render(&context(&data())).expect_err("an error").leaf.as_deref(), Some("/a"));
    let tree = Tree::parse(&json!({"a": "{{ lead.name | list | first | nothing }}"}), Place::Plain);
    assert!(tree.is_err());
}

#[test]
fn settings_are_a_destinations_own() {
    let event = context(&data());
    let settings = [("channel".to_owned(), "sales".to_owned())].into();
    let with = event.with_settings(&settings);
    let text = Text::parse("{{ settings.channel }}:{{ lead.name }}:{{ id }}", Place::Plain).expect("a template");
    assert_eq!(text.render(&with).as_deref(), Ok("sales:Ana:evt_1"));
    assert_eq!(text.render(&event).as_deref(), Ok(":Ana:evt_1"));
    assert_eq!(format!("{with:?} {text:?}"), "Context(..) Text(..)");
}

proptest::proptest! {
    #[test]
    fn whatever_a_lead_says_stays_in_its_leaf(name in hostile()) {
        let data = json!({"lead": {"name": name, "list": [name], "object": {"x": name}}});
        let tree = json!({"a": "{{ lead.name }}", "b": "x {{ lead.name }} y", "c": "{{ lead.list }}", "d": "{{ lead.object }}", "e": "{{ lead | tojson }}"});
        let made = made(&tree, &data);
        let lead = serde_json::to_string(&data["lead"]).expect("JSON");
        proptest::prop_assert_eq!(&made, &json!({"a": name, "b": format!("x {name} y"), "c": [name], "d": {"x": name}, "e": lead}));
        // And in a place with an escape, everything is escaped, however deep.
        let slack = Tree::parse(&tree, Place::Slack).expect("a tree").render(&context(&data)).expect("rendered");
        proptest::prop_assert!(!slack.to_string().contains(['<', '>']), "{}", slack);
    }
}
