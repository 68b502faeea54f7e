//! `teams`

use serde_json::{Value, json};

use super::leads;
use super::stage::*;
use crate::support::*;

const PATH: &str = "/powerautomate/automations/direct/workflows/ID/triggers/manual/paths/invoke";
pub const URL: &str = "/powerautomate/automations/direct/workflows/ID/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=XXXX";

/// learn.microsoft.com: Workflows webhook, and cards. What a flow finds out only after its 202 is refused here as well.
pub fn page(request: &Request) -> Said {
    if !request.line.starts_with(&format!("POST {PATH}?")) || !request.line.contains("sig=XXXX") {
        return said(401, "", r#"{"error":{"code":"DirectApiAuthorizationRequired"}}"#);
    }
    let Some(body) = object(request) else {
        return said(400, "", r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#);
    };
    // 28 KB, counted as UTF-16.
    if String::from_utf8_lossy(&request.body).encode_utf16().count() * 2 > 28 * 1024 {
        return said(413, "", r#"{"error":{"code":"RequestEntityTooLarge"}}"#);
    }
    let attachments = body["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    if body["type"] == "message" && !attachments.is_empty() && attachments.iter().all(attachment) {
        said(202, "", "")
    } else {
        said(400, "", r#"{"error":{"code":"BadRequest","message":"InvalidParameter"}}"#)
    }
}

fn attachment(attachment: &Value) -> bool {
    let card = &attachment["content"];
    let elements = card["body"].as_array().map(Vec::as_slice).unwrap_or_default();
    attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        && card["type"] == "AdaptiveCard"
        && ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"].iter().any(|version| card["version"] == *version)
        && elements.iter().all(element)
}

fn element(element: &Value) -> bool {
    match element["type"].as_str() {
        Some("TextBlock") => {
            let color = element.get("color").is_none_or(|color| {
                ["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"].iter().any(|it| color == it)
            });
            element["text"].is_string() && color
        }
        Some("FactSet") => element["facts"]
            .as_array()
            .is_some_and(|facts| facts.iter().all(|fact| fact["title"].is_string() && fact["value"].is_string())),
        _ => false,
    }
}

/// Every text of a card in which markdown means something.
fn texts(body: &Value) -> Vec<String> {
    let elements = body["attachments"][0]["content"]["body"].as_array().unwrap();
    let of = |element: &Value| -> Vec<String> {
        let facts = element["facts"].as_array().into_iter().flatten();
        let values = facts.flat_map(|fact| [&fact["title"], &fact["value"]]);
        values.chain(element.get("text")).map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    elements.iter().flat_map(of).collect()
}

/// What Markdown still sees, once every character behind a backslash is only itself.
fn without_escapes(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\\' {
            rest.next();
        } else {
            left.push(c);
        }
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_rating_is_a_card() {
    let (api, teams) = (Api::start().await, StandIn::start(page, vec![]).await);
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let url = teams.url(URL);
    let place = Wiring::new(&api).to("teams", "chat", &url, "", &["lead.rated"]).run("4s");
    assert_eq!(fate(&place.status(), "chat"), Fate::Delivered);
    teams.is_content(page);
    let request = &teams.requests()[0];
    assert_eq!(request.line, format!("POST {URL}"), "the signature is in the URL, which must stay as it is");
    assert_eq!(
        teams.bodies(),
        [json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        {"type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": true, "color": "Attention",
                         "text": "⚠️ Nota baixa: 2"},
                        {"type": "FactSet", "facts": [
                            {"title": "Lead", "value": "Maria Souza (123456)"},
                            {"title": "Nota", "value": "2"},
                            {"title": "Regional", "value": "Sudeste"},
                            {"title": "Status", "value": "qualified"},
                        ]},
                        {"type": "TextBlock", "wrap": true, "text": "💬 Demorou demais"},
                    ],
                },
            }],
        })]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits_and_links_nowhere() {
    let (api, teams) = (Api::start().await, StandIn::start(page, vec![]).await);
    let hostile = leads::hostile();
    for (id, lead) in (1..).zip(&hostile) {
        api.finalize(id, &leads::row(id), Some(lead));
    }
    let url = teams.url(URL);
    let place = Wiring::new(&api).to("teams", "chat", &url, "rate = \"1000/s\"", &["lead.finalized"]).run("20s");
    let status = place.status();
    assert_eq!(destination(&status, "chat")["delivered"], hostile.len(), "{status:#}");
    teams.is_content(page);
    for text in teams.bodies().iter().flat_map(texts) {
        let unescaped = without_escapes(&text);
        assert!(!unescaped.contains("](") && !unescaped.contains("<at>"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    let deleted = r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute workflow 'x' trigger 'manual' with state 'Deleted': trigger is not enabled."}}"#;
    let off = deleted.replace("'Deleted'", "'Disabled'");
    let older = |code: u16| {
        format!(
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {code} with ContextId tcid=0."
        )
    };
    answers_lead_to(
        "teams",
        URL,
        "rate = \"1000/s\"",
        page,
        vec![
            mode("fine", said(202, "", ""), Fate::Delivered, 1),
            mode("too-many", said(429, "retry-after: 1\r\n", ""), Fate::Delivered, 2),
            mode("deleted", said(400, "", deleted), Fate::Disabled, 1),
            mode("off", said(400, "", off), Fate::Delivered, 2),
            mode("bad-schema", said(400, "", r#"{"error":{"code":"TriggerInputSchemaMismatch"}}"#), Fate::Dead, 1),
            mode(
                "no-right",
                said(401, "", r#"{"error":{"code":"DirectApiAuthorizationRequired"}}"#),
                Fate::Delivered,
                2,
            ),
            mode("older-one", said(200, "", "1"), Fate::Delivered, 1),
            mode("older-429", said(200, "", older(429)), Fate::Delivered, 2),
            mode("older-413", said(200, "", older(413)), Fate::Dead, 1),
            mode("older-503", said(200, "", older(503)), Fate::Delivered, 2),
        ],
    )
    .await;
}
