//! When a delivery is tried again: a schedule of waits, or waits that grow by a factor.

use std::time::Duration;

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
