//! One read of one lead, and what follows from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Intake;
use super::heed::Heed;
use super::pieces::Unchecked;
use super::skew::Skew;
use super::turns::Reading as Readings;
use crate::domain::clock;
use crate::domain::csat::Csat;
use crate::domain::event::{self, Event, EventType, Facts, Ops, Origin, Seen};
use crate::domain::lead::{Lead, LeadId, Row};
use crate::domain::news::{self, Last, News};
use crate::domain::patience::{self, Patience};
use crate::domain::route::{self, Decision, Said};
use crate::domain::watched::Watched;
use crate::source::SourceError;
use crate::store::StoreError;
use crate::store::intake::{Before, FetchJob, Reading, Recorded, Shown, Standing};
use crate::store::rechecks::{Again, RecheckJob};
use crate::watch::{Happening, Room, Underway};

/// How often what a lead's details bring is worked out anew because someone else recorded the lead meanwhile.
const OVERTAKEN: u32 = 3;

/// Why a lead is read.
pub enum Job {
    /// It was finalized, for the first time or again.
    Finalized(FetchJob),
    /// It has no rating yet.
    Unrated(RecheckJob),
}

/// What the reads of leads have in common.
#[derive(Default)]
pub struct Shared {
    pub readings: Readings,
    /// When any lead's details were last read, in milliseconds.
    read_at: AtomicI64,
    /// Rung when a lead was set aside.
    pub set_aside: tokio::sync::Notify,
    /// Rung when a lead is to be read again earlier than `unrated_due`, in milliseconds.
    pub unrated: tokio::sync::Notify,
    /// See `unrated`.
    pub unrated_due: AtomicI64,
    /// How far WeClever's clock is from ours.
    pub skew: Skew,
    /// Whether WeClever looks at the time that it is asked for.
    pub heed: Heed,
    /// The last list that could not be checked for a cap.
    pub unchecked: Unchecked,
    /// Leads that had been read were not recorded: there was no room for them, and leadhook is stopping.
    let_go: AtomicBool,
}

impl Shared {
    /// Waits until there is room for so many bytes in the store; `None`: leadhook is stopping.
    pub async fn place(&self, room: &Room, bytes: u64, stop: &CancellationToken) -> Option<Underway> {
        tokio::select! {
            biased;
            place = room.take(bytes) => Some(place),
            () = stop.cancelled() => {
                self.let_go.store(true, Ordering::SeqCst);
                None
            }
        }
    }

    /// Whether anybody got no place because leadhook is stopping. What they read is read again by the next run.
    pub fn has_let_go(&self) -> bool {
        self.let_go.load(Ordering::SeqCst)
    }
}

/// One read of one lead.
pub struct Fetch {
    pub intake: Arc<Intake>,
    pub shared: Arc<Shared>,
    pub stop: CancellationToken,
}

impl Job {
    fn row(&self) -> &Row {
        match self {
            Job::Finalized(job) => &job.row,
            Job::Unrated(job) => &job.row,
        }
    }

    /// Since when its age counts.
    fn since(&self) -> Timestamp {
        match self {
            Job::Finalized(job) => job.since,
            Job::Unrated(job) => job.again.since,
        }
    }

    /// Whether it still has a point, now that someone else recorded the lead.
    fn still_stands(&self, before: &Before) -> bool {
        match (self, before.standing()) {
            (Job::Finalized(_), None | Some(Standing::SetAside)) => true,
            (Job::Finalized(job), Some(_)) => before.is_again(&job.row, job.window),
            (Job::Unrated(_), _) => false,
        }
    }
}

impl Fetch {
    /// Reads the lead, and records what that brings or puts it off. Nobody else reads the same lead meanwhile. Nothing is
    /// recorded where there is no room before leadhook stops, which [`Shared::has_let_go`] tells.
    pub async fn take(&self, job: Job, before: Before) -> Result<LeadId, StoreError> {
        let id = job.row().id;
        let _turn = self.shared.readings.one(id).await;
        match self.intake.source.lead(id).await {
            Ok(lead) => {
                let now = self.intake.clock.now();
                self.shared.read_at.fetch_max(now.as_millisecond(), Ordering::Relaxed);
                self.record(job, &lead, before, now).await?;
            }
            Err(error) => match job {
                Job::Finalized(job) => self.failed(job, &error).await?,
                Job::Unrated(job) => self.put_off(job, &error).await?,
            },
        }
        Ok(id)
    }

    async fn record(&self, job: Job, lead: &Lead, mut before: Before, now: Timestamp) -> Result<(), StoreError> {
        let intake = &self.intake;
        let (id, csat, watched) = (job.row().id, intake.csat.read(lead.rating()), intake.settings.watch.look(lead));
        for _ in 0..OVERTAKEN {
            let reading = self.reading(&job, lead, &csat, &watched, &before, now);
            let due = reading.again.as_ref().map(|again| again.due);
            let happenings: Vec<Happening> =
                reading.events.iter().map(|(event, decision)| recorded(event, decision)).collect();
            let doubts: Vec<Said> =
                reading.events.iter().flat_map(|(_, decision)| decision.doubts()).cloned().collect();
            let rated = reading.events.iter().any(|(event, _)| event.event_type == EventType::LeadRated);
            let _underway = match reading.bytes() {
                0 => None,
                bytes => match self.shared.place(intake.health.room(), bytes, &self.stop).await {
                    None => return Ok(()),
                    place => place,
                },
            };
            if intake.store.record(&intake.platform, reading).await? == Recorded::Done {
                for said in doubts {
                    intake.health.note_doubt(&said.route, &said.why, id);
                }
                if rated && csat.is_unreadable() {
                    intake.health.note_unreadable_rating();
                }
                debug!(lead = id.0, events = happenings.len(), "recorded");
                happenings.into_iter().for_each(|happening| intake.feed.tell(happening));
                if due.is_some_and(|due| due.as_millisecond() < self.shared.unrated_due.load(Ordering::Relaxed)) {
                    self.shared.unrated.notify_one();
                }
                return Ok(());
            }
            before = intake.store.before(&intake.platform, vec![id]).await?.remove(0);
            if !job.still_stands(&before) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What these details bring, seeing what is known of the lead.
    fn reading(
        &self,
        job: &Job,
        lead: &Lead,
        csat: &Csat,
        watched: &Watched,
        before: &Before,
        now: Timestamp,
    ) -> Reading {
        let (intake, row) = (&self.intake, job.row());
        let (finalized, window, marks) = match job {
            Job::Finalized(job) => (true, Some(job.window), None),
            Job::Unrated(job) => (false, before.stretch(), Some(&job.again.marks)),
        };
        let last = Last { rating: before.rating(), marks };
        let facts = Facts { row, lead, csat };
        let mut revision = before.events();
        let mut seen = |event_type, subject: &str| {
            revision += 1;
            let n = before.earlier(event_type, subject);
            Seen { platform: &intake.platform.id, n, revision, origin: Origin::Live, now }
        };
        let news = news::news(finalized, last, csat, &intake.settings.watch, watched);
        let events = news.into_iter().map(|news| match news {
            News::Finalized => event::finalized(facts, seen(EventType::LeadFinalized, event::finalized_subject(row))),
            News::Rated { changes } => {
                event::rated(facts, &changes, seen(EventType::LeadRated, event::rated_subject(csat)))
            }
            News::Updated { changes } => {
                let digest = watched.digest();
                event::updated(facts, &digest, &changes, seen(EventType::LeadUpdated, &digest))
            }
        });
        let events = events.map(|event| self.routed(event)).collect();
        let due = if csat.is_rated() { None } else { intake.settings.recheck.next(job.since(), now) };
        Reading {
            row: row.clone(),
            // A lead that is recorded has a stretch.
            window: window.unwrap_or(crate::domain::window::Window { from: now, to: now }),
            origin: Origin::Live,
            after: before.events(),
            events,
            shown: Shown { watched: watched.brief(), rating: news::rating_mark(csat) },
            again: due.map(|due| Again { due, since: job.since(), marks: watched.marks.clone() }),
            now,
        }
    }

    /// The event, and what the routes make of it. The one place where they are asked.
    fn routed(&self, event: Event) -> (Event, Decision) {
        let decision = route::decide(&self.intake.routes, &event);
        (event, decision)
    }

    async fn failed(&self, mut job: FetchJob, error: &SourceError) -> Result<(), StoreError> {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let said = error.to_string();
        let read_at = Some(self.shared.read_at.load(Ordering::Relaxed)).filter(|ms| *ms > 0);
        let others = read_at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let lead = job.row.id;
        match patience::after_failure(
            &job.waiting,
            intake.settings.give_up_after,
            others,
            error.retry_after(),
            now,
            fastrand::f64(),
        ) {
            Patience::GoOn { waiting, due } => {
                info!(lead = lead.0, error = said, attempts = waiting.attempts, due = %format!("{due:.0}"), "details failed, set aside");
                (job.waiting, job.due, job.error) = (waiting, due, said.clone());
                intake.store.set_aside(&intake.platform, job).await?;
                self.shared.set_aside.notify_one();
                intake.feed.tell(Happening::SetAside { lead, error: said, in_short: error.in_short(), due });
            }
            Patience::GiveUp => {
                warn!(lead = lead.0, error = said, "details given up on; `leadhook dead list` shows it");
                if !intake.store.give_up_lead(&intake.platform, lead, said.clone(), now).await? {
                    return Ok(());
                }
                let why = error.in_short();
                intake.feed.tell(Happening::Unreadable { lead, error: said });
                intake.teller.happened(unreadable(lead, &why, now), None, None).await?;
            }
        }
        Ok(())
    }

    /// A lead that is recorded already could not be read again: no dead letter, for nothing is lost but a rating that may
    /// never have been given.
    async fn put_off(&self, job: RecheckJob, error: &SourceError) -> Result<(), StoreError> {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let (lead, said) = (job.row.id.0, error.to_string());
        let wait = patience::wait(job.failed, fastrand::f64()).max(error.retry_after().unwrap_or_default());
        let due = (!intake.settings.recheck.is_over(job.again.since, now)).then(|| clock::after(now, wait));
        match due {
            Some(due) => debug!(lead, error = said, due = %format!("{due:.0}"), "could not be read again, tried later"),
            None => info!(lead, error = said, "could not be read again, and is too old by now to be rated"),
        }
        intake.store.put_off_recheck(&intake.platform, job, due).await
    }
}

pub fn recorded(event: &Event, decision: &Decision) -> Happening {
    Happening::Recorded {
        lead: event.lead,
        event_id: event.id.to_string(),
        event_type: event.event_type,
        destinations: decision.wanted.iter().map(|wanted| wanted.destination.clone()).collect(),
    }
}

/// What is told of a lead that could not be read.
fn unreadable(lead: LeadId, why: &str, now: Timestamp) -> Ops {
    let message = format!("lead {lead} could not be read, and is given up on ({why}): see `leadhook dead list`");
    let more =
        Map::from_iter([("weclever_lead_id".to_owned(), Value::from(lead.0)), ("error".to_owned(), Value::from(why))]);
    Ops {
        event_type: EventType::OpsDeadLetter,
        subject: "source".to_owned(),
        message,
        count: 1,
        began: now,
        of: lead.to_string(),
        more,
    }
}
