//! One piece of a backfill: its list, and each lead of it.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::lead::{Became, Listed, Plan, Taker};
use crate::domain::backfill::{Counts, Piece};
use crate::domain::clock;
use crate::domain::lead::{LeadId, Row};
use crate::domain::window::Window;
use crate::intake::heed::misplaced;
use crate::intake::listing::WholeList;
use crate::intake::reader::Reader;
use crate::intake::turns::Rank;
use crate::intake::{ReadError, patience, sleep, wait_after};
use crate::source::SourceError;
use crate::store::StoreError;
use crate::store::backfill::{Left, Through, Within};

/// Leads looked up at a time.
const ROWS: usize = 500;

/// While a service delivers, no more than this wait at the destination: what is made now would only grow old there.
const AT_ONCE_THERE: u64 = 10_000;

/// How often how far it is is noted.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// So many leads in a row whose details are not to be had are no longer the leads' own fault.
const IN_A_ROW: usize = 10;

/// How a piece ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was gone through.
    Through,
    /// A person ended the backfill.
    Cancelled,
    /// leadhook is stopping.
    Stopped,
}

/// Goes through pieces of one backfill.
pub struct Walk<'a> {
    pub reader: &'a Reader,
    pub taker: Taker,
    /// Whether a service delivers meanwhile.
    pub delivering: bool,
    /// Details asked for at one time.
    pub places: usize,
    /// The leads of the last piece: windows reach into each other, and nobody counts twice.
    last: HashSet<LeadId>,
    /// How many leads in a row could not be read, and since when.
    failing: Option<(usize, Timestamp)>,
    noted: Instant,
}

/// A piece that is being gone through.
struct Going {
    /// Where it begins and ends.
    from: Timestamp,
    to: Timestamp,
    listed: u64,
    counts: Counts,
    /// Leads whose details were not to be had, with why, until it is known whose fault that is.
    failed: Vec<(Listed, SourceError)>,
    left: Vec<Left>,
    /// Of those that were sent, those of which no commit of this backfill tells.
    unnoted: u64,
}

type Task = Result<(Listed, Became), StoreError>;

impl<'a> Walk<'a> {
    pub fn new(reader: &'a Reader, taker: Taker, delivering: bool, places: usize) -> Walk<'a> {
        Walk { reader, taker, delivering, places, last: HashSet::new(), failing: None, noted: Instant::now() }
    }

    /// Goes on behind what was gone through before it was cut short: whom that listed as well counts as its.
    pub async fn behind(&mut self, overlap: Option<Window>) -> Result<Result<(), End>, StoreError> {
        let Some(overlap) = overlap else { return Ok(Ok(())) };
        Ok(self.list(&overlap).await?.map(|(rows, _)| self.last = rows.into_iter().map(|row| row.id).collect()))
    }

    /// Lists a piece and goes through its leads. `from`: where it begins.
    pub async fn piece(&mut self, from: Timestamp, piece: &Piece) -> Result<End, StoreError> {
        let (store, job) = (&self.reader.intake.store.clone(), self.taker.job);
        // What was put on its way when the piece was cut short counts as that, and not as what was there before.
        let own = store.backfill_sent_in_piece(job).await?;
        let (mut rows, malformed) = match self.list(&piece.window).await? {
            Ok(list) => list,
            Err(end) => return Ok(end),
        };
        let all = rows.iter().map(|row| row.id).collect();
        rows.retain(|row| !self.last.contains(&row.id));
        let counts = Counts { listed: rows.len() as u64, malformed_rows: malformed, ..Counts::default() };
        let mut going = Going {
            from,
            to: piece.to,
            listed: counts.listed,
            counts,
            failed: Vec::new(),
            left: Vec::new(),
            unnoted: 0,
        };
        let end = self.leads(piece, rows, &mut going).await?;
        if end != End::Through {
            return Ok(end);
        }
        going.give_up_on_the_failed();
        let Going { counts, left, listed, unnoted, .. } = going;
        let counts = Counts { sent: unnoted, ..counts.without_own(own) };
        let day = self.reader.intake.settings.timezone.to_datetime(from).date();
        info!(backfill = job.no(), %day, listed, "a piece of a backfill was gone through");
        let through = Through { to: piece.to, counts, left };
        self.last = all;
        Ok(if store.backfill_through(job, through).await? { End::Through } else { End::Cancelled })
    }

    /// The list of a window, asked for until it is had.
    async fn list(&mut self, window: &Window) -> Result<Result<(Vec<Row>, u64), End>, StoreError> {
        let mut backoff = patience();
        let mut list = WholeList::new(&self.reader.intake, *window, Some((self.reader, Rank::Backfill)));
        loop {
            let error = match list.read().await {
                Ok(listing) => return Ok(Ok((listing.rows, listing.malformed as u64))),
                Err(ReadError::Stopped) => return Ok(Err(End::Stopped)),
                Err(ReadError::Store(error)) => return Err(error),
                Err(error) => error,
            };
            let wait = wait_after(&error, &mut backoff);
            if let Some(end) = self.wait(&error.to_string(), wait).await? {
                return Ok(Err(end));
            }
        }
    }

    async fn leads(&mut self, piece: &Piece, rows: Vec<Row>, going: &mut Going) -> Result<End, StoreError> {
        let mut backoff = patience();
        let mut rows: VecDeque<Row> = rows.into();
        while !rows.is_empty() {
            let some: Vec<Row> = rows.drain(..rows.len().min(ROWS)).collect();
            let mut again = Vec::new();
            let end = self.some(piece, some, going, &mut again).await?;
            if end != End::Through {
                return Ok(end);
            }
            if let Some((_, error)) = again.first() {
                let error = ReadError::Source(error.clone());
                let wait = wait_after(&error, &mut backoff);
                again.into_iter().rev().for_each(|(row, _)| rows.push_front(row));
                if let Some(end) = self.wait(&error.to_string(), wait).await? {
                    return Ok(end);
                }
            } else {
                backoff = patience();
            }
        }
        Ok(End::Through)
    }

    /// Goes through some rows. `again`: gets those for which WeClever has to be asked another time, and why.
    async fn some(
        &mut self,
        piece: &Piece,
        rows: Vec<Row>,
        going: &mut Going,
        again: &mut Vec<(Row, SourceError)>,
    ) -> Result<End, StoreError> {
        let (intake, order) = (self.reader.intake.clone(), self.taker.order.clone());
        let ids = rows.iter().map(|row| row.id).collect();
        let looked = intake.store.past(self.taker.job, &intake.platform, &order.destination, ids).await?;
        let window = piece.window.asked(&intake.settings.timezone);
        let by_window =
            rows.iter().zip(&looked).filter(|(row, known)| known.before.is_again_by_window_alone(row, window));
        let misplaced = match misplaced(&intake, by_window.map(|(row, _)| row.id).collect(), window).await {
            Ok(misplaced) => misplaced.leads,
            Err(error) => {
                again.extend(rows.into_iter().map(|row| (row, error.clone())));
                return Ok(End::Through);
            }
        };
        let mut tasks: JoinSet<Task> = JoinSet::new();
        let mut end = End::Through;
        for (row, looked) in rows.into_iter().zip(looked) {
            let window = if misplaced.contains(&row.id) { Window::EVER } else { window };
            let listed = Listed { row, window, history: piece.history };
            if let Plan::Leave(account) = self.taker.plan(&listed, &looked) {
                going.counts.add(account);
                continue;
            }
            if let Some(why) = self.before_the_next(going).await? {
                end = why;
                break;
            }
            if !again.is_empty() {
                // Nothing is to be had right now: what is left of these waits as well.
                let (_, error) = &again[0];
                let error = error.clone();
                again.push((listed.row, error));
                continue;
            }
            while tasks.len() >= self.places {
                self.next_done(&mut tasks, going, again).await?;
            }
            let taker = self.taker.clone();
            tasks.spawn(async move {
                let became = taker.take(listed.clone(), looked).await?;
                Ok((listed, became))
            });
        }
        while !tasks.is_empty() {
            self.next_done(&mut tasks, going, again).await?;
        }
        // What was read of them is not recorded.
        Ok(if self.reader.shared.has_let_go() { End::Stopped } else { end })
    }

    /// Waits for its turn; why it has to end, where it does.
    async fn before_the_next(&mut self, going: &Going) -> Result<Option<End>, StoreError> {
        tokio::select! {
            () = self.reader.precedence.after(Rank::Backfill) => {}
            () = self.reader.stop.cancelled() => {}
        }
        if self.reader.stop.is_cancelled() {
            return Ok(Some(End::Stopped));
        }
        if self.noted.elapsed() < NOTE_EVERY && self.reader.has_room() {
            return Ok(None);
        }
        self.noted = Instant::now();
        let store = self.reader.intake.store.clone();
        loop {
            let mut within = going.within();
            let there = store.pending_at(&self.taker.order.destination).await?;
            let full = self.delivering && !self.taker.order.dry_run && there >= AT_ONCE_THERE;
            let short = self.reader.intake.health.room().short();
            within.waits = full
                .then(|| {
                    format!("{there} deliveries are pending at {}: it goes on as they go", self.taker.order.destination)
                })
                .or(short.map(|short| short.to_string()));
            if !store.backfill_within(self.taker.job, within).await? {
                return Ok(Some(End::Cancelled));
            }
            if !full && short.is_none() {
                return Ok(None);
            }
            if !sleep(NOTE_EVERY, &self.reader.stop).await {
                return Ok(Some(End::Stopped));
            }
        }
    }

    async fn next_done(
        &mut self,
        tasks: &mut JoinSet<Task>,
        going: &mut Going,
        again: &mut Vec<(Row, SourceError)>,
    ) -> Result<(), StoreError> {
        let (listed, became) = match tasks.join_next().await {
            Some(Ok(done)) => done?,
            Some(Err(lost)) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
            Some(Err(_)) | None => return Ok(()),
        };
        match became {
            Became::Not(error) => again.push((listed.row, error)),
            Became::Unreadable(error) => {
                let now = self.reader.intake.clock.now();
                let (in_a_row, since) = self.failing.unwrap_or((0, now));
                self.failing = Some((in_a_row + 1, since));
                going.failed.push((listed, error));
                let long = clock::elapsed(since, now) > self.reader.intake.settings.give_up_after;
                if in_a_row + 1 >= IN_A_ROW && !long {
                    // Not one of them was to be had: it is hardly their fault.
                    again.extend(going.failed.drain(..).map(|(listed, error)| (listed.row, error)));
                }
            }
            Became::Sent { noted } => {
                going.unnoted += u64::from(!noted);
                self.was_had(going, |counts| counts.sent += 1);
            }
            Became::At(account) => self.was_had(going, |counts| counts.add(account)),
        }
        Ok(())
    }

    fn was_had(&mut self, going: &mut Going, count: impl FnOnce(&mut Counts)) {
        self.failing = None;
        going.give_up_on_the_failed();
        count(&mut going.counts);
    }

    /// Waits, and says for what; why it has to end, where it does.
    async fn wait(&mut self, why: &str, long: Duration) -> Result<Option<End>, StoreError> {
        warn!(backfill = self.taker.job.no(), error = why, "a backfill waits");
        let waits = format!("{why}; asked again in {} s", long.as_secs().max(1));
        let within = Within { waits: Some(waits), ..Within::default() };
        if !self.reader.intake.store.backfill_within(self.taker.job, within).await? {
            return Ok(Some(End::Cancelled));
        }
        Ok((!sleep(long, &self.reader.stop).await).then_some(End::Stopped))
    }
}

impl Going {
    /// They were not to be had, though others were.
    fn give_up_on_the_failed(&mut self) {
        for (listed, error) in self.failed.drain(..) {
            let Listed { row, window, history } = listed;
            warn!(lead = row.id.0, %error, "a backfill could not read a lead's details; it is tried again at its end");
            self.counts.unreadable += 1;
            self.left.push(Left { row, window, history });
        }
    }

    fn within(&self) -> Within {
        let Counts { delivered, pending, dead, dropped, forgotten, unwanted, unreadable, sent, .. } = self.counts;
        let looked = delivered + pending + dead + dropped + forgotten + unwanted + unreadable + sent;
        let long = clock::elapsed(self.from, self.to);
        let share = looked as f64 / self.listed.max(1) as f64;
        Within { looked, reached: Some(clock::after(self.from, long.mul_f64(share.clamp(0.0, 1.0)))), waits: None }
    }
}
