//! A person is forgotten: nothing is left but the number, and nothing comes back.

use serde_json::Map;

use super::*;
use crate::domain::contact::ContactKey;
use crate::domain::event::{Ops, ops};
use crate::domain::pace::Rate;
use crate::domain::steps::{Captured, Progress};
use crate::store::contacts::Counts;
use crate::store::explain::Stage;
use crate::store::forget::{Erased, Forgotten, How, Whom};
use crate::store::intake::Standing;
use crate::store::rechecks::Again;

const CRM: (&str, &str) = ("crm", "all");
const CHAT: (&str, &str) = ("chat", "all");
const WHO: ContactKey = ContactKey([7; 16]);
/// Nothing else holds it, and lz4 leaves it as it is.
const PLANTED: &str = "9f3c-planted-e71b";

impl Bench {
    async fn forget(&self, lead: u64, now: i64) -> Forgotten {
        let whom = Whom { lead: LeadId(lead), contacts: vec![("crm".into(), WHO)] };
        let forgotten = self.store.forget(&self.platform, vec![whom], at(now)).await.unwrap().remove(0);
        self.audit();
        forgotten
    }

    /// Records under these letters that hold something of a lead: all of them, where there was only the one.
    fn left(&self) -> Vec<String> {
        let all = self.store.inner().tree.iter().map(Result::unwrap);
        let letters = all.filter(|(key, _)| b"ebhaipqQgfruvxyz".contains(&key[0]));
        letters.map(|(key, _)| format!("{:?}", key)).collect()
    }

    fn holds(&self, planted: &str) -> bool {
        let mut all = self.store.inner().tree.iter().map(Result::unwrap);
        all.any(|(_, value)| value.windows(planted.len()).any(|bytes| bytes == planted.as_bytes()))
    }

    async fn standing(&self, lead: u64) -> Option<Standing> {
        self.store.before(&self.platform, vec![LeadId(lead)]).await.unwrap()[0].standing()
    }

    /// Is the lead to be read, or is anything to be noted of it, however it is listed?
    async fn is_looked_at(&self, lead: u64, window: Window) -> bool {
        let row = Row { mapped_status: Some("another".into()), ..row(lead) };
        let detected = self.store.detect(&self.platform, vec![row], window).await.unwrap();
        !detected.to_read.is_empty() || !detected.to_note.is_empty()
    }
}

fn planted(lead: u64, events: u32, wanted: &[(&str, &str)]) -> Reading {
    let mut planted = reading(lead, events, wanted, 0);
    planted.events[0].0.envelope = format!(r#"{{"data":{{"lead":{{"name":"{PLANTED}"}}}}}}"#);
    planted.row.mapped_status = Some(format!("status {PLANTED}"));
    planted
}

fn answered_with(verdict: Verdict, now: i64) -> Settlement {
    let mut settlement = settled(verdict, now);
    let body = PLANTED.as_bytes().to_vec();
    let said = Answer::Got(Response { status: 422, retry_after: None, headers: Vec::new(), body, cut: false });
    settlement.tried.iter_mut().for_each(|tried| tried.answer = said.clone());
    settlement
}

#[tokio::test]
async fn all_that_is_kept_of_a_lead_goes_and_the_receipt_counts_it() {
    let bench = Bench::new().await;
    let again = |due| Some(Again { due: at(due), since: at(0), marks: Default::default() });
    // Delivered here, dead there, and pending with the next.
    let first = Reading { again: again(500), ..planted(1, 0, &[CRM, CHAT]) };
    bench.store.record(&bench.platform, first).await.unwrap();
    let mut claim = bench.claim("crm", &["all"], 1).await.remove(0);
    claim.counts = Some(Counts { contact: WHO, limit: Rate { count: 2, per: Duration::from_secs(9_000) } });
    bench.store.settle(claim, answered_with(Verdict::Delivered, 1)).await.unwrap();
    let claim = bench.claim("chat", &["all"], 1).await.remove(0);
    bench.store.settle(claim, answered_with(super::again(2), 1)).await.unwrap();
    let claim = bench.claim("chat", &["all"], 2).await.remove(0);
    bench.store.settle(claim, answered_with(dead(), 2)).await.unwrap();
    let mut second = planted(1, 1, &[CRM]);
    second.events[0].0.envelope = (0..20_000u32).map(|i| i.wrapping_mul(2_654_435_761).to_string()).collect();
    bench.store.record(&bench.platform, Reading { again: again(600), ..second }).await.unwrap();
    let claim = bench.claim("crm", &["all"], 3).await.remove(0);
    let captured = Captured { step: "one".into(), name: "id".into(), json: format!("\"{PLANTED}\"") };
    let progress = Progress { captured: vec![captured], ..Progress::default() };
    bench.store.note_progress(&claim, progress).await.unwrap();
    drop(claim);
    // What leadhook said of it, to one who has it and to one who waits for it.
    let told = Ops {
        event_type: EventType::OpsDeadLetter,
        subject: "chat".into(),
        message: format!("what happened to lead 1: {PLANTED}"),
        count: 1,
        began: at(2),
        of: String::new(),
        more: Map::from_iter([("weclever_lead_id".to_owned(), 1.into())]),
    };
    bench.store.record_ops(ops("my-platform", told, at(2)), decision(&[CRM, ("log", "all")]), None).await.unwrap();
    bench.settle_all("log", &["all"], 3, Verdict::Delivered).await;
    assert!(bench.holds(PLANTED));

    let forgotten = bench.forget(1, 9).await;
    assert_eq!(
        forgotten.erased,
        Erased {
            events: 2,
            cancelled: 1,
            deliveries: 2,
            attempts: 3,
            dead_letters: 1,
            captured_values: 1,
            rechecks: 1,
            contact_counters: 1,
            ops_events: 1,
            ..Erased::default()
        }
    );
    let sent: Vec<_> = forgotten.sent.iter().map(|sent| (sent.destination.as_str(), sent.how, sent.at)).collect();
    assert_eq!(sent, [("chat", How::Refused, Some(at(2))), ("crm", How::Accepted, Some(at(1)))]);
    assert!(forgotten.sent.iter().all(|sent| sent.event_id.is_some()));
    assert_eq!((bench.left(), bench.holds(PLANTED)), (Vec::<String>::new(), false));
    // What was only counted stays counted: what was to come, and what was dead, counts as dropped.
    assert_eq!((bench.counts("crm", "all").await, bench.counts("chat", "all").await), ([0, 1, 0, 1], [0, 0, 0, 1]));
    assert!(bench.store.files_with_old_bytes().await.unwrap().iter().any(|file| file.ends_with("sled/db")));

    let bench = bench.reopened().await;
    assert!(bench.store.files_with_old_bytes().await.unwrap().is_empty());
    let story = bench.store.story("my-platform", LeadId(1)).await.unwrap().unwrap();
    assert_eq!((story.stage, story.forgotten_at, story.events.len()), (Stage::Forgotten, Some(at(9)), 0));
    assert_eq!(bench.store.purge(at(900), at(1_000), 10).await.unwrap().events, 0);
    bench.audit();
}

#[tokio::test]
async fn a_lead_that_could_not_be_read_is_forgotten_whether_it_waits_or_is_given_up_on() {
    for gave_up in [false, true] {
        let bench = Bench::new().await;
        let mut failed = job(1, 50);
        failed.row.mapped_status = Some(PLANTED.into());
        bench.store.set_aside(&bench.platform, failed.clone()).await.unwrap();
        if gave_up {
            bench.store.give_up_lead(&bench.platform, LeadId(1), "HTTP 500".into(), at(60)).await.unwrap();
        }
        let erased = bench.forget(1, 70).await.erased;
        assert_eq!((erased.fetch_jobs, erased.dead_letters), (1, u64::from(gave_up)));
        assert_eq!((bench.left(), bench.holds(PLANTED)), (Vec::<String>::new(), false));
        // The reading that was under way fails once more, and for good.
        bench.store.set_aside(&bench.platform, failed).await.unwrap();
        assert!(!bench.store.give_up_lead(&bench.platform, LeadId(1), "HTTP 500".into(), at(80)).await.unwrap());
        assert_eq!((bench.left(), bench.holds(PLANTED)), (Vec::<String>::new(), false));
        bench.audit();
    }
}

#[tokio::test]
async fn what_was_under_way_meanwhile_brings_nothing_back() {
    for verdict in [Verdict::Delivered, Verdict::NextStep, again(50), dead(), Verdict::Parked] {
        let bench = Bench::new().await;
        bench.store.record(&bench.platform, planted(1, 0, &[CRM])).await.unwrap();
        let claim = bench.claim("crm", &["all"], 1).await.remove(0);
        assert!(claim.let_out());
        let forgotten = bench.forget(1, 2).await;
        assert_eq!(forgotten.sent[0].how, How::UnderWay);
        let progress = Progress { unknown: vec![PLANTED.into()], ..Progress::default() };
        bench.store.note_progress(&claim, progress.clone()).await.unwrap();
        let settlement = Settlement { progress: Some(progress), ..answered_with(verdict, 3) };
        assert!(!bench.store.settle(claim, settlement).await.unwrap());
        assert_eq!((bench.left(), bench.holds(PLANTED)), (Vec::<String>::new(), false));
        // That it is gone is about the destination.
        let disabled = bench.store.holds("crm").await.unwrap().disabled;
        assert_eq!(disabled, (verdict == Verdict::Parked).then_some(at(3)));
        bench.audit();
    }
}

#[tokio::test]
async fn what_was_claimed_and_not_sent_is_not_sent() {
    let bench = Bench::new().await;
    bench.store.record(&bench.platform, planted(1, 0, &[CRM])).await.unwrap();
    bench.record(2, &[CRM], 0).await;
    let claims = bench.claim("crm", &["all"], 1).await;
    assert!(bench.forget(1, 2).await.sent.is_empty());
    let may: Vec<_> = claims.iter().map(|claim| (claim.lead.0, claim.stands(), claim.let_out())).collect();
    assert_eq!(may, [(1, false, false), (2, true, true)]);
}

#[tokio::test]
async fn whatever_is_listed_or_read_of_it_later_is_let_be() {
    let bench = Bench::new().await;
    bench.store.record(&bench.platform, planted(1, 0, &[CRM])).await.unwrap();
    bench.store.remember(&bench.platform, vec![row(2)], window(), at(0)).await.unwrap();
    let later = Window { from: at(90_000), to: at(99_000) };
    for lead in [1, 2, 3] {
        let forgotten = bench.forget(lead, 5).await;
        assert_eq!((forgotten.known, forgotten.before), (lead < 3, false));
        for window in [window(), later] {
            assert!(!bench.is_looked_at(lead, window).await);
            let another = Row { mapped_status: Some(PLANTED.into()), ..row(lead) };
            bench.store.relist(&bench.platform, vec![another.clone()], window).await.unwrap();
            bench.store.remember(&bench.platform, vec![another], window, at(6)).await.unwrap();
        }
        for events in [0, 1] {
            let end = bench.store.record(&bench.platform, planted(lead, events, &[CRM])).await.unwrap();
            assert_eq!(end, Recorded::Overtaken);
        }
        assert_eq!(bench.standing(lead).await, Some(Standing::Forgotten));
        let again = bench.forget(lead, 100).await;
        assert_eq!((again.before, again.at, again.erased), (true, at(5), Erased::default()));
    }
    assert!(!bench.holds(PLANTED));
    assert_eq!(bench.store.census("my-platform").await.unwrap().seen_leads, 3);
    let accounts = bench.store.accounts(&bench.platform, vec![LeadId(1)]).await.unwrap();
    assert_eq!(accounts[0].stage, Some(Stage::Forgotten));
    // A lead that nobody knew, and that is forgotten all the same, leaves no bytes anywhere.
    let fresh = Bench::new().await;
    fresh.forget(7, 5).await;
    assert!(fresh.store.files_with_old_bytes().await.unwrap().is_empty());
}
