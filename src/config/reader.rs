//! Reading the merged tree key by key, so that every mistake is found and not only the first.
//!
//! A section is asked for each of its keys; what nobody asked for is an unknown key. So the code that reads the keys is
//! the only list of them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use figment::value::{Dict, Tag, Value};
use figment::{Figment, Source};

use super::document::{Document, child, line_column};
use super::environment::{Environment, variable_for};
use super::marks::{Inputs, Table};
use super::node::Node;
use super::notice::{Notice, Position, Severity};
use super::{mask, suggest};
use crate::domain::pace::Rate;
use crate::domain::secret::Secret;
use crate::domain::veil::Veil;

/// What one reading of the configuration shares.
pub(super) struct Reading<'a> {
    pub(super) document: &'a Document,
    pub(super) figment: &'a Figment,
    pub(super) environment: &'a Environment,
    /// Where relative `${file:...}` paths begin: beside the file.
    pub(super) directory: &'a Path,
    masked: String,
    notices: RefCell<Vec<Notice>>,
    /// What was put in for `${...}`, with the reference.
    put_in: RefCell<Vec<(Secret, String)>>,
    /// References for which something else stands.
    unset: RefCell<BTreeSet<String>>,
    /// What was read beside the file itself.
    pub(super) inputs: Inputs,
}

/// A place that something can be said about.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    key: String,
    at: At,
}

impl Spot {
    /// The part of it that reads `written`, where that can be seen in the file, not before the `from`th byte: quotes and
    /// escapes can only push it further.
    pub(super) fn within(self, reading: &Reading<'_>, written: &str, from: usize) -> Spot {
        let At::Bytes(span) = &self.at else { return self };
        let from = span.start + from;
        let found = reading.document.text.get(from..span.end).and_then(|text| text.find(written));
        match found {
            Some(i) if !written.is_empty() => {
                let start = from + i;
                Spot { at: At::Bytes(start..start + written.len()), ..self }
            }
            _ => self,
        }
    }

    /// The path of its key.
    pub(super) fn path(&self) -> &str {
        &self.key
    }

    /// Where it is, as a word in a sentence about another place.
    pub(super) fn named(&self, reading: &Reading<'_>) -> String {
        match &self.at {
            At::Bytes(span) => format!("in line {}", line_column(&reading.document.text, span.start).0),
            At::Variable(name) => format!("in {name}"),
            At::Start => "in the file".to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
enum At {
    Bytes(std::ops::Range<usize>),
    Variable(String),
    Start,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        document: &'a Document,
        figment: &'a Figment,
        environment: &'a Environment,
        directory: &'a Path,
    ) -> Reading<'a> {
        let masked = mask::document(&document.text, document.places());
        Reading {
            document,
            figment,
            environment,
            directory,
            masked,
            notices: RefCell::default(),
            put_in: RefCell::default(),
            unset: RefCell::default(),
            inputs: Inputs::default(),
        }
    }

    /// The whole file as a section.
    pub(super) fn root(&'a self, values: Dict) -> Section<'a> {
        let spot = Spot { key: String::new(), at: At::Start };
        Section::new(self, String::new(), spot, values)
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Remembers what a reference stands for, unless its key is one whose value may be shown.
    pub(super) fn put_in(&self, path: &str, value: &str, reference: &str) {
        let names: Vec<String> = self.document.place(path).map(|place| place.names.clone()).unwrap_or_default();
        if !mask::shown(&names) {
            self.put_in.borrow_mut().push((Secret::new(value), reference.to_owned()));
        }
    }

    /// The same for a reference that leads nowhere.
    pub(super) fn stood_in(&self, path: &str, value: &str, reference: &str) {
        self.put_in(path, value, reference);
        self.unset.borrow_mut().insert(reference.to_owned());
    }

    /// Hides what was put in.
    pub(super) fn veil(&self) -> Veil {
        Veil::new(self.put_in.take())
    }

    /// References that led nowhere.
    pub(super) fn unset(&self) -> Vec<String> {
        self.unset.take().into_iter().collect()
    }

    /// A mistake that is no key's.
    pub(super) fn misfit(&self, variable: &str, message: String, help: &str) {
        let spot = Spot { key: String::new(), at: At::Variable(variable.to_owned()) };
        self.mistake(&spot, message, Some(help.to_owned()));
    }

    pub(super) fn mistake(&self, spot: &Spot, message: impl Into<String>, help: Option<String>) {
        self.say(Severity::Mistake, spot, message.into(), help);
    }

    pub(super) fn warn(&self, spot: &Spot, message: impl Into<String>, help: Option<String>) {
        self.say(Severity::Warning, spot, message.into(), help);
    }

    fn say(&self, severity: Severity, spot: &Spot, message: String, help: Option<String>) {
        let text = &self.document.text;
        let file = self.document.path.display().to_string();
        let (at, excerpt) = match &spot.at {
            At::Bytes(span) => {
                let (line, column) = line_column(text, span.start);
                (Position::Line { file, line, column }, mask::excerpt(text, &self.masked, span))
            }
            At::Variable(name) => (Position::Variable(name.clone()), None),
            At::Start => (Position::Line { file, line: 1, column: 1 }, None),
        };
        self.notices.borrow_mut().push(Notice { severity, at, key: spot.key.clone(), message, help, excerpt });
    }

    /// Where a value stands: in the file, unless a variable has put it there.
    pub(super) fn spot(&self, path: &str, tag: Tag, of_key: bool) -> Spot {
        let variable = self.variable(tag);
        let at = match (variable, self.document.place(path)) {
            (None, Some(place)) if of_key => At::Bytes(place.key.clone()),
            (None, Some(place)) => At::Bytes(place.value.clone()),
            (Some(name), _) => At::Variable(name),
            (None, None) => self.above(path),
        };
        Spot { key: path.to_owned(), at }
    }

    /// For a key that a preset has set: the nearest table around it that stands in the file.
    fn above(&self, path: &str) -> At {
        let up = |path: &str| path.rfind(['.', '[']).map(|end| path[..end].to_owned());
        let around = std::iter::successors(up(path), |path| up(path));
        let place = around.filter_map(|path| self.document.place(&path)).next();
        place.map_or(At::Start, |place| At::Bytes(place.key.clone()))
    }

    /// Where this key stands in the file; at its start for one that a variable has made.
    pub(super) fn spot_of_key(&self, path: &str) -> Spot {
        let at = self.document.place(path).map_or(At::Start, |place| At::Bytes(place.value.clone()));
        Spot { key: path.to_owned(), at }
    }

    pub(super) fn variable(&self, tag: Tag) -> Option<String> {
        let metadata = self.figment.get_metadata(tag)?;
        let of_file = matches!(metadata.source, Some(Source::File(_)));
        (!of_file).then(|| metadata.name.to_string())
    }
}

#[cfg(test)]
thread_local! {
    /// Each key that any table has been asked for, with the table's path: what the reader knows, for the schema's tests.
    pub(super) static ASKED: RefCell<Vec<(String, &'static str)>> = const { RefCell::new(Vec::new()) };
}

/// A table that is being read.
pub(super) struct Section<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) path: String,
    pub(super) spot: Spot,
    entries: Dict,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(reading: &'a Reading<'a>, path: String, spot: Spot, entries: Dict) -> Section<'a> {
        Section { reading, path, spot, entries, asked: Vec::new() }
    }

    /// The key's value, if it is set.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node<'a>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
            #[cfg(test)]
            ASKED.with_borrow_mut(|asked| asked.push((self.path.clone(), key)));
        }
        let value = self.entries.remove(key)?;
        Some(Node::new(self.reading, child(&self.path, key), value))
    }

    /// The key's value; that it is not set is a mistake.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> Option<Node<'a>> {
        let found = self.take(key);
        if found.is_none() {
            self.missing(key, example);
        }
        found
    }

    pub(super) fn missing(&self, key: &str, example: &str) {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        let variable = variable_for(&path).map(|name| format!(", or set {name}")).unwrap_or_default();
        let spot = Spot { key: path, at: self.spot.at.clone() };
        self.reading.mistake(&spot, "is missing", Some(format!("write {key} = {example}{variable}")));
    }

    /// A table within this one. Where there is none, an empty one is read, so that its missing keys are found as well.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Section<'a>> {
        match self.take(key) {
            Some(node) => node.table(),
            None => {
                let path = child(&self.path, key);
                let spot = Spot { key: path.clone(), at: self.spot.at.clone() };
                Some(Section::new(self.reading, path, spot, Dict::new()))
            }
        }
    }

    pub(super) fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        self.take(key).and_then(Node::duration).unwrap_or(default)
    }

    pub(super) fn rate(&mut self, key: &'static str) -> Option<Rate> {
        self.take(key)?.parsed("a rate", "50/s", Rate::parse)
    }

    pub(super) fn whole(&mut self, key: &'static str, range: RangeInclusive<i64>, default: usize) -> usize {
        let read = self.take(key).and_then(|node| node.whole(range));
        read.and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    }

    /// Sets what the file has not set. `instead`: keys of which any stands for all the others. `within`: tables of which
    /// the file may set a part, unless it gives them another `type`.
    pub(super) fn fill_in(&mut self, defaults: &Dict, instead: &[&str], within: &[&str]) {
        let replaced = instead.iter().any(|key| self.entries.contains_key(*key));
        for (key, value) in defaults {
            match (self.entries.get_mut(key), value) {
                (Some(Value::Dict(_, written)), Value::Dict(_, defaults)) if within.contains(&key.as_str()) => {
                    if written.get("type").is_none_or(|kind| kind.as_str() == type_of(defaults)) {
                        for (key, value) in defaults {
                            written.entry(key.clone()).or_insert_with(|| value.clone());
                        }
                    }
                }
                (Some(_), _) => {}
                (None, _) if replaced && instead.contains(&key.as_str()) => {}
                (None, _) => drop(self.entries.insert(key.clone(), value.clone())),
            }
        }
    }

    /// What this key holds, as it stands in the file.
    pub(super) fn as_it_stands(&self, key: &str) -> Table {
        self.entries.get(key).map_or_else(Table::nothing, Table::of)
    }

    /// What this key holds, where it is a text, before anything is put into it.
    pub(super) fn as_written(&self, key: &str) -> Option<&str> {
        self.entries.get(key)?.as_str()
    }

    /// Whether this key is set and nobody has asked for it yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where this key's value stands; where the section does, if it is not set.
    pub(super) fn spot_of(&self, key: &str) -> Spot {
        match self.entries.get(key) {
            Some(value) => self.reading.spot(&child(&self.path, key), value.tag(), false),
            None => self.spot.clone(),
        }
    }

    /// All that is left, whatever its keys: tables in which names are free.
    pub(super) fn rest(&mut self) -> Vec<(String, Node<'a>)> {
        let entries = std::mem::take(&mut self.entries);
        let node = |(name, value): (String, Value)| {
            let path = child(&self.path, &name);
            (name, Node::new(self.reading, path, value))
        };
        entries.into_iter().map(node).collect()
    }

    /// What nobody asked for is a mistake; `later` are the keys that another version knows.
    pub(super) fn finish(mut self, later: &[&str]) {
        for (name, node) in self.rest() {
            let spot = node.key_spot();
            let place = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            if later.contains(&name.as_str()) {
                self.reading.mistake(&spot, "this version does not have this key yet", Some("take it out".into()));
            } else {
                let help = suggest::instead(&name, &self.asked);
                self.reading.mistake(&spot, format!("{place} has no key of this name"), help);
            }
        }
    }
}

fn type_of(table: &Dict) -> Option<&str> {
    table.get("type").and_then(Value::as_str)
}
