//! How a listed lead stands with a destination, and the sums of many.

use serde::{Deserialize, Serialize};

use super::event::EventType;
use super::lead::LeadId;

/// How a listed lead stands with a destination. Where several things are true, the first of them counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// By today's routes it should be there, and nothing was ever made of that.
    Missing,
    /// One of its events was given up on, or its details were.
    Dead,
    /// On its way.
    Pending,
    /// A person dropped it.
    Dropped,
    /// A person had the lead forgotten: it is never sent again.
    Forgotten,
    /// Its last event for this destination was accepted.
    Delivered,
    /// No route wanted it there when it was recorded.
    Unwanted,
}

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyMissing {
    /// The lead is not known.
    NotRecorded,
    /// It was there before leadhook began.
    Baseline,
    /// It was finalized with this status after its last event.
    FinalizedAgain,
    /// It is known, and its rating was never told.
    RatingUntold,
    /// Its details cannot be read, so that nobody knows who wants it.
    Unreadable,
}

impl WhyMissing {
    /// As a person reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            WhyMissing::NotRecorded => "never recorded",
            WhyMissing::Baseline => "there before leadhook began",
            WhyMissing::FinalizedAgain => "finalized again since",
            WhyMissing::RatingUntold => "its rating was never told",
            WhyMissing::Unreadable => "its details cannot be read",
        }
    }
}

/// An event that a destination should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Whose.
    pub lead: LeadId,
    /// For whom.
    pub destination: String,
    /// Which event.
    pub event_type: EventType,
    /// Why it is not there.
    pub why: WhyMissing,
}

/// How many leads stand how with one destination. Each listed lead is one of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// The destination.
    pub destination: String,
    /// Leads that WeClever lists.
    pub listed: u64,
    /// Accepted.
    pub delivered: u64,
    /// On their way.
    pub pending: u64,
    /// Given up on.
    pub dead: u64,
    /// No route wanted them there.
    pub unwanted: u64,
    /// Dropped by a person.
    pub dropped: u64,
    /// Forgotten, for good.
    #[serde(default)]
    pub forgotten: u64,
    /// Should be there, and are not.
    pub missing: u64,
    /// Of the pending ones, those that were missing until now.
    pub fixed: u64,
}

impl Sums {
    /// Nothing yet.
    pub fn of(destination: &str) -> Sums {
        Sums { destination: destination.to_owned(), ..Sums::default() }
    }

    /// One more lead.
    pub fn add(&mut self, account: Account) {
        self.listed += 1;
        *match account {
            Account::Missing => &mut self.missing,
            Account::Dead => &mut self.dead,
            Account::Pending => &mut self.pending,
            Account::Dropped => &mut self.dropped,
            Account::Forgotten => &mut self.forgotten,
            Account::Delivered => &mut self.delivered,
            Account::Unwanted => &mut self.unwanted,
        } += 1;
    }
}
