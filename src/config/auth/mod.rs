//! `auth`: how requests to a destination show that they may come in.

mod aws;
mod oauth2;

pub(super) use oauth2::OF_SIGN_IN;

use url::Url;

use super::network;
use super::node::Node;
use super::reader::Section;
use super::suggest;
use crate::domain::auth::Auth;
use crate::domain::secret::Secret;

pub(super) const TYPES: [&str; 6] = ["bearer", "basic", "header", "query", "oauth2", "aws_sigv4"];

/// `url`: where the destination's requests go, if that is known.
pub(super) fn auth(node: Node<'_>, url: Option<&Url>) -> Option<Auth> {
    let mut section = node.table()?;
    let kind = section.required("type", "\"bearer\"")?.filled()?;
    let auth = match kind.value.trim() {
        "bearer" => bearer(&mut section),
        "basic" => basic(&mut section),
        "header" => header(&mut section),
        "query" => query(&mut section),
        "oauth2" => oauth2::oauth2(&mut section).map(|oauth2| Auth::OAuth2(Box::new(oauth2))),
        "aws_sigv4" => aws::aws_sigv4(&mut section, url).map(|aws| Auth::AwsSigV4(Box::new(aws))),
        other => {
            let near = suggest::nearest(other, TYPES).map(|near| format!("did you mean \"{near}\"? "));
            kind.mistake("is no type of authentication", format!("{}{}", near.unwrap_or_default(), there_is()));
            return None;
        }
    };
    section.finish(&[]);
    auth
}

fn there_is() -> String {
    let all: Vec<String> = TYPES.iter().map(|name| format!("\"{name}\"")).collect();
    format!("there is {}", all.join(", "))
}

fn bearer(section: &mut Section<'_>) -> Option<Auth> {
    let token = section.required("token", "\"${CRM_TOKEN}\"").and_then(of_header);
    Some(Auth::Bearer { token: token? })
}

fn basic(section: &mut Section<'_>) -> Option<Auth> {
    let username = section.required("username", "\"${CRM_USERNAME}\"").and_then(Node::filled).and_then(|text| {
        if text.value.contains(':') {
            // The first colon parts the two on the other side.
            text.mistake("must not hold a colon", "write what stands before it; the password has a key of its own");
            return None;
        }
        Some(Secret::new(text.value))
    });
    // Keys are often sent as the user's name, with no password at all.
    let password = section.required("password", "\"${CRM_PASSWORD}\"").and_then(Node::text);
    Some(Auth::Basic { username: username?, password: Secret::new(password?.value) })
}

fn header(section: &mut Section<'_>) -> Option<Auth> {
    let name =
        section.required("name", "\"X-Api-Key\"").and_then(Node::filled).and_then(|text| network::header_name(&text));
    let scheme = section.take("scheme").map_or(Some(None), |node| {
        let text = node.text()?;
        let scheme = text.value.trim().to_owned();
        if !network::is_header_value(&scheme) {
            text.mistake("cannot stand in a header", "write one word, for example \"Token\"");
            return None;
        }
        Some((!scheme.is_empty()).then_some(scheme))
    });
    let value = section.required("value", "\"${CRM_KEY}\"").and_then(of_header);
    Some(Auth::Header { name: name?, scheme: scheme?, value: value? })
}

fn query(section: &mut Section<'_>) -> Option<Auth> {
    let name =
        section.required("name", "\"api_token\"").and_then(Node::filled).map(|text| text.value.trim().to_owned());
    let value = section.required("value", "\"${CRM_KEY}\"").and_then(Node::filled);
    Some(Auth::Query { name: name?, value: Secret::new(value?.value) })
}

/// A secret that goes into a header. Secret files end with a line's end more often than not, and it is no part of them.
fn of_header(node: Node<'_>) -> Option<Secret> {
    let text = node.filled()?;
    let value = text.value.trim();
    if !network::is_header_value(value) {
        text.mistake("cannot stand in a header", "take out line ends and other control characters");
        return None;
    }
    Some(Secret::new(value))
}
