//! One thread writes. It gathers commits into one batch with one real sync, and only then answers.
//!
//! What arrives while a group is being synced is the next group. A group waits for more, up to [`GATHER`], only while it
//! holds fewer than the one before it: whoever was answered then is likely to come again, and one who is alone does not
//! wait for nobody.
//!
//! What a group writes can be read a moment before it is on the platter. Whoever sends or tells what was read waits out
//! that moment ([`Landings::what_was_read_stands`]), so that no power loss can take it back.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sled::{Batch, Db};
use tokio::sync::{oneshot, watch};

use super::claims::Bells;
use super::error::StoreError;
use super::keys;
use super::tide::{self, Tide};
use super::tree::Tree;
use super::txn::Txn;

/// More wait for the next group.
const GROUP: usize = 256;

/// So do more once it is that large: a group that lies in more than two segments of the log can be torn by a power loss, where all
/// of them but the first are there.
const BYTES: usize = 128 * 1024;

/// How long the first of a group waits for others, where others are to be expected.
const GATHER: Duration = Duration::from_millis(2);

/// A disk that answers at all has done so by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most commits are on the platter long before.
const SLEEPY: Duration = Duration::from_millis(250);

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&mut Txn<'_>) -> (Result<(), StoreError>, Answer) + Send>;

/// The way to the writing thread.
#[derive(Clone)]
pub struct Committer {
    jobs: Sender<Job>,
    landings: Landings,
}

/// What the writing thread tells of its groups.
#[derive(Clone)]
pub struct Landings {
    /// How many groups have begun to be written; each of them can be read from then on.
    begun: Arc<AtomicU64>,
    landed: watch::Receiver<Landed>,
}

/// How far the writing thread is.
#[derive(Clone, Default)]
struct Landed {
    /// How many groups have ended, well or not.
    groups: u64,
    /// Why one of them did not reach the platter.
    failed: Option<StoreError>,
}

impl Committer {
    /// Starts the thread. It ends when the last handle is gone, and says whether all that it wrote is on the platter.
    ///
    /// `file` is sled's own log: its `flush` is no fsync, so the log is synced here, by hand, before anyone is answered.
    pub fn start(
        db: Db,
        tree: Tree,
        file: Arc<File>,
        bells: Arc<Bells>,
        tide: Tide,
    ) -> std::io::Result<(Committer, std::thread::JoinHandle<bool>)> {
        let (jobs, inbox) = channel();
        let (tell, landed) = watch::channel(Landed::default());
        let begun = Arc::new(AtomicU64::new(0));
        let disk = Disk { db, tree, file, begun: Arc::clone(&begun), landed: tell };
        let thread = std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || write_all(&disk, &bells, tide, &inbox))?;
        Ok((Committer { jobs, landings: Landings { begun, landed } }, thread))
    }

    /// Runs `op` inside the next group; answers once what it wrote is on the platter. An error of any `op` fails its
    /// whole group, so an `op` says "not possible" in its value, not in its error.
    pub fn commit<T, F>(&self, op: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |txn| match op(txn) {
            // A caller who went away does not undo the commit.
            Ok(value) => (Ok(()), Box::new(move |end| drop(tell.send(end.map(|()| value))))),
            Err(error) => {
                let failed = error.clone();
                (Err(error), Box::new(move |_| drop(tell.send(Err(failed)))))
            }
        });
        let sent = self.jobs.send(job).map_err(|_| StoreError::Closed);
        async move {
            sent?;
            match tokio::time::timeout(PATIENCE, told).await {
                // The thread answers everyone, unless it tripped over what was asked.
                Ok(end) => end.map_err(|_| unreadable())?,
                Err(_) => Err(no_answer()),
            }
        }
    }

    /// What is told of its groups, without keeping it from ending.
    pub fn landings(&self) -> Landings {
        self.landings.clone()
    }
}

impl Landings {
    /// Waits until all that could be read by now is on the platter; at once, where no group is just being written.
    ///
    /// # Errors
    /// It did not get there.
    pub async fn what_was_read_stands(&self) -> Result<(), StoreError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut landed = self.landed.clone();
        // The thread ends only behind its last group.
        let landing = landed.wait_for(|landed| landed.groups >= begun);
        let landed = tokio::time::timeout(PATIENCE, landing).await.map_err(|_| no_answer())?;
        let landed = landed.map_err(|_| StoreError::Closed)?;
        landed.failed.clone().map_or(Ok(()), Err)
    }
}

/// Where the thread writes, and what it tells of that.
struct Disk {
    db: Db,
    tree: Tree,
    file: Arc<File>,
    begun: Arc<AtomicU64>,
    landed: watch::Sender<Landed>,
}

fn write_all(disk: &Disk, bells: &Bells, mut tide: Tide, inbox: &Receiver<Job>) -> bool {
    let mut broken: Option<StoreError> = None;
    let (landings, watching) = waker(disk.db.clone());
    let mut commits = tide::commits(&disk.db);
    let mut expected = 1;
    while let Ok(first) = inbox.recv() {
        let mut txn = Txn::new(&disk.tree);
        let mut answers = Vec::new();
        let mut end = broken.clone().map_or(Ok(()), Err);
        let until = Instant::now() + GATHER;
        let mut next = Some(first);
        while let Some(job) = next.take() {
            // sled may trip over a damaged page. Whoever asked is told by the loss of its answer.
            match catch_unwind(AssertUnwindSafe(|| job(&mut txn))) {
                Ok((did, answer)) => {
                    answers.push(answer);
                    end = end.and(did);
                }
                Err(_) => end = end.and(Err(unreadable())),
            }
            if answers.len() < GROUP && txn.size() < BYTES && end.is_ok() {
                let patience = if answers.len() < expected {
                    until.saturating_duration_since(Instant::now())
                } else {
                    Duration::ZERO
                };
                // Without patience it still takes what is there already.
                next = inbox.recv_timeout(patience).ok();
            }
        }
        expected = answers.len();
        let batch = end.and_then(|()| {
            txn.put_bytes(keys::COMMITS.to_vec(), tide::record(commits + 1, Timestamp::now())?);
            txn.batch()
        });
        match batch {
            Ok(batch) => {
                end = disk.land(batch, &landings);
                if end.is_ok() {
                    commits += 1;
                    tide.reached(commits);
                } else {
                    // Whoever reads may sleep as well, and nothing is written any more that would wake them.
                    let _ = landings.send(true);
                }
                // After a failed write nobody knows what the disk holds, before the files are opened and read anew.
                broken = end.clone().err();
            }
            Err(error) => end = Err(error),
        }
        txn.leases.clear();
        for destination in &txn.wake {
            bells.of(*destination).notify_one();
        }
        if txn.wake_intake {
            bells.intake.notify_one();
        }
        for answer in answers {
            answer(end.clone());
        }
    }
    drop(landings);
    // It holds the files as well; a panic in it has been reported where it happened.
    let _ = watching.map(std::thread::JoinHandle::join);
    broken.is_none()
}

fn unreadable() -> StoreError {
    StoreError::Record("reading it failed".into())
}

fn no_answer() -> StoreError {
    StoreError::Write(format!("it has not answered for {} s", PATIENCE.as_secs()))
}

/// A commit on its way to the disk.
struct Landing<'a>(&'a Sender<bool>);

impl<'a> Landing<'a> {
    fn begins(landings: &'a Sender<bool>) -> Landing<'a> {
        // Where nobody watches over it, it is as with sled alone.
        let _ = landings.send(true);
        Landing(landings)
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let _ = self.0.send(false);
    }
}

/// Wakes a commit that sleeps too long. Where a write fails, sled keeps that in mind and does not always tell those who wait for
/// it; whoever asks for a flush after that is told, and with them everyone else.
fn waker(db: Db) -> (Sender<bool>, Option<std::thread::JoinHandle<()>>) {
    let (landings, told) = channel::<bool>();
    let watching = std::thread::Builder::new().name("committer-waker".into()).spawn(move || {
        while let Ok(begins) = told.recv() {
            if !begins {
                continue;
            }
            let mut patience = SLEEPY;
            while let Err(RecvTimeoutError::Timeout) = told.recv_timeout(patience) {
                // It waits as well, where the disk is merely slow.
                let db = db.clone();
                let _ = std::thread::Builder::new().name("committer-waker".into()).spawn(move || db.flush());
                patience *= 2;
            }
        }
    });
    if let Err(error) = &watching {
        tracing::warn!(%error, "nobody watches over commits: where a disk fails, they may hang");
    }
    (landings, watching.ok())
}

impl Disk {
    fn land(&self, batch: Batch, landings: &Sender<bool>) -> Result<(), StoreError> {
        // Counted before anyone can read what it writes.
        self.begun.fetch_add(1, Ordering::SeqCst);
        let landing = Landing::begins(landings);
        // sled panics where it should not; then nobody knows what is on the disk, either.
        let end = catch_unwind(AssertUnwindSafe(|| self.write(batch)))
            .unwrap_or_else(|_| Err(StoreError::Write("writing failed".into())));
        drop(landing);
        self.landed.send_modify(|landed| {
            landed.groups += 1;
            landed.failed = end.clone().err();
        });
        end
    }

    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.tree.apply_batch(batch)?;
        self.db.flush()?;
        self.file.sync_data().map_err(|e| StoreError::Write(e.to_string()))
    }
}
