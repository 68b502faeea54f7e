//! Events that are recorded already, for a destination to which they never went, or to which they are to go again.
//!
//! Retention takes events away: an event that is gone is put back under its own `seq`, with details that were read again,
//! so that it counts as no other happening and keeps its id.

use jiff::Timestamp;

use super::backfill::Job;
use super::destinations::lane;
use super::error::StoreError;
use super::explain::{self, Stage};
use super::intake::{Before, Platform};
use super::keys::{self, DestinationNo, PlatformNo, Seq};
use super::known::{self, AtDestination, Happened, Known, Standing};
use super::records::{self, Came, DestinationRecord, EventRecord, PendingRecord, Settled, SettledRecord, to_ms};
use super::txn::{Get, Txn};
use super::{Inner, Store, body};
use crate::domain::event::{Event, EventId, EventType, Origin};
use crate::domain::lead::LeadId;
use crate::domain::route::Said;

/// What is known of a lead, as far as one destination is concerned.
#[derive(Clone, Debug)]
pub struct Looked {
    /// How far leadhook has got with it; `None`: it was never listed.
    pub stage: Option<Stage>,
    /// What its next event needs to know.
    pub before: Before,
    /// The last event of each type, in the order in which they were recorded.
    pub past: Vec<Past>,
}

/// An event that is recorded, and how it stands with the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub(super) seq: Seq,
    /// What happened.
    pub event_type: EventType,
    /// How it stands there.
    pub at: PastAt,
    /// Whether the event itself is still kept.
    pub kept: bool,
    /// Which event of its lead it is, from 1.
    pub revision: u32,
    /// How many earlier ones of its lead have its type and subject.
    pub n: u32,
}

/// How a recorded event stands with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastAt {
    /// It never went there.
    Never,
    /// It is on its way.
    Pending,
    /// It was accepted, before the backfill began or since.
    Delivered {
        /// Since.
        since: bool,
    },
    /// It is a dead letter there.
    Dead,
    /// A person dropped it there.
    Dropped,
}

/// Where an event is to go.
#[derive(Clone, Debug)]
pub struct Way {
    /// To whom.
    pub destination: String,
    /// By which route.
    pub route: String,
}

impl Store {
    /// What is known of these leads, in their order, as far as this destination is concerned.
    pub async fn past(
        &self,
        job: Job,
        platform: &Platform,
        destination: &str,
        leads: Vec<LeadId>,
    ) -> Result<Vec<Looked>, StoreError> {
        let (no, key) = (platform.no, keys::destination(destination));
        self.read(move |inner| {
            let there: Option<DestinationRecord> = Get::get(&inner.tree, &key)?;
            let there = there.map(|record| record.no);
            let known = known::look_up(&inner.tree, no, &leads)?;
            leads.iter().zip(known).map(|(lead, known)| inner.look(job, no, *lead, known, there)).collect()
        })
        .await
    }

    /// The event, as it was recorded; `None` where retention has taken it.
    pub async fn past_event(&self, platform: &Platform, lead: LeadId, past: Past) -> Result<Option<Event>, StoreError> {
        let id = platform.id.clone();
        self.read(move |inner| {
            let Some((record, envelope)) = inner.event(past.seq)? else { return Ok(None) };
            let event_id = EventId::of(&id, lead, past.event_type, &record.subject, past.n);
            if event_id.as_str() != record.id {
                return Err(StoreError::Record("an event's id is not that of its lead".into()));
            }
            Ok(Some(Event {
                id: event_id,
                event_type: past.event_type,
                subject: record.subject,
                lead,
                timestamp: records::from_ms(record.at),
                revision: record.revision,
                envelope: String::from_utf8(envelope)
                    .map_err(|_| StoreError::Record("an event's envelope is no text".into()))?,
            }))
        })
        .await
    }

    /// Puts recorded events on their way: those that never went there, and those that were delivered before the job
    /// began. Returns how many were; an event that is gone is not.
    pub async fn send_past(
        &self,
        job: Job,
        platform: &Platform,
        lead: LeadId,
        sends: Vec<(Past, Way)>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let mut sent = 0;
            for (past, way) in sends {
                if txn.get::<EventRecord>(&keys::event(past.seq))?.is_some() {
                    sent += u64::from(txn.send_past(job, platform.no, lead, past.seq, &way, now)?);
                }
            }
            if sent > 0 {
                txn.count_as_sent(job)?;
            }
            Ok(sent)
        })
        .await
    }

    /// Puts an event back that retention has taken, with its envelope made anew, and on its way. False where nothing was
    /// done: it is on its way already, or what its details say now is another happening.
    pub async fn send_past_anew(
        &self,
        job: Job,
        platform: &Platform,
        past: Past,
        (event, said): (Event, Vec<Said>),
        way: Way,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let platform = platform.clone();
        let packed = body::pack(event.envelope.as_bytes());
        self.commit(move |txn| {
            let known = txn.known(platform.no, event.lead)?;
            let subject = known::subject_hash(&event.subject);
            let happened = known.iter().flat_map(|known| &known.happened).find(|happened| happened.seq == past.seq);
            if happened.is_none_or(|happened| happened.subject != subject) {
                return Ok(false);
            }
            if txn.get::<EventRecord>(&keys::event(past.seq))?.is_none() {
                txn.put_event(
                    platform.no,
                    past.seq,
                    &event,
                    Came { origin: Origin::Backfill, put_back: true, waited: false },
                    said,
                    packed,
                )?;
            }
            let sent = txn.send_past(job, platform.no, event.lead, past.seq, &way, now)?;
            if sent {
                txn.count_as_sent(job)?;
            }
            Ok(sent)
        })
        .await
    }
}

impl Inner {
    fn look(
        &self,
        job: Job,
        platform: PlatformNo,
        lead: LeadId,
        known: Option<Known>,
        there: Option<DestinationNo>,
    ) -> Result<Looked, StoreError> {
        let Some(known) = known else {
            return Ok(Looked { stage: None, before: Before { known: None }, past: Vec::new() });
        };
        let unread = known.standing == Standing::Unreadable && self.tree.contains_key(keys::fetch(platform, lead))?;
        let stage = Some(explain::stage(&known, unread));
        let outcome = there.and_then(|there| known.outcomes.iter().find(|at| at.destination == there));
        let mut past = Vec::new();
        for (i, happened) in known.happened.iter().enumerate() {
            if known.happened[i + 1..].iter().any(|later| later.event_type == happened.event_type) {
                continue;
            }
            let event: Option<EventRecord> = Get::get(&self.tree, &keys::event(happened.seq))?;
            let kept = event.is_some();
            let all_is_kept = event.is_some_and(|event| !event.put_back);
            let at = match there {
                None => PastAt::Never,
                Some(there) => self.stands(job, happened.seq, there, outcome, all_is_kept)?,
            };
            past.push(Past {
                seq: happened.seq,
                event_type: records::event_type(happened.event_type)?,
                at,
                kept,
                revision: i as u32 + 1,
                n: known.happened[..i].iter().filter(|earlier| is_same(earlier, happened)).count() as u32,
            });
        }
        Ok(Looked { stage, before: Before { known: Some(known) }, past })
    }

    fn stands(
        &self,
        job: Job,
        seq: Seq,
        there: DestinationNo,
        outcome: Option<&AtDestination>,
        all_is_kept: bool,
    ) -> Result<PastAt, StoreError> {
        let Some(outcome) = outcome else { return Ok(PastAt::Never) };
        if outcome.line.contains(&seq) {
            return Ok(PastAt::Pending);
        }
        if let Some(settled) = Get::get::<SettledRecord>(&self.tree, &keys::settled(seq, there))? {
            return Ok(settled_at(job, &settled));
        }
        // What became of it went with the event, but for what is known of the lead. Where a later event was accepted
        // there, this one was had as well, as far as anyone can tell.
        Ok(match outcome.state {
            _ if all_is_kept => PastAt::Never,
            _ if outcome.delivered >= seq => PastAt::Delivered { since: false },
            Some(Settled::Dropped) if outcome.seq == seq => PastAt::Dropped,
            _ => PastAt::Never,
        })
    }
}

fn is_same(one: &Happened, other: &Happened) -> bool {
    (one.event_type, one.subject) == (other.event_type, other.subject)
}

fn settled_at(job: Job, settled: &SettledRecord) -> PastAt {
    match settled.state {
        Settled::Delivered => PastAt::Delivered { since: settled.at >= job.begun },
        Settled::Dead => PastAt::Dead,
        Settled::Dropped => PastAt::Dropped,
    }
}

impl Txn<'_> {
    /// False where it is on its way, was delivered since the job began, or is for a person to decide.
    fn send_past(
        &mut self,
        job: Job,
        platform: PlatformNo,
        lead: LeadId,
        seq: Seq,
        way: &Way,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (destination, lane) = lane(self, &way.destination, &way.route)?;
        if self.pending(destination, seq)?.is_some() {
            return Ok(false);
        }
        let mut tries = 0;
        let key = keys::settled(seq, destination);
        if let Some(settled) = self.get::<SettledRecord>(&key)? {
            if settled_at(job, &settled) != (PastAt::Delivered { since: false }) {
                return Ok(false);
            }
            tries = settled.tries;
            if let Some(accepted) = settled.accepted {
                self.put(keys::attempt(seq, destination, settled.tries), &accepted)?;
            }
            let counts = self.counts(settled.lane)?;
            counts.delivered = counts.delivered.saturating_sub(1);
            self.delete(key);
        }
        let now = to_ms(now);
        let pending = PendingRecord { tries, behind: true, ..PendingRecord::new(lane, platform, lead.0, now) };
        self.line_up(destination, seq, &pending)?;
        Ok(true)
    }
}
