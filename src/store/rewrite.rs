//! The store written anew, and put in the old one's place: sled leaves what was deleted in its old segments until it
//! happens to need them.
//!
//! | directory | what it is |
//! |---|---|
//! | `sled` | the store |
//! | `sled.new` | a copy in the making; worth nothing |
//! | `sled.look` | a copy for somebody who looks at it; worth nothing |
//! | `sled.old` | what the copy, whole and synced by then, takes the place of; worth nothing once `sled` is there |
//!
//! Killed anywhere, [`settle`] finds at the next start which of them counts.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use sled::{Batch, Db, IVec};

use super::error::StoreError;
use super::open;
use super::sum::Sum;

/// Bytes written at a time: a batch is held in memory twice.
const BATCH: usize = 512 * 1024;

/// Where the store is.
pub fn current(directory: &Path) -> PathBuf {
    directory.join("sled")
}

pub fn making(directory: &Path) -> PathBuf {
    directory.join("sled.new")
}

fn replaced(directory: &Path) -> PathBuf {
    directory.join("sled.old")
}

/// Where a copy is made of the store, to be looked at.
pub fn looked_at(directory: &Path) -> PathBuf {
    directory.join("sled.look")
}

/// Where the store is, be it one whose rewriting was cut short; as [`settle`] would have it.
pub fn that_counts(directory: &Path) -> PathBuf {
    let (current, making, replaced) = (current(directory), making(directory), replaced(directory));
    match (current.exists() || !replaced.exists(), making.exists()) {
        (true, _) => current,
        (false, true) => making,
        (false, false) => replaced,
    }
}

/// Whether there is a store in this directory, be it one whose rewriting was cut short.
pub fn is_there(directory: &Path) -> bool {
    current(directory).exists() || replaced(directory).exists()
}

/// Brings a rewriting to its end that was cut short. Only whoever holds the directory's lock may.
///
/// # Errors
/// The directory cannot be read or written.
pub fn settle(directory: &Path) -> io::Result<()> {
    let (current, making, replaced) = (current(directory), making(directory), replaced(directory));
    if !current.exists() && replaced.exists() {
        // Between the two renames. The copy was whole before the first of them.
        fs::rename(that_counts(directory), &current)?;
        sync(directory)?;
    } else if replaced.exists() {
        // Whoever gave the copy its name may have been killed before that was on the platter. Were the old store taken away
        // first, a power loss could leave neither.
        sync(directory)?;
    }
    for worthless in [&making, &replaced, &looked_at(directory)] {
        remove(worthless)?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().map_or(Ok(()), sync),
    }
}

/// Puts what was made in [`making`] where there is no store yet.
///
/// # Errors
/// The directory cannot be written.
pub fn put_new_in_place(directory: &Path) -> Result<(), StoreError> {
    let put = fs::rename(making(directory), current(directory)).and_then(|()| sync(directory));
    put.map_err(|e| unwritten(directory, &e))
}

/// Copies the store, record by record, into new files, which then take the place of the old ones. `change`: what is to
/// stand under this key in the copy; `None`: nothing is. Blocks for as long as it takes. Where it fails, the store is as it was.
///
/// # Errors
/// The copy cannot be written, as where there is no room for it, or a record not be read.
pub fn rewrite(
    directory: &Path,
    db: Db,
    change: impl FnMut(&[u8], IVec) -> Result<Option<IVec>, StoreError>,
) -> Result<(), StoreError> {
    let making = making(directory);
    let copied = copy(&db, &making, change);
    // It must not write into files that have moved.
    drop(db);
    let put_in_place = || -> io::Result<()> {
        let (current, replaced) = (current(directory), replaced(directory));
        fs::rename(&current, &replaced)?;
        sync(directory)?;
        fs::rename(&making, &current)?;
        sync(directory)?;
        remove(&replaced)
    };
    let end = copied.and_then(|()| put_in_place().map_err(|e| unwritten(directory, &e)));
    if end.is_err() {
        // What is in the way of that is in the way of the next start, too, which says so.
        let _ = settle(directory);
    }
    end
}

fn copy(
    db: &Db,
    making: &Path,
    mut change: impl FnMut(&[u8], IVec) -> Result<Option<IVec>, StoreError>,
) -> Result<(), StoreError> {
    remove(making).and_then(|()| fs::create_dir_all(making)).map_err(|e| unwritten(making, &e))?;
    open::restrict(making, true);
    let copy = open::config(making).open()?;
    let (mut batch, mut size, mut sum) = (Batch::default(), 0, Sum::default());
    for entry in db.iter() {
        let (key, value) = entry?;
        let Some(value) = change(&key, value)? else { continue };
        size += key.len() + value.len();
        sum.add(&key, &value);
        batch.insert(key, value);
        if size >= BATCH {
            copy.apply_batch(std::mem::take(&mut batch))?;
            size = 0;
        }
    }
    copy.apply_batch(batch)?;
    copy.flush()?;
    // What is to take the store's place has to read as it was written.
    let mut there = Sum::default();
    for entry in copy.iter() {
        let (key, value) = entry?;
        there.add(&key, &value);
    }
    if there.digest() != sum.digest() {
        return Err(StoreError::Write("the copy does not read as it was written".into()));
    }
    drop(copy);
    open::closed_is_noted(making);
    sync_all(making).map_err(|e| unwritten(making, &e))
}

/// Every file below.
///
/// # Errors
/// The directory cannot be read.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    Ok(found)
}

/// Every file below, and every directory: sled's own flush is no fsync.
pub fn sync_all(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync(path)
}

/// A directory's entries.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn unwritten(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Directory { path: path.to_owned(), reason: error.to_string() }
}
