//! A vendor: a token URL and, at the same address, the CRM that takes its tokens. It remembers what it gave, as real ones do.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::*;

pub const CLIENT: &str = "client-planted-7701";
pub const SECRET_OF_CLIENT: &str = "client-secret-planted-7702";
/// Every token and code that it gives begins like this.
pub const GIVEN: &str = "planted-77";

/// Where in a renewal the service is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trap {
    /// The request for a token is there, and nothing was done about it.
    Asked,
    /// The refresh token is used up, and no answer was sent.
    Rotated,
    /// The answer is on its way.
    Answering,
    /// The CRM has the first request with the new token.
    Used,
}

/// What it does, and what it knows.
pub struct State {
    /// `expires_in`, in seconds.
    pub lives: Option<u64>,
    /// Every use of a refresh token ends it.
    pub rotates: bool,
    /// And does so even before its successor was used.
    pub strict: bool,
    /// What the token URL answers instead.
    pub instead: Option<(u16, &'static str)>,
    /// How long it thinks.
    pub slow: Duration,
    /// Refresh tokens that are good, the newest last.
    pub refresh: Vec<String>,
    /// Codes that are good, with the challenge that came with the person.
    pub codes: Vec<(String, Option<String>)>,
    /// Access tokens that are good.
    pub access: Vec<(String, Instant)>,
    /// What every answer with a token holds beside it.
    pub more: Value,
    /// Requests for a token that were answered with one, by grant; and all that were made.
    pub grants: Vec<String>,
    pub asked: usize,
    /// Ids of events that the CRM took, in order, and requests that it refused.
    pub took: Vec<String>,
    pub refused: usize,
    pub trap: Option<(Trap, i64)>,
    given: usize,
}

pub struct Vendor {
    pub raw: Raw,
    state: Arc<Mutex<State>>,
}

impl Vendor {
    pub async fn start() -> Vendor {
        let state = State {
            lives: Some(3600),
            rotates: true,
            strict: true,
            instead: None,
            slow: Duration::ZERO,
            refresh: Vec::new(),
            codes: Vec::new(),
            access: Vec::new(),
            more: json!({}),
            grants: Vec::new(),
            asked: 0,
            took: Vec::new(),
            refused: 0,
            trap: None,
            given: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let its = Arc::clone(&state);
        let raw = Raw::start(move |request, _| {
            let mut state = its.lock().unwrap();
            match request.line.split(' ').nth(1).unwrap_or_default() {
                "/token" => {
                    std::thread::sleep(state.slow);
                    state.token(request)
                }
                _ => state.crm(request),
            }
        })
        .await;
        Vendor { raw, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn crm(&self) -> String {
        format!("{}/leads", self.raw.url())
    }

    /// `auth` for it, with more keys.
    pub fn auth(&self, more: &str) -> String {
        let url = self.raw.url();
        format!(
            "auth = {{ type = \"oauth2\", token_url = \"{url}/token\", client_id = {CLIENT:?}, client_secret = {SECRET_OF_CLIENT:?}{more} }}\n"
        )
    }

    /// The same, signed in by hand.
    pub fn by_hand(&self, more: &str) -> String {
        let url = self.raw.url();
        self.auth(&format!(
            ", grant = \"refresh_token\", authorize_url = \"{url}/authorize\", redirect_url = \"http://127.0.0.1:0/callback\"{more}"
        ))
    }

    /// A refresh token that is good.
    pub fn give_refresh(&self) -> String {
        let mut state = self.state();
        let token = state.new_one("refresh");
        state.refresh.push(token.clone());
        token
    }

    /// How many requests for a token there were, and how many requests with one were refused.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.asked, state.refused)
    }

    pub async fn took(&self, count: usize) {
        until(format!("{count} leads in the CRM"), || self.state().took.len() >= count).await;
    }
}

impl State {
    fn new_one(&mut self, kind: &str) -> String {
        self.given += 1;
        format!("{GIVEN}-{kind}-{}", self.given)
    }

    /// Kills the service, and is sure that it is dead.
    fn spring(&mut self, here: Trap) -> bool {
        let Some((trap, pid)) = self.trap else { return false };
        if trap != here {
            return false;
        }
        self.trap = None;
        let kill = move || Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status().unwrap();
        if here == Trap::Answering {
            // It has the answer before that, or right then, or not at all.
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(fastrand::u64(0..4_000)));
                kill();
            });
        } else {
            kill();
        }
        true
    }

    fn token(&mut self, request: &Request) -> Reply {
        self.asked += 1;
        if self.spring(Trap::Asked) {
            return Reply::new(500, "", "");
        }
        if let Some((status, body)) = self.instead {
            return Reply::new(status, "content-type: application/json\r\n", body);
        }
        let params: Vec<(String, String)> = match serde_json::from_slice::<Value>(&request.body) {
            Ok(Value::Object(json)) => {
                json.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
            }
            _ => form_urlencoded::parse(&request.body).into_owned().collect(),
        };
        let param = |name: &str| params.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str());
        let refuse = |status, error: &str, said: &str| {
            Reply::new(status, "", &json!({"error": error, "error_description": said}).to_string())
        };
        let basic = "Basic Y2xpZW50LXBsYW50ZWQtNzcwMTpjbGllbnQtc2VjcmV0LXBsYW50ZWQtNzcwMg==";
        let in_body = param("client_id") == Some(CLIENT) && param("client_secret") == Some(SECRET_OF_CLIENT);
        if !in_body && request.headers.get("authorization").map(String::as_str) != Some(basic) {
            return refuse(401, "invalid_client", "who are you?");
        }
        let grant = param("grant_type").unwrap_or_default().to_owned();
        let mut answer = self.more.clone();
        match grant.as_str() {
            "client_credentials" => {}
            "refresh_token" => {
                let token = param("refresh_token").unwrap_or_default();
                let Some(at) = self.refresh.iter().position(|good| good == token) else {
                    return refuse(400, "invalid_grant", &format!("{token} is not known"));
                };
                if self.rotates {
                    let new = self.new_one("refresh");
                    answer["refresh_token"] = json!(new);
                    // Until the new one is used, the one that it was given for is good as well.
                    let used = self.refresh.remove(at);
                    self.refresh.clear();
                    if !self.strict {
                        self.refresh.push(used);
                    }
                    self.refresh.push(new);
                }
                self.spring(Trap::Rotated);
            }
            "authorization_code" => {
                let code = param("code").unwrap_or_default();
                let Some(at) = self.codes.iter().position(|(good, _)| good == code) else {
                    // What is kept of it ends soon after the code began.
                    return refuse(400, "invalid_grant", &format!("{:.<190}{code} is not known", ""));
                };
                let (_, challenge) = self.codes.remove(at);
                if challenge != param("code_verifier").map(challenge_of) {
                    return refuse(400, "invalid_grant", "the verifier does not fit");
                }
                let new = self.new_one("refresh");
                answer["refresh_token"] = json!(new);
                self.refresh = vec![new];
            }
            _ => return refuse(400, "unsupported_grant_type", ""),
        }
        let access = self.new_one("access");
        answer["access_token"] = json!(access);
        answer["token_type"] = json!("bearer");
        if let Some(lives) = self.lives {
            answer["expires_in"] = json!(lives);
        }
        self.access.push((access, Instant::now() + Duration::from_secs(self.lives.unwrap_or(86_400))));
        self.grants.push(grant);
        self.spring(Trap::Answering);
        Reply::new(200, "", &answer.to_string())
    }

    /// It repeats what it was sent, as some do.
    fn crm(&mut self, request: &Request) -> Reply {
        let shown = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
        let token = shown.split(' ').nth(1).unwrap_or_default().to_owned();
        let good = self.access.iter().any(|(good, until)| *good == token && *until > Instant::now());
        let echo = format!("x-echo: {shown}\r\n");
        if !good {
            self.refused += 1;
            return Reply::new(401, &echo, &json!({"error": "unauthorized", "you_sent": shown}).to_string());
        }
        self.spring(Trap::Used);
        self.took.push(request.headers.get("webhook-id").cloned().unwrap_or_default());
        Reply::new(200, &echo, &json!({"ok": true, "you_sent": shown}).to_string())
    }
}

/// S256 of RFC 7636.
fn challenge_of(verifier: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier))
}
