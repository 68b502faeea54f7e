//! Letting go of the files and opening them again within the process: after a write has failed, only reading them anew says
//! what the disk holds.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::committer::Committer;
use super::error::StoreError;
use super::mend::{self, Mended};
use super::open::{self, Opened};
use super::tide::Tide;
use super::tree::Tree;
use super::{Inner, Store, lacking, rewrite, unlock};

/// The thread on which files are let go of.
pub(super) const CLOSING: &str = "store-close";

/// What is in flight ends by itself within this; what does not, hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// The store's files.
pub(super) enum Files {
    /// Open.
    Open(Open),
    /// Not open: why, and what keeps everyone else out meanwhile.
    Shut { why: StoreError, lock: Option<Arc<File>> },
}

/// What is open.
#[derive(Clone)]
pub(super) struct Open {
    pub inner: Arc<Inner>,
    pub committer: Committer,
}

impl Store {
    /// What is open; why nothing is.
    pub(super) fn open_files(&self) -> Result<Open, StoreError> {
        match &*self.files.read().unwrap_or_else(PoisonError::into_inner) {
            Files::Open(open) => Ok(open.clone()),
            Files::Shut { why, .. } => Err(why.clone()),
        }
    }

    /// Starts the writing thread over files that were opened.
    pub(super) fn over(&self, opened: Opened) -> Result<Open, StoreError> {
        let (opened, seal) = unlock::unlock(&self.path, opened, &self.keys)?;
        let tree = Tree::new(opened.tree, seal);
        if lacking::noted(&self.path).is_some() {
            let Mended { lost, waiting } = mend::mend(&tree, &opened.db, &opened.log)?;
            if lost > 0 {
                tracing::warn!(
                    lost,
                    waiting,
                    "deliveries of which the damaged store had lost the rest wait no more: `leadhook reconcile --fix` sends what is missing"
                );
            }
        }
        let (db, tide) = (opened.db.clone(), Tide::new(&self.path));
        let log = Arc::new(opened.log);
        let (committer, thread) =
            Committer::start(db, tree.clone(), Arc::clone(&log), Arc::clone(&self.bells), tide)
                .map_err(|e| StoreError::Directory { path: self.path.to_path_buf(), reason: e.to_string() })?;
        let inner = Inner {
            path: self.path.to_path_buf(),
            db: opened.db,
            tree,
            claims: Arc::clone(&self.claims),
            writing: Mutex::new(Some(thread)),
            log,
            lock: opened.lock,
        };
        Ok(Open { inner: Arc::new(inner), committer })
    }

    /// Lets go of the files; whoever wants something of them is told why from now on. Blocks while what is in flight ends.
    /// True once nobody holds them any more.
    pub(super) fn let_go(&self, why: StoreError, keep_the_lock: bool) -> bool {
        let open = {
            let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
            let lock = match &*files {
                Files::Open(open) => Some(Arc::clone(&open.inner.lock)),
                Files::Shut { lock, .. } => lock.clone(),
            };
            let lock = lock.filter(|_| keep_the_lock);
            std::mem::replace(&mut *files, Files::Shut { why, lock })
        };
        let Files::Open(Open { inner, committer }) = open else { return true };
        drop(committer);
        let (tell, told) = channel();
        // On a thread that can be left alone: sled may hang on a disk that does not answer.
        let closing = std::thread::Builder::new().name(CLOSING.into()).spawn(move || {
            let thread = inner.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A panic in it has been reported where it happened.
            let wrote_all = thread.is_none_or(|thread| thread.join().unwrap_or(false));
            let began = Instant::now();
            while Arc::strong_count(&inner) > 1 && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
            let alone = Arc::strong_count(&inner) == 1;
            // After a failure nobody knows what the log holds.
            let whole = wrote_all && alone && inner.db.flush().is_ok();
            let (directory, lock) = (inner.path.clone(), Arc::clone(&inner.lock));
            // sled writes what is left and ends its own thread, here rather than on one of the runtime's.
            // It panics where its last sync fails, and lets go of the file all the same; its lock on that says if it did not.
            let let_go = catch_unwind(AssertUnwindSafe(|| drop(inner)));
            if whole && let_go.is_ok() && is_there(&directory, &lock).is_ok() {
                open::closed_is_noted(&rewrite::current(&directory));
            }
            drop(lock);
            // Nobody listens any more once the patience has run out.
            let _ = tell.send(alone);
        });
        closing.is_ok() && told.recv_timeout(PATIENCE * 2).unwrap_or(false)
    }

    /// Opens the files again that a failure has made worthless as they are: everything is read anew. Whoever asks for
    /// something meanwhile, or after that was in vain, is told `why`. Nobody else gets the directory in between.
    ///
    /// # Errors
    /// They cannot be opened, as yet, or for good: see [`StoreError::may_pass`].
    pub async fn reopen(&self, why: &StoreError) -> Result<(), StoreError> {
        let (store, why) = (self.clone(), why.clone());
        let opening = tokio::task::spawn_blocking(move || {
            if !store.let_go(why.clone(), true) {
                return Err(StoreError::Stuck { path: store.path.to_path_buf() });
            }
            let lock = match &*store.files.read().unwrap_or_else(PoisonError::into_inner) {
                Files::Shut { lock: Some(lock), .. } => Arc::clone(lock),
                _ => return Err(StoreError::Closed),
            };
            let open = store.over(open::reopen(&store.path, lock)?)?;
            *store.files.write().unwrap_or_else(PoisonError::into_inner) = Files::Open(open);
            Ok(())
        });
        opening.await.map_err(|_| StoreError::Closed)?
    }
}

impl Inner {
    /// Whether the directory is still the one that was opened, and the log in it.
    ///
    /// # Errors
    /// It is not: what is written into the open files is lost with them.
    pub(super) fn is_there(&self) -> Result<(), StoreError> {
        is_there(&self.path, &self.lock)?;
        if open::is_same(&self.log, &rewrite::current(&self.path).join("db")) {
            return Ok(());
        }
        Err(StoreError::Gone { path: self.path.clone() })
    }
}

/// Whether this directory is the one that holds this lock.
///
/// # Errors
/// It is not.
pub(super) fn is_there(directory: &Path, lock: &File) -> Result<(), StoreError> {
    if open::is_same(lock, &directory.join("lock")) && rewrite::is_there(directory) {
        return Ok(());
    }
    Err(StoreError::Gone { path: directory.to_owned() })
}
