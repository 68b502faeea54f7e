//! Arithmetic on instants that cannot overflow: a decision about time never panics, whatever the clock or the file says.

use std::time::Duration;

use jiff::Timestamp;

/// `at` and `by` later; the last instant there is where that would lie beyond it.
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at` and `by` earlier; the first instant there is where that would lie before it.
pub fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// How long ago `earlier` was; zero where the clock was set back since.
pub fn elapsed(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(earlier)).unwrap_or(Duration::ZERO)
}
