//! Events: what happened to a lead, or to leadhook itself, under an id that is computed and never drawn.
//!
//! What becomes of a reading of a lead:
//!
//! | what is seen | events, in this order |
//! |---|---|
//! | finalized for the first time, or again | `lead.finalized` |
//! | a rating that was not there before, or another one | `lead.rated` |
//! | a watched field differs, and neither of the two says so already | `lead.updated` |
//!
//! `lead.finalized` tells the lead anew, and whatever changed with it is told by that. `lead.rated` tells of the rating
//! and of the comment that came with it; a phone number that changed at the same time is a `lead.updated` of its own.

mod of_lead;
mod ops;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lead::LeadId;

pub use of_lead::{Facts, Seen, finalized, finalized_subject, rated, rated_subject, updated};
pub use ops::{Ops, ops};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EventType {
    /// A conversation was finished, for the first time or again.
    #[serde(rename = "lead.finalized")]
    LeadFinalized,
    /// A rating is there that was not there before, or another one.
    #[serde(rename = "lead.rated")]
    LeadRated,
    /// A watched field differs from the last reading.
    #[serde(rename = "lead.updated")]
    LeadUpdated,
    /// The source could not be polled for a long time.
    #[serde(rename = "ops.source.stale")]
    OpsSourceStale,
    /// It can be polled again.
    #[serde(rename = "ops.source.recovered")]
    OpsSourceRecovered,
    /// The source's lists end silently at some number of rows.
    #[serde(rename = "ops.source.capped")]
    OpsSourceCapped,
    /// A destination failed so often in a row that only probes are sent.
    #[serde(rename = "ops.destination.failing")]
    OpsDestinationFailing,
    /// It takes deliveries again.
    #[serde(rename = "ops.destination.recovered")]
    OpsDestinationRecovered,
    /// A destination said that it is gone.
    #[serde(rename = "ops.destination.disabled")]
    OpsDestinationDisabled,
    /// A delivery, or a lead's details, were given up on.
    #[serde(rename = "ops.dead_letter")]
    OpsDeadLetter,
}

impl EventType {
    /// Every type that this build emits, in the order in which a person would list them.
    pub const ALL: [EventType; 10] = [
        EventType::LeadFinalized,
        EventType::LeadRated,
        EventType::LeadUpdated,
        EventType::OpsSourceStale,
        EventType::OpsSourceRecovered,
        EventType::OpsSourceCapped,
        EventType::OpsDestinationFailing,
        EventType::OpsDestinationRecovered,
        EventType::OpsDestinationDisabled,
        EventType::OpsDeadLetter,
    ];

    /// The name as it stands in the file, in the envelope and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::LeadFinalized => "lead.finalized",
            EventType::LeadRated => "lead.rated",
            EventType::LeadUpdated => "lead.updated",
            EventType::OpsSourceStale => "ops.source.stale",
            EventType::OpsSourceRecovered => "ops.source.recovered",
            EventType::OpsSourceCapped => "ops.source.capped",
            EventType::OpsDestinationFailing => "ops.destination.failing",
            EventType::OpsDestinationRecovered => "ops.destination.recovered",
            EventType::OpsDestinationDisabled => "ops.destination.disabled",
            EventType::OpsDeadLetter => "ops.dead_letter",
        }
    }

    /// Whether it tells of leadhook itself and not of a lead.
    pub fn is_ops(self) -> bool {
        self.as_str().starts_with("ops.")
    }

    /// What it belongs to: where one type ends what another began, both have one topic.
    pub fn topic(self) -> &'static str {
        match self {
            EventType::OpsSourceStale | EventType::OpsSourceRecovered => "source",
            EventType::OpsDestinationFailing | EventType::OpsDestinationRecovered => "destination",
            other => other.as_str(),
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

impl Origin {
    /// The name as it stands in the envelope.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Live => "live",
            Origin::Backfill => "backfill",
        }
    }
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
    /// Among events of one lead and type, what tells this happening from another: the `mapped_status` for finalized, the
    /// rating as received for rated, the digest of the watched fields for updated.
    pub subject: String,
    /// The lead that it happened to; for `ops.*` a number that all events of one subject have in common.
    pub lead: LeadId,
    /// When leadhook saw it; the API gives no time.
    pub timestamp: Timestamp,
    /// Which event of the lead this is in this store, from 1. Not part of the id.
    pub revision: u32,
    /// The envelope's JSON text: `type`, `timestamp`, `data`.
    pub envelope: String,
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-23T17:20:31.512Z`.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_name_everywhere() {
        for event_type in EventType::ALL {
            let name = event_type.as_str();
            assert_eq!(EventType::from_name(name), Some(event_type));
            assert_eq!(serde_json::to_string(&event_type).expect("serializes"), format!("\"{name}\""));
            assert_eq!(event_type.is_ops(), !name.starts_with("lead."), "{name}");
        }
        assert_eq!(EventType::from_name("lead.finalised"), None);
    }
}
