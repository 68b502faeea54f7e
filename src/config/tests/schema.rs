//! The schema against the reader: neither knows a key that the other does not, and what the schema refuses, the reader refuses.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::*;
use crate::config::auth::TYPES;
use crate::config::reader::ASKED;
use crate::config::{SCHEMA_FILE, is_schema, schema};

const FILE: &str = include_str!("../../../config/leadhook.schema.json");

/// What a schema cannot see of a mistake: that it leads nowhere, that two values do not fit together, or what a template, a
/// condition, a rating's word or a file says.
const UNSEEN: [&str; 40] = [
    "environment variable",
    "no `token` says who may ask",
    "is not a time zone",
    "must be shorter than",
    "must be longer than `",
    "is not more than the age before it",
    "`lead.name` begins with",
    "is no path (",
    "lies outside of the scale",
    "leaves out 2",
    "must begin with the lowest",
    "holds neither a word nor a face",
    "stands here or in `low_words`",
    "there is no preset",
    "the preset file",
    "the preset has no setting",
    "unexpected",
    "there is no filter",
    "stands under `headers`",
    "cannot be read",
    "no event has",
    "so does `headers`",
    "is set twice",
    "counts more than 500",
    "bytes behind `whsec_`",
    "the first wait",
    "rate_per_contact.by: ",
    "routes[0].body.a: ",
    "would be sent to",
    "as text/plain",
    "there is no destination",
    "has this name already",
    "can be reached from other machines",
    "a cloud hands out",
    "is too little to work with",
    "host does not say it",
    // By a preset.
    "is not how a message is put into a queue",
    "destinations.crm.auth: is missing",
    "destinations.crm.wrap: is set, and so is `steps`",
    "a message has no more attributes",
];

/// Ready to judge; made once for all tests.
static COMPILED: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let whole = serde_json::from_str(&schema()).expect("JSON");
    compiler.add_resource("memory:schema", whole).expect("an address");
    let index = compiler.compile("memory:schema", &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    (schemas, index)
});

/// What the schema has against a file of these values.
fn judged(file: &Value) -> Result<(), String> {
    let (schemas, index) = &*COMPILED;
    schemas.validate(file, *index).map_err(|error| format!("{error:#}"))
}

fn values(text: &str) -> Value {
    let document = Document::parse(Path::new(""), text).unwrap_or_else(|error| panic!("{} in {text}", error.message));
    serde_json::to_value(document.values).expect("values")
}

/// That the schema has nothing against a file that the reader takes.
pub(super) fn takes(text: &str) {
    if let Err(said) = judged(&values(text.trim_start_matches('\u{feff}'))) {
        panic!("the reader takes this, and the schema refuses it:\n{text}\n{said}");
    }
}

/// That the schema refuses what the reader tells this of, if a schema can see it, and else says nothing.
pub(super) fn sees(text: &str, told: &str) {
    let unseen = UNSEEN.iter().any(|part| told.contains(part));
    let refused = judged(&values(text)).is_err();
    assert_eq!(refused, !unseen, "told of by the reader: {told}, refused by the schema: {refused}\n{text}");
}

#[test]
fn the_file_is_what_the_program_prints() {
    assert_eq!(FILE, schema(), "run `leadhook schema >config/{SCHEMA_FILE}`");
    assert!(is_schema(FILE) && !is_schema("{}") && !is_schema(""));
}

/// Every table that the schema describes, by its path, with its keys.
fn known(shape: &Value, path: &str, found: &mut BTreeSet<(String, String)>) {
    let Some(shape) = shape.as_object() else { return };
    for (word, below) in shape {
        match (word.as_str(), below) {
            ("properties", Value::Object(keys)) => {
                for (key, shape) in keys {
                    found.insert((path.to_owned(), key.clone()));
                    known(shape, format!("{path}.{key}").trim_start_matches('.'), found);
                }
            }
            ("items", items) => known(items, &format!("{path}[]"), found),
            ("additionalProperties", values) => known(values, &format!("{path}.*"), found),
            ("anyOf" | "oneOf", Value::Array(each)) => each.iter().for_each(|shape| known(shape, path, found)),
            _ => {}
        }
    }
}

/// `destinations.crm.steps[0].capture.id` as the schema has it.
fn general(path: &str) -> String {
    let mut general = String::new();
    for name in path.split('.') {
        let (name, item) = name.split_once('[').map_or((name, ""), |(name, _)| (name, "[]"));
        let free = general == "destinations" || general.ends_with(".capture");
        general.push_str(if general.is_empty() { "" } else { "." });
        general.push_str(if free { "*" } else { name });
        general.push_str(item);
    }
    general
}

/// Files in which every table that there can be is read.
fn with_every_table() -> Vec<String> {
    let auth = TYPES.map(|kind| format!("auth = {{ type = '{kind}' }}"));
    let rest = r#"
rate_per_contact = { limit = "1/h" }
retry = {}
outcomes = [{ status = 404, then = "retry" }]
steps = [{ name = "a", outcomes = [{ status = 404, then = "retry" }], capture = { id = { at = "/id" } }, on_unknown = { redo = "a" } }]"#;
    let rest = rest.to_owned();
    auth.into_iter().chain([rest]).map(|more| GOOD.replacen("[[routes]]", &format!("{more}\n[[routes]]"), 1)).collect()
}

#[test]
fn neither_knows_a_key_that_the_other_does_not() {
    let whole: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut of_schema = BTreeSet::new();
    known(&whole, "", &mut of_schema);
    ASKED.take();
    for text in with_every_table() {
        let _ = read(&text);
    }
    let of_reader: BTreeSet<(String, String)> =
        ASKED.take().into_iter().map(|(path, key)| (general(&path), key.to_owned())).collect();
    let missing: Vec<_> = of_reader.difference(&of_schema).collect();
    assert!(missing.is_empty(), "the reader knows these, and src/config/schema does not: {missing:?}");
    let made_up: Vec<_> = of_schema.difference(&of_reader).collect();
    assert!(made_up.is_empty(), "src/config/schema knows these, and the reader does not: {made_up:?}");
    assert!(of_schema.len() > 130, "{}", of_schema.len());
}

#[test]
fn every_key_says_what_it_means() {
    fn silent(shape: &Value, path: &str, found: &mut Vec<String>) {
        let Some(shape) = shape.as_object() else { return };
        for (word, below) in shape {
            match (word.as_str(), below) {
                ("properties", Value::Object(keys)) => {
                    for (key, shape) in keys {
                        let path = format!("{path}.{key}");
                        let about = shape["description"].as_str().unwrap_or_default();
                        if about.len() < 10 || about.starts_with("...") || about.ends_with(" ...") {
                            found.push(format!("{path}: {about}"));
                        }
                        silent(shape, &path, found);
                    }
                }
                ("items" | "additionalProperties", below) => silent(below, path, found),
                ("anyOf" | "oneOf", Value::Array(each)) => each.iter().for_each(|shape| silent(shape, path, found)),
                _ => {}
            }
        }
    }
    let whole: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut found = Vec::new();
    silent(&whole, "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    // As many as the example shows.
    let defaults = schema().matches("\"default\": ").count();
    let example = include_str!("../../../config/leadhook.toml");
    let shown = example.lines().filter(|line| super::example::commented(line, "# ").is_some()).count();
    assert_eq!(defaults, shown);
    assert_eq!(whole["properties"]["source"]["properties"]["overlap"]["default"], "2h");
}

#[test]
fn every_preset_and_every_example_passes() {
    let mut tried = 0;
    for preset in crate::config::Preset::built_in() {
        let mut destination = serde_json::to_value(&preset.destination).expect("values");
        destination["preset"] = preset.name.clone().into();
        let file = json!({ "source": { "platform_id": "p", "token": "t" }, "destinations": { "x": destination } });
        judged(&file).unwrap_or_else(|said| panic!("{}: {said}", preset.name));
        if let Some(auth) = &preset.auth {
            let mut file = values(&format!("auth = {}", auth.example));
            file = json!({ "source": { "platform_id": "p", "token": "t" }, "destinations": { "x": { "preset": "p", "auth": file["auth"] } } });
            judged(&file).unwrap_or_else(|said| panic!("{}: {said}", preset.name));
        }
        tried += 1;
    }
    let of_pages =
        ["README.md", "config/STEPS.md", "config/OAUTH2.md", "config/TEMPLATES.md", "config/presets/README.md"];
    for page in of_pages {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect(page);
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            // Some are lines of which each is an example of its own.
            let Ok(document) = Document::parse(Path::new(page), block) else { continue };
            let mut file = serde_json::to_value(document.values).expect("values");
            let keys: Vec<&String> = file.as_object().expect("a table").keys().collect();
            let known = ["source", "csat", "store", "admin", "destinations", "routes"];
            if !keys.iter().all(|key| known.contains(&key.as_str())) {
                continue;
            }
            if file.get("source").is_none() {
                file["source"] = json!({ "platform_id": "p", "token": "t" });
            }
            judged(&file).unwrap_or_else(|said| panic!("{page}:\n{block}\n{said}"));
            tried += 1;
        }
    }
    takes(include_str!("../../../tests/it/whole_file.toml"));
    assert!(tried > 25, "{tried}");
}

#[test]
fn a_reference_may_stand_for_any_value() {
    let whole: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut keys = BTreeSet::new();
    known(&whole, "", &mut keys);
    let source = keys.iter().filter(|(path, _)| path == "source").map(|(_, key)| key.as_str());
    for key in source.filter(|key| !["recheck", "watch", "token", "platform_id", "username", "password"].contains(key))
    {
        let text = format!("[source]\nplatform_id = 'p'\nusername = 'u'\npassword = 'p'\n{key} = '${{NAME}}'");
        judged(&values(&text)).unwrap_or_else(|said| panic!("{key}: {said}"));
    }
    let destination = keys.iter().filter(|(path, _)| path == "destinations.*").map(|(_, key)| key.as_str());
    let not_texts = ["settings", "secrets", "headers", "auth", "steps", "fields", "outcomes", "retry"];
    for key in destination.filter(|key| !not_texts.contains(key)) {
        let more = if key == "client_key" { "client_cert = 'c.pem'\n" } else { "" };
        let also = if ["url", "secret"].contains(&key) { "" } else { "url = '${URL}'\nsecret = '${file:/s}'\n" };
        let text = format!("[source]\nplatform_id='p'\ntoken='t'\n[destinations.x]\n{also}{more}{key} = '${{NAME}}'");
        let text = if key == "secret" { format!("{text}\nurl = '${{URL}}'") } else { text };
        judged(&values(&text)).unwrap_or_else(|said| panic!("{key}: {said}"));
    }
}

proptest::proptest! {
    #[test]
    fn durations_rates_and_sizes_are_judged_alike(text in "[0-9]{0,1}(ms|s|m|h|d|w|KB|kib|B|/| )?[0-9]{0,1}(ms|s|m|h|d|w| )?") {
        use crate::domain::{pace::Rate, size, span};
        let file = |key: &str| {
            let destination = json!({ "url": "https://x/", "secret": SECRET, key: text });
            judged(&json!({ "source": { "platform_id": "p", "token": "t" }, "destinations": { "x": destination } }))
        };
        let long = span::parse(&text).is_ok_and(|duration| !duration.is_zero());
        proptest::prop_assert_eq!(file("timeout").is_ok(), long, "{}", text);
        proptest::prop_assert_eq!(file("rate").is_ok(), Rate::parse(&text).is_ok(), "{}", text);
        proptest::prop_assert_eq!(file("max_body").is_ok(), size::parse(&text).is_ok(), "{}", text);
    }
}
