//! What leadhook says of itself: in order within a subject, and nothing of it stays.

use super::*;
use crate::domain::event::{Ops, ops};
use crate::store::destinations::{Lanes, Place};
use crate::store::ops::{Noted, Silence};
use crate::store::{keys, records};

/// What happened to a subject at this time.
fn happened(subject: &str, now: i64) -> Event {
    began(subject, now, now)
}

/// The same; it began at another.
pub(super) fn began(subject: &str, began: i64, now: i64) -> Event {
    let happened = Ops {
        event_type: EventType::OpsSourceStale,
        subject: subject.into(),
        message: "HTTP 503".into(),
        count: 1,
        began: at(began),
        of: String::new(),
        more: serde_json::Map::new(),
    };
    ops("my-platform", happened, at(now))
}

impl Bench {
    async fn tell(&self, subject: &str, wanted: &[(&str, &str)], now: i64) -> String {
        let (event, decision) = (happened(subject, now), decision(wanted));
        let id = event.id.to_string();
        self.store.record_ops(event, decision, None).await.unwrap();
        self.audit();
        id
    }

    /// Subjects of which a line is kept.
    fn subjects(&self) -> usize {
        let runs = self.store.inner().tree.scan_prefix(keys::runs(keys::OPS));
        runs.map(|run| records::decode::<crate::store::known::Run>(&run.unwrap().1).unwrap().len()).sum()
    }
}

const CHAT: (&str, &str) = ("chat", "ops");

#[tokio::test]
async fn what_is_about_one_subject_is_told_in_order_and_another_does_not_wait() {
    let bench = Bench::new().await;
    let [first, second] = [bench.tell("source", &[CHAT], 0).await, bench.tell("source", &[CHAT], 1).await];
    let other = bench.tell("crm", &[CHAT], 2).await;
    let claims = bench.claim("chat", &["ops"], 3).await;
    let ids: Vec<_> = claims.iter().map(|claim| claim.event_id.clone()).collect();
    assert_eq!(ids, [first.clone(), other.clone()]);
    drop(claims);
    let bench = bench.reopened().await;
    assert_eq!(bench.deliver_all("chat", &["ops"], 3).await, [first, other, second]);
    bench.audit();
    assert_eq!(bench.counts("chat", "ops").await, [0, 3, 0, 0]);
    assert_eq!(bench.subjects(), 0, "what is known of subjects does not grow");
    let census = bench.store.census("my-platform").await.unwrap();
    assert_eq!((census.seen_leads, census.set_aside, census.unreadable), (0, 0, 0));
}

#[tokio::test]
async fn one_that_dies_leaves_nothing_to_decide_and_the_next_goes_on() {
    let bench = Bench::new().await;
    bench.tell("source", &[CHAT, ("crm", "ops")], 0).await;
    let next = bench.tell("source", &[CHAT], 1).await;
    bench.settle_all("chat", &["ops"], 2, again(3)).await;
    bench.settle_all("chat", &["ops"], 3, dead()).await;
    bench.audit();
    assert_eq!(bench.dead_ids(Filter::default()).await, Vec::<String>::new());
    assert_eq!(bench.counts("chat", "ops").await, [1, 0, 0, 0]);
    assert_eq!(bench.deliver_all("chat", &["ops"], 4).await, [next]);
    assert_eq!(bench.counts("crm", "ops").await, [1, 0, 0, 0]);
    bench.settle_all("crm", &["ops"], 5, dead()).await;
    bench.audit();
    assert_eq!(bench.subjects(), 0);
}

#[tokio::test]
async fn retention_takes_them_as_it_takes_others_however_they_ended() {
    let bench = Bench::new().await;
    bench.tell("source", &[CHAT, ("crm", "ops")], 0).await;
    bench.tell("source", &[CHAT], 1).await;
    bench.tell("nobody", &[], 2).await;
    assert_eq!(bench.store.purge(at(10), at(20), 100).await.unwrap().events, 1, "what nobody wanted");
    bench.audit();
    bench.settle_all("chat", &["ops"], 30, Verdict::Delivered).await;
    bench.settle_all("chat", &["ops"], 31, again(32)).await;
    bench.settle_all("chat", &["ops"], 32, dead()).await;
    bench.settle_all("crm", &["ops"], 33, again(99)).await;
    assert_eq!(bench.store.purge(at(40), at(50), 100).await.unwrap().events, 1, "one waits for crm");
    bench.settle_all("crm", &["ops"], 99, dead()).await;
    assert_eq!(bench.store.purge(at(100), at(110), 100).await.unwrap().events, 1);
    bench.audit();
    let left: usize = b"ebhapqQzxy".iter().map(|letter| bench.store.inner().tree.scan_prefix([*letter]).count()).sum();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_person_moves_and_drops_them_as_others() {
    let bench = Bench::new().await;
    let first = bench.tell("source", &[CHAT], 0).await;
    let second = bench.tell("source", &[CHAT], 1).await;
    let place = Place { destination: "chat".into(), route: Some("other".into()) };
    assert_eq!(bench.store.move_pending("chat", Lanes::default(), place, at(2)).await.unwrap().moved, 2);
    bench.audit();
    let place = Place { destination: "room".into(), route: None };
    assert_eq!(bench.store.move_pending("chat", Lanes::default(), place, at(2)).await.unwrap().moved, 2);
    bench.audit();
    assert_eq!(bench.settle_all("room", &["other"], 3, Verdict::Delivered).await, [first]);
    assert_eq!(bench.store.drop_pending("room", Lanes::default(), at(4)).await.unwrap(), 1);
    bench.audit();
    assert_eq!(bench.subjects(), 0);
    assert!(bench.deliver_all("room", &["other"], 5).await.is_empty(), "{second} was dropped");
}

#[tokio::test]
async fn a_silence_is_known_after_a_restart_and_ends_with_what_is_said_of_it() {
    let bench = Bench::new().await;
    assert_eq!(bench.store.silence(&bench.platform).await.unwrap(), None);
    let noted = |silence| Noted { platform: bench.platform.clone(), silence };
    let silence = Silence { since: at(0), stale: Some(at(900)) };
    bench.store.note_silence(noted(Some(Silence { stale: None, ..silence }))).await.unwrap();
    bench.store.record_ops(happened("source", 900), decision(&[CHAT]), Some(noted(Some(silence)))).await.unwrap();
    let (ended, none) = (happened("source", 1_000), noted(None));
    let bench = bench.reopened().await;
    assert_eq!(bench.store.silence(&bench.platform).await.unwrap(), Some(silence));
    bench.store.record_ops(ended, decision(&[CHAT]), Some(none)).await.unwrap();
    assert_eq!(bench.store.silence(&bench.platform).await.unwrap(), None);
    assert_eq!(bench.deliver_all("chat", &["ops"], 1_001).await.len(), 2);
    bench.audit();
}
