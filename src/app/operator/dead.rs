//! Dead letters: to be looked at, sent again, or dropped.

use serde::{Deserialize, Serialize};

use super::request::{Coming, OutgoingRequest, calls_at, coming};
use super::{Operator, Refusal, Verb};
use crate::domain::steps::{Calls, Steps, Stood, failed_at};
pub use crate::store::dead::{DeadDetails, DeadLetter, Decided, Filter};

/// The dead letters that fit, the oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadList {
    /// Which.
    pub filter: Filter,
    /// At most so many.
    pub limit: usize,
}

/// Dead letters, and how many there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letters {
    /// Not more than were asked for.
    pub letters: Vec<DeadLetter>,
    /// All that fit.
    pub total: u64,
}

/// One dead letter, whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadShow {
    /// Its own id, or its event's.
    pub id: String,
}

/// A dead letter, and what would be sent now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The letter with its attempts.
    #[serde(flatten)]
    pub details: DeadDetails,
    /// What `dead retry` would send, by today's file; `None` for a lead that could not be read, or where nothing can be sent.
    pub request: Option<OutgoingRequest>,
    /// Why nothing can be sent.
    pub unsendable: Option<String>,
    /// How each of its steps stands, where it takes several calls.
    #[serde(default)]
    pub steps: Vec<Stood>,
    /// What to find out before it is sent again, where nobody knows whether one of its calls got through.
    #[serde(default)]
    pub look_for: Option<LookFor>,
}

/// What a person has to find out of a call of which nobody knows whether it got through, and what to do then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LookFor {
    /// The step.
    pub step: String,
    /// What to look for, and where, in a sentence.
    pub what: String,
    /// What it can be known by.
    #[serde(default)]
    pub mark: String,
    /// Names of what its answer would have told the steps behind it, which a person has to say.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The command if it is not there: the call is made again.
    pub if_missing: String,
    /// The command if it is there: the step counts as done.
    pub if_there: String,
}

/// A person has found that the call at which this letter stopped got through: its step counts as done, and the delivery
/// goes on behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadStepDone {
    /// The letter's id, or its event's.
    pub id: String,
    /// The step; `None`: the only one that it can be.
    pub step: Option<String>,
    /// What its answer would have held: names with JSON texts.
    pub set: Vec<(String, String)>,
}

/// A step that counts as done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepDone {
    /// The letter's own id.
    pub id: String,
    /// The step.
    pub step: String,
    /// With which step the delivery goes on; `None`: none is left.
    pub goes_on: Option<String>,
}

/// Sends again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadRetry {
    /// Which.
    pub filter: Filter,
    /// Also those that a later accepted event has overtaken.
    pub overtaken: bool,
}

/// Drops for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadDrop {
    /// Which.
    pub filter: Filter,
}

impl Verb for DeadList {
    const PATH: &'static str = "dead/list";
    type Reply = Letters;

    async fn run(self, operator: &Operator) -> Result<Letters, Refusal> {
        operator.must_be_known(&self.filter).await?;
        let (letters, total) = operator.store.dead_letters(self.filter, self.limit).await?;
        Ok(Letters { letters, total })
    }
}

impl Verb for DeadShow {
    const PATH: &'static str = "dead/show";
    type Reply = Shown;

    async fn run(self, operator: &Operator) -> Result<Shown, Refusal> {
        let mut details = operator.store.dead_letter(&self.id).await?.ok_or_else(|| no_letter(&self.id))?;
        let (request, unsendable) = operator.request(&details);
        let (steps, look_for) = operator.steps_of(&details);
        operator.veil(&mut details.attempts);
        for captured in &mut details.progress.captured {
            captured.json = operator.config().veil.answer(&captured.json, false);
        }
        Ok(Shown { details, request, unsendable, steps, look_for })
    }
}

impl Verb for DeadStepDone {
    const PATH: &'static str = "dead/step-done";
    type Reply = StepDone;

    async fn run(self, operator: &Operator) -> Result<StepDone, Refusal> {
        let usage = |why: String| Refusal::Usage(format!("{}: {why}", self.id));
        let one = Filter { ids: vec![self.id.clone()], ..Filter::default() };
        let (letters, total) = operator.store.dead_letters(one, 1).await?;
        let letter = letters.into_iter().next().ok_or_else(|| no_letter(&self.id))?;
        if total > 1 {
            return Err(usage(format!("{total} dead letters are of this event; name one by its own id")));
        }
        let details = operator.store.dead_letter(&letter.id).await?.ok_or_else(|| no_letter(&self.id))?;
        let Some(standing) = operator.several(&details) else {
            return Err(usage(match &letter.delivery {
                Some(delivery) if operator.calls_of(&details).is_none() => format!(
                    "its destination `{}` or its route `{}` has left the file, and with it what its steps are",
                    delivery.destination, delivery.route
                ),
                Some(delivery) => format!(
                    "--step-done is for deliveries of several steps, and at `{}` there is one request; send it again \
                     without, or drop it",
                    delivery.destination
                ),
                None => {
                    "its details could not be read, and no step was tried; send it again without --step-done".into()
                }
            }));
        };
        let before = details.progress.clone();
        let step = before.told_of(self.step.as_deref(), standing.failed.as_deref());
        let step = step.map_err(|why| usage(why.to_string()))?;
        let after = standing.steps.done_by_hand(&step, &self.set, before.clone());
        let after = after.map_err(|why| usage(why.to_string()))?;
        let goes_on = standing.steps.next_step(&standing.event_id, &standing.envelope, &after).map(str::to_owned);
        if !operator.store.retry_dead_from(&letter.id, before, after, operator.clock.now()).await? {
            return Err(usage("someone else has settled it meanwhile; nothing was changed".into()));
        }
        Ok(StepDone { id: letter.id, step, goes_on })
    }
}

impl Verb for DeadRetry {
    const PATH: &'static str = "dead/retry";
    type Reply = Decided;

    async fn run(self, operator: &Operator) -> Result<Decided, Refusal> {
        operator.must_be_there(&self.filter).await?;
        Ok(operator.store.retry_dead(self.filter, self.overtaken, operator.clock.now()).await?)
    }
}

impl Verb for DeadDrop {
    const PATH: &'static str = "dead/drop";
    type Reply = Decided;

    async fn run(self, operator: &Operator) -> Result<Decided, Refusal> {
        operator.must_be_there(&self.filter).await?;
        Ok(operator.store.drop_dead(self.filter, operator.clock.now()).await?)
    }
}

fn no_letter(id: &str) -> Refusal {
    Refusal::Usage(format!("there is no dead letter `{id}`; `leadhook dead list` shows those that there are"))
}

impl Operator {
    /// Likewise for the name of a destination, which may have left the file.
    async fn must_be_known(&self, filter: &Filter) -> Result<(), Refusal> {
        match &filter.destination {
            Some(destination) => self.must_know(destination).await,
            None => Ok(()),
        }
    }

    /// Refuses ids that are none: a mistyped one must not look like a success.
    async fn must_be_there(&self, filter: &Filter) -> Result<(), Refusal> {
        self.must_be_known(filter).await?;
        for id in &filter.ids {
            let one = Filter { ids: vec![id.clone()], ..Filter::default() };
            if self.store.dead_letters(one, 1).await?.1 == 0 {
                return Err(no_letter(id));
            }
        }
        Ok(())
    }

    /// A path written out in the file may be the secret, and this is shown in the middle of an incident, to whoever looks on.
    pub(super) fn without_path(
        &self,
        request: OutgoingRequest,
        destination: &str,
        step: Option<&str>,
    ) -> OutgoingRequest {
        let config = self.config();
        let destination = config.destinations.iter().find(|d| d.name == destination);
        let url = destination.map_or(request.url, |destination| {
            let step = destination.steps.iter().find(|own| Some(own.name.as_str()) == step);
            step.map_or(&destination.form, |step| &step.form).shown_url()
        });
        OutgoingRequest { url, ..request }
    }

    /// What would be sent now, or why nothing can be.
    fn request(&self, details: &DeadDetails) -> (Option<OutgoingRequest>, Option<String>) {
        let (Some(delivery), Some(envelope)) = (&details.letter.delivery, &details.envelope) else {
            return (None, None);
        };
        let (place, event) = (
            (delivery.destination.as_str(), delivery.route.as_str()),
            (delivery.event_id.as_str(), envelope.clone().into_bytes()),
        );
        match coming(&self.config(), place, event, &details.progress, self.clock.now()) {
            Some(Coming::Call(step, request)) => {
                (Some(self.without_path(*request, &delivery.destination, step.as_deref())), None)
            }
            Some(Coming::Nothing) => (None, Some("every step is behind it: it counts as delivered then".to_owned())),
            Some(Coming::Unfit(unfit)) => (None, Some(unfit.of_the_dead())),
            None => (None, Some("its destination or its route has left the file".to_owned())),
        }
    }

    fn calls_of(&self, details: &DeadDetails) -> Option<Calls> {
        let delivery = details.letter.delivery.as_ref()?;
        Some(calls_at(&self.config(), (&delivery.destination, &delivery.route))?.1)
    }

    /// A letter of several steps, and where it stopped; `None`: it has none by today's file.
    fn several(&self, details: &DeadDetails) -> Option<Several> {
        let Some(Calls::Several(steps)) = self.calls_of(details) else { return None };
        let event_id = details.letter.delivery.as_ref()?.event_id.clone();
        let envelope = details.envelope.clone()?.into_bytes();
        let next = steps.next_step(&event_id, &envelope, &details.progress);
        let last = details.attempts.last().and_then(|attempt| attempt.step.as_deref());
        let failed = failed_at(last, next, &details.progress).map(str::to_owned);
        Some(Several { steps, event_id, envelope, failed })
    }

    /// How its steps stand, and what to look for.
    fn steps_of(&self, details: &DeadDetails) -> (Vec<Stood>, Option<LookFor>) {
        let Some(Several { steps, event_id, envelope, failed }) = self.several(details) else {
            return (details.progress.standing(), None);
        };
        let stood = steps.standing(&event_id, &envelope, &details.progress, failed.as_deref());
        let held = details.progress.unknown.last().cloned();
        let look_for = held.zip(details.letter.delivery.as_ref()).map(|(step, delivery)| {
            let id = &details.letter.id;
            let made = steps.request_of(&step, &event_id, &envelope, &details.progress).and_then(Result::ok);
            let sent = made.map_or(String::new(), |request| {
                format!("{} {}", request.url.expose(), String::from_utf8_lossy(&request.body.0))
            });
            let step_id = format!("{event_id}-{step}");
            let mark = [&step_id, &event_id].into_iter().find(|mark| sent.contains(mark.as_str()));
            let mark =
                mark.map_or(format!("webhook-id: {step_id}, if it keeps that"), |mark| format!("it holds {mark}"));
            let is_plain = details.progress.told_of(None, failed.as_deref()).is_ok_and(|told| told == step);
            let which = if is_plain { String::new() } else { format!("={step}") };
            let own = steps.steps.iter().find(|own| own.name == step);
            let needed = own.into_iter().flat_map(|own| &own.captures).filter(|capture| !capture.optional);
            let needs: Vec<String> = needed.map(|capture| capture.name.clone()).collect();
            let set: String = needs.iter().map(|name| format!(" --set {name}=VALUE")).collect();
            LookFor {
                what: format!(
                    "nobody knows whether the step {step} got through: look at {} for what it makes ({mark})",
                    delivery.destination
                ),
                mark,
                needs,
                if_missing: format!("leadhook dead retry {id}"),
                if_there: format!("leadhook dead retry {id} --step-done{which}{set}"),
                step,
            }
        });
        (stood, look_for)
    }
}

/// A letter that takes several calls, and where it stopped.
struct Several {
    steps: Steps,
    event_id: String,
    envelope: Vec<u8>,
    failed: Option<String>,
}
