//! A happening as it is told to whoever is not of this process: one object, without anything of a person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Happening;
use crate::domain::event::EventType;
use crate::domain::lead::LeadId;
use crate::domain::outcome::Outcome;
use crate::domain::retry::{Death, Verdict};

/// When it was told, and what happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// When it was told, a moment after it was safe on disk.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened; see [`Happening`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The first that is told: from here on, all is.
    Listening {
        /// The service's.
        version: String,
        /// The zone of the source's clocks.
        timezone: String,
    },
    /// So much was not told, for whoever listens was too slow.
    Missed {
        /// How many happenings.
        count: u64,
    },
    /// A window was read whole.
    Read {
        /// Rows that it listed.
        listed: usize,
        /// Leads among them that were not known.
        new: usize,
    },
    /// A window could not be read.
    ReadFailed {
        /// Why.
        error: String,
    },
    /// An event and its deliveries were recorded.
    Recorded {
        /// Whose.
        lead: LeadId,
        /// The event's id.
        event_id: String,
        /// What happened.
        event_type: EventType,
        /// Who wants it.
        destinations: Vec<String>,
    },
    /// A lead's details could not be read.
    SetAside {
        /// Whose.
        lead: LeadId,
        /// Why.
        error: String,
        /// When they are tried again.
        due: Timestamp,
    },
    /// A lead's details were given up on.
    Unreadable {
        /// Whose.
        lead: LeadId,
        /// Why.
        error: String,
    },
    /// A delivery was tried.
    Tried {
        /// Where.
        destination: String,
        /// Whose.
        lead: LeadId,
        /// The event's id.
        event_id: String,
        /// What had happened.
        event_type: EventType,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Which of several steps it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// What it means: `accepted`, `retry`, `throttled`, `given_up`, `gone`.
        outcome: String,
        /// The answer's status, or what happened instead.
        said: String,
        /// How long it took.
        took_ms: u64,
        /// What follows.
        next: Next,
    },
    /// A delivery was made by its last call but for those that it turned out not to need.
    Done {
        /// Where.
        destination: String,
        /// Whose.
        lead: LeadId,
    },
    /// A delivery died without another attempt.
    Unsent {
        /// Where.
        destination: String,
        /// Whose.
        lead: LeadId,
        /// Why.
        why: Death,
    },
    /// Only probes go there.
    Failing {
        /// Where.
        destination: String,
    },
    /// It takes deliveries again.
    Recovered {
        /// Where.
        destination: String,
    },
}

/// What follows an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Next {
    /// Nothing: it is delivered.
    Delivered,
    /// The next of several steps.
    NextStep,
    /// Another attempt.
    Again {
        /// When.
        at: Timestamp,
        /// Whether this one counts.
        counted: bool,
    },
    /// Nothing until a person decides.
    Dead {
        /// Why.
        why: Death,
    },
    /// Nothing until the destination is resumed.
    Parked,
}

impl Told {
    /// What is told of it at this moment.
    pub fn of(happening: &Happening, at: Timestamp) -> Told {
        let what = match happening.clone() {
            Happening::Read { listed, new } => What::Read { listed, new },
            Happening::ReadFailed { error, .. } => What::ReadFailed { error },
            Happening::Recorded { lead, event_id, event_type, destinations } => {
                What::Recorded { lead, event_id, event_type, destinations }
            }
            Happening::SetAside { lead, error, due, .. } => What::SetAside { lead, error, due },
            Happening::Unreadable { lead, error } => What::Unreadable { lead, error },
            Happening::Tried {
                destination,
                lead,
                event_id,
                event_type,
                attempt,
                step,
                outcome,
                said,
                took,
                verdict,
                ..
            } => What::Tried {
                destination,
                lead,
                event_id,
                event_type,
                attempt,
                step,
                outcome: outcome.as_str().to_owned(),
                said,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                next: Next::of(verdict),
            },
            Happening::Done { destination, lead, .. } => What::Done { destination, lead },
            Happening::Unsent { destination, lead, death } => What::Unsent { destination, lead, why: death },
            Happening::Failing { destination } => What::Failing { destination },
            Happening::Recovered { destination } => What::Recovered { destination },
        };
        Told { at, what }
    }
}

impl Next {
    fn of(verdict: Verdict) -> Next {
        match verdict {
            Verdict::Delivered => Next::Delivered,
            Verdict::NextStep => Next::NextStep,
            Verdict::Again { at, counted } => Next::Again { at, counted },
            Verdict::Dead(why) => Next::Dead { why },
            Verdict::Parked => Next::Parked,
        }
    }
}

impl What {
    /// Whether it is something that went wrong.
    pub fn is_failure(&self) -> bool {
        match self {
            What::Tried { outcome, .. } => outcome != Outcome::Accepted.as_str(),
            What::ReadFailed { .. }
            | What::SetAside { .. }
            | What::Unreadable { .. }
            | What::Unsent { .. }
            | What::Failing { .. }
            | What::Missed { .. } => true,
            What::Listening { .. }
            | What::Read { .. }
            | What::Recorded { .. }
            | What::Done { .. }
            | What::Recovered { .. } => false,
        }
    }

    /// The lead that it is about.
    pub fn lead(&self) -> Option<LeadId> {
        match self {
            What::Recorded { lead, .. }
            | What::SetAside { lead, .. }
            | What::Unreadable { lead, .. }
            | What::Tried { lead, .. }
            | What::Done { lead, .. }
            | What::Unsent { lead, .. } => Some(*lead),
            _ => None,
        }
    }

    /// What had happened to that lead.
    pub fn event_type(&self) -> Option<EventType> {
        match self {
            What::Recorded { event_type, .. } | What::Tried { event_type, .. } => Some(*event_type),
            _ => None,
        }
    }

    /// Whether it is about this destination.
    pub fn is_about(&self, name: &str) -> bool {
        match self {
            What::Recorded { destinations, .. } => destinations.iter().any(|one| one == name),
            What::Tried { destination, .. }
            | What::Done { destination, .. }
            | What::Unsent { destination, .. }
            | What::Failing { destination }
            | What::Recovered { destination } => destination == name,
            _ => false,
        }
    }
}
