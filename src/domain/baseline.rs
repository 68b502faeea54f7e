//! What was there before leadhook began, where nothing of the past is to be sent: the first complete reading shows it, and
//! that may come long after the first start.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;

/// A first reading that comes within so long after the first start is the baseline as it is: nobody could say that a
/// conversation of these moments came after it.
pub const AT_ONCE: Duration = Duration::from_secs(2);

/// One that comes later, but within so long, is cut at the start only where the lists are seen to keep to the file's time zone.
///
/// Rows carry no time: a cut is a list that ends at the start, written on the clocks of `timezone`. Where that is still wrong, as
/// it may well be at a first run, that list ends hours too early, and the leads of those hours would be sent. After a longer
/// time it is cut all the same, for then more would be lost.
pub const GRACE: Duration = Duration::from_secs(60);

/// Clocks that are further apart say different things of when the first start was.
const APART: Duration = Duration::from_secs(300);

/// What our clock is known to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// How much time has passed since the process began, by the clock on the wall...
    pub wall: (Timestamp, Timestamp),
    /// ...and in truth.
    pub passed: Duration,
    /// What time it is over there, as far as WeClever has said so.
    pub there: Timestamp,
}

/// How the first reading is cut into what was there before and what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Not at all: all that it shows was there before.
    Nowhere,
    /// There, where the lists keep to the file's time zone; else not at all.
    IfInZone(Timestamp),
    /// There.
    At(Timestamp),
}

impl Cut {
    /// Where; `None`: not at all.
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Cut::Nowhere => None,
            Cut::IfInZone(at) | Cut::At(at) => Some(at),
        }
    }
}

/// Up to when the first reading, which comes now, shows what was there before.
///
/// A start that was noted by a clock that has been set since, or that is far from WeClever's, is no time to cut at: hours or
/// years of old leads might be sent.
pub fn cut(began: Option<Timestamp>, clocks: &Clocks) -> Cut {
    let (woke, now) = clocks.wall;
    let apart = |a: Timestamp, b: Timestamp| clock::elapsed(a, b).max(clock::elapsed(b, a)) > APART;
    let was_set = apart(clock::after(woke, clocks.passed), now);
    match began {
        Some(began) if !was_set && !apart(now, clocks.there) => match clock::elapsed(began, now) {
            since if since <= AT_ONCE => Cut::Nowhere,
            since if since <= GRACE => Cut::IfInZone(began),
            _ => Cut::At(began),
        },
        _ => Cut::Nowhere,
    }
}

/// When a source began whose store was made by a leadhook that did not note it, and is still without a first reading.
///
/// The floor was laid the widest sweep before it. Where the file has another sweep since, this is off by the difference; the
/// moment of the update instead would lose all that was finalized up to then, which is what the note is for.
pub fn began_before(floor: Timestamp, sweep: Duration, now: Timestamp) -> Timestamp {
    clock::after(floor, sweep).min(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn clocks(now: i64, passed: u64, there: i64) -> Clocks {
        Clocks { wall: (at(0), at(now)), passed: Duration::from_secs(passed), there: at(there) }
    }

    #[test]
    fn a_first_reading_is_cut_only_where_it_comes_late() {
        for (began, now, expected) in [
            (0, 0, Cut::Nowhere),
            (0, 2, Cut::Nowhere),
            (0, 3, Cut::IfInZone(at(0))),
            (0, 60, Cut::IfInZone(at(0))),
            (0, 61, Cut::At(at(0))),
            (-50, 11, Cut::At(at(-50))),
            (90, 60, Cut::Nowhere),
        ] {
            assert_eq!(cut(Some(at(began)), &clocks(now, now as u64, now)), expected, "{began} {now}");
        }
        assert_eq!(cut(None, &clocks(3_600, 3_600, 3_600)), Cut::Nowhere, "nobody knows when it began");
    }

    #[test]
    fn a_clock_that_was_set_or_is_far_from_the_other_cuts_nothing() {
        // Three hours behind at first, as a machine may be that has only just been switched on.
        assert_eq!(cut(Some(at(0)), &clocks(3 * 3_600, 5, 3 * 3_600)), Cut::Nowhere);
        assert_eq!(cut(Some(at(-9_000)), &clocks(-3_600, 5, -3_600)), Cut::Nowhere);
        assert_eq!(cut(Some(at(0)), &clocks(3_600, 3_600, -86_400)), Cut::Nowhere);
        assert_eq!(cut(Some(at(0)), &clocks(3_600, 3_590, 3_800)), Cut::At(at(0)), "a little is nothing");
    }

    #[test]
    fn a_store_of_before_began_a_sweep_above_its_floor() {
        let week = Duration::from_secs(604_800);
        assert_eq!(began_before(at(-604_800), week, at(7_200)), at(0));
        // The sweep has been made longer since.
        assert_eq!(began_before(at(-86_400), week, at(7_200)), at(7_200));
    }
}
