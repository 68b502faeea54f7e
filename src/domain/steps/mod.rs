//! Several calls for one delivery: which of them comes next, and what its answer leads to.
//!
//! Each call is an attempt of its own, and what it led to is on disk before the next one goes out. So a delivery that was
//! interrupted, however, goes on at the first step that is not behind it.

mod awaited;
mod by_hand;
mod calls;
mod capture;
mod doubts;
mod progress;
mod rehearsal;
mod standing;

#[cfg(test)]
mod tests;

use super::form::Form;
use super::outcome_rules::OutcomeRules;
use super::template::{Condition, Name};

pub use awaited::Awaited;
pub use by_hand::{NotByHand, written};
pub use calls::{Call, Calls, Lost, Next, StepCall, Steps, Told, tell};
pub use capture::{Body as AnswerBody, Capture, InList, LONGEST, LONGEST_IN_ALL, Want};
pub use doubts::Doubt;
pub use progress::{Captured, Passed, Progress, Trying};
pub use rehearsal::{Given, Rehearsed, RehearsedStep};
pub use standing::{Hint, Stands, Stood, failed_at};

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

impl Step {
    /// Everything that it looks up: in its condition, in its request, and in what it captures.
    pub fn names(&self) -> Vec<&Name> {
        let when = self.when.iter().flat_map(Condition::names);
        let lists = self.captures.iter().filter_map(|capture| capture.list.as_ref());
        let holds = lists.flat_map(|list| list.holds.names());
        when.chain(self.form.names()).chain(holds).collect()
    }
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
