//! Rows of a list that cannot be read: for once, for good, and all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Receiver};
use serde_json::Value;

use crate::support::*;

const BAD: &str = r#"{"weclever_lead_id":null,"mapped_status":"sold","client_lead_id":"maria@example.com"}"#;

/// In a row, something else in each list.
const EACH_TIME: &str = "each-time";

fn row(id: u64) -> String {
    format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold"}}"#)
}

/// A WeClever whose list can be changed. Whatever it is asked for it lists all of these, and some more only for stretches that
/// have passed.
struct Listing {
    rows: Arc<Mutex<Vec<String>>>,
    passed: Arc<Mutex<Vec<String>>>,
    raw: Raw,
}

impl Listing {
    async fn start(rows: &[String]) -> Listing {
        let rows = Arc::new(Mutex::new(rows.to_vec()));
        let passed: Arc<Mutex<Vec<String>>> = Arc::default();
        let (listed, then) = (Arc::clone(&rows), Arc::clone(&passed));
        let raw = Raw::start(move |request, came| {
            if request.line.contains("/solution/token/") {
                return Reply::new(200, "", r#"{"token":"t"}"#);
            }
            if request.line.contains("/lead/find/finalized/") {
                let mut rows = listed.lock().unwrap().clone();
                let soon = (Timestamp::now() + Duration::from_secs(3_600)).strftime("%Y-%m-%d+%H:%M:%S").to_string();
                let last = request.line.rsplit('/').next().unwrap().replace("%2B", "+").replace("%3A", ":");
                if last < soon {
                    rows.extend(then.lock().unwrap().clone());
                }
                let rows = rows.join(",").replace(EACH_TIME, &came.to_string());
                return Reply::new(200, "", &format!(r#"{{"leads":[{rows}]}}"#));
            }
            Reply::new(200, "", r#"{"lead":{"name":"Ana"}}"#)
        })
        .await;
        Listing { rows, passed, raw }
    }

    fn set(&self, rows: &[String]) {
        *self.rows.lock().unwrap() = rows.to_vec();
    }

    fn set_passed(&self, row: &str) {
        *self.passed.lock().unwrap() = vec![row.to_owned()];
    }

    fn lists(&self) -> usize {
        self.raw.requests().iter().filter(|request| request.line.contains("/lead/find/")).count()
    }
}

fn good(ids: std::ops::RangeInclusive<u64>) -> Vec<String> {
    ids.map(row).collect()
}

fn with(rows: Vec<String>, more: &[&str]) -> Vec<String> {
    rows.into_iter().chain(more.iter().map(|row| (*row).to_owned())).collect()
}

fn leads(receiver: &Receiver) -> BTreeSet<u64> {
    receiver.tally(|tally| tally.by_lead.keys().copied().collect())
}

fn looks(status: &Value) -> String {
    status["needs_a_look"].to_string()
}

fn rows_of(status: &Value) -> usize {
    status["source"]["malformed_rows"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_bad_for_good_is_set_aside_and_holds_nothing_up() {
    // It is there from the first reading on, so that the baseline would never end.
    let listing = Listing::start(&with(good(1..=20), &[BAD])).await;
    let crm = receiver(Behaviour::Fine).await;
    let file = File::new(&listing.raw.url()).source("poll_every", "300ms").source("lookback_every", "1s");
    let place = Place::new(
        &file.source("sweep", "3h").source("lookback", "3h").source("timezone", "UTC").source("overlap", "1s").to(
            "crm",
            &crm.url(),
            "",
        ),
    );
    let service = place.start().await;
    place.until_status("the row is set aside", |status| rows_of(status) == 1).await;
    assert!(service.logged("has rows that cannot be read") >= 2);
    place.all_is_read().await;
    let status = place.status();
    assert!(looks(&status).contains("a row of WeClever's list cannot be read (`weclever_lead_id` is null"), "{status}");
    assert_eq!(status["source"]["trouble"], Value::Null);
    listing.set(&with(good(1..=21), &[BAD]));
    accepted(&crm, 1).await;
    assert_eq!(leads(&crm), BTreeSet::from([21]));

    // Another one comes, and a good lead with it: that one is taken at once, and nothing waits longer and longer.
    let number = r#"{"weclever_lead_id":-7}"#;
    listing.set(&with(good(1..=22), &[BAD, number]));
    accepted(&crm, 2).await;
    let before = listing.lists();
    place.until_status("both are", |status| rows_of(status) == 2).await;
    assert!(listing.lists() - before < 40, "{}", listing.lists() - before);
    service.readings(3).await;
    assert_eq!(service.logged("comes back the same each time"), 2, "once for each of them");
    assert!(!service.log().contains("maria@example.com"));
    assert!(looks(&place.status()).contains("2 rows of WeClever's list"));
    let page = Asking::of(&service).get("/").body;
    assert!(page.contains("2 rows of WeClever&#x27;s list cannot be read") && page.contains("last listed"), "{page}");

    // One that only readings show that reach further back; and once it can be read, they find it.
    listing.set_passed(r#"{"weclever_lead_id":"?"}"#);
    place.until_status("so is this one", |status| rows_of(status) == 3).await;
    listing.set_passed(&row(777));
    accepted(&crm, 3).await;
    assert_eq!(leads(&crm), BTreeSet::from([21, 22, 777]));
    // The others can be read, or are gone: polls say so of the time that they reach, the others of the rest.
    listing.set(&with(good(1..=22), &[&row(888)]));
    accepted(&crm, 4).await;
    place.until_status("nothing is left", |status| rows_of(status) == 0).await;
    assert_eq!(place.run(&["status"]).code, 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn cron_counts_the_readings_of_all_its_runs_and_ends_with_one() {
    let listing = Listing::start(&with(good(1..=20), &[BAD])).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&listing.raw.url()).source("sweep", "3h").to("crm", &crm.url(), ""));
    for windows_read in [0, 0] {
        let run = place.json(&["run", "--once"], 1);
        assert_eq!((&run["windows_read"], &run["malformed_rows"]), (&windows_read.into(), &1.into()));
    }
    let run = place.json(&["run", "--once"], 1);
    assert_eq!((&run["windows_left"], &run["malformed_rows"]), (&0.into(), &1.into()));
    let text = place.run(&["run", "--once"]);
    assert!(text.code == 1 && text.out.contains("1 row of WeClever's list cannot be read"), "{}", text.out);
    listing.set(&with(good(1..=21), &[BAD]));
    assert_eq!(place.json(&["run", "--once"], 1)["delivered"], 1);
    assert_eq!(place.run(&["status"]).code, 1);
    // What reads the past tells of it each time.
    assert_eq!(place.json(&["reconcile", "--from", "1h"], 1)["malformed_rows"], 1);
    listing.set(&good(1..=21));
    assert_eq!(place.json(&["run", "--once"], 0)["malformed_rows"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_rows_are_all_bad_is_none_and_a_short_one_is_held_against_its_days() {
    let crm = receiver(Behaviour::Fine).await;
    let renamed = |ids: std::ops::RangeInclusive<u64>| {
        good(ids).iter().map(|row| row.replace("weclever_lead_id", "id")).collect()
    };
    for (rows, broken) in [(with(good(1..=9), &[BAD; 9]), true), (renamed(1..=1), true), (renamed(1..=30), true)] {
        let listing = Listing::start(&rows).await;
        let place = Place::new(&File::new(&listing.raw.url()).source("poll_every", "50ms").to("crm", &crm.url(), ""));
        let service = place.start().await;
        until("it is told", || service.logged("its form may have changed") >= 3).await;
        let status = place.status();
        assert_eq!((rows_of(&status) == 0, &status["source"]["last_poll"]), (broken, &Value::Null));
        assert!(looks(&status).contains("its form may have changed"), "{status}");
        // It is as it was before, and nothing has been lost.
        listing.set(&good(1..=30));
        place.all_is_read().await;
        listing.set(&good(1..=31));
        let came = crm.tally(|tally| tally.accepted);
        accepted(&crm, came + 1).await;
        service.stop();
    }
    assert_eq!(leads(&crm), BTreeSet::from([31]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_bad_once_is_taken_when_it_can_be_read() {
    let listing = Listing::start(&good(1..=20)).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&listing.raw.url()).source("poll_every", "100ms").to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    // Each time it is another text: such a list never counts, but is asked for as often as any.
    listing.set(&with(good(1..=21), &[&format!(r#"{{"weclever_lead_id":null,"n":"{EACH_TIME}"}}"#)]));
    accepted(&crm, 1).await;
    let before = listing.lists();
    until("it is read ten times more", || listing.lists() >= before + 10).await;
    assert_eq!((leads(&crm), rows_of(&place.status())), (BTreeSet::from([21]), 0));
    listing.set(&with(good(1..=21), &[&row(22)]));
    accepted(&crm, 2).await;
    service.readings(1).await;
    assert_eq!(place.run(&["status"]).code, 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_read_in_pieces_counts_in_spite_of_such_a_row_as_well() {
    let listing = Listing::start(&with(good(1..=1_500), &[BAD])).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&listing.raw.url()).source("sweep", "3h").to("crm", &crm.url(), ""));
    let read: Vec<Value> = (0..3).map(|_| place.json(&["run", "--once"], 1)["windows_read"].clone()).collect();
    assert!(read[..2] == [0, 0] && read[2].as_u64() > Some(0), "{read:?}");
    listing.set(&with(good(1..=1_501), &[BAD]));
    assert_eq!(place.json(&["run", "--once"], 1)["delivered"], 1);
}
