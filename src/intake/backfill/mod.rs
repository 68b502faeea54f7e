//! Backfills: history for one destination, behind everything that may be new.
//!
//! A backfill is on disk: its order, how far it has got, and in each commit that puts a lead on its way, that it did. So it
//! can be cut short at any instant and goes on where it was; leads that were sent are known, and not sent again.
//!
//! | file | what it does |
//! |---|---|
//! | `piece` | lists a day at most, and goes through its leads |
//! | `lead` | one lead: send what is recorded, or read its details and record them |

mod lead;
mod piece;

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::course::Course;
use super::reader::Reader;
use super::{LONGEST_SLEEP, sleep};
use crate::domain::backfill::{self, Backfill, Counts, Order, State};
use crate::domain::event::EventType;
use crate::domain::route::Route;
use crate::store::StoreError;
use crate::store::backfill::{Job, Within};
use crate::store::intake::Baseline;
use lead::{Became, Listed, Taker};
use piece::{End, Walk};

/// Those whose details were not to be had are tried again at the end, after each of these waits.
const LAST_TRIES: [Duration; 2] = [Duration::ZERO, Duration::from_secs(10)];

/// Of the requests that the rate allows in a second, so many may be a backfill's at one time: a new lead stands behind
/// them at the source's gate.
const SHARE_OF_A_SECOND: u32 = 4;

/// How carrying out a backfill ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is done, or a person ended it.
    Ended,
    /// leadhook is stopping; it goes on later.
    Stopped,
    /// It cannot go on as things are: why, and what to do.
    Cannot(String),
}

/// Carries out whatever is ordered until told to stop. A service delivers meanwhile.
///
/// Where another file takes over, a backfill is cut short, and goes on by that one.
pub async fn run(course: &Course) -> Result<(), StoreError> {
    let (mut cannot, mut files) = (Vec::<u32>::new(), course.files());
    while !course.stop().is_cancelled() {
        if files.has_changed().unwrap_or(false) {
            files.mark_unchanged();
            cannot.clear();
        }
        let reader = Reader { stop: course.stop().child_token(), ..course.reader() };
        let intake = &reader.intake;
        let Some((job, backfill)) = intake.store.next_backfill(&intake.platform, cannot.clone()).await? else {
            tokio::select! {
                () = reader.stop.cancelled() => {}
                () = intake.store.backfill_bell() => {}
                Ok(()) = files.changed() => cannot.clear(),
                () = tokio::time::sleep(LONGEST_SLEEP) => cannot.clear(),
            }
            continue;
        };
        let waits = backfill.waits.clone();
        let end = {
            let work = carry_out(&reader, job, backfill, true);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    end = &mut work => break end?,
                    Ok(()) = files.changed() => reader.stop.cancel(),
                }
            }
        };
        match end {
            Ended::Ended | Ended::Stopped => {}
            Ended::Cannot(why) => {
                if waits.as_deref() != Some(&why) {
                    warn!(backfill = job.no(), "a backfill waits: {why}");
                }
                let within = Within { waits: Some(why), ..Within::default() };
                intake.store.backfill_within(job, within).await?;
                cannot.push(job.no());
            }
        }
    }
    Ok(())
}

/// Carries out this one, where no service runs.
pub async fn one(reader: &Reader, no: u32) -> Result<Ended, StoreError> {
    let intake = &reader.intake;
    let others = intake.store.backfills().await?.into_iter().map(|other| other.no).filter(|other| *other != no);
    match intake.store.next_backfill(&intake.platform, others.collect()).await? {
        Some((job, backfill)) => carry_out(reader, job, backfill, false).await,
        None => Ok(Ended::Ended),
    }
}

/// The routes that send to this destination, as if to it alone. It is their business alone what a backfill sends there.
pub fn routes_to(destination: &str, routes: &[Route], on: &[EventType]) -> Vec<Route> {
    let sends =
        |route: &&Route| route.to.iter().any(|to| to == destination) && route.on.iter().any(|of| on.contains(of));
    let alone = |route: &Route| Route { to: vec![destination.to_owned()], ..route.clone() };
    routes.iter().filter(sends).map(alone).collect()
}

async fn carry_out(reader: &Reader, job: Job, backfill: Backfill, delivering: bool) -> Result<Ended, StoreError> {
    let (intake, order) = (&reader.intake, backfill.order);
    let routes = routes_to(&order.destination, &intake.routes, &order.on);
    if routes.is_empty() {
        return Ok(Ended::Cannot(format!("no route sends {} to {} any more", on(&order), order.destination)));
    }
    let progress = intake.store.progress(&intake.platform).await?;
    let edge = match progress.baseline {
        Baseline::None => progress.floor,
        Baseline::Until(until) => until,
        Baseline::Awaited => {
            return Ok(Ended::Cannot("leadhook has not read the newest leads yet; `leadhook run` does".into()));
        }
    };
    info!(backfill = job.no(), destination = order.destination, reached = %backfill.done_until, "a backfill goes on");
    let taker = Taker {
        intake: Arc::clone(intake),
        shared: Arc::clone(&reader.shared),
        stop: reader.stop.clone(),
        job,
        order: Arc::new(order.clone()),
        routes: routes.into(),
    };
    let mut walk = Walk::new(reader, taker, delivering, places(reader));
    let mut done_until = backfill.done_until;
    match walk.behind(backfill::overlap(&order, done_until, edge)).await? {
        Ok(()) => {}
        Err(End::Stopped) => return Ok(Ended::Stopped),
        Err(_) => return Ok(Ended::Ended),
    }
    while let Some(piece) = backfill::next_piece(&order, done_until, edge) {
        match walk.piece(done_until, &piece).await? {
            End::Through => done_until = piece.to,
            End::Cancelled => return Ok(Ended::Ended),
            End::Stopped => return Ok(Ended::Stopped),
        }
    }
    if !make_up(reader, &walk.taker).await? {
        return Ok(Ended::Stopped);
    }
    intake.store.backfill_end(job.no(), State::Done, intake.clock.now()).await?;
    info!(backfill = job.no(), "a backfill is done");
    Ok(Ended::Ended)
}

/// Tries those once more whose details were not to be had. False where leadhook is stopping.
async fn make_up(reader: &Reader, taker: &Taker) -> Result<bool, StoreError> {
    let (intake, job) = (&reader.intake, taker.job);
    for wait in LAST_TRIES {
        let left = intake.store.backfill_left(job).await?;
        if left.is_empty() {
            return Ok(true);
        }
        if !sleep(wait, &reader.stop).await {
            return Ok(false);
        }
        for one in left {
            reader.turn(super::turns::Rank::Backfill).await;
            if reader.stop.is_cancelled() {
                return Ok(false);
            }
            let lead = one.row.id;
            let listed = Listed { row: one.row, window: one.window, history: one.history };
            let looked =
                intake.store.past(job, &intake.platform, &taker.order.destination, vec![lead]).await?.remove(0);
            let mut counts = Counts::default();
            match taker.take(listed, looked).await? {
                Became::Sent { noted } => counts.sent = u64::from(!noted),
                Became::At(account) => counts.add(account),
                Became::Unreadable(_) | Became::Not(_) => continue,
            }
            intake.store.backfill_made_up(job, lead, counts).await?;
        }
    }
    Ok(true)
}

/// Details asked for at one time: there is always room for what is new.
fn places(reader: &Reader) -> usize {
    let settings = &reader.intake.settings;
    let half = (settings.concurrency / 2).max(1);
    let by_rate = settings.rate.map_or(usize::MAX, |rate| (rate.burst() / SHARE_OF_A_SECOND).max(1) as usize);
    half.min(by_rate)
}

fn on(order: &Order) -> String {
    order.on.iter().map(|on| on.as_str()).collect::<Vec<_>>().join(" or ")
}
