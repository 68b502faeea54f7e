//! Opening again, and what stands in the way of it.

use std::fs::{self, File};
use std::path::Path;

use super::*;
use crate::store::{StoreError, keys, open, records};

/// Opens without waiting for anyone.
fn open_at_once(directory: &Path) -> Result<Store, StoreError> {
    Store::start(directory, open::open_within(directory, Duration::ZERO)?, &[])
}

fn failure(directory: &Path) -> StoreError {
    match open_at_once(directory) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn everything_is_there_again_and_closing_lets_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on/the/way");
    for round in 0..5u64 {
        // With patience: sled may hold its own lock for a moment after it was closed.
        let store = Store::open(&path).unwrap();
        let platform = store.platform("my-platform", at(0), None, at(0)).await.unwrap();
        let bench = Bench { store, platform, directory: tempfile::tempdir().unwrap() };
        let census = bench.store.census("my-platform").await.unwrap();
        assert_eq!(census.seen_leads, 20 * round);
        assert_eq!(bench.counts("crm", "all").await, [round * 10, round * 10, 0, 0]);
        bench.audit();
        for lead in 20 * round..20 * (round + 1) {
            bench.record(lead, &[("crm", "all")], 0).await;
        }
        let mut claims = bench.store.claim("crm", &["all".into()], at(1), 15).await.unwrap().claims;
        for claim in claims.drain(..10) {
            bench.store.settle(claim, settled(Verdict::Delivered, 1)).await.unwrap();
        }
        // Five are claimed at the end: pending all the same.
        bench.store.close().await;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        for file in ["lock", "tide"] {
            assert_eq!(fs::metadata(path.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_merely_dropped_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.pause("crm", at(7)).await.unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.holds("crm").await.unwrap().paused, Some(at(7)));
}

#[tokio::test]
async fn two_do_not_open_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let error = failure(directory.path());
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    // It waits for one that is just letting go.
    let letting_go = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(store);
    });
    let store = Store::open(directory.path()).unwrap();
    letting_go.join().unwrap();
    store.close().await;
}

#[tokio::test]
async fn sleds_own_lock_counts_too() {
    let directory = tempfile::tempdir().unwrap();
    Store::open(directory.path()).unwrap().close().await;
    let held = File::open(directory.path().join("sled/db")).unwrap();
    held.try_lock().unwrap();
    let error = failure(directory.path());
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(held);
    open_at_once(directory.path()).unwrap();
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.inner().tree.insert(keys::FORMAT, (records::FORMAT + 1).to_be_bytes()).unwrap();
    store.close().await;
    let error = failure(directory.path());
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_log_that_is_taken_away_or_replaced_while_it_is_open_is_missed_at_once() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    let log = bench.directory.path().join("sled/db");
    assert!(bench.store.space().await.is_ok());
    fs::rename(&log, log.with_extension("away")).unwrap();
    assert!(matches!(bench.store.space().await, Err(StoreError::Gone { .. })));
    fs::copy(log.with_extension("away"), &log).unwrap();
    assert!(matches!(bench.store.space().await, Err(StoreError::Gone { .. })), "it is not written to");
    fs::rename(log.with_extension("away"), &log).unwrap();
    assert!(bench.store.space().await.is_ok());
}

#[tokio::test]
async fn an_old_note_of_the_last_commit_is_no_damage_even_where_that_commit_has_gone() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    let note = bench.directory.path().join("tide");
    // As a power loss may leave it.
    let old = fs::read(&note).unwrap();
    for lead in 2..30 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    let Bench { store, directory, .. } = bench;
    store.close().await;
    // Of each record, the newest state alone is left.
    Store::compact(directory.path()).unwrap();
    fs::write(&note, old).unwrap();
    let bench = Bench::on(directory).await;
    assert_eq!(bench.counts("crm", "all").await, [29, 0, 0, 0]);
}

fn snapshots(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory.join("sled")).unwrap().map(|entry| entry.unwrap());
    entries.filter(|e| e.file_name().to_string_lossy().starts_with("snap.")).map(|e| e.path()).collect()
}

#[tokio::test]
async fn a_cut_snapshot_is_survived() {
    for keep in [0, 4, 13, 64] {
        let bench = Bench::new().await;
        for lead in 0..20 {
            bench.record(lead, &[("crm", "all")], 0).await;
        }
        let Bench { store, directory, .. } = bench.reopened().await;
        store.close().await;
        let mut cut = snapshots(directory.path());
        if cut.is_empty() {
            cut.push(directory.path().join("sled/snap.0000000000000000"));
            fs::write(&cut[0], [7; 200]).unwrap();
        }
        for snapshot in cut {
            File::options().write(true).open(&snapshot).unwrap().set_len(keep).unwrap();
        }
        let set_aside = |directory: &Path| crate::store::guarded::set_aside(&directory.join("sled")).len();
        let bench = Bench::on(directory).await;
        assert_eq!(bench.counts("crm", "all").await, [20, 0, 0, 0], "cut to {keep}");
        bench.audit();
        // What was set aside goes with the next good start.
        assert!(set_aside(bench.directory.path()) > 0);
        let bench = bench.reopened().await;
        assert_eq!((set_aside(bench.directory.path()), bench.counts("crm", "all").await), (0, [20, 0, 0, 0]));
    }
}

#[tokio::test]
async fn cut_settings_are_survived() {
    for keep in [0, 9, 58] {
        let bench = Bench::new().await;
        bench.record(1, &[("crm", "all")], 0).await;
        let Bench { store, directory, .. } = bench;
        store.close().await;
        let settings = File::options().write(true).open(directory.path().join("sled/conf")).unwrap();
        assert_eq!(settings.metadata().unwrap().len(), 62);
        settings.set_len(keep).unwrap();
        let bench = Bench::on(directory).await;
        assert_eq!(bench.counts("crm", "all").await, [1, 0, 0, 0], "cut to {keep}");
    }
}

#[test]
fn what_is_no_store_is_an_error_in_words() {
    let garbage: Vec<u8> = (0..700_000u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
    for (name, bytes) in [("db", &garbage[..]), ("db", &[0xff; 3]), ("conf", &garbage[..2_000]), ("conf", &[b'x'; 40])]
    {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sled")).unwrap();
        fs::write(directory.path().join("sled").join(name), bytes).unwrap();
        // To sled, a log whose beginning does not read is an empty one, and here nothing says that it was not.
        match open_at_once(directory.path()) {
            Ok(store) => drop(store),
            Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "{name}: {error}"),
        }
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [&file, &file.join("below")] {
        let error = failure(path);
        assert!(matches!(error, StoreError::Directory { .. }), "{error}");
    }
    for name in ["sled", "lock"] {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join(name);
        if name == "sled" {
            fs::write(other, "").unwrap()
        } else {
            fs::create_dir(other).unwrap()
        }
        let error = failure(directory.path());
        assert!(matches!(error, StoreError::Directory { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_is_lost_does_not_pass_for_a_new_one() {
    for length in [16, 4_096, usize::MAX] {
        let bench = Bench::new().await;
        for lead in 0..200 {
            bench.record(lead, &[("crm", "all")], 0).await;
        }
        let Bench { store, directory, .. } = bench;
        store.close().await;
        let path = directory.path().join("sled/db");
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len().min(length);
        bytes[..end].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        snapshots(directory.path()).iter().for_each(|snapshot| fs::remove_file(snapshot).unwrap());
        let error = failure(directory.path());
        assert!(matches!(error, StoreError::Damaged { .. }), "{length}: {error}");
    }
    let bench = Bench::new().await;
    let Bench { store, directory, .. } = bench;
    store.close().await;
    fs::remove_dir_all(directory.path().join("sled")).unwrap();
    assert!(matches!(failure(directory.path()), StoreError::Damaged { .. }));
}
