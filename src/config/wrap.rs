//! `wrap`: what a request is put into when it is sent.

use super::node::Node;
use super::reader::{Section, Spot};
use super::suggest;
use crate::domain::auth::Auth;
use crate::domain::aws::sqs;
use crate::domain::form::{Form, Wrap};

pub(super) const WRAPS: [&str; 1] = ["sqs"];

/// Reads `wrap`; `None` only where a mistake has been said.
pub(super) fn wrap(section: &mut Section<'_>) -> Option<Option<Wrap>> {
    section.take("wrap").map_or(Some(None), |node| one(node).map(Some))
}

fn one(node: Node<'_>) -> Option<Wrap> {
    let text = node.filled()?;
    let written = text.value.trim();
    match written {
        "sqs" => Some(Wrap::Sqs),
        _ => {
            text.mistake(
                "is nothing that a request can be put into",
                suggest::instead(written, &WRAPS).unwrap_or_default(),
            );
            None
        }
    }
}

/// Where the keys stand that what a request is put into has a say in.
pub(super) struct Spots([(&'static str, Spot); 3]);

impl Spots {
    /// Before any of them is read.
    pub(super) fn of(section: &Section<'_>) -> Spots {
        Spots(["auth", "method", "headers"].map(|key| (key, section.spot_of(key))))
    }
}

/// Says what of a destination's form does not go with what it is put into.
pub(super) fn look(section: &Section<'_>, spots: &Spots, form: &Form) {
    let Some(Wrap::Sqs) = form.wrap else { return };
    let mistake = |key: &str, message: &str, help: &str| {
        for (_, spot) in spots.0.iter().filter(|(its, _)| *its == key) {
            section.reading.mistake(spot, message, Some(help.to_owned()));
        }
    };
    // That it means nothing there is said for every key that is HTTP's.
    if form.url.broker().is_some() {
        return;
    }
    match &form.auth {
        Some(Auth::AwsSigV4(_)) => {}
        Some(_) => mistake("auth", "is not what SQS asks for", "write type = \"aws_sigv4\""),
        None => section.missing(
            "auth",
            "{ type = \"aws_sigv4\", access_key_id = \"${AWS_ACCESS_KEY_ID}\", secret_access_key = \"${AWS_SECRET_ACCESS_KEY}\" }",
        ),
    }
    if form.method != http::Method::POST {
        mistake("method", "is not how a message is put into a queue", "take it out");
    }
    if form.headers.len() > sqs::OWN_ATTRIBUTES {
        let message = format!("has more than {} headers, and a message has no more attributes", sqs::OWN_ATTRIBUTES);
        mistake("headers", &message, "keep those that a consumer looks at");
    }
}
