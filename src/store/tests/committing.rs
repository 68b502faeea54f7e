//! Many commits, one sync; and what a caller may rely on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::store::StoreError;
use crate::store::txn::Get;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn many_commits_share_few_syncs() {
    let bench = Bench::new().await;
    let groups = Arc::new(AtomicUsize::new(0));
    let commits = (0..500u32).map(|i| {
        let (store, groups) = (bench.store.clone(), Arc::clone(&groups));
        tokio::spawn(async move {
            store
                .commit(move |txn| {
                    // The first of a group finds nobody's mark.
                    if !std::mem::replace(&mut txn.wake_intake, true) {
                        groups.fetch_add(1, Ordering::SeqCst);
                    }
                    txn.put(format!("test{i}").into_bytes(), &i)
                })
                .await
        })
    });
    for commit in commits.collect::<Vec<_>>() {
        commit.await.unwrap().unwrap();
    }
    assert_eq!(bench.store.inner().tree.scan_prefix("test").count(), 500);
    let groups = groups.load(Ordering::SeqCst);
    assert!(groups <= 100, "{groups} syncs");
}

#[tokio::test]
async fn a_delivery_each_for_500_leads_is_recorded_and_settled_at_once() {
    let bench = Bench::new().await;
    let recorded = (0..500).map(|lead| bench.store.record(&bench.platform, reading(lead, 0, &[("crm", "all")], 0)));
    for end in futures_util::future::join_all(recorded).await {
        assert_eq!(end.unwrap(), Recorded::Done);
    }
    let claims = bench.store.claim("crm", &["all".into()], at(1), 1_000).await.unwrap().claims;
    let ends = claims.into_iter().map(|claim| bench.store.settle(claim, settled(Verdict::Delivered, 1)));
    for end in futures_util::future::join_all(ends).await {
        end.unwrap();
    }
    assert_eq!(bench.counts("crm", "all").await, [0, 500, 0, 0]);
    bench.audit();
}

#[tokio::test]
async fn an_error_fails_its_group_and_writes_nothing_of_it() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let (a, b, c) = tokio::join!(
        store.commit(|txn| {
            // Long enough for the others to be there.
            std::thread::sleep(Duration::from_millis(100));
            txn.put(b"test1".to_vec(), &1u8)
        }),
        store.commit(|txn| {
            txn.put(b"test2".to_vec(), &2u8)?;
            Err::<(), _>(StoreError::Record("by design".into()))
        }),
        store.commit(|txn| txn.put(b"test3".to_vec(), &3u8)),
    );
    assert!(matches!((a, b), (Err(StoreError::Record(_)), Err(StoreError::Record(_)))));
    c.unwrap();
    let tree = &store.inner().tree;
    assert_eq!(Get::get::<u8>(tree, b"test1").unwrap(), None);
    assert_eq!(Get::get::<u8>(tree, b"test2").unwrap(), None);
    assert_eq!(Get::get::<u8>(tree, b"test3").unwrap(), Some(3));
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_undo_the_commit() {
    let bench = Bench::new().await;
    let record = bench.store.record(&bench.platform, reading(1, 0, &[("crm", "all")], 0));
    assert!(futures_util::FutureExt::now_or_never(record).is_none());
    bench.store.pause("crm", at(0)).await.unwrap();
    let claim = bench.claim("crm", &["all"], 1).await.remove(0);
    assert!(futures_util::FutureExt::now_or_never(bench.store.settle(claim, settled(again(5), 1))).is_none());
    bench.store.resume("crm", at(1)).await.unwrap();
    assert_eq!(bench.claim("crm", &["all"], 5).await[0].failed(), 1);
    bench.audit();
}

#[tokio::test]
async fn the_bell_rings_when_the_next_of_a_lead_can_be_claimed() {
    let bench = Bench::in_memory().await;
    let mut events = Vec::new();
    for now in 0..50 {
        events.push(bench.record(1, &[("crm", "all")], now).await);
    }
    let bell = bench.store.destination_bell("crm").await.unwrap();
    for event in events {
        let claim = bench.claim("crm", &["all"], 99).await.remove(0);
        assert_eq!(claim.event_id, event);
        // Rings that came before do not count.
        let _ = futures_util::FutureExt::now_or_never(bell.notified());
        let settling = bench.store.settle(claim, settled(Verdict::Delivered, 99));
        let rings = async { tokio::time::timeout(PATIENCE, bell.notified()).await.unwrap() };
        // Not a word of the answer: the bell alone must do.
        tokio::select! {
            biased;
            () = rings => {}
            () = async { settling.await.unwrap(); std::future::pending().await } => {}
        }
    }
    assert!(bench.claim("crm", &["all"], 99).await.is_empty());
}

#[tokio::test]
async fn recording_moving_retrying_and_resuming_ring() {
    let bench = Bench::new().await;
    let (crm, chat) =
        (bench.store.destination_bell("crm").await.unwrap(), bench.store.destination_bell("chat").await.unwrap());
    let rings = async |bell: &tokio::sync::Notify| tokio::time::timeout(PATIENCE, bell.notified()).await.unwrap();
    bench.record(1, &[("crm", "all")], 0).await;
    rings(&crm).await;
    let to = crate::store::destinations::Place { destination: "chat".into(), route: None };
    bench.store.move_pending("crm", Default::default(), to, at(1)).await.unwrap();
    rings(&chat).await;
    bench.settle_all("chat", &["all"], 1, dead()).await;
    rings(&chat).await;
    bench.store.retry_dead(Filter::default(), false, at(1)).await.unwrap();
    rings(&chat).await;
    bench.store.resume("chat", at(1)).await.unwrap();
    rings(&chat).await;
}
