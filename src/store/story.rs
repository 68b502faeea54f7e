//! What can be told of one lead.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dead::Attempt;
use super::records::Settled;
use crate::domain::csat::Csat;
use crate::domain::event::{EventType, Origin};
use crate::domain::request::Body;
use crate::domain::route::Said;
use crate::domain::steps::{Progress, Stood};

/// A lead's whole story, as far as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Story {
    /// How far leadhook has got with it.
    pub stage: Stage,
    /// The `mapped_status` of its last event, or of the listing that made it known.
    pub mapped_status: Option<String>,
    /// When it was first listed; where it is forgotten, when that was done.
    pub first_listed: Timestamp,
    /// The stretch in which it was finalized, as far as that is known: its beginning...
    pub finalized_from: Timestamp,
    /// ...and its end.
    pub finalized_to: Timestamp,
    /// Its details, where they could not be read yet.
    pub reading: Option<FailedReading>,
    /// When its details are read again for want of a rating; `None`: they are not.
    pub read_again: Option<Timestamp>,
    /// When a person had it forgotten.
    #[serde(default)]
    pub forgotten_at: Option<Timestamp>,
    /// What happened to it, in order.
    pub events: Vec<EventStory>,
}

/// How far leadhook has got with a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was there before leadhook began: seen, not fetched, not sent.
    Baseline,
    /// Its details are still to be read.
    SetAside,
    /// Its details were given up on; it is a dead letter.
    Unreadable,
    /// Its details were given up on, and a person dropped it.
    Dropped,
    /// Its events are recorded.
    Recorded,
    /// A person had it forgotten: only its number is kept, and that.
    Forgotten,
}

/// Details that could not be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailedReading {
    /// When they were tried first.
    pub since: Timestamp,
    /// How often they were tried.
    pub attempts: u32,
    /// When they were tried last.
    pub last_attempt: Timestamp,
    /// What the last try said.
    pub error: String,
    /// They have not been tried yet: the lead waits because its status changes with nearly every list.
    #[serde(default)]
    pub flaps: bool,
    /// When they are tried again; `None`: not before a person wants it.
    pub due: Option<Timestamp>,
    /// When they were given up on.
    pub given_up: Option<Timestamp>,
    /// The dead letter's id, where they were.
    pub dead_letter: Option<String>,
}

/// One event of a lead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventStory {
    /// `lead.finalized` and so on.
    pub event_type: EventType,
    /// Which event of the lead this is, from 1.
    pub revision: u32,
    /// What is kept of the event itself; `None` where only its outcomes are kept any more.
    pub kept: Option<KeptEvent>,
    /// Where it went.
    pub deliveries: Vec<DeliveryStory>,
}

/// What is kept of an event for as long as `retention` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptEvent {
    /// `webhook-id` on the wire.
    pub id: String,
    /// When leadhook saw it happen.
    pub at: Timestamp,
    /// How leadhook came to know of it.
    pub origin: Origin,
    /// The lead's rating, as it was read then; `None` where the event's envelope tells of none.
    pub rating: Option<Csat>,
    /// What each route said of it.
    pub said: Vec<Said>,
    /// The event itself, for whoever works out what becomes of it; it is shown to nobody.
    #[serde(skip)]
    pub envelope: Body,
}

/// One event at one destination.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryStory {
    /// Where to.
    pub destination: String,
    /// Because of which route; `None` where only the outcome is kept any more.
    pub route: Option<String>,
    /// How it stands.
    pub state: DeliveryState,
    /// When it was made or last reopened, or, where it is no longer pending, when it ended; `None` where only the outcome
    /// is kept any more.
    pub at: Option<Timestamp>,
    /// For a pending one: not before then.
    pub due: Option<Timestamp>,
    /// For a pending one: the id of the earlier event of the same lead that holds it back.
    pub behind: Option<String>,
    /// For a pending one: it comes out of the past, and goes when nothing else is due there.
    pub history: bool,
    /// For a pending one: its contact has had as much there as it may, until it is due.
    #[serde(default)]
    pub for_contact: bool,
    /// For a pending one: it is claimed, so that it is on the wire, or next.
    pub under_way: bool,
    /// Attempts of any kind, ever.
    pub tries: u32,
    /// Counted attempts that failed since it was made or reopened.
    pub failed: u32,
    /// When a person had it sent again after it had died, in order; the latest of them.
    #[serde(default)]
    pub sent_again: Vec<Timestamp>,
    /// For a dead one, and one that was moved, why.
    pub why: String,
    /// The dead letter's id, where it is one.
    pub dead_letter: Option<String>,
    /// Every attempt that is kept, in order.
    pub attempts: Vec<Attempt>,
    /// How far it has come, where it takes several calls.
    #[serde(default)]
    pub progress: Progress,
    /// How each of its steps stands, where it takes several calls and is not delivered. The store does not know.
    #[serde(default)]
    pub steps: Vec<Stood>,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Still to be made.
    Pending,
    /// Accepted.
    Delivered,
    /// Given up on.
    Dead,
    /// Dropped or moved by a person.
    Dropped,
}

impl From<Settled> for DeliveryState {
    fn from(settled: Settled) -> DeliveryState {
        match settled {
            Settled::Delivered => DeliveryState::Delivered,
            Settled::Dead => DeliveryState::Dead,
            Settled::Dropped => DeliveryState::Dropped,
        }
    }
}
