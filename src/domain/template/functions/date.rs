//! `date`: a time as people in some place write it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use crate::domain::template::reason::said;

const FORMAT: &str = "%d/%m/%Y %H:%M";
const ZONE: &str = "America/Sao_Paulo";

/// The time in a zone; undefined for what is no time, so that `default` helps.
pub(super) fn date(value: &Value, format: Option<&str>, zone: Option<&str>, options: Kwargs) -> Result<Value, Error> {
    let format = match format {
        Some(format) => format,
        None => options.get::<Option<&str>>("format")?.unwrap_or(FORMAT),
    };
    let zone = match zone {
        Some(zone) => zone,
        None => options.get::<Option<&str>>("zone")?.unwrap_or(ZONE),
    };
    options.assert_all_used()?;
    in_zone(value, format, zone)
}

pub(super) fn in_zone(value: &Value, format: &str, zone: &str) -> Result<Value, Error> {
    let zone = TimeZone::get(zone).map_err(|_| said("zone is no time zone; write for example America/Sao_Paulo"))?;
    let Some(at) = time(value, &zone) else { return Ok(Value::UNDEFINED) };
    let text = strtime::format(format, &at.to_zoned_datetime(zone));
    text.map(Value::from).map_err(|_| said("format is no date's format; write for example %d/%m/%Y %H:%M"))
}

/// RFC 3339, RFC 2822, `2026-11-23 17:20:31` and `2026-11-23` in the zone, or Unix seconds or milliseconds.
fn time(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    if value.kind() == ValueKind::Number {
        let number = value.as_i64()?;
        // Beyond the year 5138 in seconds, it is milliseconds.
        return if number.unsigned_abs() < 100_000_000_000 {
            Timestamp::from_second(number).ok()
        } else {
            Timestamp::from_millisecond(number).ok()
        };
    }
    let text = value.as_str()?.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(at) = rfc2822::parse(text) {
        return Some(at.timestamp());
    }
    let civil: DateTime = text.parse().ok()?;
    zone.to_timestamp(civil).ok()
}
