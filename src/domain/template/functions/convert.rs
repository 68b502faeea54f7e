//! `int`, `float` and `string`. What is no number is an error, never 0.

use minijinja::value::ValueKind;
use minijinja::{Error, State, UndefinedBehavior, Value};

use super::shown;
use crate::domain::template::reason::{kind_name, missing, said};

/// A whole number, from a number or from text such as `" 12 "` or `"12,5"`; what is behind the comma is cut off.
pub(super) fn int(state: &State<'_, '_>, value: &Value, default: Option<Value>) -> Result<Value, Error> {
    converted(state, value, default, |number| {
        // 2^63, and with it i64::MAX as it would be rounded, is out.
        let whole = number.trunc();
        (whole.abs() < 9_223_372_036_854_775_808.0).then(|| Value::from(whole as i64))
    })
}

/// A number, from a number or from text such as `"4.5"` or `"4,5"`.
pub(super) fn float(state: &State<'_, '_>, value: &Value, default: Option<Value>) -> Result<Value, Error> {
    converted(state, value, default, |number| Some(Value::from(number)))
}

fn converted(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    make: impl Fn(f64) -> Option<Value>,
) -> Result<Value, Error> {
    let read = match value.kind() {
        ValueKind::Undefined | ValueKind::None => None,
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        // Whole numbers stay exact where they are to be whole.
        ValueKind::Number if value.is_integer() && make(0.5).is_some_and(|half| half.is_integer()) => {
            return Ok(value.clone());
        }
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => value.as_str().and_then(number),
        _ => None,
    };
    match (read.filter(|number| number.is_finite()).and_then(make), default) {
        (Some(made), _) => Ok(made),
        (None, Some(default)) => Ok(default),
        (None, None) if is_absent(value) => absent(state),
        (None, None) => Err(said(format!("{} is no number", kind_name(value.kind())))),
    }
}

/// Text, as it would be printed.
pub(super) fn string(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    match value {
        text if text.kind() == ValueKind::String => Ok(value.clone()),
        value if is_absent(value) => absent(state),
        value => Ok(Value::from(shown(value)?.into_owned())),
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// In a condition, what is missing must not look like an answer.
fn absent(state: &State<'_, '_>) -> Result<Value, Error> {
    match state.undefined_behavior() {
        UndefinedBehavior::Chainable => Ok(Value::UNDEFINED),
        _ => Err(missing()),
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
