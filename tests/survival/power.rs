//! The power goes: the built binary is started on what a disk may hold after it.
//!
//! First leadhook works, is killed, and works again, while the shim writes down all that it does to the disk and the test
//! notes in the same log what somebody was told: that an event was sent, that so many are delivered. Then the disk is put
//! together as it may be after a power loss at some moment, again and again. On each such disk leadhook starts twice. The
//! first time, WeClever has nothing to say: whatever was known to be recorded has to come out of the store. The second
//! time, WeClever has all its leads, and each of them has to arrive. One of them was forgotten meanwhile, for which the
//! store is written anew: from then on it never arrives, and no file holds anything of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use leadhook::http_client::client_builder;
use leadhook::simulator::{FaultKind, Faults, Options, WeClever, verify};
use serde_json::{Value, json};

use crate::disk::{self, Disk, Loss, Note};
use crate::shim::{self, Kill, What, When};
use crate::support::*;

const FIRST_LEAD: u64 = 200_000;

/// The run of leadhook in which a lead is forgotten.
const FORGETTING: u32 = 2;

/// Behind the run with this number the store is written anew by a command.
const COMPACTING: u32 = 4;

/// Is forgotten.
const FORGOTTEN: u64 = FIRST_LEAD + 7;
const NAME: &str = "Zwq9Xk4vTjP2mLd8RbYc";

/// So many disks are looked at side by side: most of the time is spent in waiting for disk and network.
const AT_ONCE: usize = 3;

/// What a destination took.
#[derive(Default)]
struct Took {
    /// By event: its lead, its revision, and how often it came.
    events: BTreeMap<String, (u64, u64, u32)>,
    /// First arrivals, in their order.
    order: Vec<(u64, u64)>,
    bad: u32,
}

impl Took {
    fn takes(&mut self, request: &Request) -> String {
        let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
        let (id, time, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        self.bad += u32::from(!verify(SECRET, id, time, &request.body, signature));
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        let data = &event["data"];
        let (lead, revision) = (data["weclever_lead_id"].as_u64().unwrap(), data["revision"].as_u64().unwrap());
        let (_, _, times) = self.events.entry(id.to_owned()).or_insert_with(|| {
            self.order.push((lead, revision));
            (lead, revision, 0)
        });
        *times += 1;
        id.to_owned()
    }

    fn in_order(&self) -> bool {
        let mut last = HashMap::new();
        self.order.iter().all(|(lead, revision)| last.insert(lead, revision).is_none_or(|before| before < revision))
    }

    fn leads(&self) -> BTreeSet<u64> {
        self.events.values().map(|(lead, _, _)| *lead).collect()
    }
}

/// A destination that takes everything.
async fn taking() -> (Raw, Arc<Mutex<Took>>) {
    let took = Arc::new(Mutex::new(Took::default()));
    let inside = Arc::clone(&took);
    let raw = Raw::start(move |request, _| {
        inside.lock().unwrap().takes(request);
        Reply::new(200, "", "")
    })
    .await;
    (raw, took)
}

/// Two destinations; what is recorded is for both.
fn file(weclever: &str, first: &str, second: &str, start: &str, recheck: &[&str]) -> File {
    let more = format!(
        "secret = {SECRET:?}\nconcurrency = 8\n\
         retry = {{ initial = \"100ms\", factor = 1.0, max = \"100ms\", attempts = 1000, jitter = 0.2 }}"
    );
    let both = |file: File, name: &str, url: &str| {
        file.destination(name, &format!("{url}/hook"), &more).route_on(name, &["lead.finalized", "lead.rated"], name)
    };
    let file = File::new(weclever).source("start", start).list("recheck", recheck);
    both(both(file, "first", first), "second", second)
}

/// What leadhook did to a disk, and what somebody knew meanwhile.
struct Recorded {
    root: PathBuf,
    notes: Vec<Note>,
    weclever: WeClever,
    start: String,
    _place: Place,
}

/// Appends to the log that the shim writes.
#[derive(Clone)]
struct Marks(Arc<Mutex<std::fs::File>>);

impl Marks {
    fn note(&self, what: &Value) {
        self.0.lock().unwrap().write_all(&disk::mark(&what.to_string())).unwrap();
    }
}

/// `deaf`: the committer's syncs do nothing.
async fn record(dice: &mut Rng, lives: u32, deaf: bool) -> Recorded {
    let kinds = [FaultKind::Error, FaultKind::Truncated, FaultKind::Reset];
    let weclever = weclever(Options {
        seed: dice.u64(..),
        first_id: FIRST_LEAD,
        past_leads: 40,
        past_stretch: Duration::from_secs(600),
        leads_per_second: 12.0,
        unrated_share: 0.5,
        ratings_later_share: 0.5,
        ratings_later_up_to: Duration::from_secs(3),
        // No lead is set aside: when it was read again would be another story.
        faults: Faults { token: 0.0, detail: 0.0, ..Faults::of(0.1, kinds) },
        ..by_hand()
    })
    .await;
    let start = (Timestamp::now() - Duration::from_secs(3600)).to_string();
    let place = Place::empty();
    let log = place.path("captured-changes");
    let marks = std::fs::File::options().create(true).append(true).open(&log).unwrap();
    let marks = Marks(Arc::new(Mutex::new(marks)));
    let telling = marks.clone();
    let took = Mutex::new(Took::default());
    let first = Raw::start(move |request, _| {
        let mut took = took.lock().unwrap();
        let id = took.takes(request);
        telling.note(&json!({ "sent": id, "lead": took.events[&id].0 }));
        Reply::new(200, "", "")
    })
    .await;
    // It takes nothing: whatever was recorded is still owed to it.
    let second = Raw::start(|_, _| Reply::new(500, "", "")).await;
    // One lead is larger than all others.
    weclever.change(FIRST_LEAD + 50, "notes", (0..40_000).map(|_| dice.alphanumeric()).collect::<String>());
    weclever.change(FORGOTTEN, "name", NAME);
    place.write(&file(&weclever.base_url(), &first.url(), &second.url(), &start, &["700ms", "2s"]));

    let root = place.path("");
    let root = root.components().as_path().to_owned();
    for life in 1..=lives {
        let kill = match life {
            // It ends by itself: someone is forgotten meanwhile.
            FORGETTING => None,
            // And is written anew, with everyone else.
            _ if life == FORGETTING + 1 => Some(Kill { what: What::Rename, when: When::After, n: dice.u32(1..4) }),
            _ if life == lives => None,
            _ => Some(match dice.u8(0..4) {
                0 => Kill { what: What::Commit, when: When::Before, n: dice.u32(20..120) },
                1 => Kill { what: What::Commit, when: When::After, n: dice.u32(20..120) },
                2 => Kill { what: What::Write, when: When::Amid, n: dice.u32(20..120) },
                _ => Kill { what: What::Fsync, when: When::Before, n: dice.u32(4..30) },
            }),
        };
        let service = place.start_prepared(&[], |command| shim::written_down(command, &root, kill, &log, deaf));
        let asking = ask_on(&place, &marks);
        if kill.is_some() {
            let ends = move || crate::until_killed(service, Duration::from_secs(30));
            let (end, log) = tokio::task::spawn_blocking(ends).await.unwrap();
            assert_eq!(end, Some(-1), "{kill:?}:\n{log}");
        } else {
            service.can_be_asked().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if life == FORGETTING {
                place.json(&["forget", "--yes", &FORGOTTEN.to_string()], 0);
                marks.note(&json!({"forgotten": FORGOTTEN}));
            }
            service.stop();
        }
        asking.abort();
        marks.note(&json!({"ended": life}));
        if life == COMPACTING {
            let mut command = place.command(&["store", "compact"]);
            shim::written_down(&mut command, &root, None, &log, deaf);
            let end = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            assert_eq!(end.status.code(), Some(0), "{}", String::from_utf8_lossy(&end.stderr));
            marks.note(&json!({"ended": "compacting"}));
        }
    }
    weclever.finalize_no_more();
    weclever.set_faults(Faults::default());
    Recorded { root, notes: disk::read(&std::fs::read(&log).unwrap()), weclever, start, _place: place }
}

/// Asks the service again and again how much is delivered, and notes what it says.
fn ask_on(place: &Place, marks: &Marks) -> tokio::task::JoinHandle<()> {
    let (path, marks) = (place.path("data/admin.json"), marks.clone());
    tokio::spawn(async move {
        let client = client_builder().build().unwrap();
        loop {
            tokio::time::sleep(Duration::from_millis(15)).await;
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let Ok(notice) = serde_json::from_slice::<Value>(&bytes) else { continue };
            let (address, token) = (notice["address"].as_str().unwrap(), notice["token"].as_str().unwrap());
            let asked = client.post(format!("http://{address}/api/v1/status")).bearer_auth(token).body("{}");
            let Ok(answer) = asked.send().await else { continue };
            let Ok(text) = answer.text().await else { continue };
            let Ok(status) = serde_json::from_str::<Value>(&text) else { continue };
            let first = destination(&status, "first");
            marks.note(&json!({"delivered": first["delivered"], "seen": status["source"]["seen_leads"]}));
        }
    })
}

/// What somebody knew at some moment.
#[derive(Clone, Default)]
struct Known {
    /// These events were sent to the first destination.
    sent: BTreeSet<String>,
    /// So many were delivered there.
    delivered: u64,
    /// So many leads were recorded.
    seen: u64,
    /// A lead is.
    forgotten: bool,
}

impl Known {
    fn hears(&mut self, note: &Note) {
        let Note::Mark(text) = note else { return };
        let mark: Value = serde_json::from_str(text).unwrap();
        self.sent.extend(mark["sent"].as_str().filter(|_| mark["lead"] != FORGOTTEN).map(str::to_owned));
        self.forgotten |= mark["forgotten"] == FORGOTTEN;
        self.delivered = self.delivered.max(mark["delivered"].as_u64().unwrap_or(0));
        self.seen = self.seen.max(mark["seen"].as_u64().unwrap_or(0));
    }
}

/// A disk after a power loss.
struct Image {
    what: String,
    files: BTreeMap<PathBuf, Option<Vec<u8>>>,
    known: Known,
    /// The power goes a second time, while leadhook makes good for the first.
    twice: Option<u64>,
}

fn write(files: &BTreeMap<PathBuf, Option<Vec<u8>>>, root: &Path) {
    for (path, bytes) in files {
        match bytes {
            None => std::fs::create_dir_all(root.join(path)).unwrap(),
            Some(bytes) => std::fs::write(root.join(path), bytes).unwrap(),
        }
    }
}

/// Moments of a recording, and what may be left of the disk at each.
fn images(recorded: &Recorded, count: usize, dice: &mut Rng) -> impl Iterator<Item = Image> {
    let notes = &recorded.notes;
    // Most of them where somebody has just been told something, or where a name has changed, for there it hurts most.
    let all_that = |is: fn(&Note) -> bool| (0..notes.len()).filter(|at| is(&notes[*at])).collect::<Vec<usize>>();
    let told = all_that(|note| matches!(note, Note::Mark(mark) if mark.contains("sent")));
    let named = all_that(|note| matches!(note, Note::Rename { .. } | Note::Unlink { .. } | Note::Directory { .. }));
    let mut moments: Vec<usize> = (0..count)
        .map(|n| match n % 4 {
            0 | 2 => told[dice.usize(0..told.len())] + dice.usize(1..4),
            1 => named[dice.usize(0..named.len())] + dice.usize(0..3),
            _ => dice.usize(0..notes.len()),
        })
        .collect();
    moments.sort_unstable();
    let (mut disk, mut known, mut at, mut dice) = (Disk::new(&recorded.root), Known::default(), 0, dice.fork());
    moments.into_iter().enumerate().map(move |(n, moment)| {
        while at < moment.min(notes.len()) {
            happens(&mut disk, &notes[at]);
            known.hears(&notes[at]);
            at += 1;
        }
        let loss = Loss::draw(&mut dice);
        let files = disk.lose(loss, &mut dice);
        let twice = (n % 5 == 3).then(|| dice.u64(..));
        Image {
            what: format!("image {n}, at note {moment}, {loss:?}, twice {twice:?}"),
            files,
            known: known.clone(),
            twice,
        }
    })
}

fn happens(disk: &mut Disk, note: &Note) {
    match note {
        Note::Mark(text) if text.contains("ended") => disk.killed(),
        note => disk.happens(note),
    }
}

/// Starts leadhook on it, and says what is wrong, if anything is.
async fn survives(image: &Image, recorded: &Recorded, empty: &str) -> Result<(), String> {
    starts(image, recorded, empty).await.map_err(|wrong| format!("{}: {wrong}\n{}", image.what, keep(image, recorded)))
}

async fn starts(image: &Image, recorded: &Recorded, empty: &str) -> Result<(), String> {
    let ((first, at_first), (second, at_second)) = (taking().await, taking().await);
    // Readings that are due are made; new ones are not waited for.
    let of = |weclever: &str| file(weclever, &first.url(), &second.url(), &recorded.start, &["1h"]);
    let place = Place::new(&of(empty));
    write(&image.files, &place.path(""));
    if let Some(seed) = image.twice {
        again(image, &place, seed).await?;
    }
    let run = |place: &Place| {
        let begun = place.spawn(&["run", "--once", "--wait", "1s", "--json"]);
        tokio::task::spawn_blocking(move || begun.ends())
    };
    let from_store = run(&place).await.unwrap();
    if from_store.code != 0 || from_store.err.contains("panicked") {
        return Err(format!("it does not start: {from_store:?}"));
    }
    let (delivered_before, of_the_forgotten) = {
        let report: Value = serde_json::from_str(&from_store.out).unwrap();
        let (first, second) = (at_first.lock().unwrap(), at_second.lock().unwrap());
        if let Some(lost) = image.known.sent.iter().find(|id| !second.events.contains_key(*id)) {
            return Err(format!("{lost} had been sent to the first destination, and is not known any more"));
        }
        // But for the one that is forgotten, or about to be.
        let known = second.leads().len() as u64 + u64::from(!second.leads().contains(&FORGOTTEN));
        if known < image.known.seen {
            return Err(format!("{} leads were recorded, {} are known", image.known.seen, second.leads().len()));
        }
        // All that is recorded is owed to the second; what the first did not get now, it had got before.
        if image.twice.is_none() && report["delivered"] != first.events.len() + second.events.len() {
            return Err(format!("{report} after {} and {}", first.events.len(), second.events.len()));
        }
        let of_the_forgotten = if second.leads().contains(&FORGOTTEN) { 0 } else { 2 };
        (second.events.len().saturating_sub(first.events.len()) as u64, of_the_forgotten)
    };
    // What was delivered of the forgotten one, its end and its rating, was counted and is not known any more.
    if delivered_before + of_the_forgotten < image.known.delivered {
        return Err(format!("{} were delivered, {delivered_before} are known to be", image.known.delivered));
    }
    place.write(&of(&recorded.weclever.base_url()));
    let from_weclever = run(&place).await.unwrap();
    if from_weclever.code != 0 || from_weclever.err.contains("panicked") {
        return Err(format!("it does not go on: {from_weclever:?}"));
    }
    let mut all: BTreeSet<u64> = recorded.weclever.finalized_ids().into_iter().collect();
    all.remove(&FORGOTTEN);
    let status = place.status();
    let (first, second) = (at_first.lock().unwrap(), at_second.lock().unwrap());
    if let Some(lost) = all.difference(&second.leads()).next() {
        return Err(format!("lead {lost} never arrives at the second destination"));
    }
    let by_id: HashMap<&String, u64> = second.events.iter().map(|(id, (lead, _, _))| (id, *lead)).collect();
    let had: BTreeSet<u64> =
        image.known.sent.iter().filter_map(|id| by_id.get(id).copied()).chain(first.leads()).collect();
    if let Some(lost) = all.difference(&had).next() {
        return Err(format!("lead {lost} never arrives at the first destination"));
    }
    if image.known.forgotten && first.leads().union(&second.leads()).any(|lead| *lead == FORGOTTEN) {
        return Err("the forgotten one is sent".into());
    }
    let left = holding(&place.path("data"), NAME.as_bytes());
    if image.known.forgotten && !left.is_empty() {
        return Err(format!("the forgotten one is still in {left:?}"));
    }
    if first.bad + second.bad > 0 || !first.in_order() || !second.in_order() {
        return Err("a signature is bad, or a lead's events are out of order".into());
    }
    if image.twice.is_none() && second.events.values().any(|(_, _, times)| *times > 1) {
        return Err("an event was sent twice, though nobody was killed".into());
    }
    // Nobody's id has changed: each lead has one `lead.finalized`, or was rated besides.
    if second.events.len() > 2 * all.len() {
        return Err(format!("{} events of {} leads", second.events.len(), all.len()));
    }
    let settled = ["first", "second"].iter().all(|name| {
        let there = destination(&status, name);
        (&there["pending"], &there["dead"]) == (&json!(0), &json!(0))
    });
    if settled { Ok(()) } else { Err(format!("something is left: {status:#}")) }
}

/// leadhook starts on the image, and the power goes again.
async fn again(image: &Image, place: &Place, seed: u64) -> Result<(), String> {
    let mut dice = Rng::with_seed(seed);
    let root = place.path("").components().as_path().to_owned();
    let log = place.path("captured-changes");
    let kill = Kill { what: What::Commit, when: When::After, n: dice.u32(1..20) };
    let begun = {
        let mut command = place.command(&["run", "--once", "--wait", "1s"]);
        shim::written_down(&mut command, &root, Some(kill), &log, false);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        tokio::task::spawn_blocking(move || command.output())
    };
    let end = begun.await.unwrap().unwrap();
    let err = String::from_utf8_lossy(&end.stderr);
    if end.status.code().is_some_and(|code| code != 0) || err.contains("panicked") {
        return Err(format!("it does not start: {err}"));
    }
    let notes = disk::read(&std::fs::read(&log).unwrap());
    let mut disk = Disk::holding(&root, &image.files);
    notes[..dice.usize(0..=notes.len())].iter().for_each(|note| disk.happens(note));
    let files = disk.lose(Loss::draw(&mut dice), &mut dice);
    std::fs::remove_dir_all(place.path("data")).ok();
    write(&files, &root);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_a_power_loss_leaves_it_starts_and_every_lead_arrives() {
    let count = crate::number("SURVIVE_IMAGES").unwrap_or(50) as usize;
    let mut dice = Rng::with_seed(crate::seed());
    let recorded = record(&mut dice, 6, false).await;
    assert_eq!(differences(&recorded), [""; 0], "what was written down is what is there");
    let empty = weclever(by_hand()).await;
    let (began, empty) = (Instant::now(), empty.base_url());
    let twice = stream::iter(images(&recorded, count, &mut dice))
        .map(|image| {
            let (recorded, empty) = (&recorded, &empty);
            async move { survives(&image, recorded, empty).await.map(|()| image.twice.is_some()) }
        })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, |twice, is_twice| async move { Ok(twice + u32::from(is_twice)) })
        .await
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    let (writes, syncs) = recorded.notes.iter().fold((0, 0), |(writes, syncs), note| match note {
        Note::Write { .. } => (writes + 1, syncs),
        Note::SyncEnded { .. } => (writes, syncs + 1),
        _ => (writes, syncs),
    });
    println!(
        "{count} images ({twice} of them of two power losses) in {:.0} s, of {writes} writes and {syncs} syncs, {} leads",
        began.elapsed().as_secs_f64(),
        recorded.weclever.finalized(),
    );
}

/// The files below that hold this.
fn holding(directory: &Path, what: &[u8]) -> Vec<PathBuf> {
    let mut files = BTreeMap::new();
    all_below(directory, Path::new(""), &mut files);
    let holds = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|b| b.windows(what.len()).any(|w| w == what));
    files.into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

/// What is needed to look at an image that was not survived: itself, and what had happened before.
fn keep(image: &Image, recorded: &Recorded) -> String {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("power-loss");
    let _ = std::fs::remove_dir_all(&kept);
    std::fs::create_dir_all(&kept).unwrap();
    write(&image.files, &kept);
    let lines: Vec<String> = recorded.notes.iter().enumerate().map(|(n, note)| format!("{n} {note}\n")).collect();
    std::fs::write(kept.join("notes"), lines.concat()).unwrap();
    format!("the disk, and what was done to it: {}", kept.display())
}

/// Where what was written down differs from what is there.
fn differences(recorded: &Recorded) -> Vec<String> {
    let mut disk = Disk::new(&recorded.root);
    recorded.notes.iter().for_each(|note| happens(&mut disk, note));
    let (mut told, mut there) = (disk.now(), BTreeMap::new());
    all_below(&recorded.root, Path::new("data"), &mut there);
    // The notice for commands gets its name from the kernel itself, past the C library; a store does not need it.
    told.retain(|path, _| !path.to_string_lossy().starts_with("data/.tmp"));
    there.remove(Path::new("data/admin.json"));
    let paths: BTreeSet<&PathBuf> = told.keys().chain(there.keys()).collect();
    paths
        .into_iter()
        .filter(|path| told.get(*path) != there.get(*path))
        .map(|path| path.display().to_string())
        .collect()
}

fn all_below(root: &Path, at: &Path, there: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    if root.join(at).is_file() {
        there.insert(at.to_owned(), Some(std::fs::read(root.join(at)).unwrap()));
        return;
    }
    there.insert(at.to_owned(), None);
    for entry in std::fs::read_dir(root.join(at)).unwrap() {
        all_below(root, &at.join(entry.unwrap().file_name()), there);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn were_the_committers_sync_left_out_it_would_be_seen() {
    let mut dice = Rng::with_seed(crate::seed());
    let recorded = record(&mut dice, 3, true).await;
    let empty = weclever(by_hand()).await;
    // Somebody has just been sent something, and of the log there is much that is not on the platter: on a busy machine most of
    // it is by then, for sled syncs as well, now and then.
    let log = recorded.root.join("data/sled/db");
    let told = |note: &Note| matches!(note, Note::Mark(mark) if mark.contains("sent"));
    let mut disk = Disk::new(&recorded.root);
    let mut owing = Vec::new();
    for (at, note) in recorded.notes.iter().enumerate() {
        happens(&mut disk, note);
        owing.extend(told(note).then(|| (disk.owes(&log), at)).filter(|(owed, _)| *owed > 0));
    }
    owing.sort_unstable_by(|one, other| other.cmp(one));
    let moments: BTreeSet<usize> = owing.into_iter().take(40).map(|(_, at)| at).collect();
    let (mut disk, mut known, mut dice) = (Disk::new(&recorded.root), Known::default(), dice);
    let (mut tried, mut seen) = (0, None);
    for (at, note) in recorded.notes.iter().enumerate() {
        happens(&mut disk, note);
        known.hears(note);
        if !moments.contains(&at) {
            continue;
        }
        let files = disk.lose(Loss::ALL, &mut dice);
        let image = Image { what: format!("at note {at}"), files, known: known.clone(), twice: None };
        tried += 1;
        seen = survives(&image, &recorded, &empty.base_url()).await.err();
        if seen.is_some() {
            break;
        }
    }
    assert!(seen.is_some(), "nothing is synced by the committer, and on {tried} disks nothing is lost");
    println!("disk {tried}: {}", seen.unwrap_or_default());
}
