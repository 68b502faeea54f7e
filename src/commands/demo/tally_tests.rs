//! When the numbers add up, and what is said when they do not.

use super::*;
use crate::app::operator::{DestinationStatus, SourceStatus, State, StoreStatus};
use crate::domain::lead::LeadId;
use crate::simulator::Requests;

/// Seven leads, one of which could not be read yet; `legacy` is broken.
pub fn seen() -> Seen {
    let destination = |name: &str, delivered, pending, dead| DestinationStatus {
        name: name.to_owned(),
        url: None,
        state: State::Ok,
        since: None,
        until: None,
        pending,
        oldest_pending: None,
        delivered,
        dead,
        dropped: 0,
        in_flight: 0,
        last_accepted: None,
        trouble: None,
        token: None,
    };
    let received =
        |requests, accepted| Received { requests, verified: requests, accepted, repeated: 0, leads: accepted };
    Seen {
        long: Duration::from_secs(20),
        weclever: simulator::Summary {
            leads_finalized: 7,
            requests: Requests { token: 1, list: 4, detail: 7, unknown: 0 },
            faults: BTreeMap::from([("html", 2), ("reset", 1)]),
        },
        status: StatusReport {
            version: String::new(),
            running: true,
            at: jiff::Timestamp::UNIX_EPOCH,
            source: SourceStatus {
                platform_id: "demo".into(),
                base_url: String::new(),
                last_poll: None,
                stale_since: None,
                trouble: None,
                wait_until: None,
                floor: None,
                baseline_until: None,
                gaps: Vec::new(),
                seen_leads: 7,
                set_aside: 1,
                unreadable: 0,
                cap: None,
                unchecked: Vec::new(),
                malformed_rows: Vec::new(),
                flapping: Vec::new(),
                lateness: Default::default(),
                heedless_since: None,
            },
            destinations: vec![destination("crm", 6, 0, 0), destination("legacy", 0, 4, 2)],
            parked: Vec::new(),
            backfills: Vec::new(),
            doubts: Default::default(),
            store: StoreStatus { path: String::new(), bytes: 0, max_bytes: None, full: None },
            reload: None,
            needs_restart: Vec::new(),
            needs_a_look: Vec::new(),
            looks: Vec::new(),
        },
        received: vec![("crm".into(), received(6, 6)), ("legacy".into(), received(11, 0))],
        told: Told { recorded: 6, attempts: BTreeMap::from([("crm".into(), 6), ("legacy".into(), 11)]), missed: 0 },
        cut: false,
    }
}

#[test]
fn what_adds_up_adds_up() {
    let summary = add_up(&seen());
    assert!(summary.adds_up, "{:?}", summary.differences);
    assert_eq!((summary.leads.finalized, summary.leads.recorded, summary.leads.set_aside), (7, 6, 1));
    let legacy = &summary.destinations[1];
    assert_eq!((legacy.delivered, legacy.waiting, legacy.dead, legacy.requests), (0, 4, 2, 11));
}

type Damage = fn(&mut Seen);

#[test]
fn every_number_that_is_wrong_is_found() {
    let wrong: [(&str, Damage); 11] = [
        ("leads finalized by WeClever: 8", |seen| seen.weclever.leads_finalized += 1),
        ("leads recorded: 7, but told of as recorded: 6", |seen| seen.status.source.set_aside = 0),
        ("but leads seen by leadhook: 6", |seen| seen.status.source.seen_leads -= 1),
        ("told of as recorded: 5", |seen| seen.told.recorded -= 1),
        ("legacy: delivered, waiting and dead: 5", |seen| seen.status.destinations[1].dead -= 1),
        ("requests whose signature is good: 5", |seen| seen.received[0].1.verified -= 1),
        ("crm: delivered: 6, but events that it accepted: 5", |seen| seen.received[0].1.accepted -= 1),
        ("crm: delivered: 6, but leads of which it has an event: 5", |seen| seen.received[0].1.leads -= 1),
        ("crm: events that came twice: 1", |seen| seen.received[0].1.repeated += 1),
        ("legacy: attempts: 11, but requests that came: 12", |seen| {
            seen.received[1].1.requests += 1;
            seen.received[1].1.verified += 1;
        }),
        ("crm: delivered, waiting and dead: 0", |seen| drop(seen.status.destinations.remove(0))),
    ];
    for (difference, make) in wrong {
        let mut seen = seen();
        make(&mut seen);
        let summary = add_up(&seen);
        assert!(!summary.adds_up, "{difference}");
        assert!(summary.differences.iter().any(|found| found.contains(difference)), "{:?}", summary.differences);
    }
}

#[test]
fn what_was_not_heard_or_was_dropped_is_no_difference() {
    let mut seen = seen();
    (seen.told, seen.cut) = (Told { missed: 3, ..Told::default() }, true);
    // Accepted, while leadhook no longer waited for the answer.
    (seen.status.destinations[0].delivered, seen.status.destinations[0].pending) = (5, 1);
    assert!(add_up(&seen).adds_up);
}

#[test]
fn what_is_told_is_counted() {
    let mut told = Told::default();
    told.note(&Happening::Read { listed: 3, new: 1 });
    told.note(&Happening::Recorded {
        lead: LeadId(1),
        event_id: "evt_a".into(),
        event_type: crate::domain::event::EventType::LeadFinalized,
        destinations: vec!["crm".into()],
    });
    assert_eq!((told.recorded, told.attempts.len()), (1, 0));
}
