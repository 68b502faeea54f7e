//! Backfills, and recorded events for another destination.

use super::*;
use crate::domain::backfill::{Counts, Order, State};
use crate::store::backfill::{Job, Left, Through, Within};
use crate::store::past::{Past, PastAt, Way};

fn order(destination: &str) -> Order {
    Order {
        destination: destination.into(),
        from: at(-1_000),
        to: at(0),
        typed: ("7d".into(), None),
        on: vec![EventType::LeadFinalized],
        again: false,
        dry_run: false,
    }
}

async fn begin(bench: &Bench, destination: &str, now: i64) -> Job {
    let (begun, there) = bench.store.backfill_begin(&bench.platform, order(destination), at(now)).await.unwrap();
    assert!(!there);
    let jobs = bench.store.next_backfill(&bench.platform, Vec::new()).await.unwrap();
    let job = jobs.unwrap().0;
    assert_eq!(job.no(), begun.no);
    job
}

async fn look(bench: &Bench, job: Job, destination: &str, lead: u64) -> Vec<Past> {
    let leads = vec![LeadId(lead)];
    bench.store.past(job, &bench.platform, destination, leads).await.unwrap().remove(0).past
}

async fn send(bench: &Bench, job: Job, lead: u64, past: Past, now: i64) -> u64 {
    let way = Way { destination: "crm".into(), route: "new".into() };
    bench.store.send_past(job, &bench.platform, LeadId(lead), vec![(past, way)], at(now)).await.unwrap()
}

#[tokio::test]
async fn an_order_given_again_is_the_same_until_it_has_ended() {
    let mut bench = Bench::new().await;
    let job = begin(&bench, "crm", 0).await;
    let (same, there) = bench.store.backfill_begin(&bench.platform, order("crm"), at(5)).await.unwrap();
    assert!((same.no, there, same.begun_at) == (job.no(), true, at(0)));
    let (other, there) = bench.store.backfill_begin(&bench.platform, order("chat"), at(5)).await.unwrap();
    assert!(!there && other.no != same.no);
    bench = bench.reopened().await;
    assert!(bench.store.backfill_end(other.no, State::Cancelled, at(6)).await.unwrap());
    assert!(!bench.store.backfill_end(other.no, State::Done, at(6)).await.unwrap(), "it has ended");
    assert!(bench.store.backfill_end(same.no, State::Done, at(7)).await.unwrap());
    let (new, there) = bench.store.backfill_begin(&bench.platform, order("crm"), at(8)).await.unwrap();
    assert!(!there && new.no > other.no);
    let states: Vec<State> = bench.store.backfills().await.unwrap().iter().map(|backfill| backfill.state).collect();
    assert_eq!(states, [State::Done, State::Cancelled, State::Going]);
    // Those that have ended do not pile up.
    for _ in 0..40 {
        let (one, _) = bench.store.backfill_begin(&bench.platform, order("chat"), at(9)).await.unwrap();
        bench.store.backfill_end(one.no, State::Done, at(9)).await.unwrap();
    }
    let left = bench.store.backfills().await.unwrap();
    assert!(left.len() <= 21 && left.iter().any(|backfill| backfill.no == new.no), "{}", left.len());
}

#[tokio::test]
async fn what_was_sent_is_counted_in_the_commit_that_sent_it() {
    let mut bench = Bench::new().await;
    let job = begin(&bench, "crm", 0).await;
    let mut reading = reading(1, 0, &[("crm", "all")], 1);
    reading.origin = Origin::Backfill;
    bench.store.record_for(job, &bench.platform, reading).await.unwrap();
    bench = bench.reopened().await;
    assert_eq!(bench.store.backfill_sent_in_piece(job).await.unwrap(), 1);
    assert!(
        bench.store.backfill_within(job, Within { looked: 3, reached: Some(at(-500)), waits: None }).await.unwrap()
    );
    let backfill = bench.store.backfill(job.no()).await.unwrap().unwrap();
    assert_eq!((backfill.counts.sent, backfill.counts.listed, backfill.reached), (1, 3, at(-500)));
    assert_eq!(backfill.done_until, at(-1_000), "only whole pieces are gone through");
    let left = vec![Left { row: row(9), window: window(), history: true }];
    let counts = Counts { listed: 5, delivered: 3, unreadable: 1, ..Counts::default() };
    assert!(bench.store.backfill_through(job, Through { to: at(-100), counts, left }).await.unwrap());
    let backfill = bench.store.backfill(job.no()).await.unwrap().unwrap();
    assert_eq!(backfill.counts, Counts { sent: 1, ..counts });
    assert_eq!((backfill.done_until, bench.store.backfill_left(job).await.unwrap().len()), (at(-100), 1));
    // It could be read after all.
    let made_up = Counts { sent: 1, ..Counts::default() };
    assert!(bench.store.backfill_made_up(job, LeadId(9), made_up).await.unwrap());
    let backfill = bench.store.backfill(job.no()).await.unwrap().unwrap();
    assert_eq!((backfill.counts.sent, backfill.counts.unreadable), (2, 0));
    bench.store.backfill_end(job.no(), State::Cancelled, at(9)).await.unwrap();
    assert!(!bench.store.backfill_within(job, Within::default()).await.unwrap(), "it is told that it was ended");
    bench.audit();
}

#[tokio::test]
async fn a_recorded_event_goes_to_another_destination_once_and_again_only_by_order() {
    let bench = Bench::new().await;
    bench.record(1, &[("chat", "old")], 0).await;
    let job = begin(&bench, "crm", 10).await;
    let past = look(&bench, job, "crm", 1).await[0];
    assert_eq!((past.at, past.kept, past.revision, past.n), (PastAt::Never, true, 1, 0));
    assert_eq!(send(&bench, job, 1, past, 11).await, 1);
    assert_eq!(look(&bench, job, "crm", 1).await[0].at, PastAt::Pending);
    assert_eq!(send(&bench, job, 1, past, 12).await, 0, "it is on its way");
    let ids = bench.deliver_all("crm", &["new"], 20).await;
    assert_eq!((ids.len(), bench.counts("crm", "new").await), (1, [0, 1, 0, 0]));
    // Whatever the job does once more, what it sent itself is not sent a second time.
    assert_eq!(look(&bench, job, "crm", 1).await[0].at, PastAt::Delivered { since: true });
    assert_eq!(send(&bench, job, 1, past, 21).await, 0);
    bench.store.backfill_end(job.no(), State::Done, at(22)).await.unwrap();
    let later = begin(&bench, "crm", 30).await;
    assert_eq!(look(&bench, later, "crm", 1).await[0].at, PastAt::Delivered { since: false });
    assert_eq!(send(&bench, later, 1, past, 31).await, 1);
    assert_eq!(bench.counts("crm", "new").await, [1, 0, 0, 0]);
    bench.audit();
    assert_eq!(bench.deliver_all("crm", &["new"], 40).await, ids);
    // Both attempts are kept.
    let story = bench.store.story("my-platform", LeadId(1)).await.unwrap().unwrap();
    let there = story.events[0].deliveries.iter().find(|delivery| delivery.destination == "crm").unwrap();
    assert_eq!((there.tries, there.attempts.len()), (2, 2));
    bench.audit();
}

#[tokio::test]
async fn what_a_person_has_to_decide_is_left_alone() {
    let bench = Bench::new().await;
    for (lead, verdict) in [(1, dead()), (2, again(90))] {
        bench.record(lead, &[("crm", "all")], 0).await;
        bench.settle_all("crm", &["all"], 5, verdict).await;
    }
    bench.store.drop_pending("crm", crate::store::destinations::Lanes::default(), at(6)).await.unwrap();
    let job = begin(&bench, "crm", 10).await;
    for (lead, stands) in [(1, PastAt::Dead), (2, PastAt::Dropped)] {
        let past = look(&bench, job, "crm", lead).await[0];
        assert_eq!(past.at, stands);
        assert_eq!(send(&bench, job, lead, past, 11).await, 0);
    }
    bench.audit();
}

#[tokio::test]
async fn an_event_that_is_gone_is_put_back_under_its_own_number_and_id() {
    let bench = Bench::new().await;
    let id = bench.record(1, &[("chat", "old")], 0).await;
    bench.deliver_all("chat", &["old"], 1).await;
    while bench.store.purge(at(50), at(100), 10).await.unwrap().more {}
    let job = begin(&bench, "crm", 110).await;
    let past = look(&bench, job, "crm", 1).await[0];
    assert_eq!((past.at, past.kept), (PastAt::Never, false));
    assert_eq!(send(&bench, job, 1, past, 111).await, 0, "there is nothing to send");
    assert!(bench.store.past_event(&bench.platform, LeadId(1), past).await.unwrap().is_none());
    let event = reading(1, 0, &[], 112).events.remove(0).0;
    let way = || Way { destination: "crm".into(), route: "new".into() };
    let other = (Event { subject: "lost".into(), ..event.clone() }, Vec::new());
    assert!(!bench.store.send_past_anew(job, &bench.platform, past, other, way(), at(112)).await.unwrap());
    let again = (event, Vec::new());
    assert!(bench.store.send_past_anew(job, &bench.platform, past, again, way(), at(112)).await.unwrap());
    assert_eq!(bench.deliver_all("crm", &["new"], 120).await, [id]);
    // To whoever had it, it was sent: that is known for good.
    assert_eq!(look(&bench, job, "chat", 1).await[0].at, PastAt::Delivered { since: false });
    bench.audit();
    // Another happening is not taken for this one.
    bench.record(1, &[("chat", "old")], 130).await;
    assert_eq!(look(&bench, job, "crm", 1).await.len(), 1, "the last of each type counts");
}
