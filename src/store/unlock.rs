//! Which key a store is sealed with, and what is done where the file says another.
//!
//! A store is sealed as a whole, or not at all: `mseal` says with which key. Where the first key of the file is another, or
//! the first that there ever was, the store is written anew before anything else is done, so that nothing in any file can be
//! read without that key. Killed in between, the store is as it was; see [`super::rewrite`].

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::error::StoreError;
use super::keys;
use super::open::{self, Opened};
use super::records;
use super::tree::{opened, sealed};
use crate::domain::seal::{EncryptionKey, KeyId, Seal};

/// With which key the store says that it is sealed, if it says anything, and what opens it: one of these keys.
///
/// # Errors
/// It is sealed, and not with one of these.
pub fn seal_of(
    directory: &Path,
    tree: &sled::Tree,
    keys: &[EncryptionKey],
) -> Result<(Option<Option<KeyId>>, Option<Seal>), StoreError> {
    let noted = tree.get(keys::SEALED)?.map(|bytes| records::decode::<Option<KeyId>>(&bytes)).transpose()?;
    let path = directory.to_owned();
    match (noted.flatten(), Seal::new(keys)) {
        (Some(_), None) => Err(StoreError::Locked { path }),
        (Some(id), Some(seal)) if !seal.knows(id) => Err(StoreError::OtherKey { path }),
        (_, seal) => Ok((noted, seal)),
    }
}

/// The store as it can be read with these keys, the first of which seals; none: it must not be sealed.
///
/// # Errors
/// It is sealed, and not with one of these; or it cannot be written anew.
pub fn unlock(
    directory: &Path,
    store: Opened,
    keys: &[EncryptionKey],
) -> Result<(Opened, Option<Arc<Seal>>), StoreError> {
    let (noted, seal) = seal_of(directory, &store.tree, keys)?;
    let before = noted.flatten();
    let Some(seal) = seal else { return Ok((store, None)) };
    if before == Some(seal.id()) {
        return Ok((store, Some(Arc::new(seal))));
    }
    let what = if before.is_some() { "with the new key" } else { "encrypted from now on" };
    tracing::info!(directory = %directory.display(), "writing the store anew, {what}");
    let began = Instant::now();
    if noted.is_none() {
        // The copy says otherwise; until it is in place, this is so.
        store.tree.insert(keys::SEALED, records::encode(&None::<KeyId>)?)?;
    }
    let note = records::encode(&Some(seal.id()))?;
    let store = open::write_anew(directory, store, |key, value| {
        if key == keys::SEALED {
            return Ok(Some(note.as_slice().into()));
        }
        let value = opened(before.is_some().then_some(&seal), key, value)?;
        Ok(Some(sealed(&seal, key, &value)?.into()))
    })?;
    tracing::info!(took_ms = began.elapsed().as_millis() as u64, "the store is written anew, {what}");
    Ok((store, Some(Arc::new(seal))))
}
