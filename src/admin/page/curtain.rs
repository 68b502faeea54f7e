//! What of a person stands before the reader: nothing but ids and statuses, until it is asked for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::domain::person::Person;

/// In the place of what is a person's.
const HIDDEN: &str = "•••";

/// Drawn before one lead's data, or open.
pub(super) struct Curtain {
    open: bool,
    person: Person,
    /// Texts that tell nothing of a person: ids, statuses, names of ours.
    harmless: BTreeSet<String>,
}

/// Where ids and statuses stand in an envelope.
const HARMLESS: [&str; 9] = [
    "/type",
    "/timestamp",
    "/data/weclever_lead_id",
    "/data/client_lead_id",
    "/data/mapped_status",
    "/data/platform_id",
    "/data/origin",
    "/data/lead/status",
    "/data/test",
];

impl Curtain {
    /// Before the lead of this envelope. `more`: texts that may be shown besides.
    pub(super) fn before(envelope: &str, open: bool, more: impl IntoIterator<Item = String>) -> Curtain {
        let read: Value = serde_json::from_str(envelope).unwrap_or_default();
        let of_envelope = HARMLESS.iter().filter_map(|at| read.pointer(at)).filter_map(text_of);
        let harmless = of_envelope.chain(more).filter(|text| !text.is_empty()).collect();
        Curtain { open, person: Person::of_all(envelope.as_bytes()), harmless }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Something that somebody else wrote, which may repeat what it was told: an answer, a reason.
    pub(super) fn echo(&self, text: &str) -> String {
        self.answer(text, false)
    }

    /// The same of which there may have been more.
    pub(super) fn answer(&self, text: &str, is_cut: bool) -> String {
        if self.open { text.to_owned() } else { self.person.hidden_in(text, is_cut) }
    }

    /// Something that is the person's as a whole.
    pub(super) fn whole(&self, text: &str) -> String {
        if self.open { text.to_owned() } else { HIDDEN.to_owned() }
    }

    /// A body that was made of the lead: of JSON each value, of anything else all of it.
    pub(super) fn body(&self, body: &str) -> String {
        match serde_json::from_str::<Value>(body) {
            Ok(mut json) => {
                if !self.open {
                    self.cover(&mut json);
                }
                serde_json::to_string_pretty(&json).unwrap_or_default()
            }
            Err(_) if self.open => body.to_owned(),
            Err(_) if body.trim().is_empty() => String::new(),
            Err(_) => HIDDEN.to_owned(),
        }
    }

    fn cover(&self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Array(items) => items.iter_mut().for_each(|item| self.cover(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.cover(field)),
            Value::String(_) | Value::Number(_) => {
                let is_harmless = text_of(value).is_some_and(|text| text.is_empty() || self.harmless.contains(&text));
                if !is_harmless {
                    *value = HIDDEN.into();
                }
            }
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &str = r#"{"type":"lead.finalized","timestamp":"2026-11-25T16:00:46Z","data":{"weclever_lead_id":7,
        "client_lead_id":"crm-9","mapped_status":"sold","revision":1,"lead":{"name":"Ana Lima","phone":"+5511955555505",
        "cpf":"123.456.789-09","age":41,"status":"sold","address":{"street":"Rua das Flores 12"},
        "chats":{"messages":[{"id_chat":1,"body":"Quero comprar"}]}}}}"#;

    #[test]
    fn a_body_shows_ids_and_statuses_and_nothing_else() {
        let shown = Curtain::before(ENVELOPE, false, []).body(ENVELOPE);
        for told in [
            "lead.finalized",
            "crm-9",
            "sold",
            "\"weclever_lead_id\": 7",
            "2026-11-25T16:00:46Z",
            "\"street\": \"•••\"",
        ] {
            assert!(shown.contains(told), "{told} in {shown}");
        }
        for hidden in ["Ana", "Lima", "955555505", "123.456", "41", "Flores", "Quero"] {
            assert!(!shown.contains(hidden), "{hidden} in {shown}");
        }
        let open = Curtain::before(ENVELOPE, true, []).body(ENVELOPE);
        assert!(open.contains("Ana Lima") && open.contains("Rua das Flores 12"));
    }

    #[test]
    fn what_was_made_of_it_and_what_repeats_it_are_covered_too() {
        let curtain = Curtain::before(ENVELOPE, false, ["evt_1".to_owned()]);
        assert_eq!(curtain.body("Ana Lima hat gekauft"), "•••");
        assert_eq!(curtain.body(""), "");
        let made = curtain.body(r#"{"id":"evt_1","text":"Ana (7)","lead":7,"ok":true,"nothing":null}"#);
        assert!(made.contains("evt_1") && made.contains("\"text\": \"•••\"") && made.contains("\"lead\": 7"), "{made}");
        let said = curtain.echo(r#"{"error":"Ana Lima, Rua das Flores 12: CPF 123.456.789-09 is invalid","id":7}"#);
        assert_eq!(said, r#"{"error":"***, ***: CPF *** is invalid","id":7}"#);
        assert_eq!(curtain.whole("5"), "•••");
    }
}
