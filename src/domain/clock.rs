//! Arithmetic on instants that cannot overflow: a decision about time never panics, whatever the clock or the file says.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

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

/// Whether what was last done at `last` is to be done again, so long after. It is where the clock was set back since: a wait
/// for a time that lies far ahead would be no wait but a standstill.
pub fn is_due(last: Timestamp, every: Duration, now: Timestamp) -> bool {
    now < last || elapsed(last, now) >= every
}

/// A time as a person reads it, on the clocks of this zone, to the second: `2026-11-23 14:20:31`.
pub fn shown(at: Timestamp, tz: &TimeZone) -> String {
    let at = tz.to_datetime(at);
    let (date, time) = (at.date(), at.time());
    format!("{date} {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}
