//! Keeps an eye on the size of the store and on its disk, so that intake waits before either is full.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Current;
use crate::domain::room::{Holes, Measured};
use crate::store::{Store, StoreError};
use crate::watch::Room;

/// How often it is looked at of itself: others fill the disk as well. Intake asks for more where it is fast.
const EVERY: Duration = Duration::from_millis(500);

/// Who asks for a look gets it no sooner than this behind the last one: commits want a moment, too.
const AT_THE_SOONEST: Duration = Duration::from_millis(10);

/// The same where only holes are left: sled finds them some time after they came to be, and lets the files grow until then.
const IN_HOLES: Duration = Duration::from_millis(250);

/// What reading the whole store took, so many times as long it is left alone.
const REST: u32 = 20;

/// What is needed to keep an eye on it.
pub(in crate::app) struct RoomWatch {
    store: Store,
    /// Says how large it may be: `[store] max_bytes`.
    current: Current,
    room: Room,
    holes: Option<Holes>,
    /// How long nobody looks, however much somebody asks.
    pause: Duration,
    /// The holes are not looked for again before then.
    not_before: Instant,
}

impl RoomWatch {
    pub(super) fn new(store: Store, current: Current, room: Room) -> RoomWatch {
        RoomWatch { store, current, room, holes: None, pause: AT_THE_SOONEST, not_before: Instant::now() }
    }

    /// Looks again and again until told to stop.
    ///
    /// # Errors
    /// The store cannot be read any more.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            self.look().await?;
            let wanted = async {
                tokio::time::sleep(self.pause).await;
                self.room.wanted().await;
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = wanted => {}
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
        let written = self.room.written();
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
        self.pause = if measured.wants_a_closer_look(None) { IN_HOLES } else { AT_THE_SOONEST };
        self.room.note(short, written, measured.until_the_next_look(self.holes));
        match (before, short) {
            (None, Some(short)) => warn!("{short}"),
            (Some(_), None) => info!("there is room in the store again: reading goes on"),
            _ => {}
        }
        Ok(())
    }
}
