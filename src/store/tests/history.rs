//! Sums are kept by the minute and by ten, add up over a restart, and go when they are old.

use super::*;
use crate::domain::history::Sums;
use crate::domain::outcome::Outcome;

fn sums(polls: u64) -> Sums {
    let mut sums = Sums { polls, listed: 2 * polls, ..Sums::default() };
    sums.events.insert("lead.finalized".into(), polls);
    for _ in 0..polls {
        sums.at("crm").note_attempt(Outcome::Accepted, Duration::from_millis(12));
    }
    sums
}

#[tokio::test]
async fn a_minute_adds_up_over_a_restart_and_so_do_ten() {
    let bench = Bench::new().await;
    bench.store.keep_history(at(61), sums(1)).await.unwrap();
    let bench = bench.reopened().await;
    bench.store.keep_history(at(119), sums(2)).await.unwrap();
    bench.store.keep_history(at(120), sums(4)).await.unwrap();
    assert_eq!(bench.store.history(at(0), true).await.unwrap(), [(at(60), sums(3)), (at(120), sums(4))]);
    assert_eq!(bench.store.history(at(61), true).await.unwrap(), [(at(120), sums(4))]);
    assert_eq!(bench.store.history(at(0), false).await.unwrap(), [(at(0), sums(7))]);
}

#[tokio::test]
async fn however_long_it_runs_there_is_no_more_than_eight_days() {
    let bench = Bench::new().await;
    let (minute, day) = (60, 86_400);
    // Ten days, of which only some minutes are busy, so that the test is short.
    for ten in 0..(10 * day / (10 * minute)) {
        bench.store.keep_history(at(ten * 10 * minute), sums(1)).await.unwrap();
    }
    let now = 10 * day - 10 * minute;
    for before in (0..180).rev() {
        bench.store.keep_history(at(now - before * minute), sums(1)).await.unwrap();
    }
    let fine = bench.store.history(at(0), true).await.unwrap();
    assert_eq!((fine.len(), fine[0].0), (121, at(now - 120 * minute)));
    let coarse = bench.store.history(at(0), false).await.unwrap();
    assert_eq!((coarse.len(), coarse[0].0), (8 * 144 + 1, at(now - 8 * day)));
}

#[tokio::test]
async fn what_waits_is_counted_by_destination() {
    let bench = Bench::new().await;
    assert!(bench.store.backlog("my-platform").await.unwrap().is_empty());
    bench.record(1, &[("crm", "all"), ("chat", "all")], 5).await;
    bench.record(2, &[("crm", "all")], 7).await;
    let waits = bench.store.backlog("my-platform").await.unwrap();
    let pending: Vec<_> = waits.iter().map(|(name, waits)| (name.as_str(), waits.pending, waits.oldest)).collect();
    assert_eq!(pending, [("chat", 1, Some(at(5).as_millisecond())), ("crm", 2, Some(at(5).as_millisecond()))]);
}
