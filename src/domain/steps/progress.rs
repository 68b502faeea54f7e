//! How far a delivery of several steps has come: what is kept on disk between its calls.

use serde::{Deserialize, Serialize};

/// What became of a delivery's steps so far. Steps are known by their names, so that the file may change meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The steps that are behind it, in the order in which that came to be.
    pub passed: Vec<Passed>,
    /// What was captured of their answers.
    pub captured: Vec<Captured>,
    /// The step whose request is on its way, where that must not be forgotten.
    pub trying: Option<Trying>,
    /// Steps of whose last try nobody knows whether it got through.
    pub unknown: Vec<String>,
}

/// A step that is behind the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Its name.
    pub step: String,
    /// Its `when` did not hold, so that it was left out.
    pub skipped: bool,
}

/// Something that a later step needs of an answer. It may be a person's data, and prints without it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The step whose answer held it.
    pub step: String,
    /// What templates know it by, under `captured`.
    pub name: String,
    /// The value as JSON text.
    pub json: String,
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}: {} bytes", self.step, self.name, self.json.len())
    }
}

/// A request that went out, or was about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// The step's name.
    pub step: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

impl Progress {
    /// Whether nothing is behind it yet.
    pub fn is_empty(&self) -> bool {
        *self == Progress::default()
    }

    /// Whether this step is behind it, be it done or left out.
    pub fn has_passed(&self, step: &str) -> bool {
        self.passed.iter().any(|passed| passed.step == step)
    }

    /// The step is done, and this was captured of its answer.
    pub fn done(&mut self, step: &str, captured: Vec<Captured>) {
        self.forget(step);
        self.passed.push(Passed { step: step.to_owned(), skipped: false });
        self.captured.extend(captured);
    }

    /// The step is left out.
    pub fn skipped(&mut self, step: &str) {
        self.forget(step);
        self.passed.push(Passed { step: step.to_owned(), skipped: true });
    }

    /// Nobody knows whether the last try of this step got through.
    pub fn is_unknown(&mut self, step: &str) {
        self.trying = None;
        if !self.unknown.iter().any(|unknown| unknown == step) {
            self.unknown.push(step.to_owned());
        }
    }

    /// It goes on from there again: these steps are not behind it any more, and what they captured is forgotten.
    pub fn redo<'a>(&mut self, steps: impl Iterator<Item = &'a str> + Clone) {
        let again = |step: &str| steps.clone().any(|again| again == step);
        self.passed.retain(|passed| !again(&passed.step));
        self.captured.retain(|captured| !again(&captured.step));
    }

    fn forget(&mut self, step: &str) {
        self.trying = None;
        self.unknown.retain(|unknown| unknown != step);
        self.redo(std::iter::once(step));
    }
}
