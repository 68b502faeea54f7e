//! `[destinations.NAME]`: where events go.

use std::time::Duration;

use super::document::child;
use super::node::Node;
use super::reader::{Reading, Section, Spot};
use super::{connection, contact, form, network, outcomes, preset, queue, retry, steps};
use crate::domain::destination::{Destination, Mark};
use crate::domain::outcome_rules::OutcomeRules;
use crate::domain::sign::SigningSecret;

/// What a destination may be called.
pub const NAME_HELP: &str = "use up to 64 letters, digits, `-` and `_`, beginning with a letter or a digit";

/// The names that the file has, whether or not their tables are right, and the destinations that are.
#[derive(Default)]
pub(super) struct Destinations {
    pub(super) names: Vec<String>,
    pub(super) checked: Vec<Destination>,
}

pub(super) fn destinations(node: Option<Node<'_>>) -> Destinations {
    let mut found = Destinations::default();
    let Some(mut section) = node.and_then(Node::table) else { return found };
    let reading = section.reading;
    for (name, node) in section.rest() {
        if !is_name(&name) {
            let spot = node.key_spot();
            node.reading.mistake(&spot, "is no name for a destination", Some(NAME_HELP.to_owned()));
        }
        found.names.push(name.clone());
        let (path, table) = (child("destinations", &name), node.as_it_stands());
        let auth = reading.spot_of_key(&child(&path, "auth"));
        let read = node.table().and_then(|section| destination(name, section));
        let read = read.map(|read| Destination { mark: reading.inputs.mark(&path, &table), ..read });
        if let Some(read) = &read {
            one_sign_in(reading, &auth, read, &found.checked);
        }
        found.checked.extend(read);
    }
    found
}

/// Where two destinations share one token, they begin with the same refresh token, or each would end the other's.
fn one_sign_in(reading: &Reading<'_>, spot: &Spot, this: &Destination, others: &[Destination]) {
    let Some(mine) = this.oauth2() else { return };
    let differs = |other: &&Destination| {
        other.oauth2().is_some_and(|its| {
            let given = (its.given_digest(), mine.given_digest());
            its.key() == mine.key() && matches!(given, (Some(one), Some(other)) if one != other)
        })
    };
    if let Some(other) = others.iter().find(differs) {
        let message =
            format!("begins with another refresh token than `{}`, with which it shares its token", other.name);
        let help =
            "write account = \"...\" with a name of its own where it is another account, or the same refresh_token";
        reading.mistake(spot, message, Some(help.to_owned()));
    }
}

/// Names are typed on command lines, stand in metrics and in names of variables; each of these has its own rules, and
/// this is what all of them take.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn destination(name: String, mut section: Section<'_>) -> Option<Destination> {
    let preset = preset::preset(&mut section);
    let url_spot = section.spot_of("url");
    let doubtful = queue::doubtful(&section);
    // Read first: with steps, some keys are theirs alone.
    let several = section.take("steps");
    if several.is_some() {
        steps::leave_to_them(&section);
        steps::go_unwrapped(&section);
    }
    let form = form::form(&mut section, preset.as_ref());
    let steps = match (several, &form) {
        (Some(node), Some(form)) => steps::steps(node, form),
        // What its steps build on is wrong, and was said.
        (Some(_), None) => None,
        (None, _) => Some(Vec::new()),
    };
    let outcomes = section.take("outcomes").map_or_else(|| Some(OutcomeRules::default()), outcomes::outcomes);
    let connection = connection::connection(&mut section);
    let secrets = secrets(&mut section);
    let timeout = section.duration("timeout", Duration::from_secs(15));
    let concurrency = section.whole("concurrency", 1..=1024, 8);
    let rate = section.rate("rate");
    let settings = form.as_ref().map(|form| form.settings.clone()).unwrap_or_default();
    let settings: Vec<&str> = settings.keys().map(String::as_str).collect();
    let rate_per_contact =
        section.take("rate_per_contact").map_or(Some(None), |node| contact::per_contact(node, &settings).map(Some));
    let max_age = section.duration("max_age", Duration::from_secs(7 * 86_400));
    let retry = section.take("retry").map_or_else(|| Some(retry::by_default()), retry::retry);
    let fits = form.as_ref().is_none_or(|form| doubtful.fit(section.reading, form.url.origin().scheme()));
    if let Some(form) = &form {
        let url = form.url.origin();
        let carries = !form.headers.is_empty() || form.auth.is_some() || url.password().is_some();
        let host = url.host_str().unwrap_or_default();
        if form.wrap.is_none() && host.starts_with("sqs.") && host.contains(".amazonaws.com") {
            let message = "is a queue of SQS, which takes no event as it is";
            section.reading.warn(&url_spot, message, Some("write preset = \"sqs\" beside it".to_owned()));
        }
        let open = match url.scheme() {
            "http" => Some("write https:// if the other side can"),
            "nats" | "amqp" | "redis" => Some("write tls://, amqps:// or rediss:// if the broker can"),
            "kafka" => Some("let a tunnel or a network of your own lie between"),
            _ => None,
        };
        if let (Some(help), true) = (open, carries && !network::is_loopback(url)) {
            let message = "headers and passwords would go over the network unencrypted";
            section.reading.warn(&url_spot, message, Some(help.to_owned()));
        }
    }
    // Vendors' chat rooms and CRMs check no signature of ours.
    if secrets.as_ref().is_some_and(Vec::is_empty) && preset.as_ref().is_none_or(|preset| preset.signed) {
        section.reading.warn(
            &section.spot,
            "has no secret, so what is sent there is not signed",
            Some("write secret = \"${...}\" if the receiver can check signatures".to_owned()),
        );
    }
    section.finish(&[]);
    fits.then_some(())?;
    Some(Destination {
        name,
        form: form?,
        steps: steps?,
        outcomes: outcomes?,
        connection: connection?,
        secrets: secrets?,
        timeout,
        concurrency,
        rate,
        rate_per_contact: rate_per_contact?,
        max_age,
        retry: retry?,
        mark: Mark::default(),
    })
}

/// `secret` or `secrets`; none at all where neither is set.
fn secrets(section: &mut Section<'_>) -> Option<Vec<SigningSecret>> {
    let one = section.take("secret");
    let several = section.take("secrets");
    if let (Some(_), Some(several)) = (&one, &several) {
        several.mistake("is set, and so is `secret`", "keep `secrets`, with every secret in it");
    }
    let several = match several {
        Some(node) => {
            let spot = node.spot();
            let reading = node.reading;
            let list = node.list("[\"${CRM_SECRET}\", \"${CRM_SECRET_OLD}\"]")?;
            if list.is_empty() {
                let help = "write at least one secret, or take the key out to send without a signature";
                reading.mistake(&spot, "must not be empty", Some(help.to_owned()));
            }
            list
        }
        None => Vec::new(),
    };
    let nodes: Vec<Node<'_>> = one.into_iter().chain(several).collect();
    // All are read before any is missed, so that each mistake is found.
    let read: Vec<Option<SigningSecret>> = nodes.into_iter().map(secret).collect();
    read.into_iter().collect()
}

fn secret(node: Node<'_>) -> Option<SigningSecret> {
    let text = node.text()?;
    match SigningSecret::parse(&text.value) {
        Ok(secret) => Some(secret),
        Err(said) => {
            let (message, help) = said.split_once("; ").unwrap_or((&said, "copy the secret again, whole"));
            text.mistake(message, help);
            None
        }
    }
}
