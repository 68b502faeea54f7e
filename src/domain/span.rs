//! Durations as people write them: `90s`, `15m`, `48h`, `7d`.

use std::time::Duration;

/// Reads one or more whole numbers, each with its unit `ms`, `s`, `m`, `h`, `d` or `w`, largest first or not: `90s`, `1h30m`.
///
/// # Errors
/// A sentence that says what is wrong, fit to be shown under the value.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a duration is missing; write for example 90s, 15m, 48h or 7d".into());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let wrong =
            || format!("`{text}` is not a duration; write whole numbers with a unit, for example 90s, 15m, 48h or 7d");
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(unit_ms).map(Duration::from_millis);
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| format!("`{text}` is longer than 10 years; write something shorter"))?;
        rest = behind;
    }
    Ok(total)
}

const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Writes a duration as [`parse`] reads it, to the two largest units that matter: `1h30m`, `2d`, `850ms`.
pub fn format(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms == 0 {
        return "0s".into();
    }
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let mut rest = ms / 1_000;
    let mut out = String::new();
    let mut parts = 0;
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        let n = rest / seconds;
        rest %= seconds;
        if n > 0 {
            out.push_str(&format!("{n}{unit}"));
            parts += 1;
        } else if parts > 0 {
            parts += 1;
        }
        if parts == 2 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("0s", 0),
            ("90s", 90_000),
            ("15m", 900_000),
            ("48h", 172_800_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "5 s", "-5s", "1.5h", "5x", "99999999999999999999s", "1000w"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for (ms, text) in [
            (0, "0s"),
            (850, "850ms"),
            (5_400_000, "1h30m"),
            (172_800_000, "2d"),
            (90_061_000, "1d1h"),
            (86_460_000, "1d"),
        ] {
            assert_eq!(format(Duration::from_millis(ms)), text);
        }
    }
}
