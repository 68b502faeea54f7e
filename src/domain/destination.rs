//! Destinations: where events go, and under which limits.

use std::fmt;
use std::time::Duration;

use super::auth::Auth;
use super::aws::{self, AwsSigV4};
use super::connection::Connection;
use super::contact::PerContact;
use super::form::Form;
use super::oauth2::OAuth2;
use super::outcome::{self, Answer, Outcome};
use super::outcome_rules::OutcomeRules;
use super::pace::Rate;
use super::retry::RetryPolicy;
use super::sign::SigningSecret;
use super::steps::{Calls, Step, Steps};

/// A destination whose every value has been checked: building a client from it and sending cannot fail for its form.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name in the file: `[destinations.NAME]`.
    pub name: String,
    /// What it makes of an event; where there are steps, what these have in common.
    pub form: Form,
    /// The calls that a delivery takes, where it takes several; empty: it is one request.
    pub steps: Vec<Step>,
    /// What its answers mean, where they mean something else than HTTP says.
    pub outcomes: OutcomeRules,
    /// How it is reached.
    pub connection: Connection,
    /// Every attempt is signed once with each; empty: no signature is sent.
    pub secrets: Vec<SigningSecret>,
    /// For one whole attempt, from connecting to the last byte read of the answer.
    pub timeout: Duration,
    /// Attempts on the wire at one time, at least 1.
    pub concurrency: usize,
    /// `None`: no limit.
    pub rate: Option<Rate>,
    /// Accepted deliveries for one contact; `None`: no limit.
    pub rate_per_contact: Option<PerContact>,
    /// A delivery older than this is dead.
    pub max_age: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
    /// What the file says of it, in short: as long as that is the same, so is everything else here.
    pub mark: Mark,
}

/// A digest of all that the file says of something, with what it refers to: variables, secret files, certificates. It is
/// never printed, for short secrets can be guessed from it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark(pub [u8; 32]);

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark(..)")
    }
}

impl Destination {
    /// How its tokens are had, where it wants tokens that end.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        self.form.auth.as_ref().and_then(Auth::oauth2)
    }

    /// Whether what is sent there goes into a queue, by its broker or by an API in front of it.
    pub fn is_queue(&self) -> bool {
        self.form.url.broker().is_some() || self.form.wrap.is_some()
    }

    /// What its requests are signed with, where AWS asks for that.
    pub fn aws(&self) -> Option<&AwsSigV4> {
        self.form.auth.as_ref().and_then(Auth::aws)
    }

    /// What is known of this answer beside its status, and what a person can do; never anything of what was sent.
    pub fn hint(&self, answer: &Answer) -> Option<String> {
        match answer {
            Answer::Got(response) if self.aws().is_some() => aws::hint(response),
            _ => None,
        }
    }

    /// What a delivery there takes, by no route of its own.
    pub fn calls(&self) -> Calls {
        self.calls_with(self.form.clone())
    }

    /// The same with another form for what its calls have in common.
    pub fn calls_with(&self, form: Form) -> Calls {
        if self.steps.is_empty() {
            return Calls::One(Box::new(form));
        }
        Calls::Several(Steps { fields: form.fields, steps: self.steps.clone() })
    }

    /// What this answer means: by its own rules first, then as for everyone.
    ///
    /// Where the URL holds templates or there are several calls, 410 speaks of one lead's URL and not of the whole
    /// destination.
    pub fn judge(&self, answer: &Answer) -> Outcome {
        if let Some(outcome) = self.outcomes.first_match(answer) {
            return outcome;
        }
        match outcome::judge(answer) {
            Outcome::Gone if !self.form.url.is_literal() || !self.steps.is_empty() => Outcome::GivenUp,
            outcome => outcome,
        }
    }
}
