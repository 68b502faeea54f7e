//! Builds the parts from the file, runs them, drains them. What a person asks of them is in [`operator`].

mod heartbeat;
mod history;
pub mod operator;
mod retention;
mod room;
mod silence;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Config, Start};
use crate::dispatch::{Dispatch, Ending};
use crate::domain::clock;
use crate::domain::destination::Destination;
use crate::intake::{Intake, Pass, Settings};
use crate::ops::Teller;
use crate::source::{Source, SourceError};
use crate::store::census::{Census, LaneCensus};
use crate::store::intake::{Baseline, Platform};
use crate::store::{Store, StoreError};
use crate::tokens::{Tokens, Way};
use crate::transport::{Transport, TransportError};
use crate::watch::{Clock, Feed, Health};
use heartbeat::Heartbeat;
use history::HistoryKeeper;
use operator::Operator;
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
    /// The heartbeat's client could not be built.
    #[error("the heartbeat's HTTP client cannot be built: {0}")]
    Heartbeat(#[from] reqwest::Error),
}

/// Everything that is needed to run, built and not yet running.
pub struct App {
    config: Config,
    store: Store,
    platform: Platform,
    source: Source,
    clock: Clock,
    feed: Feed,
    health: Health,
    teller: Teller,
    tokens: Tokens,
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
}

impl App {
    /// Builds every part. Opens the store; opens no connection.
    ///
    /// # Errors
    /// The store cannot be opened, or a client cannot be built.
    pub async fn build(config: Config, clock: Clock) -> Result<App, AppError> {
        let source = Source::new(config.source.clone())?;
        // Built again when dispatch begins; what is wrong with one is better known before the store is opened.
        transports(&config)?;
        let path = config.store.path.clone();
        let store = tokio::task::spawn_blocking(move || Store::open(&path)).await.map_err(|_| StoreError::Closed)??;
        let platform = platform(&store, &config, clock.now()).await?;
        let teller = Teller::new(store.clone(), platform.clone(), config.routes.clone(), clock.clone());
        let (feed, health) = (Feed::default(), Health::default());
        let tokens = Tokens::new(&store, &config.destinations, &clock);
        Ok(App { config, store, platform, source, clock, feed, health, teller, tokens })
    }

    /// Where happenings are told.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Answers a person's questions while this runs.
    pub fn operator(&self) -> Operator {
        let operator =
            Operator::new(self.store.clone(), self.config.clone(), self.clock.clone(), Some(self.health.clone()));
        operator.beside(self.source.clone(), self.feed.clone(), self.tokens.clone())
    }

    /// Polls and delivers until told to stop, then ends what is in flight.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn run(self, stop: Stop) -> Result<(), AppError> {
        self.tell_what_is_parked().await?;
        // Kept to the end: were it dropped, dispatch would take that for a change.
        let (_finish, finished) = signal::channel(None);
        let dispatch = self.begin_dispatch(&stop, finished)?;
        let mut room = self.room_watch();
        // Before anything is read.
        room.look().await?;
        let measuring = beside(&stop, room.run(stop.gently.clone()));
        let intake = self.intake();
        let reading = tokio::spawn({
            let stop = stop.clone();
            async move {
                let end = tokio::select! {
                    end = intake.run(stop.gently.clone()) => end,
                    () = stop.at_once.cancelled() => Ok(()),
                };
                // Where one half cannot go on, neither can the other.
                stop.gently.cancel();
                end
            }
        });
        let letting_go = beside(&stop, self.retention().run(stop.gently.clone()));
        let listening = beside(&stop, self.silence_watch().run(stop.gently.clone()));
        let telling = beside(&stop, {
            let (teller, stop) = (self.teller.clone(), stop.gently.clone());
            async move { teller.run(stop).await }
        });
        let history = self.history_keeper();
        let keeping = tokio::spawn({
            let (history, stop) = (history.clone(), stop.gently.clone());
            async move { history.run(stop).await }
        });
        if let Some(heartbeat) = self.heartbeat()? {
            tokio::spawn(heartbeat.run(self.health.good_polls(), stop.gently.clone()));
        }
        let (read, sent, let_go, listened, told, measured) =
            tokio::join!(reading, dispatch, letting_go, listening, telling, measuring);
        self.tokens.end().await;
        // It was told to end with the others; a panic in it has been reported where it happened.
        let _ = keeping.await;
        history.keep().await;
        // On disk at least: who wants it gets it at the next start.
        let ended = self.teller.end().await;
        let ends =
            [joined(sent), joined(read), joined(let_go), joined(listened), joined(told), joined(measured), ended];
        ends.into_iter().collect::<Result<(), StoreError>>().map_err(AppError::from)
    }

    /// One poll, and every delivery that is due, or comes due within `wait` of the end of the poll.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn run_once(self, wait: Duration, stop: Stop) -> Result<OnceReport, AppError> {
        self.tell_what_is_parked().await?;
        let before = self.store.census(&self.platform.id).await?;
        let heartbeat = self.heartbeat()?;
        let (finish, finished) = signal::channel(None);
        let dispatch = self.begin_dispatch(&stop, finished)?;
        let by = clock::after(self.clock.now(), wait);
        let pass = tokio::select! {
            pass = self.read_once(by, &stop) => pass?,
            () = stop.at_once.cancelled() => Pass::default(),
        };
        if !stop.gently.is_cancelled() {
            self.silence_watch().once().await?;
        }
        self.teller.end().await?;
        let polled = self.health.good_polls().borrow().is_some();
        let beating = async {
            if let Some(mut heartbeat) = heartbeat.filter(|_| polled) {
                tokio::select! {
                    () = stop.gently.cancelled() => {}
                    () = heartbeat.beat() => {}
                }
            }
        };
        finish.send_replace(Some(clock::after(self.clock.now(), wait)));
        let (sent, ()) = tokio::join!(dispatch, beating);
        self.tokens.end().await;
        joined(sent)?;
        // What dispatch told, and who wants it gets it in the next run.
        self.teller.end().await?;
        self.history_keeper().keep().await;
        self.retention().once(&stop.gently).await?;
        let after = self.store.census(&self.platform.id).await?;
        Ok(report(pass, &before, &after))
    }

    /// One pass of intake, as far as there is room for what it brings.
    async fn read_once(&self, by: Timestamp, stop: &Stop) -> Result<Pass, StoreError> {
        let mut room = self.room_watch();
        room.look().await?;
        if self.health.room().short().is_some() {
            // What is old makes room, and for cron nobody else will have made any.
            self.retention().once(&stop.gently).await?;
            room.look().await?;
        }
        let reading = stop.gently.child_token();
        let keeping_watch = async {
            tokio::select! {
                end = room.run(reading.clone()) => end?,
                () = self.health.room().too_little() => reading.cancel(),
            }
            std::future::pending::<Result<Pass, StoreError>>().await
        };
        let intake = self.intake();
        if self.health.room().short().is_some() {
            return Ok(Pass { failed: 1, ..Pass::default() });
        }
        tokio::select! {
            pass = intake.once(by, reading.clone()) => pass,
            failed = keeping_watch => failed,
        }
    }

    fn room_watch(&self) -> RoomWatch {
        RoomWatch::new(self.store.clone(), self.config.store.max_bytes, self.health.room().clone())
    }

    fn intake(&self) -> Intake {
        let source = &self.config.source;
        Intake {
            source: self.source.clone(),
            store: self.store.clone(),
            platform: self.platform.clone(),
            routes: self.config.routes.clone(),
            csat: self.config.csat.clone(),
            settings: Settings {
                timezone: source.timezone.clone(),
                poll_every: source.poll_every,
                overlap: source.overlap,
                lookback: source.lookback,
                lookback_every: source.lookback_every,
                sweep: source.sweep,
                sweep_every: source.sweep_every,
                concurrency: source.concurrency,
                rate: source.rate,
                give_up_after: source.give_up_after,
                recheck: source.recheck.clone(),
                watch: source.watch.clone(),
            },
            clock: self.clock.clone(),
            feed: self.feed.clone(),
            health: self.health.clone(),
            teller: self.teller.clone(),
        }
    }

    fn retention(&self) -> Retention {
        let keep = self.config.store.retention;
        Retention { store: self.store.clone(), keep, clock: self.clock.clone() }
    }

    fn history_keeper(&self) -> HistoryKeeper {
        let (store, platform) = (self.store.clone(), self.platform.id.clone());
        HistoryKeeper { store, platform, feed: self.feed.clone(), clock: self.clock.clone() }
    }

    fn silence_watch(&self) -> SilenceWatch {
        SilenceWatch {
            store: self.store.clone(),
            platform: self.platform.clone(),
            teller: self.teller.clone(),
            health: self.health.clone(),
            clock: self.clock.clone(),
            stale_after: self.config.source.stale_after,
            timezone: self.config.source.timezone.clone(),
        }
    }

    fn heartbeat(&self) -> Result<Option<Heartbeat>, AppError> {
        let url = self.config.source.heartbeat_url.clone();
        Ok(url.map(Heartbeat::new).transpose()?)
    }

    fn ways(&self) -> Result<Vec<(Destination, Way)>, TransportError> {
        let ways = transports(&self.config)?.into_iter().map(|(destination, transport)| {
            let way = Way::new(transport, &destination, self.tokens.of(&destination.name));
            (destination, way)
        });
        Ok(ways.collect())
    }

    fn begin_dispatch(
        &self,
        stop: &Stop,
        finish: signal::Receiver<Option<Timestamp>>,
    ) -> Result<JoinHandle<Result<(), StoreError>>, AppError> {
        let dispatch = Dispatch {
            store: self.store.clone(),
            destinations: self.ways()?,
            routes: self.config.routes.clone(),
            clock: self.clock.clone(),
            feed: self.feed.clone(),
            health: self.health.clone(),
            teller: self.teller.clone(),
        };
        let ending = Ending { stop: stop.gently.clone(), abort: stop.at_once.clone(), finish };
        let stop = stop.gently.clone();
        Ok(tokio::spawn(async move {
            let end = dispatch.run(ending).await;
            if end.is_err() {
                stop.cancel();
            }
            end
        }))
    }

    /// What waits for something that has left the file is named at start: nobody should find out weeks later.
    async fn tell_what_is_parked(&self) -> Result<(), AppError> {
        for parked in self.operator().parked().await? {
            warn!(
                destination = parked.destination,
                route = parked.route,
                pending = parked.pending,
                "deliveries are parked: {}",
                parked.why
            );
        }
        info!(
            platform = self.platform.id,
            store = %self.store.path().display(),
            destinations = self.config.destinations.len(),
            routes = self.config.routes.len(),
            "leadhook {} begins",
            env!("CARGO_PKG_VERSION")
        );
        Ok(())
    }
}

fn transports(config: &Config) -> Result<Vec<(Destination, Transport)>, TransportError> {
    config.destinations.iter().map(|destination| Ok((destination.clone(), Transport::new(destination)?))).collect()
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
    let platform = store.platform(&config.source.platform_id, floor, start).await?;
    let progress = store.progress(&platform).await?;
    if progress.start != start {
        warn!(
            floor = %format!("{:.0}", progress.floor),
            "`start` in [source] has no effect any more: it was fixed at the first start, and nothing below the floor is read"
        );
    }
    if progress.baseline == Baseline::Awaited {
        info!("first start: leads that are finalized already are remembered and not sent; what comes next is");
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
