//! Numbers, times and sizes as they are written in the reader's language.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::language::Language;

/// Whole, with its thousands apart: `12,345`, `12.345`.
pub(super) fn number(value: u64, language: Language) -> String {
    let digits = value.to_string();
    let mark = match language {
        Language::English => ',',
        Language::Portuguese => '.',
    };
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(digit);
    }
    out
}

/// With so many places behind the point, or the comma.
pub(super) fn decimal(value: f64, places: usize, language: Language) -> String {
    let text = format!("{value:.places$}");
    match language {
        Language::English => text,
        Language::Portuguese => text.replace('.', ","),
    }
}

/// Bytes as people speak of them: `2.1 MiB`.
pub(super) fn size(bytes: u64, language: Language) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    let places = usize::from(value < 10.0 && unit != "B");
    format!("{} {unit}", decimal(value, places, language))
}

/// A stretch of time in its two largest units: `45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. The abbreviations are those of
/// both languages.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |large: u64, name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {small_name}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A short stretch, as an answer takes it: `12 ms`, `1.4 s`, `2 min`.
pub(super) fn short_span(span: Duration, language: Language) -> String {
    let ms = span.as_millis();
    match ms {
        0 => "< 1 ms".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..10_000 if !ms.is_multiple_of(1_000) => format!("{} s", decimal(span.as_secs_f64(), 1, language)),
        _ => self::span(span),
    }
}

/// How long ago: `12 s ago`, `há 12 s`.
pub(super) fn ago(elapsed: Duration, language: Language) -> String {
    match language {
        Language::English => format!("{} ago", span(elapsed)),
        Language::Portuguese => format!("há {}", span(elapsed)),
    }
}

/// In how long: `in 12 s`, `em 12 s`.
pub(super) fn hence(left: Duration, language: Language) -> String {
    match language {
        Language::English => format!("in {}", span(left)),
        Language::Portuguese => format!("em {}", span(left)),
    }
}

/// The whole date and the time, to the second: `25 Nov 2026 13:00:46`, `25/11/2026 13:00:46`.
pub(super) fn at(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let at = zone.to_datetime(at);
    let pattern = match language {
        Language::English => "%-d %b %Y %H:%M:%S",
        Language::Portuguese => "%d/%m/%Y %H:%M:%S",
    };
    at.strftime(pattern).to_string()
}

/// The same without what goes without saying today: `13:00:46` today, `25 Nov 13:00` on another day.
pub(super) fn at_in_short(at: Timestamp, now: Timestamp, zone: &TimeZone, language: Language) -> String {
    let (at, now) = (zone.to_datetime(at), zone.to_datetime(now));
    let pattern = match language {
        _ if at.date() == now.date() => "%H:%M:%S",
        Language::English => "%-d %b %H:%M",
        Language::Portuguese => "%d/%m %H:%M",
    };
    at.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::Language::{English, Portuguese};
    use super::*;

    #[test]
    fn numbers_have_the_marks_of_the_language() {
        for (value, english, portuguese) in
            [(0, "0", "0"), (999, "999", "999"), (1_000, "1,000", "1.000"), (1_234_567, "1,234,567", "1.234.567")]
        {
            assert_eq!([number(value, English), number(value, Portuguese)], [english, portuguese]);
        }
        assert_eq!([decimal(1.25, 1, English), decimal(0.5, 2, Portuguese)], ["1.2", "0,50"]);
        assert_eq!([size(0, English), size(1_536, Portuguese), size(64 << 20, English)], ["0 B", "1,5 KiB", "64 MiB"]);
    }

    #[test]
    fn stretches_have_two_units_at_most() {
        let spans = [0, 59, 60, 3_599, 3_600, 3_720, 86_400, 90_000].map(|s| span(Duration::from_secs(s)));
        assert_eq!(spans, ["0 s", "59 s", "1 min", "59 min", "1 h", "1 h 2 min", "1 d", "1 d 1 h"]);
        let spans = [0, 12, 1_000, 1_400, 10_000, 130_000].map(|ms| short_span(Duration::from_millis(ms), Portuguese));
        assert_eq!(spans, ["< 1 ms", "12 ms", "1 s", "1,4 s", "10 s", "2 min"]);
        let twelve = Duration::from_secs(12);
        assert_eq!([ago(twelve, English), ago(twelve, Portuguese)], ["12 s ago", "há 12 s"]);
        assert_eq!([hence(twelve, English), hence(twelve, Portuguese)], ["in 12 s", "em 12 s"]);
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let zone = TimeZone::get("America/Sao_Paulo").expect("bundled");
        let when: Timestamp = "2026-11-25T16:00:46Z".parse().expect("a time");
        let today: Timestamp = "2026-11-26T02:59:00Z".parse().expect("a time");
        let tomorrow: Timestamp = "2026-11-26T03:01:00Z".parse().expect("a time");
        assert_eq!(at(when, &zone, English), "25 Nov 2026 13:00:46");
        assert_eq!(at(when, &zone, Portuguese), "25/11/2026 13:00:46");
        assert_eq!(at_in_short(when, today, &zone, English), "13:00:46");
        assert_eq!(at_in_short(when, tomorrow, &zone, English), "25 Nov 13:00");
        assert_eq!(at_in_short(when, tomorrow, &zone, Portuguese), "25/11 13:00");
    }
}
