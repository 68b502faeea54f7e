//! Claims and what becomes of them.

use super::*;
use crate::domain::breaker::Change;
use crate::store::destinations::Holds;

fn numbers(claims: &[Claim]) -> Vec<(u64, u32)> {
    claims.iter().map(|claim| (claim.lead.0, claim.attempt())).collect()
}

#[tokio::test]
async fn a_lead_is_claimed_in_order_and_by_one_at_a_time() {
    let bench = Bench::new().await;
    let first = bench.record(1, &[("crm", "all")], 0).await;
    let second = bench.record(1, &[("crm", "all")], 1).await;
    let other = bench.record(2, &[("crm", "all")], 2).await;

    let mut claims = bench.claim("crm", &["all"], 5).await;
    assert_eq!(claims.iter().map(|c| c.event_id.clone()).collect::<Vec<_>>(), [first.clone(), other]);
    assert!(bench.claim("crm", &["all"], 5).await.is_empty());
    // Dropped unsettled, it is due again, and still before the lead's later one.
    claims.remove(0);
    assert_eq!(bench.claim("crm", &["all"], 5).await[0].event_id, first);
    let claim = bench.claim("crm", &["all"], 5).await.remove(0);
    bench.store.settle(claim, settled(again(60), 5)).await.unwrap();
    let due = bench.store.claim("crm", &["all".into()], at(6), 9).await.unwrap();
    assert!(due.claims.is_empty());
    assert_eq!(due.next, Some(at(60)));

    let claim = bench.claim("crm", &["all"], 60).await.remove(0);
    assert_eq!((claim.attempt(), claim.failed(), claim.opened_at()), (2, 1, at(0)));
    bench.store.settle(claim, settled(Verdict::Delivered, 60)).await.unwrap();
    assert_eq!(bench.claim("crm", &["all"], 60).await[0].event_id, second);
    assert_eq!(bench.counts("crm", "all").await, [2, 1, 0, 0]);
    bench.audit();
}

#[tokio::test]
async fn a_lead_waits_at_one_destination_and_goes_on_at_another() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all"), ("chat", "all")], 0).await;
    let second = bench.record(1, &[("crm", "all"), ("chat", "all")], 1).await;
    let held = bench.claim("crm", &["all"], 5).await;
    assert_eq!(numbers(&held), [(1, 1)]);
    assert_eq!(bench.settle_all("chat", &["all"], 5, Verdict::Delivered).await.len(), 1);
    assert_eq!(bench.settle_all("chat", &["all"], 5, Verdict::Delivered).await, [second]);
    assert!(bench.claim("crm", &["all"], 5).await.is_empty());
}

#[tokio::test]
async fn large_ones_are_claimed_a_few_at_a_time() {
    let bench = Bench::new().await;
    for lead in 1..=3 {
        let mut reading = reading(lead, 0, &[("crm", "all")], 7);
        reading.events[0].0.envelope = "x".repeat(600_000);
        bench.store.record(&bench.platform, reading).await.unwrap();
    }
    let due = bench.store.claim("crm", &["all".to_owned()], at(10), 100).await.unwrap();
    assert_eq!(numbers(&due.claims), [(1, 1), (2, 1)]);
    assert_eq!(due.next, Some(at(7)));
}

#[tokio::test]
async fn the_longest_due_comes_first_over_all_routes_and_a_limit_holds() {
    let bench = Bench::new().await;
    for (lead, route, now) in [(1, "a", 30), (2, "b", 10), (3, "a", 20), (4, "b", 40)] {
        bench.record(lead, &[("crm", route)], now).await;
    }
    let routes = ["a".to_owned(), "b".to_owned(), "never used".to_owned()];
    let due = bench.store.claim("crm", &routes, at(100), 3).await.unwrap();
    assert_eq!(numbers(&due.claims), [(2, 1), (3, 1), (1, 1)]);
    assert_eq!(due.next, Some(at(40)));
    drop(due);
    let due = bench.store.claim("crm", &routes, at(20), 3).await.unwrap();
    assert_eq!(numbers(&due.claims), [(2, 1), (3, 1)]);
    assert_eq!(due.next, Some(at(30)));
    assert!(bench.claim("nowhere", &["a"], 100).await.is_empty());
}

#[tokio::test]
async fn history_goes_when_nothing_else_is_due_and_holds_up_no_lead_that_goes_on() {
    let bench = Bench::new().await;
    let all = ["all"];
    for lead in 1..=3 {
        bench.record_as(lead, &[("crm", "all")], lead as i64, true).await;
    }
    bench.record(4, &[("crm", "all")], 50).await;
    let due = bench.store.claim("crm", &["all".to_owned()], at(60), 2).await.unwrap();
    assert_eq!(numbers(&due.claims), [(4, 1), (1, 1)]);
    assert_eq!(due.next, Some(at(2)));
    drop(due);
    // Lead 3 goes on: what happened before goes with it.
    bench.record(3, &[("crm", "all")], 55).await;
    assert_eq!(numbers(&bench.claim("crm", &all, 60).await), [(3, 1), (4, 1), (1, 1), (2, 1)]);
    // One that failed stays behind.
    let claims = bench.claim("crm", &all, 60).await;
    for claim in claims {
        let verdict = if claim.lead.0 == 1 { again(61) } else { Verdict::Delivered };
        bench.store.settle(claim, settled(verdict, 60)).await.unwrap();
    }
    bench.record(5, &[("crm", "all")], 62).await;
    assert_eq!(numbers(&bench.claim("crm", &all, 70).await), [(3, 1), (5, 1), (1, 2)]);
    bench.audit();
}

#[tokio::test]
async fn a_route_that_is_gone_parks_its_deliveries_and_holds_back_later_ones() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "gone")], 0).await;
    bench.record(1, &[("crm", "here")], 1).await;
    bench.record(2, &[("crm", "here")], 2).await;
    assert_eq!(numbers(&bench.claim("crm", &["here"], 9).await), [(2, 1)]);
    // It is back.
    assert_eq!(numbers(&bench.claim("crm", &["here", "gone"], 9).await), [(1, 1), (2, 1)]);
    assert_eq!(bench.settle_all("crm", &["gone"], 9, dead()).await.len(), 1);
    assert_eq!(numbers(&bench.claim("crm", &["here"], 9).await), [(1, 1), (2, 1)]);
    bench.audit();
}

#[tokio::test]
async fn every_verdict_leaves_what_it_says() {
    let bench = Bench::new().await;
    for lead in 1..=5 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    let mut claims = bench.claim("crm", &["all"], 10).await;
    let verdicts =
        [Verdict::Delivered, again(100), Verdict::Again { at: at(50), counted: false }, dead(), Verdict::Parked];
    for verdict in verdicts {
        bench.store.settle(claims.remove(0), settled(verdict, 10)).await.unwrap();
        bench.audit();
    }
    assert_eq!(bench.counts("crm", "all").await, [3, 1, 1, 0]);
    let holds = bench.store.holds("crm").await.unwrap();
    assert_eq!(holds, Holds { disabled: Some(at(10)), ..Holds::default() });
    // The parked one counted no attempt and is due; the store leaves it to the worker not to ask.
    let claims = bench.claim("crm", &["all"], 100).await;
    let mut seen: Vec<_> = claims.iter().map(|c| (c.lead.0, c.attempt(), c.failed())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(2, 2, 1), (3, 2, 0), (5, 2, 0)]);
}

#[tokio::test]
async fn one_too_old_dies_untried_with_the_last_error_it_had() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    bench.settle_all("crm", &["all"], 1, again(2)).await;
    let claim = bench.claim("crm", &["all"], 9_999).await.remove(0);
    let expired = Settlement {
        tried: None,
        verdict: Verdict::Dead(Death::TooOld),
        wait_until: None,
        breaker: None,
        why: None,
        progress: None,
        now: at(9_999),
    };
    bench.store.settle(claim, expired).await.unwrap();
    let letter = bench.store.dead_letters(Filter::default(), 9).await.unwrap().0.remove(0);
    assert_eq!((letter.why.as_str(), letter.error.as_str(), letter.attempts), ("too_old", "HTTP 503", 1));
    bench.audit();
}

#[tokio::test]
async fn a_destination_is_left_alone_as_long_as_it_asked() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    bench.record(2, &[("crm", "all")], 0).await;
    let mut claims = bench.claim("crm", &["all"], 1).await;
    for (until, claim) in [(90, claims.remove(0)), (60, claims.remove(0))] {
        let again = Verdict::Again { at: at(until), counted: false };
        let settlement = Settlement { wait_until: Some(at(until)), ..settled(again, 1) };
        bench.store.settle(claim, settlement).await.unwrap();
    }
    // The longer wait stands.
    assert_eq!(bench.store.holds("crm").await.unwrap().wait_until, Some(at(90)));
    bench.store.pause("crm", at(5)).await.unwrap();
    bench.store.pause("crm", at(6)).await.unwrap();
    assert_eq!(bench.store.holds("crm").await.unwrap().paused, Some(at(5)));
    assert!(!bench.store.resume("crm", at(7)).await.unwrap());
    assert_eq!(bench.store.holds("crm").await.unwrap(), Holds { resumed: Some(at(7)), ..Holds::default() });
    // What is to be tried again later is so still, until it is to be tried now.
    assert_eq!(bench.claim("crm", &["all"], 8).await.len(), 0);
    assert!(bench.store.resume("crm", at(8)).await.unwrap());
    assert_eq!(bench.claim("crm", &["all"], 8).await.len(), 2);
    assert_eq!(bench.store.holds("nowhere").await.unwrap(), Holds::default());
}

#[tokio::test]
async fn that_a_destination_keeps_failing_is_known_after_a_restart_in_whatever_order_that_was_written() {
    let bench = Bench::new().await;
    for lead in 1..=4 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    let mut claims = bench.claim("crm", &["all"], 1).await;
    let mut settle = |change, now| {
        let settlement = Settlement { breaker: Some(change), ..settled(again(90), now) };
        bench.store.settle(claims.remove(0), settlement)
    };
    settle(Change::Tripped, 10).await.unwrap();
    assert_eq!(bench.store.holds("crm").await.unwrap().failing, Some(at(10)));
    settle(Change::Closed, 20).await.unwrap();
    settle(Change::Tripped, 15).await.unwrap();
    assert_eq!(bench.store.holds("crm").await.unwrap().failing, None, "it had recovered by then");
    settle(Change::Tripped, 30).await.unwrap();
    drop(claims);
    let bench = bench.reopened().await;
    assert_eq!(bench.store.holds("crm").await.unwrap().failing, Some(at(30)));
}

#[tokio::test]
async fn attempts_are_kept_with_their_numbers() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    bench.settle_all("crm", &["all"], 1, again(2)).await;
    bench.settle_all("crm", &["all"], 2, dead()).await;
    let id = bench.dead_ids(Filter::default()).await.remove(0);
    let bench = bench.reopened().await;
    let details = bench.store.dead_letter(&id).await.unwrap().unwrap();
    let attempts: Vec<_> =
        details.attempts.iter().map(|a| (a.n, a.at, a.status, a.outcome.as_str(), a.counted)).collect();
    assert_eq!(attempts, [(1, at(1), Some(503), "retry", true), (2, at(2), Some(422), "given_up", true)]);
    assert_eq!((details.attempts[0].took_ms, details.attempts[0].answer.as_str()), (12, "sorry"));
    assert_eq!(details.envelope.as_deref(), Some("{\"lead\":1,\"revision\":1}"));
}

#[tokio::test]
async fn settling_what_a_person_dropped_meanwhile_keeps_what_is_true() {
    let bench = Bench::new().await;
    for lead in 1..=4 {
        bench.record(lead, &[("crm", "all")], 0).await;
        bench.record(lead, &[("crm", "all")], 1).await;
    }
    let mut claims = bench.claim("crm", &["all"], 5).await;
    assert_eq!(bench.store.drop_pending("crm", Default::default(), at(6)).await.unwrap(), 8);
    for verdict in [Verdict::Delivered, again(50), dead(), Verdict::Parked] {
        bench.store.settle(claims.remove(0), settled(verdict, 7)).await.unwrap();
        bench.audit();
    }
    // What was accepted was accepted; nothing else comes back to life or dies a second time.
    assert_eq!(bench.counts("crm", "all").await, [0, 1, 0, 7]);
    assert!(bench.claim("crm", &["all"], 99).await.is_empty());
    assert!(bench.dead_ids(Filter::default()).await.is_empty());
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_no_panic() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    bench.settle_all("crm", &["all"], 1, dead()).await;
    bench.record(2, &[("crm", "all")], 0).await;
    bench.store.set_aside(&bench.platform, job(3, 0)).await.unwrap();
    let tree = bench.store.inner().tree.clone();
    let entries: Vec<_> = tree.iter().map(|entry| entry.unwrap()).collect();
    for (key, value) in entries {
        for damage in
            [&b""[..], &b"\x01"[..], &b"\x09\x93"[..], &b"\x01\xdd\xff\xff\xff\xff"[..], &b"\xff\xff\xff\x7fabc"[..]]
        {
            tree.insert(&key, damage).unwrap();
            let store = &bench.store;
            // Whatever they answer, they answer.
            let _ = store.progress(&bench.platform).await;
            let _ = store.before(&bench.platform, vec![LeadId(1), LeadId(2)]).await;
            let _ = store.claim("crm", &["all".into()], at(9), 9).await;
            let _ = store.due_fetches(&bench.platform, at(9), 9).await;
            let _ = store.census("my-platform").await;
            let _ = store.holds("crm").await;
            let _ = store.story("my-platform", LeadId(1)).await;
            let _ = store.platforms_that_know(LeadId(1)).await;
            let _ = store.accounts(&bench.platform, vec![LeadId(1), LeadId(2)]).await;
            if let Ok((letters, _)) = store.dead_letters(Filter::default(), 9).await {
                for letter in letters {
                    let _ = store.dead_letter(&letter.id).await;
                }
            }
        }
        tree.insert(&key, value).unwrap();
    }
    bench.audit();
    assert_eq!(bench.deliver_all("crm", &["all"], 9).await.len(), 1);
}

#[tokio::test]
async fn a_damaged_record_fails_what_needs_it_and_the_thread_that_writes_lives_on() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all")], 0).await;
    let claim = bench.claim("crm", &["all"], 1).await.remove(0);
    let tree = bench.store.inner().tree.clone();
    let key = crate::store::keys::pending(1, FIRST);
    let whole = tree.insert(&key, b"\x01\xc1").unwrap().unwrap();
    assert!(bench.store.settle(claim, settled(Verdict::Delivered, 1)).await.is_err());
    tree.insert(&key, whole).unwrap();
    bench.audit();
    assert_eq!(bench.deliver_all("crm", &["all"], 2).await.len(), 1);
}
