//! The feed: what happens, as it happens, for whoever wants to look. Nothing waits for a listener.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::{Counters, History};
use crate::domain::event::EventType;
use crate::domain::lead::LeadId;
use crate::domain::outcome::Outcome;
use crate::domain::retry::{Death, Verdict};

/// Happenings that a slow listener may lie behind before it misses some.
const BACKLOG: usize = 4096;

/// Something that happened, after it was safe on disk.
#[derive(Clone, Debug)]
pub enum Happening {
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
        /// The same in a few words.
        in_short: String,
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
    /// A lead's details could not be read; they are tried again later.
    SetAside {
        /// Whose.
        lead: LeadId,
        /// Why.
        error: String,
        /// The same in a few words.
        in_short: String,
        /// When.
        due: Timestamp,
    },
    /// A lead's details were given up on.
    Unreadable {
        /// Whose.
        lead: LeadId,
        /// Why.
        error: String,
    },
    /// A delivery was tried, and the end of it is on disk.
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
        step: Option<String>,
        /// What it means.
        outcome: Outcome,
        /// The answer's status, or what happened instead.
        said: String,
        /// The same in one word.
        in_short: String,
        /// How long it took.
        took: Duration,
        /// What follows.
        verdict: Verdict,
        /// Since leadhook saw the event happen.
        age: Duration,
    },
    /// A delivery was made by its last call but for those that it turned out not to need.
    Done {
        /// Where.
        destination: String,
        /// Whose.
        lead: LeadId,
        /// Since leadhook saw the event happen.
        age: Duration,
    },
    /// A delivery died without another attempt: it grew too old, or no request can be made of it.
    Unsent {
        /// Where.
        destination: String,
        /// Whose.
        lead: LeadId,
        /// Why.
        death: Death,
    },
    /// A destination failed so often in a row that only probes are sent until one is accepted.
    Failing {
        /// Which.
        destination: String,
    },
    /// A destination that was failing takes deliveries again.
    Recovered {
        /// Which.
        destination: String,
    },
}

/// Where happenings are told and listened to; cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    told: broadcast::Sender<Arc<Happening>>,
    counters: Counters,
    history: History,
}

impl Default for Feed {
    fn default() -> Feed {
        Feed { told: broadcast::channel(BACKLOG).0, counters: Counters::default(), history: History::default() }
    }
}

impl Feed {
    /// Tells everyone who listens.
    pub fn tell(&self, happening: Happening) {
        self.counters.note(&happening);
        let happening = Arc::new(happening);
        self.history.note(&happening);
        // An error means that nobody listens.
        let _ = self.told.send(happening);
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.told.subscribe()
    }

    /// What happened lately.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What was counted of all that was told.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
