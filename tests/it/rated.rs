//! Leads that are read again: ratings that come later, and what else changed meanwhile.

use std::time::Duration;

use leadhook::simulator::{Behaviour, FaultKind, Faults, Receiver};
use serde_json::json;

use crate::support::*;

const ALL: [&str; 3] = ["lead.finalized", "lead.rated", "lead.updated"];

/// Ages that come soon and go on for longer than any story takes.
const SOON: [&str; 9] = ["400ms", "800ms", "1200ms", "1600ms", "2s", "3s", "6s", "12s", "60s"];

fn file(base_url: &str, receiver: &Receiver) -> File {
    File::new(base_url).list("recheck", &SOON).destination("crm", &receiver.url(), "").route_on("all", &ALL, "crm")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_that_is_there_at_the_end_is_told_behind_the_end() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver));
    let service = place.start_and_read().await;
    weclever.rate(7, "2/5");
    weclever.finalize(7, "sold");
    accepted(&receiver, 2).await;
    service.stop();
    let events = told(&receiver);
    assert_eq!(types(&events), [("lead.finalized", 1), ("lead.rated", 2)]);
    for event in &events {
        assert_eq!(event["data"]["csat"], json!({"score": 2, "low": true, "text": "2/5"}));
        assert_eq!(event["data"]["lead"]["csat"]["rating"], "2/5");
    }
    assert_eq!(events[0]["data"].get("changes"), None);
    assert_eq!(events[1]["data"]["changes"], json!(["/csat/rating"]));
    // It is rated: it is not read again.
    assert_eq!(weclever.requests().detail, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_that_comes_later_is_told_once_and_ends_the_readings() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver));
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;
    assert!(weclever.wait_until(|weclever| weclever.requests().detail >= 2, PATIENCE).await, "it is read again");
    weclever.rate(7, "1");
    accepted(&receiver, 2).await;
    let readings = weclever.requests().detail;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(weclever.requests().detail, readings, "it is rated, and read again");
    service.stop();
    let events = told(&receiver);
    assert_eq!(types(&events), [("lead.finalized", 1), ("lead.rated", 2)]);
    assert_eq!(events[0]["data"]["csat"], json!({"score": null, "low": false, "text": null}));
    assert_eq!(events[1]["data"]["csat"], json!({"score": 1, "low": true, "text": "1"}));
    assert_eq!(events[1]["data"]["changes"][0], "/csat/rating");
    assert_eq!(
        (&events[1]["data"]["mapped_status"], &events[1]["data"]["weclever_lead_id"]),
        (&json!("sold"), &json!(7))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_await_a_rating_are_read_again_after_a_kill() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = file(&weclever.base_url(), &receiver).list("recheck", &["2s", "60s"]);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=20 {
        weclever.finalize(id, "sold");
    }
    accepted(&receiver, 20).await;
    service.kill();
    for id in 1..=20 {
        weclever.rate(id, "5");
    }
    let service = place.start().await;
    // A kill may repeat a delivery, under its id.
    assert!(receiver.wait_until(|tally| tally.by_id.len() == 40, PATIENCE).await);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn run_once_reads_again_what_has_come_of_age() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver).list("recheck", &["1s", "1h"]));
    place.json(&["run", "--once"], 0);
    weclever.finalize(7, "sold");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    weclever.rate(7, "3");
    assert_eq!(place.json(&["run", "--once", "--wait", "3s"], 0)["delivered"], 1);
    assert_eq!(types(&told(&receiver)), [("lead.finalized", 1), ("lead.rated", 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_changed_is_told_with_what_changed() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver));
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;
    weclever.change(7, "utm_source", "nobody watches this");
    weclever.change(7, "name", "Bia");
    accepted(&receiver, 2).await;
    let messages = told(&receiver)[1]["data"]["lead"]["chats"].clone();
    let mut more = messages.clone();
    more["messages"].as_array_mut().unwrap().push(json!({"id_chat": 1, "sid": "SM1", "body": "oi"}));
    weclever.change(7, "chats", more);
    weclever.change(7, "phone", "+5511999990000");
    accepted(&receiver, 3).await;
    // Back to what it was: another happening, under an id of its own.
    weclever.change(7, "chats", messages);
    accepted(&receiver, 4).await;
    service.stop();
    let events = told(&receiver);
    assert_eq!(types(&events), [("lead.finalized", 1), ("lead.updated", 2), ("lead.updated", 3), ("lead.updated", 4)]);
    let changes: Vec<_> = events.iter().map(|event| event["data"]["changes"].clone()).collect();
    assert_eq!(changes[1..3], [json!(["/name"]), json!(["/phone", "/chats/messages"])]);
    assert_eq!(changes[3], json!(["/chats/messages"]));
    assert_eq!(events[1]["data"]["lead"]["name"], "Bia");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_told_with_its_comment_and_what_changed_beside_it_on_its_own() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver).list("recheck", &["1500ms", "60s"]));
    let service = place.start_and_read().await;
    weclever.change(7, "csat", json!({"message": "De 1 a 5?", "rating": ""}));
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;
    weclever.change(7, "csat", json!({"message": "demorou demais", "rating": "2"}));
    weclever.change(7, "email", "bia@example.com");
    accepted(&receiver, 3).await;
    service.stop();
    let events = told(&receiver);
    assert_eq!(types(&events), [("lead.finalized", 1), ("lead.rated", 2), ("lead.updated", 3)]);
    assert_eq!(events[1]["data"]["changes"], json!(["/csat/rating", "/csat/message"]));
    assert_eq!(events[2]["data"]["changes"], json!(["/email"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_cannot_be_read_again_for_a_while_is_no_dead_letter() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = file(&weclever.base_url(), &receiver).list("recheck", &["300ms", "60s"]).source("give_up_after", "1ms");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;
    let read = weclever.requests().detail;
    weclever.set_faults(Faults { token: 0.0, list: 0.0, ..Faults::of(1.0, [FaultKind::Error]) });
    weclever.rate(7, "4");
    assert!(weclever.wait_until(|weclever| weclever.requests().detail >= read + 3, PATIENCE).await);
    let status = place.status();
    assert_eq!((&status["source"]["set_aside"], &status["source"]["unreadable"]), (&json!(0), &json!(0)));
    weclever.set_faults(Faults::default());
    accepted(&receiver, 2).await;
    service.stop();
    assert_eq!(types(&told(&receiver)), [("lead.finalized", 1), ("lead.rated", 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_goes_before_all_that_is_read_again() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    // Two hundred leads are read again each second, and forty requests are allowed.
    let ages: Vec<String> = (1..60).map(|second| format!("{second}s")).collect();
    let ages: Vec<&str> = ages.iter().map(String::as_str).collect();
    let file = file(&weclever.base_url(), &receiver).list("recheck", &ages).source("rate", "40/s");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=200 {
        weclever.finalize(id, "sold");
    }
    accepted(&receiver, 200).await;
    let read = weclever.requests().detail;
    assert!(weclever.wait_until(|weclever| weclever.requests().detail >= read + 100, PATIENCE).await);
    for n in 1..=5 {
        let before = weclever.requests().detail;
        weclever.finalize(1_000 + n, "sold");
        accepted(&receiver, 200 + n).await;
        let overtaken_by = weclever.requests().detail - before;
        assert!(overtaken_by <= 40, "{overtaken_by} were read before it");
    }
    service.stop();
}
