//! Who is at work on what: a lead's line at a destination is claimed by one at a time.
//!
//! On one machine this is memory, gone with the process, and every delivery is pending again at the next start.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::keys::{DestinationNo, PlatformNo};
use crate::domain::lead::LeadId;

type Line = (DestinationNo, PlatformNo, LeadId);

/// The lines that are claimed.
#[derive(Default)]
pub struct Claims(Mutex<HashMap<Line, Held>>);

/// How far a claim has got.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Its request was let out.
    out: bool,
    /// Nothing is to be let out any more.
    cancelled: bool,
}

impl Claims {
    /// Claims the line, unless it is claimed already.
    pub fn take(self: &Arc<Self>, line: Line) -> Option<Lease> {
        match self.held().entry(line) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(Held::default());
                Some(Lease { claims: Arc::clone(self), line })
            }
        }
    }

    /// Whether the line is claimed right now.
    pub fn is_taken(&self, line: &Line) -> bool {
        self.held().contains_key(line)
    }

    /// Lets nothing of a claimed line out any more. True where its request went out before.
    pub fn cancel(&self, line: &Line) -> bool {
        self.held().get_mut(line).is_some_and(|held| {
            held.cancelled = true;
            held.out
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Line, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claimed line; dropping it gives the line back.
pub struct Lease {
    claims: Arc<Claims>,
    line: Line,
}

impl Lease {
    /// Whether something may still be let out.
    pub fn stands(&self) -> bool {
        self.claims.held().get(&self.line).is_some_and(|held| !held.cancelled)
    }

    /// Lets the request out; false where it must not go out any more.
    pub fn let_out(&self) -> bool {
        self.claims.held().get_mut(&self.line).is_some_and(|held| {
            held.out |= !held.cancelled;
            held.out
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.claims.held().remove(&self.line);
    }
}

/// Hints that there is something new to look at. A hint may come for nothing, and none is ever the truth.
#[derive(Default)]
pub struct Bells {
    destinations: Mutex<BTreeMap<DestinationNo, Arc<Notify>>>,
    pub intake: Notify,
    pub backfill: Notify,
}

impl Bells {
    pub fn of(&self, destination: DestinationNo) -> Arc<Notify> {
        Arc::clone(self.destinations.lock().unwrap_or_else(PoisonError::into_inner).entry(destination).or_default())
    }
}
