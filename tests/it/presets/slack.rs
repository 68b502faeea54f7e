//! `slack`

use std::time::Duration;

use serde_json::{Value, json};

use super::leads;
use super::stage::*;
use crate::support::*;

const PATH: &str = "/services/T000/B000/XXXX";
pub const URL: &str = PATH;

/// docs.slack.dev: incoming webhooks; Block Kit's blocks, sections, headers and texts.
pub fn page(request: &Request) -> Said {
    if request.line != format!("POST {PATH}") {
        return said(404, "", "no_service");
    }
    let Some(body) = object(request) else { return said(400, "", "invalid_payload") };
    let Some(blocks) = body.get("blocks") else {
        return if length(&body["text"]) > Some(0) { said(200, "", "ok") } else { said(400, "", "no_text") };
    };
    let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
    let fits = (1..=50).contains(&blocks.len()) && blocks.iter().all(block);
    if fits && length(&body["text"]).is_none_or(|length| length <= 40_000) {
        said(200, "content-type: text/html\r\n", "ok")
    } else {
        said(400, "", "invalid_blocks")
    }
}

fn block(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("header") => block["text"]["type"] == "plain_text" && text(&block["text"], 150),
        Some("section") => {
            let of_text = block.get("text").is_none_or(|it| text(it, 3_000));
            let fields = block.get("fields").map(|fields| fields.as_array().map(Vec::as_slice).unwrap_or_default());
            let of_fields =
                fields.is_none_or(|all| (1..=10).contains(&all.len()) && all.iter().all(|it| text(it, 2_000)));
            (block.get("text").is_some() || fields.is_some()) && of_text && of_fields
        }
        Some("context") => {
            let elements = block["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
            (1..=10).contains(&elements.len()) && elements.iter().all(|it| text(it, 3_000))
        }
        Some("divider") => true,
        _ => false,
    }
}

fn text(object: &Value, most: usize) -> bool {
    let known = ["plain_text", "mrkdwn"].iter().any(|kind| object["type"] == *kind);
    known && length(&object["text"]).is_some_and(|length| (1..=most).contains(&length))
}

/// What would notify somebody, or lead somewhere.
fn commands(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.match_indices('<').map(|(at, _)| text[at..].chars().take(20).collect()).collect(),
        Value::Array(items) => items.iter().flat_map(commands).collect(),
        Value::Object(entries) => entries.values().flat_map(commands).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_rating_names_the_lead_the_rating_its_comment_and_the_regional() {
    let (api, slack) = (Api::start().await, StandIn::start(page, vec![]).await);
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let place = Wiring::new(&api).to("slack", "chat", &slack.url(PATH), "", &["lead.rated"]).run("4s");
    assert_eq!(fate(&place.status(), "chat"), Fate::Delivered);
    slack.is_content(page);
    let request = &slack.requests()[0];
    assert_eq!(request.line, format!("POST {PATH}"));
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(request.headers["webhook-id"].starts_with("evt_"));
    assert_eq!(
        slack.bodies(),
        [json!({
            "text": "⚠️ Nota baixa: 2 · Maria Souza (123456) · Sudeste: Demorou demais",
            "unfurl_links": false,
            "unfurl_media": false,
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "emoji": true, "text": "⚠️ Nota baixa: 2"}},
                {"type": "section", "fields": [
                    {"type": "mrkdwn", "text": "*Lead*\nMaria Souza (123456)"},
                    {"type": "mrkdwn", "text": "*Nota*\n2"},
                    {"type": "mrkdwn", "text": "*Regional*\nSudeste"},
                    {"type": "mrkdwn", "text": "*Status*\nqualified"},
                ]},
                {"type": "section", "text": {"type": "mrkdwn", "text": "💬 Demorou demais"}},
            ],
        })]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_without_a_rating_is_told_as_well() {
    let (api, slack) = (Api::start().await, StandIn::start(page, vec![]).await);
    api.finalize(7, &leads::row(7), Some(leads::UNRATED));
    Wiring::new(&api).to("slack", "chat", &slack.url(PATH), "", &["lead.finalized", "lead.rated"]).run("4s");
    slack.is_content(page);
    let body = &slack.bodies()[0];
    assert_eq!(body["text"], "✅ Conversa finalizada · João (7)");
    assert_eq!(body["blocks"][1]["fields"][1]["text"], "*Nota*\n—");
    assert_eq!(body["blocks"][2]["text"]["text"], "_Sem comentário._");
    assert_eq!(slack.bodies().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits_and_notifies_nobody() {
    let (api, slack) = (Api::start().await, StandIn::start(page, vec![]).await);
    let hostile = leads::hostile();
    for (id, lead) in (1..).zip(&hostile) {
        api.finalize(id, &leads::row(id), Some(lead));
    }
    let place =
        Wiring::new(&api).to("slack", "chat", &slack.url(PATH), "rate = \"1000/s\"", &["lead.finalized"]).run("20s");
    let status = place.status();
    assert_eq!(destination(&status, "chat")["delivered"], hostile.len(), "{status:#}");
    slack.is_content(page);
    for body in slack.bodies() {
        assert_eq!(commands(&body), Vec::<String>::new(), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gets_one_message_a_second() {
    let (api, slack) = (Api::start().await, StandIn::start(page, vec![]).await);
    for id in 1..=3 {
        api.finalize(id, &leads::row(id), Some(leads::LOW));
    }
    let place = Wiring::new(&api).to("slack", "chat", &slack.url(PATH), "", &["lead.rated"]).run("8s");
    assert_eq!(destination(&place.status(), "chat")["delivered"], 3);
    let requests = slack.requests();
    for n in 1..3 {
        let apart = requests[n].at - requests[n - 1].at;
        assert!(apart >= Duration::from_millis(900), "{apart:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    answers_lead_to(
        "slack",
        PATH,
        "rate = \"1000/s\"",
        page,
        vec![
            mode("fine", said(200, "", "ok"), Fate::Delivered, 1),
            mode("too-many", said(429, "retry-after: 1\r\n", "rate_limited"), Fate::Delivered, 2),
            mode("no-service", said(404, "", "no_service"), Fate::Disabled, 1),
            mode("no-team", said(404, "", "no_team"), Fate::Disabled, 1),
            mode("team-disabled", said(403, "", "team_disabled"), Fate::Disabled, 1),
            mode("bad-token", said(403, "", "invalid_token"), Fate::Disabled, 1),
            mode("no-channel", said(404, "", "channel_not_found"), Fate::Disabled, 1),
            mode("archived", said(410, "", "channel_is_archived"), Fate::Disabled, 1),
            mode("prohibited", said(403, "", "action_prohibited"), Fate::Delivered, 2),
            mode("bad-payload", said(400, "", "invalid_payload"), Fate::Dead, 1),
            mode("bad-blocks", said(400, "", "invalid_blocks"), Fate::Dead, 1),
            mode("rollup", said(500, "", "rollup_error"), Fate::Delivered, 2),
            mode("not-ok", said(200, "", r#"{"ok":false,"error":"invalid_workflow_input"}"#), Fate::Dead, 1),
            mode("not-now", said(200, "", r#"{"ok":false,"error":"ratelimited"}"#), Fate::Delivered, 2),
            mode("ok-json", said(200, "", r#"{"ok":true}"#), Fate::Delivered, 1),
        ],
    )
    .await;
}
