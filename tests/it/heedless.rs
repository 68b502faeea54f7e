//! A WeClever that lists the same conversations whatever time it is asked for.

use std::time::Duration;

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Options, Receiver};
use serde_json::Value;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn file(base_url: &str, start: &str, receiver: &Receiver) -> File {
    File::new(base_url).source("start", start).list("recheck", &[]).to("crm", &receiver.url(), "")
}

/// Whether it is said to need a look.
fn is_said(status: &Value) -> bool {
    let looks = status["needs_a_look"].as_array().unwrap();
    looks.iter().any(|look| look.as_str().unwrap().contains("whatever time is asked for"))
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_are_listed_whatever_is_asked_for_are_not_finalized_again_by_that() {
    let weclever = weclever(Options { past_leads: 40, past_stretch: 70 * HOUR, ..unrated() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (Timestamp::now() - 96 * HOUR).to_string();
    let file = file(&weclever.base_url(), &start, &receiver);
    let place = Place::new(&file.source("lookback_every", "1s").source("sweep_every", "2s"));
    let service = place.start_and_read().await;
    accepted(&receiver, 40).await;
    assert!(!is_said(&place.status()));
    weclever.set_heedless(true);
    service.readings(3).await;
    place.until_status("it is said", is_said).await;
    // What is new is told, and so is another status.
    weclever.finalize(1_000, "sold");
    accepted(&receiver, 41).await;
    weclever.finalize(1_000, "lost");
    accepted(&receiver, 42).await;
    // For as long as readings reach back again and again, none of that changes anything.
    service.readings(25).await;
    assert!(is_said(&place.status()));
    assert_eq!(service.logged("whatever time is asked for"), 1, "it is said once");
    weclever.set_heedless(false);
    place.until_status("it is said no more", |status| !is_said(status)).await;
    service.readings(3).await;
    service.stop();
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 0);
    assert_eq!(told(&receiver).len(), 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_the_past_is_not_led_astray_either() {
    let weclever = weclever(Options { past_leads: 40, past_stretch: 70 * HOUR, ..unrated() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (Timestamp::now() - 96 * HOUR).to_string();
    let place = Place::new(&file(&weclever.base_url(), &start, &receiver));
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 40);
    // One is finalized again, and both find that.
    weclever.finalize(100_000, "won");
    let listed = place.json(&["reconcile", "--from", &start], 1);
    assert_eq!(listed["destinations"][0]["missing"], 1, "{listed:#}");
    weclever.set_heedless(true);
    let reconciled = place.json(&["reconcile", "--from", &start, "--fix"], 0);
    let fixed = (&reconciled["destinations"][0]["fixed"], &reconciled["fixed"]["crm"][0]["lead"]);
    assert_eq!(fixed, (&1.into(), &100_000.into()), "its status is another: {reconciled:#}");
    let backfill = place.json(&["backfill", "--from", &start, "--to-destination", "crm"], 0);
    assert_eq!(backfill["counts"]["sent"], 0, "{backfill:#}");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    assert_eq!(told(&receiver).len(), 41);
}
