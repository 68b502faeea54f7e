//! How hard WeClever may be asked: the gate through which every request goes, one after another.
//!
//! The gate opens as often as `rate` allows, and not at all while WeClever wants to be left alone. What the two allow is
//! worked out in [`pace`](crate::domain::pace); here it is waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::domain::pace::{Bucket, Rate, Throttle};

/// The gate. Those who wait are let in in the order in which they came.
pub(super) struct Gate {
    bucket: Option<tokio::sync::Mutex<Bucket>>,
    throttle: Mutex<Throttle>,
}

impl Gate {
    /// Up to `burst` may go at once after a quiet time.
    pub(super) fn new(rate: Option<Rate>, burst: usize) -> Gate {
        let burst = u32::try_from(burst).unwrap_or(u32::MAX);
        Gate { bucket: rate.map(|rate| tokio::sync::Mutex::new(Bucket::new(rate, burst))), throttle: Mutex::default() }
    }

    /// The same gate at another rate. A pause that is in force stays so; of the rate, a new burst is granted.
    pub(super) fn at(&self, rate: Option<Rate>, burst: usize) -> Gate {
        Gate { throttle: Mutex::new(self.throttle().clone()), ..Gate::new(rate, burst) }
    }

    /// Waits until a request may go; gives when that was, by which [`throttled`](Gate::throttled) and
    /// [`succeeded`](Gate::succeeded) know it.
    ///
    /// Whoever is first in line sleeps with the lock in hand and takes the token only on waking: one who gives up has used
    /// nothing, and whoever stands behind moves up.
    pub(super) async fn enter(&self) -> Instant {
        let Some(bucket) = &self.bucket else { return self.pause_over().await };
        let mut bucket = bucket.lock().await;
        loop {
            let now = self.pause_over().await;
            match bucket.take(now) {
                Ok(()) => return now,
                Err(next) => sleep_until(next.into()).await,
            }
        }
    }

    /// Waits until no pause is in force; gives a moment at which that was so.
    ///
    /// The clock is read before the pause is: one that is decided meanwhile is later than what is given here, so that a
    /// request that just slipped through counts as sent before it.
    pub(super) async fn pause_over(&self) -> Instant {
        loop {
            let now = Instant::now();
            match self.paused_until(now) {
                // It may be made longer meanwhile.
                Some(until) => sleep_until(until.into()).await,
                None => return now,
            }
        }
    }

    /// The end of the pause that is in force.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.throttle().paused_until(now)
    }

    /// A request that was sent at `sent` was told to come later. Gives the time until the pause ends.
    pub(super) fn throttled(&self, sent: Instant, retry_after: Option<Duration>) -> Duration {
        let mut throttle = self.throttle();
        throttle.pause(retry_after, sent, Instant::now())
    }

    /// A request that was sent at `sent` was answered.
    pub(super) fn succeeded(&self, sent: Instant) {
        self.throttle().success(sent);
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::join_all;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn gate(count: u32, burst: usize) -> Arc<Gate> {
        Arc::new(Gate::new(Some(Rate { count, per: Duration::from_secs(1) }), burst))
    }

    #[tokio::test]
    async fn a_burst_goes_at_once_and_the_rest_in_order_at_the_rate() {
        let (gate, order) = (gate(20, 3), Mutex::new(Vec::new()));
        let began = Instant::now();
        let went = join_all((0..6).map(|i| {
            let (gate, order) = (&gate, &order);
            async move {
                let at = gate.enter().await;
                order.lock().unwrap().push(i);
                at
            }
        }))
        .await;
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
        for (i, at) in went.iter().enumerate().skip(3) {
            assert!(*at - began >= 50 * MS * (i as u32 - 2), "{i}: {:?}", *at - began);
        }
    }

    #[tokio::test]
    async fn one_who_gives_up_has_used_nothing_and_holds_up_nobody() {
        let gate = gate(1, 1);
        gate.enter().await;
        // The first in line sleeps, the others stand behind it.
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move { gate.enter().await })
            })
            .collect();
        tokio::time::sleep(20 * MS).await;
        for one in &waiting[..2] {
            one.abort();
        }
        let began = Instant::now();
        for one in waiting.into_iter().skip(2) {
            one.await.expect("let in");
        }
        assert!(began.elapsed() < 1_900 * MS, "the tokens of those who gave up were lost: {:?}", began.elapsed());
    }

    #[tokio::test]
    async fn nobody_is_let_in_during_a_pause_that_was_made_longer() {
        for gate in [gate(1_000, 1), Arc::new(Gate::new(None, 1))] {
            let sent = gate.enter().await;
            gate.throttled(sent, None);
            let waiting = {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move { gate.enter().await })
            };
            tokio::time::sleep(200 * MS).await;
            // Sent before the pause, and refused as well: it asks for a second from now on.
            gate.throttled(sent, Some(1_000 * MS));
            let until = gate.paused_until(Instant::now()).expect("a pause");
            assert!(waiting.await.expect("let in") >= until && until >= sent + 1_200 * MS);
            assert_eq!(gate.paused_until(Instant::now()), None);
        }
    }
}
