//! The second loop: what is due is claimed, sent, judged and settled. One worker for each destination, so that none
//! slows another.
//!
//! `worker` decides when something may be sent; `attempt` sends it once and says what follows. `setting` is what the file
//! says of a destination: it may change while its worker works.

mod attempt;
mod contacts;
mod setting;
mod telling;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::destination::Destination;
use crate::domain::route::Route;
use crate::domain::veil::Veil;
use crate::ops::Teller;
use crate::store::{Store, StoreError};
use crate::tokens::Way;
use crate::watch::{Clock, Feed, Health};
use setting::Setting;

/// What dispatch works with.
pub struct Dispatch {
    /// Where deliveries are.
    pub store: Store,
    /// Where they go. It changes with the file.
    pub places: signal::Receiver<Arc<Places>>,
    /// What time it is.
    pub clock: Clock,
    /// Told of every attempt.
    pub feed: Feed,
    /// Told how each destination is doing.
    pub health: Health,
    /// Tells of what happens to them.
    pub teller: Teller,
}

/// Where deliveries go by the file that is in force.
#[derive(Default)]
pub struct Places {
    /// Every destination, with the way there.
    pub destinations: Vec<(Arc<Destination>, Arc<Way>)>,
    /// Deliveries of other routes are parked.
    pub routes: Vec<Route>,
    /// Covers the file's secrets in what comes back, before it is kept or told.
    pub veil: Arc<Veil>,
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

/// The workers, and how each is told what the file says of its destination; `None`: nothing any more.
///
/// Nobody takes a worker's place: it ends with the service. What it has in flight is its own to the end, so that a
/// destination never has more on the wire than it may, whatever the file says meanwhile.
#[derive(Default)]
struct Workers {
    running: JoinSet<Result<(), StoreError>>,
    told: BTreeMap<String, signal::Sender<Option<Arc<Setting>>>>,
}

impl Dispatch {
    /// Delivers until it is told to end.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub async fn run(mut self, mut ending: Ending) -> Result<(), StoreError> {
        let (mut workers, mut end) = (Workers::default(), Ok(()));
        self.set(&mut workers, &ending);
        loop {
            let over = ending.stop.is_cancelled() || ending.finish.borrow_and_update().is_some();
            if over && workers.running.is_empty() {
                return end;
            }
            tokio::select! {
                Some(worker) = workers.running.join_next() => match worker {
                    Ok(ended) => {
                        if ended.is_err() {
                            // What fails one fails all.
                            ending.stop.cancel();
                        }
                        end = end.and(ended);
                    }
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                },
                Ok(()) = self.places.changed() => self.set(&mut workers, &ending),
                () = ending.stop.cancelled(), if !over => {}
                Ok(()) = ending.finish.changed(), if !over => {}
            }
        }
    }

    /// Tells each worker what the file says of its destination, and has one for each that is new.
    fn set(&mut self, workers: &mut Workers, ending: &Ending) {
        let places = Arc::clone(&self.places.borrow_and_update());
        for (name, told) in &workers.told {
            if !places.destinations.iter().any(|(destination, _)| destination.name == *name) {
                told.send_replace(None);
            }
        }
        for (destination, way) in &places.destinations {
            let (to, way, veil) = (Arc::clone(destination), Arc::clone(way), Arc::clone(&places.veil));
            let setting = Arc::new(Setting::new(to, way, veil, &places.routes));
            match workers.told.get(&destination.name) {
                Some(told) => drop(told.send_replace(Some(setting))),
                None => {
                    let (tell, told) = signal::channel(Some(Arc::clone(&setting)));
                    let worker = worker::Worker::new(
                        worker::Parts {
                            store: self.store.clone(),
                            name: destination.name.clone(),
                            clock: self.clock.clone(),
                            feed: self.feed.clone(),
                            health: self.health.clone(),
                            teller: self.teller.clone(),
                        },
                        setting,
                        told,
                    );
                    workers.told.insert(destination.name.clone(), tell);
                    workers.running.spawn(worker.run(ending.clone()));
                }
            }
        }
    }
}
