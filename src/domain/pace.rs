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
        *self = Throttle::default();
    }
}
