//! What must have arrived, kept as simply as can be: for each lead what happened to it, and for each destination what it
//! wants of that. It is compared with what did arrive.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use leadhook::simulator::{Receiver, Tally, WeClever};
use serde_json::Value;

/// One thing that happened to a lead, as a receiver can see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// With this `mapped_status`; `None`: the one that the simulator drew.
    Finalized(Option<String>),
    /// So.
    Rated(String),
    /// To this name.
    Renamed(String),
}

/// The status of a lead that is finalized again by hand.
const AGAIN: &str = "sold again";

/// What a destination wants.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    pub finalized: bool,
    pub rated: bool,
    pub renamed: bool,
}

pub const ALL: Wants = Wants { finalized: true, rated: true, renamed: true };
pub const FINALIZED: Wants = Wants { finalized: true, rated: false, renamed: false };
pub const RENAMED: Wants = Wants { finalized: false, rated: false, renamed: true };

impl Wants {
    pub fn has(self, thing: &Thing) -> bool {
        match thing {
            Thing::Finalized(_) => self.finalized,
            Thing::Rated(_) => self.rated,
            Thing::Renamed(_) => self.renamed,
        }
    }
}

/// What happened, by lead.
#[derive(Default)]
pub struct Model {
    happened: BTreeMap<u64, BTreeSet<Thing>>,
}

/// What is to happen to a lead once its first event has arrived somewhere; it follows from its number.
enum Lot {
    Rated,
    Renamed,
    Again,
    Nothing,
}

fn lot(lead: u64) -> Lot {
    match lead % 5 {
        1 => Lot::Rated,
        2 => Lot::Renamed,
        3 => Lot::Again,
        _ => Lot::Nothing,
    }
}

/// Whether it has a rating already when it ends.
fn is_rated_before(lead: u64) -> bool {
    matches!(lot(lead), Lot::Nothing | Lot::Again)
}

/// Rates those leads before they end to which nothing else is to happen, and which are not to be read again.
pub fn prepare(weclever: &WeClever, leads: impl Iterator<Item = u64>) {
    for lead in leads.filter(|lead| is_rated_before(*lead)) {
        weclever.rate(lead, "5");
    }
}

impl Model {
    /// Lets happen what is to happen to these leads, of which the first event has arrived.
    pub fn goes_on(&mut self, weclever: &WeClever, arrived: Vec<u64>) {
        for lead in arrived {
            let Entry::Vacant(place) = self.happened.entry(lead) else { continue };
            let things = place.insert(BTreeSet::new());
            match lot(lead) {
                Lot::Rated => {
                    weclever.rate(lead, "1 - Péssimo");
                    things.insert(Thing::Rated("1 - Péssimo".into()));
                }
                Lot::Renamed => {
                    let name = format!("Lead {lead}");
                    weclever.change(lead, "name", name.as_str());
                    things.insert(Thing::Renamed(name));
                }
                Lot::Again => {
                    weclever.finalize(lead, AGAIN);
                    things.insert(Thing::Finalized(Some(AGAIN.into())));
                }
                Lot::Nothing => {}
            }
        }
    }

    /// All that a destination must have got, once nothing more happens.
    fn expected(&self, leads: &[u64], wants: Wants) -> BTreeSet<(u64, Thing)> {
        let mut expected = BTreeSet::new();
        for lead in leads {
            let mut things = self.happened.get(lead).cloned().unwrap_or_default();
            things.insert(Thing::Finalized(None));
            if is_rated_before(*lead) {
                things.insert(Thing::Rated("5".into()));
            }
            expected.extend(things.into_iter().filter(|thing| wants.has(thing)).map(|thing| (*lead, thing)));
        }
        expected
    }

    /// Whether a destination has all that it must have; for waiting.
    pub fn is_fulfilled(&self, receiver: &Receiver, leads: &[u64], wants: Wants) -> bool {
        let wanted = self.expected(leads, wants).len();
        receiver.tally(|tally| tally.accepted_by_id.len() >= wanted)
    }

    /// Compares. `ids`: of what has been compared before, for the same thing has the same id everywhere.
    pub fn compare(
        &self,
        name: &str,
        receiver: &Receiver,
        leads: &[u64],
        wants: Wants,
        ids: &mut HashMap<(u64, Thing), String>,
    ) {
        receiver.tally(|tally| {
            let requests: u64 = tally.by_id.values().sum();
            assert_eq!(tally.kept.len() as u64, requests, "{name}: everything is kept");
            assert_eq!((tally.bad, tally.verified), (0, requests), "{name}: signatures");
            for request in &tally.kept {
                let at = seen(&request.body);
                let id = ids.entry(at.clone()).or_insert_with(|| request.id.clone());
                assert_eq!(*id, request.id, "{name}: {at:?} came under two ids");
            }
            let arrived = arrived(tally);
            let expected = self.expected(leads, wants);
            let lost: Vec<_> = expected.difference(&arrived).collect();
            assert!(lost.is_empty(), "{name}: {} of {} never arrived: {lost:?}", lost.len(), expected.len());
            let invented: Vec<_> = arrived.difference(&expected).collect();
            assert!(invented.is_empty(), "{name}: never happened: {invented:?}");
            assert_eq!(tally.accepted_by_id.len(), expected.len(), "{name}: one id each");
        });
    }
}

/// What was accepted.
fn arrived(tally: &Tally) -> BTreeSet<(u64, Thing)> {
    let accepted = tally.kept.iter().filter(|request| tally.accepted_by_id.contains_key(&request.id));
    accepted.map(|request| seen(&request.body)).collect()
}

/// What an event tells.
fn seen(body: &[u8]) -> (u64, Thing) {
    let event: Value = serde_json::from_slice(body).unwrap();
    let data = &event["data"];
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
    let thing = match event["type"].as_str() {
        Some("lead.finalized") => {
            Thing::Finalized(data["mapped_status"].as_str().filter(|status| *status == AGAIN).map(str::to_owned))
        }
        Some("lead.rated") => Thing::Rated(text(&data["csat"]["text"])),
        Some("lead.updated") => Thing::Renamed(text(&data["lead"]["name"])),
        _ => panic!("{event}"),
    };
    (data["weclever_lead_id"].as_u64().unwrap(), thing)
}
