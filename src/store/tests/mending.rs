//! A store that was made of a damaged one's export: what lacks the rest of itself waits no more, everything else goes on.

use std::collections::BTreeSet;

use super::*;
use crate::domain::watched::Marks;
use crate::store::lacking::{self, Lacking};
use crate::store::rechecks::Again;
use crate::store::{check, keys, records};

/// Takes records away, as damage does, and says which deliveries can still be made: destination and event.
fn damage(bench: &Bench, dice: &mut fastrand::Rng) -> BTreeSet<(String, String)> {
    let inner = bench.store.inner();
    let raw = inner.tree.raw();
    let of = |letter: &[u8]| raw.scan_prefix(letter).map(|entry| entry.unwrap()).collect::<Vec<_>>();
    // Of names and numbers, the one gives the other.
    let names = if dice.bool() { b"D" } else { b"n" };
    for (key, _) in of(names).into_iter().chain(of(b"l")) {
        raw.remove(key).unwrap();
    }
    for counter in [keys::LAST_SEQ, keys::LAST_LANE, keys::LAST_DESTINATION, keys::LAST_PLATFORM] {
        raw.remove(counter).unwrap();
    }
    for letter in [&b"e"[..], b"q", b"p", b"k", b"c"] {
        for (key, _) in of(letter) {
            if dice.u8(0..6) == 0 {
                raw.remove(key).unwrap();
            }
        }
    }
    let left = of(b"p").into_iter().filter_map(|(key, _)| {
        let event = raw.get(keys::event(keys::last_u64(&key))).unwrap()?;
        let (event, _) = records::decode_front::<records::EventRecord>(&event).unwrap();
        let to = if keys::u32_at(&key, 1) == 1 { "crm" } else { "chat" };
        Some((to.to_owned(), event.id))
    });
    left.collect()
}

#[tokio::test]
async fn whatever_a_store_lacks_of_its_deliveries_the_others_are_made() {
    let mut dice = fastrand::Rng::with_seed(7);
    for _ in 0..8 {
        let bench = Bench::in_memory().await;
        for now in 0..3 {
            for lead in 0..20 {
                bench.record(lead, &[("crm", "all"), ("chat", "low")], now).await;
            }
        }
        bench.settle_all("chat", &["low"], 3, Verdict::Delivered).await;
        let left = damage(&bench, &mut dice);
        assert!(left.len() > 20 && left.len() < 100, "{}", left.len());
        let Bench { store, directory, .. } = bench;
        store.close().await;
        lacking::note(directory.path(), &Lacking { holes: true, ..Lacking::default() }).unwrap();

        // Twice: it may be killed before anybody was told.
        let bench = Bench::on(directory).await.reopened().await;
        let found = check::check(&bench.store.inner().tree).wrong;
        let of_waiting = |wrong: &&String| {
            ["in line", "in no line", "not queued", "waits and is settled"].iter().any(|of| wrong.contains(of))
        };
        assert_eq!(found.iter().filter(of_waiting).count(), 0, "{found:?}");
        assert_eq!(bench.counts("crm", "all").await[0] + bench.counts("chat", "low").await[0], left.len() as u64);
        let mut made = BTreeSet::new();
        for (to, route) in [("crm", "all"), ("chat", "low")] {
            for event in bench.deliver_all(to, &[route], 10).await {
                assert!(made.insert((to.to_owned(), event)), "made twice");
            }
        }
        assert_eq!(made, left);
        // What comes next takes nothing's place.
        let new = bench.record(1_000, &[("crm", "all")], 11).await;
        assert_eq!(bench.deliver_all("crm", &["all"], 11).await, [new]);
    }
}

#[tokio::test]
async fn of_what_was_lost_nothing_says_that_it_arrived() {
    let bench = Bench::in_memory().await;
    for lead in 0..2 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    let inner = bench.store.inner();
    let (first, _) = inner.tree.raw().scan_prefix(b"e").next().unwrap().unwrap();
    inner.tree.raw().remove(first).unwrap();
    drop(inner);
    let Bench { store, directory, .. } = bench;
    store.close().await;
    lacking::note(directory.path(), &Lacking { commits: 1, ..Lacking::default() }).unwrap();
    let bench = Bench::on(directory).await;
    let accounts = bench.store.accounts(&bench.platform, vec![LeadId(0), LeadId(1)]).await.unwrap();
    let at: Vec<usize> = accounts.iter().map(|account| account.at.len()).collect();
    assert_eq!(at, [0, 1], "the one is missing, the other waits");
}

#[tokio::test]
async fn leads_that_are_to_be_read_are_read_though_nothing_else_says_so() {
    let bench = Bench::in_memory().await;
    let again = Again { due: at(60), since: at(0), marks: Marks::default() };
    for lead in 0..3 {
        let reading = Reading { again: Some(again.clone()), ..reading(lead, 0, &[("crm", "all")], 0) };
        assert_eq!(bench.store.record(&bench.platform, reading).await.unwrap(), Recorded::Done);
    }
    for lead in [10, 11] {
        bench.store.set_aside(&bench.platform, job(lead, 30)).await.unwrap();
    }
    let inner = bench.store.inner();
    for letter in [b"r", b"f"] {
        for entry in inner.tree.raw().scan_prefix(letter) {
            inner.tree.raw().remove(entry.unwrap().0).unwrap();
        }
    }
    inner.tree.raw().remove(keys::fetch(bench.platform.no, LeadId(11))).unwrap();
    drop(inner);
    let Bench { store, directory, .. } = bench;
    store.close().await;
    lacking::note(directory.path(), &Lacking { holes: true, ..Lacking::default() }).unwrap();
    let bench = Bench::on(directory).await;
    let (rechecks, _) = bench.store.due_rechecks(&bench.platform, at(60), 9).await.unwrap();
    assert_eq!(rechecks.iter().map(|job| job.row.id.0).collect::<Vec<_>>(), [0, 1, 2]);
    let (fetches, _) = bench.store.due_fetches(&bench.platform, at(60), 9).await.unwrap();
    assert_eq!(fetches.iter().map(|job| job.row.id.0).collect::<Vec<_>>(), [10]);
    // Of the other nothing is left but that it was seen: it is as if it had never been.
    let before = bench.store.before(&bench.platform, vec![LeadId(11)]).await.unwrap().remove(0);
    assert_eq!(before.standing(), None);
    assert_eq!(check::check(&bench.store.inner().tree).wrong, [""; 0]);
}
