//! The main job: a lead is finalized, and a destination hears of it, signed and once.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Received, Receiver};
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::support::*;

const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn signed(more: &str) -> String {
    format!("secret = {SECRET:?}\n{more}")
}

fn kept(receiver: &Receiver) -> Vec<Received> {
    receiver.tally(|tally| tally.kept.iter().cloned().collect())
}

/// The official library's opinion.
fn verifies(secret: &str, request: &Received) -> bool {
    Webhook::new(secret).unwrap().verify(&request.body, &request.headers).is_ok()
}

fn hour_ago() -> String {
    (Timestamp::now() - Duration::from_secs(3600)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_are_finalized_while_it_runs_arrive_once_and_signed() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), &signed("")));
    let began = Timestamp::now();
    let service = place.start_and_read().await;

    let mut ids: Vec<u64> = (1..=28).collect();
    // Beyond what a double can hold.
    ids.extend([9_007_199_254_740_993, u64::MAX - 1]);
    for id in &ids {
        weclever.finalize(*id, "qualified");
    }
    accepted(&receiver, 30).await;
    // Time enough for a second copy, if there were one.
    service.readings(3).await;

    receiver.tally(|tally| {
        assert_eq!((tally.requests, tally.verified, tally.bad), (30, 30, 0));
        assert_eq!(tally.by_lead.keys().copied().collect::<Vec<_>>(), ids);
    });
    for request in kept(&receiver) {
        assert!(verifies(SECRET, &request) && !verifies(OTHER_SECRET, &request));
        assert!(request.id.starts_with("evt_") && request.id.len() >= 30, "{}", request.id);
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["user-agent"], concat!("leadhook/", env!("CARGO_PKG_VERSION")));

        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&body), ["type", "timestamp", "data"].map(String::from).into());
        assert_eq!(body["type"], "lead.finalized");
        let at: Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z') && at >= began && at <= Timestamp::now());
        let data = &body["data"];
        assert_eq!(data["platform_id"], "demo");
        assert_eq!(data["mapped_status"], "qualified");
        assert_eq!((data["revision"].as_u64(), data["origin"].as_str()), (Some(1), Some("live")));
        assert!(data["lead"]["chats"]["messages"].is_array() && data["lead"]["utm_source"].is_string());
    }
    let status = place.json(&["status"], 0);
    assert_eq!(destination(&status, "crm")["delivered"], 30);
    assert_eq!(status["source"]["seen_leads"], 30);
    let log = service.stop();
    assert_eq!(log.lines().filter(|line| line.contains("attempt") && line.contains("accepted")).count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_is_signed_anew_under_the_same_id() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Scripted(vec![500, 500])).await;
    let more = format!(
        "secrets = [{SECRET:?}, {OTHER_SECRET:?}]\nretry = {{ schedule = [\"1100ms\", \"1100ms\"], jitter = 0 }}"
    );
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), &more));
    let _service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;

    let attempts = kept(&receiver);
    assert_eq!(attempts.len(), 3);
    let timestamps: Vec<u64> = attempts.iter().map(|request| request.timestamp.parse().unwrap()).collect();
    assert!(timestamps.is_sorted_by(|a, b| a < b), "{timestamps:?}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(timestamps.iter().all(|timestamp| now - timestamp < 60));
    for request in &attempts {
        assert_eq!((&request.id, &request.body), (&attempts[0].id, &attempts[0].body));
        assert!(verifies(SECRET, request) && verifies(OTHER_SECRET, request), "one signature for each secret");
        assert_eq!(request.signature.split(' ').count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_happening_has_the_same_id_in_a_new_directory_and_another_under_another_platform() {
    let weclever = weclever(by_hand()).await;
    for id in 1..=10 {
        weclever.finalize(id, if id % 2 == 0 { "sold" } else { "lost" });
    }
    let start = hour_ago();
    let mut ids: Vec<HashSet<String>> = Vec::new();
    for platform in ["demo", "demo", "another"] {
        let receiver = receiver(Behaviour::Fine).await;
        let file = File::new(&weclever.base_url()).source("platform_id", platform).source("start", &start);
        let file = file.without("username").without("password").source("token", READY_TOKEN);
        let place = Place::new(&file.to(&format!("for-{platform}"), &receiver.url(), &signed("")));
        let service = place.start().await;
        accepted(&receiver, 10).await;
        service.stop();
        ids.push(receiver.tally(|tally| tally.by_id.keys().cloned().collect()));
    }
    assert_eq!((ids[0].len(), &ids[0]), (10, &ids[1]));
    assert!(ids[0].is_disjoint(&ids[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_without_a_secret_gets_no_signature_and_its_own_headers() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let more = r#"headers = { "X-Api-Key" = "key-1", "User-Agent" = "mine" }"#;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), more));
    let _service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;
    let request = &kept(&receiver)[0];
    assert!(request.signature.is_empty() && !request.id.is_empty() && !request.timestamp.is_empty());
    assert_eq!(request.headers["x-api-key"], "key-1");
    assert_eq!(request.headers["user-agent"], "mine");
}
