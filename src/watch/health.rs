//! How each part is doing: what `status` shows beside the store's counts. It is gone with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::domain::lead::LeadId;
use crate::domain::window::Window;
use crate::watch::{Pulses, Room};

/// Windows that could not be checked and are remembered.
const UNCHECKED: usize = 16;

/// Something that went wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// When, last.
    pub at: Timestamp,
    /// What, in a sentence.
    pub error: String,
    /// How often in a row.
    pub times: u32,
}

/// How the source is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SourceHealth {
    /// What went wrong since the last good poll.
    pub trouble: Option<Trouble>,
    /// The same in a few words, without what was asked and where.
    pub in_short: Option<String>,
    /// It asked to be left alone until then.
    pub wait_until: Option<Timestamp>,
    /// Leads that showed up late.
    #[serde(default)]
    pub lateness: Lateness,
    /// Windows whose list is full and that cannot be made shorter: some of their leads may be missing. The latest of them.
    #[serde(default)]
    pub unchecked: Vec<Unchecked>,
    /// It does not look at the time that it is asked for, since.
    #[serde(default)]
    pub heedless_since: Option<Timestamp>,
}

/// A window whose list is full, and which cannot be made shorter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchecked {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
    /// What is the matter, in a sentence.
    pub what: String,
}

impl SourceHealth {
    /// Notes a window that could not be checked; false where it is known.
    pub fn note_unchecked(&mut self, window: Window, what: &str) -> bool {
        let unchecked = Unchecked { from: window.from, to: window.to, what: what.to_owned() };
        if self.unchecked.contains(&unchecked) {
            return false;
        }
        if self.unchecked.len() == UNCHECKED {
            self.unchecked.remove(0);
        }
        self.unchecked.push(unchecked);
        true
    }
}

/// Leads that showed up late, in this run: they were listed for the first time by a window that had been read whole before.
///
/// A row carries no time. So late as is said here they were at the least: since the end of that window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// How many there were.
    pub count: u64,
    /// How late the last one was, in seconds.
    pub last_s: u64,
    /// How late the latest was, in seconds.
    pub max_s: u64,
    /// When the last one showed up.
    pub at: Option<Timestamp>,
}

impl Lateness {
    /// Notes one more.
    pub fn note(&mut self, late: Duration, now: Timestamp) {
        self.count += 1;
        self.last_s = late.as_secs();
        self.max_s = self.max_s.max(late.as_secs());
        self.at = Some(now);
    }
}

/// How a destination is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DestinationHealth {
    /// It failed so often in a row that only probes are sent, since.
    pub failing_since: Option<Timestamp>,
    /// The last delivery that it accepted in this run.
    pub last_accepted: Option<Timestamp>,
    /// What went wrong since.
    pub trouble: Option<Trouble>,
    /// Attempts on the wire.
    pub in_flight: usize,
}

/// What could not be told of events since the service began.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Doubts {
    /// Ratings that are there and cannot be read.
    pub unreadable_ratings: u64,
    /// Conditions that could not be evaluated, by route: they counted as not holding.
    pub conditions: BTreeMap<String, Doubt>,
}

/// A route's condition that could not be evaluated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Doubt {
    /// How often.
    pub times: u64,
    /// Why, the last time.
    pub why: String,
    /// Of which lead that was.
    pub lead: LeadId,
}

#[derive(Default)]
struct Parts {
    source: SourceHealth,
    doubts: Doubts,
    destinations: BTreeMap<String, DestinationHealth>,
    reload: Option<Trouble>,
    needs_restart: Vec<String>,
}

/// The health of all parts; cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<Parts>>, watch::Sender<Option<Timestamp>>, Room, Pulses);

impl Health {
    /// How the source is doing.
    pub fn source(&self) -> SourceHealth {
        self.parts(|parts| parts.source.clone())
    }

    /// Tells of each good poll from now on: when the last one came back, `None` before the first of this run.
    pub fn good_polls(&self) -> watch::Receiver<Option<Timestamp>> {
        self.1.subscribe()
    }

    /// Whether the loops turn.
    pub fn pulses(&self) -> &Pulses {
        &self.3
    }

    /// Whether there is room on the disk.
    pub fn room(&self) -> &Room {
        &self.2
    }

    /// The newest window was read whole.
    pub fn note_good_poll(&self, now: Timestamp) {
        self.1.send_replace(Some(now));
    }

    /// How this destination is doing.
    pub fn destination(&self, name: &str) -> DestinationHealth {
        self.parts(|parts| parts.destinations.get(name).cloned().unwrap_or_default())
    }

    /// What could not be told of events.
    pub fn doubts(&self) -> Doubts {
        self.parts(|parts| parts.doubts.clone())
    }

    /// Notes a rating that cannot be read.
    pub fn note_unreadable_rating(&self) {
        self.parts(|parts| parts.doubts.unreadable_ratings += 1);
    }

    /// Notes that a route's condition could not be evaluated for a lead.
    pub fn note_doubt(&self, route: &str, why: &str, lead: LeadId) {
        self.parts(|parts| {
            let times = parts.doubts.conditions.get(route).map_or(0, |doubt| doubt.times) + 1;
            parts.doubts.conditions.insert(route.to_owned(), Doubt { times, why: why.to_owned(), lead });
        });
    }

    /// Notes how the source is doing.
    pub fn of_source(&self, change: impl FnOnce(&mut SourceHealth)) {
        self.parts(|parts| change(&mut parts.source));
    }

    /// Notes how a destination is doing.
    pub fn of_destination(&self, name: &str, change: impl FnOnce(&mut DestinationHealth)) {
        self.parts(|parts| match parts.destinations.get_mut(name) {
            Some(health) => change(health),
            None => change(parts.destinations.entry(name.to_owned()).or_default()),
        });
    }

    /// Why the file could not be taken over when it was last read again; `None`: it could.
    pub fn reload(&self) -> Option<Trouble> {
        self.parts(|parts| parts.reload.clone())
    }

    /// Notes how reading the file again has ended.
    pub fn note_reload(&self, trouble: Option<Trouble>) {
        self.parts(|parts| parts.reload = trouble);
    }

    /// Keys of the file for which leadhook would have to be started again.
    pub fn needs_restart(&self) -> Vec<String> {
        self.parts(|parts| parts.needs_restart.clone())
    }

    /// Notes which those are.
    pub fn note_needs_restart(&self, keys: Vec<String>) {
        self.parts(|parts| parts.needs_restart = keys);
    }

    fn parts<T>(&self, look: impl FnOnce(&mut Parts) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Trouble {
    /// The same again, or the first of its kind.
    pub fn again(before: Option<Trouble>, error: String, at: Timestamp) -> Trouble {
        Trouble { at, error, times: before.map_or(0, |before| before.times).saturating_add(1) }
    }
}
