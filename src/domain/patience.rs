//! Patience with leads whose details cannot be read: when to try again, and when to leave them to a person.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock;

/// The wait after the first failure, before the dice.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);

/// No wait is longer, before the dice.
pub const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What is kept of a lead whose details could not be read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// How often it was tried.
    pub attempts: u32,
    /// How much of `give_up_after` is used up.
    pub charged: Duration,
    /// When it was tried last.
    pub last_attempt: Timestamp,
    /// The wait that was planned then.
    pub planned: Duration,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It is tried again.
    GoOn {
        /// To be kept.
        waiting: Waiting,
        /// Not before then.
        due: Timestamp,
    },
    /// The lead is a dead letter.
    GiveUp,
}

impl Waiting {
    /// The state of a lead that is about to be tried for the first time.
    pub fn first(now: Timestamp) -> Waiting {
        Waiting { attempts: 0, charged: Duration::ZERO, last_attempt: now, planned: Duration::ZERO }
    }
}

/// What follows when the lead could not be read at `now`, after `waiting`.
///
/// The waits are half as long to half as long again (`dice`, 0 to 1) as 1 s, 2 s, 4 s and so on up to 10 min; a longer
/// `pause`, as the API may ask for it, comes first.
///
/// Time counts towards `give_up_after` only where `others_read_at`, when any other lead was last read, lies behind the
/// last attempt: an API that is down kills nobody. And no step counts for more than twice the wait that was planned for
/// it, so that neither days in which leadhook did not run nor a pause are held against the lead.
pub fn after_failure(
    waiting: &Waiting,
    give_up_after: Duration,
    others_read_at: Option<Timestamp>,
    pause: Option<Duration>,
    now: Timestamp,
    dice: f64,
) -> Patience {
    let others_can = others_read_at.is_some_and(|at| at > waiting.last_attempt);
    let step = clock::elapsed(waiting.last_attempt, now).min(waiting.planned.saturating_mul(2));
    let charged = if others_can { waiting.charged.saturating_add(step) } else { waiting.charged };
    // After the very first failure there is nothing on disk yet that could become a dead letter.
    if waiting.attempts > 0 && charged >= give_up_after {
        return Patience::GiveUp;
    }
    let doubled = 1u32.checked_shl(waiting.attempts).unwrap_or(u32::MAX);
    let planned = FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT).mul_f64(0.5 + dice.clamp(0.0, 1.0));
    let due = clock::after(now, planned.max(pause.unwrap_or(Duration::ZERO)));
    let waiting = Waiting { attempts: waiting.attempts.saturating_add(1), charged, last_attempt: now, planned };
    Patience::GoOn { waiting, due }
}
