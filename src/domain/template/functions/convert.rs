//! `int` and `float`: what is no number is an error, never 0.

use minijinja::value::ValueKind;
use minijinja::{Error, State, UndefinedBehavior, Value};

use crate::domain::template::reason::{kind_name, missing, said};

/// A whole number, from a number or from text such as `" 12 "` or `"12,5"`; what is behind the comma is cut off.
pub(super) fn int(state: &State<'_, '_>, value: &Value, default: Option<Value>) -> Result<Value, Error> {
    converted(state, value, default, |number| Value::from(number.trunc() as i64))
}

/// A number, from a number or from text such as `"4.5"` or `"4,5"`.
pub(super) fn float(state: &State<'_, '_>, value: &Value, default: Option<Value>) -> Result<Value, Error> {
    converted(state, value, default, Value::from)
}

fn converted(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    make: impl Fn(f64) -> Value,
) -> Result<Value, Error> {
    let read = match value.kind() {
        ValueKind::Undefined | ValueKind::None => None,
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => return Ok(make_whole(value, make)),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => value.as_str().and_then(number),
        _ => None,
    };
    match (read.filter(|number| number.is_finite()), default) {
        (Some(number), _) => Ok(make(number)),
        (None, Some(default)) => Ok(default),
        (None, None) if matches!(value.kind(), ValueKind::Undefined | ValueKind::None) => {
            // In a condition, what is missing must not look like an answer.
            match state.undefined_behavior() {
                UndefinedBehavior::Chainable => Ok(Value::UNDEFINED),
                _ => Err(missing()),
            }
        }
        (None, None) => Err(said(format!("{} is no number", kind_name(value.kind())))),
    }
}

/// Whole numbers stay exact where they are to be whole.
fn make_whole(value: &Value, make: impl Fn(f64) -> Value) -> Value {
    match value.as_i64() {
        Some(whole) if make(0.5).is_integer() => Value::from(whole),
        Some(whole) => make(whole as f64),
        None => value.clone(),
    }
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ',');
    if !text.chars().all(digits) || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.replace(',', ".").parse().ok()
}
