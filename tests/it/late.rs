//! Leads that show up late, and time in which nobody looked.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, FaultKind, Faults, Options, Receiver, WeClever};
use serde_json::Value;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// Looks back every moment and never sweeps, or the other way round.
fn file(weclever: &WeClever, receiver: &Receiver, lookback_every: &str, sweep_every: &str) -> File {
    let file = File::new(&weclever.base_url()).to("crm", &receiver.url(), "");
    file.source("lookback_every", lookback_every).source("sweep_every", sweep_every)
}

fn leads(receiver: &Receiver) -> BTreeSet<u64> {
    receiver.tally(|tally| tally.by_lead.keys().copied().collect())
}

fn late(status: &Value) -> (u64, u64) {
    let late = &status["source"]["lateness"];
    (late["count"].as_u64().unwrap(), late["max_s"].as_u64().unwrap() / 3_600)
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_show_up_to_forty_hours_late_are_found_by_looking_back() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever, &receiver, "300ms", "10d"));
    let service = place.start_and_read().await;
    let now = Timestamp::now();
    for id in 1..=40 {
        weclever.finalize_at(id, "sold", now - HOUR * u32::try_from(id).unwrap());
    }
    // Beyond what it looks back to.
    weclever.finalize_at(99, "sold", now - 60 * HOUR);
    accepted(&receiver, 40).await;
    service.readings(8).await;
    assert_eq!(leads(&receiver), (1..=40).collect());
    // Those of the last two hours are listed by every poll; how late each was nobody can tell, but so late at the least.
    let (count, hours) = late(&place.status());
    assert!(count >= 37 && (24..40).contains(&hours), "{count} {hours}");
    assert!(place.run(&["status"]).out.contains("showed up late, by 1d"), "{}", place.run(&["status"]).out);
    service.stop();
    receiver.tally(|tally| assert_eq!(tally.requests, 40, "each of them once"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_finds_what_shows_up_later_still() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever, &receiver, "10d", "300ms"));
    let service = place.start_and_read().await;
    let now = Timestamp::now();
    for id in 1..=6 {
        weclever.finalize_at(id, "sold", now - 25 * HOUR * u32::try_from(id).unwrap());
    }
    accepted(&receiver, 6).await;
    service.stop();
    receiver.tally(|tally| assert_eq!((tally.requests, tally.by_lead.len()), (6, 6)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_neither_skips_a_look_back_nor_repeats_it() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever, &receiver, "4s", "10d"));
    place.json(&["run", "--once"], 0);
    weclever.finalize_at(1, "sold", Timestamp::now() - 30 * HOUR);
    // Not yet due: the time of the last one is on disk.
    let before = weclever.requests().list;
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 0);
    assert_eq!(weclever.requests().list, before + 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let due = place.json(&["run", "--once"], 0);
    assert_eq!((&due["delivered"], &due["windows_left"]), (&1.into(), &0.into()));
    // One that failed is due until it comes to a good end.
    tokio::time::sleep(Duration::from_secs(4)).await;
    weclever.finalize_at(2, "sold", Timestamp::now() - 30 * HOUR);
    let before = weclever.requests().list;
    let running = place.spawn(&["run", "--once", "--json"]);
    assert!(weclever.wait_until(|weclever| weclever.requests().list > before, PATIENCE).await);
    weclever.set_faults(Faults { token: 0.0, ..Faults::of(1.0, [FaultKind::Error]) });
    let failed = running.ends();
    weclever.set_faults(Faults::default());
    if failed.code == 1 {
        assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    }
    assert_eq!(leads(&receiver), BTreeSet::from([1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_back_into_a_baseline_that_was_not_read_whole_sends_nothing_of_it() {
    let weclever = weclever(Options { latency: Duration::from_millis(150), ..unrated() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever, &receiver, "10ms", "20ms"));
    let now = Timestamp::now();
    for id in 1..=160 {
        weclever.finalize_at(id, "sold", now - HOUR * u32::try_from(id).unwrap());
    }
    for _ in 0..3 {
        let service = place.start().await;
        service.until_logged("window read").await;
        service.kill();
    }
    let service = place.start().await;
    place.all_is_read().await;
    weclever.finalize(777, "sold");
    accepted(&receiver, 1).await;
    service.readings(20).await;
    service.stop();
    assert_eq!(leads(&receiver), BTreeSet::from([777]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_lists_nothing_for_a_while_hides_nothing_for_good() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&file(&weclever, &receiver, "500ms", "10d"));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&receiver, 1).await;
    // Lists are empty: what was finalized meanwhile, and longer ago than the polls reach, is not in them.
    weclever.set_cap(Some(0));
    service.readings(3).await;
    let now = Timestamp::now();
    for id in 2..=60 {
        weclever.finalize_at(id, "sold", now - HOUR / 12 * u32::try_from(id).unwrap());
    }
    service.readings(5).await;
    assert_eq!(receiver.tally(|tally| tally.requests), 1);
    weclever.set_cap(None);
    accepted(&receiver, 60).await;
    service.readings(3).await;
    service.stop();
    // Nor did what was missing from the lists change anything about the one that was known.
    receiver.tally(|tally| assert_eq!((tally.requests, tally.by_lead.len()), (60, 60)));
}
