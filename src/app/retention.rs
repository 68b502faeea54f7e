//! Lets go of what is older than `[store] retention`, beside intake and dispatch and out of their way.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::Current;
use crate::domain::clock;
use crate::store::retention::Purged;
use crate::store::{Store, StoreError};
use crate::watch::Clock;

/// Events looked at in one commit, which others may have to wait for: a few milliseconds.
const BATCH: usize = 256;

/// As many are looked at where a pass comes too seldom: on a machine so busy that each commit waits long for its turn.
const LARGEST_BATCH: usize = 1_024;

/// `run --once` has an end: what is left is taken by the next run.
const ONCE: Duration = Duration::from_secs(5);

/// What is needed to let go.
pub(super) struct Retention {
    pub(super) store: Store,
    /// Says for how long what is settled is kept.
    pub(super) current: Current,
    pub(super) clock: Clock,
}

impl Retention {
    /// Lets go of what gets too old until told to stop.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), StoreError> {
        let (mut batch, mut files) = (BATCH, self.current.follow());
        while !stop.is_cancelled() {
            let began = Instant::now();
            let purged = self.pass(batch).await?;
            batch = if purged.more { (batch * 2).min(LARGEST_BATCH) } else { BATCH };
            let rest = rest(purged, began.elapsed(), self.keep());
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = files.changed() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        Ok(())
    }

    /// Lets go of what is too old now, as far as that can be done in a few seconds.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub(super) async fn once(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let began = Instant::now();
        while !stop.is_cancelled() && began.elapsed() < ONCE && self.pass(BATCH).await?.more {}
        Ok(())
    }

    fn keep(&self) -> Duration {
        self.current.now().store.retention
    }

    async fn pass(&self, batch: usize) -> Result<Purged, StoreError> {
        let now = self.clock.now();
        let purged = self.store.purge(clock::before(now, self.keep()), now, batch).await?;
        if purged.looked > 0 {
            debug!(events = purged.events, looked_at = purged.looked, "events older than the retention let go");
        }
        Ok(purged)
    }
}

/// How long to leave the disk to the others after a pass that took so long. A backlog gets a quarter of the time; where a
/// pass takes long because much is recorded, it must keep pace all the same, or the directory grows without end. Without
/// a backlog, what is kept a minute too long hurts nobody.
fn rest(purged: Purged, took: Duration, keep: Duration) -> Duration {
    if purged.more {
        (took * 3).clamp(Duration::from_millis(10), Duration::from_millis(150))
    } else {
        (keep / 4).clamp(Duration::from_millis(250), Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_leaves_most_of_the_time_to_the_others_and_a_short_retention_is_held() {
        let [ms, s] = [Duration::from_millis, Duration::from_secs];
        let more = |more| Purged { more, ..Purged::default() };
        for (purged, took, keep, expected) in [
            (more(true), ms(0), s(1), ms(10)),
            (more(true), ms(10), s(1), ms(30)),
            (more(true), s(9), s(1), ms(150)),
            (more(false), s(9), ms(1), ms(250)),
            (more(false), s(9), s(2), ms(500)),
            (more(false), s(9), s(30 * 86_400), s(60)),
        ] {
            assert_eq!(rest(purged, took, keep), expected, "{purged:?}, {took:?}, {keep:?}");
        }
    }
}
