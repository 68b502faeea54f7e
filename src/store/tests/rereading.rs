//! Leads that are finalized again, and leads that are read again for want of a rating.

use serde_json::value::RawValue;

use super::*;
use crate::domain::lead::Lead;
use crate::domain::watched::Watch;
use crate::store::dead::Filter;
use crate::store::intake::Standing;
use crate::store::rechecks::{Again, RecheckJob};

fn json(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn again(due: i64) -> Again {
    let marks = Watch::default().look(&Lead::from_raw(json(r#"{"name":"Ana"}"#)).unwrap()).marks;
    Again { due: at(due), since: at(0), marks }
}

fn with_status(lead: u64, status: &str) -> Row {
    Row { mapped_status: Some(status.into()), ..row(lead) }
}

fn hours(from: i64, to: i64) -> Window {
    Window { from: at(from * 3_600), to: at(to * 3_600) }
}

/// Recorded, and read again at `due`.
async fn recorded(bench: &Bench, lead: u64, due: i64) {
    let reading = Reading { again: Some(again(due)), ..reading(lead, 0, &[("crm", "all")], 0) };
    assert_eq!(bench.store.record(&bench.platform, reading).await.unwrap(), Recorded::Done);
}

/// A reading that brought nothing.
fn nothing(lead: u64, after: u32, due: Option<i64>) -> Reading {
    Reading { events: Vec::new(), again: due.map(again), ..reading(lead, after, &[], 0) }
}

async fn due(bench: &Bench, now: i64) -> (Vec<u64>, Option<Timestamp>) {
    let (jobs, next) = bench.store.due_rechecks(&bench.platform, at(now), 9).await.unwrap();
    (jobs.iter().map(|job| job.row.id.0).collect(), next)
}

async fn before(bench: &Bench, lead: u64) -> Before {
    bench.store.before(&bench.platform, vec![LeadId(lead)]).await.unwrap().remove(0)
}

async fn to_read(bench: &Bench, rows: Vec<Row>, window: Window) -> Vec<u64> {
    let detected = bench.store.detect(&bench.platform, rows, window).await.unwrap();
    bench.store.relist(&bench.platform, detected.to_note, window).await.unwrap();
    detected.to_read.iter().map(|(row, _)| row.id.0).collect()
}

#[tokio::test]
async fn an_unrated_lead_is_due_once_and_after_a_restart() {
    let bench = Bench::new().await;
    recorded(&bench, 1, 60).await;
    recorded(&bench, 2, 40).await;
    recorded(&bench, u64::MAX, 50).await;
    bench.audit();
    let bench = bench.reopened().await;
    assert_eq!(due(&bench, 39).await, (vec![], Some(at(40))));
    assert_eq!(due(&bench, 50).await, (vec![2, u64::MAX], Some(at(60))));
    let (jobs, _) = bench.store.due_rechecks(&bench.platform, at(50), 1).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].again.since, jobs[0].failed), (1, at(0), 0));
    assert_eq!(jobs[0].again.marks, again(0).marks);
    assert_eq!(jobs[0].row.mapped_status, row(2).mapped_status);

    // Read again: later, or never again.
    bench.store.record(&bench.platform, nothing(2, 1, Some(90))).await.unwrap();
    bench.store.record(&bench.platform, nothing(u64::MAX, 1, None)).await.unwrap();
    assert_eq!(due(&bench, 100).await, (vec![1, 2], None));
    assert_eq!(before(&bench, 2).await.next_reading(), Some(at(90)));
    bench.audit();
}

#[tokio::test]
async fn a_reading_that_failed_is_put_off_and_no_dead_letter() {
    let bench = Bench::new().await;
    recorded(&bench, 1, 60).await;
    let job =
        async || -> RecheckJob { bench.store.due_rechecks(&bench.platform, at(999), 9).await.unwrap().0.remove(0) };
    let first = job().await;
    bench.store.put_off_recheck(&bench.platform, first.clone(), Some(at(62))).await.unwrap();
    let second = job().await;
    assert_eq!((second.failed, second.again.due, second.again.since), (1, at(62), at(0)));
    // Someone else was faster.
    bench.store.put_off_recheck(&bench.platform, first, Some(at(500))).await.unwrap();
    assert_eq!(job().await.again.due, at(62));
    bench.audit();
    bench.store.put_off_recheck(&bench.platform, second, None).await.unwrap();
    assert_eq!(due(&bench, 999).await, (vec![], None));
    assert!(bench.dead_ids(Filter::default()).await.is_empty());
    assert_eq!(before(&bench, 1).await.standing(), Some(Standing::Recorded));
    bench.audit();
}

#[tokio::test]
async fn the_next_reading_tells_of_the_id_that_the_client_gave_meanwhile() {
    let bench = Bench::new().await;
    recorded(&bench, 1, 60).await;
    let named = Row { client_lead_id: Some(json("\"crm-9\"")), ..row(1) };
    assert!(to_read(&bench, vec![named.clone()], window()).await.is_empty());
    let (jobs, _) = bench.store.due_rechecks(&bench.platform, at(60), 9).await.unwrap();
    assert_eq!(jobs[0].row.client_lead_id.as_ref().map(|raw| raw.get()), Some("\"crm-9\""));
    assert_eq!(jobs[0].again.marks, again(0).marks);
    let detected = bench.store.detect(&bench.platform, vec![named], window()).await.unwrap();
    assert!(detected.to_note.is_empty(), "it is noted once");
    bench.audit();
}

#[tokio::test]
async fn a_list_tells_what_is_new_and_what_was_finalized_again() {
    let bench = Bench::new().await;
    bench.store.remember(&bench.platform, vec![row(1), row(2)], hours(0, 24), at(1)).await.unwrap();
    for lead in [3, 4, 5] {
        let reading = Reading { window: hours(0, 24), ..reading(lead, 0, &[], 1) };
        bench.store.record(&bench.platform, reading).await.unwrap();
    }
    let rows =
        |status: &str| vec![with_status(9, status), with_status(2, status), row(1), with_status(4, status), row(3)];
    assert_eq!(to_read(&bench, rows("sold"), hours(1, 25)).await, [9, 2, 4], "in the list's order");
    assert_eq!(to_read(&bench, rows("qualified"), hours(1, 25)).await, [9]);
    assert_eq!(to_read(&bench, rows("qualified"), hours(25, 26)).await, [9, 2, 1, 4, 3], "behind their stretch");
    assert_eq!(to_read(&bench, rows("qualified"), hours(-9, -1)).await, [9], "before it");
    assert!(to_read(&bench, Vec::new(), window()).await.is_empty());
    let detected = bench.store.detect(&bench.platform, rows("sold"), hours(1, 25)).await.unwrap();
    let known: Vec<_> = detected.to_read.iter().map(|(_, before)| (before.standing(), before.events())).collect();
    assert_eq!(known, [(None, 0), (Some(Standing::Baseline), 0), (Some(Standing::Recorded), 1)]);
}

#[tokio::test]
async fn a_stretch_becomes_narrower_and_moves_only_when_the_lead_is_finalized_again() {
    let bench = Bench::new().await;
    bench.store.remember(&bench.platform, vec![row(2)], hours(0, 28), at(1)).await.unwrap();
    let first = Reading { window: hours(0, 28), ..reading(1, 0, &[], 1) };
    bench.store.record(&bench.platform, first).await.unwrap();
    for (window, is) in [
        (hours(1, 29), hours(0, 28)),
        (hours(-9, 3), hours(0, 3)),
        (hours(1, 29), hours(0, 3)),
        (hours(2, 9), hours(2, 3)),
        (hours(5, 9), hours(2, 3)),
    ] {
        to_read(&bench, vec![row(1), row(2)], window).await;
        assert_eq!(before(&bench, 1).await.stretch(), Some(is), "{window:?}");
        assert_eq!(before(&bench, 2).await.stretch(), Some(is), "{window:?}");
    }
    let again = Reading { window: hours(5, 9), ..reading(1, 1, &[("crm", "all")], 2) };
    bench.store.record(&bench.platform, again).await.unwrap();
    assert_eq!(before(&bench, 1).await.stretch(), Some(hours(5, 9)));
    // A reading for want of a rating says nothing of when it was finalized.
    let unrated = Reading { window: hours(7, 8), ..nothing(1, 2, None) };
    bench.store.record(&bench.platform, unrated).await.unwrap();
    assert_eq!(before(&bench, 1).await.stretch(), Some(hours(5, 9)));
    // The baseline itself is read in several windows.
    bench.store.remember(&bench.platform, vec![row(2), row(1)], hours(2, 3), at(9)).await.unwrap();
    assert_eq!(before(&bench, 2).await.stretch(), Some(hours(2, 3)));
    bench.audit();
}

#[tokio::test]
async fn a_known_lead_that_was_finalized_again_and_cannot_be_read_is_set_aside() {
    let bench = Bench::new().await;
    let (store, platform) = (&bench.store, &bench.platform);
    recorded(&bench, 1, 60).await;
    store.remember(platform, vec![row(2)], hours(0, 24), at(1)).await.unwrap();
    let sold = |lead, again| FetchJob { row: with_status(lead, "sold"), window: hours(30, 31), again, ..job(lead, 10) };
    // It was recorded meanwhile.
    store.set_aside(platform, sold(1, Some(0))).await.unwrap();
    store.set_aside(platform, sold(1, None)).await.unwrap();
    assert_eq!(before(&bench, 1).await.standing(), Some(Standing::Recorded));
    store.set_aside(platform, sold(1, Some(1))).await.unwrap();
    store.set_aside(platform, sold(2, Some(0))).await.unwrap();
    for lead in [1, 2] {
        let before = before(&bench, lead).await;
        assert_eq!((before.standing(), before.status()), (Some(Standing::SetAside), Some("sold")));
        assert_eq!((before.stretch(), before.next_reading()), (Some(hours(30, 31)), None));
    }
    bench.audit();
    // The recheck that was underway is no reading of the lead's end.
    assert_eq!(store.record(platform, nothing(1, 1, Some(90))).await.unwrap(), Recorded::Overtaken);
    assert_eq!(store.due_fetches(platform, at(10), 9).await.unwrap().0.len(), 2);
    // Listed once more with another status: the job tells of that.
    let rows = vec![with_status(1, "lost"), with_status(2, "sold")];
    assert!(to_read(&bench, rows.clone(), hours(30, 32)).await.is_empty());
    let (jobs, _) = store.due_fetches(platform, at(10), 9).await.unwrap();
    let statuses: Vec<_> = jobs.iter().map(|job| job.row.mapped_status.as_deref()).collect();
    assert_eq!(statuses, [Some("lost"), Some("sold")]);
    assert!(store.detect(platform, rows, hours(30, 32)).await.unwrap().to_note.is_empty());

    // Given up on, it is a dead letter, and what was recorded before stays.
    store.give_up_lead(platform, LeadId(1), "HTTP 500".into(), at(100)).await.unwrap();
    assert_eq!(bench.dead_ids(Filter::default()).await.len(), 1);
    assert_eq!(bench.counts("crm", "all").await, [1, 0, 0, 0]);
    bench.audit();
    // Finalized once more, it gets a new chance, and the letter ends.
    assert_eq!(to_read(&bench, vec![with_status(1, "sold")], hours(30, 32)).await, [1]);
    store.set_aside(platform, FetchJob { due: at(200), ..sold(1, Some(1)) }).await.unwrap();
    assert!(bench.dead_ids(Filter::default()).await.is_empty());
    bench.audit();
    let recorded =
        Reading { row: with_status(1, "sold"), again: Some(again(300)), ..reading(1, 1, &[("crm", "all")], 210) };
    assert_eq!(store.record(platform, recorded).await.unwrap(), Recorded::Done);
    assert_eq!((before(&bench, 1).await.standing(), before(&bench, 1).await.events()), (Some(Standing::Recorded), 2));
    assert_eq!(bench.counts("crm", "all").await, [2, 0, 0, 0]);
    bench.audit();
}

#[tokio::test]
async fn what_was_shown_is_kept_for_the_next_reading() {
    let bench = Bench::new().await;
    assert_eq!((before(&bench, 1).await.rating(), before(&bench, 1).await.watched()), (None, None));
    for (after, shown) in [(0, Shown { watched: 7, rating: None }), (1, Shown { watched: u32::MAX, rating: Some(9) })] {
        bench.store.record(&bench.platform, Reading { shown, ..reading(1, after, &[], 0) }).await.unwrap();
        let before = before(&bench, 1).await;
        assert_eq!((before.watched(), before.rating()), (Some(shown.watched), shown.rating));
    }
}
