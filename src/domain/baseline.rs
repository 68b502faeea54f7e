//! What was there before leadhook began, where nothing of the past is to be sent: the first complete reading shows it, and
//! that may come long after the first start.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;

/// A first reading that comes within so long after the first start is the baseline as it is.
///
/// It could be cut at the start as well, and nothing would be lost of that minute. But rows carry no time: a cut is a list
/// that ends at the start, written on the clocks of `timezone`. Where that is still wrong, as it may well be at a first run, that
/// list ends hours too early, and the leads of those hours would be sent. So it is cut only where something would be
/// lost for certain.
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

/// Up to when the first reading, which comes now, shows what was there before. `None`: all that it shows was.
///
/// A start that was noted by a clock that has been set since, or that is far from WeClever's, is no time to cut at: hours or
/// years of old leads might be sent.
pub fn cut(began: Option<Timestamp>, clocks: &Clocks) -> Option<Timestamp> {
    let (woke, now) = clocks.wall;
    let began = began.filter(|began| clock::elapsed(*began, now) > GRACE)?;
    let apart = |a: Timestamp, b: Timestamp| clock::elapsed(a, b).max(clock::elapsed(b, a)) > APART;
    let was_set = apart(clock::after(woke, clocks.passed), now);
    (!was_set && !apart(now, clocks.there)).then_some(began)
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
        for (began, now, expected) in
            [(0, 0, None), (0, 60, None), (0, 61, Some(0)), (-50, 11, Some(-50)), (90, 60, None)]
        {
            assert_eq!(cut(Some(at(began)), &clocks(now, now as u64, now)), expected.map(at), "{began} {now}");
        }
        assert_eq!(cut(None, &clocks(3_600, 3_600, 3_600)), None, "nobody knows when it began");
    }

    #[test]
    fn a_clock_that_was_set_or_is_far_from_the_other_cuts_nothing() {
        // Three hours behind at first, as a machine may be that has only just been switched on.
        assert_eq!(cut(Some(at(0)), &clocks(3 * 3_600, 5, 3 * 3_600)), None);
        assert_eq!(cut(Some(at(-9_000)), &clocks(-3_600, 5, -3_600)), None);
        assert_eq!(cut(Some(at(0)), &clocks(3_600, 3_600, -86_400)), None);
        assert_eq!(cut(Some(at(0)), &clocks(3_600, 3_590, 3_800)), Some(at(0)), "a little is nothing");
    }

    #[test]
    fn a_store_of_before_began_a_sweep_above_its_floor() {
        let week = Duration::from_secs(604_800);
        assert_eq!(began_before(at(-604_800), week, at(7_200)), at(0));
        // The sweep has been made longer since.
        assert_eq!(began_before(at(-86_400), week, at(7_200)), at(7_200));
    }
}
