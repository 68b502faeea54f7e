//! Who may see and do what. Every request passes here before anything answers it.
//!
//! | | without a sign-in | signed in on the page | with a token in the header |
//! |---|---|---|---|
//! | `/healthz`, a bare `/readyz`, signing in, assets | yes | yes | yes |
//! | how everything stands: overview, reasons, metrics | on this machine alone | yes | yes |
//! | people's data, and every change on the page | no | yes | no |
//! | the verbs of the commands, under `/api` | no | no | yes |
//!
//! A change on the page also has to come from a page of ours and to carry what stands in its forms.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use subtle::ConstantTimeEq;
use url::Url;

use super::asked::Asked;
use super::fields::{Fields, LONGEST_FORM};
use super::listener::Peer;
use super::origin;
use super::page::Session;
use super::session::{Sessions, Visit};
use crate::app::operator::Refusal;
use crate::config::AdminConfig;
use crate::domain::pace::{Bucket, Rate};
use crate::domain::secret::Secret;

/// So many wrong tokens may come at once, and then so many a minute.
const WRONG_AT_ONCE: u32 = 10;
const WRONG_A_MINUTE: u32 = 60;

/// What stands in every form of the page, or in the header below for those that a script sends.
pub(super) const FORGERY_FIELD: &str = "forgery";
const FORGERY_HEADER: &str = "x-leadhook-forgery";

/// What the doors know: the tokens, who is signed in, and how often somebody was wrong.
#[derive(Clone)]
pub(super) struct Doors(Arc<Inner>);

struct Inner {
    /// Of `admin.json`.
    own: Secret,
    /// Of the file.
    token: Option<Secret>,
    url: Option<Url>,
    address: SocketAddr,
    from_elsewhere: bool,
    sessions: Mutex<Sessions>,
    wrong: Mutex<Wrong>,
}

struct Wrong {
    bucket: Bucket,
    /// Nothing is looked at before.
    until: Option<Instant>,
}

/// Said to other sites, and to those behind a proxy that nobody has told us of.
pub(super) const NOT_OURS: &str = "this was not asked for by a page of this service, and nothing was changed; \
                                   behind a reverse proxy, set [admin] url to the address that people use\n";

/// Who asks, as far as it shows.
#[derive(Clone)]
pub(super) struct Visitor {
    /// What was shown.
    pub(super) who: Who,
    /// From where, for the log.
    pub(super) address: IpAddr,
}

/// What a request has shown of who asks.
#[derive(Clone)]
pub(super) enum Who {
    /// Nothing.
    Anyone,
    /// A token, in the header.
    Token,
    /// The cookie of a session.
    Person(Visit),
    /// A token came that was not even looked at, for too many were wrong.
    TooManyWrong(Duration),
}

/// What a typed secret turned out to be.
pub(super) enum Tried {
    /// Right.
    Right,
    /// Wrong, and counted.
    Wrong,
    /// Not looked at: too many were wrong. When to come again.
    TooMany(Duration),
}

impl Visitor {
    /// The session, where the visitor is signed in.
    pub(super) fn visit(&self) -> Option<&Visit> {
        match &self.who {
            Who::Person(visit) => Some(visit),
            _ => None,
        }
    }
}

impl Doors {
    pub(super) fn new(own: Secret, config: &AdminConfig, address: SocketAddr) -> Doors {
        let rate = Rate { count: WRONG_A_MINUTE, per: Duration::from_secs(60) };
        Doors(Arc::new(Inner {
            own,
            token: config.token.clone(),
            url: config.url.clone(),
            address,
            from_elsewhere: config.is_reached_from_elsewhere(),
            sessions: Mutex::default(),
            wrong: Mutex::new(Wrong { bucket: Bucket::new(rate, WRONG_AT_ONCE), until: None }),
        }))
    }

    /// Who is signed in.
    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where people reach it, as the file says.
    pub(super) fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// Where the service listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Whether others than the users of this machine can reach it.
    pub(super) fn is_reached_from_elsewhere(&self) -> bool {
        self.0.from_elsewhere
    }

    /// Whether there is a token in the file.
    pub(super) fn has_token(&self) -> bool {
        self.0.token.is_some()
    }

    /// Tries what somebody typed as the token of the file. Once too many were wrong, nothing is looked at for a while: who
    /// guesses does not even learn that a guess was right.
    pub(super) fn try_token(&self, given: &[u8]) -> Tried {
        let Some(token) = &self.0.token else { return self.wrong() };
        if let Some(wait) = self.is_closed() {
            return Tried::TooMany(wait);
        }
        if given.ct_eq(token.expose().as_bytes()).into() { Tried::Right } else { self.wrong() }
    }

    /// Counts a wrong one.
    pub(super) fn wrong(&self) -> Tried {
        let now = Instant::now();
        let mut wrong = self.0.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        match wrong.bucket.take(now) {
            Ok(()) => Tried::Wrong,
            Err(until) => {
                wrong.until = Some(until);
                Tried::TooMany(until.saturating_duration_since(now))
            }
        }
    }

    fn is_closed(&self) -> Option<Duration> {
        let wrong = self.0.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let left = wrong.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Commands show the token of `admin.json`, which nobody can guess and which no wrong guesses shut out.
    fn bearer(&self, headers: &HeaderMap) -> Option<Who> {
        let given = headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?;
        if given.ct_eq(self.0.own.expose().as_bytes()).into() {
            return Some(Who::Token);
        }
        Some(match self.try_token(given) {
            Tried::Right => Who::Token,
            Tried::Wrong => Who::Anyone,
            Tried::TooMany(wait) => Who::TooManyWrong(wait),
        })
    }

    /// The session's cookie. Browsers send one host's cookies to all its ports: the port is in the name, so that two
    /// services on one machine leave each other's alone.
    pub(super) fn cookie_name(&self, encrypted: bool) -> String {
        if encrypted { "__Host-leadhook".to_owned() } else { format!("leadhook-{}", self.0.address.port()) }
    }

    fn session(&self, asked: &Asked, uri: &Uri, headers: &HeaderMap) -> Option<Visit> {
        let encrypted = origin::is_by_encrypted_name(uri, headers, self.url());
        // By a name of the file only the cookie that no other host can have set counts.
        let names = [Some(self.cookie_name(true)), (!encrypted).then(|| self.cookie_name(false))];
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
        let pairs: Vec<_> =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|it| it.split_once('=')).collect();
        names.into_iter().flatten().find_map(|name| {
            let mut own = pairs.iter().filter(|(key, _)| key.trim() == name);
            own.find_map(|(_, secret)| self.sessions().find(secret.trim(), asked.now()))
        })
    }
}

/// What is asked for in HTTP/1.0 without the name of a host, as HAProxy's and other load balancers' checks do.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Finds out who asks; whoever calls us by a name that is not ours is not answered.
pub(super) async fn at_the_door(State(asked): State<Asked>, mut request: Request, next: Next) -> Response {
    let doors = &asked.doors;
    let (uri, headers) = (request.uri(), request.headers());
    // No page elsewhere can leave the name out, and of these paths nothing depends on it.
    let is_probe = PROBES.contains(&uri.path()) && origin::names_nobody(uri, headers);
    if !is_probe && !origin::is_own_host(uri, headers, doors.url()) {
        let why = "ask by an address, as localhost, or by the name in [admin] url: other names are not answered\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    let who = doors.bearer(headers);
    let who = who.or_else(|| doors.session(&asked, uri, headers).map(Who::Person)).unwrap_or(Who::Anyone);
    let address = address(&request, doors);
    if let Who::Person(visit) = &who {
        request.extensions_mut().insert(Session { forgery: visit.forgery().to_owned() });
    }
    request.extensions_mut().insert(Visitor { who, address });
    next.run(request).await
}

/// Behind the proxy of the file everyone comes from its address; it adds, as the last, the one that it was asked from.
fn address(request: &Request, doors: &Doors) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(Peer(peer))| peer.ip().to_canonical());
    let told = request.headers().get_all("x-forwarded-for").into_iter().next_back();
    let told = told.filter(|_| doors.url().is_some()).and_then(|told| told.to_str().ok());
    told.and_then(|told| told.rsplit(',').next()?.trim().parse().ok()).unwrap_or(peer)
}

impl Asked {
    /// Whether this visitor may see how everything stands.
    pub(super) fn may_look(&self, visitor: &Visitor, headers: &HeaderMap) -> bool {
        match visitor.who {
            Who::Token | Who::Person(_) => true,
            // What comes through a proxy that the file does not know of may come from anywhere.
            Who::Anyone => !self.doors.is_reached_from_elsewhere() && !origin::is_forwarded(headers),
            Who::TooManyWrong(_) => false,
        }
    }
}

/// In front of what tells how everything stands.
pub(super) async fn who_may_look(
    State(asked): State<Asked>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    if asked.may_look(&visitor, request.headers()) {
        return changing(&asked, visitor, request, next).await;
    }
    turned_away(&visitor, &request)
}

/// In front of what shows something of a person, or changes anything.
pub(super) async fn who_is_signed_in(
    State(asked): State<Asked>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    if visitor.visit().is_some() {
        return changing(&asked, visitor, request, next).await;
    }
    turned_away(&visitor, &request)
}

/// In front of the verbs of the commands: a session is not enough there, for a browser sends its cookie by itself.
pub(super) async fn who_shows_a_token(
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    match visitor.who {
        Who::Token => next.run(request).await,
        Who::TooManyWrong(wait) => too_many(wait),
        Who::Anyone | Who::Person(_) => {
            let why = "the token is missing or wrong; it stands in admin.json in the store's directory";
            (StatusCode::UNAUTHORIZED, Json(Refusal::Usage(why.into()))).into_response()
        }
    }
}

/// Whatever is no mere look needs a session, a page of ours, and what stands in its forms.
async fn changing(asked: &Asked, visitor: Visitor, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let Some(visit) = visitor.visit() else { return turned_away(&visitor, &request) };
    if !origin::is_own_origin(request.uri(), request.headers(), asked.doors.url()) {
        return (StatusCode::FORBIDDEN, NOT_OURS).into_response();
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LONGEST_FORM).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the form is too long; nothing was changed\n").into_response();
    };
    let fields = Fields::read(&bytes);
    let in_header = parts.headers.get(FORGERY_HEADER).and_then(|given| given.to_str().ok());
    let given = in_header.or(fields.one(FORGERY_FIELD)).unwrap_or_default();
    if !visit.is_own_form(given) {
        let why =
            "the form is of another session; load the page again and press the button once more; nothing was changed\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let mut request = Request::from_parts(parts, Body::from(bytes));
    request.extensions_mut().insert(fields);
    next.run(request).await
}

/// A person is led to where they can sign in, and a machine is told what it lacks.
fn turned_away(visitor: &Visitor, request: &Request) -> Response {
    if let Who::TooManyWrong(wait) = visitor.who {
        return too_many(wait);
    }
    let wants_page = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if wants_page.is_some_and(|accept| accept.contains("text/html")) && *request.method() != Method::HEAD {
        let to = request.uri().path();
        let is_get = *request.method() == Method::GET;
        return match super::link::own_path(to).filter(|to| is_get && *to != "/") {
            Some(to) => Redirect::to(&format!("/sign-in?to={to}")).into_response(),
            None => Redirect::to("/sign-in").into_response(),
        };
    }
    let why = "sign in with `leadhook page`, or send the token of [admin] as `Authorization: Bearer TOKEN`\n";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], why).into_response()
}

/// After too many wrong ones.
pub(super) fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs().saturating_add(1).to_string();
    let why = "too many wrong tokens came; try again in a moment\n";
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], why).into_response()
}
