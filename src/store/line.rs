//! Order within a lead: a lead's pending deliveries at one destination stand in line, and only the first is in the queue.

use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, PlatformNo, Seq};
use super::records::PendingRecord;
use super::txn::{Get, Txn};
use crate::domain::lead::LeadId;

/// The line's place: whose, and where.
fn line_key(destination: DestinationNo, pending: &PendingRecord) -> Vec<u8> {
    keys::line(destination, pending.platform, LeadId(pending.lead))
}

/// What the queue holds beside a delivery's key, so that a scan can tell whose line it heads.
pub fn queue_value(platform: PlatformNo, lead: u64) -> Vec<u8> {
    let mut value = platform.to_be_bytes().to_vec();
    value.extend_from_slice(&lead.to_be_bytes());
    value
}

/// Reads [`queue_value`].
pub fn read_queue_value(value: &[u8]) -> Option<(PlatformNo, LeadId)> {
    let platform = PlatformNo::from_be_bytes(*value.first_chunk::<2>()?);
    (value.len() == 10).then(|| (platform, LeadId(keys::last_u64(value))))
}

impl Txn<'_> {
    /// The pending delivery.
    pub fn pending(&self, destination: DestinationNo, seq: Seq) -> Result<Option<PendingRecord>, StoreError> {
        self.get(&keys::pending(destination, seq))
    }

    /// Puts a new or reopened delivery in its lead's line, at its event's place.
    pub fn line_up(&mut self, destination: DestinationNo, seq: Seq, pending: &PendingRecord) -> Result<(), StoreError> {
        let mut line = self.line(destination, pending)?;
        let before = line.first().copied();
        match line.binary_search(&seq) {
            // It waits here already.
            Ok(_) => return Ok(()),
            Err(at) => line.insert(at, seq),
        }
        self.put(keys::pending(destination, seq), pending)?;
        self.put_line(destination, pending, &line)?;
        if before != line.first().copied() {
            if let Some(overtaken) = before {
                self.unqueue(destination, overtaken)?;
            }
            self.queue(pending.lane, pending.due, seq, pending);
        }
        self.counts(pending.lane)?.pending += 1;
        self.wake.insert(destination);
        Ok(())
    }

    /// Changes a delivery that stays pending.
    pub fn keep_in_line(
        &mut self,
        destination: DestinationNo,
        seq: Seq,
        before: &PendingRecord,
        after: &PendingRecord,
    ) -> Result<(), StoreError> {
        self.put(keys::pending(destination, seq), after)?;
        if self.line(destination, after)?.first() == Some(&seq) {
            self.delete(keys::queued(before.lane, before.due, seq));
            self.queue(after.lane, after.due, seq, after);
        }
        self.wake.insert(destination);
        Ok(())
    }

    /// Takes a delivery out of its line; the next of its lead moves up.
    pub fn leave_line(
        &mut self,
        destination: DestinationNo,
        seq: Seq,
        pending: &PendingRecord,
    ) -> Result<(), StoreError> {
        let mut line = self.line(destination, pending)?;
        let was_first = line.first() == Some(&seq);
        line.retain(|s| *s != seq);
        self.delete(keys::pending(destination, seq));
        self.put_line(destination, pending, &line)?;
        if was_first {
            self.delete(keys::queued(pending.lane, pending.due, seq));
            if let Some(&next) = line.first()
                && let Some(waiting) = self.pending(destination, next)?
            {
                self.queue(waiting.lane, waiting.due, next, &waiting);
            }
        }
        let counts = self.counts(pending.lane)?;
        counts.pending = counts.pending.saturating_sub(1);
        self.wake.insert(destination);
        Ok(())
    }

    fn line(&self, destination: DestinationNo, pending: &PendingRecord) -> Result<Vec<Seq>, StoreError> {
        Ok(self.get(&line_key(destination, pending))?.unwrap_or_default())
    }

    fn put_line(
        &mut self,
        destination: DestinationNo,
        pending: &PendingRecord,
        line: &[Seq],
    ) -> Result<(), StoreError> {
        let key = line_key(destination, pending);
        if line.is_empty() {
            self.delete(key);
            return Ok(());
        }
        self.put(key, &line)
    }

    fn queue(&mut self, lane: LaneNo, due: i64, seq: Seq, pending: &PendingRecord) {
        self.put_bytes(keys::queued(lane, due, seq), queue_value(pending.platform, pending.lead));
    }

    fn unqueue(&mut self, destination: DestinationNo, seq: Seq) -> Result<(), StoreError> {
        if let Some(pending) = self.pending(destination, seq)? {
            self.delete(keys::queued(pending.lane, pending.due, seq));
        }
        Ok(())
    }
}
