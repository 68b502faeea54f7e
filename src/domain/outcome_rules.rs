//! `outcomes`: what answers mean at receivers that have rules of their own: a 200 that says `"ok": false`, a 403 that
//! means "slow down".

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::outcome::{Answer, Outcome, Response};

/// Rules in their order: the first that an answer meets says what it means.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct OutcomeRules(Vec<OutcomeRule>);

/// One rule. An answer meets it when all that is given holds.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct OutcomeRule {
    /// The status is in one of these; empty: any.
    pub status: Vec<RangeInclusive<u16>>,
    /// There is a header of each of these names, in small letters, with this value.
    pub headers: Vec<(String, HeaderText)>,
    /// The first 16 KiB of the body hold this text, in exactly these letters.
    pub body: Option<String>,
    /// The body is JSON, whole within its first 16 KiB, and has each of these values at these JSON Pointers; one that is
    /// no JSON, or longer, meets no such rule. Numbers are the same where their values are, 1 and 1.0.
    pub json: Vec<(String, Value)>,
    /// What the answer means then.
    pub then: Then,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Then {
    /// The destination has it.
    #[default]
    Accept,
    /// It may work later: by the schedule.
    Retry,
    /// The whole destination rests: as long as `Retry-After` asks for, else so long, else longer and longer.
    Throttle(Option<Duration>),
    /// The destination will never take this delivery.
    GiveUp,
    /// The destination is no longer there.
    Disable,
}

/// What a header has to say. Capitals make no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText {
    text: String,
    /// Anything may stand before it, or behind it.
    open: (bool, bool),
}

impl HeaderText {
    /// Reads `0`, `text/html*`, `*maintenance*`, or `*` for anything at all.
    pub fn parse(text: &str) -> HeaderText {
        let text = text.trim();
        let inner = text.strip_prefix('*').unwrap_or(text);
        let before = inner.len() < text.len();
        let (inner, behind) = inner.strip_suffix('*').map_or((inner, false), |inner| (inner, true));
        HeaderText { text: inner.to_ascii_lowercase(), open: (before, behind || text == "*") }
    }

    fn is_met(&self, value: &str) -> bool {
        let value = value.trim().to_ascii_lowercase();
        match self.open {
            (false, false) => value == self.text,
            (true, false) => value.ends_with(&self.text),
            (false, true) => value.starts_with(&self.text),
            (true, true) => value.contains(&self.text),
        }
    }
}

impl OutcomeRules {
    /// These rules, in this order.
    pub fn new(rules: Vec<OutcomeRule>) -> OutcomeRules {
        OutcomeRules(rules)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What this answer means by the first rule that it meets; `None` where it meets none or nothing came.
    pub fn first_match(&self, answer: &Answer) -> Option<Outcome> {
        let Answer::Got(response) = answer else { return None };
        self.met(response).map(|rule| rule.then.outcome(response.retry_after))
    }

    /// The first rule that this answer meets.
    fn met(&self, response: &Response) -> Option<&OutcomeRule> {
        let parses = self.0.iter().any(|rule| !rule.json.is_empty());
        let json: Option<Value> = if parses { read(&response.body) } else { None };
        self.0.iter().find(|rule| rule.is_met(response, json.as_ref()))
    }
}

impl OutcomeRule {
    fn is_met(&self, response: &Response, json: Option<&Value>) -> bool {
        let status = self.status.is_empty() || self.status.iter().any(|range| range.contains(&response.status));
        let header = |(name, text): &(String, HeaderText)| {
            response.headers.iter().any(|(its, value)| its == name && text.is_met(value))
        };
        let body = |text: &String| holds(&response.body, text.as_bytes());
        let value = |(pointer, value): &(String, Value)| {
            json.and_then(|json| json.pointer(pointer)).is_some_and(|found| are_same(found, value))
        };
        status && self.headers.iter().all(header) && self.body.as_ref().is_none_or(body) && self.json.iter().all(value)
    }
}

impl Then {
    fn outcome(self, asked: Option<Duration>) -> Outcome {
        match self {
            Then::Accept => Outcome::Accepted,
            Then::Retry => Outcome::Retry,
            Then::Throttle(wait) => Outcome::Throttled(asked.or(wait)),
            Then::GiveUp => Outcome::GivenUp,
            Then::Disable => Outcome::Gone,
        }
    }
}

/// The JSON that a body is, whatever receivers put around it: a mark, blanks, a line against being run as a script, and
/// letters in another encoding.
fn read(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let text = bare(&text);
    let text = match text.strip_prefix(")]}'") {
        Some(behind) => bare(behind.split_once('\n').map_or("", |(_, lines)| lines)),
        None => text,
    };
    serde_json::from_str(text).ok()
}

fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace())
}

/// Whether these bytes hold those. An answer may be in any encoding; what is looked for is nearly always plain letters.
fn holds(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

fn are_same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        // Beyond 53 bits the two as they are tell more.
        (Some(a), Some(b)) => a == b && (found.is_f64() || wanted.is_f64() || found == wanted),
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::outcome::NoAnswer;
    use crate::domain::outcome::judge;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer::Got(Response { status, retry_after: None, headers, body: body.into(), cut: false })
    }

    fn asking(answer: Answer, seconds: u64) -> Answer {
        match answer {
            Answer::Got(response) => {
                Answer::Got(Response { retry_after: Some(Duration::from_secs(seconds)), ..response })
            }
            nothing => nothing,
        }
    }

    fn rules(rules: impl IntoIterator<Item = OutcomeRule>) -> OutcomeRules {
        OutcomeRules::new(rules.into_iter().collect())
    }

    fn means(rules: &OutcomeRules, answer: &Answer) -> Outcome {
        rules.first_match(answer).unwrap_or_else(|| judge(answer))
    }

    fn when(then: Then) -> OutcomeRule {
        OutcomeRule { then, ..OutcomeRule::default() }
    }

    #[test]
    fn without_a_rule_that_is_met_all_is_as_ever() {
        let never = rules([OutcomeRule { status: vec![299..=299], ..when(Then::GiveUp) }]);
        for rules in [OutcomeRules::default(), never] {
            for status in (0..=600).filter(|status| *status != 299) {
                let answer = answer(status, &[], "");
                assert_eq!(means(&rules, &answer), judge(&answer), "{status}");
            }
            let nothing = Answer::Nothing { why: NoAnswer::Timeout, detail: String::new() };
            assert_eq!(means(&rules, &nothing), Outcome::Retry);
        }
    }

    #[test]
    fn no_answer_meets_no_rule() {
        let nothing = Answer::Nothing { why: NoAnswer::Dns, detail: String::new() };
        assert_eq!(means(&rules([when(Then::GiveUp)]), &nothing), Outcome::Retry);
    }

    #[test]
    fn each_meaning() {
        let wait = Duration::from_secs(60);
        for (then, outcome) in [
            (Then::Accept, Outcome::Accepted),
            (Then::Retry, Outcome::Retry),
            (Then::Throttle(None), Outcome::Throttled(None)),
            (Then::Throttle(Some(wait)), Outcome::Throttled(Some(wait))),
            (Then::GiveUp, Outcome::GivenUp),
            (Then::Disable, Outcome::Gone),
        ] {
            assert_eq!(means(&rules([when(then)]), &answer(418, &[], "")), outcome);
        }
        // What the receiver asks for counts more than what the file guesses, whatever the status.
        let asked = asking(answer(403, &[], ""), 7);
        assert_eq!(means(&rules([when(Then::Throttle(Some(wait)))]), &asked), Outcome::Throttled(Some(wait / 60 * 7)));
        assert_eq!(means(&rules([when(Then::Retry)]), &asking(answer(429, &[], ""), 7)), Outcome::Retry);
    }

    #[test]
    fn the_first_rule_that_is_met_counts_and_all_of_it_must_hold() {
        let status = |range| OutcomeRule { status: vec![range], ..OutcomeRule::default() };
        let rules = rules([
            OutcomeRule { body: Some("no_service".into()), ..OutcomeRule { then: Then::Disable, ..status(400..=499) } },
            OutcomeRule { then: Then::Retry, ..status(404..=404) },
            OutcomeRule { status: vec![200..=200, 202..=202], ..when(Then::GiveUp) },
        ]);
        for (status, body, outcome) in [
            (404, "no_service", Outcome::Gone),
            (404, "No_Service", Outcome::Retry),
            (500, "no_service", Outcome::Retry),
            (400, "no", Outcome::GivenUp),
            (200, "", Outcome::GivenUp),
            (201, "", Outcome::Accepted),
            (202, "", Outcome::GivenUp),
        ] {
            assert_eq!(means(&rules, &answer(status, &[], body)), outcome, "{status} {body}");
        }
    }

    #[test]
    fn headers_are_compared_by_their_whole_value() {
        for (text, met, not) in [
            ("0", &["0", " 0 "][..], &["10", "00", ""][..]),
            ("Text/HTML*", &["text/html", "TEXT/html; charset=utf-8"], &["application/json"]),
            ("*limit", &["rate limit", "limit"], &["limits"]),
            ("*over*", &["moreover", "over", "overall"], &["ov er"]),
            ("*", &["", "x"], &[]),
        ] {
            let rules =
                rules([OutcomeRule { headers: vec![("x-a".into(), HeaderText::parse(text))], ..when(Then::GiveUp) }]);
            let judged =
                |value: &str| means(&rules, &answer(200, &[("x-b", "0"), ("x-a", "other"), ("x-a", value)], ""));
            for value in met {
                assert_eq!(judged(value), Outcome::GivenUp, "{text} {value}");
            }
            for value in not {
                assert_eq!(judged(value), Outcome::Accepted, "{text} {value}");
            }
            assert_eq!(means(&rules, &answer(200, &[], "")), Outcome::Accepted);
        }
    }

    #[test]
    fn values_within_json() {
        let rule = |pointer: &str, value: Value| {
            rules([OutcomeRule { json: vec![(pointer.to_owned(), value)], ..when(Then::GiveUp) }])
        };
        for (pointer, value, body, met) in [
            ("/ok", json!(false), r#"{"ok": false}"#, true),
            ("/ok", json!(false), r#"{"ok": "false"}"#, false),
            ("/ok", json!(false), r#"{"ok": null}"#, false),
            ("/ok", json!(false), "{}", false),
            ("/ok", json!(false), "ok: false", false),
            ("/ok", json!(false), "", false),
            ("/errors/0/code", json!(7), r#"{"errors":[{"code":7.0}]}"#, true),
            ("/errors/0/code", json!(7.0), r#"{"errors":[{"code":7}]}"#, true),
            ("/n", json!(9_007_199_254_740_993_i64), r#"{"n":9007199254740992}"#, false),
            ("/a~1b", json!("x"), r#"{"a/b":"x"}"#, true),
            ("", json!("error"), r#""error""#, true),
            ("/error", json!("Limit"), r#"{"error":"limit"}"#, false),
        ] {
            let outcome = if met { Outcome::GivenUp } else { Outcome::Accepted };
            assert_eq!(means(&rule(pointer, value), &answer(200, &[], body)), outcome, "{pointer} {body}");
        }
        for body in [
            &b"\xef\xbb\xbf{\"ok\":false}"[..],
            b"\r\n {\"ok\":false}\n",
            b")]}'\n{\"ok\":false}",
            b")]}',\r\n\r\n{\"ok\":false}",
            b"{\"error\":\"inv\xe1lido\",\"ok\":false}",
        ] {
            let Answer::Got(response) = answer(200, &[], "") else { panic!("an answer") };
            let got = Answer::Got(Response { body: body.to_vec(), ..response });
            assert_eq!(means(&rule("/ok", json!(false)), &got), Outcome::GivenUp, "{}", body.escape_ascii());
        }
        let both = rules([OutcomeRule {
            json: vec![("/ok".into(), json!(false)), ("/error".into(), json!("ratelimited"))],
            ..when(Then::Throttle(None))
        }]);
        let judged = |body| means(&both, &answer(200, &[], body));
        assert_eq!(judged(r#"{"ok":false,"error":"ratelimited"}"#), Outcome::Throttled(None));
        assert_eq!(judged(r#"{"ok":false,"error":"other"}"#), Outcome::Accepted);
    }

    proptest! {
        #[test]
        fn a_body_is_searched_as_text_is(body in "[ab\\PC]{0,40}", text in "[ab]{0,3}") {
            prop_assert_eq!(holds(body.as_bytes(), text.as_bytes()), body.contains(&text));
        }

        #[test]
        fn no_answer_is_too_strange(status: u16, body in prop::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,10}") {
            let rule = OutcomeRule {
                status: vec![200..=499],
                headers: vec![("x".into(), HeaderText::parse(&text))],
                body: Some(text.clone()),
                json: vec![(text, Value::Null)],
                ..OutcomeRule::default()
            };
            let got = Response { status, retry_after: None, headers: vec![("x".into(), "y".into())], body, cut: true };
            means(&rules([rule]), &Answer::Got(got));
        }
    }
}
