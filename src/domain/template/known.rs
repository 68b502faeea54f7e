//! The names that events have.

use std::ops::Range;

use super::names::Name;

/// Everything that an event of some type has, and everything that WeClever's page says of a lead.
const KNOWN: &[&str] = &[
    "id",
    "type",
    "timestamp",
    "settings",
    "test",
    "weclever_lead_id",
    "client_lead_id",
    "mapped_status",
    "platform_id",
    "revision",
    "origin",
    "csat",
    "csat.score",
    "csat.low",
    "csat.text",
    "changes",
    "changes[]",
    "subject",
    "message",
    "count",
    "since",
    "last_poll",
    "error",
    "cut",
    "cut.messages",
    "lead",
    "lead.email",
    "lead.name",
    "lead.phone",
    "lead.state",
    "lead.regional",
    "lead.status",
    "lead.chats",
    "lead.chats.metrics",
    "lead.chats.metrics.date_difference",
    "lead.chats.metrics.total_messages",
    "lead.chats.messages",
    "lead.chats.messages[]",
    "lead.chats.messages[].id_chat",
    "lead.chats.messages[].body",
    "lead.chats.messages[].media_url",
    "lead.chats.messages[].content_type",
    "lead.chats.messages[].date_created",
    "lead.chats.messages[].sid",
    "lead.chats.messages[].message_type",
    "lead.chats.messages[].direction",
    "lead.chats.messages[].status",
    "lead.feelings",
    "lead.feelings.total_messages",
    "lead.feelings.positive_feeling",
    "lead.feelings.neutral_feeling",
    "lead.feelings.negative_feeling",
    "lead.csat",
    "lead.csat.message",
    "lead.csat.rating",
];

/// A name that no event that leadhook knows of has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The path.
    pub path: String,
    /// Where, in bytes of the template's text.
    pub at: Range<usize>,
    /// Below `lead` WeClever may send more than its page says, so that an unknown name there need not be a mistake.
    pub may_exist: bool,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
}

/// The names that exist in no event, each once. `settings` are those that a destination has.
pub fn check_names<'a>(names: impl IntoIterator<Item = &'a Name>, settings: &[&str], also: &[&str]) -> Vec<Doubt> {
    let mut doubts: Vec<Doubt> = Vec::new();
    for Name { path, at } in names {
        if is_known(path, settings, also) || doubts.iter().any(|doubt| doubt.path == *path) {
            continue;
        }
        let may_exist = path.strip_prefix("lead.").is_some_and(|below| !below.is_empty());
        doubts.push(Doubt { path: path.clone(), at: at.clone(), may_exist, help: instead(path, settings, also) });
    }
    doubts
}

fn is_known(path: &str, settings: &[&str], also: &[&str]) -> bool {
    if let Some(setting) = path.strip_prefix("settings.") {
        return settings.contains(&setting);
    }
    // What was captured may be a list or an object, of which nobody knows what it holds.
    let known = |own: &&str| *own == path || captured(path).is_some() && captured(path) == captured(own);
    KNOWN.contains(&path) || also.iter().any(known)
}

/// The name of something captured.
fn captured(path: &str) -> Option<&str> {
    path.strip_prefix("captured.").and_then(|below| below.split(['.', '[']).next())
}

fn instead(path: &str, settings: &[&str], also: &[&str]) -> Option<String> {
    if let Some(setting) = path.strip_prefix("settings.") {
        return match nearest(setting, settings.iter().copied()) {
            Some(near) => Some(format!("did you mean `settings.{near}`?")),
            None => Some(format!("give it under settings: {setting} = \"...\"")),
        };
    }
    if let Some(below) = path.strip_prefix("data.") {
        return Some(format!("what is under `data` has its name without it: `{below}`"));
    }
    if also.contains(&"captured") && captured(path).is_some() {
        let before: Vec<&str> = also.iter().copied().filter(|own| captured(own).is_some()).collect();
        return Some(match nearest(path, before.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if before.is_empty() => "what a step captures is known to those behind it".to_owned(),
            None => format!("there is {}", before.iter().map(|own| format!("`{own}`")).collect::<Vec<_>>().join(", ")),
        });
    }
    // Without `lead.` in front, as people think of it.
    let of_lead = format!("lead.{path}");
    if KNOWN.contains(&of_lead.as_str()) {
        return Some(format!("did you mean `{of_lead}`?"));
    }
    nearest(path, KNOWN.iter().chain(also).copied()).map(|near| format!("did you mean `{near}`?"))
}

/// The nearest of the known names, if a slip of the finger explains the difference.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (written.chars().count() / 4).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
