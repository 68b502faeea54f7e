//! The keys of a destination, its steps among them.

use serde_json::{Value, json};

use super::super::auth::{OF_SIGN_IN, TYPES};
use super::super::network::OURS;
use super::super::outcomes::MEANINGS;
use super::super::preset::Preset;
use super::super::queue::OF_HTTP;
use super::super::steps::METHODS;
use super::super::wrap::WRAPS;
use super::shapes::*;
use crate::domain::aws::sqs::OWN_ATTRIBUTES;
use crate::domain::template::Place;

pub(super) fn destination() -> Value {
    let presets = Preset::built_in();
    let presets: Vec<&str> = presets.iter().map(|preset| preset.name.as_str()).collect();
    let escapes: Vec<&str> = Place::ALL.into_iter().filter_map(Place::as_escape).collect();
    let keys = vec![
        // There may be others, in files.
        ("preset", json!({ "anyOf": [{ "enum": presets }, filled()] })),
        ("settings", free_table(text(), scalar())),
        ("url", template_url()),
        ("secret", secret()),
        ("secrets", some(secret())),
        ("headers", headers()),
        ("auth", auth()),
        ("method", words(&["POST", "PUT", "PATCH"])),
        ("body", body()),
        ("body_file", filled()),
        ("content_type", content_type()),
        ("steps", some(step())),
        ("escape", words(&escapes)),
        ("fields", some(filled())),
        ("payload", payload()),
        ("max_body", size()),
        ("over_max_body", words(&["cut", "dead"])),
        ("wrap", words(&WRAPS)),
        ("outcomes", outcomes()),
        ("ca", filled()),
        ("client_cert", filled()),
        ("client_key", filled()),
        ("proxy", like(r"([hH][tT][tT][pP][sS]?|[sS][oO][cC][kK][sS]5[hH]?)://[^/?#\s]+/?")),
        ("allow_private", flag()),
        ("timeout", duration()),
        ("concurrency", whole(1, 1024)),
        ("rate", rate()),
        ("rate_per_contact", per_contact()),
        ("max_age", duration()),
        ("retry", retry()),
    ];
    let mut also = of_body();
    also.push(not_together("fields", "payload"));
    also.push(not_together("secret", "secrets"));
    also.push(json!({
        "if": { "required": ["steps"] },
        "then": none_of(&["method", "body", "body_file", "content_type", "wrap"]),
    }));
    // A queue knows neither what is HTTP's nor, mostly, what is TLS's; of the latter only a whole URL says more.
    also.push(json!({
        "if": { "required": ["url"], "properties": { "url": { "type": "string", "pattern": format!(r"^\s*{QUEUE}") } } },
        "then": none_of(&OF_HTTP),
    }));
    also.push(wrapped());
    let mut destination = where_all(table(keys, &[]), also);
    destination["dependencies"] = json!({ "client_key": ["client_cert"] });
    // A preset may know the rest.
    destination["if"] = none_of(&["preset"]);
    destination["then"] = json!({ "required": ["url"], "properties": { "auth": whole_auth() } });
    destination
}

/// What goes with `wrap`.
fn wrapped() -> Value {
    let others: Vec<&str> = TYPES.into_iter().filter(|kind| *kind != "aws_sigv4").collect();
    json!({
        "if": { "required": ["wrap"] },
        "then": { "properties": {
            "auth": { "properties": { "type": { "not": { "enum": others } } } },
            "method": { "not": { "enum": ["PUT", "PATCH"] } },
            "headers": { "maxProperties": OWN_ATTRIBUTES },
        } },
    })
}

fn secret() -> Value {
    like("whsec_[0-9A-Za-z+/]{32,86}={0,2}")
}

/// The host is written out; behind it there may be templates.
fn template_url() -> Value {
    like(&format!(r"({HTTP}|{QUEUE})[^/?#\s]([^#]*|[\s\S]*\{{[{{%#][\s\S]*)"))
}

fn headers() -> Value {
    free_table(header_name(&OURS), header_value())
}

/// Anything: a text, or JSON whose texts are templates.
pub(super) fn body() -> Value {
    json!({ "type": ["string", "object", "array", "number", "boolean"] })
}

pub(super) fn content_type() -> Value {
    like(&format!("[^/]*/{HEADER}*"))
}

pub(super) fn payload() -> Value {
    words(&["full", "thin"])
}

/// What holds for the keys of a body, wherever they stand.
pub(super) fn of_body() -> Vec<Value> {
    vec![
        not_together("body", "body_file"),
        json!({
            "if": { "required": ["body"], "properties": { "body": { "type": ["object", "array", "number", "boolean"] } } },
            "then": none_of(&["content_type"]),
        }),
        // JSON with holes in it breaks with the first quotation mark.
        json!({
            "if": { "required": ["body"], "properties": { "body": text() } },
            "then": { "properties": { "content_type": { "not": { "pattern": "^[^;]*[jJ][sS][oO][nN]" } } } },
        }),
    ]
}

fn outcomes() -> Value {
    let statuses = || json!({ "anyOf": [status(), some(status())] });
    let keys = vec![
        ("status", statuses()),
        ("header", free_table(like("[!#$%&'*+.^_`|~0-9A-Za-z-]+"), scalar())),
        ("body", filled()),
        ("json", free_table(pointer(), scalar())),
        ("then", words(&MEANINGS)),
        ("wait", duration()),
    ];
    let waits = json!({
        "if": { "required": ["wait"], "properties": { "then": { "enum": MEANINGS } } },
        "then": { "properties": { "then": { "enum": ["throttle"] } } },
    });
    list(where_all(table(keys, &["then"]), vec![any_of(&["status", "header", "body", "json"]), waits]))
}

fn status() -> Value {
    let text = like(r"[1-9][xX][xX]|[1-9][0-9]{2}(\s*-\s*[1-9][0-9]{2})?");
    json!({ "anyOf": [{ "type": "integer", "minimum": 100, "maximum": 999 }, text] })
}

fn per_contact() -> Value {
    json!({ "anyOf": [rate(), table(vec![("limit", rate()), ("by", text())], &["limit"])] })
}

fn retry() -> Value {
    let keys = vec![
        ("schedule", list(duration())),
        ("jitter", number(0.0, 1.0)),
        ("initial", duration()),
        ("factor", number(1.0, 1_000.0)),
        ("max", duration()),
        ("attempts", whole(1, 1_000)),
    ];
    let mut retry = table(keys, &[]);
    retry["if"] = json!({ "required": ["schedule"] });
    retry["then"] = none_of(&["initial", "factor", "max", "attempts"]);
    retry
}

fn auth() -> Value {
    let mut keys = vec![("type", words(&TYPES))];
    for kind in TYPES {
        for (key, shape) in keys_of(kind) {
            if !keys.iter().any(|(known, _)| *known == key) {
                keys.push((key, shape));
            }
        }
    }
    let each = TYPES.iter().map(|kind| {
        let names: Vec<&str> = ["type"].into_iter().chain(keys_of(kind).into_iter().map(|(key, _)| key)).collect();
        let mut then = json!({ "propertyNames": { "enum": names } });
        match *kind {
            "header" => then["properties"] = json!({ "name": header_name(&OURS) }),
            "oauth2" => then["properties"] = json!({ "scheme": like(r"[\x21-\x7e]+") }),
            _ => {}
        }
        json!({ "if": is_type(kind), "then": then })
    });
    let each = each.collect();
    where_all(table(keys, &[]), each)
}

/// That a table is of this type; one that a preset may have given a type, or whose type is a reference, is of none.
fn is_type(kind: &str) -> Value {
    json!({ "required": ["type"], "properties": { "type": { "const": kind } } })
}

/// The keys of each type. What differs from type to type is as loose as the loosest.
fn keys_of(kind: &str) -> Vec<(&'static str, Value)> {
    match kind {
        "bearer" => vec![("token", header_text())],
        // The first colon parts the two on the other side.
        "basic" => vec![("username", like("[^:]*[^:\\s][^:]*")), ("password", text())],
        "header" => vec![("name", filled()), ("scheme", header_value()), ("value", filled())],
        "query" => vec![("name", filled()), ("value", filled())],
        "aws_sigv4" => {
            let word = || like("[0-9a-z-]+");
            vec![
                ("access_key_id", like(r"[^/,\s]+")),
                ("secret_access_key", filled()),
                ("session_token", header_text()),
                ("region", word()),
                ("service", word()),
            ]
        }
        _ => vec![
            ("grant", words(&["client_credentials", "refresh_token"])),
            ("token_url", url()),
            ("client_id", filled()),
            ("client_secret", filled()),
            ("client_auth", words(&["body", "basic"])),
            ("encoding", words(&["form", "json"])),
            ("scope", filled()),
            ("account", filled()),
            ("token_params", free_table(text(), scalar())),
            ("refresh_token", filled()),
            ("authorize_url", url()),
            ("authorize_params", free_table(text(), scalar())),
            ("redirect_url", url()),
            ("pkce", flag()),
            ("scheme", header_value()),
            ("base_url_at", like("/[^\n]*")),
            ("expires_in", duration()),
        ],
    }
}

/// What `auth` must say where no preset says it.
fn whole_auth() -> Value {
    let needs = |kind: &str, keys: &[&str]| json!({ "if": is_type(kind), "then": { "required": keys } });
    let of_person =
        json!({ "required": ["grant"], "properties": { "grant": { "not": { "const": "client_credentials" } } } });
    json!({
        "required": ["type"],
        "allOf": [
            needs("bearer", &["token"]),
            needs("basic", &["username", "password"]),
            needs("header", &["name", "value"]),
            needs("query", &["name", "value"]),
            needs("oauth2", &["token_url", "client_id"]),
            needs("aws_sigv4", &["access_key_id", "secret_access_key"]),
            {
                "if": { "required": ["type"], "properties": { "type": { "const": "oauth2" } }, "not": of_person },
                "then": { "allOf": [{ "required": ["client_secret"] }, none_of(&OF_SIGN_IN)] },
            },
        ],
        "dependencies": { "authorize_params": ["authorize_url"], "pkce": ["authorize_url"] },
    })
}

fn step() -> Value {
    let statuses = json!({ "anyOf": [status(), some(status())] });
    let redo = table(vec![("redo", filled())], &["redo"]);
    let keys = vec![
        ("name", like("[0-9a-z][0-9a-z-]{0,31}")),
        ("method", words(&METHODS)),
        ("url", like(&format!(r"/[\s\S]*|{HTTP}[^/?#\s][\s\S]*"))),
        ("when", filled()),
        ("headers", headers()),
        ("body", body()),
        ("body_file", filled()),
        ("content_type", content_type()),
        ("capture", free_table(json!({ "pattern": "^[a-z][0-9a-z_]*$" }), capture())),
        ("accept", statuses),
        ("outcomes", outcomes()),
        ("on_unknown", json!({ "anyOf": [words(&["retry", "hold"]), redo] })),
    ];
    let mut also = of_body();
    also.push(json!({
        "if": { "required": ["method"], "properties": { "method": { "enum": ["GET", "DELETE"] } } },
        "then": none_of(&["body", "body_file"]),
    }));
    where_all(table(keys, &["name"]), also)
}

fn capture() -> Value {
    let pointers = || json!({ "anyOf": [pointer(), some(pointer())] });
    let keys = vec![("at", pointers()), ("optional", flag()), ("in", pointer()), ("holds", filled()), ("is", filled())];
    let mut searched = where_all(table(keys, &[]), vec![not_together("holds", "is"), any_of(&["at", "in"])]);
    searched["dependencies"] = json!({ "in": any_of(&["holds", "is"]), "holds": ["in"], "is": ["in"] });
    json!({ "anyOf": [pointer(), some(pointer()), searched] })
}
