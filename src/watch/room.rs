//! Whether there is room on the disk for what is new.

use tokio::sync::watch;

use crate::domain::room::Short;

/// Tells intake to wait, and everyone who asks why; cheap to clone.
#[derive(Clone, Default)]
pub struct Room(watch::Sender<Option<Short>>);

impl Room {
    /// Why there is not enough; `None`: there is.
    pub fn short(&self) -> Option<Short> {
        *self.0.borrow()
    }

    /// Notes how it is.
    pub fn note(&self, short: Option<Short>) {
        self.0.send_replace(short);
    }

    /// Waits until there is enough.
    pub async fn enough(&self) {
        // The sender lives in `self`, so the wait cannot end for lack of it.
        let _ = self.0.subscribe().wait_for(Option::is_none).await;
    }

    /// Waits until there is not.
    pub async fn too_little(&self) {
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}
