//! The breaker: a destination that keeps failing is probed now and then instead of being hammered.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;
use super::outcome::Outcome;

/// So many failures in a row...
pub const RUN: u32 = 20;

/// ...over at least so long open the breaker.
pub const OVER: Duration = Duration::from_secs(10);

/// The first probe comes so long after it opened.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Probes are never further apart.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// One destination's breaker. It starts closed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Breaker(State);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Closed { run: u32, first: Timestamp },
    Open { since: Timestamp, wait: Duration, probe: Probe },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Probe {
    /// `decided` tells a clock that was set back from one that has not come so far yet.
    Planned {
        decided: Timestamp,
        due: Timestamp,
    },
    InFlight,
}

impl Default for State {
    fn default() -> State {
        State::Closed { run: 0, first: Timestamp::UNIX_EPOCH }
    }
}

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Anything: the breaker is closed.
    Free,
    /// One probe; tell [`Breaker::probe_sent`] of it.
    OneProbe,
    /// Nothing until the probe that is out has come back.
    ProbeInFlight,
    /// Nothing before then.
    NotBefore(Timestamp),
}

/// What an outcome did to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It opened: the destination is failing.
    Tripped,
    /// It closed: the destination is back.
    Closed,
}

impl Breaker {
    /// One that was open when leadhook last ran: whether that is still so is found out at once.
    pub fn still_open(since: Timestamp, now: Timestamp) -> Breaker {
        Breaker(State::Open { since, wait: FIRST_WAIT, probe: Probe::Planned { decided: now, due: now } })
    }

    /// What may be sent now.
    pub fn permission(&self, now: Timestamp) -> Permission {
        match &self.0 {
            State::Closed { .. } => Permission::Free,
            State::Open { probe: Probe::InFlight, .. } => Permission::ProbeInFlight,
            // Before the moment at which it was planned: the clock was set back, by who knows how much.
            State::Open { probe: Probe::Planned { decided, due }, .. } if now >= *due || now < *decided => {
                Permission::OneProbe
            }
            State::Open { probe: Probe::Planned { due, .. }, .. } => Permission::NotBefore(*due),
        }
    }

    /// A probe goes out. Its end must be told, by [`observe`](Breaker::observe) or [`probe_lost`](Breaker::probe_lost).
    pub fn probe_sent(&mut self, _now: Timestamp) {
        if let State::Open { probe, .. } = &mut self.0 {
            *probe = Probe::InFlight;
        }
    }

    /// The probe that was out will never come back: its task died, or there was nothing to send after all. The next
    /// one may go after the same wait.
    pub fn probe_lost(&mut self, now: Timestamp) {
        if let State::Open { wait, probe: probe @ Probe::InFlight, .. } = &mut self.0 {
            *probe = planned(now, *wait);
        }
    }

    /// Somebody has changed what is sent, or where to, or wants it tried now: what was counted is forgotten, and where only probes go out, the next
    /// one goes at once. One that is out says nothing any more, and is not told.
    pub fn look_again(&mut self, now: Timestamp) {
        *self = match self.0 {
            State::Closed { .. } => Breaker::default(),
            State::Open { since, .. } => Breaker::still_open(since, now),
        };
    }

    /// An attempt came back; `probe` tells whether it went out as one.
    ///
    /// A success closes the breaker, whoever had it. While closed, only failures that would be retried make a run and
    /// only a success ends it: a request that is refused for good, or throttled, proves neither. While open, a probe
    /// that fails makes the next wait twice as long; one that is answered without success leaves it as it is.
    pub fn observe(&mut self, outcome: &Outcome, probe: bool, now: Timestamp) -> Option<Change> {
        match (&mut self.0, outcome) {
            (State::Closed { .. }, Outcome::Accepted) => {
                self.0 = State::default();
                None
            }
            (State::Open { .. }, Outcome::Accepted) => {
                self.0 = State::default();
                Some(Change::Closed)
            }
            (State::Closed { run, first }, Outcome::Retry) => {
                // Also where the clock was set back behind the first failure: the time is then counted anew.
                if *run == 0 || now < *first {
                    *first = now;
                }
                *run = run.saturating_add(1);
                if *run < RUN || clock::elapsed(*first, now) < OVER {
                    return None;
                }
                self.0 = State::Open { since: now, wait: FIRST_WAIT, probe: planned(now, FIRST_WAIT) };
                Some(Change::Tripped)
            }
            (State::Closed { .. }, Outcome::Throttled(_) | Outcome::GivenUp | Outcome::Gone) => None,
            // What was under way when it opened says nothing new.
            (State::Open { .. }, _) if !probe => None,
            (State::Open { wait, probe, .. }, outcome) => {
                if matches!(outcome, Outcome::Retry) {
                    *wait = (*wait * 2).min(LONGEST_WAIT);
                }
                *probe = planned(now, *wait);
                None
            }
        }
    }

    /// Whether only probes go out.
    pub fn is_open(&self) -> bool {
        self.since().is_some()
    }

    /// Since when it has been open.
    pub fn since(&self) -> Option<Timestamp> {
        match &self.0 {
            State::Open { since, .. } => Some(*since),
            State::Closed { .. } => None,
        }
    }
}

fn planned(now: Timestamp, wait: Duration) -> Probe {
    Probe::Planned { decided: now, due: clock::after(now, wait) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("a time")
    }

    /// Opened at `at(0)`.
    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        for i in 1..20 {
            assert_eq!(breaker.observe(&Outcome::Retry, false, at(-20_000 + i)), None);
        }
        assert_eq!(breaker.observe(&Outcome::Retry, false, at(0)), Some(Change::Tripped));
        breaker
    }

    #[test]
    fn it_takes_both_the_failures_and_the_time() {
        let mut breaker = Breaker::default();
        for i in 0..200 {
            assert_eq!(breaker.observe(&Outcome::Retry, false, at(i)), None, "too soon");
        }
        assert_eq!(breaker.observe(&Outcome::Retry, false, at(9_999)), None);
        assert_eq!(breaker.observe(&Outcome::Retry, false, at(10_000)), Some(Change::Tripped));
        assert_eq!(breaker.since(), Some(at(10_000)));

        let mut breaker = Breaker::default();
        for i in 0..19 {
            assert_eq!(breaker.observe(&Outcome::Retry, false, at(i * 60_000)), None, "too few");
        }
        assert_eq!(breaker.permission(at(0)), Permission::Free);
        assert_eq!(breaker.observe(&Outcome::Retry, false, at(19 * 60_000)), Some(Change::Tripped));
    }

    #[test]
    fn only_a_success_ends_the_run() {
        for (other, trips) in [
            (Outcome::Accepted, false),
            (Outcome::GivenUp, true),
            (Outcome::Throttled(None), true),
            (Outcome::Gone, true),
        ] {
            let mut breaker = Breaker::default();
            for i in 0..19 {
                breaker.observe(&Outcome::Retry, false, at(i * 1_000));
            }
            assert_eq!(breaker.observe(&other, false, at(19_000)), None);
            assert_eq!(breaker.observe(&Outcome::Retry, false, at(20_000)).is_some(), trips, "{other}");
        }
    }

    #[test]
    fn probes_go_one_at_a_time_and_less_and_less_often() {
        let mut breaker = open();
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(breaker.permission(at(now + wait * 1_000 - 1)), Permission::NotBefore(at(now + wait * 1_000)));
            now += wait * 1_000;
            assert_eq!(breaker.permission(at(now)), Permission::OneProbe);
            breaker.probe_sent(at(now));
            assert_eq!(breaker.permission(at(now)), Permission::ProbeInFlight);
            // Older attempts that come back meanwhile change nothing.
            assert_eq!(breaker.observe(&Outcome::Retry, false, at(now)), None);
            assert_eq!(breaker.permission(at(now + 3_600_000)), Permission::ProbeInFlight);
            now += 10;
            assert_eq!(breaker.observe(&Outcome::Retry, true, at(now)), None);
        }
        breaker.probe_sent(at(now));
        assert_eq!(breaker.observe(&Outcome::Accepted, true, at(now)), Some(Change::Closed));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn an_answer_that_is_no_success_keeps_it_open_at_the_same_pace() {
        for outcome in [Outcome::GivenUp, Outcome::Throttled(None), Outcome::Gone] {
            let mut breaker = open();
            for i in 1..5 {
                breaker.probe_sent(at(i * 1_000));
                assert_eq!(breaker.observe(&outcome, true, at(i * 1_000)), None);
                assert_eq!(breaker.permission(at(i * 1_000)), Permission::NotBefore(at(i * 1_000 + 1_000)));
            }
        }
    }

    #[test]
    fn one_that_was_open_before_a_restart_begins_with_a_probe() {
        let mut breaker = Breaker::still_open(at(-3_600_000), at(0));
        assert_eq!((breaker.since(), breaker.permission(at(0))), (Some(at(-3_600_000)), Permission::OneProbe));
        breaker.probe_sent(at(0));
        assert_eq!(breaker.observe(&Outcome::Retry, true, at(10)), None, "it is not told again");
        assert_eq!(breaker.permission(at(10)), Permission::NotBefore(at(2_010)));
        breaker.probe_sent(at(2_010));
        assert_eq!(breaker.observe(&Outcome::Accepted, true, at(2_020)), Some(Change::Closed));
    }

    #[test]
    fn a_lost_probe_blocks_nothing() {
        let mut breaker = open();
        breaker.probe_sent(at(1_000));
        breaker.probe_lost(at(5_000));
        assert_eq!(breaker.permission(at(5_999)), Permission::NotBefore(at(6_000)));
        assert_eq!(breaker.permission(at(6_000)), Permission::OneProbe);
        // Lost, and then its result comes after all: told twice, it still blocks nothing.
        breaker.probe_lost(at(7_000));
        assert_eq!(breaker.permission(at(7_000)), Permission::OneProbe);
    }

    #[test]
    fn a_late_success_of_an_older_attempt_closes_it() {
        let mut breaker = open();
        breaker.probe_sent(at(1_000));
        assert_eq!(breaker.observe(&Outcome::Accepted, false, at(1_500)), Some(Change::Closed));
        assert_eq!(breaker.observe(&Outcome::Retry, true, at(2_000)), None);
        assert_eq!(breaker.permission(at(2_000)), Permission::Free);
    }

    #[test]
    fn a_clock_that_is_set_back_hangs_nothing() {
        assert_eq!(open().permission(at(-86_400_000)), Permission::OneProbe);
        let mut breaker = Breaker::default();
        breaker.observe(&Outcome::Retry, false, at(0));
        for i in 0..=20 {
            breaker.observe(&Outcome::Retry, false, at(-86_400_000 + i * 1_000));
        }
        assert!(breaker.is_open());
    }

    proptest! {
        #[test]
        fn it_never_blocks_for_longer_than_the_longest_wait_nor_lets_two_probes_out(
            steps in prop::collection::vec((0usize..8, -100_000i64..100_000), 1..200),
        ) {
            let (mut breaker, mut now, mut out) = (Breaker::default(), 0, false);
            for (step, jump) in steps {
                // Mostly forward, now and then back.
                now += if step == 7 { jump } else { jump.abs() / 10 };
                let outcome = [Outcome::Retry, Outcome::Retry, Outcome::Retry, Outcome::Retry, Outcome::Accepted, Outcome::GivenUp, Outcome::Throttled(None), Outcome::Gone][step];
                match breaker.permission(at(now)) {
                    Permission::OneProbe => {
                        prop_assert!(!out && breaker.is_open());
                        breaker.probe_sent(at(now));
                        out = true;
                    }
                    Permission::NotBefore(due) => {
                        prop_assert!(!out && due > at(now) && due <= at(now) + LONGEST_WAIT);
                    }
                    Permission::ProbeInFlight => {
                        prop_assert!(out);
                        if step == 3 { breaker.probe_lost(at(now)) } else { breaker.observe(&outcome, true, at(now)); }
                        out = false;
                    }
                    Permission::Free => {
                        let change = breaker.observe(&outcome, false, at(now));
                        prop_assert!(change != Some(Change::Closed));
                        prop_assert_eq!(change == Some(Change::Tripped), breaker.is_open());
                    }
                }
            }
        }
    }
}
