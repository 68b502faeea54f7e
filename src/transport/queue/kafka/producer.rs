//! librdkafka's client: how it is set up, what it is asked, and what it says of itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::metadata::{Metadata, MetadataBroker, MetadataTopic};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::{ClientConfig, ClientContext};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::said;
use crate::domain::outcome::{Answer, NoAnswer};
use crate::domain::span;
use crate::transport::queue::dial::Dial;

/// What the client refuses by itself, in bytes. Brokers take 1 MB as they are set up, and this much as a whole request: so it
/// is their word that a message is too large.
const LARGEST: usize = 100 * 1024 * 1024;

/// What is heard so soon after that we were not let in is the same once more.
const AFTERMATH: Duration = Duration::from_secs(1);

/// What a client is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For the cluster's brokers alone: it connects to none of those that it hears of.
    Asking,
    Sending,
}

/// A client with its threads. It is taken down on a thread of its own, for that may take half a second.
pub(super) struct Producer {
    client: Option<FutureProducer<Heard>>,
    heard: Heard,
}

impl Producer {
    /// A client for these addresses. It connects by itself, and again when it must.
    pub(super) fn new(
        dial: &Dial,
        addresses: &[SocketAddr],
        purpose: Purpose,
        timeout: Duration,
    ) -> Result<Producer, Answer> {
        let heard = Heard::default();
        let client = config(dial, addresses, purpose, timeout).create_with_context(heard.clone());
        // Its words are of settings, all of them ours, and may be of the password.
        let client = client.map_err(|_| Answer::Nothing {
            why: NoAnswer::Protocol,
            detail: "the client could not be set up".to_owned(),
        })?;
        Ok(Producer { client: Some(client), heard })
    }

    /// Takes the message in, and gives what will become of it. Fails where there is no room.
    pub(super) fn send(&self, record: FutureRecord<'_, str, [u8]>) -> Result<DeliveryFuture, KafkaError> {
        let Some(client) = &self.client else { return Err(KafkaError::Canceled) };
        client.send_result(record).map_err(|(error, _)| error)
    }

    /// The cluster's brokers, and what there is of this topic; `None`: of all.
    pub(super) async fn cluster(&self, topic: Option<&str>, patience: Duration) -> Result<Cluster, Answer> {
        let late = || Answer::Nothing {
            why: NoAnswer::Timeout,
            detail: format!("Kafka has said nothing of its topics within {}", span::format(patience)),
        };
        let Some(client) = self.client.clone() else { return Err(late()) };
        let topic = topic.map(str::to_owned);
        let began = Instant::now();
        // It waits for as long as it may, whatever is known meanwhile.
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = client.client().fetch_metadata(topic.as_deref(), patience);
            // It may be the last to hold it by now.
            drop(Producer { client: Some(client), heard: Heard::default() });
            metadata.map(|metadata| Cluster::of(&metadata))
        });
        let hopeless = async {
            loop {
                let told = self.heard.told.notified();
                if let Some(answer) = self.heard_since(began) {
                    break answer;
                }
                told.await;
            }
        };
        tokio::select! {
            biased;
            cluster = asked => match cluster {
                Ok(Ok(cluster)) => Ok(cluster),
                Ok(Err(error)) => Err(self.heard_since(began).unwrap_or_else(|| said::of(&error, None, 0))),
                Err(_) => Err(late()),
            },
            answer = hopeless => Err(answer),
        }
    }

    /// What the client has said of its brokers since then, if that means that there is no hope for now.
    pub(super) fn heard_since(&self, began: Instant) -> Option<Answer> {
        let last = self.heard.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| *at >= began).and_then(|(_, error)| said::of_brokers(error))
    }

    /// Whether the client will never again send anything: the broker has lost what makes its messages come once.
    pub(super) fn has_failed(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.client().fatal_error().is_some())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let client = self.client.take();
        // Where there is no thread to be had, it is done here.
        let _ = std::thread::Builder::new().name("kafka-end".to_owned()).spawn(move || drop(client));
    }
}

/// What the brokers say of themselves.
pub(super) struct Cluster {
    pub(super) brokers: Vec<Broker>,
    pub(super) topics: Vec<Topic>,
}

/// A broker, and where it is in its own words.
pub(super) struct Broker {
    pub(super) id: i32,
    pub(super) host: String,
    pub(super) port: u16,
}

/// A topic that was asked about.
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) error: Option<KafkaError>,
    pub(super) partitions: usize,
    /// Partitions that can be written to.
    pub(super) led: usize,
}

impl Cluster {
    fn of(metadata: &Metadata) -> Cluster {
        let broker = |broker: &MetadataBroker| Broker {
            id: broker.id(),
            host: broker.host().to_owned(),
            port: u16::try_from(broker.port()).unwrap_or_default(),
        };
        let topic = |topic: &MetadataTopic| Topic {
            name: topic.name().to_owned(),
            error: topic.error().map(|error| KafkaError::MetadataFetch(error.into())),
            partitions: topic.partitions().len(),
            led: topic.partitions().iter().filter(|partition| partition.leader() >= 0).count(),
        };
        Cluster {
            brokers: metadata.brokers().iter().map(broker).collect(),
            topics: metadata.topics().iter().map(topic).collect(),
        }
    }
}

fn config(dial: &Dial, addresses: &[SocketAddr], purpose: Purpose, timeout: Duration) -> ClientConfig {
    let milliseconds =
        |duration: Duration, least: u128, most: u128| duration.as_millis().clamp(least, most).to_string();
    let servers: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    let mut config = ClientConfig::new();
    config
        .set_log_level(RDKafkaLogLevel::Info)
        .set("bootstrap.servers", servers.join(","))
        .set("client.id", "leadhook")
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set("socket.timeout.ms", milliseconds(timeout, 1_000, 60_000))
        .set("socket.connection.setup.timeout.ms", milliseconds(dial.patience, 1_000, 60_000))
        .set("reconnect.backoff.max.ms", "2000")
        // A topic that is not there is for a person to make, with as many partitions as it should have.
        .set("allow.auto.create.topics", "false")
        .set("topic.metadata.propagation.max.ms", "0");
    let server = &dial.server;
    if !server.user.is_empty() || server.password.is_some() {
        config
            .set("security.protocol", "SASL_PLAINTEXT")
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", &server.user)
            .set("sasl.password", server.password.as_ref().map_or("", |password| password.0.expose()));
    }
    if purpose == Purpose::Sending {
        config
            // All replicas in sync, in order, and once each whatever the client repeats.
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Somebody waits for each message: it is sent at once, and alone. A broker refuses as a whole what was put together.
            .set("linger.ms", "0")
            .set("batch.num.messages", "1")
            .set("message.max.bytes", LARGEST.to_string())
            .set("message.timeout.ms", milliseconds(timeout, 1, 2_147_483_647))
            // The same key goes to the same partition as from Java's producers.
            .set("partitioner", "murmur2_random");
    }
    config
}

/// What a client says of itself while nobody asks.
#[derive(Clone, Default)]
pub(super) struct Heard {
    last: Arc<Mutex<Option<(Instant, KafkaError)>>>,
    told: Arc<Notify>,
}

impl ClientContext for Heard {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "librdkafka: {reason}");
        let Some(means) = said::of_brokers(&error) else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Whom no broker lets in hears a moment later that all brokers are down.
        let is_denied = |error: &KafkaError| matches!(said::of_brokers(error), Some(Answer::Refused { .. }));
        let known = last.as_ref().is_some_and(|(at, error)| at.elapsed() < AFTERMATH && is_denied(error));
        if !known || matches!(means, Answer::Refused { .. }) {
            *last = Some((Instant::now(), error));
        }
        drop(last);
        self.told.notify_waiters();
    }
}
