//! Who is at work on what: a lead's line at a destination is claimed by one at a time.
//!
//! On one machine this is memory, gone with the process, and every delivery is pending again at the next start.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::keys::{DestinationNo, PlatformNo};
use crate::domain::lead::LeadId;

type Line = (DestinationNo, PlatformNo, LeadId);

/// The lines that are claimed.
#[derive(Default)]
pub struct Claims(Mutex<HashSet<Line>>);

impl Claims {
    /// Claims the line, unless it is claimed already.
    pub fn take(self: &Arc<Self>, line: Line) -> Option<Lease> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(line);
        taken.then(|| Lease { claims: Arc::clone(self), line })
    }

    /// Whether the line is claimed right now.
    pub fn is_taken(&self, line: &Line) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(line)
    }
}

/// A claimed line; dropping it gives the line back.
pub struct Lease {
    claims: Arc<Claims>,
    line: Line,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.claims.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.line);
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
