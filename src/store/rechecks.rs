//! Leads that are read again for want of a rating: when, and what their next reading is compared with.

use jiff::Timestamp;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::keys;
use super::known::{Known, Recheck};
use super::progress::Platform;
use super::records::{self, RecheckRecord, from_ms, to_ms};
use super::txn::Txn;
use super::{Inner, Store};
use crate::domain::lead::{LeadId, Row};
use crate::domain::watched::Marks;

/// That a lead is read again.
#[derive(Clone, Debug)]
pub struct Again {
    /// When.
    pub due: Timestamp,
    /// Since when its age counts: when it was listed as finalized.
    pub since: Timestamp,
    /// Its watched fields as they are now.
    pub marks: Marks,
}

/// A lead that is to be read again.
#[derive(Clone, Debug)]
pub struct RecheckJob {
    /// As it was last listed.
    pub row: Row,
    /// When, since when its age counts, and its watched fields at the last reading.
    pub again: Again,
    /// Readings that failed since the last good one.
    pub failed: u32,
}

impl Store {
    /// The leads that are due to be read again, the longest due first, at most `limit`; and when the next one is.
    pub async fn due_rechecks(
        &self,
        platform: &Platform,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<RecheckJob>, Option<Timestamp>), StoreError> {
        let no = platform.no;
        self.read_for_a_commit(move |inner| inner.due_rechecks(no, now, limit)).await
    }

    /// A reading failed: the lead is read again at `due`, or never for want of a rating. Nothing is written where the
    /// lead was read meanwhile.
    pub async fn put_off_recheck(
        &self,
        platform: &Platform,
        job: RecheckJob,
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let Some(mut known) = txn.known(platform.no, job.row.id)? else { return Ok(()) };
            if known.recheck.is_none_or(|recheck| recheck.due != to_ms(job.again.due)) {
                return Ok(());
            }
            let again = due.map(|due| Again { due, ..job.again });
            txn.write_recheck(&platform, &job.row, &mut known, again.as_ref(), job.failed + 1)?;
            txn.put_known(platform.no, job.row.id, known).map(drop)
        })
        .await
    }
}

impl Inner {
    fn due_rechecks(
        &self,
        no: keys::PlatformNo,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<RecheckJob>, Option<Timestamp>), StoreError> {
        let mut jobs = Vec::new();
        for entry in self.tree.scan_prefix(keys::rechecks(no)) {
            let (key, value) = entry?;
            let (due, lead) = (from_ms(keys::u64_at(&key, 3) as i64), LeadId(keys::last_u64(&key)));
            if due > now || jobs.len() == limit {
                return Ok((jobs, Some(due)));
            }
            let (record, marks) = records::decode_front::<RecheckRecord>(&value)?;
            jobs.push(RecheckJob {
                row: Row {
                    id: lead,
                    mapped_status: record.mapped_status,
                    client_lead_id: record.client_lead_id.and_then(|json| RawValue::from_string(json).ok()),
                },
                again: Again { due, since: from_ms(record.since), marks: Marks::unpack(marks) },
                failed: record.failed,
            });
        }
        Ok((jobs, None))
    }
}

impl Txn<'_> {
    /// Plans when this lead is read again, instead of what was planned before. What is known of it is changed, and still to be written.
    pub(super) fn plan_recheck(
        &mut self,
        platform: &Platform,
        row: &Row,
        known: &mut Known,
        again: Option<&Again>,
    ) -> Result<(), StoreError> {
        self.write_recheck(platform, row, known, again, 0)
    }

    fn write_recheck(
        &mut self,
        platform: &Platform,
        row: &Row,
        known: &mut Known,
        again: Option<&Again>,
        failed: u32,
    ) -> Result<(), StoreError> {
        if let Some(before) = known.recheck.take() {
            self.delete(keys::recheck(platform.no, before.due, row.id));
        }
        let Some(again) = again else { return Ok(()) };
        let record = RecheckRecord {
            mapped_status: row.mapped_status.clone(),
            client_lead_id: row.client_lead_id.as_ref().map(|raw| raw.get().to_owned()),
            since: to_ms(again.since),
            failed,
        };
        let mut bytes = records::encode(&record)?;
        bytes.extend_from_slice(&again.marks.pack());
        self.put_bytes(keys::recheck(platform.no, to_ms(again.due), row.id), bytes);
        known.recheck = Some(Recheck { due: to_ms(again.due), client: client_mark(row) });
        Ok(())
    }

    /// Listed with another `client_lead_id`: the next reading tells of this one.
    pub(super) fn relist_recheck(
        &mut self,
        platform: &Platform,
        row: &Row,
        known: &mut Known,
    ) -> Result<(), StoreError> {
        let Some(recheck) = &mut known.recheck else { return Ok(()) };
        recheck.client = client_mark(row);
        let key = keys::recheck(platform.no, recheck.due, row.id);
        let Some(bytes) = self.bytes(&key)? else { return Ok(()) };
        let (mut record, marks) = records::decode_front::<RecheckRecord>(&bytes)?;
        record.client_lead_id = row.client_lead_id.as_ref().map(|raw| raw.get().to_owned());
        let mut changed = records::encode(&record)?;
        changed.extend_from_slice(marks);
        self.put_bytes(key, changed);
        Ok(())
    }
}

/// Four bytes that tell one `client_lead_id` from another.
pub(super) fn client_mark(row: &Row) -> u32 {
    let Some(raw) = &row.client_lead_id else { return 0 };
    Sha256::digest(raw.get().as_bytes()).first_chunk::<4>().map_or(0, |four| u32::from_be_bytes(*four))
}
