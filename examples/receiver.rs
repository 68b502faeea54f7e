//! What stands at the other end of a webhook: checks the signature, does its work once for each `webhook-id`, answers.
//!
//! `LEADHOOK_SECRET=whsec_... cargo run --example receiver -- 127.0.0.1:8080`

#![allow(clippy::print_stdout)]

use std::collections::HashSet;
use std::env;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use standardwebhooks::{HEADER_WEBHOOK_ID, Webhook};

/// leadhook reads leads of up to 8 MiB; an event is a little more.
const LIMIT: usize = 16 << 20;

struct Receiver {
    webhook: Webhook,
    /// The ids already worked on. In a real receiver: a unique column, written in one transaction with the work itself.
    seen: Mutex<HashSet<String>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let secret = env::var("LEADHOOK_SECRET").ok().filter(|secret| secret.len() > "whsec_".len());
    let secret = secret.context("LEADHOOK_SECRET must hold the destination's secret")?;
    let webhook = Webhook::new(&secret).context("LEADHOOK_SECRET must be whsec_ and base64")?;
    let receiver = Arc::new(Receiver { webhook, seen: Mutex::default() });

    let listener =
        tokio::net::TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = Router::new().fallback(post(receive)).layer(DefaultBodyLimit::max(LIMIT)).with_state(receiver);
    axum::serve(listener, app).await?;
    Ok(())
}

/// 2xx: done, never sent again. Anything else, or no answer: it may come again, with the same id.
async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // Over the bytes as they came: parsed and written again, the body would be another one.
    if receiver.webhook.verify(&body, &headers).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let Some(id) = headers.get(HEADER_WEBHOOK_ID).and_then(|id| id.to_str().ok()) else {
        return StatusCode::UNAUTHORIZED;
    };
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let Ok(mut seen) = receiver.seen.lock() else {
        return StatusCode::INTERNAL_SERVER_ERROR;
    };
    if !seen.contains(id) {
        let (lead, status) = (&event["data"]["weclever_lead_id"], &event["data"]["mapped_status"]);
        println!("{} lead={lead} status={status}", event["type"].as_str().unwrap_or("?"));
        seen.insert(id.to_owned()); // after the work: an id marked before would be lost with a crash in between
    }
    StatusCode::NO_CONTENT
}
