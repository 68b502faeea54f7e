//! Whether leadhook really works, for a supervisor that starts it again where it does not.
//!
//! What others keep it waiting for is no fault of its own: a source that is slow, or wants to be left alone, a destination
//! that is paused, a disk that is full.

use std::time::Duration;

use super::in_force::InForce;
use crate::config::SourceConfig;
use crate::domain::pace::Rate;
use crate::domain::span;
use crate::watch::INTAKE;

/// A loop sleeps half a minute at the longest, and the disk may take its time.
const STILL: Duration = Duration::from_secs(120);

/// A commit of nothing. A disk that stalls takes some seconds; a minute is no stall any more.
const COMMIT: Duration = Duration::from_secs(60);

/// Of a request: the token, the request, and both again where the token was refused.
const ROUNDS: u32 = 4;

/// Tells whether the loops turn; cheap to clone.
#[derive(Clone)]
pub struct Liveness(InForce);

impl Liveness {
    pub(super) fn new(in_force: InForce) -> Liveness {
        Liveness(in_force)
    }

    /// Whether the committer, intake and every destination's worker go on.
    ///
    /// # Errors
    /// Which of them does not, and since when.
    pub async fn check(&self) -> Result<(), String> {
        let parts = &self.0.parts;
        // Whether the disk takes it is another matter.
        match tokio::time::timeout(COMMIT, parts.store.try_writing()).await {
            Ok(Ok(())) => {}
            // Nothing goes on while that is so, but to open the store again.
            Ok(Err(_)) => return Ok(()),
            Err(_) => return Err(format!("the store has not answered for {}", span::format(COMMIT))),
        }
        let source = self.0.intakes.borrow().source.clone();
        let waits = source.paused_until().is_some() || parts.health.room().short().is_some();
        if waits {
            // Its time counts from the end of that.
            parts.health.pulses().beat(INTAKE);
        }
        let config = self.0.current.now();
        let limit = |part: &str| match part {
            INTAKE => longest_request(&config.source) + STILL,
            _ => STILL,
        };
        match parts.health.pulses().missed(limit) {
            None => Ok(()),
            Some((part, since)) => {
                let since = span::format(Duration::from_secs(since.as_secs()));
                Err(format!("{part} has stood still for {since}"))
            }
        }
    }
}

/// How long one request of the source may be under way, behind as many others as may stand before it.
fn longest_request(source: &SourceConfig) -> Duration {
    let before = u32::try_from(source.concurrency).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(8);
    let turn = |rate: Rate| rate.per / rate.count.max(1);
    let queue = source.rate.map_or(Duration::ZERO, |rate| turn(rate).saturating_mul(before));
    source.timeout.saturating_mul(ROUNDS).saturating_add(queue)
}
