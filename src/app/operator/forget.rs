//! Forgetting people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb, never_read};
use crate::domain::contact::ContactKey;
use crate::domain::lead::LeadId;
use crate::store::forget::Whom;
pub use crate::store::forget::{Erased, Forgotten, How, Sent};

/// Forget these leads, for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forget {
    /// Their `weclever_lead_id`s.
    pub leads: Vec<LeadId>,
}

/// What was done, to be kept by whoever has to show that it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// Of which platform the leads are.
    pub platform_id: String,
    /// When.
    pub at: Timestamp,
    /// Whether a service runs.
    pub running: bool,
    /// Each of them.
    pub leads: Vec<ForgottenLead>,
    /// Files that may still hold old bytes; none where they were written anew.
    pub old_bytes_in: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgottenLead {
    /// What became of it.
    #[serde(flatten)]
    pub forgotten: Forgotten,
    /// Other platforms of this store that know a lead of this number: another person's, unless the platform was renamed.
    pub other_platforms: Vec<String>,
}

impl Verb for Forget {
    const PATH: &'static str = "forget";
    type Reply = Receipt;

    async fn run(self, operator: &Operator) -> Result<Receipt, Refusal> {
        let id = &operator.config().source.platform_id;
        let platform = operator.store.find_platform(id).await?.ok_or_else(|| never_read(id))?;
        let mut leads = self.leads;
        leads.sort_unstable();
        leads.dedup();
        let mut whom = Vec::new();
        for lead in leads {
            whom.push(Whom { lead, contacts: operator.contacts_of(lead).await? });
        }
        let now = operator.clock.now();
        let mut leads = Vec::new();
        for forgotten in operator.store.forget(&platform, whom, now).await? {
            let mut other_platforms = operator.store.platforms_that_know(forgotten.lead).await?;
            other_platforms.retain(|other| other != id);
            tracing::info!(lead = forgotten.lead.0, "forgotten, because a person asked for it");
            leads.push(ForgottenLead { forgotten, other_platforms });
        }
        let files = operator.store.files_with_old_bytes().await?;
        Ok(Receipt {
            platform_id: id.clone(),
            at: now,
            running: operator.health.is_some(),
            leads,
            old_bytes_in: files.iter().map(|file| file.display().to_string()).collect(),
        })
    }
}

impl Operator {
    /// Whom a lead's events count for at destinations with `rate_per_contact`, as far as its events are kept.
    async fn contacts_of(&self, lead: LeadId) -> Result<Vec<(String, ContactKey)>, Refusal> {
        let config = self.config();
        let story = self.store.story(&config.source.platform_id, lead).await?;
        let mut contacts = Vec::new();
        for kept in story.iter().flat_map(|story| &story.events).filter_map(|event| event.kept.as_ref()) {
            for destination in &config.destinations {
                let Some(each) = &destination.rate_per_contact else { continue };
                // What cannot be read was never counted.
                if let Ok(contact) = each.contact(&destination.form, &kept.id, &kept.envelope.0) {
                    contacts.push((destination.name.clone(), contact));
                }
            }
        }
        contacts.sort_unstable();
        contacts.dedup();
        Ok(contacts)
    }
}
