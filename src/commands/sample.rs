//! A marked sample: an event that no lead stands behind, to see whether a destination takes it.

use jiff::Timestamp;

use crate::domain::csat::CsatRules;
use crate::domain::event::EventType;
use crate::domain::sample::event;

/// A sample's id and its envelope. `data.test` is true in it, and in no real event.
pub fn sample(platform: &str, now: Timestamp) -> (String, String) {
    let sample = event(EventType::LeadFinalized, platform, "5", &CsatRules::default(), now);
    (sample.id, sample.envelope)
}
