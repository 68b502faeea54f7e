//! `outcomes`.

use std::time::Duration;

use super::lines;
use crate::config::outcomes::outcomes;
use crate::domain::outcome::{Answer, Outcome, Response, judge};
use crate::domain::outcome_rules::OutcomeRules;

fn read(text: &str) -> (Option<OutcomeRules>, Vec<String>) {
    lines(text, &[("WORDS", "slow down")], |mut section| outcomes(section.take("outcomes").expect("the key")))
}

fn answer(status: u16, header: &str, body: &str) -> Answer {
    let headers = vec![("x-remaining".to_owned(), header.to_owned())];
    Answer::Got(Response { status, retry_after: None, headers, body: body.into(), cut: false })
}

#[test]
fn rules_as_people_write_them() {
    let minute = Outcome::Throttled(Some(Duration::from_secs(60)));
    let ok_false = r#"{ "ok": false }"#;
    for (rule, answer, outcome) in [
        ("status = 404, then = 'disable'", answer(404, "", ""), Outcome::Gone),
        ("status = '404', then = 'accept'", answer(404, "", ""), Outcome::Accepted),
        ("status = '4xx', then = 'retry'", answer(499, "", ""), Outcome::Retry),
        ("status = '400-404', then = 'retry'", answer(405, "", ""), Outcome::GivenUp),
        ("status = [301, '5xx'], then = 'give_up'", answer(503, "", ""), Outcome::GivenUp),
        ("status = [301, '5xx'], then = 'give_up'", answer(302, "", ""), Outcome::Retry),
        ("body = '${WORDS}', then = 'throttle', wait = '60s'", answer(403, "", "please slow down!"), minute),
        ("header = { X-Remaining = '0' }, then = 'throttle'", answer(200, "0", ""), Outcome::Throttled(None)),
        ("header = { x-remaining = 0 }, then = 'throttle'", answer(200, "10", ""), Outcome::Accepted),
        ("json = { '/ok' = false }, then = 'give_up'", answer(200, "", ok_false), Outcome::GivenUp),
        ("json = { '/ok' = 0 }, then = 'give_up'", answer(200, "", ok_false), Outcome::Accepted),
        (
            "body = 'x', then = 'throttle', wait = '5ms'",
            answer(403, "", "x"),
            Outcome::Throttled(Some(Duration::from_secs(1))),
        ),
    ] {
        let (rules, said) = read(&format!("outcomes = [{{ {rule} }}]"));
        assert_eq!(said, [""; 0], "{rule}");
        assert_eq!(rules.expect(rule).first_match(&answer).unwrap_or_else(|| judge(&answer)), outcome, "{rule}");
    }
    let tables = "[[outcomes]]\nstatus = 400\nthen = 'retry'\n[[outcomes]]\nstatus = '4xx'\nthen = 'accept'";
    let rules = read(tables).0.expect("two rules");
    assert_eq!((rules.len(), rules.first_match(&answer(400, "", ""))), (2, Some(Outcome::Retry)));
    assert!(read("outcomes = []").0.expect("none").is_empty());
}

#[test]
fn mistakes_say_what_to_write() {
    for (rule, told) in [
        ("then = 'retry'", "1:13: outcomes[0]: is met by every answer (say which answers it is for"),
        ("status = 404", "1:13: outcomes[0].then: is missing (write then = \"retry\""),
        (
            "status = 404, then = 'giveup'",
            "outcomes[0].then: is nothing that an answer can mean (did you mean `give_up`?)",
        ),
        ("status = 404, then = 'explode'", "(there is `accept`, `retry`, `throttle`, `give_up`, `disable`)"),
        (
            "status = 99, then = 'retry'",
            "1:24: outcomes[0].status: is no status of HTTP (write 404, \"4xx\", \"400-499\"",
        ),
        ("status = '40x', then = 'retry'", "outcomes[0].status: is no status"),
        ("status = '499-400', then = 'retry'", "outcomes[0].status: is no status"),
        ("status = '0xx', then = 'retry'", "outcomes[0].status: is no status"),
        ("status = true, then = 'retry'", "outcomes[0].status: is no status"),
        ("status = [], then = 'retry'", "outcomes[0].status: must not be empty"),
        ("status = [200, 'ok'], then = 'retry'", "1:30: outcomes[0].status[1]: is no status"),
        ("status = { a = 1 }, then = 'retry'", "outcomes[0].status: must be a text, a number, or true or false"),
        ("body = '', then = 'retry'", "outcomes[0].body: must not be empty"),
        ("body = 'x', then = 'retry', wait = '60s'", "1:50: outcomes[0].wait: goes with then = \"throttle\" alone"),
        ("body = 'x', then = 'throttle', wait = '25h'", "outcomes[0].wait: is longer than a destination may rest"),
        ("body = 'x', then = 'throttle', wait = 60", "outcomes[0].wait: must be a duration in quotes"),
        ("header = { 'a b' = 'x' }, then = 'retry'", "1:26: outcomes[0].header.\"a b\": is not a header's name"),
        ("header = 'x', then = 'retry'", "outcomes[0].header: must be a table"),
        ("json = { 'error.code' = 1 }, then = 'retry'", "is not a JSON Pointer (write \"/error/code\""),
        ("json = { '/a' = [1] }, then = 'retry'", "must be a text, a number, or true or false, and this is a list"),
        ("satus = 404, body = 'x', then = 'retry'", "has no key of this name (did you mean `status`?)"),
    ] {
        let (_, said) = read(&format!("outcomes = [{{ {rule} }}]"));
        assert!(said.len() == 1 && said[0].contains(told), "\n{rule}\n  said {said:#?}\n  not  {told}");
    }
    assert!(read("outcomes = 'x'").1[0].contains("must be a list, and this is text"));
}

#[test]
fn the_presets_rules_are_right() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/config/presets");
    let mut tried = 0;
    for file in std::fs::read_dir(directory).expect("the presets") {
        let path = file.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("its text");
        let (rules, said) = lines(&text, &[], |mut section| {
            let mut destination = section.table("destination").expect("a table");
            destination.take("outcomes").map(outcomes)
        });
        assert_eq!(said, [""; 0], "{}", path.display());
        tried += rules.flatten().map_or(0, |rules| rules.len());
    }
    assert!(tried > 10, "{tried}");
}
