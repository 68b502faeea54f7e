//! `outcomes`: what answers mean at this destination, rule by rule.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::node::Node;
use super::reader::Section;
use super::suggest;
use crate::domain::outcome_rules::{HeaderText, OutcomeRule, OutcomeRules, Then};
use crate::domain::retry_after;

const EXAMPLE: &str = "[{ status = 403, body = \"rate limit\", then = \"throttle\", wait = \"60s\" }]";

const STATUS_HELP: &str = "write 404, \"4xx\", \"400-499\", or a list of them";

pub(super) const MEANINGS: [&str; 5] = ["accept", "retry", "throttle", "give_up", "disable"];

pub(super) fn outcomes(node: Node<'_>) -> Option<OutcomeRules> {
    rules(node).map(OutcomeRules::new)
}

pub(super) fn rules(node: Node<'_>) -> Option<Vec<OutcomeRule>> {
    // All are read before any is missed, so that each mistake is found.
    let rules: Vec<Option<OutcomeRule>> =
        node.list(EXAMPLE)?.into_iter().map(|node| node.table().and_then(rule)).collect();
    rules.into_iter().collect()
}

fn rule(mut section: Section<'_>) -> Option<OutcomeRule> {
    let status = section.take("status");
    let header = section.take("header");
    let body = section.take("body");
    let json = section.take("json");
    if status.is_none() && header.is_none() && body.is_none() && json.is_none() {
        let help = "say which answers it is for, with `status`, `header`, `body` or `json`";
        section.reading.mistake(&section.spot, "is met by every answer", Some(help.to_owned()));
    }
    let status = status.map_or(Some(Vec::new()), statuses);
    let headers = header.map_or(Some(Vec::new()), headers);
    let body = body.map_or(Some(None), |node| Some(Some(node.filled()?.value)));
    let json = json.map_or(Some(Vec::new()), values);
    let meaning = section.required("then", "\"retry\"").and_then(meaning);
    let wait = section.take("wait");
    let wait_spot = wait.as_ref().map(Node::spot);
    let wait = wait.map_or(Some(None), |node| node.duration().map(Some));
    if let (Some(spot), Some(meaning), Some(Some(wait))) = (wait_spot, meaning, wait) {
        if !matches!(meaning, Then::Throttle(_)) {
            let help = "take it out, or write then = \"throttle\"; retries wait as `retry` says";
            section.reading.mistake(&spot, "goes with then = \"throttle\" alone", Some(help.to_owned()));
        } else if wait > retry_after::LONGEST {
            section.reading.mistake(
                &spot,
                "is longer than a destination may rest",
                Some("write at most 24h".to_owned()),
            );
        }
    }
    section.finish(&[]);
    let then = match (meaning?, wait?) {
        (Then::Throttle(_), wait) => Then::Throttle(wait.map(|wait: Duration| wait.max(retry_after::SHORTEST))),
        (meaning, _) => meaning,
    };
    Some(OutcomeRule { status: status?, headers: headers?, body: body?, json: json?, then })
}

pub(super) fn statuses(node: Node<'_>) -> Option<Vec<RangeInclusive<u16>>> {
    if !node.is_list() {
        return status(node).map(|range| vec![range]);
    }
    let spot = node.spot();
    let reading = node.reading;
    let nodes = node.list("[404, \"5xx\"]")?;
    if nodes.is_empty() {
        reading.mistake(&spot, "must not be empty", Some(STATUS_HELP.to_owned()));
        return None;
    }
    let read: Vec<Option<RangeInclusive<u16>>> = nodes.into_iter().map(status).collect();
    read.into_iter().collect()
}

fn status(node: Node<'_>) -> Option<RangeInclusive<u16>> {
    let spot = node.spot();
    let reading = node.reading;
    let range = match node.scalar()? {
        Value::Number(n) => n.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| is_status(*n)).map(|n| n..=n),
        Value::String(text) => status_text(text.trim()),
        _ => None,
    };
    if range.is_none() {
        reading.mistake(&spot, "is no status of HTTP", Some(STATUS_HELP.to_owned()));
    }
    range
}

fn is_status(n: u16) -> bool {
    (100..=999).contains(&n)
}

/// `404`, `4xx`, `400-499`.
fn status_text(text: &str) -> Option<RangeInclusive<u16>> {
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    if let Some(class) = class {
        let class: u16 = class.parse().ok().filter(|class| (1..=9).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|n| is_status(*n));
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (number(from)?, number(to)?);
    (from <= to).then_some(from..=to)
}

fn headers(node: Node<'_>) -> Option<Vec<(String, HeaderText)>> {
    let mut section = node.table()?;
    let mut read: Vec<Option<(String, HeaderText)>> = Vec::new();
    for (name, node) in section.rest() {
        let key = node.key_spot();
        let reading = node.reading;
        let name = http::HeaderName::from_bytes(name.trim().as_bytes()).ok().map(|name| name.as_str().to_owned());
        if name.is_none() {
            let help = "use letters, digits and dashes, for example \"X-Error\"";
            reading.mistake(&key, "is not a header's name", Some(help.to_owned()));
        }
        let text = match node.scalar() {
            Some(Value::String(text)) => Some(HeaderText::parse(&text)),
            // `header = { x-remaining = 0 }` is as good as the same in quotes.
            Some(value) => Some(HeaderText::parse(&value.to_string())),
            None => None,
        };
        read.push(name.zip(text));
    }
    read.into_iter().collect()
}

/// Values at JSON Pointers.
fn values(node: Node<'_>) -> Option<Vec<(String, Value)>> {
    let mut section = node.table()?;
    let mut read: Vec<Option<(String, Value)>> = Vec::new();
    for (pointer, node) in section.rest() {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let help =
                format!("write \"/{}\": the names on the way there, each behind a `/`", pointer.replace('.', "/"));
            node.reading.mistake(&node.key_spot(), "is not a JSON Pointer", Some(help));
        }
        read.push(node.scalar().map(|value| (pointer, value)));
    }
    read.into_iter().collect()
}

fn meaning(node: Node<'_>) -> Option<Then> {
    let text = node.filled()?;
    match text.value.trim() {
        "accept" => Some(Then::Accept),
        "retry" => Some(Then::Retry),
        "throttle" => Some(Then::Throttle(None)),
        "give_up" => Some(Then::GiveUp),
        "disable" => Some(Then::Disable),
        other => {
            let help = suggest::instead(other, &MEANINGS).unwrap_or_default();
            text.mistake("is nothing that an answer can mean", help);
            None
        }
    }
}
