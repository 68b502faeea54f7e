//! What needs a look, and what to do, in the reader's language and with a way to the page where it can be done.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::frame::Reader;
use super::{reason, shown as form, words};
use crate::app::operator::Look;

/// One thing to look at.
#[derive(Serialize)]
pub(super) struct Shown {
    /// `bad` or `warn`.
    class: &'static str,
    /// What is the matter.
    what: String,
    /// What was said of it, as it was said.
    said: Option<String>,
    /// What to do.
    todo: String,
    /// The page where it can be done, and what its button says.
    way: Option<(String, String)>,
    /// The command that does it.
    command: Option<String>,
}

/// A page of a destination.
pub(super) fn destination(name: &str) -> String {
    format!("/destinations/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

/// The dead letters of a destination.
pub(super) fn dead_letters(name: &str) -> String {
    format!("/dead?destination={}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

/// All of them.
pub(super) fn looks(reader: &Reader, looks: &[Look]) -> Vec<Shown> {
    let mut shown: Vec<Shown> = looks.iter().map(|look| self::shown(reader, look)).collect();
    // What is urgent comes first; otherwise the order is that of the commands.
    shown.sort_by_key(|look| look.class != "bad");
    shown
}

fn shown(reader: &Reader, look: &Look) -> Shown {
    let number = |n: u64| form::number(n, reader.language);
    let (key, class) = match look {
        Look::Full { .. } => ("full", "bad"),
        Look::Silent { .. } => ("silent", "bad"),
        Look::Unread { .. } => ("unread", "warn"),
        Look::MayBeMissing { .. } => ("missing", "bad"),
        Look::MalformedRows { .. } => ("malformed", "warn"),
        Look::Flapping { .. } => ("flapping", "warn"),
        Look::Heedless { .. } => ("heedless", "warn"),
        Look::UnreadableLeads { .. } => ("unreadable", "warn"),
        Look::Token { has_token: true, .. } => ("token_ends", "warn"),
        Look::Token { has_token: false, .. } => ("no_token", "bad"),
        Look::Disabled { .. } => ("disabled", "bad"),
        Look::Failing { .. } => ("failing", "bad"),
        Look::DeadLetters { .. } => ("dead", "warn"),
        Look::Parked(_) => ("parked", "warn"),
        Look::NotTakenOver { .. } => ("not_taken_over", "warn"),
        Look::NeedsRestart { .. } => ("needs_restart", "warn"),
    };
    let mut given: Vec<(&str, String)> = Vec::new();
    let (mut n, mut said, mut way, mut command) = (None, None, None, None);
    match look {
        Look::Full { why } => said = Some(why.clone()),
        Look::Silent { since } => {
            given.push(("since", form::at_in_short(*since, reader.now, &reader.zone, reader.language)));
        }
        Look::Unread { error } => said = Some(error.clone()),
        Look::MayBeMissing { what } => said = Some(what.clone()),
        Look::MalformedRows { rows, reason } => {
            n = Some(*rows);
            said = Some(reason.clone());
            command = Some("leadhook status --json".to_owned());
        }
        // Which leads is told to who is signed in, or in a shell.
        Look::Flapping { leads, .. } => {
            n = Some(*leads);
            command = Some("leadhook status".to_owned());
        }
        Look::Heedless { since } => {
            given.push(("since", form::at_in_short(*since, reader.now, &reader.zone, reader.language)));
            command = Some("leadhook doctor".to_owned());
        }
        Look::UnreadableLeads { leads } => {
            n = Some(*leads);
            way = Some(("/dead".to_owned(), "look.way.dead"));
        }
        Look::Token { destination: name, trouble, .. } => {
            given.push(("name", name.clone()));
            said = Some(trouble.clone());
            command = Some(format!("leadhook auth {name}"));
        }
        Look::Disabled { destination: name } => {
            given.push(("name", name.clone()));
            way = Some((destination(name), "look.way.destination"));
            command = Some(format!("leadhook destination resume {name}"));
        }
        Look::Failing { destination: name, said: last } => {
            given.push(("name", name.clone()));
            said = Some(reason::in_words(last, reader.language)).filter(|said| !said.is_empty());
            way = Some((destination(name), "look.way.destination"));
            command = Some(format!("leadhook destination resume {name}"));
        }
        Look::DeadLetters { destination: name, dead } => {
            given.push(("name", name.clone()));
            n = Some(*dead);
            way = Some((dead_letters(name), "look.way.dead"));
        }
        Look::NotTakenOver { at, error } => {
            given.push(("at", form::at_in_short(*at, reader.now, &reader.zone, reader.language)));
            said = Some(error.clone());
            command = Some("leadhook reload".to_owned());
        }
        Look::NeedsRestart { keys } => given.push(("keys", keys.clone())),
        Look::Parked(parked) => {
            given.extend([("name", parked.destination.clone()), ("route", parked.route.clone())]);
            n = Some(parked.pending);
            said = Some(parked.why.clone());
            way = Some((destination(&parked.destination), "look.way.destination"));
        }
    }
    given.extend(n.map(|n| ("n", number(n))));
    let say = |part: &str| words::say(&format!("look.{key}{part}"), n, &given, reader.language).unwrap_or_default();
    Shown { class, what: say(""), said, todo: say(".todo"), way: way.map(|(to, key)| (to, reader.say(key))), command }
}
