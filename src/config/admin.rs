//! `[admin]`: where the service can be asked, by which name, and who may ask.

use std::net::{Ipv4Addr, SocketAddr};

use url::Url;

use super::AdminConfig;
use super::network;
use super::node::Node;
use super::reader::{Section, Spot};
use crate::domain::secret::Secret;

/// So many characters of a token cannot be guessed in a lifetime, even by someone who may try without end.
const SHORTEST_TOKEN: usize = 20;

const HOW_TO_MAKE_ONE: &str = "make one with `openssl rand -base64 32`";

pub(super) fn admin(mut section: Section<'_>) -> Option<AdminConfig> {
    let (listen_at, url_at) = (section.spot_of("listen"), section.spot_of("url"));
    let has_token = section.has("token");
    let listen = match section.take("listen") {
        Some(node) => node.parsed("an address of this machine with a port", "127.0.0.1:8787", network::listen),
        None => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8787))),
    };
    let token = section.take("token").map_or(Some(None), |node| token(node).map(Some));
    let url = section.take("url").map_or(Some(None), |node| url(node).map(Some));
    if !has_token {
        let needs = |spot: &Spot, what: String| {
            let help = format!(
                "write token = \"${{LEADHOOK_ADMIN_TOKEN}}\" beside it and set the variable: {HOW_TO_MAKE_ONE}"
            );
            section.reading.mistake(spot, what, Some(help));
        };
        match (listen, &url) {
            (Some(listen), _) if !network::stays_here(listen) => {
                needs(
                    &listen_at,
                    format!("`{listen}` can be reached from other machines, and no `token` says who may ask"),
                );
            }
            (_, Some(Some(url))) if !network::is_loopback(url) => {
                needs(&url_at, "people reach it from other machines, and no `token` says who may ask".to_owned());
            }
            _ => {}
        }
    }
    section.finish(&[]);
    Some(AdminConfig { listen: listen?, token: token?, url: url? })
}

impl AdminConfig {
    /// Whether others than the users of this machine can reach it. A reverse proxy on this machine connects from here, for
    /// people who are elsewhere.
    pub fn is_reached_from_elsewhere(&self) -> bool {
        !network::stays_here(self.listen) || self.url.as_ref().is_some_and(|url| !network::is_loopback(url))
    }
}

fn token(node: Node<'_>) -> Option<Secret> {
    let text = node.filled()?;
    let token = text.value.trim();
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        text.mistake("must be letters, digits and signs without blanks, for it is sent in a header", HOW_TO_MAKE_ONE);
        return None;
    }
    if token.len() < SHORTEST_TOKEN && !text.reading.environment.has_stand_ins() {
        text.mistake(format!("is shorter than {SHORTEST_TOKEN} characters, and could be guessed"), HOW_TO_MAKE_ONE);
        return None;
    }
    Some(Secret::new(token))
}

fn url(node: Node<'_>) -> Option<Url> {
    const EXAMPLE: &str = "https://leadhook.example.com";
    let text = node.filled()?;
    let url = network::url(&text, EXAMPLE)?;
    let help = format!("write for example \"{EXAMPLE}\"");
    if !url.username().is_empty() || url.password().is_some() {
        text.mistake("must not carry a user and a password", help);
        return None;
    }
    if url.path() != "/" || url.query().is_some() {
        text.mistake("must end behind the host: the page's links begin at the root", help);
        return None;
    }
    if url.scheme() == "http" && !network::is_loopback(&url) {
        text.reading.warn(
            &text.spot,
            "the token, and what people look at, would go over the network unencrypted",
            Some("write https://, and let a reverse proxy hold the certificate".to_owned()),
        );
    }
    Some(url)
}
