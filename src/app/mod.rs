//! Builds the parts from the file, runs them, drains them; another file may take its place meanwhile. What a person asks of them is in [`operator`].

mod heartbeat;
mod history;
mod in_force;
mod liveness;
pub mod operator;
mod reload;
mod reopen;
mod retention;
mod room;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Config, Current, Start};
use crate::dispatch::{Dispatch, Ending};
use crate::domain::{baseline, clock};
use crate::intake::{self, Pass};
use crate::ops::Teller;
use crate::source::{Source, SourceError};
use crate::store::census::{Census, LaneCensus};
use crate::store::intake::{Baseline, Platform};
use crate::store::{Store, StoreError};
use crate::tokens::Tokens;
use crate::transport::{Transport, TransportError};
use crate::watch::{Clock, Feed, Health};
use heartbeat::Heartbeat;
use history::HistoryKeeper;
use in_force::{InForce, Parts};
pub use liveness::Liveness;
use operator::Operator;
pub use reload::{Origin, Phase, Reloader};
use retention::Retention;
use room::RoomWatch;
use silence::SilenceWatch;

/// Why leadhook cannot start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source's client could not be built.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A destination's client could not be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Everything that is needed to run, built and not yet running.
pub struct App {
    in_force: InForce,
    reloader: Reloader,
}

/// How a running leadhook is told to end; cheap to clone.
#[derive(Clone, Default)]
pub struct Stop {
    /// Nothing new is begun, and what is in flight ends.
    pub gently: CancellationToken,
    /// What is in flight is dropped; it stays pending.
    pub at_once: CancellationToken,
}

/// What `run --once` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OnceReport {
    /// Windows that were read whole.
    pub windows_read: u32,
    /// Windows that could not be read, or are still to be.
    pub windows_left: u32,
    /// Leads that were not known before.
    pub new_leads: u64,
    /// Deliveries that were accepted.
    pub delivered: u64,
    /// Deliveries that were given up on, and leads that could not be read.
    pub dead: u64,
    /// Deliveries that are still to be made, now or later.
    pub pending: u64,
    /// Leads whose details are still to be read.
    pub set_aside: u64,
    /// Lists that may have been cut, and could not be checked: leads may be missing.
    pub unchecked: u32,
    /// Rows that its lists had, and that cannot be read.
    pub malformed_rows: u64,
}

impl App {
    /// Builds every part. Opens the store; opens no connection.
    ///
    /// # Errors
    /// The store cannot be opened, or a client cannot be built.
    pub async fn build(config: Config, clock: Clock) -> Result<App, AppError> {
        let (path, keys) = (config.store.path.clone(), config.store.encryption_keys.clone());
        // What cannot be built is better known before the store is opened.
        Source::new(config.source.clone())?;
        config.destinations.iter().try_for_each(|destination| Transport::new(destination).map(drop))?;
        let opening = tokio::task::spawn_blocking(move || Store::open_with(&path, &keys));
        let store = opening.await.map_err(|_| StoreError::Closed)??;
        let platform = platform(&store, &config, clock.now()).await?;
        let current = Current::new(config);
        let teller = Teller::new(store.clone(), platform.clone(), current.clone(), clock.clone());
        let (feed, health, tokens) = (Feed::default(), Health::default(), Tokens::default());
        let in_force = InForce::new(Parts { store, platform, clock, feed, health, teller, tokens }, current)?;
        Ok(App { reloader: Reloader::new(in_force.clone()), in_force })
    }

    /// The same with a file that can be read again.
    pub fn of(self, origin: Origin) -> App {
        App { reloader: self.reloader.of(origin), ..self }
    }

    /// Where happenings are told.
    pub fn feed(&self) -> &Feed {
        &self.in_force.parts.feed
    }

    /// Answers a person's questions while this runs.
    pub fn operator(&self) -> Operator {
        Operator::beside(self.reloader.clone())
    }

    /// Whether this really works, while it runs.
    pub fn liveness(&self) -> Liveness {
        Liveness::new(self.in_force.clone())
    }

    /// Reads the file again while this runs.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Polls and delivers until told to stop, or until the store fails, then ends what is in flight.
    async fn run_until_it_fails(&self, stop: Stop) -> Result<(), AppError> {
        // Kept to the end: were it dropped, dispatch would take that for a change.
        let (_finish, finished) = signal::channel(None);
        let dispatch = self.begin_dispatch(&stop, finished);
        let mut room = self.room_watch();
        // Before anything is read.
        room.look().await?;
        let measuring = beside(&stop, room.run(stop.gently.clone()));
        let reading = tokio::spawn({
            let (stop, files) = (stop.clone(), self.in_force.intakes.subscribe());
            async move {
                let end = tokio::select! {
                    end = intake::run(files, stop.gently.clone()) => end,
                    () = stop.at_once.cancelled() => Ok(()),
                };
                // Where one half cannot go on, neither can the other.
                stop.gently.cancel();
                end
            }
        });
        let parts = &self.in_force.parts;
        let letting_go = beside(&stop, self.retention().run(stop.gently.clone()));
        let listening = beside(&stop, self.silence_watch().run(stop.gently.clone()));
        let telling = beside(&stop, {
            let (teller, stop) = (parts.teller.clone(), stop.gently.clone());
            async move { teller.run(stop).await }
        });
        let history = self.history_keeper();
        let keeping = tokio::spawn({
            let (history, stop) = (history.clone(), stop.gently.clone());
            async move { history.run(stop).await }
        });
        tokio::spawn(self.heartbeat().run(parts.health.good_polls(), stop.gently.clone()));
        let (read, sent, let_go, listened, told, measured) =
            tokio::join!(reading, dispatch, letting_go, listening, telling, measuring);
        parts.tokens.end().await;
        // It was told to end with the others; a panic in it has been reported where it happened.
        let _ = keeping.await;
        history.keep().await;
        // On disk at least: who wants it gets it at the next start.
        let ended = parts.teller.end().await;
        let ends =
            [joined(sent), joined(read), joined(let_go), joined(listened), joined(told), joined(measured), ended];
        ends.into_iter().collect::<Result<(), StoreError>>().map_err(AppError::from)
    }

    /// One poll, and every delivery that is due, or comes due within `wait` of the end of the poll.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn run_once(self, wait: Duration, stop: Stop) -> Result<OnceReport, AppError> {
        self.tell_how_it_begins().await?;
        let Parts { store, platform, clock, health, teller, tokens, .. } = &self.in_force.parts;
        let before = store.census(&platform.id).await?;
        let mut heartbeat = self.heartbeat();
        let (finish, finished) = signal::channel(None);
        let dispatch = self.begin_dispatch(&stop, finished);
        let began = clock.now();
        let by = clock::after(began, wait);
        let pass = tokio::select! {
            pass = self.read_once(by, &stop) => pass?,
            () = stop.at_once.cancelled() => Pass::default(),
        };
        if !stop.gently.is_cancelled() {
            self.silence_watch().once().await?;
        }
        teller.end().await?;
        let polled = health.good_polls().borrow().is_some();
        let beating = async {
            if polled {
                tokio::select! {
                    () = stop.gently.cancelled() => {}
                    () = heartbeat.beat() => {}
                }
            }
        };
        finish.send_replace(Some(clock::after(clock.now(), wait)));
        let (sent, ()) = tokio::join!(dispatch, beating);
        tokens.end().await;
        joined(sent)?;
        // What dispatch told, and who wants it gets it in the next run.
        teller.end().await?;
        self.history_keeper().keep().await;
        self.retention().once(&stop.gently).await?;
        let after = store.census(&platform.id).await?;
        let malformed = store.malformed_rows(&platform.id).await?;
        let malformed_rows = malformed.iter().filter(|row| row.last >= began).count() as u64;
        Ok(OnceReport { malformed_rows, ..report(pass, &before, &after) })
    }

    /// One pass of intake, as far as there is room for what it brings.
    async fn read_once(&self, by: Timestamp, stop: &Stop) -> Result<Pass, StoreError> {
        let mut room = self.room_watch();
        room.look().await?;
        if self.in_force.parts.health.room().short().is_some() {
            // What is old makes room, and for cron nobody else will have made any.
            self.retention().once(&stop.gently).await?;
            room.look().await?;
        }
        let reading = stop.gently.child_token();
        let keeping_watch = async {
            tokio::select! {
                end = room.run(reading.clone()) => end?,
                () = self.in_force.parts.health.room().too_little() => reading.cancel(),
            }
            std::future::pending::<Result<Pass, StoreError>>().await
        };
        let intake = Arc::clone(&self.in_force.intakes.borrow());
        if self.in_force.parts.health.room().short().is_some() {
            return Ok(Pass { failed: 1, ..Pass::default() });
        }
        tokio::select! {
            pass = intake.once(by, reading.clone()) => pass,
            failed = keeping_watch => failed,
        }
    }

    fn room_watch(&self) -> RoomWatch {
        let parts = &self.in_force.parts;
        RoomWatch::new(parts.store.clone(), self.in_force.current.clone(), parts.health.room().clone())
    }

    fn retention(&self) -> Retention {
        let parts = &self.in_force.parts;
        Retention { store: parts.store.clone(), current: self.in_force.current.clone(), clock: parts.clock.clone() }
    }

    fn history_keeper(&self) -> HistoryKeeper {
        let Parts { store, platform, clock, feed, .. } = self.in_force.parts.clone();
        HistoryKeeper { store, platform: platform.id, feed, clock }
    }

    fn silence_watch(&self) -> SilenceWatch {
        let parts = self.in_force.parts.clone();
        SilenceWatch {
            store: parts.store,
            platform: parts.platform,
            teller: parts.teller,
            health: parts.health,
            clock: parts.clock,
            current: self.in_force.current.clone(),
        }
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat::new(self.in_force.current.clone())
    }

    fn begin_dispatch(
        &self,
        stop: &Stop,
        finish: signal::Receiver<Option<Timestamp>>,
    ) -> JoinHandle<Result<(), StoreError>> {
        let parts = self.in_force.parts.clone();
        let dispatch = Dispatch {
            store: parts.store,
            places: self.in_force.places.subscribe(),
            clock: parts.clock,
            feed: parts.feed,
            health: parts.health,
            teller: parts.teller,
        };
        let ending = Ending { stop: stop.gently.clone(), abort: stop.at_once.clone(), finish };
        let stop = stop.gently.clone();
        tokio::spawn(async move {
            let end = dispatch.run(ending).await;
            if end.is_err() {
                stop.cancel();
            }
            end
        })
    }

    async fn tell_how_it_begins(&self) -> Result<(), AppError> {
        self.operator().tell_what_is_parked().await?;
        let (parts, config) = (&self.in_force.parts, self.in_force.current.now());
        info!(
            platform = parts.platform.id,
            store = %parts.store.path().display(),
            destinations = config.destinations.len(),
            routes = config.routes.len(),
            "leadhook {} begins",
            env!("CARGO_PKG_VERSION")
        );
        if let Some(lacks) = parts.store.lacks() {
            warn!("the store was made of the export of a damaged one: {lacks}");
            parts.store.is_told_what_it_lacks()?;
        }
        Ok(())
    }
}

/// The source's place in the store; its floor is laid at the first start and never moves.
async fn platform(store: &Store, config: &Config, now: Timestamp) -> Result<Platform, StoreError> {
    let (floor, start) = match config.source.start {
        Start::Now => (clock::before(now, config.source.sweep), None),
        Start::At(at) => {
            // As the store keeps it: a finer date would look changed at every start.
            let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
            (at, Some(at))
        }
    };
    let platform = store.platform(&config.source.platform_id, floor, start, now).await?;
    let mut progress = store.progress(&platform).await?;
    if progress.baseline == Baseline::Awaited && progress.began.is_none() {
        let began = baseline::began_before(progress.floor, config.source.sweep, now);
        store.note_began(&platform, began).await?;
        progress.began = Some(began);
    }
    if progress.start != start {
        warn!(
            floor = %format!("{:.0}", progress.floor),
            "`start` in [source] has no effect any more: it was fixed at the first start, and nothing below the floor is read"
        );
    }
    match progress.began.filter(|_| progress.baseline == Baseline::Awaited) {
        Some(began) if began == now => {
            info!("first start: leads that are finalized already are remembered and not sent; what comes next is");
        }
        Some(began) => info!(
            first_start = %format!("{began:.0}"),
            "WeClever's list has not been read yet since the first start: leads that were finalized before are remembered and not sent; what came since is"
        ),
        None => {}
    }
    Ok(platform)
}

fn report(pass: Pass, before: &Census, after: &Census) -> OnceReport {
    let sum = |census: &Census, of: fn(&LaneCensus) -> u64| census.lanes.iter().map(of).sum::<u64>();
    let more = |of: fn(&LaneCensus) -> u64| sum(after, of).saturating_sub(sum(before, of));
    OnceReport {
        windows_read: pass.windows,
        windows_left: pass.failed,
        new_leads: after.seen_leads.saturating_sub(before.seen_leads),
        delivered: more(|lane| lane.delivered),
        dead: more(|lane| lane.dead) + after.unreadable.saturating_sub(before.unreadable),
        pending: sum(after, |lane| lane.pending),
        set_aside: after.set_aside,
        unchecked: pass.unchecked,
        malformed_rows: 0,
    }
}

/// Runs beside intake and dispatch: where it cannot go on, neither can they.
fn beside(
    stop: &Stop,
    part: impl Future<Output = Result<(), StoreError>> + Send + 'static,
) -> JoinHandle<Result<(), StoreError>> {
    let stop = stop.gently.clone();
    tokio::spawn(async move {
        let end = part.await;
        if end.is_err() {
            stop.cancel();
        }
        end
    })
}

fn joined(end: Result<Result<(), StoreError>, JoinError>) -> Result<(), StoreError> {
    match end {
        Ok(end) => end,
        Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
        Err(_) => Ok(()),
    }
}
