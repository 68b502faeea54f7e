//! What sled's pages of records hold, read past sled.
//!
//! ```text
//! page     next page, merging page, merging 1, length of the prefix 1, first key, end, 0 for records, so many, keys, values
//! change   0, key, value: it is set; 1, key: it is gone; else it is about pages, not records
//! ```
//!
//! Numbers are of 1 to 9 bytes, and keys and values have theirs before them. A key stands there without its page's prefix.

use std::collections::BTreeMap;

use super::segments::varint;

/// A page of records.
#[derive(Debug)]
pub struct Page {
    prefix: Vec<u8>,
    /// Its first key.
    pub low: Vec<u8>,
    /// The first key behind it; empty: none is.
    pub high: Vec<u8>,
    /// Its records.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(varint(bytes)?).ok()
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn counted<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    let (there, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(there)
}

impl Page {
    /// The page that these bytes say; `None`: it holds no records, or they say none.
    pub fn read(mut bytes: &[u8]) -> Option<Page> {
        let bytes = &mut bytes;
        let (_next, _merging, _is_merging) = (varint(bytes)?, varint(bytes)?, byte(bytes)?);
        let prefix = usize::from(byte(bytes)?);
        let (low, high) = (counted(bytes)?.to_vec(), counted(bytes)?.to_vec());
        let prefix = low.get(..prefix)?.to_vec();
        if byte(bytes)? != 0 {
            return None;
        }
        let many = number(bytes)?;
        let mut keys = Vec::new();
        for _ in 0..many {
            keys.push([prefix.as_slice(), counted(bytes)?].concat());
        }
        let mut records = BTreeMap::new();
        for key in keys {
            records.insert(key, counted(bytes)?.to_vec());
        }
        Some(Page { prefix, low, high, records })
    }

    /// Changes it as these bytes say. `surely`: they were said of it as it is; else it may have had another prefix meanwhile, and
    /// only what looks like its other records is taken.
    pub fn change(&mut self, mut bytes: &[u8], surely: bool) -> Option<()> {
        let bytes = &mut bytes;
        let what = byte(bytes)?;
        if what > 1 {
            return Some(());
        }
        let key = [self.prefix.as_slice(), counted(bytes)?].concat();
        let alike = |other: &Vec<u8>| other.len() == key.len() && other.first() == key.first();
        let fits = surely || self.covers(&key) && self.records.keys().any(alike);
        if !fits {
            return None;
        }
        match what {
            0 => drop(self.records.insert(key, counted(bytes)?.to_vec())),
            _ => drop(self.records.remove(&key)),
        }
        Some(())
    }

    fn covers(&self, key: &[u8]) -> bool {
        key >= self.low.as_slice() && (self.high.is_empty() || key < self.high.as_slice())
    }
}
