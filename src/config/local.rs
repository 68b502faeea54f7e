//! `[store]` and `[admin]`: what leadhook keeps and opens on its own machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::network;
use super::reader::Section;
use super::{AdminConfig, StoreConfig};

pub(super) fn store(mut section: Section<'_>) -> Option<StoreConfig> {
    let path = match section.take("path") {
        Some(node) => node.filled().map(|text| PathBuf::from(text.value)),
        None => Some(PathBuf::from("data")),
    };
    let retention = section.duration("retention", Duration::from_secs(30 * 86_400));
    section.finish(&["max_bytes", "encryption_key", "url"]);
    Some(StoreConfig { path: path?, retention })
}

pub(super) fn admin(mut section: Section<'_>) -> Option<AdminConfig> {
    let listen = match section.take("listen") {
        Some(node) => node.parsed("an address of this machine with a port", "127.0.0.1:8787", network::loopback),
        None => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8787))),
    };
    section.finish(&["token"]);
    Some(AdminConfig { listen: listen? })
}
