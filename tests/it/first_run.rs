//! What of the past is sent, and what is caught up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leadhook::simulator::{Behaviour, Options, Receiver};

use crate::support::*;

fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

fn leads(receiver: &Receiver) -> Vec<u64> {
    receiver.tally(|tally| tally.by_lead.keys().copied().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_at_the_first_start_is_not_sent_and_what_comes_next_is() {
    let past = Options { past_leads: 200, past_stretch: Duration::from_secs(6 * 86_400), ..by_hand() };
    let weclever = weclever(past).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    assert_eq!(place.status()["source"]["seen_leads"], 200);
    weclever.finalize(1, "sold");
    weclever.finalize(2, "lost");
    accepted(&receiver, 2).await;
    service.readings(2).await;
    assert_eq!(leads(&receiver), [1, 2]);
    assert_eq!(weclever.requests().detail, 2, "nothing is fetched that is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_is_killed_half_way_goes_on_as_a_baseline() {
    let past = Options {
        past_leads: 100,
        past_stretch: Duration::from_secs(6 * 86_400),
        latency: Duration::from_millis(250),
        ..by_hand()
    };
    let weclever = weclever(past).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).source("poll_every", "2s").to("crm", &receiver.url(), ""));
    let service = place.start_with(&[]);
    // The newest window is read, some of those behind it are, and the next one is on its way.
    assert!(weclever.wait_until(|weclever| weclever.requests().list >= 4, PATIENCE).await);
    service.kill();
    weclever.finalize(1, "sold");

    let service = place.start().await;
    accepted(&receiver, 1).await;
    place.all_is_read().await;
    weclever.finalize(2, "lost");
    accepted(&receiver, 2).await;
    service.readings(1).await;
    assert_eq!(leads(&receiver), [1, 2]);
    assert_eq!(place.status()["source"]["seen_leads"], 102);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_to_start_from_sends_everything_since_and_nothing_older() {
    let weclever = weclever(by_hand()).await;
    for (id, hours) in [(1, 100), (2, 75), (3, 71), (4, 30), (5, 1)] {
        weclever.finalize_at(id, "sold", hours_ago(hours));
    }
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).source("start", &hours_ago(72).to_string());
    let place = Place::new(&file.clone().to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    accepted(&receiver, 3).await;
    assert_eq!(leads(&receiver), [3, 4, 5]);
    service.stop();

    // Neither another date nor "now" changes anything later, and it says so.
    for start in [hours_ago(200).to_string(), "now".to_owned()] {
        place.write(&file.clone().source("start", &start).to("crm", &receiver.url(), ""));
        let service = place.start_and_read().await;
        assert_eq!(service.logged("`start` in [source] has no effect any more"), 1, "{start}");
        weclever.finalize_at(6, "sold", Timestamp::now());
        accepted(&receiver, 4).await;
        service.stop();
        assert_eq!(leads(&receiver), [3, 4, 5, 6]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_of_downtime_is_caught_up_by_itself() {
    // The night is some seconds long, for so is the overlap: what was finalized early in it is beyond the newest window.
    let weclever = weclever(Options { leads_per_second: 20.0, ..by_hand() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).source("overlap", "1s").source("sweep", "1h");
    let place = Place::new(&file.to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    accepted(&receiver, 10).await;
    service.stop();

    let at_dusk = weclever.finalized();
    assert!(weclever.wait_until(|weclever| weclever.finalized() >= at_dusk + 80, PATIENCE).await);
    let at_dawn = weclever.finalized();
    let service = place.start().await;
    place.all_is_read().await;
    // From the first that was ever sent on, none is missing.
    let first = leads(&receiver)[0];
    let expected = weclever.finalized_ids().into_iter().filter(|id| *id >= first && *id < 100_000 + at_dawn);
    let expected: Vec<u64> = expected.collect();
    assert!(expected.len() >= 90);
    let all_there =
        receiver.wait_until(|tally| expected.iter().all(|lead| tally.by_lead.contains_key(lead)), PATIENCE).await;
    assert!(all_there, "{:?} of {expected:?}", leads(&receiver));
    receiver.tally(|tally| assert!(tally.repeated().is_empty()));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_leads_go_before_what_lies_behind() {
    let past = Options {
        past_leads: 300,
        past_stretch: Duration::from_secs(4 * 86_400),
        latency: Duration::from_millis(30),
        ..by_hand()
    };
    let weclever = weclever(past).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).number("concurrency", 1).source("start", &hours_ago(5 * 24).to_string());
    let place = Place::new(&file.to("crm", &receiver.url(), ""));
    let service = place.start_with(&[]);
    accepted(&receiver, 30).await;
    weclever.finalize(1, "sold");
    let came = receiver.wait_until(|tally| tally.by_lead.contains_key(&1), PATIENCE).await;
    assert!(came);
    let before = receiver.tally(|tally| tally.accepted);
    assert!(before < 200, "it came only after {before} others");
    accepted(&receiver, 301).await;
    // The newest of the past came first, too: its day, and the overlap, are read before the others.
    let day = weclever.finalized_ids()[200..300].to_vec();
    let first: Vec<u64> = receiver.tally(|tally| tally.kept.iter().take(20).map(lead_of).collect());
    assert!(first.iter().all(|lead| day.contains(lead)), "{first:?}");
    service.stop();
}

fn lead_of(request: &leadhook::simulator::Received) -> u64 {
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    body["data"]["weclever_lead_id"].as_u64().unwrap()
}
