//! A store as text, and back: a line for each record, as it is stored.
//!
//! ```text
//! {"leadhook_store":1,"format":1,"version":"0.1.0"}
//! {"k":"6d666f726d6174","v":"AAAAAQ=="}
//! ...
//! {"records":12345,"sha256":"...","unreadable":[],"missing_commits":0}
//! ```
//!
//! `k` is hexadecimal, `v` base64. The last line counts the others and holds their digest: a text that was cut or changed is
//! not imported. It also says what the store lacked of what it had acknowledged.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sled::{Batch, Db};

use super::caught::caught;
use super::error::StoreError;
use super::lacking::{self, Lacking};
use super::readable::{Readable, each};
use super::records;
use super::sum::{Sum, hex};
use super::{Store, keys, open, rewrite};

/// The form of the text.
const FORM: u32 = 1;

/// Bytes written at a time: a batch is held in memory twice.
const BATCH: usize = 512 * 1024;

/// What was written, or read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Records.
    pub records: u64,
    /// Their digest.
    pub sha256: String,
    /// Where something is that could not be read: behind which key, in hexadecimal, or at which bytes of the log.
    pub unreadable: Vec<String>,
    /// So many of the last commits that were acknowledged were not there any more.
    #[serde(default)]
    pub missing_commits: u64,
    /// Then the last of those was made that were; where that is known, and some are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
}

impl Told {
    fn of(sum: Sum) -> Told {
        Told { records: sum.records, sha256: sum.digest(), ..Told::default() }
    }

    fn lacking(&self) -> Lacking {
        Lacking { commits: self.missing_commits, since: self.missing_since, holes: !self.unreadable.is_empty() }
    }

    /// What is missing, and what people have to do again, in words; `None`: nothing is.
    pub fn lacks(&self) -> Option<String> {
        self.lacking().told()
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
    /// Writes the store in this directory as text, whatever of it can be read; nobody may hold it meanwhile, and nothing in it
    /// is changed. A copy is made beside it, or in `work`. Blocks for as long as it takes. What is written holds people's data
    /// and the destinations' tokens.
    ///
    /// # Errors
    /// Nothing of it can be read, or the text not be written.
    pub fn export(directory: &Path, work: Option<&Path>, out: &mut dyn Write) -> Result<Told, ExportError> {
        if !Store::is_there(directory) {
            return Err(ExportError::NotThere(directory.to_owned()));
        }
        let mut readable = Readable::of(directory, work)?;
        let head =
            Head { leadhook_store: FORM, format: records::FORMAT, version: env!("CARGO_PKG_VERSION").to_owned() };
        let mut line = |text: Result<String, serde_json::Error>| writeln!(out, "{}", text?);
        line(serde_json::to_string(&head))?;
        let (mut sum, mut failed) = (Sum::default(), None);
        readable.each(|key, value| {
            sum.add(key, value);
            failed = line(serde_json::to_string(&Line { k: hex(key), v: STANDARD.encode(value) })).err();
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let Readable { lacking, unreadable, .. } = readable;
        let (missing_commits, missing_since) = (lacking.commits, lacking.since);
        let told = Told { unreadable, missing_commits, missing_since, ..Told::of(sum) };
        line(serde_json::to_string(&told))?;
        out.flush()?;
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
            lacking::note(directory, &told.lacking())?;
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
        let rewritten = caught(|| rewrite::rewrite(directory, db, |_, value| Ok(Some(value))));
        rewritten.unwrap_or_else(|| Err(StoreError::Record(open::TRIPPED.into())))?;
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
    let (told, in_any_order) = read(text, &mut |batch| Ok(db.apply_batch(batch).map_err(StoreError::from)?))?;
    db.flush().map_err(StoreError::from)?;
    // What was written is read again: whatever replaces a store has to be one.
    let mut sum = Sum::default();
    let unreadable = each(&db, |key, value| {
        sum.add(key, value);
        true
    });
    if !unreadable.is_empty() || sum.in_any_order != in_any_order {
        return Err(StoreError::Write("what was imported does not read as it was written".into()).into());
    }
    // Of a damaged store, that may be among what is missing.
    if !db.contains_key(keys::FORMAT).map_err(StoreError::from)? {
        db.insert(keys::FORMAT, &records::FORMAT.to_be_bytes()).map_err(StoreError::from)?;
        db.flush().map_err(StoreError::from)?;
    }
    drop(db);
    open::closed_is_noted(making);
    rewrite::sync_all(making)?;
    Ok(told)
}

/// Reads a text to its end; its records' sum, in any order, comes with what it says of itself. What it holds is handed on in
/// batches, and is worth nothing where an error comes after it.
fn read(
    text: &mut dyn BufRead,
    write: &mut dyn FnMut(Batch) -> Result<(), ExportError>,
) -> Result<(Told, u128), ExportError> {
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
            let in_any_order = sum.in_any_order;
            let found = Told::of(sum);
            if (found.records, &found.sha256) != (told.records, &told.sha256) {
                let reason = format!(
                    "{} records are announced and {} are there, or they were changed on the way",
                    told.records, found.records
                );
                return Err(wrong(number, reason));
            }
            write(batch)?;
            return Ok((told, in_any_order));
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
