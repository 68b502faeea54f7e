//! Queues: what a destination's URL says of the broker, and of the place there.
//!
//! | URL | place |
//! |---|---|
//! | `nats://host:4222/SUBJECT`, `tls://` | a subject that a JetStream stream takes |
//! | `amqp://host:5672/VHOST?exchange=&routing_key=`, `amqps://` | an exchange, as RabbitMQ's URI specification writes the rest |
//! | `redis://host:6379/DB?stream=&maxlen=`, `rediss://` | a stream |
//! | `kafka://host:9092/TOPIC` | a topic |
//!
//! Nothing is opened or asked here.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::secret::Secret;

/// The brokers that leadhook speaks to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Broker {
    /// NATS with JetStream.
    Nats,
    /// RabbitMQ, by AMQP 0-9-1.
    Amqp,
    /// Redis Streams.
    Redis,
    /// Kafka.
    Kafka,
}

/// Each scheme, whose it is, and whether all of the connection is encrypted.
const SCHEMES: [(&str, Broker, bool); 7] = [
    ("nats", Broker::Nats, false),
    ("tls", Broker::Nats, true),
    ("amqp", Broker::Amqp, false),
    ("amqps", Broker::Amqp, true),
    ("redis", Broker::Redis, false),
    ("rediss", Broker::Redis, true),
    ("kafka", Broker::Kafka, false),
];

impl Broker {
    /// Whose scheme this is; `None`: no broker's.
    pub fn of_scheme(scheme: &str) -> Option<Broker> {
        SCHEMES.iter().find(|(known, ..)| *known == scheme).map(|(_, broker, _)| *broker)
    }

    /// Every scheme.
    pub fn schemes() -> impl Iterator<Item = &'static str> {
        SCHEMES.iter().map(|(scheme, ..)| *scheme)
    }

    /// The cargo feature with which it is built in.
    pub fn feature(self) -> &'static str {
        match self {
            Broker::Nats => "nats",
            Broker::Amqp => "amqp",
            Broker::Redis => "redis",
            Broker::Kafka => "kafka",
        }
    }

    /// Whether this build can speak to it.
    pub fn is_built_in(self) -> bool {
        match self {
            Broker::Nats => cfg!(feature = "nats"),
            Broker::Amqp => cfg!(feature = "amqp"),
            Broker::Redis => cfg!(feature = "redis"),
            Broker::Kafka => cfg!(feature = "kafka"),
        }
    }

    /// A whole URL that looks right.
    pub fn example(self) -> &'static str {
        match self {
            Broker::Nats => "nats://nats.example.com:4222/leads.finished",
            Broker::Amqp => "amqps://mq.example.com/?exchange=leads&routing_key=finished",
            Broker::Redis => "redis://redis.example.com/0?stream=leads",
            Broker::Kafka => "kafka://kafka.example.com:9092/leads",
        }
    }

    fn port(self, tls: bool) -> u16 {
        match (self, tls) {
            (Broker::Nats, _) => 4222,
            (Broker::Amqp, false) => 5672,
            (Broker::Amqp, true) => 5671,
            (Broker::Redis, _) => 6379,
            (Broker::Kafka, _) => 9092,
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broker::Nats => "NATS",
            Broker::Amqp => "RabbitMQ",
            Broker::Redis => "Redis",
            Broker::Kafka => "Kafka",
        })
    }
}

/// The broker's server, and how one comes in there. It is the same for every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What is spoken there.
    pub broker: Broker,
    /// A name, or an address in numbers.
    pub host: Host,
    /// The scheme's own, where the URL names none.
    pub port: u16,
    /// Whether the connection is encrypted from its start.
    pub tls: bool,
    /// Empty where the URL has no user.
    pub user: String,
    /// `None` where the URL has no password.
    pub password: Option<Password>,
}

/// A password of a URL, decoded. Prints as `***`.
#[derive(Clone)]
pub struct Password(pub Secret);

impl PartialEq for Password {
    fn eq(&self, other: &Password) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Server {
    /// Reads scheme, host, port, user and password.
    ///
    /// # Errors
    /// What is wrong and, behind `; `, what to write; nothing of the URL. It is as well no broker's URL.
    pub fn of(url: &Url) -> Result<Server, String> {
        let Some((_, broker, tls)) = SCHEMES.iter().find(|(scheme, ..)| *scheme == url.scheme()) else {
            return Err("is no broker's address; write for example nats://host:4222/subject".to_owned());
        };
        let (broker, tls) = (*broker, *tls);
        let named = url.host_str().filter(|host| !host.is_empty());
        // The parser leaves the hosts of schemes that it does not know as they are.
        let host = named.and_then(|host| Host::parse(host).ok());
        let Some(host) = host else {
            return Err(format!("names no host; write for example {}", broker.example()));
        };
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        Ok(Server {
            broker,
            host,
            port: url.port().unwrap_or(broker.port(tls)),
            tls,
            user: decoded(url.username()),
            password: url.password().map(|password| Password(Secret::new(decoded(password)))),
        })
    }

    /// The host, as it is put into an address or shown to a TLS server.
    pub fn host_name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where a broker puts a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A subject of NATS.
    Subject(String),
    /// An exchange of RabbitMQ.
    Exchange {
        /// The virtual host; `/` where none is named.
        vhost: String,
        /// Empty: the one that leads to every queue by its name.
        exchange: String,
        /// With that one, the queue's name.
        routing_key: String,
    },
    /// A stream of Redis.
    Stream {
        /// The number of its database.
        db: u32,
        /// Its key.
        stream: String,
        /// About so many messages are kept, the newest; `None`: all.
        maxlen: Option<u64>,
    },
    /// A topic of Kafka.
    Topic(String),
}

impl Place {
    /// Reads path and query.
    ///
    /// # Errors
    /// What is wrong and, behind `; `, what to write; nothing of the URL, in which a lead's data may be.
    pub fn of(url: &Url) -> Result<Place, String> {
        let Some(broker) = Broker::of_scheme(url.scheme()) else {
            return Err("is no broker's address; write for example nats://host:4222/subject".to_owned());
        };
        let path = path(url)?;
        match broker {
            Broker::Nats => {
                only(url, &[], broker)?;
                subject(path).map(Place::Subject)
            }
            Broker::Amqp => exchange(path, url),
            Broker::Redis => stream(&path, url),
            Broker::Kafka => {
                only(url, &[], broker)?;
                topic(path).map(Place::Topic)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Subject(subject) => write!(f, "the subject {subject}"),
            Place::Exchange { exchange, routing_key, .. } if exchange.is_empty() => {
                write!(f, "the queue {routing_key}")
            }
            Place::Exchange { exchange, .. } => write!(f, "the exchange {exchange}"),
            Place::Stream { stream, .. } => write!(f, "the stream {stream}"),
            Place::Topic(topic) => write!(f, "the topic {topic}"),
        }
    }
}

/// The path without its first `/`, decoded.
fn path(url: &Url) -> Result<String, String> {
    let path = url.path();
    let path = percent_decode_str(path.strip_prefix('/').unwrap_or(path));
    let path = path.decode_utf8().map_err(|_| "has a path that is no text; write it in UTF-8".to_owned())?;
    Ok(path.into_owned())
}

/// The value of a key of the query. One that stands there twice would leave open which is meant.
fn value(url: &Url, key: &str) -> Result<Option<String>, String> {
    let mut values = url.query_pairs().filter(|(name, _)| name == key).map(|(_, value)| value.into_owned());
    let first = values.next();
    match values.next() {
        Some(_) => Err(format!("says {key} twice; keep one")),
        None => Ok(first),
    }
}

/// No key in the query but these.
fn only(url: &Url, known: &[&str], broker: Broker) -> Result<(), String> {
    match url.query_pairs().find(|(name, _)| !known.contains(&name.as_ref())) {
        // A key may be the end of a lead's text in which somebody has put `&`.
        Some(_) if known.is_empty() => {
            Err(format!("has a part behind `?`, which means nothing there; write for example {}", broker.example()))
        }
        Some(_) => Err(format!("has a key behind `?` that means nothing there; there is {}", known.join(", "))),
        None => Ok(()),
    }
}

/// NATS documentation, "Subject-Based Messaging": tokens between dots, without whitespace; `*` and `>` are for those who
/// listen, and what begins with `$` is the server's own.
fn subject(subject: String) -> Result<String, String> {
    let example = "write for example nats://host:4222/leads.finished";
    if subject.is_empty() {
        return Err(format!("names no subject; {example}"));
    }
    if subject.starts_with('$') {
        return Err(format!("names a subject of the server's own; {example}"));
    }
    if subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a subject with a space in it; write for example `| replace(' ', '_')` behind the expression"
            .to_owned());
    }
    match subject.split('.').find(|token| matches!(*token, "" | "*" | ">")) {
        Some("") => {
            Err("has a subject with nothing between two dots, or at an end; write what an expression is where \
                         there is nothing, as in {{ mapped_status | default('none', true) }}"
                .to_owned())
        }
        Some(_) => Err(format!("has a subject with `*` or `>`, which are for those who listen; {example}")),
        None => Ok(subject),
    }
}

/// A name of AMQP 0-9-1 is at most so long, in bytes.
const SHORT_STRING: usize = 255;

/// RabbitMQ's "AMQP 0-9-1 URI Specification" for the path, except that a lone `/` is the virtual host `/` as well: an empty
/// name is nobody's.
fn exchange(path: String, url: &Url) -> Result<Place, String> {
    only(url, &["exchange", "routing_key"], Broker::Amqp)?;
    let vhost = if path.is_empty() { "/".to_owned() } else { path };
    let (named, key) = (value(url, "exchange")?, value(url, "routing_key")?);
    let (exchange, routing_key) = (named.unwrap_or_default(), key.unwrap_or_default());
    if [&vhost, &exchange, &routing_key].into_iter().any(|name| name.len() > SHORT_STRING) {
        return Err(format!("has a name of more than {SHORT_STRING} bytes; write a shorter one"));
    }
    if exchange.is_empty() && routing_key.is_empty() {
        return Err(
            "names neither an exchange nor a queue; write ?exchange=NAME&routing_key=KEY, or ?routing_key=QUEUE"
                .to_owned(),
        );
    }
    Ok(Place::Exchange { vhost, exchange, routing_key })
}

fn stream(path: &str, url: &Url) -> Result<Place, String> {
    only(url, &["stream", "maxlen"], Broker::Redis)?;
    let db = match path.trim_end_matches('/') {
        "" => 0,
        number => number.parse().map_err(|_| {
            "has a path that is no database's number; write for example redis://host/0?stream=leads".to_owned()
        })?,
    };
    let stream = value(url, "stream")?.filter(|name| !name.is_empty());
    let stream = stream.ok_or("names no stream; write for example redis://host/0?stream=leads")?;
    let maxlen = match value(url, "maxlen")? {
        // What an empty value means nobody can say, and a template's may come out so.
        Some(number) => match number.parse() {
            Ok(0) | Err(_) => {
                return Err(
                    "has a maxlen that is no number; write how many messages to keep, or take it out".to_owned()
                );
            }
            Ok(number) => Some(number),
        },
        None => None,
    };
    Ok(Place::Stream { db, stream, maxlen })
}

/// Kafka's `org.apache.kafka.common.internals.Topic`: at most 249 of `[a-zA-Z0-9._-]`, and neither `.` nor `..`.
fn topic(topic: String) -> Result<String, String> {
    let example = "write for example kafka://host:9092/leads";
    if topic.is_empty() {
        return Err(format!("names no topic; {example}"));
    }
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.len() > 249 || matches!(topic.as_str(), "." | "..") || !topic.chars().all(fit) {
        let help = "use up to 249 letters without accents, digits, `.`, `_` and `-`";
        return Err(format!("has a topic's name that Kafka does not take; {help}"));
    }
    Ok(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn servers_with_their_own_ports_and_credentials() {
        for (text, shown, tls, user, password) in [
            ("nats://h/x", "h:4222", false, "", None),
            ("tls://h:1/x", "h:1", true, "", None),
            ("amqp://h", "h:5672", false, "", None),
            ("amqps://Ana%40x:p%2Fss@h", "h:5671", true, "Ana@x", Some("p/ss")),
            ("rediss://:hunter2@h/0", "h:6379", true, "", Some("hunter2")),
            ("kafka://[::1]/x", "[::1]:9092", false, "", None),
            ("nats://0x7f.1/x", "127.0.0.1:4222", false, "", None),
        ] {
            let server = Server::of(&url(text)).expect(text);
            let seen = server.password.as_ref().map(|password| password.0.expose());
            assert_eq!(
                (server.to_string().as_str(), server.tls, server.user.as_str(), seen),
                (shown, tls, user, password)
            );
            assert!(!format!("{server:?}").contains("hunter2"));
        }
        for bad in ["https://h/x", "nats:///x", "nats:x"] {
            let said = Server::of(&url(bad)).expect_err(bad);
            assert!(said.contains("; write"), "{said}");
        }
    }

    #[test]
    fn places_as_their_brokers_name_them() {
        let amqp = |vhost: &str, exchange: &str, routing_key: &str| Place::Exchange {
            vhost: vhost.into(),
            exchange: exchange.into(),
            routing_key: routing_key.into(),
        };
        let redis = |db, stream: &str, maxlen| Place::Stream { db, stream: stream.into(), maxlen };
        for (text, place) in [
            ("nats://h/leads.S%C3%A3o_Paulo", Place::Subject("leads.São_Paulo".into())),
            ("tls://h/a/b", Place::Subject("a/b".into())),
            ("amqp://h?routing_key=leads", amqp("/", "", "leads")),
            ("amqp://h/?exchange=crm&routing_key=a.b", amqp("/", "crm", "a.b")),
            ("amqp://h/%2f?exchange=crm", amqp("/", "crm", "")),
            ("amqps://h/my%20host?routing_key=S%C3%A3o+Paulo", amqp("my host", "", "São Paulo")),
            ("redis://h?stream=leads", redis(0, "leads", None)),
            ("redis://h/3?stream=a%3Ab&maxlen=10", redis(3, "a:b", Some(10))),
            ("kafka://h/my-leads_1.x", Place::Topic("my-leads_1.x".into())),
        ] {
            assert_eq!(Place::of(&url(text)).as_ref(), Ok(&place), "{text}");
        }
    }

    #[test]
    fn what_no_broker_takes_is_told_without_a_lead_in_it() {
        for (text, told) in [
            ("nats://h", "names no subject"),
            ("nats://h/", "names no subject"),
            ("nats://h/Maria%20Silva", "a space in it"),
            ("nats://h/a..b", "nothing between two dots"),
            ("nats://h/.a", "nothing between two dots"),
            ("nats://h/a.*", "for those who listen"),
            ("nats://h/a.%3E", "for those who listen"),
            ("nats://h/$JS.API.STREAM.DELETE.x", "the server's own"),
            ("nats://h/x?Maria=1", "means nothing there"),
            ("nats://h/%ff", "no text"),
            ("amqp://h/", "neither an exchange nor a queue"),
            ("amqp://h/?exchange=&routing_key=", "neither an exchange nor a queue"),
            ("amqp://h/?routing_key=a&routing_key=Maria", "routing_key twice"),
            ("amqp://h/?queue=Maria", "there is exchange, routing_key"),
            ("redis://h/", "names no stream"),
            ("redis://h/Maria?stream=x", "no database's number"),
            ("redis://h/?stream=x&maxlen=0", "maxlen that is no number"),
            ("redis://h/?stream=x&maxlen=Maria", "maxlen that is no number"),
            ("kafka://h/", "names no topic"),
            ("kafka://h/Maria%20Silva", "does not take"),
            ("kafka://h/%2E%2E/..", "names no topic"),
            ("kafka://h/a/b", "does not take"),
        ] {
            let said = Place::of(&url(text)).expect_err(text);
            assert!(said.contains(told) && !said.contains("Maria"), "{text}: {said}");
        }
        let long = format!("amqp://h/?routing_key={}", "x".repeat(256));
        assert!(Place::of(&url(&long)).expect_err("too long").contains("255 bytes"));
    }
}
