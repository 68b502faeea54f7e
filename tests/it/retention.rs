//! What was delivered long ago goes; what was not, and who got what, stays.

use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Mishap, Options};
use serde_json::Value;

use crate::support::*;

const RETENTION: &str = "LEADHOOK_STORE__RETENTION";

fn hour_ago() -> String {
    (Timestamp::now() - Duration::from_secs(3600)).to_string()
}

/// All that lies in a directory, in bytes. What vanishes meanwhile counts for nothing.
fn size(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(what) if what.is_dir() => size(&entry.path()),
        Ok(what) => what.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// The event of a lead's story that has this number, from 0.
fn event(place: &Place, lead: u64, n: usize, code: i32) -> Value {
    place.json(&["explain", &lead.to_string()], code)["story"]["events"][n].clone()
}

async fn until_gone(place: &Place, lead: u64) {
    until(format!("the event of lead {lead} is gone"), || event(place, lead, 0, 0)["kept"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_steady_load_the_directory_levels_off() {
    // Bodies, attempts that failed with what was answered, and events that come when a lead is read again.
    let load = Options {
        leads_per_second: 120.0,
        ratings_later_share: 0.5,
        ratings_later_up_to: Duration::from_secs(2),
        ..by_hand()
    };
    let weclever = weclever(load).await;
    let flaky = receiver(Behaviour::Flaky { share: 0.4, kinds: vec![Mishap::Error, Mishap::Unavailable] }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).source("start", &hour_ago()).list("recheck", &["1s", "3s"]);
    let file = file.to("crm", &receiver.url(), "").destination("flaky", &flaky.url(), PATIENT_RETRIES);
    let both = r#"on = ["lead.finalized", "lead.rated"]"#;
    let file = file.route_with("flaky", both, &["flaky"]);
    let place = Place::new(&file).with(RETENTION, "1s");
    let service = place.start().await;
    // The first of them go before all that is there once it runs steadily.
    accepted(&receiver, 1_000).await;
    let mut low = u64::MAX;
    for leads in 0..16 {
        accepted(&receiver, 1_000 + leads * 32).await;
        low = low.min(size(&place.path("data")));
    }
    // Space comes back in pieces: what counts is that it gets about as low again, after more than twice as many leads.
    accepted(&receiver, 3_500).await;
    assert!(flaky.tally(|tally| tally.requests - tally.accepted) > 500, "attempts failed");
    // More than one for a lead.
    accepted(&flaky, 4_000).await;
    until(format!("about {low} bytes again"), || size(&place.path("data")) < low * 2).await;
    println!("{low} bytes at the least to begin with, {} after 3,500 leads", size(&place.path("data")));
    weclever.finalize_no_more();
    let all = weclever.finalized();
    place.until_status("all are counted", |status| destination(status, "crm")["delivered"] == all).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_still_known_and_what_is_dead_is_still_there() {
    let weclever = weclever(by_hand()).await;
    let good = receiver(Behaviour::Fine).await;
    let bad = receiver(Behaviour::Broken { status: 422 }).await;
    let file = File::new(&weclever.base_url()).source("start", &hour_ago());
    let file = file.to("good", &good.url(), "").destination("bad", &bad.url(), "");
    let place = Place::new(&file).with(RETENTION, "500ms");
    let service = place.start_and_read().await;
    for lead in 1..=20 {
        weclever.finalize(lead, "sold");
    }
    accepted(&good, 20).await;
    for lead in 1..=20 {
        until_gone(&place, lead).await;
    }
    let told = place.run(&["explain", "7"]);
    for part in ["only its outcomes are kept", "[store] retention", "event 1 to good: delivered", "all is settled"] {
        assert!(told.out.contains(part), "`{part}` is not in:\n{}", told.out);
    }
    service.readings(2).await;
    let status = place.status();
    let delivered = &destination(&status, "good")["delivered"];
    assert_eq!((delivered, good.tally(|tally| tally.requests)), (&20.into(), 20), "nothing is sent again");
    service.stop();

    // The dead letter of an event whose other delivery was made long ago.
    place.write(&file.route("bad", "bad"));
    let service = place.start_and_read().await;
    weclever.finalize(30, "sold");
    place.until_status("one is dead", |status| destination(status, "bad")["dead"] == 1).await;
    weclever.finalize(31, "sold");
    accepted(&good, 22).await;
    place.until_status("two are dead", |status| destination(status, "bad")["dead"] == 2).await;
    place.json(&["dead", "drop", &letter(&place, 31)], 0);
    // Whatever would go has gone by the time that a later one has.
    until_gone(&place, 31).await;
    let there = event(&place, 30, 0, 1);
    let of = |name: &str| there["deliveries"].as_array().unwrap().iter().find(|d| d["destination"] == name).unwrap();
    assert_eq!((&of("good")["state"], &of("bad")["state"]), (&"delivered".into(), &"dead".into()));
    assert_eq!(of("bad")["attempts"].as_array().unwrap().len(), 1);
    let shown = place.json(&["dead", "show", &letter(&place, 30)], 0);
    assert!(shown["request"]["body"].as_str().unwrap().contains("30"), "{shown:#}");

    bad.behave(Behaviour::Fine);
    place.json(&["dead", "retry", "--all"], 0);
    accepted(&bad, 1).await;
    assert_eq!(
        bad.tally(|tally| tally.by_lead[&30][0].id.clone()),
        good.tally(|tally| tally.by_lead[&30][0].id.clone())
    );
    until_gone(&place, 30).await;
    service.stop();
}

/// The id of a lead's dead letter.
fn letter(place: &Place, lead: u64) -> String {
    let list = place.json(&["dead", "list"], 1);
    let letter = list["letters"].as_array().unwrap().iter().find(|letter| letter["lead"] == lead).unwrap();
    letter["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_for_cron_lets_go_at_its_end() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).source("start", &hour_ago()).to("crm", &receiver.url(), "");
    let place = Place::new(&file).with(RETENTION, "1s");
    for lead in 1..=90 {
        weclever.finalize(lead, "sold");
    }
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 90);
    for lead in [1, 45, 90] {
        until(format!("a later run lets lead {lead} go"), || {
            let again = place.json(&["run", "--once"], 0);
            assert_eq!((&again["delivered"], &again["new_leads"]), (&0.into(), &0.into()));
            event(&place, lead, 0, 0)["kept"].is_null()
        })
        .await;
    }
    assert_eq!(destination(&place.status(), "crm")["delivered"], 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_lets_go_it_loses_nothing_that_waits_and_sends_nothing_again() {
    const LEADS: u64 = 1_000;
    let seed = fastrand::u64(..);
    println!("the dice's seed is {seed}");
    let mut dice = Rng::with_seed(seed);
    let load = Options { leads_per_second: 150.0, max_leads: Some(LEADS), ..by_hand() };
    let weclever = weclever(load).await;
    let fine = receiver(Behaviour::Fine).await;
    let refusing = receiver(Behaviour::Broken { status: 422 }).await;
    let down = receiver(Behaviour::Broken { status: 500 }).await;
    // Something dies, something waits, and most of what was delivered goes while that is so.
    let some = |n: u8| format!("on = [\"lead.finalized\"]\nwhen = \"weclever_lead_id % 7 == {n}\"");
    let file = File::new(&weclever.base_url()).source("start", &hour_ago()).to("fine", &fine.url(), "");
    let file = file.destination("refusing", &refusing.url(), "").route_with("refusing", &some(1), &["refusing"]);
    let file = file.destination("down", &down.url(), PATIENT_RETRIES).route_with("down", &some(2), &["down"]);
    let place = Place::new(&file).with(RETENTION, "250ms");
    let want = |n: u64| (100_000..100_000 + LEADS).filter(|lead| lead % 7 == n).collect::<Vec<_>>();

    let mut kills = 0;
    while fine.tally(|tally| tally.by_lead.len() as u64) < LEADS {
        let service = place.start_with(&[]);
        let target = fine.tally(|tally| tally.requests) + dice.u64(20..150);
        fine.wait_until(|tally| tally.requests >= target, Duration::from_millis(1_500)).await;
        tokio::time::sleep(Duration::from_millis(dice.u64(0..300))).await;
        service.kill();
        kills += 1;
        assert!(kills < 100, "{} of {LEADS}", fine.tally(|tally| tally.by_lead.len()));
    }
    assert!(kills > 3, "{kills}");

    let service = place.start_and_read().await;
    let dead = want(1).len();
    place.until_status("the refused are dead", |status| destination(status, "refusing")["dead"] == dead).await;
    down.behave(Behaviour::Fine);
    refusing.behave(Behaviour::Fine);
    assert_eq!(place.json(&["dead", "retry", "--all"], 0)["done"].as_array().unwrap().len(), dead);
    for (receiver, name, leads) in [(&fine, "fine", None), (&refusing, "refusing", Some(1)), (&down, "down", Some(2))] {
        let leads: Vec<u64> = leads.map_or_else(|| (100_000..100_000 + LEADS).collect(), want);
        let all = receiver.wait_until(|tally| tally.by_lead.len() == leads.len(), PATIENCE).await;
        assert!(all, "{name}: {} of {}", receiver.tally(|tally| tally.by_lead.len()), leads.len());
        receiver.tally(|tally| {
            assert!(tally.by_lead.keys().copied().eq(leads.iter().copied()));
            let other_ids = tally.by_lead.values().find(|events| events.iter().any(|event| event.id != events[0].id));
            assert_eq!(other_ids, None, "a repeat has the id of the first");
        });
        place
            .until_status("every delivery is counted once", |status| {
                let there = destination(status, name);
                (&there["pending"], &there["dead"], &there["delivered"]) == (&0.into(), &0.into(), &leads.len().into())
            })
            .await;
    }
    let repeats = fine.tally(|tally| tally.accepted - LEADS);
    assert!(repeats <= kills * 32, "{repeats} repeats in {kills} kills");
    for lead in [100_000, 100_000 + LEADS / 2, 99_999 + LEADS] {
        until_gone(&place, lead).await;
    }
    service.stop();
}
