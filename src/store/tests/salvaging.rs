//! What can be read of a damaged store is saved, whatever was hit; and neither saving nor checking a store changes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fastrand::Rng;
use sha2::{Digest, Sha256};

use super::damage::{All, copied, hit, hits, real};
use super::*;
use crate::store::salvage::Salvage;
use crate::store::{StoreError, rewrite};

/// Every file below, and what is in it.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let digest = |path: &Path| Sha256::digest(fs::read(path).unwrap()).to_vec();
    let found = rewrite::files(directory).unwrap();
    found.iter().map(|path| (path.strip_prefix(directory).unwrap().display().to_string(), digest(path))).collect()
}

/// The records of such a text.
fn records(text: &[u8]) -> All {
    let import = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let into = import.path().join("new");
    Store::import(&into, &mut &text[..]).unwrap();
    let db = crate::store::open::open_copy(&into).unwrap();
    db.iter().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
}

#[tokio::test]
async fn past_sled_a_store_reads_as_sled_reads_it() {
    for (opened_before, killed) in [(false, false), (true, false), (true, true)] {
        let (directory, before) = real(opened_before, killed).await;
        let mut salvage = Salvage::of(&directory.path().join("sled")).unwrap().unwrap();
        let mut there = All::new();
        salvage
            .each(|key, value| {
                assert!(there.insert(key.to_vec(), value.to_vec()).is_none(), "twice");
                true
            })
            .unwrap();
        assert!(there == before, "opened before: {opened_before}, killed: {killed}");
        assert_eq!(salvage.unreadable, []);
    }
}

#[tokio::test]
async fn what_reads_of_a_store_is_saved_whatever_was_hit_and_the_store_is_as_it_was() {
    let seed =
        std::env::var("SURVIVE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SURVIVE_SEED={seed}");
    let mut dice = Rng::with_seed(seed);
    let stores = [real(false, false).await, real(true, false).await, real(false, true).await, real(true, true).await];
    let rounds = hits(24);
    let (mut shares, mut said, mut refused) = (BTreeMap::<usize, usize>::new(), 0, 0);
    for round in 0..rounds {
        let (directory, before) = &stores[round % 4];
        let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        copied(directory.path(), place.path());
        let entries = fs::read_dir(place.path().join("sled")).unwrap().map(|entry| entry.unwrap().path());
        let others: Vec<_> = entries.filter(|path| path.is_file() && fs::metadata(path).unwrap().len() > 0).collect();
        let log = place.path().join("sled/db");
        let path = if dice.u8(0..4) == 0 { dice.choice(&others).unwrap() } else { &log };
        let how = hit(path, &mut dice);
        let was = files(place.path());

        match Store::check_as_it_is(place.path(), &[], None) {
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(other) => panic!("{how}: {other}"),
        }
        assert!(files(place.path()) == was, "{how}: the check has changed something");
        let mut text = Vec::new();
        let told = Store::export(place.path(), None, &mut text);
        assert!(files(place.path()) == was, "{how}: the export has changed something");
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                println!("{how}: {error}");
                refused += 1;
                continue;
            }
        };
        let there = records(&text);
        let lost = before.iter().filter(|(key, value)| there.get(*key) != Some(value)).count();
        let share = (before.len() - lost) * 100 / before.len();
        *shares.entry(share / 10 * 10).or_default() += 1;
        // It cannot be told of what lay behind the last commit.
        assert!(lost == 0 || told.lacks().is_some(), "{how}: {lost} of {} are missing in silence", before.len());
        said += usize::from(lost > 0);
    }
    println!(
        "of {rounds} hits {refused} were refused, in {said} something is missing; percent that were saved, how often: {shares:?}"
    );
    assert_eq!(refused, 0);
}
