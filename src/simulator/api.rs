//! The three endpoints over HTTP, as the API's page describes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::faults::{self, Faults};
use super::happenings::{Happening, Log};
use super::lead::Row;
use super::options::{Misread, Options, Plus};
use super::window;
use super::world::World;

/// What the endpoints and the handle share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) auth_header: HeaderName,
    pub(super) zone: TimeZone,
    pub(super) world: RwLock<World>,
    pub(super) faults: Mutex<(Faults, Rng)>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) log: Log,
    /// How far the simulated clock is ahead of the real one.
    pub(super) ahead_ms: AtomicI64,
    /// Up to when the listeners have been told of the plan's leads.
    pub(super) told_ms: AtomicI64,
    /// Somebody listens now, or the clock was moved.
    pub(super) wake: Notify,
    pub(super) stop: CancellationToken,
}

/// The tokens that are out.
#[derive(Default)]
pub(super) struct Tokens {
    good: HashMap<String, Instant>,
    /// The `time` of the last request for one.
    pub(super) last_time: Option<String>,
}

impl Tokens {
    pub(super) fn kill(&mut self) {
        self.good.clear();
    }
}

/// Takes a lock whose holder may have panicked: the data is counters and tables, right at any moment.
pub(super) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn now_ms(&self) -> i64 {
        Timestamp::now().as_millisecond().saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Reads the world.
    pub(super) fn world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the world.
    pub(super) fn change_world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn has_good_token(&self, headers: &HeaderMap) -> bool {
        self.options.open || self.carries_good_token(headers)
    }

    fn carries_good_token(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(&self.auth_header).and_then(|value| value.to_str().ok()) else { return false };
        let scheme = &self.options.auth_scheme;
        let token = if scheme.is_empty() {
            value
        } else {
            match value.split_once(' ') {
                Some((word, token)) if word.eq_ignore_ascii_case(scheme) => token,
                _ => return false,
            }
        };
        if self.options.ready_token.as_deref() == Some(token) {
            return true;
        }
        let tokens = held(&self.tokens);
        let Some(born) = tokens.good.get(token) else { return false };
        self.options.token_lifetime.is_none_or(|lifetime| born.elapsed() < lifetime)
    }

    /// Drawn without a seed: after a restart an old token must not be good by chance.
    fn new_token(&self) -> String {
        let drawn = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
        if !self.options.jwt {
            return format!("wct_{drawn}");
        }
        let now = self.now_ms().div_euclid(1000);
        let end = self.options.token_lifetime.map(|lifetime| now.saturating_add_unsigned(lifetime.as_secs()));
        let claims = json!({"sub": self.options.platform_id, "iat": now, "exp": end, "jti": drawn});
        let parts =
            [json!({"alg": "HS256", "typ": "JWT"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{}.{}", parts.join("."), URL_SAFE_NO_PAD.encode(drawn))
    }

    fn has_good_password(&self, headers: &HeaderMap) -> bool {
        let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((word, encoded)) = basic.and_then(|basic| basic.split_once(' ')) else { return false };
        let Ok(decoded) = STANDARD.decode(encoded.trim()) else { return false };
        // The user ends at the first colon; a password may hold more of them.
        let Some(colon) = decoded.iter().position(|byte| *byte == b':') else { return false };
        word.eq_ignore_ascii_case("basic")
            && decoded[..colon] == *self.options.username.as_bytes()
            && decoded[colon + 1..] == *self.options.password.as_bytes()
    }

    /// Sends a good answer, or what a fault makes of it, or the refusal that the request deserved.
    async fn reply(&self, endpoint: Endpoint, result: Result<Vec<u8>, Refusal>) -> Response {
        if !self.options.latency.is_zero() {
            faults::wait(self.options.latency, &self.stop).await;
        }
        let broken = if result.is_ok() {
            let (faults, dice) = &mut *held(&self.faults);
            faults.draw(endpoint, dice).map(|kind| (kind, faults.clone(), dice.usize(..)))
        } else {
            None
        };
        let mut response = match (result, broken) {
            (Ok(good), Some((kind, faults, throw))) => {
                self.log.fault(endpoint, kind);
                faults.apply(kind, endpoint, good, throw, &self.stop).await
            }
            (Ok(good), None) => {
                let status = if endpoint == Endpoint::Detail { self.options.lead_status } else { StatusCode::OK };
                self.log.tell(|| Happening::Served { endpoint, status: status.as_u16() });
                faults::answer(status, faults::JSON, good)
            }
            (Err(Refusal(status, message)), _) => {
                self.log.tell(|| Happening::Served { endpoint, status: status.as_u16() });
                faults::answer(status, faults::JSON, format!(r#"{{"message":"{message}"}}"#))
            }
        };
        if let Some(date) = self.date() {
            response.headers_mut().insert(header::DATE, date);
        }
        response
    }

    /// The simulated clock as the `Date` of an answer.
    fn date(&self) -> Option<HeaderValue> {
        let now = Timestamp::from_millisecond(self.now_ms()).ok()?;
        HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
    }
}

/// A status and a few plain words.
struct Refusal(StatusCode, &'static str);

const UNAUTHORIZED: Refusal = Refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
const NO_SUCH_LEAD: Refusal = Refusal(StatusCode::NOT_FOUND, "Lead not found");

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/solution/token/basic/{platform_id}", get(token))
        .route("/lead/find/finalized/{first}/{last}", get(list))
        .route("/lead/find/weclever_id/{id}", get(detail))
        .fallback(unknown)
        .with_state(shared)
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Path(platform_id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let _open = shared.log.open(Endpoint::Token);
    let result = if platform_id == shared.options.platform_id && shared.has_good_password(&headers) {
        let token = shared.new_token();
        let mut tokens = held(&shared.tokens);
        if let Some(lifetime) = shared.options.token_lifetime {
            tokens.good.retain(|_, born| born.elapsed() < lifetime);
        }
        tokens.good.insert(token.clone(), Instant::now());
        tokens.last_time = query.get("time").cloned();
        Ok(format!(r#"{{"token":"{token}"}}"#).into_bytes())
    } else {
        Err(UNAUTHORIZED)
    };
    shared.reply(Endpoint::Token, result).await
}

#[derive(Serialize)]
struct List {
    leads: Vec<Row>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Path((first, last)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let _open = shared.log.open(Endpoint::List);
    let well_spelled = match shared.options.plus {
        Plus::Either => true,
        Plus::Plain => !uri.path().to_ascii_uppercase().contains("%2B"),
        Plus::Escaped => !uri.path().contains('+'),
    };
    let day = |date: &str| date.get(..10).unwrap_or(date).to_owned();
    let (first, last, misread) = match shared.options.misread {
        Misread::Day if !well_spelled => (day(&first), day(&last), None),
        misread => (first, last, (!well_spelled).then_some(misread)),
    };
    let result = if !shared.has_good_token(&headers) {
        Err(UNAUTHORIZED)
    } else if misread == Some(Misread::Empty) {
        Ok(serde_json::to_vec(&List { leads: Vec::new() }).unwrap_or_default())
    } else if let Some(window) = window::read(&first, &last, &shared.zone).filter(|_| misread.is_none()) {
        let leads = shared.world(|world| world.list(window, shared.now_ms()));
        Ok(serde_json::to_vec(&List { leads }).unwrap_or_default())
    } else {
        Err(Refusal(StatusCode::BAD_REQUEST, "Invalid date, expected YYYY-MM-DD or YYYY-MM-DD+HH:mm:ss"))
    };
    shared.reply(Endpoint::List, result).await
}

async fn detail(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let _open = shared.log.open(Endpoint::Detail);
    let result = if !shared.has_good_token(&headers) {
        Err(UNAUTHORIZED)
    } else {
        let found = id.parse().ok().and_then(|id| shared.world(|world| world.detail(id, shared.now_ms())));
        found.ok_or(NO_SUCH_LEAD)
    };
    shared.reply(Endpoint::Detail, result).await
}

async fn unknown(State(shared): State<Arc<Shared>>) -> Response {
    let _open = shared.log.open(Endpoint::Unknown);
    shared.reply(Endpoint::Unknown, Err(Refusal(StatusCode::NOT_FOUND, "Not found"))).await
}
