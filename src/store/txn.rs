//! A group of commits in the making: reads see what the group has written, and all of it lands in one batch or none.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::Batch;

use super::claims::Lease;
use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, PlatformNo};
use super::known::{Known, Runs};
use super::records::{self, LaneCounts};
use super::tree::Tree;
use crate::domain::lead::LeadId;

/// What a group of commits is about to write.
pub struct Txn<'a> {
    pub(super) tree: &'a Tree,
    writes: HashMap<Vec<u8>, Option<Vec<u8>>>,
    /// Bytes that were put, about.
    size: usize,
    pub(super) runs: Runs,
    counts: HashMap<LaneNo, LaneCounts>,
    /// Claims that these commits consume: given back once the commit stands.
    pub(super) leases: Vec<Lease>,
    /// Destinations that have something new to look at once the commit stands.
    pub(super) wake: BTreeSet<DestinationNo>,
    /// Whether intake has.
    pub(super) wake_intake: bool,
}

/// Reading, from the tree as it stands or through a group of commits.
pub trait Get {
    /// The record under this key.
    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError>;
}

impl Get for Tree {
    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        Tree::get(self, key)?.map(|bytes| records::decode(&bytes)).transpose()
    }
}

impl Get for Txn<'_> {
    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        match self.writes.get(key) {
            Some(written) => written.as_deref().map(records::decode).transpose(),
            None => Get::get(self.tree, key),
        }
    }
}

impl<'a> Txn<'a> {
    pub fn new(tree: &'a Tree) -> Txn<'a> {
        Txn {
            tree,
            writes: HashMap::new(),
            size: 0,
            runs: Runs::default(),
            counts: HashMap::new(),
            leases: Vec::new(),
            wake: BTreeSet::new(),
            wake_intake: false,
        }
    }

    pub fn put<T: Serialize>(&mut self, key: Vec<u8>, record: &T) -> Result<(), StoreError> {
        let bytes = records::encode(record)?;
        self.put_bytes(key, bytes);
        Ok(())
    }

    /// What stands under this key, as bytes.
    pub fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => Ok(self.tree.get(key)?.map(|bytes| bytes.to_vec())),
        }
    }

    /// The keys that begin like this, what this group has written among them.
    pub fn keys_below(&self, prefix: &[u8]) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let there = self.tree.scan_prefix(prefix).keys().map(|key| Ok(key?.to_vec()));
        let mut keys = there.collect::<Result<BTreeSet<_>, StoreError>>()?;
        for (key, written) in self.writes.iter().filter(|(key, _)| key.starts_with(prefix)) {
            match written {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        Ok(keys)
    }

    /// Bytes that are no record: chunks, index entries.
    pub fn put_bytes(&mut self, key: Vec<u8>, bytes: Vec<u8>) {
        self.size += key.len() + bytes.len();
        self.writes.insert(key, Some(bytes));
    }

    pub fn delete(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// The next number of this kind, from 1.
    pub fn next_number(&mut self, counter: &'static [u8]) -> Result<u64, StoreError> {
        let next = self.get::<u64>(counter)?.unwrap_or(0) + 1;
        self.put(counter.to_vec(), &next)?;
        Ok(next)
    }

    /// What is known of a lead.
    pub fn known(&mut self, platform: PlatformNo, lead: LeadId) -> Result<Option<Known>, StoreError> {
        self.runs.get(self.tree, platform, lead)
    }

    /// Writes what is known of a lead; true where it was not known before.
    pub fn put_known(&mut self, platform: PlatformNo, lead: LeadId, known: Known) -> Result<bool, StoreError> {
        self.runs.put(self.tree, platform, lead, known)
    }

    /// A lane's counts, to be changed in place.
    pub fn counts(&mut self, lane: LaneNo) -> Result<&mut LaneCounts, StoreError> {
        if !self.counts.contains_key(&lane) {
            let counts = Get::get(self.tree, &keys::counts(lane))?.unwrap_or_default();
            self.counts.insert(lane, counts);
        }
        Ok(self.counts.entry(lane).or_default())
    }

    /// How many bytes it is about to write, packed records of known leads aside.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Everything as one batch.
    pub fn batch(&mut self) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        for (key, record) in std::mem::take(&mut self.runs).into_records()? {
            let record = self.tree.sealed(&key, record)?;
            batch.insert(key, record);
        }
        for (lane, counts) in self.counts.drain() {
            let key = keys::counts(lane);
            let counts = self.tree.sealed(&key, records::encode(&counts)?)?;
            batch.insert(key, counts);
        }
        for (key, written) in self.writes.drain() {
            match written {
                Some(bytes) => {
                    let bytes = self.tree.sealed(&key, bytes)?;
                    batch.insert(key, bytes);
                }
                None => batch.remove(key),
            }
        }
        Ok(batch)
    }
}
