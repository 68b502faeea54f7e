//! What is kept of one lead.

use super::*;
use crate::domain::route::{Said, SaidVerdict};
use crate::store::explain::{DeliveryState, DeliveryStory, Stage, Story};
use crate::store::records;

async fn story(bench: &Bench, lead: u64) -> Story {
    bench.store.story("my-platform", LeadId(lead)).await.unwrap().unwrap()
}

/// The state of each delivery, event by event.
fn states(story: &Story) -> Vec<Vec<(&str, DeliveryState)>> {
    let of = |delivery: &'_ DeliveryStory| delivery.state;
    story.events.iter().map(|e| e.deliveries.iter().map(|d| (d.destination.as_str(), of(d))).collect()).collect()
}

#[tokio::test]
async fn a_lead_is_told_with_every_event_delivery_and_attempt() {
    let bench = Bench::new().await;
    let wanted = [("crm", "all"), ("chat", "low")];
    let first = bench.record(1, &wanted, 0).await;
    let second = bench.record(1, &wanted, 1).await;
    bench.settle_all("crm", &["all"], 5, again(60)).await;
    bench.settle_all("chat", &["low"], 6, again(7)).await;
    bench.settle_all("chat", &["low"], 8, dead()).await;
    let held = bench.claim("chat", &["low"], 9).await;
    let told = story(&bench, 1).await;
    assert_eq!(
        (told.stage, told.mapped_status.as_deref(), told.first_listed),
        (Stage::Recorded, Some("qualified"), at(0))
    );
    assert_eq!((told.finalized_from, told.finalized_to), (window().from, window().to));
    use DeliveryState::{Dead, Pending};
    assert_eq!(states(&told), [vec![("crm", Pending), ("chat", Dead)], vec![("crm", Pending), ("chat", Pending)]]);

    let [one, two] = &told.events[..] else { panic!("{told:?}") };
    assert_eq!((one.revision, two.revision), (1, 2));
    let (kept, later) = (one.kept.as_ref().unwrap(), two.kept.as_ref().unwrap());
    assert_eq!((kept.id.as_str(), kept.at, kept.origin), (first.as_str(), at(0), Origin::Live));
    assert_eq!(later.id, second);

    // Waits for its time; the later one for it; the one behind the dead letter is on its way.
    let (waiting, behind, sent) = (&one.deliveries[0], &two.deliveries[0], &two.deliveries[1]);
    assert_eq!((waiting.due, waiting.behind.clone(), waiting.under_way), (Some(at(60)), None, false));
    assert_eq!((waiting.route.as_deref(), waiting.at, waiting.tries, waiting.failed), (Some("all"), Some(at(0)), 1, 1));
    assert_eq!((behind.behind.as_ref(), behind.under_way), (Some(&first), false));
    assert_eq!((sent.behind.clone(), sent.under_way), (None, true));
    drop(held);
    assert!(!story(&bench, 1).await.events[1].deliveries[1].under_way);

    let died = &one.deliveries[1];
    let letter = bench.dead_ids(Filter::default()).await.remove(0);
    assert_eq!((died.dead_letter.as_ref(), died.why.as_str(), died.at), (Some(&letter), "given_up", Some(at(8))));
    let attempts: Vec<_> = died.attempts.iter().map(|a| (a.n, a.at, a.status, a.answer.as_str())).collect();
    assert_eq!(attempts, [(1, at(6), Some(503), "sorry"), (2, at(8), Some(422), "sorry")]);
}

#[tokio::test]
async fn what_each_route_said_and_the_rating_are_told() {
    let bench = Bench::new().await;
    let said = |verdict| Said { route: format!("{verdict:?}"), verdict, why: "because".into() };
    let all = [
        SaidVerdict::Yes,
        SaidVerdict::OtherType,
        SaidVerdict::ConditionFalse,
        SaidVerdict::CannotTell,
        SaidVerdict::FirstRouteWon,
        SaidVerdict::AboutItself,
    ];
    for (lead, csat, expected) in [
        (1, r#"{"score":2,"low":true,"text":"2"}"#, Some((Some(2.0), true, "2"))),
        (2, r#"{"score":null,"low":false,"text":"so so"}"#, Some((None, false, "so so"))),
        (3, r#"{"score":null,"low":false,"text":null}"#, None),
        (4, "17", None),
    ] {
        let mut reading = reading(lead, 0, &[], 0);
        reading.events[0].0.envelope = format!(r#"{{"type":"x","data":{{"csat":{csat},"lead":{{"name":"Ana"}}}}}}"#);
        reading.events[0].1.said = all.map(said).to_vec();
        bench.store.record(&bench.platform, reading).await.unwrap();
        let kept = story(&bench, lead).await.events.remove(0).kept.unwrap();
        assert_eq!(kept.said, all.map(said).to_vec());
        let rating = kept.rating.map(|rating| (rating.score, rating.low, rating.text.unwrap()));
        assert_eq!(rating, expected.map(|(score, low, text)| (score, low, text.to_owned())));
    }
}

#[tokio::test]
async fn a_lead_without_an_event_is_told_too() {
    let bench = Bench::new().await;
    assert!(bench.store.story("my-platform", LeadId(1)).await.unwrap().is_none());
    assert!(bench.store.story("another", LeadId(1)).await.unwrap().is_none());
    bench.store.remember(&bench.platform, vec![row(1)], window(), at(5)).await.unwrap();
    let told = story(&bench, 1).await;
    assert_eq!((told.stage, told.first_listed, told.events.len()), (Stage::Baseline, at(5), 0));
    assert!(told.reading.is_none());

    bench.store.set_aside(&bench.platform, job(2, 60)).await.unwrap();
    let told = story(&bench, 2).await;
    let reading = told.reading.unwrap();
    assert_eq!((told.stage, reading.due, reading.given_up), (Stage::SetAside, Some(at(60)), None));
    assert_eq!((reading.attempts, reading.error.as_str()), (1, "HTTP 500"));

    bench.store.give_up_lead(&bench.platform, LeadId(2), "HTTP 404".into(), at(90)).await.unwrap();
    let told = story(&bench, 2).await;
    let reading = told.reading.unwrap();
    assert_eq!((told.stage, reading.due, reading.given_up), (Stage::Unreadable, None, Some(at(90))));
    assert_eq!(reading.dead_letter, bench.dead_ids(Filter::default()).await.pop());
    bench.store.drop_dead(Filter::default(), at(95)).await.unwrap();
    assert_eq!(story(&bench, 2).await.stage, Stage::Dropped);
    assert!(bench.store.platforms_that_know(LeadId(3)).await.unwrap().is_empty());
    assert_eq!(bench.store.platforms_that_know(LeadId(2)).await.unwrap(), ["my-platform"]);
}

#[tokio::test]
async fn where_the_records_are_gone_the_outcomes_are_still_told() {
    let bench = Bench::new().await;
    bench.record(1, &[("crm", "all"), ("chat", "all")], 0).await;
    bench.settle_all("crm", &["all"], 1, Verdict::Delivered).await;
    bench.settle_all("chat", &["all"], 1, dead()).await;
    bench.store.drop_dead(Filter::default(), at(2)).await.unwrap();
    let purged = bench.store.purge(at(100), at(200), 100).await.unwrap();
    assert_eq!(purged.events, 1);
    let told = story(&bench, 1).await;
    use DeliveryState::{Delivered, Dropped};
    assert_eq!(states(&told), [[("crm", Delivered), ("chat", Dropped)]]);
    assert!(told.events[0].kept.is_none());
    assert_eq!((told.events[0].event_type, told.events[0].revision), (EventType::LeadFinalized, 1));
}

#[test]
fn an_event_from_before_routes_were_asked_is_read_and_so_is_its_envelope() {
    let (id, subject, chunks) = ("evt_1".to_owned(), String::new(), 0u16);
    let old = (id, 1u8, subject, 5i64, 1u16, 7u64, 1u32, 0u8, chunks);
    let mut bytes = records::encode(&old).unwrap();
    bytes.extend_from_slice(b"envelope");
    let (event, rest) = records::decode_front::<records::EventRecord>(&bytes).unwrap();
    assert_eq!((event.id.as_str(), event.lead, event.said.len(), rest), ("evt_1", 7, 0, &b"envelope"[..]));
}
