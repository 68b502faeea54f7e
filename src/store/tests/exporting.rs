//! The store as text and back; what a check finds.

use std::fs;

use super::*;
use crate::store::check::check;
use crate::store::export::ExportError;
use crate::store::{keys, records};

/// Everything that is in it.
fn all(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let entries = store.inner().tree.iter().map(|entry| entry.unwrap());
    entries.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// With something of every kind: delivered, waiting, dead, set aside.
async fn busy() -> Bench {
    let bench = Bench::new().await;
    for lead in 0..60 {
        bench.record(lead, &[("crm", "all"), ("chat", "low")], 0).await;
    }
    bench.settle_all("crm", &["all"], 1, Verdict::Delivered).await;
    for claim in bench.claim("chat", &["low"], 1).await.drain(..20) {
        bench.store.settle(claim, settled(dead(), 1)).await.unwrap();
    }
    bench.store.set_aside(&bench.platform, job(1_000, 10)).await.unwrap();
    bench.store.give_up_lead(&bench.platform, LeadId(1_000), "HTTP 500".into(), at(11)).await.unwrap();
    bench.store.set_aside(&bench.platform, job(1_001, 10)).await.unwrap();
    bench
}

fn exported(directory: &std::path::Path) -> Vec<u8> {
    let mut text = Vec::new();
    let told = Store::export(directory, None, &mut text).unwrap();
    assert_eq!(told.unreadable, [""; 0]);
    assert_eq!(told.records as usize + 2, text.split(|byte| *byte == b'\n').count() - 1);
    text
}

#[tokio::test]
async fn what_was_exported_is_there_again_record_by_record() {
    let bench = busy().await;
    let before = all(&bench.store);
    let Bench { store, directory, .. } = bench;
    store.close().await;
    let text = exported(directory.path());

    let place = tempfile::tempdir().unwrap();
    let new = place.path().join("new");
    let told = Store::import(&new, &mut &text[..]).unwrap();
    assert_eq!(told.records as usize, before.len());
    let store = Store::open(&new).unwrap();
    assert!(all(&store) == before);
    assert_eq!(check(&store.inner().tree).wrong, [""; 0]);
    // It works: what waited is there to be claimed, what was delivered is not.
    assert_eq!(store.claim("crm", &["all".into()], at(20), 100).await.unwrap().claims.len(), 0);
    assert_eq!(store.claim("chat", &["low".into()], at(20), 100).await.unwrap().claims.len(), 40);
    store.close().await;
    assert!(matches!(Store::import(&new, &mut &text[..]), Err(ExportError::NotEmpty(_))));

    // What was cut or changed on the way is not taken for whole, and leaves no store.
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let swapped = [&lines[..5], &[lines[6], lines[5]], &lines[7..]].concat().concat();
    let doubled = [&lines[..6], &lines[5..]].concat().concat();
    let cut = text[..text.len() / 2].to_vec();
    let without_the_last = lines[..lines.len() - 1].concat();
    for broken in [Vec::new(), b"{}\n".to_vec(), cut, without_the_last, swapped, doubled] {
        let other = place.path().join("other");
        let end = Store::import(&other, &mut &broken[..]);
        assert!(matches!(end, Err(ExportError::Text { .. })), "{end:?}");
        assert!(!Store::is_there(&other));
        // A directory that such an import has left is as good as an empty one.
        Store::import(&other, &mut &text[..]).unwrap();
        fs::remove_dir_all(&other).unwrap();
    }
}

#[tokio::test]
async fn a_compacted_store_is_the_same_in_less_room() {
    let bench = busy().await;
    for lead in 2_000..2_400 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    bench.deliver_all("crm", &["all"], 1).await;
    while bench.store.purge(at(100), at(200), 256).await.unwrap().more {}
    let before = all(&bench.store);
    let Bench { store, directory, .. } = bench;
    store.close().await;
    let compacted = Store::compact(directory.path()).unwrap();
    assert!(compacted.after < compacted.before, "{compacted:?}");
    let store = Store::open(directory.path()).unwrap();
    assert!(all(&store) == before);
    store.close().await;
}

#[tokio::test]
async fn a_check_names_what_is_wrong_and_nothing_else() {
    let bench = busy().await;
    let tree = bench.store.inner().tree.clone();
    assert_eq!(check(&tree).wrong, [""; 0]);
    let crm = keys::settled(FIRST, 1);
    let waiting = tree.scan_prefix(b"p").next().unwrap().unwrap().0.to_vec();
    let queued = tree.scan_prefix(b"q").next().unwrap().unwrap().0.to_vec();
    let letter = tree.scan_prefix(b"y").next().unwrap().unwrap().0.to_vec();
    let run = tree.scan_prefix(b"k").next().unwrap().unwrap().0.to_vec();
    let counts = tree.scan_prefix(b"c").next().unwrap().unwrap().0.to_vec();
    let due = tree.scan_prefix(b"f").next().unwrap().unwrap().0.to_vec();
    let event = keys::event(FIRST);
    let damaged = Some(vec![1, 0xc1, 0xc1]);
    for (key, instead, found) in [
        (&event, None, "which is not there"),
        (&event, damaged.clone(), "one of the events does not read (event 1)"),
        (&crm, None, "and nothing says how"),
        (&crm, damaged.clone(), "one of the settled deliveries does not read (event 1)"),
        (&waiting, None, "and does not wait"),
        (&queued, None, "and is not queued"),
        (&letter, None, "dead letter"),
        (&run, damaged.clone(), "one of the runs of known leads does not read"),
        (&counts, Some(records::encode(&records::LaneCounts::default()).unwrap()), "is counted as"),
        (&due, None, "is to be fetched again, and nothing says so"),
    ] {
        let before = tree.get(key).unwrap().unwrap();
        match instead {
            Some(bytes) => drop(tree.insert(key, bytes).unwrap()),
            None => drop(tree.raw().remove(key).unwrap()),
        }
        let checked = bench.store.check().await.unwrap();
        assert!(checked.wrong.iter().any(|wrong| wrong.contains(found)), "{found}: {:#?}", checked.wrong);
        tree.insert(key, before).unwrap();
        assert_eq!(check(&tree).wrong, [""; 0], "{found}");
    }
}
