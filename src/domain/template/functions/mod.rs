//! What templates can do beside minijinja's own: the things that leads need.

mod convert;
mod date;
mod email;
mod json;
mod omit;
mod order;
mod phone;
mod transcript;
mod truncate;

use std::borrow::Cow;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, State, Value};

pub(super) use omit::is_omit;

use super::place::Place;
use super::reason::said;

/// For "did you mean".
pub(super) const FUNCTIONS: &[&str] = &["dict", "namespace", "range", "transcript"];

/// For "did you mean".
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "date",
    "default",
    "dictsort",
    "e",
    "email",
    "escape",
    "first",
    "first_name",
    "float",
    "format",
    "groupby",
    "html",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "phone_e164",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slack",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "transcript",
    "trim",
    "truncate",
    "unique",
    "upper",
    "zip",
];

/// For "did you mean".
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// The name that stands for a value and for no function.
pub(super) const OMIT: &str = "omit";

/// The options of our own filters and functions.
pub(super) const OPTIONS: &[(&str, &[&str])] = &[
    ("transcript", &["max", "unit", "keep", "inbound", "outbound", "left_out", "zone", "format"]),
    ("truncate", &["length", "end", "unit"]),
    ("date", &["format", "zone"]),
    ("phone_e164", &["country"]),
    ("tojson", &["indent"]),
];

/// Adds them for this place.
pub(super) fn add(language: &mut Environment<'static>, place: Place) {
    language.add_global(OMIT, omit::value());
    language.add_function("transcript", move |state: &State<'_, '_>, messages: Option<Value>, options: Kwargs| {
        transcript::transcript(place, state, &messages.unwrap_or_default(), &options)
    });
    language.add_filter("transcript", move |state: &State<'_, '_>, messages: &Value, options: Kwargs| {
        transcript::transcript(place, state, messages, &options)
    });
    language.add_filter(
        "truncate",
        move |state: &State<'_, '_>, value: &Value, length: Option<usize>, options: Kwargs| {
            truncate::truncate(place, state, value, length, &options)
        },
    );
    language.add_filter("tojson", move |value: &Value, indent: Option<usize>, options: Kwargs| {
        json::to_json(place, value, indent, &options)
    });
    let escape = move |value: &Value| escaped(place, value);
    language.add_filter("escape", escape);
    language.add_filter("e", escape);
    language.add_filter("slack", |value: &Value| escaped(Place::Slack, value));
    language.add_filter("html", html);
    language.add_filter("phone_e164", phone::phone_e164);
    language.add_filter("email", email::email);
    language.add_filter("first_name", first_name);
    language.add_filter("date", date::date);
    language.add_filter("int", convert::int);
    language.add_filter("float", convert::float);
    language.add_filter("string", convert::string);
    language.add_filter("min", order::min);
    language.add_filter("max", order::max);
    language.add_filter("sort", order::sort);
}

/// Escaped for a place, now, and not again.
fn escaped(place: Place, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    Ok(Value::from_safe_string(place.escape(&shown(value)?).into_owned()))
}

/// For those who show HTML out of a JSON string: nothing in it means anything, and its lines stay lines.
fn html(value: &Value) -> Result<String, Error> {
    let lines: Vec<_> = shown(value)?.trim_end().lines().map(|line| Place::Xml.escape(line).into_owned()).collect();
    Ok(lines.join("<br>"))
}

/// The first word of a name.
fn first_name(value: &Value) -> Value {
    match value.as_str().and_then(|name| name.split_whitespace().next()) {
        Some(first) => Value::from(first),
        None => Value::UNDEFINED,
    }
}

/// A value as text for people: nothing for what is missing or null, JSON for lists and objects, and whole numbers without
/// a `.0`.
pub(super) fn shown(value: &Value) -> Result<Cow<'_, str>, Error> {
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Cow::Borrowed(""),
        ValueKind::String => Cow::Borrowed(value.as_str().unwrap_or_default()),
        ValueKind::Bool => Cow::Borrowed(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(whole) if !value.is_integer() && whole.fract() == 0.0 && whole.abs() < 1e15 => {
                Cow::Owned(format!("{whole:.0}"))
            }
            _ => Cow::Owned(value.to_string()),
        },
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Cow::Owned(json::text(value)?),
        _ if is_omit(value) => Cow::Borrowed(""),
        _ => return Err(said("a function cannot be printed")),
    })
}
