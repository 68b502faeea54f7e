//! A marked sample: an event that no lead stands behind, to see whether a destination takes it.

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::domain::csat::Csat;
use crate::domain::event::{Facts, Origin, Seen, computed_id, finalized};
use crate::domain::lead::{Lead, LeadId, Row};

/// A sample's id and its envelope. `data.test` is true in it, and in no real event.
pub fn sample(platform: &str, now: Timestamp) -> (String, String) {
    let row = Row { id: LeadId(0), mapped_status: Some("test".into()), client_lead_id: None };
    let lead = json!({
        "email": "teste@example.com", "name": "Lead de teste", "phone": "+5511999990000",
        "state": "SP", "regional": "Sudeste",
        "chats": {"metrics": {"date_difference": "00:01:00", "total_messages": 1}, "messages": [{
            "id_chat": 1, "body": "Isto é um teste do leadhook", "media_url": null, "content_type": "text",
            "date_created": now.to_string(), "sid": "teste", "message_type": "text", "direction": "inbound", "status": "read"}]},
        "feelings": {"total_messages": 1, "positive_feeling": 0, "neutral_feeling": 1, "negative_feeling": 0},
        "csat": {"message": null, "rating": null},
        "status": "finalized"});
    let seen = Seen { platform, n: 0, revision: 1, origin: Origin::Live, now };
    let envelope = RawValue::from_string(lead.to_string())
        .ok()
        .and_then(|raw| Lead::from_raw(raw).ok())
        .map(|lead| finalized(Facts { row: &row, lead: &lead, csat: &Csat::default() }, seen).envelope)
        .unwrap_or_default();
    (computed_id("test", &[platform, &now.as_nanosecond().to_string()]), marked(&envelope))
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

    #[test]
    fn a_sample_looks_like_an_event_and_says_that_it_is_none() {
        let (id, envelope) = sample("my-platform", Timestamp::UNIX_EPOCH);
        let envelope: Value = serde_json::from_str(&envelope).expect("JSON");
        assert!(id.starts_with("test_"));
        assert_eq!(envelope["type"], "lead.finalized");
        assert_eq!(envelope["data"]["test"], true);
        assert_eq!(envelope["data"]["lead"]["name"], "Lead de teste");
    }
}
