//! A lead's whole story, and what happens to it next.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::calls_at;
use super::{Operator, Refusal, Verb};
use crate::domain::clock;
use crate::domain::lead::LeadId;
use crate::domain::person::Person;
use crate::domain::steps::{Calls, Stands, Stood, failed_at};
use crate::store::StoreError;
pub use crate::store::explain::{DeliveryState, DeliveryStory, EventStory, FailedReading, KeptEvent, Stage, Story};
use crate::store::intake::Progress;

/// What is the story of this lead?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explain {
    /// Its `weclever_lead_id`.
    pub lead: LeadId,
}

/// A lead's whole story.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// Which lead.
    pub lead: LeadId,
    /// Of which platform.
    pub platform_id: String,
    /// When this was asked.
    pub at: Timestamp,
    /// Whether a service runs.
    pub running: bool,
    /// What is kept of it; `None` where it was never listed.
    pub story: Option<Story>,
    /// What happens next, and when.
    pub next: Vec<Next>,
}

/// Something that happens next, or does not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Next {
    /// For whom; `None`: it is about the lead itself.
    pub destination: Option<String>,
    /// The event that waits there.
    pub event_id: Option<String>,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// When it goes on; `None`: not by itself, or nobody knows.
    pub at: Option<Timestamp>,
    /// In a sentence, with what a person can do.
    pub text: String,
}

/// What something waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// An answer: it is on the wire, or next.
    Answer,
    /// Its time.
    Time,
    /// An earlier event of the same lead.
    EarlierEvent,
    /// Its contact, which has had as much there as it may for now.
    Contact,
    /// The destination, which asked to be left alone.
    Pause,
    /// The destination, which keeps failing.
    Recovery,
    /// A service that runs.
    Service,
    /// A person: the destination is paused.
    Paused,
    /// A person: the destination is disabled.
    Disabled,
    /// A person: the destination or the route has left the file.
    Parked,
    /// A person: it is a dead letter.
    Dead,
    /// Nothing: it is not to be sent, or not by itself.
    Nothing,
    /// WeClever, which has not listed it yet.
    Listing,
}

impl Explained {
    /// Whether a person has to do something.
    pub fn needs_a_look(&self) -> bool {
        self.story.is_none()
            || self.next.iter().any(|next| {
                matches!(
                    next.waits_for,
                    WaitsFor::Recovery | WaitsFor::Disabled | WaitsFor::Parked | WaitsFor::Dead | WaitsFor::Listing
                )
            })
    }
}

impl Verb for Explain {
    const PATH: &'static str = "explain";
    type Reply = Explained;

    async fn run(self, operator: &Operator) -> Result<Explained, Refusal> {
        let platform_id = operator.config().source.platform_id.clone();
        let mut story = operator.store.story(&platform_id, self.lead).await?;
        for event in story.iter_mut().flat_map(|story| &mut story.events) {
            let person = event.kept.as_ref().map(|kept| Person::of(&kept.envelope.0)).unwrap_or_default();
            for delivery in &mut event.deliveries {
                operator.veil(&mut delivery.attempts);
                // A CRM's answer repeats the contact that it found.
                for attempt in &mut delivery.attempts {
                    attempt.answer = person.hidden_in(&attempt.answer, attempt.cut);
                }
                delivery.steps = operator.steps_of_delivery(event.kept.as_ref(), delivery);
                // A lead's story is told to whoever asks for its number: what was captured only as far as it may be shown.
                for captured in &mut delivery.progress.captured {
                    captured.json = Value::from(captured.hint().value).to_string();
                }
            }
        }
        let next = match &story {
            Some(story) => operator.next(story).await?,
            None => operator.why_unknown(self.lead).await?,
        };
        Ok(Explained {
            lead: self.lead,
            platform_id,
            at: operator.clock.now(),
            running: operator.health.is_some(),
            story,
            next,
        })
    }
}

impl Operator {
    /// How the steps of a delivery stand, where it takes several calls and has not ended well.
    fn steps_of_delivery(&self, event: Option<&KeptEvent>, delivery: &DeliveryStory) -> Vec<Stood> {
        if delivery.state == DeliveryState::Delivered {
            return Vec::new();
        }
        let route = delivery.route.as_deref().unwrap_or_default();
        let calls = calls_at(&self.config(), (&delivery.destination, route)).map(|(_, calls)| calls);
        let (Some(Calls::Several(steps)), Some(event), DeliveryState::Pending | DeliveryState::Dead) =
            (calls, event, delivery.state)
        else {
            return delivery.progress.standing();
        };
        let (id, envelope) = (event.id.as_str(), event.envelope.0.as_slice());
        let failed = match delivery.state {
            DeliveryState::Dead => {
                let last = delivery.attempts.last().and_then(|attempt| attempt.step.as_deref());
                failed_at(last, steps.next_step(id, envelope, &delivery.progress), &delivery.progress)
            }
            _ => None,
        };
        steps.standing(id, envelope, &delivery.progress, failed)
    }

    async fn next(&self, story: &Story) -> Result<Vec<Next>, StoreError> {
        let mut next = self.next_of_lead(story);
        if let Some(due) = story.read_again {
            let (waits_for, by) = self.whose_turn(due);
            let text = format!("it has no rating yet, and its details are read again{by}");
            next.push(of_lead(waits_for, Some(due), text));
        }
        for event in &story.events {
            for delivery in &event.deliveries {
                next.extend(self.next_of_delivery(event, delivery).await?);
            }
        }
        if next.is_empty() {
            let sent = story.events.iter().any(|event| !event.deliveries.is_empty());
            let text = if sent {
                "all is settled; it is looked at again when WeClever lists it with another status"
            } else {
                "no route wanted it when it was recorded; `leadhook backfill` sends it by today's routes"
            };
            next.push(of_lead(WaitsFor::Nothing, None, text.to_owned()));
        }
        Ok(next)
    }

    fn next_of_lead(&self, story: &Story) -> Vec<Next> {
        let letter = story.reading.as_ref().and_then(|reading| reading.dead_letter.as_deref()).unwrap_or_default();
        match (story.stage, &story.reading) {
            (Stage::Baseline, _) => vec![of_lead(
                WaitsFor::Nothing,
                None,
                "it was there before leadhook began, and is not sent unless it is finalized again; \
                 `leadhook reconcile --fix` and `leadhook backfill` send it"
                    .to_owned(),
            )],
            (Stage::SetAside, Some(FailedReading { due: Some(due), flaps: true, .. })) => {
                let (waits_for, by) = self.whose_turn(*due);
                let text = "its status changes with nearly every list, so that it waits: its details are read again";
                vec![of_lead(waits_for, Some(*due), format!("{text}{by}, with the status that it has by then"))]
            }
            (Stage::SetAside, Some(FailedReading { due: Some(due), .. })) => {
                let (waits_for, by) = self.whose_turn(*due);
                vec![of_lead(waits_for, Some(*due), format!("its details are read again{by}"))]
            }
            (Stage::Unreadable, _) => vec![of_lead(
                WaitsFor::Dead,
                None,
                format!("its details are not read again before `leadhook dead retry {letter}`; `dead drop` ends it"),
            )],
            (Stage::Dropped, _) => {
                vec![of_lead(WaitsFor::Nothing, None, "a person dropped it: it is not read again".to_owned())]
            }
            (Stage::Forgotten, _) => vec![of_lead(
                WaitsFor::Nothing,
                None,
                "it is forgotten: it is never read, sent or missed again, whatever WeClever lists".to_owned(),
            )],
            (Stage::SetAside | Stage::Recorded, _) => Vec::new(),
        }
    }

    async fn next_of_delivery(&self, event: &EventStory, delivery: &DeliveryStory) -> Result<Option<Next>, StoreError> {
        let next = |waits_for, at, text| {
            let event_id = event.kept.as_ref().map(|kept| kept.id.clone());
            Some(Next { destination: Some(delivery.destination.clone()), event_id, waits_for, at, text })
        };
        let name = delivery.destination.as_str();
        let due = match (delivery.state, delivery.due) {
            (DeliveryState::Dead, _) => {
                let letter = delivery.dead_letter.as_deref().unwrap_or_default();
                let unknown = delivery.progress.unknown.last().map_or(String::new(), |step| {
                    format!(
                        "nobody knows whether its step {step} got through, and `leadhook dead show {letter}` says what to look for; "
                    )
                });
                let text =
                    format!("{unknown}not sent again before `leadhook dead retry {letter}`; `dead drop` ends it");
                return Ok(next(WaitsFor::Dead, None, text));
            }
            (DeliveryState::Pending, Some(due)) => due,
            _ => return Ok(None),
        };
        if let Some(behind) = &delivery.behind {
            return Ok(next(
                WaitsFor::EarlierEvent,
                None,
                format!("goes there after {behind}, which is pending there"),
            ));
        }
        if let Some(why) = self.why_parked(name, delivery.route.as_deref().unwrap_or_default()) {
            return Ok(next(WaitsFor::Parked, None, format!("parked: {why}")));
        }
        let (holds, now) = (self.store.holds(name).await?, self.clock.now());
        if holds.disabled.is_some() {
            let text =
                format!("it answered 410 Gone and is disabled: mend it, then `leadhook destination resume {name}`");
            return Ok(next(WaitsFor::Disabled, None, text));
        }
        if holds.paused.is_some() {
            let text = format!("it is paused by hand until `leadhook destination resume {name}`");
            return Ok(next(WaitsFor::Paused, None, text));
        }
        let last = self.what_if_it_fails(name, delivery);
        if let Some(until) = holds.wait_until.filter(|until| *until > now) {
            return Ok(next(
                WaitsFor::Pause,
                Some(until.max(due)),
                format!("it asked to be left alone until then{last}"),
            ));
        }
        if delivery.under_way {
            return Ok(next(WaitsFor::Answer, None, format!("on the wire, or next{last}")));
        }
        let failing = self.health.as_ref().map_or(holds.failing, |health| health.destination(name).failing_since);
        if failing.is_some() {
            let text = format!(
                "it keeps failing: only probes are sent until one is accepted; `leadhook destination resume {name}` sends one now"
            );
            return Ok(next(WaitsFor::Recovery, Some(due), text));
        }
        if delivery.for_contact && due > now {
            let text =
                format!("its contact has had as much there as `rate_per_contact` allows: it waits until then{last}");
            return Ok(next(WaitsFor::Contact, Some(due), text));
        }
        let (waits_for, by) = self.whose_turn(due);
        let history = if delivery.history { ", when nothing newer is due there" } else { "" };
        let step = delivery.steps.iter().find(|step| step.stands == Stands::Next);
        let step = step.map_or(String::new(), |step| format!(", the step {}", step.step));
        Ok(next(waits_for, Some(due), format!("attempt {}{step}{by}{history}{last}", delivery.tries + 1)))
    }

    /// Who does what is due, where it does not go without saying.
    fn whose_turn(&self, due: Timestamp) -> (WaitsFor, &'static str) {
        match &self.health {
            Some(_) => (WaitsFor::Time, ""),
            None if due > self.clock.now() => (WaitsFor::Service, ", if `leadhook run` runs then"),
            None => (WaitsFor::Service, ", by the next `leadhook run`"),
        }
    }

    fn what_if_it_fails(&self, destination: &str, delivery: &DeliveryStory) -> &'static str {
        let config = self.config();
        let Some(destination) = config.destinations.iter().find(|d| d.name == destination) else { return "" };
        // The failure of this attempt counted, no wait is left.
        let is_last = destination.retry.wait(delivery.failed + 1, 0.5).is_none();
        if is_last { "; if it fails, it is a dead letter" } else { "" }
    }

    /// Why a lead may not be here, and where to look.
    async fn why_unknown(&self, lead: LeadId) -> Result<Vec<Next>, StoreError> {
        let platform = &self.config().source.platform_id;
        let mut why = Vec::new();
        for other in self.store.platforms_that_know(lead).await? {
            why.push(format!(
                "platform `{other}` knows a lead of this number; the file now says platform_id = \"{platform}\""
            ));
        }
        match self.store.find_progress(platform).await? {
            None => why.push(format!("nothing of platform `{platform}` was ever read: start `leadhook run`")),
            Some(progress) => why.extend(self.why_not_listed(&progress)),
        }
        why.push("the number must be its `weclever_lead_id`, not the client's own id".to_owned());
        Ok(why.into_iter().map(|text| of_lead(WaitsFor::Listing, None, text)).collect())
    }

    fn why_not_listed(&self, progress: &Progress) -> Vec<String> {
        let shown = |at| clock::shown(at, &self.config().source.timezone);
        let mut why = vec![match progress.last_poll {
            Some(at) => {
                format!("the list was last read at {}; what came since is listed by the next reading", shown(at))
            }
            None => "no list was read to its end yet; `leadhook status` says why".to_owned(),
        }];
        let end = clock::before(self.clock.now(), self.config().source.overlap);
        let gaps = progress.coverage.gaps(progress.floor, end);
        if let (Some((from, _)), Some((_, to))) = (gaps.first(), gaps.last()) {
            let (from, to) = (shown(*from), shown(*to));
            why.push(format!(
                "not everything between {from} and {to} is read yet: it may have been finalized in there"
            ));
        }
        why.push(format!(
            "nothing that was finalized before {} is read: `leadhook reconcile --from DATE --to DATE` looks there",
            shown(progress.floor)
        ));
        why
    }
}

fn of_lead(waits_for: WaitsFor, at: Option<Timestamp>, text: String) -> Next {
    Next { destination: None, event_id: None, waits_for, at, text }
}
