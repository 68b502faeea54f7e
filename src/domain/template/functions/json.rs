//! `tojson`.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};
use serde_json::{Map, Value as Json};

use crate::domain::template::place::Place;
use crate::domain::template::reason::said;

/// How deep a value may be nested.
const DEEPEST: usize = 64;

/// The value as JSON. In a chat room's place its texts are escaped first, so that they mean nothing once the JSON is read.
pub(super) fn to_json(place: Place, value: &Value, indent: Option<usize>, options: &Kwargs) -> Result<Value, Error> {
    let indent = indent.or(options.get("indent")?);
    options.assert_all_used()?;
    let json =
        converted(value, 0, &|text| if place.is_chat() { place.escape(text).into_owned() } else { text.to_owned() })?;
    let text = match indent {
        Some(n) if n > 0 => serde_json::to_string_pretty(&json),
        _ => serde_json::to_string(&json),
    }
    .map_err(|_| said("cannot be written as JSON"))?;
    Ok(if place.is_chat() { Value::from_safe_string(text) } else { Value::from(text) })
}

/// The value as JSON text, as it is.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    Ok(converted(value, 0, &str::to_owned)?.to_string())
}

fn converted(value: &Value, depth: usize, escape: &dyn Fn(&str) -> String) -> Result<Json, Error> {
    if depth > DEEPEST {
        return Err(said("is nested too deep"));
    }
    Ok(match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            Json::String(if value.is_safe() { text.to_owned() } else { escape(text) })
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                items.push(converted(&item, depth + 1, escape)?);
            }
            Json::Array(items)
        }
        ValueKind::Map => {
            let mut object = Map::new();
            for key in value.try_iter()? {
                let inner = value.get_item(&key)?;
                object.insert(escape(&key.to_string()), converted(&inner, depth + 1, escape)?);
            }
            Json::Object(object)
        }
        ValueKind::Bool | ValueKind::Number => {
            serde_json::to_value(value).map_err(|_| said("cannot be written as JSON"))?
        }
        _ => Json::Null,
    })
}
