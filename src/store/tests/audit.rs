//! Reads a whole store and says whether it agrees with itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::lead::LeadId;
use crate::store::keys::{self, DestinationNo, LaneNo, PlatformNo, Seq};
use crate::store::known::{Run, Standing};
use crate::store::line::{place, queue_value};
use crate::store::records::{
    self, DeadRef, EventRecord, FetchRecord, LaneCounts, LaneRecord, PendingRecord, PlatformRecord, Settled,
    SettledRecord,
};
use crate::store::tree::Tree;

/// No run of known leads is larger; sled leaves its log at 128 KiB for 16 of them.
pub const LARGEST_RUN: usize = 6 * 1024;

fn be<const N: usize>(key: &[u8], from: usize) -> [u8; N] {
    key[from..from + N].try_into().unwrap()
}

fn all<T: serde::de::DeserializeOwned>(tree: &Tree, prefix: &[u8]) -> Vec<(Vec<u8>, T)> {
    tree.scan_prefix(prefix)
        .map(|entry| entry.unwrap())
        .map(|(key, value)| (key.to_vec(), records::decode(&value).unwrap()))
        .collect()
}

/// Panics where the store contradicts itself.
pub fn audit(tree: &Tree) {
    let pending = pending(tree);
    let settled = settled(tree);
    for key in settled.keys() {
        assert!(!pending.contains_key(key), "{key:?} is pending and settled");
    }
    for (_, seq) in pending.keys().chain(settled.keys()) {
        assert!(tree.contains_key(keys::event(*seq)).unwrap(), "the event {seq} is missing");
    }
    lines(tree, &pending);
    counts(tree, &pending, &settled);
    dead(tree, &settled);
    known(tree, &pending, &settled);
    fetches(tree);
    retention(tree, &pending, &settled);
    rechecks(tree);
}

type Deliveries<T> = BTreeMap<(DestinationNo, Seq), T>;

fn pending(tree: &Tree) -> Deliveries<PendingRecord> {
    let of = |(key, record): (Vec<u8>, _)| ((u32::from_be_bytes(be(&key, 1)), u64::from_be_bytes(be(&key, 5))), record);
    all(tree, b"p").into_iter().map(of).collect()
}

fn settled(tree: &Tree) -> Deliveries<SettledRecord> {
    let of = |(key, record): (Vec<u8>, _)| ((u32::from_be_bytes(be(&key, 9)), u64::from_be_bytes(be(&key, 1))), record);
    all(tree, b"h").into_iter().map(of).collect()
}

/// Exactly the first pending delivery of each lead and destination is in the queue.
fn lines(tree: &Tree, pending: &Deliveries<PendingRecord>) {
    type Line = (DestinationNo, PlatformNo, u64);
    let mut wanted: BTreeMap<Line, Vec<Seq>> = BTreeMap::new();
    for ((destination, seq), record) in pending {
        wanted.entry((*destination, record.platform, record.lead)).or_default().push(*seq);
    }
    let mut there: BTreeMap<Line, Vec<Seq>> = BTreeMap::new();
    for (key, run) in all::<Run>(tree, b"k") {
        for (lead, known) in run {
            for at in known.outcomes.into_iter().filter(|at| !at.line.is_empty()) {
                there.insert((at.destination, u16::from_be_bytes(be(&key, 1)), lead), at.line);
            }
        }
    }
    assert_eq!(there, wanted, "the lines");
    let mut queue = BTreeMap::new();
    for ((destination, platform, lead), line) in wanted {
        let record = &pending[&(destination, line[0])];
        queue.insert(place(line[0], record), queue_value(platform, lead));
    }
    let both = tree.scan_prefix(b"q").chain(tree.scan_prefix(b"Q"));
    let there = both.map(|e| e.unwrap()).map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    assert_eq!(queue, there, "the queue");
}

fn counts(tree: &Tree, pending: &Deliveries<PendingRecord>, settled: &Deliveries<SettledRecord>) {
    let mut wanted: BTreeMap<LaneNo, LaneCounts> = BTreeMap::new();
    for ((destination, _), record) in pending {
        wanted.entry(record.lane).or_default().pending += 1;
        let lane: LaneRecord = records::decode(&tree.get(keys::lane(record.lane)).unwrap().unwrap()).unwrap();
        assert_eq!(lane.destination, *destination);
    }
    for record in settled.values() {
        let counts = wanted.entry(record.lane).or_default();
        match record.state {
            Settled::Delivered => counts.delivered += 1,
            Settled::Dead => counts.dead += 1,
            Settled::Dropped => counts.dropped += 1,
        }
    }
    for (key, counts) in all::<LaneCounts>(tree, b"c") {
        let lane = u32::from_be_bytes(be(&key, 1));
        let there = wanted.remove(&lane).unwrap_or_default();
        assert_eq!((counts.pending, counts.dead), (there.pending, there.dead), "the counts of lane {lane}");
        // Those that retention took are counted all the same.
        assert!(counts.delivered >= there.delivered && counts.dropped >= there.dropped, "{counts:?}, {there:?}");
    }
    assert!(wanted.is_empty(), "uncounted: {wanted:?}");
}

fn dead(tree: &Tree, settled: &Deliveries<SettledRecord>) {
    let by_id: BTreeMap<Vec<u8>, DeadRef> = all(tree, b"y").into_iter().collect();
    let by_age: BTreeMap<Vec<u8>, DeadRef> = all(tree, b"x").into_iter().collect();
    assert_eq!(by_id.len(), by_age.len());
    let (mut deliveries, mut leads) = (BTreeSet::new(), 0);
    for (key, about) in by_id {
        let id = String::from_utf8(key[1..].to_vec()).unwrap();
        assert_eq!(by_age.get(&keys::dead_by_age(about.died(), &id)), Some(&about));
        match about {
            DeadRef::Delivery { seq, destination, .. } => {
                deliveries.insert((destination, seq));
            }
            DeadRef::Lead { .. } => leads += 1,
        }
    }
    let wanted = settled.iter().filter(|(_, record)| record.state == Settled::Dead).map(|(key, _)| *key).collect();
    assert_eq!(deliveries, wanted, "the dead deliveries");
    assert_eq!(all::<FetchRecord>(tree, b"g").iter().filter(|(_, job)| job.dead.is_some()).count(), leads);
}

/// Runs hold what belongs to them, in order, and are small; what they say of deliveries is so.
fn known(tree: &Tree, pending: &Deliveries<PendingRecord>, settled: &Deliveries<SettledRecord>) {
    let mut leads: BTreeMap<PlatformNo, u64> = BTreeMap::new();
    let runs = all::<Run>(tree, b"k");
    for (i, (key, run)) in runs.iter().enumerate() {
        let platform = u16::from_be_bytes(be(key, 1));
        let from = keys::last_u64(key);
        let next = runs.get(i + 1).filter(|(next, _)| next[1..3] == key[1..3]).map(|(next, _)| keys::last_u64(next));
        assert!(run.iter().all(|(id, _)| *id >= from && next.is_none_or(|next| *id < next)));
        assert!(run.is_sorted_by(|a, b| a.0 < b.0));
        assert!(run.len() < 2 || tree.get(key).unwrap().unwrap().len() <= LARGEST_RUN);
        *leads.entry(platform).or_default() += run.len() as u64;
        for (_, known) in run {
            for at in &known.outcomes {
                let place = (at.destination, at.seq);
                let state = settled.get(&place).map(|record| record.state);
                if all_is_there(tree, at.seq) || state.is_some() || pending.contains_key(&place) {
                    assert!(state.is_some() != pending.contains_key(&place), "{place:?} is lost");
                    assert_eq!(at.state, state, "what is known of {place:?}");
                } else {
                    assert!(matches!(at.state, Some(Settled::Delivered | Settled::Dropped)), "{place:?} is lost");
                }
                let delivered = known.happened.iter().map(|h| h.seq).filter(|seq| {
                    let record = settled.get(&(at.destination, *seq));
                    record.is_some_and(|record| record.state == Settled::Delivered)
                        || (*seq == at.delivered && !all_is_there(tree, *seq))
                        // It is sent again.
                        || (*seq == at.delivered && pending.contains_key(&(at.destination, *seq)))
                });
                assert_eq!(at.delivered, delivered.max().unwrap_or(0));
            }
            for happened in &known.happened {
                let Some(event) = tree.get(keys::event(happened.seq)).unwrap() else { continue };
                let event: EventRecord = records::decode(&event).unwrap();
                assert_eq!(event.event_type, happened.event_type);
            }
        }
    }
    for (_, platform) in all::<PlatformRecord>(tree, b"P") {
        assert_eq!(platform.seen, leads.get(&platform.no).copied().unwrap_or(0), "leads seen");
    }
}

fn fetches(tree: &Tree) {
    let mut due = BTreeSet::new();
    for (key, job) in all::<FetchRecord>(tree, b"g") {
        if job.dead.is_none() {
            due.insert(keys::fetch_due(u16::from_be_bytes(be(&key, 1)), job.due, LeadId(keys::last_u64(&key))));
        }
    }
    let there: BTreeSet<Vec<u8>> = tree.scan_prefix(b"f").map(|entry| entry.unwrap().0.to_vec()).collect();
    assert_eq!(there, due, "the fetch jobs that are due");
}

fn is_there(tree: &Tree, seq: Seq) -> bool {
    tree.contains_key(keys::event(seq)).unwrap()
}

/// With all that ever became of it: an event that was put back has lost what became of it before.
fn all_is_there(tree: &Tree, seq: Seq) -> bool {
    let event = tree.get(keys::event(seq)).unwrap();
    event.is_some_and(|event| !records::decode::<EventRecord>(&event).unwrap().put_back)
}

/// Of an event that is gone nothing is left, and of one that was passed by, nothing is forgotten.
fn retention(tree: &Tree, pending: &Deliveries<PendingRecord>, settled: &Deliveries<SettledRecord>) {
    let number = |key| tree.get(key).unwrap().map_or(0, |bytes| records::decode::<u64>(&bytes).unwrap());
    let (looked_at, last) = (number(keys::LOOKED_AT), number(keys::LAST_SEQ));
    assert!(looked_at <= last);
    for letter in [b"b", b"a"] {
        for entry in tree.scan_prefix(letter) {
            let seq = u64::from_be_bytes(be(&entry.unwrap().0, 1));
            assert!(is_there(tree, seq), "something is left of event {seq}");
        }
    }
    let notes: BTreeSet<Seq> = tree.scan_prefix(b"z").map(|entry| keys::last_u64(&entry.unwrap().0)).collect();
    let forgotten = all::<Run>(tree, b"k").iter().flat_map(|(_, run)| run).any(|(_, known)| known.is_forgotten());
    for seq in 1..=last {
        let settled: Vec<_> = settled.iter().filter(|(key, _)| key.1 == seq).map(|(_, record)| record).collect();
        let waits =
            pending.keys().any(|key| key.1 == seq) || settled.iter().any(|record| record.state == Settled::Dead);
        assert!(is_there(tree, seq) || seq <= looked_at || forgotten, "event {seq} is lost");
        if seq <= looked_at && is_there(tree, seq) && !waits {
            assert!(notes.contains(&seq), "event {seq} stays for ever");
        }
    }
}

/// Whatever is read again is known to be, and is recorded.
fn rechecks(tree: &Tree) {
    let mut due = BTreeSet::new();
    for (key, run) in all::<Run>(tree, b"k") {
        for (lead, known) in run {
            let Some(recheck) = known.recheck else { continue };
            assert_eq!(known.standing, Standing::Recorded, "{lead}");
            due.insert(keys::recheck(u16::from_be_bytes(be(&key, 1)), recheck.due, LeadId(lead)));
        }
    }
    let there: BTreeSet<Vec<u8>> = tree.scan_prefix(b"r").map(|entry| entry.unwrap().0.to_vec()).collect();
    assert_eq!(there, due, "the leads that are read again");
}
