//! Destinations that are queues: one file for each broker's client, behind the cargo feature of its name.
//!
//! What they have in common stands here and beside: the message as it travels (`message`), the way to a server that may be
//! spoken to (`dial`), and a connection that is kept, shared, and made again with growing patience (`kept`).

// Each client uses what it needs of what they have in common.
#![cfg_attr(not(feature = "full"), allow(dead_code))]

#[cfg(feature = "amqp")]
mod amqp;
mod dial;
#[cfg(feature = "kafka")]
mod kafka;
mod kept;
mod message;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod redis;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::{Sent, TransportError};
use crate::domain::destination::Destination;
use crate::domain::outcome::{Answer, NoAnswer, Refusal};
use crate::domain::queue::{Place, Server};
use crate::domain::request::Request;
use crate::domain::sign::SigningSecret;
use crate::domain::span;
use crate::http_client::Lookup;
use dial::Dial;
use message::Message;

/// A broker's client. Nothing is connected before it is needed.
trait Client: Send + Sync {
    /// Puts the message there once, and waits until the broker has said that it has it. Can be dropped at any moment.
    fn publish<'a>(&'a self, to: &'a Place, message: Message) -> BoxFuture<'a, Answer>;

    /// Whether the broker lets us in, and has the place: what is there, or what is wrong and what to do. Nothing is published.
    /// `None`: the place is another one for each event.
    fn look<'a>(&'a self, at: Option<&'a Place>) -> BoxFuture<'a, Result<String, String>>;
}

/// One destination's queue.
pub(super) struct Queue {
    client: Box<dyn Client>,
    secrets: Vec<SigningSecret>,
    timeout: Duration,
    /// `None`: the place is another one for each event.
    place: Option<Place>,
}

impl Queue {
    /// Makes the client of this destination's broker.
    pub(super) fn new(destination: &Destination, lookup: Arc<dyn Lookup>) -> Result<Queue, TransportError> {
        let unmade = |why: String| TransportError::Queue { destination: destination.name.clone(), why };
        let server = Server::of(destination.form.url.origin()).map_err(unmade)?;
        let dial = Dial::new(server, destination, lookup)?;
        let place = match destination.form.literal_url() {
            Some(url) => Some(Place::of(&url).map_err(unmade)?),
            None => None,
        };
        Ok(Queue {
            client: client(dial, destination)?,
            secrets: destination.secrets.clone(),
            timeout: destination.timeout,
            place,
        })
    }

    pub(super) async fn send(&self, id: &str, request: Request, now: Timestamp) -> Sent {
        let began = Instant::now();
        let place = match &self.place {
            Some(place) => Ok(place.clone()),
            None => Place::of(request.url.expose()),
        };
        let answer = match place {
            Ok(place) => {
                let message = Message::of(id, request, &self.secrets, now);
                let published = timeout(self.timeout, self.client.publish(&place, message)).await;
                published.unwrap_or_else(|_| Answer::Nothing {
                    why: NoAnswer::Timeout,
                    detail: format!("no answer within {}", span::format(self.timeout)),
                })
            }
            Err(detail) => Answer::Refused { why: Refusal::Unfit, detail },
        };
        Sent { answer, took: began.elapsed() }
    }

    /// See [`Client::look`].
    pub(super) async fn look(&self) -> Result<String, String> {
        let looked = timeout(self.timeout, self.client.look(self.place.as_ref())).await;
        looked.unwrap_or_else(|_| Err(format!("no answer within {}", span::format(self.timeout))))
    }
}

/// The client of the broker that is dialled.
fn client(dial: Dial, destination: &Destination) -> Result<Box<dyn Client>, TransportError> {
    match dial.server.broker {
        #[cfg(feature = "nats")]
        crate::domain::queue::Broker::Nats => Ok(Box::new(nats::Nats::new(dial, destination.form.url.is_literal()))),
        #[cfg(feature = "amqp")]
        crate::domain::queue::Broker::Amqp => Ok(Box::new(amqp::Amqp::new(dial, destination.form.url.is_literal()))),
        #[cfg(feature = "redis")]
        crate::domain::queue::Broker::Redis => Ok(Box::new(redis::Redis::new(dial))),
        #[cfg(feature = "kafka")]
        crate::domain::queue::Broker::Kafka => {
            let named = destination.form.url.is_literal();
            Ok(Box::new(kafka::Kafka::new(dial, destination.timeout, named)))
        }
        // What is left was refused with the file. In a build with all clients nothing is.
        #[allow(unreachable_patterns)]
        broker => Err(TransportError::Queue {
            destination: destination.name.clone(),
            why: format!("this build cannot send to {broker}: it was made without the feature `{}`", broker.feature()),
        }),
    }
}
