//! The keys of the file, but for those of a destination.

use serde_json::{Value, json};

use super::super::csat::FURTHEST;
use super::super::network::OURS;
use super::destination;
use super::shapes::*;
use crate::domain::event::EventType;

/// The whole file.
pub(super) fn file() -> Value {
    let names = like("[0-9A-Za-z][0-9A-Za-z_-]{0,63}");
    let keys = vec![
        ("source", source()),
        ("csat", csat()),
        ("store", store()),
        ("admin", admin()),
        ("destinations", free_table(names, destination::destination())),
        ("routes", list(route())),
    ];
    table(keys, &["source"])
}

fn source() -> Value {
    let keys = vec![
        // Paths are added to it.
        ("base_url", like(&format!(r"{HTTP}[^/?#@\s]+(/[^?#]*)?"))),
        ("platform_id", line()),
        ("username", filled()),
        ("password", filled()),
        ("token_time", filled()),
        ("token", header_text()),
        ("auth_header", header_name(&OURS)),
        ("auth_scheme", header_value()),
        ("encode_plus", flag()),
        ("timezone", filled()),
        ("poll_every", duration()),
        ("overlap", duration()),
        ("lookback", duration()),
        ("lookback_every", duration()),
        ("sweep", duration()),
        ("sweep_every", duration()),
        ("start", like("now|[0-9].*")),
        ("recheck", list(duration())),
        ("watch", unlike(list(filled()))),
        ("concurrency", whole(1, 1024)),
        ("rate", rate()),
        ("timeout", duration()),
        ("give_up_after", duration()),
        ("stale_after", duration()),
        ("heartbeat_url", url()),
    ];
    let mut source = table(keys, &["platform_id"]);
    source["if"] = json!({ "required": ["token"] });
    source["then"] = none_of(&["username", "password", "token_time"]);
    source["else"] = json!({ "required": ["username", "password"] });
    source
}

fn csat() -> Value {
    let mut scale = list(whole(-FURTHEST, FURTHEST));
    (scale["minItems"], scale["maxItems"]) = (2.into(), 2.into());
    let keys = vec![
        ("scale", scale),
        ("low_max", any_number()),
        ("direction", words(&["up", "down"])),
        ("low_words", list(filled())),
        ("high_words", list(filled())),
    ];
    table(keys, &[])
}

fn store() -> Value {
    let key = || like("[A-Za-z0-9+/]{43}=?");
    let keys = vec![
        ("path", filled()),
        ("retention", duration()),
        ("max_bytes", size()),
        ("encryption_key", json!({ "anyOf": [key(), some(key())] })),
    ];
    table(keys, &[])
}

fn admin() -> Value {
    let keys = vec![
        ("listen", like(r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}")),
        ("token", like(r"[\x21-\x7e]{20,}")),
        // The page's links begin at the root.
        ("url", like(&format!(r"{HTTP}[^/?#@\s]+/?"))),
    ];
    table(keys, &[])
}

fn route() -> Value {
    let events = EventType::ALL.map(EventType::as_str);
    let keys = vec![
        ("name", line()),
        ("on", unlike(some(words(&events)))),
        ("to", unlike(some(filled()))),
        ("when", filled()),
        ("fields", some(filled())),
        ("payload", destination::payload()),
        ("body", destination::body()),
        ("body_file", filled()),
        ("content_type", destination::content_type()),
    ];
    let mut also = destination::of_body();
    also.push(not_together("fields", "payload"));
    where_all(table(keys, &["name", "on", "to"]), also)
}
