//! Lists that end without a word.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Options, Receiver};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn leads(receiver: &Receiver) -> BTreeSet<u64> {
    receiver.tally(|tally| tally.by_lead.keys().copied().collect())
}

/// So many leads, spread over the last twenty hours.
fn spread(past_leads: u64, cap: usize) -> Options {
    Options { past_leads, past_stretch: 20 * HOUR, cap: Some(cap), ..unrated() }
}

fn since_yesterday(base_url: &str, receiver: &Receiver) -> File {
    let start = Timestamp::now() - 30 * HOUR;
    File::new(base_url).source("start", &start.to_string()).list("recheck", &[]).to("crm", &receiver.url(), "")
}

async fn everything_is_read(cap: usize, past_leads: u64) {
    let weclever = weclever(spread(past_leads, cap)).await;
    let receiver = receiver(Behaviour::Fine).await;
    let chat = super::support::receiver(Behaviour::Fine).await;
    let file = since_yesterday(&weclever.base_url(), &receiver).destination("chat", &chat.url(), "");
    let place = Place::new(&file.route_on("watch", &["ops.source.capped"], "chat"));
    let run = place.json(&["run", "--once"], 0);
    assert_eq!((&run["delivered"], &run["unchecked"]), (&(past_leads + 1).into(), &0.into()));
    let told = told(&chat);
    assert_eq!((told.len(), &told[0]["type"], &told[0]["data"]["rows"]), (1, &"ops.source.capped".into(), &cap.into()));
    assert_eq!(leads(&receiver), weclever.finalized_ids().into_iter().collect());
    let status = place.status();
    assert_eq!(status["source"]["cap"], cap);
    // It is known from now on: a window is divided until no list is full, and no more.
    let before = weclever.requests().list;
    weclever.finalize(7, "sold");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    assert!(weclever.requests().list - before < 20, "{}", weclever.requests().list - before);
    // Whoever looks at the past sees all of it as well.
    let from = (Timestamp::now() - 26 * HOUR).to_string();
    let reconciled = place.json(&["reconcile", "--from", &from], 0);
    let crm = reconciled["destinations"].as_array().unwrap().iter().find(|to| to["destination"] == "crm").unwrap();
    assert_eq!((&crm["listed"], &crm["missing"]), (&(past_leads + 1).into(), &0.into()), "{reconciled:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_of_a_hundred_hides_nothing() {
    everything_is_read(100, 700).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_of_a_thousand_hides_nothing() {
    everything_is_read(1_000, 1_300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_comes_just_beyond_the_cap_is_found_by_the_next_poll() {
    let weclever = weclever(Options { cap: Some(20), ..unrated() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&since_yesterday(&weclever.base_url(), &receiver));
    let service = place.start_and_read().await;
    let now = Timestamp::now();
    for id in 1..=25 {
        // The oldest of them is listed first: what is new is cut.
        weclever.finalize_at(id, "sold", now - Duration::from_secs(2_500 - 90 * id));
        accepted(&receiver, id).await;
    }
    service.stop();
    assert_eq!(leads(&receiver), (1..=25).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_loses_nothing_to_a_cap() {
    let options = Options { past_leads: 300, past_stretch: 90 * Duration::from_secs(60), cap: Some(100), ..unrated() };
    let weclever = weclever(options).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    place.until_status("all of them are known", |status| status["source"]["seen_leads"] == 300).await;
    weclever.set_cap(None);
    weclever.finalize(7, "sold");
    accepted(&receiver, 1).await;
    service.readings(3).await;
    service.stop();
    assert_eq!(leads(&receiver), BTreeSet::from([7]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_that_is_too_full_is_never_passed_over_in_silence() {
    let weclever = weclever(Options { cap: Some(100), ..unrated() }).await;
    let (receiver, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let file = since_yesterday(&weclever.base_url(), &receiver).destination("chat", &chat.url(), "");
    let place = Place::new(&file.route_on("watch", &["ops.source.capped"], "chat"));
    let second = Timestamp::from_second((Timestamp::now() - HOUR).as_second()).unwrap();
    for id in 1..=150 {
        weclever.finalize_at(id, "sold", second);
    }
    // Whatever else there is is read.
    for id in 151..=290 {
        weclever.finalize_at(id, "sold", second + Duration::from_secs(10 * (id - 100)));
    }
    let ran = place.run(&["run", "--once"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("leads may be missing"), "{}", ran.out);
    assert!(chat.wait_until(|tally| tally.accepted >= 2, PATIENCE).await);
    let data: Vec<_> = told(&chat).into_iter().map(|event| event["data"].clone()).collect();
    assert!(data.iter().all(|data| data["rows"] == 100) && data[0] != data[1], "the cap and the second: {data:?}");
    assert!(ran.err.contains("and maybe more, of which WeClever lists no more at a time"), "{}", ran.err);
    let got = leads(&receiver);
    assert!((151..=290).all(|id| got.contains(&id)) && got.len() == 240, "{}", got.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_end_in_one_second_are_no_cap_where_longer_lists_are_known() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&since_yesterday(&weclever.base_url(), &receiver));
    let now = Timestamp::now();
    for id in 1..=90 {
        weclever.finalize_at(id, "sold", now - HOUR);
    }
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 90);
    for id in 91..=220 {
        weclever.finalize_at(id, "sold", now - Duration::from_secs(10 * id));
    }
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 130);
    assert_eq!(place.status()["source"]["cap"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_that_is_new_is_found_by_the_sweep() {
    let weclever = weclever(Options { past_leads: 400, past_stretch: 20 * HOUR, ..unrated() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = since_yesterday(&weclever.base_url(), &receiver).source("sweep_every", "1s").source("lookback", "24h");
    let place = Place::new(&file.source("sweep", "29h"));
    let service = place.start_and_read().await;
    accepted(&receiver, 400).await;
    weclever.set_cap(Some(50));
    let now = Timestamp::now();
    for id in 1..=300 {
        weclever.finalize_at(id, "sold", now - HOUR / 15 * u32::try_from(id).unwrap());
    }
    accepted(&receiver, 700).await;
    assert_eq!(place.status()["source"]["cap"], 50);
    service.stop();
    receiver.tally(|tally| assert_eq!((tally.requests, tally.by_lead.len()), (700, 700)));
}
