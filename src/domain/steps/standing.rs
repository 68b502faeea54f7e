//! How far a delivery of several steps has come, for a person to look at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::form::Unfit;
use super::super::request::Request;
use super::super::template::Judged;
use super::calls::view;
use super::progress::{Captured, Progress};
use super::{Calls, Step, Steps};

/// How one step of a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// Its name.
    pub step: String,
    /// Done, next, or what else.
    pub stands: Stands,
    /// The delivery was given up on at this step.
    pub failed: bool,
    /// Nobody knows whether its last try got through.
    pub unknown: bool,
    /// What was captured of its answer, as far as it may be shown anywhere.
    pub captured: Vec<Hint>,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It is behind the delivery.
    Done,
    /// It is not needed: its `when` does not hold.
    Skipped,
    /// The delivery goes on with it.
    Next,
    /// It comes after that, if it is needed then.
    Later,
}

/// A captured value, as far as it may be shown anywhere: enough to know it again, and not who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// What templates know it by.
    pub name: String,
    /// Its first two characters and how long it is; a list's or an object's size.
    pub value: String,
}

impl Captured {
    /// What of it may be shown anywhere.
    pub fn hint(&self) -> Hint {
        let value = match serde_json::from_str(&self.json) {
            Ok(Value::String(text)) => shortened(&text, "character"),
            Ok(Value::Number(number)) => shortened(&number.to_string(), "digit"),
            Ok(Value::Bool(truth)) => truth.to_string(),
            Ok(Value::Array(items)) => format!("a list of {}", items.len()),
            Ok(Value::Object(fields)) => format!("an object of {}", fields.len()),
            Ok(Value::Null) | Err(_) => "nothing".to_owned(),
        };
        Hint { name: self.name.clone(), value }
    }
}

/// Two characters of a short text would be most of it.
fn shortened(text: &str, what: &str) -> String {
    let long = text.chars().count();
    let begin: String = text.chars().filter(|c| !c.is_control()).take(2).collect();
    match long {
        1 => format!("1 {what}"),
        ..4 => format!("{long} {what}s"),
        _ => format!("{begin}... ({long} {what}s)"),
    }
}

/// The step at which a delivery was given up on. `last`: the step of its last attempt; `next`: the one with which it would
/// go on. An attempt whose step is behind it did not fail: what came next could not even be made.
pub fn failed_at<'a>(last: Option<&'a str>, next: Option<&'a str>, progress: &Progress) -> Option<&'a str> {
    last.filter(|step| !progress.has_passed(step)).or(next)
}

impl Calls {
    /// The step with which a delivery of this event goes on; `None`: every step is behind it, or there are none.
    pub fn next_step(&self, id: &str, envelope: &[u8], progress: &Progress) -> Option<&str> {
        match self {
            Calls::One(_) => None,
            Calls::Several(steps) => steps.next_step(id, envelope, progress),
        }
    }
}

impl Steps {
    /// The step with which a delivery of this event goes on; `None`: every step is behind it.
    pub fn next_step(&self, id: &str, envelope: &[u8], progress: &Progress) -> Option<&str> {
        let envelope = self.what_may_leave(envelope);
        self.walk(id, &envelope, progress).into_iter().find(|(_, stands)| *stands == Stands::Next).map(|(step, _)| step)
    }

    /// How each step of a delivery of this event stands, in the file's order; before them those that were gone through and
    /// have left the file. `failed`: at which it was given up on.
    pub fn standing(&self, id: &str, envelope: &[u8], progress: &Progress, failed: Option<&str>) -> Vec<Stood> {
        let envelope = self.what_may_leave(envelope);
        let in_file = |name: &str| self.steps.iter().any(|step| step.name == name);
        let left = progress.passed.iter().filter(|passed| !in_file(&passed.step));
        let left = left.map(|passed| {
            let stands = if passed.skipped { Stands::Skipped } else { Stands::Done };
            (passed.step.as_str(), stands)
        });
        let all = left.chain(self.walk(id, &envelope, progress)).collect::<Vec<_>>();
        stood(&all, progress, failed)
    }

    /// This step's request as it would go out now, needed or not; `None`: there is no such step.
    ///
    /// # Errors
    /// None can be made.
    pub fn request_of(
        &self,
        step: &str,
        id: &str,
        envelope: &[u8],
        progress: &Progress,
    ) -> Option<Result<Request, Unfit>> {
        let step = self.steps.iter().find(|own| own.name == step)?;
        let ready = step.ready(id, &self.what_may_leave(envelope), progress);
        Some(ready.map_err(|unfit| unfit.at_step(&step.name)))
    }

    fn walk(&self, id: &str, envelope: &[u8], progress: &Progress) -> Vec<(&str, Stands)> {
        let mut progress = progress.clone();
        let mut is_later = false;
        let mut walked = Vec::new();
        for step in &self.steps {
            let passed = progress.passed.iter().find(|passed| passed.step == step.name);
            let stands = match passed {
                Some(passed) if passed.skipped => Stands::Skipped,
                Some(_) => Stands::Done,
                None if is_later => Stands::Later,
                None if step.is_left_out(id, envelope, &progress) => {
                    progress.skipped(&step.name);
                    Stands::Skipped
                }
                None => {
                    is_later = true;
                    Stands::Next
                }
            };
            walked.push((step.name.as_str(), stands));
        }
        walked
    }
}

impl Progress {
    /// The same for a delivery of whose steps the file does not tell: those that were gone through.
    pub fn standing(&self) -> Vec<Stood> {
        let stands = |skipped| if skipped { Stands::Skipped } else { Stands::Done };
        let passed: Vec<_> = self.passed.iter().map(|passed| (passed.step.as_str(), stands(passed.skipped))).collect();
        stood(&passed, self, None)
    }

    /// The steps that are done, in the order in which that came to be.
    pub fn steps_done(&self) -> Vec<String> {
        self.passed.iter().filter(|passed| !passed.skipped).map(|passed| passed.step.clone()).collect()
    }
}

fn stood(all: &[(&str, Stands)], progress: &Progress, failed: Option<&str>) -> Vec<Stood> {
    let each = all.iter().map(|(step, stands)| Stood {
        step: (*step).to_owned(),
        stands: *stands,
        failed: failed == Some(*step),
        unknown: progress.unknown.iter().any(|unknown| unknown == step),
        captured: progress.captured.iter().filter(|own| own.step == *step).map(Captured::hint).collect(),
    });
    each.collect()
}

impl Step {
    /// Whether its `when` keeps it from being made. An event that cannot be read at all keeps no step from being tried.
    fn is_left_out(&self, id: &str, envelope: &[u8], progress: &Progress) -> bool {
        let Some(when) = &self.when else { return false };
        let context = self.form.context(id, envelope, Some(&view(id, &self.name, progress)));
        context.is_ok_and(|context| when.judge(&context) != Judged::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(json: &str) -> String {
        Captured { step: "find".into(), name: "x".into(), json: json.into() }.hint().value
    }

    #[test]
    fn a_captured_value_is_known_again_and_tells_nothing() {
        for (json, shown) in [
            ("\"12345\"", "12... (5 characters)"),
            ("\"ana@example.com\"", "an... (15 characters)"),
            ("\"Ana\"", "3 characters"),
            ("\"\"", "0 characters"),
            ("51234", "51... (5 digits)"),
            ("7", "1 digit"),
            ("true", "true"),
            ("[1,2]", "a list of 2"),
            ("{\"name\":\"Ana\"}", "an object of 1"),
            ("damaged", "nothing"),
        ] {
            assert_eq!(hint(json), shown, "{json}");
        }
        assert_eq!(hint("\"\\u001b[2Jab\""), "[2... (6 characters)", "what it shows cannot steer a terminal");
    }
}
