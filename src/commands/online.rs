//! Whether the other sides answer: the source's token and list, each destination's name, port and TLS. No event is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpStream;

use crate::admin::reach_or_make;
use crate::app::operator::{TokenAsk, TokenReply};
use crate::config::Config;
use crate::domain::address;
use crate::domain::clock;
use crate::domain::destination::Destination;
use crate::domain::window::Window;
use crate::http_client::{BySystem, Guard, Unmade, client_builder_over, explain_over};
use crate::source::Source;
use crate::transport::Transport;

/// What was tried, and what came of it.
#[derive(Debug, Serialize)]
pub struct Probe {
    /// `token`, `list`, `destination crm`.
    pub what: String,
    /// Whether it answered as it should.
    pub ok: bool,
    /// How, or why not.
    pub said: String,
}

impl Probe {
    fn of(what: impl Into<String>, end: Result<String, String>) -> Probe {
        let ok = end.is_ok();
        Probe { what: what.into(), ok, said: end.unwrap_or_else(|error| error) }
    }
}

/// Tries everything that the file names.
pub async fn probe(config: &Config) -> Vec<Probe> {
    let mut probes = source(config).await;
    let destinations = config.destinations.iter().map(async |destination| {
        let reached = tokio::time::timeout(destination.timeout, reach(destination)).await;
        let end = reached.unwrap_or_else(|_| Err("no answer within its timeout".into()));
        Probe::of(format!("destination {}", destination.name), end)
    });
    probes.extend(futures_util::future::join_all(destinations).await);
    probes.extend(tokens(config).await);
    probes
}

/// A token for each destination that wants one. Whoever has the store asks for it, and keeps what comes.
async fn tokens(config: &Config) -> Vec<Probe> {
    let wanting: Vec<&Destination> = config.destinations.iter().filter(|d| d.oauth2().is_some()).collect();
    if wanting.is_empty() {
        return Vec::new();
    }
    let desk = reach_or_make(config).await;
    let mut probes = Vec::new();
    for destination in wanting {
        let asked = match &desk {
            Ok(desk) => desk.ask(TokenAsk { name: destination.name.clone() }).await,
            Err(refusal) => Err(refusal.clone()),
        };
        let end = match asked {
            Ok(TokenReply { failed: None, .. }) => Ok("a token is there".to_owned()),
            Ok(TokenReply { failed: Some(why), .. }) => Err(why),
            Err(refusal) => Err(refusal.to_string()),
        };
        probes.push(Probe::of(format!("token of {}", destination.name), end));
    }
    probes
}

async fn source(config: &Config) -> Vec<Probe> {
    let source = match Source::new(config.source.clone()) {
        Ok(source) => source,
        Err(error) => return vec![Probe::of("source", Err(error.to_string()))],
    };
    let token = source.token().await.map(|()| "a token was given".to_owned()).map_err(|e| e.to_string());
    let go_on = token.is_ok();
    let mut probes = vec![Probe::of("token", token)];
    if go_on {
        let now = Timestamp::now();
        let hour = Window { from: clock::before(now, Duration::from_secs(3600)), to: now };
        let (first, last) = hour.wire(&config.source.timezone);
        let list = source.list(&first, &last).await;
        let list = list.map(|list| format!("{} leads in the last hour", list.rows.len())).map_err(|e| e.to_string());
        probes.push(Probe::of("list", list));
    }
    probes
}

/// Each destination that is a queue: whether its broker lets us in, and has the place.
pub async fn queues(config: &Config) -> Vec<Probe> {
    let queues = config.destinations.iter().filter(|destination| destination.is_queue());
    let looked = queues.map(async |queue| Probe::of(format!("destination {}", queue.name), look(queue).await));
    futures_util::future::join_all(looked).await
}

async fn look(destination: &Destination) -> Result<String, String> {
    let transport = Transport::new(destination).map_err(|error| error.to_string())?;
    transport.look().await.unwrap_or_else(|| Err("it is no queue".to_owned()))
}

/// A name, a port and TLS, as they are used when something is sent. Where there is more than a port to try, the server is
/// asked for nothing but a head: that a certificate of ours is not taken shows only in an answer.
async fn reach(destination: &Destination) -> Result<String, String> {
    if destination.is_queue() {
        return look(destination).await;
    }
    let (url, connection) = (destination.form.url.origin(), &destination.connection);
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let guard = Guard::new(connection, destination.timeout, Arc::new(BySystem));
    if url.scheme() != "https" && connection.proxy.is_none() {
        let addresses = match address::literal(url) {
            Some(ip) => vec![SocketAddr::new(ip, port)],
            None => guard.addresses(host).await.map_err(|e| format!("{host}: {e}"))?,
        };
        let addresses: Vec<_> = addresses.into_iter().map(|at| SocketAddr::new(at.ip(), port)).collect();
        TcpStream::connect(addresses.as_slice()).await.map_err(|e| format!("{host}:{port}: {e}"))?;
        return Ok(format!("{host}:{port} takes connections"));
    }
    let builder = client_builder_over(connection, guard).map_err(|e| e.to_string())?;
    let client = builder.build().map_err(|e| Unmade::from(e).to_string())?;
    let root = format!("{}://{host}:{port}/", url.scheme());
    let asked = client.head(root).send().await;
    let answer = asked.map_err(|e| format!("{host}:{port}: {}", explain_over(&e, destination.timeout, connection)))?;
    let by = connection.proxy.as_ref().map(|proxy| format!(" through {proxy}")).unwrap_or_default();
    match (url.scheme(), answer.status()) {
        ("https", _) => Ok(format!("{host}:{port} answers{by}, and its certificate is good")),
        (_, StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
            Err(format!("{host}:{port}: the proxy wants another user or password: see `proxy`"))
        }
        // It may be the proxy's own.
        (_, status) => Ok(format!("{host}:{port} answers{by}: HTTP {}", status.as_u16())),
    }
}
