//! What happened lately, in memory: the sums that are still to be kept, and the latest happenings themselves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::{Clock, Happening};
use crate::domain::history::Sums;
use crate::domain::retry::Verdict;

/// Happenings that are remembered.
const LATEST: usize = 50;

/// What happened lately; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sums: Sums,
    latest: VecDeque<Lately>,
    last: u64,
}

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Lately {
    /// One more with each, from 1.
    pub no: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Arc<Happening>,
}

impl History {
    /// Notes something that happened.
    pub fn note(&self, happening: &Arc<Happening>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.sum(happening);
        // A poll that lists nothing new is the rule.
        if matches!(**happening, Happening::Read { new: 0, .. }) {
            return;
        }
        inner.last += 1;
        let no = inner.last;
        if inner.latest.len() == LATEST {
            inner.latest.pop_front();
        }
        inner.latest.push_back(Lately { no, at: Clock::system().now(), what: Arc::clone(happening) });
    }

    /// What happened since this was taken last; from now on it is summed anew.
    pub fn take(&self) -> Sums {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).sums)
    }

    /// What happened since it was taken last.
    pub fn so_far(&self) -> Sums {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sums.clone()
    }

    /// The latest happenings, the newest first.
    pub fn latest(&self) -> Vec<Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).latest.iter().rev().cloned().collect()
    }
}

impl Inner {
    fn sum(&mut self, happening: &Happening) {
        let sums = &mut self.sums;
        match happening {
            Happening::Read { listed, .. } => {
                sums.polls += 1;
                sums.listed = sums.listed.saturating_add(u64::try_from(*listed).unwrap_or(u64::MAX));
            }
            Happening::ReadFailed { .. } => sums.failed_polls += 1,
            Happening::Recorded { event_type, .. } => match sums.events.get_mut(event_type.as_str()) {
                Some(n) => *n += 1,
                None => drop(sums.events.insert(event_type.as_str().to_owned(), 1)),
            },
            Happening::Tried { destination, outcome, took, verdict, age, .. } => {
                let at = sums.at(destination);
                at.note_attempt(*outcome, *took);
                match verdict {
                    Verdict::Delivered => at.note_delivered(*age),
                    Verdict::Dead(_) => at.dead += 1,
                    Verdict::NextStep | Verdict::Again { .. } | Verdict::Parked => {}
                }
            }
            Happening::Done { destination, age, .. } => sums.at(destination).note_delivered(*age),
            Happening::Unsent { destination, .. } => sums.at(destination).dead += 1,
            Happening::SetAside { .. }
            | Happening::Unreadable { .. }
            | Happening::Failing { .. }
            | Happening::Recovered { .. } => {}
        }
    }
}
