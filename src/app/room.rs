//! Keeps an eye on the size of the store and on its disk, so that intake waits before either is full.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Current;
use crate::domain::room::{Holes, Measured};
use crate::store::{Store, StoreError};
use crate::watch::Room;

/// A disk does not fill up faster than this, but for a reserve of some seconds.
const EVERY: Duration = Duration::from_millis(500);

/// What reading the whole store took, so many times as long it is left alone.
const REST: u32 = 20;

/// What is needed to keep an eye on it.
pub(in crate::app) struct RoomWatch {
    store: Store,
    /// Says how large it may be: `[store] max_bytes`.
    current: Current,
    room: Room,
    holes: Option<Holes>,
    /// The holes are not looked for again before then.
    not_before: Instant,
}

impl RoomWatch {
    pub(super) fn new(store: Store, current: Current, room: Room) -> RoomWatch {
        RoomWatch { store, current, room, holes: None, not_before: Instant::now() }
    }

    /// Looks again and again until told to stop.
    ///
    /// # Errors
    /// The store cannot be read any more.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            self.look().await?;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        Ok(())
    }

    /// Looks how it is, and tells intake.
    ///
    /// # Errors
    /// The store cannot be read any more.
    pub(super) async fn look(&mut self) -> Result<(), StoreError> {
        let (files, disk) = self.store.space().await?;
        let (measured, before) =
            (Measured { files, disk, limit: self.current.now().store.max_bytes }, self.room.short());
        if !measured.wants_a_closer_look(before) {
            self.holes = None;
        } else if Instant::now() >= self.not_before {
            let began = Instant::now();
            self.holes = Some(Holes::among(files, self.store.records_size().await?));
            self.not_before = Instant::now() + (began.elapsed() * REST).max(EVERY);
        }
        let short = measured.short(self.holes, before);
        self.room.note(short);
        match (before, short) {
            (None, Some(short)) => warn!("{short}"),
            (Some(_), None) => info!("there is room in the store again: reading goes on"),
            _ => {}
        }
        Ok(())
    }
}
