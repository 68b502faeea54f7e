//! What stands under the keys. Every record begins with its version; fields are only ever added at the end, with a default.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::keys::{DestinationNo, LaneNo, PlatformNo, Seq};
use crate::domain::backfill::Counts;
use crate::domain::event::{EventType, Origin};
use crate::domain::route::{Said, SaidVerdict};

/// The format of the whole store; a newer one is refused.
pub const FORMAT: u32 = 1;

const RECORD_VERSION: u8 = 1;

/// A record as bytes: its version, then MessagePack with structs as arrays, so that a field added at the end is
/// simply missing from older records.
pub fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![RECORD_VERSION];
    rmp_serde::encode::write(&mut bytes, record).map_err(|e| StoreError::Record(e.to_string()))?;
    Ok(bytes)
}

/// The record that these bytes hold.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    borrow(bytes)
}

/// The record that these bytes hold, borrowing from them.
pub fn borrow<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&RECORD_VERSION, rest)) => rmp_serde::from_slice(rest).map_err(|e| StoreError::Record(e.to_string())),
        Some((version, _)) => Err(StoreError::Record(format!("version {version} is newer than this leadhook"))),
        None => Err(StoreError::Record("it is empty".into())),
    }
}

/// The record at the front of these bytes, and the bytes behind it.
pub fn decode_front<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), StoreError> {
    match bytes.split_first() {
        Some((&RECORD_VERSION, mut rest)) => {
            let record = rmp_serde::from_read(&mut rest).map_err(|e| StoreError::Record(e.to_string()))?;
            Ok((record, rest))
        }
        // Says what is wrong with it.
        _ => decode(bytes).map(|record| (record, bytes)),
    }
}

/// Milliseconds since 1970, as stored.
pub fn to_ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A stored time; out of range only in a damaged record, where the nearest is as good as any.
pub fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// One source's state, kept by its platform id.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct PlatformRecord {
    pub no: PlatformNo,
    /// Nothing below is ever read.
    pub floor: i64,
    /// `start` as it was when the floor was laid: `None` for "now".
    pub start: Option<i64>,
    /// Where readings that end by this only remember what they list. `None` with `baseline` set: the first reading
    /// has not come back yet.
    pub baseline_until: Option<i64>,
    pub baseline: bool,
    pub coverage: Vec<(i64, i64)>,
    pub last_poll: Option<i64>,
    pub seen: u64,
    /// When the last readings that reach further back began, and came to a good end.
    #[serde(default)]
    pub looked_back: Option<i64>,
    #[serde(default)]
    pub swept: Option<i64>,
    /// The rows of the fullest list yet, and how many rows its lists end at.
    #[serde(default)]
    pub fullest: u64,
    #[serde(default)]
    pub cap: Option<u64>,
    /// When leadhook was first started for it; `None` where a leadhook made this record that did not note it.
    #[serde(default)]
    pub began: Option<i64>,
}

/// A destination's number and what was done to it.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct DestinationRecord {
    pub no: DestinationNo,
    /// Paused by hand, since.
    pub paused: Option<i64>,
    /// Disabled because it answered 410, since.
    pub disabled: Option<i64>,
    /// Asked us to wait until.
    pub wait_until: Option<i64>,
    /// Failing, so that only probes are sent, since.
    #[serde(default)]
    pub failing: Option<i64>,
    /// When it last stopped failing.
    #[serde(default)]
    pub recovered: Option<i64>,
    /// When a person last had it resumed.
    #[serde(default)]
    pub resumed: Option<i64>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct LaneRecord {
    pub destination: DestinationNo,
    pub route: String,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    pub pending: u64,
    pub delivered: u64,
    pub dead: u64,
    pub dropped: u64,
}

/// A lead whose details are still to be read, or were given up on.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct FetchRecord {
    pub mapped_status: Option<String>,
    /// The row's `client_lead_id` as JSON text.
    pub client_lead_id: Option<String>,
    pub from: i64,
    pub to: i64,
    pub since: i64,
    pub attempts: u32,
    pub charged_ms: u64,
    pub last_attempt: i64,
    pub planned_ms: u64,
    pub due: i64,
    pub error: String,
    /// Given up on, since.
    pub dead: Option<i64>,
    /// It waits because its status flaps.
    #[serde(default)]
    pub flaps: bool,
}

/// That the source does not answer, kept from the first failure to the next good poll.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct SilenceRecord {
    pub since: i64,
    /// It counts as stale, since.
    pub stale: Option<i64>,
}

/// Rows of the source's lists that make no sense.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub struct MalformedRecord {
    pub reasons: Vec<String>,
    pub rows: Vec<MalformedRowRecord>,
}

/// One of them; of its text nothing is kept but a print.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct MalformedRowRecord {
    pub print: u64,
    /// Which of the reasons.
    pub reason: u32,
    /// Within which its conversation was finalized.
    pub from: i64,
    pub to: i64,
    /// Listed first and last.
    pub first: i64,
    pub last: i64,
    pub readings: u32,
    pub set_aside: bool,
}

/// A lead that is read again for want of a rating; behind it stand the marks of its watched fields.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct RecheckRecord {
    pub mapped_status: Option<String>,
    /// The row's `client_lead_id` as JSON text.
    pub client_lead_id: Option<String>,
    /// Since when its age counts: when it was listed as finalized.
    pub since: i64,
    /// Readings that failed since the last good one.
    pub failed: u32,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct EventRecord {
    pub id: String,
    pub event_type: u8,
    pub subject: String,
    pub at: i64,
    pub platform: PlatformNo,
    pub lead: u64,
    pub revision: u32,
    pub origin: u8,
    /// Pieces of the envelope under keys of their own. The first stands behind this record, and is mostly the only one.
    pub chunks: u16,
    /// What each route said when the event was recorded.
    #[serde(default)]
    pub said: Vec<RouteSaid>,
    /// It was put back after retention had taken it: what became of it before is known of its lead alone.
    #[serde(default)]
    pub put_back: bool,
    /// Its lead had waited until then, because its status flapped.
    #[serde(default)]
    pub waited: bool,
}

/// What is kept of how an event came to be here.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    pub origin: Origin,
    pub put_back: bool,
    pub waited: bool,
}

/// What one route said of an event.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct RouteSaid {
    pub route: String,
    pub verdict: u8,
    pub why: String,
}

impl From<Said> for RouteSaid {
    fn from(said: Said) -> RouteSaid {
        let verdict = match said.verdict {
            SaidVerdict::Yes => 0,
            SaidVerdict::OtherType => 1,
            SaidVerdict::ConditionFalse => 2,
            SaidVerdict::CannotTell => 3,
            SaidVerdict::FirstRouteWon => 4,
            SaidVerdict::AboutItself => 5,
        };
        RouteSaid { route: said.route, verdict, why: said.why }
    }
}

impl TryFrom<RouteSaid> for Said {
    type Error = StoreError;

    fn try_from(said: RouteSaid) -> Result<Said, StoreError> {
        let verdict = match said.verdict {
            0 => SaidVerdict::Yes,
            1 => SaidVerdict::OtherType,
            2 => SaidVerdict::ConditionFalse,
            3 => SaidVerdict::CannotTell,
            4 => SaidVerdict::FirstRouteWon,
            5 => SaidVerdict::AboutItself,
            code => return Err(StoreError::Record(format!("a route's word {code} is newer than this leadhook"))),
        };
        Ok(Said { route: said.route, verdict, why: said.why })
    }
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct PendingRecord {
    pub lane: LaneNo,
    pub platform: PlatformNo,
    pub lead: u64,
    /// Made, or last reopened.
    pub opened: i64,
    pub due: i64,
    /// Counted attempts that failed since it was opened.
    pub failed: u32,
    /// Attempts of any kind, ever.
    pub tries: u32,
    /// It goes when nothing else is due there: history must not hold up what happens now.
    #[serde(default)]
    pub behind: bool,
    /// It is not due before its contact may be told of again.
    #[serde(default)]
    pub for_contact: bool,
    /// When a person had it sent again after it had died; the latest of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_again: Vec<i64>,
}

impl PendingRecord {
    /// One that is due from the moment it is opened, and was never tried.
    pub fn new(lane: LaneNo, platform: PlatformNo, lead: u64, opened: i64) -> PendingRecord {
        let (due, failed, tries, behind, for_contact, sent_again) = (opened, 0, 0, false, false, Vec::new());
        PendingRecord { lane, platform, lead, opened, due, failed, tries, behind, for_contact, sent_again }
    }
}

/// A backfill: its order, and how far it has got.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct BackfillRecord {
    pub platform: PlatformNo,
    pub destination: String,
    pub from: i64,
    pub to: i64,
    pub typed: (String, Option<String>),
    pub on: Vec<u8>,
    pub again: bool,
    pub dry_run: bool,
    pub state: u8,
    pub begun: i64,
    pub ended: Option<i64>,
    pub done_until: i64,
    pub reached: i64,
    /// Of the pieces that were gone through.
    pub counts: Counts,
    /// Leads that were put on their way in the piece that it is in.
    pub sent_in_piece: u64,
    /// Leads of that piece that were looked at.
    pub looked_in_piece: u64,
    pub waits: Option<String>,
    pub left: Vec<LeftRecord>,
}

/// A lead of a backfill whose details could not be read.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct LeftRecord {
    pub lead: u64,
    pub mapped_status: Option<String>,
    pub client_lead_id: Option<String>,
    pub from: i64,
    pub to: i64,
    pub history: bool,
}

/// How a delivery ended; a number on disk, since it is kept for every lead and destination for ever.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(into = "u8", try_from = "u8")]
pub enum Settled {
    Delivered,
    Dead,
    Dropped,
}

impl From<Settled> for u8 {
    fn from(settled: Settled) -> u8 {
        match settled {
            Settled::Delivered => 0,
            Settled::Dead => 1,
            Settled::Dropped => 2,
        }
    }
}

impl TryFrom<u8> for Settled {
    type Error = String;

    fn try_from(code: u8) -> Result<Settled, String> {
        [Settled::Delivered, Settled::Dead, Settled::Dropped]
            .into_iter()
            .find(|settled| u8::from(*settled) == code)
            .ok_or_else(|| format!("a delivery's end {code} is newer than this leadhook"))
    }
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct SettledRecord {
    pub state: Settled,
    pub lane: LaneNo,
    pub platform: PlatformNo,
    pub lead: u64,
    pub at: i64,
    pub tries: u32,
    /// For a dead one, why; else empty.
    pub why: String,
    /// What the last attempt said, in a few words; for filters and lists.
    pub error: String,
    /// The attempt that was accepted, the last of `tries`. Most deliveries are made at once, and one record less for
    /// each of them counts.
    pub accepted: Option<AttemptRecord>,
    /// See [`PendingRecord::sent_again`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_again: Vec<i64>,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct AttemptRecord {
    pub at: i64,
    pub took_ms: u32,
    pub outcome: String,
    pub status: Option<u16>,
    /// Where no status came, what happened, or where a broker has put it; else what is wrong with an answer that looks right.
    pub error: String,
    /// The first 2 KiB of the answer, as text.
    pub answer: String,
    pub cut: bool,
    pub counted: bool,
    /// Which of several steps it was.
    #[serde(default)]
    pub step: Option<String>,
}

impl AttemptRecord {
    /// What came back, in a few words.
    pub fn in_short(&self) -> String {
        said(self.status, &self.error)
    }
}

/// What came back of an attempt, in a few words: `HTTP 503`, `connection refused`.
pub fn said(status: Option<u16>, error: &str) -> String {
    match status {
        Some(status) if error.is_empty() => format!("HTTP {status}"),
        Some(status) => format!("HTTP {status}, but {error}"),
        None => error.to_owned(),
    }
}

/// What a dead letter is about.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum DeadRef {
    Delivery { seq: Seq, destination: DestinationNo, died: i64 },
    Lead { platform: String, lead: u64, died: i64 },
}

impl DeadRef {
    pub fn died(&self) -> i64 {
        match self {
            DeadRef::Delivery { died, .. } | DeadRef::Lead { died, .. } => *died,
        }
    }
}

pub fn event_code(event_type: EventType) -> u8 {
    match event_type {
        EventType::LeadFinalized => 1,
        EventType::LeadRated => 2,
        EventType::LeadUpdated => 3,
        EventType::OpsSourceStale => 16,
        EventType::OpsSourceRecovered => 17,
        EventType::OpsSourceCapped => 18,
        EventType::OpsDestinationFailing => 19,
        EventType::OpsDestinationRecovered => 20,
        EventType::OpsDestinationDisabled => 21,
        EventType::OpsDeadLetter => 22,
    }
}

pub fn event_type(code: u8) -> Result<EventType, StoreError> {
    EventType::ALL
        .into_iter()
        .find(|t| event_code(*t) == code)
        .ok_or_else(|| StoreError::Record(format!("event type {code} is newer than this leadhook")))
}

pub fn origin_code(origin: Origin) -> u8 {
    match origin {
        Origin::Live => 0,
        Origin::Backfill => 1,
    }
}

pub fn origin(code: u8) -> Origin {
    if code == 1 { Origin::Backfill } else { Origin::Live }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Old {
        a: u32,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct New {
        a: u32,
        #[serde(default)]
        b: Option<String>,
    }

    #[test]
    fn a_field_added_at_the_end_is_missing_from_older_records() {
        let bytes = encode(&Old { a: 7 }).expect("encodes");
        assert_eq!(decode::<New>(&bytes).expect("decodes"), New { a: 7, b: None });
    }

    #[test]
    fn a_record_of_another_version_or_none_is_refused() {
        assert!(decode::<Old>(&[]).is_err());
        assert!(decode::<Old>(&[9, 145, 7]).is_err());
        assert!(decode::<Old>(&[1]).is_err());
    }
}
