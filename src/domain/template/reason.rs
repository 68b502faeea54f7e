//! Why something could not be evaluated, in words that hold names and kinds and never a lead's data.

use std::fmt;
use std::ops::Range;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind};

use super::Context;
use super::names::{Found, Name};

/// What one of our own functions says. The engine's own words may quote a value, so only these are passed on.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

/// An error of one of our own functions. `why` must hold no data.
pub(super) fn said(why: impl Into<String>) -> Error {
    let why = why.into();
    Error::new(ErrorKind::InvalidOperation, "refused").with_source(Said(why))
}

/// Something is missing; what it is, is found from the names around it.
pub(super) fn missing() -> Error {
    Error::from(ErrorKind::UndefinedError)
}

/// The kind with its article, as in "text cannot be compared with a number".
pub(super) fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Undefined => "something missing",
        ValueKind::None => "null",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "text",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "a function",
    }
}

/// What went wrong in this template, for this event. `span` is where the engine says so.
pub(super) fn explain(
    error: &Error,
    span: Option<Range<usize>>,
    source: &str,
    found: &Found,
    context: &Context,
) -> String {
    let span = span.map(|span| widened(span, &found.parts, source));
    let why = why(error, span.as_ref(), &found.names, context);
    match span.and_then(|span| source.get(span)).map(str::trim) {
        Some(part) if !part.is_empty() => format!("`{}`: {why}", shortened(part, 80)),
        _ => why,
    }
}

/// The whole expression that an error is about. The engine's places begin too late, at a filter's name or a dot, or one
/// token too early, at an `if`; they end where the expression ends.
fn widened(span: Range<usize>, parts: &[Range<usize>], source: &str) -> Range<usize> {
    let ends_there = || parts.iter().filter(|part| part.end == span.end);
    let around = ends_there().filter(|part| part.start <= span.start).max_by_key(|part| part.start);
    let within = || ends_there().filter(|part| part.start > span.start).min_by_key(|part| part.start);
    let Some(part) = around.or_else(within) else { return span };
    let mut start = part.start;
    // An expression in parentheses begins behind them.
    let open = |start: usize| {
        let text = source.get(start..part.end).unwrap_or_default();
        text.matches(')').count() > text.matches('(').count()
    };
    while open(start) && source.get(..start).is_some_and(|before| before.ends_with(['(', ' '])) {
        start -= 1;
    }
    start..part.end
}

fn why(error: &Error, span: Option<&Range<usize>>, names: &[Name], context: &Context) -> String {
    let said = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Said>());
    if let Some(Said(why)) = said {
        return match kinds(span, names, context) {
            Some(kinds) => format!("{why} ({kinds})"),
            None => why.clone(),
        };
    }
    match error.kind() {
        ErrorKind::OutOfFuel => "takes more work than a template may".to_owned(),
        ErrorKind::UndefinedError => {
            absent(span, names, context).unwrap_or_else(|| "something in it is missing".to_owned())
        }
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            "uses a filter, test, function or method that does not exist".to_owned()
        }
        ErrorKind::MissingArgument | ErrorKind::TooManyArguments => {
            "gives a filter, test or function too few values or too many".to_owned()
        }
        _ => match absent(span, names, context).or_else(|| kinds(span, names, context)) {
            Some(what) => format!("does not work with what is there ({what})"),
            None => "does not work with what is there".to_owned(),
        },
    }
}

/// "`a` and `b` are missing", of what is looked up there.
fn absent(span: Option<&Range<usize>>, names: &[Name], context: &Context) -> Option<String> {
    let absent: Vec<String> = within(span, names)
        .filter(|path| context.look_up(path).is_some_and(|value| value.is_undefined()))
        .map(|path| format!("`{path}`"))
        .collect();
    match absent.as_slice() {
        [] => None,
        [one] => Some(format!("{one} is missing")),
        several => Some(format!("{} are missing", several.join(" and "))),
    }
}

/// "`a` is text, `b` is a number", of what is looked up there.
fn kinds(span: Option<&Range<usize>>, names: &[Name], context: &Context) -> Option<String> {
    let kinds: Vec<String> = within(span, names)
        .filter_map(|path| Some((path, context.look_up(path)?)))
        .map(|(path, value)| format!("`{path}` is {}", kind_name(value.kind())))
        .collect();
    (!kinds.is_empty()).then(|| kinds.join(", "))
}

fn within<'a>(span: Option<&Range<usize>>, names: &'a [Name]) -> impl Iterator<Item = &'a str> {
    let span = span.cloned().unwrap_or(0..usize::MAX);
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if name.at.start >= span.start && name.at.end <= span.end && !seen.contains(&name.path.as_str()) {
            seen.push(&name.path);
        }
    }
    seen.into_iter()
}

/// At most so many characters, with a mark where there were more.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            format!("{kept}…")
        }
        None => text.to_owned(),
    }
}
