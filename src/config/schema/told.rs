//! What each key means and what holds without it, as `config/leadhook.toml` and `config/STEPS.md` say it.

use std::collections::BTreeMap;

use serde_json::Value;
use toml_edit::DocumentMut;

use super::super::document::free_value;

const EXAMPLE: &str = include_str!("../../../config/leadhook.toml");

const STEPS: &str = include_str!("../../../config/STEPS.md");

/// Where a step's keys stand.
const OF_STEP: &str = "destinations.*.steps[]";

/// Keys that the example speaks of beside another, without a line of their own.
const BESIDE: [(&str, &str); 8] = [
    ("destinations.*.body_file", "destinations.*.body"),
    ("destinations.*.client_key", "destinations.*.client_cert"),
    ("routes[].payload", "destinations.*.payload"),
    ("routes[].body_file", "routes[].body"),
    ("routes[].content_type", "routes[].body"),
    ("source", "source.base_url"),
    ("store", "store.path"),
    ("admin", "admin.listen"),
];

/// What is told of each key, by its path: `source.rate`, `destinations.*.url`, `routes[].on`.
#[derive(Default)]
pub(super) struct Told(BTreeMap<String, Entry>);

#[derive(Clone, Default)]
struct Entry {
    about: String,
    default: Option<Value>,
}

impl Told {
    pub(super) fn of_example() -> Told {
        let mut told = Told::default();
        told.read_example();
        told.read_steps();
        for (key, other) in BESIDE {
            if let Some(entry) = told.0.get(other).cloned() {
                told.0.entry(key.to_owned()).or_insert(Entry { default: None, ..entry });
            }
        }
        told
    }

    fn read_example(&mut self) {
        let (mut table, mut words) = (String::new(), Vec::new());
        // Whether nothing but a comment has come since the table began, or since the last key.
        let (mut begins, mut follows) = (false, false);
        for line in EXAMPLE.lines() {
            let key = ["# ", "#~ ", ""].iter().find_map(|mark| Some((*mark, key_of(line.strip_prefix(mark)?)?)));
            if let Some((mark, (key, line))) = key {
                let default = if mark == "# " { value_of(line, key) } else { None };
                self.tell(&format!("{table}.{key}"), &words, default);
                (begins, follows) = (false, true);
            } else if let Some(comment) = line.strip_prefix('#') {
                if std::mem::take(&mut follows) {
                    words.clear();
                }
                words.push(comment.strip_prefix(' ').unwrap_or(comment));
            } else if line.is_empty() {
                if std::mem::take(&mut begins) && !words.is_empty() {
                    self.tell(&table, &words, None);
                }
                words.clear();
                follows = false;
            } else {
                (table, begins) = (path_of(line), true);
                if !words.is_empty() {
                    let whole = table.trim_end_matches(['.', '*', '[', ']']);
                    let whole = whole.to_owned();
                    self.tell(&whole, &words, None);
                }
                words.clear();
            }
        }
    }

    /// The rows of the table that says what a step's keys do.
    fn read_steps(&mut self) {
        for row in STEPS.lines() {
            let mut cells = row.split('|').map(str::trim).skip(1);
            let (Some(names), Some(about)) = (cells.next(), cells.next()) else { continue };
            for name in names.split(", ").filter_map(|name| name.strip_prefix('`')?.strip_suffix('`')) {
                self.tell(&format!("{OF_STEP}.{name}"), &[about], None);
            }
        }
    }

    fn tell(&mut self, path: &str, words: &[&str], default: Option<Value>) {
        let about = sentence(words);
        let entry = self.0.entry(path.to_owned()).or_default();
        if !entry.about.contains(&about) {
            let gap = if entry.about.is_empty() { "" } else { "\n\n" };
            entry.about = format!("{}{gap}{about}", entry.about);
        }
        entry.default = entry.default.take().or(default);
    }

    /// Writes it to the keys of a schema. What a table holds is told with the table, unless it is told by itself.
    pub(super) fn annotate(&self, schema: &mut Value) {
        self.below(schema, "", "");
    }

    fn below(&self, shape: &mut Value, path: &str, above: &str) {
        let Some(shape) = shape.as_object_mut() else { return };
        for (key, value) in shape.iter_mut() {
            match (key.as_str(), value) {
                ("properties", Value::Object(keys)) => {
                    for (key, shape) in keys {
                        let path = format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
                        self.one(shape, &path, above);
                    }
                }
                ("items", items) => self.below(items, &format!("{path}[]"), above),
                ("additionalProperties", values) => self.below(values, &format!("{path}.*"), above),
                ("anyOf" | "oneOf", Value::Array(each)) => each.iter_mut().for_each(|it| self.below(it, path, above)),
                _ => {}
            }
        }
    }

    fn one(&self, shape: &mut Value, path: &str, above: &str) {
        let told = self.0.get(path);
        let about = told.map(|told| told.about.as_str()).filter(|about| !about.is_empty()).unwrap_or(above).to_owned();
        self.below(shape, path, &about);
        if let Some(shape) = shape.as_object_mut() {
            if !about.is_empty() {
                shape.insert("description".to_owned(), about.into());
            }
            shape.extend(told.and_then(|told| told.default.clone()).map(|default| ("default".to_owned(), default)));
        }
    }
}

/// The key that this line sets, and the line.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let (key, _) = line.split_once(" = ")?;
    key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some((key, line))
}

fn value_of(line: &str, key: &str) -> Option<Value> {
    let document: DocumentMut = line.parse().ok()?;
    serde_json::to_value(free_value(document.get(key)?.as_value()?)).ok()
}

/// `[destinations.crm]` is any destination, `[[routes]]` any route.
fn path_of(header: &str) -> String {
    match header.strip_prefix("[[") {
        Some(list) => format!("{}[]", list.trim_end_matches(']')),
        None => {
            let name = header.trim_matches(['[', ']']);
            name.split_once('.').map_or(name.to_owned(), |(table, _)| format!("{table}.*"))
        }
    }
}

/// Lines as one text. Comments that go on from key to key ("this ... and that ...") are cut at their dots; what is indented is
/// something to type.
fn sentence(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        match line.strip_prefix("  ") {
            None if line.is_empty() => text.push_str("\n\n"),
            Some(typed) => text.push_str(&format!("\n\n    {typed}\n\n")),
            None if text.is_empty() || text.ends_with('\n') => text.push_str(line),
            None => text.push_str(&format!(" {line}")),
        }
    }
    let Some(rest) = text.strip_prefix("... ") else { return text.trim_end_matches(" ...").to_owned() };
    let rest = rest.strip_prefix("and ").unwrap_or(rest).trim_end_matches(" ...");
    let mut letters = rest.chars();
    letters.next().map_or(String::new(), |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}
