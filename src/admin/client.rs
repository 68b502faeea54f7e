//! The commands' side: ask the running service, or do it oneself.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::app::operator::{Operator, Refusal, Verb};
use crate::config::Config;
use crate::domain::secret::Secret;
use crate::domain::span;
use crate::http_client::{client_builder, explain};
use crate::store::{Store, StoreError};
use crate::watch::{Clock, Told};

use super::alive::Alive;
use super::link::Link;
use super::notice::Notice;
use super::{API, LINK, TAP, tap};

/// How long a running service may think about a question while it shows that it lives: a large `move` takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// A service on this machine takes or refuses a connection at once.
const CONNECTING: Duration = Duration::from_secs(2);

/// A service that runs says something more often, if only that it is there.
const SILENCE: Duration = Duration::from_secs(4 * tap::HEARTBEAT.as_secs());

/// The system may hold a dead process's lock for some seconds; and so long a service takes at most that has just been started, as
/// a rule, until it can be asked.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// So often is looked meanwhile whether the one that has the store is a service that can be asked.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Where verbs are carried out.
pub enum Desk {
    /// No service runs: here, on the store itself.
    Here(Box<Operator>),
    /// By the running service.
    There(Remote),
}

/// A running service.
pub struct Remote {
    client: reqwest::Client,
    root: String,
    token: Secret,
    pid: u32,
}

impl Desk {
    /// Carries out a verb, here or there.
    ///
    /// # Errors
    /// What was asked makes no sense, or nobody can do it.
    pub async fn ask<V: Verb>(&self, verb: V) -> Result<V::Reply, Refusal> {
        match self {
            Desk::Here(operator) => verb.run(operator).await,
            Desk::There(remote) => remote.ask(verb).await,
        }
    }

    /// Whether a service answers.
    pub fn is_running(&self) -> bool {
        matches!(self, Desk::There(_))
    }
}

/// The running service, or, where none runs, the store itself.
///
/// # Errors
/// There is no store yet, or it cannot be opened.
pub async fn reach(config: &Config) -> Result<Desk, Refusal> {
    let path = config.store.path.as_path();
    // Where somebody has it, a service may be making it.
    if !Store::is_there(path) && !Store::is_in_use(path) {
        return Err(Refusal::Unavailable(format!(
            "there is no store in {} yet; `leadhook run` makes it at its first start. If a service runs, it works in another directory: \
             give its file (--config) and what it has in its environment, such as LEADHOOK_STORE__PATH",
            std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display()
        )));
    }
    reach_or_make(config).await
}

/// The same, and where there is no store yet, it is made: what is done before the first start must be kept somewhere.
///
/// # Errors
/// The store cannot be opened.
pub async fn reach_or_make(config: &Config) -> Result<Desk, Refusal> {
    let (path, keys) = (config.store.path.clone(), config.store.encryption_keys.clone());
    Ok(match here_or_there(&config.store.path, move || Store::open_at_once(&path, &keys)).await? {
        Reached::Here(store) => Desk::Here(Box::new(Operator::alone(store, config.clone(), Clock::system()))),
        Reached::There(remote) => Desk::There(remote),
    })
}

/// Who has the store.
pub enum Reached<T> {
    /// Nobody: it was worked with here, and this came of it.
    Here(T),
    /// A service, which can be asked.
    There(Remote),
}

/// Does `here` what needs the store for itself, unless a service has it, or comes to have it before that. `here` does not
/// wait for the store: between its tries a service that has just been started may have become one that can be asked.
///
/// # Errors
/// What `here` says; another process has the store, and cannot be asked.
pub async fn here_or_there<T: Send + 'static>(
    store: &Path,
    here: impl FnOnce() -> Result<T, StoreError> + Clone + Send + 'static,
) -> Result<Reached<T>, Refusal> {
    let began = Instant::now();
    loop {
        if let Some(remote) = reach_at(store).await {
            return Ok(Reached::There(remote));
        }
        let tried = tokio::task::spawn_blocking(here.clone()).await;
        match tried.map_err(|e| Refusal::Unavailable(e.to_string()))? {
            Err(StoreError::InUse { .. }) if began.elapsed() < LOCK_PATIENCE => tokio::time::sleep(LOOK_AGAIN).await,
            done => return Ok(Reached::Here(done?)),
        }
    }
}

/// The service that works on this store, or that will in a moment: for as long as somebody has the store, it is waited for.
pub async fn reach_soon(store: &Path) -> Option<Remote> {
    let began = Instant::now();
    loop {
        let reached = reach_at(store).await;
        if reached.is_some() || !Store::is_in_use(store) || began.elapsed() > LOCK_PATIENCE {
            return reached;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn open(config: &Config) -> Result<Store, Refusal> {
    let (path, keys) = (config.store.path.clone(), config.store.encryption_keys.clone());
    let opened = tokio::task::spawn_blocking(move || Store::open_with(&path, &keys)).await;
    Ok(opened.map_err(|e| Refusal::Unavailable(e.to_string()))??)
}

/// Writes the store anew whose desk this is, where no service runs, so that nothing of what was erased is left in its
/// files. Those that may hold some all the same; none as a rule.
///
/// # Errors
/// The store cannot be opened any more.
pub async fn write_anew(desk: Desk, config: &Config) -> Result<Vec<String>, Refusal> {
    let Desk::Here(operator) = desk else { return Ok(Vec::new()) };
    operator.close().await;
    let store = open(config).await?;
    let left = store.files_with_old_bytes().await?;
    store.close().await;
    Ok(left.iter().map(|file| file.display().to_string()).collect())
}

/// Whether the service that works on this store answers `/healthz`.
///
/// # Errors
/// None runs, or it does not answer within two seconds.
pub async fn is_alive(store: &Path) -> Result<(), Refusal> {
    let Some(remote) = reach_at(store).await else {
        return Err(Refusal::Unavailable(format!("no service works on {}", store.display())));
    };
    let asked = remote.client.get(format!("{}/healthz", remote.root)).timeout(CONNECTING);
    let answer = asked.send().await.map_err(|e| gone(explain(&e, CONNECTING)))?;
    if answer.status().is_success() { Ok(()) } else { Err(gone(format!("HTTP {}", answer.status()))) }
}

/// A link that signs in on the running service's page, once.
///
/// # Errors
/// No service works on this store, or it does not answer.
pub async fn page_link(store: &Path) -> Result<Link, Refusal> {
    let Some(remote) = reach_soon(store).await else {
        let why = format!("no service works on {}: the page is a part of `leadhook run`", store.display());
        return Err(Refusal::Unavailable(why));
    };
    remote.post(LINK, Vec::new()).await
}

fn gone(what: impl std::fmt::Display) -> Refusal {
    Refusal::Unavailable(format!("the running service does not answer: {what}"))
}

/// The service that works on this store, if one runs: the one that the notice speaks of, if it still runs. After a crash the notice stays behind, and whoever listens
/// at its address then is a stranger: only the lock on the store says that someone is at work.
pub async fn reach_at(store: &Path) -> Option<Remote> {
    if !Store::is_in_use(store) {
        return None;
    }
    let notice = Notice::read(store)?;
    let connecting = tokio::net::TcpStream::connect(notice.address);
    tokio::time::timeout(CONNECTING, connecting).await.ok()?.ok()?;
    let client = client_builder().connect_timeout(CONNECTING).timeout(PATIENCE).build().ok()?;
    Some(Remote { client, root: format!("http://{}", notice.address), token: notice.token(), pid: notice.pid })
}

impl Remote {
    async fn ask<V: Verb>(&self, verb: V) -> Result<V::Reply, Refusal> {
        self.post(V::PATH, serde_json::to_vec(&verb).map_err(|e| Refusal::Usage(e.to_string()))?).await
    }

    async fn post<R: DeserializeOwned>(&self, path: &str, question: Vec<u8>) -> Result<R, Refusal> {
        self.alive().ask(self.answer(path, question)).await
    }

    fn alive(&self) -> Alive<'_> {
        Alive { client: &self.client, root: &self.root, pid: self.pid }
    }

    async fn answer<R: DeserializeOwned>(&self, path: &str, question: Vec<u8>) -> Result<R, Refusal> {
        let asked =
            self.client.post(format!("{}{API}{path}", self.root)).bearer_auth(self.token.expose()).body(question);
        let answer = asked.send().await.map_err(|e| gone(explain(&e, CONNECTING)))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| gone(explain(&e, CONNECTING)))?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|e| gone(format!("its answer does not read ({e}); is it another version?")));
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| gone(format!("HTTP {status}"))))
    }

    /// Hears what happens from now on.
    ///
    /// # Errors
    /// The service does not answer, or has no line free.
    pub async fn tap(&self) -> Result<Listening, Refusal> {
        self.alive().ask(self.listen()).await
    }

    async fn listen(&self) -> Result<Listening, Refusal> {
        let client = client_builder().connect_timeout(CONNECTING).read_timeout(SILENCE).build();
        let client = client.map_err(|e| gone(explain(&e, CONNECTING)))?;
        let asked = client.get(format!("{}{API}{TAP}", self.root)).bearer_auth(self.token.expose());
        let answer = asked.send().await.map_err(|e| gone(explain(&e, CONNECTING)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Listening { answer, rest: Vec::new() });
        }
        let body = answer.bytes().await.map_err(|e| gone(explain(&e, CONNECTING)))?;
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| gone(format!("HTTP {status}"))))
    }
}

/// What a service tells as it happens.
pub struct Listening {
    answer: reqwest::Response,
    /// What has come of lines that are not whole yet.
    rest: Vec<u8>,
}

impl Listening {
    /// What happens next; `None`: the service has ended. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// Nothing is heard of the service any more.
    pub async fn next(&mut self) -> Result<Option<Told>, Refusal> {
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if line.len() > 1 {
                    let told = serde_json::from_slice(&line);
                    return told
                        .map(Some)
                        .map_err(|e| gone(format!("what it tells does not read ({e}); is it another version?")));
                }
            }
            match self.answer.chunk().await {
                Ok(Some(chunk)) => self.rest.extend_from_slice(&chunk),
                Ok(None) => return Ok(None),
                // One that was killed says no goodbye.
                Err(error) if error.is_timeout() => return Err(gone(format!("nothing for {}", span::format(SILENCE)))),
                Err(_) => return Ok(None),
            }
        }
    }
}
