//! `run --once`, for cron.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, FaultKind, Faults, Options};

use crate::support::*;

fn hour_ago() -> String {
    (Timestamp::now() - Duration::from_secs(3600)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_polls_and_delivers_and_the_next_goes_on_where_it_ended() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    weclever.finalize_at(1, "sold", Timestamp::now() - Duration::from_secs(600));
    let first = place.json(&["run", "--once"], 0);
    assert_eq!((&first["delivered"], &first["pending"], &first["windows_left"]), (&0.into(), &0.into(), &0.into()));
    assert!(first["windows_read"].as_u64().unwrap() >= 8, "the baseline is read whole: {first}");
    for id in 2..=50 {
        weclever.finalize(id, "sold");
    }
    let second = place.json(&["run", "--once"], 0);
    assert_eq!((&second["new_leads"], &second["delivered"]), (&49.into(), &49.into()));
    let text = place.run(&["run", "--once"]);
    assert_eq!((text.code, text.out.trim()), (0, "1 window read, 0 new leads, 0 delivered"));
    receiver.tally(|tally| assert_eq!((tally.requests, tally.by_lead.len()), (49, 49)));
    assert!(!place.path("data/admin.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_makes_a_dead_letter_or_leaves_a_gap_ends_with_one() {
    let weclever = weclever(Options { latency: Duration::from_millis(80), ..by_hand() }).await;
    let receiver = receiver(Behaviour::Broken { status: 422 }).await;
    let file = File::new(&weclever.base_url()).source("start", &hour_ago()).to("crm", &receiver.url(), "");
    let place = Place::new(&file);
    weclever.finalize(1, "sold");
    assert_eq!(place.json(&["run", "--once"], 1)["dead"], 1);
    // The letter is old by the next run.
    assert_eq!(place.json(&["run", "--once"], 0)["dead"], 0);

    // The newest window can be read, the days before it cannot.
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let before = weclever.requests().list;
    let running = place.spawn(&["run", "--once", "--json"]);
    assert!(weclever.wait_until(|weclever| weclever.requests().list >= before + 2, PATIENCE).await);
    weclever.set_faults(Faults { token: 0.0, ..Faults::of(1.0, [FaultKind::Error]) });
    let run = running.ends();
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    weclever.set_faults(Faults::default());
    assert_eq!(place.run(&["run", "--once"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_tried_again_is_waited_for_as_long_as_it_is_told() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Scripted(vec![500, 500])).await;
    let retry = r#"retry = { schedule = ["900ms", "900ms", "1h"], jitter = 0 }"#;
    let file = File::new(&weclever.base_url()).source("start", &hour_ago()).to("crm", &receiver.url(), retry);
    let place = Place::new(&file);
    weclever.finalize(1, "sold");
    let first = place.json(&["run", "--once"], 0);
    assert_eq!((&first["delivered"], &first["pending"]), (&0.into(), &1.into()));
    assert_eq!(receiver.tally(|tally| tally.requests), 1);
    let second = place.json(&["run", "--once", "--wait", "20s"], 0);
    assert_eq!((&second["delivered"], &second["pending"]), (&1.into(), &0.into()));
    assert_eq!(receiver.tally(|tally| tally.requests), 3);

    // Nothing waits for what comes due only later.
    receiver.behave(Behaviour::Broken { status: 500 });
    weclever.finalize(2, "sold");
    let began = Instant::now();
    let third = place.json(&["run", "--once", "--wait", "4s"], 0);
    assert_eq!(third["pending"], 1);
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(place.run(&["run", "--wait", "4s"]).code, 2, "waiting is for --once alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_down_ends_with_69_and_what_waits_is_delivered_all_the_same() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Broken { status: 500 }).await;
    let retry = r#"retry = { schedule = ["10ms", "1h"], jitter = 0 }"#;
    let file = File::new(&weclever.base_url()).source("start", &hour_ago()).to("crm", &receiver.url(), retry);
    let place = Place::new(&file);
    weclever.finalize(1, "sold");
    assert_eq!(place.json(&["run", "--once"], 0)["pending"], 1);
    receiver.behave(Behaviour::Fine);
    weclever.stop().await;
    let down = place.json(&["run", "--once", "--wait", "2s"], 69);
    assert_eq!((&down["windows_read"], &down["delivered"]), (&0.into(), &1.into()));
    accepted(&receiver, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_a_service_holds_ends_with_69() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&File::new(&weclever.base_url()));
    let service = place.start_and_read().await;
    let ran = place.run(&["run", "--once"]);
    assert_eq!((ran.code, ran.out.as_str()), (69, ""));
    assert!(ran.err.contains("data") && ran.err.contains("in use"), "{}", ran.err);
    service.stop();
    assert_eq!(place.run(&["run", "--once"]).code, 0);
}
