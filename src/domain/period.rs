//! A stretch of the past as people write it: two dates, or dates and times, on the clocks of a zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::{clock, span};

/// A stretch of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant, later than the first and not after now.
    pub to: Timestamp,
}

impl Period {
    /// Reads both ends: a date (the last day counts whole), a date and time, or so long ago as in `7d`. Without an end it
    /// lasts until now.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to write.
    pub fn read(from: &str, to: Option<&str>, zone: &TimeZone, now: Timestamp) -> Result<Period, String> {
        let wrong = |option: &str, text: &str| {
            format!(
                "{option} `{text}` is no date, date and time, or age; \
                 write for example 2026-11-01, 2026-11-01T08:00:00 or 7d"
            )
        };
        let from_at = edge(from, zone, now, false).ok_or_else(|| wrong("--from", from))?;
        let to_at = match to {
            Some(to) => edge(to, zone, now, true).ok_or_else(|| wrong("--to", to))?.min(now),
            None => now,
        };
        if from_at >= to_at {
            let (from, to) = (clock::shown(from_at, zone), clock::shown(to_at, zone));
            return Err(format!("there is no time between --from ({from}) and --to ({to})"));
        }
        Ok(Period { from: from_at, to: to_at })
    }
}

fn edge(text: &str, zone: &TimeZone, now: Timestamp, end: bool) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(age) = span::parse(text) {
        return Some(clock::before(now, age));
    }
    match date(text) {
        Some(date) if end => instant(&date.tomorrow().ok()?.to_string(), zone),
        _ => instant(text, zone),
    }
}

/// A date in the zone, which is its first instant, a date and time in the zone, or one that brings its own offset.
pub fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    // Before the civil forms, which would leave an offset out of account.
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil = match date(text) {
        Some(date) => date.to_datetime(Time::midnight()),
        None => text.parse::<DateTime>().ok()?,
    };
    zone.to_ambiguous_zoned_datetime(civil).compatible().ok().map(|at| at.timestamp())
}

fn date(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| !text.contains([':', 'T', 't']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("America/Sao_Paulo").expect("a zone")
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_last_day_counts_whole_and_now_is_the_end() {
        let now = time("2026-11-23T17:20:31Z");
        let read = |from, to| Period::read(from, to, &zone(), now);
        for (from, to, expected) in [
            ("2026-11-01", Some("2026-11-02"), ("2026-11-01T03:00:00Z", "2026-11-03T03:00:00Z")),
            ("2026-11-01", Some("2026-11-01"), ("2026-11-01T03:00:00Z", "2026-11-02T03:00:00Z")),
            ("2026-11-01 10:00", Some("2026-11-01T12:00:00Z"), ("2026-11-01T13:00:00Z", "2026-11-01T12:00:00Z")),
            ("2026-11-01", Some("2026-11-23"), ("2026-11-01T03:00:00Z", "2026-11-23T17:20:31Z")),
            ("2026-11-01", None, ("2026-11-01T03:00:00Z", "2026-11-23T17:20:31Z")),
            ("7d", Some("24h"), ("2026-11-16T17:20:31Z", "2026-11-22T17:20:31Z")),
            // A day of 23 hours: clocks went forward at midnight.
            ("2018-11-04", Some("2018-11-04"), ("2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z")),
        ] {
            let expected = Period { from: time(expected.0), to: time(expected.1) };
            if expected.from < expected.to {
                assert_eq!(read(from, to), Ok(expected), "{from} {to:?}");
            } else {
                assert!(read(from, to).is_err(), "{from} {to:?}");
            }
        }
        for (from, to) in [("yesterday", None), ("2026-11-01", Some("soon")), ("2026-11-24", None), ("", None)] {
            let wrong = read(from, to).expect_err("wrong");
            assert!(wrong.contains("--from") || wrong.contains("--to"), "{wrong}");
        }
        assert!(read("0s", None).is_err());
    }
}
