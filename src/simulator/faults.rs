//! Which answers are broken, and how. Only good answers are: a refusal that a request deserved stays one.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use fastrand::Rng;
use futures_util::stream;
use http::{HeaderName, StatusCode, header};
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;

/// A way in which an answer can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum FaultKind {
    /// 500, 502 or 503 with an error as HTML or JSON.
    Error,
    /// 429 with `Retry-After: 1`.
    Throttle,
    /// 200 with a web page.
    Html,
    /// 200 with JSON that stops in the middle.
    Truncated,
    /// 200 with nothing in it.
    Empty,
    /// 200 with JSON of another shape.
    Shape,
    /// The connection breaks in the middle of the answer.
    Reset,
    /// No answer for a long time.
    Stall,
    /// A byte at a time for a while; then the rest, and the answer is good after all.
    Slow,
    /// 401 though the token or the password is good.
    Unauthorized,
    /// 500 that carries the whole lead, which is how the API's page documents success. Details only.
    Status500,
    /// A good answer behind a hundred megabytes of spaces. Only when asked for.
    Huge,
    /// A list without a lead, though there are some. Only when asked for: nobody can tell it from the truth. Lists only.
    Blank,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [FaultKind; 13] = [
        FaultKind::Error,
        FaultKind::Throttle,
        FaultKind::Html,
        FaultKind::Truncated,
        FaultKind::Empty,
        FaultKind::Shape,
        FaultKind::Reset,
        FaultKind::Stall,
        FaultKind::Slow,
        FaultKind::Unauthorized,
        FaultKind::Status500,
        FaultKind::Huge,
        FaultKind::Blank,
    ];

    /// The kinds that are given where none are named.
    pub fn usual() -> Vec<FaultKind> {
        let rare = [FaultKind::Huge, FaultKind::Blank];
        FaultKind::ALL.into_iter().filter(|kind| !rare.contains(kind)).collect()
    }

    /// Its name on the command line and in summaries.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Error => "error",
            FaultKind::Throttle => "throttle",
            FaultKind::Html => "html",
            FaultKind::Truncated => "truncated",
            FaultKind::Empty => "empty",
            FaultKind::Shape => "shape",
            FaultKind::Reset => "reset",
            FaultKind::Stall => "stall",
            FaultKind::Slow => "slow",
            FaultKind::Unauthorized => "unauthorized",
            FaultKind::Status500 => "status500",
            FaultKind::Huge => "huge",
            FaultKind::Blank => "blank",
        }
    }

    fn fits(self, endpoint: Endpoint) -> bool {
        match self {
            FaultKind::Status500 => endpoint == Endpoint::Detail,
            FaultKind::Blank => endpoint == Endpoint::List,
            _ => endpoint != Endpoint::Unknown,
        }
    }
}

/// How often answers are broken, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// The share of token answers, 0 to 1.
    pub token: f64,
    /// The share of lists.
    pub list: f64,
    /// The share of details.
    pub detail: f64,
    /// The kinds; each as likely as the others.
    pub kinds: Vec<FaultKind>,
    /// How long a stalled answer takes; a 504 follows.
    pub stall: Duration,
    /// How long a slow answer trickles.
    pub slow: Duration,
    /// How many spaces a huge answer begins with.
    pub huge_bytes: u64,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults::of(0.0, FaultKind::usual())
    }
}

impl Faults {
    /// The same share of all answers, broken in these ways.
    pub fn of(share: f64, kinds: impl Into<Vec<FaultKind>>) -> Faults {
        Faults {
            token: share,
            list: share,
            detail: share,
            kinds: kinds.into(),
            stall: Duration::from_secs(60),
            slow: Duration::from_secs(3),
            huge_bytes: 100 << 20,
        }
    }

    /// Decides over one answer.
    pub fn draw(&self, endpoint: Endpoint, dice: &mut Rng) -> Option<FaultKind> {
        let share = match endpoint {
            Endpoint::Token => self.token,
            Endpoint::List => self.list,
            Endpoint::Detail => self.detail,
            Endpoint::Unknown => 0.0,
        };
        if share <= 0.0 || dice.f64() >= share {
            return None;
        }
        let fitting: Vec<FaultKind> = self.kinds.iter().copied().filter(|kind| kind.fits(endpoint)).collect();
        dice.choice(fitting)
    }

    /// Breaks a good answer. `throw` decides the details; `stop` ends every wait.
    pub(super) async fn apply(
        &self,
        kind: FaultKind,
        endpoint: Endpoint,
        good: Vec<u8>,
        throw: usize,
        stop: &CancellationToken,
    ) -> Response {
        match kind {
            FaultKind::Error => {
                let (status, as_page) = [
                    (StatusCode::INTERNAL_SERVER_ERROR, false),
                    (StatusCode::BAD_GATEWAY, true),
                    (StatusCode::SERVICE_UNAVAILABLE, true),
                    (StatusCode::INTERNAL_SERVER_ERROR, true),
                    (StatusCode::SERVICE_UNAVAILABLE, false),
                ][throw % 5];
                if as_page {
                    let page =
                        format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
                    answer(status, HTML, page)
                } else {
                    answer(status, JSON, r#"{"error": "Internal error", "lead": null}"#)
                }
            }
            FaultKind::Throttle => {
                let body = r#"{"message": "Too many requests"}"#;
                ([(header::RETRY_AFTER, "1")], answer(StatusCode::TOO_MANY_REQUESTS, JSON, body)).into_response()
            }
            FaultKind::Html => answer(
                StatusCode::OK,
                HTML,
                "<!doctype html><title>Manutenção</title><p>Voltamos já! Estamos em manutenção.</p>",
            ),
            FaultKind::Truncated => {
                let kept = 1 + throw % good.len().saturating_sub(1).max(1);
                answer(StatusCode::OK, JSON, good[..kept.min(good.len())].to_vec())
            }
            FaultKind::Empty => answer(StatusCode::OK, JSON, ""),
            FaultKind::Shape => answer(StatusCode::OK, JSON, wrong_shape(endpoint, throw)),
            FaultKind::Reset => reset(good),
            FaultKind::Stall => {
                wait(self.stall, stop).await;
                answer(StatusCode::GATEWAY_TIMEOUT, HTML, "<h1>504 Gateway Timeout</h1>")
            }
            FaultKind::Slow => trickle(good, self.slow, stop.clone()),
            FaultKind::Unauthorized => answer(StatusCode::UNAUTHORIZED, JSON, r#"{"message": "Unauthorized"}"#),
            FaultKind::Status500 => answer(StatusCode::INTERNAL_SERVER_ERROR, JSON, good),
            FaultKind::Huge => huge(good, self.huge_bytes, stop.clone()),
            FaultKind::Blank => answer(StatusCode::OK, JSON, r#"{"leads":[]}"#),
        }
    }
}

pub(super) const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// Waits, but not beyond the end of the simulator.
pub(super) async fn wait(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stop.cancelled() => {}
    }
}

/// Well-formed JSON in which no reader may find a token, a list or a lead.
fn wrong_shape(endpoint: Endpoint, throw: usize) -> &'static str {
    let shapes = match endpoint {
        Endpoint::Token => ["{}", r#"{"token": null}"#, r#"{"token": {"value": 1}}"#, "[]", r#""ok""#],
        Endpoint::List => [
            "[]",
            r#"{"leads": null}"#,
            r#"{"data": []}"#,
            r#"{"leads": {"weclever_lead_id": 1}}"#,
            r#"{"leads": [{"mapped_status": "qualified", "client_lead_id": null}]}"#,
        ],
        Endpoint::Detail | Endpoint::Unknown => {
            ["[]", r#"{"lead": null}"#, r#"{"lead": []}"#, r#"{"leads": []}"#, r#"{"lead": "not found"}"#]
        }
    };
    shapes[throw % shapes.len()]
}

/// Declares the whole length, sends half of it and breaks the connection.
fn reset(good: Vec<u8>) -> Response {
    let length = good.len().max(2);
    let half = Bytes::from(good).slice(..length / 2);
    let stream = stream::unfold(Some(half), async |half| match half {
        Some(half) => Some((Ok(half), None)),
        None => {
            // The half has to be on its way first, or the connection would break before any answer.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
        }
    });
    whole_length(length, Body::from_stream(stream))
}

/// A byte every 20 ms for so long, then the rest at once.
fn trickle(good: Vec<u8>, time: Duration, stop: CancellationToken) -> Response {
    let length = good.len();
    let single = (time.as_millis() / TRICKLE.as_millis()) as usize;
    let stream = stream::unfold((Bytes::from(good), single, stop), async |(mut rest, single, stop)| {
        if rest.is_empty() {
            return None;
        }
        if single == 0 || stop.is_cancelled() {
            return Some((Ok::<_, io::Error>(rest), (Bytes::new(), 0, stop)));
        }
        wait(TRICKLE, &stop).await;
        let byte = rest.split_to(1);
        Some((Ok(byte), (rest, single - 1, stop)))
    });
    whole_length(length, Body::from_stream(stream))
}

const TRICKLE: Duration = Duration::from_millis(20);

/// Spaces are fine before JSON, so that only a limit on the size can refuse this. Made as it is sent, never held.
fn huge(good: Vec<u8>, spaces: u64, stop: CancellationToken) -> Response {
    static SPACES: [u8; 64 << 10] = [b' '; 64 << 10];
    let stream = stream::unfold((spaces, Bytes::from(good), stop), async |(spaces, good, stop)| {
        if stop.is_cancelled() || (spaces == 0 && good.is_empty()) {
            return None;
        }
        if spaces == 0 {
            return Some((Ok::<_, io::Error>(good), (0, Bytes::new(), stop)));
        }
        let some = spaces.min(SPACES.len() as u64);
        Some((Ok(Bytes::from_static(&SPACES[..some as usize])), (spaces - some, good, stop)))
    });
    answer(StatusCode::OK, JSON, Body::from_stream(stream))
}

fn whole_length(length: usize, body: Body) -> Response {
    let headers: [(HeaderName, String); 1] = [(header::CONTENT_LENGTH, length.to_string())];
    (headers, answer(StatusCode::OK, JSON, body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_as_listed_and_named_as_clap_names_them() {
        for (at, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
            let value = clap::ValueEnum::to_possible_value(&kind).unwrap();
            assert_eq!(value.get_name(), kind.name());
        }
    }

    #[test]
    fn the_share_is_kept_and_every_usual_kind_comes() {
        let (faults, mut dice) = (Faults::of(0.2, FaultKind::usual()), Rng::with_seed(3));
        let given: Vec<_> = (0..10_000).filter_map(|_| faults.draw(Endpoint::Detail, &mut dice)).collect();
        assert!((1_800..2_200).contains(&given.len()), "{}", given.len());
        for kind in FaultKind::usual() {
            assert!(given.contains(&kind), "{kind:?}");
        }
        assert!(!given.contains(&FaultKind::Huge) && !given.contains(&FaultKind::Blank));
    }

    #[test]
    fn kinds_stay_where_they_belong() {
        let (faults, mut dice) = (Faults::of(1.0, [FaultKind::Status500, FaultKind::Blank]), Rng::with_seed(3));
        assert_eq!(faults.draw(Endpoint::Token, &mut dice), None);
        assert_eq!(faults.draw(Endpoint::Unknown, &mut dice), None);
        assert_eq!(faults.draw(Endpoint::List, &mut dice), Some(FaultKind::Blank));
        assert_eq!(faults.draw(Endpoint::Detail, &mut dice), Some(FaultKind::Status500));
        assert_eq!(Faults::default().draw(Endpoint::Detail, &mut dice), None);
    }
}
