//! Conditions: `when` of a route.

use std::fmt;

use super::names::Name;
use super::program::Program;
use super::reason::shortened;
use super::{Context, Wrong};

/// A condition over an event, parsed and checked.
#[derive(Clone)]
pub struct Condition {
    program: Program,
}

/// What a condition says of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It cannot be evaluated for this event, and why: a field is missing, or is of the wrong kind. Counts as no.
    CannotTell(String),
}

impl Condition {
    /// Reads a condition such as `csat.low and lead.regional == 'Sudeste'`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Condition, Wrong> {
        Ok(Condition { program: Program::condition(text)? })
    }

    /// Whether it holds for this event.
    pub fn judge(&self, context: &Context) -> Judged {
        match self.program.evaluate(context) {
            Ok(value) if value.is_true() => Judged::Yes,
            Ok(_) => Judged::No,
            Err(error) => Judged::CannotTell(self.program.explain(&error, context)),
        }
    }

    /// Every path that it looks up, once each, with the value that is there, as short text for whoever runs leadhook.
    /// This is a lead's data, and belongs in no log.
    pub fn explain(&self, context: &Context) -> Vec<(String, String)> {
        let mut told: Vec<(String, String)> = Vec::new();
        for name in self.names() {
            if told.iter().any(|(path, _)| *path == name.path) {
                continue;
            }
            let Some(value) = context.look_up(&name.path) else { continue };
            let shown = match serde_json::to_string(&value) {
                _ if value.is_undefined() => "missing".to_owned(),
                Ok(json) => shortened(&json, 60),
                Err(_) => shortened(&value.to_string(), 60),
            };
            told.push((name.path.clone(), shown));
        }
        told
    }

    /// What it looks up.
    pub fn names(&self) -> &[Name] {
        self.program.names()
    }

    /// The condition as it was written.
    pub fn source(&self) -> &str {
        self.program.source()
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.source()).finish()
    }
}
