//! What is known of the leads seen so far, packed: many leads to a record.
//!
//! One record a lead would cost sled some 200 bytes of memory each. A run holds the leads from its key up to the next
//! run's key, whether their numbers lie close together or far apart, and is cut in two when it grows past [`LARGEST`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::keys::{self, DestinationNo, PlatformNo, Seq};
use super::records::{self, Settled, from_ms, to_ms};
use super::tree::Tree;
use crate::domain::event::EventType;
use crate::domain::lead::LeadId;
use crate::domain::seen;
use crate::domain::window::Window;

/// A run's bytes before it is cut: far enough below the size at which sled leaves its log.
const LARGEST: usize = 4 * 1024;

/// Everything that is kept of a seen lead, for ever.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub standing: Standing,
    /// The `mapped_status` of its last event, or of the listing that made it known.
    pub status: Option<String>,
    /// When it was first listed.
    pub listed: i64,
    /// The stretch whose listing showed it: it was finalized in there.
    pub from: i64,
    pub to: i64,
    /// Its events, in order.
    pub happened: Vec<Happened>,
    /// What became of them, for each destination.
    pub outcomes: Vec<AtDestination>,
    /// Four bytes of the digest of its watched fields, at the last reading.
    #[serde(default)]
    pub watched: u32,
    /// The mark of its rating, at the last reading.
    #[serde(default)]
    pub rating: Option<u32>,
    /// That it is read again for want of a rating. Whoever ends what is known of a lead ends the entry under `r` as well.
    #[serde(default)]
    pub recheck: Option<Recheck>,
}

/// That a lead is read again.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recheck {
    /// When: the entry's place under `r`.
    pub due: i64,
    /// Four bytes that tell one `client_lead_id` from another: what the entry holds is kept up with the lists.
    pub client: u32,
}

/// How far leadhook has got with a lead.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(into = "u8", try_from = "u8")]
pub enum Standing {
    /// It was there before leadhook began.
    #[default]
    Baseline,
    /// Its details are still to be read: a fetch job is on disk.
    SetAside,
    /// Its details were given up on: a dead letter is on disk, or a person dropped it.
    Unreadable,
    /// Its events are recorded.
    Recorded,
    /// A person had it forgotten: nothing but this is known of it, and when (`listed`).
    Forgotten,
}

impl From<Standing> for u8 {
    fn from(standing: Standing) -> u8 {
        match standing {
            Standing::Baseline => 0,
            Standing::SetAside => 1,
            Standing::Unreadable => 2,
            Standing::Recorded => 3,
            Standing::Forgotten => 4,
        }
    }
}

impl TryFrom<u8> for Standing {
    type Error = String;

    fn try_from(code: u8) -> Result<Standing, String> {
        let all =
            [Standing::Baseline, Standing::SetAside, Standing::Unreadable, Standing::Recorded, Standing::Forgotten];
        all.into_iter()
            .find(|standing| u8::from(*standing) == code)
            .ok_or_else(|| format!("a lead's standing {code} is newer than this leadhook"))
    }
}

/// One event of a lead.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    pub event_type: u8,
    /// A hash of the subject, to count the earlier ones of the same type and subject.
    pub subject: u64,
    pub seq: Seq,
}

/// Where a lead stands with one destination.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct AtDestination {
    pub destination: DestinationNo,
    /// The event of the last change.
    pub seq: Seq,
    /// `None`: pending.
    pub state: Option<Settled>,
    /// The latest event that was delivered; 0 for none.
    pub delivered: Seq,
    /// The line: the lead's events that are pending there, in order.
    pub line: Vec<Seq>,
}

impl Known {
    /// All that is left of a lead that is forgotten.
    pub fn forgotten(at: i64) -> Known {
        Known { standing: Standing::Forgotten, listed: at, ..Known::default() }
    }

    /// Whether nothing may ever be known of it again.
    pub fn is_forgotten(&self) -> bool {
        self.standing == Standing::Forgotten
    }

    /// The stretch in which it was finalized.
    pub fn stretch(&self) -> Window {
        Window { from: from_ms(self.from), to: from_ms(self.to) }
    }

    /// It was finalized in there, for the first time or again.
    pub fn finalized_in(&mut self, window: Window) {
        (self.from, self.to) = (to_ms(window.from), to_ms(window.to));
    }

    /// Listed by this window too; true where that makes the stretch narrower.
    pub fn narrow(&mut self, window: Window) -> bool {
        let narrower = seen::narrowed(self.stretch(), window);
        narrower.inspect(|narrower| self.finalized_in(*narrower)).is_some()
    }

    /// How many events of this type and subject the lead has had.
    pub fn earlier(&self, event_type: EventType, subject: &str) -> u32 {
        let (code, subject) = (records::event_code(event_type), subject_hash(subject));
        self.happened.iter().filter(|h| h.event_type == code && h.subject == subject).count() as u32
    }

    /// Notes what became of an event at a destination.
    pub fn settle(&mut self, destination: DestinationNo, seq: Seq, state: Option<Settled>) {
        let at = self.at(destination);
        // An older event that is settled late says nothing of the newer one.
        if seq >= at.seq {
            (at.seq, at.state) = (seq, state);
        }
        if state == Some(Settled::Delivered) {
            at.delivered = at.delivered.max(seq);
        }
    }

    /// The line at a destination.
    pub fn line_at(&mut self, destination: DestinationNo) -> &mut Vec<Seq> {
        &mut self.at(destination).line
    }

    fn at(&mut self, destination: DestinationNo) -> &mut AtDestination {
        let i = self.outcomes.iter().position(|o| o.destination == destination).unwrap_or_else(|| {
            self.outcomes.push(AtDestination { destination, seq: 0, state: None, delivered: 0, line: Vec::new() });
            self.outcomes.len() - 1
        });
        &mut self.outcomes[i]
    }

    /// The latest event that was delivered there; 0 for none.
    pub fn delivered_at(&self, destination: DestinationNo) -> Seq {
        self.outcomes.iter().find(|o| o.destination == destination).map_or(0, |o| o.delivered)
    }
}

/// Eight bytes of the subject's SHA-256.
pub fn subject_hash(subject: &str) -> u64 {
    Sha256::digest(subject.as_bytes()).first_chunk::<8>().map_or(0, |b| u64::from_be_bytes(*b))
}

/// The leads of one record, in order.
pub type Run = Vec<(u64, Known)>;

/// A key and what is to stand under it.
type Record = (Vec<u8>, Vec<u8>);

/// The runs that a group of commits has touched, decoded once and written once.
#[derive(Default)]
pub struct Runs {
    touched: BTreeMap<Vec<u8>, Touched>,
}

struct Touched {
    run: Run,
    /// The next run's key: runs are cut only when they are written, so it stays where it is.
    next: Option<Vec<u8>>,
    changed: bool,
}

impl Runs {
    /// The run that holds this lead, or is to hold it.
    fn around(&mut self, tree: &Tree, platform: PlatformNo, lead: LeadId) -> Result<&mut Touched, StoreError> {
        let (lowest, wanted) = (keys::runs(platform), keys::run(platform, lead));
        let near = self.touched.range(lowest.clone()..=wanted.clone()).next_back();
        // Leads come in the order of their numbers, so that most of them find the run of the one before.
        let near = near.filter(|(_, touched)| touched.next.as_ref().is_none_or(|next| wanted < *next));
        let key = match near.map(|(key, _)| key.clone()) {
            Some(key) => key,
            None => self.load(tree, platform, &lowest, wanted)?,
        };
        self.touched.get_mut(&key).ok_or_else(|| StoreError::Record("a run of leads was lost".into()))
    }

    fn load(
        &mut self,
        tree: &Tree,
        platform: PlatformNo,
        lowest: &[u8],
        wanted: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let there = tree.range(lowest.to_vec()..=wanted).next_back().transpose()?;
        let (key, run) = match there {
            Some((key, bytes)) => (key.to_vec(), records::decode(&bytes)?),
            None => (keys::run(platform, LeadId(0)), Run::new()),
        };
        let after = (std::ops::Bound::Excluded(key.clone()), std::ops::Bound::Unbounded);
        let next = tree.range(after).next().transpose()?.map(|(next, _)| next.to_vec());
        self.touched.insert(key.clone(), Touched { run, next, changed: false });
        Ok(key)
    }

    /// What is known of this lead, this group's commits included.
    pub fn get(&mut self, tree: &Tree, platform: PlatformNo, lead: LeadId) -> Result<Option<Known>, StoreError> {
        let run = &self.around(tree, platform, lead)?.run;
        Ok(run.binary_search_by_key(&lead.0, |(id, _)| *id).ok().map(|at| run[at].1.clone()))
    }

    /// Writes what is known of this lead; true where it was not known before.
    pub fn put(&mut self, tree: &Tree, platform: PlatformNo, lead: LeadId, known: Known) -> Result<bool, StoreError> {
        let touched = self.around(tree, platform, lead)?;
        touched.changed = true;
        let run = &mut touched.run;
        match run.binary_search_by_key(&lead.0, |(id, _)| *id) {
            Ok(at) => {
                run[at].1 = known;
                Ok(false)
            }
            Err(at) => {
                run.insert(at, (lead.0, known));
                Ok(true)
            }
        }
    }

    /// Forgets all that is known of this lead.
    pub fn remove(&mut self, tree: &Tree, platform: PlatformNo, lead: LeadId) -> Result<(), StoreError> {
        let touched = self.around(tree, platform, lead)?;
        if let Ok(at) = touched.run.binary_search_by_key(&lead.0, |(id, _)| *id) {
            touched.changed = true;
            touched.run.remove(at);
        }
        Ok(())
    }

    /// The changed runs as records, the grown ones cut.
    pub fn into_records(self) -> Result<Vec<Record>, StoreError> {
        let mut out = Vec::new();
        for (key, touched) in self.touched {
            if touched.changed {
                cut(key, touched.run, &mut out)?;
            }
        }
        Ok(out)
    }
}

fn cut(key: Vec<u8>, mut run: Run, out: &mut Vec<Record>) -> Result<(), StoreError> {
    let bytes = records::encode(&run)?;
    if bytes.len() <= LARGEST || run.len() < 2 {
        out.push((key, bytes));
        return Ok(());
    }
    // Numbers mostly grow, so the lower part is nearly full for good and the upper one has room.
    let upper = run.split_off(run.len() * 3 / 4);
    // The letter and the platform.
    let mut upper_key = key[..3].to_vec();
    upper_key.extend_from_slice(&upper[0].0.to_be_bytes());
    cut(key, run, out)?;
    cut(upper_key, upper, out)
}

/// What is known of these leads; a run is read and decoded once for all that it holds.
pub fn look_up(tree: &Tree, platform: PlatformNo, leads: &[LeadId]) -> Result<Vec<Option<Known>>, StoreError> {
    let mut order: Vec<usize> = (0..leads.len()).collect();
    order.sort_unstable_by_key(|&i| leads[i]);
    let mut found = vec![None; leads.len()];
    let mut current: Option<(Run, Option<u64>)> = None;
    for i in order {
        let lead = leads[i];
        let inside = current.as_ref().is_some_and(|(_, next)| next.is_none_or(|next| lead.0 < next));
        if !inside {
            current = Some(run_around(tree, platform, lead)?);
        }
        if let Some((run, _)) = &mut current
            && let Ok(at) = run.binary_search_by_key(&lead.0, |(id, _)| *id)
        {
            found[i] = Some(run[at].1.clone());
        }
    }
    Ok(found)
}

/// The run that would hold this lead, and where the next one begins.
fn run_around(tree: &Tree, platform: PlatformNo, lead: LeadId) -> Result<(Run, Option<u64>), StoreError> {
    let (bytes, next) = bytes_around(tree, platform, lead)?;
    Ok((bytes.map(|bytes| records::decode(&bytes)).transpose()?.unwrap_or_default(), next))
}

/// The same, not yet decoded.
pub fn bytes_around(
    tree: &Tree,
    platform: PlatformNo,
    lead: LeadId,
) -> Result<(Option<sled::IVec>, Option<u64>), StoreError> {
    let (lowest, wanted) = (keys::runs(platform), keys::run(platform, lead));
    let run = tree.range(lowest.clone()..=wanted.clone()).next_back().transpose()?.map(|(_, bytes)| bytes);
    let next = tree.range((std::ops::Bound::Excluded(wanted), std::ops::Bound::Unbounded)).next().transpose()?;
    let next = next.filter(|(key, _)| key.starts_with(&lowest)).map(|(key, _)| keys::last_u64(&key));
    Ok((run, next))
}
