//! When a lead without a rating is read again.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;

/// Ages, since a lead was listed, at which it is read again while it has no rating. In order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ages(Vec<Duration>);

impl Default for Ages {
    fn default() -> Ages {
        let minutes = [1, 3, 8, 15, 30, 60, 3 * 60, 8 * 60, 24 * 60, 72 * 60];
        Ages::of(minutes.map(|minutes| Duration::from_secs(minutes * 60)))
    }
}

impl Ages {
    /// In any order.
    pub fn of(ages: impl IntoIterator<Item = Duration>) -> Ages {
        let mut ages: Vec<Duration> = ages.into_iter().collect();
        ages.sort_unstable();
        ages.dedup();
        Ages(ages)
    }

    /// When a lead that was listed at `listed` and read at `now` is to be read next; `None` where it is too old. Ages that
    /// passed meanwhile are not made up for: one reading tells as much as five.
    pub fn next(&self, listed: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let age = clock::elapsed(listed, now);
        let next = *self.0.iter().find(|next| **next > age)?;
        // Of a clock that was set back since, the shorter wait counts.
        Some(clock::after(listed, next).min(clock::after(now, next - age)))
    }

    /// Whether a lead of this age is still to be read.
    pub fn is_over(&self, listed: Timestamp, now: Timestamp) -> bool {
        self.0.last().is_none_or(|last| clock::elapsed(listed, now) >= *last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    #[test]
    fn the_next_age_is_the_first_that_has_not_passed() {
        let ages = Ages::of([S(480), S(60), S(180), S(60)]);
        assert_eq!(ages.next(at(0), at(0)), Some(at(60)));
        assert_eq!(ages.next(at(0), at(60)), Some(at(180)));
        // Out of service for a while.
        assert_eq!(ages.next(at(0), at(200)), Some(at(480)));
        assert_eq!(ages.next(at(0), at(480)), None);
        assert!(ages.is_over(at(0), at(480)) && !ages.is_over(at(0), at(479)));
        assert_eq!(Ages::of([]).next(at(0), at(0)), None);
        assert!(Ages::of([]).is_over(at(0), at(0)));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_up_nothing() {
        assert_eq!(Ages::of([S(60)]).next(at(86_400), at(0)), Some(at(60)));
    }

    proptest! {
        #[test]
        fn there_is_an_end_and_no_wait_is_longer_than_an_age(
            ages in prop::collection::vec(1u64..300_000, 1..12),
            late in prop::collection::vec(0i64..100_000, 12),
        ) {
            let (ages, last) = (Ages::of(ages.iter().copied().map(S)), ages.iter().max().copied().unwrap_or(0));
            let (mut now, mut reads) = (at(0), 0);
            while let Some(next) = ages.next(at(0), now) {
                prop_assert!(next > now && next <= at(last as i64));
                now = next + S(late[reads] as u64);
                reads += 1;
            }
            prop_assert!(ages.is_over(at(0), now) && reads <= 12);
        }
    }
}
