//! Mistakes and warnings: where they are, what is wrong, what to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Severity {
    /// The file cannot be used.
    Mistake,
    /// The file can be used, and a person should know this.
    Warning,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// In the file as a whole: it cannot be read.
    File {
        /// The file, as it was named.
        file: String,
    },
    /// In the file, both counted from 1, the column in characters.
    Line {
        /// The file, as it was named.
        file: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In the value, or the name, of this environment variable.
    Variable(String),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::File { file } => f.write_str(file),
            Position::Line { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Position::Variable(name) => f.write_str(name),
        }
    }
}

/// The line that is meant, with everything in it that may be secret made unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) span: Range<usize>,
}

/// One mistake or one warning. It never holds a secret's value, and is told as it is from a service to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Mistake or warning.
    pub severity: Severity,
    /// Where it is.
    pub at: Position,
    /// The key's path, as in `destinations.crm.retry.jitter`; empty where no key is meant.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    pub(super) excerpt: Option<Excerpt>,
}

impl Notice {
    /// In the form that compilers use: the message, the place, the line with a mark under it, the remedy.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Mistake => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = match self.key.as_str() {
            "" => self.message.clone(),
            key => format!("{key}: {}", self.message),
        };
        let title = level.primary_title(title);
        let group = match (&self.at, &self.excerpt) {
            (Position::Line { file, line, .. }, Some(excerpt)) => title.element(
                Snippet::source(excerpt.line.as_str())
                    .path(file.as_str())
                    .line_start(*line)
                    .annotation(AnnotationKind::Primary.span(excerpt.span.clone())),
            ),
            (at, _) => {
                let named = match at {
                    Position::Variable(name) => format!("environment variable {name}"),
                    at => at.to_string(),
                };
                title.element(Origin::path(named))
            }
        };
        // Help is shown as it stands, so what came out of a file must not bring its own escape sequences.
        let help = self.help.as_deref().map(normalize_untrusted_str);
        let group = group.elements(help.map(|help| Level::HELP.message(help)));
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// `file`, `line`, `column`, `variable`, `key`, `message`, `help`; what does not apply is null.
    pub fn to_json(&self) -> Value {
        let (file, line, column, variable) = match &self.at {
            Position::File { file } => (Some(file), None, None, None),
            Position::Line { file, line, column } => (Some(file), Some(line), Some(column), None),
            Position::Variable(name) => (None, None, None, Some(name)),
        };
        json!({
            "file": file,
            "line": line,
            "column": column,
            "variable": variable,
            "key": self.key,
            "message": self.message,
            "help": self.help,
        })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.at)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// Everything that is wrong with a file, at least one thing, in the order in which it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistakes(Vec<Notice>);

impl Mistakes {
    pub(super) fn new(mut notices: Vec<Notice>) -> Mistakes {
        sort(&mut notices);
        Mistakes(notices)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Notice> {
        self.0.iter()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them under one another, and how many there are.
    pub fn render(&self, color: bool) -> String {
        let mut out = String::new();
        for notice in &self.0 {
            out.push_str(&notice.render(color));
            out.push_str("\n\n");
        }
        out.push_str(&match self.count() {
            1 => "1 mistake\n".to_owned(),
            n => format!("{n} mistakes\n"),
        });
        out
    }

    /// A list with one object for each; see [`Notice::to_json`].
    pub fn to_json(&self) -> Value {
        Value::Array(self.0.iter().map(Notice::to_json).collect())
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Notice;
    type IntoIter = std::slice::Iter<'a, Notice>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// By their place in the file; what came from the environment stands last.
pub(super) fn sort(notices: &mut [Notice]) {
    notices.sort_by_cached_key(|notice| match &notice.at {
        Position::File { .. } => (0, 0, 0, String::new()),
        Position::Line { line, column, .. } => (1, *line, *column, String::new()),
        Position::Variable(name) => (2, 0, 0, name.clone()),
    });
}
