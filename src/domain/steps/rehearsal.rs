//! Every call of a delivery, tried without making it: what answers would tell is given, or stood in for.

use super::super::form::Unfit;
use super::super::request::Request;
use super::super::template::Judged;
use super::calls::view;
use super::capture::Want;
use super::progress::{Captured, Progress};
use super::{Calls, Step, Steps};

/// What only answers could tell, as a person supposes it to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Values for captures of these names, as JSON texts, whichever step captures them.
    pub captured: &'a [(String, String)],
    /// Steps of whose last try nobody is to know whether it got through.
    pub unknown: &'a [String],
}

/// What stands in for a value that nobody has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandIn {
    /// Its name in capitals, which a person recognizes.
    Name,
    /// A number, for templates that reckon with it.
    Number,
}

/// A call as it would be made.
#[derive(Debug)]
pub struct Rehearsed {
    /// Which of several steps it is; `None`: the only call there is.
    pub step: Option<RehearsedStep>,
    /// The request; `None`: the step's `when` does not hold.
    pub made: Result<Option<Request>, Unfit>,
}

/// A step as it would come.
#[derive(Debug)]
pub struct RehearsedStep {
    /// Its name.
    pub name: String,
    /// The call's own id.
    pub id: String,
    /// What its `when` says; `None`: it has none.
    pub when: Option<Judged>,
    /// What its `when` looked at, with the values there.
    pub looked: Vec<(String, String)>,
    /// What would be taken out of its answer.
    pub captures: Vec<Awaited>,
}

/// A value that an answer would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// What templates know it by.
    pub name: String,
    /// Where in the answer it would stand, in words.
    pub place: String,
    /// An answer without it is as good.
    pub optional: bool,
    /// What the steps behind see of it here, as JSON text; `None`: nothing.
    pub seen_as: Option<String>,
    /// Whether a person has given that.
    pub given: bool,
}

impl Calls {
    /// Every call that an event may take, as far as that can be told without an answer: what is captured on the way is
    /// stood in for by its name in capitals, unless it is optional and so may be missing.
    pub fn rehearse(&self, id: &str, envelope: &[u8]) -> Vec<Rehearsed> {
        self.rehearse_with(id, envelope, Given::default())
    }

    /// The same with what a person supposes the answers to be.
    pub fn rehearse_with(&self, id: &str, envelope: &[u8], given: Given<'_>) -> Vec<Rehearsed> {
        match self {
            Calls::One(form) => {
                vec![Rehearsed { step: None, made: form.render(id, envelope.to_vec()).map(Some) }]
            }
            Calls::Several(steps) => steps.rehearse(id, &steps.what_may_leave(envelope), given, StandIn::Name),
        }
    }

    /// The calls for which no request can be made of this event, whatever the answers before them are, with the place of
    /// the step where there are several. A step that would be left out is tried all the same: some lead will need it.
    pub fn unfit(&self, id: &str, envelope: &[u8]) -> Vec<(Option<usize>, Unfit)> {
        match self {
            Calls::One(form) => {
                form.render(id, envelope.to_vec()).err().map(|unfit| (None, unfit)).into_iter().collect()
            }
            Calls::Several(steps) => steps.unfit(id, &steps.what_may_leave(envelope)),
        }
    }
}

impl Steps {
    pub(super) fn what_may_leave(&self, envelope: &[u8]) -> Vec<u8> {
        match &self.fields {
            Some(fields) => fields.apply(envelope),
            None => envelope.to_vec(),
        }
    }

    fn rehearse(&self, id: &str, envelope: &[u8], given: Given<'_>, stand_in: StandIn) -> Vec<Rehearsed> {
        let mut progress = Progress { unknown: given.unknown.to_vec(), ..Progress::default() };
        let mut rehearsed = Vec::new();
        for step in &self.steps {
            let view = view(id, &step.name, &progress);
            let mut told = RehearsedStep {
                name: step.name.clone(),
                id: view.step_id.clone(),
                when: None,
                looked: Vec::new(),
                captures: Vec::new(),
            };
            let made = step.form.context(id, envelope, Some(&view)).and_then(|context| {
                if let Some(when) = &step.when {
                    told.looked = when.explain(&context);
                    let judged = when.judge(&context);
                    let holds = judged == Judged::Yes;
                    told.when = Some(judged);
                    if !holds {
                        return Ok(None);
                    }
                }
                let request = step.ready(id, envelope, &progress)?;
                for capture in &step.captures {
                    let want = capture.want(&context);
                    let want = want.map_err(|reason| Unfit::unrenderable(&"what it captures", &reason))?;
                    told.captures.push(awaited(&want, given.captured, stand_in));
                }
                Ok(Some(request))
            });
            match &made {
                Ok(None) => progress.skipped(&step.name),
                // The steps behind one that cannot be made are told all the same, as if it had been.
                Ok(Some(_)) | Err(_) => {
                    if made.is_err() {
                        told.captures = step.captures.iter().map(|own| own.unread(given.captured)).collect();
                    }
                    let seen = told.captures.iter().filter_map(|own| Some((own.name.clone(), own.seen_as.clone()?)));
                    let captured = seen.map(|(name, json)| Captured { step: step.name.clone(), name, json });
                    progress.done(&step.name, captured.collect());
                }
            }
            let made = made.map_err(|unfit| unfit.at_step(&step.name));
            rehearsed.push(Rehearsed { step: Some(told), made });
        }
        rehearsed
    }

    fn unfit(&self, id: &str, envelope: &[u8]) -> Vec<(Option<usize>, Unfit)> {
        let ways =
            [StandIn::Name, StandIn::Number].map(|stand_in| self.rehearse(id, envelope, Given::default(), stand_in));
        let mut found = Vec::new();
        let [by_name, by_number] = ways;
        for (i, (one, other)) in by_name.into_iter().zip(by_number).enumerate() {
            let unfit = match (one.made, other.made) {
                (Err(unfit), Err(_)) => Some(unfit),
                (Ok(None), Ok(None)) => self.unfit_at_best(id, envelope, i),
                _ => None,
            };
            found.extend(unfit.map(|unfit| (Some(i), unfit)));
        }
        found
    }

    /// Why this step cannot be made even where every step before it captured all that it can, and where none did.
    fn unfit_at_best(&self, id: &str, envelope: &[u8], i: usize) -> Option<Unfit> {
        let step = self.steps.get(i)?;
        let mut situations = vec![Progress::default()];
        situations.extend([StandIn::Name, StandIn::Number].map(|stand_in| self.all_captured_before(i, stand_in)));
        let mut last = None;
        for progress in situations {
            match step.ready(id, envelope, &progress) {
                Ok(_) => return None,
                Err(unfit) => last = Some(unfit.at_step(&step.name)),
            }
        }
        last
    }

    /// As if every step before this one had captured all that it can.
    fn all_captured_before(&self, i: usize, stand_in: StandIn) -> Progress {
        let before = self.steps.iter().take(i);
        let captured = before.flat_map(|step| {
            step.captures.iter().map(|capture| Captured {
                step: step.name.clone(),
                name: capture.name.clone(),
                json: stand_in.json(&capture.name),
            })
        });
        Progress { captured: captured.collect(), ..Progress::default() }
    }

    /// The situations in which the conditions of this step are worth trying: nothing captured before, and everything.
    pub(super) fn situations(&self, i: usize) -> [Progress; 3] {
        [Progress::default(), self.all_captured_before(i, StandIn::Name), self.all_captured_before(i, StandIn::Number)]
    }
}

impl Step {
    /// Its request, whether or not it is needed.
    ///
    /// # Errors
    /// A template cannot be filled in, or the body is too large.
    pub(super) fn ready(&self, id: &str, envelope: &[u8], progress: &Progress) -> Result<Request, Unfit> {
        self.form.render_step(id, envelope.to_vec(), &view(id, &self.name, progress))
    }
}

impl StandIn {
    fn json(self, name: &str) -> String {
        match self {
            StandIn::Name => format!("\"{}\"", name.to_ascii_uppercase()),
            StandIn::Number => "1".to_owned(),
        }
    }
}

fn awaited(want: &Want, given: &[(String, String)], stand_in: StandIn) -> Awaited {
    let own = given.iter().find(|(name, _)| name == want.name()).map(|(_, json)| json.clone());
    let (optional, name) = (want.is_optional(), want.name().to_owned());
    Awaited {
        place: want.place(),
        given: own.is_some(),
        seen_as: own.or_else(|| (!optional).then(|| stand_in.json(&name))),
        optional,
        name,
    }
}
