//! `google-chat`

use serde_json::json;

use super::leads;
use super::stage::*;
use crate::support::*;

const PATH: &str = "/v1/spaces/SPACE/messages";
pub const URL: &str =
    "/v1/spaces/SPACE/messages?key=KEY&token=TOKEN&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD";

/// developers.google.com: webhooks, and spaces.messages.create.
pub fn page(request: &Request) -> Said {
    let refused =
        |status: u16, name: &str| said(status, "", json!({"error": {"code": status, "status": name}}).to_string());
    if !request.line.starts_with(&format!("POST {PATH}?")) || !request.line.contains("key=KEY&token=TOKEN") {
        return refused(403, "PERMISSION_DENIED");
    }
    let Some(body) = object(request) else { return refused(400, "INVALID_ARGUMENT") };
    let known = ["text", "cardsV2", "thread"];
    let unknown = body.as_object().unwrap().keys().any(|key| !known.contains(&key.as_str()));
    let empty = body["text"].as_str().is_none_or(|text| text.trim().is_empty()) && body.get("cardsV2").is_none();
    let key = body["thread"]["threadKey"].as_str().unwrap_or_default();
    if unknown || empty || key.len() > 4_000 || request.body.len() > 32_000 {
        return refused(400, "INVALID_ARGUMENT");
    }
    said(200, "", json!({"name": "spaces/SPACE/messages/1", "thread": {"name": "spaces/SPACE/threads/1"}}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_rating_stands_in_the_leads_thread() {
    let (api, chat) = (Api::start().await, StandIn::start(page, vec![]).await);
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let url = chat.url(URL);
    let place = Wiring::new(&api).to("google-chat", "chat", &url, "", &["lead.rated"]).run("4s");
    assert_eq!(fate(&place.status(), "chat"), Fate::Delivered);
    chat.is_content(page);
    assert_eq!(chat.requests()[0].line, format!("POST {URL}"));
    let text = "⚠️ *Nota baixa: 2*\n*Lead:* Maria Souza (123456)\n*Nota:* 2\n*Regional:* Sudeste\n*Status:* qualified\n💬 Demorou demais";
    assert_eq!(chat.bodies(), [json!({"text": text, "thread": {"threadKey": "lead-123456"}})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits_and_mentions_nobody() {
    let (api, chat) = (Api::start().await, StandIn::start(page, vec![]).await);
    let hostile = leads::hostile();
    for (id, lead) in (1..).zip(&hostile) {
        api.finalize(id, &leads::row(id), Some(lead));
    }
    let url = chat.url(URL);
    let place = Wiring::new(&api).to("google-chat", "chat", &url, "rate = \"1000/s\"", &["lead.finalized"]).run("20s");
    let status = place.status();
    assert_eq!(destination(&status, "chat")["delivered"], hostile.len(), "{status:#}");
    chat.is_content(page);
    for body in chat.bodies() {
        let text = body["text"].as_str().unwrap();
        assert!(!text.contains("<users/") && !text.contains("<http"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    let error = |status: u16, name: &str| json!({"error": {"code": status, "status": name}}).to_string();
    answers_lead_to(
        "google-chat",
        URL,
        "rate = \"1000/s\"",
        page,
        vec![
            mode("fine", said(200, "", "{}"), Fate::Delivered, 1),
            mode("too-many", said(429, "", error(429, "RESOURCE_EXHAUSTED")), Fate::Delivered, 2),
            mode("bad", said(400, "", error(400, "INVALID_ARGUMENT")), Fate::Dead, 1),
            mode("not-found", said(404, "", error(404, "NOT_FOUND")), Fate::Delivered, 2),
            mode("down", said(503, "", error(503, "UNAVAILABLE")), Fate::Delivered, 2),
        ],
    )
    .await;
}
