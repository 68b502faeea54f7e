//! `auth = { type = "aws_sigv4" }`: requests that are signed as AWS asks for.

use url::Url;

use super::super::network;
use super::super::node::Node;
use super::super::reader::Section;
use crate::domain::aws::{AwsSigV4, Endpoint, endpoint};
use crate::domain::secret::Secret;

/// `url`: where the destination's requests go; `None`: that is not known, for a mistake that was said.
pub(super) fn aws_sigv4(section: &mut Section<'_>, url: Option<&Url>) -> Option<AwsSigV4> {
    let access_key_id = section.required("access_key_id", "\"${AWS_ACCESS_KEY_ID}\"").and_then(access_key_id);
    let secret_access_key = section
        .required("secret_access_key", "\"${AWS_SECRET_ACCESS_KEY}\"")
        .and_then(Node::filled)
        .map(|text| Secret::new(text.value.trim()));
    let session_token = section.take("session_token").map_or(Some(None), |node| super::of_header(node).map(Some));
    let host = url.and_then(Url::host_str);
    let said = host.and_then(by_host);
    let region = part(section, "region", "\"sa-east-1\"", host, said.as_ref().map(|said| &said.region));
    let service = part(section, "service", "\"sqs\"", host, said.as_ref().map(|said| &said.service));
    Some(AwsSigV4 {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session_token: session_token?,
        region: region?,
        service: service?,
    })
}

/// What the host's name says. One that stands in for a variable that is not set says anything.
fn by_host(host: &str) -> Option<Endpoint> {
    let unset = || Endpoint { service: "unset".to_owned(), region: "unset".to_owned() };
    endpoint(host).or_else(|| host.ends_with(".unset.invalid").then(unset))
}

/// A part of the scope of a signature: written in the file, or said by the host.
fn part(
    section: &mut Section<'_>,
    key: &'static str,
    example: &str,
    host: Option<&str>,
    said: Option<&String>,
) -> Option<String> {
    let Some(node) = section.take(key) else {
        // Of a host that is not known nothing is missed.
        if said.is_none() && host.is_some() {
            section.missing(key, &format!("{example}: the url's host does not say it"));
        }
        return said.cloned();
    };
    let text = node.filled()?;
    let written = text.value.trim();
    if !written.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        text.mistake(format!("is no {key} of AWS's"), format!("write it as AWS does, for example {example}"));
        return None;
    }
    Some(written.to_owned())
}

/// It stands in a header between signs of its own.
fn access_key_id(node: Node<'_>) -> Option<Secret> {
    let text = node.filled()?;
    let id = text.value.trim();
    if !network::is_header_value(id) || id.contains(['/', ',', ' ']) {
        text.mistake(
            "is no id of a key",
            "write what AWS shows as Access key ID, and the other one as secret_access_key",
        );
        return None;
    }
    Some(Secret::new(id))
}
