//! What dispatch tells of destinations: `ops.destination.*` and `ops.dead_letter`. None is told to the one it is about.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::domain::event::{EventType, Ops};
use crate::domain::lead::LeadId;
use crate::domain::retry::Verdict;
use crate::domain::{clock, span};
use crate::ops::time;
use crate::store::dispatch::{Claim, Settlement};
use crate::watch::Happening;

/// Only probes are sent there from now on. `said`: what came back last.
pub fn failing(destination: &str, said: &str, since: Timestamp) -> Ops {
    let message = format!(
        "{destination} keeps failing ({said}): its deliveries wait, and one at a time finds out when it is back"
    );
    let more = Map::from_iter([("since".to_owned(), time(since)), ("error".to_owned(), said.into())]);
    ops(EventType::OpsDestinationFailing, destination, message, since, more)
}

/// It takes deliveries again.
pub fn recovered(destination: &str, since: Timestamp, now: Timestamp) -> Ops {
    let long = span::format(clock::elapsed(since, now));
    let message = format!("{destination} takes deliveries again, after {long}; what waited goes out now");
    let more = Map::from_iter([("since".to_owned(), time(since))]);
    ops(EventType::OpsDestinationRecovered, destination, message, since, more)
}

/// It said that it is gone.
pub fn disabled(destination: &str, said: &str, now: Timestamp) -> Ops {
    let message = format!(
        "{destination} says that it is gone ({said}): its deliveries wait until somebody mends it and runs `leadhook destination resume {destination}`"
    );
    let more = Map::from_iter([("error".to_owned(), said.into())]);
    ops(EventType::OpsDestinationDisabled, destination, message, now, more)
}

/// What there is to tell of a delivery that dies with this settlement; what leadhook says of itself dies in silence.
pub fn death(destination: &str, claim: &Claim, settlement: &Settlement, happening: &Happening) -> Option<Ops> {
    let Verdict::Dead(death) = settlement.verdict else { return None };
    let why = match (&settlement.why, happening) {
        (Some(why), _) => why.clone(),
        (None, Happening::Tried { said, .. }) => format!("{death} ({said})"),
        (None, _) => death.to_string(),
    };
    let (lead, id, now) = (claim.lead, &claim.event_id, settlement.now);
    (!claim.event_type.is_ops()).then(|| dead_letter(destination, lead, id, &why, now))
}

/// It will not get this one, unless a person wants it to. `why`: in a sentence.
fn dead_letter(destination: &str, lead: LeadId, event_id: &str, why: &str, now: Timestamp) -> Ops {
    let message = format!(
        "what happened to lead {lead} could not be delivered to {destination}: {why}; see `leadhook dead list --destination {destination}`"
    );
    let more = Map::from_iter([
        ("weclever_lead_id".to_owned(), lead.0.into()),
        ("event_id".to_owned(), event_id.into()),
        ("error".to_owned(), why.into()),
    ]);
    Ops { of: event_id.to_owned(), ..ops(EventType::OpsDeadLetter, destination, message, now, more) }
}

fn ops(event_type: EventType, destination: &str, message: String, began: Timestamp, more: Map<String, Value>) -> Ops {
    Ops { event_type, subject: destination.to_owned(), message, count: 1, began, of: String::new(), more }
}
