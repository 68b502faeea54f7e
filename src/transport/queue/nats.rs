//! NATS JetStream: a message is published to a subject, and a stream that takes the subject acknowledges it.
//!
//! To publish to JetStream is to send a request to the subject; the stream answers it once it has stored the message. What
//! JetStream's answers look like is in its documentation, "JetStream wire API Reference".

mod answers;

use std::net::SocketAddr;
use std::time::Duration;

use async_nats::{
    ConnectError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, HeaderValue, RequestError, RequestErrorKind,
    ServerError,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use self::answers::{Acknowledged, Denied, Found, Settings};
use super::Client;
use super::dial::Dial;
use super::kept::Kept;
use super::message::Message;
use crate::domain::outcome::{Answer, NoAnswer, Refusal};
use crate::domain::queue::Place;
use crate::domain::{size, span};

/// A stream that knows this header drops what it has already had under the same value.
const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A connection over which nothing comes for so long is asked whether it lives; twice in vain, and it is gone.
const PING: Duration = Duration::from_secs(15);

/// So many refusals may wait to be read by those who wait for an answer.
const REFUSALS: usize = 64;

/// The client of one destination.
pub struct Nats {
    dial: Dial,
    kept: Kept<Line>,
    /// Whether the subject is the same for every event, and may be told.
    literal: bool,
}

/// A connection, and what the server says over it beside its answers.
#[derive(Clone)]
struct Line {
    client: async_nats::Client,
    /// It ended.
    ended: CancellationToken,
    /// What the server does not permit, in its words. It does not say which request it means, only which subject.
    refusals: broadcast::Sender<String>,
}

impl Nats {
    /// Nothing is connected yet. `literal`: the subject is the same for every event.
    pub fn new(dial: Dial, literal: bool) -> Nats {
        let kept = Kept::within(dial.patience);
        Nats { dial, kept, literal }
    }

    /// A connection that has not ended so far as is known.
    async fn line(&self) -> Result<(Line, u64), Answer> {
        let (line, generation) = self.kept.get(|| self.connect()).await?;
        if !line.ended.is_cancelled() {
            return Ok((line, generation));
        }
        self.kept.lost(generation).await;
        self.kept.get(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Line, Answer> {
        let addresses = self.dial.addresses().await?;
        let each = self.dial.patience / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut ended = Answer::Nothing { why: NoAnswer::Connect, detail: String::new() };
        for at in addresses {
            match self.connect_to(at, each).await {
                Ok(line) => return Ok(line),
                // Who has answered was the right one.
                Err(refused @ Answer::Refused { .. }) => return Err(refused),
                Err(nothing) => ended = nothing,
            }
        }
        Err(ended)
    }

    /// By its address: the client would look up a name again, and get whatever it means then.
    async fn connect_to(&self, at: SocketAddr, patience: Duration) -> Result<Line, Answer> {
        let server = &self.dial.server;
        let (ended, refusals) = (CancellationToken::new(), broadcast::Sender::new(REFUSALS));
        let options = ConnectOptions::new()
            .name("leadhook")
            .connection_timeout(patience)
            .ping_interval(PING)
            .request_timeout(None)
            // A lost connection is made again here, where names are looked up again. One try of the client's own is the
            // fewest that it can be told.
            .max_reconnects(1)
            // What a cluster tells of its other servers are addresses that nobody has looked at.
            .ignore_discovered_servers()
            .require_tls(server.tls)
            .tls_client_config(self.dial.tls_by_address()?)
            .event_callback({
                let (ended, refusals) = (ended.clone(), refusals.clone());
                move |event| {
                    listen(event, &ended, &refusals);
                    async {}
                }
            });
        let options = match (&*server.user, &server.password) {
            ("", None) => options,
            (token, None) => options.token(token.to_owned()),
            (user, Some(password)) => options.user_and_password(user.to_owned(), password.0.expose().to_owned()),
        };
        let scheme = if server.tls { "tls" } else { "nats" };
        match options.connect(format!("{scheme}://{at}")).await {
            Ok(client) => Ok(Line { client, ended, refusals }),
            Err(error) => Err(self.unconnected(&error, patience)),
        }
    }

    fn unconnected(&self, error: &ConnectError, patience: Duration) -> Answer {
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Answer::Refused {
                why: Refusal::Denied,
                detail: "the server knows no such user, password or token; look at what stands before `@` in `url`"
                    .to_owned(),
            },
            ConnectErrorKind::TimedOut => {
                let detail = format!("no connection within {}", span::format(patience));
                Answer::Nothing { why: NoAnswer::Connect, detail }
            }
            _ => match std::error::Error::source(error).and_then(|source| source.downcast_ref::<ServerError>()) {
                Some(said) => {
                    let detail = match answers::known(&words(said)) {
                        Some(known) => format!("it says: {known}"),
                        None => "it says no, and not why in known words; its log says more".to_owned(),
                    };
                    Answer::Nothing { why: NoAnswer::Connect, detail }
                }
                None => self.dial.not_let_in(self.dial.failed(error)),
            },
        }
    }

    async fn publish(&self, subject: &str, message: Message) -> Answer {
        let (line, generation) = match self.line().await {
            Ok(line) => line,
            Err(answer) => return answer,
        };
        let (headers, length) = match headers(&message) {
            Ok(headers) => headers,
            Err(detail) => return Answer::Refused { why: Refusal::Unfit, detail },
        };
        let waiting = self.kept.waiting_over(generation);
        let end = line.ask(subject, Some(headers), message.body).await;
        waiting.heard();
        match end {
            Ok(said) => Acknowledged::read(&said).answer(),
            Err(Unanswered::NoResponders) => self.no_stream(subject),
            Err(Unanswered::TooLarge { most }) => {
                let (most, length) = (size::format(most), size::format(length));
                let detail = format!("the server takes up to {most} (max_payload), and this is {length}");
                Answer::Refused { why: Refusal::TooLarge, detail }
            }
            Err(Unanswered::Denied(denied)) => {
                // What is permitted may have changed since it was connected.
                self.kept.lost(generation).await;
                Answer::Refused { why: Refusal::Denied, detail: denied.told().to_owned() }
            }
            Err(Unanswered::Ended) => {
                self.kept.lost(generation).await;
                Answer::Nothing { why: NoAnswer::Reset, detail: String::new() }
            }
        }
    }

    fn no_stream(&self, subject: &str) -> Answer {
        let detail = if self.literal {
            format!("no stream takes the subject {subject}; {}", make_one(subject))
        } else {
            format!("no stream takes this event's subject; {}", make_one("leads.>"))
        };
        Answer::Refused { why: Refusal::NotThere, detail }
    }

    async fn look(&self, at: Option<&str>) -> Result<String, String> {
        let (line, _) = self.line().await.map_err(|answer| answer.said())?;
        let Some(subject) = at else {
            return Ok(
                "it lets us in; each event has a subject of its own, so the stream was not looked for".to_owned()
            );
        };
        let asked = serde_json::json!({ "subject": subject }).to_string();
        let found = match line.ask("$JS.API.STREAM.NAMES", None, asked.into_bytes()).await {
            Ok(said) => Found::read(&said)?,
            Err(Unanswered::NoResponders) => return Err(format!("JetStream does not answer; {}", make_one(subject))),
            Err(Unanswered::Denied(denied @ Denied::Answers)) => return Err(denied.told().to_owned()),
            Err(Unanswered::Denied(Denied::Subject)) => {
                return Ok(format!(
                    "it lets us in; whether a stream takes {subject} this user may not ask ($JS.API.STREAM.NAMES)"
                ));
            }
            Err(_) => return Err(NoAnswer::Reset.to_string()),
        };
        let Some(stream) = found.first() else {
            return Err(format!("no stream takes {subject}; {}", make_one(subject)));
        };
        let settings = match line.ask(&format!("$JS.API.STREAM.INFO.{stream}"), None, Vec::new()).await {
            Ok(said) => Settings::read(&said),
            Err(_) => None,
        };
        match settings {
            None => Ok(format!("stream {stream} takes {subject}")),
            Some(Settings { no_ack: true, .. }) => {
                Err(format!("stream {stream} takes {subject} but acknowledges nothing; take `no_ack` out of it"))
            }
            Some(Settings { duplicate_window, .. }) => {
                let window = span::format(Duration::from_nanos(duplicate_window));
                Ok(format!("stream {stream} takes {subject}, and drops repeats for {window}"))
            }
        }
    }
}

impl Client for Nats {
    fn publish<'a>(&'a self, to: &'a Place, message: Message) -> BoxFuture<'a, Answer> {
        async move {
            match to {
                Place::Subject(subject) => self.publish(subject, message).await,
                other => unfit(other),
            }
        }
        .boxed()
    }

    fn look<'a>(&'a self, at: Option<&'a Place>) -> BoxFuture<'a, Result<String, String>> {
        async move {
            match at {
                Some(Place::Subject(subject)) => self.look(Some(subject)).await,
                None => self.look(None).await,
                Some(other) => Err(unfit(other).said()),
            }
        }
        .boxed()
    }
}

/// A place of another broker never gets here.
fn unfit(place: &Place) -> Answer {
    Answer::Refused { why: Refusal::Unfit, detail: format!("{place} is no subject of NATS") }
}

fn make_one(subject: &str) -> String {
    format!("on a server with JetStream (`-js`) make one: nats stream add LEADS --subjects '{subject}'")
}

/// Why a request has no answer to be read.
enum Unanswered {
    /// Nobody listens to the subject.
    NoResponders,
    /// The server takes so many bytes, in its headers and its body together.
    TooLarge {
        most: u64,
    },
    Denied(Denied),
    /// The connection is gone.
    Ended,
}

impl Line {
    /// Sends this and waits for the answer, as long as the connection lives.
    async fn ask(&self, subject: &str, headers: Option<HeaderMap>, body: Vec<u8>) -> Result<Vec<u8>, Unanswered> {
        let mut refusals = self.refusals.subscribe();
        let mut request = async_nats::Request::new().payload(body.into()).timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        tokio::select! {
            biased;
            answered = self.client.send_request(subject.to_owned(), request) => match answered {
                Ok(message) => Ok(message.payload.into()),
                Err(error) => Err(self.unanswered(&error)),
            },
            denied = denied(&mut refusals, subject) => Err(Unanswered::Denied(denied)),
            () = self.ended.cancelled() => Err(Unanswered::Ended),
        }
    }

    fn unanswered(&self, error: &RequestError) -> Unanswered {
        match error.kind() {
            RequestErrorKind::NoResponders => Unanswered::NoResponders,
            // The client has looked before anything was sent: the server would close the connection.
            RequestErrorKind::MaxPayloadExceeded => Unanswered::TooLarge { most: self.client.max_payload() as u64 },
            _ => Unanswered::Ended,
        }
    }
}

/// What the client hears of beside its answers.
fn listen(event: Event, ended: &CancellationToken, refusals: &broadcast::Sender<String>) {
    match event {
        Event::Disconnected | Event::Closed => ended.cancel(),
        Event::ServerError(said) => {
            // Nobody waits: then it is of no interest.
            let _ = refusals.send(words(&said));
        }
        _ => {}
    }
}

fn words(said: &ServerError) -> String {
    match said {
        ServerError::Other(said) => said.clone(),
        said => said.to_string(),
    }
}

/// Waits for a refusal of a request to this subject, which is answered by nothing else.
async fn denied(refusals: &mut broadcast::Receiver<String>, subject: &str) -> Denied {
    loop {
        match refusals.recv().await {
            Ok(said) => {
                if let Some(denied) = Denied::read(&said, subject) {
                    return denied;
                }
            }
            // What was missed may have been it; whoever waits has a timeout.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// A message's headers, and about how long it is with them, in bytes.
fn headers(message: &Message) -> Result<(HeaderMap, u64), String> {
    let mut headers = HeaderMap::new();
    headers.insert(MESSAGE_ID, message.id.as_str());
    let content_type = message.content_type.as_deref().map(|value| ("content-type", value));
    let mut length = message.body.len() + MESSAGE_ID.len() + message.id.len();
    for (name, value) in content_type.into_iter().chain(message.header_texts()) {
        let value: HeaderValue =
            value.parse().map_err(|_| format!("the header {name} has a line break in it, which NATS cannot carry"))?;
        length += name.len() + value.as_str().len() + ": \r\n".len();
        headers.append(name, value);
    }
    Ok((headers, length as u64))
}

/// An error as JetStream's answers carry it.
#[derive(Deserialize)]
struct Said {
    code: u16,
    #[serde(default)]
    err_code: u16,
    #[serde(default)]
    description: String,
}
