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
//! | [`check`] | whether all of it agrees |
//! | [`export`] | the store as text, and back; its files written anew |
//!
//! Below them: `txn` and `committer` (many commits, one sync), `keys` and `records` (the form on disk),
//! `known` and `glance` (the packed seen-set), `progress`, `fetches` and `malformed` (more of intake), `line` (order within a lead), `body`, `open`, `guarded`,
//! `rewrite` (the files written anew), `room` (how much it holds), `reopen` (after a failure), `segments` (sled's log), `tide`,
//! `closed` and `torn` (what it must have), `aside` (a copy to be looked at), `salvage` and `pages` (its records past sled), `readable` (what of it
//! reads), `caught` (what sled trips over), `lacking` (what does not), `mend` (what that leaves put right), `holder` (who has it open).

mod aside;
pub mod backfill;
mod body;
mod caught;
pub mod census;
pub mod check;
mod claims;
mod closed;
mod committer;
pub mod contacts;
pub mod dead;
pub mod destinations;
pub mod detect;
pub mod dispatch;
mod error;
pub mod explain;
pub mod export;
mod fetches;
pub mod flap;
pub mod forget;
#[cfg(fuzzing)]
pub mod fuzzing;
mod glance;
mod guarded;
pub mod history;
mod holder;
pub mod intake;
mod keys;
mod known;
mod lacking;
mod line;
mod malformed;
mod mend;
mod open;
pub mod ops;
mod pages;
pub mod past;
mod progress;
mod readable;
pub mod rechecks;
pub mod reconcile;
mod records;
mod reopen;
pub mod retention;
mod rewrite;
mod room;
mod salvage;
mod segments;
mod story;
mod sum;
mod tide;
pub mod tokens;
mod torn;
mod tree;
mod txn;
mod unlock;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sled::Db;
use tokio::sync::Notify;

use crate::domain::seal::EncryptionKey;
use claims::{Bells, Claims};
pub use error::StoreError;
pub use holder::Holder;
pub use lacking::AGAIN;
use reopen::{Files, Open};
use tree::Tree;
use txn::Txn;

/// A handle on the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    path: Arc<Path>,
    keys: Arc<[EncryptionKey]>,
    claims: Arc<Claims>,
    bells: Arc<Bells>,
    files: Arc<RwLock<Files>>,
}

/// The open files.
struct Inner {
    path: PathBuf,
    db: Db,
    tree: Tree,
    claims: Arc<Claims>,
    writing: Mutex<Option<std::thread::JoinHandle<bool>>>,
    /// What all is written to.
    log: Arc<File>,
    // Held for as long as the store is open.
    lock: Arc<File>,
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

    /// The same without waiting for whoever has it.
    ///
    /// # Errors
    /// Likewise.
    pub fn open_at_once(directory: &Path, keys: &[EncryptionKey]) -> Result<Store, StoreError> {
        Store::start(directory, open::open_within(directory, Duration::ZERO)?, keys)
    }

    fn start(directory: &Path, opened: open::Opened, keys: &[EncryptionKey]) -> Result<Store, StoreError> {
        let shut = Files::Shut { why: StoreError::Closed, lock: None };
        let store = Store {
            path: directory.into(),
            keys: keys.into(),
            claims: Arc::default(),
            bells: Arc::default(),
            files: Arc::new(RwLock::new(shut)),
        };
        let open = store.over(opened).map_err(|e| e.while_opening(directory))?;
        *store.files.write().unwrap_or_else(PoisonError::into_inner) = Files::Open(open);
        Ok(store)
    }

    /// Whether a process holds the store in this directory right now.
    pub fn is_in_use(directory: &Path) -> bool {
        open::is_in_use(directory)
    }

    /// Whether a panic on this thread is caught and told in words: sled's, over a damaged file or a failing disk.
    pub fn guards_this_thread() -> bool {
        caught::is_catching()
            || std::thread::current().name().is_some_and(|name| [guarded::OPENING, reopen::CLOSING].contains(&name))
    }

    /// Whether there is a store in this directory.
    pub fn is_there(directory: &Path) -> bool {
        rewrite::is_there(directory)
    }

    /// What the store in this directory lacks, in words, where it was made of the export of a damaged one and nobody was told yet.
    pub fn lacks(&self) -> Option<String> {
        lacking::noted(&self.path)?.told()
    }

    /// Somebody was told what it [lacks](Store::lacks).
    ///
    /// # Errors
    /// That cannot be written down.
    pub fn is_told_what_it_lacks(&self) -> Result<(), StoreError> {
        lacking::is_told(&self.path)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the writing thread after its last commit, and lets go of the directory. Other handles are of no use after that.
    pub async fn close(self) {
        // A panic there has been reported where it happened.
        let _ = tokio::task::spawn_blocking(move || self.let_go(StoreError::Closed, false)).await;
    }

    /// Writes something of no meaning, to find out whether the disk takes it.
    ///
    /// # Errors
    /// It does not.
    pub async fn try_writing(&self) -> Result<(), StoreError> {
        self.read(|inner| inner.is_there()).await?;
        self.commit(|txn| txn.put(keys::TRIED.to_vec(), &1_u8)).await
    }

    async fn commit<T, F>(&self, op: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        // Not kept while it waits: the writing thread ends with the last way to it.
        let commit = self.open_files()?.committer.commit(op);
        commit.await
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
        self.look(self.open_files()?.inner, read).await
    }

    /// What was read, and whether it is on the platter.
    async fn read_and_wait<T, F>(&self, read: F) -> Result<(T, Result<(), StoreError>), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    {
        // Nothing of the way to the writing thread is kept: it ends with the last of them.
        let Open { inner, committer } = self.open_files()?;
        let landings = committer.landings();
        drop(committer);
        let value = self.look(inner, read).await?;
        Ok((value, landings.what_was_read_stands().await))
    }

    async fn look<T, F>(&self, inner: Arc<Inner>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    {
        match tokio::task::spawn_blocking(move || read(&inner)).await {
            Ok(read) => read,
            // What sled trips over is not what was written.
            Err(lost) if lost.is_panic() => Err(StoreError::Record("reading it failed".into())),
            Err(_) => Err(StoreError::Closed),
        }
    }

    /// Rings when intake has something new to look at (a fetch that a person wants tried again).
    pub async fn intake_bell(&self) {
        self.bells.intake.notified().await;
    }

    /// Rings when a destination has something new to look at.
    pub async fn destination_bell(&self, destination: &str) -> Result<Arc<Notify>, StoreError> {
        let no = self.destination_no(destination).await?;
        Ok(self.bells.of(no))
    }

    #[cfg(test)]
    fn inner(&self) -> Arc<Inner> {
        self.open_files().expect("it is open").inner
    }
}
