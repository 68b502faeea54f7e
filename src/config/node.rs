//! A value on its way to its type: `${...}` is put in, and what came from a variable takes the type of its key.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use figment::value::{Num, Tag, Value};

use super::document::{free_value, nth};
use super::interpolate::{self, Piece};
use super::marks::Table;
use super::reader::{Reading, Section, Spot};
use super::text::Text;
use super::{secret_file, stand_in};
use crate::domain::span;
use crate::domain::template::is_inert;

/// A value that is being read.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) reading: &'a Reading<'a>,
    path: String,
    value: Value,
}

impl<'a> Node<'a> {
    pub(super) fn new(reading: &'a Reading<'a>, path: String, value: Value) -> Node<'a> {
        Node { reading, path, value }
    }

    pub(super) fn spot(&self) -> Spot {
        // A table that a variable has only added to is still the file's.
        if self.is_table() && self.reading.document.place(&self.path).is_some_and(|place| !place.leaf) {
            return self.reading.spot_of_key(&self.path);
        }
        self.reading.spot(&self.path, self.value.tag(), false)
    }

    pub(super) fn key_spot(&self) -> Spot {
        self.reading.spot(&self.path, self.value.tag(), true)
    }

    pub(super) fn mistake(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reading.mistake(&self.spot(), message, Some(help.into()));
    }

    fn wrong_type<T>(&self, wanted: &str, help: &str) -> Option<T> {
        let is = match &self.value {
            Value::String(..) | Value::Char(..) => "text",
            Value::Bool(..) => "true or false",
            Value::Num(..) => "a number",
            Value::Dict(..) => "a table",
            Value::Array(..) => "a list",
            Value::Empty(..) => "nothing",
        };
        self.mistake(format!("must be {wanted}, and this is {is}"), help);
        None
    }

    /// A text.
    pub(super) fn text(self) -> Option<Text<'a>> {
        match &self.value {
            Value::String(_, raw) => self.put_in(raw),
            _ => self.wrong_type("text", "write it in quotes, with a unit where one is needed"),
        }
    }

    /// A text that holds templates. What `${...}` stands for is put in as it is: it must neither begin a template nor be a
    /// part of an expression, whose mistakes are quoted.
    pub(super) fn template(self) -> Option<Text<'a>> {
        let text = self.text()?;
        match &text.raw {
            Some(_) if !text.inert => {
                text.mistake(
                    format!("what stands here for `{}` would become a part of a template", text.references()),
                    "write it outside of {{ }} and {% %}, or under `settings`, where templates find it as settings.NAME; its value must not hold `{{`, `{%` or `{#`",
                );
                None
            }
            _ => Some(text),
        }
    }

    /// A text that is more than blanks.
    pub(super) fn filled(self) -> Option<Text<'a>> {
        let text = self.text()?;
        if text.value.trim().is_empty() {
            text.mistake("must not be empty", "write something here, or take the key out");
            return None;
        }
        Some(text)
    }

    /// A text that a parser understands; see [`Text::parsed`].
    pub(super) fn parsed<T, E: Display>(
        self,
        what: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match &self.value {
            Value::Num(..) => {
                self.wrong_type(&format!("{what} in quotes"), &format!("write for example \"{example}\""))
            }
            _ => self.text()?.parsed(what, example, parse),
        }
    }

    /// A duration longer than nothing.
    pub(super) fn duration(self) -> Option<Duration> {
        self.parsed("a duration", "90s", |text| match span::parse(text)? {
            Duration::ZERO => Err("must be longer than nothing; write for example 90s, 15m, 48h or 7d".to_owned()),
            duration => Ok(duration),
        })
    }

    /// A whole number within a range.
    pub(super) fn whole(self, range: RangeInclusive<i64>) -> Option<i64> {
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        let n: i64 = match self.value.to_num() {
            Some(Num::F32(_) | Num::F64(_)) => return self.wrong_type("a whole number", &help),
            Some(num) => num.to_i128().and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX),
            None => return self.loose::<i64>("a whole number", &help)?.into_range(range, &help),
        };
        Bound { n, reading: self.reading, spot: self.spot() }.into_range(range, &help)
    }

    /// Any number within a range.
    pub(super) fn number(self, range: RangeInclusive<f64>, help: &str) -> Option<f64> {
        let spot = self.spot();
        let reading = self.reading;
        let n = match self.value.to_num() {
            Some(num) => num.to_f64().or_else(|| num.to_i128().map(|n| n as f64)),
            None => Some(self.loose::<f64>("a number", help)?.n),
        };
        let n = n.filter(|n| range.contains(n));
        if n.is_none() {
            reading.mistake(&spot, "is out of range", Some(help.to_owned()));
        }
        n
    }

    /// True or false.
    pub(super) fn flag(self) -> Option<bool> {
        match self.value.to_bool() {
            Some(flag) => Some(flag),
            None => Some(self.loose("true or false", "write true or false, without quotes")?.n),
        }
    }

    /// A value that is text only because it came from a variable.
    fn loose<T: FromStr>(self, wanted: &str, help: &str) -> Option<Bound<'a, T>> {
        let tag = self.value.tag();
        match &self.value {
            Value::String(_, raw) if self.is_of_variable(tag) || interpolate::refers(raw) => {
                let text = self.put_in(raw)?;
                match text.value.trim().parse() {
                    Ok(n) => Some(Bound { n, reading: text.reading, spot: text.spot }),
                    Err(_) => {
                        text.mistake(format!("must be {wanted}"), help);
                        None
                    }
                }
            }
            _ => self.wrong_type(wanted, help),
        }
    }

    /// A text, a number, or true or false, as JSON has it.
    pub(super) fn scalar(self) -> Option<serde_json::Value> {
        match (self.constant(), &self.value) {
            (Some(constant), _) => Some(constant),
            (None, Value::String(_, raw)) => self.put_in(raw).map(|text| text.value.into()),
            (None, _) => self.wrong_type("a text, a number, or true or false", "write one value"),
        }
    }

    fn is_of_variable(&self, tag: Tag) -> bool {
        self.reading.variable(tag).is_some()
    }

    /// A list; one in a variable is written as in the file.
    pub(super) fn list(mut self, example: &str) -> Option<Vec<Node<'a>>> {
        let help = format!("write a list, for example {example}");
        self.unfold();
        if self.value.as_array().is_none() {
            return self.wrong_type("a list", &help);
        }
        let Node { reading, path, value } = self;
        let items = value.into_array().unwrap_or_default();
        Some(items.into_iter().enumerate().map(|(i, value)| Node::new(reading, nth(&path, i), value)).collect())
    }

    /// A table; one in a variable is written as in the file.
    pub(super) fn table(mut self) -> Option<Section<'a>> {
        self.unfold();
        if self.value.as_dict().is_none() {
            let help = format!("write it as a section, [{}]", self.path);
            return self.wrong_type("a table", &help);
        }
        let spot = self.spot();
        let Node { reading, path, value } = self;
        Some(Section::new(reading, path, spot, value.into_dict().unwrap_or_default()))
    }

    /// Turns a variable's text into the list or table that it writes, if it does.
    fn unfold(&mut self) {
        let tag = self.value.tag();
        if let Value::String(_, raw) = &self.value
            && self.is_of_variable(tag)
            && let Ok(parsed) = toml_edit::Value::from_str(raw)
            && !parsed.is_str()
        {
            self.value = tagged(free_value(&parsed), tag);
        }
    }

    /// The text with everything put in; each thing that is not there is a mistake.
    fn put_in(&self, raw: &str) -> Option<Text<'a>> {
        let reading = self.reading;
        let (mut value, mut whole, mut inert) = (String::new(), true, true);
        for (span, piece) in interpolate::pieces(raw) {
            let read = match piece {
                Piece::Text(text) => Ok(text.to_owned()),
                Piece::Variable(name) => match reading.environment.get(name).map(|value| value.to_str()) {
                    Some(Some(value)) => Ok(value.to_owned()),
                    Some(None) => {
                        Err((format!("the variable {name} is not UTF-8 text"), "set it to text".to_owned()))
                    }
                    None => Err((
                        format!("the environment variable {name} is not set"),
                        format!("set it, for example with `export {name}=...`, or name a file: ${{file:/run/secrets/{}}}", name.to_lowercase()),
                    )),
                },
                Piece::File(path) => secret_file::read(&reading.directory.join(path))
                    .map_err(|error| (format!("the secret file {path} {error}"), "put the value, and nothing else, into that file; a relative path begins beside the configuration file".to_owned())),
                Piece::Wrong(message) => Err((
                    message.to_owned(),
                    "write ${NAME} or ${file:/path}; where the text itself has `${`, write $${".to_owned(),
                )),
            };
            let reference = raw.get(span.clone()).unwrap_or_default();
            match read {
                Ok(read) => {
                    if !matches!(piece, Piece::Text(_)) {
                        reading.put_in(&self.path, &read, reference);
                        reading.inputs.note(&self.path, read.as_bytes());
                        inert &= is_inert(&read) && !ends_in_expression(&value);
                    }
                    value.push_str(&read);
                }
                Err(_) if reading.environment.has_stand_ins() && !matches!(piece, Piece::Wrong(_)) => {
                    let name = reference.trim_start_matches("${").trim_end_matches('}');
                    let stand_in = stand_in::value(name, &self.path, reference == raw);
                    reading.stood_in(&self.path, &stand_in, reference);
                    value.push_str(&stand_in);
                }
                Err((message, help)) => {
                    whole = false;
                    let spot = self.spot().within(reading, reference, span.start);
                    reading.mistake(&spot, message, Some(help));
                }
            }
        }
        let raw = interpolate::refers(raw).then(|| raw.to_owned());
        whole.then(|| Text { reading, value, spot: self.spot(), raw, inert })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What it holds, as it stands in the file.
    pub(super) fn as_it_stands(&self) -> Table {
        Table::of(&self.value)
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.as_array().is_some()
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.as_dict().is_some()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.as_str().is_some()
    }

    /// A number or a truth value as JSON; `None` for anything else.
    pub(super) fn constant(&self) -> Option<serde_json::Value> {
        match &self.value {
            Value::Bool(_, flag) => Some((*flag).into()),
            Value::Num(_, num) => match num.to_i128().and_then(|n| i64::try_from(n).ok()) {
                Some(n) => Some(n.into()),
                None => num.to_f64().and_then(serde_json::Number::from_f64).map(Into::into),
            },
            _ => None,
        }
    }
}

/// Whether what follows would stand within `{{ }}` or `{% %}`.
fn ends_in_expression(text: &str) -> bool {
    let last = |marks: [&str; 2]| marks.iter().filter_map(|mark| text.rfind(mark)).max();
    last(["{{", "{%"]) > last(["}}", "%}"])
}

/// A number whose bounds have yet to be looked at.
struct Bound<'a, T> {
    n: T,
    reading: &'a Reading<'a>,
    spot: Spot,
}

impl Bound<'_, i64> {
    fn into_range(self, range: RangeInclusive<i64>, help: &str) -> Option<i64> {
        if range.contains(&self.n) {
            return Some(self.n);
        }
        self.reading.mistake(&self.spot, "is out of range", Some(help.to_owned()));
        None
    }
}

/// The value with this tag throughout, so that what is found wrong inside it is said of its variable.
fn tagged(value: Value, tag: Tag) -> Value {
    match value {
        Value::String(_, v) => Value::String(tag, v),
        Value::Char(_, v) => Value::Char(tag, v),
        Value::Bool(_, v) => Value::Bool(tag, v),
        Value::Num(_, v) => Value::Num(tag, v),
        Value::Empty(_, v) => Value::Empty(tag, v),
        Value::Dict(_, v) => Value::Dict(tag, v.into_iter().map(|(k, v)| (k, tagged(v, tag))).collect()),
        Value::Array(_, v) => Value::Array(tag, v.into_iter().map(|v| tagged(v, tag)).collect()),
    }
}
