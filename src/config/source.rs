//! `[source]`: where leads come from.

use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::network;
use super::node::Node;
use super::reader::Section;
use super::readings;
use super::suggest;
use super::{Access, SourceConfig, Start};
use crate::domain::period;
use crate::domain::secret::Secret;

const BASE_URL: &str = "https://api.weclever.co";
const TIMEZONE: &str = "America/Sao_Paulo";
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn source(mut section: Section<'_>) -> Option<SourceConfig> {
    let base_url = section.take("base_url").map_or_else(|| Url::parse(BASE_URL).ok(), base_url);
    let platform_id = section.required("platform_id", "\"my-platform\"").and_then(platform_id);
    let auth_header = section.take("auth_header").map_or(Some(http::header::AUTHORIZATION), auth_header);
    let auth_scheme = section.take("auth_scheme").map_or(Some("Bearer".to_owned()), auth_scheme);
    let access = access(&mut section, auth_scheme.as_deref().unwrap_or_default());
    let encode_plus = section.take("encode_plus").map_or(Some(false), Node::flag);
    let timezone = section.take("timezone").map_or_else(|| TimeZone::get(TIMEZONE).ok(), timezone);
    let times = readings::readings(&mut section);
    let start = section.take("start").map_or(Some(Start::Now), |node| {
        let zone = timezone.clone().unwrap_or(TimeZone::UTC);
        node.parsed("`now`, a date or a date and time", "now", |text| start(text, &zone))
    });
    let concurrency = section.whole("concurrency", 1..=1024, 16);
    let rate = section.rate("rate");
    let timeout = section.duration("timeout", Duration::from_secs(30));
    let give_up_after = section.duration("give_up_after", 24 * HOUR);
    let recheck = readings::recheck(&mut section);
    let watch = readings::watch(&mut section);
    let stale_after = readings::stale_after(&mut section, times.poll_every);
    let heartbeat_url = readings::heartbeat(&mut section);
    section.finish(&[]);
    Some(SourceConfig {
        base_url: base_url?,
        platform_id: platform_id?,
        access: access?,
        auth_header: auth_header?,
        auth_scheme: auth_scheme?,
        encode_plus: encode_plus?,
        timezone: timezone?,
        poll_every: times.poll_every,
        overlap: times.overlap,
        lookback: times.lookback,
        lookback_every: times.lookback_every,
        sweep: times.sweep,
        sweep_every: times.sweep_every,
        start: start?,
        concurrency,
        rate,
        timeout,
        give_up_after,
        recheck: recheck?,
        watch: watch?,
        stale_after,
        heartbeat_url: heartbeat_url?,
    })
}

fn base_url(node: Node<'_>) -> Option<Url> {
    let text = node.filled()?;
    let mut url = network::url(&text, BASE_URL)?;
    if !url.username().is_empty() || url.password().is_some() {
        text.mistake("must not carry a user and a password", "write them under username and password");
        return None;
    }
    if url.query().is_some() {
        text.mistake("must not have a query, for paths are added to it", "take out what begins with `?`");
        return None;
    }
    if url.scheme() == "http" && !network::is_loopback(&url) {
        text.reading.warn(
            &text.spot,
            "passwords and tokens would go over the network unencrypted",
            Some("write https://".to_owned()),
        );
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

fn platform_id(node: Node<'_>) -> Option<String> {
    let text = node.filled()?;
    if text.value.chars().any(char::is_control) {
        text.mistake("must not hold control characters or line ends", "copy it again, as WeClever shows it");
        return None;
    }
    Some(text.value.trim().to_owned())
}

fn auth_header(node: Node<'_>) -> Option<http::HeaderName> {
    network::header_name(&node.filled()?)
}

fn auth_scheme(node: Node<'_>) -> Option<String> {
    let text = node.text()?;
    if http::HeaderValue::from_str(&text.value).is_err() {
        text.mistake("cannot stand in a header", "write for example \"Bearer\", or \"\" for the bare token");
        return None;
    }
    Some(text.value.trim().to_owned())
}

/// Either a token, or what one is asked for with.
fn access(section: &mut Section<'_>, scheme: &str) -> Option<Access> {
    let username = section.take("username");
    let password = section.take("password");
    let token = section.take("token");
    let token_time = section.take("token_time");
    if let Some(token) = token {
        let other = username.as_ref().or(password.as_ref()).or(token_time.as_ref());
        if let Some(other) = other {
            let key = other.path().trim_start_matches("source.").to_owned();
            let place = other.spot().named(other.reading);
            token.mistake(
                format!("is set, and so is `{key}` ({place}): a token is either given or asked for"),
                "take out `token`, or `username`, `password` and `token_time`",
            );
        }
        // Read all the same, so that a variable that is not set is found now and not at the next try.
        for rest in [username, password, token_time].into_iter().flatten() {
            let _ = rest.text();
        }
        let token = token.filled()?;
        if http::HeaderValue::from_str(&format!("{scheme} {}", token.value.trim())).is_err() {
            token.mistake("cannot stand in a header", "copy the token again, whole, without line ends");
            return None;
        }
        return Some(Access::Token(Secret::new(token.value.trim())));
    }
    if username.is_none() && password.is_none() {
        section
            .missing("username", "\"${WECLEVER_USERNAME}\" and password = \"${WECLEVER_PASSWORD}\" (or only a token)");
    } else if username.is_none() {
        section.missing("username", "\"${WECLEVER_USERNAME}\"");
    } else if password.is_none() {
        section.missing("password", "\"${WECLEVER_PASSWORD}\"");
    }
    let username = username.and_then(user);
    let password = password.and_then(Node::filled).map(|text| Secret::new(text.value));
    let token_time = match token_time {
        Some(node) => Some(node.filled()?.value),
        None => None,
    };
    Some(Access::Basic { username: username?, password: password?, token_time })
}

fn user(node: Node<'_>) -> Option<Secret> {
    let text = node.filled()?;
    if text.value.contains(':') {
        let message = "has a colon, and Basic authentication takes what follows it for the password";
        text.reading.warn(&text.spot, message, Some("check the user name".to_owned()));
    }
    Some(Secret::new(text.value))
}

fn timezone(node: Node<'_>) -> Option<TimeZone> {
    let text = node.filled()?;
    if let Ok(zone) = TimeZone::get(text.value.trim()) {
        return Some(zone);
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    // People write the city alone.
    let city =
        |name: &&String| name.rsplit('/').next().is_some_and(|city| suggest::nearest(&text.value, [city]).is_some());
    let near = suggest::nearest(&text.value, known.iter().map(String::as_str))
        .or_else(|| known.iter().find(city).map(String::as_str))
        .filter(|_| !text.is_put_in());
    let help = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write a name of the IANA database, for example \"{TIMEZONE}\""),
    };
    text.mistake("is not a time zone that leadhook knows", help);
    None
}

/// `now`, a date, a date and time in the zone, or one that brings its own offset.
fn start(text: &str, zone: &TimeZone) -> Result<Start, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(Start::Now);
    }
    period::instant(text, zone).map(Start::At).ok_or_else(|| {
        format!(
            "`{text}` is neither `now` nor a date or a date and time; \
             write for example \"now\", \"2026-11-01\" or \"2026-11-01T08:00:00\""
        )
    })
}

impl SourceConfig {
    /// Whether requests go out as by this other file: by the same client, as often, with the same token.
    pub fn asks_as(&self, other: &SourceConfig) -> bool {
        self.is_known_as(other)
            && self.auth_header == other.auth_header
            && self.encode_plus == other.encode_plus
            && (self.concurrency, self.rate, self.timeout) == (other.concurrency, other.rate, other.timeout)
    }

    /// Whether a token that was had for the one is good for the other, in the form in which it is kept.
    pub fn is_known_as(&self, other: &SourceConfig) -> bool {
        let same = |one: &Secret, other: &Secret| one.expose() == other.expose();
        let access = match (&self.access, &other.access) {
            (
                Access::Basic { username, password, token_time },
                Access::Basic { username: user, password: word, token_time: time },
            ) => same(username, user) && same(password, word) && token_time == time,
            (Access::Token(token), Access::Token(other)) => same(token, other),
            _ => false,
        };
        access
            && self.base_url == other.base_url
            && self.platform_id == other.platform_id
            && self.auth_scheme == other.auth_scheme
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_read_in_the_zone() {
        let zone = TimeZone::get("America/Sao_Paulo").expect("a zone");
        for (text, at) in [
            ("2026-11-01", "2026-11-01T03:00:00Z"),
            ("2026-11-01T08:00", "2026-11-01T11:00:00Z"),
            ("2026-11-01 08:00:30", "2026-11-01T11:00:30Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
            ("2026-11-01T08:00:00+02:00", "2026-11-01T06:00:00Z"),
            // Midnight was skipped that day: clocks went forward.
            ("2018-11-04", "2018-11-04T03:00:00Z"),
        ] {
            assert_eq!(start(text, &zone), Ok(Start::At(at.parse().expect("a time"))), "{text}");
        }
        assert_eq!(start(" now ", &zone), Ok(Start::Now));
        for text in ["", "Now", "yesterday", "2026-13-01", "2026-11-01T25:00", "01/11/2026", "20"] {
            assert!(start(text, &zone).is_err(), "{text}");
        }
    }
}
