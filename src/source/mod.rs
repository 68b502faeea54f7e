//! WeClever, as far as it can be asked: a token, the list of finalized leads, the details of one.
//!
//! A [`Source`] asks once and says what became of it; when to ask again is its caller's business. Two things it does keep to
//! by itself, because they concern all requests together:
//!
//! - **The token.** It is fetched by the first request that needs one. When one is refused, a single renewal serves
//!   all who wait, and each of them tries once more; see `token.rs`.
//! - **The limits.** Every request goes through one gate, as often as `rate` allows, and none goes while WeClever wants to
//!   be left alone after a 429; see `limits.rs`. Details also share `concurrency` places.
//!
//! What counts as an answer is in `wire.rs`; what can go wrong is in `error.rs`. How WeClever wants to be asked is found out
//! through `probe.rs`.

mod address;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod limits;
mod probe;
mod token;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Response};
use tokio::sync::Semaphore;
use url::Url;

pub use self::error::{Asked, Refused, SourceError, SourceErrorKind};
pub use self::probe::{Carrying, Heard, Manner};

use self::address::Addresses;
use self::limits::Gate;
use self::token::{Renewal, Token, Tokens};
use crate::config::{Access, SourceConfig};
use crate::domain::lead::{Lead, LeadId, Row};
#[cfg(doc)]
use crate::domain::malformed::MOST;
use crate::domain::malformed::MalformedRow;
use crate::domain::outcome::NoAnswer;
use crate::domain::retry_after;
use crate::domain::secret::Secret;
use crate::http_client::{self, Failure};

/// The most that is read of an answer, unpacked.
const TOKEN_LIMIT: usize = 64 << 10;
const LEAD_LIMIT: usize = 8 << 20;
const LIST_LIMIT: usize = 64 << 20;

/// A body that stops coming for so long will not go on; the headers may take as long as `timeout` allows.
const STALL: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(10);

/// What a list holds.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The rows that could be read, in the list's order. A lead may stand there more than once.
    pub rows: Vec<Row>,
    /// The rows that could not: which, and why, without anything of what they hold; the first [`MOST`] of them.
    pub bad: Vec<MalformedRow>,
    /// How many those are. With any of these, the list has not been read whole.
    pub malformed: usize,
    /// WeClever's own time when it answered, to the second, where it said so.
    pub date: Option<Timestamp>,
}

/// WeClever for one platform. Cheap to clone; the clones share token and limits.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    client: Client,
    addresses: Addresses,
    token_address: Url,
    access: Access,
    auth_header: HeaderName,
    auth_scheme: String,
    stall: Duration,
    tokens: Tokens,
    gate: Gate,
    details: Semaphore,
    said_500: AtomicBool,
    made_of: SourceConfig,
}

/// An answer with a status that may mean success.
struct Answer {
    sent: Instant,
    status: StatusCode,
    date: Option<Timestamp>,
    body: Vec<u8>,
}

impl Source {
    /// Builds the client. Asks nothing yet.
    ///
    /// # Errors
    /// Where the settings cannot be used: a platform that no path can hold, a token that no header can hold, no TLS.
    pub fn new(config: SourceConfig) -> Result<Source, SourceError> {
        Source::build(config, None)
    }

    /// The same source by another file. Where that says the same of how it is asked, it is this one; else its token, its
    /// rate and a wait that it has asked for go on as far as they are still the same one's.
    ///
    /// # Errors
    /// As for [`Source::new`].
    pub fn by(&self, config: &SourceConfig) -> Result<Source, SourceError> {
        if self.0.made_of.asks_as(config) { Ok(self.clone()) } else { Source::build(config.clone(), Some(&self.0)) }
    }

    fn build(config: SourceConfig, before: Option<&Inner>) -> Result<Source, SourceError> {
        let made_of = config.clone();
        let gate = match before.filter(|before| before.made_of.base_url == config.base_url) {
            Some(before) => before.gate.at(config.rate, config.concurrency),
            None => Gate::new(config.rate, config.concurrency),
        };
        let addresses = Addresses::new(config.base_url, config.encode_plus);
        let setup = |reason: String| SourceError {
            asked: Asked::Nothing,
            at: addresses.origin(),
            kind: SourceErrorKind::Setup(reason),
        };
        let (time, given) = match &config.access {
            Access::Basic { token_time, .. } => (token_time.as_deref(), None),
            Access::Token(token) => {
                let value = header_value(&config.auth_scheme, token)
                    .ok_or_else(|| setup("`token` in [source] holds characters that no header can carry".into()))?;
                (None, Some(value))
            }
        };
        let token_address = addresses.token(&config.platform_id, time).map_err(setup)?;
        let client = http_client::client_builder()
            .default_headers(HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]))
            .timeout(config.timeout)
            .connect_timeout(config.timeout.min(CONNECT))
            // Beside the details there may be a list and a token.
            .pool_max_idle_per_host(config.concurrency.saturating_add(2))
            .build()
            .map_err(|e| setup(format!("the HTTP client cannot be built: {}", http_client::explain(&e, CONNECT))))?;
        Ok(Source(Arc::new(Inner {
            client,
            token_address,
            access: config.access,
            auth_header: config.auth_header,
            auth_scheme: config.auth_scheme,
            stall: config.timeout.min(STALL),
            tokens: match before.filter(|before| before.made_of.is_known_as(&made_of)) {
                Some(before) => before.tokens.clone(),
                None => Tokens::new(given, token::RENEW_EVERY),
            },
            gate,
            details: Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            said_500: AtomicBool::new(before.is_some_and(|before| before.said_500.load(Ordering::Relaxed))),
            addresses,
            made_of,
        })))
    }

    /// Gets a new token now, to see whether it can be had. With a token from the file there is nothing to get.
    ///
    /// # Errors
    /// Whatever can go wrong with a request.
    pub async fn token(&self) -> Result<(), SourceError> {
        match self.0.access {
            Access::Basic { .. } => self.0.tokens.replace(self.0.fetch_token()).await,
            Access::Token(_) => Ok(()),
        }
    }

    /// The leads finalized between two dates, each as `YYYY-MM-DD` or `YYYY-MM-DD+HH:mm:ss` in the API's zone.
    ///
    /// # Errors
    /// Whatever can go wrong with a request, and an answer that is not a whole list.
    pub async fn list(&self, first: &str, last: &str) -> Result<Listing, SourceError> {
        let inner = &*self.0;
        let asked = Asked::List { first: first.to_owned(), last: last.to_owned() };
        let answer = inner.ask(&asked, inner.addresses.list(first, last), LIST_LIMIT).await?;
        let listing = inner.understood(&asked, &answer, wire::listing(&answer.body))?;
        Ok(Listing { date: answer.date, ..listing })
    }

    /// The details of one lead.
    ///
    /// # Errors
    /// Whatever can go wrong with a request, and an answer that does not hold a lead.
    pub async fn lead(&self, id: LeadId) -> Result<Lead, SourceError> {
        let inner = &*self.0;
        let asked = Asked::Lead(id);
        // The semaphore is never closed, so that there always is a permit in the end.
        let _place = inner.details.acquire().await;
        let answer = inner.ask(&asked, inner.addresses.lead(id), LEAD_LIMIT).await?;
        let lead = inner.lead_of(&asked, &answer)?;
        if answer.status == StatusCode::INTERNAL_SERVER_ERROR && !inner.said_500.swap(true, Ordering::Relaxed) {
            tracing::warn!(lead = %id, "WeClever answers with status 500 and a whole lead; such answers are taken as good");
        }
        Ok(lead)
    }

    /// Until when nothing is asked, because WeClever wants to be left alone.
    pub fn paused_until(&self) -> Option<Timestamp> {
        let now = Instant::now();
        let left = self.0.gate.paused_until(now)?.duration_since(now);
        Timestamp::now().checked_add(left).ok()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.addresses.origin()).finish()
    }
}

impl Inner {
    /// Asks with the token; after a refusal once more with a new one.
    async fn ask(&self, asked: &Asked, address: Url, limit: usize) -> Result<Answer, SourceError> {
        let (token, refused) = match self.ask_once(asked, &address, limit).await? {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        if let Access::Token(_) = self.access {
            return Err(self.refused(asked, refused, Refused::GivenToken));
        }
        match self.tokens.renew(&token, self.fetch_token()).await? {
            Renewal::JustRenewed => Err(self.refused(asked, refused, Refused::FreshToken)),
            Renewal::Again => match self.ask_once(asked, &address, limit).await? {
                Ok(answer) => Ok(answer),
                Err((_, refused)) => Err(self.refused(asked, refused, Refused::FreshToken)),
            },
        }
    }

    /// The inner error: this token was refused, with this status.
    async fn ask_once(
        &self,
        asked: &Asked,
        address: &Url,
        limit: usize,
    ) -> Result<Result<Answer, (Token, StatusCode)>, SourceError> {
        self.gate.enter().await;
        // Only now: while this request waited at the gate, the token may have been renewed.
        let token = self.tokens.get(self.fetch_token()).await?;
        // Fetching it may have taken a while, too.
        let sent = self.gate.pause_over().await;
        let request = self.client.get(address.clone()).header(&self.auth_header, token.value.clone());
        Ok(self.exchange(asked, sent, request, limit).await?.map_err(|status| (token, status)))
    }

    async fn fetch_token(&self) -> Result<HeaderValue, SourceError> {
        let asked = Asked::Token;
        let Access::Basic { username, password, .. } = &self.access else {
            // A token from the file is there from the beginning and is never renewed, so that nobody gets here.
            return Err(self.refused(&asked, StatusCode::UNAUTHORIZED, Refused::GivenToken));
        };
        let sent = self.gate.enter().await;
        let request =
            self.client.get(self.token_address.clone()).basic_auth(username.expose(), Some(password.expose()));
        let answer = self
            .exchange(&asked, sent, request, TOKEN_LIMIT)
            .await?
            .map_err(|status| self.refused(&asked, status, Refused::Password))?;
        let read = wire::token(&answer.body).and_then(|token| {
            header_value(&self.auth_scheme, &token).ok_or_else(|| "`token` holds what no header can carry".into())
        });
        self.understood(&asked, &answer, read)
    }

    /// One request, which the gate let in at `sent`, and its answer. The inner error: access was refused, with this status.
    async fn exchange(
        &self,
        asked: &Asked,
        sent: Instant,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Result<Answer, StatusCode>, SourceError> {
        let response = request.send().await.map_err(|e| self.no_answer(asked, &e))?;
        self.judge(asked, sent, response, limit).await
    }

    /// Reads an answer whose status may mean success. The inner error: access was refused, with this status.
    async fn judge(
        &self,
        asked: &Asked,
        sent: Instant,
        response: Response,
        limit: usize,
    ) -> Result<Result<Answer, StatusCode>, SourceError> {
        let status = response.status();
        let code = status.as_u16();
        let date = response.headers().get(header::DATE).and_then(probe::date);
        let wait = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.to_str().ok()?, Timestamp::now()));
        match code {
            429 => Err(self.throttled(asked, sent, wait)),
            503 if wait.is_some() => Err(self.throttled(asked, sent, wait)),
            401 | 403 => Ok(Err(status)),
            300..=399 => Err(self.error(asked, SourceErrorKind::Redirected(code))),
            200..=299 => Ok(Ok(Answer { sent, status, date, body: self.read(asked, response, limit).await? })),
            500 if matches!(asked, Asked::Lead(_)) => match self.read(asked, response, limit).await {
                Ok(body) => Ok(Ok(Answer { sent, status, date, body })),
                // Whatever else is wrong with it: it was a 500.
                Err(_) => Err(self.error(asked, SourceErrorKind::Status(code))),
            },
            _ => Err(self.error(asked, SourceErrorKind::Status(code))),
        }
    }

    /// The body, counted as it is unpacked, so that a small one that unpacks into a huge one is cut off as well.
    async fn read(&self, asked: &Asked, mut response: Response, limit: usize) -> Result<Vec<u8>, SourceError> {
        let too_large = || self.error(asked, SourceErrorKind::TooLarge(limit));
        let promised = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if promised > limit {
            return Err(too_large());
        }
        // What is promised may never come: no more than a megabyte is set aside for it.
        let mut body = Vec::with_capacity(promised.min(1 << 20));
        loop {
            let chunk = tokio::time::timeout(self.stall, response.chunk())
                .await
                .map_err(|_| self.error(asked, SourceErrorKind::NoAnswer(Failure::of(NoAnswer::Timeout))))?
                .map_err(|e| self.no_answer(asked, &e))?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The API's page gives 500 as the status of a good answer. Only the body can tell it from a failure.
    fn lead_of(&self, asked: &Asked, answer: &Answer) -> Result<Lead, SourceError> {
        let read = wire::lead(&answer.body);
        if answer.status == StatusCode::INTERNAL_SERVER_ERROR && read.is_err() {
            return Err(self.error(asked, SourceErrorKind::Status(500)));
        }
        self.understood(asked, answer, read)
    }

    /// What was read of an answer, or why nothing could be.
    fn understood<T>(&self, asked: &Asked, answer: &Answer, read: Result<T, String>) -> Result<T, SourceError> {
        let value = read.map_err(|reason| self.error(asked, SourceErrorKind::Malformed(reason)))?;
        self.gate.succeeded(answer.sent);
        Ok(value)
    }

    fn throttled(&self, asked: &Asked, sent: Instant, wait: Option<Duration>) -> SourceError {
        let left = self.gate.throttled(sent, wait);
        tracing::debug!(%asked, seconds = left.as_secs(), "WeClever wants to be left alone");
        self.error(asked, SourceErrorKind::Throttled(left))
    }

    fn refused(&self, asked: &Asked, status: StatusCode, refused: Refused) -> SourceError {
        self.error(asked, SourceErrorKind::Unauthorized { status: status.as_u16(), refused })
    }

    fn no_answer(&self, asked: &Asked, error: &reqwest::Error) -> SourceError {
        self.error(asked, SourceErrorKind::NoAnswer(http_client::explain(error, CONNECT)))
    }

    fn error(&self, asked: &Asked, kind: SourceErrorKind) -> SourceError {
        SourceError { asked: asked.clone(), at: self.addresses.origin(), kind }
    }
}

/// `SCHEME TOKEN`, or the bare token; nothing where no header can carry it. It is marked so that it is never printed.
fn header_value(scheme: &str, token: &Secret) -> Option<HeaderValue> {
    let text = match scheme {
        "" => Secret::new(token.expose()),
        scheme => Secret::new(format!("{scheme} {}", token.expose())),
    };
    let mut value = HeaderValue::from_bytes(text.expose().as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
