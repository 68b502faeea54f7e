//! Dead letters: to be looked at, sent again, or dropped.

use serde::{Deserialize, Serialize};

use super::request::{OutgoingRequest, outgoing};
use super::{Operator, Refusal, Verb};
pub use crate::store::dead::{DeadDetails, DeadLetter, Decided, Filter};

/// The dead letters that fit, the oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadList {
    /// Which.
    pub filter: Filter,
    /// At most so many.
    pub limit: usize,
}

/// Dead letters, and how many there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letters {
    /// Not more than were asked for.
    pub letters: Vec<DeadLetter>,
    /// All that fit.
    pub total: u64,
}

/// One dead letter, whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadShow {
    /// Its own id, or its event's.
    pub id: String,
}

/// A dead letter, and what would be sent now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The letter with its attempts.
    #[serde(flatten)]
    pub details: DeadDetails,
    /// What `dead retry` would send, by today's file; `None` for a lead that could not be read, or where nothing can be sent.
    pub request: Option<OutgoingRequest>,
    /// Why nothing can be sent.
    pub unsendable: Option<String>,
}

/// Sends again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadRetry {
    /// Which.
    pub filter: Filter,
    /// Also those that a later accepted event has overtaken.
    pub overtaken: bool,
}

/// Drops for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadDrop {
    /// Which.
    pub filter: Filter,
}

impl Verb for DeadList {
    const PATH: &'static str = "dead/list";
    type Reply = Letters;

    async fn run(self, operator: &Operator) -> Result<Letters, Refusal> {
        operator.must_be_known(&self.filter).await?;
        let (letters, total) = operator.store.dead_letters(self.filter, self.limit).await?;
        Ok(Letters { letters, total })
    }
}

impl Verb for DeadShow {
    const PATH: &'static str = "dead/show";
    type Reply = Shown;

    async fn run(self, operator: &Operator) -> Result<Shown, Refusal> {
        let mut details = operator.store.dead_letter(&self.id).await?.ok_or_else(|| no_letter(&self.id))?;
        operator.veil(&mut details.attempts);
        let (request, unsendable) = operator.request(&details);
        Ok(Shown { details, request, unsendable })
    }
}

impl Verb for DeadRetry {
    const PATH: &'static str = "dead/retry";
    type Reply = Decided;

    async fn run(self, operator: &Operator) -> Result<Decided, Refusal> {
        operator.must_be_there(&self.filter).await?;
        Ok(operator.store.retry_dead(self.filter, self.overtaken, operator.clock.now()).await?)
    }
}

impl Verb for DeadDrop {
    const PATH: &'static str = "dead/drop";
    type Reply = Decided;

    async fn run(self, operator: &Operator) -> Result<Decided, Refusal> {
        operator.must_be_there(&self.filter).await?;
        Ok(operator.store.drop_dead(self.filter, operator.clock.now()).await?)
    }
}

fn no_letter(id: &str) -> Refusal {
    Refusal::Usage(format!("there is no dead letter `{id}`; `leadhook dead list` shows those that there are"))
}

impl Operator {
    /// Likewise for the name of a destination, which may have left the file.
    async fn must_be_known(&self, filter: &Filter) -> Result<(), Refusal> {
        match &filter.destination {
            Some(destination) => self.must_know(destination).await,
            None => Ok(()),
        }
    }

    /// Refuses ids that are none: a mistyped one must not look like a success.
    async fn must_be_there(&self, filter: &Filter) -> Result<(), Refusal> {
        self.must_be_known(filter).await?;
        for id in &filter.ids {
            let one = Filter { ids: vec![id.clone()], ..Filter::default() };
            if self.store.dead_letters(one, 1).await?.1 == 0 {
                return Err(no_letter(id));
            }
        }
        Ok(())
    }

    /// A path written out in the file may be the secret, and this is shown in the middle of an incident, to whoever looks on.
    fn without_path(&self, request: OutgoingRequest, destination: &str) -> OutgoingRequest {
        let destination = self.config.destinations.iter().find(|d| d.name == destination);
        let url = destination.map_or(request.url, |destination| destination.form.shown_url());
        OutgoingRequest { url, ..request }
    }

    /// What would be sent now, or why nothing can be.
    fn request(&self, details: &DeadDetails) -> (Option<OutgoingRequest>, Option<String>) {
        let (Some(delivery), Some(envelope)) = (&details.letter.delivery, &details.envelope) else {
            return (None, None);
        };
        let (place, event) = (
            (delivery.destination.as_str(), delivery.route.as_str()),
            (delivery.event_id.as_str(), envelope.clone().into_bytes()),
        );
        match outgoing(&self.config, place, event, self.clock.now()) {
            Some(Ok(request)) => (Some(self.without_path(request, &delivery.destination)), None),
            Some(Err(unfit)) => (None, Some(unfit.to_string())),
            None => (None, Some("its destination or its route has left the file".to_owned())),
        }
    }
}
