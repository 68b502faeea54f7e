//! What a reconciliation has found.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::app::operator::{Begun, Judged, Order};
use crate::commands::exit::Exit;
use crate::commands::output::{count, table};
use crate::domain::account::{Sums, WhyMissing};
use crate::domain::clock;
use crate::domain::event::EventType;
use crate::domain::lead::LeadId;

/// Leads named in a line of the text; JSON names all.
const NAMED: usize = 20;

/// What a reconciliation has found.
#[derive(Serialize)]
pub struct Report {
    /// The period's first instant...
    pub from: Timestamp,
    /// ...and its last one, as far as it was held against the list.
    pub to: Timestamp,
    /// Why it was not read to its end.
    pub error: Option<String>,
    /// Leads that were listed, each once.
    pub listed: u64,
    /// Rows that make no sense: their leads could not be looked for.
    pub malformed_rows: u64,
    /// By destination.
    pub destinations: Vec<Sums>,
    /// What should be there and is not, by destination.
    pub missing: BTreeMap<String, Vec<Event>>,
    /// What was missing and is on its way now, by destination.
    pub fixed: BTreeMap<String, Vec<Event>>,
    /// The part of the period that leadhook itself has not read yet.
    pub unread: Option<(Timestamp, Timestamp)>,
    #[serde(skip)]
    order: Order,
    #[serde(skip)]
    running: bool,
}

/// An event that is missing.
#[derive(Clone, Copy, Serialize)]
pub struct Event {
    lead: LeadId,
    event_type: EventType,
    why: WhyMissing,
}

impl Report {
    /// Nothing found yet.
    pub fn new(from: Timestamp, begun: Begun, order: Order, running: bool) -> Report {
        Report {
            from,
            to: begun.to,
            error: None,
            listed: 0,
            malformed_rows: 0,
            destinations: begun.destinations.iter().map(|name| Sums::of(name)).collect(),
            missing: BTreeMap::new(),
            fixed: BTreeMap::new(),
            unread: begun.unread,
            order,
            running,
        }
    }

    /// One more lead.
    pub fn add(&mut self, judged: Judged) {
        self.listed += 1;
        for (destination, account) in judged.at {
            if let Some(sums) = self.destinations.iter_mut().find(|sums| sums.destination == destination) {
                sums.add(account);
            }
        }
        let found = if judged.fixed { &mut self.fixed } else { &mut self.missing };
        let mut last = None;
        for missing in judged.missing {
            let event = Event { lead: missing.lead, event_type: missing.event_type, why: missing.why };
            let sums = self.destinations.iter_mut().find(|sums| sums.destination == missing.destination);
            // Two events of a lead are one lead.
            if let (true, Some(sums)) = (judged.fixed && last.as_ref() != Some(&missing.destination), sums) {
                sums.fixed += 1;
            }
            last = Some(missing.destination.clone());
            found.entry(missing.destination).or_default().push(event);
        }
    }

    /// 69: not read to its end; 1: something is missing or dead, or could not be looked for.
    pub fn exit(&self) -> Exit {
        let look = self.destinations.iter().any(|sums| sums.missing > 0 || sums.dead > 0) || self.malformed_rows > 0;
        match &self.error {
            Some(_) => Exit::Unavailable,
            None if look => Exit::NeedsALook,
            None => Exit::Done,
        }
    }

    /// For people.
    pub fn text(&self, zone: &TimeZone) -> String {
        let shown = |at| clock::shown(at, zone);
        let name = zone.iana_name().map_or(String::new(), |name| format!(" (clocks of {name})"));
        let mut out =
            format!("{} to {}{name}: {} listed\n\n", shown(self.from), shown(self.to), count(self.listed, "lead"));
        let mut header =
            vec!["destination", "listed", "delivered", "pending", "dead", "unwanted", "dropped", "missing"];
        // Most have nobody forgotten.
        let any_forgotten = self.destinations.iter().any(|sums| sums.forgotten > 0);
        header.extend(any_forgotten.then_some("forgotten"));
        let mut rows = table(&header);
        for sums in &self.destinations {
            let Sums { listed, delivered, pending, dead, unwanted, dropped, missing, forgotten, .. } = sums;
            let numbers = [listed, delivered, pending, dead, unwanted, dropped, missing, forgotten];
            let numbers = numbers.map(u64::to_string);
            rows.add_row([sums.destination.clone()].into_iter().chain(numbers).take(header.len()));
        }
        out.push_str(&rows.to_string());
        out.push('\n');
        for part in [self.found(), self.hints(zone)].into_iter().flatten() {
            out.push_str(&format!("\n{part}"));
        }
        out
    }

    fn found(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.fixed.is_empty() {
            let when = if self.running { "are sent now" } else { "are sent by the next `leadhook run`" };
            lines.push(format!("these were missing and {when}:"));
            lines.extend(named(&self.fixed));
        }
        if !self.missing.is_empty() {
            lines.push("missing:".to_owned());
            lines.extend(named(&self.missing));
        } else if self.error.is_none() {
            lines.push(if self.fixed.is_empty() { "nothing is missing" } else { "nothing else is missing" }.to_owned());
        }
        lines
    }

    fn hints(&self, zone: &TimeZone) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.missing.is_empty() && !self.order.fix {
            lines.push("the same with --fix sends what is missing".to_owned());
        }
        if self.destinations.iter().any(|sums| sums.dead > 0) {
            lines.push("dead letters: see `leadhook dead list`".to_owned());
        }
        if self.malformed_rows > 0 {
            let rows = count(self.malformed_rows, "row");
            lines.push(format!("{rows} of the list make no sense: their leads could not be looked for"));
        }
        if let (false, Some((from, to))) = (self.missing.is_empty(), self.unread) {
            let (from, to) = (clock::shown(from, zone), clock::shown(to, zone));
            let when = if self.running { "it is being caught up" } else { "`leadhook run` catches it up" };
            lines.push(format!("between {from} and {to} leadhook itself has not read everything yet: {when}"));
        }
        if let Some(error) = &self.error {
            lines.push(format!("not read to its end: {error}"));
        }
        lines
    }
}

/// A line for each destination, type and reason.
fn named(events: &BTreeMap<String, Vec<Event>>) -> Vec<String> {
    let mut lines = Vec::new();
    for (destination, events) in events {
        let mut groups: BTreeMap<(EventType, WhyMissing), Vec<LeadId>> = BTreeMap::new();
        for event in events {
            groups.entry((event.event_type, event.why)).or_default().push(event.lead);
        }
        for ((event_type, why), mut leads) in groups {
            leads.sort_unstable();
            let some: Vec<String> = leads.iter().take(NAMED).map(LeadId::to_string).collect();
            let more = leads.len() - some.len();
            let more = if more > 0 { format!(" and {more} more; --json names all") } else { String::new() };
            lines.push(format!("  {destination}, {event_type} ({}): {}{more}", why.as_str(), some.join(", ")));
        }
    }
    lines
}
