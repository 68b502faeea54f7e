use serde_json::{Value as Json, json};

use super::*;

fn context(data: &Json) -> Context {
    let envelope = json!({"type": "lead.rated", "timestamp": "2026-11-23T17:20:31.512Z", "data": data});
    Context::of("evt_1", envelope.to_string().as_bytes()).expect("an event")
}

#[test]
fn a_comparison_of_different_kinds_is_neither_true_nor_false() {
    let context = context(&json!({"two": 2, "text": "2", "null": null}));
    for text in ["text >= 4", "text <= 2", "null <= 2", "missing <= 2", "not (text >= 4)", "1 < text < 3"] {
        let judged = Condition::parse(text).expect("a condition").judge(&context);
        assert!(matches!(judged, Judged::CannotTell(_)), "{text}: {judged:?}");
    }
    assert_eq!(Condition::parse("1 < two <= 2").expect("a condition").judge(&context), Judged::Yes);
}
