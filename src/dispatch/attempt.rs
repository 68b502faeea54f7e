//! One attempt: the request as it goes out now, what came back, and what follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{info, warn};

use crate::dispatch::setting::Setting;
use crate::domain::breaker::Change;
use crate::domain::clock;
use crate::domain::destination::Destination;
use crate::domain::outcome::{Answer, NoAnswer, Outcome, Response};
use crate::domain::retry::{Death, Trial, Verdict, decide};
use crate::domain::steps::{Call, Lost, Told, tell};
use crate::domain::veil::Veil;
use crate::store::dispatch::{self, Claim, Settlement};
use crate::store::{Store, StoreError};
use crate::watch::Happening;

/// An attempt that has come back.
pub struct Attempt {
    pub claim: Claim,
    /// As the file had it when the attempt began.
    pub destination: Arc<Destination>,
    /// Which of several steps it was.
    pub step: Option<String>,
    /// Whether it was sent to find out if the destination is back.
    pub probe: bool,
    pub at: Timestamp,
    pub began: Instant,
    pub took: Duration,
    /// What came back, as it may be kept.
    pub answer: Answer,
    pub told: Told,
}

/// One try that is about to begin.
pub struct Try {
    pub claim: Claim,
    pub call: Call,
    pub probe: bool,
    pub at: Timestamp,
    pub began: Instant,
}

/// What became of a try.
pub enum Tried {
    /// It was made, and has come back.
    Back(Box<Attempt>),
    /// It was not made: the event with this id was forgotten before it went out.
    Withheld(String),
}

/// Makes the call once. Where it must not be made twice unnoticed, the disk hears of it first.
///
/// # Errors
/// The store cannot be written.
pub async fn send(store: &Store, setting: &Setting, this: Try) -> Result<Tried, StoreError> {
    let Try { claim, call, probe, at, began } = this;
    let (destination, way) = (Arc::clone(&setting.destination), &setting.way);
    let mark = call.mark(at);
    let Call { id, request, step } = call;
    let sent = match way.pass().await {
        Ok(pass) => {
            if let Some(mark) = mark {
                store.note_progress(&claim, mark).await?;
            }
            // Waiting for a token may have taken long.
            if !claim.let_out() {
                return Ok(Tried::Withheld(claim.event_id));
            }
            way.send(pass, &id, request, at).await
        }
        Err(not_sent) => not_sent,
    };
    // Judged, and looked through for what a later step needs, as it came.
    let told = tell(step.as_ref(), &destination, &sent.answer);
    let told = Told { why: told.why.map(|why| setting.veil.answer(&why, false)), ..told };
    let answer = covered(sent.answer, &setting.veil);
    let step = step.map(|step| step.name().to_owned());
    let attempt = Attempt { claim, destination, step, probe, at, began, took: sent.took, answer, told };
    Ok(Tried::Back(Box::new(attempt)))
}

/// What is kept of an answer, without what it repeats of the request that is secret: the file knows its secrets only for as
/// long as they stand in it, and the store keeps answers for longer.
fn covered(answer: Answer, veil: &Veil) -> Answer {
    let cover = |text: String| veil.answer(&text, false);
    match answer {
        Answer::Got(response) => {
            let (kept, cut) = response.kept();
            let body = veil.answer(&String::from_utf8_lossy(kept), cut).into_bytes();
            Answer::Got(Response { body, cut, headers: Vec::new(), ..response })
        }
        Answer::Taken { receipt } => Answer::Taken { receipt: cover(receipt) },
        Answer::Refused { why, detail } => Answer::Refused { why, detail: cover(detail) },
        Answer::Nothing { why, detail } => Answer::Nothing { why, detail: cover(detail) },
    }
}

impl Attempt {
    /// A call of which only the mark is left: leadhook ended while it was on its way.
    pub fn lost(claim: Claim, destination: Arc<Destination>, lost: Lost, now: Timestamp) -> Attempt {
        let at = Timestamp::from_millisecond(lost.at).unwrap_or(now);
        let answer = Answer::Nothing { why: NoAnswer::Interrupted, detail: String::new() };
        let (step, began) = (Some(lost.step), Instant::now());
        Attempt { claim, destination, step, probe: false, at, began, took: Duration::ZERO, answer, told: lost.told }
    }

    /// What it means.
    pub fn outcome(&self) -> Outcome {
        self.told.outcome
    }

    /// What follows. `pause`: how long the destination is now left alone.
    pub fn verdict(&self, pause: Option<Duration>, now: Timestamp, dice: f64) -> Verdict {
        let destination = &self.destination;
        let goes_on = self.told.goes_on;
        let trial =
            Trial { opened_at: self.claim.opened_at(), failed: self.claim.failed(), probe: self.probe, goes_on };
        if self.told.held.is_some() {
            return Verdict::Dead(Death::Unknown);
        }
        decide(&destination.retry, destination.max_age, &trial, &self.told.outcome, pause, now, dice)
    }

    /// What is to be known of its end beside what came back.
    fn why(&self) -> Option<String> {
        match &self.told.held {
            // Whatever of it is kept there holds the event's id, if it holds any: the call's own id begins with it.
            Some(step) => Some(format!(
                "nobody knows whether the step {step} got through ({}): look for {} there; `leadhook dead show` says how to go on",
                self.said(),
                self.claim.event_id
            )),
            None => self.told.why.is_some().then(|| self.said()),
        }
    }

    /// What came back, in a few words.
    pub fn said(&self) -> String {
        let said = self.answer.said();
        match &self.told.why {
            Some(why) => format!("{said}, but {why}"),
            None => said,
        }
    }

    /// The one wide line that is logged for each attempt, without the person's data.
    pub fn log(&self, destination: &str, verdict: &Verdict) {
        let status = self.answer.status();
        let receipt = matches!(self.answer, Answer::Taken { .. }).then(|| self.said());
        let error = (status.is_none() && receipt.is_none()).then(|| self.said());
        info!(
            destination,
            lead = (!self.claim.event_type.is_ops()).then_some(self.claim.lead.0),
            event = %self.claim.event_id,
            event_type = %self.claim.event_type,
            route = %self.claim.route,
            attempt = self.claim.attempt(),
            step = self.step,
            probe = self.probe,
            status,
            receipt,
            error,
            why = self.told.why,
            outcome = self.outcome().as_str(),
            took_ms = self.took.as_millis() as u64,
            next = %next(verdict, self.probe),
            "attempt"
        );
        if matches!(verdict, Verdict::Dead(_)) && self.claim.event_type.is_ops() {
            log_untold(&self.claim, destination, &self.said());
        }
    }

    /// What the feed tells of it.
    pub fn happening(&self, destination: &str, verdict: Verdict, now: Timestamp) -> Happening {
        Happening::Tried {
            destination: destination.to_owned(),
            lead: self.claim.lead,
            event_id: self.claim.event_id.clone(),
            event_type: self.claim.event_type,
            attempt: self.claim.attempt(),
            step: self.step.clone(),
            outcome: self.outcome(),
            said: self.said(),
            in_short: self.answer.in_short(),
            took: self.took,
            verdict,
            age: clock::elapsed(self.claim.seen_at, now),
        }
    }

    /// The claim, and what is to be settled. `breaker`: what the attempt did to it.
    pub fn settlement(
        self,
        verdict: Verdict,
        wait_until: Option<Timestamp>,
        breaker: Option<Change>,
        now: Timestamp,
    ) -> (Claim, Settlement) {
        let why = self.why();
        let Attempt { claim, step, at, took, answer, told, .. } = self;
        let tried = Some(dispatch::Tried { at, took, answer, outcome: told.outcome, step, but: told.why });
        (claim, Settlement { tried, verdict, wait_until, breaker, why, progress: told.progress, now })
    }
}

/// What leadhook says of itself and nobody took makes no dead letter: this line is all that is left of it.
pub fn log_untold(claim: &Claim, destination: &str, said: &str) {
    let (event, event_type) = (&claim.event_id, claim.event_type);
    warn!(destination, %event, %event_type, said, "could not be told there; it is given up on and only logged");
}

fn next(verdict: &Verdict, probe: bool) -> String {
    match verdict {
        // It is due all the while; what it waits for is no time of its own.
        Verdict::Again { counted: false, .. } if probe => {
            "again once a probe is accepted, or as the next one".to_owned()
        }
        Verdict::Delivered => "delivered".to_owned(),
        Verdict::NextStep => "the next step".to_owned(),
        Verdict::Again { at, .. } => format!("again at {at:.0}"),
        Verdict::Dead(why) => format!("dead: {}", why.as_str()),
        Verdict::Parked => "parked".to_owned(),
    }
}
