//! How long a source has been silent, and when that is so long that somebody has to hear of it.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;

/// How long nothing was read, by a clock that may jump: no step counts for more than twice what it was meant to take, so
/// that neither a machine that slept nor a clock that was set are held against the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The last good poll, or where there was none, when leadhook began to wait for one.
    pub since: Timestamp,
    lasted: Duration,
    looked: Timestamp,
    meant: Duration,
}

impl Silence {
    /// Begins now: with the service, or with a good poll.
    pub fn begins(now: Timestamp) -> Silence {
        Silence { since: now, lasted: Duration::ZERO, looked: now, meant: Duration::ZERO }
    }

    /// Looks at the clock: `None` where it has lasted as long as this; else how long to wait before the next look, which
    /// is at most `longest`.
    pub fn look(&mut self, as_long_as: Duration, longest: Duration, now: Timestamp) -> Option<Duration> {
        self.lasted += clock::elapsed(self.looked, now).min(self.meant.saturating_mul(2));
        self.looked = now;
        let left = as_long_as.checked_sub(self.lasted).filter(|left| !left.is_zero())?;
        // Where the sleep ends a little early, the next look is not the same instant.
        self.meant = left.min(longest).max(Duration::from_millis(10));
        Some(self.meant)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STALE: Duration = Duration::from_secs(900);
    const LONGEST: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Timestamp {
        clock::after(Timestamp::UNIX_EPOCH, Duration::from_secs(1_800_000_000 + seconds))
    }

    #[test]
    fn it_is_long_when_its_time_is_over_and_not_before() {
        let mut silence = Silence::begins(at(0));
        for second in (0..900).step_by(30) {
            assert_eq!(silence.look(STALE, LONGEST, at(second)), Some(LONGEST), "{second}");
        }
        assert_eq!(silence.look(STALE, LONGEST, at(899)), Some(Duration::from_secs(1)));
        assert_eq!(silence.look(STALE, LONGEST, at(900)), None);
        assert_eq!(silence.since, at(0));
    }

    #[test]
    fn a_clock_that_jumps_says_nothing_of_the_source() {
        let mut silence = Silence::begins(at(1_000_000));
        silence.look(STALE, LONGEST, at(1_000_000));
        assert_eq!(silence.look(STALE, LONGEST, at(2_000_000)), Some(LONGEST), "a day forth");
        assert_eq!(silence.look(STALE, LONGEST, at(0)), Some(LONGEST), "and back");
        let mut looks = 0;
        while silence.look(STALE, LONGEST, at(looks * 30)).is_some() {
            looks += 1;
        }
        assert_eq!(looks, 28, "and then it is counted as ever");
    }

    proptest! {
        #[test]
        fn whoever_looks_when_told_finds_it_in_time(stale in 1u64..100_000, late in prop::collection::vec(0u64..5, 1..50)) {
            let (mut silence, stale) = (Silence::begins(at(0)), Duration::from_secs(stale));
            let (mut now, mut late) = (at(0), late.into_iter().cycle());
            while let Some(wait) = silence.look(stale, LONGEST, now) {
                prop_assert!(clock::elapsed(at(0), now) < stale, "it is over");
                now = clock::after(now, wait + Duration::from_secs(late.next().unwrap_or(0)).min(wait));
            }
            let lasted = clock::elapsed(at(0), now);
            prop_assert!(lasted >= stale && lasted <= stale + LONGEST, "{:?}", lasted);
        }
    }
}
