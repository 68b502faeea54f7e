//! Coverage: the stretches of time whose list was read whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Stretches of time, sorted, half-open and apart from each other, in milliseconds since the epoch.
///
/// What does not fall on a whole millisecond is rounded so that never more counts as covered than was.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(i64, i64)>", into = "Vec<(i64, i64)>")]
pub struct Coverage(Vec<(i64, i64)>);

impl Coverage {
    /// Nothing.
    pub fn new() -> Coverage {
        Coverage::default()
    }

    /// Takes stretches of milliseconds in any order; those that are empty or turned round are left out.
    pub fn from_parts(parts: impl IntoIterator<Item = (i64, i64)>) -> Coverage {
        let mut parts: Vec<(i64, i64)> = parts.into_iter().filter(|(from, to)| from < to).collect();
        parts.sort_unstable();
        let mut apart: Vec<(i64, i64)> = Vec::with_capacity(parts.len());
        for (from, to) in parts {
            match apart.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => apart.push((from, to)),
            }
        }
        Coverage(apart)
    }

    /// The stretches `[from, to)`, sorted, none touching the next.
    pub fn parts(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Everything in `[from, to)` has been read.
    pub fn add(&mut self, from: Timestamp, to: Timestamp) {
        let (mut from, mut to) = (ceil_ms(from), floor_ms(to));
        if from >= to {
            return;
        }
        // Those that the new stretch meets or touches become one with it.
        let first = self.0.partition_point(|part| part.1 < from);
        let behind = self.0.partition_point(|part| part.0 <= to);
        for part in &self.0[first..behind] {
            from = from.min(part.0);
            to = to.max(part.1);
        }
        self.0.splice(first..behind, [(from, to)]);
    }

    /// Whether all of `[from, to)` has been read. Nothing is always covered.
    pub fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        let (from, to) = (floor_ms(from), ceil_ms(to));
        if from >= to {
            return true;
        }
        let next = self.0.partition_point(|part| part.1 <= from);
        self.0.get(next).is_some_and(|part| part.0 <= from && to <= part.1)
    }

    /// What of `[floor, until)` has not been read, oldest first.
    pub fn gaps(&self, floor: Timestamp, until: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut gaps = Vec::new();
        let mut open = floor;
        let next = self.0.partition_point(|part| part.1 <= floor_ms(floor));
        for part in &self.0[next..] {
            if at(part.0) >= until || open >= until {
                break;
            }
            if at(part.0) > open {
                gaps.push((open, at(part.0)));
            }
            open = open.max(at(part.1));
        }
        if open < until {
            gaps.push((open, until));
        }
        gaps
    }

    /// Drops what is known of the time before `floor`, so that the stretches do not pile up.
    pub fn forget_before(&mut self, floor: Timestamp) {
        let floor = floor_ms(floor);
        self.0.retain_mut(|part| {
            part.0 = part.0.max(floor);
            part.0 < part.1
        });
    }
}

impl From<Vec<(i64, i64)>> for Coverage {
    fn from(parts: Vec<(i64, i64)>) -> Coverage {
        Coverage::from_parts(parts)
    }
}

impl From<Coverage> for Vec<(i64, i64)> {
    fn from(coverage: Coverage) -> Vec<(i64, i64)> {
        coverage.0
    }
}

fn floor_ms(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MIN)
}

fn ceil_ms(at: Timestamp) -> i64 {
    i64::try_from((at.as_nanosecond() + 999_999).div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

fn at(ms: i64) -> Timestamp {
    let limit = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(limit)
}
