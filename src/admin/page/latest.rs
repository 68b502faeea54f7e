//! The latest happenings, as the first page lists them. Whose they are is shown to whoever has signed in alone.

use jiff::Timestamp;
use serde::Serialize;

use super::frame::Reader;
use super::{shown, words};
use crate::domain::lead::LeadId;
use crate::domain::outcome::Outcome;
use crate::domain::retry::Verdict;
use crate::watch::{Happening, Lately};

/// As many are shown.
const SHOWN: usize = 14;

/// One of them.
#[derive(Serialize)]
pub(super) struct Line {
    no: u64,
    at: Timestamp,
    /// `ok`, `warn`, `bad`, `held` or nothing: see `.state` in the stylesheet.
    class: &'static str,
    /// What kind of thing it is, in a word or two.
    word: String,
    /// The rest, in a few words.
    text: String,
    /// How often in a row, the last of them told.
    times: u64,
    /// The lead's number, to be linked.
    lead: Option<u64>,
    /// The event's id, to be linked.
    event: Option<String>,
}

/// The latest, the newest first.
pub(super) fn latest(reader: &Reader, happenings: &[Lately]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(SHOWN);
    let mut before: Option<&Happening> = None;
    for lately in happenings {
        // A destination that is down says the same hundreds of times: nothing else would be seen.
        if let Some(line) = lines.last_mut()
            && before.is_some_and(|before| is_alike(before, &lately.what))
        {
            line.times += 1;
            continue;
        }
        if lines.len() == SHOWN {
            break;
        }
        lines.push(line(reader, lately));
        before = Some(&lately.what);
    }
    lines
}

/// Whether it is one failure after another of the same destination, for the same reason.
fn is_alike(one: &Happening, other: &Happening) -> bool {
    let reason = |happening: &Happening| match happening {
        Happening::Tried { destination, verdict: Verdict::Again { .. }, in_short, .. } => {
            Some((destination.clone(), in_short.clone()))
        }
        Happening::ReadFailed { in_short, .. } => Some((String::new(), in_short.clone())),
        _ => None,
    };
    reason(one).is_some_and(|one| reason(other) == Some(one))
}

fn line(reader: &Reader, Lately { no, at, what }: &Lately) -> Line {
    let say = |key: &str, given: &[(&str, String)], n: Option<u64>| {
        words::say(key, n, given, reader.language).unwrap_or_else(|| key.to_owned())
    };
    let number = |n: usize| shown::number(n as u64, reader.language);
    let mut whose: (Option<LeadId>, Option<&str>) = (None, None);
    let (class, word, text) = match &**what {
        Happening::Read { listed, new } => {
            let given = [("n", number(*new)), ("listed", number(*listed))];
            ("ok", "latest.read", say("latest.read.text", &given, Some(*new as u64)))
        }
        Happening::ReadFailed { in_short, .. } => ("bad", "latest.unread", in_short.clone()),
        Happening::Recorded { lead, event_id, event_type, destinations } => {
            whose = (Some(*lead).filter(|_| !event_type.is_ops()), Some(event_id));
            let to = if destinations.is_empty() { reader.say("latest.nowhere") } else { destinations.join(", ") };
            let class = if destinations.is_empty() { "" } else { "info" };
            (class, "latest.recorded", format!("{event_type} → {to}"))
        }
        Happening::SetAside { lead, in_short, due, .. } => {
            whose.0 = Some(*lead);
            let due = shown::at_in_short(*due, reader.now, &reader.zone, reader.language);
            ("warn", "latest.set_aside", say("latest.again", &[("what", in_short.clone()), ("at", due)], None))
        }
        Happening::Unreadable { lead, .. } => {
            whose.0 = Some(*lead);
            ("bad", "latest.unreadable", String::new())
        }
        Happening::Tried { destination, lead, event_id, outcome, in_short, took, verdict, .. } => {
            // What leadhook says of itself is of no lead.
            whose = (Some(*lead).filter(|lead| lead.0 != 0), Some(event_id));
            let took = shown::short_span(*took, reader.language);
            let what = format!("{destination}: {in_short}, {took}");
            let (class, word) = match (verdict, outcome) {
                (Verdict::Delivered, _) => ("ok", "latest.delivered"),
                (Verdict::NextStep, _) => ("ok", "latest.step"),
                (Verdict::Dead(_), _) => ("bad", "latest.dead"),
                (Verdict::Parked, _) => ("bad", "latest.parked"),
                (Verdict::Again { .. }, Outcome::Throttled(_)) => ("held", "latest.throttled"),
                (Verdict::Again { .. }, _) => ("warn", "latest.failed"),
            };
            let text = match verdict {
                Verdict::Again { at, .. } => {
                    let at = shown::at_in_short(*at, reader.now, &reader.zone, reader.language);
                    say("latest.again", &[("what", what), ("at", at)], None)
                }
                _ => what,
            };
            (class, word, text)
        }
        Happening::Done { destination, lead, .. } => {
            whose.0 = Some(*lead);
            ("ok", "latest.delivered", destination.clone())
        }
        Happening::Unsent { destination, lead, death } => {
            whose.0 = Some(*lead);
            let why = say(&format!("death.{}", death.as_str()), &[], None);
            ("bad", "latest.dead", format!("{destination}: {why}"))
        }
        Happening::Failing { destination } => ("bad", "latest.failing", destination.clone()),
        Happening::Recovered { destination } => ("ok", "latest.recovered", destination.clone()),
    };
    let may_see = reader.session.is_some();
    Line {
        no: *no,
        at: *at,
        class,
        word: reader.say(word),
        text,
        times: 1,
        lead: whose.0.filter(|_| may_see).map(|lead| lead.0),
        event: whose.1.filter(|_| may_see).map(str::to_owned),
    }
}
