//! Making lines of the file fit to be shown: only the values of keys that never hold a secret stay readable.

use std::ops::Range;

use super::document::Place;
use super::interpolate;
use super::notice::Excerpt;

/// Whether this key's value may be shown. What is not known to be harmless is hidden: a misspelt `passwrod` too.
pub(super) fn shown(names: &[String]) -> bool {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["source", key] => {
            !matches!(*key, "base_url" | "username" | "password" | "token" | "auth_scheme") && known(key)
        }
        ["csat", key] => CSAT.contains(key),
        ["store", "path" | "retention" | "max_bytes"] | ["admin", "listen" | "url"] => true,
        ["destinations", _, key] => DESTINATION.contains(key),
        // What answers look like; a header's text may be anything.
        ["destinations", _, "outcomes", "status" | "body" | "then" | "wait"] => true,
        ["destinations", _, "outcomes", "json", _] => true,
        [
            "destinations",
            _,
            "steps",
            "name" | "method" | "when" | "accept" | "on_unknown" | "body_file" | "content_type",
        ] => true,
        ["destinations", _, "steps", "on_unknown", "redo"] => true,
        ["destinations", _, "steps", "outcomes", "status" | "body" | "then" | "wait"] => true,
        ["destinations", _, "steps", "outcomes", "json", _] => true,
        ["destinations", _, "steps", "capture", ..] => true,
        ["destinations", _, "auth", key] => AUTH.contains(key),
        ["destinations", _, "rate_per_contact", "limit" | "by"] => true,
        ["destinations", _, "retry", key] => {
            matches!(*key, "schedule" | "jitter" | "initial" | "factor" | "max" | "attempts")
        }
        ["routes", "name" | "on" | "to" | "when" | "fields" | "payload" | "content_type" | "body_file"] => true,
        _ => false,
    }
}

const DESTINATION: [&str; 17] = [
    "timeout",
    "concurrency",
    "rate",
    "rate_per_contact",
    "max_age",
    "method",
    "content_type",
    "body_file",
    "fields",
    "payload",
    "max_body",
    "over_max_body",
    "escape",
    "wrap",
    "preset",
    // Not client_cert and client_key: somebody may have pasted the key itself.
    "ca",
    "allow_private",
];

const AUTH: [&str; 14] = [
    "type",
    "name",
    "scheme",
    "grant",
    "client_auth",
    "encoding",
    "scope",
    "account",
    "redirect_url",
    "pkce",
    "base_url_at",
    "expires_in",
    "region",
    "service",
];

const CSAT: [&str; 5] = ["low_max", "scale", "direction", "low_words", "high_words"];

fn known(key: &str) -> bool {
    const SOURCE: [&str; 19] = [
        "platform_id",
        "token_time",
        "auth_header",
        "encode_plus",
        "timezone",
        "poll_every",
        "overlap",
        "lookback",
        "lookback_every",
        "sweep",
        "sweep_every",
        "recheck",
        "watch",
        "stale_after",
        "start",
        "concurrency",
        "rate",
        "timeout",
        "give_up_after",
    ];
    SOURCE.contains(&key)
}

#[derive(Clone, Copy, PartialEq)]
enum Cover {
    Gap,
    Shown,
    Hidden,
}

/// The text of a parsed file, character by character the same length: hidden values are stars, comments are blanks.
/// `${NAME}` and `${file:...}` stay readable, for they name where a secret is and not what it is.
pub(super) fn document<'a>(text: &str, places: impl Iterator<Item = &'a Place>) -> String {
    let mut cover = vec![Cover::Gap; text.len()];
    let mut paint = |span: Range<usize>, with: Cover| {
        if let Some(cover) = cover.get_mut(span) {
            cover.fill(with);
        }
    };
    for place in places {
        if !place.leaf {
            continue;
        }
        let value = place.value.clone();
        if shown(&place.names) {
            paint(value, Cover::Shown);
        } else {
            paint(value.clone(), Cover::Hidden);
            if text.get(value.clone()).is_some_and(|value| value.len() > 1 && value.starts_with(['"', '\''])) {
                paint(value.start..value.start + 1, Cover::Shown);
                paint(value.end - 1..value.end, Cover::Shown);
            }
            for found in interpolate::placeholders(text.get(value.clone()).unwrap_or_default()) {
                paint(value.start + found.start..value.start + found.end, Cover::Shown);
            }
        }
        // An item of a list is its own key.
        if place.key != place.value {
            paint(place.key.clone(), Cover::Shown);
        }
    }
    let mut comment = false;
    text.char_indices()
        .map(|(i, c)| {
            comment = c != '\n' && (comment || (c == '#' && cover[i] == Cover::Gap));
            match cover[i] {
                _ if c == '\n' || c == '\r' => c,
                Cover::Hidden => '*',
                _ if comment => ' ',
                Cover::Gap | Cover::Shown => c,
            }
        })
        .collect()
}

/// The line at `at` of a text that is no TOML. Nothing is known about what stands where, so little is shown: table
/// headers, and the values of keys that never hold a secret.
pub(super) fn broken(text: &str, at: usize) -> Excerpt {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let section = text[..start].lines().rev().find(|line| line.trim_start().starts_with('[')).unwrap_or_default();
    // Within a text of several lines a line may look like anything.
    let plain = !before.contains("\"\"\"") && !before.contains("'''") && !section.contains("headers");
    let (key, value) = match line.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (line, None),
    };
    let header = value.is_none() && line.trim_start().starts_with('[');
    let name = key.trim();
    let harmless = known(name)
        || CSAT.contains(&name)
        || [
            "path",
            "retention",
            "max_bytes",
            "listen",
            "max_age",
            "schedule",
            "initial",
            "factor",
            "max",
            "attempts",
            "jitter",
            "name",
            "on",
            "to",
        ]
        .contains(&name);
    let stars = |hidden: &str| hidden.chars().map(|c| if c.is_whitespace() { c } else { '*' }).collect::<String>();
    let line: String = match value {
        _ if !plain => stars(line),
        Some(value) if harmless => {
            format!("{key}={}", without_comment(value))
        }
        Some(value) if name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) => {
            format!("{key}={}", stars(value))
        }
        None if header => without_comment(line),
        _ => stars(line),
    };
    let column = before[start..].chars().count();
    let from = line.char_indices().nth(column).map_or(line.len(), |(i, _)| i);
    let to = line[from..].chars().next().map_or(from, |c| from + c.len_utf8());
    Excerpt { line, span: from..to }
}

/// Blanks instead of what follows a `#`, so that places stay where they are.
fn without_comment(line: &str) -> String {
    let end = line.find('#').unwrap_or(line.len());
    line.char_indices().map(|(i, c)| if i < end { c } else { ' ' }).collect()
}

/// The line at the start of `span`, out of the masked text, with the span cut to it.
pub(super) fn excerpt(text: &str, masked: &str, span: &Range<usize>) -> Option<Excerpt> {
    let before = text.get(..span.start)?;
    let number = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = masked.split('\n').nth(number)?.trim_end();
    // Stars are shorter than what they hide, so places are counted in characters.
    let from = text.get(start..span.start)?.chars().count();
    let to = from + text.get(span.clone())?.split('\n').next().unwrap_or_default().chars().count();
    let byte = |n: usize| line.char_indices().nth(n).map_or(line.len(), |(i, _)| i);
    Some(Excerpt { line: line.to_owned(), span: byte(from)..byte(to.max(from + 1)) })
}
