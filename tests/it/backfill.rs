//! History for one destination, cut short and gone on with, behind what is new.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use leadhook::simulator::{Behaviour, FaultKind, Faults, Options, Receiver, WeClever};
use serde_json::Value;

use crate::support::*;

const TO_CRM: [&str; 5] = ["backfill", "--from", "40d", "--to-destination", "crm"];

fn to_crm<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&TO_CRM[..], more].concat()
}

/// Three weeks of history, most of it below the floor and the rest in the baseline.
fn history(leads: u64) -> Options {
    Options { past_leads: leads, past_stretch: Duration::from_secs(21 * 86_400), unrated_share: 0.5, ..by_hand() }
}

fn ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(days * 24)
}

/// Every lead was accepted there, each under one id.
#[track_caller]
fn each_once(receiver: &Receiver, leads: &[u64]) {
    receiver.tally(|tally| {
        let missing: Vec<u64> = leads.iter().copied().filter(|lead| !tally.by_lead.contains_key(lead)).collect();
        assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), leads.len());
        assert_eq!(tally.by_lead.len(), leads.len(), "others came as well");
        assert_eq!(tally.by_id.len(), leads.len(), "a lead came under two ids");
    });
}

async fn all_there(receiver: &Receiver, leads: usize) {
    let there = receiver.wait_until(|tally| tally.by_lead.len() >= leads, PATIENCE * 3).await;
    assert!(there, "{} of {leads}", receiver.tally(|tally| tally.by_lead.len()));
}

#[track_caller]
fn counts(backfill: &Value) -> [u64; 8] {
    ["listed", "sent", "delivered", "pending", "dead", "dropped", "unwanted", "unreadable"]
        .map(|count| backfill["counts"][count].as_u64().unwrap())
}

fn crm_alone(weclever: &WeClever, crm: &Receiver) -> File {
    File::new(&weclever.base_url()).to("crm", &crm.url(), "")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_goes_on_and_each_lead_arrives_once() {
    const LEADS: u64 = 3_000;
    let seed = fastrand::u64(..);
    println!("the dice's seed is {seed}");
    let mut dice = Rng::with_seed(seed);
    let weclever = weclever(history(LEADS)).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&crm_alone(&weclever, &crm).number("concurrency", 32));
    let mut service = place.start_and_read().await;
    let begun = place.spawn(&to_crm(&["--json"]));
    for _ in 0..10 {
        let target = crm.tally(|tally| tally.requests) + dice.u64(50..300);
        crm.wait_until(|tally| tally.requests >= target, Duration::from_millis(2_500)).await;
        tokio::time::sleep(Duration::from_millis(dice.u64(0..100))).await;
        service.kill();
        service = place.start_with(&[]);
        // What is new comes through meanwhile.
        weclever.finalize(dice.u64(1..90_000), "sold");
    }
    // The command that ordered it was left alone with the first kill at the latest.
    drop(begun);
    service.can_be_asked().await;
    let all = weclever.finalized_ids();
    all_there(&crm, all.len()).await;
    place.until_status("no backfill goes on", |status| status["backfills"].as_array().unwrap().is_empty()).await;
    each_once(&crm, &all);
    let list = place.json(&["backfill", "--status"], 0);
    let backfill = &list["backfills"][0];
    assert_eq!((&backfill["state"], list["backfills"].as_array().unwrap().len()), (&"done".into(), 1));
    let [listed, sent, delivered, pending, dead, dropped, unwanted, unreadable] = counts(backfill);
    assert_eq!(listed, sent + delivered + pending, "{backfill:#}");
    assert!(sent >= LEADS && [dead, dropped, unwanted, unreadable] == [0; 4], "{backfill:#}");
    // The same again finds nothing left to do.
    let again = place.json(&TO_CRM, 0);
    assert_eq!((&again["no"], counts(&again)[1]), (&2.into(), 0), "{again:#}");
    assert_eq!(crm.tally(|tally| tally.by_id.len()), all.len());
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_arrives_at_once_while_history_is_sent() {
    let weclever = weclever(Options { latency: Duration::from_millis(15), ..history(2_500) }).await;
    let crm = receiver(Behaviour::Fine).await;
    // The destination is the narrow place: history piles up before it.
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), "rate = \"100/s\"");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    let backfill = place.spawn(&to_crm(&["--json"]));
    let mut slowest = Duration::ZERO;
    for lead in 1..=12 {
        // Some of the history is always in between.
        let target = crm.tally(|tally| tally.requests) + 60;
        assert!(crm.wait_until(|tally| tally.requests >= target, PATIENCE).await);
        let began = Instant::now();
        weclever.finalize(lead, "sold");
        assert!(crm.wait_until(|tally| tally.by_lead.contains_key(&lead), PATIENCE).await, "lead {lead}");
        slowest = slowest.max(began.elapsed());
    }
    assert!(crm.tally(|tally| tally.by_lead.len()) < 2_000, "the history was through before it could be in the way");
    // A poll every 150 ms, its 100 deliveries a second, and a busy machine.
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    let ended = backfill.ends();
    assert_eq!(ended.code, 0, "{}", ended.err);
    all_there(&crm, 2_512).await;
    each_once(&crm, &weclever.finalized_ids());
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_destination_hears_of_history_and_nothing_more_is_planned() {
    let weclever = weclever(history(40)).await;
    let (crm, chat) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let ledger = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).list("recheck", &["1s", "2s"]);
    let file = file.destination("crm", &crm.url(), "").destination("ledger", &ledger.url(), "");
    // The route that sends it to the one sends it to another as well, live.
    let file = file
        .route_with("all", "on = [\"lead.finalized\"]", &["ledger", "crm"])
        .destination("chat", &chat.url(), "")
        .route_on("talk", &["lead.finalized", "lead.rated"], "chat");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    // It looks like what it would do, and does nothing.
    let dry = place.json(&to_crm(&["--dry-run"]), 0);
    assert_eq!((counts(&dry), &dry["state"]), ([40, 40, 0, 0, 0, 0, 0, 0], &"done".into()), "{dry:#}");
    assert_eq!(crm.tally(|tally| tally.requests), 0);
    let status = place.status();
    assert!(status["source"]["seen_leads"].as_u64().unwrap() < 40, "only the baseline is known");

    let done = place.json(&TO_CRM, 0);
    assert_eq!(counts(&done), [40, 40, 0, 0, 0, 0, 0, 0], "{done:#}");
    all_there(&crm, 40).await;
    each_once(&crm, &weclever.finalized_ids());
    for event in told(&crm) {
        assert_eq!((&event["type"], &event["data"]["origin"]), (&"lead.finalized".into(), &"backfill".into()));
    }
    // Nobody reads them again for a rating.
    let details = weclever.requests().detail;
    service.readings(20).await;
    assert_eq!((weclever.requests().detail, details), (80, 80));
    assert_eq!((chat.tally(|tally| tally.requests), ledger.tally(|tally| tally.requests)), (0, 0));
    // The other gets the same events, and the ratings that there are, when it is its turn.
    let ratings = place.json(&["backfill", "--from", "40d", "--to-destination", "chat", "--on", "lead.rated"], 0);
    assert_eq!(counts(&ratings)[..2], [40, 40]);
    assert_eq!(weclever.requests().detail, 80, "what is recorded is not read again");
    all_there(&chat, 40).await;
    place.until_status("all is sent", |status| destination(status, "chat")["pending"] == 0).await;
    let both = (crm.tally(|tally| tally.by_id.clone()), chat.tally(|tally| tally.by_id.clone()));
    assert!(both.0.keys().all(|id| both.1.contains_key(id)), "the same happening has the same id");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn ratings_go_along_where_they_are_asked_for_and_conditions_hold() {
    let weclever = weclever(Options { unrated_share: 1.0, ..by_hand() }).await;
    let crm = receiver(Behaviour::Fine).await;
    let lines = "on = [\"lead.finalized\", \"lead.rated\"]\nwhen = \"mapped_status == 'sold'\"";
    let file = File::new(&weclever.base_url()).destination("crm", &crm.url(), "").route_with("sold", lines, &["crm"]);
    for (lead, status, rating) in [(1, "sold", "2"), (2, "lost", "1"), (3, "sold", "")] {
        weclever.rate(lead, rating);
        weclever.finalize_at(lead, status, ago(12));
    }
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    let done = place.json(&to_crm(&["--on", "lead.rated"]), 0);
    assert_eq!(counts(&done), [3, 2, 0, 0, 0, 0, 1, 0], "{done:#}");
    accepted(&crm, 3).await;
    let mut events = told(&crm);
    events.sort_by_key(|event| event["data"]["weclever_lead_id"].as_u64());
    assert_eq!(types(&events), [("lead.finalized", 1), ("lead.rated", 2), ("lead.finalized", 1)]);
    assert_eq!(events[1]["data"]["csat"]["score"], 2);
    // Whom nobody wanted stays unknown, and is asked about anew.
    assert_eq!(counts(&place.json(&to_crm(&["--on", "lead.rated"]), 0)), [3, 0, 2, 0, 0, 0, 1, 0]);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_route_gets_what_was_recorded_before_it_and_again_repeats_under_the_same_ids() {
    let weclever = weclever(unrated()).await;
    let (crm, new) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let place = Place::new(&crm_alone(&weclever, &crm));
    let service = place.start_and_read().await;
    for lead in 1..=5 {
        weclever.finalize(lead, "sold");
    }
    accepted(&crm, 5).await;
    service.stop();
    place.write(&crm_alone(&weclever, &crm).to("new", &new.url(), ""));
    let service = place.start_and_read().await;
    let details = weclever.requests().detail;
    let to_new = ["backfill", "--from", "1d", "--to-destination", "new"];
    let done = place.json(&to_new, 0);
    assert_eq!(counts(&done), [5, 5, 0, 0, 0, 0, 0, 0], "{done:#}");
    accepted(&new, 5).await;
    assert_eq!(weclever.requests().detail, details, "what is recorded is not read again");
    let ids = |receiver: &Receiver| receiver.tally(|tally| tally.by_id.keys().cloned().collect::<BTreeSet<_>>());
    assert_eq!(ids(&new), ids(&crm));
    place.until_status("all is settled", |status| destination(status, "new")["delivered"] == 5).await;

    // Nothing is sent twice but by order.
    assert_eq!(counts(&place.json(&to_new, 0)), [5, 0, 5, 0, 0, 0, 0, 0]);
    let again = [&to_new[..], &["--again"]].concat();
    assert_eq!(counts(&place.json(&[&again[..], &["--dry-run"]].concat(), 0)), [5, 5, 0, 0, 0, 0, 0, 0]);
    assert_eq!(new.tally(|tally| tally.requests), 5);
    assert_eq!(counts(&place.json(&again, 0)), [5, 5, 0, 0, 0, 0, 0, 0]);
    accepted(&new, 10).await;
    new.tally(|tally| assert!(tally.by_id.len() == 5 && tally.by_id.values().all(|times| *times == 2)));
    place.until_status("all is settled", |status| destination(status, "new")["delivered"] == 5).await;
    // Both attempts are in the lead's story.
    let story = place.json(&["explain", "3"], 0);
    let deliveries = story["story"]["events"][0]["deliveries"].as_array().unwrap();
    let to_new = deliveries.iter().find(|delivery| delivery["destination"] == "new").unwrap();
    assert_eq!((&to_new["tries"], to_new["attempts"].as_array().unwrap().len()), (&2.into(), 2), "{to_new:#}");
    assert_eq!(crm.tally(|tally| tally.requests), 5);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_is_read_again_and_keeps_its_id() {
    let weclever = weclever(unrated()).await;
    let (crm, new) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let old = crm_alone(&weclever, &crm);
    let place = Place::empty();
    let write = |file: &File| {
        let text = file.text().replacen("[admin]", "[store]\nretention = \"1s\"\n\n[admin]", 1);
        place.write_text("leadhook.toml", &text);
    };
    write(&old);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&crm, 1).await;
    let is_gone = || {
        let event = place.json(&["explain", "1"], 0)["story"]["events"][0].clone();
        event.is_object() && event["kept"].is_null()
    };
    until("retention", is_gone).await;
    service.stop();
    write(&old.to("new", &new.url(), ""));
    let service = place.start_and_read().await;
    let done = place.json(&["backfill", "--from", "1d", "--to-destination", "new"], 0);
    assert_eq!(counts(&done)[..2], [1, 1], "{done:#}");
    accepted(&new, 1).await;
    let ids = |receiver: &Receiver| receiver.tally(|tally| tally.by_id.keys().cloned().collect::<Vec<_>>());
    assert_eq!(ids(&new), ids(&crm));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_the_command_does_it_and_what_is_cut_short_goes_on() {
    let weclever = weclever(Options { latency: Duration::from_millis(4), ..history(900) }).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&crm_alone(&weclever, &crm));
    let nothing = place.run(&TO_CRM);
    assert!(nothing.code == 69 && nothing.err.contains("leadhook run"), "{}", nothing.err);
    assert_eq!(place.run(&["run", "--once"]).code, 0);
    let read = weclever.requests().detail;
    // Where one window ends and the next begins, both list a lead.
    let edges = (1..=40).map(|day| ago(40) + SignedDuration::from_secs(day * (86_400 - 122)));
    let edges: Vec<Timestamp> = edges.take_while(|edge| *edge < weclever.now()).collect();
    edges.iter().zip(1..).for_each(|(edge, lead)| weclever.finalize_at(lead, "sold", *edge));
    let leads = 900 + edges.len() as u64;
    let cut = async |signal: &str, more: u64| {
        let running = place.spawn(&to_crm(&["--json"]));
        let target = weclever.requests().detail + more;
        assert!(weclever.wait_until(|weclever| weclever.requests().detail >= target, PATIENCE).await);
        running.signal(signal);
        running.ends()
    };
    let asked = cut("INT", 150).await;
    assert_eq!(asked.code, 1, "{}", asked.err);
    assert!(asked.err.contains("the same command") && asked.err.contains("leadhook run"), "{}", asked.err);
    let backfill: Value = serde_json::from_str(&asked.out).unwrap();
    assert_eq!((&backfill["state"], backfill["counts"]["sent"].as_u64() > Some(0)), (&"going".into(), true));
    assert_eq!(cut("KILL", 150).await.code, -1);

    let done = place.json(&TO_CRM, 0);
    assert_eq!((&done["no"], counts(&done)[..2].to_vec()), (&1.into(), vec![leads, leads]), "{done:#}");
    // What was cut short was begun again, and little more.
    let detail = weclever.requests().detail - read;
    assert!((leads..leads + 100).contains(&detail), "{detail} details");
    assert_eq!(crm.tally(|tally| tally.requests), 0, "nobody has delivered yet");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], leads);
    each_once(&crm, &weclever.finalized_ids());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nothing_can_come_of_is_refused_with_what_to_do() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).destination("crm", &crm.url(), "").destination("lonely", &crm.url(), "");
    let place = Place::new(&file.route_on("ratings", &["lead.rated"], "crm"));
    let service = place.start_and_read().await;
    for (args, remedy) in [
        (vec!["--to-destination", "cmr"], "crm"),
        (vec!["--to-destination", "lonely"], "to = [\"lonely\"]"),
        (vec!["--to-destination", "crm"], "--on lead.rated"),
        (vec!["--to-destination", "crm", "--on", "lead.rate"], "lead.updated"),
        (vec!["--to-destination", "crm", "--to", "60d"], "--from"),
        (vec![], "--to-destination"),
    ] {
        let ran = place.run(&[&["backfill", "--from", "30d"], &args[..]].concat());
        assert!(ran.code == 2 && ran.err.contains(remedy), "{args:?}: {} {}", ran.code, ran.err);
    }
    assert_eq!(place.run(&["backfill"]).code, 2);
    assert_eq!(place.run(&["backfill", "--cancel", "7"]).code, 2);
    assert_eq!(place.json(&["backfill", "--status"], 0)["backfills"].as_array().unwrap().len(), 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_looked_at_and_ended_while_the_service_does_it() {
    let weclever = weclever(Options { latency: Duration::from_millis(20), ..history(12_000) }).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&crm_alone(&weclever, &crm).number("concurrency", 2));
    let service = place.start_and_read().await;
    let watching = place.spawn(&TO_CRM);
    all_there(&crm, 20).await;
    // Whoever has seen enough goes, and the service goes on.
    watching.signal("INT");
    let left = watching.ends();
    assert!(left.code == 1 && left.err.contains("--cancel"), "{} {}", left.code, left.err);
    let before = crm.tally(|tally| tally.requests);
    all_there(&crm, before as usize + 20).await;
    let status = place.status();
    assert_eq!(status["backfills"][0]["state"], "going");
    let text = place.run(&["status"]).out + &place.run(&["backfill", "--status"]).out;
    assert!(text.contains("backfill 1 to crm") && text.contains('%'), "{text}");
    let ended = place.json(&["backfill", "--cancel", "1"], 0);
    assert_eq!(ended["state"], "cancelled");
    assert_eq!(place.run(&["backfill", "--cancel", "1"]).code, 2);
    // What was put on its way arrives, and once the end has come to the one who reads, nothing more is read.
    place.until_status("nothing waits", |status| destination(status, "crm")["pending"] == 0).await;
    service.readings(10).await;
    let details = weclever.requests().detail;
    service.readings(10).await;
    assert!(weclever.requests().detail <= details + 2 && weclever.requests().detail < 11_900);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_silent_cap_hides_is_sent_as_well() {
    // About 95 leads a day, of which a list shows 40.
    let weclever = weclever(Options { cap: Some(40), ..history(2_000) }).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&crm_alone(&weclever, &crm).number("concurrency", 32));
    let service = place.start_and_read().await;
    let done = place.json(&TO_CRM, 0);
    assert_eq!(counts(&done)[..2], [2_000, 2_000], "{done:#}");
    all_there(&crm, 2_000).await;
    each_once(&crm, &weclever.finalized_ids());
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_falters_costs_no_lead_and_one_that_is_unreadable_is_named() {
    let kinds = [FaultKind::Error, FaultKind::Html, FaultKind::Truncated, FaultKind::Empty, FaultKind::Reset];
    let faults = Faults { token: 0.0, ..Faults::of(0.2, kinds) };
    let weclever = weclever(Options { faults, ..history(400) }).await;
    let crm = receiver(Behaviour::Flaky { share: 0.2, kinds: vec![leadhook::simulator::Mishap::Error] }).await;
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), PATIENT_RETRIES);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    let done = place.json(&TO_CRM, 0);
    assert_eq!(counts(&done), [400, 400, 0, 0, 0, 0, 0, 0], "{done:#}");
    all_there(&crm, 400).await;
    each_once(&crm, &weclever.finalized_ids());
    service.stop();

    let api = Api::start().await;
    api.finalize_plain(1, true);
    api.finalize_plain(2, false);
    let crm = receiver(Behaviour::Fine).await;
    let start = (Timestamp::now() + SignedDuration::from_hours(48)).to_string();
    let place = Place::new(&File::new(&api.base_url()).source("start", &start).to("crm", &crm.url(), ""));
    assert_eq!(place.run(&["run", "--once"]).code, 0);
    let ran = place.run(&["backfill", "--from", "1h", "--to-destination", "crm"]);
    assert!(ran.code == 1 && ran.out.contains("1 could not be read"), "{} {}", ran.code, ran.out);
    // Once it can be, the same command sends it, and only it.
    api.tell(2, Some(r#"{"lead":{"name":"Rui"}}"#));
    let done = place.json(&["backfill", "--from", "1h", "--to-destination", "crm"], 0);
    assert_eq!(counts(&done), [2, 1, 0, 1, 0, 0, 0, 0], "{done:#}");
}
