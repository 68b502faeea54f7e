//! Reads one window whole: list, detect, fetch, record, and only then cover.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::turns::{Precedence, Reading as Readings};
use super::{Intake, ReadError};
use crate::domain::event::{self, Event, EventType, Facts, Origin, Seen};
use crate::domain::lead::{Lead, LeadId, Row};
use crate::domain::patience::{self, Patience, Waiting};
use crate::domain::route::{self, Decision};
use crate::domain::window::{Piece, Window};
use crate::source::SourceError;
use crate::store::StoreError;
use crate::store::intake::{Before, FetchJob, Reading, Recorded};
use crate::watch::{Happening, Trouble};

/// Rows looked up, or remembered, at a time: the whole list is never copied.
const ROWS: usize = 1000;

/// Leads that may be on their way to the disk while others are fetched.
const RECORDING: usize = 64;

/// What a reading is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The newest window: goes before everything else.
    Newest,
    /// A stretch that was never read.
    Gap,
}

/// Reads windows and leads; shared by the loops of intake.
pub struct Reader {
    pub intake: Arc<Intake>,
    pub stop: CancellationToken,
    pub precedence: Precedence,
    /// Rung after each good poll: there may be a gap behind it.
    pub polled: tokio::sync::Notify,
    /// Rung when a lead was set aside.
    pub set_aside: Arc<tokio::sync::Notify>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    readings: Readings,
    /// When any lead's details were last read, in milliseconds.
    read_at: AtomicI64,
}

impl Reader {
    pub fn new(intake: Intake, stop: CancellationToken) -> Reader {
        Reader {
            intake: Arc::new(intake),
            stop,
            precedence: Precedence::default(),
            polled: tokio::sync::Notify::new(),
            set_aside: Arc::default(),
            shared: Arc::default(),
        }
    }

    /// Reads a piece whole. `baseline`: what it lists is only remembered.
    ///
    /// Every row is recorded or set aside before the piece counts as covered, and it counts only up to the moment at
    /// which it was asked for.
    pub async fn read(&self, piece: &Piece, baseline: bool, purpose: Purpose) -> Result<(), ReadError> {
        let window = &piece.window;
        let intake = &self.intake;
        let asked_at = intake.clock.now();
        let (first, last) = window.wire(&intake.settings.timezone);
        let listing = self.unless_stopped(intake.source.list(&first, &last)).await?;
        let rows = each_lead_once(listing.rows);
        let listed = rows.len();
        let new = if baseline { self.remember(rows, window).await? } else { self.take(rows, window, purpose).await? };
        if !listing.malformed.is_empty() {
            let rows = listing.malformed.join("; ");
            return Err(ReadError::Malformed { first, last, rows });
        }
        let poll = (purpose == Purpose::Newest).then_some(asked_at);
        let to = piece.to.min(asked_at);
        intake.store.cover(&intake.platform, piece.from.min(to), to, poll).await?;
        info!(from = first, to = last, listed, new, baseline, "window read");
        intake.feed.tell(Happening::Read { listed, new });
        Ok(())
    }

    /// Marks what is listed as there before leadhook began.
    async fn remember(&self, rows: Vec<Row>, window: &Window) -> Result<usize, ReadError> {
        let intake = &self.intake;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            if self.stop.is_cancelled() {
                return Err(ReadError::Stopped);
            }
            let some: Vec<Row> = rows.by_ref().take(ROWS).collect();
            intake.store.remember(&intake.platform, some, *window, intake.clock.now()).await?;
        }
        Ok(0)
    }

    /// Fetches and records what is new among the rows; returns how many were.
    async fn take(&self, rows: Vec<Row>, window: &Window, purpose: Purpose) -> Result<usize, ReadError> {
        let intake = &self.intake;
        let mut tasks = Tasks::new();
        let (mut new, mut stopped) = (0, false);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() && !stopped {
            let some: Vec<Row> = rows.by_ref().take(ROWS).collect();
            let before = intake.store.before(&intake.platform, some.iter().map(|row| row.id).collect()).await?;
            for (row, before) in some.into_iter().zip(before) {
                if before.standing().is_some() {
                    continue;
                }
                if purpose == Purpose::Gap {
                    tokio::select! {
                        () = self.precedence.after_you() => {}
                        () = self.stop.cancelled() => {}
                    }
                }
                while tasks.len() >= intake.settings.concurrency + RECORDING {
                    next_done(&mut tasks).await?;
                }
                if self.stop.is_cancelled() {
                    stopped = true;
                    break;
                }
                new += 1;
                let job = self.first_fetch(row, window);
                let fetch = self.fetch();
                tasks.spawn(async move { fetch.take(job, before).await });
            }
        }
        while !tasks.is_empty() {
            next_done(&mut tasks).await?;
        }
        if stopped { Err(ReadError::Stopped) } else { Ok(new) }
    }

    fn first_fetch(&self, row: Row, window: &Window) -> FetchJob {
        let now = self.intake.clock.now();
        FetchJob { row, window: *window, waiting: Waiting::first(now), since: now, due: now, error: String::new() }
    }

    /// Begins to try leads again whose details failed.
    pub async fn take_again(&self, jobs: Vec<FetchJob>, tasks: &mut Tasks) -> Result<(), StoreError> {
        let before =
            self.intake.store.before(&self.intake.platform, jobs.iter().map(|job| job.row.id).collect()).await?;
        for (job, before) in jobs.into_iter().zip(before) {
            self.precedence.after_you().await;
            let fetch = self.fetch();
            tasks.spawn(async move { fetch.take(job, before).await });
        }
        Ok(())
    }

    fn fetch(&self) -> Fetch {
        Fetch { intake: Arc::clone(&self.intake), shared: Arc::clone(&self.shared), bell: Arc::clone(&self.set_aside) }
    }

    /// Notes how a reading ended, for `status`, the feed and the log.
    pub fn note(&self, end: Result<(), &ReadError>) {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let paused = intake.source.paused_until();
        match end {
            Ok(()) => intake.health.of_source(|health| (health.trouble, health.wait_until) = (None, paused)),
            Err(ReadError::Stopped) => {}
            Err(error) => {
                let said = error.to_string();
                warn!(error = said, "a window could not be read; it is tried again");
                intake.feed.tell(Happening::ReadFailed { error: said.clone(), in_short: error.in_short() });
                intake.health.of_source(|health| {
                    health.trouble = Some(Trouble::again(health.trouble.take(), said, now));
                    health.wait_until = paused;
                });
            }
        }
    }

    async fn unless_stopped<T>(&self, asked: impl Future<Output = Result<T, SourceError>>) -> Result<T, ReadError> {
        tokio::select! {
            () = self.stop.cancelled() => Err(ReadError::Stopped),
            answer = asked => Ok(answer?),
        }
    }
}

/// The API may list a lead twice; its last row stands.
pub fn each_lead_once(rows: Vec<Row>) -> Vec<Row> {
    let mut at: HashMap<LeadId, usize> = HashMap::with_capacity(rows.len());
    let mut once: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match at.get(&row.id) {
            Some(&i) => once[i] = row,
            None => {
                at.insert(row.id, once.len());
                once.push(row);
            }
        }
    }
    once
}

/// Reads of leads that are underway; each ends with its lead.
pub type Tasks = JoinSet<Result<LeadId, StoreError>>;

async fn next_done(tasks: &mut Tasks) -> Result<(), StoreError> {
    match tasks.join_next().await {
        Some(task) => joined(task).map(drop),
        None => Ok(()),
    }
}

/// The lead whose read has ended; `None` where it was dropped. A panic goes on here.
pub fn joined(task: Result<Result<LeadId, StoreError>, JoinError>) -> Result<Option<LeadId>, StoreError> {
    match task {
        Ok(end) => end.map(Some),
        Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
        Err(_) => Ok(None),
    }
}

/// Where a lead's rating stands in its details.
const RATING: &str = "/csat/rating";

fn recorded(event: &Event, decision: &Decision) -> Happening {
    Happening::Recorded {
        lead: event.lead,
        event_id: event.id.to_string(),
        event_type: event.event_type,
        destinations: decision.wanted.iter().map(|wanted| wanted.destination.clone()).collect(),
    }
}

/// One read of one lead, and what follows from it.
struct Fetch {
    intake: Arc<Intake>,
    shared: Arc<Shared>,
    bell: Arc<tokio::sync::Notify>,
}

impl Fetch {
    async fn take(&self, job: FetchJob, before: Before) -> Result<LeadId, StoreError> {
        let id = job.row.id;
        let _turn = self.shared.readings.one(id).await;
        match self.intake.source.lead(id).await {
            Ok(lead) => {
                let now = self.intake.clock.now();
                self.shared.read_at.fetch_max(now.as_millisecond(), Ordering::Relaxed);
                self.record(job, &lead, &before, now).await?;
            }
            Err(error) => self.failed(job, &error).await?,
        }
        Ok(id)
    }

    async fn record(&self, job: FetchJob, lead: &Lead, before: &Before, now: Timestamp) -> Result<(), StoreError> {
        let intake = &self.intake;
        let id = job.row.id;
        let csat = intake.csat.read(lead.rating());
        let facts = Facts { row: &job.row, lead, csat: &csat };
        let seen = |event_type, subject: &str, more| Seen {
            platform: &intake.platform.id,
            n: before.earlier(event_type, subject),
            revision: before.events() + 1 + more,
            origin: Origin::Live,
            now,
        };
        let subject = event::finalized_subject(&job.row);
        let mut events = vec![event::finalized(facts, seen(EventType::LeadFinalized, subject, 0))];
        if csat.is_rated() {
            let seen = seen(EventType::LeadRated, event::rated_subject(&csat), 1);
            events.push(event::rated(facts, &[RATING.to_owned()], seen));
        }
        let events: Vec<(Event, Decision)> = events.into_iter().map(|event| self.routed(event)).collect();
        let happenings: Vec<Happening> = events.iter().map(|(event, decision)| recorded(event, decision)).collect();
        let reading = Reading { row: job.row, window: job.window, origin: Origin::Live, events, now };
        if intake.store.record(&intake.platform, reading).await? == Recorded::Done {
            debug!(lead = id.0, "recorded");
            happenings.into_iter().for_each(|happening| intake.feed.tell(happening));
        }
        Ok(())
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
                self.bell.notify_one();
                intake.feed.tell(Happening::SetAside { lead, error: said, in_short: error.in_short(), due });
            }
            Patience::GiveUp => {
                warn!(lead = lead.0, error = said, "details given up on; `leadhook dead list` shows it");
                intake.store.give_up_lead(&intake.platform, lead, said.clone(), now).await?;
                intake.feed.tell(Happening::Unreadable { lead, error: said });
            }
        }
        Ok(())
    }
}
