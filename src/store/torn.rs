//! A segment of the log that does not read to its end, in a store that was not closed: torn, or damaged?
//!
//! A power loss leaves such segments in two ways. What was written since the last sync may be there or not: that is behind the
//! last commit that was acknowledged. And a segment may lie there half as it was and half as what it was about to be used for
//! next: then nothing in it counts any more. In any other, sled would go on without what does not read, and nobody would know.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use super::keys;
use super::salvage::Salvage;
use super::segments::{self, Damaged, Messages, SEGMENT, Segment};
use super::tide;

/// Whether the log holds this commit, or one that came soon after it, before the place at which sled will take it to end; what lies
/// behind that place sled wipes as it opens the store, and then nobody can save it any more.
///
/// # Errors
/// The log cannot be read.
pub fn reaches(inner: &Path, commit: u64) -> io::Result<bool> {
    let Some(mut log) = segments::log(inner)? else { return Ok(false) };
    // Beginnings that do not read are told of by others.
    let Ok(there) = segments::all(&mut log)? else { return Ok(true) };
    let from = segments::snapshot(inner)?.max(stable(&there)) / SEGMENT as u64 * SEGMENT as u64;
    // Where the log may end there are no gaps in it.
    let (mut expected, mut tail) = (from, Vec::new());
    for segment in there.iter().filter(|segment| segment.number >= from) {
        if segment.number != expected {
            break;
        }
        tail.push(*segment);
        if segment.reads(&mut log)? < SEGMENT {
            break;
        }
        expected += SEGMENT as u64;
    }
    // It is among the last things, nearly always.
    let before = there.iter().rev().filter(|segment| segment.number < from).copied();
    let searched: Vec<Segment> = tail.into_iter().rev().chain(before).collect();
    // A kill comes between a commit and the note of it.
    if hold_one_of(&mut log, &searched, commit..=commit.saturating_add(2))? {
        return Ok(true);
    }
    // A power loss may have left an old note: then the commit may be gone from the log, for one that came long after it.
    let last = last_commit(inner)?.unwrap_or(u64::MAX);
    Ok(match last.checked_sub(commit) {
        None => false,
        Some(0..=MOST) => hold_one_of(&mut log, &searched, commit..=last)?,
        // Nobody knows; it is looked at again once the store is open.
        Some(_) => true,
    })
}

/// So many commits are looked for at the most.
const MOST: u64 = 1_000_000;

/// Whether one of these commits left its trace in one of these segments.
fn hold_one_of(log: &mut File, segments: &[Segment], commits: RangeInclusive<u64>) -> io::Result<bool> {
    let traces: HashSet<_> = commits.map(tide::trace).collect();
    for segment in segments {
        let bytes = segment.bytes(log)?;
        // Three are compared faster than they are hashed.
        let is_one = |there: &[u8]| match traces.len() {
            0..=3 => traces.iter().any(|trace| trace == there),
            _ => traces.contains(there),
        };
        let holds = |body: &[u8]| body.windows(tide::TRACE).any(is_one);
        if Messages::new(&bytes, segment.number).any(|(_, message)| holds(message.body)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The last commit that can be read of the log, behind the place at which sled takes it to end as well.
fn last_commit(inner: &Path) -> io::Result<Option<u64>> {
    let Some(mut salvage) = Salvage::of(inner)? else { return Ok(None) };
    let mut last = None;
    salvage.each(|key, value| {
        if key == keys::COMMITS {
            last = tide::recorded(value).map(|(commit, _)| commit);
        }
        last.is_none()
    })?;
    Ok(last)
}

/// Up to where the log was written for sure, by the beginnings of its segments.
fn stable(there: &[Segment]) -> u64 {
    u64::try_from(there.iter().map(Segment::stable).max().unwrap_or(-1)).unwrap_or(0)
}

/// So many of the last commits are looked for: where a page was just written anew, some of them leave no trace.
const COMMITS: u64 = 64;

/// A segment that does not read to its end.
struct Broken {
    at: u64,
    number: u64,
    /// How much of it reads.
    reads: usize,
    bytes: Vec<u8>,
}

/// The first segment that is damaged, of those that sled reads as it opens the store.
///
/// # Errors
/// The log cannot be read.
pub fn first_damaged(directory: &Path, inner: &Path) -> io::Result<Option<Damaged>> {
    let Some(mut log) = segments::log(inner)? else { return Ok(None) };
    let from = segments::snapshot(inner)?;
    let mut there = match segments::all(&mut log)? {
        Ok(there) => there,
        Err(damaged) => return Ok(Some(damaged)),
    };
    let mut broken = without_a_beginning(&mut log, &there)?;
    there.retain(|segment| segment.number + SEGMENT as u64 > from);
    // sled looks for the log's end from here on, and finds it where a message does not read; whether that is far enough is
    // seen when it is open.
    let tail = stable(&there) / SEGMENT as u64 * SEGMENT as u64;
    for segment in there.iter().filter(|segment| segment.number < tail) {
        let reads = segment.reads(&mut log)?;
        if reads < SEGMENT {
            broken.push(Broken { at: segment.at, number: segment.number, reads, bytes: segment.bytes(&mut log)? });
        }
    }
    broken.retain(|broken| broken.number < tail && broken.number + SEGMENT as u64 > from);
    if broken.is_empty() {
        return Ok(None);
    }
    let said = Said::of(&mut log, &there, tide::read(directory))?;
    let damaged = broken.iter().find(|broken| said.still_counts(broken));
    Ok(damaged.map(|broken| Damaged { at: broken.at }))
}

/// Segments whose beginning is wiped and whose content is not.
fn without_a_beginning(log: &mut File, there: &[Segment]) -> io::Result<Vec<Broken>> {
    let length = log.metadata()?.len();
    let mut found = Vec::new();
    for at in (0..length).step_by(SEGMENT).filter(|at| !there.iter().any(|segment| segment.at == *at)) {
        let bytes = segments::bytes(log, at)?;
        if let Some(number) = segments::number_by_content(&bytes) {
            found.push(Broken { at, number, reads: 0, bytes });
        }
    }
    Ok(found)
}

/// What the log says.
struct Said {
    /// By page, where it was last said anew what it holds.
    anew: HashMap<u64, u64>,
    /// All before this is on the platter.
    acknowledged: u64,
}

impl Said {
    fn of(log: &mut File, segments: &[Segment], commit: Option<u64>) -> io::Result<Said> {
        let commits = commit.map_or(0..0, |commit| commit.saturating_sub(COMMITS)..commit + 1);
        let traces: HashSet<_> = commits.map(tide::trace).collect();
        let mut said = Said { anew: HashMap::new(), acknowledged: 0 };
        // In the order of the log.
        for segment in segments {
            let bytes = segment.bytes(log)?;
            for (at, message) in Messages::new(&bytes, segment.number) {
                let number = segment.number + at as u64;
                if message.replaces() {
                    said.anew.insert(message.page, number);
                } else if message.adds() && message.body.last_chunk().is_some_and(|end| traces.contains(end)) {
                    said.acknowledged = number;
                }
            }
        }
        Ok(said)
    }

    /// Whether this one was whole, and something in it still counts.
    fn still_counts(&self, broken: &Broken) -> bool {
        if broken.number + broken.reads as u64 >= self.acknowledged {
            return false;
        }
        // The file was cut, and nobody knows what lay behind that.
        if broken.bytes.len() < SEGMENT {
            return true;
        }
        let mut messages = Messages::new(&broken.bytes, broken.number);
        while let Some((at, message)) = messages.skips() {
            let number = broken.number + at as u64;
            let is_said_of_a_page = message.replaces() || message.adds();
            if is_said_of_a_page && self.anew.get(&message.page).is_none_or(|anew| *anew <= number) {
                return true;
            }
        }
        false
    }
}
