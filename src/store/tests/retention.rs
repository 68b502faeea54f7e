//! What is old goes, and what must not go stays.

use super::*;
use crate::store::destinations::{Lanes, Place};
use crate::store::retention::Purged;
use crate::store::{keys, records};

impl Bench {
    /// Purges until nothing is left to look at; returns how many events went and how many were looked at.
    async fn purge(&self, before: i64, now: i64) -> (u64, u64) {
        let mut total = (0, 0);
        loop {
            let Purged { events, looked, more } = self.store.purge(at(before), at(now), 3).await.unwrap();
            total = (total.0 + events, total.1 + looked);
            self.audit();
            assert!(total.1 < 1_000, "it does not come to an end");
            if !more {
                return total;
            }
        }
    }

    fn is_there(&self, seq: Seq) -> bool {
        self.store.inner().tree.contains_key(keys::event(seq)).unwrap()
    }

    /// What is on disk under these letters.
    fn records(&self, letters: &str) -> usize {
        letters.bytes().map(|letter| self.store.inner().tree.scan_prefix([letter]).count()).sum()
    }
}

const CRM: (&str, &str) = ("crm", "all");

#[tokio::test]
async fn a_delivered_event_goes_whole_and_what_is_known_of_it_stays() {
    let bench = Bench::new().await;
    let mut large = reading(1, 0, &[CRM, ("chat", "all")], 0);
    large.events[0].0.envelope = (0..40_000u32).map(|i| i.wrapping_mul(2_654_435_761).to_string()).collect();
    bench.store.record(&bench.platform, large).await.unwrap();
    bench.settle_all("crm", &["all"], 5, again(6)).await;
    bench.settle_all("crm", &["all"], 7, Verdict::Delivered).await;
    bench.settle_all("chat", &["all"], 8, Verdict::Delivered).await;
    assert!(bench.records("b") > 10 && bench.records("eha") == 4);

    assert_eq!(bench.purge(8, 100).await.0, 0, "its last change is not before then");
    assert_eq!(bench.purge(9, 100).await, (1, 1));
    assert_eq!(bench.records("ebhapqz"), 0);
    assert_eq!((bench.counts("crm", "all").await, bench.counts("chat", "all").await), ([0, 1, 0, 0], [0, 1, 0, 0]));
    let before = bench.store.before(&bench.platform, vec![LeadId(1)]).await.unwrap().pop().unwrap();
    assert_eq!((before.events(), before.earlier(EventType::LeadFinalized, "qualified")), (1, 1));

    // The same happening again is the second of its kind, and its id another.
    let bench = bench.reopened().await;
    assert_eq!(bench.purge(90, 100).await, (0, 0));
    let second = bench.record(1, &[CRM], 110).await;
    assert_eq!(second, EventId::of("my-platform", LeadId(1), EventType::LeadFinalized, "qualified", 1).to_string());
    assert_eq!(bench.deliver_all("crm", &["all"], 120).await, [second]);
    assert_eq!(bench.purge(200, 300).await, (1, 1));
    assert_eq!(bench.counts("crm", "all").await, [0, 2, 0, 0]);
}

#[tokio::test]
async fn what_nobody_wanted_goes_by_its_own_age() {
    let bench = Bench::new().await;
    bench.record(1, &[], 10).await;
    bench.record(2, &[], 20).await;
    assert_eq!(bench.purge(15, 30).await, (1, 1));
    assert_eq!((bench.is_there(FIRST), bench.is_there(FIRST + 1)), (false, true));
}

#[tokio::test]
async fn what_is_pending_or_dead_stays_with_all_that_belongs_to_it() {
    let bench = Bench::new().await;
    let [waits, dies] = [bench.record(1, &[CRM, ("chat", "all")], 0).await, bench.record(2, &[CRM], 0).await];
    bench.settle_all("chat", &["all"], 1, Verdict::Delivered).await;
    let mut claims = bench.claim("crm", &["all"], 1).await;
    bench.store.settle(claims.pop().unwrap(), settled(dead(), 1)).await.unwrap();
    bench.store.settle(claims.pop().unwrap(), settled(again(500), 1)).await.unwrap();
    assert_eq!(bench.purge(100, 200).await, (0, 2));
    let letter = bench.dead_ids(Filter::default()).await.pop().unwrap();
    let details = bench.store.dead_letter(&letter).await.unwrap().unwrap();
    assert_eq!((details.letter.delivery.unwrap().event_id, details.attempts.len()), (dies.clone(), 1));
    assert_eq!(details.envelope.as_deref(), Some(r#"{"lead":2,"revision":1}"#));
    assert_eq!(bench.records("eha"), 2 + 2 + 2);

    // They go as others do once they are settled, however long ago they were passed by.
    assert_eq!(bench.store.retry_dead(Filter::default(), false, at(300)).await.unwrap().done.len(), 1);
    assert_eq!(bench.deliver_all("crm", &["all"], 600).await, [dies, waits]);
    assert_eq!(bench.purge(600, 700).await, (0, 0));
    assert_eq!(bench.purge(601, 700).await, (2, 2));
    assert_eq!(bench.records("ebhapqz"), 0);
    assert_eq!(bench.counts("crm", "all").await, [0, 2, 0, 0]);
}

#[tokio::test]
async fn what_a_person_dropped_or_moved_goes_too() {
    let bench = Bench::new().await;
    for lead in 1..=3 {
        bench.record(lead, &[CRM], 0).await;
    }
    bench.settle_all("crm", &["all"], 1, again(50)).await;
    assert_eq!(bench.purge(10, 20).await, (0, 3));
    let chat = Place { destination: "chat".into(), route: None };
    assert_eq!(bench.store.move_pending("crm", Lanes::default(), chat, at(30)).await.unwrap().moved, 3);
    assert_eq!(bench.purge(40, 50).await, (0, 3), "they wait elsewhere");
    bench.settle_all("chat", &["all"], 60, dead()).await;
    assert_eq!(bench.purge(70, 80).await, (0, 0));
    assert_eq!(bench.store.drop_dead(Filter::default(), at(90)).await.unwrap().done.len(), 3);
    assert_eq!(bench.purge(90, 100).await, (0, 0));
    assert_eq!(bench.purge(91, 100).await, (3, 3));
    assert_eq!(bench.records("ebhapqxyz"), 0);
    assert_eq!((bench.counts("crm", "all").await, bench.counts("chat", "all").await), ([0, 0, 0, 3], [0, 0, 0, 3]));
}

#[tokio::test]
async fn an_attempt_that_is_still_under_way_keeps_its_event() {
    for verdict in [Verdict::Delivered, again(50), dead(), Verdict::Parked] {
        let bench = Bench::new().await;
        bench.record(1, &[CRM], 0).await;
        let claim = bench.claim("crm", &["all"], 1).await.remove(0);
        assert_eq!(bench.store.drop_pending("crm", Lanes::default(), at(2)).await.unwrap(), 1);
        assert_eq!(bench.purge(50, 60).await, (0, 1));
        bench.store.settle(claim, settled(verdict, 70)).await.unwrap();
        bench.audit();
        let delivered = u64::from(verdict == Verdict::Delivered);
        assert_eq!(bench.counts("crm", "all").await, [0, delivered, 0, 1 - delivered]);
        assert_eq!(bench.purge(90, 100).await.0, 1);
        assert_eq!(bench.records("ebhapqz"), 0);
    }
}

#[tokio::test]
async fn what_waits_is_walked_over_once_however_much_it_is() {
    let bench = Bench::in_memory().await;
    for lead in 1..=60 {
        bench.record(lead, &[if lead % 2 == 0 { CRM } else { ("chat", "all") }], 0).await;
    }
    bench.settle_all("chat", &["all"], 1, dead()).await;
    assert_eq!(bench.purge(100, 200).await, (0, 60));
    for lead in 61..=70 {
        bench.record(lead, &[], 210).await;
    }
    assert_eq!(bench.purge(220, 300).await, (10, 10));
    let bench = bench.reopened().await;
    assert_eq!(bench.purge(220, 300).await, (0, 0));
    // One of them is settled: that one alone is looked at.
    let claim = bench.claim("crm", &["all"], 310).await.remove(7);
    bench.store.settle(claim, settled(Verdict::Delivered, 320)).await.unwrap();
    assert_eq!(bench.purge(400, 500).await, (1, 1));
}

#[tokio::test]
async fn one_commit_does_no_more_than_it_is_told_and_one_that_was_tried_for_days_is_alone() {
    let bench = Bench::in_memory().await;
    for lead in 1..=10 {
        bench.record(lead, &[CRM], 0).await;
    }
    bench.deliver_all("crm", &["all"], 1).await;
    let few = bench.store.purge(at(10), at(20), 4).await.unwrap();
    assert_eq!(few, Purged { events: 4, looked: 4, more: true });
    for n in 1..=4_000 {
        let record = bench.store.inner().tree.get(keys::settled(FIRST + 4, 1)).unwrap().unwrap();
        let attempt = records::decode::<records::SettledRecord>(&record).unwrap().accepted.unwrap();
        let key = keys::attempt(FIRST + 4, 1, n);
        bench.store.inner().tree.insert(key, records::encode(&attempt).unwrap()).unwrap();
    }
    let one = bench.store.purge(at(10), at(20), 4).await.unwrap();
    assert_eq!(one, Purged { events: 1, looked: 1, more: true });
    assert_eq!(bench.purge(10, 20).await, (5, 5));
    assert_eq!(bench.records("ebhapqz"), 0);
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_a_while_holds_nothing_up() {
    let bench = Bench::new().await;
    bench.record(1, &[CRM], 1_000_000).await;
    bench.settle_all("crm", &["all"], 1_000_000, Verdict::Delivered).await;
    bench.record(2, &[CRM], 0).await;
    bench.settle_all("crm", &["all"], 1, Verdict::Delivered).await;
    assert_eq!(bench.purge(50, 60).await, (1, 2));
    assert!(bench.is_there(FIRST), "nobody knows how old it is");
    assert_eq!(bench.purge(100, 160).await.0, 1);
    assert!(!bench.is_there(FIRST));
}

#[tokio::test]
async fn two_purges_at_once_and_deliveries_between_them_do_no_harm() {
    let bench = Bench::new().await;
    for lead in 1..=40 {
        bench.record(lead, &[CRM], 0).await;
    }
    let claims = bench.claim("crm", &["all"], 1).await;
    let store = &bench.store;
    let settling = async {
        for claim in claims {
            store.settle(claim, settled(Verdict::Delivered, 1)).await.unwrap();
        }
    };
    let purging = || async {
        for _ in 0..30 {
            store.purge(at(10), at(20), 3).await.unwrap();
        }
    };
    tokio::join!(settling, purging(), purging());
    bench.audit();
    bench.purge(100, 110).await;
    assert_eq!(bench.records("ebhapqz"), 0);
    assert_eq!(bench.counts("crm", "all").await, [0, 40, 0, 0]);
}
