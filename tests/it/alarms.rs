//! What a chat room hears of destinations that fail, of dead letters, and of leads that cannot be read.

use std::time::{Duration, Instant};

use leadhook::simulator::{Behaviour, Options, Receiver, WeClever};
use serde_json::Value;

use crate::support::*;

const ALARMS: [&str; 4] =
    ["ops.destination.failing", "ops.destination.recovered", "ops.destination.disabled", "ops.dead_letter"];

/// A CRM, and a chat room that hears of everything but leads.
fn file(weclever: &WeClever, crm: &Receiver, chat: &Receiver, retry: &str) -> File {
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), retry).destination("chat", &chat.url(), "");
    file.route_with("watch", &format!("on = {ALARMS:?}"), &["chat", "crm"])
}

fn kinds(told: &[Value]) -> Vec<(&str, &str, u64)> {
    let told = told.iter().map(|event| (&event["type"], &event["data"]["subject"], &event["data"]["count"]));
    told.map(|(kind, subject, count)| (kind.as_str().unwrap(), subject.as_str().unwrap(), count.as_u64().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_crm_makes_one_message_and_a_count() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let crm = receiver(Behaviour::Broken { status: 422 }).await;
    let place = Place::new(&file(&weclever, &crm, &chat, ""));
    let service = place.start_and_read().await;
    for id in 1..=40 {
        weclever.finalize(id, "sold");
    }
    place.until_status("all are dead", |status| destination(status, "crm")["dead"] == 40).await;
    accepted(&chat, 1).await;
    let first = told(&chat);
    assert_eq!(kinds(&first), [("ops.dead_letter", "crm", 1)]);
    let message = first[0]["data"]["message"].as_str().unwrap();
    assert!(message.contains("could not be delivered to crm: refused for good (HTTP 422)"), "{message}");
    assert!(message.contains("leadhook dead list --destination crm"), "{message}");
    // The rest is told when five minutes are over, or when leadhook ends: then the next run sends it.
    service.stop();
    let service = place.start().await;
    accepted(&chat, 2).await;
    assert_eq!(kinds(&told(&chat))[1], ("ops.dead_letter", "crm", 39));
    // Not a word of it to the CRM itself.
    crm.tally(|tally| assert_eq!(tally.by_id.len(), 40));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_for_long_is_told_of_once_even_over_a_restart_and_so_is_its_return() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let crm = receiver(Behaviour::Broken { status: 503 }).await;
    let retry = r#"retry = { initial = "500ms", factor = 1.0, max = "500ms", attempts = 1000 }"#;
    let place = Place::new(&file(&weclever, &crm, &chat, retry));
    let service = place.start_and_read().await;
    for id in 1..=3 {
        weclever.finalize(id, "sold");
    }
    accepted(&chat, 1).await;

    place.until_status("that is settled", |status| destination(status, "chat")["delivered"] == 1).await;

    // It is known on disk, and nothing but probes goes out from then on.
    service.kill();
    let since = |status: &Value| destination(status, "crm")["since"].as_str().map(str::to_owned);
    let before = place.json(&["status"], 1);
    assert_eq!(destination(&before, "crm")["state"], "failing", "{before}");
    let (advised, resume) = (place.run(&["status"]).out, "leadhook destination resume crm");
    assert!(advised.contains(resume), "{advised}");
    let service = place.start().await;
    until("it is probed, less and less often", || service.logged("probe=true") >= 3).await;
    let status = place.status();
    assert_eq!((&destination(&status, "crm")["state"], since(&status)), (&"failing".into(), since(&before)));
    let probes = service.logged("probe=true");
    // The next one would come after eight seconds.
    let asked = Instant::now();
    let said = place.run(&["destination", "resume", "crm"]);
    assert!(said.code == 0 && said.out.contains("what waits is tried now: 3 pending"), "{}", said.out);
    until("it is probed at once", || service.logged("probe=true") > probes).await;
    assert!(asked.elapsed() < Duration::from_secs(4), "it took {:?}", asked.elapsed());
    let log = service.log();
    let unprobed = log.lines().filter(|line| line.contains("destination=\"crm\"") && line.contains("probe=false"));
    assert_eq!(unprobed.count(), 0, "{log}");

    crm.behave(Behaviour::Fine);
    place.run(&["destination", "resume", "crm"]);
    accepted(&chat, 2).await;
    let told = told(&chat);
    assert_eq!(kinds(&told), [("ops.destination.failing", "crm", 1), ("ops.destination.recovered", "crm", 1)]);
    assert_eq!(told[0]["data"]["error"], "HTTP 503");
    assert_eq!(told[0]["data"]["since"], told[1]["data"]["since"]);
    place.until_status("nothing is lost", |status| destination(status, "crm")["delivered"] == 3).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_gone_is_told_of() {
    let (weclever, chat) = (weclever(by_hand()).await, receiver(Behaviour::Fine).await);
    let crm = receiver(Behaviour::Broken { status: 410 }).await;
    let place = Place::new(&file(&weclever, &crm, &chat, ""));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&chat, 1).await;
    let told = told(&chat);
    assert_eq!(kinds(&told), [("ops.destination.disabled", "crm", 1)]);
    assert!(told[0]["data"]["message"].as_str().unwrap().contains("leadhook destination resume crm"), "{told:?}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_for_cron_could_not_deliver_is_told_by_the_next() {
    let (weclever, chat) = (weclever(Options { past_leads: 3, ..by_hand() }).await, receiver(Behaviour::Fine).await);
    let crm = receiver(Behaviour::Broken { status: 422 }).await;
    let place = Place::new(&file(&weclever, &crm, &chat, "").source("start", "2020-01-01"));
    assert_eq!(place.run(&["run", "--once"]).code, 1);
    until("the chat room has heard of all", || {
        place.run(&["run", "--once"]);
        kinds(&told(&chat)).iter().map(|(_, _, count)| count).sum::<u64>() == 3
    })
    .await;
}

/// An alarm that nobody takes is logged, and no reason for another.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_dies_makes_no_alarm() {
    let weclever = weclever(by_hand()).await;
    let (crm, chat) =
        (receiver(Behaviour::Broken { status: 422 }).await, receiver(Behaviour::Broken { status: 422 }).await);
    let place = Place::new(&file(&weclever, &crm, &chat, ""));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    until("it is logged", || service.logged("given up on and only logged") == 1).await;
    assert_eq!(destination(&place.status(), "chat")["dead"], 0);
    service.stop();
    assert_eq!(chat.tally(|tally| tally.requests), 1);
}
