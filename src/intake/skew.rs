//! How far our clock and WeClever's are apart. A clock that jumped must not hide today's leads.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::clock;

/// Clocks that are no further apart are as good as the same.
const NOTHING: Duration = Duration::from_secs(300);

/// How far WeClever's clock is ahead of ours, in milliseconds.
#[derive(Default)]
pub struct Skew(AtomicI64);

impl Skew {
    /// WeClever said what time it is, between these two.
    pub fn note(&self, asked: Timestamp, date: Timestamp, answered: Timestamp) {
        let apart = clock::elapsed(date, asked).max(clock::elapsed(answered, date)) > NOTHING;
        let ahead = if apart { date.as_millisecond().saturating_sub(asked.as_millisecond()) } else { 0 };
        self.0.store(ahead, Ordering::Relaxed);
    }

    /// What time it is over there.
    pub fn there(&self, now: Timestamp) -> Timestamp {
        let there = now.as_millisecond().saturating_add(self.0.load(Ordering::Relaxed));
        Timestamp::from_millisecond(there).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clocks_that_are_far_apart_make_a_difference() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a time");
        let skew = Skew::default();
        for (date, there) in [(0, 0), (-299, 0), (301, 0), (3_600, 3_600), (-86_400, -86_400), (1, 0)] {
            skew.note(at(0), at(date), at(2));
            assert_eq!(skew.there(at(0)), at(there), "{date}");
        }
        assert_eq!(skew.there(Timestamp::MAX), Timestamp::MAX);
    }
}
