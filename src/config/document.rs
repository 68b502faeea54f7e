//! The file's text: what it says, as figment wants it, and where each key of it stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use toml_edit::{Item, TableLike};

/// Where a key stands, and where its value.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: Range<usize>,
    /// A table's header, a value's text.
    pub(super) value: Range<usize>,
    /// The names on the way to it, without the numbers of list items.
    pub(super) names: Vec<String>,
    /// Neither a table nor a list.
    pub(super) leaf: bool,
}

/// A parsed file. Parsed once, by the parser that knows where everything stands, so that what is said and where it is
/// said cannot come from two readings that differ.
pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) values: Dict,
    places: BTreeMap<String, Place>,
}

/// What keeps a text from being TOML.
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) at: usize,
}

impl Document {
    pub(super) fn parse(path: &Path, text: &str) -> Result<Document, SyntaxError> {
        let parsed = toml_edit::Document::parse(text).map_err(|e| SyntaxError {
            message: e.message().trim().replace('\n', ", "),
            at: e.span().map_or(text.len(), |span| span.start),
        })?;
        let mut document =
            Document { path: path.to_owned(), text: text.to_owned(), values: Dict::new(), places: BTreeMap::new() };
        document.values = document.table(parsed.as_table(), "", &[]);
        Ok(document)
    }

    /// Where the key with this path stands; `None` for one that the file does not have.
    pub(super) fn place(&self, path: &str) -> Option<&Place> {
        self.places.get(path)
    }

    /// Where each key stands, in the order of their paths.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    fn table(&mut self, table: &dyn TableLike, path: &str, names: &[String]) -> Dict {
        let mut dict = Dict::new();
        for (name, item) in table.iter() {
            let path = child(path, name);
            let mut names = names.to_vec();
            names.push(name.to_owned());
            let key = table.key(name).and_then(|key| key.span()).unwrap_or(0..0);
            if let Some(value) = self.item(item, &path, &key, &names) {
                dict.insert(name.to_owned(), value);
            }
        }
        dict
    }

    fn item(&mut self, item: &Item, path: &str, key: &Range<usize>, names: &[String]) -> Option<Value> {
        match item {
            Item::None => None,
            Item::Value(value) => Some(self.value(value, path, key, names)),
            Item::Table(table) => {
                self.note(path, key, table.span(), names, false);
                Some(self.table(table, path, names).into())
            }
            Item::ArrayOfTables(tables) => {
                self.note(path, key, None, names, false);
                let mut list = Vec::new();
                for (i, table) in tables.iter().enumerate() {
                    let path = nth(path, i);
                    self.note(&path, key, table.span(), names, false);
                    list.push(Value::from(self.table(table, &path, names)));
                }
                Some(list.into())
            }
        }
    }

    fn value(&mut self, value: &toml_edit::Value, path: &str, key: &Range<usize>, names: &[String]) -> Value {
        let leaf = !matches!(value, toml_edit::Value::Array(_) | toml_edit::Value::InlineTable(_));
        self.note(path, key, value.span(), names, leaf);
        match value {
            toml_edit::Value::Array(items) => {
                let list = items.iter().enumerate().map(|(i, item)| {
                    let at = item.span().unwrap_or_else(|| key.clone());
                    self.value(item, &nth(path, i), &at, names)
                });
                list.collect::<Vec<_>>().into()
            }
            toml_edit::Value::InlineTable(table) => self.table(table, path, names).into(),
            scalar => scalar_value(scalar),
        }
    }

    fn note(&mut self, path: &str, key: &Range<usize>, value: Option<Range<usize>>, names: &[String], leaf: bool) {
        let value = value.unwrap_or_else(|| key.clone());
        self.places.insert(path.to_owned(), Place { key: key.clone(), value, names: names.to_vec(), leaf });
    }
}

impl Provider for &Document {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// A TOML value that does not come from the file: a list or a table out of an environment variable.
pub(super) fn free_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::Array(items) => items.iter().map(free_value).collect::<Vec<_>>().into(),
        toml_edit::Value::InlineTable(table) => table
            .iter()
            .map(|(name, value)| (name.to_owned(), free_value(value)))
            .collect::<BTreeMap<String, Value>>()
            .into(),
        scalar => scalar_value(scalar),
    }
}

fn scalar_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(n) => (*n.value()).into(),
        toml_edit::Value::Float(n) => (*n.value()).into(),
        toml_edit::Value::Boolean(b) => (*b.value()).into(),
        // figment has no dates; `start = 2026-11-01` is as good as the same in quotes.
        toml_edit::Value::Datetime(at) => at.value().to_string().into(),
        toml_edit::Value::Array(_) | toml_edit::Value::InlineTable(_) => free_value(value),
    }
}

/// The path of a key within a table, quoted as in TOML where it must be.
pub(super) fn child(parent: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

/// The path of a list's item, counted from 0 as everywhere in such paths.
pub(super) fn nth(parent: &str, i: usize) -> String {
    format!("{parent}[{i}]")
}

/// Line and column, both from 1, the column in characters.
pub(super) fn line_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (line, before[start..].chars().count() + 1)
}
