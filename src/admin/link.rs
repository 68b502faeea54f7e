//! The link of `leadhook page`, and where links of ours may lead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::session::CODE_LIVES;
use crate::domain::clock;

/// A link that signs in once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// For the browser, with the code behind `#`.
    pub url: String,
    /// When it ends.
    pub until: Timestamp,
}

/// Makes a link. The API's rule has already said that this may be asked.
pub(super) fn new(asked: &Asked) -> std::io::Result<Link> {
    let now = asked.now();
    let code = asked.doors.sessions().hand_out(now)?;
    let root = match asked.doors.url() {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(asked.doors.address())),
    };
    Ok(Link { url: format!("{root}/sign-in#{code}"), until: clock::after(now, CODE_LIVES) })
}

/// Where this machine itself can connect to a service that listens there.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        _ => address,
    }
}

/// A path of this page, as it may stand in a link of ours; nothing that a browser could take for another host.
pub(super) fn own_path(path: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    (path.starts_with('/') && !path.starts_with("//") && path.chars().all(plain)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for path in ["/", "/leads/7", "/dead/dead_abc", "/destinations/team-chat"] {
            assert_eq!(own_path(path), Some(path));
        }
        for path in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "leads/7",
            "/a?b",
            "/a#b",
            "/\"><script>",
            "/a\r\nb",
        ] {
            assert_eq!(own_path(path), None, "{path}");
        }
    }
}
