//! Moving and dropping what is pending.

use super::*;
use crate::store::destinations::{Lanes, Moved, Place};

fn place(destination: &str, route: Option<&str>) -> Place {
    Place { destination: destination.into(), route: route.map(Into::into) }
}

fn of_route(route: &str) -> Lanes {
    Lanes { route: Some(route.into()) }
}

#[tokio::test]
async fn dropping_ends_what_is_pending_of_one_route_or_of_all() {
    let bench = Bench::new().await;
    for lead in 1..=300 {
        bench.store.record(&bench.platform, reading(lead, 0, &[("crm", "a")], 0)).await.unwrap();
    }
    bench.record(1, &[("crm", "b")], 1).await;
    assert_eq!(bench.store.drop_pending("crm", of_route("nothing"), at(2)).await.unwrap(), 0);
    assert_eq!(bench.store.drop_pending("nowhere", Lanes::default(), at(2)).await.unwrap(), 0);
    assert_eq!(bench.store.drop_pending("crm", of_route("a"), at(2)).await.unwrap(), 300);
    assert_eq!(bench.counts("crm", "a").await, [0, 0, 0, 300]);
    bench.audit();
    // What was dropped holds back nothing.
    assert_eq!(bench.deliver_all("crm", &["b"], 3).await.len(), 1);
    assert_eq!(bench.store.drop_pending("crm", Lanes::default(), at(4)).await.unwrap(), 0);
}

#[tokio::test]
async fn moving_takes_the_order_along_and_begins_anew() {
    let bench = Bench::new().await;
    let mut events = Vec::new();
    for now in 0..3 {
        events.push(bench.record(1, &[("old", "all")], now).await);
    }
    bench.settle_all("old", &["all"], 5, again(1_000)).await;
    let moved = bench.store.move_pending("old", Lanes::default(), place("new", None), at(10)).await.unwrap();
    assert_eq!(moved, Moved { moved: 3, merged: 0 });
    bench.audit();
    assert_eq!(bench.counts("old", "all").await, [0, 0, 0, 3]);
    let claim = bench.claim("new", &["all"], 10).await.remove(0);
    assert_eq!((claim.attempt(), claim.failed(), claim.opened_at()), (2, 0, at(10)));
    drop(claim);
    assert_eq!(bench.deliver_all("new", &["all"], 10).await, events);
    // Asked again, there is nothing left.
    let moved = bench.store.move_pending("old", Lanes::default(), place("new", None), at(11)).await.unwrap();
    assert_eq!(moved, Moved::default());
}

#[tokio::test]
async fn another_route_of_the_same_destination_is_no_new_delivery() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "gone")], 0).await;
    bench.record(1, &[("crm", "here")], 1).await;
    bench.record(2, &[("crm", "here")], 1).await;
    let to = place("crm", Some("here"));
    let moved = bench.store.move_pending("crm", of_route("gone"), to.clone(), at(5)).await.unwrap();
    assert_eq!(moved, Moved { moved: 1, merged: 0 });
    bench.audit();
    assert_eq!(bench.counts("crm", "gone").await, [0, 0, 0, 0]);
    assert_eq!(bench.counts("crm", "here").await, [3, 0, 0, 0]);
    let moved = bench.store.move_pending("crm", Lanes::default(), to, at(5)).await.unwrap();
    assert_eq!(moved, Moved::default());
    assert_eq!(bench.deliver_all("crm", &["here"], 6).await.len(), 3);
}

#[tokio::test]
async fn what_the_new_place_has_or_awaits_is_merged() {
    let bench = Bench::new().await;
    bench.record(1, &[("old", "all"), ("new", "all")], 0).await;
    bench.record(2, &[("old", "all"), ("new", "all")], 0).await;
    bench.record(3, &[("old", "all"), ("new", "all")], 0).await;
    let mut claims = bench.claim("new", &["all"], 1).await;
    bench.store.settle(claims.remove(0), settled(Verdict::Delivered, 1)).await.unwrap();
    bench.store.settle(claims.remove(0), settled(dead(), 1)).await.unwrap();
    drop(claims);
    let moved = bench.store.move_pending("old", Lanes::default(), place("new", None), at(2)).await.unwrap();
    assert_eq!(moved, Moved { moved: 0, merged: 3 });
    assert_eq!(bench.counts("new", "all").await, [1, 1, 1, 0]);
    assert_eq!(bench.counts("old", "all").await, [0, 0, 0, 3]);
    bench.audit();
}

#[tokio::test]
async fn a_move_can_be_taken_back() {
    let bench = Bench::new().await;
    let event = bench.record(1, &[("old", "all")], 0).await;
    bench.settle_all("old", &["all"], 0, again(1)).await;
    for (from, to) in [("old", "new"), ("new", "old"), ("old", "new")] {
        let moved = bench.store.move_pending(from, Lanes::default(), place(to, None), at(2)).await.unwrap();
        assert_eq!(moved, Moved { moved: 1, merged: 0 }, "{from} to {to}");
        bench.audit();
    }
    // So can dropping, by moving the event there from elsewhere.
    bench.record(2, &[("old", "all"), ("new", "all")], 3).await;
    bench.store.drop_pending("old", Lanes::default(), at(4)).await.unwrap();
    let moved = bench.store.move_pending("new", Lanes::default(), place("old", None), at(5)).await.unwrap();
    assert_eq!(moved, Moved { moved: 2, merged: 0 });
    bench.audit();
    assert_eq!(bench.deliver_all("old", &["all"], 6).await[0], event);
    assert_eq!(bench.counts("old", "all").await, [0, 2, 0, 0]);
    assert_eq!(bench.counts("new", "all").await, [0, 0, 0, 2]);
}

#[tokio::test]
async fn one_that_is_moved_while_it_is_under_way_is_not_lost() {
    for verdict in [Verdict::Delivered, again(50), dead(), Verdict::Parked] {
        for back in [false, true] {
            let bench = Bench::new().await;
            bench.record(1, &[("old", "all")], 0).await;
            let claim = bench.claim("old", &["all"], 1).await.remove(0);
            bench.store.move_pending("old", Lanes::default(), place("new", None), at(2)).await.unwrap();
            if back {
                bench.store.move_pending("new", Lanes::default(), place("old", None), at(3)).await.unwrap();
                assert!(bench.claim("old", &["all"], 4).await.is_empty(), "claimed twice");
            }
            bench.store.settle(claim, settled(verdict, 5)).await.unwrap();
            bench.audit();
            let (here, there) = if back { ("old", "new") } else { ("new", "old") };
            let delivered = u64::from(verdict == Verdict::Delivered);
            let dead = u64::from(back && verdict == dead());
            let ended = if back { delivered } else { 0 };
            assert_eq!(bench.counts(here, "all").await, [1 - ended - dead, ended, dead, 0], "{verdict:?} {back}");
            let ended = if back { 0 } else { delivered };
            assert_eq!(bench.counts(there, "all").await, [0, ended, 0, 1 - ended], "{verdict:?} {back}");
        }
    }
}
