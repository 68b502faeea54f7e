//! All that is kept of one lead, for `explain`.

use jiff::Timestamp;
use serde::Deserialize;

use super::dead::delivery_dead_id;
use super::error::StoreError;
use super::fetches::lead_dead_id;
use super::keys::{self, PlatformNo, Seq};
use super::known::{self, AtDestination, Happened, Known, Standing};
use super::records::{
    self, EventRecord, FetchRecord, LaneRecord, PendingRecord, PlatformRecord, Settled, SettledRecord, from_ms,
};
pub use super::story::{DeliveryState, DeliveryStory, EventStory, FailedReading, KeptEvent, Stage, Story};
use super::txn::Get;
use super::{Inner, Store};
use crate::domain::csat::Csat;
use crate::domain::lead::LeadId;
use crate::domain::request::Body;
use crate::domain::steps::Progress;

impl Store {
    /// Everything that is kept of a lead of this platform; `None` where it was never listed.
    pub async fn story(&self, platform_id: &str, lead: LeadId) -> Result<Option<Story>, StoreError> {
        let id = platform_id.to_owned();
        self.read(move |inner| inner.story(&id, lead)).await
    }

    /// The platforms of this store that know a lead of this number.
    pub async fn platforms_that_know(&self, lead: LeadId) -> Result<Vec<String>, StoreError> {
        self.read(move |inner| {
            let mut ids = Vec::new();
            for entry in inner.tree.scan_prefix(keys::platform("")) {
                let (key, value) = entry?;
                let platform: PlatformRecord = records::decode(&value)?;
                if known::look_up(&inner.tree, platform.no, &[lead])?.pop().flatten().is_some() {
                    ids.push(String::from_utf8_lossy(&key[1..]).into_owned());
                }
            }
            Ok(ids)
        })
        .await
    }
}

impl Store {
    /// Whose event this is; `None`: there is none of this id, or it is not kept any more. It looks through all that are
    /// kept, the newest first: an id is asked for now and then, and an index of them would be written with every event.
    pub async fn lead_of_event(&self, id: &str) -> Result<Option<LeadId>, StoreError> {
        #[derive(Deserialize)]
        struct Envelope {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            weclever_lead_id: Option<LeadId>,
        }
        let id = id.to_owned();
        self.read(move |inner| {
            for entry in inner.tree.scan_prefix(keys::events()).rev() {
                let (key, value) = entry?;
                if records::decode_front::<EventRecord>(&value)?.0.id != id {
                    continue;
                }
                let Some((_, envelope)) = inner.event(keys::last_u64(&key))? else { return Ok(None) };
                let envelope = serde_json::from_slice::<Envelope>(&envelope).ok();
                return Ok(envelope.and_then(|envelope| envelope.data.weclever_lead_id));
            }
            Ok(None)
        })
        .await
    }
}

impl Inner {
    fn story(&self, platform_id: &str, lead: LeadId) -> Result<Option<Story>, StoreError> {
        let Some(platform) = Get::get::<PlatformRecord>(&self.tree, &keys::platform(platform_id))? else {
            return Ok(None);
        };
        let Some(known) = known::look_up(&self.tree, platform.no, &[lead])?.pop().flatten() else { return Ok(None) };
        let job: Option<FetchRecord> = Get::get(&self.tree, &keys::fetch(platform.no, lead))?;
        let stage = stage(&known, job.is_some());
        let events = (1..).zip(&known.happened);
        let events = events.map(|(revision, happened)| self.event_story(platform.no, lead, &known, revision, happened));
        Ok(Some(Story {
            stage,
            first_listed: from_ms(known.listed),
            finalized_from: from_ms(known.from),
            finalized_to: from_ms(known.to),
            reading: job.map(|job| failed_reading(job, platform_id, lead)),
            read_again: known.recheck.map(|recheck| from_ms(recheck.due)),
            events: events.collect::<Result<_, _>>()?,
            forgotten_at: known.is_forgotten().then(|| from_ms(known.listed)),
            mapped_status: known.status,
        }))
    }

    fn event_story(
        &self,
        platform: PlatformNo,
        lead: LeadId,
        known: &Known,
        revision: u32,
        happened: &Happened,
    ) -> Result<EventStory, StoreError> {
        let event = self.event(happened.seq)?;
        let id = event.as_ref().map(|(event, _)| event.id.clone());
        let mut deliveries = Vec::new();
        for at in &known.outcomes {
            deliveries.extend(self.delivery_story(platform, lead, at, happened.seq, id.as_deref())?);
        }
        Ok(EventStory {
            event_type: records::event_type(happened.event_type)?,
            revision,
            kept: event.map(|(event, envelope)| kept_event(event, envelope)).transpose()?,
            deliveries,
        })
    }

    /// One event at one destination; `None` where it never went there, or nothing is kept of it any more.
    fn delivery_story(
        &self,
        platform: PlatformNo,
        lead: LeadId,
        at: &AtDestination,
        seq: Seq,
        event_id: Option<&str>,
    ) -> Result<Option<DeliveryStory>, StoreError> {
        let no = at.destination;
        let destination: String = Get::get(&self.tree, &keys::destination_name(no))?.unwrap_or_default();
        if let Some(pending) = Get::get::<PendingRecord>(&self.tree, &keys::pending(no, seq))? {
            let first = at.line.first().copied().filter(|first| *first != seq);
            let behind = match first {
                Some(first) => self.event_id(first)?,
                None => None,
            };
            return Ok(Some(DeliveryStory {
                route: self.route(pending.lane)?,
                at: Some(from_ms(pending.opened)),
                due: Some(from_ms(pending.due)),
                under_way: first.is_none() && self.claims.is_taken(&(no, platform, lead)),
                behind,
                history: pending.behind,
                for_contact: pending.for_contact,
                tries: pending.tries,
                failed: pending.failed,
                sent_again: times(&pending.sent_again),
                attempts: self.attempts(seq, no)?,
                progress: self.progress(seq, no)?,
                ..only_outcome(destination, DeliveryState::Pending)
            }));
        }
        if let Some(settled) = Get::get::<SettledRecord>(&self.tree, &keys::settled(seq, no))? {
            let dead_letter =
                event_id.filter(|_| settled.state == Settled::Dead).map(|id| delivery_dead_id(id, &destination));
            return Ok(Some(DeliveryStory {
                route: self.route(settled.lane)?,
                at: Some(from_ms(settled.at)),
                tries: settled.tries,
                sent_again: times(&settled.sent_again),
                why: settled.why,
                attempts: self.attempts(seq, no)?,
                progress: self.progress(seq, no)?,
                dead_letter,
                ..only_outcome(destination, settled.state.into())
            }));
        }
        Ok(outcome_of(at, seq).map(|state| only_outcome(destination, state)))
    }

    fn route(&self, lane: keys::LaneNo) -> Result<Option<String>, StoreError> {
        Ok(Get::get::<LaneRecord>(&self.tree, &keys::lane(lane))?.map(|lane| lane.route))
    }

    fn event_id(&self, seq: Seq) -> Result<Option<String>, StoreError> {
        let Some(bytes) = self.tree.get(keys::event(seq))? else { return Ok(None) };
        Ok(Some(records::decode_front::<EventRecord>(&bytes)?.0.id))
    }
}

/// `job`: whether its failed reading is still on disk.
pub(super) fn stage(known: &Known, job: bool) -> Stage {
    match known.standing {
        Standing::Baseline => Stage::Baseline,
        Standing::SetAside => Stage::SetAside,
        Standing::Unreadable if job => Stage::Unreadable,
        Standing::Unreadable => Stage::Dropped,
        Standing::Recorded => Stage::Recorded,
        Standing::Forgotten => Stage::Forgotten,
    }
}

/// What is kept for ever of an event at a destination.
fn outcome_of(at: &AtDestination, seq: Seq) -> Option<DeliveryState> {
    if at.delivered == seq {
        return Some(DeliveryState::Delivered);
    }
    at.state.filter(|_| at.seq == seq).map(Into::into)
}

fn times(ms: &[i64]) -> Vec<Timestamp> {
    ms.iter().copied().map(from_ms).collect()
}

fn only_outcome(destination: String, state: DeliveryState) -> DeliveryStory {
    DeliveryStory {
        destination,
        route: None,
        state,
        at: None,
        due: None,
        behind: None,
        history: false,
        for_contact: false,
        under_way: false,
        tries: 0,
        failed: 0,
        sent_again: Vec::new(),
        why: String::new(),
        dead_letter: None,
        attempts: Vec::new(),
        progress: Progress::default(),
        steps: Vec::new(),
    }
}

fn kept_event(event: EventRecord, envelope: Vec<u8>) -> Result<KeptEvent, StoreError> {
    #[derive(Deserialize)]
    struct Envelope {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        csat: Option<Csat>,
    }
    // What an envelope of another version holds there is nothing to fail for.
    let rating = serde_json::from_slice::<Envelope>(&envelope).ok().and_then(|envelope| envelope.data.csat);
    Ok(KeptEvent {
        id: event.id,
        at: from_ms(event.at),
        origin: records::origin(event.origin),
        rating: rating.filter(Csat::is_rated),
        said: event.said.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        envelope: Body(envelope),
    })
}

fn failed_reading(job: FetchRecord, platform_id: &str, lead: LeadId) -> FailedReading {
    let given_up = job.dead.map(from_ms);
    FailedReading {
        since: from_ms(job.since),
        attempts: job.attempts,
        last_attempt: given_up.unwrap_or(from_ms(job.last_attempt)),
        error: job.error,
        flaps: job.flaps && job.attempts == 0,
        due: given_up.is_none().then_some(from_ms(job.due)),
        dead_letter: given_up.map(|_| lead_dead_id(platform_id, lead)),
        given_up,
    }
}
