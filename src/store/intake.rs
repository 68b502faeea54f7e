//! What intake keeps of leads: what is known of each, its events and deliveries, and when it is read again.

use jiff::Timestamp;

use super::destinations::lane;
use super::error::StoreError;
pub use super::fetches::FetchJob;
use super::keys::{self, PlatformNo, Seq};
pub use super::known::Standing;
use super::known::{self, Happened, Known};
use super::progress::missing_platform;
pub use super::progress::{Baseline, Platform, Progress};
use super::rechecks::Again;
use super::records::{self, Came, EventRecord, FetchRecord, PendingRecord, PlatformRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use super::{Store, body};
use crate::domain::event::{Event, EventType, Origin};
use crate::domain::lead::{LeadId, Row};
use crate::domain::route::{Decision, Said};
use crate::domain::seen;
use crate::domain::window::Window;

/// How far leadhook has got with a lead, and what its next event needs to know.
#[derive(Clone, Debug)]
pub struct Before {
    pub(super) known: Option<Known>,
}

impl Before {
    /// How far; `None` for a lead never listed before.
    pub fn standing(&self) -> Option<Standing> {
        self.known.as_ref().map(|k| k.standing)
    }

    /// The `mapped_status` of its last event, or of the listing that made it known.
    pub fn status(&self) -> Option<&str> {
        self.known.as_ref()?.status.as_deref()
    }

    /// The stretch in which it was finalized, the last time; `None` for a lead never listed before.
    pub fn stretch(&self) -> Option<Window> {
        self.known.as_ref().map(Known::stretch)
    }

    /// Whether the lead was finalized again, by this row and the window that lists it.
    pub fn is_again(&self, row: &Row, window: Window) -> bool {
        self.known.as_ref().filter(|known| !known.is_forgotten()).is_some_and(|known| {
            seen::is_again(known.status.as_deref(), known.stretch(), row.mapped_status.as_deref(), window)
        })
    }

    /// Whether it was, by the window alone.
    pub fn is_again_by_window_alone(&self, row: &Row, window: Window) -> bool {
        self.known.as_ref().filter(|known| !known.is_forgotten()).is_some_and(|known| {
            let (status, now) = (known.status.as_deref(), row.mapped_status.as_deref());
            seen::is_again_by_window_alone(status, known.stretch(), now, window)
        })
    }

    /// The mark of its rating at the last reading, as [`rating_mark`](crate::domain::news::rating_mark) makes it; `None` where there was none.
    pub fn rating(&self) -> Option<u32> {
        self.known.as_ref()?.rating
    }

    /// Four bytes of the digest of its watched fields at the last reading; `None` where it was never read.
    pub fn watched(&self) -> Option<u32> {
        self.known.as_ref().filter(|known| !known.happened.is_empty()).map(|known| known.watched)
    }

    /// When it is read again for want of a rating; `None`: not at all.
    pub fn next_reading(&self) -> Option<Timestamp> {
        self.known.as_ref()?.recheck.map(|recheck| from_ms(recheck.due))
    }

    /// How many events the lead has had.
    pub fn events(&self) -> u32 {
        self.known.as_ref().map_or(0, |k| k.happened.len() as u32)
    }

    /// How often it was finalized, as far as it was told of.
    pub fn finalized(&self) -> usize {
        let finalized = records::event_code(EventType::LeadFinalized);
        let happened = self.known.iter().flat_map(|known| &known.happened);
        happened.filter(|happened| happened.event_type == finalized).count()
    }

    /// How many of them have this type and subject.
    pub fn earlier(&self, event_type: EventType, subject: &str) -> u32 {
        self.known.as_ref().map_or(0, |k| k.earlier(event_type, subject))
    }
}

/// What is written of an event beside its envelope, and of each of its deliveries, in bytes, at the most.
const OF_AN_EVENT: usize = 256;

/// A lead that was read, and what follows from it.
pub struct Reading {
    /// As it was listed.
    pub row: Row,
    /// The window that listed it.
    pub window: Window,
    /// How the lead's events came about.
    pub origin: Origin,
    /// How many events the lead had when they were made: where it has more by now, nothing is written.
    pub after: u32,
    /// What happened, and what the routes make of it. Without `lead.finalized` among it, the lead must be recorded
    /// already.
    pub events: Vec<(Event, Decision)>,
    /// What the next reading is compared with.
    pub shown: Shown,
    /// When the lead is read again for want of a rating; `None`: not at all.
    pub again: Option<Again>,
    /// When.
    pub now: Timestamp,
}

impl Reading {
    /// What of it is to be written, in bytes, about and at the most; 0 where it brings nothing new.
    pub fn bytes(&self) -> u64 {
        let events = self
            .events
            .iter()
            .map(|(event, decision)| event.envelope.len() + OF_AN_EVENT * (1 + decision.wanted.len()));
        events.sum::<usize>() as u64
    }
}

/// What is kept of a lead's details, to be compared with the next reading's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// [`brief`](crate::domain::watched::Watched::brief) of its watched fields.
    pub watched: u32,
    /// [`rating_mark`](crate::domain::news::rating_mark) of its rating.
    pub rating: Option<u32>,
}

/// How recording went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Seen mark, events and deliveries are on the platter.
    Done,
    /// Someone else recorded this lead meanwhile; nothing was written.
    Overtaken,
}

impl Store {
    /// What is known of these leads, in their order.
    pub async fn before(&self, platform: &Platform, leads: Vec<LeadId>) -> Result<Vec<Before>, StoreError> {
        let no = platform.no;
        self.read_for_a_commit(move |inner| {
            let known = known::look_up(&inner.tree, no, &leads)?;
            Ok(known.into_iter().map(|known| Before { known }).collect())
        })
        .await
    }

    /// Marks these leads as there before leadhook began. Of known ones, the stretch becomes narrower where this window
    /// makes it so.
    pub async fn remember(
        &self,
        platform: &Platform,
        rows: Vec<Row>,
        window: Window,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            for row in rows {
                match txn.known(platform.no, row.id)? {
                    None => txn.mark(&platform, row.id, listed(&row, &window, now, Standing::Baseline))?,
                    Some(mut known) => {
                        if !known.is_forgotten() && known.narrow(window) {
                            txn.put_known(platform.no, row.id, known)?;
                        }
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// The seen mark, the events and their deliveries, in one commit. Ends a fetch job of that lead.
    pub async fn record(&self, platform: &Platform, reading: Reading) -> Result<Recorded, StoreError> {
        let platform = platform.clone();
        // Compressed here, on the caller's thread: the one that commits has enough to do.
        let packed: Vec<Vec<Vec<u8>>> =
            reading.events.iter().map(|(event, _)| body::pack(event.envelope.as_bytes())).collect();
        self.commit(move |txn| txn.record(&platform, reading, packed)).await
    }
}

impl Txn<'_> {
    pub(super) fn record(
        &mut self,
        platform: &Platform,
        reading: Reading,
        packed: Vec<Vec<Vec<u8>>>,
    ) -> Result<Recorded, StoreError> {
        let lead = reading.row.id;
        let before = self.known(platform.no, lead)?;
        let finalized = reading.events.iter().any(|(event, _)| event.event_type == EventType::LeadFinalized);
        let (standing, events) = before.as_ref().map_or((None, 0), |k| (Some(k.standing), k.happened.len()));
        if events != reading.after as usize
            || !(finalized || standing == Some(Standing::Recorded))
            || standing == Some(Standing::Forgotten)
        {
            return Ok(Recorded::Overtaken);
        }
        let mut known =
            before.unwrap_or_else(|| listed(&reading.row, &reading.window, reading.now, Standing::Recorded));
        if finalized {
            (known.standing, known.status) = (Standing::Recorded, reading.row.mapped_status.clone());
            // A lead that was set aside got its stretch then, and it may have become narrower.
            if standing != Some(Standing::SetAside) {
                known.finalized_in(reading.window);
            }
        }
        (known.watched, known.rating) = (reading.shown.watched, reading.shown.rating);
        self.plan_recheck(platform, &reading.row, &mut known, reading.again.as_ref())?;
        let job = match standing {
            Some(Standing::SetAside) => self.get::<FetchRecord>(&keys::fetch(platform.no, lead))?,
            _ => None,
        };
        let flapped = job.is_some_and(|job| job.flaps);
        let mut deliveries = Vec::new();
        let behind = reading.origin == Origin::Backfill;
        for ((event, Decision { wanted, said }), chunks) in reading.events.into_iter().zip(packed) {
            let seq = self.next_number(keys::LAST_SEQ)?;
            let waited = flapped && event.event_type == EventType::LeadFinalized;
            let came = Came { origin: reading.origin, put_back: false, waited };
            self.put_event(platform.no, seq, &event, came, said, chunks)?;
            known.happened.push(Happened {
                event_type: records::event_code(event.event_type),
                subject: known::subject_hash(&event.subject),
                seq,
            });
            deliveries.extend(wanted.into_iter().map(|wanted| (seq, to_ms(event.timestamp), wanted)));
        }
        self.mark(platform, lead, known)?;
        for (seq, opened, wanted) in deliveries {
            let (destination, lane) = lane(self, &wanted.destination, &wanted.route)?;
            let pending = PendingRecord { behind, ..PendingRecord::new(lane, platform.no, lead.0, opened) };
            self.line_up(destination, seq, &pending)?;
        }
        // Of a dead letter: it can be read after all.
        self.end_fetch(platform, lead)?;
        Ok(Recorded::Done)
    }

    pub(super) fn put_event(
        &mut self,
        platform: PlatformNo,
        seq: Seq,
        event: &Event,
        Came { origin, put_back, waited }: Came,
        said: Vec<Said>,
        mut chunks: Vec<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let first = if chunks.is_empty() { Vec::new() } else { chunks.remove(0) };
        let record = EventRecord {
            id: event.id.as_str().to_owned(),
            event_type: records::event_code(event.event_type),
            subject: event.subject.clone(),
            at: to_ms(event.timestamp),
            platform,
            lead: event.lead.0,
            revision: event.revision,
            origin: records::origin_code(origin),
            chunks: u16::try_from(chunks.len()).map_err(|_| StoreError::Record("an event is too large".into()))?,
            said: said.into_iter().map(Into::into).collect(),
            put_back,
            waited,
        };
        let mut bytes = records::encode(&record)?;
        bytes.extend_from_slice(&first);
        self.put_bytes(keys::event(seq), bytes);
        for (n, chunk) in (0u16..).zip(chunks) {
            self.put_bytes(keys::chunk(seq, n), chunk);
        }
        Ok(())
    }

    /// Writes what is known of a lead and counts it where it is new.
    pub(super) fn mark(&mut self, platform: &Platform, lead: LeadId, known: Known) -> Result<(), StoreError> {
        if self.put_known(platform.no, lead, known)? {
            let key = keys::platform(&platform.id);
            let mut record: PlatformRecord = self.get(&key)?.ok_or_else(missing_platform)?;
            record.seen += 1;
            self.put(key, &record)?;
        }
        Ok(())
    }
}

pub(super) fn listed(row: &Row, window: &Window, now: Timestamp, standing: Standing) -> Known {
    Known {
        standing,
        status: row.mapped_status.clone(),
        listed: to_ms(now),
        from: to_ms(window.from),
        to: to_ms(window.to),
        ..Known::default()
    }
}
