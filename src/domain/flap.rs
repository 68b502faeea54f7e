//! A lead whose status flaps: finalized again with nearly every list, it would be an event each time. It is read again only after a
//! wait that grows for as long as that goes on.

use std::time::Duration;

use jiff::Timestamp;

use super::clock;

/// So often a lead may be finalized again...
pub const OFTEN: usize = 5;

/// ...within so long, before it waits.
pub const WITHIN: Duration = Duration::from_secs(3_600);

/// The first wait; each is twice as long as the one before...
pub const FIRST_WAIT: Duration = Duration::from_secs(900);

/// ...and none longer than this.
pub const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3_600);

/// After so long without another end, the waits begin anew.
pub const QUIET: Duration = Duration::from_secs(24 * 3_600);

/// That it was finalized again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// When leadhook told of it.
    pub at: Timestamp,
    /// It had waited until then, because its status flapped.
    pub waited: bool,
}

/// How long a lead waits that was finalized again `now`, and before that at these times, oldest first. `None`: not at all.
pub fn wait(before: &[Again], now: Timestamp) -> Option<Duration> {
    let (mut waits, mut last) = (0_u32, None);
    for again in before {
        waits = if is_quiet(last, again.at) { 0 } else { waits } + u32::from(again.waited);
        last = Some(again.at);
    }
    if is_quiet(last, now) {
        waits = 0;
    }
    let lately = before.iter().filter(|again| clock::elapsed(again.at, now) < WITHIN).count();
    // This one is another.
    if waits == 0 && lately < OFTEN {
        return None;
    }
    Some(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(waits)).min(LONGEST_WAIT))
}

fn is_quiet(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_some_and(|last| clock::elapsed(last, now) > QUIET)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 3_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    /// Finalized again at these times by the lists; when each is told, and how long it waited.
    fn told(listed: impl Iterator<Item = i64>) -> Vec<(i64, u64)> {
        let (mut before, mut told, mut free): (Vec<Again>, Vec<(i64, u64)>, i64) = (Vec::new(), Vec::new(), i64::MIN);
        for second in listed {
            if second < free {
                continue;
            }
            let wait = wait(&before, at(second)).map_or(0, |wait| wait.as_secs());
            free = second + wait as i64;
            before.push(Again { at: at(free), waited: wait > 0 });
            told.push((free, wait));
        }
        told
    }

    #[test]
    fn what_flaps_with_each_list_waits_longer_and_longer() {
        let told = told((0..3 * 24 * 60).map(|minute| minute * MINUTE));
        let waits: Vec<u64> = told.iter().map(|(_, wait)| wait / 60).collect();
        assert_eq!(waits[..13], [0, 0, 0, 0, 0, 15, 30, 60, 120, 240, 360, 360, 360]);
        assert_eq!(waits.len(), 5 + 5 + 11, "three days of it are 21 events, and not 4,320");
    }

    #[test]
    fn what_is_finalized_again_now_and_then_never_waits() {
        for every in [13 * MINUTE, 20 * MINUTE, 3 * HOUR, 30 * HOUR] {
            assert!(told((0..200).map(|n| n * every)).iter().all(|(_, wait)| *wait == 0), "{every}");
        }
        // Five at once, an hour later five more.
        let burst = (0..3).flat_map(|hour| (0..5).map(move |n| hour * (HOUR + 10) + n));
        assert!(told(burst).iter().all(|(_, wait)| *wait == 0));
    }

    #[test]
    fn a_day_of_quiet_and_it_is_as_if_nothing_had_been() {
        let flaps = |from: i64| (0..3 * 60).map(move |minute| from + minute * MINUTE);
        let first = told(flaps(0));
        let last = first[first.len() - 1].0;
        // Not yet a day: it goes on where it was.
        let soon = told(flaps(0).chain([last + 23 * HOUR]));
        assert!(soon[first.len()].1 > 0);
        let later = told(flaps(0).chain(flaps(last + 25 * HOUR)));
        let waits: Vec<u64> = later[first.len()..].iter().map(|(_, wait)| wait / 60).take(7).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 15, 30]);
    }

    #[test]
    fn a_clock_that_was_set_back_and_any_number_of_waits_do_no_harm() {
        let before = vec![Again { at: at(HOUR), waited: true }; 200];
        assert_eq!(wait(&before, at(0)), Some(LONGEST_WAIT));
        assert_eq!(wait(&[], at(0)), None);
    }
}
