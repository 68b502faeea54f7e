//! Counts of what the store holds, for `status`.

use jiff::Timestamp;

use super::destinations::{Holds, holds};
use super::error::StoreError;
use super::keys;
use super::records::{DestinationRecord, LaneCounts, LaneRecord, PendingRecord, PlatformRecord, from_ms};
use super::txn::Get;
use super::{Inner, Store};

/// What one route has sent, and still has to send, to one destination.
#[derive(Clone, Debug)]
pub struct LaneCensus {
    /// The destination's name, as it was when the deliveries were made.
    pub destination: String,
    /// The route's, likewise.
    pub route: String,
    /// Still to be delivered.
    pub pending: u64,
    /// Accepted.
    pub delivered: u64,
    /// Given up on.
    pub dead: u64,
    /// Dropped or moved by a person.
    pub dropped: u64,
}

/// A destination that the store has heard of.
#[derive(Clone, Debug)]
pub struct DestinationCensus {
    /// Its name.
    pub name: String,
    /// What holds it back.
    pub holds: Holds,
    /// When the oldest pending delivery was made.
    pub oldest_pending: Option<Timestamp>,
}

/// Everything that is counted.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// By destination and route.
    pub lanes: Vec<LaneCensus>,
    /// By destination.
    pub destinations: Vec<DestinationCensus>,
    /// Leads seen, the baseline's among them.
    pub seen_leads: u64,
    /// Leads whose details are still to be read.
    pub set_aside: u64,
    /// Leads whose details were given up on.
    pub unreadable: u64,
    /// On disk, in bytes.
    pub bytes: u64,
}

impl Store {
    /// Counts what is there; the leads are those of this platform.
    pub async fn census(&self, platform_id: &str) -> Result<Census, StoreError> {
        let platform_id = platform_id.to_owned();
        self.read(move |inner| inner.census(&platform_id)).await
    }
}

impl Inner {
    fn census(&self, platform_id: &str) -> Result<Census, StoreError> {
        let mut census = Census { bytes: self.db.size_on_disk()?, ..Census::default() };
        if let Some(record) = Get::get::<PlatformRecord>(&self.tree, &keys::platform(platform_id))? {
            census.seen_leads = record.seen;
            census.set_aside = self.tree.scan_prefix(keys::fetches_due(record.no)).count() as u64;
            census.unreadable =
                (self.tree.scan_prefix(keys::fetches(record.no)).count() as u64).saturating_sub(census.set_aside);
        }
        for entry in self.tree.scan_prefix(b"D") {
            let (key, value) = entry?;
            let record: DestinationRecord = super::records::decode(&value)?;
            let name = String::from_utf8_lossy(&key[1..]).into_owned();
            let oldest = self.tree.scan_prefix(keys::pendings(record.no)).next().transpose()?;
            let oldest = oldest.map(|(_, value)| super::records::decode::<PendingRecord>(&value)).transpose()?;
            census.destinations.push(DestinationCensus {
                holds: holds(&record),
                oldest_pending: oldest.map(|pending| from_ms(pending.opened)),
                name,
            });
        }
        for entry in self.tree.scan_prefix(b"L") {
            let (key, value) = entry?;
            let lane: LaneRecord = super::records::decode(&value)?;
            let no = key.last_chunk::<4>().map_or(0, |no| u32::from_be_bytes(*no));
            let counts: LaneCounts = Get::get(&self.tree, &keys::counts(no))?.unwrap_or_default();
            census.lanes.push(LaneCensus {
                destination: Get::get(&self.tree, &keys::destination_name(lane.destination))?.unwrap_or_default(),
                route: lane.route,
                pending: counts.pending,
                delivered: counts.delivered,
                dead: counts.dead,
                dropped: counts.dropped,
            });
        }
        Ok(census)
    }
}
