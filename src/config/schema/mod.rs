//! `leadhook.schema.json`: what an editor knows of the file while somebody writes it.
//!
//! The reader decides what a file may say; this is as much of it as a JSON Schema can tell, and never more: what it refuses, the
//! reader refuses too. Tests hold the two together: no key is missing on either side, all that the reader takes passes, and
//! of its mistakes those that a schema can see are seen. What each key means is written once, in `config/leadhook.toml` and
//! `config/STEPS.md`, and taken from there.

mod destination;
mod keys;
mod shapes;
mod told;

use serde_json::{Value, json};

use told::Told;

/// The file's name, beside a `leadhook.toml`.
pub const SCHEMA_FILE: &str = "leadhook.schema.json";

/// The first line of a file whose editor is to read [`SCHEMA_FILE`] beside it.
pub(super) const SCHEMA_LINE: &str = "#:schema ./leadhook.schema.json";

/// By which a file of another version is known for one of ours.
const TITLE: &str = "leadhook.toml";

/// The schema as it stands in its file: draft 7, as editors of TOML read it.
pub fn schema() -> String {
    let told = Told::of_example();
    let mut whole = keys::file();
    told.annotate(&mut whole);
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": TITLE,
        "description": "Printed by `leadhook schema`. `leadhook check` finds more: what leads nowhere, and what does not fit together.",
    });
    if let (Some(schema), Value::Object(whole)) = (schema.as_object_mut(), whole) {
        schema.extend(whole);
    }
    format!("{schema:#}\n")
}

/// Whether a file's text is such a schema, of whatever version.
pub fn is_schema(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|schema| schema["title"] == TITLE)
}
