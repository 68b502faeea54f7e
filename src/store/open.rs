//! Opening a store, guarded: a damaged one is an error in words, never a hang and never a panic.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sled::{Db, Tree};

use super::caught::caught;
use super::closed;
use super::error::StoreError;
use super::guarded::{self, SETTINGS, open_patiently};
use super::holder::Holder;
use super::keys;
use super::records;
use super::reopen;
use super::rewrite;
use super::segments;
use super::tide;

/// sled's default is 1 GiB.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// sled gives back at most one 512 KiB segment a tick, so that a slow tick lets the file grow without end.
const TICK_MS: u64 = 50;

/// The system may hold a dead process's lock for some seconds.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Until a lock is tried again.
const MOMENT: Duration = Duration::from_millis(100);

/// What is said of what sled trips over.
pub const TRIPPED: &str = "reading it failed";

/// What an opened store consists of.
pub struct Opened {
    pub db: Db,
    pub tree: Tree,
    /// sled's log, to be synced by hand.
    pub log: File,
    /// Held as long as the store is open.
    pub lock: Arc<File>,
}

/// Notes that the store is closed; whoever holds the lock of its directory has let go of its files.
pub fn closed_is_noted(inner: &Path) {
    if let Err(error) = closed::mark(inner) {
        // Without it there is less to hold the log against; nothing is lost by that.
        tracing::warn!(directory = %inner.display(), %error, "that the store is closed cannot be noted");
    }
}

/// Opens the store in `directory`, which is made if it is not there.
///
/// # Errors
/// In use, unreadable, damaged, or written by a newer version: each with what to do.
pub fn open(directory: &Path) -> Result<Opened, StoreError> {
    open_within(directory, LOCK_PATIENCE)
}

/// [`open`], with another patience for a lock that is held.
pub fn open_within(directory: &Path, patience: Duration) -> Result<Opened, StoreError> {
    let in_the_way =
        |path: &Path, e: std::io::Error| StoreError::Directory { path: path.to_owned(), reason: e.to_string() };
    let parents = new_entries(directory);
    std::fs::create_dir_all(directory).map_err(|e| in_the_way(directory, e))?;
    restrict(directory, !parents.is_empty());
    let lock = Arc::new(lock(directory, patience)?);
    open_held(directory, lock, patience, parents)
}

/// The directories that get a new entry where this one is made: those that are made for it, and the one that is there.
fn new_entries(directory: &Path) -> Vec<&Path> {
    let mut parents = Vec::new();
    let mut path = directory;
    while !path.exists()
        && let Some(parent) = path.parent()
    {
        path = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        parents.push(path);
    }
    parents
}

/// Opens the copy of a store that somebody looks at, if there is nothing wrong with it.
///
/// # Errors
/// Damaged, or written by a newer version.
pub fn open_copy(copy: &Path) -> Result<Db, StoreError> {
    sound(copy, &rewrite::current(copy), LOCK_PATIENCE)
}

/// Keeps everyone from changing the store in this directory, without changing anything in it. `None`: there is nothing to
/// be locked.
///
/// # Errors
/// In use, or it cannot be read.
pub fn lock_to_look(directory: &Path, patience: Duration) -> Result<Option<File>, StoreError> {
    let path = directory.join("lock");
    match locked(directory, patience, || File::open(&path)) {
        Ok(lock) => Ok(Some(lock)),
        Err(StoreError::Directory { .. }) if !path.exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Locks a directory in which there is nothing yet, made if need be; `None`: there is something in it.
///
/// # Errors
/// In use, or it cannot be made or read.
pub fn lock_empty(directory: &Path) -> Result<Option<File>, StoreError> {
    let in_the_way = |e: std::io::Error| StoreError::Directory { path: directory.to_owned(), reason: e.to_string() };
    let parents = new_entries(directory);
    std::fs::create_dir_all(directory).map_err(in_the_way)?;
    restrict(directory, !parents.is_empty());
    // What is put in here later is to be found.
    for parent in parents {
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(in_the_way)?;
    }
    let mut others = 0;
    for entry in std::fs::read_dir(directory).map_err(in_the_way)? {
        let name = entry.map_err(in_the_way)?.file_name();
        // An import that was killed has left these.
        others += usize::from(name != "lock" && name != "sled.new");
    }
    let lock = lock(directory, LOCK_PATIENCE)?;
    let marked = lock.metadata().map_err(in_the_way)?.len() > 0;
    Ok((others == 0 && !marked).then_some(lock))
}

/// Leaves no trace of an attempt to make a store that has failed. `is_new`: the directory was made for it.
pub fn let_go_of_empty(directory: &Path, lock: File, is_new: bool) {
    // A store that is there all the same is marked. What cannot be removed is in nobody's way.
    if lock.metadata().is_ok_and(|lock| lock.len() == 0) {
        let _ = std::fs::remove_file(directory.join("lock"));
        if is_new {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// Opens the store again whose lock is still held.
///
/// # Errors
/// It is another directory by now, or as for [`open`].
pub fn reopen(directory: &Path, lock: Arc<File>) -> Result<Opened, StoreError> {
    reopen::is_there(directory, &lock)?;
    open_held(directory, lock, LOCK_PATIENCE, Vec::new())
}

/// Whether this open file is the one of this path.
#[cfg(unix)]
pub fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |metadata: std::io::Result<std::fs::Metadata>| metadata.map(|it| (it.dev(), it.ino())).ok();
    of(file.metadata()).is_some_and(|it| of(std::fs::metadata(path)) == Some(it))
}

/// Whether this open file is the one of this path, as far as can be told.
#[cfg(not(unix))]
pub fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

/// The files of a store that can be worked with.
fn sound(directory: &Path, inner: &Path, patience: Duration) -> Result<Db, StoreError> {
    let in_the_way = |e: std::io::Error| StoreError::Directory { path: inner.to_owned(), reason: e.to_string() };
    if let Some(mut log) = segments::log(inner).map_err(in_the_way)?
        && let Err(damaged) = segments::all(&mut log).map_err(in_the_way)?
    {
        return Err(StoreError::Damaged { path: directory.to_owned(), reason: damaged.to_string() });
    }
    let db = open_patiently(directory, inner, patience)?;
    // sled opens a log that lacks a page, and trips over that once it is looked for.
    caught(|| check_format(directory, &db).and_then(|()| tide::is_reached(directory, &db)))
        .unwrap_or_else(|| Err(StoreError::Record(TRIPPED.into())))
        .map_err(|e| e.while_opening(directory))?;
    Ok(db)
}

/// Opens the store whose lock is held. `parents`: directories that were made for it.
fn open_held(directory: &Path, lock: Arc<File>, patience: Duration, parents: Vec<&Path>) -> Result<Opened, StoreError> {
    let in_the_way =
        |path: &Path, e: std::io::Error| StoreError::Directory { path: path.to_owned(), reason: e.to_string() };
    rewrite::settle(directory).map_err(|e| in_the_way(directory, e))?;
    let inner = rewrite::current(directory);
    // The directory may be anybody's, and open to all; what is in here is not.
    std::fs::create_dir_all(&inner).map_err(|e| in_the_way(&inner, e))?;
    restrict(&inner, true);
    let set_aside = guarded::set_aside(&inner);
    let db = sound(directory, &inner, patience)?;
    // They were kept for whoever wanted to see what was wrong.
    set_aside.iter().try_for_each(std::fs::remove_file).map_err(|e| in_the_way(&inner, e))?;
    let db = without_what_was_erased(directory, db).map_err(|e| e.while_opening(directory))?;
    let tree = (*db).clone();
    let log = File::open(inner.join("db")).map_err(|e| in_the_way(&inner, e))?;
    mark(&db, &log, &lock).map_err(|e| in_the_way(directory, e))?;
    // The directory entries must be on the platter before the first commit is acknowledged; and sled never syncs the file
    // without which it does not open.
    let settings = inner.join(SETTINGS);
    for path in [settings.as_path(), inner.as_path(), directory].into_iter().chain(parents) {
        File::open(path).and_then(|f| f.sync_all()).map_err(|e| in_the_way(path, e))?;
    }
    Ok(Opened { db, tree, log, lock })
}

/// A lock of our own: sled's says that it is held only in the words of its message.
fn lock(directory: &Path, patience: Duration) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let lock = locked(directory, patience, || private().create(true).truncate(false).write(true).open(&path))?;
    make_private(&lock);
    Ok(lock)
}

/// Files that were made before they were nobody else's business become so.
pub fn make_private(file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Where the file system knows no modes, or it is another's, there is nothing to restrict.
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = file;
}

/// How files beside the log are opened: what they hold is nobody else's business.
pub fn private() -> std::fs::OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn locked(directory: &Path, patience: Duration, open: impl Fn() -> std::io::Result<File>) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let in_the_way = |e: std::io::Error| StoreError::Directory { path: path.clone(), reason: e.to_string() };
    let open = || open().map_err(in_the_way);
    let mut file = open()?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            // Whoever held it may have taken the file away with it: then this is nobody's lock any more.
            Ok(()) if !is_same(&file, &path) && started.elapsed() < patience.max(MOMENT) => file = open()?,
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                std::thread::sleep(MOMENT);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { path: directory.to_owned(), by: Holder::of(&path) });
            }
            Err(TryLockError::Error(e)) => return Err(in_the_way(e)),
        }
    }
}

/// Whether someone holds the store: a service, or a command that is just at work on it.
pub fn is_in_use(directory: &Path) -> bool {
    // A file that cannot be opened is not held either; whoever opens the store will say what is wrong with it.
    File::options()
        .write(true)
        .open(directory.join("lock"))
        .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Leads are people: nobody else on the machine may look.
pub fn restrict(directory: &Path, fresh: bool) {
    #[cfg(unix)]
    if fresh {
        use std::os::unix::fs::PermissionsExt;
        // Where the file system knows no modes there is nothing to restrict.
        let _ = std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700));
    }
    #[cfg(not(unix))]
    let _ = (directory, fresh);
}

/// How sled is to work in this directory.
pub fn config(path: &Path) -> sled::Config {
    sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(Some(TICK_MS))
}

/// The store, written anew where something was erased from it: until then the old bytes lie in its files.
fn without_what_was_erased(directory: &Path, db: Db) -> Result<Db, StoreError> {
    if !db.contains_key(keys::ERASED)? {
        return Ok(db);
    }
    let began = Instant::now();
    tracing::info!(directory = %directory.display(), "writing the store anew, so that nothing is left of what was forgotten");
    // Reading a damaged page may panic; whoever needs what lies there will say so.
    let rewritten = caught(|| rewrite::rewrite(directory, db, |key, value| Ok((key != keys::ERASED).then_some(value))));
    let failed = match rewritten {
        Some(end) => end.err().map(|error| error.to_string()),
        None => Some("reading it failed".to_owned()),
    };
    match failed {
        None => tracing::info!(took_ms = began.elapsed().as_millis() as u64, "the store is written anew"),
        // Nobody's leads are to wait for that.
        Some(error) => tracing::warn!(
            error,
            "the store could not be written anew: what was forgotten is still in its files, and the next start tries again"
        ),
    }
    open_patiently(directory, &rewrite::current(directory), LOCK_PATIENCE)
}

/// The store written anew, and opened again.
///
/// # Errors
/// It cannot be read, the copy cannot be written, or not be opened. Unless it is the last, the store is as it was.
pub fn write_anew(
    directory: &Path,
    opened: Opened,
    change: impl FnMut(&[u8], sled::IVec) -> Result<Option<sled::IVec>, StoreError>,
) -> Result<Opened, StoreError> {
    let Opened { db, tree, log, lock } = opened;
    drop((tree, log));
    // sled may trip over what is damaged.
    let rewritten = caught(|| rewrite::rewrite(directory, db, change));
    rewritten.unwrap_or_else(|| Err(StoreError::Record(TRIPPED.into())))?;
    let inner = rewrite::current(directory);
    let db = open_patiently(directory, &inner, LOCK_PATIENCE)?;
    let log = File::open(inner.join("db"))
        .map_err(|e| StoreError::Directory { path: inner.clone(), reason: e.to_string() })?;
    Ok(Opened { tree: (*db).clone(), db, log, lock })
}

/// Notes in the lock's file that there is something to be found here. To sled, a log whose beginning does not read is
/// an empty one; without the note, a lost store would pass for a new one.
fn mark(db: &Db, log: &File, lock: &File) -> std::io::Result<()> {
    if lock.metadata()?.len() > 0 {
        return Ok(());
    }
    db.flush()?;
    log.sync_data()?;
    mark_lock(lock)
}

/// Notes that there is a store, which is on the platter.
pub fn mark_lock(mut lock: &File) -> std::io::Result<()> {
    lock.write_all(b"A leadhook store; its log is in the directory beside this file.\n")?;
    lock.sync_all()
}

fn check_format(directory: &Path, tree: &Tree) -> Result<(), StoreError> {
    match tree.get(keys::FORMAT)? {
        None if std::fs::metadata(directory.join("lock")).is_ok_and(|lock| lock.len() > 0) => {
            let reason = "what was there cannot be found in its log any more".to_owned();
            Err(StoreError::Damaged { path: directory.to_owned(), reason })
        }
        None => {
            tree.insert(keys::FORMAT, &records::FORMAT.to_be_bytes())?;
            Ok(())
        }
        Some(bytes) => {
            let found = bytes.first_chunk::<4>().map_or(u32::MAX, |b| u32::from_be_bytes(*b));
            if found > records::FORMAT {
                return Err(StoreError::Newer { path: directory.to_owned(), found, known: records::FORMAT });
            }
            Ok(())
        }
    }
}
