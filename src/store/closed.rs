//! What the log was like as the store was closed: a mark beside it, for as long as nobody has it open.
//!
//! After a kill or a power loss the log may end anywhere behind the last commit, and in a segment that was about to be used
//! again anything may lie. After a store was closed nothing of it may: whatever differs then is damage, also where sled would
//! go on without what it does not read.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::segments::{self, Damaged, Segment};
use super::sum::hex;

/// sled ends what it does on threads of its own.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the log was like: a digest, in hexadecimal.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed(String);

fn path(inner: &Path) -> PathBuf {
    inner.join("closed")
}

/// What the mark says: the digest, and four bytes by which garbage is known.
fn text(digest: &str) -> String {
    format!("{digest} {}\n", hex(&crc32fast::hash(digest.as_bytes()).to_be_bytes()))
}

/// The beginnings of all segments, and where the last of them ends. `None`: a beginning does not read.
fn digest(log: &mut File) -> io::Result<Option<String>> {
    let Ok(segments) = segments::all(log)? else { return Ok(None) };
    let mut digest = Sha256::new();
    for segment in &segments {
        digest.update(segment.at.to_be_bytes());
        digest.update(segment.header());
    }
    if let Some(last) = segments.last() {
        digest.update((last.reads(log)? as u64).to_be_bytes());
    }
    Ok(Some(hex(&digest.finalize())))
}

/// Marks the store in this directory, which sled has let go of, as closed. Where that is not possible, it stays one that may
/// have been killed.
pub fn mark(inner: &Path) -> io::Result<()> {
    let Some(mut log) = segments::log(inner)? else { return Ok(()) };
    let began = Instant::now();
    // As long as anything of sled is left, it holds this lock.
    while let Err(held) = log.try_lock() {
        match held {
            TryLockError::WouldBlock if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(2)),
            TryLockError::WouldBlock => return Ok(()),
            TryLockError::Error(error) => return Err(error),
        }
    }
    let Some(digest) = digest(&mut log)? else { return Ok(()) };
    Closed(digest).put_back(inner)
}

impl Closed {
    /// The mark of the store in this directory; `None`: it was not closed, or nothing is known of that.
    pub fn read(inner: &Path) -> Option<Closed> {
        let there = fs::read_to_string(path(inner)).ok()?;
        let digest = there.split(' ').next()?;
        (there == text(digest)).then(|| Closed(digest.to_owned()))
    }

    /// Looks whether the log is as it was: all that sled reads as it opens it by the newest of its snapshots. What is older
    /// than that it reads, and proves, when it is asked for it.
    ///
    /// # Errors
    /// It is not; or it cannot be read.
    pub fn is_as_it_was(&self, inner: &Path) -> io::Result<Result<(), String>> {
        let Some(mut log) = segments::log(inner)? else { return Ok(Err("its log is missing".into())) };
        if digest(&mut log)?.as_ref() != Some(&self.0) {
            let reason = "its log is not as it was when it was closed: a part of it has changed, or is missing";
            return Ok(Err(reason.into()));
        }
        reads_from(&mut log, segments::snapshot(inner)?)
    }

    /// The same, where sled cannot use its snapshots: all of the log reads, to its end.
    ///
    /// # Errors
    /// It does not; or it cannot be read.
    pub fn reads_whole(&self, inner: &Path) -> io::Result<Result<(), String>> {
        match segments::log(inner)? {
            Some(mut log) => reads_from(&mut log, 0),
            None => Ok(Err("its log is missing".into())),
        }
    }

    /// Takes the mark away, on the platter: from now on the log changes.
    pub fn lift(&self, inner: &Path) -> io::Result<()> {
        match fs::remove_file(path(inner)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| File::open(inner)?.sync_all()),
        }
    }

    /// Puts the mark where it was: what it does not go with is to be told again.
    pub fn put_back(&self, inner: &Path) -> io::Result<()> {
        let mut file = File::create(path(inner))?;
        file.write_all(text(&self.0).as_bytes())?;
        file.sync_all()?;
        File::open(inner)?.sync_all()
    }
}

fn reads_from(log: &mut File, number: u64) -> io::Result<Result<(), String>> {
    let told = |at: u64| Ok(Err(format!("{}, and was whole as it was closed", Damaged { at })));
    let segments = match segments::all(log)? {
        Ok(segments) => segments,
        Err(damaged) => return told(damaged.at),
    };
    let last = segments.last().map(|last| last.at);
    // The last one may end anywhere.
    let others = segments.iter().filter(|segment| Some(segment.at) != last);
    for segment in others.filter(|segment: &&Segment| segment.number + segments::SEGMENT as u64 > number) {
        if segment.reads(log)? < segments::SEGMENT {
            return told(segment.at);
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_mark_and_a_store_that_is_open_gets_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let inner = directory.path();
        mark(inner).expect("nothing to do");
        assert_eq!(Closed::read(inner), None);
        let db = sled::open(inner).expect("it opens");
        db.insert("a", "b").expect("it writes");
        mark(inner).expect("nothing to do");
        assert_eq!(Closed::read(inner), None);
        drop(db);
        mark(inner).expect("written");
        let closed = Closed::read(inner).expect("there");
        assert_eq!(closed.is_as_it_was(inner).expect("read"), Ok(()));
        for garbage in ["", " ", "00 00000000\n", &text(&closed.0)[1..], &text(&closed.0).replace('a', "b")] {
            fs::write(path(inner), garbage).expect("written");
            assert_eq!(Closed::read(inner), None, "{garbage}");
        }
        closed.put_back(inner).expect("written");
        assert_eq!(Closed::read(inner), Some(closed));
    }
}
