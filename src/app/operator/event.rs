//! One event, whole, and where in the file it stands what becomes of it.

use serde::{Deserialize, Serialize};

use super::request::{Coming, OutgoingRequest, coming};
use super::{Explain, Explained, Operator, Refusal, Verb};
use crate::domain::lead::LeadId;
use crate::domain::steps::Progress;

/// One event of a lead, with its body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventShow {
    /// `evt_...`
    pub id: String,
    /// Whose it is, where that is known: then it need not be looked for.
    pub lead: Option<LeadId>,
}

/// An event, and what would be sent of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownEvent {
    /// Its lead's story, in which it stands.
    pub explained: Explained,
    /// Its envelope, as it is kept.
    pub envelope: String,
    /// What is, or was, sent of it by today's file, by destination; or why nothing would be.
    pub requests: Vec<(String, Result<OutgoingRequest, String>)>,
}

impl Verb for EventShow {
    const PATH: &'static str = "event/show";
    type Reply = ShownEvent;

    async fn run(self, operator: &Operator) -> Result<ShownEvent, Refusal> {
        let EventShow { id, lead } = self;
        let gone = || {
            Refusal::Usage(format!(
                "there is no event `{id}`, or it is older than [store] retention and not kept any more"
            ))
        };
        let lead = match lead {
            Some(lead) => lead,
            None => operator.store.lead_of_event(&id).await?.ok_or_else(gone)?,
        };
        let explained = (Explain { lead }).run(operator).await?;
        let events = explained.story.iter().flat_map(|story| &story.events);
        let event = events.into_iter().find(|event| event.kept.as_ref().is_some_and(|kept| kept.id == id));
        let event = event.ok_or_else(gone)?;
        let envelope = event.kept.as_ref().map(|kept| kept.envelope.0.clone()).unwrap_or_default();
        let config = operator.config();
        let requests = event.deliveries.iter().map(|delivery| {
            let place = (delivery.destination.as_str(), delivery.route.as_deref().unwrap_or_default());
            let now = operator.clock.now();
            let made = match coming(&config, place, (&id, envelope.clone()), &Progress::default(), now) {
                Some(Coming::Call(step, request)) => {
                    Ok(operator.without_path(*request, &delivery.destination, step.as_deref()))
                }
                Some(Coming::Nothing) => Err("there is nothing to send".to_owned()),
                Some(Coming::Unfit(unfit)) => Err(unfit.to_string()),
                None => Err("its destination or its route has left the file".to_owned()),
            };
            (delivery.destination.clone(), made)
        });
        let requests = requests.collect();
        Ok(ShownEvent { envelope: String::from_utf8_lossy(&envelope).into_owned(), requests, explained })
    }
}
