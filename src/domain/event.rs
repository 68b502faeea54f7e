//! Events: what happened to a lead, under an id that is computed and never drawn.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::lead::{Lead, LeadId, Row};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EventType {
    /// A conversation was finished, for the first time or again.
    #[serde(rename = "lead.finalized")]
    LeadFinalized,
}

impl EventType {
    /// Every type that this build emits, in the order in which a person would list them.
    pub const ALL: [EventType; 1] = [EventType::LeadFinalized];

    /// The name as it stands in the file, in the envelope and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::LeadFinalized => "lead.finalized",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::ALL.into_iter().find(|t| t.as_str() == name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How leadhook came to know of the happening.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Seen as it happened, or as soon as the source could be read again.
    Live,
    /// Sent on request, out of the past.
    Backfill,
}

/// An event's id: `evt_` and 26 characters of `[a-z2-7]`, 130 bits of a SHA-256.
///
/// The same happening has the same id after a crash, a restore or on a new directory, so that a receiver can drop repeats.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// The id of the `n`-th event (from 0) of this lead with this type and subject.
    pub fn of(platform: &str, lead: LeadId, event_type: EventType, subject: &str, n: u32) -> EventId {
        EventId(computed_id("evt", &[platform, &lead.to_string(), event_type.as_str(), subject, &n.to_string()]))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `PREFIX_` and 26 characters from a hash of the parts. Each part goes in behind its length, so that no two lists of
/// parts can run together into the same bytes.
pub fn computed_id(prefix: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut id = String::with_capacity(prefix.len() + 27);
    id.push_str(prefix);
    id.push('_');
    let (mut bits, mut held) = (0u32, 0u32);
    let mut bytes = digest.iter();
    while id.len() < prefix.len() + 27 {
        if held < 5 {
            bits = (bits << 8) | u32::from(*bytes.next().unwrap_or(&0));
            held += 8;
        }
        held -= 5;
        id.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(bits >> held) as usize & 31]));
        bits &= (1 << held) - 1;
    }
    id
}

/// An event that is ready to be recorded: its id and its envelope, as every destination will get it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The computed id; `webhook-id` on the wire.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// Among events of one lead and type, what tells this happening from another: the `mapped_status` for finalized.
    pub subject: String,
    /// The lead that it happened to.
    pub lead: LeadId,
    /// When leadhook saw it; the API gives no time.
    pub timestamp: Timestamp,
    /// Which event of the lead this is in this store, from 1. Not part of the id.
    pub revision: u32,
    /// The envelope's JSON text: `type`, `timestamp`, `data`.
    pub envelope: String,
}

/// The facts beside the row and the details that an event is made of.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// `platform_id` of the source.
    pub platform: &'a str,
    /// How many earlier events of this lead have the same type and subject.
    pub n: u32,
    /// How many events this lead has had in this store, this one counted.
    pub revision: u32,
    /// How leadhook came to know of it.
    pub origin: Origin,
    /// When.
    pub now: Timestamp,
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: EventType,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    weclever_lead_id: LeadId,
    client_lead_id: Option<&'a RawValue>,
    mapped_status: Option<&'a str>,
    platform_id: &'a str,
    revision: u32,
    origin: Origin,
    lead: &'a RawValue,
}

/// What tells one finalization of a lead from another: its `mapped_status`, empty where the API gives none.
pub fn finalized_subject(row: &Row) -> &str {
    row.mapped_status.as_deref().unwrap_or("")
}

/// `lead.finalized` for this row and these details.
pub fn finalized(row: &Row, lead: &Lead, seen: Seen<'_>) -> Event {
    let subject = finalized_subject(row).to_owned();
    let event_type = EventType::LeadFinalized;
    let envelope = Envelope {
        r#type: event_type,
        timestamp: rfc3339(seen.now),
        data: Data {
            weclever_lead_id: row.id,
            client_lead_id: row.client_lead_id.as_deref(),
            mapped_status: row.mapped_status.as_deref(),
            platform_id: seen.platform,
            revision: seen.revision,
            origin: seen.origin,
            lead: lead.raw(),
        },
    };
    Event {
        id: EventId::of(seen.platform, row.id, event_type, &subject, seen.n),
        event_type,
        subject,
        lead: row.id,
        timestamp: seen.now,
        revision: seen.revision,
        // Strings, numbers and JSON that was parsed before: nothing here can fail to serialize.
        envelope: serde_json::to_string(&envelope).unwrap_or_default(),
    }
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-23T17:20:31.512Z`.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}
