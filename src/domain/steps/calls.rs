//! Which call a delivery needs next, and what its answer leads to.

use super::super::destination::Destination;
use super::super::fields::Fields;
use super::super::form::{Form, Unfit};
use super::super::outcome::{Answer, NoAnswer, Outcome};
use super::super::outcome_rules::OutcomeRules;
use super::super::request::Request;
use super::super::template::{InStep, Judged};
use super::capture::{Body, LONGEST_IN_ALL, Want};
use super::progress::{Captured, Progress, Trying};
use super::{OnUnknown, Step};

/// What one delivery takes.
#[derive(Clone, Debug)]
pub enum Calls {
    /// One request.
    One(Box<Form>),
    /// Several.
    Several(Steps),
}

/// Several calls, in order.
#[derive(Clone, Debug)]
pub struct Steps {
    /// What of the event they may see at all; `None`: everything.
    pub fields: Option<Fields>,
    /// At least one.
    pub steps: Vec<Step>,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// This call.
    Send(Box<Call>),
    /// Nothing: every step is behind it.
    Done,
    /// A call was on its way when leadhook ended, and nobody knows whether it got through.
    Lost(Lost),
}

/// A call that is ready.
#[derive(Debug)]
pub struct Call {
    /// `webhook-id`: the event's id, with the step's name behind it where there are several.
    pub id: String,
    /// The request.
    pub request: Request,
    /// Which step it is; `None`: the only call there is.
    pub step: Option<StepCall>,
}

/// What there is to know of a call that is one of several.
#[derive(Clone, Debug)]
pub struct StepCall {
    name: String,
    last: bool,
    rules: OutcomeRules,
    wants: Vec<Want>,
    on_unknown: OnUnknown,
    /// The steps that `on_unknown` would go through again.
    again: Vec<String>,
    /// How far the delivery has come before this call.
    progress: Progress,
}

/// A call of which only the mark is left.
#[derive(Debug)]
pub struct Lost {
    /// The step.
    pub step: String,
    /// When it was begun, in milliseconds since 1970.
    pub at: i64,
    /// What follows.
    pub told: Told,
}

/// What an answer leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it means.
    pub outcome: Outcome,
    /// How far the delivery has come now; `None`: it takes one call.
    pub progress: Option<Progress>,
    /// There are more steps.
    pub goes_on: bool,
    /// A person must find out whether the call got through: the step's name.
    pub held: Option<String>,
    /// What is wrong with an answer that looks right, or what is known of one that does not; without the person's data.
    pub why: Option<String>,
}

impl Calls {
    /// What an event of this id and envelope needs next, so far come.
    ///
    /// # Errors
    /// A template cannot be filled in, or the body is too large.
    pub fn next(&self, id: &str, envelope: Vec<u8>, progress: Progress) -> Result<Next, Unfit> {
        match self {
            Calls::One(form) => {
                let request = form.render(id, envelope)?;
                Ok(Next::Send(Box::new(Call { id: id.to_owned(), request, step: None })))
            }
            Calls::Several(steps) => steps.next(id, envelope, progress),
        }
    }

    /// What the templates ask for and `fields` does not let out: they will find nothing there.
    pub fn asked_in_vain(&self) -> Vec<&str> {
        match self {
            Calls::One(form) => form.fields.as_ref().map(|fields| fields.hides(form.names())),
            Calls::Several(steps) => {
                let names = steps.steps.iter().flat_map(Step::names);
                steps.fields.as_ref().map(|fields| fields.hides(names))
            }
        }
        .unwrap_or_default()
    }

    /// Every form, with the step's name where there are several.
    pub fn forms(&self) -> Vec<(Option<&str>, &Form)> {
        match self {
            Calls::One(form) => vec![(None, form)],
            Calls::Several(steps) => steps.steps.iter().map(|step| (Some(step.name.as_str()), &step.form)).collect(),
        }
    }
}

impl Steps {
    fn next(&self, id: &str, envelope: Vec<u8>, mut progress: Progress) -> Result<Next, Unfit> {
        if let Some(lost) = self.lost(&mut progress) {
            return Ok(Next::Lost(lost));
        }
        let envelope = match &self.fields {
            Some(fields) => fields.apply(&envelope),
            None => envelope,
        };
        for (i, step) in self.steps.iter().enumerate() {
            if progress.has_passed(&step.name) {
                continue;
            }
            let at = |unfit: Unfit| unfit.at_step(&step.name);
            let view = view(id, &step.name, &progress);
            let context = step.form.context(id, &envelope, Some(&view)).map_err(at)?;
            if step.when.as_ref().is_some_and(|when| when.judge(&context) != Judged::Yes) {
                progress.skipped(&step.name);
                continue;
            }
            let wants = step.captures.iter().map(|capture| capture.want(&context)).collect::<Result<_, _>>();
            let wants =
                wants.map_err(|reason| Unfit::unrenderable(&"what it captures", &reason).at_step(&step.name))?;
            let request = step.form.render_step(id, envelope, &view).map_err(at)?;
            let step_id = view.step_id;
            let call = StepCall {
                name: step.name.clone(),
                last: i + 1 == self.steps.len(),
                rules: step.rules.clone(),
                wants,
                on_unknown: step.on_unknown.clone(),
                again: self.again(step),
                progress,
            };
            let reads_answer = !call.wants.is_empty();
            let request = if reads_answer { request.reading_whole_answers() } else { request };
            return Ok(Next::Send(Box::new(Call { id: step_id, request, step: Some(call) })));
        }
        Ok(Next::Done)
    }

    /// The call that was on its way when leadhook ended, where that matters. One whose step is not in the file any more
    /// is forgotten.
    fn lost(&self, progress: &mut Progress) -> Option<Lost> {
        let Trying { step, at } = progress.trying.take()?;
        let step = self.steps.iter().find(|own| own.name == step)?;
        if progress.has_passed(&step.name) || step.on_unknown == OnUnknown::Retry {
            return None;
        }
        let told = unknown(&step.name, &step.on_unknown, &self.again(step), progress.clone());
        Some(Lost { step: step.name.clone(), at, told })
    }

    /// The steps that are gone through again when nobody knows whether this one got through.
    fn again(&self, step: &Step) -> Vec<String> {
        let OnUnknown::Redo(from) = &step.on_unknown else { return Vec::new() };
        let from_there = self.steps.iter().skip_while(|own| own.name != *from);
        let mut again: Vec<String> = Vec::new();
        for own in from_there {
            again.push(own.name.clone());
            if own.name == step.name {
                break;
            }
        }
        again
    }
}

/// What a step's templates know beside the event. Its own id is what the receiver knows a repeat by.
pub(super) fn view<'a>(id: &str, step: &str, progress: &'a Progress) -> InStep<'a> {
    let captured = progress.captured.iter().map(|captured| (captured.name.as_str(), captured.json.as_str()));
    InStep { step_id: format!("{id}-{step}"), captured: captured.collect(), unknown: &progress.unknown }
}

/// What follows where nobody knows whether this step got through.
fn unknown(step: &str, on_unknown: &OnUnknown, again: &[String], mut progress: Progress) -> Told {
    progress.is_unknown(step);
    progress.redo(again.iter().map(String::as_str));
    let held = (*on_unknown == OnUnknown::Hold).then(|| step.to_owned());
    Told { outcome: Outcome::Retry, progress: Some(progress), goes_on: false, held, why: None }
}

impl Call {
    /// The step's name; `None`: the only call there is.
    pub fn step_name(&self) -> Option<&str> {
        self.step.as_ref().map(|step| step.name.as_str())
    }

    /// What must be on disk before the request goes out; `None`: nothing new, for it may as well be made again.
    pub fn mark(&self, now: jiff::Timestamp) -> Option<Progress> {
        let step = self.step.as_ref().filter(|step| step.on_unknown != OnUnknown::Retry)?;
        let trying = Some(Trying { step: step.name.clone(), at: now.as_millisecond() });
        Some(Progress { trying, ..step.progress.clone() })
    }
}

/// What this answer leads to. `step`: which of several calls it answers.
pub fn tell(step: Option<&StepCall>, destination: &Destination, answer: &Answer) -> Told {
    match step {
        Some(step) => step.tell(destination, answer),
        None => {
            let outcome = destination.judge(answer);
            Told { outcome, progress: None, goes_on: false, held: None, why: destination.hint(answer) }
        }
    }
}

impl StepCall {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn tell(&self, destination: &Destination, answer: &Answer) -> Told {
        let by_rule = self.rules.first_match(answer).or_else(|| destination.outcomes.first_match(answer));
        let outcome = by_rule.unwrap_or_else(|| destination.judge(answer));
        if outcome != Outcome::Accepted {
            if by_rule.is_none() && may_have_got_through(answer) {
                return unknown(&self.name, &self.on_unknown, &self.again, self.progress.clone());
            }
            let progress = Some(self.progress.clone());
            return Told { outcome, progress, goes_on: false, held: None, why: destination.hint(answer) };
        }
        match self.capture(answer) {
            Ok(captured) => {
                let mut progress = self.progress.clone();
                progress.done(&self.name, captured);
                Told { outcome, progress: Some(progress), goes_on: !self.last, held: None, why: None }
            }
            Err(why) => {
                let told = unknown(&self.name, &self.on_unknown, &self.again, self.progress.clone());
                Told { why: Some(why), ..told }
            }
        }
    }

    fn capture(&self, answer: &Answer) -> Result<Vec<Captured>, String> {
        let body = match answer {
            Answer::Got(response) if !self.wants.is_empty() => Body::read(response.status, &response.body),
            _ => Body::Empty,
        };
        // The file itself says that this 404 is as good as a list without an item.
        let no = matches!(answer, Answer::Got(response) if !(200..300).contains(&response.status));
        let mut captured = Vec::new();
        for want in &self.wants {
            let taken = if no { want.take_if_any(&body) } else { want.take(&body) };
            if let Some(json) = taken? {
                captured.push(Captured { step: self.name.clone(), name: want.name().to_owned(), json });
            }
        }
        let before = self.progress.captured.iter().filter(|captured| captured.step != self.name);
        let bytes: usize = before.chain(&captured).map(|captured| captured.json.len()).sum();
        if bytes > LONGEST_IN_ALL {
            return Err(format!("{bytes} bytes are captured, and at most {LONGEST_IN_ALL} are"));
        }
        Ok(captured)
    }
}

/// Whether the other side may have done what it was asked for, whatever came back.
fn may_have_got_through(answer: &Answer) -> bool {
    match answer {
        Answer::Got(response) => matches!(response.status, 500 | 502 | 504),
        // Steps go by HTTP alone.
        Answer::Taken { .. } | Answer::Refused { .. } => false,
        Answer::Nothing { why, .. } => match why {
            NoAnswer::Timeout | NoAnswer::Reset | NoAnswer::Protocol | NoAnswer::Interrupted => true,
            NoAnswer::Dns
            | NoAnswer::NotAllowed
            | NoAnswer::Connect
            | NoAnswer::Tls
            | NoAnswer::NoToken
            | NoAnswer::NoFiles => false,
        },
    }
}
