//! A store that was made of what could be read of a damaged one: whatever of its deliveries lacks the rest of itself is put right, so
//! that what is there goes on. One event that is missing must not keep all destinations waiting.
//!
//! What waits is the truth: lines, heads, lanes and counts are made anew of it. A delivery whose event is missing does not
//! wait any more; nothing says then that its destination ever had it, and `leadhook reconcile --fix` sends it. A lead that is
//! to be read again is, by what is known of it; one that was set aside and of which nothing else is left counts as never seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use sled::Db;

use super::destinations::nothing_done;
use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, PlatformNo, Seq};
use super::known::{self, Happened, Known, Run, Standing, subject_hash};
use super::line::{place, queue_value};
use super::records::{
    self, DestinationRecord, EventRecord, FetchRecord, LaneRecord, PendingRecord, PlatformRecord, RecheckRecord,
};
use super::tree::{Entry, Tree};
use super::txn::{Get, Txn};
use crate::domain::lead::LeadId;

/// A lead's line at a destination.
type Line = (PlatformNo, u64, DestinationNo);

/// What was put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Deliveries whose event is missing: they do not wait any more.
    pub lost: u64,
    /// Deliveries that wait.
    pub waiting: u64,
}

/// Puts it right, on the platter, before anybody else has the store. Asked again it changes nothing.
pub fn mend(tree: &Tree, db: &Db, log: &File) -> Result<Mended, StoreError> {
    let mut txn = Txn::new(tree);
    let mended = txn.mend()?;
    tree.apply_batch(txn.batch()?)?;
    db.flush()?;
    log.sync_data().map_err(|e| StoreError::Write(e.to_string()))?;
    Ok(mended)
}

impl Txn<'_> {
    /// Puts right what a store lacks that was made of a damaged one's export. What it writes is one batch.
    fn mend(&mut self) -> Result<Mended, StoreError> {
        self.mend_names()?;
        let lines = self.mend_waiting()?;
        let mended =
            Mended { waiting: lines.values().map(|line| line.len() as u64).sum(), lost: self.mend_runs(&lines)? };
        let mut seen = self.mend_readings()?;
        // Those of which nothing was known.
        let leads: BTreeSet<(PlatformNo, u64)> = lines.keys().map(|(platform, lead, _)| (*platform, *lead)).collect();
        for (platform, lead) in leads {
            let there = known::look_up(self.tree, platform, &[LeadId(lead)])?;
            *seen.entry(platform).or_default() += u64::from(there.iter().all(Option::is_none));
        }
        self.mend_seen(&seen)?;
        self.mend_counts(&lines)?;
        self.mend_heads(lines)?;
        self.mend_counters()?;
        Ok(mended)
    }

    /// Destinations and lanes are found by name and by number.
    fn mend_names(&mut self) -> Result<(), StoreError> {
        for (key, value) in all(self.tree, b"D")? {
            let record: DestinationRecord = records::decode(&value)?;
            let name = String::from_utf8_lossy(&key[1..]).into_owned();
            if self.bytes(&keys::destination_name(record.no))?.is_none() {
                self.put(keys::destination_name(record.no), &name)?;
            }
        }
        for (key, value) in all(self.tree, b"n")? {
            let name: String = records::decode(&value)?;
            if self.bytes(&keys::destination(&name))?.is_none() {
                self.put(keys::destination(&name), &nothing_done(keys::last_u32(&key)))?;
            }
        }
        for (key, value) in all(self.tree, b"L")? {
            let LaneRecord { destination, route } = records::decode(&value)?;
            if self.bytes(&keys::lane_of(destination, &route))?.is_none() {
                self.put(keys::lane_of(destination, &route), &keys::last_u32(&key))?;
            }
        }
        Ok(())
    }

    /// The deliveries that can be made; the others do not wait any more.
    fn mend_waiting(&mut self) -> Result<BTreeMap<Line, Vec<(Seq, PendingRecord)>>, StoreError> {
        let mut lines: BTreeMap<Line, Vec<(Seq, PendingRecord)>> = BTreeMap::new();
        for (key, value) in all(self.tree, b"p")? {
            let (destination, seq) = (keys::u32_at(&key, 1), keys::last_u64(&key));
            let pending: PendingRecord = records::decode(&value)?;
            let Some(event) = self.whole_event(seq)? else {
                self.delete(key.to_vec());
                continue;
            };
            let lead = LeadId(pending.lead);
            if self.known(pending.platform, lead)?.is_none() {
                self.put_known(pending.platform, lead, known_by(&event, pending.platform, seq))?;
            }
            lines.entry((pending.platform, pending.lead, destination)).or_default().push((seq, pending));
        }
        Ok(lines)
    }

    /// An event all of whose envelope is there.
    fn whole_event(&self, seq: Seq) -> Result<Option<EventRecord>, StoreError> {
        let Some(bytes) = self.bytes(&keys::event(seq))? else { return Ok(None) };
        let (event, _) = records::decode_front::<EventRecord>(&bytes)?;
        for n in 0..event.chunks {
            if self.bytes(&keys::chunk(seq, n))?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(event))
    }

    /// What is known of leads says what waits, and of nothing that it does; how many deliveries do not any more.
    fn mend_runs(&mut self, lines: &BTreeMap<Line, Vec<(Seq, PendingRecord)>>) -> Result<u64, StoreError> {
        let mut lost = 0;
        for (key, value) in all(self.tree, b"k")? {
            let platform = keys::u16_at(&key, 1);
            for (lead, _) in records::decode::<Run>(&value)? {
                let Some(mut known) = self.known(platform, LeadId(lead))? else { continue };
                let before = known.clone();
                for at in &mut known.outcomes {
                    let waits = lines.get(&(platform, lead, at.destination)).map_or(&[][..], Vec::as_slice);
                    lost += at.line.iter().filter(|seq| !waits.iter().any(|(there, _)| there == *seq)).count() as u64;
                    at.line.retain(|seq| waits.iter().any(|(there, _)| there == seq));
                    if at.line.is_empty() && at.state.is_none() {
                        // The last that is known to have arrived is the last that is known.
                        (at.seq, at.state) = (at.delivered, Some(records::Settled::Delivered));
                    }
                }
                known.outcomes.retain(|at| at.seq > 0 || !at.line.is_empty());
                if known != before {
                    self.put_known(platform, LeadId(lead), known)?;
                }
            }
        }
        Ok(lost)
    }

    /// Leads that are to be read again, or for the first time, are found when that is due; how many leads are known of each
    /// platform.
    fn mend_readings(&mut self) -> Result<BTreeMap<PlatformNo, u64>, StoreError> {
        let mut seen: BTreeMap<PlatformNo, u64> = BTreeMap::new();
        for (key, value) in all(self.tree, b"g")? {
            let job: FetchRecord = records::decode(&value)?;
            if job.dead.is_none() {
                let due = keys::fetch_due(keys::u16_at(&key, 1), job.due, LeadId(keys::last_u64(&key)));
                self.put_bytes(due, Vec::new());
            }
        }
        for (key, value) in all(self.tree, b"k")? {
            let platform = keys::u16_at(&key, 1);
            for (lead, known) in records::decode::<Run>(&value)? {
                let lead = LeadId(lead);
                if known.standing == Standing::SetAside && self.bytes(&keys::fetch(platform, lead))?.is_none() {
                    self.runs.remove(self.tree, platform, lead)?;
                    continue;
                }
                *seen.entry(platform).or_default() += 1;
                let Some(recheck) = known.recheck else { continue };
                let key = keys::recheck(platform, recheck.due, lead);
                if self.bytes(&key)?.is_none() {
                    let (mapped_status, since) = (known.status, known.listed);
                    // Its watched fields are looked at as if for the first time.
                    self.put(key, &RecheckRecord { mapped_status, client_lead_id: None, since, failed: 0 })?;
                }
            }
        }
        Ok(seen)
    }

    fn mend_seen(&mut self, seen: &BTreeMap<PlatformNo, u64>) -> Result<(), StoreError> {
        for (key, value) in all(self.tree, b"P")? {
            let mut record: PlatformRecord = records::decode(&value)?;
            record.seen = seen.get(&record.no).copied().unwrap_or(0);
            self.put(key.to_vec(), &record)?;
        }
        Ok(())
    }

    fn mend_heads(&mut self, lines: BTreeMap<Line, Vec<(Seq, PendingRecord)>>) -> Result<(), StoreError> {
        for letter in [b"q", b"Q"] {
            for (key, _) in all(self.tree, letter)? {
                self.delete(key.to_vec());
            }
        }
        for ((platform, lead, destination), mut line) in lines {
            line.sort_unstable_by_key(|(seq, _)| *seq);
            let mut known = self.known(platform, LeadId(lead))?.unwrap_or_default();
            for (seq, _) in &line {
                known.settle(destination, *seq, None);
            }
            *known.line_at(destination) = line.iter().map(|(seq, _)| *seq).collect();
            self.put_known(platform, LeadId(lead), known)?;
            if let Some((seq, pending)) = line.first() {
                let value = queue_value(platform, lead);
                self.put_bytes(place(*seq, pending), value);
            }
        }
        Ok(())
    }

    fn mend_counts(&mut self, lines: &BTreeMap<Line, Vec<(Seq, PendingRecord)>>) -> Result<(), StoreError> {
        let mut waiting: BTreeMap<LaneNo, u64> = BTreeMap::new();
        for (key, _) in all(self.tree, b"L")?.into_iter().chain(all(self.tree, b"c")?) {
            waiting.entry(keys::last_u32(&key)).or_default();
        }
        for (_, pending) in lines.values().flatten() {
            *waiting.entry(pending.lane).or_default() += 1;
        }
        for (lane, pending) in waiting {
            self.counts(lane)?.pending = pending;
        }
        Ok(())
    }

    /// No number is given twice.
    fn mend_counters(&mut self) -> Result<(), StoreError> {
        let last = |letter: &[u8]| -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.tree.scan_prefix(letter).keys().next_back().transpose()?.map(|key| key.to_vec()))
        };
        let seqs = [last(b"e")?.map(|key| keys::last_u64(&key)), last(b"h")?.map(|key| keys::u64_at(&key, 1))];
        let mut platforms = 0;
        for (_, value) in all(self.tree, b"P")? {
            platforms = platforms.max(u64::from(records::decode::<PlatformRecord>(&value)?.no));
        }
        let least = [
            (keys::LAST_SEQ, seqs.into_iter().flatten().max().unwrap_or(0)),
            (keys::LAST_LANE, last(b"L")?.map_or(0, |key| keys::last_u32(&key).into())),
            (keys::LAST_DESTINATION, last(b"n")?.map_or(0, |key| keys::last_u32(&key).into())),
            (keys::LAST_PLATFORM, platforms),
            (keys::LAST_BACKFILL, last(b"B")?.map_or(0, |key| keys::last_u32(&key).into())),
        ];
        for (counter, least) in least {
            if self.get::<u64>(counter)?.unwrap_or(0) < least {
                self.put(counter.to_vec(), &least)?;
            }
        }
        Ok(())
    }
}

/// What an event tells of a lead of which nothing is known any more.
fn known_by(event: &EventRecord, platform: PlatformNo, seq: Seq) -> Known {
    // Of a subject of `ops.*` nothing is kept but its line.
    if platform == keys::OPS {
        return Known::default();
    }
    let subject = subject_hash(&event.subject);
    let happened = vec![Happened { event_type: event.event_type, subject, seq }];
    // Listed by any window that comes: where it was finalized is not known.
    Known { standing: Standing::Recorded, listed: event.at, from: 0, to: event.at, happened, ..Known::default() }
}

fn all(tree: &Tree, letter: &[u8]) -> Result<Vec<Entry>, StoreError> {
    tree.scan_prefix(letter).collect()
}
