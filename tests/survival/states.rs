//! What a kill can leave of the log, state by state: the writes up to some moment, the last of them whole or in part, and of
//! those that were under way at once any that may have come first. The store opens on each of them.
//!
//! A kill at a moment of its own choosing meets most of these states once in thousands of runs; here a few runs are
//! written down, and the states are put together from that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use leadhook::simulator::{Behaviour, Options};
use leadhook::store::Store;

use crate::disk::{self, Disk, Note};
use crate::shim::{self, Kill, What, When};
use crate::support::*;

const SEGMENT: usize = 512 * 1024;

/// A kill parts a write between the system's pages.
const PAGE: usize = 4096;

const LOG: &str = "data/sled/db";

type Files = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Runs that are killed, one after the other, in which segments are used again.
async fn written_down(dice: &mut Rng) -> (PathBuf, Vec<Note>, Place) {
    let weclever = weclever(Options { leads_per_second: 60.0, seed: dice.u64(..), ..by_hand() }).await;
    for lead in 1..=2_000 {
        weclever.change(lead, "notes", (0..6_000).map(|_| dice.alphanumeric()).collect::<String>());
    }
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), "");
    let place = Place::new(&file).with("LEADHOOK_STORE__RETENTION", "1s");
    let (root, log) = (place.path("").components().as_path().to_owned(), place.path("captured-changes"));
    for life in 0..4 {
        let kill = Kill { what: What::Write, when: When::Amid, n: dice.u32(150..300) };
        let service = place.start_prepared(&[], |command| shim::written_down(command, &root, Some(kill), &log, false));
        let ends = move || crate::until_killed(service, Duration::from_secs(4));
        let (_, said) = tokio::task::spawn_blocking(ends).await.unwrap();
        assert!(!said.contains("damaged"), "life {life}: {said}");
    }
    let notes = disk::read(&std::fs::read(&log).unwrap());
    (root, notes, place)
}

fn with(files: &Files, at: usize, data: &[u8]) -> Files {
    let mut files = files.clone();
    let Some(Some(bytes)) = files.get_mut(Path::new(LOG)) else { panic!("there is no log") };
    bytes.resize(bytes.len().max(at + data.len()), 0);
    bytes[at..at + data.len()].copy_from_slice(data);
    files
}

/// Why the store does not open, if it does not.
fn refused(files: &Files) -> Option<String> {
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("data")) {
        match bytes {
            None => std::fs::create_dir_all(place.path().join(path)).unwrap(),
            Some(bytes) => std::fs::write(place.path().join(path), bytes).unwrap(),
        }
    }
    Store::open(&place.path().join("data")).err().map(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_whatever_a_kill_can_leave_of_the_log_the_store_opens() {
    let most = crate::number("SURVIVE_STATES").unwrap_or(150) as usize;
    let mut dice = Rng::with_seed(crate::seed());
    let (root, notes, _place) = written_down(&mut dice).await;
    let began = Instant::now();
    let mut log = None;
    let mut writes: Vec<usize> = Vec::new();
    for (n, note) in notes.iter().enumerate() {
        match note {
            Note::Open { path, ino, .. } if path.ends_with(LOG) => log = Some(*ino),
            Note::Write { ino, .. } if Some(*ino) == log => writes.push(n),
            _ => {}
        }
    }
    let begins = |n: usize| matches!(&notes[n], Note::Write { at, .. } if at % SEGMENT == 0);
    // Where a segment begins most can go wrong.
    let (mut looked_at, others): (Vec<usize>, Vec<usize>) = writes.iter().partition(|n| begins(**n));
    let segments = looked_at.len();
    let chosen = dice.choose_multiple(others, (most / 3).saturating_sub(segments));
    looked_at.extend(chosen);
    looked_at.sort_unstable();

    let (mut disk, mut at, mut states, mut together, mut wrong) = (Disk::new(&root), 0, 0, 0, Vec::new());
    for n in looked_at {
        for note in &notes[at..n] {
            disk.happens(note);
        }
        at = n;
        let Note::Write { at: place, data, .. } = &notes[n] else { panic!("no write") };
        let before = disk.now();
        let mut left: Vec<(String, Files)> = vec![("whole".into(), with(&before, *place, data))];
        let to_the_first_page = PAGE - place % PAGE;
        let pages = data.len().saturating_sub(to_the_first_page) / PAGE;
        if data.len() > to_the_first_page {
            let part = to_the_first_page + dice.usize(0..=pages) * PAGE;
            left.push((format!("{part} bytes"), with(&before, *place, &data[..part.min(data.len())])));
        }
        // One that was under way at once, and has come first.
        let synced = |note: &Note| matches!(note, Note::SyncBegins { ino, .. } if Some(*ino) == log);
        let next = notes[n + 1..].iter().take_while(|note| !synced(note));
        let next = next.filter_map(|note| match note {
            Note::Write { ino, at, data } if Some(*ino) == log => Some((*at, data)),
            _ => None,
        });
        if let Some((next, bytes)) =
            next.take(1).next().filter(|(next, _)| next / SEGMENT != place / SEGMENT || next > place)
        {
            left.push(("left out, and the next is there".into(), with(&before, next, bytes)));
            together += 1;
        }
        for (what, files) in left {
            states += 1;
            if let Some(why) = refused(&files) {
                wrong.push(format!("note {n}, {} bytes at {place}, {what}: {why}", data.len()));
            }
        }
    }
    println!(
        "{states} states of {} writes, {segments} of which begin a segment and {together} were overtaken, in {:.0} s",
        writes.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(segments > 4, "the log did not grow: {segments}");
    assert!(wrong.is_empty(), "{} of {states}:\n{}", wrong.len(), wrong.join("\n"));
}
