//! What a person found out about a step, said by hand.

use serde_json::Value;

use super::Steps;
use super::capture::{LONGEST, LONGEST_IN_ALL};
use super::progress::{Captured, Progress};

/// Why a step cannot count as done because a person says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotByHand {
    /// The delivery did not stop at one.
    #[error("it did not stop at a step; `leadhook dead show` says what happened")]
    NoStep,
    /// It may be one or another.
    #[error("it may be about {}; say which with --step-done=STEP", .0.join(" or "))]
    Which(Vec<String>),
    /// It is not at this one that it stopped.
    #[error("it is not about the step {step}, but about {}", .about.join(" or "))]
    NotThere {
        /// What was asked for.
        step: String,
        /// What it can be about.
        about: Vec<String>,
    },
    /// The file does not know the step any more.
    #[error("the step {0} has left the file; put it back, or send it again without --step-done")]
    LeftTheFile(String),
    /// Later steps need what its answer held.
    #[error("the step {step} captures {}, which nobody has told; look it up there, and add {}", .names.join(" and "), sets(.names))]
    Missing {
        /// The step.
        step: String,
        /// What it captures.
        names: Vec<String>,
    },
    /// It captures no such thing.
    #[error("the step {step} captures no {name}; {}", if .known.is_empty() { "leave --set out".to_owned() } else { format!("it captures {}", .known.join(" and ")) })]
    NotCaptured {
        /// The step.
        step: String,
        /// What was given.
        name: String,
        /// What it captures.
        known: Vec<String>,
    },
    /// More than an answer may bring.
    #[error("{0} is too long: {LONGEST} bytes are captured at most, and {LONGEST_IN_ALL} in all")]
    TooLong(String),
}

fn sets(names: &[String]) -> String {
    names.iter().map(|name| format!("--set {name}=VALUE")).collect::<Vec<_>>().join(" ")
}

/// A value as a person types it, as JSON text: `512`, `true`, `"512"`, `[1]`; what is no JSON is a text.
pub fn written(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        // A number that would come back as another one was meant as it stands there.
        Ok(Value::Number(number)) if number.to_string() != text => Value::from(text).to_string(),
        Ok(Value::Null) | Err(_) => Value::from(text).to_string(),
        Ok(value) => value.to_string(),
    }
}

impl Progress {
    /// Which step a person speaks of who says that it got through: the one at which the delivery failed, or one of which
    /// nobody knows.
    ///
    /// # Errors
    /// None, or more than one, or not the one that was asked for.
    pub fn told_of(&self, asked: Option<&str>, failed: Option<&str>) -> Result<String, NotByHand> {
        let mut about: Vec<String> = failed.map(str::to_owned).into_iter().collect();
        about.extend(self.unknown.iter().filter(|step| Some(step.as_str()) != failed).cloned());
        match (asked, about.as_slice()) {
            (_, []) => Err(NotByHand::NoStep),
            (Some(step), about) if about.iter().any(|own| own == step) => Ok(step.to_owned()),
            (Some(step), _) => Err(NotByHand::NotThere { step: step.to_owned(), about }),
            (None, [step]) => Ok(step.clone()),
            (None, _) => Err(NotByHand::Which(about)),
        }
    }
}

impl Steps {
    /// How far a delivery has come, now that a person says that this step got through and what its answer would have held.
    ///
    /// # Errors
    /// Something that its answer would have held is missing, or it would not have held that.
    pub fn done_by_hand(
        &self,
        step: &str,
        set: &[(String, String)],
        mut progress: Progress,
    ) -> Result<Progress, NotByHand> {
        let Some(step) = self.steps.iter().find(|own| own.name == step) else {
            return Err(NotByHand::LeftTheFile(step.to_owned()));
        };
        let known = || step.captures.iter().map(|capture| capture.name.clone()).collect::<Vec<_>>();
        if let Some((name, _)) = set.iter().find(|(name, _)| !known().contains(name)) {
            return Err(NotByHand::NotCaptured { step: step.name.clone(), name: name.clone(), known: known() });
        }
        let is_set = |own: &str| set.iter().any(|(name, _)| name == own);
        let needed = step.captures.iter().filter(|capture| !capture.optional && !is_set(&capture.name));
        let names: Vec<String> = needed.map(|capture| capture.name.clone()).collect();
        if !names.is_empty() {
            return Err(NotByHand::Missing { step: step.name.clone(), names });
        }
        let captured: Vec<Captured> = set
            .iter()
            .map(|(name, json)| Captured { step: step.name.clone(), name: name.clone(), json: json.clone() })
            .collect();
        progress.done(&step.name, captured);
        let in_all: usize = progress.captured.iter().map(|own| own.json.len()).sum();
        let long = progress.captured.iter().find(|own| own.json.len() > LONGEST);
        match long.or(progress.captured.last().filter(|_| in_all > LONGEST_IN_ALL)) {
            Some(own) => Err(NotByHand::TooLong(own.name.clone())),
            None => Ok(progress),
        }
    }
}
