//! A power loss within a commit: of what it wrote any part may be there, in segments that are used again as well. That is no
//! damage, and all that was there before it is there.

use std::fs;

use fastrand::Rng;

use super::damage::{All, all, copied};
use super::*;

/// Torn there.
const SECTOR: usize = 512;

/// Each piece as it was in one of the two.
fn torn(before: &[u8], after: &[u8], dice: &mut Rng) -> Vec<u8> {
    // All of it, most of it, or hardly anything has got there.
    let there = dice.u8(0..=4);
    let length = if there == 4 || dice.bool() { after.len() } else { before.len() };
    let mut torn = before.to_vec();
    torn.resize(length, 0);
    for (at, piece) in torn.chunks_mut(SECTOR).enumerate() {
        let from = after.get(at * SECTOR..).unwrap_or_default();
        let from = &from[..from.len().min(piece.len())];
        if dice.u8(0..4) < there {
            piece[..from.len()].copy_from_slice(from);
        }
    }
    torn
}

#[tokio::test]
async fn whatever_a_commit_leaves_that_was_torn_the_store_opens_with_all_before_it() {
    const LEADS: u64 = 750;
    let seed = fastrand::u64(..);
    println!("the dice's seed is {seed}");
    let mut dice = Rng::with_seed(seed);
    let bench = Bench::new().await;
    let log = bench.directory.path().join("sled/db");
    let (mut reused, mut opened) = (0, 0);
    for lead in 0..LEADS {
        if lead % 10 == 0 {
            bench.settle_all("crm", &["all"], 1, Verdict::Delivered).await;
        }
        if lead <= LEADS / 3 {
            bench.record(lead, &[("crm", "all")], 0).await;
            continue;
        }
        // The beginnings of the segments tell which of them are used again.
        let (before, then): (Vec<u8>, All) = (fs::read(&log).unwrap(), all(&bench.store).unwrap());
        let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        copied(bench.directory.path(), place.path());
        // One commit.
        bench.record(lead, &[("crm", "all")], 0).await;
        let after = fs::read(&log).unwrap();
        let begins = |bytes: &[u8]| {
            bytes.chunks(512 * 1024).map(|segment| segment[..20.min(segment.len())].to_vec()).collect::<Vec<_>>()
        };
        let (one, two) = (begins(&before), begins(&after));
        let reuses = one.iter().zip(&two).any(|(one, two)| one != two);
        reused += u32::from(reuses);
        if !reuses && lead % 40 != 0 {
            continue;
        }
        let now = all(&bench.store).unwrap();
        for _ in 0..3 {
            let disk = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            copied(place.path(), disk.path());
            fs::write(disk.path().join("sled/db"), torn(&before, &after, &mut dice)).unwrap();
            let store = Store::open(disk.path()).unwrap_or_else(|error| panic!("lead {lead}: {error}"));
            let there = all(&store).unwrap();
            let lost = then.iter().filter(|(key, value)| {
                let there = there.get(*key);
                there != Some(value) && there != now.get(*key)
            });
            assert_eq!(lost.count(), 0, "lead {lead}");
            store.close().await;
            opened += 1;
        }
    }
    println!("{opened} disks; in {reused} commits segments were used again");
    assert!(reused > 0 && opened > 20);
}
