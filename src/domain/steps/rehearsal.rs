//! Every call of a delivery, tried without making it: what answers would tell is given, or stood in for.

use super::super::form::Unfit;
use super::super::request::Request;
use super::super::template::Judged;
use super::awaited::{Awaited, stand_in};
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
    /// Where no request can be made: the captured value that may be to blame, for it is only stood in for.
    pub guess: Option<String>,
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
            Calls::Several(steps) => steps.rehearse(id, &steps.what_may_leave(envelope), given),
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

    fn rehearse(&self, id: &str, envelope: &[u8], given: Given<'_>) -> Vec<Rehearsed> {
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
                guess: None,
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
                    told.captures.push(awaited(&want, given.captured));
                }
                Ok(Some(request))
            });
            match &made {
                Ok(None) => progress.skipped(&step.name),
                // The steps behind one that cannot be made are told all the same, as if it had been.
                Ok(Some(_)) | Err(_) => {
                    if let Err(unfit) = &made {
                        told.captures = step.captures.iter().map(|own| own.unread(given.captured)).collect();
                        let stood_in = progress.captured.iter().map(|own| own.name.as_str());
                        let stood_in = stood_in.filter(|own| !given.captured.iter().any(|(name, _)| name == own));
                        told.guess = to_blame(&unfit.to_string(), stood_in).map(str::to_owned);
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
        let mut found = Vec::new();
        for (i, call) in self.rehearse(id, envelope, Given::default()).into_iter().enumerate() {
            let is_guess = call.step.is_some_and(|step| step.guess.is_some());
            let unfit = match call.made {
                Err(unfit) if !is_guess => Some(unfit),
                Ok(None) => self.unfit_at_best(id, envelope, i),
                Err(_) | Ok(Some(_)) => None,
            };
            found.extend(unfit.map(|unfit| (Some(i), unfit)));
        }
        found
    }

    /// Why this step cannot be made, neither where no step before it captured anything nor where each captured all that it
    /// can.
    fn unfit_at_best(&self, id: &str, envelope: &[u8], i: usize) -> Option<Unfit> {
        let step = self.steps.get(i)?;
        let mut last = None;
        for progress in self.situations(i) {
            let unfit = step.ready(id, envelope, &progress).err()?;
            if to_blame(&unfit.to_string(), progress.captured.iter().map(|own| own.name.as_str())).is_some() {
                return None;
            }
            last = Some(unfit.at_step(&step.name));
        }
        last
    }

    /// The situations in which this step is worth trying: nothing captured before it, and all that can be.
    pub(super) fn situations(&self, i: usize) -> [Progress; 2] {
        let before = self.steps.iter().take(i);
        let captured = before.flat_map(|step| {
            step.captures.iter().map(|capture| Captured {
                step: step.name.clone(),
                name: capture.name.clone(),
                json: stand_in(&capture.name),
            })
        });
        [Progress::default(), Progress { captured: captured.collect(), ..Progress::default() }]
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

/// Which of these captured values a reason speaks of: with another value there, all might be well.
pub(super) fn to_blame<'a>(reason: &str, stood_in: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut stood_in = stood_in;
    stood_in.find(|name| reason.contains(&format!("captured.{name}")))
}

fn awaited(want: &Want, given: &[(String, String)]) -> Awaited {
    let own = given.iter().find(|(name, _)| name == want.name()).map(|(_, json)| json.clone());
    let (optional, name) = (want.is_optional(), want.name().to_owned());
    Awaited {
        place: want.place(),
        given: own.is_some(),
        seen_as: own.or_else(|| (!optional).then(|| stand_in(&name))),
        optional,
        name,
    }
}
