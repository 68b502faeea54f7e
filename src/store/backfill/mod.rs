//! What backfills keep: the order, how far it has got, and what was put on its way by it, in the commits that did.

mod form;

use jiff::Timestamp;

use super::error::StoreError;
use super::intake::{Platform, Reading, Recorded};
use super::keys::{self, BackfillNo, LaneNo, PlatformNo};
use super::records::{self, BackfillRecord, DestinationRecord, LaneCounts, to_ms};
use super::tree::Entry;
use super::txn::{Get, Txn};
use super::{Inner, Store, body};
use crate::domain::backfill::{Backfill, Counts, Order, State};
use crate::domain::lead::{LeadId, Row};
use crate::domain::window::Window;
use form::{backfill, left, left_record, state_code};

/// So many that have ended are kept, to be looked at.
const ENDED: usize = 20;

/// More leads than this that could not be read are only counted.
const LEFT: usize = 1_000;

/// A backfill that is carried out: what its commits are told to note themselves under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub(super) no: BackfillNo,
    /// When it was begun: what was delivered before may be sent again, if that was ordered, and nothing twice.
    pub(super) begun: i64,
}

/// A lead of a backfill whose details could not be read.
#[derive(Clone, Debug)]
pub struct Left {
    /// As it was listed.
    pub row: Row,
    /// The window that listed it.
    pub window: Window,
    /// See [`Piece::history`](crate::domain::backfill::Piece).
    pub history: bool,
}

/// How far a backfill has got within its piece.
#[derive(Clone, Debug, Default)]
pub struct Within {
    /// Leads that were looked at.
    pub looked: u64,
    /// About where it is; `None`: as before.
    pub reached: Option<Timestamp>,
    /// What it waits for.
    pub waits: Option<String>,
}

/// A piece that was gone through.
pub struct Through {
    /// Everything before this has been.
    pub to: Timestamp,
    /// What became of its leads. Of those that were sent, only those of which no commit of this backfill tells.
    pub counts: Counts,
    /// Those that could not be read.
    pub left: Vec<Left>,
}

impl Job {
    /// How it is called.
    pub fn no(&self) -> u32 {
        self.no
    }
}

impl Store {
    /// Begins a backfill, or gives the one that goes on where the same was ordered before and has not ended. The second:
    /// whether it was there.
    pub async fn backfill_begin(
        &self,
        platform: &Platform,
        order: Order,
        now: Timestamp,
    ) -> Result<(Backfill, bool), StoreError> {
        let no = platform.no;
        let begun = self
            .commit(move |txn| {
                for (there, record) in backfills(txn)? {
                    let backfill = backfill(there, record.clone())?;
                    if record.platform == no && backfill.state == State::Going && backfill.order.is_again(&order) {
                        return Ok((backfill, true));
                    }
                }
                txn.forget_ended_backfills()?;
                let new = BackfillNo::try_from(txn.next_number(keys::LAST_BACKFILL)?)
                    .map_err(|_| StoreError::Record("there are too many backfills".into()))?;
                let record = BackfillRecord {
                    platform: no,
                    from: to_ms(order.from),
                    to: to_ms(order.to),
                    done_until: to_ms(order.from),
                    reached: to_ms(order.from),
                    typed: order.typed,
                    destination: order.destination,
                    on: order.on.iter().map(|on| records::event_code(*on)).collect(),
                    again: order.again,
                    dry_run: order.dry_run,
                    state: state_code(State::Going),
                    begun: to_ms(now),
                    ended: None,
                    counts: Counts::default(),
                    sent_in_piece: 0,
                    looked_in_piece: 0,
                    waits: None,
                    left: Vec::new(),
                };
                txn.put(keys::backfill(new), &record)?;
                Ok((backfill(new, record)?, false))
            })
            .await?;
        self.bells.backfill.notify_one();
        Ok(begun)
    }

    /// All that are kept, the oldest first.
    pub async fn backfills(&self) -> Result<Vec<Backfill>, StoreError> {
        self.read(|inner| inner.backfills()).await
    }

    /// One of them.
    pub async fn backfill(&self, no: u32) -> Result<Option<Backfill>, StoreError> {
        self.read(move |inner| {
            let record: Option<BackfillRecord> = Get::get(&inner.tree, &keys::backfill(no))?;
            record.map(|record| backfill(no, record)).transpose()
        })
        .await
    }

    /// The oldest of this platform's that has not ended, but for those named.
    pub async fn next_backfill(
        &self,
        platform: &Platform,
        but: Vec<u32>,
    ) -> Result<Option<(Job, Backfill)>, StoreError> {
        let platform = platform.no;
        self.read(move |inner| {
            for entry in inner.tree.scan_prefix(keys::BACKFILLS) {
                let (key, value) = entry?;
                let (no, record): (_, BackfillRecord) = (keys::last_u32(&key), records::decode(&value)?);
                if record.platform == platform && record.state == state_code(State::Going) && !but.contains(&no) {
                    return Ok(Some((Job { no, begun: record.begun }, backfill(no, record)?)));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Rings when a backfill was ordered or ended by a person.
    pub async fn backfill_bell(&self) {
        self.bells.backfill.notified().await;
    }

    /// Ends it: there is nothing left to do, or a person wants no more of it. False where it had ended.
    pub async fn backfill_end(&self, no: u32, state: State, now: Timestamp) -> Result<bool, StoreError> {
        let ended = self
            .commit(move |txn| {
                let key = keys::backfill(no);
                let Some(mut record) = txn.get::<BackfillRecord>(&key)? else { return Ok(false) };
                if record.state != state_code(State::Going) {
                    return Ok(false);
                }
                (record.state, record.ended, record.waits) = (state_code(state), Some(to_ms(now)), None);
                if state == State::Done {
                    record.reached = record.to;
                }
                record.counts.sent += std::mem::take(&mut record.sent_in_piece);
                record.left.clear();
                txn.put(key, &record)?;
                Ok(true)
            })
            .await?;
        self.bells.backfill.notify_one();
        Ok(ended)
    }

    /// Where it is within its piece. False where a person ended it.
    pub async fn backfill_within(&self, job: Job, within: Within) -> Result<bool, StoreError> {
        self.commit(move |txn| {
            txn.change_backfill(job, |record| {
                record.looked_in_piece = within.looked;
                record.reached = within.reached.map_or(record.reached, to_ms);
                record.waits = within.waits;
            })
        })
        .await
    }

    /// A piece was gone through. False where a person ended it.
    pub async fn backfill_through(&self, job: Job, through: Through) -> Result<bool, StoreError> {
        self.commit(move |txn| {
            let platform =
                txn.get::<BackfillRecord>(&keys::backfill(job.no))?.map_or(keys::OPS, |record| record.platform);
            let mut left = Vec::new();
            for one in &through.left {
                if !txn.known(platform, one.row.id)?.is_some_and(|known| known.is_forgotten()) {
                    left.push(left_record(one));
                }
            }
            txn.change_backfill(job, |record| {
                let sent = std::mem::take(&mut record.sent_in_piece);
                record.counts = record.counts.plus(through.counts);
                record.counts.sent += sent;
                record.looked_in_piece = 0;
                (record.done_until, record.reached) = (to_ms(through.to), to_ms(through.to));
                record.waits = None;
                let room = LEFT.saturating_sub(record.left.len());
                record.left.extend(left.into_iter().take(room));
            })
        })
        .await
    }

    /// How many of its leads were put on their way in the piece that it is in, before it was cut short.
    pub async fn backfill_sent_in_piece(&self, job: Job) -> Result<u64, StoreError> {
        self.read(move |inner| {
            let record: Option<BackfillRecord> = Get::get(&inner.tree, &keys::backfill(job.no))?;
            Ok(record.map_or(0, |record| record.sent_in_piece))
        })
        .await
    }

    /// Leads whose details could not be read when they were listed, to be tried once more.
    pub async fn backfill_left(&self, job: Job) -> Result<Vec<Left>, StoreError> {
        self.read(move |inner| {
            let record: Option<BackfillRecord> = Get::get(&inner.tree, &keys::backfill(job.no))?;
            Ok(record.map_or(Vec::new(), |record| record.left.into_iter().map(left).collect()))
        })
        .await
    }

    /// One of them was looked at after all, and this became of it.
    pub async fn backfill_made_up(&self, job: Job, lead: LeadId, counts: Counts) -> Result<bool, StoreError> {
        self.commit(move |txn| {
            txn.change_backfill(job, |record| {
                let sent = std::mem::take(&mut record.sent_in_piece);
                let before = record.left.len();
                record.left.retain(|left| left.lead != lead.0);
                if record.left.len() < before {
                    record.counts = record.counts.plus(counts);
                    record.counts.sent += sent;
                    record.counts.unreadable = record.counts.unreadable.saturating_sub(1);
                }
            })
        })
        .await
    }

    /// How many deliveries are pending at a destination.
    pub async fn pending_at(&self, destination: &str) -> Result<u64, StoreError> {
        let key = keys::destination(destination);
        self.read(move |inner| {
            let Some(there) = Get::get::<DestinationRecord>(&inner.tree, &key)? else { return Ok(0) };
            let mut pending = 0;
            for entry in inner.tree.scan_prefix(keys::lane_of(there.no, "")) {
                let lane: LaneNo = records::decode(&entry?.1)?;
                pending += Get::get::<LaneCounts>(&inner.tree, &keys::counts(lane))?.unwrap_or_default().pending;
            }
            Ok(pending)
        })
        .await
    }

    /// The seen mark, the events and their deliveries, as with any lead, and that this backfill put them on their way.
    pub async fn record_for(&self, job: Job, platform: &Platform, reading: Reading) -> Result<Recorded, StoreError> {
        let platform = platform.clone();
        let packed: Vec<Vec<Vec<u8>>> =
            reading.events.iter().map(|(event, _)| body::pack(event.envelope.as_bytes())).collect();
        self.commit(move |txn| {
            let recorded = txn.record(&platform, reading, packed)?;
            if recorded == Recorded::Done {
                txn.count_as_sent(job)?;
            }
            Ok(recorded)
        })
        .await
    }
}

impl Inner {
    pub(super) fn backfills(&self) -> Result<Vec<Backfill>, StoreError> {
        let of = |entry: Result<Entry, StoreError>| {
            let (key, value) = entry?;
            backfill(keys::last_u32(&key), records::decode(&value)?)
        };
        self.tree.scan_prefix(keys::BACKFILLS).map(of).collect()
    }
}

impl Txn<'_> {
    /// One more lead of the piece was put on its way.
    pub(super) fn count_as_sent(&mut self, job: Job) -> Result<(), StoreError> {
        let key = keys::backfill(job.no);
        if let Some(mut record) = self.get::<BackfillRecord>(&key)? {
            record.sent_in_piece += 1;
            self.put(key, &record)?;
        }
        Ok(())
    }

    /// False where it has ended: nothing is changed then.
    fn change_backfill(&mut self, job: Job, change: impl FnOnce(&mut BackfillRecord)) -> Result<bool, StoreError> {
        let key = keys::backfill(job.no);
        let Some(mut record) = self.get::<BackfillRecord>(&key)? else { return Ok(false) };
        if record.state != state_code(State::Going) {
            return Ok(false);
        }
        change(&mut record);
        self.put(key, &record)?;
        Ok(true)
    }

    /// Forgets a lead that backfills could not read and would try again; in how many.
    pub(super) fn forget_in_backfills(&mut self, platform: PlatformNo, lead: LeadId) -> Result<u64, StoreError> {
        let mut found = 0;
        for (no, mut record) in backfills(self)? {
            let before = record.left.len();
            record.left.retain(|left| record.platform != platform || left.lead != lead.0);
            if record.left.len() < before {
                record.counts.unreadable = record.counts.unreadable.saturating_sub(1);
                record.counts.forgotten += 1;
                self.put(keys::backfill(no), &record)?;
                found += 1;
            }
        }
        Ok(found)
    }

    fn forget_ended_backfills(&mut self) -> Result<(), StoreError> {
        let ended: Vec<BackfillNo> = backfills(self)?
            .into_iter()
            .filter(|(_, record)| record.state != state_code(State::Going))
            .map(|(no, _)| no)
            .collect();
        let too_many = ended.len().saturating_sub(ENDED - 1);
        ended.into_iter().take(too_many).for_each(|no| self.delete(keys::backfill(no)));
        Ok(())
    }
}

/// Numbers are given one by one, and few are in use: each is looked up, so that what this group has written is seen.
fn backfills(txn: &Txn<'_>) -> Result<Vec<(BackfillNo, BackfillRecord)>, StoreError> {
    let last = txn.get::<u64>(keys::LAST_BACKFILL)?.unwrap_or(0);
    let first = txn.tree.scan_prefix(keys::BACKFILLS).keys().next().transpose()?.map_or(1, |key| keys::last_u32(&key));
    let mut found = Vec::new();
    for no in first..=BackfillNo::try_from(last).unwrap_or(BackfillNo::MAX) {
        if let Some(record) = txn.get::<BackfillRecord>(&keys::backfill(no))? {
            found.push((no, record));
        }
    }
    Ok(found)
}
