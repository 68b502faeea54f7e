//! How far the log must reach: the number of the last commit that was acknowledged, beside the log.
//!
//! To sled, a log ends where it no longer reads. What lay behind bytes that changed, or in a part that was cut off, would be
//! gone without a word; with this, it is missed. It is written behind each group of commits and never before it, and not
//! synced: a kill leaves it, a power loss may take the last seconds of it, but what it says is always so.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sled::Tree;

use super::error::StoreError;
use super::keys;
use super::open;
use super::records;

/// A commit's number, and four bytes by which garbage is known.
const LENGTH: usize = 12;

/// Writes the mark.
pub struct Tide {
    /// Held open: should another directory be put in this one's place, it is none of its business.
    file: Option<File>,
}

fn path(directory: &Path) -> PathBuf {
    directory.join("tide")
}

fn bytes(commits: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&commits.to_be_bytes());
    bytes[8..].copy_from_slice(&Sha256::digest(commits.to_be_bytes())[..4]);
    bytes
}

/// How far the log must reach, as far as is known.
pub fn read(directory: &Path) -> Option<u64> {
    let mut there = Vec::new();
    File::open(path(directory)).ok()?.take(LENGTH as u64 + 1).read_to_end(&mut there).ok()?;
    let commits = u64::from_be_bytes(*there.first_chunk::<8>()?);
    (there == bytes(commits)).then_some(commits)
}

/// So many bytes a commit leaves in the log, by which it is found there.
pub const TRACE: usize = 12;

/// Those bytes: they stand behind its number.
pub fn trace(commit: u64) -> [u8; TRACE] {
    let digest = Sha256::new().chain_update(b"leadhook commit").chain_update(commit.to_be_bytes()).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

/// A commit's number as it is stored, and when it is made.
///
/// # Errors
/// None that could happen.
pub fn record(commit: u64, now: Timestamp) -> Result<Vec<u8>, StoreError> {
    let made = records::to_ms(now).to_be_bytes();
    Ok([records::encode(&commit)?.as_slice(), &made, &trace(commit)].concat())
}

/// The number of the commit that is stored so, and when it was made; of older stores that is not known.
pub fn recorded(bytes: &[u8]) -> Option<(u64, Option<Timestamp>)> {
    let (commit, behind) = records::decode_front(bytes).ok()?;
    let made = behind.strip_suffix(&trace(commit)).and_then(|made| <[u8; 8]>::try_from(made).ok());
    Some((commit, made.map(|made| records::from_ms(i64::from_be_bytes(made)))))
}

/// How many groups of commits the log holds.
pub fn commits(tree: &Tree) -> u64 {
    // Where that does not read, neither does much else, and it is missed.
    let number = tree.get(keys::COMMITS).ok().flatten();
    number.and_then(|bytes| recorded(&bytes)).map_or(0, |(commits, _)| commits)
}

/// Whether the log reaches as far as it must.
///
/// # Errors
/// It does not.
pub fn is_reached(directory: &Path, tree: &Tree) -> Result<(), StoreError> {
    let (there, must) = (commits(tree), read(directory).unwrap_or(0));
    if there >= must {
        return Ok(());
    }
    Err(missed(directory, &format!("at commit {there}"), must))
}

/// Its log ends here, as far as it can be read, and should hold that commit.
pub fn missed(directory: &Path, end: &str, commit: u64) -> StoreError {
    let reason = format!(
        "its log ends {end}, and {commit} were acknowledged: bytes of it have changed or are missing. To go on with what is left, \
         delete the file `tide` in that directory"
    );
    StoreError::Damaged { path: directory.to_owned(), reason }
}

impl Tide {
    /// Of the store in this directory.
    pub fn new(directory: &Path) -> Tide {
        let file = open::private().create(true).truncate(false).write(true).open(path(directory));
        let _ = file.as_ref().map(open::make_private);
        // Where it cannot be written, neither can the log, and that will be told.
        Tide { file: file.ok() }
    }

    /// This commit is on the platter.
    pub fn reached(&mut self, commits: u64) {
        // In place: a file of so few bytes is written whole or not at all, and where it is not, it says nothing.
        let Some(file) = &mut self.file else { return };
        // Where it cannot be written there is less to hold the log against; nothing is lost by that.
        let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&bytes(commits)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_garbage_is_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path()), None);
        let mut tide = Tide::new(directory.path());
        tide.reached(7);
        assert_eq!(read(directory.path()), Some(7));
        tide.reached(300);
        assert_eq!(read(directory.path()), Some(300));
        for garbage in [&[][..], &[7; 12], &bytes(9)[..11], &[bytes(9).as_slice(), &[0]].concat()] {
            std::fs::write(path(directory.path()), garbage).expect("written");
            assert_eq!(read(directory.path()), None, "{garbage:?}");
        }
    }
}
