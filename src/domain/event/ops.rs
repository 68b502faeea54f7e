//! What happened to leadhook itself: `ops.*`. Chat rooms show `subject`, `message` and `count`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Event, EventId, EventType, computed_id, rfc3339};
use crate::domain::lead::LeadId;

/// Something that happened to leadhook itself.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Which kind: one of the `ops.*` types.
    pub event_type: EventType,
    /// What it is about: `source`, or a destination's name.
    pub subject: String,
    /// What happened, in a sentence for a chat room.
    pub message: String,
    /// For how many happenings this one stands.
    pub count: u64,
    /// When it began. The same happening always began at the same time.
    pub began: Timestamp,
    /// What tells it from another of its kind that began at the same moment; empty: there is none.
    pub of: String,
    /// What else there is to say, under names of its own.
    pub more: Map<String, Value>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: EventType,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    platform_id: &'a str,
    subject: &'a str,
    message: &'a str,
    count: u64,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// The names that every one of them has.
const ITS_OWN: [&str; 4] = ["platform_id", "subject", "message", "count"];

/// The event, seen by the leadhook of this platform at `now`.
///
/// Its `lead` is no lead: a number that all events of one subject have in common, so that they arrive in order.
pub fn ops(platform: &str, happened: Ops, now: Timestamp) -> Event {
    let Ops { event_type, subject, message, count, began, of, mut more } = happened;
    let began = rfc3339(began);
    let mut parts = vec![platform, event_type.as_str(), &subject, &began];
    if !of.is_empty() {
        parts.push(&of);
    }
    let id = computed_id("evt", &parts);
    more.retain(|name, _| !ITS_OWN.contains(&name.as_str()));
    let data = Data { platform_id: platform, subject: &subject, message: &message, count, more };
    let envelope = Envelope { r#type: event_type, timestamp: rfc3339(now), data };
    Event {
        id: EventId(id),
        event_type,
        lead: line_of(platform, &subject),
        timestamp: now,
        revision: 0,
        // Strings, numbers and JSON values: nothing here can fail to serialize.
        envelope: serde_json::to_string(&envelope).unwrap_or_default(),
        subject,
    }
}

fn line_of(platform: &str, subject: &str) -> LeadId {
    let id = computed_id("line", &[platform, subject]);
    // 60 of its bits, five from each of the last twelve characters.
    let number = id.bytes().rev().take(12).fold(0, |number, c| (number << 5) | u64::from(c & 31));
    LeadId(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn happened(event_type: EventType, subject: &str, began: &str) -> Ops {
        Ops {
            event_type,
            subject: subject.into(),
            message: "Nothing could be read".into(),
            count: 3,
            began: began.parse().expect("a time"),
            of: String::new(),
            more: Map::from_iter([("since".to_owned(), json!("x")), ("count".to_owned(), json!("not this"))]),
        }
    }

    fn now() -> Timestamp {
        "2026-11-23T17:20:31.512Z".parse().expect("a time")
    }

    #[test]
    fn an_envelope_says_what_chat_rooms_show_and_what_else_there_is() {
        let event = ops("p", happened(EventType::OpsSourceStale, "source", "2026-11-23T17:05:00Z"), now());
        assert_eq!(
            event.envelope,
            r#"{"type":"ops.source.stale","timestamp":"2026-11-23T17:20:31.512Z","data":{"platform_id":"p","subject":"source","message":"Nothing could be read","count":3,"since":"x"}}"#
        );
    }

    #[test]
    fn the_same_happening_has_the_same_id_and_another_has_another() {
        let id = |event_type, subject: &str, began: &str, platform: &str| {
            ops(platform, happened(event_type, subject, began), now()).id
        };
        let (stale, began) = (EventType::OpsSourceStale, "2026-11-23T17:05:00Z");
        let first = id(stale, "source", began, "p");
        let mut later = happened(stale, "source", began);
        (later.count, later.message) = (9, "still".into());
        assert_eq!(ops("p", later, Timestamp::MAX).id, first);
        let mut another = happened(stale, "source", began);
        another.of = "evt_1".into();
        assert_ne!(ops("p", another, now()).id, first);
        for other in [
            id(EventType::OpsSourceRecovered, "source", began, "p"),
            id(stale, "crm", began, "p"),
            id(stale, "source", "2026-11-23T17:05:01Z", "p"),
            id(stale, "source", began, "q"),
        ] {
            assert_ne!(other, first);
        }
    }

    #[test]
    fn what_is_about_one_subject_stands_in_one_line() {
        let line =
            |event_type, subject: &str| ops("p", happened(event_type, subject, "2026-11-23T17:05:00Z"), now()).lead;
        let source = line(EventType::OpsSourceStale, "source");
        assert_eq!(line(EventType::OpsSourceRecovered, "source"), source);
        assert_ne!(line(EventType::OpsSourceStale, "crm"), source);
    }
}
