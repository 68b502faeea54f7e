//! sled's tree, with what is in it sealed where the file has an `encryption_key`. Nothing else of the store knows of that.
//!
//! Sealed is every value but those of indexes and counts, which hold numbers, times and names of the file; see
//! [`keys::is_index`]. Keys are not: they are numbers, hashes, and names of the file. A value is bound to its key.

use std::ops::RangeBounds;
use std::sync::Arc;

use sled::{Batch, IVec};

use super::error::StoreError;
use super::keys;
use crate::domain::seal::{NONCE, Seal};

/// A key and what stands under it.
pub type Entry = (IVec, IVec);

/// The one tree; cheap to clone.
#[derive(Clone)]
pub struct Tree {
    tree: sled::Tree,
    seal: Option<Arc<Seal>>,
}

impl Tree {
    /// `seal`: with which all of it is sealed.
    pub fn new(tree: sled::Tree, seal: Option<Arc<Seal>>) -> Tree {
        Tree { tree, seal }
    }

    /// What stands under this key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<IVec>, StoreError> {
        let key = key.as_ref();
        self.tree.get(key)?.map(|value| opened(self.seal.as_deref(), key, value)).transpose()
    }

    /// Whether anything does.
    pub fn contains_key(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        Ok(self.tree.contains_key(key)?)
    }

    /// What stands under the keys of a range, in order.
    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Entries {
        self.entries(self.tree.range(range))
    }

    /// What stands under the keys that begin like this, in order.
    pub fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Entries {
        self.entries(self.tree.scan_prefix(prefix))
    }

    /// All of it, in order.
    pub fn iter(&self) -> Entries {
        self.entries(self.tree.iter())
    }

    fn entries(&self, entries: sled::Iter) -> Entries {
        Entries { entries, seal: self.seal.clone(), ended: false }
    }

    /// A value as it is to be written under this key.
    pub fn sealed(&self, key: &[u8], value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        match &self.seal {
            Some(seal) => sealed(seal, key, &value),
            None => Ok(value),
        }
    }

    /// Writes values that are [`sealed`](Tree::sealed) already.
    pub fn apply_batch(&self, batch: Batch) -> Result<(), StoreError> {
        Ok(self.tree.apply_batch(batch)?)
    }

    /// Writes a value past the committer; gives the one before.
    #[cfg(test)]
    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Option<IVec>, StoreError> {
        let key = key.as_ref();
        let before = self.tree.insert(key, self.sealed(key, value.as_ref().to_vec())?)?;
        before.map(|value| opened(self.seal.as_deref(), key, value)).transpose()
    }

    /// As it lies on disk.
    #[cfg(test)]
    pub fn raw(&self) -> &sled::Tree {
        &self.tree
    }
}

/// Entries in the order of their keys. They end with the first that sled cannot read: asked again, it says the same for ever.
pub struct Entries {
    entries: sled::Iter,
    seal: Option<Arc<Seal>>,
    ended: bool,
}

impl Entries {
    /// The keys alone.
    pub fn keys(self) -> impl DoubleEndedIterator<Item = Result<IVec, StoreError>> {
        self.entries.keys().map(|key| key.map_err(StoreError::from))
    }

    fn opened(&mut self, entry: sled::Result<Entry>) -> Result<Entry, StoreError> {
        let (key, value) = entry.inspect_err(|_| self.ended = true)?;
        let value = opened(self.seal.as_deref(), &key, value)?;
        Ok((key, value))
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.entries.next().map(|entry| self.opened(entry))
    }

    /// To count them, none has to be opened.
    fn count(self) -> usize {
        self.entries.take_while(Result::is_ok).count()
    }
}

impl DoubleEndedIterator for Entries {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.entries.next_back().map(|entry| self.opened(entry))
    }
}

/// A value, sealed for its key; as it is where its kind is not sealed.
pub fn sealed(seal: &Seal, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
    if keys::is_index(key) {
        return Ok(value.to_vec());
    }
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|e| StoreError::Write(format!("the system has no randomness: {e}")))?;
    seal.seal(key, value, nonce).map_err(|e| StoreError::Write(e.to_string()))
}

/// What was sealed for this key.
pub fn opened(seal: Option<&Seal>, key: &[u8], value: IVec) -> Result<IVec, StoreError> {
    match seal {
        Some(seal) if !keys::is_index(key) => {
            seal.open(key, &value).map(IVec::from).map_err(|e| StoreError::Record(e.to_string()))
        }
        _ => Ok(value),
    }
}
