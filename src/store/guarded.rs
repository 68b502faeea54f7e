//! sled's files opened, guarded: what is damaged is an error in words, never a hang, never a panic, and never a store that
//! lacks something.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use sled::Db;

use super::closed::Closed;
use super::error::{StoreError, is_about_open_files};
use super::holder::Holder;
use super::open;
use super::segments::SEGMENT;
use super::{tide, torn};

/// Five million leads open within two seconds; a store that takes this long spins on lost bytes.
const OPEN_PATIENCE: Duration = Duration::from_secs(120);

/// The thread on which sled opens a store.
pub const OPENING: &str = "store-open";

/// In which sled keeps how large its segments are.
pub const SETTINGS: &str = "conf";

/// With which the names of files begin that were set aside.
const ASIDE: &str = "damaged-";

/// Opens sled's files in this directory, which belongs to that of the store: what was closed as it was then, what was not
/// as far as what is missing is what a kill or a power loss takes.
///
/// # Errors
/// In use, unreadable, damaged.
pub fn open_patiently(directory: &Path, inner: &Path, patience: Duration) -> Result<Db, StoreError> {
    let in_the_way = |e: std::io::Error| StoreError::Directory { path: inner.to_owned(), reason: e.to_string() };
    without_unfinished(inner).map_err(in_the_way)?;
    let closed = Closed::read(inner);
    if let Some(closed) = &closed {
        let as_it_was = closed.is_as_it_was(inner).map_err(in_the_way)?;
        as_it_was.map_err(|reason| StoreError::Damaged { path: directory.to_owned(), reason })?;
    } else {
        is_torn_at_most(directory, inner)?;
    }
    if let Some(commit) = tide::read(directory).filter(|commit| *commit > 0)
        && !torn::reaches(inner, commit).map_err(in_the_way)?
    {
        return Err(tide::missed(directory, "before that", commit));
    }
    if let Some(closed) = &closed {
        closed.lift(inner).map_err(in_the_way)?;
    }
    let opened = open_in_time(directory, inner, patience, closed.as_ref());
    if let (Some(closed), Err(_)) = (&closed, &opened) {
        // What is damaged is told again. Where that cannot be written, it is told at least now.
        let _ = closed.put_back(inner);
    }
    opened
}

/// What does not read in the log of a store that was not closed is what a kill or a power loss leaves.
fn is_torn_at_most(directory: &Path, inner: &Path) -> Result<(), StoreError> {
    let damaged = torn::first_damaged(directory, inner);
    match damaged.map_err(|e| StoreError::Directory { path: inner.to_owned(), reason: e.to_string() })? {
        Some(damaged) => {
            let reason = format!("{damaged}, and what was acknowledged since was written behind it");
            Err(StoreError::Damaged { path: directory.to_owned(), reason })
        }
        None => Ok(()),
    }
}

/// The same without a look at the log. `closed`: what is known of it.
///
/// # Errors
/// Likewise.
fn open_in_time(directory: &Path, inner: &Path, patience: Duration, closed: Option<&Closed>) -> Result<Db, StoreError> {
    let started = Instant::now();
    let mut by_the_log_alone = false;
    loop {
        match open_guarded(inner) {
            Ok(db) => return Ok(db),
            Err(Trouble::Locked) if started.elapsed() < patience => std::thread::sleep(Duration::from_millis(100)),
            Err(Trouble::Locked) => {
                return Err(StoreError::InUse { path: directory.to_owned(), by: Holder::of(&inner.join("db")) });
            }
            // A cut snapshot alone reads as damage, and so do cut settings; the log beside them is whole.
            Err(Trouble::Damaged(reason)) => {
                // sled may trip over a disk that takes nothing as over bytes that have changed.
                takes_what_is_written(inner)
                    .map_err(|e| StoreError::Directory { path: inner.to_owned(), reason: e.to_string() })?;
                if by_the_log_alone || !set_all_but_the_log_aside(inner) {
                    return Err(StoreError::Damaged { path: directory.to_owned(), reason });
                }
                // By the log alone, sled goes on without what it does not read.
                match closed {
                    Some(closed) => {
                        let whole = closed.reads_whole(inner);
                        let whole = whole
                            .map_err(|e| StoreError::Directory { path: inner.to_owned(), reason: e.to_string() })?;
                        whole.map_err(|reason| StoreError::Damaged { path: directory.to_owned(), reason })?;
                    }
                    None => is_torn_at_most(directory, inner)?,
                }
                tracing::warn!(directory = %directory.display(), reason, "the store's snapshot or settings are damaged; opening it by its log alone. They are kept as damaged-* until the next good start");
                by_the_log_alone = true;
            }
            Err(Trouble::Hangs) => {
                let reason = "opening it does not end".to_owned();
                return Err(StoreError::Damaged { path: directory.to_owned(), reason });
            }
            Err(Trouble::Io(reason)) => return Err(StoreError::Directory { path: inner.to_owned(), reason }),
        }
    }
}

/// Takes snapshots away that were never finished: a kill or a full disk leaves them, and sled takes them for its newest.
fn without_unfinished(inner: &Path) -> std::io::Result<()> {
    for path in named(inner, |name| name.starts_with("snap.") && name.ends_with(".generating")) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Files of an earlier opening that were damaged and set aside; worth nothing once the store opens without that.
pub fn set_aside(inner: &Path) -> Vec<PathBuf> {
    named(inner, |name| name.starts_with(ASIDE))
}

/// Whether as much can be written there as sled may write as it opens a store.
fn takes_what_is_written(inner: &Path) -> std::io::Result<()> {
    let path = inner.join("tried");
    let tried = std::fs::write(&path, vec![0; SEGMENT]).and_then(|()| std::fs::File::open(&path)?.sync_all());
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => tried.and(Err(error)),
        _ => tried,
    }
}

fn named(inner: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(inner).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| wanted(&name.to_string_lossy()))).collect()
}

enum Trouble {
    Locked,
    Damaged(String),
    Hangs,
    Io(String),
}

fn open_guarded(inner: &Path) -> Result<Db, Trouble> {
    let (tell, told) = channel();
    let path = inner.to_owned();
    let opening = std::thread::Builder::new().name(OPENING.into()).spawn(move || {
        let opened = catch_unwind(AssertUnwindSafe(|| open::config(&path).open()));
        // Nobody listens any more once the patience has run out.
        let _ = tell.send(opened);
    });
    if let Err(e) = opening {
        return Err(Trouble::Io(e.to_string()));
    }
    match told.recv_timeout(OPEN_PATIENCE) {
        Ok(Ok(Ok(db))) => Ok(db),
        // With our own lock in hand, what sled cannot lock is still held by a process that is just dying.
        Ok(Ok(Err(sled::Error::Io(e)))) if e.kind() == ErrorKind::Other && !is_about_open_files(&e.to_string()) => {
            Err(Trouble::Locked)
        }
        Ok(Ok(Err(sled::Error::Io(e)))) => Err(Trouble::Io(e.to_string())),
        Ok(Ok(Err(e))) => Err(Trouble::Damaged(e.to_string())),
        Ok(Err(_)) => Err(Trouble::Damaged("reading it failed".into())),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Trouble::Hangs),
    }
}

/// Renames the snapshots and the settings, which sled makes anew, the settings always the same; nothing is destroyed.
/// True where there was one.
fn set_all_but_the_log_aside(inner: &Path) -> bool {
    let made_anew = named(inner, |name| name == SETTINGS || name.starts_with("snap."));
    let aside = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        std::fs::rename(path, path.with_file_name(format!("{ASIDE}{name}")))
    };
    !made_anew.is_empty() && made_anew.iter().all(|path| aside(path).is_ok())
}
