//! `fields`: the only parts of an event that a destination, or a route, may see.
//!
//! The JSON text itself is gone through, so that what is kept is kept byte for byte: numbers beyond 64 bits, the order of
//! keys, fields that nobody knew of. What cannot be gone through for certain is left out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::value::RawValue;

use super::raw;
use super::template::Name;

/// Tell what an event is about, and stay whatever is chosen. `cut` counts messages that were left out for their size.
const ALWAYS: [&str; 5] = ["weclever_lead_id", "platform_id", "revision", "origin", "cut"];

/// What is sent of an event about a lead: its type, its time, the lead's number, and of all else what is listed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fields(Within);

/// A path that can be chosen, from `data` on: `lead.name`, `csat`, `lead.chats.messages[].body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    /// `[]`: each item of a list.
    Items,
}

/// How much of a value stays.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Keep {
    All,
    Some(Within),
}

/// What stays within an object, or within each item of a list.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Within {
    members: BTreeMap<String, Keep>,
    items: Option<Box<Keep>>,
}

impl FieldPath {
    /// Reads names with dots between them; `[]` behind the name of a list stands for each of its items.
    ///
    /// # Errors
    /// What is wrong and, behind `; `, what to write.
    pub fn parse(text: &str) -> Result<FieldPath, String> {
        let mut steps = Vec::new();
        for part in text.trim().split('.') {
            let name = part.trim_end_matches("[]");
            if name.is_empty() {
                return Err(format!("`{text}` lacks a name; write for example lead.name"));
            }
            if name.contains(['[', ']', '/', '*', '"', '\''])
                || name.chars().any(|c| c.is_whitespace() || c.is_control())
            {
                let help =
                    "write names with dots between them, and [] behind a list, for example lead.chats.messages[].body";
                return Err(format!("`{text}` is no path to a field; {help}"));
            }
            steps.push(Step::Member(name.to_owned()));
            steps.extend((0..(part.len() - name.len()) / 2).map(|_| Step::Items));
        }
        if let [Step::Member(data), rest @ ..] = steps.as_slice()
            && data == "data"
        {
            let help = if rest.is_empty() { "take `fields` out to send all" } else { "leave out `data.`" };
            return Err(format!("`{text}` begins with `data`, as every field does; {help}"));
        }
        Ok(FieldPath(steps))
    }

    /// The names on the way, without the lists' marks.
    pub fn names(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|step| match step {
                Step::Member(name) => Some(name.as_str()),
                Step::Items => None,
            })
            .collect()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Member(name) if i == 0 => f.write_str(name)?,
                Step::Member(name) => write!(f, ".{name}")?,
                Step::Items => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}

impl Fields {
    /// What is listed.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a FieldPath>) -> Fields {
        let mut all = Within::default();
        for path in paths {
            all.add(&path.0);
        }
        Fields(all)
    }

    /// `payload = "thin"`: ids alone, the client's own among them, for receivers that fetch the rest themselves.
    pub fn thin() -> Fields {
        Fields(Within { members: BTreeMap::from([("client_lead_id".to_owned(), Keep::All)]), items: None })
    }

    /// What both of them let through.
    pub fn intersect(&self, other: &Fields) -> Fields {
        Fields(self.0.intersect(&other.0))
    }

    /// Whether anything at the end of this path can be sent; dots between names, and a list's `[]` or number may be left
    /// out.
    pub fn lets_through(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split(['.', '[', ']']).filter(|name| !name.is_empty()).collect();
        match names.first() {
            None => true,
            Some(first) if ALWAYS.contains(first) || matches!(*first, "id" | "type" | "timestamp") => true,
            Some(_) => self.0.reaches(&names),
        }
    }

    /// Which of these names of templates nothing can stand for, each once.
    pub fn hides<'a>(&self, names: impl IntoIterator<Item = &'a Name>) -> Vec<&'a str> {
        let mut hidden: Vec<&str> = Vec::new();
        for path in names.into_iter().map(|name| name.path.as_str()) {
            let top = path.split('.').next().unwrap_or_default();
            let of_event = !["id", "settings", "step_id", "captured", "unknown"].contains(&top);
            if of_event && !self.lets_through(path) && !hidden.contains(&path) {
                hidden.push(path);
            }
        }
        hidden
    }

    /// The chosen parts of this envelope. What leadhook tells of itself (`ops.*`) holds nothing of a lead, and stays whole.
    pub fn apply(&self, envelope: &[u8]) -> Vec<u8> {
        let Some(members) = std::str::from_utf8(envelope).ok().and_then(raw::members) else { return b"{}".to_vec() };
        let members = last_of_each(members);
        let is_ops = members.iter().any(|(name, value)| name == "type" && value.get().starts_with("\"ops."));
        if is_ops {
            return envelope.to_vec();
        }
        let kept = members.iter().filter_map(|(name, value)| match name.as_str() {
            "type" | "timestamp" => Some((name.as_str(), value.get().to_owned())),
            "data" => self.data(value.get()).map(|data| (name.as_str(), data)),
            _ => None,
        });
        let kept: Vec<(&str, String)> = kept.collect();
        raw::object(kept.iter().map(|(name, value)| (*name, value.as_str()))).into_bytes()
    }

    fn data(&self, json: &str) -> Option<String> {
        self.0.members_of(json, |name, value| match name {
            "changes" => Some(self.changes(value)),
            _ if ALWAYS.contains(&name) => Some(Some(value.to_owned())),
            _ => None,
        })
    }

    /// Of the pointers into the lead, those to something that is sent, or that holds something that is. Others would
    /// tell by their names alone what somebody chose not to send.
    fn changes(&self, json: &str) -> Option<String> {
        let kept: Vec<&str> =
            raw::items(json)?.into_iter().map(RawValue::get).filter(|item| self.names_sent(item)).collect();
        (!kept.is_empty()).then(|| format!("[{}]", kept.join(",")))
    }

    fn names_sent(&self, pointer: &str) -> bool {
        let Ok(pointer) = serde_json::from_str::<String>(pointer) else { return false };
        let Some(pointer) = pointer.strip_prefix('/') else { return false };
        let names: Vec<String> = pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
        let names: Vec<&str> = ["lead"].into_iter().chain(names.iter().map(String::as_str)).collect();
        self.0.reaches(&names)
    }

    /// The paths, as they are written in the file.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.0.paths("", &mut paths);
        paths
    }
}

impl Keep {
    fn add(&mut self, path: &[Step]) {
        match self {
            Keep::All => {}
            Keep::Some(_) if path.is_empty() => *self = Keep::All,
            Keep::Some(within) => within.add(path),
        }
    }

    fn intersect(&self, other: &Keep) -> Option<Keep> {
        match (self, other) {
            (Keep::All, keep) | (keep, Keep::All) => Some(keep.clone()),
            (Keep::Some(a), Keep::Some(b)) => {
                let both = a.intersect(b);
                (both != Within::default()).then_some(Keep::Some(both))
            }
        }
    }

    /// What stays of this JSON text; nothing of it where it is not the object or the list that the path speaks of.
    fn of(&self, json: &str) -> Option<String> {
        match self {
            Keep::All => Some(json.to_owned()),
            Keep::Some(within) if json.starts_with('{') && !within.members.is_empty() => {
                within.members_of(json, |_, _| None)
            }
            Keep::Some(Within { items: Some(keep), .. }) if json.starts_with('[') => {
                let items: Vec<String> = raw::items(json)?.into_iter().filter_map(|item| keep.of(item.get())).collect();
                Some(format!("[{}]", items.join(",")))
            }
            Keep::Some(_) => None,
        }
    }

    fn reaches(&self, names: &[&str]) -> bool {
        match self {
            Keep::All => true,
            Keep::Some(within) => within.reaches(names),
        }
    }

    fn paths(&self, path: &str, paths: &mut Vec<String>) {
        match self {
            Keep::All => paths.push(path.to_owned()),
            Keep::Some(within) => within.paths(path, paths),
        }
    }
}

impl Within {
    fn add(&mut self, path: &[Step]) {
        let Some((step, rest)) = path.split_first() else { return };
        let nothing = || Keep::Some(Within::default());
        match step {
            Step::Member(name) => self.members.entry(name.clone()).or_insert_with(nothing).add(rest),
            Step::Items => self.items.get_or_insert_with(|| Box::new(nothing())).add(rest),
        }
    }

    fn intersect(&self, other: &Within) -> Within {
        let both = |(name, keep): (&String, &Keep)| Some((name.clone(), keep.intersect(other.members.get(name)?)?));
        let items = self.items.as_ref().zip(other.items.as_ref()).and_then(|(a, b)| a.intersect(b));
        Within { members: self.members.iter().filter_map(both).collect(), items: items.map(Box::new) }
    }

    /// What stays of an object. `special` decides about a member before the paths do: `Some(None)` leaves it out.
    fn members_of(&self, json: &str, special: impl Fn(&str, &str) -> Option<Option<String>>) -> Option<String> {
        let members = last_of_each(raw::members(json)?);
        let kept = members.iter().filter_map(|(name, value)| {
            let value = special(name, value.get())
                .unwrap_or_else(|| self.members.get(name).and_then(|keep| keep.of(value.get())))?;
            Some((name.as_str(), value))
        });
        let kept: Vec<(&str, String)> = kept.collect();
        Some(raw::object(kept.iter().map(|(name, value)| (*name, value.as_str()))))
    }

    /// Whether something that stays is at the end of these names, or on the way there.
    fn reaches(&self, names: &[&str]) -> bool {
        let Some((name, rest)) = names.split_first() else { return true };
        let is_number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        self.members.get(*name).is_some_and(|keep| keep.reaches(rest))
            || self.items.as_ref().is_some_and(|keep| keep.reaches(if is_number { rest } else { names }))
    }

    fn paths(&self, path: &str, paths: &mut Vec<String>) {
        for (name, keep) in &self.members {
            keep.paths(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, paths);
        }
        if let Some(keep) = &self.items {
            keep.paths(&format!("{path}[]"), paths);
        }
    }
}

/// Of a key that stands there twice, the last: readers differ, and what one of them would find must not get through
/// beside what was looked at.
fn last_of_each(members: raw::Members<'_>) -> raw::Members<'_> {
    let last: HashMap<String, usize> = members.iter().enumerate().map(|(i, (name, _))| (name.clone(), i)).collect();
    let is_last = |(i, (name, _)): &(usize, (String, _))| last.get(name) == Some(i);
    members.into_iter().enumerate().filter(is_last).map(|(_, member)| member).collect()
}

#[cfg(test)]
mod tests;
