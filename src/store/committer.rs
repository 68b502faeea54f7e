//! One thread writes. It gathers commits into one batch with one real sync, and only then answers.
//!
//! What arrives while a group is being synced is the next group. A group waits for more, up to [`GATHER`], only while it
//! holds fewer than the one before it: whoever was answered then is likely to come again, and one who is alone does not
//! wait for nobody.
//!
//! What a group writes can be read a moment before it is on the platter. Whoever sends or tells what was read waits out
//! that moment ([`Committer::what_was_read_stands`]), so that no power loss can take it back.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use sled::{Batch, Db};
use tokio::sync::{oneshot, watch};

use super::claims::Bells;
use super::error::StoreError;
use super::tree::Tree;
use super::txn::Txn;

/// More wait for the next group.
const GROUP: usize = 256;

/// How long the first of a group waits for others, where others are to be expected.
const GATHER: Duration = Duration::from_millis(2);

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&mut Txn<'_>) -> (Result<(), StoreError>, Answer) + Send>;

/// The way to the writing thread.
#[derive(Clone)]
pub struct Committer {
    jobs: Sender<Job>,
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
    /// Starts the thread. It ends when the last handle is gone.
    ///
    /// `file` is sled's own log: its `flush` is no fsync, so the log is synced here, by hand, before anyone is answered.
    pub fn start(
        db: Db,
        tree: Tree,
        file: File,
        bells: Arc<Bells>,
    ) -> std::io::Result<(Committer, std::thread::JoinHandle<()>)> {
        let (jobs, inbox) = channel();
        let (tell, landed) = watch::channel(Landed::default());
        let begun = Arc::new(AtomicU64::new(0));
        let disk = Disk { db, tree, file, begun: Arc::clone(&begun), landed: tell };
        let thread =
            std::thread::Builder::new().name("committer".into()).spawn(move || write_all(&disk, &bells, &inbox))?;
        Ok((Committer { jobs, begun, landed }, thread))
    }

    /// Runs `op` inside the next group; answers once what it wrote is on the platter. An error of any `op` fails its
    /// whole group, so an `op` says "not possible" in its value, not in its error.
    pub async fn commit<T, F>(&self, op: F) -> Result<T, StoreError>
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
        self.jobs.send(job).map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits until all that could be read by now is on the platter; at once, where no group is just being written.
    ///
    /// # Errors
    /// It did not get there.
    pub async fn what_was_read_stands(&self) -> Result<(), StoreError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut landed = self.landed.clone();
        // The thread ends only behind its last group.
        let landed = landed.wait_for(|landed| landed.groups >= begun).await.map_err(|_| StoreError::Closed)?;
        landed.failed.clone().map_or(Ok(()), Err)
    }
}

/// Where the thread writes, and what it tells of that.
struct Disk {
    db: Db,
    tree: Tree,
    file: File,
    begun: Arc<AtomicU64>,
    landed: watch::Sender<Landed>,
}

fn write_all(disk: &Disk, bells: &Bells, inbox: &Receiver<Job>) {
    let mut broken: Option<StoreError> = None;
    let mut expected = 1;
    while let Ok(first) = inbox.recv() {
        let mut txn = Txn::new(&disk.tree);
        let mut answers = Vec::new();
        let mut end = broken.clone().map_or(Ok(()), Err);
        let until = Instant::now() + GATHER;
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let (did, answer) = job(&mut txn);
            answers.push(answer);
            end = end.and(did);
            if answers.len() < GROUP && end.is_ok() {
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
        match end.and_then(|()| txn.batch()) {
            Ok(batch) => {
                end = disk.land(batch);
                // After a failed write nobody knows what the disk holds; only a new start, which reads it, does.
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
}

impl Disk {
    fn land(&self, batch: Batch) -> Result<(), StoreError> {
        // Counted before anyone can read what it writes.
        self.begun.fetch_add(1, Ordering::SeqCst);
        let end = self.write(batch);
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
