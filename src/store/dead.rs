//! Dead letters: deliveries given up on and leads that could not be read. They stay until a person decides.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dispatch::dead_id;
use super::error::StoreError;
use super::keys::{self, DestinationNo, Seq};
use super::known;
use super::records::{
    AttemptRecord, DeadRef, EventRecord, FetchRecord, LaneRecord, PendingRecord, PlatformRecord, Settled,
    SettledRecord, event_type, from_ms, to_ms,
};
use super::txn::{Get, Txn};
use super::{Inner, Store};
use crate::domain::lead::LeadId;
use crate::domain::steps::Progress;

/// Which dead letters are meant: all that fit every given condition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Filter {
    /// Ids of dead letters or of events; empty: any.
    pub ids: Vec<String>,
    /// Those for this destination.
    pub destination: Option<String>,
    /// Those whose last error or whose reason holds this text, in any case.
    pub error: Option<String>,
    /// Those that died at this time or later.
    pub since: Option<Timestamp>,
}

/// A dead letter, in a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `dead_...`
    pub id: String,
    /// When it was given up on.
    pub died_at: Timestamp,
    /// Whose it is.
    pub lead: LeadId,
    /// Why it was given up on.
    pub why: String,
    /// What the last attempt said.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The delivery, unless it is a lead that could not be read.
    pub delivery: Option<DeadDelivery>,
}

/// What a dead delivery would have delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadDelivery {
    /// The event.
    pub event_id: String,
    /// `lead.finalized` and so on.
    pub event_type: String,
    /// For whom.
    pub destination: String,
    /// Because of which route.
    pub route: String,
    /// A later event of the same lead was accepted there since: sending this one now would turn the clock back.
    pub overtaken: bool,
    /// Where it takes several calls, the step of its last attempt, if that is not behind it.
    #[serde(default)]
    pub step: Option<String>,
    /// The steps that are done.
    #[serde(default)]
    pub done: Vec<String>,
}

/// One attempt of a delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub n: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// `accepted`, `retry`, `throttled`, `given_up` or `gone`.
    pub outcome: String,
    /// The answer's status, where there was an answer.
    pub status: Option<u16>,
    /// What happened where there was none; else what is wrong with an answer that looks right.
    pub error: String,
    /// The first 2 KiB of the answer.
    pub answer: String,
    /// Whether the answer was longer.
    pub cut: bool,
    /// Whether it counted against the retry policy.
    pub counted: bool,
    /// Which of several steps it was.
    #[serde(default)]
    pub step: Option<String>,
}

impl Attempt {
    /// What came back, in a few words: `HTTP 503`, `connection refused`.
    pub fn said(&self) -> String {
        super::records::said(self.status, &self.error)
    }
}

/// A dead letter, whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadDetails {
    /// The line in the list.
    pub letter: DeadLetter,
    /// The event's envelope, where it is a delivery.
    pub envelope: Option<String>,
    /// Its attempts, in order.
    pub attempts: Vec<Attempt>,
    /// How far it had come, where it takes several calls.
    #[serde(default)]
    pub progress: Progress,
}

/// What `retry` or `drop` did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Decided {
    /// The letters that were retried or dropped.
    pub done: Vec<String>,
    /// The letters that were left out because a later event has overtaken them.
    pub overtaken: Vec<String>,
}

/// How often a person had it sent again is kept of the last so many times.
const SENT_AGAIN: usize = 16;

/// Letters decided in one commit.
const BATCH: usize = 128;

impl Store {
    /// The dead letters that fit, the oldest first, at most `limit`; and how many fit in all.
    pub async fn dead_letters(&self, filter: Filter, limit: usize) -> Result<(Vec<DeadLetter>, u64), StoreError> {
        self.read(move |inner| {
            let (mut letters, mut total) = (Vec::new(), 0);
            inner.each_dead(&filter, |letter, _| {
                total += 1;
                if letters.len() < limit {
                    letters.push(letter);
                }
            })?;
            Ok((letters, total))
        })
        .await
    }

    /// One dead letter with its attempts; by its own id, or by its event's where only one destination failed.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<DeadDetails>, StoreError> {
        let filter = Filter { ids: vec![id.to_owned()], ..Filter::default() };
        self.read(move |inner| {
            let mut found = None;
            inner.each_dead(&filter, |letter, about| {
                found.get_or_insert((letter, about.clone()));
            })?;
            let Some((letter, about)) = found else { return Ok(None) };
            let DeadRef::Delivery { seq, destination, .. } = about else {
                let (attempts, progress) = (Vec::new(), Progress::default());
                return Ok(Some(DeadDetails { letter, envelope: None, attempts, progress }));
            };
            let event = inner.event(seq)?;
            let envelope = event.map(|(_, envelope)| String::from_utf8_lossy(&envelope).into_owned());
            let (attempts, progress) = (inner.attempts(seq, destination)?, inner.progress(seq, destination)?);
            Ok(Some(DeadDetails { letter, envelope, attempts, progress }))
        })
        .await
    }

    /// Sends the letters that fit again, from the first attempt on, and where they take several calls from the step at which
    /// they failed; those that a later accepted event has overtaken
    /// only with `overtaken`, or where they are asked for by their own id.
    pub async fn retry_dead(&self, filter: Filter, overtaken: bool, now: Timestamp) -> Result<Decided, StoreError> {
        let by_id = !filter.ids.is_empty();
        let letters = self.dead_refs(filter).await?;
        let mut decided = Decided::default();
        let mut chosen = Vec::new();
        for (letter, about) in letters {
            let late = letter.delivery.as_ref().is_some_and(|d| d.overtaken);
            if late && !overtaken && !by_id {
                decided.overtaken.push(letter.id);
            } else {
                chosen.push((letter.id, about));
            }
        }
        for batch in chosen.chunks(BATCH) {
            let batch = batch.to_vec();
            decided
                .done
                .extend(self.commit(move |txn| decide(txn, batch, |txn, about| txn.reopen(about, to_ms(now)))).await?);
        }
        Ok(decided)
    }

    /// Sends one letter again, from further on than it had come: a person knows more of its steps. False, and nothing
    /// changes, where it is no dead letter of this id any more, or had come to another place than `before`.
    pub async fn retry_dead_from(
        &self,
        id: &str,
        before: Progress,
        after: Progress,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.commit(move |txn| {
            let Some(about) = txn.get::<DeadRef>(&keys::dead_by_id(&id))? else { return Ok(false) };
            let DeadRef::Delivery { seq, destination, .. } = about else { return Ok(false) };
            let key = keys::progress(seq, destination);
            if txn.get::<Progress>(&key)?.unwrap_or_default() != before {
                return Ok(false);
            }
            txn.put(key, &after)?;
            txn.reopen(&about, to_ms(now))?;
            txn.unbury(&id, &about);
            Ok(true)
        })
        .await
    }

    /// Drops the letters that fit: they count as dropped by a person, and are never sent.
    pub async fn drop_dead(&self, filter: Filter, now: Timestamp) -> Result<Decided, StoreError> {
        let chosen: Vec<(String, DeadRef)> =
            self.dead_refs(filter).await?.into_iter().map(|(letter, about)| (letter.id, about)).collect();
        let mut decided = Decided::default();
        for batch in chosen.chunks(BATCH) {
            let batch = batch.to_vec();
            decided
                .done
                .extend(self.commit(move |txn| decide(txn, batch, |txn, about| txn.let_go(about, to_ms(now)))).await?);
        }
        Ok(decided)
    }

    async fn dead_refs(&self, filter: Filter) -> Result<Vec<(DeadLetter, DeadRef)>, StoreError> {
        self.read(move |inner| {
            let mut found = Vec::new();
            inner.each_dead(&filter, |letter, about| found.push((letter, about.clone())))?;
            Ok(found)
        })
        .await
    }
}

/// Decides each letter that is still one; returns their ids.
fn decide(
    txn: &mut Txn<'_>,
    letters: Vec<(String, DeadRef)>,
    act: impl Fn(&mut Txn<'_>, &DeadRef) -> Result<(), StoreError>,
) -> Result<Vec<String>, StoreError> {
    let mut done = Vec::new();
    for (id, about) in letters {
        if txn.get::<DeadRef>(&keys::dead_by_id(&id))?.as_ref() == Some(&about) {
            act(txn, &about)?;
            txn.unbury(&id, &about);
            done.push(id);
        }
    }
    Ok(done)
}

impl Inner {
    fn each_dead(&self, filter: &Filter, mut found: impl FnMut(DeadLetter, &DeadRef)) -> Result<(), StoreError> {
        let since = filter.since.map_or(0, to_ms);
        let error = filter.error.as_ref().map(|text| text.to_lowercase());
        for entry in self
            .tree
            .range(keys::dead_by_age(since, "")..)
            .take_while(|e| !matches!(e, Ok((key, _)) if key.first() != Some(&b'x')))
        {
            let (key, value) = entry?;
            let id = String::from_utf8_lossy(key.get(9..).unwrap_or_default()).into_owned();
            let about: DeadRef = super::records::decode(&value)?;
            let Some(letter) = self.letter(id, &about)? else { continue };
            let delivery = letter.delivery.as_ref();
            let fits = (filter.ids.is_empty()
                || filter.ids.iter().any(|id| *id == letter.id || delivery.is_some_and(|d| d.event_id == *id)))
                && filter.destination.as_ref().is_none_or(|name| delivery.is_some_and(|d| d.destination == *name))
                && error.as_ref().is_none_or(|text| {
                    letter.error.to_lowercase().contains(text) || letter.why.to_lowercase().contains(text)
                });
            if fits {
                found(letter, &about);
            }
        }
        Ok(())
    }

    fn letter(&self, id: String, about: &DeadRef) -> Result<Option<DeadLetter>, StoreError> {
        match about {
            DeadRef::Lead { platform, lead, died } => {
                let Some(platform) = Get::get::<PlatformRecord>(&self.tree, &keys::platform(platform))? else {
                    return Ok(None);
                };
                let Some(job) = Get::get::<FetchRecord>(&self.tree, &keys::fetch(platform.no, LeadId(*lead)))? else {
                    return Ok(None);
                };
                Ok(Some(DeadLetter {
                    id,
                    died_at: from_ms(*died),
                    lead: LeadId(*lead),
                    why: "its details could not be read".into(),
                    error: job.error,
                    attempts: job.attempts,
                    delivery: None,
                }))
            }
            DeadRef::Delivery { seq, destination, died } => {
                let Some(settled) = Get::get::<SettledRecord>(&self.tree, &keys::settled(*seq, *destination))? else {
                    return Ok(None);
                };
                let Some(event) = Get::get::<EventRecord>(&self.tree, &keys::event(*seq))? else { return Ok(None) };
                let lane: Option<LaneRecord> = Get::get(&self.tree, &keys::lane(settled.lane))?;
                let lead = LeadId(settled.lead);
                let known = known::look_up(&self.tree, settled.platform, &[lead])?.pop().flatten();
                let last: Option<AttemptRecord> =
                    Get::get(&self.tree, &keys::attempt(*seq, *destination, settled.tries))?;
                let progress = self.progress(*seq, *destination)?;
                Ok(Some(DeadLetter {
                    id,
                    died_at: from_ms(*died),
                    lead,
                    why: settled.why,
                    error: settled.error,
                    attempts: settled.tries,
                    delivery: Some(DeadDelivery {
                        event_id: event.id,
                        event_type: event_type(event.event_type)?.to_string(),
                        destination: Get::get(&self.tree, &keys::destination_name(*destination))?.unwrap_or_default(),
                        route: lane.map(|lane| lane.route).unwrap_or_default(),
                        overtaken: known.is_some_and(|known| known.delivered_at(*destination) > *seq),
                        step: last.and_then(|last| last.step).filter(|step| !progress.has_passed(step)),
                        done: progress.steps_done(),
                    }),
                }))
            }
        }
    }

    /// How far a delivery has come, where it takes several calls.
    pub(super) fn progress(&self, seq: Seq, destination: DestinationNo) -> Result<Progress, StoreError> {
        Ok(Get::get(&self.tree, &keys::progress(seq, destination))?.unwrap_or_default())
    }

    /// The attempts of a delivery that are kept, in order.
    pub(super) fn attempts(&self, seq: Seq, destination: DestinationNo) -> Result<Vec<Attempt>, StoreError> {
        let mut attempts = Vec::new();
        for entry in self.tree.scan_prefix(keys::attempts(seq, destination)) {
            let (key, value) = entry?;
            let n = key.last_chunk::<4>().map_or(0, |n| u32::from_be_bytes(*n));
            attempts.push(attempt(n, super::records::decode(&value)?));
        }
        let settled: Option<SettledRecord> = Get::get(&self.tree, &keys::settled(seq, destination))?;
        if let Some((n, Some(accepted))) = settled.map(|settled| (settled.tries, settled.accepted)) {
            attempts.push(attempt(n, accepted));
        }
        Ok(attempts)
    }
}

fn attempt(n: u32, record: AttemptRecord) -> Attempt {
    Attempt {
        n,
        at: from_ms(record.at),
        took_ms: record.took_ms,
        outcome: record.outcome,
        status: record.status,
        error: record.error,
        answer: record.answer,
        cut: record.cut,
        counted: record.counted,
        step: record.step,
    }
}

impl Txn<'_> {
    /// Puts a dead letter in both indexes.
    pub(super) fn bury(&mut self, id: &str, about: &DeadRef) -> Result<(), StoreError> {
        self.put(keys::dead_by_age(about.died(), id), about)?;
        self.put(keys::dead_by_id(id), about)
    }

    pub(super) fn unbury(&mut self, id: &str, about: &DeadRef) {
        self.delete(keys::dead_by_age(about.died(), id));
        self.delete(keys::dead_by_id(id));
    }

    /// Makes a dead delivery pending, or an unreadable lead due, again.
    fn reopen(&mut self, about: &DeadRef, now: i64) -> Result<(), StoreError> {
        match about {
            DeadRef::Delivery { seq, destination, .. } => {
                let key = keys::settled(*seq, *destination);
                let Some(settled) = self.get::<SettledRecord>(&key)?.filter(|settled| settled.state == Settled::Dead)
                else {
                    return Ok(());
                };
                self.delete(key);
                let counts = self.counts(settled.lane)?;
                counts.dead = counts.dead.saturating_sub(1);
                let SettledRecord { lane, platform, lead, tries, mut sent_again, .. } = settled;
                sent_again.push(now);
                sent_again.drain(..sent_again.len().saturating_sub(SENT_AGAIN));
                let pending = PendingRecord { tries, sent_again, ..PendingRecord::new(lane, platform, lead, now) };
                self.line_up(*destination, *seq, &pending)
            }
            DeadRef::Lead { platform, lead, .. } => self.change_fetch(platform, LeadId(*lead), |txn, platform, job| {
                (job.dead, job.charged_ms, job.due, job.last_attempt, job.planned_ms) = (None, 0, now, now, 0);
                txn.put_bytes(keys::fetch_due(platform, now, LeadId(*lead)), Vec::new());
                txn.wake_intake = true;
                known::Standing::SetAside
            }),
        }
    }

    /// Ends a dead letter for good.
    fn let_go(&mut self, about: &DeadRef, now: i64) -> Result<(), StoreError> {
        match about {
            DeadRef::Delivery { seq, destination, .. } => {
                let Some(mut settled) = self.get::<SettledRecord>(&keys::settled(*seq, *destination))? else {
                    return Ok(());
                };
                (settled.state, settled.at) = (Settled::Dropped, now);
                self.settle_as(*seq, *destination, &settled)
            }
            // The lead stays marked, so that the next listing does not bring it back.
            DeadRef::Lead { platform, lead, .. } => {
                self.change_fetch(platform, LeadId(*lead), |_, _, _| known::Standing::Unreadable)?;
                if let Some(record) = self.get::<PlatformRecord>(&keys::platform(platform))? {
                    self.delete(keys::fetch(record.no, LeadId(*lead)));
                }
                Ok(())
            }
        }
    }

    fn change_fetch(
        &mut self,
        platform: &str,
        lead: LeadId,
        change: impl FnOnce(&mut Txn<'_>, keys::PlatformNo, &mut FetchRecord) -> known::Standing,
    ) -> Result<(), StoreError> {
        let Some(record) = self.get::<PlatformRecord>(&keys::platform(platform))? else { return Ok(()) };
        let Some(mut job) = self.get::<FetchRecord>(&keys::fetch(record.no, lead))? else { return Ok(()) };
        let standing = change(self, record.no, &mut job);
        self.put(keys::fetch(record.no, lead), &job)?;
        if let Some(mut known) = self.known(record.no, lead)? {
            known.standing = standing;
            self.put_known(record.no, lead, known)?;
        }
        Ok(())
    }
}

/// The id under which a delivery of this event to this destination would be set aside.
pub fn delivery_dead_id(event_id: &str, destination: &str) -> String {
    dead_id(event_id, destination)
}
