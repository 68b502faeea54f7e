//! The way to a destination: one attempt, and what came back of it.
//!
//! What an answer means is not decided here but in [`crate::domain::outcome`].

mod http;
mod queue;
mod sqs;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::destination::Destination;
use crate::domain::outcome::Answer;
use crate::domain::request::Request;
use crate::http_client::{BySystem, Lookup, Unmade};

/// What came back of one attempt, and how long that took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What came back.
    pub answer: Answer,
    /// From the start of the attempt to the last byte read of the answer.
    pub took: Duration,
}

/// Why no way to a destination could be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The HTTP client could not be built, as a rule for want of trusted roots.
    #[error("the HTTP client for destination `{destination}` could not be made")]
    Client {
        /// The destination's name.
        destination: String,
        /// What went wrong.
        source: Unmade,
    },
    /// The queue's client could not be made.
    #[error("the way to the queue of destination `{destination}` could not be made: {why}")]
    Queue {
        /// The destination's name.
        destination: String,
        /// What went wrong, and what to do.
        why: String,
    },
}

/// The HTTP client of a destination, for what else is asked on its behalf: its token URL lies behind the same proxy.
///
/// # Errors
/// When no client can be made of what the file says.
pub fn client(destination: &Destination) -> Result<reqwest::Client, TransportError> {
    http::client(destination, Arc::new(BySystem))
}

/// One destination's transport, with its own connections, so that no destination can slow another.
pub struct Transport(Kind);

enum Kind {
    Http(Box<http::Http>),
    Queue(queue::Queue),
}

impl Transport {
    /// The transport that the destination's URL asks for.
    ///
    /// # Errors
    /// When no client can be made of what the file says.
    pub fn new(destination: &Destination) -> Result<Transport, TransportError> {
        Transport::looking_up(destination, Arc::new(BySystem))
    }

    /// The same, with names looked up so.
    ///
    /// # Errors
    /// As for [`Transport::new`].
    pub fn looking_up(destination: &Destination, lookup: Arc<dyn Lookup>) -> Result<Transport, TransportError> {
        let kind = match destination.form.url.broker() {
            Some(_) => Kind::Queue(queue::Queue::new(destination, lookup)?),
            None => Kind::Http(Box::new(http::Http::new(destination, lookup)?)),
        };
        Ok(Transport(kind))
    }

    /// Makes one attempt: the request, signed for `now`, which is also stamped on it, under the event's `id`.
    ///
    /// It ends within the destination's `timeout`, and can be dropped at any moment.
    pub async fn send(&self, id: &str, request: Request, now: Timestamp) -> Sent {
        match &self.0 {
            Kind::Http(http) => http.send(id, request, now).await,
            Kind::Queue(queue) => queue.send(id, request, now).await,
        }
    }

    /// For a queue: whether its broker lets us in, and has the place: what is there, or what is wrong and what to do. Nothing
    /// is sent. `None`: it is no queue.
    pub async fn look(&self) -> Option<Result<String, String>> {
        match &self.0 {
            Kind::Http(http) => http.look(Timestamp::now()).await,
            Kind::Queue(queue) => Some(queue.look().await),
        }
    }
}

impl fmt::Debug for Transport {
    // Headers and URLs carry secrets; a client's own debug output shows what it was built with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Http(_) => f.write_str("Transport::Http"),
            Kind::Queue(_) => f.write_str("Transport::Queue"),
        }
    }
}
