//! The store against real files. [`audit`] reads a whole store and says whether it agrees with itself.

mod audit;
mod backfill;
mod committing;
mod contacts;
mod damage;
mod dead;
mod delivering;
mod destinations;
mod explain;
mod exporting;
mod forgetting;
mod history;
mod intake;
mod mending;
mod model;
mod opening;
mod ops;
mod packing;
mod reconcile;
mod rereading;
mod retention;
mod rewriting;
mod salvaging;
mod sealing;
mod tearing;

use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::census::LaneCensus;
use super::dispatch::{Claim, Settlement, Tried};
use super::intake::{Before, FetchJob, Platform, Reading, Recorded, Shown};
use super::keys::Seq;
use super::{Store, dead::Filter};
use crate::domain::event::{Event, EventId, EventType, Origin};
use crate::domain::lead::{LeadId, Row};
use crate::domain::outcome::{Answer, Outcome, Response};
use crate::domain::patience::Waiting;
use crate::domain::retry::{Death, Verdict};
use crate::domain::route::{Decision, Wanted};
use crate::domain::window::Window;

/// Seconds after an instant at which everything begins.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn window() -> Window {
    Window { from: at(-7_200), to: at(3_600) }
}

fn row(lead: u64) -> Row {
    Row { id: LeadId(lead), mapped_status: Some("qualified".into()), client_lead_id: None }
}

fn job(lead: u64, due: i64) -> FetchJob {
    let waiting =
        Waiting { attempts: 1, charged: Duration::ZERO, last_attempt: at(0), planned: Duration::from_secs(1) };
    FetchJob {
        row: row(lead),
        window: window(),
        waiting,
        since: at(0),
        due: at(due),
        error: "HTTP 500".into(),
        again: None,
        flaps: false,
    }
}

/// A store in a directory of its own, with a platform.
struct Bench {
    store: Store,
    platform: Platform,
    directory: TempDir,
}

impl Bench {
    async fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        Bench::on(directory).await
    }

    /// Where nothing is to be learned from the disk, memory is faster.
    async fn in_memory() -> Bench {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Bench::on(directory).await
    }

    async fn on(directory: TempDir) -> Bench {
        Bench::sealed(directory, &[]).await
    }

    /// With these keys of [`sealing`].
    async fn sealed(directory: TempDir, keys: &[&str]) -> Bench {
        let store = Store::open_with(directory.path(), &sealing::keys(keys)).unwrap();
        let platform = store.platform("my-platform", at(-86_400), None, at(0)).await.unwrap();
        Bench { store, platform, directory }
    }

    async fn reopened(self) -> Bench {
        let Bench { store, directory, .. } = self;
        store.close().await;
        Bench::on(directory).await
    }

    /// Records one more event of this lead, for these destinations and routes; returns its id.
    async fn record(&self, lead: u64, wanted: &[(&str, &str)], now: i64) -> String {
        self.record_as(lead, wanted, now, false).await
    }

    /// The same, out of the past or not.
    async fn record_as(&self, lead: u64, wanted: &[(&str, &str)], now: i64, backfill: bool) -> String {
        let before = self.store.before(&self.platform, vec![LeadId(lead)]).await.unwrap().pop().unwrap();
        let mut reading = reading(lead, before.events(), wanted, now);
        if backfill {
            reading.origin = Origin::Backfill;
        }
        let id = reading.events[0].0.id.to_string();
        assert_eq!(self.store.record(&self.platform, reading).await.unwrap(), Recorded::Done);
        id
    }

    async fn claim(&self, destination: &str, routes: &[&str], now: i64) -> Vec<Claim> {
        let routes: Vec<String> = routes.iter().map(|route| (*route).to_owned()).collect();
        self.store.claim(destination, &routes, at(now), 100).await.unwrap().claims
    }

    /// Claims what is due and settles all of it; returns the events' ids.
    async fn settle_all(&self, destination: &str, routes: &[&str], now: i64, verdict: Verdict) -> Vec<String> {
        let mut ids = Vec::new();
        for claim in self.claim(destination, routes, now).await {
            ids.push(claim.event_id.clone());
            self.store.settle(claim, settled(verdict, now)).await.unwrap();
        }
        ids
    }

    /// Delivers and delivers until nothing is due; returns the events' ids in order.
    async fn deliver_all(&self, destination: &str, routes: &[&str], now: i64) -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            let some = self.settle_all(destination, routes, now, Verdict::Delivered).await;
            if some.is_empty() {
                return ids;
            }
            ids.extend(some);
        }
    }

    async fn dead_ids(&self, filter: Filter) -> Vec<String> {
        self.store.dead_letters(filter, 1_000).await.unwrap().0.into_iter().map(|letter| letter.id).collect()
    }

    /// Pending, delivered, dead and dropped.
    async fn counts(&self, destination: &str, route: &str) -> [u64; 4] {
        let lanes = self.store.census(&self.platform.id).await.unwrap().lanes;
        let lane = lanes.into_iter().find(|lane| lane.destination == destination && lane.route == route);
        lane.map_or([0; 4], |LaneCensus { pending, delivered, dead, dropped, .. }| [pending, delivered, dead, dropped])
    }

    fn audit(&self) {
        audit::audit(&self.store.inner().tree);
        assert_eq!(super::check::check(&self.store.inner().tree).wrong, [""; 0]);
    }
}

/// The lead's next event after so many.
fn reading(lead: u64, events: u32, wanted: &[(&str, &str)], now: i64) -> Reading {
    let event = Event {
        id: EventId::of("my-platform", LeadId(lead), EventType::LeadFinalized, "qualified", events),
        event_type: EventType::LeadFinalized,
        subject: "qualified".into(),
        lead: LeadId(lead),
        timestamp: at(now),
        revision: events + 1,
        envelope: format!("{{\"lead\":{lead},\"revision\":{}}}", events + 1),
    };
    Reading {
        row: row(lead),
        window: window(),
        after: events,
        shown: Shown::default(),
        again: None,
        origin: Origin::Live,
        events: vec![(event, decision(wanted))],
        now: at(now),
    }
}

fn decision(wanted: &[(&str, &str)]) -> Decision {
    let wanted = wanted
        .iter()
        .map(|(destination, route)| Wanted { destination: (*destination).into(), route: (*route).into() })
        .collect();
    Decision { wanted, said: Vec::new() }
}

fn answered(status: u16) -> Answer {
    Answer::Got(Response { status, retry_after: None, headers: Vec::new(), body: b"sorry".to_vec(), cut: false })
}

fn settled(verdict: Verdict, now: i64) -> Settlement {
    let (status, outcome) = match verdict {
        Verdict::Delivered | Verdict::NextStep => (200, Outcome::Accepted),
        Verdict::Dead(_) => (422, Outcome::GivenUp),
        Verdict::Again { .. } => (503, Outcome::Retry),
        Verdict::Parked => (410, Outcome::Gone),
    };
    let tried = Tried {
        at: at(now),
        took: Duration::from_millis(12),
        answer: answered(status),
        outcome,
        step: None,
        but: None,
    };
    Settlement { tried: Some(tried), verdict, wait_until: None, breaker: None, why: None, progress: None, now: at(now) }
}

fn dead() -> Verdict {
    Verdict::Dead(Death::GivenUp)
}

fn again(due: i64) -> Verdict {
    Verdict::Again { at: at(due), counted: true }
}

fn of_destination(destination: &str) -> Filter {
    Filter { destination: Some(destination.into()), ..Filter::default() }
}

fn of_ids<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Filter {
    Filter { ids: ids.into_iter().map(Into::into).collect(), ..Filter::default() }
}

/// The numbers of events are given out in order, from 1.
const FIRST: Seq = 1;
