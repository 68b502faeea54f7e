//! One attempt: the request as it goes out now, what came back, and what follows.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{info, warn};

use crate::domain::destination::Destination;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::request::Request;
use crate::domain::retry::{Trial, Verdict, decide};
use crate::store::dispatch::{Claim, Settlement, Tried};
use crate::transport::Transport;
use crate::watch::Happening;

/// An attempt that has come back.
pub struct Attempt {
    pub claim: Claim,
    /// Whether it was sent to find out if the destination is back.
    pub probe: bool,
    pub at: Timestamp,
    pub began: Instant,
    pub took: Duration,
    pub answer: Answer,
    pub outcome: Outcome,
}

/// One try that is about to begin.
pub struct Try {
    pub claim: Claim,
    pub request: Request,
    pub probe: bool,
    pub at: Timestamp,
    pub began: Instant,
}

/// Sends the claimed event once.
pub async fn send(destination: &Destination, transport: &Transport, this: Try) -> Attempt {
    let Try { claim, request, probe, at, began } = this;
    let sent = transport.send(&claim.event_id, request, at).await;
    let outcome = destination.judge(&sent.answer);
    Attempt { claim, probe, at, began, took: sent.took, answer: sent.answer, outcome }
}

impl Attempt {
    /// What follows. `pause`: how long the destination is now left alone.
    pub fn verdict(&self, destination: &Destination, pause: Option<Duration>, now: Timestamp, dice: f64) -> Verdict {
        let trial = Trial { opened_at: self.claim.opened_at(), failed: self.claim.failed(), probe: self.probe };
        decide(&destination.retry, destination.max_age, &trial, &self.outcome, pause, now, dice)
    }

    /// What came back, in a few words.
    pub fn said(&self) -> String {
        match &self.answer {
            Answer::Got(response) => format!("HTTP {}", response.status),
            Answer::Nothing { why, detail } if detail.is_empty() => why.to_string(),
            Answer::Nothing { why, detail } => format!("{why}: {detail}"),
        }
    }

    /// The same in one word.
    fn in_short(&self) -> String {
        match &self.answer {
            Answer::Got(response) => response.status.to_string(),
            Answer::Nothing { why, .. } => why.as_str().to_owned(),
        }
    }

    /// The one wide line that is logged for each attempt, without the person's data.
    pub fn log(&self, destination: &str, verdict: &Verdict) {
        let (status, error) = match &self.answer {
            Answer::Got(response) => (Some(response.status), None),
            Answer::Nothing { .. } => (None, Some(self.said())),
        };
        info!(
            destination,
            lead = (!self.claim.event_type.is_ops()).then_some(self.claim.lead.0),
            event = %self.claim.event_id,
            event_type = %self.claim.event_type,
            route = %self.claim.route,
            attempt = self.claim.attempt(),
            probe = self.probe,
            status,
            error,
            outcome = self.outcome.as_str(),
            took_ms = self.took.as_millis() as u64,
            next = %next(verdict),
            "attempt"
        );
        if matches!(verdict, Verdict::Dead(_)) && self.claim.event_type.is_ops() {
            log_untold(&self.claim, destination, &self.said());
        }
    }

    /// What the feed tells of it.
    pub fn happening(&self, destination: &str, verdict: Verdict) -> Happening {
        Happening::Tried {
            destination: destination.to_owned(),
            lead: self.claim.lead,
            event_id: self.claim.event_id.clone(),
            attempt: self.claim.attempt(),
            outcome: self.outcome,
            said: self.said(),
            in_short: self.in_short(),
            took: self.took,
            verdict,
        }
    }

    /// The claim, and what is to be settled.
    pub fn settlement(self, verdict: Verdict, wait_until: Option<Timestamp>, now: Timestamp) -> (Claim, Settlement) {
        let tried = Tried { at: self.at, took: self.took, answer: self.answer, outcome: self.outcome };
        (self.claim, Settlement { tried: Some(tried), verdict, wait_until, why: None, now })
    }
}

/// What leadhook says of itself and nobody took makes no dead letter: this line is all that is left of it.
pub fn log_untold(claim: &Claim, destination: &str, said: &str) {
    let (event, event_type) = (&claim.event_id, claim.event_type);
    warn!(destination, %event, %event_type, said, "could not be told there; it is given up on and only logged");
}

fn next(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Delivered => "delivered".to_owned(),
        Verdict::Again { at, .. } => format!("again at {at:.0}"),
        Verdict::Dead(why) => format!("dead: {}", why.as_str()),
        Verdict::Parked => "parked".to_owned(),
    }
}
