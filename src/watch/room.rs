//! Whether there is room on the disk for what is new.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, Notify, watch};

use crate::domain::room::Short;

/// Tells intake to wait, and everyone who asks why; cheap to clone.
///
/// Free space is measured now and then, and intake may be fast: so each look says how much may be handed to the store before
/// the next one, and whoever has more than that [waits](Room::take) for it. Where nobody looks there is no limit.
#[derive(Clone, Default)]
pub struct Room(Arc<Told>);

#[derive(Default)]
struct Told {
    look: watch::Sender<Look>,
    /// What was handed to the store, in bytes ...
    taken: AtomicU64,
    /// ... and what of it has been written, so that a look sees it.
    written: AtomicU64,
    /// Whoever came first gets the next place: a large lead is not overtaken for ever by small ones.
    queue: Mutex<()>,
    wanted: Notify,
}

/// What the last look saw.
#[derive(Clone, Copy)]
struct Look {
    short: Option<Short>,
    /// What had been written by then for certain.
    from: u64,
    /// What may be handed over beyond that.
    allowed: u64,
}

impl Default for Look {
    fn default() -> Look {
        Look { short: None, from: 0, allowed: u64::MAX }
    }
}

/// What is on its way into the store, until this is dropped.
pub struct Underway {
    room: Room,
    bytes: u64,
}

impl Room {
    /// Why there is not enough; `None`: there is.
    pub fn short(&self) -> Option<Short> {
        self.0.look.borrow().short
    }

    /// What has been written by now, in bytes: to be asked for before it is measured what is left.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::SeqCst)
    }

    /// Notes how it is. `from`: what [`written`](Room::written) said before it was measured; `allowed`: what may be handed over
    /// beyond that before the next look, in bytes.
    pub fn note(&self, short: Option<Short>, from: u64, allowed: u64) {
        self.0.look.send_replace(Look { short, from, allowed });
    }

    /// Waits until somebody would have another look now.
    pub async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// Waits until so many bytes may be handed to the store. They count as on their way until what comes back is dropped,
    /// which is to be once they are written.
    pub async fn take(&self, bytes: u64) -> Underway {
        let told = &self.0;
        let _first = told.queue.lock().await;
        if !self.has_place(*told.look.borrow(), bytes) {
            let mut looks = told.look.subscribe();
            loop {
                let look = *looks.borrow_and_update();
                if self.has_place(look, bytes) {
                    break;
                }
                // Where there is too little, a look that is taken earlier finds no more.
                if look.short.is_none() {
                    told.wanted.notify_one();
                }
                // The sender lives in `self`, so the wait cannot end for lack of it.
                let _ = looks.changed().await;
            }
        }
        told.taken.fetch_add(bytes, Ordering::SeqCst);
        Underway { room: self.clone(), bytes }
    }

    /// One that is larger than all that may be taken goes alone: a look before it, and another one behind it.
    fn has_place(&self, look: Look, bytes: u64) -> bool {
        let since = self.0.taken.load(Ordering::SeqCst).saturating_sub(look.from);
        look.short.is_none() && (since == 0 || since.saturating_add(bytes) <= look.allowed)
    }

    /// Waits until there is enough.
    pub async fn enough(&self) {
        // The sender lives in `self`, so the wait cannot end for lack of it.
        let _ = self.0.look.subscribe().wait_for(|look| look.short.is_none()).await;
    }

    /// Waits until there is not.
    pub async fn too_little(&self) {
        let _ = self.0.look.subscribe().wait_for(|look| look.short.is_some()).await;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.room.0.written.fetch_add(self.bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_is_on_its_way_counts_until_a_look_has_seen_it() {
        let room = Room::default();
        drop(room.take(u64::MAX / 2).await);
        let from = room.written();
        room.note(None, from, 100);
        let (first, second) = (room.take(60).await, room.take(40).await);
        let third = room.take(1);
        tokio::pin!(third);
        assert!(third.as_mut().now_or_never().is_none(), "a look is wanted first");
        room.wanted().now_or_never().expect("one is asked for");
        // Nothing of it is written yet, so that a look sees all the room that it saw before.
        room.note(None, room.written(), 100);
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        room.note(None, room.written(), 60);
        let third = third.await;
        drop((second, third));

        // One that is larger than what may be taken goes alone.
        room.note(None, room.written(), 10);
        let large = room.take(1_000).await;
        assert!(room.take(1).now_or_never().is_none());
        drop(large);
        room.note(Some(Short::Disk { free: 1, reserve: 2 }), room.written(), 10);
        while room.wanted().now_or_never().is_some() {}
        assert!(room.take(1).now_or_never().is_none(), "there is too little");
        assert!(room.wanted().now_or_never().is_none(), "nobody looks again and again for that");
    }
}
