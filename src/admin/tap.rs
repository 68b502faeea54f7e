//! What happens, as it happens, for `leadhook tap`: one object a line, for as long as somebody listens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use crate::app::operator::Refusal;
use crate::watch::{Happening, Told, What};

/// An empty line so often: whoever listens knows that the service is there, and it that somebody listens.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// Somebody who listens.
struct Listener {
    happenings: Receiver<Arc<Happening>>,
    first: Option<Told>,
    end: CancellationToken,
    _line: OwnedSemaphorePermit,
}

/// `GET /api/v1/tap`
pub(super) async fn tap(State(asked): State<Asked>) -> Response {
    let Some((line, end)) = asked.lines.take() else {
        let why = Refusal::Unavailable("too many listen already; close a page, or another tap".to_owned());
        return (StatusCode::SERVICE_UNAVAILABLE, Json(why)).into_response();
    };
    let happenings = asked.operator.happenings();
    let timezone = asked.operator.timezone().iana_name().unwrap_or("UTC").to_owned();
    let what = What::Listening { version: env!("CARGO_PKG_VERSION").to_owned(), timezone };
    let first = Some(Told { at: Timestamp::now(), what });
    let listener = Listener { happenings, first, end, _line: line };
    let lines = stream::unfold(listener, |mut listener| async move {
        let line = listener.next().await?;
        Some((Ok::<Bytes, Infallible>(line), listener))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

impl Listener {
    /// The next line; `None`: the service ends.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(line(&first));
        }
        let told = tokio::select! {
            () = self.end.cancelled() => return None,
            () = tokio::time::sleep(HEARTBEAT) => return Some(Bytes::from_static(b"\n")),
            told = self.happenings.recv() => told,
        };
        let at = Timestamp::now();
        match told {
            Ok(happening) => Some(line(&Told::of(&happening, at))),
            Err(RecvError::Lagged(count)) => Some(line(&Told { at, what: What::Missed { count } })),
            Err(RecvError::Closed) => None,
        }
    }
}

fn line(told: &Told) -> Bytes {
    // Nothing in it is a map whose keys are no texts, which is all that JSON refuses.
    let mut line = serde_json::to_vec(told).unwrap_or_default();
    line.push(b'\n');
    Bytes::from(line)
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Semaphore, broadcast};

    use super::*;

    #[tokio::test]
    async fn whoever_is_too_slow_hears_how_much_was_missed_and_the_line_ends_with_the_service() {
        let (told, happenings) = broadcast::channel(2);
        let line = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a line");
        let end = CancellationToken::new();
        let mut listener = Listener { happenings, first: None, end: end.clone(), _line: line };
        for new in 0..5 {
            assert!(told.send(Arc::new(Happening::Read { listed: 9, new })).is_ok());
        }
        let mut lines = String::new();
        for _ in 0..3 {
            let line = listener.next().await.expect("a line");
            lines.push_str(std::str::from_utf8(&line).expect("text"));
        }
        let what: Vec<&str> =
            lines.lines().filter_map(|line| line.split_once("\"what\":")).map(|(_, what)| what).collect();
        let read = |new: u8| format!("\"read\",\"listed\":9,\"new\":{new}}}");
        assert_eq!(what, ["\"missed\",\"count\":3}".to_owned(), read(3), read(4)]);
        end.cancel();
        assert!(listener.next().await.is_none());
    }
}
