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
        let at = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
        clock::elapsed(now, at)
    };
    Some(asked.clamp(SHORTEST, LONGEST))
}
