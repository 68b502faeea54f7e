//! What a person asks of leadhook. The same verbs serve a command that opens the store itself and one that asks a
//! running service: each is a value that can be run here or sent there.

mod auth;
mod backfill;
mod dead;
mod destinations;
mod explain;
mod forget;
mod history;
mod look;
mod ready;
mod reconcile;
mod request;
mod status;
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
pub use destinations::{Drop, Dropped, Move, MovedReply, Pause, Resume, Standing};
pub use explain::{
    DeliveryState, DeliveryStory, EventStory, Explain, Explained, FailedReading, KeptEvent, Next, Stage, Story,
    WaitsFor,
};
pub use forget::{Erased, Forget, Forgotten, ForgottenLead, How, Receipt, Sent};
pub use history::{Happened, History, Reach};
pub use look::Look;
pub use ready::{Readiness, Ready};
pub use reconcile::{Begun, Judged, Listed, Order, ReconcileBegin, ReconcileLeads, ReconcileList, Setback, Step};
pub use request::{OutgoingCall, OutgoingRequest, rehearsed};
pub use status::{DestinationStatus, Parked, SourceStatus, State, Status, StatusReport, StoreStatus};

pub use test::{Said, Test, Tested, TestedStep, test};

use super::App;
use crate::config::Config;
use crate::intake::Intake;
use crate::ops::Teller;
use crate::source::Source;
use crate::store::dead::Attempt;
use crate::store::{Store, StoreError};
use crate::tokens::Tokens;
use crate::watch::{Clock, Counters, Feed, Happening, Health};

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
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Unavailable(error.to_string())
    }
}

/// Whoever carries out the verbs: the store, the file as it was at start, and, in a running service, its health.
#[derive(Clone)]
pub struct Operator {
    store: Store,
    config: Config,
    clock: Clock,
    health: Option<Health>,
    feed: Feed,
    /// Built when it is first needed, unless a running service lends its own.
    source: Arc<OnceLock<Source>>,
    tokens: Tokens,
}

impl Operator {
    /// `health`: of the running service; `None` where none runs.
    pub fn new(store: Store, config: Config, clock: Clock, health: Option<Health>) -> Operator {
        let tokens = Tokens::new(&store, &config.destinations, &clock);
        Operator { store, config, clock, health, feed: Feed::default(), source: Arc::default(), tokens }
    }

    /// The same beside a running service, whose limits and tokens serve for both.
    pub fn beside(self, source: Source, feed: Feed, tokens: Tokens) -> Operator {
        Operator { source: Arc::new(OnceLock::from(source)), feed, tokens, ..self }
    }

    /// What was counted of what happened, in a running service.
    pub fn counters(&self) -> &Counters {
        self.feed.counters()
    }

    /// The zone of the source's clocks.
    pub fn timezone(&self) -> TimeZone {
        self.config.source.timezone.clone()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What happens from now on, in a running service.
    pub fn happenings(&self) -> Receiver<Arc<Happening>> {
        self.feed.listen()
    }

    /// Lets go of the store, for someone who wants its directory; everyone else is done with it by then.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// What reads leads for a person, by the same rules as those that are new.
    async fn intake(&self) -> Result<Intake, Refusal> {
        let id = &self.config.source.platform_id;
        let platform = self.store.find_platform(id).await?.ok_or_else(|| never_read(id))?;
        let source = match self.source.get() {
            Some(source) => source.clone(),
            None => {
                let source =
                    Source::new(self.config.source.clone()).map_err(|e| Refusal::Unavailable(e.to_string()))?;
                self.source.get_or_init(|| source).clone()
            }
        };
        let (store, routes) = (self.store.clone(), self.config.routes.clone());
        let app = App {
            teller: Teller::new(store, platform.clone(), routes, self.clock.clone()),
            config: self.config.clone(),
            store: self.store.clone(),
            platform,
            source,
            clock: self.clock.clone(),
            feed: self.feed.clone(),
            health: self.health.clone().unwrap_or_default(),
            tokens: self.tokens.clone(),
        };
        Ok(app.intake())
    }

    /// Hides what a destination has echoed of a request.
    fn veil(&self, attempts: &mut [Attempt]) {
        for attempt in attempts {
            attempt.answer = self.config.veil.answer(&attempt.answer);
            attempt.error = self.config.veil.answer(&attempt.error);
        }
    }

    fn is_in_file(&self, destination: &str) -> bool {
        self.config.destinations.iter().any(|d| d.name == destination)
    }

    /// Refuses a destination that neither the file nor the store has heard of.
    async fn must_know(&self, destination: &str) -> Result<(), Refusal> {
        if self.is_in_file(destination) || self.store.knows_destination(destination).await? {
            return Ok(());
        }
        Err(unknown_destination(destination, &self.config))
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
