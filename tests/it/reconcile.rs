//! WeClever's list held against what was delivered, beside the service and without it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leadhook::simulator::{Behaviour, FaultKind, Faults, Options, Receiver, WeClever};
use serde_json::Value;

use crate::support::*;

const ALL: [&str; 3] = ["reconcile", "--from", "20d"];

/// Held against the last 20 days.
#[track_caller]
fn held(place: &Place, more: &[&str], code: i32) -> Value {
    place.json(&[&ALL, more].concat(), code)
}

/// listed, delivered, pending, dead, unwanted, dropped, missing, fixed
#[track_caller]
fn sums(report: &Value, destination: &str) -> [u64; 8] {
    let all = report["destinations"].as_array().unwrap();
    let sums = all.iter().find(|sums| sums["destination"] == destination).unwrap();
    let names = ["listed", "delivered", "pending", "dead", "unwanted", "dropped", "missing", "fixed"];
    names.map(|name| sums[name].as_u64().unwrap())
}

/// The events of a destination that are `missing` or `fixed`: lead, type, why.
fn events(report: &Value, kind: &str, destination: &str) -> Vec<(u64, String, String)> {
    let all = report[kind][destination].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = all
        .iter()
        .map(|event| (event["lead"].as_u64().unwrap(), text(&event["event_type"]), text(&event["why"])))
        .collect();
    all.sort();
    all
}

fn ids(receiver: &Receiver) -> BTreeMap<u64, Vec<String>> {
    let mut ids: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    receiver.tally(|tally| {
        for request in &tally.kept {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let lead = body["data"]["weclever_lead_id"].as_u64().unwrap();
            let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
            ids.entry(lead).or_default().push(id);
        }
    });
    ids.values_mut().for_each(|ids| ids.sort());
    ids
}

fn two_routes(weclever: &WeClever, crm: &Receiver, chat: &Receiver) -> File {
    File::new(&weclever.base_url()).to("crm", &crm.url(), "").destination("chat", &chat.url(), "").route_on(
        "ratings",
        &["lead.rated"],
        "chat",
    )
}

/// Three leads, of which one is rated.
fn finalize_three(weclever: &WeClever) {
    weclever.rate(1, "2");
    weclever.rate(2, "");
    weclever.rate(3, "");
    for id in 1..=3 {
        weclever.finalize(id, "sold");
    }
}

async fn reads_on(place: &Place) {
    // Nothing that came later than the last reading is looked for.
    let after = Timestamp::now() + SignedDuration::from_millis(2_200);
    place
        .until_status("a reading that is late enough", |status| {
            status["source"]["last_poll"].as_str().is_some_and(|at| at.parse::<Timestamp>().unwrap() > after)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_nothing_is_missing() {
    let weclever = weclever(by_hand()).await;
    let (crm, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&two_routes(&weclever, &crm, &chat));
    let service = place.start_and_read().await;
    finalize_three(&weclever);
    accepted(&crm, 3).await;
    accepted(&chat, 1).await;
    reads_on(&place).await;
    place
        .until_status("all is settled", |s| {
            destination(s, "crm")["delivered"] == 3 && destination(s, "chat")["delivered"] == 1
        })
        .await;

    let report = held(&place, &[], 0);
    assert_eq!(sums(&report, "crm"), [3, 3, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sums(&report, "chat"), [3, 1, 0, 0, 2, 0, 0, 0]);
    let details = weclever.requests().detail;
    let text = place.run(&ALL);
    assert_eq!(text.code, 0);
    assert!(text.out.contains("3 leads listed") && text.out.contains("nothing is missing"), "{}", text.out);
    assert_eq!(weclever.requests().detail, details, "what is kept says it all");
    // With the details read again it is the same.
    assert_eq!(held(&place, &["--details"], 0)["destinations"], report["destinations"]);
    assert_eq!(weclever.requests().detail, details + 3);
    service.stop();
    assert_eq!(held(&place, &[], 0)["destinations"], report["destinations"]);
    assert_eq!((crm.tally(|tally| tally.requests), chat.tally(|tally| tally.requests)), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_began_anew_sends_what_it_never_knew_under_the_same_ids() {
    let weclever = weclever(by_hand()).await;
    let (crm, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&two_routes(&weclever, &crm, &chat));
    let service = place.start_and_read().await;
    finalize_three(&weclever);
    accepted(&crm, 3).await;
    accepted(&chat, 1).await;
    service.stop();
    let (first_crm, first_chat) = (ids(&crm), ids(&chat));

    std::fs::remove_dir_all(place.path("data")).unwrap();
    let (crm, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    place.write(&two_routes(&weclever, &crm, &chat));
    let service = place.start_and_read().await;
    reads_on(&place).await;
    // Below the floor, where nothing is read by itself.
    weclever.rate(4, "");
    weclever.finalize_at(4, "sold", Timestamp::now() - SignedDuration::from_hours(12 * 24));
    let report = held(&place, &[], 1);
    assert_eq!(sums(&report, "crm"), [4, 0, 0, 0, 0, 0, 4, 0]);
    assert_eq!(sums(&report, "chat"), [4, 0, 0, 0, 3, 0, 1, 0]);
    let finalized = |lead, why: &str| (lead, "lead.finalized".to_owned(), why.to_owned());
    let baseline = [1, 2, 3].map(|lead| finalized(lead, "baseline"));
    assert_eq!(events(&report, "missing", "crm"), [&baseline[..], &[finalized(4, "not_recorded")]].concat());
    assert_eq!(events(&report, "missing", "chat"), [(1, "lead.rated".to_owned(), "baseline".to_owned())]);
    let text = place.run(&ALL);
    assert_eq!(text.code, 1);
    assert!(text.out.contains("crm, lead.finalized (there before leadhook began): 1, 2, 3"), "{}", text.out);
    assert!(text.out.contains("--fix sends what is missing"), "{}", text.out);
    assert_eq!(crm.tally(|tally| tally.requests), 0, "nothing is sent by looking");

    let fixed = held(&place, &["--fix"], 0);
    assert_eq!(sums(&fixed, "crm"), [4, 0, 4, 0, 0, 0, 0, 4]);
    assert_eq!(events(&fixed, "fixed", "crm"), events(&report, "missing", "crm"));
    assert!(fixed["missing"].as_object().unwrap().is_empty());
    accepted(&crm, 4).await;
    accepted(&chat, 1).await;
    let mut second_crm = ids(&crm);
    assert_eq!(second_crm.remove(&4).unwrap().len(), 1);
    assert_eq!((second_crm, ids(&chat)), (first_crm, first_chat), "the same events have the same ids");
    place.until_status("all is settled", |status| destination(status, "crm")["delivered"] == 4).await;
    let report = held(&place, &["--details"], 0);
    assert_eq!(sums(&report, "crm"), [4, 4, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sums(&report, "chat"), [4, 1, 0, 0, 3, 0, 0, 0]);
    // Once more changes nothing.
    held(&place, &["--fix", "--details"], 0);
    service.stop();
    assert_eq!((crm.tally(|tally| tally.requests), chat.tally(|tally| tally.requests)), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_what_is_missing_is_sent_by_the_next_run() {
    let past = Options { past_leads: 40, past_stretch: Duration::from_secs(3 * 86_400), ..by_hand() };
    let weclever = weclever(past).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), ""));
    let ran = place.run(&ALL);
    assert_eq!((ran.code, ran.err.contains("`leadhook run` makes it")), (69, true), "{}", ran.err);
    place.json(&["run", "--once"], 0);
    assert_eq!(sums(&held(&place, &[], 1), "crm"), [40, 0, 0, 0, 0, 0, 40, 0]);
    let text = place.run(&[&ALL[..], &["--fix"]].concat());
    assert_eq!(text.code, 0);
    assert!(text.out.contains("sent by the next `leadhook run`") && text.out.contains("and 20 more"), "{}", text.out);
    assert_eq!(sums(&held(&place, &[], 0), "crm"), [40, 0, 40, 0, 0, 0, 0, 0]);
    let told = place.run(&["explain", "100000"]);
    assert!(
        told.out.contains("attempt 1, by the next `leadhook run`, when nothing newer is due there"),
        "{}",
        told.out
    );
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 40);
    assert_eq!(sums(&held(&place, &[], 0), "crm"), [40, 40, 0, 0, 0, 0, 0, 0]);
    crm.tally(|tally| assert!(tally.repeated().is_empty() && tally.accepted == 40));
    // Only what was asked for is looked at.
    let some = place.json(&["reconcile", "--from", "36h", "--to", "12h"], 0);
    assert!((10..20).contains(&some["listed"].as_u64().unwrap()), "{}", some["listed"]);

    for wrong in
        [&["reconcile"][..], &["reconcile", "--from", "yesterday"], &["reconcile", "--from", "1h", "--to", "2h"]]
    {
        assert_eq!(place.run(wrong).code, 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dead_dropped_or_was_never_wanted_is_not_missing() {
    let weclever = weclever(by_hand()).await;
    let refusing = receiver(Behaviour::Broken { status: 422 }).await;
    let file = File::new(&weclever.base_url()).to("crm", &refusing.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    finalize_three(&weclever);
    place.until_status("all are dead", |status| destination(status, "crm")["dead"] == 3).await;
    reads_on(&place).await;
    assert_eq!(sums(&held(&place, &[], 1), "crm"), [3, 0, 0, 3, 0, 0, 0, 0]);
    let text = place.run(&ALL);
    assert!(text.out.contains("nothing is missing") && text.out.contains("leadhook dead list"), "{}", text.out);
    place.json(&["dead", "drop", "--all"], 0);
    assert_eq!(sums(&held(&place, &["--fix"], 0), "crm"), [3, 0, 0, 0, 0, 3, 0, 0]);

    // One that still waits, and a destination that came later.
    refusing.behave(Behaviour::Hanging);
    weclever.rate(4, "");
    weclever.finalize(4, "sold");
    assert!(refusing.wait_until(|tally| tally.open == 1, PATIENCE).await);
    reads_on(&place).await;
    assert_eq!(sums(&held(&place, &[], 0), "crm"), [4, 0, 1, 0, 0, 3, 0, 0]);
    service.kill();
    let later = receiver(Behaviour::Fine).await;
    place.write(&file.to("later", &later.url(), ""));
    let report = held(&place, &["--fix"], 0);
    assert_eq!(sums(&report, "crm"), [4, 0, 1, 0, 0, 3, 0, 0]);
    assert_eq!(sums(&report, "later"), [4, 0, 0, 0, 4, 0, 0, 0], "a new route gets the past by backfill alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_cannot_be_read_are_accounted_for() {
    let api = Api::start().await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&api.base_url()).source("give_up_after", "1s").to("crm", &crm.url(), ""));
    let day = ["reconcile", "--from", "1h"];
    // There before, readable and not.
    api.finalize_plain(1, true);
    api.finalize_plain(2, false);
    let service = place.start_and_read().await;
    reads_on(&place).await;
    let report = place.json(&day, 1);
    let finalized = |lead, why: &str| (lead, "lead.finalized".to_owned(), why.to_owned());
    assert_eq!(events(&report, "missing", "crm"), [finalized(1, "baseline"), finalized(2, "unreadable")]);
    let report = place.json(&[&day[..], &["--fix"]].concat(), 1);
    assert_eq!(sums(&report, "crm"), [2, 0, 1, 0, 0, 0, 1, 1]);
    accepted(&crm, 1).await;

    api.finalize_plain(3, false);
    until("it was set aside", || service.logged("details failed, set aside") >= 1).await;
    reads_on(&place).await;
    let sum = |report: Value| sums(&report, "crm");
    assert_eq!(sum(place.json(&day, 1)), [3, 1, 1, 0, 0, 0, 1, 0]);
    let mut id = 100;
    until("it is given up on", || {
        id += 1;
        api.finalize_plain(id, true);
        service.logged("details given up on") >= 1
    })
    .await;
    accepted(&crm, id - 99).await;
    place.until_status("all is settled", |status| destination(status, "crm")["pending"] == 0).await;
    reads_on(&place).await;
    let (listed, delivered) = (id - 97, id - 99);
    assert_eq!(sum(place.json(&day, 1)), [listed, delivered, 0, 1, 0, 0, 1, 0]);
    place.json(&["dead", "drop", "--all"], 0);
    assert_eq!(sum(place.json(&day, 1)), [listed, delivered, 0, 0, 0, 1, 1, 0]);
    // At last it can be read.
    api.tell(2, Some(r#"{"lead":{"name":"Ana"}}"#));
    assert_eq!(sum(place.json(&[&day[..], &["--fix"]].concat(), 0)), [listed, delivered, 1, 0, 0, 1, 0, 1]);
    // A row that makes no sense proves nothing.
    api.finalize(0, r#"{"weclever_lead_id":"?"}"#, None);
    let report = place.json(&day, 1);
    assert!(report["malformed_rows"].as_u64().unwrap() >= 1);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_that_was_never_told_is_found_by_the_details() {
    let weclever = weclever(by_hand()).await;
    let (crm, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&two_routes(&weclever, &crm, &chat));
    let service = place.start_and_read().await;
    weclever.rate(1, "");
    weclever.finalize(1, "sold");
    accepted(&crm, 1).await;
    reads_on(&place).await;
    service.stop();
    weclever.rate(1, "1");
    assert_eq!(sums(&held(&place, &[], 0), "chat"), [1, 0, 0, 0, 1, 0, 0, 0]);
    let report = held(&place, &["--details"], 1);
    assert_eq!(sums(&report, "crm"), [1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(events(&report, "missing", "chat"), [(1, "lead.rated".to_owned(), "rating_untold".to_owned())]);
    held(&place, &["--details", "--fix"], 0);
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    assert_eq!(sums(&held(&place, &["--details"], 0), "chat"), [1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!((crm.tally(|tally| tally.requests), chat.tally(|tally| tally.requests)), (1, 1));
    let body: Value = chat.tally(|tally| serde_json::from_slice(&tally.kept[0].body).unwrap());
    assert_eq!((&body["data"]["origin"], &body["data"]["csat"]["text"]), (&"backfill".into(), &"1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_fails_now_and_then_makes_no_difference_and_one_that_is_gone_is_said() {
    let past = Options { past_leads: 150, past_stretch: Duration::from_secs(6 * 86_400), ..by_hand() };
    let weclever = weclever(past).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    let kinds = vec![FaultKind::Status500, FaultKind::Reset, FaultKind::Html, FaultKind::Truncated];
    weclever.set_faults(Faults { list: 0.0, ..Faults::of(0.1, kinds) });
    let report = held(&place, &["--fix"], 0);
    assert_eq!(sums(&report, "crm"), [150, 0, 150, 0, 0, 0, 0, 150]);
    accepted(&crm, 150).await;
    crm.tally(|tally| assert!(tally.repeated().is_empty()));

    weclever.set_faults(Faults { list: 1.0, ..Faults::of(0.0, vec![FaultKind::Html]) });
    let ran = place.run(&ALL);
    assert_eq!((ran.code, ran.out.contains("not read to its end: WeClever")), (69, true), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("asked again in"), "{}", ran.err);
    service.kill();
    weclever.stop().await;
    let ran = place.run(&[&ALL[..], &["--json"]].concat());
    assert_eq!(ran.code, 69);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(report["error"].as_str().unwrap().contains("no connection could be made"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_was_finalized_again_while_nobody_looked_is_missing_once_more() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    for id in [1, 2] {
        weclever.rate(id, "5");
        weclever.finalize(id, "sold");
    }
    accepted(&crm, 2).await;
    reads_on(&place).await;
    service.stop();
    weclever.finalize(1, "lost");
    let report = held(&place, &["--details"], 1);
    assert_eq!(sums(&report, "crm"), [2, 1, 0, 0, 0, 0, 1, 0]);
    let again = (1, "lead.finalized".to_owned(), "finalized_again".to_owned());
    assert_eq!(events(&report, "missing", "crm"), [again]);
    held(&place, &["--fix"], 0);
    assert_eq!(sums(&held(&place, &["--fix"], 0), "crm"), [2, 1, 1, 0, 0, 0, 0, 0]);
    // The reading that comes later has nothing to add.
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    assert_eq!(sums(&held(&place, &[], 0), "crm"), [2, 2, 0, 0, 0, 0, 0, 0]);
    assert_eq!(ids(&crm).into_values().map(|ids| ids.len()).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_sent_late_is_still_asked_for_its_rating_if_it_is_young() {
    let weclever = weclever(by_hand()).await;
    let (crm, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    for (id, hours) in [(1, 1), (2, 5 * 24)] {
        weclever.rate(id, "");
        weclever.finalize_at(id, "sold", Timestamp::now() - SignedDuration::from_hours(hours));
    }
    let place = Place::new(&two_routes(&weclever, &crm, &chat));
    place.json(&["run", "--once"], 0);
    held(&place, &["--fix"], 0);
    let planned = |lead: &str| place.json(&["explain", lead], 0)["story"]["read_again"].clone();
    assert!(planned("1").is_string() && planned("2").is_null());
    let text = place.run(&["explain", "1"]).out;
    assert!(
        text.contains("it has no rating yet, and its details are read again, if `leadhook run` runs then"),
        "{text}"
    );
}

/// A past that is all baseline, so large and so slow to read that something can happen meanwhile.
async fn slow_past() -> (WeClever, Receiver, Place) {
    let past = Options {
        past_leads: 120,
        past_stretch: Duration::from_secs(4 * 86_400),
        latency: Duration::from_millis(40),
        unrated_share: 1.0,
        ..by_hand()
    };
    let weclever = weclever(past).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).number("concurrency", 4).to("crm", &crm.url(), ""));
    (weclever, crm, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_meanwhile_nothing_is_lost_or_sent_twice() {
    let fix = [&ALL[..], &["--fix"]].concat();
    let (weclever, crm, place) = slow_past().await;
    let mut service = place.start_and_read().await;
    // The command, beside the service.
    let running = place.spawn(&fix);
    assert!(crm.wait_until(|tally| tally.accepted >= 20, PATIENCE).await);
    running.kill();
    // The service, beside the command.
    let running = place.spawn(&fix);
    assert!(crm.wait_until(|tally| tally.accepted >= 50, PATIENCE).await);
    service.kill();
    let ran = running.ends();
    assert_eq!(ran.code, 69, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("not read to its end: the running service does not answer"), "{}", ran.out);
    // The command that has the store to itself.
    let before = place.status();
    let running = place.spawn(&fix);
    let asked = weclever.requests().detail;
    assert!(weclever.wait_until(|weclever| weclever.requests().detail >= asked + 20, PATIENCE).await);
    running.kill();
    assert!(destination(&place.status(), "crm")["pending"].as_u64() >= destination(&before, "crm")["pending"].as_u64());

    service = place.start_and_read().await;
    // Two at once.
    let (one, other) = (place.spawn(&fix), place.spawn(&fix));
    assert_eq!((one.ends().code, other.ends().code), (0, 0));
    let all = |tally: &leadhook::simulator::Tally| tally.by_lead.len() == 120;
    assert!(crm.wait_until(all, PATIENCE).await, "{}", crm.tally(|tally| tally.by_lead.len()));
    place.until_status("all is settled", |status| destination(status, "crm")["delivered"] == 120).await;
    assert_eq!(sums(&held(&place, &[], 0), "crm"), [120, 120, 0, 0, 0, 0, 0, 0]);
    // A kill may repeat what was on the wire, under the same id; there is one event for each lead all the same.
    assert!(ids(&crm).values().all(|ids| ids.iter().all(|id| *id == ids[0])));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_goes_away_half_way_leaves_what_was_found_and_what_was_fixed() {
    let (weclever, crm, place) = slow_past().await;
    let service = place.start_and_read().await;
    let begun = |more: u64| {
        let (running, before) =
            (place.spawn(&["reconcile", "--from", "20d", "--fix", "--json"]), crm.tally(|t| t.accepted));
        let crm = &crm;
        async move {
            assert!(crm.wait_until(|tally| tally.accepted >= before + more, PATIENCE).await);
            running
        }
    };
    let check = |ran: Ran| {
        assert_eq!(ran.code, 69, "{}", ran.err);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert!(report["error"].as_str().unwrap().contains("WeClever"), "{report}");
        let [listed, .., fixed] = sums(&report, "crm");
        assert!(listed < 120 && fixed >= 20, "{report}");
        // Who was not reached is not called unreadable.
        assert!(report["missing"].as_object().unwrap().is_empty(), "{report}");
        fixed
    };
    // It hangs up on everybody.
    let running = begun(20).await;
    weclever.set_faults(Faults::of(1.0, vec![FaultKind::Reset]));
    let mut fixed = check(running.ends());
    // It is not there any more.
    weclever.set_faults(Faults::default());
    let running = begun(20).await;
    weclever.stop().await;
    fixed += check(running.ends());
    accepted(&crm, fixed).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_has_not_had_time_for_is_not_missing() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).source("poll_every", "1h").to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert_eq!(held(&place, &["--fix"], 0)["listed"], 0);
    let ran = place.run(&["reconcile", "--from", "1s"]);
    assert_eq!((ran.code, ran.err.contains("reads what came since by itself")), (69, true), "{}", ran.err);
    service.stop();
    // Nobody else will read it now.
    assert_eq!(sums(&held(&place, &[], 1), "crm"), [1, 0, 0, 0, 0, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_any_size_are_held_and_sent() {
    let api = Api::start().await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&api.base_url()).to("crm", &crm.url(), ""));
    let leads = [0, 1, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
    for lead in leads {
        let row = format!(
            r#"{{"weclever_lead_id":"{lead}","mapped_status":null,"client_lead_id":"{}"}}"#,
            "x".repeat(200_000)
        );
        api.finalize(lead, &row, Some(r#"{"lead":{"name":"Ana"}}"#));
    }
    let service = place.start_and_read().await;
    reads_on(&place).await;
    // This API lists everything in every window.
    let report = held(&place, &[], 1);
    assert_eq!(report["listed"], 5);
    let missing: Vec<u64> = events(&report, "missing", "crm").into_iter().map(|(lead, ..)| lead).collect();
    assert_eq!(missing, leads);
    place.json(&["reconcile", "--from", "1h", "--fix"], 0);
    accepted(&crm, 5).await;
    assert_eq!(ids(&crm).into_keys().collect::<Vec<_>>(), leads);
    place.json(&["reconcile", "--from", "1h"], 0);
    place.json(&["explain", &u64::MAX.to_string()], 0);
    service.stop();
}
