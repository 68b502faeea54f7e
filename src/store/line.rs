//! Order within a lead: a lead's pending deliveries at one destination stand in line, and only the first is in the queue.

use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, PlatformNo, Seq};
use super::known::Known;
use super::records::PendingRecord;
use super::txn::{Get, Txn};
use crate::domain::lead::LeadId;

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
        let mut known = self.lead_of(pending)?;
        let line = known.line_at(destination);
        let before = line.first().copied();
        match line.binary_search(&seq) {
            // It waits here already.
            Ok(_) => return Ok(()),
            Err(at) => line.insert(at, seq),
        }
        let first = line.first().copied();
        known.settle(destination, seq, None);
        self.put_known(pending.platform, LeadId(pending.lead), known)?;
        self.put(keys::pending(destination, seq), pending)?;
        if before != first {
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
        if self.lead_of(after)?.line_at(destination).first() == Some(&seq) {
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
        let mut known = self.lead_of(pending)?;
        let line = known.line_at(destination);
        let was_first = line.first() == Some(&seq);
        line.retain(|s| *s != seq);
        let next = line.first().copied();
        self.put_known(pending.platform, LeadId(pending.lead), known)?;
        self.delete(keys::pending(destination, seq));
        if was_first {
            self.delete(keys::queued(pending.lane, pending.due, seq));
            if let Some(next) = next
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

    /// What is known of a pending delivery's lead, the line among it.
    fn lead_of(&mut self, pending: &PendingRecord) -> Result<Known, StoreError> {
        self.known(pending.platform, LeadId(pending.lead))?
            .ok_or_else(|| StoreError::Record("nothing is known of a pending delivery's lead".into()))
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
