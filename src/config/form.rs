//! What is made of an event: `method`, `url`, `headers`, `body` and what bounds them, for a destination and for a route.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, Method};
use serde_json::Value as Json;

use super::document::child;
use super::network;
use super::node::{Node, Text};
use super::preset::Preset;
use super::reader::Section;
use super::{auth, fields, suggest};
use crate::domain::form::{BodyForm, Form, Limit, OverLimit};
use crate::domain::size;
use crate::domain::template::{self, HeaderTemplate, Name, Place, Tree, UrlTemplate, Wrong, WrongLeaf, check_names};

const TEXT: &str = "text/plain; charset=utf-8";

/// The form of a destination; `None` only where a mistake has been said.
pub(super) fn form(section: &mut Section<'_>, preset: Option<&Preset>) -> Option<Form> {
    let settings = settings(section, preset);
    let names: Vec<&str> = settings.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let method = section.take("method").map_or(Some(Method::POST), method);
    let url = url(section, preset, &names);
    let escape = section.take("escape").map_or(Some(Place::Plain), escape);
    let headers = section.take("headers").map_or(Some(Vec::new()), |node| headers(node, &names));
    let spot = section.spot_of("auth");
    let auth = section.take("auth").map_or(Some(None), |node| auth::auth(node).map(Some));
    if let (Some(headers), Some(Some(auth))) = (&headers, &auth)
        && let Some((name, _)) = auth.header()
        && headers.iter().any(|(other, _)| *other == name)
    {
        let help = "keep one of the two";
        section.reading.mistake(&spot, format!("sets the header {name}, and so does `headers`"), Some(help.to_owned()));
        return None;
    }
    let fields = fields::fields(section);
    let body = BodyKeys::take(section).read(escape.unwrap_or(Place::Plain), Some(&names));
    let limit = limit(section);
    Some(Form {
        method: method?,
        url: url?,
        headers: headers?,
        auth: auth?,
        fields: fields?,
        body: body?.unwrap_or(BodyForm::Envelope),
        escape: escape?,
        limit: limit?,
        settings: Arc::new(settings?),
    })
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

fn url(section: &mut Section<'_>, preset: Option<&Preset>, settings: &[&str]) -> Option<UrlTemplate> {
    let example = preset.map(|preset| preset.url_example.as_str()).filter(|example| !example.is_empty());
    let example = example.unwrap_or("https://crm.example.com/hooks/leads");
    let node = section.required("url", &format!("\"{example}\""))?;
    let text = node.template()?;
    if text.value.trim().is_empty() {
        text.mistake("must not be empty", format!("write the whole address, for example \"{example}\""));
        return None;
    }
    if !template::is_template(&text.value) {
        network::url(&text, example)?;
    }
    let template = UrlTemplate::parse(text.value.trim()).map_err(|wrong| tell(&text, &wrong)).ok()?;
    doubt(&text, template.names(), settings);
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

fn headers(node: Node<'_>, settings: &[&str]) -> Option<Vec<(HeaderName, HeaderTemplate)>> {
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
            doubt(&text, template.names(), settings);
            Some(template)
        });
        read.push(name.zip(value));
    }
    read.into_iter().collect()
}

/// The keys that say what the body is.
pub(super) struct BodyKeys<'a> {
    content_type: Option<Node<'a>>,
    body: Option<Node<'a>>,
    file: Option<Node<'a>>,
}

impl<'a> BodyKeys<'a> {
    pub(super) fn take(section: &mut Section<'a>) -> BodyKeys<'a> {
        let content_type = section.take("content_type");
        BodyKeys { content_type, body: section.take("body"), file: section.take("body_file") }
    }

    /// The body, for a place where texts are escaped so. `settings` are those that there are; `None`: its names were looked
    /// at before. The outer `None`: a mistake was said; the inner: no body is set.
    pub(super) fn read(&self, escape: Place, settings: Option<&[&str]>) -> Option<Option<BodyForm>> {
        if let (Some(_), Some(file)) = (&self.body, &self.file) {
            file.mistake("is set, and so is `body`", "keep one of the two");
            return None;
        }
        let content_type = self.content_type.clone().map_or(Some(None), |node| content_type(node).map(Some))?;
        let content_type = content_type.as_deref();
        let form = match (self.body.clone(), self.file.clone()) {
            (Some(node), _) if node.is_text() => text_body(&node.template()?, content_type, escape, settings),
            (Some(node), _) => {
                if let Some(node) = &self.content_type {
                    let help = "set the header content-type under `headers` where it must be another one";
                    node.mistake("a table is sent as application/json", help);
                    return None;
                }
                Some(BodyForm::Json(tree(node, escape, settings)?))
            }
            (None, Some(node)) => body_of_file(node, content_type, escape, settings),
            (None, None) => {
                if let Some(node) = &self.content_type {
                    let help = "write the text as body, or take the content type out";
                    node.reading.warn(
                        &node.spot(),
                        "there is no text body that it could speak of",
                        Some(help.to_owned()),
                    );
                }
                return Some(None);
            }
        };
        Some(Some(form?))
    }
}

fn content_type(node: Node<'_>) -> Option<String> {
    let text = node.filled()?;
    let written = text.value.trim().to_owned();
    if !written.contains('/') || !network::is_header_value(&written) {
        text.mistake("is no content type", "write for example \"application/xml\"");
        return None;
    }
    Some(written)
}

fn text_body(
    text: &Text<'_>,
    content_type: Option<&str>,
    escape: Place,
    settings: Option<&[&str]>,
) -> Option<BodyForm> {
    let content_type = content_type.unwrap_or(TEXT);
    if is_json(content_type) {
        text.mistake(
            "JSON with holes in it breaks as soon as a lead writes a quotation mark",
            "write the body as a table, body = { text = \"{{ lead.name }}\" }, or name a JSON file with body_file",
        );
        return None;
    }
    let parsed = template::Text::parse(&text.value, place_of(content_type, escape));
    let template = parsed.map_err(|wrong| tell(text, &wrong)).ok()?;
    if let Some(settings) = settings {
        doubt(text, template.names(), settings);
    }
    Some(BodyForm::Text { text: template, content_type: content_type.to_owned() })
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// What a text of this type must not be broken by.
fn place_of(content_type: &str, escape: Place) -> Place {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Place::Form,
        essence if essence.ends_with("/xml") || essence.ends_with("+xml") || essence.ends_with("/html") => Place::Xml,
        _ => escape,
    }
}

/// A body in a file of its own: JSON whose leaves are templates, or any other text.
fn body_of_file(
    node: Node<'_>,
    content_type: Option<&str>,
    escape: Place,
    settings: Option<&[&str]>,
) -> Option<BodyForm> {
    let named = node.filled()?;
    let path = named.reading.directory.join(named.value.trim());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let help = "a relative path begins beside the configuration file";
            named.mistake(format!("the file {} cannot be read: {error}", named.value), help);
            return None;
        }
    };
    let as_json = match content_type {
        Some(content_type) => is_json(content_type),
        None => Path::new(named.value.trim()).extension().is_some_and(|extension| extension == "json"),
    };
    if as_json {
        let json: Json = match serde_json::from_str(&text) {
            Ok(json) => json,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let help = "its texts may hold templates, and around them it must be JSON as it stands";
                named.mistake(format!("the file is not JSON from its line {line}, column {column} on"), help);
                return None;
            }
        };
        let told = |wrongs: Vec<WrongLeaf>| {
            for WrongLeaf { leaf, wrong } in wrongs {
                let help = wrong.help.unwrap_or_else(|| "mend it in that file".to_owned());
                named.mistake(format!("in the file {}, at {leaf}: {}", named.value, wrong.message), help);
            }
        };
        let tree = Tree::parse(&json, escape).map_err(told).ok()?;
        if let Some(settings) = settings {
            doubt(&named, tree.names().into_iter().map(|(_, name)| name), settings);
        }
        return Some(BodyForm::Json(tree));
    }
    let content_type = content_type.unwrap_or(TEXT);
    let parsed = template::Text::parse(&text, place_of(content_type, escape));
    let text = parsed.map_err(|wrong| tell_of_file(&named, &wrong)).ok()?;
    if let Some(settings) = settings {
        doubt(&named, text.names(), settings);
    }
    Some(BodyForm::Text { text, content_type: content_type.to_owned() })
}

/// A table or a list as JSON, each text of which is a template.
fn tree(node: Node<'_>, escape: Place, settings: Option<&[&str]>) -> Option<Tree> {
    let mut leaves = Leaves::new();
    let json = json(node, String::new(), &mut leaves)?;
    let told = |wrongs: Vec<WrongLeaf>| {
        for WrongLeaf { leaf, wrong } in wrongs {
            if let Some(text) = leaves.get(&leaf) {
                tell(text, &wrong);
            }
        }
    };
    let tree = Tree::parse(&json, escape).map_err(told).ok()?;
    if let Some(settings) = settings {
        for (leaf, name) in tree.names() {
            if let Some(text) = leaves.get(&leaf) {
                doubt(text, [name], settings);
            }
        }
    }
    Some(tree)
}

/// The texts of a tree, by JSON Pointer.
type Leaves<'a> = BTreeMap<String, Text<'a>>;

fn json<'a>(node: Node<'a>, pointer: String, leaves: &mut Leaves<'a>) -> Option<Json> {
    if node.is_text() {
        let text = node.template()?;
        let json = Json::from(text.value.as_str());
        leaves.insert(pointer, text);
        return Some(json);
    }
    if let Some(constant) = node.constant() {
        return Some(constant);
    }
    if node.is_table() {
        let mut section = node.table()?;
        let mut entries = section.rest();
        // As the file has them: what is sent should look like what was written.
        let written = |name: &str| section.reading.document.place(&child(&section.path, name)).map(|p| p.key.start);
        entries.sort_by_key(|(name, _)| written(name));
        let read: Vec<Option<(String, Json)>> = entries
            .into_iter()
            .map(|(name, node)| {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                Some((name, json(node, pointer, leaves)?))
            })
            .collect();
        return Some(Json::Object(read.into_iter().collect::<Option<_>>()?));
    }
    let items = node.list("[\"{{ lead.name }}\"]")?;
    let read: Vec<Option<Json>> =
        items.into_iter().enumerate().map(|(i, node)| json(node, format!("{pointer}/{i}"), leaves)).collect();
    Some(Json::Array(read.into_iter().collect::<Option<_>>()?))
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

/// What templates know as `settings`: the file's own, and the preset's defaults.
fn settings(section: &mut Section<'_>, preset: Option<&Preset>) -> Option<BTreeMap<String, String>> {
    let known = preset.map(|preset| preset.settings.as_slice()).unwrap_or_default();
    let mut settings = BTreeMap::new();
    let mut whole = true;
    if let Some(node) = section.take("settings") {
        for (name, node) in node.table()?.rest() {
            let key = node.key_spot();
            if preset.is_some() && !known.iter().any(|setting| setting.name == name) {
                let names: Vec<&str> = known.iter().map(|setting| setting.name.as_str()).collect();
                let help = suggest::instead(&name, &names).unwrap_or_else(|| "take it out".to_owned());
                node.reading.mistake(&key, "the preset has no setting of this name", Some(help));
                whole = false;
            }
            match node.scalar() {
                Some(Json::String(text)) => drop(settings.insert(name, text)),
                Some(value) => drop(settings.insert(name, value.to_string())),
                None => whole = false,
            }
        }
    }
    for setting in known {
        match (&setting.default, settings.contains_key(&setting.name)) {
            (_, true) => {}
            (Some(default), false) => drop(settings.insert(setting.name.clone(), default.clone())),
            (None, false) if setting.required => {
                let path = child("settings", &setting.name);
                section.missing(&path, &format!("\"...\": {}", setting.about));
                whole = false;
            }
            (None, false) => {}
        }
    }
    whole.then_some(settings)
}

/// Says which names of a template exist in no event. Below `lead` that is a warning: the API may send more than its page
/// says.
pub(super) fn doubt<'n>(text: &Text<'_>, names: impl IntoIterator<Item = &'n Name>, settings: &[&str]) {
    for doubt in check_names(names, settings, &[]) {
        let part = text.value.get(doubt.at.clone()).unwrap_or_default();
        let spot = text.spot.clone().within(text.reading, part, doubt.at.start);
        if doubt.may_exist {
            let message = format!("WeClever's page knows no `{}`", doubt.path);
            let help = doubt.help.unwrap_or_else(|| "it prints as nothing where a lead does not have it".to_owned());
            text.reading.warn(&spot, message, Some(help));
        } else {
            let help = doubt
                .help
                .unwrap_or_else(|| "names are id, type, timestamp, and what an event has under data".to_owned());
            text.reading.mistake(&spot, format!("no event has `{}`", doubt.path), Some(help));
        }
    }
}

/// Says what is wrong with a template, at the place in it.
pub(super) fn tell(text: &Text<'_>, wrong: &Wrong) {
    tell_with(text, wrong, "write for example {{ lead.name }}");
}

/// The same, with what to write where the template's own error does not say it.
pub(super) fn tell_with(text: &Text<'_>, wrong: &Wrong, example: &str) {
    let part = text.value.get(wrong.at.clone()).unwrap_or_default();
    let spot = text.spot.clone().within(text.reading, part, wrong.at.start);
    let help = wrong.help.clone().unwrap_or_else(|| example.to_owned());
    text.reading.mistake(&spot, wrong.message.clone(), Some(help));
}

fn tell_of_file(named: &Text<'_>, wrong: &Wrong) {
    let help = wrong.help.clone().unwrap_or_else(|| "mend it in that file".to_owned());
    named.mistake(format!("in the file {}: {}", named.value, wrong.message), help);
}
