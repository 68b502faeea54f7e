//! Keeps the sums of what happens, once a minute and where there is something to keep.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::domain::clock;
use crate::domain::history::{self, Backlog, FINE};
use crate::store::{Store, StoreError};
use crate::watch::{Clock, Feed};

/// What is needed to keep it.
#[derive(Clone)]
pub(super) struct HistoryKeeper {
    pub(super) store: Store,
    pub(super) platform: String,
    pub(super) feed: Feed,
    pub(super) clock: Clock,
}

impl HistoryKeeper {
    /// Keeps each minute as it ends, until told to stop. What is left then is for [`Self::keep`].
    pub(super) async fn run(&self, stop: CancellationToken) {
        // What waited at the last start may be something else by now.
        let mut waited = None;
        loop {
            let minute = history::stretch_of(self.clock.now(), FINE);
            let left = clock::elapsed(self.clock.now(), clock::after(minute, FINE));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(left + Duration::from_millis(5)) => {}
            }
            match self.keep_minute(minute, waited.as_ref()).await {
                Ok(now) => waited = Some(now),
                Err(error) => not_kept(&error),
            }
        }
    }

    /// Keeps what is not kept yet, at the end.
    pub(super) async fn keep(&self) {
        if let Err(error) = self.keep_minute(self.clock.now(), None).await {
            not_kept(&error);
        }
    }

    async fn keep_minute(
        &self,
        at: Timestamp,
        waited: Option<&BTreeMap<String, Backlog>>,
    ) -> Result<BTreeMap<String, Backlog>, StoreError> {
        let waits = self.store.backlog(&self.platform).await?;
        let mut sums = self.feed.history().take();
        if !sums.is_empty() || waited != Some(&waits) {
            sums.set_backlog(&waits);
            self.store.keep_history(at, sums).await?;
        }
        Ok(waits)
    }
}

/// Plots are not worth the end of the service; whoever needs the store says what is the matter with it.
fn not_kept(error: &StoreError) {
    debug!(%error, "a minute of the history is not kept");
}
