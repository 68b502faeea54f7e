//! A text of the file with everything put in, and what may be said of it: what `${...}` stands for is never repeated.

use std::fmt::Display;

use super::interpolate;
use super::reader::{Reading, Spot};

/// A text with everything put in.
pub(super) struct Text<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) value: String,
    pub(super) spot: Spot,
    /// `None`: it stands in the file, or in a variable of its key, as it is. Else what it was before `${...}` was put
    /// in; that may be shown, and what came in its place may not.
    pub(super) raw: Option<String>,
    /// Nothing that was put in would begin a template, or be part of an expression.
    pub(super) inert: bool,
}

impl Text<'_> {
    pub(super) fn mistake(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reading.mistake(&self.spot, message, Some(help.into()));
    }

    /// Whether `${...}` was put into it.
    pub(super) fn is_put_in(&self) -> bool {
        self.raw.is_some()
    }

    /// Whether this part of it may be shown: it stands in the file as it is.
    pub(super) fn shows(&self, part: &str) -> bool {
        self.raw.as_ref().is_none_or(|raw| raw.contains(part))
    }

    /// What was put in, by its references alone: the texts around them may be half of a secret.
    pub(super) fn references(&self) -> String {
        let raw = self.raw.as_deref().unwrap_or_default();
        let references = interpolate::placeholders(raw).into_iter().filter_map(|span| raw.get(span));
        references.collect::<Vec<_>>().join("` and `")
    }

    /// How the file is spoken of that it names.
    pub(super) fn file(&self) -> String {
        // A name that was put in may be anything.
        if self.is_put_in() { "the file".to_owned() } else { format!("the file {}", self.value.trim()) }
    }

    /// Says that it is no JSON Pointer, and what it would be as one.
    pub(super) fn is_no_pointer(&self) {
        let what = "the names on the way there, each behind a `/`";
        let help = match self.is_put_in() {
            true => format!("set it to {what}, for example /id"),
            false => format!("write \"/{}\": {what}", self.value.trim().replace('.', "/")),
        };
        self.mistake("is not a JSON Pointer", help);
    }

    /// What a parser makes of it. `what` it should be and an `example` are said in the place of the parser's own
    /// sentence where that would show what `${...}` stands for.
    pub(super) fn parsed<T, E: Display>(
        self,
        what: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(&self.value) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let said = error.to_string();
                match &self.raw {
                    None => match said.rsplit_once("; ") {
                        Some((message, help)) => self.mistake(message, help),
                        None => self.mistake(said, format!("write for example {example}")),
                    },
                    Some(_) => self.mistake(
                        format!("what stands here for `{}` is not {what}", self.references()),
                        format!("set it to {what}, for example {example}"),
                    ),
                }
                None
            }
        }
    }
}
