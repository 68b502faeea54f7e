//! The second loop: what is due is claimed, sent, judged and settled. One worker for each destination, so that none
//! slows another.
//!
//! `worker` decides when something may be sent; `attempt` sends it once and says what follows.

mod attempt;
mod contacts;
mod telling;
mod worker;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::destination::Destination;
use crate::domain::route::Route;
use crate::ops::Teller;
use crate::store::{Store, StoreError};
use crate::tokens::Way;
use crate::watch::{Clock, Feed, Health};

/// What dispatch works with.
pub struct Dispatch {
    /// Where deliveries are.
    pub store: Store,
    /// Where they go, each with its way there.
    pub destinations: Vec<(Destination, Way)>,
    /// The file's routes: deliveries of others are parked.
    pub routes: Vec<Route>,
    /// What time it is.
    pub clock: Clock,
    /// Told of every attempt.
    pub feed: Feed,
    /// Told how each destination is doing.
    pub health: Health,
    /// Tells of what happens to them.
    pub teller: Teller,
}

/// How dispatch is told to end.
#[derive(Clone)]
pub struct Ending {
    /// Nothing new is begun; what is in flight ends.
    pub stop: CancellationToken,
    /// What is in flight is dropped. It stays pending.
    pub abort: CancellationToken,
    /// `Some`: end by yourself once nothing is due by then.
    pub finish: signal::Receiver<Option<Timestamp>>,
}

impl Dispatch {
    /// Delivers until it is told to end.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn run(self, ending: Ending) -> Result<(), StoreError> {
        let mut workers = JoinSet::new();
        for (destination, way) in self.destinations {
            let calls = self.routes.iter().map(|route| (route.name.clone(), route.calls_at(&destination)));
            let worker = worker::Worker::new(
                worker::Parts {
                    store: self.store.clone(),
                    calls: calls.collect(),
                    destination: Arc::new(destination),
                    clock: self.clock.clone(),
                    feed: self.feed.clone(),
                    health: self.health.clone(),
                    teller: self.teller.clone(),
                },
                way,
            );
            workers.spawn(worker.run(ending.clone()));
        }
        let mut end = Ok(());
        while let Some(worker) = workers.join_next().await {
            match worker {
                Ok(ended) => end = end.and(ended),
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        }
        end
    }
}
