//! SIGKILL at every point of the work on the disk, hundreds of times in one run, in the middle of everything.
//!
//! Each run of leadhook ends at a point that was chosen before it began: before or after its n-th commit is on the
//! platter, for every n up to a number; at or within some other write, sync or rename; or at some moment by the clock. The
//! next begins where it ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::Timestamp;
use leadhook::simulator::{Behaviour, FaultKind, Faults, Mishap, Options, Receiver, ReceiverOptions};
use serde_json::{Value, json};

use crate::model::{self, ALL, FINALIZED, Model, RENAMED, Wants};
use crate::shim::{self, Kill, What, When};
use crate::support::*;

/// No run is left alone for longer.
const LONGEST_RUN: Duration = Duration::from_millis(2_500);

/// Up to this commit of a run, each has its turn, before and after.
const SWEEP: u32 = 40;

const FIRST_LEAD: u64 = 100_000;
/// Finalized some minutes before the first start.
const PAST: u64 = 150;
/// Leads from 1 on that were finalized before all that leadhook reads by itself.
const OLD: u64 = 300;
/// More than are ever finalized.
const MOST: u64 = 20_000;

/// Whether the contact and the note of each event are there, and how often.
#[derive(Default)]
struct Crm {
    contacts: BTreeMap<u64, u64>,
    notes: BTreeMap<String, u64>,
    dice: Rng,
    behaves: bool,
}

impl Crm {
    /// Does what it is asked, and answers; now and then only one of the two, or neither.
    fn answer(&mut self, request: &Request) -> Reply {
        let chance = if self.behaves { 99 } else { self.dice.u8(0..12) };
        if chance == 0 {
            return Reply::new(500, "", "{}");
        }
        let (verb, path) = request.line.split_once(' ').unwrap();
        let ask =
            |name: &str| path.split_once(&format!("{name}=")).map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let found = |there: bool| if there { json!({"data": [{"id": 7}]}) } else { json!({"data": []}) };
        let said = match verb {
            "GET" if path.contains("contacts") => found(self.contacts.contains_key(&ask("lead").parse().unwrap())),
            "GET" => found(self.notes.contains_key(&ask("event"))),
            _ => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                if path.contains("contacts") {
                    *self.contacts.entry(body["lead"].as_u64().unwrap()).or_default() += 1;
                } else {
                    *self.notes.entry(body["event"].as_str().unwrap().to_owned()).or_default() += 1;
                }
                json!({"data": {"id": 7}})
            }
        };
        if chance == 1 {
            Reply::hang_up()
        } else {
            Reply::new(200, "content-type: application/json\r\n", &said.to_string())
        }
    }
}

/// A contact and a note, each looked for before it is made once more.
fn steps(base: &str) -> String {
    format!(
        r#"
{PATIENT_RETRIES}
concurrency = 8

[[destinations.crm.steps]]
name = "find-contact"
method = "GET"
url = "{base}/contacts?lead={{{{ weclever_lead_id }}}}"
capture = {{ contact_id = {{ at = "/data/0/id", optional = true }} }}

[[destinations.crm.steps]]
name = "contact"
when = "captured.contact_id is undefined"
url = "{base}/contacts"
body = {{ lead = "{{{{ weclever_lead_id }}}}" }}
capture = {{ contact_id = "/data/id" }}
on_unknown = {{ redo = "find-contact" }}

[[destinations.crm.steps]]
name = "find-note"
method = "GET"
url = "{base}/notes?event={{{{ id }}}}"
when = "'note' in unknown"
capture = {{ note_id = {{ at = "/data/0/id", optional = true }} }}

[[destinations.crm.steps]]
name = "note"
when = "captured.note_id is undefined"
url = "{base}/notes"
body = {{ contact = "{{{{ captured.contact_id }}}}", event = "{{{{ id }}}}" }}
on_unknown = {{ redo = "find-note" }}
"#
    )
}

async fn all_keeping(behaviour: Behaviour, seed: u64) -> Receiver {
    let options = ReceiverOptions {
        secrets: vec![SECRET.into()],
        keep: 200_000,
        slow: Duration::from_millis(300),
        seed,
        ..ReceiverOptions::default()
    };
    Receiver::start_with(listener().await, behaviour, options).unwrap()
}

/// Where each run ends: first every commit in turn, then anything.
fn plan(kills: u32, dice: &mut Rng) -> Vec<Option<Kill>> {
    let mut sweep: Vec<Option<Kill>> = (1..=SWEEP)
        .flat_map(|n| [When::Before, When::After].map(|when| Some(Kill { what: What::Commit, when, n })))
        .collect();
    dice.shuffle(&mut sweep);
    let mut anything = move || match dice.u8(0..10) {
        0..3 => Some(Kill { what: What::Commit, when: either(dice), n: dice.u32(1..150) }),
        3..6 => Some(Kill { what: What::Write, when: When::Amid, n: dice.u32(1..150) }),
        6 => Some(Kill { what: What::Fsync, when: either(dice), n: dice.u32(1..12) }),
        // A start renames two files: a snapshot, and the notice for commands.
        7 => Some(Kill { what: What::Rename, when: either(dice), n: dice.u32(1..3) }),
        8 => Some(Kill { what: What::Unlink, when: either(dice), n: 1 }),
        _ => None,
    };
    let kills = kills as usize;
    let more = std::iter::from_fn(|| Some(anything()));
    sweep.into_iter().chain(more).take(kills.max(1)).collect()
}

fn either(dice: &mut Rng) -> When {
    if dice.bool() { When::Before } else { When::After }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_every_commit_and_at_any_other_moment_it_loses_nothing() {
    let kills = u32::try_from(crate::number("SURVIVE_KILLS").unwrap_or(200)).unwrap();
    let seed = crate::seed();
    let mut dice = Rng::with_seed(seed);
    let kinds = [FaultKind::Error, FaultKind::Html, FaultKind::Truncated, FaultKind::Empty, FaultKind::Reset];
    let load = Options {
        seed,
        first_id: FIRST_LEAD,
        past_leads: PAST,
        past_stretch: Duration::from_secs(10 * 60),
        leads_per_second: 8.0,
        faults: Faults { token: 0.0, ..Faults::of(0.1, kinds) },
        ..unrated()
    };
    let weclever = weclever(load).await;
    model::prepare(&weclever, FIRST_LEAD..FIRST_LEAD + MOST);
    for lead in 1..=OLD {
        weclever.finalize_at(lead, "sold", Timestamp::now() - Duration::from_secs(20 * 60 + lead));
    }

    let mishaps = vec![Mishap::Error, Mishap::Unavailable, Mishap::Reset, Mishap::Slow];
    let fine = all_keeping(Behaviour::Fine, seed).await;
    let flaky = all_keeping(Behaviour::Flaky { share: 0.2, kinds: mishaps }, seed ^ 1).await;
    let busy = all_keeping(Behaviour::Flaky { share: 0.2, kinds: vec![Mishap::Throttle] }, seed ^ 2).await;
    let picky = all_keeping(Behaviour::Broken { status: 422 }, seed ^ 3).await;
    let history = all_keeping(Behaviour::Fine, seed ^ 4).await;
    let crm = Arc::new(Mutex::new(Crm { dice: Rng::with_seed(seed), ..Crm::default() }));
    let crm_server = Raw::start({
        let crm = Arc::clone(&crm);
        move |request, _| crm.lock().unwrap().answer(request)
    })
    .await;

    // What lies further back is read by the backfill alone.
    let start = (Timestamp::now() - Duration::from_secs(15 * 60)).to_string();
    let more = format!("secret = {SECRET:?}\n{PATIENT_RETRIES}\nconcurrency = 16");
    let ages: Vec<String> = (1..40).map(|n| format!("{}ms", (700.0 * 1.22_f64.powi(n)) as u64)).collect();
    let ages: Vec<&str> = ages.iter().map(String::as_str).collect();
    let types = ["lead.finalized", "lead.rated", "lead.updated"];
    let file = File::new(&weclever.base_url())
        .source("start", &start)
        .list("recheck", &ages)
        .destination("fine", &fine.url(), &more)
        .route_on("fine", &types, "fine")
        .destination("flaky", &flaky.url(), &more)
        .route_on("flaky", &types, "flaky")
        .destination("busy", &busy.url(), &more)
        .route_on("busy", &["lead.updated"], "busy")
        .to("picky", &picky.url(), &more)
        .to("history", &history.url(), &more)
        .to("crm", &crm_server.url(), &steps(&crm_server.url()));
    // What is settled goes after some seconds, so that this is under way at each kill as well.
    let place = Place::new(&file).with("LEADHOOK_STORE__RETENTION", "5s");
    let directory = place.path("data");

    let first = place.start().await;
    let ordered = place.spawn(&["backfill", "--from", "2h", "--to-destination", "history"]);
    place.until_status("the backfill has begun", |status| status["backfills"][0]["no"] == 1).await;
    first.kill();
    ordered.kill();

    let mut model = Model::default();
    let (mut done, began) = (BTreeMap::<String, u32>::new(), Instant::now());
    let plan = plan(kills, &mut dice);
    for (n, kill) in plan.iter().enumerate() {
        let service = place.start_prepared(&[], |command| shim::behind(command, &directory, *kill));
        // Letters are sent again while it is killed; half of the time the one that asks for them is refused.
        picky.behave(if n % 6 < 3 { Behaviour::Broken { status: 422 } } else { Behaviour::Fine });
        let asking = (n % 3 == 0).then(|| place.spawn(&["dead", "retry", "--all", "--overtaken"]));
        let patience = match kill {
            Some(_) => LONGEST_RUN,
            None => Duration::from_millis(dice.u64(1..700)),
        };
        let (end, log) = tokio::task::spawn_blocking(move || crate::until_killed(service, patience)).await.unwrap();
        drop(asking.map(|asking| tokio::task::spawn_blocking(move || asking.ends())));
        assert!(!log.contains("panicked"), "{kill:?}:\n{log}");
        let how = match (kill, end) {
            (Some(kill), Some(-1)) => format!("{:?} {:?}", kill.when, kill.what).to_lowercase(),
            (_, None) => "by the clock".into(),
            (_, Some(code)) => panic!("{kill:?}: it ended with {code}:\n{log}"),
        };
        *done.entry(how).or_default() += 1;
        model.goes_on(&weclever, arrived(&fine));
    }
    let took = began.elapsed();

    // Everyone is well again, and nothing new happens but what has to.
    weclever.finalize_no_more();
    weclever.set_faults(Faults::default());
    crm.lock().unwrap().behaves = true;
    for receiver in [&flaky, &busy, &picky] {
        receiver.behave(Behaviour::Fine);
    }
    let service = place.start().await;
    let new: Vec<u64> = weclever.finalized_ids().into_iter().filter(|lead| *lead >= FIRST_LEAD).collect();
    let all: Vec<u64> = (1..=OLD).chain(new.iter().copied()).collect();
    let destinations: [(&str, &Receiver, &[u64], Wants); 5] = [
        ("fine", &fine, &new, ALL),
        ("flaky", &flaky, &new, ALL),
        ("busy", &busy, &new, RENAMED),
        ("picky", &picky, &new, FINALIZED),
        ("history", &history, &all, FINALIZED),
    ];
    let mut last = Value::Null;
    let deadline = Instant::now() + PATIENCE * 3;
    loop {
        model.goes_on(&weclever, arrived(&fine));
        let _ = place.run(&["dead", "retry", "--all", "--overtaken"]);
        let fulfilled =
            destinations.iter().all(|(_, receiver, leads, wants)| model.is_fulfilled(receiver, leads, *wants));
        last = if fulfilled { place.status() } else { last };
        if fulfilled && is_settled(&last) {
            break;
        }
        // What is missing is said below.
        if Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut ids = HashMap::new();
    for (name, receiver, leads, wants) in destinations {
        model.compare(name, receiver, leads, wants, &mut ids);
        // Where a letter was sent again, a later event may have overtaken it.
        if name != "picky" {
            assert_eq!(receiver.tally(|tally| tally.out_of_order()), [0_u64; 0], "{name}");
        }
    }
    assert!(is_settled(&last), "something is left: {last:#}");
    let crm = crm.lock().unwrap();
    let noted: BTreeMap<String, u64> = ids
        .iter()
        .filter(|((lead, thing), _)| *lead > OLD && FINALIZED.has(thing))
        .map(|(_, id)| (id.clone(), 1))
        .collect();
    assert_eq!(crm.notes, noted, "each event has one note");
    assert_eq!(crm.contacts, new.iter().map(|lead| (*lead, 1)).collect(), "each lead has one contact");
    // Whatever was on its way at a kill may come twice, and nothing else.
    let repeats = fine.tally(|tally| tally.accepted - tally.accepted_by_id.len() as u64);
    assert!(repeats <= u64::from(kills) * 16, "{repeats} repeats in {kills} kills");
    service.stop();
    println!(
        "{kills} kills in {:.0} s ({done:?}), {} leads, {} events, {repeats} repeats at the destination that is fine",
        took.as_secs_f64(),
        all.len(),
        ids.len(),
    );
}

fn arrived(receiver: &Receiver) -> Vec<u64> {
    receiver.tally(|tally| tally.by_lead.keys().copied().collect())
}

/// Nothing waits, nothing is dead, nothing is still to be read.
fn is_settled(status: &Value) -> bool {
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let destinations = status["destinations"].as_array();
    destinations.is_some_and(|all| all.iter().all(|one| one["pending"] == 0 && one["dead"] == 0))
        && status["source"]["set_aside"] == 0
        && empty(&status["source"]["gaps"])
        && empty(&status["backfills"])
}
