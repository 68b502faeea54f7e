//! What leadhook tells of itself: `ops.*` events, at most one of a kind for a subject in five minutes, recorded and routed
//! as any other.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Current;
use crate::domain::clock;
use crate::domain::coalesce::{Coalescer, Told};
use crate::domain::event::{self, Ops};
use crate::domain::route;
use crate::store::intake::Platform;
use crate::store::ops::Noted;
use crate::store::{Store, StoreError};
use crate::watch::Clock;

/// No sleep is longer, so that a clock that jumps is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Tells of what happens to leadhook itself; cheap to clone.
#[derive(Clone)]
pub struct Teller(Arc<Parts>);

struct Parts {
    store: Store,
    platform: Platform,
    current: Current,
    clock: Clock,
    /// Held while something is recorded: what is told later must not be recorded earlier.
    held: Mutex<Coalescer<News>>,
    /// Rung when something is held back.
    bell: Notify,
}

/// Something to tell.
struct News {
    what: Ops,
    /// The destination that it is about, which is not told.
    about: Option<String>,
}

impl Teller {
    /// For the leadhook of this platform, and whoever the file's routes send its events to.
    pub fn new(store: Store, platform: Platform, current: Current, clock: Clock) -> Teller {
        let parts = Parts { store, platform, current, clock, held: Mutex::default(), bell: Notify::new() };
        Teller(Arc::new(parts))
    }

    /// Tells of something that happened, now, or with what happens next: on disk when this returns, unless it is held
    /// back. `about`: the destination that it is about. `noted` is on disk in any case, and in the same commit.
    ///
    /// # Errors
    /// The store cannot be written any more.
    pub async fn happened(&self, what: Ops, about: Option<String>, noted: Option<Noted>) -> Result<(), StoreError> {
        let parts = &self.0;
        let mut held = parts.held.lock().await;
        let (event_type, subject, now) = (what.event_type, what.subject.clone(), parts.clock.now());
        match held.happened(event_type, &subject, News { what, about }, now) {
            Some(told) => parts.record(told, noted).await,
            None => {
                parts.bell.notify_one();
                info!(%event_type, subject, "was told less than five minutes ago: counted, and told with the next");
                match noted {
                    Some(noted) => parts.store.note_silence(noted).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// Tells what is held back when its time comes, until told to stop.
    ///
    /// # Errors
    /// The store cannot be written any more.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), StoreError> {
        let parts = &self.0;
        while !stop.is_cancelled() {
            let now = parts.clock.now();
            let next = {
                let mut held = parts.held.lock().await;
                for told in held.due(now) {
                    parts.record(told, None).await?;
                }
                held.next()
            };
            let sleep = next.map_or(LONGEST_SLEEP, |next| clock::elapsed(now, next).min(LONGEST_SLEEP));
            tokio::select! {
                () = stop.cancelled() => {}
                () = parts.bell.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        Ok(())
    }

    /// Tells all that is still held back: leadhook ends.
    ///
    /// # Errors
    /// The store cannot be written any more.
    pub async fn end(&self) -> Result<(), StoreError> {
        let mut held = self.0.held.lock().await;
        for told in held.end() {
            self.0.record(told, None).await?;
        }
        Ok(())
    }
}

impl Parts {
    async fn record(&self, told: Told<News>, noted: Option<Noted>) -> Result<(), StoreError> {
        let Told { what: News { what, about }, count } = told;
        let (event_type, subject, message) = (what.event_type, what.subject.clone(), what.message.clone());
        let event = event::ops(&self.platform.id, Ops { count, ..what }, self.clock.now());
        let decision = route::decide_about(&self.current.now().routes, &event, about.as_deref());
        for doubt in decision.doubts() {
            let (route, why) = (&doubt.route, &doubt.why);
            warn!(route, %event_type, "a condition could not be evaluated, and counted as no: {why}");
        }
        let destinations: Vec<&str> = decision.wanted.iter().map(|wanted| wanted.destination.as_str()).collect();
        info!(%event_type, event = %event.id, subject, count, destinations = destinations.join(", "), "{message}");
        self.store.record_ops(event, decision, noted).await
    }
}

/// A time in an envelope.
pub fn time(at: Timestamp) -> serde_json::Value {
    event::rfc3339(at).into()
}
