//! `discord`

use serde_json::{Value, json};

use super::leads;
use super::stage::*;
use crate::support::*;

const PATH: &str = "/api/webhooks/123/TOKEN";
pub const URL: &str = "/api/webhooks/123/TOKEN?wait=true";

/// docs.discord.com: execute webhook; an embed's limits, whose ends are trimmed before they are counted.
pub fn page(request: &Request) -> Said {
    if !request.line.starts_with(&format!("POST {PATH}")) {
        return said(404, "", r#"{"message": "Unknown Webhook", "code": 10015}"#);
    }
    let Some(body) = object(request) else {
        return said(400, "", r#"{"message": "The request body contains invalid JSON.", "code": 50109}"#);
    };
    let embeds = body["embeds"].as_array().map(Vec::as_slice).unwrap_or_default();
    let content = body["content"].as_str().unwrap_or_default();
    if content.trim().is_empty() && embeds.is_empty() {
        return said(400, "", r#"{"message": "Cannot send an empty message", "code": 50006}"#);
    }
    let together: usize = embeds.iter().map(counted).sum();
    if units(content) <= 2_000 && embeds.len() <= 10 && embeds.iter().all(embed) && together <= 6_000 {
        if request.line.contains("wait=true") { said(200, "", r#"{"id": "1"}"#) } else { said(204, "", "") }
    } else {
        said(400, "", r#"{"message": "Invalid Form Body", "code": 50035}"#)
    }
}

fn units(text: &str) -> usize {
    text.trim().encode_utf16().count()
}

fn embed(embed: &Value) -> bool {
    let fits = |key: &str, most: usize| embed[key].as_str().is_none_or(|text| units(text) <= most);
    let fields = embed["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let field = |field: &Value| {
        let within = |key: &str, most: usize| field[key].as_str().is_some_and(|text| (1..=most).contains(&units(text)));
        within("name", 256) && within("value", 1_024)
    };
    let color = embed.get("color").is_none_or(|color| color.as_u64().is_some_and(|color| color <= 0xff_ffff));
    fits("title", 256) && fits("description", 4_096) && fields.len() <= 25 && fields.iter().all(field) && color
}

fn counted(embed: &Value) -> usize {
    let fields = embed["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = fields.iter().flat_map(|field| [&field["name"], &field["value"]]);
    texts.chain([&embed["title"], &embed["description"]]).filter_map(|text| text.as_str()).map(units).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_rating_is_told_and_mentions_nobody() {
    let (api, discord) = (Api::start().await, StandIn::start(page, vec![]).await);
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let url = discord.url(URL);
    let place = Wiring::new(&api).to("discord", "chat", &url, "", &["lead.rated"]).run("4s");
    assert_eq!(fate(&place.status(), "chat"), Fate::Delivered);
    discord.is_content(page);
    assert_eq!(discord.requests()[0].line, format!("POST {URL}"));
    assert_eq!(
        discord.bodies(),
        [json!({
            "content": "⚠️ Nota baixa: 2 · Maria Souza",
            "allowed_mentions": {"parse": []},
            "embeds": [{
                "color": 15_158_332,
                "description": "💬 Demorou demais",
                "fields": [
                    {"inline": true, "name": "Lead", "value": "Maria Souza (123456)"},
                    {"inline": true, "name": "Nota", "value": "2"},
                    {"inline": true, "name": "Regional", "value": "Sudeste"},
                    {"inline": true, "name": "Status", "value": "qualified"},
                ],
            }],
        })]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits_and_mentions_nobody() {
    let (api, discord) = (Api::start().await, StandIn::start(page, vec![]).await);
    let hostile = leads::hostile();
    for (id, lead) in (1..).zip(&hostile) {
        api.finalize(id, &leads::row(id), Some(lead));
    }
    let place = Wiring::new(&api)
        .to("discord", "chat", &discord.url(PATH), "rate = \"1000/s\"", &["lead.finalized"])
        .run("20s");
    let status = place.status();
    assert_eq!(destination(&status, "chat")["delivered"], hostile.len(), "{status:#}");
    discord.is_content(page);
    for body in discord.bodies() {
        assert_eq!(body["allowed_mentions"], json!({"parse": []}));
        let text = body.to_string();
        for mention in ["@everyone", "@here", "<@1", "<@&", "<#1", "]("] {
            assert!(!text.contains(mention), "{mention} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    let limited = r#"{"message": "You are being rate limited.", "retry_after": 0.57, "global": false}"#;
    answers_lead_to(
        "discord",
        PATH,
        "rate = \"1000/s\"",
        page,
        vec![
            mode("fine", said(204, "", ""), Fate::Delivered, 1),
            mode("saved", said(200, "", r#"{"id": "1"}"#), Fate::Delivered, 1),
            mode("too-many", said(429, "retry-after: 1\r\nx-ratelimit-scope: user\r\n", limited), Fate::Delivered, 2),
            mode("unknown", said(404, "", r#"{"message": "Unknown Webhook", "code": 10015}"#), Fate::Disabled, 1),
            mode(
                "bad-token",
                said(401, "", r#"{"message": "Invalid Webhook Token", "code": 50027}"#),
                Fate::Disabled,
                1,
            ),
            mode("bad-form", said(400, "", r#"{"message": "Invalid Form Body", "code": 50035}"#), Fate::Dead, 1),
            mode("down", said(502, "", ""), Fate::Delivered, 2),
        ],
    )
    .await;
}
