//! The files written anew: what was erased is gone, all else is there, and no kill in between loses anything.

use std::fs;
use std::path::Path;

use super::*;
use crate::store::{keys, records};

/// Whether these bytes lie in any file below.
pub(super) fn lies_in(directory: &Path, planted: &[u8]) -> bool {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            lies_in(&path, planted)
        } else {
            fs::read(&path).unwrap().windows(planted.len()).any(|bytes| bytes == planted)
        }
    })
}

const PLANTED: &[u8] = b"planted-and-taken-out-again-8a1f03c2";

/// A store of many leads, from which something was erased.
async fn erased() -> TempDir {
    let bench = Bench::new().await;
    for lead in 0..200 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    bench.settle_all("crm", &["all"], 1, Verdict::Delivered).await;
    let planted = |txn: &mut crate::store::txn::Txn<'_>| {
        txn.put_bytes(b"!".to_vec(), PLANTED.to_vec());
        Ok(())
    };
    bench.store.commit(planted).await.unwrap();
    let erase = |txn: &mut crate::store::txn::Txn<'_>| {
        txn.delete(b"!".to_vec());
        txn.put(keys::ERASED.to_vec(), &1_u8)
    };
    bench.store.commit(erase).await.unwrap();
    bench.store.close().await;
    bench.directory
}

async fn is_whole(directory: TempDir) {
    let bench = Bench::on(directory).await;
    bench.audit();
    assert_eq!(bench.store.census(&bench.platform.id).await.unwrap().seen_leads, 200);
    assert_eq!(bench.counts("crm", "all").await, [100, 100, 0, 0]);
    assert!(!lies_in(bench.directory.path(), PLANTED));
    assert!(!bench.store.inner().tree.contains_key(keys::ERASED).unwrap());
    for leftover in ["sled.new", "sled.old"] {
        assert!(!bench.directory.path().join(leftover).exists(), "{leftover}");
    }
}

#[tokio::test]
async fn what_was_erased_is_gone_from_the_files_at_the_next_start() {
    let directory = erased().await;
    assert!(lies_in(directory.path(), PLANTED), "sled keeps what was deleted");
    is_whole(directory).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_it_loses_nothing() {
    // The copy was begun.
    let directory = erased().await;
    fs::create_dir(directory.path().join("sled.new")).unwrap();
    fs::write(directory.path().join("sled.new/db"), PLANTED).unwrap();
    is_whole(directory).await;

    // The copy was whole, and the first of the two renames made.
    let (directory, copy) = (erased().await, erased().await);
    drop(Store::open(copy.path()).unwrap());
    fs::rename(directory.path().join("sled"), directory.path().join("sled.old")).unwrap();
    assert!(Store::is_there(directory.path()));
    fs::rename(copy.path().join("sled"), directory.path().join("sled.new")).unwrap();
    is_whole(directory).await;

    // Both were.
    let directory = erased().await;
    fs::create_dir(directory.path().join("sled.old")).unwrap();
    fs::write(directory.path().join("sled.old/db"), PLANTED).unwrap();
    is_whole(directory).await;
}

#[tokio::test]
async fn where_the_copy_cannot_be_written_the_store_opens_as_it_is() {
    let directory = erased().await;
    // A record that does not read is nobody's to lose.
    let opened = crate::store::open::open(directory.path()).unwrap();
    opened.tree.insert(keys::ERASED, records::encode(&1_u8).unwrap()).unwrap();
    opened.db.flush().unwrap();
    let failing = |_: &[u8], _| Err(crate::store::StoreError::Record("planted".into()));
    drop((opened.tree, opened.log, opened.lock));
    assert!(crate::store::rewrite::rewrite(directory.path(), opened.db, failing).is_err());
    is_whole(directory).await;
}
