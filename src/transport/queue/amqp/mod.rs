//! RabbitMQ, by AMQP 0-9-1 with its publisher confirms.
//!
//! Every message is persistent and mandatory, and is delivered once RabbitMQ has confirmed it. One that no queue takes comes
//! back, and is not delivered.

mod link;
mod said;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lapin::options::{BasicPublishOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind};

use super::Client;
use super::dial::Dial;
use super::kept::Kept;
use super::message::Message;
use crate::domain::outcome::{Answer, Refusal};
use crate::domain::queue::Place;
use link::Link;
use said::{Said, unrouted};

/// Written to disk, where the queue is durable.
const PERSISTENT: u8 = 2;

/// More virtual hosts than this are nobody's plan but a template's; the connections to them are not all kept.
const VHOSTS: usize = 8;

/// All headers of a message stand in one frame, and RabbitMQ hangs up over one that is larger than was agreed on. In bytes.
const HEADERS: usize = link::FRAME as usize - 4 * 1024;

/// One destination's RabbitMQ.
pub(super) struct Amqp {
    dial: Dial,
    /// By virtual host: there is one to a connection.
    links: Mutex<BTreeMap<String, Arc<Kept<Arc<Link>>>>>,
    /// Whether the place is the file's alone, and may be named.
    named: bool,
}

impl Amqp {
    pub(super) fn new(dial: Dial, named: bool) -> Amqp {
        Amqp { dial, links: Mutex::default(), named }
    }

    fn kept(&self, vhost: &str) -> Arc<Kept<Arc<Link>>> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if !links.contains_key(vhost) && links.len() >= VHOSTS {
            // Those who use them keep them until they are done.
            links.clear();
        }
        Arc::clone(links.entry(vhost.to_owned()).or_insert_with(|| Arc::new(Kept::new())))
    }

    /// A connection that stands as far as is known, with its number.
    async fn link(&self, kept: &Kept<Arc<Link>>, vhost: &str) -> Result<(Arc<Link>, u64), Answer> {
        loop {
            let (link, generation) = kept.get(|| Link::connect(&self.dial, vhost)).await?;
            if link.stands() {
                return Ok((link, generation));
            }
            kept.lost(generation).await;
        }
    }

    async fn try_publish(&self, to: &Place, message: Message) -> Result<Answer, Answer> {
        let Place::Exchange { vhost, exchange, routing_key } = to else {
            return Err(elsewhere(to));
        };
        let names = (short(exchange)?, short(routing_key)?);
        let properties = properties(&message)?;
        let kept = self.kept(vhost);
        let (link, generation) = self.link(&kept, vhost).await?;
        let said = Said { place: self.named.then_some(to) };
        let waiting = kept.waiting_over(generation);
        let published = async {
            let channel = link.channel().await?;
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            let confirmed = channel.basic_publish(names.0, names.1, options, &message.body, properties).await?.await?;
            Ok::<_, lapin::Error>((channel, confirmed))
        };
        // Who drops this leaves a channel behind that nobody else uses, and that is closed with it.
        let published = tokio::select! {
            biased;
            published = published => published.map_err(|error| said.of(&error)),
            why = link.is_blocked() => Err(said.blocked(&why)),
        };
        waiting.heard();
        let (channel, confirmed) = published?;
        Ok(match confirmed {
            Confirmation::Ack(None) => {
                link.done(channel);
                Answer::Taken { receipt: "confirmed by RabbitMQ".to_owned() }
            }
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                link.done(channel);
                unrouted(to)
            }
            Confirmation::Nack(None) => {
                link.done(channel);
                let detail = "a queue there is full or has no leader now".to_owned();
                Answer::Refused { why: Refusal::Busy, detail }
            }
            // It was asked for when the channel was opened.
            Confirmation::NotRequested => {
                Answer::Refused { why: Refusal::Other, detail: "RabbitMQ does not confirm what it takes".to_owned() }
            }
        })
    }

    async fn try_look(&self, at: Option<&Place>) -> Result<String, Answer> {
        let Some(place) = at else {
            // The virtual host may be another one for each event as well; whoever has to name one is let in by then.
            return match Link::connect(&self.dial, "/").await {
                Err(answer) if !said::is_vhost(&answer) => Err(answer),
                _ => Ok("RabbitMQ lets us in; the exchange or queue is another one for each event".to_owned()),
            };
        };
        let Place::Exchange { vhost, exchange, routing_key } = place else {
            return Err(elsewhere(place));
        };
        let (link, _) = self.link(&self.kept(vhost), vhost).await?;
        let said = Said { place: Some(place) };
        // A channel of its own: it is closed by what is not there.
        let channel = link.new_channel().await.map_err(|error| said.of(&error))?;
        if exchange.is_empty() {
            return queue(&channel, routing_key, said).await;
        }
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let there =
            channel.exchange_declare(short(exchange)?, ExchangeKind::Topic, options, FieldTable::default()).await;
        there.map_err(|error| said.of(&error))?;
        Ok(format!(
            "RabbitMQ lets us in, and {place} is there; whether we may write to it, and a queue is bound to it for what we \
             write, shows with the first message"
        ))
    }
}

impl Client for Amqp {
    fn publish<'a>(&'a self, to: &'a Place, message: Message) -> BoxFuture<'a, Answer> {
        async move { self.try_publish(to, message).await.unwrap_or_else(|answer| answer) }.boxed()
    }

    fn look<'a>(&'a self, at: Option<&'a Place>) -> BoxFuture<'a, Result<String, String>> {
        async move { self.try_look(at).await.map_err(|answer| answer.said()) }.boxed()
    }
}

/// What is known of a queue that is written to by its name.
async fn queue(channel: &Channel, name: &str, said: Said<'_>) -> Result<String, Answer> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let there = channel.queue_declare(short(name)?, options, FieldTable::default()).await;
    let there = there.map_err(|error| said.of(&error))?;
    Ok(format!("RabbitMQ lets us in, and the queue {name} is there with {} messages in it", there.message_count()))
}

fn properties(message: &Message) -> Result<BasicProperties, Answer> {
    let mut headers = FieldTable::default();
    let mut size = 0;
    for (name, value) in message.header_texts() {
        size += name.len() + value.len() + 6;
        headers.insert(short(name)?, AMQPValue::LongString(LongString::from(value)));
    }
    if size > HEADERS {
        let detail = format!("its headers have {size} bytes, and RabbitMQ takes no more than {HEADERS} of them");
        return Err(Answer::Refused { why: Refusal::Unfit, detail });
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&message.id)?)
        .with_headers(headers);
    match &message.content_type {
        Some(content_type) => Ok(properties.with_content_type(short(content_type)?)),
        None => Ok(properties),
    }
}

/// Names in AMQP have at most 255 bytes. Those of the place were looked at when the file was read.
fn short(text: &str) -> Result<ShortString, Answer> {
    ShortString::try_new(text).map_err(|_| Answer::Refused {
        why: Refusal::Unfit,
        detail: "the name of a header, or its content type, has more than 255 bytes".to_owned(),
    })
}

fn elsewhere(place: &Place) -> Answer {
    let detail = match place {
        Place::Exchange { .. } => String::new(),
        Place::Subject(_) | Place::Stream { .. } | Place::Topic(_) => "it is no place of RabbitMQ's".to_owned(),
    };
    Answer::Refused { why: Refusal::Unfit, detail }
}
