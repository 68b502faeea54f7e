//! How it ends when it is asked to.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Mishap, Options, ReceiverOptions};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn under_load_it_ends_with_0_finishes_what_is_in_flight_and_loses_nothing() {
    let load = Options { leads_per_second: 100.0, max_leads: Some(300), ..by_hand() };
    let weclever = weclever(load).await;
    let slow = Behaviour::Flaky { share: 1.0, kinds: vec![Mishap::Slow] };
    let options = ReceiverOptions { slow: Duration::from_millis(700), ..ReceiverOptions::default() };
    let receiver = leadhook::simulator::Receiver::start_with(listener().await, slow, options).unwrap();
    let start = (Timestamp::now() - Duration::from_secs(60)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start);
    let place = Place::new(&file.to("crm", &receiver.url(), "concurrency = 16"));
    for signal in ["TERM", "INT"] {
        let mut service = place.start().await;
        // Far more than what is in flight, or all of it might be answered before the end.
        until("leads wait", || destination(&place.status(), "crm")["pending"].as_u64() > Some(64)).await;
        assert!(receiver.wait_until(|tally| tally.open == 16, PATIENCE).await);
        service.signal(signal);
        let code = service.ends(PATIENCE);
        assert_eq!((code, service.logged("stopped; everything that is not delivered is on disk")), (0, 1));
        // What was in flight was answered, and the answers were settled.
        let status = place.status();
        let crm = destination(&status, "crm");
        receiver.tally(|tally| assert_eq!((tally.open, tally.accepted), (0, crm["delivered"].as_u64().unwrap())));
        assert!(crm["pending"].as_u64().unwrap() > 0, "it went on to the end instead of stopping");
    }
    receiver.behave(Behaviour::Fine);
    let service = place.start().await;
    accepted(&receiver, 300).await;
    service.stop();
    receiver.tally(|tally| assert_eq!((tally.requests, tally.by_lead.len()), (300, 300), "each of them once"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_hangs_is_cut_after_the_limit_and_stays_pending() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Hanging).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), "timeout = \"5m\""));
    let mut service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert!(receiver.wait_until(|tally| tally.open == 1, PATIENCE).await);
    let began = Instant::now();
    service.signal("TERM");
    // It can be asked for as long as it drains.
    assert_eq!(place.status()["running"], true);
    assert_eq!(service.ends(PATIENCE), 0);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(20), "{took:?}");
    assert!(!place.path("data/admin.json").exists());
    receiver.behave(Behaviour::Fine);
    let service = place.start().await;
    accepted(&receiver, 1).await;
    receiver.tally(|tally| assert_eq!(tally.by_id.len(), 1));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Hanging).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), "timeout = \"5m\""));
    let mut service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert!(receiver.wait_until(|tally| tally.open == 1, PATIENCE).await);
    let began = Instant::now();
    service.signal("TERM");
    service.until_logged("a second signal ends at once").await;
    assert!(service.runs());
    service.signal("INT");
    assert_ne!(service.ends(PATIENCE), 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    receiver.behave(Behaviour::Fine);
    let service = place.start().await;
    accepted(&receiver, 1).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_not_answer_does_not_keep_it_from_ending() {
    use leadhook::simulator::{FaultKind, Faults};
    let stalling = Faults { token: 0.0, ..Faults::of(1.0, [FaultKind::Stall]) };
    let weclever = weclever(Options { faults: stalling, ..by_hand() }).await;
    let place = Place::new(&File::new(&weclever.base_url()).source("timeout", "5m"));
    let service = place.start().await;
    assert!(weclever.wait_until(|weclever| weclever.requests().list == 1, PATIENCE).await);
    let began = Instant::now();
    service.stop();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
