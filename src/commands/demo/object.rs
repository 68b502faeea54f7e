//! Happenings as JSON, one object a line.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::stage::{NAMES, Stage};
use super::tally::Summary;
use crate::domain::clock;
use crate::domain::retry::Verdict;
use crate::watch::Happening;

/// Who plays.
pub fn began(stage: &Stage) -> Value {
    let destinations: Vec<Value> =
        NAMES.iter().zip(stage.urls()).map(|(name, url)| json!({"name": name, "url": url})).collect();
    json!({"at_s": 0.0, "what": "began", "weclever": stage.weclever.base_url(), "destinations": destinations})
}

/// Something that happened.
pub fn happening(at: Duration, now: Timestamp, happening: &Happening) -> Value {
    let (what, mut rest) = match happening {
        Happening::Read { listed, new } => ("read", json!({"listed": listed, "new": new})),
        Happening::ReadFailed { error, .. } => ("read_failed", json!({"error": error})),
        Happening::Recorded { lead, event_id, event_type, destinations } => (
            "recorded",
            json!({"lead": lead, "event_id": event_id, "event_type": event_type, "destinations": destinations}),
        ),
        Happening::SetAside { lead, error, due, .. } => {
            ("set_aside", json!({"lead": lead, "error": error, "again_in_s": hence(*due, now)}))
        }
        Happening::Unreadable { lead, error } => ("unreadable", json!({"lead": lead, "error": error})),
        Happening::Tried { destination, lead, event_id, attempt, outcome, said, took, verdict, .. } => (
            "tried",
            json!({
                "destination": destination, "lead": lead, "event_id": event_id, "attempt": attempt,
                "outcome": outcome.as_str(), "said": said, "took_ms": took.as_millis() as u64, "next": next(verdict, now),
            }),
        ),
        Happening::Unsent { destination, lead, death } => {
            ("unsent", json!({"destination": destination, "lead": lead, "why": death}))
        }
        Happening::Done { destination, lead, .. } => ("done", json!({"destination": destination, "lead": lead})),
        Happening::Failing { destination } => ("failing", json!({"destination": destination})),
        Happening::Recovered { destination } => ("recovered", json!({"destination": destination})),
    };
    let mut object = json!({"at_s": hundredths(at), "what": what});
    if let (Some(object), Some(rest)) = (object.as_object_mut(), rest.as_object_mut()) {
        object.append(rest);
    }
    object
}

/// The numbers at the end.
pub fn summary(summary: &Summary) -> Value {
    json!({"at_s": hundredths(summary.long), "what": "summary", "summary": summary})
}

fn next(verdict: &Verdict, now: Timestamp) -> Value {
    match verdict {
        Verdict::Delivered => json!({"is": "delivered"}),
        Verdict::NextStep => json!({"is": "next_step"}),
        Verdict::Again { at, counted } => json!({"is": "again", "in_s": hence(*at, now), "counted": counted}),
        Verdict::Dead(why) => json!({"is": "dead", "why": why.as_str()}),
        Verdict::Parked => json!({"is": "parked"}),
    }
}

fn hence(at: Timestamp, now: Timestamp) -> f64 {
    hundredths(clock::elapsed(now, at))
}

/// In seconds, to a hundredth: nobody reads nanoseconds.
fn hundredths(long: Duration) -> f64 {
    (long.as_secs_f64() * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::LeadId;
    use crate::domain::outcome::Outcome;

    #[test]
    fn an_attempt_says_what_follows() {
        let now = Timestamp::UNIX_EPOCH;
        let again = Verdict::Again { at: clock::after(now, Duration::from_millis(1_250)), counted: true };
        let tried = Happening::Tried {
            destination: "crm".into(),
            lead: LeadId(7),
            event_id: "evt_a".into(),
            event_type: crate::domain::event::EventType::LeadFinalized,
            attempt: 2,
            step: None,
            outcome: Outcome::Retry,
            said: "HTTP 500".into(),
            in_short: "500".into(),
            took: Duration::from_millis(3),
            verdict: again,
            age: Duration::from_secs(1),
        };
        let object = happening(Duration::from_millis(3_456), now, &tried);
        assert_eq!(
            object.to_string(),
            r#"{"at_s":3.46,"what":"tried","destination":"crm","lead":7,"event_id":"evt_a","attempt":2,"outcome":"retry","said":"HTTP 500","took_ms":3,"next":{"is":"again","in_s":1.25,"counted":true}}"#
        );
    }
}
