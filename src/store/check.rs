//! Whether a store agrees with itself: every record is read, and held against those that must go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::caught::caught;
use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, PlatformNo, Seq};
use super::known::{self, Known, Run};
use super::line::{place, queue_value};
use super::records::{
    self, AttemptRecord, BackfillRecord, DeadRef, DestinationRecord, EventRecord, FetchRecord, LaneCounts, LaneRecord,
    MalformedRecord, PendingRecord, PlatformRecord, Settled, SettledRecord, SilenceRecord,
};
use super::tree::Tree;
use super::{Store, open, unlock};
use crate::domain::lead::LeadId;
use crate::domain::seal::EncryptionKey;

/// So many findings are told one by one; the others are counted.
const TOLD: usize = 50;

/// Where so much is wrong, the rest makes no difference.
const MOST: u64 = 10_000;

/// What changes while it is looked at is looked at so often: what is wrong is wrong each time.
const LOOKS: usize = 3;

/// What was found in a store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    /// Records, by what they are.
    pub records: BTreeMap<String, u64>,
    /// What is wrong, each in a sentence without any personal data; the first of it.
    pub wrong: Vec<String>,
    /// How much else is.
    pub more_wrong: u64,
}

impl Store {
    /// Reads everything and holds it against each other. Others may write meanwhile. Takes seconds for gigabytes.
    pub async fn check(&self) -> Result<Checked, StoreError> {
        self.read(|inner| {
            let mut checked = check(&inner.tree);
            for _ in 1..LOOKS {
                if checked.wrong.is_empty() {
                    break;
                }
                let again = check(&inner.tree);
                let still: BTreeSet<&String> = again.wrong.iter().collect();
                let before = checked.wrong.len();
                checked.wrong.retain(|wrong| still.contains(wrong));
                if checked.wrong.len() < before {
                    checked.more_wrong = 0;
                }
            }
            Ok(checked)
        })
        .await
    }
}

impl Store {
    /// The same of the store in this directory, which nobody may hold meanwhile; nothing in it is changed. A copy of it is read,
    /// which is made beside it, or in `work`. Blocks for as long as that takes, and not for whoever has the store.
    ///
    /// # Errors
    /// In use, damaged, written by a newer version, encrypted with none of these keys; or there is no room for the copy.
    pub fn check_as_it_is(
        directory: &Path,
        keys: &[EncryptionKey],
        work: Option<&Path>,
    ) -> Result<Checked, StoreError> {
        let copy = Aside::of(directory, work, Duration::ZERO)?;
        if copy.not_given > 0 {
            let reason = format!("{} bytes of its files cannot be read from the disk", copy.not_given);
            return Err(StoreError::Damaged { path: directory.to_owned(), reason });
        }
        let checked = open::open_copy(copy.path()).and_then(|db| {
            let (note, seal) = unlock::seal_of(copy.path(), &db, keys)?;
            let seal = seal.filter(|_| note.flatten().is_some()).map(Arc::new);
            let tree = Tree::new((*db).clone(), seal);
            caught(|| check(&tree)).ok_or_else(|| StoreError::Record(open::TRIPPED.into()))
        });
        checked.map_err(|error| error.while_opening(directory).in_place(directory))
    }
}

/// Reads everything and holds it against each other.
pub fn check(tree: &Tree) -> Checked {
    let mut check = Check {
        tree,
        found: Checked::default(),
        counted: BTreeMap::new(),
        leads: BTreeMap::new(),
        letters: BTreeSet::new(),
        expected: Expected::default(),
    };
    check.dead_letters();
    check.all();
    check.sums();
    check.found
}

/// How many of these there must be, going by others.
#[derive(Default)]
struct Expected {
    heads: u64,
    rechecks: u64,
    fetches: u64,
    /// Leads that could not be read, without their dead letters.
    unreadable: i64,
}

struct Check<'a> {
    tree: &'a Tree,
    found: Checked,
    /// Deliveries, by lane.
    counted: BTreeMap<LaneNo, LaneCounts>,
    leads: BTreeMap<PlatformNo, u64>,
    /// The deliveries that dead letters are about.
    letters: BTreeSet<(DestinationNo, Seq)>,
    expected: Expected,
}

/// What stands under a key that begins with this letter.
fn name(letter: u8) -> &'static str {
    match letter {
        b'm' => "counters",
        b'P' => "platforms",
        b'D' | b'n' => "destinations",
        b'L' | b'l' => "lanes",
        b'c' => "counts of lanes",
        b'k' => "runs of known leads",
        b'g' | b'f' => "leads set aside",
        b'r' => "leads read again",
        b's' => "silences of the source",
        b'w' => "rows that cannot be read",
        b'e' => "events",
        b'b' => "further parts of events",
        b'p' => "pending deliveries",
        b'q' | b'Q' => "heads of lines",
        b'h' => "settled deliveries",
        b'a' => "attempts",
        b'i' => "deliveries on their way through steps",
        b'u' | b'v' => "counts of contacts",
        b'x' | b'y' => "dead letters",
        b'B' => "backfills",
        b'T' => "tokens",
        b'z' => "notes for retention",
        b'H' => "history",
        _ => "others",
    }
}

impl Check<'_> {
    fn wrong(&mut self, what: String) {
        if self.found.wrong.len() < TOLD {
            self.found.wrong.push(what);
        } else {
            self.found.more_wrong += 1;
        }
    }

    fn decoded<T: DeserializeOwned>(&mut self, key: &[u8], value: &[u8]) -> Option<T> {
        match records::decode(value) {
            Ok(record) => Some(record),
            Err(error) => {
                self.does_not_read(key, &error);
                None
            }
        }
    }

    fn does_not_read(&mut self, key: &[u8], error: &StoreError) {
        let of = name(key.first().copied().unwrap_or_default());
        let why = match error {
            StoreError::Record(why) => why.clone(),
            other => other.to_string(),
        };
        // What a key holds may be a name or a mark of a person: its numbers alone are told.
        self.wrong(format!("one of the {of} does not read ({}): {why}", shown(key)));
    }

    /// What stands under this key, where it reads.
    fn at<T: DeserializeOwned>(&self, key: &[u8]) -> Option<T> {
        self.tree.get(key).ok().flatten().and_then(|value| records::decode(&value).ok())
    }

    fn is_there(&self, key: &[u8]) -> bool {
        self.tree.contains_key(key).unwrap_or(false)
    }

    fn known(&self, platform: PlatformNo, lead: u64) -> Option<Known> {
        known::look_up(self.tree, platform, &[LeadId(lead)]).ok()?.pop().flatten()
    }

    fn all(&mut self) {
        for entry in self.tree.iter() {
            match entry {
                Ok((key, value)) => {
                    let letter = key.first().copied().unwrap_or_default();
                    *self.found.records.entry(name(letter).to_owned()).or_default() += 1;
                    self.one(letter, &key, &value);
                }
                Err(StoreError::Write(error)) => {
                    self.wrong(format!("the file does not read: {error}"));
                    return;
                }
                // A page that is damaged, which sled may not get past, or a value that its key does not open.
                Err(error) => {
                    self.wrong(format!("something does not read: {error}"));
                    if self.found.more_wrong > MOST {
                        return;
                    }
                }
            }
        }
    }

    fn one(&mut self, letter: u8, key: &[u8], value: &[u8]) {
        match letter {
            b'P' => drop(self.decoded::<PlatformRecord>(key, value)),
            b'D' => drop(self.decoded::<DestinationRecord>(key, value)),
            b'L' => drop(self.decoded::<LaneRecord>(key, value)),
            b'c' => drop(self.decoded::<LaneCounts>(key, value)),
            b's' => drop(self.decoded::<SilenceRecord>(key, value)),
            b'w' => drop(self.decoded::<MalformedRecord>(key, value)),
            b'B' => drop(self.decoded::<BackfillRecord>(key, value)),
            b'k' => self.run(key, value),
            b'g' => self.fetch(key, value),
            b'e' => self.event(key, value),
            b'b' | b'i' => self.belongs_to_an_event(key),
            b'a' => {
                self.decoded::<AttemptRecord>(key, value);
                self.belongs_to_an_event(key);
            }
            b'p' => self.pending(key, value),
            b'h' => self.settled(key, value),
            _ => {}
        }
    }

    fn run(&mut self, key: &[u8], value: &[u8]) {
        let Some(run) = self.decoded::<Run>(key, value) else { return };
        let platform = keys::u16_at(key, 1);
        *self.leads.entry(platform).or_default() += run.len() as u64;
        let from = keys::last_u64(key);
        if !run.is_sorted_by(|a, b| a.0 < b.0) || run.first().is_some_and(|(lead, _)| *lead < from) {
            self.wrong(format!("the known leads from {from} on are out of order"));
        }
        for (lead, known) in &run {
            if let Some(recheck) = known.recheck {
                self.expected.rechecks += 1;
                if !self.is_there(&keys::recheck(platform, recheck.due, LeadId(*lead))) {
                    self.wrong(format!("lead {lead} is to be read again, and nothing says so"));
                }
            }
            for at in &known.outcomes {
                if let Some(state) = at.state {
                    self.outcome(*lead, at.destination, at.seq, state);
                }
            }
            for at in known.outcomes.iter().filter(|at| !at.line.is_empty()) {
                self.expected.heads += 1;
                self.line(platform, *lead, at.destination, &at.line);
            }
        }
    }

    /// What became of a delivery is kept with its event.
    fn outcome(&mut self, lead: u64, destination: DestinationNo, seq: Seq, state: Settled) {
        let settled = self.at::<SettledRecord>(&keys::settled(seq, destination));
        if settled.is_some_and(|settled| settled.state == state) {
            return;
        }
        let event = self.tree.get(keys::event(seq)).ok().flatten();
        let event = event.and_then(|event| records::decode_front::<EventRecord>(&event).ok().map(|(event, _)| event));
        // Retention takes both, and one that was put back has lost what became of it before.
        if event.is_some_and(|event| !event.put_back) {
            self.wrong(format!(
                "event {seq} of lead {lead} was settled at destination {destination}, and nothing says how"
            ));
        }
    }

    /// Every delivery of a line waits, and the first of them is where dispatch looks.
    fn line(&mut self, platform: PlatformNo, lead: u64, destination: DestinationNo, line: &[Seq]) {
        for (i, seq) in line.iter().enumerate() {
            let Some(pending) = self.at::<PendingRecord>(&keys::pending(destination, *seq)) else {
                self.wrong(format!(
                    "event {seq} of lead {lead} stands in line for destination {destination}, and does not wait"
                ));
                continue;
            };
            if i > 0 {
                continue;
            }
            let head = self.tree.get(place(*seq, &pending)).ok().flatten();
            if head.is_none_or(|head| head != queue_value(platform, lead)) {
                self.wrong(format!(
                    "event {seq} of lead {lead} is the next for destination {destination}, and is not queued"
                ));
            }
        }
    }

    fn fetch(&mut self, key: &[u8], value: &[u8]) {
        let Some(job) = self.decoded::<FetchRecord>(key, value) else { return };
        let (platform, lead) = (keys::u16_at(key, 1), keys::last_u64(key));
        if job.dead.is_some() {
            self.expected.unreadable += 1;
            return;
        }
        self.expected.fetches += 1;
        if !self.is_there(&keys::fetch_due(platform, job.due, LeadId(lead))) {
            self.wrong(format!("lead {lead} is to be fetched again, and nothing says so"));
        }
    }

    fn event(&mut self, key: &[u8], value: &[u8]) {
        let seq = keys::last_u64(key);
        match records::decode_front::<EventRecord>(value) {
            Ok((event, _)) => {
                if (0..event.chunks).any(|n| !self.is_there(&keys::chunk(seq, n))) {
                    self.wrong(format!("a part of event {seq} of lead {} is missing", event.lead));
                }
            }
            Err(error) => self.does_not_read(key, &error),
        }
        if self.at::<u64>(keys::LAST_SEQ).unwrap_or(0) < seq {
            self.wrong(format!("event {seq} is beyond the last number that was given out"));
        }
    }

    fn belongs_to_an_event(&mut self, key: &[u8]) {
        let seq = keys::u64_at(key, 1);
        if !self.is_there(&keys::event(seq)) {
            let of = name(key.first().copied().unwrap_or_default());
            self.wrong(format!("one of the {of} is of event {seq}, which is not there"));
        }
    }

    fn pending(&mut self, key: &[u8], value: &[u8]) {
        let (destination, seq) = (keys::u32_at(key, 1), keys::u64_at(key, 5));
        let Some(pending) = self.decoded::<PendingRecord>(key, value) else { return };
        self.counted.entry(pending.lane).or_default().pending += 1;
        self.delivery(destination, seq, pending.lane);
        if self.is_there(&keys::settled(seq, destination)) {
            self.wrong(format!("event {seq} for destination {destination} waits and is settled"));
        }
        let known = self.known(pending.platform, pending.lead);
        let in_line = known.is_some_and(|known| {
            known.outcomes.iter().any(|at| at.destination == destination && at.line.contains(&seq))
        });
        if !in_line {
            self.wrong(format!(
                "event {seq} of lead {} waits for destination {destination}, and stands in no line",
                pending.lead
            ));
        }
    }

    fn settled(&mut self, key: &[u8], value: &[u8]) {
        let (seq, destination) = (keys::u64_at(key, 1), keys::u32_at(key, 9));
        let Some(settled) = self.decoded::<SettledRecord>(key, value) else { return };
        self.delivery(destination, seq, settled.lane);
        let counts = self.counted.entry(settled.lane).or_default();
        match settled.state {
            Settled::Delivered => counts.delivered += 1,
            Settled::Dropped => counts.dropped += 1,
            Settled::Dead => {
                counts.dead += 1;
                if !self.letters.remove(&(destination, seq)) {
                    self.wrong(format!("event {seq} for destination {destination} is dead, and there is no letter"));
                }
            }
        }
    }

    fn delivery(&mut self, destination: DestinationNo, seq: Seq, lane: LaneNo) {
        if !self.is_there(&keys::event(seq)) {
            self.wrong(format!("a delivery for destination {destination} is of event {seq}, which is not there"));
        }
        if self.at::<LaneRecord>(&keys::lane(lane)).is_none_or(|lane| lane.destination != destination) {
            self.wrong(format!("event {seq} for destination {destination} belongs to no route"));
        }
    }

    fn dead_letters(&mut self) {
        let mut by_id = 0_u64;
        for entry in self.tree.scan_prefix(b"y").flatten() {
            let (key, value) = entry;
            let Some(about) = self.decoded::<DeadRef>(&key, &value) else { continue };
            by_id += 1;
            let id = String::from_utf8_lossy(&key[1..]);
            if self.at::<DeadRef>(&keys::dead_by_age(about.died(), &id)).as_ref() != Some(&about) {
                self.wrong(format!("dead letter {id} is in no list"));
            }
            match about {
                DeadRef::Delivery { seq, destination, .. } => drop(self.letters.insert((destination, seq))),
                DeadRef::Lead { .. } => self.expected.unreadable -= 1,
            }
        }
        let by_age = self.tree.scan_prefix(b"x").count() as u64;
        if by_id != by_age {
            self.wrong(format!("there are {by_id} dead letters, and {by_age} in the list"));
        }
    }

    /// What is counted, against what is there.
    fn sums(&mut self) {
        for entry in self.tree.scan_prefix(b"c").flatten() {
            let (key, value) = entry;
            let lane = keys::u32_at(&key, 1);
            // One that does not read has been told.
            let Ok(counts) = records::decode::<LaneCounts>(&value) else { continue };
            let there = self.counted.remove(&lane).unwrap_or_default();
            // Those that retention took are counted all the same.
            let kept = counts.delivered >= there.delivered && counts.dropped >= there.dropped;
            if (counts.pending, counts.dead) != (there.pending, there.dead) || !kept {
                self.wrong(format!("lane {lane} is counted as {counts:?}, and has {there:?}"));
            }
        }
        let uncounted: Vec<LaneNo> = std::mem::take(&mut self.counted).into_keys().collect();
        for lane in uncounted {
            self.wrong(format!("lane {lane} is not counted"));
        }
        for entry in self.tree.scan_prefix(b"P").flatten() {
            let Ok(platform) = records::decode::<PlatformRecord>(&entry.1) else { continue };
            let there = self.leads.get(&platform.no).copied().unwrap_or(0);
            if platform.seen != there {
                self.wrong(format!(
                    "{} leads of platform {} are counted, and {there} are known",
                    platform.seen, platform.no
                ));
            }
        }
        for (destination, seq) in std::mem::take(&mut self.letters) {
            self.wrong(format!(
                "there is a dead letter of event {seq} for destination {destination}, which is not dead"
            ));
        }
        let count = |letter: &[u8]| self.tree.scan_prefix(letter).count() as u64;
        let (heads, rechecks, fetches) = (count(b"q") + count(b"Q"), count(b"r"), count(b"f"));
        let Expected { heads: lines, rechecks: wanted, fetches: jobs, unreadable } = self.expected;
        for (what, there, expected) in [
            ("queued deliveries for lines", heads, lines),
            ("entries for leads that are read again", rechecks, wanted),
            ("entries for leads that are fetched again", fetches, jobs),
        ] {
            if there != expected {
                self.wrong(format!("there are {there} {what}, and must be {expected}"));
            }
        }
        if unreadable != 0 {
            self.wrong("leads that could not be read and their dead letters are not the same".to_owned());
        }
    }
}

/// A key's letter and numbers, without what may be a name.
fn shown(key: &[u8]) -> String {
    let letter = key.first().map_or(' ', |letter| char::from(*letter));
    match letter {
        'e' | 'b' | 'h' | 'a' | 'i' => format!("event {}", keys::u64_at(key, 1)),
        'p' => format!("event {} for destination {}", keys::u64_at(key, 5), keys::u32_at(key, 1)),
        'k' | 'g' | 'f' | 'r' => format!("lead {}", keys::last_u64(key)),
        _ => format!("kind {letter}"),
    }
}
