//! The power goes while a store is exported, imported or written anew by a command: whatever is left of the disk, all of the
//! store is there, or the command can be given again. That `store compact` keeps what was sent is a part of `power.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fastrand::Rng;
use serde_json::Value;

use crate::disk::{self, Disk, Loss, Note};
use crate::shim;
use crate::support::*;

const LEADS: u64 = 40;

/// Runs a command whose changes are appended to the log; says nothing of it.
fn written_down(place: &Place, args: &[&str], root: &Path, log: &Path) {
    let mut command = place.command(args);
    shim::written_down(&mut command, root, None, log, false);
    let end = command.output().unwrap();
    assert_eq!(end.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&end.stderr));
}

/// What an export of the store says of itself, its last line: `None`, there is no store.
fn digest(place: &Place) -> Option<Value> {
    let ran = place.run(&["store", "export", "captured-text"]);
    if ran.err.contains("there is no store") {
        return None;
    }
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = std::fs::read_to_string(place.path("captured-text")).unwrap();
    std::fs::remove_file(place.path("captured-text")).unwrap();
    Some(serde_json::from_str(text.lines().last().unwrap()).unwrap())
}

fn put(files: &BTreeMap<PathBuf, Option<Vec<u8>>>, root: &Path) {
    for (path, bytes) in files {
        match bytes {
            None => std::fs::create_dir_all(root.join(path)).unwrap(),
            Some(bytes) => std::fs::write(root.join(path), bytes).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_is_moved_as_the_power_goes_is_there_or_can_be_moved_again() {
    let count = crate::number("SURVIVE_IMAGES").unwrap_or(50) / 2;
    let mut dice = Rng::with_seed(crate::seed());
    let weclever = weclever(by_hand()).await;
    let refusing = receiver(leadhook::simulator::Behaviour::Broken { status: 500 }).await;
    let file = File::new(&weclever.base_url())
        .source("start", "2020-01-01")
        .destination("crm", &refusing.url(), "")
        .route_on("all", &["lead.finalized"], "crm");
    let origin = Place::new(&file);
    let service = origin.start().await;
    for lead in 1..=LEADS {
        weclever.finalize(lead, "sold");
    }
    origin.until_status("all are recorded", |status| status["source"]["seen_leads"] == LEADS).await;
    service.stop();

    // What is imported, and then written anew.
    let ran = origin.run(&["store", "export", "text"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = origin.path("text");
    let whole = digest(&origin).unwrap();
    assert!(whole["records"].as_u64().unwrap() > LEADS, "{whole}");
    let target = Place::new(&file);
    let root = target.path("").components().as_path().to_owned();
    let log = origin.path("captured-changes");
    let import = ["store", "import", text.to_str().unwrap()];
    written_down(&target, &import, &root, &log);
    let imported = disk::read(&std::fs::read(&log).unwrap()).len();
    written_down(&target, &["store", "compact"], &root, &log);
    let notes = disk::read(&std::fs::read(&log).unwrap());
    assert_eq!(digest(&target).unwrap(), whole);

    let began = Instant::now();
    let named: Vec<usize> = (0..notes.len())
        .filter(|at| matches!(&notes[*at], Note::Rename { .. } | Note::Unlink { .. } | Note::Directory { .. }))
        .collect();
    let mut moments: Vec<usize> = (0..count)
        .map(|n| match n % 2 {
            0 => named[dice.usize(0..named.len())] + dice.usize(0..3),
            _ => dice.usize(0..=notes.len()),
        })
        .collect();
    moments.push(imported);
    moments.sort_unstable();
    let (mut disk, mut at, mut absent) = (Disk::new(&root), 0, 0);
    for moment in moments {
        while at < moment.min(notes.len()) {
            if at == imported {
                disk.killed();
            }
            disk.happens(&notes[at]);
            at += 1;
        }
        let loss = Loss::draw(&mut dice);
        let left = Place::new(&file);
        put(&disk.lose(loss, &mut dice), &left.path(""));
        let what = format!("at note {moment} of {imported} and {}, {loss:?}", notes.len());
        match digest(&left) {
            Some(there) => assert_eq!(there, whole, "{what}"),
            None => {
                assert!(moment < imported, "{what}: it was imported, and there is none");
                absent += 1;
                let ran = left.run(&import);
                assert_eq!(ran.code, 0, "{what}: {ran:?}");
                assert_eq!(digest(&left).unwrap(), whole, "{what}");
            }
        }
        // And it works.
        assert_eq!(left.status()["source"]["seen_leads"], LEADS, "{what}");
    }
    println!("{} disks in {:.0} s, {absent} of them without a store as yet", count + 1, began.elapsed().as_secs_f64());
}
