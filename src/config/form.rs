//! What is made of an event for a destination: `method`, `url`, `headers`, and what bounds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use serde_json::Value as Json;

use super::body::BodyKeys;
use super::document::child;
use super::node::Node;
use super::preset::Preset;
use super::reader::Section;
use super::telling::{Known, doubt, tell};
use super::{auth, fields, network, queue, suggest, wrap};
use crate::domain::address;
use crate::domain::form::{BodyForm, Form, Limit, OverLimit};
use crate::domain::size;
use crate::domain::template::{self, HeaderTemplate, Place, UrlTemplate};

/// The form of a destination; `None` only where a mistake has been said.
pub(super) fn form(section: &mut Section<'_>, preset: Option<&Preset>) -> Option<Form> {
    let (settings, whole) = settings(section, preset);
    let names: Vec<&str> = settings.keys().map(String::as_str).collect();
    let known = Known::settings(&names);
    let spots = wrap::Spots::of(section);
    let method = section.take("method").map_or(Some(Method::POST), method);
    let url = url(section, preset, known);
    let escape = section.take("escape").map_or(Some(Place::Plain), escape);
    let headers = section.take("headers").map_or(Some(Vec::new()), |node| headers(node, known));
    let spot = section.spot_of("auth");
    let auth = section
        .take("auth")
        .map_or(Some(None), |node| auth::auth(node, url.as_ref().map(UrlTemplate::origin)).map(Some));
    if let (Some(headers), Some(Some(auth))) = (&headers, &auth)
        && let Some(name) = auth.header_name()
        && headers.iter().any(|(other, _)| *other == name)
    {
        let help = "keep one of the two";
        section.reading.mistake(&spot, format!("sets the header {name}, and so does `headers`"), Some(help.to_owned()));
        return None;
    }
    let types = headers.iter().flatten().filter(|(name, _)| *name == CONTENT_TYPE).count();
    let fields = fields::fields(section);
    let body = BodyKeys::take(section).read(escape.unwrap_or(Place::Plain), Some(known));
    if let (true, Some(Some(BodyForm::Text { .. }))) = (types > 0, &body) {
        section.reading.mistake(
            &section.spot,
            "a text body's content type stands under `headers`, where it does not say how a lead's texts are escaped",
            Some("write it as content_type = \"...\" instead".to_owned()),
        );
        return None;
    }
    let limit = limit(section);
    let wrap = wrap::wrap(section);
    let form = Form {
        method: method?,
        url: url?,
        headers: headers?,
        auth: auth?,
        fields: fields?,
        body: body?.unwrap_or(BodyForm::Envelope),
        escape: escape?,
        limit: limit?,
        wrap: wrap?,
        settings: Arc::new(whole.then_some(settings)?),
    };
    wrap::look(section, &spots, &form);
    Some(form)
}

fn method(node: Node<'_>) -> Option<Method> {
    let text = node.filled()?;
    match text.value.trim() {
        "POST" => Some(Method::POST),
        "PUT" => Some(Method::PUT),
        "PATCH" => Some(Method::PATCH),
        _ => {
            text.mistake("is not a method that carries an event", "write \"POST\", \"PUT\" or \"PATCH\"");
            None
        }
    }
}

fn url(section: &mut Section<'_>, preset: Option<&Preset>, known: Known<'_>) -> Option<UrlTemplate> {
    let example = preset.map(|preset| preset.url_example.as_str()).filter(|example| !example.is_empty());
    let example = example.unwrap_or("https://crm.example.com/hooks/leads");
    let node = section.required("url", &format!("\"{example}\""))?;
    let text = node.template()?;
    if text.value.trim().is_empty() {
        text.mistake("must not be empty", format!("write the whole address, for example \"{example}\""));
        return None;
    }
    if queue::is_foreign(&text, example) {
        return None;
    }
    match queue::broker(&text.value) {
        Some(broker) => queue::url(&text, broker)?,
        None if template::is_template(&text.value) => {}
        None => drop(network::url(&text, example)?),
    }
    let template = UrlTemplate::parse(text.value.trim()).map_err(|wrong| tell(&text, &wrong)).ok()?;
    // One without templates was looked at before.
    if address::is_metadata(template.origin()) {
        let help = format!("write the whole address, for example \"{example}\"");
        text.mistake("leads to where a cloud hands out credentials, and nothing is ever sent there", help);
        return None;
    }
    doubt(&text, template.names(), known);
    Some(template)
}

fn escape(node: Node<'_>) -> Option<Place> {
    let text = node.filled()?;
    let written = text.value.trim();
    let found = Place::from_escape(written);
    if found.is_none() {
        let known: Vec<&str> = Place::ALL.into_iter().filter_map(Place::as_escape).collect();
        text.mistake("is no way to escape", suggest::instead(written, &known).unwrap_or_default());
    }
    found
}

pub(super) fn headers(node: Node<'_>, known: Known<'_>) -> Option<Vec<(HeaderName, HeaderTemplate)>> {
    let mut section = node.table()?;
    let mut read: Vec<Option<(HeaderName, HeaderTemplate)>> = Vec::new();
    let mut names: Vec<HeaderName> = Vec::new();
    for (name, node) in section.rest() {
        let key = node.key_spot();
        let reading = node.reading;
        let name = match network::checked_name(&name) {
            Ok(name) if names.contains(&name) => {
                let help = "keep one of them; capitals make no difference in a header's name";
                reading.mistake(&key, "this header is set twice", Some(help.to_owned()));
                None
            }
            Ok(name) => {
                names.push(name.clone());
                Some(name)
            }
            Err((message, help)) => {
                reading.mistake(&key, message, Some(help.to_owned()));
                None
            }
        };
        let value = node.template().and_then(|text| {
            if !network::is_header_value(&text.value) {
                text.mistake("cannot stand in a header", "take out line ends and other control characters");
                return None;
            }
            let template = HeaderTemplate::parse(&text.value).map_err(|wrong| tell(&text, &wrong)).ok()?;
            doubt(&text, template.names(), known);
            Some(template)
        });
        read.push(name.zip(value));
    }
    read.into_iter().collect()
}

fn limit(section: &mut Section<'_>) -> Option<Option<Limit>> {
    let bytes =
        section.take("max_body").map_or(Some(None), |node| node.parsed("a size", "28KB", size::parse).map(Some));
    let over = section.take("over_max_body").map_or(Some(OverLimit::Cut), |node| {
        let text = node.filled()?;
        match text.value.trim() {
            "cut" => Some(OverLimit::Cut),
            "dead" => Some(OverLimit::Dead),
            _ => {
                let help = "write \"cut\" to leave out the oldest messages, or \"dead\" to set the delivery aside";
                text.mistake("says nothing that can be done with a larger body", help);
                None
            }
        }
    });
    let (bytes, over) = (bytes?, over?);
    Some(bytes.map(|bytes| Limit { bytes, over }))
}

/// What templates know as `settings`: the file's own, and the preset's defaults; and whether all is well with them. Where it
/// is not, the names are there all the same, so that nobody misses them as well.
fn settings(section: &mut Section<'_>, preset: Option<&Preset>) -> (BTreeMap<String, String>, bool) {
    let known = preset.map(|preset| preset.settings.as_slice()).unwrap_or_default();
    let mut settings = BTreeMap::new();
    let mut whole = true;
    if let Some(node) = section.take("settings") {
        let entries = node.table().map(|mut section| section.rest());
        whole &= entries.is_some();
        for (name, node) in entries.into_iter().flatten() {
            let key = node.key_spot();
            if preset.is_some() && !known.iter().any(|setting| setting.name == name) {
                let names: Vec<&str> = known.iter().map(|setting| setting.name.as_str()).collect();
                let help = suggest::instead(&name, &names).unwrap_or_else(|| "take it out".to_owned());
                node.reading.mistake(&key, "the preset has no setting of this name", Some(help));
                whole = false;
            }
            let (spot, reading) = (node.spot(), node.reading);
            let value = match node.scalar() {
                Some(Json::String(text)) => text,
                Some(value) => value.to_string(),
                None => {
                    whole = false;
                    String::new()
                }
            };
            let setting = known.iter().find(|setting| setting.name == name);
            if value.trim() == "..." {
                let about = setting.map_or("write what it stands for", |setting| setting.about.as_str());
                reading.mistake(&spot, "is still to be written", Some(about.to_owned()));
                whole = false;
            }
            let allowed: Vec<&str> = setting.iter().flat_map(|it| &it.one_of).map(String::as_str).collect();
            if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
                let help = suggest::instead(&value, &allowed).unwrap_or_default();
                reading.mistake(&spot, "is nothing that this setting can be", Some(help));
                whole = false;
            }
            settings.insert(name, value);
        }
    }
    for setting in known {
        match (&setting.default, settings.contains_key(&setting.name)) {
            (_, true) => {}
            (Some(default), false) => drop(settings.insert(setting.name.clone(), default.clone())),
            (None, false) if setting.required => {
                let path = child("settings", &setting.name);
                section.missing(&path, &format!("\"...\": {}", setting.about));
                settings.insert(setting.name.clone(), String::new());
                whole = false;
            }
            (None, false) => {}
        }
    }
    (settings, whole)
}
