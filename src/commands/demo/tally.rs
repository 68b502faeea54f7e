//! The numbers at the end, and whether they add up.
//!
//! Three sides have counted, and none of them knows the others: the simulated WeClever, leadhook's store, and each
//! destination. What one side says is never taken for what another saw.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::app::operator::{SourceStatus, StatusReport};
use crate::domain::event::EventType;
use crate::simulator;
use crate::watch::Happening;

/// What the feed told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    recorded: u64,
    attempts: BTreeMap<String, u64>,
    /// Happenings that were told too fast to be heard.
    pub missed: u64,
}

/// What a destination saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received {
    /// Requests, whatever came of them.
    pub requests: u64,
    /// Those among them with a good signature, as the destination itself judges.
    pub verified: u64,
    /// Different events that it accepted.
    pub accepted: u64,
    /// Events that it accepted more than once.
    pub repeated: u64,
    /// Of the leads that WeClever finalized, those of which it accepted an event.
    pub leads: u64,
}

/// What each side says.
#[derive(Clone, Debug)]
pub struct Seen {
    pub long: Duration,
    pub weclever: simulator::Summary,
    pub status: StatusReport,
    /// By destination.
    pub received: Vec<(String, Received)>,
    pub told: Told,
    /// Requests on the wire had to be dropped at the end, so that a destination may know more than leadhook.
    pub cut: bool,
}

/// The numbers, and what was found when they were laid side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    #[serde(skip)]
    pub long: Duration,
    pub leads: Leads,
    pub requests: simulator::Requests,
    /// Answers of WeClever that were broken, by kind.
    pub broken: BTreeMap<&'static str, u64>,
    pub destinations: Vec<Destination>,
    pub adds_up: bool,
    /// What does not, a sentence each.
    pub differences: Vec<String>,
}

/// The leads.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Leads {
    /// As WeClever says.
    pub finalized: u64,
    /// As the store says, like the rest.
    pub recorded: u64,
    /// Their details are still to be read.
    pub set_aside: u64,
    /// Their details were given up on.
    pub unreadable: u64,
}

/// One destination.
#[derive(Clone, Debug, Serialize)]
pub struct Destination {
    pub name: String,
    pub delivered: u64,
    pub waiting: u64,
    pub dead: u64,
    /// As the destination says, like the rest.
    pub requests: u64,
    pub verified: u64,
    pub repeated: u64,
}

impl Told {
    /// Counts what happened.
    pub fn note(&mut self, happening: &Happening) {
        match happening {
            Happening::Recorded { event_type: EventType::LeadFinalized, .. } => self.recorded += 1,
            Happening::Tried { destination, .. } => *self.attempts.entry(destination.clone()).or_default() += 1,
            _ => {}
        }
    }
}

/// Lays the numbers side by side.
pub fn add_up(seen: &Seen) -> Summary {
    let source = &seen.status.source;
    let leads = Leads {
        finalized: seen.weclever.leads_finalized,
        recorded: recorded(source),
        set_aside: source.set_aside,
        unreadable: source.unreadable,
    };
    let mut found = Differences::default();
    found.unless_equal(("leads finalized by WeClever", leads.finalized), ("leads seen by leadhook", source.seen_leads));
    if seen.told.missed == 0 {
        found.unless_equal(("leads recorded", leads.recorded), ("told of as recorded", seen.told.recorded));
    }
    let destinations = seen.received.iter().map(|(name, received)| destination(seen, name, received, &mut found));
    let destinations = destinations.collect();
    Summary {
        long: seen.long,
        leads,
        requests: seen.weclever.requests,
        broken: seen.weclever.faults.clone(),
        destinations,
        adds_up: found.0.is_empty(),
        differences: found.0,
    }
}

/// A lead is seen once it is recorded, set aside or given up on.
fn recorded(source: &SourceStatus) -> u64 {
    source.seen_leads.saturating_sub(source.set_aside + source.unreadable)
}

fn destination(seen: &Seen, name: &str, received: &Received, found: &mut Differences) -> Destination {
    let stored = seen.status.destinations.iter().find(|d| d.name == name);
    let (delivered, waiting, dead) = stored.map_or((0, 0, 0), |d| (d.delivered, d.pending, d.dead));
    let recorded = recorded(&seen.status.source);
    let of = |what: &str| format!("{name}: {what}");
    found.unless_equal((&of("delivered, waiting and dead"), delivered + waiting + dead), ("leads recorded", recorded));
    found.unless_equal(
        (&of("requests that came"), received.requests),
        ("requests whose signature is good", received.verified),
    );
    // What was on the wire and dropped may have been accepted, and counts as waiting.
    if !seen.cut {
        found.unless_equal((&of("delivered"), delivered), ("events that it accepted", received.accepted));
        found.unless_equal((&of("delivered"), delivered), ("leads of which it has an event", received.leads));
        found.unless_equal((&of("events that came twice"), received.repeated), ("events that may", 0));
        if seen.told.missed == 0 {
            let told = seen.told.attempts.get(name).copied().unwrap_or_default();
            found.unless_equal((&of("attempts"), told), ("requests that came", received.requests));
        }
    }
    let Received { requests, verified, repeated, .. } = *received;
    Destination { name: name.to_owned(), delivered, waiting, dead, requests, verified, repeated }
}

/// What does not add up, a sentence each.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn unless_equal(&mut self, (what, one): (&str, u64), (also, other): (&str, u64)) {
        if one != other {
            self.0.push(format!("{what}: {one}, but {also}: {other}"));
        }
    }
}

#[cfg(test)]
#[path = "tally_tests.rs"]
pub mod tests;
