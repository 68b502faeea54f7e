//! Reads one window whole: list, detect, fetch, record, and only then cover.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::fetch::{Fetch, Job, Shared};
use super::listed::{Listed, ReadUntil, each_lead_once};
use super::malformed::Judged;
use super::turns::{Precedence, Rank};
use super::{Intake, ReadError};
use crate::domain::clock;
use crate::domain::lead::{LeadId, Row};
use crate::domain::malformed::Print;
use crate::domain::patience::Waiting;
use crate::domain::window::{Piece, Window};
use crate::source::SourceError;
use crate::store::StoreError;
use crate::store::intake::{Before, FetchJob, Progress};
use crate::store::rechecks::RecheckJob;
use crate::watch::{Happening, INTAKE, Trouble};

/// Rows looked up, or remembered, at a time: the whole list is never copied.
const ROWS: usize = 1000;

/// What is written of a row that is only remembered, in bytes, at the most.
const OF_A_ROW: u64 = 256;

/// Leads that may be on their way to the disk while others are fetched.
const RECORDING: usize = 64;

/// What a reading is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The newest window: goes before everything else.
    Newest,
    /// What lies right before the first start: goes with the newest window, and is no poll.
    Start,
    /// A stretch that was never read.
    Gap,
    /// A stretch that was read before, for what shows up late.
    Late,
}

/// How a piece is read.
pub struct How<'a> {
    /// Where the readings stand right now.
    pub progress: &'a Progress,
    /// What it lists is only remembered.
    pub baseline: bool,
    /// What for.
    pub purpose: Purpose,
    /// Its list is proven to be whole, however short it is.
    pub prove: bool,
}

/// What a reading did.
pub struct Read {
    /// Leads that were not known, or were finalized again.
    pub new: usize,
    /// What was listed whole, and the rows of each.
    pub parts: Vec<(Piece, usize)>,
    /// Lists that may have been cut, and could not be checked.
    pub unchecked: u32,
}

/// Reads windows and leads by one file; cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub intake: Arc<Intake>,
    pub stop: CancellationToken,
    pub precedence: Arc<Precedence>,
    /// Counts the good polls: behind each there may be a gap, or it may be time to look further back.
    pub polled: watch::Sender<u64>,
    /// What the reads of leads have in common.
    pub shared: Arc<Shared>,
    /// When this process began to read, by two clocks: one of them may be set.
    pub woke: (Timestamp, Instant),
}

impl Reader {
    pub fn new(intake: Arc<Intake>, stop: CancellationToken) -> Reader {
        let woke = (intake.clock.now(), Instant::now());
        Reader { intake, stop, precedence: Arc::default(), polled: watch::Sender::new(0), shared: Arc::default(), woke }
    }

    /// Reads a piece whole.
    ///
    /// Every row is recorded or set aside before the piece counts as covered, and it counts only up to the moment at
    /// which it was asked for. A list that may have been cut is read in pieces.
    pub async fn read(&self, piece: &Piece, how: &How<'_>) -> Result<Read, ReadError> {
        let whole = self.list(piece).await?;
        self.read_listed(piece, whole, how).await
    }

    /// The same, once its list is there.
    pub async fn read_listed(&self, piece: &Piece, mut whole: Listed, how: &How<'_>) -> Result<Read, ReadError> {
        let intake = &self.intake;
        let (read_until, listed) = (whole.read_until, whole.rows.len());
        let (first, last) = (whole.first.clone(), whole.last.clone());
        let mut judged = Judged::default();
        self.judge(&whole, &mut judged).await?;
        let bad = (whole.prints(), whole.stretch());
        let read = if self.is_whole(&whole, how) {
            let new = self.settle(std::mem::take(&mut whole.rows), whole.window, how).await?;
            Read { new, parts: vec![(*piece, whole.count)], unchecked: 0 }
        } else {
            self.read_in_pieces(piece, whole, how, &mut judged).await?
        };
        if let Some(error) = judged.unread {
            return Err(error);
        }
        let poll = (how.purpose == Purpose::Newest).then_some(read_until.asked_at);
        self.cover(piece, read_until, poll, bad).await?;
        let (baseline, new) = (how.baseline, read.new);
        info!(from = first, to = last, listed, new, baseline, "window read");
        intake.feed.tell(Happening::Read { listed, new });
        Ok(read)
    }

    /// Asks for a piece's list.
    pub async fn list(&self, piece: &Piece) -> Result<Listed, ReadError> {
        let intake = &self.intake;
        let asked_at = intake.clock.now();
        let (first, last) = piece.window.wire(&intake.settings.timezone);
        self.beat();
        let listing = self.unless_stopped(intake.source.list(&first, &last)).await;
        self.beat();
        let listing = listing?;
        if let Some(date) = listing.date {
            self.shared.skew.note(asked_at, date, intake.clock.now());
        }
        Ok(Listed {
            count: listing.rows.len() + listing.malformed,
            rows: each_lead_once(listing.rows),
            bad: listing.bad,
            malformed: listing.malformed,
            // Around a change of clocks more is asked for than the piece needs.
            window: piece.window.asked(&intake.settings.timezone),
            read_until: ReadUntil { asked_at, date: listing.date },
            first,
            last,
        })
    }

    /// Every row of the piece is recorded or set aside; `bad`: those that make no sense, and the stretch that was listed.
    pub async fn cover(
        &self,
        piece: &Piece,
        read: ReadUntil,
        poll: Option<Timestamp>,
        bad: (HashSet<Print>, Window),
    ) -> Result<(), StoreError> {
        let (from, to) = read.of(piece);
        self.leave(bad).await?;
        self.intake.store.cover(&self.intake.platform, from, to, poll).await
    }

    /// Remembers or takes what a window lists; how many leads of it are new.
    pub async fn settle(&self, rows: Vec<Row>, window: Window, how: &How<'_>) -> Result<usize, ReadError> {
        match how.baseline {
            true => {
                let meant = self.meant(window, &rows).await?;
                self.remember(rows, meant).await
            }
            false => {
                let late = self.late_by(window, how.progress, self.intake.clock.now());
                self.take(rows, window, how.purpose, late).await
            }
        }
    }

    /// How late a lead is, at the least, that is not known and is listed by this window: as long ago as the window ended,
    /// where all of it had been read whole before, without that lead. `None` where it is not known to be late at all.
    fn late_by(&self, window: Window, progress: &Progress, now: Timestamp) -> Option<Duration> {
        let was_read = progress.coverage.covers(window.from.max(progress.floor), window.to.min(now));
        (was_read && window.to < now).then(|| clock::elapsed(window.to, now))
    }

    /// Marks what is listed as there before leadhook began.
    async fn remember(&self, rows: Vec<Row>, window: Window) -> Result<usize, ReadError> {
        let intake = &self.intake;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            self.room().await;
            if self.stop.is_cancelled() {
                return Err(ReadError::Stopped);
            }
            let some: Vec<Row> = rows.by_ref().take(ROWS).collect();
            let bytes = some.len() as u64 * OF_A_ROW;
            let Some(_underway) = self.shared.place(intake.health.room(), bytes, &self.stop).await else {
                return Err(ReadError::Stopped);
            };
            intake.store.remember(&intake.platform, some, window, intake.clock.now()).await?;
        }
        Ok(0)
    }

    /// Fetches and records what is new among the rows, or finalized again; returns how many were.
    async fn take(
        &self,
        rows: Vec<Row>,
        window: Window,
        purpose: Purpose,
        late: Option<Duration>,
    ) -> Result<usize, ReadError> {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let mut window = self.meant(window, &rows).await?;
        let mut tasks = Tasks::new();
        let (mut new, mut stopped) = (0, false);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() && !stopped {
            let some: Vec<Row> = rows.by_ref().take(ROWS).collect();
            let mut detected = intake.store.detect(&intake.platform, some, window).await?;
            window = self.without_misplaced(&mut detected, window).await?;
            if !detected.to_note.is_empty() {
                intake.store.relist(&intake.platform, detected.to_note, window).await?;
            }
            for (row, before) in detected.to_read {
                match purpose {
                    Purpose::Newest | Purpose::Start => self.room().await,
                    Purpose::Gap | Purpose::Late => self.turn(Rank::New).await,
                }
                while tasks.len() >= intake.settings.concurrency + RECORDING {
                    next_done(&mut tasks).await?;
                    self.beat();
                }
                if self.stop.is_cancelled() {
                    stopped = true;
                    break;
                }
                if self.waits_for_flapping(&row, window, &before, now).await? {
                    continue;
                }
                new += 1;
                if let (Some(late), None) = (late, before.standing()) {
                    debug!(lead = row.id.0, late_s = late.as_secs(), "a lead showed up late");
                    intake.health.of_source(|health| health.lateness.note(late, now));
                }
                let (job, fetch) = (first_fetch(row, window, &before, now), self.fetch());
                tasks.spawn(async move { fetch.take(Job::Finalized(job), before).await });
            }
        }
        while !tasks.is_empty() {
            next_done(&mut tasks).await?;
            self.beat();
        }
        if stopped || self.shared.has_let_go() { Err(ReadError::Stopped) } else { Ok(new) }
    }

    /// Begins to try leads again whose details failed.
    pub async fn take_again(&self, jobs: Vec<FetchJob>, tasks: &mut Tasks) -> Result<(), StoreError> {
        let before =
            self.intake.store.before(&self.intake.platform, jobs.iter().map(|job| job.row.id).collect()).await?;
        for (job, before) in jobs.into_iter().zip(before) {
            self.precedence.after(Rank::New).await;
            let fetch = self.fetch();
            tasks.spawn(async move { fetch.take(Job::Finalized(job), before).await });
        }
        Ok(())
    }

    /// Begins to read leads again that have no rating yet.
    pub async fn take_unrated(&self, jobs: Vec<RecheckJob>, tasks: &mut Tasks) -> Result<(), StoreError> {
        let before =
            self.intake.store.before(&self.intake.platform, jobs.iter().map(|job| job.row.id).collect()).await?;
        for (job, before) in jobs.into_iter().zip(before) {
            let (fetch, precedence) = (self.fetch(), Arc::clone(&self.precedence));
            tasks.spawn(async move {
                precedence.after(Rank::Unrated).await;
                let _going = precedence.go(Rank::Unrated);
                fetch.take(Job::Unrated(job), before).await
            });
        }
        Ok(())
    }

    /// Intake does not stand still, though its loop may not come round for long.
    fn beat(&self) {
        self.intake.health.pulses().beat(INTAKE);
    }

    /// Waits until there is room for what is new; at once where leadhook is stopping.
    pub async fn room(&self) {
        tokio::select! {
            () = self.intake.health.room().enough() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Waits until there is room, and until nobody of a more urgent rank is going; at once where leadhook is stopping.
    pub async fn turn(&self, rank: Rank) {
        let turn = async {
            self.intake.health.room().enough().await;
            self.precedence.after(rank).await;
        };
        tokio::select! {
            () = turn => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Whether leads may be read again now.
    pub fn has_room(&self) -> bool {
        self.intake.health.room().short().is_none()
    }

    fn fetch(&self) -> Fetch {
        Fetch { intake: Arc::clone(&self.intake), shared: Arc::clone(&self.shared), stop: self.stop.clone() }
    }

    /// Notes how a reading ended, for `status`, the feed and the log.
    pub fn note(&self, end: Result<(), &ReadError>) {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let paused = intake.source.paused_until();
        match end {
            Ok(()) => intake.health.of_source(|health| {
                (health.trouble, health.in_short, health.wait_until) = (None, None, paused);
            }),
            Err(ReadError::Stopped) => {}
            Err(error) => {
                let said = error.to_string();
                warn!(error = said, "a window could not be read; it is tried again");
                intake.feed.tell(Happening::ReadFailed { error: said.clone(), in_short: error.in_short() });
                intake.health.of_source(|health| {
                    health.trouble = Some(Trouble::again(health.trouble.take(), said, now));
                    health.in_short = Some(error.in_short());
                    health.wait_until = paused;
                });
            }
        }
    }

    pub async fn unless_stopped<T>(&self, asked: impl Future<Output = Result<T, SourceError>>) -> Result<T, ReadError> {
        tokio::select! {
            () = self.stop.cancelled() => Err(ReadError::Stopped),
            answer = asked => Ok(answer?),
        }
    }
}

/// A lead that is read for the first time, or because it was finalized again.
pub fn first_fetch(row: Row, window: Window, before: &Before, now: Timestamp) -> FetchJob {
    let again = before.standing().map(|_| before.events());
    let (waiting, error) = (Waiting::first(now), String::new());
    FetchJob { row, window, waiting, since: now, due: now, error, again, flaps: false }
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
