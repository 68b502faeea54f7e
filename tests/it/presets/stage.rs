//! Stand-ins for vendors, and a run of leadhook between them and a WeClever.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::*;

/// What a vendor answers: a status, headers with their line ends, and a body.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    pub headers: &'static str,
    pub body: String,
}

pub fn said(status: u16, headers: &'static str, body: impl Into<String>) -> Said {
    Said { status, headers, body: body.into() }
}

/// How a vendor answers a request, by its page.
pub type Page = fn(&Request) -> Said;

/// A vendor.
pub struct StandIn {
    raw: Raw,
}

impl StandIn {
    /// Answers with these first, and then as its page says.
    pub async fn start(page: Page, first: Vec<Said>) -> StandIn {
        let answer = move |request: &Request, came: usize| {
            let said = first.get(came).cloned().unwrap_or_else(|| page(request));
            Reply::new(said.status, said.headers, &said.body)
        };
        StandIn { raw: Raw::start(answer).await }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.raw.url())
    }

    pub fn requests(&self) -> Vec<Request> {
        self.raw.requests()
    }

    /// The bodies that came, as JSON.
    pub fn bodies(&self) -> Vec<Value> {
        self.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }

    /// What it would have answered to each, had it not been told otherwise.
    #[track_caller]
    pub fn is_content(&self, page: Page) {
        for request in self.requests() {
            let said = page(&request);
            let body = String::from_utf8_lossy(&request.body);
            assert!((200..300).contains(&said.status), "{}: {}: {body}", said.status, said.body);
        }
    }
}

/// A body, if it is a JSON object under the right headers.
pub fn object(request: &Request) -> Option<Value> {
    let json = request.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    (json && request.line.starts_with("POST ") && body.is_object()).then_some(body)
}

/// How long a text is for those who count least generously: in UTF-16, in which most vendors think.
pub fn length(text: &Value) -> Option<usize> {
    text.as_str().map(|text| text.encode_utf16().count())
}

/// A file with destinations, each with a route of its own name.
pub struct Wiring {
    text: String,
}

impl Wiring {
    pub fn new(api: &Api) -> Wiring {
        let start = (Timestamp::now() - Duration::from_secs(3_600)).to_string();
        Wiring { text: File::new(&api.base_url()).source("start", &start).text() }
    }

    /// A destination by a preset. `keys`: lines of its table; `on`: the events of its route.
    pub fn to(mut self, preset: &str, name: &str, url: &str, keys: &str, on: &[&str]) -> Wiring {
        write!(
            self.text,
            "\n[destinations.{name}]\npreset = {preset:?}\nurl = {url:?}\n{keys}\n\n[[routes]]\nname = {name:?}\non = {on:?}\nto = [{name:?}]\n"
        )
        .unwrap();
        self
    }

    /// One poll, and everything that comes due within these seconds. Any exit code will do but those for a wrong file.
    #[track_caller]
    pub fn run(&self, wait: &str) -> Place {
        let place = Place::empty();
        place.write_text("leadhook.toml", &self.text);
        let ran = place.run(&["run", "--once", "--wait", wait]);
        assert!([0, 1].contains(&ran.code), "{ran:?}\n{}", self.text);
        place
    }
}

/// What became of the only delivery to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Dead,
    /// The destination is disabled, and the delivery waits for a person.
    Disabled,
    /// It is to be tried again later.
    Waits,
}

pub fn fate(status: &Value, name: &str) -> Fate {
    let destination = destination(status, name);
    let count = |key: &str| destination[key].as_u64().unwrap();
    match (count("delivered"), count("dead"), count("pending"), destination["state"].as_str()) {
        (1, 0, 0, _) => Fate::Delivered,
        (0, 1, 0, _) => Fate::Dead,
        (0, 0, 1, Some("disabled")) => Fate::Disabled,
        (0, 0, 1, _) => Fate::Waits,
        other => panic!("{name}: {other:?} in {destination:#}"),
    }
}

/// An answer that comes once, what it leads to, and how many requests there are in all.
pub struct Mode {
    pub name: &'static str,
    pub said: Said,
    pub fate: Fate,
    pub requests: usize,
}

pub fn mode(name: &'static str, said: Said, fate: Fate, requests: usize) -> Mode {
    Mode { name, said, fate, requests }
}

/// One retry soon, and then none within the life of a test.
const ONE_RETRY: &str = "retry = { schedule = [\"20ms\", \"1h\"], jitter = 0 }";

/// Runs a preset into each of these answers, at a destination of its own. Gives the status afterwards.
pub async fn answers_lead_to(preset: &str, path: &str, keys: &str, page: Page, modes: Vec<Mode>) -> Value {
    let api = Api::start().await;
    api.finalize(1, &super::leads::row(1), Some(super::leads::LOW));
    let mut wiring = Wiring::new(&api);
    let mut vendors = Vec::new();
    for mode in &modes {
        let vendor = StandIn::start(page, vec![mode.said.clone()]).await;
        let keys = format!("{keys}\n{ONE_RETRY}");
        wiring = wiring.to(preset, mode.name, &vendor.url(path), &keys, &["lead.finalized"]);
        vendors.push(vendor);
    }
    let place = wiring.run("4s");
    let status = place.status();
    for (mode, vendor) in modes.iter().zip(&vendors) {
        assert_eq!(fate(&status, mode.name), mode.fate, "{preset}: {:?}", mode.said);
        let requests = vendor.requests();
        assert_eq!(requests.len(), mode.requests, "{preset}: {:?}", mode.said);
        if mode.said.headers.contains("retry-after: 1\r\n") {
            let paused = requests[1].at - requests[0].at;
            assert!(paused >= Duration::from_millis(950), "{preset}: {:?} was obeyed for {paused:?}", mode.said);
        }
        vendor.is_content(page);
    }
    status
}
