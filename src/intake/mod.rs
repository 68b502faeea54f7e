//! The first loop: windows are read, new leads fetched and recorded with their deliveries.
//!
//! | file | what it does |
//! |---|---|
//! | `course` | the file by which the loops read, which may change |
//! | `reader` | reads one window whole: list, detect, fetch, record, cover |
//! | `malformed` | lists that count in spite of rows that make no sense |
//! | `pieces` | windows whose list may have been cut |
//! | `poll` | the newest window, again and again |
//! | `first` | the first complete reading: what was there before |
//! | `gaps` | what was never read, behind the polls |
//! | `listed` | a list as it came |
//! | `listing` | the whole list of a window, for whoever looks at the past |
//! | `lookback` | what shows up late, behind the polls |
//! | `fetch` | reads one lead, and what follows from it |
//! | `flap` | leads whose status changes with nearly every list |
//! | `refetch` | leads whose details failed, or that wait |
//! | `rechecks` | leads that have no rating yet |
//! | [`backfill`] | history for one destination, behind all of these |
//! | [`reconcile`] | what is listed against what was delivered |
//! | `skew` | how far WeClever's clock is from ours |
//! | `turns` | who goes first, and one read of a lead at a time |

pub mod backfill;
mod course;
mod fetch;
mod first;
mod flap;
mod gaps;
mod heed;
mod listed;
mod listing;
mod lookback;
mod malformed;
mod pieces;
mod poll;
mod reader;
mod rechecks;
pub mod reconcile;
mod refetch;
mod skew;
#[cfg(test)]
mod time_tests;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::ExponentialBackoffBuilder;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::clock;
use crate::domain::csat::CsatRules;
use crate::domain::pace::Rate;
use crate::domain::recheck::Ages;
use crate::domain::route::Route;
use crate::domain::watched::Watch;
use crate::ops::Teller;
use crate::source::{Source, SourceError};
use crate::store::intake::Platform;
use crate::store::{Store, StoreError};
use crate::watch::{Clock, Feed, Health};
use course::Course;
use jiff::tz::TimeZone;
use reader::Reader;

/// What intake works with by one file.
pub struct Intake {
    /// Where leads come from.
    pub source: Source,
    /// Where they are recorded.
    pub store: Store,
    /// The source's place in the store.
    pub platform: Platform,
    /// Who wants what.
    pub routes: Vec<Route>,
    /// How ratings are read.
    pub csat: CsatRules,
    /// How and when to read.
    pub settings: Settings,
    /// What time it is.
    pub clock: Clock,
    /// Told of every reading.
    pub feed: Feed,
    /// Told how the source is doing.
    pub health: Health,
    /// Told what somebody has to hear of.
    pub teller: Teller,
}

/// How and when to read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The zone in which the API reads dates.
    pub timezone: TimeZone,
    /// From the start of one poll to the start of the next.
    pub poll_every: Duration,
    /// How far back every poll reaches.
    pub overlap: Duration,
    /// How far back readings reach now and then, for leads that show up late ...
    pub lookback: Duration,
    /// ... and how often.
    pub lookback_every: Duration,
    /// How far back the widest readings reach ...
    pub sweep: Duration,
    /// ... and how often they are made.
    pub sweep_every: Duration,
    /// Details read at one time.
    pub concurrency: usize,
    /// Requests of any kind; `None`: no limit.
    pub rate: Option<Rate>,
    /// How long a lead's details may fail while others can be read.
    pub give_up_after: Duration,
    /// Ages at which a lead without a rating is read again.
    pub recheck: Ages,
    /// What makes a lead updated.
    pub watch: Watch,
}

/// How far windows beside each other reach into each other: whether the API includes the ends, nobody knows.
const MARGIN: Duration = Duration::from_secs(60);

/// No sleep is longer, so that a clock that jumps is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Leads to be read again are looked for so often while there is no room for what they bring.
const UNTIL_ROOM: Duration = Duration::from_secs(1);

/// Why a window was not read whole.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The list was not had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Some rows of it made no sense; the others were taken.
    #[error(
        "the list from {first} to {last} has rows that cannot be read ({rows}){}; the others were taken, and the window is read again",
        if *broken { ", half of them all or more: its form may have changed" } else { "" }
    )]
    Malformed {
        /// The window's ends, as they were asked for.
        first: String,
        /// See `first`.
        last: String,
        /// Which rows and why.
        rows: String,
        /// So many of them that it does not count as read however often it comes.
        broken: bool,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// leadhook is stopping.
    #[error("stopped before the window was read whole")]
    Stopped,
}

/// What one pass of `run --once` did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass {
    /// Windows that were read whole.
    pub windows: u32,
    /// Windows that were not.
    pub failed: u32,
    /// Lists that may have been cut, and could not be checked.
    pub unchecked: u32,
}

impl ReadError {
    /// What went wrong in a few words, without what was asked and where.
    pub fn in_short(&self) -> String {
        match self {
            ReadError::Source(error) => error.in_short(),
            ReadError::Malformed { .. } => "some rows cannot be read, the others were taken".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Reads until it is told to stop, then finishes what is in flight. What is begun is ended by the file it was begun with.
///
/// # Errors
/// The store cannot be read or written any more.
pub async fn run(files: watch::Receiver<Arc<Intake>>, stop: CancellationToken) -> Result<(), StoreError> {
    let course = Course::new(files, stop);
    tokio::try_join!(
        poll::run(&course),
        gaps::run(&course),
        lookback::run(&course),
        refetch::run(&course),
        rechecks::run(&course),
        backfill::run(&course),
    )?;
    Ok(())
}

impl Intake {
    /// Carries out one backfill, where no service runs.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn backfill(self: Arc<Self>, no: u32, stop: CancellationToken) -> Result<backfill::Ended, StoreError> {
        backfill::one(&Reader::new(self, stop), no).await
    }

    /// One poll, each gap once, a look further back where it is due, and the leads whose details are due or come due by `until`, for the first time or again.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn once(self: Arc<Self>, until: Timestamp, stop: CancellationToken) -> Result<Pass, StoreError> {
        let course = Course::of(self, stop);
        let mut pass = Pass::default();
        poll::once(&course.reader(), until, &mut pass).await?;
        gaps::once(&course.reader(), &mut pass).await?;
        lookback::once(&course, &mut pass).await?;
        tokio::try_join!(refetch::until(&course, until), rechecks::until(&course, until))?;
        Ok(pass)
    }
}

/// Waits between readings that fail: about a second, doubling to five minutes, for ever.
fn patience() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_secs(1))
        .with_multiplier(2.0)
        .with_randomization_factor(0.5)
        .with_max_interval(Duration::from_secs(300))
        .with_max_elapsed_time(None)
        .build()
}

/// How long a failed reading waits: its backoff, or as long as the source asked for.
fn wait_after(error: &ReadError, backoff: &mut ExponentialBackoff) -> Duration {
    use backoff::backoff::Backoff;
    let wait = backoff.next_backoff().unwrap_or(Duration::from_secs(300));
    match error {
        ReadError::Source(error) => error.retry_after().map_or(wait, |asked| asked.max(wait)),
        _ => wait,
    }
}

/// Sleeps, unless leadhook is told to stop: then false.
async fn sleep(long: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(long) => true,
    }
}

/// How long from now to then; nothing where it has passed.
fn until(then: Timestamp, now: Timestamp) -> Duration {
    clock::elapsed(now, then)
}
