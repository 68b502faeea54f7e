//! A store as text, and back: a line for each record, as it is stored.
//!
//! ```text
//! {"leadhook_store":1,"format":1,"version":"0.1.0"}
//! {"k":"6d666f726d6174","v":"AAAAAQ=="}
//! ...
//! {"records":12345,"sha256":"...","unreadable":[]}
//! ```
//!
//! `k` is hexadecimal, `v` base64. The last line counts the others and holds their digest: a text that was cut or changed is
//! not imported.

use std::fs::File;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sled::{Batch, Db, IVec, Tree};

use super::error::StoreError;
use super::records;
use super::sum::{Sum, hex};
use super::{Store, open, rewrite};

/// The form of the text.
const FORM: u32 = 1;

/// Bytes written at a time: a batch is held in memory twice.
const BATCH: usize = 512 * 1024;

/// So many places that do not read are named; a disk that is gone has thousands.
const NAMED: usize = 100;

/// What was written, or read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Records.
    pub records: u64,
    /// Their digest.
    pub sha256: String,
    /// Where something is that could not be read: behind which key.
    pub unreadable: Vec<String>,
}

impl Told {
    fn of(sum: Sum, unreadable: Vec<String>) -> Told {
        Told { records: sum.records, sha256: sum.digest(), unreadable }
    }
}

/// What a store took before, and takes now that its files were written anew.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Compacted {
    /// Bytes of its files before.
    pub before: u64,
    /// Bytes of its files now.
    pub after: u64,
}

/// Why a text was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text cannot be written or read.
    #[error("the export cannot be written or read: {0}")]
    Io(#[from] std::io::Error),
    /// It is no export, or not a whole one.
    #[error("line {line} of the export: {reason}; nothing was imported")]
    Text {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Only an empty directory is filled.
    #[error("{} is not empty: import into a new directory ([store] path), and move it where you want it", .0.display())]
    NotEmpty(PathBuf),
    /// There is nothing to export.
    #[error("there is no store in {}", .0.display())]
    NotThere(PathBuf),
}

#[derive(Serialize, Deserialize)]
struct Head {
    leadhook_store: u32,
    format: u32,
    version: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    k: String,
    v: String,
}

impl Store {
    /// Writes the store in this directory as text, whatever of it can be read; nobody may hold it meanwhile. Blocks for as
    /// long as it takes. What is written holds people's data and the destinations' tokens.
    ///
    /// # Errors
    /// It cannot be opened at all, or the text not be written.
    pub fn export(directory: &Path, out: &mut dyn Write) -> Result<Told, ExportError> {
        if !Store::is_there(directory) {
            return Err(ExportError::NotThere(directory.to_owned()));
        }
        let (opened, whole) = open::open_as_it_is(directory)?;
        let head =
            Head { leadhook_store: FORM, format: records::FORMAT, version: env!("CARGO_PKG_VERSION").to_owned() };
        let mut line = |text: Result<String, serde_json::Error>| writeln!(out, "{}", text?);
        line(serde_json::to_string(&head))?;
        let (mut sum, mut failed) = (Sum::default(), None);
        let unreadable = each(&opened.tree, |key, value| {
            sum.add(key, value);
            failed = line(serde_json::to_string(&Line { k: hex(key), v: STANDARD.encode(value) })).err();
            failed.is_none()
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        let told = Told::of(sum, unreadable);
        line(serde_json::to_string(&told))?;
        out.flush()?;
        open::let_go(directory, opened, whole);
        Ok(told)
    }

    /// Makes a store of such a text, in a directory that is empty or not there yet. Blocks for as long as it takes. Where it
    /// fails, or is killed, there is no store.
    ///
    /// # Errors
    /// The directory is not empty, the text is not whole, or the store cannot be written.
    pub fn import(directory: &Path, text: &mut dyn BufRead) -> Result<Told, ExportError> {
        let is_new = !directory.exists();
        let lock = open::lock_empty(directory)?.ok_or_else(|| ExportError::NotEmpty(directory.to_owned()))?;
        let making = rewrite::making(directory);
        let end = fill(&making, text).and_then(|told| {
            rewrite::put_new_in_place(directory)?;
            open::mark_lock(&lock)?;
            Ok(told)
        });
        if end.is_err() {
            // What is in the way of that is in the way of the next try, too, which says so.
            let _ = std::fs::remove_dir_all(&making);
            open::let_go_of_empty(directory, lock, is_new);
        }
        end
    }

    /// Writes the files of the store in this directory anew, without the room that deleted records took; nobody may hold it
    /// meanwhile. Blocks for as long as it takes. Killed at any moment, the store is there, as it was or anew.
    ///
    /// # Errors
    /// It cannot be opened, not all of it can be read, or there is no room for the copy.
    pub fn compact(directory: &Path) -> Result<Compacted, ExportError> {
        if !Store::is_there(directory) {
            return Err(ExportError::NotThere(directory.to_owned()));
        }
        let opened = open::open(directory)?;
        let lock: Arc<File> = opened.lock;
        let db: Db = opened.db;
        drop((opened.tree, opened.log));
        let before = size(&rewrite::current(directory))?;
        // sled may trip over what is damaged.
        let rewritten = catch_unwind(AssertUnwindSafe(|| rewrite::rewrite(directory, db, |_, value| Ok(Some(value)))));
        rewritten.unwrap_or_else(|_| Err(StoreError::Record("reading it failed".into())))?;
        let after = size(&rewrite::current(directory))?;
        drop(lock);
        Ok(Compacted { before, after })
    }
}

/// Writes the text's records into a new store, and everything onto the platter.
fn fill(making: &Path, text: &mut dyn BufRead) -> Result<Told, ExportError> {
    let _ = std::fs::remove_dir_all(making);
    std::fs::create_dir_all(making)?;
    open::restrict(making, true);
    let db = open::config(making).open().map_err(StoreError::from)?;
    let told = read(text, &mut |batch| Ok(db.apply_batch(batch).map_err(StoreError::from)?))?;
    db.flush().map_err(StoreError::from)?;
    // What was written is read again: whatever replaces a store has to be one.
    let mut sum = Sum::default();
    let unreadable = each(&db, |key, value| {
        sum.add(key, value);
        true
    });
    if Told::of(sum, unreadable).sha256 != told.sha256 {
        return Err(StoreError::Write("what was imported does not read as it was written".into()).into());
    }
    drop(db);
    open::closed_is_noted(making);
    rewrite::sync_all(making)?;
    Ok(told)
}

/// Reads a text to its end. What it holds is handed on in batches, and is worth nothing where an error comes after it.
fn read(text: &mut dyn BufRead, write: &mut dyn FnMut(Batch) -> Result<(), ExportError>) -> Result<Told, ExportError> {
    let mut lines = (1_u64..).zip(text.lines());
    let wrong = |line: u64, reason: String| ExportError::Text { line, reason };
    let Some((_, first)) = lines.next() else { return Err(wrong(1, "it is empty".into())) };
    let head: Head = serde_json::from_str(&first?).map_err(|_| wrong(1, "this is no export of a store".into()))?;
    if head.leadhook_store > FORM || head.format > records::FORMAT {
        return Err(wrong(1, format!("it was written by a newer leadhook ({}); install that one", head.version)));
    }
    let (mut sum, mut batch, mut size) = (Sum::default(), Batch::default(), 0);
    for (number, line) in lines.by_ref() {
        let line = line?;
        let Ok(Line { k, v }) = serde_json::from_str(&line) else {
            let told: Told =
                serde_json::from_str(&line).map_err(|e| wrong(number, format!("it does not read: {e}")))?;
            let found = Told::of(sum, told.unreadable.clone());
            if found != told {
                let reason = format!(
                    "{} records are announced and {} are there, or they were changed on the way",
                    told.records, found.records
                );
                return Err(wrong(number, reason));
            }
            write(batch)?;
            return Ok(told);
        };
        let key = unhex(&k).ok_or_else(|| wrong(number, "its key is not hexadecimal".into()))?;
        let value = STANDARD.decode(&v).map_err(|_| wrong(number, "its value is not base64".into()))?;
        sum.add(&key, &value);
        size += key.len() + value.len();
        batch.insert(key, value);
        if size >= BATCH {
            write(std::mem::take(&mut batch))?;
            size = 0;
        }
    }
    Err(wrong(sum.records + 2, "its last line is missing: it was cut".into()))
}

/// Goes through all records that can be read, in order, for as long as `take` wants more; says where others are.
fn each(tree: &Tree, mut take: impl FnMut(&[u8], &[u8]) -> bool) -> Vec<String> {
    let mut unreadable = Vec::new();
    let mut from: Vec<u8> = Vec::new();
    'stretches: loop {
        let mut last: Option<IVec> = None;
        let mut stretch = tree.range(from.clone()..);
        loop {
            // sled may trip over what lies there.
            let next = catch_unwind(AssertUnwindSafe(|| stretch.next()));
            match next {
                Ok(None) => return unreadable,
                Ok(Some(Ok((key, value)))) => {
                    if !take(&key, &value) {
                        return unreadable;
                    }
                    last = Some(key);
                }
                Ok(Some(Err(_))) | Err(_) => {
                    let behind = last.map_or(from.clone(), |key| key.to_vec());
                    if unreadable.len() < NAMED {
                        unreadable.push(hex(&behind));
                    }
                    match beyond(tree, &behind) {
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
/// read.
fn beyond(tree: &Tree, behind: &[u8]) -> Option<Vec<u8>> {
    for length in (1..=behind.len().max(1)).rev() {
        let mut from = behind.get(..length).unwrap_or(&[0]).to_vec();
        while let Some(last) = from.last_mut() {
            if *last == u8::MAX {
                break;
            }
            *last += 1;
            let there = catch_unwind(AssertUnwindSafe(|| tree.range(from.clone()..).next()));
            if matches!(there, Ok(None | Some(Ok(_)))) {
                return Some(from);
            }
        }
    }
    None
}

/// All that lies below, in bytes.
fn size(directory: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = text.as_bytes().chunks(2);
    bytes.map(|pair| Some((digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?) as u8)).collect()
}
