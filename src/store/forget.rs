//! Forgetting a person: all that is kept of a lead goes, and its bare number stays, flagged, so that it is never read, sent
//! or missed again.
//!
//! A commit takes the records; sled keeps their bytes in its file until it needs the room. So the same commit leaves a
//! note, by which the next start writes the store anew before anything else; see `rewrite`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::claims::Claims;
use super::dispatch::{count_of, dead_id};
use super::error::StoreError;
use super::intake::Platform;
use super::keys::{self, DestinationNo, Seq};
use super::known::Known;
use super::records::{
    self, AttemptRecord, DeadRef, DestinationRecord, EventRecord, Settled, SettledRecord, from_ms, to_ms,
};
use super::txn::{Get, Txn};
use super::{Inner, Store, rewrite};
use crate::domain::contact::ContactKey;
use crate::domain::event::EventType;
use crate::domain::lead::LeadId;
use crate::domain::outcome::{NoAnswer, Outcome};
use crate::domain::steps::Progress;

/// Whom to forget, and whose counters go with it: a destination's name and the contact that this lead is there.
#[derive(Clone, Debug)]
pub struct Whom {
    /// The lead.
    pub lead: LeadId,
    /// Its counters of `rate_per_contact`.
    pub contacts: Vec<(String, ContactKey)>,
}

/// What became of a lead that is forgotten. Nothing in it is personal but the number that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forgotten {
    /// Which.
    pub lead: LeadId,
    /// When it was forgotten; the first time, where it was before.
    pub at: Timestamp,
    /// Whether anything was known of it.
    pub known: bool,
    /// Whether it had been forgotten before.
    pub before: bool,
    /// How many records of each kind are gone.
    pub erased: Erased,
    /// What had gone out already: whoever got it is to be asked to erase it, too.
    pub sent: Vec<Sent>,
}

/// How many records of each kind are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Events with their bodies.
    pub events: u64,
    /// Deliveries that were still to be made, and are not made any more.
    pub cancelled: u64,
    /// Deliveries that were made, given up on or dropped.
    pub deliveries: u64,
    /// Attempts with what came back.
    pub attempts: u64,
    /// Dead letters, be they deliveries or leads that could not be read.
    pub dead_letters: u64,
    /// Values that steps had captured of answers.
    pub captured_values: u64,
    /// Plans to read it again for want of a rating.
    pub rechecks: u64,
    /// Jobs to read its details, which had failed.
    pub fetch_jobs: u64,
    /// Counters of `rate_per_contact`.
    pub contact_counters: u64,
    /// Events of leadhook itself that were about it.
    pub ops_events: u64,
    /// Backfills that would have tried it once more.
    pub backfills: u64,
}

/// Something that went out before the lead was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// To whom.
    pub destination: String,
    /// `webhook-id` on the wire; `None`: no more is known than that something was accepted there.
    pub event_id: Option<String>,
    /// What it told of.
    pub event_type: Option<EventType>,
    /// When the last request began that counts here.
    pub at: Option<Timestamp>,
    /// How far it got.
    pub how: How,
}

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Nobody knows whether it arrived.
    Unclear,
    /// It is on the wire right now.
    UnderWay,
    /// It arrived, and was not accepted.
    Refused,
    /// It was accepted.
    Accepted,
}

impl Store {
    /// Forgets these leads of this platform, each in one commit. One that is not known is flagged all the same.
    pub async fn forget(
        &self,
        platform: &Platform,
        whom: Vec<Whom>,
        now: Timestamp,
    ) -> Result<Vec<Forgotten>, StoreError> {
        let (no, leads) = (platform.no, whom.iter().map(|whom| whom.lead).collect::<BTreeSet<_>>());
        let (mut about, destinations) =
            self.read(move |inner| Ok((inner.events_about(no, &leads)?, inner.destination_names()?))).await?;
        let mut all = Vec::new();
        for whom in whom {
            let (platform, claims) = (platform.clone(), Arc::clone(&self.claims));
            let (lead, found) = (whom.lead, about.remove(&whom.lead).unwrap_or_default());
            let mut forgotten =
                self.commit(move |txn| txn.forget(&claims, &platform, &whom, &found, to_ms(now))).await?;
            // Claimed between the reading of the queue and this commit: it must not go out either.
            for (destination, name) in &destinations {
                if self.claims.cancel(&(*destination, no, lead)) {
                    forgotten.under_way(name.clone());
                }
            }
            all.push(forgotten);
        }
        Ok(all)
    }

    /// The files that may hold bytes of what was erased; none where nothing was since they were written anew.
    pub async fn files_with_old_bytes(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.read(|inner| {
            if !inner.tree.contains_key(keys::ERASED)? {
                return Ok(Vec::new());
            }
            let files = rewrite::files(&rewrite::current(&inner.path));
            files.map_err(|e| StoreError::Directory { path: inner.path.clone(), reason: e.to_string() })
        })
        .await
    }
}

impl Inner {
    /// The events of these leads, and those of leadhook itself that are about them.
    fn events_about(
        &self,
        platform: keys::PlatformNo,
        leads: &BTreeSet<LeadId>,
    ) -> Result<BTreeMap<LeadId, Vec<Seq>>, StoreError> {
        let mut found: BTreeMap<LeadId, Vec<Seq>> = BTreeMap::new();
        for entry in self.tree.scan_prefix(keys::EVENTS) {
            let (key, value) = entry?;
            let (seq, event) = (keys::last_u64(&key), records::decode::<EventRecord>(&value)?);
            let lead = match event.platform {
                keys::OPS => self.event(seq)?.and_then(|(_, envelope)| lead_in(&envelope)),
                of => (of == platform).then_some(LeadId(event.lead)),
            };
            if let Some(lead) = lead.filter(|lead| leads.contains(lead)) {
                found.entry(lead).or_default().push(seq);
            }
        }
        Ok(found)
    }
}

/// The lead that an event of leadhook itself is about.
fn lead_in(envelope: &[u8]) -> Option<LeadId> {
    #[derive(Deserialize)]
    struct Envelope {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        weclever_lead_id: Option<LeadId>,
    }
    serde_json::from_slice::<Envelope>(envelope).ok()?.data.weclever_lead_id
}

impl Forgotten {
    fn sent(&mut self, sent: Sent) {
        match self.sent.iter_mut().find(|s| s.destination == sent.destination && s.event_id == sent.event_id) {
            Some(there) if there.how < sent.how => *there = sent,
            Some(_) => {}
            None => self.sent.push(sent),
        }
    }

    fn under_way(&mut self, destination: String) {
        if !self.sent.iter().any(|sent| sent.destination == destination && sent.how == How::UnderWay) {
            self.sent.push(Sent { destination, event_id: None, event_type: None, at: None, how: How::UnderWay });
        }
    }
}

impl Txn<'_> {
    fn forget(
        &mut self,
        claims: &Claims,
        platform: &Platform,
        whom: &Whom,
        found: &[Seq],
        now: i64,
    ) -> Result<Forgotten, StoreError> {
        let lead = whom.lead;
        let known = self.known(platform.no, lead)?;
        let before = known.as_ref().filter(|known| known.is_forgotten()).map(|known| known.listed);
        let mut forgotten = Forgotten {
            lead,
            at: from_ms(before.unwrap_or(now)),
            known: known.is_some(),
            before: before.is_some(),
            erased: Erased::default(),
            sent: Vec::new(),
        };
        let known = known.unwrap_or_default();
        let mut seqs: BTreeSet<Seq> = known.happened.iter().map(|happened| happened.seq).collect();
        seqs.extend(known.outcomes.iter().flat_map(|at| &at.line));
        seqs.extend(found);
        // The last first: so nothing moves up in a line only to be taken out of it.
        for seq in seqs.into_iter().rev() {
            self.forget_event(claims, seq, &mut forgotten)?;
        }
        for at in known.outcomes.iter().filter(|at| at.delivered > 0) {
            let destination = self.destination_name(at.destination)?;
            if !forgotten.sent.iter().any(|sent| sent.destination == destination) {
                let how = How::Accepted;
                forgotten.sent.push(Sent { destination, event_id: None, event_type: None, at: None, how });
            }
        }
        forgotten.sent.sort_by(|a, b| (&a.destination, a.at).cmp(&(&b.destination, b.at)));
        let erased = &mut forgotten.erased;
        // What is known of it may have changed with its lines.
        if let Some(recheck) = known.recheck {
            self.delete(keys::recheck(platform.no, recheck.due, lead));
            erased.rechecks += 1;
        }
        if let Some(job) = self.get::<records::FetchRecord>(&keys::fetch(platform.no, lead))? {
            erased.dead_letters += u64::from(job.dead.is_some());
            erased.fetch_jobs += 1;
            self.end_fetch(platform, lead)?;
        }
        erased.contact_counters += self.forget_counters(&whom.contacts)?;
        erased.backfills += self.forget_in_backfills(platform.no, lead)?;
        let left_bytes = forgotten.known && !forgotten.before || forgotten.erased != Erased::default();
        self.mark(platform, lead, Known::forgotten(before.unwrap_or(now)))?;
        if left_bytes {
            self.put(keys::ERASED.to_vec(), &now)?;
        }
        Ok(forgotten)
    }

    /// Takes an event away, with all that hangs on it.
    fn forget_event(&mut self, claims: &Claims, seq: Seq, forgotten: &mut Forgotten) -> Result<(), StoreError> {
        let Some(event) = self.get::<EventRecord>(&keys::event(seq))? else { return Ok(()) };
        let about_itself = event.platform == keys::OPS;
        if about_itself {
            forgotten.erased.ops_events += 1;
        } else {
            forgotten.erased.events += 1;
        }
        for destination in self.destinations_that_had(seq)? {
            let line = (destination, event.platform, LeadId(event.lead));
            let name = self.destination_name(destination)?;
            let mut arrived = None;
            if let Some(pending) = self.pending(destination, seq)? {
                self.leave_line(destination, seq, &pending)?;
                if !about_itself {
                    self.counts(pending.lane)?.dropped += 1;
                    forgotten.erased.cancelled += 1;
                }
                if claims.cancel(&line) {
                    arrived = Some((How::UnderWay, None));
                }
            }
            let key = keys::settled(seq, destination);
            if let Some(settled) = self.get::<SettledRecord>(&key)? {
                if settled.state == Settled::Dead {
                    let counts = self.counts(settled.lane)?;
                    let dead = count_of(counts, Settled::Dead);
                    *dead = dead.saturating_sub(1);
                    *count_of(counts, Settled::Dropped) += 1;
                    let id = dead_id(&event.id, &name);
                    let about = self.get::<DeadRef>(&keys::dead_by_id(&id))?;
                    let died = DeadRef::Delivery { seq, destination, died: settled.at };
                    self.unbury(&id, &about.unwrap_or(died));
                    forgotten.erased.dead_letters += 1;
                }
                forgotten.erased.deliveries += u64::from(!about_itself);
                if let Some(accepted) = &settled.accepted {
                    forgotten.erased.attempts += u64::from(!about_itself);
                    arrived = Some((How::Accepted, Some(accepted.at)));
                } else if settled.state == Settled::Delivered {
                    arrived = Some((How::Accepted, Some(settled.at)));
                }
                self.delete(key);
            }
            for key in self.keys_below(&keys::attempts(seq, destination))? {
                if let Some(attempt) = self.get::<AttemptRecord>(&key)? {
                    let how = how(&attempt).map(|how| (how, Some(attempt.at)));
                    arrived = arrived.into_iter().chain(how).max();
                    forgotten.erased.attempts += u64::from(!about_itself);
                }
                self.delete(key);
            }
            let key = keys::progress(seq, destination);
            if let Some(progress) = self.get::<Progress>(&key)? {
                forgotten.erased.captured_values += progress.captured.len() as u64;
                self.delete(key);
            }
            // What leadhook tells of itself holds a number, and nobody's data.
            if let Some((how, at)) = arrived.filter(|_| !about_itself) {
                let event_type = Some(records::event_type(event.event_type)?);
                let (event_id, at) = (Some(event.id.clone()), at.map(from_ms));
                forgotten.sent(Sent { destination: name, event_id, event_type, at, how });
            }
        }
        self.delete(keys::event(seq));
        (0..event.chunks).for_each(|n| self.delete(keys::chunk(seq, n)));
        if about_itself {
            self.trim_line(LeadId(event.lead))?;
        }
        Ok(())
    }

    /// Every destination at which something is kept of an event.
    fn destinations_that_had(&mut self, seq: Seq) -> Result<BTreeSet<DestinationNo>, StoreError> {
        let mut had = BTreeSet::new();
        for prefix in [keys::settled_of(seq), keys::attempts_of(seq), keys::progress_of(seq)] {
            had.extend(self.keys_below(&prefix)?.iter().map(|key| keys::destination_of(key)));
        }
        let last = self.get::<u64>(keys::LAST_DESTINATION)?.unwrap_or(0);
        for no in (1..=last).filter_map(|no| DestinationNo::try_from(no).ok()) {
            if self.pending(no, seq)?.is_some() {
                had.insert(no);
            }
        }
        Ok(had)
    }

    fn forget_counters(&mut self, contacts: &[(String, ContactKey)]) -> Result<u64, StoreError> {
        let mut gone = 0;
        for (destination, contact) in contacts {
            if let Some(record) = self.get::<DestinationRecord>(&keys::destination(destination))? {
                gone += u64::from(self.forget_contact(record.no, *contact)?);
            }
        }
        Ok(gone)
    }
}

/// Whether an attempt got somewhere; `None`: nothing of it can have left.
fn how(attempt: &AttemptRecord) -> Option<How> {
    let accepted = attempt.outcome == Outcome::Accepted.as_str();
    if attempt.status.is_none() && !accepted {
        use NoAnswer::{Connect, Dns, NoFiles, NoToken, NotAllowed, Tls};
        let nothing = [Dns, NotAllowed, Connect, Tls, NoToken, NoFiles];
        let unsent = nothing.iter().any(|why| attempt.error.starts_with(&why.to_string()));
        return (!unsent).then_some(How::Unclear);
    }
    Some(if accepted { How::Accepted } else { How::Refused })
}
