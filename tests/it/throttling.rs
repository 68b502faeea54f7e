//! Destinations that ask to be left alone, or say that they are gone.

use std::time::Duration;

use leadhook::simulator::{Behaviour, Options};

use crate::support::*;

/// A second attempt would be one too many: whatever counts as an attempt shows.
const ONE_ATTEMPT: &str = "retry = { schedule = [] }\nconcurrency = 1";

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_pauses_the_whole_destination_and_counts_no_attempt() {
    let weclever = weclever(by_hand()).await;
    let (throttling, unavailable) =
        (receiver(Behaviour::Scripted(vec![429])).await, receiver(Behaviour::Scripted(vec![503])).await);
    let file = File::new(&weclever.base_url()).to("throttling", &throttling.url(), ONE_ATTEMPT).to(
        "unavailable",
        &unavailable.url(),
        ONE_ATTEMPT,
    );
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=5 {
        weclever.finalize(id, "sold");
    }
    for receiver in [&throttling, &unavailable] {
        accepted(receiver, 5).await;
        receiver.tally(|tally| {
            assert_eq!(tally.requests, 6);
            let paused = tally.kept[1].at - tally.kept[0].at;
            assert!(paused >= Duration::from_secs(1), "{paused:?}");
        });
    }
    place.json(&["dead", "list"], 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pause_is_kept_while_new_leads_keep_coming() {
    let stream = Options { leads_per_second: 150.0, max_leads: Some(1_500), ..by_hand() };
    let weclever = weclever(stream).await;
    let answer = |_: &Request, came| match came % 7 {
        3 => Reply::new(429, "retry-after: 1\r\n", ""),
        _ => Reply::new(200, "", ""),
    };
    let throttling = Raw::start(answer).await;
    let file = File::new(&weclever.base_url()).source("poll_every", "20ms").source("overlap", "1m");
    let place = Place::new(&file.to("crm", &throttling.url(), ONE_ATTEMPT));
    let service = place.start().await;
    until("some pauses", || throttling.requests().len() > 7 * 6).await;
    let requests = throttling.requests();
    for n in (3..requests.len() - 1).step_by(7) {
        let paused = requests[n + 1].at - requests[n].at;
        assert!(paused >= Duration::from_millis(950), "request {n} asked for a second and got {paused:?}");
    }
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pause_survives_a_restart_and_status_tells_of_it() {
    let weclever = weclever(by_hand()).await;
    let answer = |_: &Request, came| match came {
        0 => Reply::new(429, "retry-after: 6\r\n", ""),
        _ => Reply::new(200, "", ""),
    };
    let throttling = Raw::start(answer).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &throttling.url(), ONE_ATTEMPT));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    weclever.finalize(2, "sold");
    place.until_status("it waits", |status| destination(status, "crm")["state"] == "waiting").await;
    service.stop();
    assert!(!destination(&place.status(), "crm")["until"].is_null(), "known to whoever opens the store, too");

    let service = place.start().await;
    place.until_status("both are delivered", |status| destination(status, "crm")["delivered"] == 2).await;
    let requests = throttling.requests();
    assert_eq!(requests.len(), 3);
    let paused = requests[1].at - requests[0].at;
    assert!(paused >= Duration::from_millis(5_900), "{paused:?}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_without_a_time_pause_for_a_second_and_then_for_two() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Broken { status: 429 }).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ONE_ATTEMPT));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert!(receiver.wait_until(|tally| tally.by_status.get(&429) == Some(&2), PATIENCE).await);
    receiver.behave(Behaviour::Fine);
    accepted(&receiver, 1).await;
    receiver.tally(|tally| {
        let waits: Vec<Duration> = (1..3).map(|n| tally.kept[n].at - tally.kept[n - 1].at).collect();
        assert!(waits[0] >= Duration::from_secs(1) && waits[1] >= Duration::from_secs(2), "{waits:?}");
    });
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_gone_is_disabled_and_its_deliveries_wait_for_a_person() {
    let weclever = weclever(by_hand()).await;
    let (gone, good) = (receiver(Behaviour::Gone).await, receiver(Behaviour::Fine).await);
    let file = File::new(&weclever.base_url()).to("gone", &gone.url(), "concurrency = 1").to("good", &good.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=5 {
        weclever.finalize(id, "sold");
    }
    place.until_status("it is disabled", |status| destination(status, "gone")["state"] == "disabled").await;
    for id in 6..=10 {
        weclever.finalize(id, "sold");
    }
    accepted(&good, 10).await;
    gone.behave(Behaviour::Fine);
    let status = place.json(&["status"], 1);
    assert_eq!(
        (&destination(&status, "gone")["pending"], &destination(&status, "gone")["dead"]),
        (&10.into(), &0.into())
    );
    assert!(status["needs_a_look"].to_string().contains("leadhook destination resume gone"), "{status:#}");
    service.stop();

    let service = place.start().await;
    service.readings(2).await;
    assert_eq!(gone.tally(|tally| tally.requests), 1, "a restart enables nothing");
    place.json(&["destination", "resume", "gone"], 0);
    accepted(&gone, 10).await;
    place.until_status("it is well", |status| destination(status, "gone")["state"] == "ok").await;
    service.stop();
}
