//! Leads whose details could not be read: fetch jobs, each with its own schedule, until a person has to decide.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Store;
use super::error::StoreError;
use super::intake::{Platform, listed};
use super::keys;
use super::known::Standing;
use super::records::{DeadRef, FetchRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use crate::domain::event::computed_id;
use crate::domain::lead::{LeadId, Row};
use crate::domain::patience::Waiting;
use crate::domain::window::Window;

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
    /// Where the lead is known and was finalized again: how many events it had by then.
    pub again: Option<u32>,
    /// It waits because its status flaps: nothing has failed yet.
    pub flaps: bool,
}

impl Store {
    /// A row whose details failed once: a fetch job takes it over, so that the coverage can move on.
    pub async fn set_aside(&self, platform: &Platform, job: FetchJob) -> Result<(), StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let lead = job.row.id;
            match txn.known(platform.no, lead)? {
                None => {
                    let known = listed(&job.row, &job.window, job.waiting.last_attempt, Standing::SetAside);
                    txn.mark(&platform, lead, known)?;
                }
                Some(known) if known.is_forgotten() => return Ok(()),
                Some(known) if known.standing == Standing::SetAside => {}
                Some(mut known) if job.again == Some(known.happened.len() as u32) => {
                    (known.standing, known.status) = (Standing::SetAside, job.row.mapped_status.clone());
                    known.finalized_in(job.window);
                    txn.plan_recheck(&platform, &job.row, &mut known, None)?;
                    txn.put_known(platform.no, lead, known)?;
                }
                // It was recorded, or became baseline, while this read was failing.
                Some(_) => return Ok(()),
            }
            txn.end_fetch(&platform, lead)?;
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
        self.read_for_a_commit(move |inner| {
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

    /// Gives a lead up: its fetch job becomes a dead letter, which waits for a person. False where there is no such job
    /// any more: it was read after all, or is forgotten.
    pub async fn give_up_lead(
        &self,
        platform: &Platform,
        lead: LeadId,
        error: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let Some(mut job) = txn.get::<FetchRecord>(&keys::fetch(platform.no, lead))? else { return Ok(false) };
            if job.dead.is_some() {
                return Ok(false);
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
            Ok(true)
        })
        .await
    }
}

impl Txn<'_> {
    /// Ends a lead's fetch job, and the dead letter that it may have become.
    pub(super) fn end_fetch(&mut self, platform: &Platform, lead: LeadId) -> Result<(), StoreError> {
        let Some(job) = self.get::<FetchRecord>(&keys::fetch(platform.no, lead))? else { return Ok(()) };
        self.delete(keys::fetch(platform.no, lead));
        self.delete(keys::fetch_due(platform.no, job.due, lead));
        if let Some(died) = job.dead {
            let about = DeadRef::Lead { platform: platform.id.clone(), lead: lead.0, died };
            self.unbury(&lead_dead_id(&platform.id, lead), &about);
        }
        Ok(())
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
        flaps: job.flaps,
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
        again: None,
        flaps: record.flaps,
    }
}

/// The id of the dead letter for a lead that could not be read.
pub(super) fn lead_dead_id(platform: &str, lead: LeadId) -> String {
    computed_id("dead", &["lead", platform, &lead.to_string()])
}
