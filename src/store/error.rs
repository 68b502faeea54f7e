//! What can go wrong with the store, in words for the person who has to mend it.

use std::path::PathBuf;

/// A failure of the store. No key and no driver's type leaves it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the directory.
    #[error("{} is in use by another leadhook; stop it, or give this one its own [store] path", path.display())]
    InUse {
        /// The store's directory.
        path: PathBuf,
    },
    /// The directory cannot be made, read or written.
    #[error("{}: {reason}; leadhook must be able to make, read and write this directory", path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The store cannot be opened because what is on disk is not what was written.
    #[error(
        "the store in {} is damaged: {reason}. Keep a copy of the directory, then restore a \
         backup, or point [store] path at a new directory: leads are read again and keep their event ids, so that \
         receivers can drop repeats",
        path.display()
    )]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The store was written by a later version.
    #[error("the store in {} was written by a newer leadhook (format {found}; this one knows {known}); install that version again", path.display())]
    Newer {
        /// The store's directory.
        path: PathBuf,
        /// The format on disk.
        found: u32,
        /// The newest format that this build reads.
        known: u32,
    },
    /// It is encrypted, and the file has no key.
    #[error(
        "the store in {} is encrypted, and [store] encryption_key is not set; write the key back with which it was made. \
         Without it nobody can read the store: then point [store] path at a new directory",
        path.display()
    )]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// It is encrypted with another key than those of the file.
    #[error(
        "the store in {} is encrypted with another key than [store] encryption_key; to replace a key write both, the new one \
         first: encryption_key = [\"${{NEW_KEY}}\", \"${{OLD_KEY}}\"]",
        path.display()
    )]
    OtherKey {
        /// The store's directory.
        path: PathBuf,
    },
    /// A record does not read as what it must be.
    #[error("a stored record does not read ({0}); stop leadhook, keep a copy of the directory and restore a backup")]
    Record(String),
    /// The disk did not take a commit; what it held is not acknowledged.
    #[error(
        "the disk did not take a commit: {0}; nothing that was acknowledged is lost. Free space or mend the disk, then start leadhook again"
    )]
    Write(String),
    /// The store was closed while something still wanted to write.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the file has to be mended, and the store is as it should be.
    pub fn is_about_the_file(&self) -> bool {
        matches!(self, StoreError::Locked { .. } | StoreError::OtherKey { .. })
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> StoreError {
        match error {
            sled::Error::Corruption { .. } => StoreError::Record("a page of the file is damaged".into()),
            other => StoreError::Write(other.to_string()),
        }
    }
}
