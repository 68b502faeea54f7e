//! Several calls for one delivery: which of them comes next, and what its answer leads to.
//!
//! Each call is an attempt of its own, and what it led to is on disk before the next one goes out. So a delivery that was
//! interrupted, however, goes on at the first step that is not behind it.

mod calls;
mod capture;
mod progress;

#[cfg(test)]
mod tests;

use super::form::Form;
use super::outcome_rules::OutcomeRules;
use super::template::Condition;

pub use calls::{Call, Calls, Lost, Next, Rehearsed, StepCall, Steps, Told, tell};
pub use capture::{Capture, InList, LONGEST, LONGEST_IN_ALL, Want};
pub use progress::{Captured, Passed, Progress, Trying};

/// One call of several.
#[derive(Clone, Debug)]
pub struct Step {
    /// Unique within its destination; the event's id and this are the call's own id.
    pub name: String,
    /// Whether it is needed; `None`: always. Where it cannot be evaluated, it is not.
    pub when: Option<Condition>,
    /// The request. Its `fields` are those of the whole delivery, and not looked at.
    pub form: Form,
    /// What its answers mean, before what they mean at this destination.
    pub rules: OutcomeRules,
    /// What is taken out of its answer for the steps behind it.
    pub captures: Vec<Capture>,
    /// What to do when nobody knows whether it got through.
    pub on_unknown: OnUnknown,
}

/// What follows when a call may have got through and no answer says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// It is made again: it does no harm twice.
    #[default]
    Retry,
    /// A dead letter, for a person to look.
    Hold,
    /// The delivery goes on from this step, one before it or itself, which finds out.
    Redo(String),
}
