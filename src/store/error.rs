//! What can go wrong with the store, in words for the person who has to mend it.

use std::path::{Path, PathBuf};

use super::holder::Holder;
use super::lacking::AGAIN;
use crate::domain::size;

/// A failure of the store. No key and no driver's type leaves it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the directory.
    #[error("{} is in use by {}", path.display(), held_by(by.as_ref()))]
    InUse {
        /// The store's directory.
        path: PathBuf,
        /// Who it is, where the system tells.
        by: Option<Holder>,
    },
    /// The directory cannot be made, read or written.
    #[error("{}: {}", path.display(), of_the_system(reason, "leadhook must be able to make, read and write this directory"))]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A copy of the store is wanted, and there is no room for it.
    #[error(
        "there is no room on the disk of {} for a copy of the store: it takes {}, and {} are free. Free some, or name a directory on another \
         disk: `--work DIR`",
        path.display(),
        size::format(*wanted),
        size::format(*free)
    )]
    NoRoom {
        /// Where it was to be made.
        path: PathBuf,
        /// What it takes, in bytes.
        wanted: u64,
        /// What is there, in bytes.
        free: u64,
    },
    /// The store cannot be opened because what is on disk is not what was written.
    #[error(
        "the store in {} is damaged: {reason}. Keep a copy of the directory, then restore a \
         backup, or let `leadhook store export FILE` save what reads, or point [store] path at a new directory: leads are read again and keep their event ids, so that \
         receivers can drop repeats. In each case {AGAIN}",
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
        "{}: {}. Nothing that was acknowledged is lost: a running service goes on by itself, a command has to be repeated",
        if is_about_open_files(.0) { "a commit was not taken" } else { "the disk did not take a commit" },
        of_the_system(.0, "free space or mend the disk")
    )]
    Write(String),
    /// The directory was taken away, or another put in its place, while the store was open.
    #[error(
        "{} is gone, or another directory was put in its place: what leadhook writes would be lost. Put it back, and leadhook \
         goes on by itself; or start leadhook again, to begin with what is there now",
        path.display()
    )]
    Gone {
        /// The store's directory.
        path: PathBuf,
    },
    /// After a failed write the files cannot be let go of: something in them hangs.
    #[error(
        "the disk under {} does not answer, and the store cannot be opened again while that is so; mend the disk, then start \
         leadhook again. Nothing that was acknowledged is lost",
        path.display()
    )]
    Stuck {
        /// The store's directory.
        path: PathBuf,
    },
    /// The store was closed while something still wanted to write.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The same of the store in this directory, of which a copy was looked at.
    pub(super) fn in_place(self, directory: &Path) -> StoreError {
        match self {
            StoreError::Damaged { reason, .. } => StoreError::Damaged { path: directory.to_owned(), reason },
            StoreError::Newer { found, known, .. } => StoreError::Newer { path: directory.to_owned(), found, known },
            StoreError::Locked { .. } => StoreError::Locked { path: directory.to_owned() },
            StoreError::OtherKey { .. } => StoreError::OtherKey { path: directory.to_owned() },
            other => other,
        }
    }

    /// What it means where it happens as the store in this directory is opened: then a record that does not read is damage,
    /// and there are ways out of that.
    pub(super) fn while_opening(self, directory: &Path) -> StoreError {
        match self {
            StoreError::Record(reason) => StoreError::Damaged { path: directory.to_owned(), reason },
            other => other,
        }
    }

    /// Whether the file has to be mended, and the store is as it should be.
    pub fn is_about_the_file(&self) -> bool {
        matches!(self, StoreError::Locked { .. } | StoreError::OtherKey { .. })
    }

    /// Whether it may pass by itself, or once a person has made room or mended a disk: then it is worth opening the store again.
    pub fn may_pass(&self) -> bool {
        match self {
            StoreError::Write(_) | StoreError::Directory { .. } | StoreError::Gone { .. } | StoreError::Closed => true,
            // Here, only sled's own lock: ours was never given up.
            StoreError::InUse { .. } => true,
            StoreError::Damaged { .. }
            | StoreError::Newer { .. }
            | StoreError::NoRoom { .. }
            | StoreError::Locked { .. }
            | StoreError::OtherKey { .. }
            | StoreError::Record(_)
            | StoreError::Stuck { .. } => false,
        }
    }
}

/// Who holds it, and what to do.
fn held_by(holder: Option<&Holder>) -> String {
    let who = holder.map_or(String::new(), |holder| format!(" ({})", holder.told()));
    match holder {
        Some(Holder { pid, is_paused: true, .. }) => format!(
            "another leadhook{who}, which somebody paused: `kill -CONT {pid}` lets it go on; else end it with `kill -KILL {pid}`: what it \
             acknowledged is on disk"
        ),
        Some(holder) if holder.command.is_some() && !holder.is_service => {
            format!("another leadhook{who}; it lets go once it is done: try again then")
        }
        _ => format!(
            "another leadhook{who}; a service that has just been started may be writing the store anew, or reading a large one: it can be asked \
             soon. Else stop it, or give this one its own [store] path"
        ),
    }
}

/// What the system says, and what to do; `todo`: unless it is about open files, of which the disk knows nothing.
fn of_the_system(reason: &str, todo: &str) -> String {
    if !is_about_open_files(reason) {
        return format!("{reason}; {todo}");
    }
    format!(
        "{reason}; neither the disk nor the directory is at fault: this process, or the whole system, may open no more files. Raise \
         the limit (`ulimit -n` in a shell, LimitNOFILE= in systemd's unit) and start leadhook again"
    )
}

/// EMFILE and ENFILE, which reach us as text in some places.
pub(super) fn is_about_open_files(reason: &str) -> bool {
    reason.contains("(os error 24)") || reason.contains("(os error 23)") || reason.contains("code: 24,")
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> StoreError {
        match error {
            sled::Error::Corruption { .. } => StoreError::Record("a page of the file is damaged".into()),
            other => StoreError::Write(other.to_string()),
        }
    }
}
