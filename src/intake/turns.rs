//! Whose turn it is: the newest window before everything else, and one read of a lead at a time.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use crate::domain::lead::LeadId;

/// Lets the newest window's leads go first, one by one.
pub struct Precedence(watch::Sender<usize>);

impl Default for Precedence {
    fn default() -> Precedence {
        Precedence(watch::Sender::new(0))
    }
}

impl Precedence {
    /// The newest window is being read for as long as this is kept.
    pub fn go_first(&self) -> First<'_> {
        self.0.send_modify(|readers| *readers += 1);
        First(self)
    }

    /// Waits until the newest window is not being read.
    pub async fn after_you(&self) {
        // The sender lives in `self`, so the wait cannot end for lack of it.
        let _ = self.0.subscribe().wait_for(|readers| *readers == 0).await;
    }
}

/// See [`Precedence::go_first`].
pub struct First<'a>(&'a Precedence);

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|readers| *readers -= 1);
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
