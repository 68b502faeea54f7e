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
    let planned = wait(waiting.attempts, dice);
    let due = clock::after(now, planned.max(pause.unwrap_or(Duration::ZERO)));
    let waiting = Waiting { attempts: waiting.attempts.saturating_add(1), charged, last_attempt: now, planned };
    Patience::GoOn { waiting, due }
}

/// The wait after so many failures before this one: 1 s, 2 s, 4 s and so on up to 10 min, made half as long to half as long
/// again by the dice (0 to 1).
pub fn wait(failures: u32, dice: f64) -> Duration {
    let doubled = 1u32.checked_shl(failures).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT).mul_f64(0.5 + dice.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const DAY: Duration = Duration::from_secs(86_400);

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a time")
    }

    /// Fails at each due time, until it is given up or `until` has come.
    fn fail(
        give_up_after: Duration,
        until: Timestamp,
        others: impl Fn(Timestamp) -> Option<Timestamp>,
        dice: f64,
    ) -> Result<Timestamp, Waiting> {
        let (mut waiting, mut now) = (Waiting::first(start()), start());
        while now < until {
            match after_failure(&waiting, give_up_after, others(now), None, now, dice) {
                Patience::GoOn { waiting: next, due } => (waiting, now) = (next, due),
                Patience::GiveUp => return Ok(now),
            }
        }
        Err(waiting)
    }

    #[test]
    fn waits_grow_from_a_second_to_ten_minutes() {
        let (mut waiting, mut waits) = (Waiting::first(start()), Vec::new());
        for _ in 0..12 {
            let Patience::GoOn { waiting: next, due } = after_failure(&waiting, DAY, None, None, start(), 0.5) else {
                panic!("given up");
            };
            assert_eq!(due, start() + next.planned);
            waits.push(next.planned.as_secs());
            waiting = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(waiting.attempts, 12);
    }

    #[test]
    fn an_api_that_is_down_kills_nobody() {
        let waiting = fail(DAY, start() + 30 * DAY, |_| None, 0.5).expect_err("still there");
        assert_eq!(waiting.charged, Duration::ZERO);
        // It was up before: that is no reason either.
        fail(DAY, start() + 30 * DAY, |_| Some(start()), 0.5).expect_err("still there");
    }

    #[test]
    fn a_lead_that_alone_cannot_be_read_is_given_up_in_time() {
        for dice in [0.0, 0.5, 1.0] {
            let ended = fail(DAY, start() + 30 * DAY, Some, dice).expect("given up");
            assert!(ended >= start() + DAY && ended <= start() + DAY + S(900), "{ended}");
        }
    }

    #[test]
    fn a_week_out_of_service_costs_two_waits_at_most() {
        let waiting = Waiting { attempts: 20, charged: S(60), last_attempt: start(), planned: S(600) };
        let now = start() + 7 * DAY;
        let Patience::GoOn { waiting, due } = after_failure(&waiting, DAY, Some(now), Some(S(3_600)), now, 0.5) else {
            panic!("given up");
        };
        assert_eq!(waiting.charged, S(60 + 1_200));
        // The pause is obeyed, and not held against the lead next time.
        assert_eq!((due, waiting.planned), (now + S(3_600), S(600)));
    }

    proptest! {
        #[test]
        fn nobody_is_given_up_early(
            give_up_after in (1u64..200_000).prop_map(S),
            steps in prop::collection::vec((0u64..200_000, any::<bool>(), prop::option::of(0u64..100_000), 0.0f64..1.0), 1..100),
        ) {
            let (mut waiting, mut now, mut could) = (Waiting::first(start()), start(), Duration::ZERO);
            for (late, others, pause, dice) in steps {
                let step = clock::elapsed(waiting.last_attempt, now);
                if others { could += step }
                let read = others.then_some(now);
                match after_failure(&waiting, give_up_after, read, pause.map(S), now, dice) {
                    Patience::GiveUp => {
                        prop_assert!(could >= give_up_after);
                        return Ok(());
                    }
                    Patience::GoOn { waiting: next, due } => {
                        prop_assert!(next.charged <= could && next.charged < give_up_after);
                        prop_assert!(next.planned >= S(1) / 2 && next.planned <= LONGEST_WAIT * 3 / 2);
                        prop_assert!(due >= now + next.planned && due >= now + S(pause.unwrap_or(0)));
                        waiting = next;
                        now = due + S(late);
                    }
                }
            }
        }

        #[test]
        fn nothing_that_is_stored_can_panic(attempts: u32, charged: u64, planned: u64, give_up: u64, dice: f64, back: bool) {
            let now = if back { Timestamp::MIN } else { Timestamp::MAX };
            let waiting = Waiting { attempts, charged: S(charged), last_attempt: start(), planned: S(planned) };
            after_failure(&waiting, S(give_up), Some(now), Some(Duration::MAX), now, dice);
        }
    }
}
