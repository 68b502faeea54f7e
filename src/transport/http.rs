//! HTTP and HTTPS destinations.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::sqs::Look;
use super::{Sent, TransportError};
use crate::domain::address::{self, NotAllowed};
use crate::domain::aws::sqs;
use crate::domain::connection::Connection;
use crate::domain::destination::Destination;
use crate::domain::outcome::{Answer, NoAnswer, READ, Response};
use crate::domain::outgoing::{Finish, Outgoing};
use crate::domain::request::Request;
use crate::domain::secret::Secret;
use crate::domain::{clock, retry_after, span};
use crate::http_client::{Failure, Guard, Lookup, client_builder_over, explain_over};

/// A receiver that takes no connection for so long takes none.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) struct Http {
    client: reqwest::Client,
    finish: Finish,
    timeout: Duration,
    connect_timeout: Duration,
    connection: Connection,
    /// The address in numbers that the file has chosen.
    own: Option<IpAddr>,
    /// Where requests are put into calls of SQS's API.
    sqs: Option<Look>,
}

fn connect_timeout(destination: &Destination) -> Duration {
    CONNECT.min(destination.timeout)
}

/// What asks a destination, and the servers that it depends on: all of them by the same network.
pub(super) fn client(destination: &Destination, lookup: Arc<dyn Lookup>) -> Result<reqwest::Client, TransportError> {
    let unmade = |source| TransportError::Client { destination: destination.name.clone(), source };
    let guard = Guard::new(&destination.connection, connect_timeout(destination), lookup);
    client_builder_over(&destination.connection, guard)
        .map_err(unmade)?
        // What is read of an answer is bounded; unpacked, it would not be what the receiver sent.
        .no_gzip()
        .pool_max_idle_per_host(destination.concurrency)
        .connect_timeout(connect_timeout(destination))
        .tcp_nodelay(true)
        .build()
        .map_err(|source| unmade(source.into()))
}

impl Http {
    pub(super) fn new(destination: &Destination, lookup: Arc<dyn Lookup>) -> Result<Http, TransportError> {
        Ok(Http {
            client: client(destination, lookup)?,
            finish: Finish::of(destination),
            timeout: destination.timeout,
            connect_timeout: connect_timeout(destination),
            connection: destination.connection.clone(),
            own: address::literal(destination.form.url.origin()),
            sqs: Look::at(destination),
        })
    }

    /// An address in numbers is looked up by nobody. One that the file has written is its writer's choice; any other has come
    /// out of an answer.
    fn allows(&self, url: &Url) -> Result<(), NotAllowed> {
        match address::literal(url) {
            Some(ip) if self.own == Some(ip) => address::judge(ip, true),
            Some(ip) => address::judge(ip, self.connection.private),
            None => Ok(()),
        }
    }

    pub(super) async fn send(&self, id: &str, request: Request, now: Timestamp) -> Sent {
        let (began, limit) = (Instant::now(), request.read);
        let answer = self.exchange(self.finish.outgoing(id, request, now), limit, now).await;
        Sent { answer, took: began.elapsed() }
    }

    /// Sends this, and reads so many bytes of what comes back.
    async fn exchange(&self, outgoing: Outgoing, limit: usize, now: Timestamp) -> Answer {
        let began = Instant::now();
        let deadline = began + self.timeout;
        let Outgoing { method, url, headers, body } = outgoing;
        if let Err(refused) = self.allows(url.expose()) {
            return Answer::Nothing { why: NoAnswer::NotAllowed, detail: refused.to_string() };
        }
        let request = self.client.request(method, url.expose().clone()).headers(header_map(headers)).body(body.0);
        match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => {
                let arrived = clock::after(now, began.elapsed());
                Answer::Got(read(response, limit, deadline, arrived).await)
            }
            Ok(Err(error)) => {
                let Failure { why, detail } = explain_over(&error, self.connect_timeout, &self.connection);
                Answer::Nothing { why, detail }
            }
            Err(_) => Answer::Nothing {
                why: NoAnswer::Timeout,
                detail: format!("no answer within {}", span::format(self.timeout)),
            },
        }
    }

    /// For a queue behind an API: see [`super::Transport::look`].
    pub(super) async fn look(&self, now: Timestamp) -> Option<Result<String, String>> {
        let look = self.sqs.as_ref()?;
        let Some(queue) = &look.queue else {
            return Some(Ok("the queue is another one for each event, so none was looked for".to_owned()));
        };
        let call = self.finish.call(sqs::get_attributes(queue), now);
        Some(look.said(&self.exchange(call, READ, now).await))
    }
}

fn header_map(headers: Vec<(HeaderName, Secret)>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        // Ids, numbers and base64 are ours, and the file's were checked when they were read or rendered: nothing here
        // can be unfit for a header.
        if let Ok(mut value) = HeaderValue::from_bytes(value.expose().as_bytes()) {
            value.set_sensitive(true);
            map.append(name, value);
        }
    }
    map
}

/// Reads as much of the answer as is wanted.
///
/// The receiver has decided once its status is here. So whatever its body does then, stall past the deadline, break off
/// or never end, changes nothing but how much of it is kept: to call an accepted delivery a failure would only make the
/// receiver get it twice.
async fn read(mut response: reqwest::Response, limit: usize, deadline: Instant, arrived: Timestamp) -> Response {
    let status = response.status().as_u16();
    // It should stand there once; of several, the first that says something counts.
    let mut asked = response.headers().get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    let retry_after = asked.find_map(|value| retry_after::parse(value, arrived));
    let headers = looked_at(response.headers());
    let mut body = Vec::new();
    let whole = loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break false;
                }
            }
            Ok(Ok(None)) => break true,
            Ok(Err(_)) | Err(_) => break false,
        }
    };
    Response { status, retry_after, headers, body, cut: !whole }
}

/// Names come in small letters; a value that is no text keeps what of it is.
fn looked_at(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut room = READ;
    let mut texts = Vec::new();
    for (name, value) in headers {
        match room.checked_sub(name.as_str().len() + value.len()) {
            Some(left) => room = left,
            None => break,
        }
        texts.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    texts
}
