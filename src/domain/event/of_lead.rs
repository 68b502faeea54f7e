//! The three events of a lead, and their envelopes.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Event, EventId, EventType, Origin, rfc3339};
use crate::domain::csat::Csat;
use crate::domain::lead::{Lead, LeadId, Row};

/// What a reading of a lead brought.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// As it was listed.
    pub row: &'a Row,
    /// Its details.
    pub lead: &'a Lead,
    /// Its rating, read.
    pub csat: &'a Csat,
}

/// The facts beside the row and the details that an event is made of.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// `platform_id` of the source.
    pub platform: &'a str,
    /// How many earlier events of this lead have the same type and subject.
    pub n: u32,
    /// How many events this lead has had in this store, this one counted.
    pub revision: u32,
    /// How leadhook came to know of it.
    pub origin: Origin,
    /// When.
    pub now: Timestamp,
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: EventType,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    weclever_lead_id: LeadId,
    client_lead_id: Option<&'a RawValue>,
    mapped_status: Option<&'a str>,
    platform_id: &'a str,
    revision: u32,
    origin: Origin,
    csat: &'a Csat,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a [String]>,
    lead: &'a RawValue,
}

/// What tells one finalization of a lead from another: its `mapped_status`, empty where the API gives none.
pub fn finalized_subject(row: &Row) -> &str {
    row.mapped_status.as_deref().unwrap_or("")
}

/// What tells one rating of a lead from another: the rating as received.
pub fn rated_subject(csat: &Csat) -> &str {
    csat.text.as_deref().unwrap_or("")
}

/// `lead.finalized`.
pub fn finalized(facts: Facts<'_>, seen: Seen<'_>) -> Event {
    event(EventType::LeadFinalized, finalized_subject(facts.row), None, facts, seen)
}

/// `lead.rated`. `changes`: JSON Pointers into the lead.
pub fn rated(facts: Facts<'_>, changes: &[String], seen: Seen<'_>) -> Event {
    event(EventType::LeadRated, rated_subject(facts.csat), Some(changes), facts, seen)
}

/// `lead.updated`. `digest`: of the watched fields; `changes`: JSON Pointers to those that differ.
pub fn updated(facts: Facts<'_>, digest: &str, changes: &[String], seen: Seen<'_>) -> Event {
    event(EventType::LeadUpdated, digest, Some(changes), facts, seen)
}

fn event(
    event_type: EventType,
    subject: &str,
    changes: Option<&[String]>,
    Facts { row, lead, csat }: Facts<'_>,
    seen: Seen<'_>,
) -> Event {
    let envelope = Envelope {
        r#type: event_type,
        timestamp: rfc3339(seen.now),
        data: Data {
            weclever_lead_id: row.id,
            client_lead_id: row.client_lead_id.as_deref(),
            mapped_status: row.mapped_status.as_deref(),
            platform_id: seen.platform,
            revision: seen.revision,
            origin: seen.origin,
            csat,
            changes,
            lead: lead.raw(),
        },
    };
    Event {
        id: EventId::of(seen.platform, row.id, event_type, subject, seen.n),
        event_type,
        subject: subject.to_owned(),
        lead: row.id,
        timestamp: seen.now,
        revision: seen.revision,
        // Strings, numbers and JSON that was parsed before: nothing here can fail to serialize.
        envelope: serde_json::to_string(&envelope).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const LEAD: &str = r#"{"name":"Ana","n":1.50,"csat":{"rating":"2"},  "new":[null]}"#;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    fn of(make: impl Fn(Facts<'_>, Seen<'_>) -> Event, csat: Csat) -> Event {
        let row = Row { id: LeadId(7), mapped_status: Some("sold".into()), client_lead_id: Some(raw("\"crm-9\"")) };
        let lead = Lead::from_raw(raw(LEAD)).expect("an object");
        let now = "2026-11-23T17:20:31.512Z".parse().expect("a time");
        let seen = Seen { platform: "my-platform", n: 0, revision: 2, origin: Origin::Live, now };
        make(Facts { row: &row, lead: &lead, csat: &csat }, seen)
    }

    fn bad() -> Csat {
        Csat { score: Some(2.0), low: true, text: Some("2".into()) }
    }

    #[test]
    fn an_envelope_is_in_the_order_that_is_documented_and_the_lead_untouched() {
        let changes = ["/csat/rating".to_owned()];
        let event = of(|facts, seen| rated(facts, &changes, seen), bad());
        let expected = format!(
            r#"{{"type":"lead.rated","timestamp":"2026-11-23T17:20:31.512Z","data":{{"weclever_lead_id":7,"client_lead_id":"crm-9","mapped_status":"sold","platform_id":"my-platform","revision":2,"origin":"live","csat":{{"score":2,"low":true,"text":"2"}},"changes":["/csat/rating"],"lead":{LEAD}}}}}"#
        );
        assert_eq!(event.envelope, expected);
        assert_eq!((event.subject.as_str(), event.event_type), ("2", EventType::LeadRated));
    }

    #[test]
    fn only_rated_and_updated_say_what_changed() {
        let event = of(finalized, Csat::default());
        let envelope: Value = serde_json::from_str(&event.envelope).expect("JSON");
        assert_eq!(envelope["data"].get("changes"), None);
        assert_eq!(envelope["data"]["csat"], serde_json::json!({"score": null, "low": false, "text": null}));
        assert_eq!(event.subject, "sold");
        let changes = ["/name".to_owned()];
        let event = of(|facts, seen| updated(facts, "digest", &changes, seen), Csat::default());
        let envelope: Value = serde_json::from_str(&event.envelope).expect("JSON");
        assert_eq!(envelope["data"]["changes"], serde_json::json!(["/name"]));
        assert_eq!((envelope["type"].as_str(), event.subject.as_str()), (Some("lead.updated"), "digest"));
    }

    #[test]
    fn the_three_of_one_lead_have_three_ids() {
        let ids = [
            of(finalized, bad()).id,
            of(|facts, seen| rated(facts, &[], seen), bad()).id,
            of(|facts, seen| updated(facts, "2", &[], seen), bad()).id,
        ];
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    }
}
