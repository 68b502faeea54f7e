//! What is settled and old goes: an event that is neither pending nor dead anywhere, with all that hangs on it.
//!
//! Kept for ever are what is known of its lead (that it happened, and who got what), its lane's counts, and every dead
//! letter with its event. So the same happening keeps its id, and nothing that was sent is sent again.
//!
//! Events are looked at in the order in which they were recorded, behind a mark that only moves forward; each of them
//! once. One that cannot go then, because it is pending, dead, or was settled only lately, is not walked over by every
//! later pass: whoever settles a delivery of an event behind the mark leaves a note (`z`) with the time, and notes that
//! are old enough are read first. An event that waits for years costs nothing meanwhile.
//!
//! To whoever makes deliveries of events that are there already (a letter sent again, a delivery reopened): look whether
//! `keys::event` is still there, in the commit that lines it up. A dead letter's event always is. Of one that is gone
//! the lead must be read again, and what is read be put back under the `seq` that `Happened` holds: a new `seq` would
//! count as another happening, and give the next one another id. It goes again by the note that its settlement leaves.

use std::sync::Arc;

use jiff::Timestamp;

use super::claims::Claims;
use super::error::StoreError;
use super::keys::{self, DestinationNo, Seq};
use super::records::{self, EventRecord, Settled, SettledRecord, to_ms};
use super::txn::{Get, Txn};
use super::{Inner, Store};
use crate::domain::lead::LeadId;

/// A commit that has deleted so many records ends there: dispatch waits for it. An event has three or four, unless it
/// was tried for days.
const ENOUGH: usize = 4_000;

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Events that are gone.
    pub events: u64,
    /// Events that were looked at, those among them.
    pub looked: u64,
    /// There may be more to look at right now.
    pub more: bool,
}

/// What is to be looked at.
struct Found {
    /// When a delivery of an event behind the mark was settled, and which event's.
    notes: Vec<(i64, Seq)>,
    /// The next events behind the mark.
    events: Vec<Seq>,
    /// Notes of contacts of which nothing counts any more.
    contacts: Vec<Vec<u8>>,
    /// Whether there may be more.
    full: bool,
}

impl Store {
    /// Takes events away whose deliveries are all delivered or dropped, or that had none, and whose last change was
    /// before `before`. Looks at up to `limit` of them, in one commit; asked again, it goes on where it ended.
    pub async fn purge(&self, before: Timestamp, now: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        let (before, now) = (to_ms(before.min(now)), to_ms(now));
        let found = self.read_for_a_commit(move |inner| inner.find_old(before, now, limit)).await?;
        if found.notes.is_empty() && found.events.is_empty() && found.contacts.is_empty() {
            return Ok(Purged::default());
        }
        let claims = Arc::clone(&self.claims);
        self.commit(move |txn| txn.purge(&claims, &found, before, now)).await
    }
}

impl Inner {
    fn find_old(&self, before: i64, now: i64, limit: usize) -> Result<Found, StoreError> {
        let contacts = self.contacts_that_are_over(now, limit)?;
        let mut found = Found { notes: Vec::new(), events: Vec::new(), contacts, full: false };
        for entry in self.tree.range(keys::settled_note(0, 0)..keys::settled_note(before, 0)).take(limit) {
            let (key, _) = entry?;
            found.notes.push((keys::u64_at(&key, 1) as i64, keys::last_u64(&key)));
        }
        let mark = Get::get::<u64>(&self.tree, keys::LOOKED_AT)?.unwrap_or(0);
        for entry in self.tree.range(keys::event(mark + 1)..=keys::event(Seq::MAX)).take(limit - found.notes.len()) {
            let (key, value) = entry?;
            let event: EventRecord = records::decode(&value)?;
            // One from the future was recorded before the clock was set right; waiting for its day would hold up all
            // behind it.
            if (before..=now).contains(&event.at) {
                break;
            }
            found.events.push(keys::last_u64(&key));
        }
        found.full = found.notes.len() + found.events.len() == limit || found.contacts.len() == limit;
        Ok(found)
    }
}

impl Txn<'_> {
    fn purge(&mut self, claims: &Claims, found: &Found, before: i64, now: i64) -> Result<Purged, StoreError> {
        let mut purged = Purged { more: found.full, ..Purged::default() };
        self.forget_contacts(&found.contacts);
        let notes = found.notes.iter().map(|(at, seq)| (Some(*at), *seq));
        let mut deleted = 0;
        for (note, seq) in notes.chain(found.events.iter().map(|seq| (None, *seq))) {
            if deleted >= ENOUGH {
                purged.more = true;
                break;
            }
            match note {
                Some(at) => self.delete(keys::settled_note(at, seq)),
                None => {
                    let mark = self.get::<u64>(keys::LOOKED_AT)?.unwrap_or(0);
                    self.put(keys::LOOKED_AT.to_vec(), &mark.max(seq))?;
                }
            }
            purged.looked += 1;
            let gone = self.purge_one(claims, seq, note, before, now)?;
            purged.events += u64::from(gone > 0);
            deleted += gone;
        }
        Ok(purged)
    }

    /// Takes this event away if it can go; returns how many records went. `note`: when a delivery of it was settled.
    fn purge_one(
        &mut self,
        claims: &Claims,
        seq: Seq,
        note: Option<i64>,
        before: i64,
        now: i64,
    ) -> Result<usize, StoreError> {
        let Some(event) = self.get::<EventRecord>(&keys::event(seq))? else { return Ok(0) };
        let past = |at: i64| (at <= now).then_some(at);
        let mut changed = note.or(past(event.at)).unwrap_or(now);
        let mut gone = vec![keys::event(seq)];
        let lead = LeadId(event.lead);
        for destination in self.destinations_of(&event)? {
            if self.pending(destination, seq)?.is_some() {
                return Ok(0);
            }
            let key = keys::settled(seq, destination);
            let Some(settled) = self.get::<SettledRecord>(&key)? else { continue };
            if settled.state == Settled::Dead {
                return Ok(0);
            }
            // An attempt may still be under way that was claimed before a person dropped or moved the delivery. What
            // came back is written with what is kept of it.
            let at_work = claims.is_taken(&(destination, event.platform, lead));
            changed = changed.max(if at_work { now } else { past(settled.at).unwrap_or(changed) });
            gone.push(key);
        }
        if changed >= before {
            self.put_bytes(keys::settled_note(changed, seq), Vec::new());
            return Ok(0);
        }
        gone.extend((0..event.chunks).map(|n| keys::chunk(seq, n)));
        // None is being written: whoever could, holds a claim until its commit stands.
        for entry in self.tree.scan_prefix(keys::attempts_of(seq)) {
            gone.push(entry?.0.to_vec());
        }
        for entry in self.tree.scan_prefix(keys::progress_of(seq)) {
            gone.push(entry?.0.to_vec());
        }
        let count = gone.len();
        gone.into_iter().for_each(|key| self.delete(key));
        Ok(count)
    }

    /// Every destination at which the event may have a delivery.
    fn destinations_of(&mut self, event: &EventRecord) -> Result<Vec<DestinationNo>, StoreError> {
        // Of what is said of leadhook itself, only the lines are known.
        if event.platform != keys::OPS
            && let Some(known) = self.known(event.platform, LeadId(event.lead))?
        {
            return Ok(known.outcomes.iter().map(|at| at.destination).collect());
        }
        let last = self.get::<u64>(keys::LAST_DESTINATION)?.unwrap_or(0);
        Ok((1..=last).filter_map(|no| DestinationNo::try_from(no).ok()).collect())
    }

    /// Sees to it that an event that was passed by already, because it could not go, is looked at again. `at`: when
    /// what kept it ended.
    pub(super) fn note_settled(&mut self, seq: Seq, at: i64) -> Result<(), StoreError> {
        if seq <= self.get::<u64>(keys::LOOKED_AT)?.unwrap_or(0) {
            self.put_bytes(keys::settled_note(at, seq), Vec::new());
        }
        Ok(())
    }
}
