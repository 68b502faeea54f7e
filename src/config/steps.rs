//! `[[destinations.NAME.steps]]`: several calls for one delivery.

use std::ops::RangeInclusive;

use http::Method;

use super::body::BodyKeys;
use super::node::Node;
use super::reader::Section;
use super::telling::{Known, doubt, tell};
use super::{condition, form, outcomes, suggest};
use crate::domain::form::{BodyForm, Form};
use crate::domain::outcome_rules::{OutcomeRule, OutcomeRules, Then};
use crate::domain::steps::{Capture, InList, OnUnknown, Step};
use crate::domain::template::{self, Place, UrlTemplate};

const NAME_HELP: &str = "use up to 32 small letters, digits and `-`, beginning with a letter or a digit";

pub(super) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Says which keys of the destination are its steps' where there are some.
pub(super) fn leave_to_them(section: &Section<'_>) {
    for key in ["method", "body", "body_file", "content_type"] {
        if section.has(key) {
            let help = "write it in the steps that it is meant for, and take it out here";
            let message = "is set, and so is `steps`, each of which has its own";
            section.reading.mistake(&section.spot_of(key), message, Some(help.to_owned()));
        }
    }
}

/// Says that what puts one request into something else has no place for several.
pub(super) fn go_unwrapped(section: &Section<'_>) {
    if section.has("wrap") {
        let help = "take one of the two out: what is put into a queue is one message";
        section.reading.mistake(&section.spot_of("wrap"), "is set, and so is `steps`", Some(help.to_owned()));
    }
}

/// The steps of a destination with this form; `None` only where a mistake has been said.
pub(super) fn steps(node: Node<'_>, base: &Form) -> Option<Vec<Step>> {
    let (reading, spot) = (node.reading, node.spot());
    let nodes = node.list("[{ name = \"contact\", url = \"/contacts\" }]")?;
    if nodes.is_empty() {
        let help = "write at least one [[steps]], or take the key out";
        reading.mistake(&spot, "must not be empty", Some(help.to_owned()));
        return None;
    }
    let mut before = Before::default();
    let read: Vec<Option<Step>> =
        nodes.into_iter().map(|node| node.table().and_then(|section| step(section, base, &mut before))).collect();
    read.into_iter().collect()
}

/// What the steps above have given names to.
#[derive(Default)]
struct Before {
    steps: Vec<String>,
    captured: Vec<String>,
}

fn step(mut section: Section<'_>, base: &Form, before: &mut Before) -> Option<Step> {
    let name = section.required("name", "\"contact\"").and_then(|node| name(node, before));
    if let Some(name) = &name {
        before.steps.push(name.clone());
    }
    let settings: Vec<&str> = base.settings.keys().map(String::as_str).collect();
    let also: Vec<&str> =
        ["step_id", "unknown", "captured"].into_iter().chain(before.captured.iter().map(String::as_str)).collect();
    let known = Known { settings: &settings, also: &also };
    let method = section.take("method").map_or(Some(Method::POST), method);
    let when = section.take("when").map_or(Some(None), |node| condition::condition(node, known).map(Some));
    let url = section.take("url").map_or_else(|| Some(base.url.clone()), |node| url(node, base, known));
    let own = section.take("headers").map_or(Some(Vec::new()), |node| form::headers(node, known));
    if let (Some(auth), Some(own)) = (&base.auth, &own)
        && own.iter().any(|(name, _)| auth.header().is_some_and(|(its, _)| its == *name))
    {
        let help = "take it out: `auth` holds for every step";
        section.reading.mistake(&section.spot, "sets the header that `auth` sets", Some(help.to_owned()));
    }
    let asks = method.as_ref().is_some_and(|method| [Method::GET, Method::DELETE].contains(method));
    let body_spot = ["body", "body_file"].map(|key| section.has(key).then(|| section.spot_of(key)));
    let body = BodyKeys::take(&mut section).read(base.escape, Some(known));
    if let (true, Some(spot)) = (asks, body_spot.into_iter().flatten().next()) {
        let help = "write method = \"POST\", or take the body out";
        section.reading.mistake(&spot, "a GET or a DELETE carries no body", Some(help.to_owned()));
    }
    let accept = section.take("accept").map_or(Some(Vec::new()), outcomes::statuses);
    let rules = section.take("outcomes").map_or_else(|| Some(Vec::new()), outcomes::rules);
    let captures = section.take("capture").map_or(Some(Vec::new()), |node| captures(node, known));
    let on_unknown = section.take("on_unknown").map_or(Some(OnUnknown::Retry), |node| on_unknown(node, &before.steps));
    section.finish(&[]);
    before.captured.extend(captures.iter().flatten().map(|capture| format!("captured.{}", capture.name)));
    let (own, method) = (own?, method?);
    let kept = base.headers.iter().filter(|(name, _)| !own.iter().any(|(other, _)| other == name));
    let headers = kept.cloned().chain(own.iter().cloned()).collect();
    let body = body?.unwrap_or(if asks { BodyForm::Nothing } else { BodyForm::Envelope });
    Some(Step {
        name: name?,
        when: when?,
        form: Form { method, url: url?, headers, fields: None, body, ..base.clone() },
        rules: OutcomeRules::new(with_accepted(rules?, accept?)),
        captures: captures?,
        on_unknown: on_unknown?,
    })
}

fn with_accepted(mut rules: Vec<OutcomeRule>, accept: Vec<RangeInclusive<u16>>) -> Vec<OutcomeRule> {
    if !accept.is_empty() {
        rules.push(OutcomeRule { status: accept, then: Then::Accept, ..OutcomeRule::default() });
    }
    rules
}

fn name(node: Node<'_>, before: &Before) -> Option<String> {
    let text = node.filled()?;
    let name = text.value.trim().to_owned();
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = name.len() <= 32 && name.starts_with(small) && name.chars().all(|c| small(c) || c == '-');
    if !fits {
        text.mistake("is no name for a step", NAME_HELP);
        return None;
    }
    if before.steps.contains(&name) {
        text.mistake("another step of this destination has this name", "name each step differently");
        return None;
    }
    Some(name)
}

fn method(node: Node<'_>) -> Option<Method> {
    let text = node.filled()?;
    let written = text.value.trim();
    if METHODS.contains(&written) {
        return Method::from_bytes(written.as_bytes()).ok();
    }
    text.mistake("is not a method that a step can have", suggest::instead(written, &METHODS).unwrap_or_default());
    None
}

fn url(node: Node<'_>, base: &Form, known: Known<'_>) -> Option<UrlTemplate> {
    let text = node.template()?;
    let written = text.value.trim();
    let (template, shift) = if written.starts_with('/') {
        let template = base.url.join(written).map_err(|wrong| tell(&text, &wrong)).ok()?;
        let shift = template.source_len() - written.len();
        (template, shift)
    } else {
        let template = UrlTemplate::parse(written).map_err(|wrong| tell(&text, &wrong)).ok()?;
        if !template.goes_where(&base.url) {
            let help = "write what comes behind the destination's url, beginning with `/`; another host is another destination";
            text.mistake("leads to another place than the destination's url", help);
            return None;
        }
        (template, 0)
    };
    let names: Vec<template::Name> = template
        .names()
        .iter()
        .filter(|name| name.at.start >= shift)
        .map(|name| template::Name { path: name.path.clone(), at: name.at.start - shift..name.at.end - shift })
        .collect();
    doubt(&text, &names, known);
    Some(template)
}

fn captures(node: Node<'_>, known: Known<'_>) -> Option<Vec<Capture>> {
    let read: Vec<Option<Capture>> = node
        .table()?
        .rest()
        .into_iter()
        .map(|(name, node)| {
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !(name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(word)) {
                let help = "use small letters, digits and `_`: templates know it as captured.NAME";
                node.reading.mistake(&node.key_spot(), "is no name for a captured value", Some(help.to_owned()));
                return None;
            }
            capture(name, node, known)
        })
        .collect();
    read.into_iter().collect()
}

fn capture(name: String, node: Node<'_>, known: Known<'_>) -> Option<Capture> {
    if !node.is_table() {
        return Some(Capture { name, list: None, at: pointers(node)?, optional: false });
    }
    let mut section = node.table()?;
    let at = section.take("at").map_or(Some(Vec::new()), pointers);
    let optional = section.take("optional").map_or(Some(false), Node::flag);
    let pointer = section.take("in").map_or(Some(None), |node| pointer(node).map(Some));
    let both = section.has("holds") && section.has("is");
    if both {
        let help = "keep `is` where a text must be it and nothing else, and `holds` where it may be a part of one";
        section.reading.mistake(&section.spot, "`is` and `holds` mean two things", Some(help.to_owned()));
    }
    let whole = section.has("is");
    let part = section.take("holds").map_or(Some(None), |node| mentioned(node, known).map(Some));
    let mentioned = section.take("is").map_or(part, |node| mentioned(node, known).map(Some));
    let spot = section.spot.clone();
    let reading = section.reading;
    section.finish(&[]);
    let (at, optional, pointer, mentioned) = (at?, optional?, pointer?, mentioned?);
    let list = match (pointer, mentioned) {
        (Some(pointer), Some(holds)) => Some(InList { pointer, holds, whole }),
        (None, None) if !at.is_empty() => None,
        (None, None) => {
            let help = "write at = \"/id\", or in = \"/data\" with holds = \"{{ id }}\"";
            reading.mistake(&spot, "does not say where in the answer it stands", Some(help.to_owned()));
            return None;
        }
        _ => {
            let help = "write both: in = \"/data\", the list, and holds = \"{{ id }}\", what its item must mention";
            reading.mistake(&spot, "`in` and `holds` (or `is`) go together", Some(help.to_owned()));
            return None;
        }
    };
    Some(Capture { name, list, at, optional })
}

/// `holds` or `is`: what the list's item must mention.
fn mentioned(node: Node<'_>, known: Known<'_>) -> Option<template::Text> {
    let text = node.template()?;
    if text.value.trim().is_empty() {
        text.mistake("must not be empty", "write for example holds = \"{{ id }}\"");
        return None;
    }
    let template = template::Text::parse(&text.value, Place::Plain).map_err(|wrong| tell(&text, &wrong)).ok()?;
    doubt(&text, template.names(), known);
    Some(template)
}

fn pointers(node: Node<'_>) -> Option<Vec<String>> {
    if !node.is_list() {
        return pointer(node).map(|pointer| vec![pointer]);
    }
    let (reading, spot) = (node.reading, node.spot());
    let nodes = node.list("[\"/id\", \"/data/id\"]")?;
    if nodes.is_empty() {
        reading.mistake(&spot, "must not be empty", Some("write for example \"/id\"".to_owned()));
        return None;
    }
    let read: Vec<Option<String>> = nodes.into_iter().map(pointer).collect();
    read.into_iter().collect()
}

fn pointer(node: Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !text.value.is_empty() && !text.value.starts_with('/') {
        text.is_no_pointer();
        return None;
    }
    Some(text.value)
}

/// `steps`: the names up to this step's own.
fn on_unknown(node: Node<'_>, steps: &[String]) -> Option<OnUnknown> {
    if node.is_table() {
        let mut section = node.table()?;
        let text = section.required("redo", "\"find-note\"").and_then(Node::filled);
        section.finish(&[]);
        let text = text?;
        let name = text.value.trim();
        if steps.iter().any(|step| step == name) {
            return Some(OnUnknown::Redo(name.to_owned()));
        }
        let known: Vec<&str> = steps.iter().map(String::as_str).collect();
        text.mistake("is no step before this one", suggest::instead(name, &known).unwrap_or_default());
        return None;
    }
    let text = node.filled()?;
    match text.value.trim() {
        "retry" => Some(OnUnknown::Retry),
        "hold" => Some(OnUnknown::Hold),
        _ => {
            let help = "write \"retry\", \"hold\", or { redo = \"STEP\" } with the step that finds out";
            text.mistake("is nothing that can be done where nobody knows", help);
            None
        }
    }
}
