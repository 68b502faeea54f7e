//! `body`, `body_file` and `content_type`: what a destination or a route makes the body of.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::document::child;
use super::network;
use super::node::Node;
use super::reader::Section;
use super::telling::{Known, doubt, tell};
use super::text::Text;
use crate::domain::form::BodyForm;
use crate::domain::template::{self, Place, Tree, Wrong, WrongLeaf};

const TEXT: &str = "text/plain; charset=utf-8";

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

    /// Where the body stands, if there is one.
    pub(super) fn node(&self) -> Option<&Node<'a>> {
        self.body.as_ref().or(self.file.as_ref())
    }

    /// Where the body stands that is a text without a content type of its own.
    pub(super) fn untyped_text(&self) -> Option<&Node<'a>> {
        self.body.as_ref().filter(|body| body.is_text() && self.content_type.is_none())
    }

    /// The body, for a place where texts are escaped so. `known`: what else its templates know; `None`: its names were looked
    /// at before. The outer `None`: a mistake was said; the inner: no body is set.
    pub(super) fn read(&self, escape: Place, known: Option<Known<'_>>) -> Option<Option<BodyForm>> {
        if let (Some(_), Some(file)) = (&self.body, &self.file) {
            file.mistake("is set, and so is `body`", "keep one of the two");
            return None;
        }
        let content_type = self.content_type.clone().map_or(Some(None), |node| content_type(node).map(Some))?;
        let content_type = content_type.as_deref();
        let form = match (self.body.clone(), self.file.clone()) {
            (Some(node), _) if node.is_text() => text_body(&node.template()?, content_type, escape, known),
            (Some(node), _) => {
                if let Some(node) = &self.content_type {
                    let help = "set the header content-type under `headers` where it must be another one";
                    node.mistake("a table is sent as application/json", help);
                    return None;
                }
                Some(BodyForm::Json(tree(node, escape, known)?))
            }
            (None, Some(node)) => body_of_file(node, content_type, escape, known),
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

/// Types in which nothing that a lead writes means anything, and those that are escaped; see [`place_of`].
fn is_safe(content_type: &str) -> bool {
    let essence = essence(content_type);
    ["text/plain", "text/markdown"].contains(&essence.as_str()) || place_of(content_type, Place::Plain) != Place::Plain
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

fn text_body(text: &Text<'_>, content_type: Option<&str>, escape: Place, known: Option<Known<'_>>) -> Option<BodyForm> {
    let content_type = content_type.unwrap_or(TEXT);
    if is_json(content_type) {
        text.mistake(
            "JSON with holes in it breaks as soon as a lead writes a quotation mark",
            "write the body as a table, body = { text = \"{{ lead.name }}\" }, or name a JSON file with body_file",
        );
        return None;
    }
    if !is_safe(content_type) {
        let help = "escape them by a filter, or send a table (JSON), a form or XML, which is done by itself";
        let message = format!("a lead's texts stand in {content_type} as they are, whatever they mean there");
        text.reading.warn(&text.spot, message, Some(help.to_owned()));
    }
    let parsed = template::Text::parse(&text.value, place_of(content_type, escape));
    let template = parsed.map_err(|wrong| tell(text, &wrong)).ok()?;
    if let Some(known) = known {
        doubt(text, template.names(), known);
    }
    Some(BodyForm::Text { text: template, content_type: content_type.to_owned() })
}

fn is_json(content_type: &str) -> bool {
    essence(content_type).contains("json")
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What a text of this type must not be broken by.
fn place_of(content_type: &str, escape: Place) -> Place {
    match essence(content_type).as_str() {
        "application/x-www-form-urlencoded" => Place::Form,
        essence if essence.ends_with("/xml") || essence.ends_with("+xml") || essence.ends_with("/html") => Place::Xml,
        _ => escape,
    }
}

/// No body's text is longer, in bytes.
const LONGEST: u64 = 1 << 20;

/// A file as text; a pipe or a device would never end.
fn read(path: &Path) -> std::io::Result<String> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    if about.len() > LONGEST {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    std::fs::read_to_string(path)
}

/// A body in a file of its own: JSON whose leaves are templates, or any other text.
fn body_of_file(
    node: Node<'_>,
    content_type: Option<&str>,
    escape: Place,
    known: Option<Known<'_>>,
) -> Option<BodyForm> {
    let named = node.filled()?;
    let text = match read(&named.reading.directory.join(named.value.trim())) {
        Ok(text) => text,
        Err(error) => {
            let help = "a relative path begins beside the configuration file";
            named.mistake(format!("{} cannot be read: {error}", named.file()), help);
            return None;
        }
    };
    named.reading.inputs.note(named.spot.path(), text.as_bytes());
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
                named.mistake(format!("in {}, at {leaf}: {}", named.file(), wrong.message), help);
            }
        };
        let tree = Tree::parse(&json, escape).map_err(told).ok()?;
        if let Some(known) = known {
            doubt(&named, tree.names().into_iter().map(|(_, name)| name), known);
        }
        return Some(BodyForm::Json(tree));
    }
    let content_type = content_type.unwrap_or(TEXT);
    let parsed = template::Text::parse(&text, place_of(content_type, escape));
    let text = parsed.map_err(|wrong| tell_of_file(&named, &wrong)).ok()?;
    if let Some(known) = known {
        doubt(&named, text.names(), known);
    }
    Some(BodyForm::Text { text, content_type: content_type.to_owned() })
}

/// A table or a list as JSON, each text of which is a template.
fn tree(node: Node<'_>, escape: Place, known: Option<Known<'_>>) -> Option<Tree> {
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
    if let Some(known) = known {
        for (leaf, name) in tree.names() {
            if let Some(text) = leaves.get(&leaf) {
                doubt(text, [name], known);
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

fn tell_of_file(named: &Text<'_>, wrong: &Wrong) {
    let help = wrong.help.clone().unwrap_or_else(|| "mend it in that file".to_owned());
    named.mistake(format!("in {}: {}", named.file(), wrong.message), help);
}
