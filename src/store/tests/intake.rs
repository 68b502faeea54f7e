//! What was listed, what is known, recording, coverage, and reads that failed.

use super::*;
use crate::store::dead::Filter;
use crate::store::intake::{Baseline, Standing};

async fn standing(bench: &Bench, lead: u64) -> Option<Standing> {
    bench.store.before(&bench.platform, vec![LeadId(lead)]).await.unwrap()[0].standing()
}

#[tokio::test]
async fn a_platform_keeps_the_floor_of_its_first_start() {
    let bench = Bench::new().await;
    let again = bench.store.platform("my-platform", at(0), Some(at(0)), at(0)).await.unwrap();
    assert_eq!(again.no, bench.platform.no);
    let progress = bench.store.progress(&again).await.unwrap();
    assert_eq!((progress.floor, progress.start), (at(-86_400), None));
    assert_eq!((progress.baseline, progress.last_poll), (Baseline::Awaited, None));

    let other = bench.store.platform("another", at(5), Some(at(5)), at(5)).await.unwrap();
    assert_ne!(other.no, bench.platform.no);
    let progress = bench.store.progress(&other).await.unwrap();
    assert_eq!((progress.floor, progress.start, progress.baseline), (at(5), Some(at(5)), Baseline::None));
    assert!(bench.store.find_progress("nobody").await.unwrap().is_none());
}

#[tokio::test]
async fn the_first_stretch_that_is_covered_ends_the_baseline() {
    let bench = Bench::new().await;
    let (store, platform) = (&bench.store, &bench.platform);
    store.cover(platform, at(-90_000), at(0), Some(at(0))).await.unwrap();
    store.cover(platform, at(50), at(60), None).await.unwrap();
    let progress = store.progress(platform).await.unwrap();
    assert_eq!((progress.baseline, progress.last_poll), (Baseline::Until(at(0)), Some(at(0))));
    assert!(progress.coverage.covers(at(-86_400), at(0)) && progress.coverage.covers(at(50), at(60)));
    assert_eq!(progress.coverage.gaps(at(-86_400), at(60)), [(at(0), at(50))]);
}

#[tokio::test]
async fn the_baseline_is_seen_and_never_sent() {
    let bench = Bench::new().await;
    bench.record(2, &[("crm", "all")], 0).await;
    let rows = vec![row(1), row(2), row(u64::MAX)];
    bench.store.remember(&bench.platform, rows, window(), at(1)).await.unwrap();
    assert_eq!(standing(&bench, 1).await, Some(Standing::Baseline));
    assert_eq!(standing(&bench, 2).await, Some(Standing::Recorded));
    assert_eq!(standing(&bench, u64::MAX).await, Some(Standing::Baseline));
    assert_eq!(standing(&bench, 3).await, None);
    assert_eq!(bench.store.census("my-platform").await.unwrap().seen_leads, 3);
    assert_eq!(bench.claim("crm", &["all"], 2).await.len(), 1);
    bench.audit();
}

#[tokio::test]
async fn one_of_two_readings_of_a_lead_is_overtaken() {
    let bench = Bench::new().await;
    let (a, b) = tokio::join!(
        bench.store.record(&bench.platform, reading(1, 0, &[("crm", "all")], 0)),
        bench.store.record(&bench.platform, reading(1, 0, &[("crm", "all")], 0)),
    );
    let mut ends = [a.unwrap(), b.unwrap()].map(|end| end == Recorded::Done);
    ends.sort_unstable();
    assert_eq!(ends, [false, true]);
    assert_eq!(bench.counts("crm", "all").await, [1, 0, 0, 0]);
    // Nor can one skip an event, or come before the first.
    for events in [2, u32::MAX] {
        let mut reading = reading(1, 2, &[("crm", "all")], 0);
        reading.events[0].0.revision = events.wrapping_add(1);
        assert_eq!(bench.store.record(&bench.platform, reading).await.unwrap(), Recorded::Overtaken);
    }
    let before = bench.store.before(&bench.platform, vec![LeadId(1)]).await.unwrap().remove(0);
    assert_eq!(before.events(), 1);
    assert_eq!(before.earlier(EventType::LeadFinalized, "qualified"), 1);
    assert_eq!(before.earlier(EventType::LeadFinalized, "lost"), 0);
    bench.audit();
}

#[tokio::test]
async fn a_destination_that_is_wanted_twice_gets_one_delivery() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all"), ("crm", "low"), ("chat", "low")], 0).await;
    assert_eq!(bench.counts("crm", "all").await, [1, 0, 0, 0]);
    assert_eq!(bench.counts("crm", "low").await, [0; 4]);
    assert_eq!(bench.counts("chat", "low").await, [1, 0, 0, 0]);
    bench.audit();
}

#[tokio::test]
async fn a_large_envelope_comes_back_whole() {
    let bench = Bench::new().await;
    let mut reading = reading(1, 0, &[("crm", "all")], 0);
    let envelope: String = (0..40_000u64).map(|i| format!("{:x}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    reading.events[0].0.envelope = envelope.clone();
    bench.store.record(&bench.platform, reading).await.unwrap();
    let bench = bench.reopened().await;
    let claims = bench.claim("crm", &["all"], 0).await;
    assert!(claims[0].envelope == envelope.as_bytes());
    assert_eq!((claims[0].seen_at, claims[0].lead, claims[0].route.as_str()), (at(0), LeadId(1), "all"));
}

#[tokio::test]
async fn a_lead_set_aside_is_due_again_until_it_is_recorded() {
    let bench = Bench::new().await;
    let (store, platform) = (&bench.store, &bench.platform);
    for (lead, due) in [(1, 30), (2, 10), (3, 20)] {
        store.set_aside(platform, job(lead, due)).await.unwrap();
    }
    let due = async |now, limit| {
        let (jobs, next) = store.due_fetches(platform, at(now), limit).await.unwrap();
        (jobs.iter().map(|job| job.row.id.0).collect::<Vec<_>>(), next)
    };
    assert_eq!(due(0, 9).await, (vec![], Some(at(10))));
    assert_eq!(due(20, 9).await, (vec![2, 3], Some(at(30))));
    assert_eq!(due(30, 2).await, (vec![2, 3], Some(at(30))));
    assert_eq!(due(30, 9).await, (vec![2, 3, 1], None));
    // Set aside again, it is due once, and later.
    store.set_aside(platform, job(2, 40)).await.unwrap();
    assert_eq!(due(30, 9).await, (vec![3, 1], Some(at(40))));
    bench.audit();

    let (jobs, _) = store.due_fetches(platform, at(40), 9).await.unwrap();
    let job = jobs.into_iter().find(|job| job.row.id.0 == 2).unwrap();
    assert_eq!((job.since, job.due, job.error.as_str(), job.window), (at(0), at(40), "HTTP 500", window()));
    assert_eq!((job.waiting.attempts, job.row.mapped_status.as_deref()), (1, Some("qualified")));

    bench.record(2, &[("crm", "all")], 41).await;
    assert_eq!(due(50, 9).await, (vec![3, 1], None));
    // A read that was failing while another one worked changes nothing.
    store.set_aside(platform, super::job(2, 60)).await.unwrap();
    store.give_up_lead(platform, LeadId(2), "HTTP 500".into(), at(60)).await.unwrap();
    assert_eq!(standing(&bench, 2).await, Some(Standing::Recorded));
    assert_eq!(due(90, 9).await, (vec![3, 1], None));
    let census = store.census("my-platform").await.unwrap();
    assert_eq!((census.seen_leads, census.set_aside, census.unreadable), (3, 2, 0));
    bench.audit();
}

#[tokio::test]
async fn a_lead_given_up_waits_for_a_person() {
    let bench = Bench::new().await;
    let (store, platform) = (&bench.store, &bench.platform);
    for lead in [1, 2, 3] {
        store.set_aside(platform, job(lead, 10)).await.unwrap();
    }
    for lead in [1, 2, 1] {
        store.give_up_lead(platform, LeadId(lead), "no lead in it".into(), at(lead as i64 * 100)).await.unwrap();
    }
    bench.audit();
    let (letters, total) = store.dead_letters(Filter::default(), 9).await.unwrap();
    assert_eq!((total, letters.len()), (2, 2));
    assert_eq!((letters[0].lead, letters[0].died_at, letters[0].attempts), (LeadId(1), at(100), 2));
    assert_eq!((letters[0].error.as_str(), letters[0].delivery.is_none()), ("no lead in it", true));
    let census = store.census("my-platform").await.unwrap();
    assert_eq!((census.set_aside, census.unreadable), (1, 2));
    // Listed again, it stays a dead letter.
    store.set_aside(platform, job(1, 10)).await.unwrap();
    assert_eq!(standing(&bench, 1).await, Some(Standing::Unreadable));

    let bell = store.intake_bell();
    let done = store.retry_dead(of_ids([&letters[0].id]), false, at(500)).await.unwrap().done;
    assert_eq!(done, [letters[0].id.clone()]);
    bell.await;
    let (jobs, _) = store.due_fetches(platform, at(500), 9).await.unwrap();
    let again = jobs.iter().find(|job| job.row.id.0 == 1).unwrap();
    assert_eq!((again.waiting.charged, again.due), (Duration::ZERO, at(500)));
    assert_eq!(standing(&bench, 1).await, Some(Standing::SetAside));
    bench.audit();

    let gone = store.drop_dead(of_ids([&letters[1].id]), at(600)).await.unwrap().done;
    assert_eq!(gone, [letters[1].id.clone()]);
    assert_eq!(standing(&bench, 2).await, Some(Standing::Unreadable));
    assert!(bench.dead_ids(Filter::default()).await.is_empty());
    let census = store.census("my-platform").await.unwrap();
    assert_eq!((census.set_aside, census.unreadable), (2, 0));
    bench.audit();
}

#[tokio::test]
async fn a_lead_that_can_be_read_after_all_is_no_dead_letter() {
    let bench = Bench::new().await;
    bench.store.set_aside(&bench.platform, job(1, 10)).await.unwrap();
    bench.store.give_up_lead(&bench.platform, LeadId(1), "HTTP 500".into(), at(100)).await.unwrap();
    bench.record(1, &[("crm", "all")], 200).await;
    assert!(bench.dead_ids(Filter::default()).await.is_empty());
    bench.audit();
}
