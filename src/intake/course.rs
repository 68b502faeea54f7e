//! What the loops of intake have in common, and the file by which they read: another may take its place at any moment.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Intake;
use super::reader::Reader;

/// The way to a reader. Each loop asks for one when it begins something, and ends with that what it has begun.
pub struct Course {
    files: watch::Receiver<Arc<Intake>>,
    /// By the file that was in force at first; what is not the file's is every reader's.
    first: Reader,
}

impl Course {
    pub fn new(files: watch::Receiver<Arc<Intake>>, stop: CancellationToken) -> Course {
        let first = Reader::new(Arc::clone(&files.borrow()), stop);
        Course { files, first }
    }

    /// By one file to the end.
    pub fn of(intake: Arc<Intake>, stop: CancellationToken) -> Course {
        Course::new(watch::channel(intake).1, stop)
    }

    /// A reader by the file that is in force now.
    pub fn reader(&self) -> Reader {
        Reader { intake: Arc::clone(&self.files.borrow()), ..self.first.clone() }
    }

    /// Tells when another file is in force.
    pub fn files(&self) -> watch::Receiver<Arc<Intake>> {
        self.files.clone()
    }

    /// leadhook is stopping.
    pub fn stop(&self) -> &CancellationToken {
        &self.first.stop
    }
}
