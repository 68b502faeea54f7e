//! Values that must never be printed: passwords, tokens, header values, URLs that carry a key.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Text that prints as `***` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(SecretString::from(text.into()))
    }

    /// The text itself, for the wire alone.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Domains below which a host's name is the secret.
const SECRET_NAMES: [&str; 1] = [".m.pipedream.net"];

/// A URL that prints without user info, path and query: webhook URLs of chat rooms are secrets by themselves.
#[derive(Clone)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Takes the URL in.
    pub fn new(url: Url) -> SecretUrl {
        SecretUrl(url)
    }

    /// The whole URL, for the wire alone.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or("");
        // Whoever knows the name may send there.
        let host = SECRET_NAMES
            .iter()
            .find(|domain| host.ends_with(*domain))
            .map_or(host.to_owned(), |domain| format!("***{domain}"));
        write!(f, "{}://{host}", self.0.scheme())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        if self.0.path() != "/" || self.0.query().is_some() { f.write_str("/***") } else { Ok(()) }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parts of names that say: what follows is a secret.
const TELLING: [&str; 11] =
    ["auth", "token", "secret", "key", "password", "passwd", "cookie", "credential", "session", "sig", "code"];

/// Whether a header's or a parameter's name says that its value is a secret.
pub(super) fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Ours, and made anew for each attempt; and an AMQP message's address.
    !name.starts_with("webhook-") && name != "routing_key" && TELLING.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_prints_what_it_holds() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
        let url = |s: &str| format!("{}", SecretUrl::new(Url::parse(s).expect("a URL")));
        assert_eq!(
            url("https://user:pass@hooks.example.com:8443/services/T0/B0/key?x=1"),
            "https://hooks.example.com:8443/***"
        );
        assert_eq!(url("https://crm.example.com/"), "https://crm.example.com");
        assert_eq!(url("https://eo123abc.m.pipedream.net/"), "https://***.m.pipedream.net");
        assert_eq!(url("https://crm.example.com/?key=1"), "https://crm.example.com/***");
    }
}
