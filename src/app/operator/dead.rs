//! Dead letters: to be looked at, sent again, or dropped.

use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb};
use crate::domain::render;
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
    /// What `dead retry` would send, by today's file; `None` for a lead that could not be read, or where the
    /// destination has left the file.
    pub request: Option<OutgoingRequest>,
}

/// A request as it would go out, its secrets hidden.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutgoingRequest {
    /// `POST`.
    pub method: String,
    /// Redacted.
    pub url: String,
    /// Those of the file are hidden.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
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
        let (letters, total) = operator.store.dead_letters(self.filter, self.limit).await?;
        Ok(Letters { letters, total })
    }
}

impl Verb for DeadShow {
    const PATH: &'static str = "dead/show";
    type Reply = Shown;

    async fn run(self, operator: &Operator) -> Result<Shown, Refusal> {
        let details = operator.store.dead_letter(&self.id).await?.ok_or_else(|| no_letter(&self.id))?;
        let request = operator.request(&details);
        Ok(Shown { details, request })
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
    /// Refuses ids that are none: a mistyped one must not look like a success.
    async fn must_be_there(&self, filter: &Filter) -> Result<(), Refusal> {
        for id in &filter.ids {
            let one = Filter { ids: vec![id.clone()], ..Filter::default() };
            if self.store.dead_letters(one, 1).await?.1 == 0 {
                return Err(no_letter(id));
            }
        }
        Ok(())
    }

    fn request(&self, details: &DeadDetails) -> Option<OutgoingRequest> {
        let delivery = details.letter.delivery.as_ref()?;
        let body = details.envelope.clone()?;
        let destination = self.config.destinations.iter().find(|d| d.name == delivery.destination)?;
        let own = render::headers(&destination.secrets, &delivery.event_id, self.clock.now(), body.as_bytes());
        let mut headers: Vec<(String, String)> =
            own.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        for (name, _) in &destination.headers {
            headers.retain(|(own, _)| own != name.as_str());
            headers.push((name.to_string(), "***".to_owned()));
        }
        Some(OutgoingRequest { method: "POST".into(), url: destination.url.to_string(), headers, body })
    }
}
