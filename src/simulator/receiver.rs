//! A simulated destination: it takes whatever is sent, answers by its behaviour and remembers what it saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use fastrand::Rng;
use futures_util::stream;
use http::{HeaderMap, StatusCode, Uri, header};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::api::held;
use super::faults::wait;
use super::signature;
use super::tally::{Received, Tally};

/// How a destination answers. One that refuses is a port on which nobody listens.
#[derive(Debug, Clone, PartialEq)]
pub enum Behaviour {
    /// 200 or 204, always.
    Fine,
    /// Mostly fine.
    Flaky {
        /// The share of answers that are not, 0 to 1.
        share: f64,
        /// What they are instead; each as likely as the others.
        kinds: Vec<Mishap>,
    },
    /// The same status, always.
    Broken {
        /// For instance 500, 401 or 422.
        status: u16,
    },
    /// Accepts the connection and never answers.
    Hanging,
    /// 410, always.
    Gone,
    /// These statuses one after the other, then fine. 429 and 503 come with `Retry-After: 1`.
    Scripted(Vec<u16>),
}

/// What can happen instead of a fine answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// 500.
    Error,
    /// 503 without `Retry-After`.
    Unavailable,
    /// 429 with `Retry-After: 1`.
    Throttle,
    /// The connection is broken off without an answer.
    Reset,
    /// A fine answer after a while, see [`ReceiverOptions::slow`].
    Slow,
}

impl Mishap {
    /// All of them.
    pub const ALL: [Mishap; 5] = [Mishap::Error, Mishap::Unavailable, Mishap::Throttle, Mishap::Reset, Mishap::Slow];
}

/// What can be chosen about a destination beside its behaviour.
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// The `whsec_` secrets of which one must have signed. None: signatures are not looked at.
    pub secrets: Vec<String>,
    /// How old a signature may be.
    pub tolerance: Duration,
    /// How many of the newest requests are kept whole.
    pub keep: usize,
    /// How long a slow answer takes.
    pub slow: Duration,
    /// The same seed gives the same mishaps.
    pub seed: u64,
}

impl Default for ReceiverOptions {
    fn default() -> ReceiverOptions {
        ReceiverOptions {
            secrets: Vec::new(),
            tolerance: Duration::from_secs(5 * 60),
            keep: 0,
            slow: Duration::from_secs(2),
            seed: 1,
        }
    }
}

/// A running simulated destination. It ends with [`Receiver::stop`], or when it is dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

struct Shared {
    options: ReceiverOptions,
    behaviour: Mutex<(Behaviour, Rng)>,
    tally: Mutex<Tally>,
    changed: Notify,
    stop: CancellationToken,
}

impl Receiver {
    /// A destination on a listener, from within a tokio runtime.
    ///
    /// # Errors
    /// A listener without an address.
    pub fn start(listener: TcpListener, behaviour: Behaviour) -> anyhow::Result<Receiver> {
        Receiver::start_with(listener, behaviour, ReceiverOptions::default())
    }

    /// The same, with more to choose.
    ///
    /// # Errors
    /// A listener without an address.
    pub fn start_with(
        listener: TcpListener,
        behaviour: Behaviour,
        options: ReceiverOptions,
    ) -> anyhow::Result<Receiver> {
        let address = listener.local_addr().context("the listener has no address")?;
        let shared = Arc::new(Shared {
            behaviour: Mutex::new((behaviour, Rng::with_seed(options.seed))),
            tally: Mutex::new(Tally::default()),
            changed: Notify::new(),
            stop: CancellationToken::new(),
            options,
        });
        let stop = shared.stop.clone();
        let router = Router::new().fallback(take).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let listener = listener.tap_io(|stream| {
                // Small answers must not wait for company; where it cannot be set, they do.
                let _ = stream.set_nodelay(true);
            });
            // Serving ends only by the signal: accepting never fails for good.
            let _ = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
        });
        Ok(Receiver { shared, address, server: Some(server) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to write as the `url` of a destination; any path would do.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers in another way from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        held(&self.shared.behaviour).0 = behaviour;
    }

    /// Looks at what came so far, without copying it.
    pub fn tally<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        look(&held(&self.shared.tally))
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        let mut tally = held(&self.shared.tally);
        let open = tally.open;
        *tally = Tally { open, most_open: open, ..Tally::default() };
    }

    /// Waits until what came is as wished; `false` when it was not in time.
    pub async fn wait_until(&self, wish: impl Fn(&Tally) -> bool, timeout: Duration) -> bool {
        let granted = async {
            loop {
                // Enlisted before looking, so that nothing slips in between.
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.tally(&wish) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(timeout, granted).await.is_ok()
    }

    /// Ends it: whatever hangs is let go, and the port is free afterwards.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(Duration::from_secs(1), &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// What is done about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Fine,
    Status { status: u16, retry_after: bool },
    Reset,
    Slow,
    Hang,
}

impl Behaviour {
    fn next(&mut self, dice: &mut Rng) -> Deed {
        match self {
            Behaviour::Fine => Deed::Fine,
            Behaviour::Flaky { share, kinds } => {
                if dice.f64() >= *share {
                    return Deed::Fine;
                }
                match dice.choice(kinds.iter()) {
                    None => Deed::Fine,
                    Some(Mishap::Error) => Deed::Status { status: 500, retry_after: false },
                    Some(Mishap::Unavailable) => Deed::Status { status: 503, retry_after: false },
                    Some(Mishap::Throttle) => Deed::Status { status: 429, retry_after: true },
                    Some(Mishap::Reset) => Deed::Reset,
                    Some(Mishap::Slow) => Deed::Slow,
                }
            }
            Behaviour::Broken { status } => Deed::Status { status: *status, retry_after: false },
            Behaviour::Hanging => Deed::Hang,
            Behaviour::Gone => Deed::Status { status: 410, retry_after: false },
            Behaviour::Scripted(statuses) if statuses.is_empty() => Deed::Fine,
            Behaviour::Scripted(statuses) => {
                let status = statuses.remove(0);
                Deed::Status { status, retry_after: status == 429 || status == 503 }
            }
        }
    }
}

impl Shared {
    /// `None` where there is no secret to check with.
    fn verified(&self, request: &Received) -> Option<bool> {
        if self.options.secrets.is_empty() {
            return None;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let fresh = request
            .timestamp
            .parse::<u64>()
            .is_ok_and(|timestamp| timestamp.abs_diff(now) <= self.options.tolerance.as_secs());
        let by = |secret: &String| {
            signature::verify(secret, &request.id, &request.timestamp, &request.body, &request.signature)
        };
        Some(fresh && self.options.secrets.iter().any(by))
    }
}

/// A request counts as open until this is dropped, which also happens when the sender hangs up.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        held(&self.0.tally).open -= 1;
        self.0.changed.notify_waiters();
    }
}

async fn take(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request = Received {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
        path: uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers,
        body,
        at: Instant::now(),
    };
    let verified = shared.verified(&request);
    held(&shared.tally).came(&request, shared.options.keep, verified);
    shared.changed.notify_waiters();
    let open = Open(Arc::clone(&shared));

    let deed = {
        let (behaviour, dice) = &mut *held(&shared.behaviour);
        behaviour.next(dice)
    };
    let (status, retry_after) = match deed {
        // Half of the world's receivers answer with a word, the other half with nothing.
        Deed::Fine => (200 + 4 * (request.body.len() % 2) as u16, false),
        Deed::Status { status, retry_after } => (status, retry_after),
        Deed::Reset => (0, false),
        Deed::Slow => {
            wait(shared.options.slow, &shared.stop).await;
            (200, false)
        }
        Deed::Hang => {
            shared.stop.cancelled().await;
            (0, false)
        }
    };
    held(&shared.tally).answered(&request.id, &request.body, status);
    drop(open);
    match StatusCode::from_u16(status) {
        Ok(StatusCode::NO_CONTENT) => StatusCode::NO_CONTENT.into_response(),
        Ok(status) => {
            let body = format!(r#"{{"status":"{status}"}}"#);
            let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
            if retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            }
            response
        }
        // A body that fails at once takes the connection with it before the head is on its way.
        Err(_) => {
            let failure = stream::iter([Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
            Body::from_stream(failure).into_response()
        }
    }
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
