//! JSON bodies: a tree whose texts are templates. What comes out is JSON, whatever a lead says.

use std::fmt;

use minijinja::value::ValueKind;
use serde_json::{Map, Number, Value as Json};

use super::functions::is_omit;
use super::language::{LONGEST, Use};
use super::names::Name;
use super::program::Program;
use super::{Context, Place, RenderError, Text, Wrong, is_template, reason};

/// How deep a value may be nested that is put into a tree.
const DEEPEST: usize = 64;

/// A JSON body whose texts are templates.
#[derive(Clone)]
pub struct Tree {
    place: Place,
    root: Node,
}

/// A text of a tree that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLeaf {
    /// Which text, as a JSON Pointer.
    pub leaf: String,
    /// What is wrong with it.
    pub wrong: Wrong,
}

#[derive(Clone)]
enum Node {
    /// The same for every event.
    Literal(Json),
    Text(Text),
    /// Exactly one `{{ expression }}`: keeps its type.
    Expression(Program),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Tree {
    /// Reads a tree. Keys stay as they are, and so does everything that is not text.
    ///
    /// # Errors
    /// Every text that is wrong.
    pub fn parse(tree: &Json, place: Place) -> Result<Tree, Vec<WrongLeaf>> {
        let mut wrong = Vec::new();
        let root = parsed(tree, place, &mut String::new(), &mut wrong);
        if wrong.is_empty() { Ok(Tree { place, root }) } else { Err(wrong) }
    }

    /// The body for this event. What is undefined is null, and what is `omit` is left out of its list or object.
    ///
    /// # Errors
    /// The first text that could not be evaluated, and why.
    pub fn render(&self, context: &Context) -> Result<Json, RenderError> {
        let mut rendering = Rendering { place: self.place, context, left: LONGEST, pointer: String::new() };
        Ok(rendering.node(&self.root)?.unwrap_or(Json::Null))
    }

    /// What it looks up, each with the leaf that does, as a JSON Pointer.
    pub fn names(&self) -> Vec<(String, &Name)> {
        let mut found = Vec::new();
        names(&self.root, &mut String::new(), &mut found);
        found
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets may have been put into it.
        f.write_str("Tree(..)")
    }
}

fn parsed(tree: &Json, place: Place, pointer: &mut String, wrong: &mut Vec<WrongLeaf>) -> Node {
    match tree {
        Json::String(text) if is_template(text) => match Program::text(text, Use::Text(place)) {
            Ok(parsed) => match parsed.expression {
                Some(expression) => Node::Expression(expression),
                None => Node::Text(Text::of_program(parsed.text)),
            },
            Err(found) => {
                wrong.push(WrongLeaf { leaf: pointer.clone(), wrong: found });
                Node::Literal(Json::Null)
            }
        },
        Json::Array(items) => {
            let item = |(i, item): (usize, &Json)| {
                below(pointer, &i.to_string(), |pointer| parsed(item, place, pointer, wrong))
            };
            Node::List(items.iter().enumerate().map(item).collect())
        }
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| {
                let node = below(pointer, key, |pointer| parsed(value, place, pointer, wrong));
                (key.clone(), node)
            };
            Node::Object(entries.iter().map(entry).collect())
        }
        other => Node::Literal(other.clone()),
    }
}

fn names<'a>(node: &'a Node, pointer: &mut String, found: &mut Vec<(String, &'a Name)>) {
    match node {
        Node::Literal(_) => {}
        Node::Text(text) => found.extend(text.names().iter().map(|name| (pointer.clone(), name))),
        Node::Expression(program) => found.extend(program.names().iter().map(|name| (pointer.clone(), name))),
        Node::List(items) => {
            for (i, item) in items.iter().enumerate() {
                below(pointer, &i.to_string(), |pointer| names(item, pointer, found));
            }
        }
        Node::Object(entries) => {
            for (key, value) in entries {
                below(pointer, key, |pointer| names(value, pointer, found));
            }
        }
    }
}

/// Does something one step further down.
fn below<T>(pointer: &mut String, key: &str, act: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    let result = act(pointer);
    pointer.truncate(length);
    result
}

struct Rendering<'a> {
    place: Place,
    context: &'a Context,
    /// Bytes of text that may still come.
    left: usize,
    pointer: String,
}

impl Rendering<'_> {
    /// `None`: left out.
    fn node(&mut self, node: &Node) -> Result<Option<Json>, RenderError> {
        match node {
            Node::Literal(json) => Ok(Some(json.clone())),
            Node::Text(text) => {
                let text = text.render(self.context).map_err(|error| self.here(error))?;
                self.spend(text.len())?;
                Ok(Some(Json::String(text)))
            }
            Node::Expression(program) => {
                let value = program.evaluate(self.context).map_err(|error| {
                    let error = program.failure(&error, self.context);
                    self.here(error)
                })?;
                self.value(&value, 0)
            }
            Node::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    list.extend(self.below(&i.to_string(), |this| this.node(item))?);
                }
                Ok(Some(Json::Array(list)))
            }
            Node::Object(entries) => {
                let mut object = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(value) = self.below(key, |this| this.node(value))? {
                        object.insert(key.clone(), value);
                    }
                }
                Ok(Some(Json::Object(object)))
            }
        }
    }

    fn value(&mut self, value: &minijinja::Value, depth: usize) -> Result<Option<Json>, RenderError> {
        if is_omit(value) {
            return Ok(None);
        }
        if depth > DEEPEST {
            return Err(self.refused("is nested too deep"));
        }
        self.spend(1)?;
        Ok(Some(match value.kind() {
            ValueKind::Undefined | ValueKind::None => Json::Null,
            ValueKind::Bool => Json::Bool(value.is_true()),
            ValueKind::Number => number(value),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                let text = if value.is_safe() { text.to_owned() } else { self.place.escape(text).into_owned() };
                self.spend(text.len())?;
                Json::String(text)
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter().map_err(|_| self.refused("holds a list that cannot be read"))?;
                let mut list = Vec::new();
                for item in items {
                    list.extend(self.value(&item, depth + 1)?);
                }
                Json::Array(list)
            }
            ValueKind::Map => {
                let keys = value.try_iter().map_err(|_| self.refused("holds an object that cannot be read"))?;
                let mut object = Map::new();
                for key in keys {
                    let name = key.to_string();
                    self.spend(name.len())?;
                    let inner = value.get_item(&key).unwrap_or_default();
                    if let Some(inner) = self.value(&inner, depth + 1)? {
                        object.insert(name, inner);
                    }
                }
                Json::Object(object)
            }
            kind => return Err(self.refused(&format!("is {}, which JSON has no word for", reason::kind_name(kind)))),
        }))
    }

    fn below<T>(&mut self, key: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        let result = act(self);
        self.pointer.truncate(length);
        result
    }

    fn spend(&mut self, bytes: usize) -> Result<(), RenderError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.refused(&format!("the body would be longer than {LONGEST} bytes"))),
        }
    }

    fn refused(&self, why: &str) -> RenderError {
        self.here(RenderError { leaf: None, message: why.to_owned(), help: None })
    }

    fn here(&self, error: RenderError) -> RenderError {
        RenderError { leaf: (!self.pointer.is_empty()).then(|| self.pointer.clone()), ..error }
    }
}

/// The number as it is; null for what JSON has no number for.
fn number(value: &minijinja::Value) -> Json {
    let whole = value.is_integer().then(|| i128::try_from(value.clone()).ok()).flatten();
    let number = match whole {
        Some(whole) => Number::from_i128(whole).or_else(|| Number::from_f64(whole as f64)),
        None => f64::try_from(value.clone()).ok().and_then(Number::from_f64),
    };
    number.map_or(Json::Null, Json::Number)
}
