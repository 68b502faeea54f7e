//! What a value may look like. Wherever a text is wanted, `${...}` may stand, or a part of it; what it stands for, nobody knows
//! before the file is read.

use serde_json::{Map, Value, json};

/// A reference in a text.
const REFERENCE: &str = r"\$\{";

/// `http://` or `https://`.
pub(super) const HTTP: &str = "[hH][tT][tT][pP][sS]?://";

/// How a queue's URL begins.
pub(super) const QUEUE: &str =
    "([nN][aA][tT][sS]|[tT][lL][sS]|[aA][mM][qQ][pP][sS]?|[rR][eE][dD][iI][sS][sS]?|[kK][aA][fF][kK][aA])://";

/// All that can stand in a header.
pub(super) const HEADER: &str = r"[\t\x20-\x7e]";

/// A table with these keys and no others.
pub(super) fn table(keys: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys.into_iter().map(|(key, shape)| (key.to_owned(), shape)).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = required.into();
    }
    table
}

/// A table with names of the writer's own, which look so.
pub(super) fn free_table(names: Value, values: Value) -> Value {
    json!({ "type": "object", "propertyNames": names, "additionalProperties": values })
}

/// The shape, where these hold as well.
pub(super) fn where_all(mut shape: Value, also: Vec<Value>) -> Value {
    shape["allOf"] = also.into();
    shape
}

/// A table may have only one of these keys.
pub(super) fn not_together(one: &str, other: &str) -> Value {
    json!({ "not": { "required": [one, other] } })
}

/// A table has none of these keys.
pub(super) fn none_of(keys: &[&str]) -> Value {
    let each: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    json!({ "not": { "anyOf": each } })
}

/// A table has at least one of these keys.
pub(super) fn any_of(keys: &[&str]) -> Value {
    let each: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    json!({ "anyOf": each })
}

/// Any text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A text that looks so from its beginning to its end, blanks around it aside.
pub(super) fn like(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!(r"^\s*({pattern})\s*$|{REFERENCE}") })
}

/// A text that is more than blanks.
pub(super) fn filled() -> Value {
    json!({ "type": "string", "pattern": r"\S" })
}

/// A text in one line that is more than blanks.
pub(super) fn line() -> Value {
    json!({ "type": "string", "pattern": r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$" })
}

/// What may stand in a header, perhaps nothing.
pub(super) fn header_value() -> Value {
    json!({ "type": "string", "pattern": format!("^{HEADER}*$") })
}

/// What may stand in a header, and something must.
pub(super) fn header_text() -> Value {
    like(&format!(r"[\x21-\x7e]({HEADER}*[\x21-\x7e])?"))
}

/// Just a reference: a number or a word that stands elsewhere.
pub(super) fn reference() -> Value {
    json!({ "type": "string", "pattern": REFERENCE })
}

/// One of these words.
pub(super) fn words(words: &[&str]) -> Value {
    json!({ "anyOf": [{ "enum": words }, reference()] })
}

/// True or false.
pub(super) fn flag() -> Value {
    json!({ "type": ["boolean", "string"], "pattern": REFERENCE })
}

/// A whole number.
pub(super) fn whole(from: i64, to: i64) -> Value {
    json!({ "type": ["integer", "string"], "minimum": from, "maximum": to, "pattern": REFERENCE })
}

/// A number within bounds.
pub(super) fn number(from: f64, to: f64) -> Value {
    json!({ "type": ["number", "string"], "minimum": from, "maximum": to, "pattern": REFERENCE })
}

/// Any number.
pub(super) fn any_number() -> Value {
    json!({ "type": ["number", "string"], "pattern": REFERENCE })
}

/// A text, a number, or true or false.
pub(super) fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A list of such items.
pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A list of such items that is not empty.
pub(super) fn some(items: Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": 1 })
}

/// The list, in which nothing stands twice.
pub(super) fn unlike(mut list: Value) -> Value {
    list["uniqueItems"] = true.into();
    list
}

/// `90s`, `1h30m`: longer than nothing.
const DURATION: &str = "([0-9]+(ms|[smhdw]))*0*[1-9][0-9]*(ms|[smhdw])([0-9]+(ms|[smhdw]))*";

/// How long.
pub(super) fn duration() -> Value {
    like(DURATION)
}

/// `50/s`.
pub(super) fn rate() -> Value {
    like(&format!(r"\+?0*[1-9][0-9]*\s*/\s*([smh]|{DURATION})"))
}

/// `28KB`.
pub(super) fn size() -> Value {
    like(r"0*[1-9][0-9]*\s*([kKmMgG][iI]?)?[bB]")
}

/// The address of a page or an API.
pub(super) fn url() -> Value {
    like(&format!(r"{HTTP}[^/?#\s][^#]*"))
}

/// A JSON Pointer; the empty one stands for the whole.
pub(super) fn pointer() -> Value {
    json!({ "type": "string", "pattern": format!("^$|^/|{REFERENCE}") })
}

/// A header's name that a file may set.
pub(super) fn header_name(ours: &[&str]) -> Value {
    let any_case = |name: &str| -> String {
        let letter = |c: char| match c.is_ascii_alphabetic() {
            true => format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase()),
            false => c.to_string(),
        };
        name.chars().map(letter).collect()
    };
    let ours: Vec<String> = ours.iter().map(|name| any_case(name)).collect();
    let mut name = like("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
    let taken = format!(r"^\s*({}.*|{})\s*$", any_case("webhook-"), ours.join("|"));
    name["not"] = json!({ "pattern": taken });
    name
}
