//! A destination whose URL is a queue's: what its URL must be, and which keys mean something there.

use url::Url;

use super::document::child;
use super::reader::{Reading, Section, Spot};
use super::text::Text;
use crate::domain::destination::Destination;
use crate::domain::event::EventType;
use crate::domain::queue::{Broker, Place, Server};
use crate::domain::route::Route;
use crate::domain::template;

/// What only HTTP knows. `ca`, `client_cert` and `client_key` are for connections that are encrypted.
pub(super) const OF_HTTP: [&str; 6] = ["method", "auth", "steps", "wrap", "outcomes", "proxy"];
const OF_TLS: [&str; 3] = ["ca", "client_cert", "client_key"];

/// Whose URL this begins as; `None`: no broker's. The host is written out, so that it can be told of a template as well.
pub(super) fn broker(url: &str) -> Option<Broker> {
    let (scheme, _) = url.trim().split_once("://")?;
    Broker::of_scheme(&scheme.to_ascii_lowercase())
}

/// Looks at a queue's URL: at all of it where it is the same for every event. Messages never repeat it: a password may be in it.
/// `None`: a mistake has been said.
pub(super) fn url(text: &Text<'_>, broker: Broker) -> Option<()> {
    if !broker.is_built_in() {
        let feature = broker.feature();
        text.mistake(
            format!("leads to {broker}, which this build of leadhook does not know: it was made without the feature `{feature}`"),
            format!("take a released package, which has all of them, or build it with `cargo build --release --features {feature}`"),
        );
        return None;
    }
    let written = text.value.trim();
    let told = |said: &str| {
        let (message, help) = said.split_once("; ").unwrap_or((said, broker.example()));
        text.mistake(message, help);
    };
    server(written, broker).map_err(|said| told(&said)).ok()?;
    if template::is_template(written) {
        return Some(());
    }
    let url = Url::parse(written).map_err(|error| told(&format!("is not a URL: {error}; {}", like(broker)))).ok()?;
    if url.fragment().is_some() {
        text.mistake("has a fragment, which is never sent", "take out the `#` and what follows it, or write `%23`");
        return None;
    }
    Server::of(&url).map_err(|said| told(&said)).ok()?;
    Place::of(&url).map_err(|said| told(&said)).ok()?;
    Some(())
}

fn like(broker: Broker) -> String {
    format!("write for example {}", broker.example())
}

/// How a password is written that has the URL's own marks in it.
const ENCODED: &str = "in a user or a password, `/` is written %2F, `?` %3F, `#` %23, `@` %40, `:` %3A and `%` %25";

/// What stands before path and query, which is no template.
fn server(written: &str, broker: Broker) -> Result<(), String> {
    let begin = written.find("://").map_or(0, |at| at + "://".len());
    let end = written[begin..].find(['/', '?', '#']).map_or(written.len(), |at| begin + at);
    let (authority, rest) = (&written[begin..end], &written[end..]);
    // A mark within the password has ended it there, and what was meant as its rest would count as the place.
    if rest.split("{{").next().is_some_and(|literal| literal.contains('@')) {
        return Err(format!("has an `@` behind its host; {ENCODED}"));
    }
    if authority.rsplit('@').next().is_some_and(|hosts| hosts.contains(',')) {
        let help = match broker {
            Broker::Kafka => "write one: the others of the cluster are asked for",
            _ => "write one, as a name that leads to all of them",
        };
        return Err(format!("names several hosts; {help}"));
    }
    match Url::parse(&written[..end]) {
        Err(error) if authority.contains('@') => Err(format!("is not a URL: {error}; {ENCODED}")),
        Err(error) => Err(format!("is not a URL: {error}; {}", like(broker))),
        Ok(_) => Ok(()),
    }
}

/// What others call what leadhook knows by another name.
const ALIASES: [(&str, &str); 12] = [
    ("rabbitmq", "write amqp://, or amqps:// with TLS"),
    ("rabbitmqs", "write amqps://"),
    ("redis+tls", "write rediss://"),
    ("redis+ssl", "write rediss://"),
    ("valkey", "write redis://"),
    ("valkeys", "write rediss://"),
    ("nats+tls", "write tls://"),
    ("natss", "write tls://"),
    ("kafkas", "write kafka://; leadhook speaks to Kafka without encryption only"),
    ("kafka+ssl", "write kafka://; leadhook speaks to Kafka without encryption only"),
    ("kafka+tls", "write kafka://; leadhook speaks to Kafka without encryption only"),
    ("sqs", "write preset = \"sqs\" and the queue's https:// URL"),
];

/// Whether it begins as nothing that leadhook can send to; says so.
pub(super) fn is_foreign(text: &Text<'_>, example: &str) -> bool {
    let Some((scheme, _)) = text.value.trim().split_once("://") else { return false };
    let scheme = scheme.to_ascii_lowercase();
    if matches!(scheme.as_str(), "http" | "https")
        || scheme.contains(['{', '$'])
        || Broker::of_scheme(&scheme).is_some()
    {
        return false;
    }
    let known: Vec<String> = Broker::schemes().map(|scheme| format!("{scheme}://")).collect();
    let help = ALIASES.iter().find(|(alias, _)| *alias == scheme).map(|(_, help)| (*help).to_owned());
    text.mistake(
        format!("must begin with https:// or http://, or as a queue's with {}", known.join(", ")),
        help.unwrap_or_else(|| format!("write the whole address, for example \"{example}\"")),
    );
    true
}

/// The keys of a destination that not every URL goes with, as far as they are set.
pub(super) struct Doubtful(Vec<(&'static str, Spot)>);

/// To be asked before they are taken.
pub(super) fn doubtful(section: &Section<'_>) -> Doubtful {
    let set = OF_HTTP.into_iter().chain(OF_TLS).filter(|key| section.has(key));
    Doubtful(set.map(|key| (key, section.spot_of(key))).collect())
}

impl Doubtful {
    /// Whether all of them mean something for a URL of this scheme. Says of each that does not what to do instead.
    pub(super) fn fit(self, reading: &Reading<'_>, scheme: &str) -> bool {
        let Some(broker) = Broker::of_scheme(scheme) else { return true };
        let mut fit = true;
        for (key, spot) in self.0 {
            let told = if OF_HTTP.contains(&key) { Some(of_http(key, broker, scheme)) } else { of_tls(broker, scheme) };
            if let Some((message, help)) = told {
                reading.mistake(&spot, message, Some(help));
                fit = false;
            }
        }
        fit
    }
}

/// Warns of two destinations on one server of NATS that get the same events: a stream that takes both subjects drops the second
/// message of an event as a repeat of the first, and acknowledges it.
pub(super) fn one_stream(reading: &Reading<'_>, destinations: &[Destination], routes: &[Route]) {
    let nats: Vec<&Destination> =
        destinations.iter().filter(|destination| destination.form.url.broker() == Some(Broker::Nats)).collect();
    let gets = |destination: &Destination, on: EventType| {
        routes.iter().any(|route| route.on.contains(&on) && route.to.contains(&destination.name))
    };
    let at =
        |destination: &Destination| Server::of(destination.form.url.origin()).ok().map(|server| server.to_string());
    for (i, second) in nats.iter().enumerate() {
        let first = nats[..i].iter().find(|first| {
            at(first) == at(second) && EventType::ALL.into_iter().any(|on| gets(first, on) && gets(second, on))
        });
        if let Some(first) = first {
            let spot = reading.spot_of_key(&child(&child("destinations", &second.name), "url"));
            let message = format!(
                "is on the server of `{}`, which gets the same events: a stream that takes both subjects keeps only the first of an event's two messages",
                first.name
            );
            let help = "let a stream of its own take each subject";
            reading.warn(&spot, message, Some(help.to_owned()));
        }
    }
}

fn of_http(key: &str, broker: Broker, scheme: &str) -> (String, String) {
    let help = match (key, broker) {
        ("auth", Broker::Nats) => {
            "write user and password, or a token alone, into the url: nats://${NATS_TOKEN}@host:4222/subject".to_owned()
        }
        ("auth", _) => format!("write user and password into the url: {scheme}://user:${{PASSWORD}}@host/..."),
        _ => "take it out, or send to an http:// or https:// url".to_owned(),
    };
    (format!("means nothing for {broker}, which does not speak HTTP"), help)
}

/// `None`: the connection is encrypted, or may be.
fn of_tls(broker: Broker, scheme: &str) -> Option<(String, String)> {
    let help = match (broker, scheme) {
        // A server of NATS may ask for encryption in its first word.
        (Broker::Nats, _) | (_, "amqps" | "rediss") => return None,
        (Broker::Amqp, _) => "write amqps:// in the url, or take it out",
        (Broker::Redis, _) => "write rediss:// in the url, or take it out",
        (Broker::Kafka, _) => "take it out: leadhook speaks to Kafka without encryption only",
    };
    Some(("means nothing here: the connection is not encrypted".to_owned(), help.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_url_it_is() {
        for (url, whose) in [
            (" NATS://h/x", Some(Broker::Nats)),
            ("tls://h/{{ type }}", Some(Broker::Nats)),
            ("amqps://h", Some(Broker::Amqp)),
            ("https://h/nats://x", None),
            ("nats:h", None),
            ("", None),
        ] {
            assert_eq!(broker(url), whose, "{url}");
        }
    }
}
