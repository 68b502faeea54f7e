//! What must survive: the seen-set, events, deliveries, attempts, dead letters, coverage.
//!
//! The store speaks in verbs of the trade, each of them one commit, and a verb that has answered is on the platter.
//! What is behind it (sled, for one machine) is nobody else's business.
//!
//! | file | verbs of |
//! |---|---|
//! | [`intake`] | what is known, recording, coverage, reads that failed |
//! | [`detect`] | what of a list is new, or finalized again |
//! | [`rechecks`] | leads that are read again for want of a rating |
//! | [`dispatch`] | claiming and settling deliveries |
//! | [`dead`] | dead letters |
//! | [`ops`] | what leadhook says of itself, and whether the source is silent |
//! | [`destinations`] | pausing, resuming, moving, dropping |
//! | [`backfill`], [`past`] | history for one destination; what is recorded already |
//! | [`census`] | counts, for `status` |
//! | [`explain`] | all that is kept of one lead |
//! | [`reconcile`] | what is kept for ever of many |
//! | [`history`] | sums of what happened, for plots |
//! | [`forget`] | forgetting a person |
//! | [`retention`] | letting go of what is settled and old |
//! | [`tokens`] | tokens for destinations |
//!
//! Below them: `txn` and `committer` (many commits, one sync), `keys` and `records` (the form on disk),
//! `known` and `glance` (the packed seen-set), `progress` and `fetches` (more of intake), `line` (order within a lead), `body`, `open`,
//! `rewrite` (the files written anew), `room` (how much it holds).

pub mod backfill;
mod body;
pub mod census;
mod claims;
mod committer;
pub mod contacts;
pub mod dead;
pub mod destinations;
pub mod detect;
pub mod dispatch;
mod error;
pub mod explain;
mod fetches;
pub mod forget;
#[cfg(fuzzing)]
pub mod fuzzing;
mod glance;
pub mod history;
pub mod intake;
mod keys;
mod known;
mod line;
mod open;
pub mod ops;
pub mod past;
mod progress;
pub mod rechecks;
pub mod reconcile;
mod records;
pub mod retention;
mod rewrite;
mod room;
mod story;
pub mod tokens;
mod tree;
mod txn;
mod unlock;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sled::Db;
use tokio::sync::Notify;

use crate::domain::seal::EncryptionKey;
use claims::{Bells, Claims};
use committer::Committer;
pub use error::StoreError;
use tree::Tree;
use txn::Txn;

/// A handle on the open store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    committer: Committer,
}

struct Inner {
    path: PathBuf,
    db: Db,
    tree: Tree,
    claims: Arc<Claims>,
    bells: Arc<Bells>,
    writing: Mutex<Option<std::thread::JoinHandle<()>>>,
    // Held for as long as the store is open.
    _lock: std::fs::File,
}

impl Store {
    /// Opens the store in this directory, and makes it where it is not there. Blocks for up to some seconds where
    /// another process is just letting go of it.
    ///
    /// # Errors
    /// In use, unreadable, damaged, or written by a newer version: each with what to do.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        Store::open_with(directory, &[])
    }

    /// The same for a store that is encrypted, or is to be: the first of these keys encrypts, each decrypts. Where it is
    /// another than before, the store is written anew.
    ///
    /// # Errors
    /// Likewise, and where it is encrypted with none of them.
    pub fn open_with(directory: &Path, keys: &[EncryptionKey]) -> Result<Store, StoreError> {
        Store::start(directory, open::open(directory)?, keys)
    }

    fn start(directory: &Path, opened: open::Opened, keys: &[EncryptionKey]) -> Result<Store, StoreError> {
        let (opened, seal) = unlock::unlock(directory, opened, keys)?;
        let tree = Tree::new(opened.tree, seal);
        let bells = Arc::new(Bells::default());
        let (committer, thread) = Committer::start(opened.db.clone(), tree.clone(), opened.log, Arc::clone(&bells))
            .map_err(|e| StoreError::Directory { path: directory.to_owned(), reason: e.to_string() })?;
        let inner = Inner {
            path: directory.to_owned(),
            db: opened.db,
            tree,
            claims: Arc::default(),
            bells,
            writing: Mutex::new(Some(thread)),
            _lock: opened.lock,
        };
        Ok(Store { inner: Arc::new(inner), committer })
    }

    /// Whether a process holds the store in this directory right now.
    pub fn is_in_use(directory: &Path) -> bool {
        open::is_in_use(directory)
    }

    /// Whether there is a store in this directory.
    pub fn is_there(directory: &Path) -> bool {
        rewrite::is_there(directory)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Ends the writing thread after its last commit, and lets go of the directory once every handle is gone.
    pub async fn close(self) {
        let Store { inner, committer } = self;
        drop(committer);
        // The thread ends when the last handle is dropped; a panic in it, or here, has been reported where it happened.
        let _ = tokio::task::spawn_blocking(move || {
            let thread = inner.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(thread) = thread {
                let _ = thread.join();
            }
            // sled writes what is left and ends its own thread, here rather than on one of the runtime's.
            drop(inner);
        })
        .await;
    }

    /// Writes something of no meaning, to find out whether the disk takes it.
    ///
    /// # Errors
    /// It does not.
    pub async fn try_writing(&self) -> Result<(), StoreError> {
        self.commit(|txn| txn.put(keys::TRIED.to_vec(), &1_u8)).await
    }

    async fn commit<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.committer.commit(op).await
    }

    /// Reads away from the runtime's threads, which must not wait for a disk. What it gives is on the platter, unless the
    /// disk takes nothing any more: that must not keep anyone from looking.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    {
        Ok(self.read_and_wait(read).await?.0)
    }

    /// The same for what leads to a commit, without waiting: what it gives may still be on its way to the platter, and
    /// that commit comes behind it.
    async fn read_for_a_commit<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || read(&inner)).await.map_err(|_| StoreError::Closed)?
    }

    /// What was read, and whether it is on the platter.
    async fn read_and_wait<T, F>(&self, read: F) -> Result<(T, Result<(), StoreError>), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    {
        let value = self.read_for_a_commit(read).await?;
        Ok((value, self.committer.what_was_read_stands().await))
    }

    /// Rings when intake has something new to look at (a fetch that a person wants tried again).
    pub async fn intake_bell(&self) {
        self.inner.bells.intake.notified().await;
    }

    /// Rings when a destination has something new to look at.
    pub async fn destination_bell(&self, destination: &str) -> Result<Arc<Notify>, StoreError> {
        let no = self.destination_no(destination).await?;
        Ok(self.inner.bells.of(no))
    }
}
