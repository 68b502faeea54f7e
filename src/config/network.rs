//! URLs, header names and addresses: what makes them fit to be used, said once for every section.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};
use url::Url;

use super::text::Text;
use crate::domain::address;

/// An absolute `http` or `https` URL with a host and without a fragment. Messages never repeat it: a webhook's URL is
/// often a secret by itself.
pub(super) fn url(text: &Text<'_>, example: &str) -> Option<Url> {
    let help = format!("write the whole address, for example \"{example}\"");
    let url = match Url::parse(text.value.trim()) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            text.mistake("is not a whole URL: it must begin with https:// or http://", help);
            return None;
        }
        Err(error) => {
            text.mistake(format!("is not a URL: {error}"), help);
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        text.mistake("must begin with https:// or http://", help);
        return None;
    }
    if url.host_str().is_none_or(str::is_empty) {
        text.mistake("names no host", help);
        return None;
    }
    if address::is_metadata(&url) {
        text.mistake("leads to where a cloud hands out credentials, and nothing is ever sent there", help);
        return None;
    }
    if url.fragment().is_some() {
        text.mistake("has a fragment, which is never sent", "take out the `#` and what follows it, or write `%23`");
        return None;
    }
    Some(url)
}

/// Whether what is sent there stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match (address::literal(url), url.host_str()) {
        (Some(ip), _) => ip.to_canonical().is_loopback(),
        (None, Some(name)) => name == "localhost" || name.ends_with(".localhost"),
        (None, None) => false,
    }
}

/// Headers that belong to the connection or to the message's form; one of a user's own would contradict what is sent.
pub(super) const OURS: [&str; 13] = [
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "range",
];

/// A header's name that a file may set. `content-type` and `user-agent` are among them: they replace leadhook's own.
pub(super) fn header_name(text: &Text<'_>) -> Option<HeaderName> {
    match checked_name(&text.value) {
        Ok(name) => Some(name),
        Err((message, help)) => {
            text.mistake(message, help);
            None
        }
    }
}

/// As [`header_name`], for a name that is a key.
pub(super) fn checked_name(name: &str) -> Result<HeaderName, (String, &'static str)> {
    let Ok(name) = HeaderName::from_bytes(name.trim().as_bytes()) else {
        return Err(("is not a header's name".to_owned(), "use letters, digits and dashes, for example \"X-Api-Key\""));
    };
    if name.as_str().starts_with("webhook-") || OURS.contains(&name.as_str()) {
        return Err((format!("leadhook sets the header {name} itself"), "take it out"));
    }
    Ok(name)
}

/// Whether a header can carry this value.
pub(super) fn is_header_value(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok()
}

/// An address with a port, to listen on.
///
/// # Errors
/// What is wrong and, behind `; `, what to write.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or("8787");
    let port: u16 = port.parse().unwrap_or(8787);
    text.parse().map_err(|_| format!("`{text}` is not an address and a port; write for example \"127.0.0.1:{port}\""))
}

/// Whether only this machine can connect to it.
pub(super) fn stays_here(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_port_and_nothing_else() {
        for (good, here) in [
            ("127.0.0.1:8787", true),
            ("127.0.0.1:0", true),
            ("[::1]:8787", true),
            ("127.9.9.9:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:8787", false),
            ("[::]:9000", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(listen(good).map(stays_here), Ok(here), "{good}");
        }
        for (bad, told) in [
            ("localhost:9000", "write for example \"127.0.0.1:9000\""),
            (":9000", "write for example \"127.0.0.1:9000\""),
            ("127.0.0.1", "an address and a port"),
            ("", "an address and a port"),
        ] {
            let said = listen(bad).expect_err(bad);
            assert!(said.contains(told), "{said}");
        }
    }

    #[test]
    fn what_stays_on_this_machine() {
        for (url, stays) in [
            ("http://localhost:1/x", true),
            ("http://crm.localhost/", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]/", true),
            ("redis://127.0.0.1/?stream=x", true),
            ("redis://localhost/?stream=x", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://localhost.example.com/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).expect("a URL")), stays, "{url}");
        }
    }

    #[test]
    fn names_of_headers() {
        for good in ["X-Api-Key", "authorization", "Content-Type", "User-Agent", "x_y"] {
            assert!(checked_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "é", "Host", "Content-Length", "Webhook-Id", "webhook-anything", "a\r\nb"] {
            assert!(checked_name(bad).is_err(), "{bad}");
        }
    }
}
