//! A source that cannot be read for too long: somebody hears of it, once, and hears when it is over.

use std::time::{Duration, Instant};

use leadhook::simulator::{Behaviour, FaultKind, Faults, Receiver, WeClever};
use serde_json::Value;

use crate::support::*;

const OPS: [&str; 2] = ["ops.source.stale", "ops.source.recovered"];

fn goes_down(weclever: &WeClever) {
    weclever.set_faults(Faults::of(1.0, [FaultKind::Error]));
}

fn comes_back(weclever: &WeClever) {
    weclever.set_faults(Faults::default());
}

fn file(weclever: &WeClever, chat: &Receiver) -> File {
    let file = File::new(&weclever.base_url()).source("stale_after", "1s");
    file.destination("chat", &chat.url(), "").route_on("ops", &OPS, "chat")
}

fn kinds(events: &[Value]) -> Vec<(&str, u64)> {
    events.iter().map(|event| (event["type"].as_str().unwrap(), event["data"]["count"].as_u64().unwrap())).collect()
}

/// Waits until so many polls failed from now on.
async fn failures(service: &Service, more: usize) {
    let failed = || service.logged("a window could not be read");
    let before = failed();
    until("more polls that fail", || failed() >= before + more).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_room_hears_once_that_nothing_could_be_read_and_once_that_it_is_over_whatever_is_restarted() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&file(&weclever, &chat));
    let service = place.start_and_read().await;
    assert!(place.status()["source"]["stale_since"].is_null());
    goes_down(&weclever);
    accepted(&chat, 1).await;
    failures(&service, 1).await;
    let text = place.run(&["status"]);
    assert_eq!(text.code, 1);
    assert!(text.out.contains("stale since") && text.out.contains("no poll has succeeded since"), "{}", text.out);
    let status = place.status();
    assert!(status["source"]["stale_since"].is_string(), "{status:#}");
    assert_eq!(status["source"]["seen_leads"], 0, "what is said of the source is no lead");
    service.kill();

    let service = place.start().await;
    // The second of them comes a second after the first, at least.
    failures(&service, 3).await;
    assert_eq!(kinds(&told(&chat)), [("ops.source.stale", 1)]);
    service.stop();
    let service = place.start().await;
    comes_back(&weclever);
    accepted(&chat, 2).await;
    let events = told(&chat);
    assert_eq!(kinds(&events), [("ops.source.stale", 1), ("ops.source.recovered", 1)]);
    let [stale, recovered] = [&events[0]["data"], &events[1]["data"]];
    assert_eq!((&stale["platform_id"], &stale["subject"]), (&"demo".into(), &"source".into()));
    let message = stale["message"].as_str().unwrap();
    assert!(message.starts_with("WeClever could not be read for 1s; the last good poll was at 20"), "{message}");
    assert!(
        message.contains(": status 50") && !message.contains("http"),
        "why, and no more than a chat room needs: {message}"
    );
    assert_eq!(stale["since"], recovered["since"]);
    assert!(recovered["message"].as_str().unwrap().contains("can be read again"), "{recovered}");
    service.readings(2).await;
    assert_eq!(told(&chat).len(), 2);
    place.until_status("it is well", |status| status["source"]["stale_since"].is_null()).await;
    assert_eq!(place.run(&["status"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_off_does_not_shout_at_once_and_one_that_reads_says_nothing() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&file(&weclever, &chat).source("stale_after", "6s"));
    place.start_and_read().await.stop();
    goes_down(&weclever);
    let off = Instant::now();
    until("it was off for longer than that", || off.elapsed() > Duration::from_secs(6)).await;
    let service = place.start().await;
    service.until_logged("a window could not be read").await;
    comes_back(&weclever);
    service.readings(3).await;
    assert_eq!(chat.tally(|tally| tally.requests), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_comes_and_goes_is_told_of_once_in_five_minutes_and_the_rest_is_counted() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&file(&weclever, &chat));
    let service = place.start_and_read().await;
    for round in 1..=3 {
        goes_down(&weclever);
        place.until_status("it is stale", |status| status["source"]["stale_since"].is_string()).await;
        comes_back(&weclever);
        place.until_status("it is well", |status| status["source"]["stale_since"].is_null()).await;
        accepted(&chat, 2).await;
        assert_eq!(service.logged("told with the next"), 2 * (round - 1));
    }
    assert_eq!(kinds(&told(&chat)), [("ops.source.stale", 1), ("ops.source.recovered", 1)]);
    // What is held back when leadhook ends is not lost.
    service.stop();
    let _service = place.start().await;
    accepted(&chat, 3).await;
    assert_eq!(kinds(&told(&chat))[2], ("ops.source.recovered", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_for_cron_tell_it_too() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&file(&weclever, &chat).source("stale_after", "200ms"));
    assert_eq!(place.run(&["run", "--once"]).code, 0);
    goes_down(&weclever);
    assert_eq!(place.run(&["run", "--once"]).code, 69);
    assert_eq!(chat.tally(|tally| tally.requests), 0, "the first that finds it silent waits for another");
    until("a run that tells", || {
        assert_eq!(place.run(&["run", "--once"]).code, 69);
        chat.tally(|tally| tally.accepted) == 1
    })
    .await;
    assert_eq!(place.run(&["run", "--once"]).code, 69);
    assert!(place.status()["source"]["stale_since"].is_string());
    comes_back(&weclever);
    for _ in 0..2 {
        assert_eq!(place.run(&["run", "--once"]).code, 0);
    }
    assert_eq!(kinds(&told(&chat)), [("ops.source.stale", 1), ("ops.source.recovered", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_nobody_takes_is_logged_and_no_dead_letter() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Broken { status: 422 }).await);
    let place = Place::new(&file(&weclever, &chat));
    let service = place.start_and_read().await;
    goes_down(&weclever);
    service.until_logged("could not be told there; it is given up on and only logged").await;
    comes_back(&weclever);
    until("the next one is tried as well", || service.logged("only logged") == 2).await;
    place
        .until_status("nothing waits", |status| {
            let chat = destination(status, "chat");
            chat["pending"] == 0 && chat["dead"] == 0 && chat["dropped"] == 0
        })
        .await;
    assert_eq!(
        chat.tally(|tally| (tally.requests, tally.by_id.len())),
        (2, 2),
        "nothing is said of what was not taken"
    );
    assert_eq!(place.json(&["dead", "list"], 0)["total"], 0);
}
