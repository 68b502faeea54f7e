//! Kafka, by librdkafka's idempotent producer: a message is delivered once all replicas in sync have it.
//!
//! librdkafka looks up the names by which brokers tell where they are, and connects there by itself. So these names are asked
//! for first, by a client that only asks, and looked at; see [`Kafka::connect`] for what that leaves open.

mod producer;
mod said;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use tokio::time::{Instant, timeout_at};

use super::Client;
use super::dial::Dial;
use super::kept::Kept;
use super::message::Message;
use crate::domain::outcome::{Answer, NoAnswer, Refusal};
use crate::domain::queue::Place;
use crate::domain::span;
use producer::{Cluster, Producer, Purpose};

/// So many topics are known to be there before they are all asked about anew. A template may name any number of them.
const TOPICS: usize = 1_000;

/// One destination's Kafka.
pub(super) struct Kafka {
    dial: Dial,
    timeout: Duration,
    kept: Kept<Arc<Link>>,
    /// Whether the topic is the file's alone, and may be named.
    named: bool,
}

/// The producer, and the topics that its brokers have, as far as they were asked about.
struct Link {
    producer: Producer,
    topics: Mutex<HashSet<String>>,
}

impl Kafka {
    pub(super) fn new(dial: Dial, timeout: Duration, named: bool) -> Kafka {
        Kafka { dial, timeout, kept: Kept::new(), named }
    }

    /// Makes a producer for brokers that may all be connected to.
    ///
    /// The first connection is ours, for an address that the guard allows; over it nothing is said, but that nobody is there
    /// is known at once. Then the brokers of the cluster are asked for and looked at. A name that leads elsewhere when
    /// librdkafka looks it up a moment later, or a broker that joins afterwards and before another topic is asked about, is
    /// not: librdkafka lets nobody choose for it what it connects to.
    async fn connect(&self, topic: Option<&str>) -> Result<Arc<Link>, Answer> {
        drop(self.dial.connect().await?);
        let addresses = self.dial.addresses().await?;
        let scout = Producer::new(&self.dial, &addresses, Purpose::Asking, self.timeout)?;
        self.may_be_connected_to(&scout.cluster(topic, self.dial.patience).await?).await?;
        let producer = Producer::new(&self.dial, &addresses, Purpose::Sending, self.timeout)?;
        Ok(Arc::new(Link { producer, topics: Mutex::default() }))
    }

    /// All brokers that the cluster has.
    async fn may_be_connected_to(&self, cluster: &Cluster) -> Result<(), Answer> {
        for broker in &cluster.brokers {
            self.dial.addresses_of(&broker.host, broker.port).await.map_err(|answer| match answer {
                Answer::Nothing { why, detail } => {
                    let detail = format!("broker {} of the cluster, by its advertised.listeners: {detail}", broker.id);
                    Answer::Nothing { why, detail }
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// Makes sure that the topic is there: librdkafka would wait for it.
    async fn look_for(&self, link: &Link, topic: &str) -> Result<(), Answer> {
        if link.topics.lock().unwrap_or_else(PoisonError::into_inner).contains(topic) {
            return Ok(());
        }
        let cluster = link.producer.cluster(Some(topic), self.dial.patience).await?;
        self.may_be_connected_to(&cluster).await?;
        said::of_topic(&cluster, topic, self.named)?;
        let mut topics = link.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.len() >= TOPICS {
            topics.clear();
        }
        topics.insert(topic.to_owned());
        Ok(())
    }

    async fn try_publish(&self, to: &Place, message: Message) -> Result<Answer, Answer> {
        let Place::Topic(topic) = to else { return Err(elsewhere(to)) };
        let began = Instant::now();
        let (link, generation) = self.kept.get(|| self.connect(Some(topic))).await?;
        let sent = async {
            self.look_for(&link, topic).await?;
            send(&link.producer, topic, &message, self.named).await
        };
        // A little before whoever asked gives up, so that what is known of the brokers can be told.
        let deadline = began + self.timeout.mul_f32(0.95);
        let sent = timeout_at(deadline, sent).await.unwrap_or_else(|_| Err(self.late()));
        let answer = sent.map_err(|answer| link.producer.heard_since(began).unwrap_or(answer));
        if answer.is_err() {
            // What was known of it may hold no longer.
            link.topics.lock().unwrap_or_else(PoisonError::into_inner).remove(topic);
        }
        // A producer whose brokers are gone looks for them where they were, and one that has failed sends nothing more. What
        // others have under way with it goes on.
        if matches!(&answer, Err(Answer::Nothing { .. })) || link.producer.has_failed() {
            self.kept.lost(generation).await;
        }
        answer
    }

    fn late(&self) -> Answer {
        let detail = format!("no answer within {}", span::format(self.timeout));
        Answer::Nothing { why: NoAnswer::Timeout, detail }
    }

    async fn try_look(&self, at: Option<&Place>) -> Result<String, Answer> {
        let topic = match at {
            None => None,
            Some(Place::Topic(topic)) => Some(topic.as_str()),
            Some(place) => return Err(elsewhere(place)),
        };
        let (link, _) = self.kept.get(|| self.connect(topic)).await?;
        let Some(topic) = topic else {
            return Ok("Kafka lets us in; the topic is another one for each event".to_owned());
        };
        let cluster = link.producer.cluster(Some(topic), self.dial.patience).await?;
        let partitions = said::of_topic(&cluster, topic, true)?;
        Ok(format!(
            "Kafka lets us in, and the topic {topic} is there with {partitions}; whether we may write to it shows with the \
             first message"
        ))
    }
}

impl Client for Kafka {
    fn publish<'a>(&'a self, to: &'a Place, message: Message) -> BoxFuture<'a, Answer> {
        async move { self.try_publish(to, message).await.unwrap_or_else(|answer| answer) }.boxed()
    }

    fn look<'a>(&'a self, at: Option<&'a Place>) -> BoxFuture<'a, Result<String, String>> {
        async move { self.try_look(at).await.map_err(|answer| answer.said()) }.boxed()
    }
}

async fn send(producer: &Producer, topic: &str, message: &Message, named: bool) -> Result<Answer, Answer> {
    let mut headers = OwnedHeaders::new();
    let content_type = message.content_type.as_deref().map(|value| ("content-type", value));
    for (key, value) in message.header_texts().chain(content_type) {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut record = FutureRecord::<str, [u8]>::to(topic).payload(&message.body).headers(headers);
    if let Some(key) = &message.key {
        record = record.key(key);
    }
    let said = |error: &rdkafka::error::KafkaError| said::of(error, named.then_some(topic), message.body.len());
    let report = producer.send(record).map_err(|error| said(&error))?;
    match report.await {
        Ok(Ok(delivery)) => {
            Ok(Answer::Taken { receipt: format!("partition {}, offset {}", delivery.partition, delivery.offset) })
        }
        Ok(Err((error, _))) => Err(said(&error)),
        // The producer is held here until it has reported.
        Err(_) => Err(Answer::Nothing { why: NoAnswer::Reset, detail: "the producer has ended".to_owned() }),
    }
}

fn elsewhere(_: &Place) -> Answer {
    Answer::Refused { why: Refusal::Unfit, detail: "it is no place of Kafka's".to_owned() }
}
