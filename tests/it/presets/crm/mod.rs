//! Stand-ins for CRMs that keep state, and stories in which anything goes wrong at any moment.
//!
//! A CRM is a value: it answers requests, and what it was told stays in it. Around it stand a WeClever with one lead, a
//! leadhook in a directory of its own, and real HTTP on a free port. To write one:
//!
//! ```ignore
//! #[derive(Clone, Default)]
//! struct Pipes { people: Vec<Value>, notes: Vec<Value> }
//!
//! impl Crm for Pipes {
//!     fn answer(&mut self, call: &Call) -> Answer {
//!         match (call.method.as_str(), call.path.as_str()) {
//!             ("POST", "/persons") => { self.people.push(call.json()); answer(201, json!({"id": self.people.len()})) }
//!             ...
//!             _ => answer(404, json!({})),
//!         }
//!     }
//!     fn contacts(&self) -> Vec<Value> { self.people.clone() }
//!     fn notes(&self) -> Vec<Value> { self.notes.clone() }
//! }
//!
//! /// The lines of the destination's table, for a CRM at this address.
//! fn keys(base: &str) -> String { format!("preset = \"pipes\"\nurl = {base:?}\nauth = ...") }
//!
//! let story = Story::of(keys, Pipes::default);      // a lead that was finalized: leads::LOW
//! let played = story.play(&[]).await;               // nothing goes wrong
//! assert_eq!(shown(&played.calls), [json!({"POST /persons": {...}}), ...]);
//! let played = story.play(&[(1, Fault::Says(answer(423, json!({}))))]).await; // the second request is answered so
//! story.whatever_happens(&[]).await;                // every request, every fault: one contact, one note, delivered
//! ```
//!
//! `leadhook run --once` is run until it ends by itself: where it was killed, it is started again in the same directory.
//! Retries come at once, and the rate is out of the way, so that a story takes a fraction of a second.
//!
//! Requests are counted from 0 over the whole story, those for tokens among them ([`Crm::is_token`]). A stand-in must be
//! as strict as its vendor's page: what it refuses without being told to makes a dead letter, and the story fails.

mod story;
mod tokens;
mod trying;

use std::collections::BTreeMap;
use std::time::Instant;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::support::{Reply, Request};

pub use story::{LEAD, Played, Story};
pub use tokens::{CLIENT_ID, CLIENT_SECRET, Tokens};

/// A vendor's side. What it knows is its state.
pub trait Crm: Clone + Send + 'static {
    /// Handles a request, and says what comes of it.
    fn answer(&mut self, call: &Call) -> Answer;

    /// The contacts (leads, deals: whatever there is one of for a lead) that there are.
    fn contacts(&self) -> Vec<Value>;

    /// The notes (activities, annotations, tasks) that there are.
    fn notes(&self) -> Vec<Value>;

    /// Whether this asks for a token. Such a request is neither throttled nor told that it has no token.
    fn is_token(call: &Call) -> bool {
        call.path.contains("/token")
    }
}

/// A request, taken apart.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    /// Without the query, as it came.
    pub path: String,
    /// What stands behind the `?`, decoded.
    pub query: BTreeMap<String, String>,
    /// Their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: Vec<u8>,
    /// `http://127.0.0.1:PORT`, where the stand-in is to be found.
    pub base: String,
    /// When it came.
    pub at: Instant,
    line: String,
}

impl Call {
    pub(crate) fn of(request: &Request) -> Call {
        let (method, target) = request.line.split_once(' ').unwrap_or((&request.line, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Call {
            method: method.to_owned(),
            path: path.to_owned(),
            query: form(query),
            headers: request.headers.clone(),
            body: request.body.clone(),
            base: format!("http://{}", request.headers.get("host").map_or("", String::as_str)),
            at: request.at,
            line: request.line.clone(),
        }
    }

    /// As it came, for pages that are functions of it.
    pub fn request(&self) -> Request {
        Request { line: self.line.clone(), headers: self.headers.clone(), body: self.body.clone(), at: self.at }
    }

    /// The body, if it is JSON and said to be; else null.
    pub fn json(&self) -> Value {
        let said = self.header("content-type").starts_with("application/json");
        said.then(|| serde_json::from_slice(&self.body).ok()).flatten().unwrap_or_default()
    }

    /// The body's fields, if it is a form and said to be.
    pub fn form(&self) -> BTreeMap<String, String> {
        let said = self.header("content-type").starts_with("application/x-www-form-urlencoded");
        form(if said { std::str::from_utf8(&self.body).unwrap_or("") } else { "" })
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query, or nothing.
    pub fn asked(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// `{"POST /path?query": body}`, to be compared: the body as JSON, as a form's fields, as a text, or null.
    pub fn shown(&self) -> Value {
        let body = match (self.json(), self.form()) {
            (Value::Null, form) if !form.is_empty() => json!(form),
            (Value::Null, _) if !self.body.is_empty() => json!(String::from_utf8_lossy(&self.body)),
            (json, _) => json,
        };
        json!({ &self.line: body })
    }
}

/// All of them, to be compared.
pub fn shown(calls: &[Call]) -> Vec<Value> {
    calls.iter().map(Call::shown).collect()
}

/// `POST /path?query` of each.
pub fn lines(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| call.line.clone()).collect()
}

fn form(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// What a CRM answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// Null: nothing. A text is sent as it is, anything else as JSON.
    pub body: Value,
}

/// An answer without headers of its own.
pub fn answer(status: u16, body: Value) -> Answer {
    Answer { status, headers: Vec::new(), body }
}

impl Answer {
    pub fn with(mut self, header: &'static str, value: impl ToString) -> Answer {
        self.headers.push((header, value.to_string()));
        self
    }

    pub fn reply(&self) -> Reply {
        let (kind, body) = match &self.body {
            Value::Null => ("", String::new()),
            Value::String(text) => ("content-type: text/plain\r\n", text.clone()),
            body => ("content-type: application/json\r\n", body.to_string()),
        };
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Reply::new(self.status, &format!("{kind}{headers}"), &body)
    }
}

/// What goes wrong at a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// leadhook is killed when the request has arrived, and nobody handles it.
    Killed,
    /// The request is handled, and leadhook is killed before it is told.
    HandledThenKilled,
    /// The connection ends, and nobody handles the request.
    Cut,
    /// The request is handled, and the connection ends without an answer.
    HandledThenCut,
    /// This comes back, and nobody handles the request.
    Says(Answer),
    /// The request is handled, and this comes back all the same.
    HandledThenSays(Answer),
}

impl Fault {
    /// What may happen to any request of any CRM.
    pub fn all() -> Vec<Fault> {
        let status = |status| answer(status, Value::Null);
        vec![
            Fault::Killed,
            Fault::HandledThenKilled,
            Fault::Cut,
            Fault::HandledThenCut,
            Fault::Says(status(500)),
            Fault::HandledThenSays(status(500)),
            Fault::HandledThenSays(status(504)),
            Fault::Says(status(429)),
            Fault::Says(status(429).with("retry-after", 1)),
            Fault::Says(status(401)),
        ]
    }

    /// Whether it may happen to a request for a token, which no API handles.
    fn is_for_tokens(&self) -> bool {
        !matches!(self, Fault::Says(Answer { status: 401 | 429, .. }))
    }
}
