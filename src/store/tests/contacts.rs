//! What a contact was told of is known with the delivery, and forgotten when it counts no more.

use super::*;
use crate::domain::contact::ContactKey;
use crate::domain::pace::Rate;
use crate::store::contacts::Counts;

const WHO: ContactKey = ContactKey([7; 16]);
const LIMIT: Rate = Rate { count: 2, per: Duration::from_secs(100) };

fn put_off(until: i64, now: i64) -> Settlement {
    let verdict = Verdict::Again { at: at(until), counted: false };
    Settlement { tried: None, verdict, wait_until: None, breaker: None, why: None, progress: None, now: at(now) }
}

#[tokio::test]
async fn what_is_accepted_counts_from_that_commit_on_and_over_a_restart() {
    let bench = Bench::new().await;
    for lead in 1..=4 {
        bench.record(lead, &[("crm", "all"), ("chat", "all")], 0).await;
    }
    let verdicts = [Verdict::Delivered, again(50), dead(), Verdict::NextStep];
    for (mut claim, verdict) in bench.claim("crm", &["all"], 10).await.into_iter().zip(verdicts) {
        claim.counts = Some(Counts { contact: WHO, limit: LIMIT });
        bench.store.settle(claim, settled(verdict, 10)).await.unwrap();
        bench.audit();
    }
    // What was accepted, and the first step of what goes on.
    assert_eq!(bench.store.told_of("crm", WHO).await.unwrap(), [at(10), at(10)]);
    let bench = bench.reopened().await;
    assert_eq!(bench.store.told_of("crm", WHO).await.unwrap(), [at(10), at(10)]);
    // Elsewhere and of others nothing is known.
    assert_eq!(bench.store.told_of("chat", WHO).await.unwrap(), []);
    assert_eq!(bench.store.told_of("nowhere", WHO).await.unwrap(), []);
    assert_eq!(bench.store.told_of("crm", ContactKey([8; 16])).await.unwrap(), []);
}

#[tokio::test]
async fn what_counts_no_more_goes_and_what_was_renewed_stays() {
    let bench = Bench::new().await;
    let count = async |lead: u64, now: i64| {
        bench.record(lead, &[("crm", "all")], now).await;
        for mut claim in bench.claim("crm", &["all"], now).await {
            claim.counts = Some(Counts { contact: WHO, limit: LIMIT });
            bench.store.settle(claim, settled(Verdict::Delivered, now)).await.unwrap();
        }
    };
    let purge = async |now: i64| bench.store.purge(at(-9), at(now), 10).await.unwrap();
    let records = || ["u", "v"].map(|letter| bench.store.inner().tree.scan_prefix(letter).count());
    count(1, 10).await;
    count(2, 60).await;
    purge(115).await;
    assert_eq!((records(), bench.store.told_of("crm", WHO).await.unwrap()), ([1, 1], vec![at(10), at(60)]));
    count(3, 120).await;
    assert_eq!(bench.store.told_of("crm", WHO).await.unwrap(), [at(60), at(120)]);
    purge(200).await;
    assert_eq!(records(), [1, 1]);
    purge(221).await;
    assert_eq!((records(), bench.store.told_of("crm", WHO).await.unwrap()), ([0, 0], vec![]));
}

#[tokio::test]
async fn what_is_put_off_for_its_contact_counts_no_attempt_and_says_so() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    bench.record(2, &[("crm", "all")], 0).await;
    let story = async || {
        let story = bench.store.story("my-platform", LeadId(1)).await.unwrap().unwrap();
        let delivery = &story.events[0].deliveries[0];
        (delivery.for_contact, delivery.due, delivery.tries, delivery.failed)
    };
    let claim = bench.claim("crm", &["all"], 10).await.remove(0);
    bench.store.settle(claim, put_off(90, 10)).await.unwrap();
    bench.audit();
    assert_eq!(story().await, (true, Some(at(90)), 0, 0));
    let due: Vec<u64> = bench.claim("crm", &["all"], 89).await.iter().map(|claim| claim.lead.0).collect();
    assert_eq!(due, [2]);
    bench.settle_all("crm", &["all"], 90, again(95)).await;
    assert_eq!(story().await, (false, Some(at(95)), 1, 1));
}
