//! What is kept of many leads, to be held against a list.

use super::*;
use crate::domain::account::Account::{self, Dead, Delivered, Dropped, Pending};
use crate::store::explain::Stage;
use crate::store::reconcile::Accounted;

async fn accounted(bench: &Bench, lead: u64) -> Accounted {
    bench.store.accounts(&bench.platform, vec![LeadId(lead)]).await.unwrap().remove(0)
}

async fn at_crm(bench: &Bench, lead: u64) -> Option<Account> {
    accounted(bench, lead).await.at.get("crm").copied()
}

const CRM: [(&str, &str); 1] = [("crm", "all")];

#[tokio::test]
async fn each_lead_stands_as_its_last_event_does() {
    let bench = Bench::new().await;
    for lead in 1..=4 {
        bench.record(lead, &CRM, 0).await;
    }
    bench.record(5, &[("chat", "all")], 0).await;
    assert_eq!(at_crm(&bench, 1).await, Some(Pending));
    let mut claims = bench.claim("crm", &["all"], 1).await;
    for verdict in [Verdict::Delivered, dead(), dead(), again(60)] {
        bench.store.settle(claims.remove(0), settled(verdict, 1)).await.unwrap();
    }
    let third = bench.dead_ids(Filter::default()).await.remove(1);
    bench.store.drop_dead(of_ids([third]), at(2)).await.unwrap();
    let stands = [at_crm(&bench, 1).await, at_crm(&bench, 2).await, at_crm(&bench, 3).await, at_crm(&bench, 4).await];
    let mut sorted = stands.map(Option::unwrap);
    sorted[1..3].sort();
    assert_eq!(sorted, [Delivered, Dead, Dropped, Pending]);
    assert_eq!(at_crm(&bench, 5).await, None);
    assert_eq!(accounted(&bench, 5).await.stage, Some(Stage::Recorded));
    assert_eq!(accounted(&bench, 6).await.stage, None);

    let told = |subject: &'static str| async {
        let accounted = accounted(&bench, 1).await;
        [EventType::LeadFinalized, EventType::LeadRated].map(|event_type| accounted.before.earlier(event_type, subject))
    };
    assert_eq!(told("qualified").await, [1, 0]);
    assert_eq!(told("lost").await, [0, 0]);
}

#[tokio::test]
async fn a_dead_letter_counts_until_a_person_decides_whatever_came_later() {
    let bench = Bench::new().await;
    bench.record(1, &CRM, 0).await;
    bench.settle_all("crm", &["all"], 1, dead()).await;
    bench.record(1, &CRM, 2).await;
    assert_eq!(at_crm(&bench, 1).await, Some(Dead));
    bench.settle_all("crm", &["all"], 3, Verdict::Delivered).await;
    assert_eq!(at_crm(&bench, 1).await, Some(Dead));
    bench.store.drop_dead(Filter::default(), at(4)).await.unwrap();
    assert_eq!(at_crm(&bench, 1).await, Some(Delivered));
    // One behind another that waits.
    bench.record(1, &CRM, 5).await;
    bench.record(1, &CRM, 6).await;
    assert_eq!(at_crm(&bench, 1).await, Some(Pending));
}

#[tokio::test]
async fn nothing_of_it_needs_an_event_or_a_settled_delivery() {
    let bench = Bench::new().await;
    bench.record(1, &CRM, 0).await;
    bench.record(1, &CRM, 1).await;
    bench.deliver_all("crm", &["all"], 2).await;
    bench.record(2, &CRM, 3).await;
    bench.deliver_all("crm", &["all"], 4).await;
    assert_eq!(bench.store.purge(at(100), at(200), 100).await.unwrap().events, 3);
    for lead in [1, 2] {
        let accounted = accounted(&bench, lead).await;
        assert_eq!((accounted.stage, accounted.at.get("crm")), (Some(Stage::Recorded), Some(&Delivered)));
        assert!(accounted.before.earlier(EventType::LeadFinalized, "qualified") > 0);
    }
}

#[tokio::test]
async fn leads_without_an_event_are_told_apart() {
    let bench = Bench::new().await;
    bench.store.remember(&bench.platform, vec![row(1)], window(), at(0)).await.unwrap();
    for lead in [2, 3, 4] {
        bench.store.set_aside(&bench.platform, job(lead, 60)).await.unwrap();
    }
    for lead in [3, 4] {
        bench.store.give_up_lead(&bench.platform, LeadId(lead), "HTTP 404".into(), at(lead as i64)).await.unwrap();
    }
    let last = bench.dead_ids(Filter::default()).await.pop().unwrap();
    bench.store.drop_dead(of_ids([last]), at(9)).await.unwrap();
    let leads = [1, 2, 3, 4, u64::MAX].map(LeadId).to_vec();
    let stages: Vec<_> =
        bench.store.accounts(&bench.platform, leads).await.unwrap().into_iter().map(|one| one.stage).collect();
    use Stage::{Baseline, SetAside, Unreadable};
    let dropped = Some(Stage::Dropped);
    assert_eq!(stages, [Some(Baseline), Some(SetAside), Some(Unreadable), dropped, None]);
    assert!(bench.store.find_platform("another").await.unwrap().is_none());
    assert_eq!(bench.store.find_platform("my-platform").await.unwrap().unwrap().no, bench.platform.no);
}
