//! The file that is in force, for all who have to look at it again and again.

use std::sync::Arc;

use tokio::sync::watch;

use super::Config;

/// The file that is in force; it may be another one a moment later. Cheap to clone, and all clones see the same.
#[derive(Clone, Debug)]
pub struct Current(watch::Sender<Arc<Config>>);

impl Current {
    /// With this file to begin with.
    pub fn new(config: Config) -> Current {
        Current(watch::Sender::new(Arc::new(config)))
    }

    /// The file as it is now. Whoever does one thing with it asks once: the next answer may be another.
    pub fn now(&self) -> Arc<Config> {
        Arc::clone(&self.0.borrow())
    }

    /// Tells when there is another.
    pub fn follow(&self) -> watch::Receiver<Arc<Config>> {
        self.0.subscribe()
    }

    /// From now on this one is in force.
    pub fn replace(&self, config: Arc<Config>) {
        self.0.send_replace(config);
    }
}
