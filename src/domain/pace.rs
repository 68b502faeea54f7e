//! Rates: how many in how long, and when the next may go.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{clock, retry_after};

/// So many in a second, a minute or an hour: `50/s`, `120/m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At least 1.
    pub count: u32,
    /// One second, one minute or one hour.
    pub per: Duration,
}

impl Rate {
    /// Reads `50/s`, `120/m`, `3000/h`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, fit to be shown under the value.
    pub fn parse(text: &str) -> Result<Rate, String> {
        let wrong = || format!("`{text}` is not a rate; write for example 50/s, 120/m or 3000/h");
        let (count, per) = text.trim().split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per = match per.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        if count == 0 {
            return Err(format!(
                "`{text}` would send nothing at all; leave the rate out for no limit, or pause the destination"
            ));
        }
        Ok(Rate { count, per: Duration::from_secs(per) })
    }
    /// How many may go at once after a rest: one second's worth, at least 1.
    pub fn burst(self) -> u32 {
        let seconds = u32::try_from(self.per.as_secs()).unwrap_or(u32::MAX).max(1);
        (self.count / seconds).max(1)
    }
}

/// A bucket of tokens: so many at once, then one whenever its share of the time has passed.
///
/// In any stretch of time no more go than `burst` and what the rate grants for that stretch.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The time that one token takes to come back.
    each: Duration,
    /// The time that all tokens but one take to come back.
    slack: Duration,
    /// When the bucket is full again.
    full_at: Option<Instant>,
}

impl Bucket {
    /// A full bucket. [`Rate::burst`] is a good `burst`; 0 counts as 1.
    pub fn new(rate: Rate, burst: u32) -> Bucket {
        let nanos = rate.per.as_nanos().div_ceil(u128::from(rate.count.max(1)));
        let each = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Bucket { each, slack: each.saturating_mul(burst.max(1) - 1), full_at: None }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When the next one is there, if there is none now; nothing was taken then.
    pub fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let missing = full_at - now;
        if missing > self.slack {
            return Err(now + (missing - self.slack));
        }
        self.full_at = Some(full_at + self.each);
        Ok(())
    }
}

/// How long a destination or the source rests that says "too many": as long as it asks for, or longer and longer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Throttle {
    /// The last pause that nobody had asked for by its length.
    grown: Option<Duration>,
    /// When the last pause was decided, and until when it lasts.
    paused: Option<(Timestamp, Timestamp)>,
}

impl Throttle {
    /// The first pause of a destination that does not say how long.
    pub const FIRST: Duration = Duration::from_secs(1);

    /// The longest pause of a destination that does not say how long.
    pub const LONGEST: Duration = Duration::from_secs(300);

    /// The pause that follows: what was asked for, within the limits of `Retry-After`, or twice the last one.
    pub fn pause(&mut self, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.clamp(retry_after::SHORTEST, retry_after::LONGEST);
        }
        let next = self.grown.map_or(Throttle::FIRST, |last| (last * 2).min(Throttle::LONGEST));
        self.grown = Some(next);
        next
    }

    /// As [`pause`](Throttle::pause), for attempts that run beside each other: an answer to one that `began` before the
    /// last pause was decided tells nothing new, so it does not make the pause grow. Gives what is left of the pause
    /// from `now` on.
    pub fn pause_from(&mut self, asked: Option<Duration>, began: Timestamp, now: Timestamp) -> Duration {
        let known = self.paused.filter(|(decided, _)| began <= *decided && *decided <= now);
        let pause = match (known, asked) {
            (Some((_, until)), None) => clock::elapsed(now, until).max(retry_after::SHORTEST),
            (Some((_, until)), Some(_)) => clock::elapsed(now, until).max(self.pause(asked)),
            (None, _) => self.pause(asked),
        };
        self.paused = Some((now, clock::after(now, pause)));
        pause
    }

    /// An attempt was accepted: the next pause is a short one again.
    pub fn success(&mut self) {
        self.grown = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).expect("a rate")
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        assert_eq!(rate("50/s"), Rate { count: 50, per: S(1) });
        assert_eq!(rate(" 120 / m "), Rate { count: 120, per: S(60) });
        assert_eq!(rate("3000/h"), Rate { count: 3_000, per: S(3_600) });
        for wrong in ["", "50", "0/s", "-1/s", "1.5/s", "50/d", "5000000000/s"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_burst_is_one_seconds_worth() {
        for (text, burst) in [("50/s", 50), ("1/s", 1), ("120/m", 2), ("59/m", 1), ("3000/h", 1), ("36000/h", 10)] {
            assert_eq!(rate(text).burst(), burst, "{text}");
        }
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(rate("10/s"), 3);
        assert_eq!([(); 3].map(|()| bucket.take(start)), [Ok(()); 3]);
        let next = start + Duration::from_millis(100);
        assert_eq!(bucket.take(start), Err(next));
        assert_eq!(bucket.take(next - Duration::from_nanos(1)), Err(next));
        assert_eq!(bucket.take(next), Ok(()));
        assert_eq!(bucket.take(next), Err(start + Duration::from_millis(200)));
        // After a rest it is full, and never fuller.
        let rested = start + S(3_600);
        assert_eq!([(); 3].map(|()| bucket.take(rested)), [Ok(()); 3]);
        assert!(bucket.take(rested).is_err());
        // Threads may look at the clock in one order and come here in another.
        assert!(bucket.take(start).is_err());
    }

    #[test]
    fn a_pause_nobody_measured_doubles_until_a_success() {
        let mut throttle = Throttle::default();
        let pauses: Vec<_> = (0..11).map(|_| throttle.pause(None).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(throttle.pause(Some(S(7))), S(7));
        assert_eq!(throttle.pause(Some(S(0))), S(1));
        assert_eq!(throttle.pause(Some(Duration::MAX)), S(86_400));
        throttle.success();
        assert_eq!(throttle.pause(None), S(1));
    }

    #[test]
    fn attempts_beside_each_other_make_one_pause() {
        let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("a time");
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pause_from(None, at(0), at(100)), S(1));
        for late in 1..8 {
            throttle.pause_from(None, at(0), at(100 + late));
        }
        // The next attempt after the pause is the first that says something new.
        assert_eq!(throttle.pause_from(None, at(1_200), at(1_300)), S(2));
        assert_eq!(throttle.pause_from(None, at(1_200), at(1_800)), Duration::from_millis(1_500));
        // A longer wish counts, a shorter one does not shorten.
        assert_eq!(throttle.pause_from(Some(S(60)), at(1_250), at(1_900)), S(60));
        assert_eq!(throttle.pause_from(Some(S(5)), at(1_250), at(11_900)), S(50));
        // A clock that was set back is no reason to pause for the difference.
        assert_eq!(throttle.pause_from(None, at(-86_400_000), at(-86_400_000)), S(4));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_sees_more_than_burst_and_rate(
            count in 1u32..200,
            per in prop_oneof![Just(1u64), Just(60), Just(3_600)],
            burst in 0u32..50,
            waits in prop::collection::vec(prop_oneof![Just(0u64), 0u64..100_000_000, 0u64..20_000_000_000], 1..200),
        ) {
            let rate = Rate { count, per: S(per) };
            let mut bucket = Bucket::new(rate, burst);
            let start = Instant::now();
            let (mut now, mut taken) = (start, Vec::new());
            for wait in waits {
                now += Duration::from_nanos(wait);
                match bucket.take(now) {
                    Ok(()) => taken.push(now),
                    Err(next) => {
                        prop_assert!(next > now && next - now <= S(per));
                        // What was promised is kept.
                        prop_assert_eq!(bucket.clone().take(next), Ok(()));
                    }
                }
            }
            for (i, from) in taken.iter().enumerate() {
                for (j, to) in taken.iter().enumerate().skip(i) {
                    let granted = (*to - *from).as_secs_f64() * f64::from(count) / (per as f64);
                    prop_assert!((j - i + 1) as f64 <= granted + f64::from(burst.max(1)) + 1e-6);
                }
            }
        }
    }
}
