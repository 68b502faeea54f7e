//! The two dates of a list request, read as the API's page writes them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A stretch of whole Unix seconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first second.
    pub first: i64,
    /// Its last second.
    pub last: i64,
}

/// Reads the two dates in the zone; `None` where one is malformed.
///
/// A local time that happens twice means its first occurrence at the beginning and its second at the end, as a database that compares local
/// times would have it.
pub fn read(first: &str, last: &str, zone: &TimeZone) -> Option<Window> {
    let first = zone.to_ambiguous_timestamp(moment(first, DateTime::default())?).compatible().ok()?;
    let end_of_day = Date::MAX.at(23, 59, 59, 0);
    let last = zone.to_ambiguous_timestamp(moment(last, end_of_day)?).later().ok()?;
    Some(Window { first: first.as_second(), last: last.as_second() })
}

/// `YYYY-MM-DD`, with the time of day of `otherwise`, or `YYYY-MM-DD+HH:mm:ss`; nothing shorter, longer or nearly so.
fn moment(text: &str, otherwise: DateTime) -> Option<DateTime> {
    let shape: &str = if text.len() == 10 { "dddd-dd-dd" } else { "dddd-dd-dd+dd:dd:dd" };
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(is, wanted)| if wanted == b'd' { is.is_ascii_digit() } else { is == wanted });
    if !fits {
        return None;
    }
    let day = Date::new(text[0..4].parse().ok()?, text[5..7].parse().ok()?, text[8..10].parse().ok()?).ok()?;
    if text.len() == 10 {
        return Some(day.to_datetime(otherwise.time()));
    }
    let time =
        jiff::civil::Time::new(text[11..13].parse().ok()?, text[14..16].parse().ok()?, text[17..19].parse().ok()?, 0);
    Some(day.to_datetime(time.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_sao_paulo(first: &str, last: &str) -> Option<(String, String)> {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let text = |second| jiff::Timestamp::from_second(second).unwrap().to_string();
        read(first, last, &zone).map(|window| (text(window.first), text(window.last)))
    }

    fn pair(first: &str, last: &str) -> Option<(String, String)> {
        Some((first.to_owned(), last.to_owned()))
    }

    #[test]
    fn a_date_alone_is_a_whole_day_of_the_zone() {
        assert_eq!(in_sao_paulo("2026-11-23", "2026-11-23"), pair("2026-11-23T03:00:00Z", "2026-11-24T02:59:59Z"));
        assert_eq!(
            in_sao_paulo("2026-11-23+14:20:31", "2026-11-23+14:20:32"),
            pair("2026-11-23T17:20:31Z", "2026-11-23T17:20:32Z")
        );
    }

    #[test]
    fn days_around_a_change_of_the_clock_are_listed_whole() {
        // Midnight of 2018-11-04 did not happen; the last hour of 2018-02-17 happened twice.
        assert_eq!(in_sao_paulo("2018-11-04", "2018-11-04"), pair("2018-11-04T03:00:00Z", "2018-11-05T01:59:59Z"));
        assert_eq!(in_sao_paulo("2018-02-17", "2018-02-17"), pair("2018-02-17T02:00:00Z", "2018-02-18T02:59:59Z"));
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "2026-1-1",
            "2026-13-01",
            "2026-02-30",
            "26-01-01",
            "2026-01-01 10:00:00",
            "2026-01-01T10:00:00",
            "2026-01-01+24:00:00",
            "2026-01-01+10:00",
            "2026-01-01+10:00:00Z",
            "ontem",
            "2026-01-0é",
        ] {
            assert_eq!(in_sao_paulo(text, "2026-01-01"), None, "{text}");
            assert_eq!(in_sao_paulo("2026-01-01", text), None, "{text}");
        }
    }
}
