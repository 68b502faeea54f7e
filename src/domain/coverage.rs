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

    /// A piece was read whole. Nothing below `floor` is kept; `poll`: when it was asked for, where it was the newest window.
    /// What is said to be read of the time behind that was said by a clock that ran ahead.
    pub fn note(&mut self, from: Timestamp, to: Timestamp, floor: Timestamp, poll: Option<Timestamp>) {
        self.add(from, to);
        self.forget_before(floor);
        if let Some(asked_at) = poll {
            self.forget_after(asked_at);
        }
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

    /// Drops what is known of the time after `now`: that it was read was never true, but said by a clock that was wrong.
    pub fn forget_after(&mut self, now: Timestamp) {
        let now = floor_ms(now);
        self.0.retain_mut(|part| {
            part.1 = part.1.min(now);
            part.0 < part.1
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The model: one bit for each of so many milliseconds from the epoch on.
    const SIZE: i64 = 64;

    #[derive(Clone, Debug)]
    enum Step {
        Add(i64, i64),
        Forget(i64),
        ForgetAfter(i64),
        Restart,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..SIZE, 0..SIZE).prop_map(|(from, to)| Step::Add(from, to)),
            1 => (0..SIZE).prop_map(Step::Forget),
            1 => (0..SIZE).prop_map(Step::ForgetAfter),
            1 => Just(Step::Restart),
        ];
        prop::collection::vec(step, 0..30)
    }

    fn run(steps: &[Step]) -> (Coverage, Vec<bool>) {
        let (mut coverage, mut model) = (Coverage::new(), vec![false; SIZE as usize]);
        for step in steps {
            match *step {
                Step::Add(from, to) => {
                    coverage.add(at(from), at(to));
                    (from..to).for_each(|ms| model[ms as usize] = true);
                }
                Step::Forget(floor) => {
                    coverage.forget_before(at(floor));
                    model[..floor as usize].fill(false);
                }
                Step::ForgetAfter(now) => {
                    coverage.forget_after(at(now));
                    model[now as usize..].fill(false);
                }
                Step::Restart => {
                    let stored = rmp_serde::to_vec(&coverage).expect("serializes");
                    coverage = rmp_serde::from_slice(&stored).expect("deserializes");
                }
            }
        }
        (coverage, model)
    }

    proptest! {
        #[test]
        fn it_is_as_a_bitmap_would_be(steps in steps(), from in 0..SIZE, to in 0..SIZE) {
            let (coverage, model) = run(&steps);
            for pair in coverage.parts().windows(2) {
                prop_assert!(pair[0].1 < pair[1].0, "not apart: {:?}", coverage);
            }
            let read: Vec<bool> =
                (0..SIZE).map(|ms| coverage.parts().iter().any(|part| (part.0..part.1).contains(&ms))).collect();
            prop_assert_eq!(&read, &model);

            let all = (from..to).all(|ms| model[ms as usize]);
            prop_assert_eq!(coverage.covers(at(from), at(to)), all);

            let gaps = coverage.gaps(at(from), at(to));
            for ms in 0..SIZE {
                let missing = (from..to).contains(&ms) && !model[ms as usize];
                prop_assert_eq!(gaps.iter().any(|gap| gap.0 <= at(ms) && at(ms) < gap.1), missing, "{} in {:?}", ms, gaps);
            }
            for pair in gaps.windows(2) {
                prop_assert!(pair[0].1 < pair[1].0);
            }

            let mut filled = coverage.clone();
            gaps.iter().for_each(|gap| filled.add(gap.0, gap.1));
            prop_assert!(filled.covers(at(from), at(to)));
            prop_assert_eq!(Coverage::from_parts(coverage.parts().iter().rev().copied()), coverage);
        }

        #[test]
        fn less_than_a_millisecond_never_counts_as_read(
            added in (0i128..5_000_000, 0i128..5_000_000),
            asked in (0i128..5_000_000, 0i128..5_000_000),
        ) {
            let at = |nanos| Timestamp::from_nanosecond(nanos).expect("a time");
            let mut coverage = Coverage::new();
            coverage.add(at(added.0), at(added.1));
            if asked.0 < asked.1 && coverage.covers(at(asked.0), at(asked.1)) {
                prop_assert!(added.0 <= asked.0 && asked.1 <= added.1);
            }
            for gap in coverage.gaps(at(asked.0), at(asked.1)) {
                prop_assert!(at(asked.0) <= gap.0 && gap.0 < gap.1 && gap.1 <= at(asked.1));
            }
        }

        #[test]
        fn nothing_that_is_stored_can_panic(parts in prop::collection::vec((any::<i64>(), any::<i64>()), 0..10)) {
            let mut coverage = Coverage::from_parts(parts);
            coverage.add(Timestamp::MIN, Timestamp::UNIX_EPOCH);
            coverage.gaps(Timestamp::MIN, Timestamp::MAX);
            coverage.covers(Timestamp::MIN, Timestamp::MAX);
            coverage.forget_before(Timestamp::MAX);
        }
    }

    #[test]
    fn it_is_stored_as_pairs_of_milliseconds() {
        let mut coverage = Coverage::new();
        coverage.add(at(1_000), at(2_000));
        coverage.add(at(5_000), at(6_000));
        assert_eq!(serde_json::to_string(&coverage).expect("serializes"), "[[1000,2000],[5000,6000]]");
        coverage.add(at(2_000), at(5_000));
        assert_eq!(coverage.parts(), [(1_000, 6_000)]);
    }
}
