//! What in the steps of a destination can come to nothing, for `check` to say.

use super::super::template::{Condition, Judged};
use super::calls::view;
use super::progress::Progress;
use super::rehearsal::to_blame;
use super::{OnUnknown, Step, Steps};

/// Something that a person may not have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// This value may be captured, and nothing asks for it. One that must be there proves at least that an answer is right.
    Unused {
        /// Its name.
        capture: String,
    },
    /// The step's `when` asks whether this step's fate is unknown, and it is never asked then.
    NeverUnknown {
        /// The step that it asks for.
        of: String,
    },
    /// The step's `when` asks for `unknown`, and names no step of this destination.
    UnknownToAll,
    /// The step's `when` cannot be evaluated, whatever was captured before, and so never holds.
    NeverJudged {
        /// Why.
        why: String,
    },
}

impl Steps {
    /// What is doubtful, with the place of the step. `events`: made-up ones, ids with envelopes, that are told there.
    pub fn doubts(&self, events: &[(String, Vec<u8>)]) -> Vec<(usize, Doubt)> {
        let mut doubts = Vec::new();
        for (i, step) in self.steps.iter().enumerate() {
            let unused = step.captures.iter().filter(|capture| capture.optional && !self.is_used(i, &capture.name));
            doubts.extend(unused.map(|capture| (i, Doubt::Unused { capture: capture.name.clone() })));
            let Some(when) = &step.when else { continue };
            doubts.extend(self.of_unknown(i, step, when, events).into_iter().map(|doubt| (i, doubt)));
            doubts.extend(self.of_judgement(i, step, when, events).map(|doubt| (i, doubt)));
        }
        doubts
    }

    fn is_used(&self, i: usize, capture: &str) -> bool {
        let own = format!("captured.{capture}");
        let mut names = self.steps.iter().skip(i + 1).flat_map(Step::names);
        names.any(|name| {
            let below = name.path.strip_prefix(own.as_str());
            name.path == "captured" || below.is_some_and(|below| below.is_empty() || below.starts_with(['.', '[']))
        })
    }

    fn of_unknown(&self, i: usize, step: &Step, when: &Condition, events: &[(String, Vec<u8>)]) -> Vec<Doubt> {
        if !when.names().iter().any(|name| name.path == "unknown" || name.path.starts_with("unknown[")) {
            return Vec::new();
        }
        let all: Vec<&str> = self.steps.iter().map(|step| step.name.as_str()).collect();
        let asked: Vec<&str> = all.iter().copied().filter(|of| self.matters(i, step, when, events, &[*of])).collect();
        if asked.is_empty() {
            // Two of them may matter together; and where the made-up events say no anyway, nothing is known.
            let named = all.iter().any(|name| when.source().contains(name));
            let matters = named || self.matters(i, step, when, events, &all);
            return if matters { Vec::new() } else { vec![Doubt::UnknownToAll] };
        }
        // `unknown | length > 0` asks for whichever there is.
        if asked.iter().any(|of| self.may_be_unknown(of, i)) && asked.len() == all.len() {
            return Vec::new();
        }
        let never = asked.into_iter().filter(|of| !self.may_be_unknown(of, i));
        never.map(|of| Doubt::NeverUnknown { of: of.to_owned() }).collect()
    }

    /// Whether it makes a difference to the condition that nobody knows the fate of these.
    fn matters(&self, i: usize, step: &Step, when: &Condition, events: &[(String, Vec<u8>)], unknown: &[&str]) -> bool {
        let unknown: Vec<String> = unknown.iter().map(|step| (*step).to_owned()).collect();
        events.iter().any(|(id, envelope)| {
            self.situations(i).into_iter().any(|known| {
                let other = Progress { unknown: unknown.clone(), ..known.clone() };
                let judged = |progress| self.judged(step, when, id, envelope, progress);
                judged(&known) != judged(&other)
            })
        })
    }

    /// Whether this step's `when` is ever asked while nobody knows the fate of `of`: at that step itself, which is tried
    /// again, and at those that are gone through again because of it.
    fn may_be_unknown(&self, of: &str, i: usize) -> bool {
        let Some(last) = self.steps.iter().position(|step| step.name == of) else { return false };
        let begin = |at: usize| match &self.steps[at].on_unknown {
            OnUnknown::Redo(from) => self.steps.iter().position(|step| step.name == *from).unwrap_or(at),
            OnUnknown::Retry | OnUnknown::Hold => at,
        };
        let mut first = begin(last);
        // One that is gone through again may itself lead further back.
        while let Some(earlier) = (first..=last).map(begin).min().filter(|earlier| *earlier < first) {
            first = earlier;
        }
        (first..=last).contains(&i)
    }

    fn of_judgement(&self, i: usize, step: &Step, when: &Condition, events: &[(String, Vec<u8>)]) -> Option<Doubt> {
        let all: Vec<String> = self.steps.iter().map(|step| step.name.clone()).collect();
        let mut why = None;
        for (id, envelope) in events {
            for known in self.situations(i) {
                for unknown in [Vec::new(), all.clone()] {
                    match self.judged(step, when, id, envelope, &Progress { unknown, ..known.clone() }) {
                        Some(Judged::CannotTell(said)) => {
                            // With another value there it might be evaluated.
                            if to_blame(&said, known.captured.iter().map(|own| own.name.as_str())).is_some() {
                                return None;
                            }
                            why.get_or_insert(said);
                        }
                        _ => return None,
                    }
                }
            }
        }
        why.map(|why| Doubt::NeverJudged { why })
    }

    fn judged(&self, step: &Step, when: &Condition, id: &str, envelope: &[u8], progress: &Progress) -> Option<Judged> {
        let view = view(id, &step.name, progress);
        let context = step.form.context(id, &self.what_may_leave(envelope), Some(&view)).ok()?;
        Some(when.judge(&context))
    }
}
