//! Going on after the disk has failed: everything ends, the store is opened again, everything begins anew.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{App, AppError, Stop};
use crate::store::StoreError;

/// The first wait before the store is opened again; it doubles ...
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// ... up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Whoever ran for so long since the last failure begins with the first wait.
const STEADY: Duration = Duration::from_secs(60);

impl App {
    /// Polls and delivers until told to stop, then ends what is in flight. Where the disk fails, it goes on once it no longer
    /// does.
    ///
    /// # Errors
    /// The store cannot be read or written any more, and that will not pass by itself.
    pub async fn run(self, stop: Stop) -> Result<(), AppError> {
        self.tell_how_it_begins().await?;
        self.reloader.until(stop.gently.clone());
        let mut wait = FIRST_WAIT;
        loop {
            let (round, began) = (stop.round(), Instant::now());
            let failing = tokio::spawn(drop_what_cannot_be_settled(stop.clone(), round.clone()));
            let end = self.run_until_it_fails(round).await;
            failing.abort();
            match end {
                Err(AppError::Store(error)) if error.may_pass() && !stop.gently.is_cancelled() => {
                    if began.elapsed() > STEADY {
                        wait = FIRST_WAIT;
                    }
                    if !self.open_again(error, &stop, &mut wait).await? {
                        return Ok(());
                    }
                }
                end => return end,
            }
        }
    }

    /// Opens the store again, as often as it takes. False where leadhook is stopping.
    async fn open_again(&self, error: StoreError, stop: &Stop, wait: &mut Duration) -> Result<bool, StoreError> {
        let (mut error, began) = (error, Instant::now());
        loop {
            warn!("{error}; the store is opened again in {} s", wait.as_secs());
            tokio::select! {
                () = stop.gently.cancelled() => return Ok(false),
                () = tokio::time::sleep(*wait) => {}
            }
            *wait = (*wait * 2).min(LONGEST_WAIT);
            match self.in_force.parts.store.reopen(&error).await {
                Ok(()) => {
                    info!(after_s = began.elapsed().as_secs(), "the store is open again: everything goes on");
                    return Ok(true);
                }
                Err(again) if again.may_pass() => error = again,
                Err(for_good) => return Err(for_good),
            }
        }
    }
}

impl Stop {
    /// The same for a part of the time: it may end by itself.
    fn round(&self) -> Stop {
        Stop { gently: self.gently.child_token(), at_once: self.at_once.child_token() }
    }
}

/// Where the round ends because the store has failed, what comes back of an attempt cannot be kept: it is made again.
async fn drop_what_cannot_be_settled(stop: Stop, round: Stop) {
    round.gently.cancelled().await;
    if !stop.gently.is_cancelled() {
        round.at_once.cancel();
    }
}
