//! A copy of a store's files, to be looked at in its place: sled mends, cuts and renames what it opens, and a store that is
//! looked at is to stay as it is.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::StoreError;
use super::open;
use super::rewrite;
use super::room;

/// Read at a time where the disk does not give a file whole.
const BLOCK: usize = 4096;

/// The copy; it goes when this is dropped.
pub struct Aside {
    path: PathBuf,
    /// Bytes that the disk did not give; zeros stand in their place.
    pub not_given: u64,
    // Nobody changes what it is a copy of meanwhile.
    _lock: Option<File>,
}

impl Aside {
    /// Copies what counts of the store in this directory, beside it or into `work`. The store is locked for as long as the
    /// copy is there; whoever has it is waited for with `patience`.
    ///
    /// # Errors
    /// In use; there is no room for the copy; or it cannot be written.
    pub fn of(directory: &Path, work: Option<&Path>, patience: Duration) -> Result<Aside, StoreError> {
        let lock = open::lock_to_look(directory, patience)?;
        let counts = rewrite::that_counts(directory);
        let wanted = size(&counts).map_err(|e| of(&counts, &e))?;
        let free = room::free(work.unwrap_or(directory));
        if let Some(free) = free.filter(|free| *free < wanted) {
            return Err(StoreError::NoRoom { path: work.unwrap_or(directory).to_owned(), wanted, free });
        }
        let path = match work {
            Some(work) => work.join(format!("leadhook-look-{}", std::process::id())),
            None => rewrite::looked_at(directory),
        };
        let mut aside = Aside { path, not_given: 0, _lock: lock };
        aside.copy(directory, &counts).map_err(|e| of(&aside.path, &e))?;
        Ok(aside)
    }

    /// The directory of the copy, in which it is as the store is in its own.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn copy(&mut self, directory: &Path, counts: &Path) -> io::Result<()> {
        // A kill has left it.
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir(&self.path)?;
        open::restrict(&self.path, true);
        let inner = rewrite::current(&self.path);
        for file in rewrite::files(counts)? {
            let to = file.strip_prefix(counts).map(|name| inner.join(name)).map_err(io::Error::other)?;
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            self.not_given += copied(&file, &to)?;
        }
        // How far the log must reach, and that there is one.
        for name in ["tide", "lock"] {
            match fs::copy(directory.join(name), self.path.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What stays is taken away by the next start.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn of(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Directory {
        path: path.to_owned(),
        reason: format!("no copy of the store can be made there ({error}); `--work DIR` names another place for it"),
    }
}

fn size(inner: &Path) -> io::Result<u64> {
    rewrite::files(inner)?.iter().map(|file| Ok(fs::metadata(file)?.len())).sum()
}

/// Copies a file, with zeros where the disk does not give what is in it; how many.
fn copied(from: &Path, to: &Path) -> io::Result<u64> {
    match fs::copy(from, to) {
        Err(error) if error.raw_os_error() == Some(EIO) => by_blocks(&mut File::open(from)?, &mut File::create(to)?),
        copied => copied.map(|_| 0),
    }
}

/// An input/output error, to which the standard library gives no name.
const EIO: i32 = 5;

fn by_blocks(from: &mut File, to: &mut File) -> io::Result<u64> {
    let (length, mut lost) = (from.metadata()?.len(), 0);
    for at in (0..length).step_by(BLOCK) {
        let mut block = vec![0; BLOCK.min(usize::try_from(length - at).unwrap_or(BLOCK))];
        let read = from.seek(SeekFrom::Start(at)).and_then(|_| from.read_exact(&mut block));
        if read.is_err() {
            block.fill(0);
            lost += block.len() as u64;
        }
        to.write_all(&block)?;
    }
    Ok(lost)
}
