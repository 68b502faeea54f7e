//! `n8n`, `make`, `zapier` and `pipedream`: they take the event as it is.

use serde_json::{Value, json};

use super::leads;
use super::stage::*;
use crate::support::*;

/// A body over the limit, or anything but a POST of JSON.
fn wrong(request: &Request, most: usize) -> Option<Said> {
    (request.body.len() > most || object(request).is_none()).then(|| said(413, "", "Payload Too Large"))
}

fn n8n(request: &Request) -> Said {
    if request.line != "POST /webhook/ID" {
        return said(
            404,
            "",
            r#"{"code":404,"message":"The requested webhook is not registered.","hint":"The workflow must be active"}"#,
        );
    }
    wrong(request, 16 << 20).unwrap_or_else(|| said(200, "", r#"{"message":"Workflow was started"}"#))
}

fn make(request: &Request) -> Said {
    if request.line != "POST /XXXX" {
        return said(410, "", "Webhook not found");
    }
    wrong(request, 5_242_880).unwrap_or_else(|| said(200, "", "Accepted"))
}

fn zapier(request: &Request) -> Said {
    if request.line != "POST /hooks/catch/USER/HOOK/" {
        return said(404, "", "");
    }
    wrong(request, 10_000_000)
        .unwrap_or_else(|| said(200, "", r#"{"status":"success","id":"1","attempt":"1","request_id":"1"}"#))
}

fn pipedream(request: &Request) -> Said {
    if request.line != "POST /" {
        return said(404, "", "");
    }
    wrong(request, 512_000).unwrap_or_else(|| said(200, "", "<p><b>Success!</b></p>"))
}

const VENDORS: [(&str, &str, Page); 4] = [
    ("n8n", "/webhook/ID", n8n),
    ("make", "/XXXX", make),
    ("zapier", "/hooks/catch/USER/HOOK/", zapier),
    ("pipedream", "/", pipedream),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_event_goes_out_as_it_is_and_signed() {
    let api = Api::start().await;
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let mut wiring = Wiring::new(&api);
    let mut vendors = Vec::new();
    for (preset, path, page) in VENDORS {
        let vendor = StandIn::start(page, vec![]).await;
        let keys = format!("secret = {SECRET:?}");
        wiring = wiring.to(preset, preset, &vendor.url(path), &keys, &["lead.finalized"]);
        vendors.push(vendor);
    }
    let status = wiring.run("4s").status();
    let sent: Value = serde_json::from_str(leads::LOW).unwrap();
    for ((preset, path, page), vendor) in VENDORS.into_iter().zip(&vendors) {
        assert_eq!(fate(&status, preset), Fate::Delivered);
        vendor.is_content(page);
        let request = &vendor.requests()[0];
        assert_eq!(request.line, format!("POST {path}"));
        assert!(request.headers["webhook-signature"].starts_with("v1,"), "{preset}: {:?}", request.headers);
        let body = &vendor.bodies()[0];
        assert_eq!((&body["type"], &body["data"]["weclever_lead_id"]), (&json!("lead.finalized"), &json!(123_456)));
        assert_eq!(body["data"]["lead"], sent["lead"], "{preset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_is_cut_to_the_vendors_limit() {
    let api = Api::start().await;
    // 500 messages of 2 KB.
    let long = leads::saying(&"mensagem ".repeat(40));
    assert!(long.len() > 600_000);
    api.finalize(1, &leads::row(1), Some(&long));
    let vendor = StandIn::start(pipedream, vec![]).await;
    let wiring = Wiring::new(&api).to("pipedream", "flow", &vendor.url("/"), "", &["lead.finalized"]);
    assert_eq!(fate(&wiring.run("4s").status(), "flow"), Fate::Delivered);
    vendor.is_content(pipedream);
    let kept = vendor.bodies()[0]["data"]["lead"]["chats"]["messages"].as_array().unwrap().len();
    assert!((1..500).contains(&kept), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn their_answers_are_understood() {
    let inactive = r#"{"code":404,"message":"The requested webhook \"POST ID\" is not registered."}"#;
    answers_lead_to(
        "n8n",
        "/webhook/ID",
        "",
        n8n,
        vec![
            mode("inactive", said(404, "", inactive), Fate::Delivered, 2),
            mode("failed", said(500, "", r#"{"message":"Error in workflow"}"#), Fate::Delivered, 2),
            mode("no-right", said(403, "", "Authorization data is wrong!"), Fate::Delivered, 2),
            mode("too-large", said(413, "", ""), Fate::Dead, 1),
        ],
    )
    .await;
    let status = answers_lead_to(
        "make",
        "/XXXX",
        "",
        make,
        vec![
            mode("too-many", said(429, "retry-after: 1\r\n", "Too many requests"), Fate::Delivered, 2),
            // It asks for a minute, which is longer than this test.
            mode("full", said(400, "", "Queue is full."), Fate::Waits, 1),
            mode("off", said(410, "", "There is no scenario listening for this webhook."), Fate::Delivered, 2),
            mode("deleted", said(410, "", "Webhook not found"), Fate::Disabled, 1),
            mode("bad-data", said(400, "", "Validation failed"), Fate::Dead, 1),
            mode("failed", said(500, "", "Scenario failed to complete."), Fate::Delivered, 2),
        ],
    )
    .await;
    assert_eq!(destination(&status, "full")["state"], "waiting", "for all of it is queued behind the same queue");
    answers_lead_to(
        "zapier",
        "/hooks/catch/USER/HOOK/",
        "",
        zapier,
        vec![
            mode("too-many", said(429, "retry-after: 1\r\n", ""), Fate::Delivered, 2),
            mode("gone", said(410, "", ""), Fate::Disabled, 1),
            mode("down", said(502, "", ""), Fate::Delivered, 2),
        ],
    )
    .await;
    answers_lead_to(
        "pipedream",
        "/",
        "",
        pipedream,
        vec![
            mode("too-many", said(429, "", ""), Fate::Delivered, 2),
            mode("off", said(404, "", ""), Fate::Delivered, 2),
            mode("failed", said(400, "", "No $.respond called in workflow"), Fate::Delivered, 2),
            mode("too-large", said(413, "", ""), Fate::Dead, 1),
        ],
    )
    .await;
}
