//! When a delivery is tried again: a schedule of waits, or waits that grow by a factor.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::{clock, retry_after};

/// The waits between the attempts of one delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum RetryPolicy {
    /// These waits, one after another: nine waits are ten attempts.
    Schedule {
        /// The waits.
        waits: Vec<Duration>,
        /// Each wait is made longer or shorter by up to this share of itself, 0 to 1.
        jitter: f64,
    },
    /// `initial`, then `factor` times the last, never more than `max`.
    Exponential {
        /// The first wait.
        initial: Duration,
        /// At least 1.
        factor: f64,
        /// No wait is longer, jitter included.
        max: Duration,
        /// The first attempt counted; at least 1.
        attempts: u32,
        /// As above.
        jitter: f64,
    },
}

impl Default for RetryPolicy {
    /// Ten attempts over three days.
    fn default() -> RetryPolicy {
        let (m, h) = (60, 3_600);
        let waits = [5, 5 * m, 30 * m, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h];
        RetryPolicy::Schedule { waits: waits.map(Duration::from_secs).into(), jitter: 0.2 }
    }
}

impl RetryPolicy {
    /// How long to wait after `failed` counted attempts, at least 1, have failed; `None` when there are no more.
    ///
    /// `dice`, 0 to 1, chooses within the jitter: 0 is the shortest wait, 0.5 the plain one, 1 the longest.
    pub fn wait(&self, failed: u32, dice: f64) -> Option<Duration> {
        let step = failed.saturating_sub(1);
        match self {
            RetryPolicy::Schedule { waits, jitter } => {
                let wait = waits.get(usize::try_from(step).ok()?)?;
                Some(jittered(wait.as_secs_f64(), *jitter, dice).unwrap_or(*wait))
            }
            RetryPolicy::Exponential { initial, factor, max, attempts, jitter } => {
                if failed >= *attempts {
                    return None;
                }
                // Zero times infinity would be no number at all.
                let grown = if initial.is_zero() { 0.0 } else { initial.as_secs_f64() * factor.powf(f64::from(step)) };
                let wait = jittered(grown.min(max.as_secs_f64()), *jitter, dice);
                Some(wait.map_or(*max, |wait| wait.min(*max)))
            }
        }
    }
}

/// `None` for what is no duration.
fn jittered(seconds: f64, jitter: f64, dice: f64) -> Option<Duration> {
    let share = jitter.clamp(0.0, 1.0) * (2.0 * dice.clamp(0.0, 1.0) - 1.0);
    Duration::try_from_secs_f64(seconds * (1.0 + share)).ok()
}

/// What must be known of a delivery to say what an attempt at it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// When the delivery was made, or last reopened by a person.
    pub opened_at: Timestamp,
    /// Counted failures before this attempt.
    pub failed: u32,
    /// Made while the destination's breaker was open: its failure is never counted.
    pub probe: bool,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Delivered,
    /// Still pending.
    Again {
        /// Not before then.
        at: Timestamp,
        /// Whether this attempt is one of those that the policy grants.
        counted: bool,
    },
    /// A dead letter, until a person decides.
    Dead(Death),
    /// Still pending, and the destination is disabled: nothing goes there until a person resumes it.
    Parked,
}

/// Why a delivery died.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// The destination said that it will never take it.
    GivenUp,
    /// Every attempt that the policy grants has failed.
    AttemptsExhausted,
    /// The destination's `max_age` has passed.
    TooOld,
}

impl Death {
    /// One word, as it is stored and filtered by.
    pub fn as_str(self) -> &'static str {
        match self {
            Death::GivenUp => "given_up",
            Death::AttemptsExhausted => "attempts_exhausted",
            Death::TooOld => "too_old",
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Death::GivenUp => "refused for good",
            Death::AttemptsExhausted => "every attempt failed",
            Death::TooOld => "older than max_age",
        })
    }
}

/// What this outcome of an attempt leads to.
///
/// `pause` is how long the destination now rests, where the outcome is that it is throttled. No next attempt lies behind
/// the delivery's `max_age`: a longer wait is cut, and whoever claims the delivery then finds it [`too_old`].
pub fn decide(
    policy: &RetryPolicy,
    max_age: Duration,
    trial: &Trial,
    outcome: &Outcome,
    pause: Option<Duration>,
    now: Timestamp,
    dice: f64,
) -> Verdict {
    let (wait, counted) = match *outcome {
        Outcome::Accepted => return Verdict::Delivered,
        Outcome::GivenUp => return Verdict::Dead(Death::GivenUp),
        Outcome::Gone => return Verdict::Parked,
        Outcome::Throttled(asked) => (pause.or(asked).unwrap_or(retry_after::SHORTEST), false),
        // At once, behind the others: the breaker says when there is a next probe, and over which delivery.
        Outcome::Retry if trial.probe => (Duration::ZERO, false),
        Outcome::Retry => match policy.wait(trial.failed.saturating_add(1), dice) {
            Some(wait) => (wait, true),
            None => return Verdict::Dead(Death::AttemptsExhausted),
        },
    };
    if too_old(trial.opened_at, max_age, now) {
        return Verdict::Dead(Death::TooOld);
    }
    Verdict::Again { at: clock::after(now, wait).min(clock::after(trial.opened_at, max_age)), counted }
}

/// Whether a delivery has reached the age at which it is dead, whatever the policy still grants.
pub fn too_old(opened_at: Timestamp, max_age: Duration, now: Timestamp) -> bool {
    now >= clock::after(opened_at, max_age)
}
