//! Bytes that changed on the disk, and files that were cut: the store opens with all that it held, or says that it is damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fastrand::Rng;

use super::*;
use crate::store::{StoreError, open};

pub(super) type All = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) fn all(store: &Store) -> Result<All, StoreError> {
    store.inner().tree.iter().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

pub(super) fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A small store of many writes, closed or killed; opened before, if so, so that sled has made a snapshot of it.
pub(super) async fn real(opened_before: bool, killed: bool) -> (TempDir, All) {
    // In a killed one, most of the log is to lie before the place from which on sled looks for its end.
    let leads = if killed { 1_000 } else { 200 };
    let mut bench = Bench::new().await;
    for lead in 0..leads {
        bench.record(lead, &[("crm", "all")], 0).await;
        if lead % 50 == 0 {
            bench.settle_all("crm", &["all"], 1, Verdict::Delivered).await;
        }
        if lead == leads / 4 * 3 && opened_before {
            bench = bench.reopened().await;
        }
    }
    let before = all(&bench.store).unwrap();
    let Bench { store, directory, .. } = bench;
    if killed {
        // What a kill leaves.
        let left = tempfile::tempdir().unwrap();
        copied(directory.path(), left.path());
        return (left, before);
    }
    store.close().await;
    (directory, before)
}

/// Hits a file; how, in words.
pub(super) fn hit(path: &Path, dice: &mut Rng) -> String {
    let mut bytes = fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let at = dice.usize(..used);
    let how = match dice.u8(0..3) {
        0 => {
            bytes[at] ^= 1 << dice.u8(0..8);
            "a bit turned over"
        }
        1 => {
            let end = (at + dice.usize(1..5_000)).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte = dice.u8(..));
            "a block of garbage"
        }
        _ => {
            bytes.truncate(at);
            "cut"
        }
    };
    fs::write(path, &bytes).unwrap();
    format!("{}, {how} at {at} of {used}", path.display())
}

/// How often stores are hit: as often as somebody asks for, or so often.
pub(super) fn hits(unless_asked: usize) -> usize {
    std::env::var("SURVIVE_HITS").ok().and_then(|text| text.parse().ok()).unwrap_or(unless_asked)
}

#[tokio::test]
async fn whatever_is_hit_the_store_opens_whole_or_says_that_it_is_damaged() {
    let given = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = given("SURVIVE_HITS").unwrap_or(60) as usize;
    let seed = given("SURVIVE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("SURVIVE_SEED={seed}");
    let mut dice = Rng::with_seed(seed);
    let (mut whole, mut told, mut silent) = (0, 0, 0);
    let stores = [real(false, false).await, real(true, false).await, real(false, true).await, real(true, true).await];
    for round in 0..rounds {
        let (directory, before) = &stores[round % 4];
        let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        copied(directory.path(), place.path());
        let entries = fs::read_dir(place.path().join("sled")).unwrap().map(|entry| entry.unwrap().path());
        let others: Vec<_> = entries.filter(|path| path.is_file() && fs::metadata(path).unwrap().len() > 0).collect();
        let log = place.path().join("sled/db");
        let path = if dice.u8(0..4) == 0 { dice.choice(&others).unwrap() } else { &log };
        let how = hit(path, &mut dice);
        let began = std::time::Instant::now();
        let opened = open::open_within(place.path(), Duration::from_secs(5));
        match opened.and_then(|opened| Store::start(place.path(), opened, &[])) {
            Err(StoreError::Damaged { .. }) => told += 1,
            Err(other) => panic!("{how}: {other}"),
            Ok(store) => {
                // What sled reads only when it is asked for, it proves then.
                match store
                    .read(|inner| {
                        let entries = inner.tree.iter();
                        let entries = entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
                        entries.collect::<Result<All, _>>()
                    })
                    .await
                {
                    Ok(there) => {
                        let lost = before.iter().filter(|(key, value)| there.get(*key) != Some(value)).count();
                        if lost == 0 {
                            whole += 1;
                        } else {
                            println!("{how}: {lost} of {} records are missing", before.len());
                            silent += 1;
                        }
                    }
                    Err(StoreError::Record(_)) => told += 1,
                    Err(other) => panic!("{how}: {other}"),
                }
                store.close().await;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{how}: {:?}", began.elapsed());
        // What is left of it can be saved, or nothing can, and that is said.
        if round % 5 == 0 {
            let mut text = Vec::new();
            match Store::export(place.path(), None, &mut text) {
                Ok(_) => assert!(text.ends_with(b"}\n"), "{how}"),
                Err(error) => assert!(error.to_string().contains("damaged"), "{how}: {error}"),
            }
        }
    }
    println!("{whole} whole, {told} told of, {silent} not");
    assert!(whole > 0 && told > 0);
    // Without the guards it was one in three.
    assert_eq!(silent, 0, "of {rounds} hits took records without a word");
}
