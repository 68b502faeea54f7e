//! `auth = { type = "oauth2" }`: tokens that are asked for, and that end.

use url::Url;

use super::super::network;
use super::super::node::Node;
use super::super::reader::Section;
use super::super::suggest;
use crate::domain::oauth2::{Authorize, ClientAuth, Encoding, Grant, OAuth2};
use crate::domain::secret::{Secret, SecretUrl};

/// Where the browser comes back to where nothing is written: nothing but leadhook's own next door listens there.
const CALLBACK: &str = "http://127.0.0.1:8788/callback";

/// What a sign-in by hand needs, and what comes of one.
pub(in crate::config) const OF_SIGN_IN: [&str; 5] =
    ["refresh_token", "authorize_url", "authorize_params", "redirect_url", "pkce"];

pub(super) fn oauth2(section: &mut Section<'_>) -> Option<OAuth2> {
    let grant = section.take("grant");
    let grant = grant.map_or(Some(Grant::ClientCredentials), |node| {
        one_of(
            node,
            "for giving tokens",
            &[("client_credentials", Grant::ClientCredentials), ("refresh_token", Grant::RefreshToken)],
        )
    });
    if grant == Some(Grant::ClientCredentials) {
        for key in OF_SIGN_IN {
            if let Some(node) = section.take(key) {
                node.mistake(
                    "goes with tokens of a person's sign-in alone",
                    "write grant = \"refresh_token\", or take it out",
                );
            }
        }
    }
    let token_url = section.required("token_url", "\"https://auth.example.com/oauth/token\"").and_then(guarded);
    let client_id = section.required("client_id", "\"${CRM_CLIENT_ID}\"").and_then(trimmed);
    let client_secret = section.take("client_secret").map_or(Some(None), |node| trimmed(node).map(Some));
    let client_auth = section.take("client_auth").map_or(Some(ClientAuth::Body), |node| {
        one_of(node, "of showing who leadhook is", &[("body", ClientAuth::Body), ("basic", ClientAuth::Basic)])
    });
    let needs_secret = grant == Some(Grant::ClientCredentials) || client_auth == Some(ClientAuth::Basic);
    let client_secret = match client_secret {
        Some(None) if needs_secret => {
            section.missing("client_secret", "\"${CRM_CLIENT_SECRET}\"");
            None
        }
        read => read,
    };
    let encoding = section.take("encoding").map_or(Some(Encoding::Form), |node| {
        one_of(node, "of writing a request for a token", &[("form", Encoding::Form), ("json", Encoding::Json)])
    });
    let scope = section.take("scope").map_or(Some(None), |node| trimmed(node).map(Some));
    let account = section.take("account").map_or(Some(None), |node| trimmed(node).map(Some));
    let token_params = section.take("token_params").map_or(Some(Vec::new()), params);
    let refresh_token = section.take("refresh_token").map_or(Some(None), |node| trimmed(node).map(Some));
    let authorize_url = section.take("authorize_url").map_or(Some(None), |node| guarded(node).map(Some));
    let pkce_spot = section.spot_of("pkce");
    let pkce = section.take("pkce").map_or(Some(None), |node| node.flag().map(Some));
    let authorize_params = section.take("authorize_params");
    if let (Some(None), Some(node)) = (&authorize_url, &authorize_params) {
        node.mistake(
            "goes with `authorize_url`",
            "write authorize_url = \"https://...\", the page on which one signs in",
        );
    }
    if let (Some(None), Some(Some(_))) = (&authorize_url, pkce) {
        let help = "write authorize_url = \"https://...\", the page on which one signs in, or take it out";
        section.reading.mistake(&pkce_spot, "goes with `authorize_url`", Some(help.to_owned()));
    }
    let authorize_params = authorize_params.map_or(Some(Vec::new()), params);
    let redirect_url = section.take("redirect_url").map_or(Some(None), |node| redirect(node).map(Some));
    let scheme = section.take("scheme").map_or(Some("Bearer".to_owned()), |node| {
        let text = node.filled()?;
        let scheme = text.value.trim().to_owned();
        if !network::is_header_value(&scheme) || scheme.contains(' ') {
            text.mistake("cannot stand before a token", "write one word, for example \"Bearer\"");
            return None;
        }
        Some(scheme)
    });
    let base_url_at = section.take("base_url_at").map_or(Some(None), |node| {
        let text = node.filled()?;
        let pointer = text.value.trim();
        if !pointer.starts_with('/') {
            text.is_no_pointer();
            return None;
        }
        Some(Some(pointer.to_owned()))
    });
    let expires_in = section.take("expires_in").map_or(Some(None), |node| node.duration().map(Some));

    let authorize = match (authorize_url?, authorize_params?, pkce?) {
        (Some(url), params, pkce) => {
            let params = params.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect();
            Some(Authorize { url, params, pkce: pkce.unwrap_or(true) })
        }
        (None, ..) => None,
    };
    let redirect_url = match (redirect_url?, &authorize) {
        (None, Some(_)) => Url::parse(CALLBACK).ok(),
        (given, _) => given,
    };
    Some(OAuth2 {
        token_url: token_url?,
        grant: grant?,
        client_id: client_id?,
        client_secret: client_secret?.map(Secret::new),
        client_auth: client_auth?,
        encoding: encoding?,
        scope: scope?,
        account: account?,
        token_params: token_params?,
        refresh_token: refresh_token?.map(Secret::new),
        authorize,
        redirect_url,
        scheme: scheme?,
        base_url_at: base_url_at?,
        expires_in: expires_in?,
    })
}

/// One of a few words. `what` it is about is said where it is none of them.
fn one_of<T: Copy>(node: Node<'_>, what: &str, words: &[(&str, T)]) -> Option<T> {
    let text = node.filled()?;
    let written = text.value.trim();
    let found = words.iter().find(|(word, _)| *word == written).map(|(_, meant)| *meant);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        text.mistake(format!("is no way {what}"), suggest::instead(written, &known).unwrap_or_default());
    }
    found
}

/// A text without the blanks around it: secret files end with a line's end more often than not.
fn trimmed(node: Node<'_>) -> Option<String> {
    Some(node.filled()?.value.trim().to_owned())
}

/// Where secrets are sent, and signed in: never in the open.
fn guarded(node: Node<'_>) -> Option<SecretUrl> {
    let text = node.filled()?;
    let url = network::url(&text, "https://auth.example.com/oauth/token")?;
    if url.scheme() != "https" && !network::is_loopback(&url) {
        text.mistake("must begin with https://: secrets go there", "write https://");
        return None;
    }
    Some(SecretUrl::new(url))
}

/// Where the browser comes back to.
fn redirect(node: Node<'_>) -> Option<Url> {
    let text = node.filled()?;
    let url = network::url(&text, CALLBACK)?;
    if url.scheme() != "https" && !network::is_loopback(&url) {
        text.mistake(
            "must begin with https://, or lead to this machine",
            format!("write \"{CALLBACK}\", or an https:// page from whose address the code can be copied"),
        );
        return None;
    }
    Some(url)
}

/// Parameters of a request.
fn params(node: Node<'_>) -> Option<Vec<(String, Secret)>> {
    let mut read: Vec<Option<(String, Secret)>> = Vec::new();
    for (name, node) in node.table()?.rest() {
        let value = match node.scalar() {
            Some(serde_json::Value::String(text)) => Some(Secret::new(text.trim())),
            Some(value) => Some(Secret::new(value.to_string())),
            None => None,
        };
        read.push(value.map(|value| (name, value)));
    }
    read.into_iter().collect()
}
