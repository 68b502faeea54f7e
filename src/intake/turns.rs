//! Whose turn it is: what is new before everything else, and one read of a lead at a time.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use crate::domain::lead::LeadId;

/// For what WeClever is asked, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// The newest window and its leads.
    Newest,
    /// Everything else that may be new: gaps, and what shows up late.
    New,
    /// Leads that are read again for want of a rating.
    Unrated,
    /// History that a person asked for.
    Backfill,
}

/// How many ranks there are.
const RANKS: usize = Rank::Backfill as usize + 1;

/// Lets what is more urgent go first, lead by lead.
pub struct Precedence(watch::Sender<[usize; RANKS]>);

impl Default for Precedence {
    fn default() -> Precedence {
        Precedence(watch::Sender::new([0; RANKS]))
    }
}

impl Precedence {
    /// Those of this rank are going for as long as this is kept.
    pub fn go(&self, rank: Rank) -> Going<'_> {
        self.0.send_modify(|going| going[rank as usize] += 1);
        Going { precedence: self, rank }
    }

    /// Waits until nobody of a more urgent rank is going.
    pub async fn after(&self, rank: Rank) {
        // The sender lives in `self`, so the wait cannot end for lack of it.
        let _ = self.0.subscribe().wait_for(|going| going[..rank as usize].iter().all(|going| *going == 0)).await;
    }
}

/// See [`Precedence::go`].
pub struct Going<'a> {
    precedence: &'a Precedence,
    rank: Rank,
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.precedence.0.send_modify(|going| going[self.rank as usize] -= 1);
    }
}

/// The leads that are being read right now.
#[derive(Default)]
pub struct Reading {
    leads: Mutex<HashSet<LeadId>>,
    done: Notify,
}

impl Reading {
    /// Waits until nobody else reads this lead, and reads it.
    pub async fn one(&self, lead: LeadId) -> Turn<'_> {
        loop {
            let done = self.done.notified();
            if self.leads.lock().unwrap_or_else(PoisonError::into_inner).insert(lead) {
                return Turn { reading: self, lead };
            }
            done.await;
        }
    }
}

/// See [`Reading::one`].
pub struct Turn<'a> {
    reading: &'a Reading,
    lead: LeadId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.reading.leads.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.lead);
        self.reading.done.notify_waiters();
    }
}
