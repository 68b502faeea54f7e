//! A sample: an event that no lead stands behind, to try templates on, and to see whether a destination takes it.

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::csat::CsatRules;
use super::event::{EventType, Facts, Origin, Seen, computed_id, finalized, rated, updated};
use super::lead::{Lead, LeadId, Row};

/// A made-up event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// `test_` and 26 characters, another one each time.
    pub id: String,
    /// As any event's, but that `data.test` is true in it.
    pub envelope: String,
}

/// An event of this type. `rating` is what the made-up person answered, read by `rules`; empty for none.
pub fn event(event_type: EventType, platform: &str, rating: &str, rules: &CsatRules, now: Timestamp) -> Sample {
    let id = computed_id("test", &[platform, event_type.as_str(), &now.as_nanosecond().to_string()]);
    let envelope = if event_type.is_ops() {
        json!({"type": event_type.as_str(), "timestamp": super::event::rfc3339(now), "data": {
            "platform_id": platform, "subject": "source", "message": "Isto é um teste do leadhook", "count": 1}})
        .to_string()
    } else {
        of_lead(event_type, platform, rating, rules, now).unwrap_or_default()
    };
    Sample { id, envelope: marked(&envelope) }
}

fn of_lead(event_type: EventType, platform: &str, rating: &str, rules: &CsatRules, now: Timestamp) -> Option<String> {
    let client_lead_id = RawValue::from_string("\"teste\"".to_owned()).ok();
    let row = Row { id: LeadId(0), mapped_status: Some("test".into()), client_lead_id };
    let raw = RawValue::from_string(lead(rating, now).to_string()).ok()?;
    let lead = Lead::from_raw(raw).ok()?;
    let answer = RawValue::from_string(Value::from(rating).to_string()).ok()?;
    let csat = rules.read(Some(&answer));
    let facts = Facts { row: &row, lead: &lead, csat: &csat };
    let seen = Seen { platform, n: 0, revision: 1, origin: Origin::Live, now };
    let event = match event_type {
        EventType::LeadRated => rated(facts, &["/csat/rating".to_owned()], seen),
        EventType::LeadUpdated => updated(facts, "test", &["/phone".to_owned()], seen),
        _ => finalized(facts, seen),
    };
    Some(event.envelope)
}

/// Everything that WeClever's page says of a lead, with something in it.
fn lead(rating: &str, now: Timestamp) -> Value {
    let said = |i: i64, direction: &str, body: &str| {
        let at = now.saturating_sub(SignedDuration::from_secs(60 * (3 - i))).unwrap_or(now);
        json!({"id_chat": i, "body": body, "media_url": null, "content_type": "text/plain",
            "date_created": at.to_string(), "sid": format!("teste-{i}"), "message_type": "text",
            "direction": direction, "status": "read"})
    };
    let mut messages = vec![
        said(1, "inbound", "Olá, isto é um teste do leadhook"),
        said(2, "outbound", "Recebido. Como foi o atendimento?"),
        said(3, "inbound", ""),
    ];
    if let Some(Value::Object(picture)) = messages.last_mut() {
        picture.insert("content_type".into(), "image/jpeg".into());
        picture.insert("message_type".into(), "image".into());
        picture.insert("media_url".into(), "https://example.com/teste.jpg".into());
    }
    json!({
        "email": "teste@example.com", "name": "Lead de teste", "phone": "+5511999990000",
        "state": "SP", "regional": "Sudeste",
        "chats": {"metrics": {"date_difference": "00:02:00", "total_messages": messages.len()}, "messages": messages},
        "feelings": {"total_messages": 2, "positive_feeling": 1, "neutral_feeling": 1, "negative_feeling": 0},
        "csat": {"message": "Isto é um teste", "rating": rating},
        "status": "finalized"})
}

fn marked(envelope: &str) -> String {
    let mut envelope: Value = serde_json::from_str(envelope).unwrap_or_default();
    if let Some(data) = envelope.get_mut("data").and_then(Value::as_object_mut) {
        data.insert("test".into(), Value::Bool(true));
    }
    envelope.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(event_type: EventType, rating: &str) -> Value {
        let sample = event(event_type, "my-platform", rating, &CsatRules::default(), Timestamp::UNIX_EPOCH);
        assert!(sample.id.starts_with("test_"), "{}", sample.id);
        let envelope: Value = serde_json::from_str(&sample.envelope).expect("JSON");
        assert_eq!(envelope["type"], event_type.as_str());
        envelope["data"].clone()
    }

    #[test]
    fn a_sample_looks_like_an_event_of_its_type_and_says_that_it_is_none() {
        for event_type in EventType::ALL {
            let data = data(event_type, "2");
            assert_eq!(data["test"], true);
            assert_eq!(data["lead"]["name"].is_string(), !event_type.is_ops());
            assert_eq!(data["message"].is_string(), event_type.is_ops());
        }
    }

    #[test]
    fn its_rating_is_read_as_any_other() {
        assert_eq!(data(EventType::LeadRated, "2")["csat"], json!({"score": 2, "low": true, "text": "2"}));
        assert_eq!(data(EventType::LeadRated, "5")["csat"]["low"], false);
        assert_eq!(data(EventType::LeadRated, "2")["changes"], json!(["/csat/rating"]));
        assert_eq!(data(EventType::LeadFinalized, "")["csat"], json!({"score": null, "low": false, "text": null}));
    }
}
