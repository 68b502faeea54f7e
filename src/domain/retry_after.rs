//! `Retry-After`, RFC 9110, section 10.2.3 <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;

/// No pause is shorter: nothing may spin because a receiver says 0 or its clock is behind.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// No pause is longer: nobody may switch a destination off for years by a slip of the pen.
pub const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// Reads whole seconds, or an HTTP date in any of its three forms as the time that is left from `now` on.
///
/// The result lies between [`SHORTEST`] and [`LONGEST`]. `None` for anything else: a sign, a fraction, other text.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let asked = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Only the size of the number can be wrong now, and then it is beyond any limit.
        value.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        // HTTP dates begin in 1970, so one that is no timestamp lies behind the last.
        let at = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).unwrap_or(Timestamp::MAX);
        clock::elapsed(now, at)
    };
    Some(asked.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        // Sun, 06 Nov 1994 08:49:37 GMT, the date in all of RFC 9110's examples.
        Timestamp::from_second(784_111_777).expect("a time")
    }

    fn seconds(value: &str, now: Timestamp) -> Option<u64> {
        parse(value, now).map(|pause| pause.as_secs())
    }

    #[test]
    fn seconds_are_taken_within_the_limits() {
        for (value, pause) in [
            ("120", 120),
            (" 7\t", 7),
            ("0", 1),
            ("000", 1),
            ("86400", 86_400),
            ("86401", 86_400),
            ("315360000", 86_400),
            ("18446744073709551616", 86_400),
            ("99999999999999999999999999999999999999999", 86_400),
        ] {
            assert_eq!(seconds(value, now()), Some(pause), "{value}");
        }
    }

    #[test]
    fn dates_are_read_in_all_three_forms() {
        let earlier = now() - Duration::from_secs(90);
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(seconds(date, earlier), Some(90), "{date}");
            assert_eq!(seconds(date, now()), Some(1), "{date}");
            assert_eq!(seconds(date, now() + Duration::from_secs(3_600)), Some(1), "{date}");
            assert_eq!(seconds(date, Timestamp::UNIX_EPOCH), Some(86_400), "{date}");
        }
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT", now()), Some(86_400));
    }

    #[test]
    fn all_else_says_nothing() {
        for value in [
            "",
            " ",
            "-1",
            "+5",
            "1.5",
            "1e3",
            "5s",
            "soon",
            "٣",
            "0x10",
            "Sun, 06 Nov 1994",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "1,2",
        ] {
            assert_eq!(parse(value, now()), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_it_never_panics_nor_leaves_the_limits(value in ".{0,40}", digits in "[0-9]{1,40}") {
            for value in [value, digits] {
                if let Some(pause) = parse(&value, now()) {
                    prop_assert!((SHORTEST..=LONGEST).contains(&pause));
                }
            }
        }
    }
}
