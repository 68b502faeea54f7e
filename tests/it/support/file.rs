//! A leadhook.toml, written key by key.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Begins with what fits the simulated WeClever; each story adds what it is about.
#[derive(Clone)]
pub struct File {
    source: BTreeMap<String, String>,
    destinations: Vec<(String, String, String)>,
    routes: Vec<(String, String, String)>,
}

impl File {
    pub fn new(base_url: &str) -> File {
        let file = File { source: BTreeMap::new(), destinations: Vec::new(), routes: Vec::new() };
        let file = file.source("base_url", base_url).source("platform_id", "demo");
        file.source("username", "demo").source("password", "demo").source("poll_every", "150ms")
    }

    /// Sets a key of `[source]` to a text.
    pub fn source(mut self, key: &str, text: &str) -> File {
        self.source.insert(key.into(), format!("{text:?}"));
        self
    }

    /// Sets a key of `[source]` to a number.
    pub fn number(mut self, key: &str, value: u64) -> File {
        self.source.insert(key.into(), value.to_string());
        self
    }

    /// Sets a key of `[source]` to what stands for itself: `true`, `["1s"]`.
    pub fn bare(mut self, key: &str, value: &str) -> File {
        self.source.insert(key.into(), value.into());
        self
    }

    /// Sets a key of `[source]` to a list of texts.
    pub fn list(mut self, key: &str, texts: &[&str]) -> File {
        self.source.insert(key.into(), format!("{texts:?}"));
        self
    }

    pub fn without(mut self, key: &str) -> File {
        self.source.remove(key);
        self
    }

    /// A destination and a route of the same name that sends everything there. `more`: lines of its table.
    pub fn to(self, name: &str, url: &str, more: &str) -> File {
        self.destination(name, url, more).route(name, name)
    }

    pub fn destination(mut self, name: &str, url: &str, more: &str) -> File {
        self.destinations.push((name.into(), url.into(), more.into()));
        self
    }

    pub fn route(self, name: &str, to: &str) -> File {
        self.route_on(name, &["lead.finalized"], to)
    }

    /// A route for these types.
    pub fn route_on(self, name: &str, on: &[&str], to: &str) -> File {
        self.route_with(name, &format!("on = {on:?}"), &[to])
    }

    /// A route with these lines in its table.
    pub fn route_with(mut self, name: &str, lines: &str, to: &[&str]) -> File {
        self.routes.push((name.into(), lines.into(), format!("{to:?}")));
        self
    }

    pub fn text(&self) -> String {
        let mut text = String::from("[source]\n");
        for (key, value) in &self.source {
            writeln!(text, "{key} = {value}").unwrap();
        }
        text.push_str("\n[admin]\nlisten = \"127.0.0.1:0\"\n");
        for (name, url, more) in &self.destinations {
            writeln!(text, "\n[destinations.{name}]\nurl = {url:?}\n{more}").unwrap();
        }
        for (name, lines, to) in &self.routes {
            writeln!(text, "\n[[routes]]\nname = {name:?}\n{lines}\nto = {to}").unwrap();
        }
        text
    }
}
