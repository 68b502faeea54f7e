//! `[store]`: what leadhook keeps on its own machine.

use std::path::PathBuf;
use std::time::Duration;

use super::StoreConfig;
use super::reader::Section;
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
    section.finish(&["encryption_key", "url"]);
    Some(StoreConfig { path: path?, retention, max_bytes: max_bytes? })
}

/// A size that a store can live with.
fn limit(text: &str) -> Result<u64, String> {
    match size::parse(text)? {
        bytes if bytes < LEAST_MAX_BYTES => Err(format!("`{text}` is too little to work with; write at least 8MB")),
        bytes => Ok(bytes as u64),
    }
}
