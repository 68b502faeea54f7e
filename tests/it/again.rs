//! Leads that are finalized again.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, FaultKind, Faults, Receiver};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn file(base_url: &str, receiver: &Receiver) -> File {
    let file = File::new(base_url).list("recheck", &[]).destination("crm", &receiver.url(), "");
    file.route_on("all", &["lead.finalized", "lead.rated", "lead.updated"], "crm")
}

fn statuses(receiver: &Receiver) -> Vec<String> {
    told(receiver).iter().map(|event| event["data"]["mapped_status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_finalized_three_times_is_told_three_times() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver));
    let service = place.start_and_read().await;
    for (n, status) in (1..).zip(["scheduled", "sold", "scheduled"]) {
        weclever.finalize(7, status);
        weclever.change(7, "name", format!("Ana {n}"));
        accepted(&receiver, n).await;
    }
    service.readings(3).await;
    service.stop();
    let events = told(&receiver);
    assert_eq!(types(&events), [("lead.finalized", 1), ("lead.finalized", 2), ("lead.finalized", 3)]);
    assert_eq!(statuses(&receiver), ["scheduled", "sold", "scheduled"]);
    let ids: BTreeSet<String> = receiver.tally(|tally| tally.by_id.keys().cloned().collect());
    assert_eq!(ids.len(), 3, "the third is not the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_status_in_a_later_list_is_another_end_too() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let now = Timestamp::now();
    let file = file(&weclever.base_url(), &receiver).source("start", &(now - 96 * HOUR).to_string());
    let place = Place::new(&file);
    weclever.finalize_at(7, "sold", now - 80 * HOUR);
    weclever.finalize_at(8, "sold", now - HOUR);
    let service = place.start_and_read().await;
    accepted(&receiver, 2).await;
    weclever.finalize(7, "sold");
    accepted(&receiver, 3).await;
    service.readings(3).await;
    service.stop();
    let leads: Vec<_> = told(&receiver).iter().map(|event| event["data"]["weclever_lead_id"].as_u64()).collect();
    assert_eq!((leads.len(), leads[2]), (3, Some(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_of_the_baseline_is_told_of_once_it_is_finalized_again() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver).list("recheck", &["300ms", "600ms", "60s"]));
    for id in [7, 8] {
        weclever.finalize_at(id, "sold", Timestamp::now() - HOUR / 2);
    }
    let service = place.start_and_read().await;
    // Neither is read again for want of a rating, nor for anything else.
    weclever.rate(7, "1");
    weclever.change(7, "name", "Bia");
    service.readings(6).await;
    assert_eq!((weclever.requests().detail, receiver.tally(|tally| tally.requests)), (0, 0));
    weclever.finalize(7, "lost");
    accepted(&receiver, 2).await;
    service.readings(3).await;
    service.stop();
    assert_eq!(types(&told(&receiver)), [("lead.finalized", 1), ("lead.rated", 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_at_first_is_told_of_later() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver));
    let service = place.start_and_read().await;
    weclever.finalize(7, "scheduled");
    accepted(&receiver, 1).await;
    weclever.set_faults(Faults { token: 0.0, list: 0.0, ..Faults::of(1.0, [FaultKind::Error]) });
    weclever.finalize(7, "sold");
    place.until_status("it is set aside", |status| status["source"]["set_aside"] == 1).await;
    service.kill();
    weclever.set_faults(Faults::default());
    let service = place.start().await;
    accepted(&receiver, 2).await;
    service.readings(3).await;
    service.stop();
    assert_eq!(types(&told(&receiver)), [("lead.finalized", 1), ("lead.finalized", 2)]);
    assert_eq!(statuses(&receiver), ["scheduled", "sold"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_whose_status_flaps_waits_and_somebody_is_told_what_to_do() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever.base_url(), &receiver).source("poll_every", "50ms"));
    let service = place.start_and_read().await;
    for n in 1..=6 {
        weclever.finalize(7, if n % 2 == 0 { "sold" } else { "lost" });
        accepted(&receiver, n).await;
    }
    weclever.finalize(7, "lost");
    place.until_status("it waits", |status| status["source"]["flapping"][0]["weclever_lead_id"] == 7).await;
    weclever.finalize(8, "sold");
    accepted(&receiver, 7).await;
    weclever.finalize(7, "won");
    service.readings(3).await;
    let text = place.run(&["status"]);
    assert!(text.code == 1 && text.out.contains("lead 7 changes its status with nearly every list: "), "{}", text.out);
    let text = place.run(&["explain", "7"]);
    for part in
        ["waits, for its status changes with nearly every list, status `won`", "finalized again, as so often lately"]
    {
        assert!(text.code == 0 && text.out.contains(part), "{}", text.out);
    }
    let page = Asking::of(&service).get("/").body;
    assert!(page.contains("A lead changes its status with nearly every list.") && !page.contains("lead 7"), "{page}");
    // It is what was listed last that is to be told, whoever begins anew.
    service.kill();
    let service = place.start().await;
    service.readings(2).await;
    assert_eq!(place.json(&["explain", "7"], 0)["story"]["mapped_status"], "won");
    assert_eq!(receiver.tally(|tally| tally.accepted), 7);
    service.stop();
}
