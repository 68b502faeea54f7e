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
    /// It is one of several calls, and not the last.
    pub goes_on: bool,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Delivered,
    /// One of several calls is done; still pending, for the next one.
    NextStep,
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
    /// No request could be made of it by today's file.
    Unrenderable,
    /// The destination does not take a body of its size.
    TooLarge,
    /// Nobody knows whether one of its calls got through, and it must not be made twice.
    Unknown,
}

impl Death {
    /// One word, as it is stored and filtered by.
    pub fn as_str(self) -> &'static str {
        match self {
            Death::GivenUp => "given_up",
            Death::AttemptsExhausted => "attempts_exhausted",
            Death::TooOld => "too_old",
            Death::Unrenderable => "unrenderable",
            Death::TooLarge => "too_large",
            Death::Unknown => "unknown",
        }
    }

    /// The death of this one word.
    pub fn from_name(name: &str) -> Option<Death> {
        use Death::{AttemptsExhausted, GivenUp, TooLarge, TooOld, Unknown, Unrenderable};
        [GivenUp, AttemptsExhausted, TooOld, Unrenderable, TooLarge, Unknown]
            .into_iter()
            .find(|death| death.as_str() == name)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Death::GivenUp => "refused for good",
            Death::AttemptsExhausted => "every attempt failed",
            Death::TooOld => "older than max_age",
            Death::Unrenderable => "no request could be made of it",
            Death::TooLarge => "too large for the destination",
            Death::Unknown => "nobody knows whether it got through",
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
        Outcome::Accepted if trial.goes_on => return Verdict::NextStep,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn policies() -> impl Strategy<Value = RetryPolicy> {
        let jitter = prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0, any::<f64>()];
        let span =
            prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), (0..10_000_000u64).prop_map(Duration::from_millis)];
        let factor = prop_oneof![Just(1.0), 1.0..10.0, any::<f64>()];
        prop_oneof![
            (prop::collection::vec(span.clone(), 0..12), jitter.clone())
                .prop_map(|(waits, jitter)| RetryPolicy::Schedule { waits, jitter }),
            (span.clone(), factor, span, any::<u32>(), jitter).prop_map(|(initial, factor, max, attempts, jitter)| {
                RetryPolicy::Exponential { initial, factor, max, attempts, jitter }
            }),
        ]
    }

    fn instants() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            Just(Timestamp::MIN),
            Just(Timestamp::MAX),
            (1_700_000_000_000i64..1_900_000_000_000).prop_map(|ms| Timestamp::from_millisecond(ms).expect("a time")),
        ]
    }

    #[test]
    fn the_default_is_ten_attempts_over_three_days() {
        let policy = RetryPolicy::default();
        let waits: Vec<_> = (1..=10).map(|failed| policy.wait(failed, 0.5).map(|wait| wait.as_secs())).collect();
        let hours = |h: u64| Some(h * 3_600);
        let expected =
            [Some(5), Some(300), Some(1_800), hours(2), hours(5), hours(10), hours(14), hours(20), hours(24), None];
        assert_eq!(waits, expected);
        assert_eq!(policy.wait(1, 0.0), Some(S(4)));
        assert_eq!(policy.wait(1, 1.0), Some(S(6)));
        assert_eq!(policy.wait(0, 0.5), Some(S(5)));
    }

    #[test]
    fn exponential_waits_grow_to_the_maximum_and_no_further() {
        let policy = RetryPolicy::Exponential { initial: S(1), factor: 2.0, max: S(10), attempts: 7, jitter: 0.5 };
        let waits = |dice| (1..=7).map(|failed| policy.wait(failed, dice).map(|w| w.as_secs_f64())).collect::<Vec<_>>();
        assert_eq!(waits(0.5), [Some(1.0), Some(2.0), Some(4.0), Some(8.0), Some(10.0), Some(10.0), None]);
        assert_eq!(waits(1.0), [Some(1.5), Some(3.0), Some(6.0), Some(10.0), Some(10.0), Some(10.0), None]);
        assert_eq!(waits(0.0), [Some(0.5), Some(1.0), Some(2.0), Some(4.0), Some(5.0), Some(5.0), None]);
    }

    #[test]
    fn one_attempt_means_one() {
        let policy = RetryPolicy::Exponential { initial: S(1), factor: 2.0, max: S(10), attempts: 1, jitter: 0.0 };
        assert_eq!(policy.wait(1, 0.5), None);
        assert_eq!(RetryPolicy::Schedule { waits: Vec::new(), jitter: 0.0 }.wait(1, 0.5), None);
    }

    #[test]
    fn each_outcome_has_its_verdict() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let trial = Trial { opened_at: now - S(60), failed: 0, probe: false, goes_on: false };
        let policy = RetryPolicy::default();
        let says = |trial: &Trial, outcome, pause| decide(&policy, S(86_400), trial, &outcome, pause, now, 0.5);
        let again = |seconds, counted| Verdict::Again { at: now + S(seconds), counted };
        assert_eq!(says(&trial, Outcome::Accepted, None), Verdict::Delivered);
        assert_eq!(says(&Trial { goes_on: true, ..trial }, Outcome::Accepted, None), Verdict::NextStep);
        assert_eq!(says(&trial, Outcome::GivenUp, None), Verdict::Dead(Death::GivenUp));
        assert_eq!(says(&trial, Outcome::Gone, None), Verdict::Parked);
        assert_eq!(says(&trial, Outcome::Throttled(Some(S(9))), Some(S(30))), again(30, false));
        assert_eq!(says(&trial, Outcome::Throttled(Some(S(9))), None), again(9, false));
        assert_eq!(says(&trial, Outcome::Throttled(None), None), again(1, false));
        assert_eq!(says(&trial, Outcome::Retry, None), again(5, true));
        assert_eq!(says(&Trial { failed: 1, ..trial }, Outcome::Retry, None), again(300, true));
        // Cut to the age at which it dies.
        assert_eq!(says(&Trial { failed: 8, ..trial }, Outcome::Retry, None), again(86_400 - 60, true));
        assert_eq!(says(&Trial { failed: 9, ..trial }, Outcome::Retry, None), Verdict::Dead(Death::AttemptsExhausted));
        let probe = Trial { failed: 9, probe: true, ..trial };
        assert_eq!(says(&probe, Outcome::Retry, None), again(0, false));
        assert_eq!(says(&probe, Outcome::GivenUp, None), Verdict::Dead(Death::GivenUp));
        let old = Trial { opened_at: now - S(86_400), ..trial };
        assert!(too_old(old.opened_at, S(86_400), now) && !too_old(old.opened_at, S(86_401), now));
        assert_eq!(says(&old, Outcome::Retry, None), Verdict::Dead(Death::TooOld));
        assert_eq!(says(&old, Outcome::Throttled(None), Some(S(5))), Verdict::Dead(Death::TooOld));
        assert_eq!(says(&old, Outcome::Accepted, None), Verdict::Delivered);
    }

    proptest! {
        #[test]
        fn no_wait_overflows_nor_leaves_its_jitter(policy in policies(), failed: u32, dice in prop_oneof![0.0..1.0, any::<f64>()]) {
            let wait = policy.wait(failed, dice);
            match &policy {
                RetryPolicy::Exponential { max, attempts, .. } => {
                    prop_assert_eq!(wait.is_none(), failed >= *attempts);
                    prop_assert!(wait.is_none_or(|wait| wait <= *max));
                }
                RetryPolicy::Schedule { waits, jitter } => {
                    let plain = waits.get(failed.saturating_sub(1) as usize);
                    prop_assert_eq!(wait.is_none(), plain.is_none());
                    if let (Some(wait), Some(plain)) = (wait, plain) && (0.0..=1.0).contains(jitter) && *plain < S(1 << 40) {
                        let off = wait.abs_diff(*plain).as_secs_f64();
                        prop_assert!(off <= plain.as_secs_f64() * jitter + 1e-6, "{:?} for {:?}", wait, plain);
                    }
                }
            }
        }

        #[test]
        fn the_next_attempt_lies_neither_in_the_past_nor_behind_the_delivery_s_age(
            policy in policies(),
            max_age in prop_oneof![Just(Duration::MAX), (0u64..1_000_000).prop_map(S)],
            opened_at in instants(),
            now in instants(),
            failed in 0u32..20,
            probe: bool,
            goes_on: bool,
            which in 0usize..5,
            asked in prop::option::of((0u64..1_000_000).prop_map(S)),
            dice in 0.0f64..1.0,
        ) {
            let outcome =
                [Outcome::Accepted, Outcome::Retry, Outcome::Throttled(asked), Outcome::GivenUp, Outcome::Gone][which];
            let trial = Trial { opened_at, failed, probe, goes_on };
            match decide(&policy, max_age, &trial, &outcome, asked, now, dice) {
                Verdict::Again { at, counted } => {
                    prop_assert!(at >= now && at <= clock::after(opened_at, max_age));
                    prop_assert_eq!(counted, outcome == Outcome::Retry && !probe);
                }
                Verdict::Dead(Death::TooOld) => prop_assert!(too_old(opened_at, max_age, now)),
                Verdict::Dead(Death::AttemptsExhausted) => prop_assert!(policy.wait(failed + 1, dice).is_none() && !probe),
                Verdict::Dead(Death::GivenUp) => prop_assert_eq!(outcome, Outcome::GivenUp),
                Verdict::Dead(untried) => prop_assert!(false, "no attempt leads to {}", untried),
                Verdict::Delivered | Verdict::NextStep => prop_assert_eq!(outcome, Outcome::Accepted),
                Verdict::Parked => prop_assert_eq!(outcome, Outcome::Gone),
            }
        }
    }
}
