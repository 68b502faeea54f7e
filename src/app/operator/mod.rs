//! What a person asks of leadhook. The same verbs serve a command that opens the store itself and one that asks a
//! running service: each is a value that can be run here or sent there.

mod auth;
mod backfill;
mod dead;
mod destinations;
mod event;
mod explain;
mod forget;
mod history;
mod look;
mod ready;
mod reconcile;
mod reload;
mod request;
mod status;
mod store;
mod test;

use std::future::Future;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::Receiver;

pub use auth::{SignIn, TokenAsk, TokenReply, TokenShow};
pub use backfill::{BackfillBegin, BackfillBegun, BackfillCancel, BackfillList, BackfillShow, Backfills};
pub use dead::{
    DeadDetails, DeadDrop, DeadLetter, DeadList, DeadRetry, DeadShow, DeadStepDone, Decided, Filter, Letters, LookFor,
    Shown, StepDone,
};
pub use destinations::{Drop, Dropped, Move, MovedReply, Pause, Resume, Resumed, Standing};
pub use event::{EventShow, ShownEvent};
pub use explain::{
    DeliveryState, DeliveryStory, EventStory, Explain, Explained, FailedReading, KeptEvent, Next, Stage, Story,
    WaitsFor,
};
pub use forget::{Erased, Forget, Forgotten, ForgottenLead, How, Receipt, Sent};
pub use history::{Happened, History, Reach};
pub use look::Look;
pub use ready::{Readiness, Ready};
pub use reconcile::{Begun, Judged, Listed, Order, ReconcileBegin, ReconcileLeads, ReconcileList, Setback, Step};
pub use reload::{Reload, Reloaded};
pub use request::{OutgoingCall, OutgoingRequest, rehearsed};
pub use status::{
    DestinationStatus, FlappingLead, MalformedRow, Parked, SourceStatus, State, Status, StatusReport, StoreStatus,
};

pub use store::StoreCheck;
pub use test::{Said, Test, Tested, TestedStep, test};

use super::in_force::{self, Parts};
use super::reload::Reloader;
use crate::config::{Config, Current, Mistakes};
use crate::intake::Intake;
use crate::ops::Teller;
use crate::source::Source;
use crate::store::dead::Attempt;
use crate::store::{Store, StoreError};
use crate::tokens::Tokens;
use crate::watch::{Clock, Counters, Feed, Happening, Health, Lately};

/// A question or an order. Its form as JSON is what goes over the wire.
pub trait Verb: Serialize + DeserializeOwned + Send + 'static {
    /// The end of its path in the service's API: `dead/list`.
    const PATH: &'static str;
    /// What is answered.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// Does it.
    fn run(self, operator: &Operator) -> impl Future<Output = Result<Self::Reply, Refusal>> + Send;
}

/// Why a verb was not carried out.
#[derive(Clone, Debug, Serialize, serde::Deserialize, thiserror::Error)]
#[serde(tag = "refused", content = "why", rename_all = "snake_case")]
pub enum Refusal {
    /// What was asked for is not there, or makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The store or the service is not to be had.
    #[error("{0}")]
    Unavailable(String),
    /// The file is wrong.
    #[error("{0}")]
    File(Mistakes),
    /// The file does not fit the store.
    #[error("{0}")]
    Misfit(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error.is_about_the_file() {
            true => Refusal::Misfit(error.to_string()),
            false => Refusal::Unavailable(error.to_string()),
        }
    }
}

/// Whoever carries out the verbs: the store, the file that is in force, and, in a running service, its health.
#[derive(Clone)]
pub struct Operator {
    store: Store,
    current: Current,
    clock: Clock,
    health: Option<Health>,
    feed: Feed,
    tokens: Tokens,
    /// The running service, whose limits serve for both; `None` where none runs.
    service: Option<Reloader>,
    /// Built when it is first needed, where no service runs.
    source: Arc<OnceLock<Source>>,
}

impl Operator {
    /// Where no service runs.
    pub fn alone(store: Store, config: Config, clock: Clock) -> Operator {
        let tokens = Tokens::new(&store, &config.destinations, &clock);
        let (current, feed) = (Current::new(config), Feed::default());
        Operator { store, current, clock, health: None, feed, tokens, service: None, source: Arc::default() }
    }

    /// Beside a running service.
    pub(super) fn beside(service: Reloader) -> Operator {
        let Parts { store, clock, feed, health, tokens, .. } = service.in_force.parts.clone();
        let current = service.in_force.current.clone();
        let (health, service) = (Some(health), Some(service));
        Operator { store, current, clock, health, feed, tokens, service, source: Arc::default() }
    }

    /// The file that is in force now. Whoever does one thing with it asks once: the next answer may be another.
    pub fn config(&self) -> Arc<Config> {
        self.current.now()
    }

    /// What was counted of what happened, in a running service.
    pub fn counters(&self) -> &Counters {
        self.feed.counters()
    }

    /// The zone of the source's clocks.
    pub fn timezone(&self) -> TimeZone {
        self.config().source.timezone.clone()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What happens from now on, in a running service.
    pub fn happenings(&self) -> Receiver<Arc<Happening>> {
        self.feed.listen()
    }

    /// What happened lately, the newest first, in a running service.
    pub fn latest(&self) -> Vec<Lately> {
        self.feed.history().latest()
    }

    /// Lets go of the store, for someone who wants its directory; everyone else is done with it by then.
    pub async fn close(self) {
        let store = self.store.clone();
        drop(self);
        store.close().await;
    }

    /// What reads leads for a person, by the same rules as those that are new.
    async fn intake(&self) -> Result<Arc<Intake>, Refusal> {
        if let Some(service) = &self.service {
            return Ok(Arc::clone(&service.in_force.intakes.borrow()));
        }
        let config = self.config();
        let id = &config.source.platform_id;
        let platform = self.store.find_platform(id).await?.ok_or_else(|| never_read(id))?;
        let source = match self.source.get() {
            Some(source) => source.clone(),
            None => {
                let source = Source::new(config.source.clone()).map_err(|e| Refusal::Unavailable(e.to_string()))?;
                self.source.get_or_init(|| source).clone()
            }
        };
        let (store, current, clock) = (self.store.clone(), self.current.clone(), self.clock.clone());
        let parts = Parts {
            teller: Teller::new(store.clone(), platform.clone(), current, clock.clone()),
            store,
            platform,
            clock,
            feed: self.feed.clone(),
            health: Health::default(),
            tokens: self.tokens.clone(),
        };
        Ok(Arc::new(in_force::intake(&parts, &config, source)))
    }

    /// Hides what a destination has echoed of a request.
    fn veil(&self, attempts: &mut [Attempt]) {
        let config = self.config();
        for attempt in attempts {
            attempt.answer = config.veil.answer(&attempt.answer, attempt.cut);
            attempt.error = config.veil.answer(&attempt.error, false);
        }
    }

    fn is_in_file(&self, destination: &str) -> bool {
        self.config().destinations.iter().any(|d| d.name == destination)
    }

    /// Refuses a destination that neither the file nor the store has heard of.
    async fn must_know(&self, destination: &str) -> Result<(), Refusal> {
        if self.is_in_file(destination) || self.store.knows_destination(destination).await? {
            return Ok(());
        }
        Err(unknown_destination(destination, &self.config()))
    }
}

fn never_read(platform: &str) -> Refusal {
    Refusal::Usage(format!("nothing of platform `{platform}` was ever read; start `leadhook run` first"))
}

/// Names what there is, so that the next try is right.
fn unknown_destination(name: &str, config: &Config) -> Refusal {
    let names: Vec<&str> = config.destinations.iter().map(|d| d.name.as_str()).collect();
    let there =
        if names.is_empty() { "the file has none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Refusal::Usage(format!("there is no destination `{name}`; {there}"))
}
