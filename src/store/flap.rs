//! Leads whose status flaps: when they were finalized again before, and which of them wait.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::keys;
use super::known;
use super::progress::Platform;
use super::records::{self, EventRecord, FetchRecord, PlatformRecord, from_ms};
use super::txn::Get;
use crate::domain::event::EventType;
use crate::domain::flap::Again;
use crate::domain::lead::LeadId;

/// The latest ends of a lead that are looked at: some weeks of the longest wait.
const LOOKED_AT: usize = 200;

/// A lead that waits because its status flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// Which.
    pub lead: LeadId,
    /// Since when.
    pub since: Timestamp,
    /// When it is read again.
    pub due: Timestamp,
}

impl Store {
    /// When this lead was finalized again, oldest first, as far as its events are kept.
    pub async fn finalized_again(&self, platform: &Platform, lead: LeadId) -> Result<Vec<Again>, StoreError> {
        let no = platform.no;
        self.read_for_a_commit(move |inner| {
            let Some(known) = known::look_up(&inner.tree, no, &[lead])?.pop().flatten() else { return Ok(Vec::new()) };
            let finalized = records::event_code(EventType::LeadFinalized);
            let ends = known.happened.iter().filter(|happened| happened.event_type == finalized).skip(1);
            let seqs: Vec<_> = ends.map(|happened| happened.seq).collect();
            let mut again = Vec::new();
            for seq in &seqs[seqs.len().saturating_sub(LOOKED_AT)..] {
                if let Some(bytes) = inner.tree.get(keys::event(*seq))? {
                    let (event, _) = records::decode_front::<EventRecord>(&bytes)?;
                    again.push(Again { at: from_ms(event.at), waited: event.waited });
                }
            }
            Ok(again)
        })
        .await
    }

    /// Leads of this platform that wait because their status flaps; by their numbers.
    pub async fn flapping(&self, platform_id: &str) -> Result<Vec<Flapping>, StoreError> {
        let key = keys::platform(platform_id);
        self.read(move |inner| {
            let Some(platform) = Get::get::<PlatformRecord>(&inner.tree, &key)? else { return Ok(Vec::new()) };
            let mut flapping = Vec::new();
            for entry in inner.tree.scan_prefix(keys::fetches(platform.no)) {
                let (key, value) = entry?;
                let job: FetchRecord = records::decode(&value)?;
                if job.flaps && job.dead.is_none() {
                    let lead = LeadId(keys::last_u64(&key));
                    flapping.push(Flapping { lead, since: from_ms(job.since), due: from_ms(job.due) });
                }
            }
            Ok(flapping)
        })
        .await
    }
}
