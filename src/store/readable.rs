//! All that can be read of the store in a directory, whatever has happened to it; nothing of it is changed by that.
//!
//! A store that is as it must be is read by sled, in a copy. Where sled, or one of the looks before it, refuses, the log is read
//! [past sled](super::salvage).

use std::io;
use std::path::Path;

use sled::{Db, IVec, Tree};

use super::aside::Aside;
use super::caught::caught;
use super::error::StoreError;
use super::lacking::Lacking;
use super::salvage::Salvage;
use super::sum::hex;
use super::{keys, open, rewrite, tide};

/// So many places that do not read are named; a disk that is gone has thousands.
const NAMED: usize = 100;

/// What can be read.
pub struct Readable {
    by: By,
    /// What is missing.
    pub lacking: Lacking,
    /// Where something is that does not read: behind which key, in hexadecimal, or at which bytes of the log.
    pub unreadable: Vec<String>,
    // There for as long as it is read; nobody changes the store meanwhile.
    _copy: Aside,
}

enum By {
    Sled(Db),
    Message(Salvage),
}

/// What one way of reading gives.
struct Given {
    records: u64,
    commits: Option<Vec<u8>>,
}

impl Given {
    fn new() -> Given {
        Given { records: 0, commits: None }
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.records += 1;
        if key == keys::COMMITS {
            self.commits = Some(value.to_vec());
        }
        true
    }
}

impl Readable {
    /// Of the store in this directory. A copy is made beside it, or in `work`.
    ///
    /// # Errors
    /// In use, written by a newer version, nothing of it can be read, or there is no room for the copy.
    pub fn of(directory: &Path, work: Option<&Path>) -> Result<Readable, StoreError> {
        let copy = Aside::of(directory, work, open::LOCK_PATIENCE)?;
        let mut given = Given::new();
        let refused = match open::open_copy(copy.path()).map_err(|error| error.in_place(directory)) {
            Err(newer @ StoreError::Newer { .. }) => return Err(newer),
            Err(refused) => refused,
            Ok(db) => {
                let mut unreadable = each(&db, |key, value| given.take(key, value));
                if copy.not_given > 0 {
                    unreadable.push(format!("{} bytes that the disk does not give", copy.not_given));
                }
                if unreadable.is_empty() {
                    return Ok(Readable::new(directory, By::Sled(db), given, unreadable, copy));
                }
                let reason = format!("behind {} keys something does not read", unreadable.len());
                let refused = StoreError::Damaged { path: directory.to_owned(), reason };
                return past_sled(directory, &refused, Some((db, unreadable, given)), copy);
            }
        };
        past_sled(directory, &refused, None, copy)
    }

    fn new(directory: &Path, by: By, given: Given, unreadable: Vec<String>, copy: Aside) -> Readable {
        let (there, made) = given.commits.and_then(|bytes| tide::recorded(&bytes)).unwrap_or_default();
        let commits = tide::read(directory).unwrap_or(0).saturating_sub(there);
        let since = made.filter(|_| commits > 0);
        let lacking = Lacking { commits, since, holes: !unreadable.is_empty() };
        Readable { by, lacking, unreadable, _copy: copy }
    }

    /// Goes through all records, for as long as `take` wants more.
    ///
    /// # Errors
    /// The log cannot be read any more.
    pub fn each(&mut self, take: impl FnMut(&[u8], &[u8]) -> bool) -> io::Result<()> {
        match &mut self.by {
            By::Sled(db) => {
                // It was read before, and nobody has changed it since.
                each(db, take);
                Ok(())
            }
            By::Message(salvage) => salvage.each(take),
        }
    }
}

/// What can be read past sled, which has `refused`, unless it reads more itself.
fn past_sled(
    directory: &Path,
    refused: &StoreError,
    by_sled: Option<(Db, Vec<String>, Given)>,
    copy: Aside,
) -> Result<Readable, StoreError> {
    tracing::warn!("{refused}");
    tracing::info!("the store's log is read message by message, and what does not read is left out");
    let inner = rewrite::that_counts(directory);
    let in_the_way = |e: io::Error| StoreError::Directory { path: inner.clone(), reason: e.to_string() };
    let mut given = Given::new();
    let mut salvage = Salvage::of(&inner).map_err(in_the_way)?;
    if let Some(salvage) = &mut salvage {
        salvage.each(|key, value| given.take(key, value)).map_err(in_the_way)?;
    }
    match (salvage, by_sled) {
        (_, Some((db, unreadable, by_sled))) if by_sled.records > given.records => {
            Ok(Readable::new(directory, By::Sled(db), by_sled, unreadable, copy))
        }
        (Some(salvage), _) if given.records > 0 => {
            let named = salvage.unreadable.iter().take(NAMED);
            let unreadable = named.map(|bytes| format!("log, bytes {} to {}", bytes.start, bytes.end)).collect();
            let mut readable = Readable::new(directory, By::Message(salvage), given, unreadable, copy);
            // Where all that is there reads, something is not there any more.
            if readable.lacking.told().is_none() {
                readable.unreadable.push(match refused {
                    StoreError::Damaged { reason, .. } => reason.clone(),
                    other => other.to_string(),
                });
                readable.lacking.holes = true;
            }
            Ok(readable)
        }
        _ => {
            let reason = "nothing of its log can be read".to_owned();
            Err(StoreError::Damaged { path: directory.to_owned(), reason })
        }
    }
}

/// Goes through all records that sled can read, in order, for as long as `take` wants more; says behind which keys others are.
/// Where sled trips, it ends: by then sled has looked for the page a million times, and would do so for every key behind it.
pub fn each(tree: &Tree, mut take: impl FnMut(&[u8], &[u8]) -> bool) -> Vec<String> {
    let mut unreadable = Vec::new();
    let mut from: Vec<u8> = Vec::new();
    'stretches: loop {
        let mut last: Option<IVec> = None;
        let mut stretch = tree.range(from.clone()..);
        loop {
            // sled may trip over what lies there.
            let next = caught(|| stretch.next());
            match next {
                Some(None) => return unreadable,
                Some(Some(Ok((key, value)))) => {
                    if !take(&key, &value) {
                        return unreadable;
                    }
                    last = Some(key);
                }
                refused => {
                    let behind = last.map_or(from.clone(), |key| key.to_vec());
                    if unreadable.len() < NAMED {
                        unreadable.push(hex(&behind));
                    }
                    match refused.and_then(|_| beyond(tree, &behind)) {
                        Some(next) => from = next,
                        None => return unreadable,
                    }
                    continue 'stretches;
                }
            }
        }
    }
}

/// The nearest place behind this key from which there is something to be read: nobody knows where the page ends that does not
/// read. `None`: there is none, or sled trips on the way.
fn beyond(tree: &Tree, behind: &[u8]) -> Option<Vec<u8>> {
    for length in (1..=behind.len().max(1)).rev() {
        let mut from = behind.get(..length).unwrap_or(&[0]).to_vec();
        while let Some(last) = from.last_mut() {
            if *last == u8::MAX {
                break;
            }
            *last += 1;
            match caught(|| tree.range(from.clone()..).next())? {
                None | Some(Ok(_)) => return Some(from),
                Some(Err(_)) => {}
            }
        }
    }
    None
}
