//! What happens in the simulated WeClever: counted always, told to whoever listens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::broadcast;

use super::endpoint::Endpoint;
use super::faults::FaultKind;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A conversation was finished.
    Finalized {
        /// The lead.
        id: u64,
        /// Its mapped status.
        status: String,
    },
    /// A lead was rated by hand.
    Rated {
        /// The lead.
        id: u64,
        /// Its rating.
        rating: String,
    },
    /// A request was answered as it should be: what was asked for, or a refusal that the request deserved.
    Served {
        /// What was asked for.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
    },
    /// A good answer was broken.
    Fault {
        /// What was asked for.
        endpoint: Endpoint,
        /// How it was broken.
        kind: FaultKind,
    },
}

/// How many requests came for each endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Requests {
    /// For a token.
    pub token: u64,
    /// For a list.
    pub list: u64,
    /// For one lead.
    pub detail: u64,
    /// For anything else.
    pub unknown: u64,
}

impl Requests {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.token + self.list + self.detail + self.unknown
    }
}

/// What a simulator did, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Leads finalized so far.
    pub leads_finalized: u64,
    /// Requests by endpoint.
    pub requests: Requests,
    /// Broken answers by kind; only kinds that were given.
    pub faults: BTreeMap<&'static str, u64>,
}

/// The counters and the listeners.
#[derive(Debug)]
pub(super) struct Log {
    requests: [AtomicU64; 4],
    faults: [AtomicU64; FaultKind::ALL.len()],
    now_open: AtomicU64,
    most_open: AtomicU64,
    listeners: broadcast::Sender<Happening>,
}

impl Log {
    pub(super) fn new() -> Log {
        Log {
            requests: Default::default(),
            faults: Default::default(),
            now_open: AtomicU64::new(0),
            most_open: AtomicU64::new(0),
            listeners: broadcast::Sender::new(4096),
        }
    }

    /// Counts a request as open until the guard is dropped, which also happens when the client hangs up.
    pub(super) fn open(&self, endpoint: Endpoint) -> Open<'_> {
        self.requests[endpoint as usize].fetch_add(1, Ordering::Relaxed);
        let now = self.now_open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(now, Ordering::Relaxed);
        Open(self)
    }

    pub(super) fn fault(&self, endpoint: Endpoint, kind: FaultKind) {
        self.faults[kind as usize].fetch_add(1, Ordering::Relaxed);
        self.tell(|| Happening::Fault { endpoint, kind });
    }

    /// Tells the listeners; costs next to nothing where there are none.
    pub(super) fn tell(&self, happening: impl FnOnce() -> Happening) {
        if self.has_listeners() {
            // The last listener may have left this very moment.
            let _ = self.listeners.send(happening());
        }
    }

    pub(super) fn has_listeners(&self) -> bool {
        self.listeners.receiver_count() > 0
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.listeners.subscribe()
    }

    pub(super) fn most_open(&self) -> u64 {
        self.most_open.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> Requests {
        let [token, list, detail, unknown] = self.requests.each_ref().map(|count| count.load(Ordering::Relaxed));
        Requests { token, list, detail, unknown }
    }

    pub(super) fn faults(&self) -> BTreeMap<FaultKind, u64> {
        let given = FaultKind::ALL.iter().map(|kind| (*kind, self.faults[*kind as usize].load(Ordering::Relaxed)));
        given.filter(|(_, count)| *count > 0).collect()
    }
}

/// A request that is being answered.
pub(super) struct Open<'a>(&'a Log);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.now_open.fetch_sub(1, Ordering::Relaxed);
    }
}
