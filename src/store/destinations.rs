//! Destinations as the store knows them: their numbers and lanes, and what a person does to them.

use jiff::Timestamp;

use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, Seq};
use super::records::{DestinationRecord, LaneRecord, PendingRecord, Settled, SettledRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use super::{Inner, Store};
use crate::domain::breaker::Change;

/// Deliveries moved or dropped in one commit.
const BATCH: usize = 256;

/// Which deliveries of a destination are meant.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    /// Only those that this route sends; `None`: all.
    pub route: Option<String>,
}

/// Where deliveries go.
#[derive(Clone, Debug)]
pub struct Place {
    /// The destination.
    pub destination: String,
    /// The route they count as from then on; `None`: they keep theirs.
    pub route: Option<String>,
}

/// What holds a destination back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Paused by hand, since.
    pub paused: Option<Timestamp>,
    /// Disabled because it answered 410, since.
    pub disabled: Option<Timestamp>,
    /// It asked to be left alone until then.
    pub wait_until: Option<Timestamp>,
    /// It keeps failing, since then: only probes are sent.
    pub failing: Option<Timestamp>,
    /// When a person last had it resumed: where it was failing, it is probed at once.
    pub resumed: Option<Timestamp>,
}

/// What a move did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Deliveries that now wait at the new place.
    pub moved: u64,
    /// Deliveries that ended because the new place has had, or awaits, the same event.
    pub merged: u64,
}

/// The destination's number and the lane's, made where they are not there yet.
pub(super) fn lane(txn: &mut Txn<'_>, destination: &str, route: &str) -> Result<(DestinationNo, LaneNo), StoreError> {
    let no = destination_no(txn, destination)?;
    if let Some(lane) = txn.get(&keys::lane_of(no, route))? {
        return Ok((no, lane));
    }
    let lane = LaneNo::try_from(txn.next_number(keys::LAST_LANE)?).map_err(|_| too_many())?;
    txn.put(keys::lane_of(no, route), &lane)?;
    txn.put(keys::lane(lane), &LaneRecord { destination: no, route: route.to_owned() })?;
    Ok((no, lane))
}

fn destination_no(txn: &mut Txn<'_>, name: &str) -> Result<DestinationNo, StoreError> {
    if let Some(record) = txn.get::<DestinationRecord>(&keys::destination(name))? {
        return Ok(record.no);
    }
    let no = DestinationNo::try_from(txn.next_number(keys::LAST_DESTINATION)?).map_err(|_| too_many())?;
    txn.put(keys::destination(name), &nothing_done(no))?;
    txn.put(keys::destination_name(no), &name)?;
    Ok(no)
}

fn too_many() -> StoreError {
    StoreError::Record("there are too many destinations and routes".into())
}

/// The lane of a destination and a route, where anything was ever sent that way.
/// A destination to which nobody has done anything.
pub(super) fn nothing_done(no: DestinationNo) -> DestinationRecord {
    let (paused, disabled, wait_until, failing, recovered, resumed) = (None, None, None, None, None, None);
    DestinationRecord { no, paused, disabled, wait_until, failing, recovered, resumed }
}

pub(super) fn lane_no(get: &impl Get, destination: DestinationNo, route: &str) -> Result<Option<LaneNo>, StoreError> {
    get.get(&keys::lane_of(destination, route))
}

pub(super) fn holds(record: &DestinationRecord) -> Holds {
    Holds {
        paused: record.paused.map(from_ms),
        disabled: record.disabled.map(from_ms),
        wait_until: record.wait_until.map(from_ms),
        failing: record.failing.map(from_ms),
        resumed: record.resumed.map(from_ms),
    }
}

impl Store {
    pub(super) async fn destination_no(&self, name: &str) -> Result<DestinationNo, StoreError> {
        let name = name.to_owned();
        self.commit(move |txn| destination_no(txn, &name)).await
    }

    /// What holds the destination back.
    pub async fn holds(&self, destination: &str) -> Result<Holds, StoreError> {
        let key = keys::destination(destination);
        self.read(move |inner| {
            let record: Option<DestinationRecord> = Get::get(&inner.tree, &key)?;
            Ok(record.as_ref().map(holds).unwrap_or_default())
        })
        .await
    }

    /// Nothing is sent there until a person resumes it.
    pub async fn pause(&self, destination: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change(destination, move |record| record.paused = record.paused.or(Some(to_ms(now)))).await
    }

    /// Sending goes on: ends a pause by hand, a 410 and a wait that the destination asked for. Where it was neither paused nor
    /// disabled, what waits for its next attempt is due now, but for what waits for its contact's sake: then this is true.
    /// Killed in between, it goes on when it is asked again.
    pub async fn resume(&self, destination: &str, now: Timestamp) -> Result<bool, StoreError> {
        let name = destination.to_owned();
        let resume = move |txn: &mut Txn<'_>| {
            let no = destination_no(txn, &name)?;
            let mut held = false;
            txn.change_destination_no(no, |record| {
                held = record.paused.is_some() || record.disabled.is_some();
                (record.paused, record.disabled, record.wait_until) = (None, None, None);
                record.resumed = Some(to_ms(now));
            })?;
            Ok((no, held))
        };
        let (no, held) = self.commit(resume).await?;
        if held {
            return Ok(false);
        }
        let mut after = 0;
        loop {
            let (batch, last) = self.pending_batch(no, Lanes::default(), after).await?;
            let Some(last) = last else { return Ok(true) };
            after = last;
            self.commit(move |txn| txn.make_due(no, &batch, to_ms(now))).await?;
        }
    }

    async fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut DestinationRecord) + Send + 'static,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.commit(move |txn| {
            let no = destination_no(txn, &name)?;
            txn.change_destination_no(no, change)
        })
        .await
    }

    /// Drops what is pending there; the deliveries count as dropped by a person. Returns how many.
    pub async fn drop_pending(&self, destination: &str, lanes: Lanes, now: Timestamp) -> Result<u64, StoreError> {
        let mut dropped = 0;
        let Some(no) = self.known_destination(destination).await? else { return Ok(0) };
        let mut after = 0;
        loop {
            let (batch, last) = self.pending_batch(no, lanes.clone(), after).await?;
            let Some(last) = last else { return Ok(dropped) };
            after = last;
            dropped += self.commit(move |txn| txn.drop_batch(no, &batch, to_ms(now))).await?;
        }
    }

    /// Moves what is pending at one destination to another, or to another route of the same one. Killed in between,
    /// it goes on when it is asked again.
    pub async fn move_pending(&self, from: &str, lanes: Lanes, to: Place, now: Timestamp) -> Result<Moved, StoreError> {
        let mut total = Moved::default();
        let Some(no) = self.known_destination(from).await? else { return Ok(total) };
        let mut after = 0;
        loop {
            let (batch, last) = self.pending_batch(no, lanes.clone(), after).await?;
            let Some(last) = last else { return Ok(total) };
            after = last;
            let to = to.clone();
            let moved = self.commit(move |txn| txn.move_batch(no, &batch, &to, to_ms(now))).await?;
            total.moved += moved.moved;
            total.merged += moved.merged;
        }
    }

    /// Whether anything was ever sent to, or done with, a destination of this name.
    pub async fn knows_destination(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.known_destination(name).await?.is_some())
    }

    /// The number of a destination that the store has heard of.
    async fn known_destination(&self, name: &str) -> Result<Option<DestinationNo>, StoreError> {
        let key = keys::destination(name);
        self.read(move |inner| Ok(Get::get::<DestinationRecord>(&inner.tree, &key)?.map(|record| record.no))).await
    }

    async fn pending_batch(
        &self,
        no: DestinationNo,
        lanes: Lanes,
        after: Seq,
    ) -> Result<(Vec<Seq>, Option<Seq>), StoreError> {
        self.read(move |inner| {
            let lane = match &lanes.route {
                Some(route) => match lane_no(&inner.tree, no, route)? {
                    Some(lane) => Some(lane),
                    None => return Ok((Vec::new(), None)),
                },
                None => None,
            };
            inner.pending_batch(no, lane, after)
        })
        .await
    }
}

impl Inner {
    /// The next pending deliveries behind `after`, at most a batch of them, and how far the scan got; `None` at the end.
    fn pending_batch(
        &self,
        no: DestinationNo,
        lane: Option<LaneNo>,
        after: Seq,
    ) -> Result<(Vec<Seq>, Option<Seq>), StoreError> {
        let (mut batch, mut last) = (Vec::new(), None);
        let prefix = keys::pendings(no);
        for entry in self
            .tree
            .range(keys::pending(no, after + 1)..)
            .take_while(|e| !matches!(e, Ok((key, _)) if !key.starts_with(&prefix)))
        {
            let (key, value) = entry?;
            let seq = keys::last_u64(&key);
            last = Some(seq);
            let pending: PendingRecord = super::records::decode(&value)?;
            if lane.is_none_or(|lane| lane == pending.lane) {
                batch.push(seq);
            }
            if batch.len() == BATCH {
                break;
            }
        }
        Ok((batch, last))
    }
}

impl Txn<'_> {
    pub(super) fn change_destination_no(
        &mut self,
        no: DestinationNo,
        change: impl FnOnce(&mut DestinationRecord),
    ) -> Result<(), StoreError> {
        let key = keys::destination(&self.destination_name(no)?);
        let mut record: DestinationRecord =
            self.get(&key)?.ok_or_else(|| StoreError::Record("a destination's own record is missing".into()))?;
        change(&mut record);
        self.wake.insert(no);
        self.put(key, &record)
    }

    pub(super) fn destination_name(&self, no: DestinationNo) -> Result<String, StoreError> {
        self.get(&keys::destination_name(no))?
            .ok_or_else(|| StoreError::Record("a destination's name is missing".into()))
    }

    fn make_due(&mut self, no: DestinationNo, batch: &[Seq], now: i64) -> Result<(), StoreError> {
        for &seq in batch {
            let Some(before) = self.pending(no, seq)? else { continue };
            if before.due > now && !before.for_contact {
                let after = PendingRecord { due: now, ..before.clone() };
                self.keep_in_line(no, seq, &before, &after)?;
            }
        }
        Ok(())
    }

    fn drop_batch(&mut self, no: DestinationNo, batch: &[Seq], now: i64) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for &seq in batch {
            if let Some(pending) = self.pending(no, seq)? {
                self.leave_line(no, seq, &pending)?;
                self.settle_as(seq, no, &dropped_record(&pending, now, "dropped by hand"))?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    fn move_batch(&mut self, no: DestinationNo, batch: &[Seq], to: &Place, now: i64) -> Result<Moved, StoreError> {
        let mut moved = Moved::default();
        for &seq in batch {
            let Some(pending) = self.pending(no, seq)? else { continue };
            let old: super::records::LaneRecord =
                self.get(&keys::lane(pending.lane))?.ok_or_else(|| StoreError::Record("a lane is missing".into()))?;
            let (target, lane) = lane(self, &to.destination, to.route.as_deref().unwrap_or(&old.route))?;
            if (target, lane) == (no, pending.lane) {
                continue;
            }
            self.leave_line(no, seq, &pending)?;
            let mut there =
                PendingRecord { lane, opened: now, due: now, failed: 0, for_contact: false, ..pending.clone() };
            if target != no {
                there.sent_again.clear();
                self.settle_as(seq, no, &dropped_record(&pending, now, &format!("moved to {}", to.destination)))?;
                if self.pending(target, seq)?.is_some() || !self.forget_dropped(target, seq, &mut there)? {
                    moved.merged += 1;
                    continue;
                }
            }
            self.line_up(target, seq, &there)?;
            moved.moved += 1;
        }
        Ok(moved)
    }

    /// Makes room for a delivery where the same one was dropped or moved away before, as when a move is taken back: it
    /// was never had there. False where it was delivered or is a dead letter.
    fn forget_dropped(
        &mut self,
        destination: DestinationNo,
        seq: Seq,
        pending: &mut PendingRecord,
    ) -> Result<bool, StoreError> {
        let key = keys::settled(seq, destination);
        let Some(settled) = self.get::<SettledRecord>(&key)? else { return Ok(true) };
        if settled.state != Settled::Dropped {
            return Ok(false);
        }
        let counts = self.counts(settled.lane)?;
        counts.dropped = counts.dropped.saturating_sub(1);
        // The attempts made there keep their numbers.
        pending.tries = pending.tries.max(settled.tries);
        self.delete(key);
        Ok(true)
    }
}

/// What became of the breaker at `now`. Settlements that follow on one another may come in any order.
pub(super) fn note_breaker(record: &mut DestinationRecord, change: Change, now: i64) {
    match change {
        Change::Tripped if record.recovered.is_some_and(|at| at >= now) => {}
        Change::Tripped => record.failing = Some(now),
        Change::Closed => (record.failing, record.recovered) = (record.failing.filter(|at| *at > now), Some(now)),
    }
}

fn dropped_record(pending: &PendingRecord, now: i64, why: &str) -> SettledRecord {
    SettledRecord {
        state: Settled::Dropped,
        lane: pending.lane,
        platform: pending.platform,
        lead: pending.lead,
        at: now,
        tries: pending.tries,
        why: why.to_owned(),
        error: String::new(),
        accepted: None,
        sent_again: pending.sent_again.clone(),
    }
}
