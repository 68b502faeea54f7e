//! Times as the API's clock shows them, whatever its zone is.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A whole second on the API's clock, counted as if that clock showed UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown(pub i64);

impl Shown {
    /// Midnight at the beginning of a day.
    pub fn midnight(day: Date) -> Shown {
        Shown(TimeZone::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).map_or(0, |at| at.as_second()))
    }

    /// What a clock in UTC shows at this instant.
    pub fn in_utc(at: Timestamp) -> Shown {
        Shown(at.as_second())
    }

    /// So many seconds later; earlier where it is below zero.
    pub fn plus(self, seconds: i64) -> Shown {
        Shown(self.0.saturating_add(seconds))
    }

    /// The day.
    pub fn day(self) -> Date {
        self.civil().date()
    }

    /// `2026-11-23 14:20:31`, for people.
    pub fn text(self) -> String {
        self.civil().strftime("%F %T").to_string()
    }

    fn civil(self) -> DateTime {
        TimeZone::UTC.to_datetime(Timestamp::from_second(self.0).unwrap_or_default())
    }
}

/// As the API takes it, `YYYY-MM-DD+HH:mm:ss`.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.civil().strftime("%F+%T").fmt(f)
    }
}

/// A day and so many more; earlier where it is below zero.
pub(super) fn days_after(day: Date, days: i64) -> Date {
    day.checked_add(Span::new().days(days.clamp(-10_000, 10_000))).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_for_the_api_and_for_people() {
        let day: Date = "2026-11-23".parse().expect("a day");
        let at = Shown::midnight(day).plus(51_631);
        assert_eq!((at.to_string(), at.text()), ("2026-11-23+14:20:31".into(), "2026-11-23 14:20:31".into()));
        assert_eq!((at.day(), days_after(day, -23).to_string()), (day, "2026-10-31".into()));
        assert_eq!(Shown::in_utc("2026-11-23T14:20:31.9Z".parse().expect("a time")), at);
    }
}
