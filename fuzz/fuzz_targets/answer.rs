//! What destinations and their token URLs answer: outcomes, `Retry-After`, captured values, tokens.
#![no_main]

use jiff::Timestamp;
use leadhook::domain::oauth2::answer;
use leadhook::domain::outcome::{Answer, Response, judge};
use leadhook::domain::outcome_rules::{HeaderText, OutcomeRule, OutcomeRules, Then};
use leadhook::domain::retry_after;
use leadhook::domain::steps::{self, AnswerBody, Capture};
use leadhook::domain::template::Context;
use libfuzzer_sys::fuzz_target;

// Two bytes of status, a header's value up to the end of the line, and the body.
fuzz_target!(|input: &[u8]| {
    let Some((status, rest)) = input.split_first_chunk::<2>() else { return };
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return };
    let status = u16::from_be_bytes(*status) % 1000;
    let header = String::from_utf8_lossy(&rest[..end]).into_owned();
    let body = rest[end + 1..].to_vec();
    let rest = retry_after::parse(&header, Timestamp::UNIX_EPOCH);
    let _ = retry_after::parse(&header, Timestamp::MAX);
    let _ = retry_after::parse(&header, Timestamp::MIN);
    assert!(rest.is_none_or(|rest| rest <= retry_after::LONGEST), "rests for {rest:?}");

    let pattern = HeaderText::parse(&header);
    let headers = vec![("x-answer".to_owned(), header)];
    let response = Response { status, retry_after: rest, headers, body: body.clone(), cut: false };
    let _ = response.kept();
    let rules = OutcomeRules::new(vec![OutcomeRule {
        status: vec![0..=u16::MAX],
        headers: vec![("x-answer".to_owned(), pattern)],
        json: vec![("/ok".to_owned(), serde_json::Value::Bool(false))],
        then: Then::Retry,
        ..OutcomeRule::default()
    }]);
    let answer = Answer::Got(response);
    let _ = (judge(&answer), rules.first_match(&answer));

    let capture = Capture {
        name: "id".to_owned(),
        list: None,
        at: vec!["/id".into(), "/0/a~1b".into(), String::new()],
        optional: false,
    };
    let context = Context::of("evt_1", b"{}").expect("an event");
    let want = capture.want(&context).expect("nothing to fill in");
    if let Ok(Some(json)) = want.take(&AnswerBody::read(status, &body)) {
        assert!(json.len() <= steps::LONGEST, "captured {} bytes", json.len());
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "captured no JSON");
    }

    if let Ok(granted) = answer::read(status, &body, &["/instance_url".to_owned()]) {
        assert!(!format!("{granted:?}").contains(granted.access.expose()) || granted.access.expose().len() < 8);
    }
});
