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
