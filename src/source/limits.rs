//! How hard WeClever may be asked: the gate through which every request goes, one after another.
//!
//! The gate opens as often as `rate` allows, and not at all while WeClever wants to be left alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::domain::pace::Rate;

const FIRST_GUESS: Duration = Duration::from_secs(1);
const LARGEST_GUESS: Duration = Duration::from_secs(5 * 60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The gate. Those who wait are let in in the order in which they came.
pub(super) struct Gate {
    rate: Option<tokio::sync::Mutex<Spacing>>,
    pause: Mutex<Pause>,
}

impl Gate {
    /// Up to `burst` may go at once after a quiet time.
    pub(super) fn new(rate: Option<Rate>, burst: usize) -> Gate {
        Gate {
            rate: rate.map(|rate| tokio::sync::Mutex::new(Spacing::new(rate, burst, Instant::now()))),
            pause: Mutex::new(Pause::new()),
        }
    }

    /// Waits until a request may go.
    ///
    /// Whoever is first in line sleeps with the lock in hand and takes the slot only on waking: one who gives up has used
    /// nothing, and whoever stands behind moves up.
    pub(super) async fn enter(&self) {
        let Some(rate) = &self.rate else { return self.pause_over().await };
        let mut spacing = rate.lock().await;
        sleep_until(spacing.opens_at()).await;
        self.pause_over().await;
        spacing.take(Instant::now());
    }

    /// Waits until no pause is in force.
    pub(super) async fn pause_over(&self) {
        // A pause may have been made longer meanwhile.
        while let Some(until) = self.paused_until() {
            sleep_until(until).await;
        }
    }

    /// The end of the pause that is in force.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.pause().until.filter(|until| *until > Instant::now())
    }

    /// A request that was sent at `sent` was told to come later. Gives the time until the pause ends.
    pub(super) fn throttled(&self, sent: Instant, retry_after: Option<Duration>) -> Duration {
        self.pause().throttled(sent, retry_after, Instant::now())
    }

    /// A request that was sent at `sent` was answered.
    pub(super) fn succeeded(&self, sent: Instant) {
        self.pause().succeeded(sent);
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rate as spacing: each request moves the clock on by one interval, and the clock may run ahead of time by the burst
/// (the "generic cell rate algorithm": a token bucket that needs one number and no refilling).
struct Spacing {
    start: Instant,
    interval: Duration,
    ahead: Duration,
    /// Since `start`.
    clock: Duration,
}

impl Spacing {
    fn new(rate: Rate, burst: usize, now: Instant) -> Spacing {
        let burst = u32::try_from(burst).unwrap_or(u32::MAX).clamp(1, rate.count.max(1));
        let interval = rate.per / rate.count.max(1);
        Spacing { start: now, interval, ahead: interval * (burst - 1), clock: Duration::ZERO }
    }

    fn opens_at(&self) -> Instant {
        self.start + self.clock.saturating_sub(self.ahead)
    }

    fn take(&mut self, now: Instant) {
        self.clock = self.clock.max(now.duration_since(self.start)) + self.interval;
    }
}

/// The pause that WeClever asked for.
struct Pause {
    until: Option<Instant>,
    /// When it was last told to us. Answers to what was sent before belong to the same wave: sixteen requests in flight that
    /// all come back with a 429 are one reason to wait, not sixteen.
    told: Option<Instant>,
    /// For how long, when WeClever does not say.
    guess: Duration,
}

impl Pause {
    fn new() -> Pause {
        Pause { until: None, told: None, guess: FIRST_GUESS }
    }

    fn throttled(&mut self, sent: Instant, retry_after: Option<Duration>, now: Instant) -> Duration {
        let known = self.told.is_some_and(|told| sent <= told);
        let wait = match retry_after {
            Some(wait) => wait,
            None if known => Duration::ZERO,
            None => {
                let wait = self.guess;
                self.guess = (self.guess * 2).min(LARGEST_GUESS);
                wait
            }
        };
        if !known {
            self.told = Some(now);
        }
        let until = self.until.map_or(now + wait, |until| until.max(now + wait));
        self.until = Some(until);
        until.saturating_duration_since(now).max(SHORTEST_PAUSE)
    }

    fn succeeded(&mut self, sent: Instant) {
        if self.told.is_none_or(|told| sent > told) {
            self.guess = FIRST_GUESS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut spacing = Spacing::new(Rate { count: 10, per: SECOND }, 3, start);
        let mut now = start;
        let mut went = Vec::new();
        for _ in 0..6 {
            now = now.max(spacing.opens_at());
            spacing.take(now);
            went.push((now - start).as_millis());
        }
        assert_eq!(went, [0, 0, 0, 100, 200, 300]);
        // A quiet hour is worth a burst, not more.
        now += SECOND * 3600;
        let quiet = now;
        let waits: Vec<u128> = (0..5)
            .map(|_| {
                now = now.max(spacing.opens_at());
                spacing.take(now);
                (now - quiet).as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
    }

    #[test]
    fn a_burst_is_never_more_than_the_rate_counts() {
        let start = Instant::now();
        let mut spacing = Spacing::new(Rate { count: 1, per: SECOND * 3600 }, 16, start);
        spacing.take(start);
        assert_eq!(spacing.opens_at() - start, SECOND * 3600);
    }

    #[test]
    fn one_wave_of_refusals_is_one_reason_to_wait() {
        let start = Instant::now();
        let at = |seconds: u32| start + SECOND * seconds;
        let mut pause = Pause::new();
        assert_eq!(pause.throttled(at(0), None, at(1)), SECOND);
        assert_eq!(pause.throttled(at(0), None, at(1)), SECOND);
        assert_eq!(pause.until, Some(at(2)));
        assert_eq!(pause.throttled(at(2), None, at(3)), SECOND * 2);
        assert_eq!(pause.throttled(at(5), None, at(6)), SECOND * 4);
        // An answer to an old request does not show that all is well again; one to a new request does.
        pause.succeeded(at(5));
        assert_eq!(pause.throttled(at(10), None, at(11)), SECOND * 8);
        pause.succeeded(at(19));
        assert_eq!(pause.throttled(at(20), None, at(21)), SECOND);
    }

    #[test]
    fn guesses_grow_to_five_minutes_and_a_pause_never_shrinks() {
        let start = Instant::now();
        let mut pause = Pause::new();
        let mut now = start;
        let waits: Vec<u64> = (0..11)
            .map(|_| {
                let wait = pause.throttled(now, None, now + SECOND / 10);
                now = now + wait + SECOND;
                wait.as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        let mut pause = Pause::new();
        assert_eq!(pause.throttled(start, Some(SECOND * 100), start), SECOND * 100);
        assert_eq!(pause.throttled(start, Some(SECOND * 5), start), SECOND * 100);
    }
}
