//! What intake keeps: the floor and the coverage, what is known of each lead, its events, and the reads that failed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::destinations::lane;
use super::error::StoreError;
use super::keys::{self, PlatformNo, Seq};
pub use super::known::Standing;
use super::known::{self, Happened, Known};
use super::records::{self, DeadRef, EventRecord, FetchRecord, PendingRecord, PlatformRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use super::{Store, body};
use crate::domain::coverage::Coverage;
use crate::domain::event::{Event, EventType, Origin, computed_id};
use crate::domain::lead::{LeadId, Row};
use crate::domain::patience::Waiting;
use crate::domain::route::{Decision, Said};
use crate::domain::window::Window;

/// A source's place in the store.
#[derive(Clone, Debug)]
pub struct Platform {
    pub(super) no: PlatformNo,
    /// `platform_id` in the file.
    pub id: String,
}

/// Where the readings of a source stand.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Nothing below is ever read.
    pub floor: Timestamp,
    /// `start` as it was when the floor was laid; `None` for "now".
    pub start: Option<Timestamp>,
    /// What the first complete reading lists is only remembered.
    pub baseline: Baseline,
    /// What has been read whole.
    pub coverage: Coverage,
    /// The last good poll.
    pub last_poll: Option<Timestamp>,
}

/// The leads that were there before leadhook began: seen, never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// `start` is a date: everything since is sent.
    None,
    /// No reading has come back yet; the first one is the baseline.
    Awaited,
    /// Readings of what lies before this are the baseline.
    Until(Timestamp),
}

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

    /// How many events the lead has had.
    pub fn events(&self) -> u32 {
        self.known.as_ref().map_or(0, |k| k.happened.len() as u32)
    }

    /// How many of them have this type and subject.
    pub fn earlier(&self, event_type: EventType, subject: &str) -> u32 {
        self.known.as_ref().map_or(0, |k| k.earlier(event_type, subject))
    }
}

/// A lead that was read, and what follows from it.
pub struct Reading {
    /// As it was listed.
    pub row: Row,
    /// The window that listed it.
    pub window: Window,
    /// How the lead's events came about.
    pub origin: Origin,
    /// What happened, and what the routes make of it.
    pub events: Vec<(Event, Decision)>,
    /// When.
    pub now: Timestamp,
}

/// How recording went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Seen mark, events and deliveries are on the platter.
    Done,
    /// Someone else recorded this lead meanwhile; nothing was written.
    Overtaken,
}

/// A lead whose details could not be read.
#[derive(Clone, Debug)]
pub struct FetchJob {
    /// As it was listed.
    pub row: Row,
    /// The window that listed it.
    pub window: Window,
    /// How long it has been waited for.
    pub waiting: Waiting,
    /// When it was first tried.
    pub since: Timestamp,
    /// When it is to be tried again.
    pub due: Timestamp,
    /// What the last try said.
    pub error: String,
}

impl Store {
    /// The source's place, made at the first start with this floor and `start` (`None`: "now").
    pub async fn platform(&self, id: &str, floor: Timestamp, start: Option<Timestamp>) -> Result<Platform, StoreError> {
        let name = id.to_owned();
        let no = self
            .commit(move |txn| {
                if let Some(there) = txn.get::<PlatformRecord>(&keys::platform(&name))? {
                    return Ok(there.no);
                }
                let no = PlatformNo::try_from(txn.next_number(keys::LAST_PLATFORM)?)
                    .map_err(|_| StoreError::Record("there are too many platforms".into()))?;
                let record = PlatformRecord {
                    no,
                    floor: to_ms(floor),
                    start: start.map(to_ms),
                    baseline_until: None,
                    baseline: start.is_none(),
                    coverage: Vec::new(),
                    last_poll: None,
                    seen: 0,
                };
                txn.put(keys::platform(&name), &record)?;
                Ok(no)
            })
            .await?;
        Ok(Platform { no, id: id.to_owned() })
    }

    /// Where its readings stand.
    pub async fn progress(&self, platform: &Platform) -> Result<Progress, StoreError> {
        let key = keys::platform(&platform.id);
        self.read(move |inner| {
            let record: PlatformRecord = Get::get(&inner.tree, &key)?.ok_or_else(missing_platform)?;
            Ok(progress(record))
        })
        .await
    }

    /// Where the readings of this platform stand, if it was ever started.
    pub async fn find_progress(&self, platform_id: &str) -> Result<Option<Progress>, StoreError> {
        let key = keys::platform(platform_id);
        self.read(move |inner| Ok(Get::get::<PlatformRecord>(&inner.tree, &key)?.map(progress))).await
    }

    /// What is known of these leads, in their order.
    pub async fn before(&self, platform: &Platform, leads: Vec<LeadId>) -> Result<Vec<Before>, StoreError> {
        let no = platform.no;
        self.read(move |inner| {
            let known = known::look_up(&inner.tree, no, &leads)?;
            Ok(known.into_iter().map(|known| Before { known }).collect())
        })
        .await
    }

    /// Marks these leads as there before leadhook began. Known ones stay as they are.
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
                if txn.known(platform.no, row.id)?.is_none() {
                    let known = listed(&row, &window, now, Standing::Baseline);
                    txn.mark(&platform, row.id, known)?;
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

    /// A row whose details failed once: a fetch job takes it over, so that the coverage can move on.
    pub async fn set_aside(&self, platform: &Platform, job: FetchJob) -> Result<(), StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let lead = job.row.id;
            let standing = txn.known(platform.no, lead)?.map(|k| k.standing);
            match standing {
                None => {
                    let known = listed(&job.row, &job.window, job.waiting.last_attempt, Standing::SetAside);
                    txn.mark(&platform, lead, known)?;
                }
                Some(Standing::SetAside) => {}
                // It was recorded, or became baseline, while this read was failing.
                Some(_) => return Ok(()),
            }
            if let Some(old) = txn.get::<FetchRecord>(&keys::fetch(platform.no, lead))? {
                txn.delete(keys::fetch_due(platform.no, old.due, lead));
            }
            txn.put_bytes(keys::fetch_due(platform.no, to_ms(job.due), lead), Vec::new());
            txn.put(keys::fetch(platform.no, lead), &fetch_record(&job))
        })
        .await
    }

    /// The fetch jobs that are due, the longest due first, at most `limit`; and when the next one is.
    pub async fn due_fetches(
        &self,
        platform: &Platform,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<FetchJob>, Option<Timestamp>), StoreError> {
        let no = platform.no;
        self.read(move |inner| {
            let (mut jobs, mut next) = (Vec::new(), None);
            for entry in inner.tree.scan_prefix(keys::fetches_due(no)) {
                let (key, _) = entry?;
                let (due, lead) = (keys::u64_at(&key, 3) as i64, LeadId(keys::last_u64(&key)));
                if from_ms(due) > now || jobs.len() == limit {
                    next = Some(from_ms(due));
                    break;
                }
                if let Some(record) = Get::get::<FetchRecord>(&inner.tree, &keys::fetch(no, lead))? {
                    jobs.push(fetch_job(lead, record));
                }
            }
            Ok((jobs, next))
        })
        .await
    }

    /// Gives a lead up: its fetch job becomes a dead letter, which waits for a person.
    pub async fn give_up_lead(
        &self,
        platform: &Platform,
        lead: LeadId,
        error: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let Some(mut job) = txn.get::<FetchRecord>(&keys::fetch(platform.no, lead))? else { return Ok(()) };
            if job.dead.is_some() {
                return Ok(());
            }
            txn.delete(keys::fetch_due(platform.no, job.due, lead));
            (job.dead, job.error) = (Some(to_ms(now)), error);
            job.attempts += 1;
            txn.put(keys::fetch(platform.no, lead), &job)?;
            let died = DeadRef::Lead { platform: platform.id.clone(), lead: lead.0, died: to_ms(now) };
            txn.bury(&lead_dead_id(&platform.id, lead), &died)?;
            if let Some(mut known) = txn.known(platform.no, lead)? {
                known.standing = Standing::Unreadable;
                txn.put_known(platform.no, lead, known)?;
            }
            Ok(())
        })
        .await
    }

    /// Every row of this stretch is recorded or set aside. While the baseline is awaited, this was its first reading,
    /// and it ends at `to`. `poll`: when the newest window was asked for, if it was that.
    pub async fn cover(
        &self,
        platform: &Platform,
        from: Timestamp,
        to: Timestamp,
        poll: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let key = keys::platform(&platform.id);
        self.commit(move |txn| {
            let mut record: PlatformRecord = txn.get(&key)?.ok_or_else(missing_platform)?;
            let mut coverage = Coverage::from_parts(record.coverage);
            coverage.add(from, to);
            coverage.forget_before(from_ms(record.floor));
            record.coverage = coverage.parts().to_vec();
            if record.baseline && record.baseline_until.is_none() {
                record.baseline_until = Some(to_ms(to));
            }
            record.last_poll = poll.map(to_ms).or(record.last_poll);
            txn.put(key, &record)
        })
        .await
    }
}

impl Txn<'_> {
    fn record(
        &mut self,
        platform: &Platform,
        reading: Reading,
        packed: Vec<Vec<Vec<u8>>>,
    ) -> Result<Recorded, StoreError> {
        let lead = reading.row.id;
        let before = self.known(platform.no, lead)?;
        let next = before.as_ref().map_or(0, |k| k.happened.len()) + 1;
        if reading.events.first().is_some_and(|(event, _)| event.revision as usize != next) {
            return Ok(Recorded::Overtaken);
        }
        let mut known =
            before.unwrap_or_else(|| listed(&reading.row, &reading.window, reading.now, Standing::Recorded));
        (known.standing, known.status) = (Standing::Recorded, reading.row.mapped_status.clone());
        let mut deliveries = Vec::new();
        let behind = reading.origin == Origin::Backfill;
        for ((event, Decision { wanted, said }), chunks) in reading.events.into_iter().zip(packed) {
            let seq = self.next_number(keys::LAST_SEQ)?;
            self.put_event(platform, seq, &event, reading.origin, said, chunks)?;
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
            let (platform, lead) = (platform.no, lead.0);
            self.line_up(
                destination,
                seq,
                &PendingRecord { lane, platform, lead, opened, due: opened, failed: 0, tries: 0, behind },
            )?;
        }
        if let Some(job) = self.get::<FetchRecord>(&keys::fetch(platform.no, lead))? {
            self.delete(keys::fetch(platform.no, lead));
            self.delete(keys::fetch_due(platform.no, job.due, lead));
            if let Some(died) = job.dead {
                // It can be read after all.
                let about = DeadRef::Lead { platform: platform.id.clone(), lead: lead.0, died };
                self.unbury(&lead_dead_id(&platform.id, lead), &about);
            }
        }
        Ok(Recorded::Done)
    }

    fn put_event(
        &mut self,
        platform: &Platform,
        seq: Seq,
        event: &Event,
        origin: Origin,
        said: Vec<Said>,
        mut chunks: Vec<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let first = if chunks.is_empty() { Vec::new() } else { chunks.remove(0) };
        let record = EventRecord {
            id: event.id.as_str().to_owned(),
            event_type: records::event_code(event.event_type),
            subject: event.subject.clone(),
            at: to_ms(event.timestamp),
            platform: platform.no,
            lead: event.lead.0,
            revision: event.revision,
            origin: records::origin_code(origin),
            chunks: u16::try_from(chunks.len()).map_err(|_| StoreError::Record("an event is too large".into()))?,
            said: said.into_iter().map(Into::into).collect(),
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
    fn mark(&mut self, platform: &Platform, lead: LeadId, known: Known) -> Result<(), StoreError> {
        if self.put_known(platform.no, lead, known)? {
            let key = keys::platform(&platform.id);
            let mut record: PlatformRecord = self.get(&key)?.ok_or_else(missing_platform)?;
            record.seen += 1;
            self.put(key, &record)?;
        }
        Ok(())
    }
}

fn missing_platform() -> StoreError {
    StoreError::Record("the source's own record is missing".into())
}

fn progress(record: PlatformRecord) -> Progress {
    Progress {
        floor: from_ms(record.floor),
        start: record.start.map(from_ms),
        baseline: match (record.baseline, record.baseline_until) {
            (false, _) => Baseline::None,
            (true, None) => Baseline::Awaited,
            (true, Some(until)) => Baseline::Until(from_ms(until)),
        },
        coverage: Coverage::from_parts(record.coverage),
        last_poll: record.last_poll.map(from_ms),
    }
}

fn listed(row: &Row, window: &Window, now: Timestamp, standing: Standing) -> Known {
    Known {
        standing,
        status: row.mapped_status.clone(),
        listed: to_ms(now),
        from: to_ms(window.from),
        to: to_ms(window.to),
        happened: Vec::new(),
        outcomes: Vec::new(),
    }
}

fn fetch_record(job: &FetchJob) -> FetchRecord {
    FetchRecord {
        mapped_status: job.row.mapped_status.clone(),
        client_lead_id: job.row.client_lead_id.as_ref().map(|raw| raw.get().to_owned()),
        from: to_ms(job.window.from),
        to: to_ms(job.window.to),
        since: to_ms(job.since),
        attempts: job.waiting.attempts,
        charged_ms: job.waiting.charged.as_millis() as u64,
        last_attempt: to_ms(job.waiting.last_attempt),
        planned_ms: job.waiting.planned.as_millis() as u64,
        due: to_ms(job.due),
        error: job.error.clone(),
        dead: None,
    }
}

pub(super) fn fetch_job(lead: LeadId, record: FetchRecord) -> FetchJob {
    FetchJob {
        row: Row {
            id: lead,
            mapped_status: record.mapped_status,
            client_lead_id: record.client_lead_id.and_then(|json| RawValue::from_string(json).ok()),
        },
        window: Window { from: from_ms(record.from), to: from_ms(record.to) },
        waiting: Waiting {
            attempts: record.attempts,
            charged: Duration::from_millis(record.charged_ms),
            last_attempt: from_ms(record.last_attempt),
            planned: Duration::from_millis(record.planned_ms),
        },
        since: from_ms(record.since),
        due: from_ms(record.due),
        error: record.error,
    }
}

/// The id of the dead letter for a lead that could not be read.
pub(super) fn lead_dead_id(platform: &str, lead: LeadId) -> String {
    computed_id("dead", &["lead", platform, &lead.to_string()])
}
