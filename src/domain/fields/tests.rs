//! What is listed goes out as it came in, and nothing else does.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const ENVELOPE: &str = r#"{"type":"lead.rated","timestamp":"2026-11-23T17:20:31.512Z","data":{"weclever_lead_id":18446744073709551615,"client_lead_id":"crm-9","mapped_status":"sold","platform_id":"p","revision":2,"origin":"live","csat":{"score":2,"low":true,"text":"2"},"changes":["/csat/rating","/name","/chats/messages","/csat/message","/a~1b"],"lead":{"email":"ana@example.com",  "name":"An\u00e1", "n": 1.50e400,"chats":{"metrics":{"total_messages":2},"messages":[{"id_chat":123456789012345678901234567890,"body":"oi"}, {"body":null}, "odd", ["odd"]]},"csat":{"message":"?","rating":"2"},"a/b":[ 1 ,2],"tags":[["x"]]}}}"#;

fn fields(paths: &[&str]) -> Fields {
    let paths: Vec<FieldPath> = paths.iter().map(|path| FieldPath::parse(path).expect("a path")).collect();
    Fields::of(&paths)
}

/// What stands in `data` behind what is always there.
fn data(paths: &[&str], envelope: &str) -> String {
    let sent = String::from_utf8(fields(paths).apply(envelope.as_bytes())).expect("text");
    raw::at(&sent, &["data"]).expect("data").to_owned()
}

#[test]
fn what_is_listed_stays_byte_for_byte_and_in_its_order() {
    let always = r#"{"weclever_lead_id":18446744073709551615,"platform_id":"p","revision":2,"origin":"live""#;
    for (paths, rest) in [
        (&["mapped_status"][..], r#"}"#),
        (&["lead.n"], r#","lead":{"n":1.50e400}}"#),
        (&["lead.name", "lead.email"], r#","changes":["/name"],"lead":{"email":"ana@example.com","name":"An\u00e1"}}"#),
        (&["csat.score"], r#","csat":{"score":2}}"#),
        (&["csat"], r#","csat":{"score":2,"low":true,"text":"2"}}"#),
        (
            &["lead.csat"],
            r#","changes":["/csat/rating","/csat/message"],"lead":{"csat":{"message":"?","rating":"2"}}}"#,
        ),
        (&["lead.csat.rating"], r#","changes":["/csat/rating"],"lead":{"csat":{"rating":"2"}}}"#),
        (&["lead.csat.rating.more"], r#","changes":["/csat/rating"],"lead":{"csat":{}}}"#),
        (
            &["lead.chats.messages[].body"],
            r#","changes":["/chats/messages"],"lead":{"chats":{"messages":[{"body":"oi"},{"body":null}]}}}"#,
        ),
        (
            &["lead.chats.messages[].id_chat", "lead.chats.metrics"],
            r#","changes":["/chats/messages"],"lead":{"chats":{"metrics":{"total_messages":2},"messages":[{"id_chat":123456789012345678901234567890},{}]}}}"#,
        ),
        (&["lead.tags[][]"], r#","lead":{"tags":[["x"]]}}"#),
        (
            &["lead.tags[].x", "lead.name[]", "lead.chats.messages.body"],
            r#","changes":["/name","/chats/messages"],"lead":{"chats":{},"tags":[]}}"#,
        ),
        (&["lead.nothing", "weclever_lead_id"], r#","lead":{}}"#),
    ] {
        let sent = data(paths, ENVELOPE).replace(r#""mapped_status":"sold","#, "");
        assert_eq!(sent, format!("{always}{rest}"), "{paths:?}");
    }
    assert!(data(&["mapped_status"], ENVELOPE).contains(r#""mapped_status":"sold""#));
    let all = data(&["lead", "csat", "client_lead_id", "mapped_status"], ENVELOPE);
    assert_eq!(Some(all.as_str()), raw::at(ENVELOPE, &["data"]));
}

#[test]
fn thin_is_ids_alone() {
    let sent = String::from_utf8(Fields::thin().apply(ENVELOPE.as_bytes())).expect("text");
    let expected = r#"{"type":"lead.rated","timestamp":"2026-11-23T17:20:31.512Z","data":{"weclever_lead_id":18446744073709551615,"client_lead_id":"crm-9","platform_id":"p","revision":2,"origin":"live"}}"#;
    assert_eq!(sent, expected);
}

#[test]
fn a_key_is_the_same_however_it_is_written() {
    let lead = |lead: &str| format!(r#"{{"type":"lead.rated","data":{{"lead":{lead}}}}}"#);
    for (written, kept) in [
        (r#"{"na\u006de":"1","x":"2"}"#, r#"{"name":"1"}"#),
        (r#"{"name":"1","name":"2"}"#, r#"{"name":"2"}"#),
        (r#"{"name":"1","na\u006de":"2"}"#, r#"{"name":"2"}"#),
        (r#"{"Name":"1","name ":"2","name\u0000":"3"}"#, "{}"),
    ] {
        assert_eq!(data(&["lead.name"], &lead(written)), format!(r#"{{"lead":{kept}}}"#), "{written}");
    }
    // The last stands for all, and it is not what the path speaks of.
    assert_eq!(data(&["lead.a.b"], &lead(r#"{"a":{"b":1},"a":{"c":2}}"#)), r#"{"lead":{"a":{}}}"#);
    // A key that is no text at all: nothing beside it can be told apart for certain.
    assert_eq!(data(&["lead.name"], &lead(r#"{"name":"1","\ud800":"2"}"#)), "{}");
    assert_eq!(
        data(&["lead.name"], r#"{"data":{"lead":{"x":1}},"data":{"lead":{"name":1,"x":2}}}"#),
        r#"{"lead":{"name":1}}"#
    );
}

#[test]
fn what_leadhook_tells_of_itself_stays_whole_and_what_is_no_event_goes() {
    let ops = br#"{"type":"ops.source.stale","timestamp":"t","data":{"since":"x"}}"#;
    assert_eq!(fields(&["lead.name"]).apply(ops), ops);
    for strange in [&b"nonsense"[..], b"[1]", b"\xff", b"", b"{\"a\":1}"] {
        assert_eq!(fields(&["lead"]).apply(strange), b"{}");
    }
    assert_eq!(fields(&["lead"]).apply(br#"{"type":"lead.rated","data":[1]}"#), br#"{"type":"lead.rated"}"#);
}

#[test]
fn both_of_two_lists_must_let_it_through() {
    for (a, b, both) in [
        (&["lead"][..], &["lead.name"][..], &["lead.name"][..]),
        (&["lead.name", "csat"], &["lead.email", "csat.low"], &["csat.low"]),
        (&["lead.chats.messages[]"], &["lead.chats.messages[].body"], &["lead.chats.messages[].body"]),
        (&["lead.chats"], &["lead.chats.messages[].body", "lead.x"], &["lead.chats.messages[].body"]),
        (&["lead.name"], &[], &[]),
    ] {
        assert_eq!(fields(a).intersect(&fields(b)), fields(both));
        assert_eq!(fields(b).intersect(&fields(a)), fields(both));
        assert_eq!(fields(a).intersect(&fields(b)).paths(), both);
    }
    assert_eq!(Fields::thin().intersect(&fields(&["lead"])).paths(), [""; 0]);
}

#[test]
fn what_gets_through_can_be_asked() {
    let some = fields(&["lead.name", "lead.chats.messages[].body"]);
    for (path, expected) in [
        ("lead", true),
        ("lead.name", true),
        ("lead.name.first", true),
        ("lead.email", false),
        ("lead.chats.messages", true),
        ("lead.chats.messages[0].body", true),
        ("lead.chats.messages.body", true),
        ("lead.chats.messages[0].id_chat", false),
        ("csat", false),
        ("csat.low", false),
        ("type", true),
        ("id", true),
        ("weclever_lead_id", true),
        ("client_lead_id", false),
    ] {
        assert_eq!(some.lets_through(path), expected, "{path}");
    }
}

#[test]
fn paths_that_are_none_say_what_to_write() {
    for (path, told) in [
        ("", "lacks a name"),
        ("lead.", "lacks a name"),
        (".lead", "lacks a name"),
        ("lead..name", "lacks a name"),
        ("lead.[]", "lacks a name"),
        ("lead.messages[0]", "is no path to a field; write names with dots"),
        ("lead.*", "is no path"),
        ("/lead/name", "is no path"),
        ("lead name", "is no path"),
        ("data.lead", "leave out `data.`"),
        ("data", "take `fields` out"),
    ] {
        let said = FieldPath::parse(path).expect_err(path);
        assert!(said.contains(told), "{said}");
    }
    let path = FieldPath::parse(" lead.tags[][].x ").expect("a path");
    assert_eq!((path.names(), path.to_string().as_str()), (vec!["lead", "tags", "x"], "lead.tags[][].x"));
}

/// JSON with a marker of its own in each leaf; the path to each of them, and its text.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = Just(Value::Null);
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("a|b|c|name|\"|\\\\|é", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<String, Value>>())),
        ]
    })
}

/// Puts markers into the leaves, and tells of each whether one of the paths leads there.
fn mark(value: &mut Value, path: &str, chosen: bool, paths: &[String], marks: &mut Vec<(String, bool)>) {
    let chosen = chosen || paths.iter().any(|chosen| chosen == path);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                mark(value, &format!("{path}.{name}"), chosen, paths, marks);
            }
        }
        Value::Array(items) => {
            for value in items {
                mark(value, &format!("{path}[]"), chosen, paths, marks);
            }
        }
        leaf => {
            let marker = format!("<mark {}>", marks.len());
            *leaf = Value::from(marker.clone());
            marks.push((marker, chosen));
        }
    }
}

proptest! {
    #[test]
    fn nothing_beside_the_list_appears_and_all_within_it_does(
        lead in any_json(),
        mut paths in prop::collection::vec("(lead|lead(\\.(a|b|c|name|é)(\\[\\]){0,2}){1,3})", 0..4),
        strange in "(\\PC| ){0,3}",
        escaped: bool,
    ) {
        let mut marks = Vec::new();
        let mut lead = lead;
        mark(&mut lead, "lead", false, &paths, &mut marks);
        let mut text = json!({"type": "lead.rated", "data": {"weclever_lead_id": 1, "lead": lead}}).to_string();
        if escaped {
            text = text.replace("\"a\":", "\"\\u0061\":").replace("\"lead\":", "\"le\\u0061d\":");
        }
        text = text.replace(":", &format!(":{}", " ".repeat(strange.chars().count())));
        paths.sort();
        let chosen = fields(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let sent = String::from_utf8(chosen.apply(text.as_bytes())).expect("text");
        prop_assert!(serde_json::from_str::<Value>(&sent).is_ok(), "{}", sent);
        for (marker, is_chosen) in marks {
            prop_assert_eq!(sent.contains(&marker), is_chosen, "{} of {} under {:?}: {}", marker, text, paths, sent);
        }
        // Once is as good as twice, and narrowing by itself changes nothing.
        prop_assert_eq!(chosen.apply(sent.as_bytes()), sent.as_bytes());
        prop_assert_eq!(chosen.intersect(&chosen), fields(&chosen.paths().iter().map(String::as_str).collect::<Vec<_>>()));
    }

    #[test]
    fn an_intersection_is_as_good_as_one_after_the_other(
        lead in any_json(),
        a in prop::collection::vec("lead(\\.(a|b|c)(\\[\\])?){0,3}", 0..4),
        b in prop::collection::vec("lead(\\.(a|b|c)(\\[\\])?){0,3}", 0..4),
    ) {
        let mut marks = Vec::new();
        let mut lead = lead;
        mark(&mut lead, "lead", false, &[], &mut marks);
        let text = json!({"type": "lead.rated", "data": {"lead": lead}}).to_string();
        let (a, b) = (fields(&a.iter().map(String::as_str).collect::<Vec<_>>()), fields(&b.iter().map(String::as_str).collect::<Vec<_>>()));
        let one = String::from_utf8(a.intersect(&b).apply(text.as_bytes())).expect("text");
        let two = String::from_utf8(b.apply(&a.apply(text.as_bytes()))).expect("text");
        for (marker, _) in marks {
            prop_assert_eq!(one.contains(&marker), two.contains(&marker), "{}\n{}", one, two);
        }
    }

    #[test]
    fn whatever_comes_it_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), path in "\\PC{0,20}") {
        if let Ok(path) = FieldPath::parse(&path) {
            Fields::of([&path]).apply(&bytes);
            prop_assert!(Fields::of([&path]).lets_through("lead") || path.names()[0] != "lead");
        }
    }
}
