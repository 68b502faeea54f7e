//! `[store]`: what leadhook keeps on its own machine.

use std::path::PathBuf;
use std::time::Duration;

use super::StoreConfig;
use super::node::Node;
use super::reader::Section;
use crate::domain::seal::EncryptionKey;
use crate::domain::size;

/// What is smaller is a slip of the pen: an empty store has a megabyte.
const LEAST_MAX_BYTES: usize = 8_000_000;

pub(super) fn store(mut section: Section<'_>) -> Option<StoreConfig> {
    let path = match section.take("path") {
        Some(node) => node.filled().map(|text| PathBuf::from(text.value)),
        None => Some(PathBuf::from("data")),
    };
    let retention = section.duration("retention", Duration::from_secs(30 * 86_400));
    let max_bytes = section.take("max_bytes").map_or(Some(None), |node| node.parsed("a size", "10GB", limit).map(Some));
    let encryption_keys = section.take("encryption_key").map_or(Some(Vec::new()), keys);
    section.finish(&["url"]);
    Some(StoreConfig { path: path?, retention, max_bytes: max_bytes?, encryption_keys: encryption_keys? })
}

/// One key, or a list of which the first encrypts.
fn keys(node: Node<'_>) -> Option<Vec<EncryptionKey>> {
    if !node.is_list() {
        return Some(vec![key(node)?]);
    }
    let (spot, reading) = (node.spot(), node.reading);
    let list = node.list("[\"${LEADHOOK_KEY}\", \"${LEADHOOK_KEY_OLD}\"]")?;
    if list.is_empty() {
        let help = "write at least one key, or take `encryption_key` out to keep everything unencrypted";
        reading.mistake(&spot, "must not be empty", Some(help.to_owned()));
        return None;
    }
    // All are read before any is missed, so that each mistake is found.
    let read: Vec<Option<EncryptionKey>> = list.into_iter().map(key).collect();
    read.into_iter().collect()
}

fn key(node: Node<'_>) -> Option<EncryptionKey> {
    let text = node.text()?;
    match EncryptionKey::parse(&text.value) {
        Ok(key) => Some(key),
        Err(none) => {
            text.mistake(
                none.to_string(),
                "make one with `openssl rand -base64 32`, and keep a copy of it in a safe place",
            );
            None
        }
    }
}

/// A size that a store can live with.
fn limit(text: &str) -> Result<u64, String> {
    match size::parse(text)? {
        bytes if bytes < LEAST_MAX_BYTES => Err(format!("`{text}` is too little to work with; write at least 8MB")),
        bytes => Ok(bytes as u64),
    }
}
