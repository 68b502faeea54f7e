//! Order within a lead: a lead's pending deliveries at one destination stand in line, and only the first is in the queue.

use super::error::StoreError;
use super::keys::{self, DestinationNo, PlatformNo, Seq};
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
            self.queue(seq, pending);
        }
        if !pending.behind {
            self.bring_forward(destination, pending, seq)?;
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
            self.delete(place(seq, before));
            self.queue(seq, after);
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
            self.delete(place(seq, pending));
            if let Some(next) = next
                && let Some(waiting) = self.pending(destination, next)?
            {
                self.queue(next, &waiting);
            }
        }
        let counts = self.counts(pending.lane)?;
        counts.pending = counts.pending.saturating_sub(1);
        self.wake.insert(destination);
        Ok(())
    }

    /// What is known of a pending delivery's lead, the line among it.
    fn lead_of(&mut self, pending: &PendingRecord) -> Result<Known, StoreError> {
        let known = self.known(pending.platform, LeadId(pending.lead))?;
        // Of a subject of `ops.*` nothing is kept but its line, and that only while there is one.
        known
            .or_else(|| (pending.platform == keys::OPS).then(Known::default))
            .ok_or_else(|| StoreError::Record("nothing is known of a pending delivery's lead".into()))
    }

    /// What happens now does not wait for history that stands before it in its lead's line.
    fn bring_forward(&mut self, destination: DestinationNo, new: &PendingRecord, seq: Seq) -> Result<(), StoreError> {
        let line = self.lead_of(new)?.line_at(destination).clone();
        for (at, before) in line.into_iter().take_while(|s| *s != seq).enumerate() {
            let Some(behind) = self.pending(destination, before)?.filter(|pending| pending.behind) else { continue };
            let forward = PendingRecord { behind: false, ..behind.clone() };
            self.put(keys::pending(destination, before), &forward)?;
            if at == 0 {
                self.delete(place(before, &behind));
                self.queue(before, &forward);
            }
        }
        Ok(())
    }

    fn queue(&mut self, seq: Seq, pending: &PendingRecord) {
        self.put_bytes(place(seq, pending), queue_value(pending.platform, pending.lead));
    }

    fn unqueue(&mut self, destination: DestinationNo, seq: Seq) -> Result<(), StoreError> {
        if let Some(pending) = self.pending(destination, seq)? {
            self.delete(place(seq, &pending));
        }
        Ok(())
    }
}

/// Where the head of a line stands in the queue.
pub fn place(seq: Seq, pending: &PendingRecord) -> Vec<u8> {
    keys::queued(pending.lane, pending.behind, pending.due, seq)
}
