//! The stories tried out on a CRM that takes everything in one request.

use serde_json::{Value, json};

use super::*;

/// Knows a note by its event, or does not.
#[derive(Clone, Default)]
struct OneRequest {
    forgetful: bool,
    contacts: BTreeMap<String, Value>,
    notes: Vec<Value>,
}

impl Crm for OneRequest {
    fn answer(&mut self, call: &Call) -> Answer {
        if (call.method.as_str(), call.path.as_str()) != ("POST", "/leads") {
            return answer(404, json!({"error": "no such thing"}));
        }
        let (body, id) = (call.json(), call.header("webhook-id"));
        self.contacts.insert(body["phone"].as_str().unwrap().to_owned(), body);
        if self.forgetful || self.notes.iter().all(|note| note["id"] != id) {
            self.notes.push(json!({"id": id, "from": call.asked("from")}));
        }
        answer(201, json!({"id": 1}))
    }

    fn contacts(&self) -> Vec<Value> {
        self.contacts.values().cloned().collect()
    }

    fn notes(&self) -> Vec<Value> {
        self.notes.clone()
    }
}

fn keys(base: &str) -> String {
    format!("url = \"{base}/leads?from=leadhook%20it\"\nbody = {{ phone = \"{{{{ lead.phone }}}}\" }}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_crm_hears_of_everything_once() {
    let story = Story::of(keys, OneRequest::default).row(&crate::presets::leads::row(LEAD));
    let played: Played<OneRequest> = story.play(&[]).await;
    assert_eq!(shown(&played.calls), [json!({"POST /leads?from=leadhook%20it": {"phone": "(11) 98765-4321"}})]);
    assert_eq!(played.crm.notes()[0]["from"], "leadhook it");
    assert!(played.calls[0].base.starts_with("http://127.0.0.1:"), "{}", played.calls[0].base);
    assert_eq!((played.fates(), played.lives), ((1, 0, 0), 1));
    story.whatever_happens(&[Fault::Says(answer(503, json!({"error": "busy"})).with("retry-after", 1))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_found_out_where_a_crm_is_not_idempotent() {
    let forgetful = || OneRequest { forgetful: true, ..OneRequest::default() };
    let wrong = Story::of(keys, forgetful).what_goes_wrong(&[]).await;
    assert!(wrong.len() >= 4 && wrong.iter().all(|story| story.contains("HandledThen")), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_a_story_badly() {
    let refused = Fault::Says(answer(422, json!({"error": "no"})));
    let wrong = Story::of(keys, OneRequest::default).what_goes_wrong(&[refused]).await;
    assert!(wrong.iter().all(|story| story.contains("422") && story.contains("(0, 1, 0)")), "{wrong:#?}");
    assert_eq!(wrong.len(), 2, "at the first request, and at the second where the first one's answer was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_later_is_read_later() {
    let story = Story::of(keys, OneRequest::default).lead(crate::presets::leads::UNRATED);
    let later =
        crate::presets::leads::UNRATED.replace("João", "João Silva").replace("\"rating\":null", "\"rating\":\"5\"");
    let played = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).later(&later).play(&[]).await;
    assert_eq!((played.fates(), played.crm.notes().len(), played.lives), ((3, 0, 0), 3, 1));
}
