//! `/live`: a stream that tells a page when there is something new to see (server-sent events). It carries no data: the page
//! asks for itself again, and gets what its reader may see.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admin::asked::Asked;
use crate::watch::Happening;

/// Pages that may be open at one time; one more is told to come back later, and still is up to date every half minute.
const LISTENERS: usize = 64;

/// No more hints than one in so long: a page that changes faster is not read.
const EVERY: Duration = Duration::from_millis(700);

/// A comment so often: what stands between may cut a line on which nothing is said.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The lines that pages listen on; cheap to clone.
#[derive(Clone)]
pub(in crate::admin) struct Lines {
    free: Arc<Semaphore>,
    end: CancellationToken,
}

impl Lines {
    /// All of them free.
    pub(in crate::admin) fn new() -> Lines {
        Lines { free: Arc::new(Semaphore::new(LISTENERS)), end: CancellationToken::new() }
    }

    /// One that is free, for as long as it is kept, and what tells of its end.
    pub(in crate::admin) fn take(&self) -> Option<(OwnedSemaphorePermit, CancellationToken)> {
        let line = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some((line, self.end.clone()))
    }

    /// Closes them all: an open one would hold up the service's end.
    pub(in crate::admin) fn close(&self) {
        self.end.cancel();
    }
}

/// One page that listens.
struct Listener {
    happenings: Receiver<Arc<Happening>>,
    end: CancellationToken,
    /// Not before then.
    next: Instant,
    begun: bool,
    _line: OwnedSemaphorePermit,
}

/// `GET /live`
pub(super) async fn live(State(asked): State<Asked>) -> Response {
    let Some((line, end)) = asked.lines.take() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n").into_response();
    };
    let listener =
        Listener { happenings: asked.operator.happenings(), end, next: Instant::now(), begun: false, _line: line };
    Sse::new(stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<Event, Infallible>(event), listener))
    }))
    .into_response()
}

/// A browser passes over an event without data.
fn refresh() -> Event {
    Event::default().event("refresh").data("now")
}

impl Listener {
    /// What to say next; `None`: the line is closed.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            // At once, so that the page knows that it is heard.
            self.begun = true;
            return Some(Event::default().comment("leadhook"));
        }
        let heartbeat = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(heartbeat);
        let end = self.end.clone();
        tokio::select! {
            () = end.cancelled() => None,
            () = &mut heartbeat => Some(Event::default().comment("")),
            goes_on = self.something_to_see() => goes_on.then(refresh),
        }
    }

    /// Waits for something to see, and for whatever comes right behind it; false where nothing will come any more.
    async fn something_to_see(&mut self) -> bool {
        if let Err(RecvError::Closed) = self.happenings.recv().await {
            return false;
        }
        tokio::time::sleep_until(self.next).await;
        loop {
            match self.happenings.try_recv() {
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => return false,
            }
        }
        self.next = Instant::now() + EVERY;
        true
    }
}
