//! Dead letters.

use super::*;
use crate::domain::steps::Progress;

/// Three leads dead at the CRM and one of them at the chat too.
async fn graveyard() -> (Bench, Vec<String>) {
    let bench = Bench::new().await;
    let mut events = Vec::new();
    for lead in 1..=3 {
        events.push(bench.record(lead, &[("crm", "all"), ("chat", "all")], 0).await);
    }
    bench.settle_all("crm", &["all"], 10, dead()).await;
    let mut claims = bench.claim("chat", &["all"], 20).await;
    let answer = Answer::Nothing { why: crate::domain::outcome::NoAnswer::Tls, detail: "expired".into() };
    let tried = Tried { at: at(20), took: Duration::ZERO, answer, outcome: Outcome::Retry, step: None, but: None };
    let verdict = Verdict::Dead(Death::AttemptsExhausted);
    let settlement = Settlement {
        tried: Some(tried),
        verdict,
        wait_until: None,
        breaker: None,
        why: None,
        progress: None,
        now: at(20),
    };
    bench.store.settle(claims.remove(0), settlement).await.unwrap();
    (bench, events)
}

#[tokio::test]
async fn every_condition_of_a_filter_counts() {
    let (bench, events) = graveyard().await;
    let count = async |filter| bench.store.dead_letters(filter, 1_000).await.unwrap().1;
    assert_eq!(count(Filter::default()).await, 4);
    assert_eq!(count(of_destination("crm")).await, 3);
    assert_eq!(count(of_destination("nowhere")).await, 0);
    assert_eq!(count(of_ids([&events[0]])).await, 2);
    let error = |text: &str| Filter { error: Some(text.into()), ..Filter::default() };
    assert_eq!(count(error("http 422")).await, 3);
    assert_eq!(count(error("EXPIRED")).await, 1);
    assert_eq!(count(error("attempts_exhausted")).await, 1);
    let since = |t| Filter { since: Some(at(t)), ..Filter::default() };
    assert_eq!((count(since(10)).await, count(since(11)).await, count(since(21)).await), (4, 1, 0));
    let both = Filter { ids: vec![events[0].clone()], ..of_destination("crm") };
    assert_eq!(count(both).await, 1);
    assert_eq!(count(Filter { since: Some(at(11)), ..of_destination("crm") }).await, 0);

    let (letters, total) = bench.store.dead_letters(Filter::default(), 2).await.unwrap();
    assert_eq!((letters.len(), total), (2, 4));
    // The oldest first.
    let letters = bench.store.dead_letters(Filter::default(), 9).await.unwrap().0;
    assert!(letters.is_sorted_by_key(|letter| letter.died_at));
    let last = letters.last().unwrap();
    let delivery = last.delivery.clone().unwrap();
    assert_eq!((delivery.destination.as_str(), delivery.route.as_str()), ("chat", "all"));
    assert_eq!((delivery.event_type.as_str(), &delivery.event_id), ("lead.finalized", &events[0]));
    assert_eq!(last.id, crate::store::dead::delivery_dead_id(&events[0], "chat"));
    assert!(bench.store.dead_letter("dead_nothing").await.unwrap().is_none());
    bench.audit();
}

#[tokio::test]
async fn of_a_long_answer_two_kibibytes_are_kept() {
    let bench = Bench::new().await;
    for (lead, length, kept) in [(1, 2_048, (2_048, false)), (2, 16_384, (2_048, true))] {
        bench.record(lead, &[("crm", "all")], 0).await;
        let claim = bench.claim("crm", &["all"], 10).await.remove(0);
        let body = vec![b'x'; length];
        let answer = Answer::Got(Response { status: 422, retry_after: None, headers: Vec::new(), body, cut: false });
        let tried =
            Tried { at: at(10), took: Duration::ZERO, answer, outcome: Outcome::GivenUp, step: None, but: None };
        let settlement = Settlement {
            tried: Some(tried),
            verdict: dead(),
            wait_until: None,
            breaker: None,
            why: None,
            progress: None,
            now: at(10),
        };
        bench.store.settle(claim, settlement).await.unwrap();
        let id = bench.dead_ids(of_destination("crm")).await.pop().unwrap();
        let letter = bench.store.dead_letter(&id).await.unwrap().unwrap();
        assert_eq!((letter.attempts[0].answer.len(), letter.attempts[0].cut), kept);
        bench.store.drop_dead(of_ids([id]), at(11)).await.unwrap();
    }
}

#[tokio::test]
async fn a_letter_that_is_retried_begins_anew_and_can_die_again_under_its_id() {
    let (bench, _) = graveyard().await;
    let ids = bench.dead_ids(of_destination("crm")).await;
    let decided = bench.store.retry_dead(of_ids(&ids[..1]), false, at(100)).await.unwrap();
    assert_eq!((decided.done, decided.overtaken.len()), (ids[..1].to_vec(), 0));
    bench.audit();
    assert_eq!(bench.counts("crm", "all").await, [1, 0, 2, 0]);
    let claim = bench.claim("crm", &["all"], 100).await.remove(0);
    assert_eq!((claim.attempt(), claim.failed(), claim.opened_at()), (2, 0, at(100)));
    bench.store.settle(claim, settled(dead(), 110)).await.unwrap();
    bench.audit();
    let letters = bench.store.dead_letters(of_destination("crm"), 9).await.unwrap().0;
    assert_eq!((letters[2].id.as_str(), letters[2].attempts), (ids[0].as_str(), 2));
    // Deciding twice decides once.
    assert_eq!(bench.store.drop_dead(of_ids(&ids), at(120)).await.unwrap().done.len(), 3);
    assert_eq!(bench.store.drop_dead(of_ids(&ids), at(120)).await.unwrap().done.len(), 0);
    assert_eq!(bench.counts("crm", "all").await, [0, 0, 0, 3]);
    bench.audit();
}

#[tokio::test]
async fn two_people_who_decide_at_once_decide_each_letter_once() {
    let (bench, _) = graveyard().await;
    let (a, b) = tokio::join!(
        bench.store.retry_dead(Filter::default(), false, at(100)),
        bench.store.drop_dead(Filter::default(), at(100)),
    );
    assert_eq!(a.unwrap().done.len() + b.unwrap().done.len(), 4);
    bench.audit();
}

#[tokio::test]
async fn what_was_overtaken_is_left_out_and_named() {
    let bench = Bench::new().await;
    let first = bench.record(1, &[("crm", "all")], 0).await;
    bench.settle_all("crm", &["all"], 1, dead()).await;
    bench.record(1, &[("crm", "all")], 2).await;
    bench.record(2, &[("crm", "all")], 2).await;
    bench.settle_all("crm", &["all"], 3, dead()).await;
    assert_eq!(bench.dead_ids(Filter::default()).await.len(), 3);
    // Nothing was accepted yet, so all of them may go, in order.
    let second = bench.record(1, &[("crm", "all")], 4).await;
    assert_eq!(bench.deliver_all("crm", &["all"], 5).await, [second]);
    let letters = bench.store.dead_letters(Filter::default(), 9).await.unwrap().0;
    let mut overtaken: Vec<_> = letters.iter().map(|l| (l.lead.0, l.delivery.as_ref().unwrap().overtaken)).collect();
    overtaken.sort_unstable();
    assert_eq!(overtaken, [(1, true), (1, true), (2, false)]);

    let decided = bench.store.retry_dead(Filter::default(), false, at(6)).await.unwrap();
    assert_eq!((decided.done.len(), decided.overtaken.len()), (1, 2));
    assert_eq!(bench.counts("crm", "all").await, [1, 1, 2, 0]);
    // By its own id, it goes all the same.
    let id = crate::store::dead::delivery_dead_id(&first, "crm");
    assert_eq!(bench.store.retry_dead(of_ids([id]), false, at(6)).await.unwrap().done.len(), 1);
    assert_eq!(bench.store.retry_dead(Filter::default(), true, at(6)).await.unwrap().done.len(), 1);
    assert_eq!(bench.deliver_all("crm", &["all"], 7).await.len(), 3);
    bench.audit();
}

#[tokio::test]
async fn an_older_letter_goes_before_a_newer_delivery_that_waits() {
    let bench = Bench::new().await;
    let first = bench.record(1, &[("crm", "all")], 0).await;
    bench.settle_all("crm", &["all"], 1, dead()).await;
    let second = bench.record(1, &[("crm", "all")], 2).await;
    assert_eq!(bench.store.retry_dead(Filter::default(), false, at(3)).await.unwrap().done.len(), 1);
    bench.audit();
    assert_eq!(bench.deliver_all("crm", &["all"], 4).await, [first, second]);
    bench.audit();
}

#[tokio::test]
async fn an_older_letter_waits_for_a_newer_delivery_that_is_under_way() {
    for verdict in [Verdict::Delivered, again(50), dead(), Verdict::Parked] {
        let bench = Bench::new().await;
        let first = bench.record(1, &[("crm", "all")], 0).await;
        bench.settle_all("crm", &["all"], 1, dead()).await;
        bench.record(1, &[("crm", "all")], 2).await;
        let claim = bench.claim("crm", &["all"], 3).await.remove(0);
        assert_eq!(bench.store.retry_dead(Filter::default(), false, at(3)).await.unwrap().done.len(), 1);
        bench.audit();
        assert!(bench.claim("crm", &["all"], 4).await.is_empty());
        bench.store.settle(claim, settled(verdict, 5)).await.unwrap();
        bench.audit();
        let claims = bench.claim("crm", &["all"], 6).await;
        assert_eq!(claims.iter().map(|c| c.event_id.clone()).collect::<Vec<_>>(), [first], "{verdict:?}");
    }
}

#[tokio::test]
async fn a_letter_goes_on_from_where_a_person_says_and_only_from_where_it_was() {
    let bench = Bench::new().await;
    let progress = |steps: &[&str]| {
        let mut progress = Progress::default();
        steps.iter().for_each(|step| progress.done(step, Vec::new()));
        progress
    };
    for lead in 1..=2 {
        bench.record(lead, &[("crm", "all")], 0).await;
    }
    for claim in bench.claim("crm", &["all"], 10).await {
        let mut dying = settled(dead(), 10);
        dying.progress = Some(progress(&["find"]));
        dying.tried = dying.tried.map(|tried| Tried { step: Some("note".into()), ..tried });
        bench.store.settle(claim, dying).await.unwrap();
    }
    let letters = bench.store.dead_letters(Filter::default(), 9).await.unwrap().0;
    let delivery = letters[0].delivery.as_ref().unwrap();
    assert_eq!((delivery.step.as_deref(), delivery.done.as_slice()), (Some("note"), ["find".to_owned()].as_slice()));
    let (id, lead) = (letters[0].id.clone(), letters[0].lead);

    let further = || progress(&["find", "note"]);
    // It has come to another place than it was seen at, or is no dead letter.
    assert!(!bench.store.retry_dead_from(&id, progress(&[]), further(), at(20)).await.unwrap());
    assert!(!bench.store.retry_dead_from("dead_nothing", progress(&["find"]), further(), at(20)).await.unwrap());
    assert_eq!(bench.counts("crm", "all").await, [0, 0, 2, 0]);
    assert!(bench.store.retry_dead_from(&id, progress(&["find"]), further(), at(20)).await.unwrap());
    // Deciding twice decides once.
    assert!(!bench.store.retry_dead_from(&id, progress(&["find"]), further(), at(20)).await.unwrap());
    assert!(!bench.store.retry_dead_from(&id, further(), further(), at(20)).await.unwrap());
    bench.audit();
    assert_eq!(bench.counts("crm", "all").await, [1, 0, 1, 0]);
    let bench = bench.reopened().await;
    let claim = bench.claim("crm", &["all"], 20).await.remove(0);
    assert_eq!((claim.lead, &claim.progress), (lead, &further()));
    drop(claim);
    // A plain retry goes on where it failed.
    let other = bench.dead_ids(Filter::default()).await;
    bench.store.retry_dead(of_ids(other), false, at(30)).await.unwrap();
    let claims = bench.claim("crm", &["all"], 30).await;
    assert!(claims.iter().any(|claim| claim.lead != lead && claim.progress == progress(&["find"])));
    bench.audit();
}
