//! Rates: how many in how long, and when the next may go.

use std::time::{Duration, Instant};

use super::{retry_after, span};

/// So many in a second, a minute, an hour, or any other stretch of time: `50/s`, `120/m`, `24/24h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At least 1.
    pub count: u32,
    /// Longer than nothing.
    pub per: Duration,
}

impl Rate {
    /// Reads `50/s`, `120/m`, `3000/h`, `24/24h`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, fit to be shown under the value.
    pub fn parse(text: &str) -> Result<Rate, String> {
        let wrong = || format!("`{text}` is not a rate; write for example 50/s, 120/m or 3000/h");
        let (count, per) = text.trim().split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per = match per.trim() {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3_600),
            long => span::parse(long).ok().filter(|per| !per.is_zero()).ok_or_else(wrong)?,
        };
        if count == 0 {
            return Err(format!(
                "`{text}` would send nothing at all; leave the rate out for no limit, or pause the destination"
            ));
        }
        Ok(Rate { count, per })
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
    /// A full bucket. [`Rate::burst`] is a good `burst`; it is at least 1, and never more than the rate counts.
    pub fn new(rate: Rate, burst: u32) -> Bucket {
        let count = rate.count.max(1);
        let nanos = rate.per.as_nanos().div_ceil(u128::from(count));
        let each = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Bucket { each, slack: each.saturating_mul(burst.clamp(1, count) - 1), full_at: None }
    }

    /// The same at another rate: as many tokens are missing as were before, or all of them.
    pub fn at(&self, rate: Rate, burst: u32, now: Instant) -> Bucket {
        let mut bucket = Bucket::new(rate, burst);
        let missing = self.full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let tokens = missing.as_secs_f64() / self.each.as_secs_f64().max(f64::MIN_POSITIVE);
        let missing = Duration::try_from_secs_f64(tokens * bucket.each.as_secs_f64()).unwrap_or(Duration::MAX);
        bucket.full_at = now.checked_add(missing.min(bucket.slack.saturating_add(bucket.each)));
        bucket
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
///
/// Requests run beside each other, and those in flight together come back with the same refusal: sixteen of them are one
/// reason to rest, not sixteen. So it counts when the request was sent: what was sent before the last pause was decided
/// tells nothing about how things stand since.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Throttle {
    /// The last pause that nobody had asked for by its length.
    grown: Option<Duration>,
    last: Option<Pause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    decided: Instant,
    until: Instant,
}

impl Throttle {
    /// The first pause where nobody says how long.
    pub const FIRST: Duration = Duration::from_secs(1);

    /// The longest pause where nobody says how long.
    pub const LONGEST: Duration = Duration::from_secs(300);

    /// A request that was sent at `sent` was told "too many": how long to rest from `now` on.
    ///
    /// That is what it `asked` for, within the limits of `Retry-After`, or twice as long as the last time. A request that
    /// was sent before the last pause was decided makes that one longer where it asks for more, and else changes nothing.
    pub fn pause(&mut self, asked: Option<Duration>, sent: Instant, now: Instant) -> Duration {
        let known = self.last.filter(|last| sent <= last.decided);
        let left = known.map_or(Duration::ZERO, |last| last.until.saturating_duration_since(now));
        let pause = match (asked, known) {
            (Some(asked), _) => asked.clamp(retry_after::SHORTEST, retry_after::LONGEST),
            (None, None) => self.grow(),
            (None, Some(_)) => Duration::ZERO,
        };
        if pause > left {
            self.last = Some(Pause { decided: now, until: now + pause });
        }
        pause.max(left).max(retry_after::SHORTEST)
    }

    fn grow(&mut self) -> Duration {
        let next = self.grown.map_or(Throttle::FIRST, |last| (last * 2).min(Throttle::LONGEST));
        self.grown = Some(next);
        next
    }

    /// A request that was sent at `sent` was accepted: the next pause is a short one again, unless the request is from
    /// before the last one.
    pub fn success(&mut self, sent: Instant) {
        if self.last.is_none_or(|last| sent > last.decided) {
            self.grown = None;
        }
    }

    /// The end of the pause that is in force.
    pub fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.last.map(|last| last.until).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[derive(Clone, Debug)]
    enum Step {
        Send,
        Refused(prop::sample::Index),
        Asked(prop::sample::Index, u64),
        Accepted(prop::sample::Index),
    }

    fn rate(text: &str) -> Rate {
        Rate::parse(text).expect("a rate")
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        assert_eq!(rate("50/s"), Rate { count: 50, per: S(1) });
        assert_eq!(rate(" 120 / m "), Rate { count: 120, per: S(60) });
        assert_eq!(rate("3000/h"), Rate { count: 3_000, per: S(3_600) });
        assert_eq!(rate("24/24h"), Rate { count: 24, per: S(86_400) });
        assert_eq!(rate("5 / 1m30s"), Rate { count: 5, per: S(90) });
        for wrong in ["", "50", "0/s", "-1/s", "1.5/s", "50/d", "5000000000/s", "5/0s", "5/"] {
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
    fn a_burst_is_never_more_than_the_rate_counts() {
        let start = Instant::now();
        let mut bucket = Bucket::new(rate("1/h"), 16);
        assert_eq!(bucket.take(start), Ok(()));
        assert_eq!(bucket.take(start), Err(start + S(3_600)));
    }

    #[test]
    fn a_pause_nobody_measured_doubles_until_a_success() {
        let mut now = Instant::now();
        let mut throttle = Throttle::default();
        // Each is sent when the pause before it is over.
        let mut pause = |throttle: &mut Throttle, asked| {
            let pause = throttle.pause(asked, now, now + S(1) / 10);
            now += pause + S(1);
            (pause, now)
        };
        let pauses: Vec<_> = (0..11).map(|_| pause(&mut throttle, None).0.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(&mut throttle, Some(S(7))).0, S(7));
        assert_eq!(pause(&mut throttle, Some(S(0))).0, S(1));
        let (longest, over) = pause(&mut throttle, Some(Duration::MAX));
        assert_eq!(longest, S(86_400));
        throttle.success(over);
        assert_eq!(pause(&mut throttle, None).0, S(1));
    }

    #[test]
    fn one_wave_of_refusals_is_one_reason_to_rest() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pause(None, at(0), at(100)), S(1));
        assert_eq!(throttle.pause(None, at(100), at(100)), S(1));
        for late in 101..108 {
            assert_eq!(throttle.pause(None, at(0), at(late)), S(1));
        }
        assert_eq!((throttle.paused_until(at(1_099)), throttle.paused_until(at(1_100))), (Some(at(1_100)), None));
        // The next one after the pause is the first that says something new.
        assert_eq!(throttle.pause(None, at(1_200), at(1_300)), S(2));
        assert_eq!(throttle.pause(None, at(1_200), at(1_800)), Duration::from_millis(1_500));
        // A longer wish counts, a shorter one does not shorten.
        assert_eq!(throttle.pause(Some(S(60)), at(1_250), at(1_900)), S(60));
        assert_eq!(throttle.pause(Some(S(5)), at(1_250), at(11_900)), S(50));
        assert_eq!(throttle.paused_until(at(11_900)), Some(at(61_900)));
        // The wish was a decision of its own: what was sent before it does not make the pause grow, nor end the growth.
        assert_eq!(throttle.pause(None, at(1_850), at(12_000)), Duration::from_millis(49_900));
        throttle.success(at(1_850));
        assert_eq!(throttle.pause(None, at(62_000), at(62_100)), S(4));
        // A straggler that comes when all is over decides nothing.
        assert_eq!(throttle.pause(None, at(62_050), at(70_000)), S(1));
        assert_eq!(throttle.paused_until(at(70_000)), None);
        assert_eq!(throttle.pause(None, at(69_000), at(70_100)), S(8));
        // An answer to an old request does not show that all is well again; one to a new request does.
        throttle.success(at(70_100));
        assert_eq!(throttle.pause(None, at(80_000), at(80_100)), S(16));
        throttle.success(at(80_101));
        assert_eq!(throttle.pause(None, at(99_000), at(99_100)), S(1));
    }

    #[test]
    fn whoever_is_let_in_before_the_end_is_believed() {
        // A person has ended the pause of a day; what the destination then asks for counts, not the rest of the day.
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pause(Some(S(86_400)), start, start), S(86_400));
        assert_eq!(throttle.pause(Some(S(5)), start + S(60), start + S(61)), S(5));
        assert_eq!(throttle.paused_until(start + S(61)), Some(start + S(66)));
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
                    prop_assert!((j - i + 1) as f64 <= granted + f64::from(burst.clamp(1, count)) + 1e-6);
                }
            }
        }

        #[test]
        fn pauses_are_kept_and_grow_once_a_wave(
            steps in prop::collection::vec(
                (prop_oneof![Just(0u64), 0u64..3_000], prop_oneof![
                    4 => Just(Step::Send),
                    3 => any::<prop::sample::Index>().prop_map(Step::Refused),
                    1 => (any::<prop::sample::Index>(), 0u64..100_000).prop_map(|(which, s)| Step::Asked(which, s)),
                    1 => any::<prop::sample::Index>().prop_map(Step::Accepted),
                ]),
                1..200,
            ),
        ) {
            let (mut now, mut throttle) = (Instant::now(), Throttle::default());
            let (mut in_flight, mut decided, mut expected) = (Vec::new(), None, 1);
            for (wait, step) in steps {
                now += Duration::from_millis(wait);
                let (which, asked) = match &step {
                    Step::Send => {
                        // Nothing is sent in a pause.
                        now = throttle.paused_until(now).unwrap_or(now);
                        in_flight.push(now);
                        continue;
                    }
                    _ if in_flight.is_empty() => continue,
                    Step::Refused(which) | Step::Accepted(which) => (which, None),
                    Step::Asked(which, seconds) => (which, Some(S(*seconds))),
                };
                let sent = in_flight.remove(which.index(in_flight.len()));
                let new = decided.is_none_or(|decided| sent > decided);
                if let Step::Accepted(_) = step {
                    throttle.success(sent);
                    expected = if new { 1 } else { expected };
                    continue;
                }
                let before = throttle.paused_until(now);
                let pause = throttle.pause(asked, sent, now);
                let after = throttle.paused_until(now);
                prop_assert!((retry_after::SHORTEST..=retry_after::LONGEST).contains(&pause));
                prop_assert!(pause >= asked.unwrap_or_default().min(retry_after::LONGEST));
                prop_assert!(after >= before);
                if asked.is_none() && new {
                    prop_assert_eq!(pause, S(expected));
                    expected = (expected * 2).min(300);
                }
                prop_assert_eq!(after, if asked.is_some() || new { Some(now + pause) } else { before });
                if after != before {
                    decided = Some(now);
                }
            }
        }
    }
}
