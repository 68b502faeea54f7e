//! Rows of a list that make no sense: when the list counts as read all the same, and what is kept of them for a person.
//!
//! One bad row costs itself alone, for once; but a list that has not been read whole does not count. A row that is bad for good
//! would keep its window from ever counting. So a list counts in spite of rows that came back the same often enough, and they are kept
//! until a list of their time comes without them. A list of which half is bad is none: a field may have got another name.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::clock;
use super::window::Window;

/// Readings at which a row has to come back the same.
pub const READINGS: u32 = 3;

/// The most rows that are kept, and the most that one list may have.
pub const MOST: usize = 100;

/// Of a list of fewer rows, half may be a single one: it takes more rows to tell whether the list is one at all.
pub const FEW: usize = 10;

/// What a row is known by; nothing of what it holds can be had from it.
pub type Print = u64;

/// A row that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedRow {
    /// Its place in the list, from 0.
    pub at: usize,
    /// Of its text, and of how often that came before in the same list.
    pub print: Print,
    /// Why, without anything of what it holds.
    pub reason: String,
}

impl std::fmt::Display for MalformedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}: {}", self.at, self.reason)
    }
}

/// What is kept of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is known by.
    pub print: Print,
    /// Why it makes no sense.
    pub reason: String,
    /// The stretch in which its conversation was finalized, as far as lists tell.
    pub stretch: Window,
    /// When it was first listed.
    pub first: Timestamp,
    /// When it was last listed.
    pub last: Timestamp,
    /// At how many readings it was, up to [`READINGS`].
    pub readings: u32,
    /// Lists count as read in spite of it.
    pub set_aside: bool,
}

/// What a list says that has such rows.
#[derive(Clone, Debug, Default)]
pub struct BadList {
    /// Its rows that make no sense, and whether this reading shows them for the first time; at most [`MOST`] of them.
    pub rows: Vec<(MalformedRow, bool)>,
    /// How many there are.
    pub malformed: usize,
    /// How many rows there are altogether.
    pub count: usize,
}

/// Whether a list counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It does: all of its bad rows have been set aside before.
    Known,
    /// Not yet: some of them have not come back often enough.
    NotYet,
    /// It would from now on, if they are set aside.
    Again,
    /// They have come back often enough, but are half of a list that is too short to tell anything.
    TooFew,
    /// It is none.
    Broken,
}

/// Whether so many bad rows of so many are no accident.
pub fn is_broken(malformed: usize, count: usize) -> bool {
    malformed > MOST || malformed * 2 >= count
}

/// Those that are kept of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MalformedRows(pub Vec<Kept>);

impl MalformedRows {
    /// Takes note of a list, which shows this stretch.
    pub fn hear(&mut self, list: &BadList, stretch: Window, now: Timestamp) -> Heard {
        let aside = |print: Print| self.0.iter().any(|kept| kept.set_aside && kept.print == print);
        let known = list.rows.iter().filter(|(row, _)| aside(row.print)).count();
        let (new, of) = (list.malformed.saturating_sub(known), list.count.saturating_sub(known));
        if new > MOST || (new > 0 && of >= FEW && is_broken(new, of)) {
            return Heard::Broken;
        }
        let mut again = true;
        for (row, first) in &list.rows {
            let kept = self.note(row, *first, stretch, now);
            again &= kept.set_aside || kept.readings >= READINGS;
        }
        self.make_room();
        match new {
            0 => Heard::Known,
            _ if !again => Heard::NotYet,
            _ if is_broken(new, of) => Heard::TooFew,
            _ => Heard::Again,
        }
    }

    fn note(&mut self, row: &MalformedRow, first: bool, stretch: Window, now: Timestamp) -> &Kept {
        let at = self.0.iter().position(|kept| kept.print == row.print).unwrap_or_else(|| {
            let (print, reason) = (row.print, row.reason.clone());
            self.0.push(Kept { print, reason, stretch, first: now, last: now, readings: 0, set_aside: false });
            self.0.len() - 1
        });
        let kept = &mut self.0[at];
        kept.last = now;
        kept.readings = (kept.readings + u32::from(first)).min(READINGS);
        let both = Window { from: kept.stretch.from.max(stretch.from), to: kept.stretch.to.min(stretch.to) };
        kept.stretch = if both.from < both.to { both } else { stretch };
        kept
    }

    /// Those that were not listed for the longest time go.
    fn make_room(&mut self) {
        while self.0.len() > MOST {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, kept)| kept.last).map_or(0, |(at, _)| at);
            self.0.remove(oldest);
        }
    }

    /// Lists count in spite of these from now on; which of them are new.
    pub fn set_aside(&mut self, prints: &HashSet<Print>) -> Vec<Kept> {
        let new = self.0.iter_mut().filter(|kept| !kept.set_aside && prints.contains(&kept.print));
        new.map(|kept| {
            kept.set_aside = true;
            kept.clone()
        })
        .collect()
    }

    /// A list of this stretch counts, and shows `listed` of them. The others were not finalized in there, or can be read by now: one
    /// of which no time is left is gone. So is one that nothing has listed for as long as readings reach back, for nothing ever will.
    pub fn leave(&mut self, listed: &HashSet<Print>, stretch: Window, now: Timestamp, reach: Duration) {
        self.0.retain_mut(|kept| {
            if listed.contains(&kept.print) {
                return true;
            }
            match without(kept.stretch, stretch) {
                Some(rest) => kept.stretch = rest,
                None => return false,
            }
            clock::elapsed(kept.last, now) <= reach
        });
    }
}

/// What is left of a stretch without another; `None`: nothing. What lies in its midst takes nothing from it.
fn without(stretch: Window, other: Window) -> Option<Window> {
    match (other.from <= stretch.from, other.to >= stretch.to) {
        (true, true) => None,
        (true, false) => Some(Window { from: stretch.from.max(other.to), ..stretch }),
        (false, true) => Some(Window { to: stretch.to.min(other.from), ..stretch }),
        (false, false) => Some(stretch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(604_800);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn window(from: i64, to: i64) -> Window {
        Window { from: at(from), to: at(to) }
    }

    fn list(prints: &[Print], count: usize) -> BadList {
        let row = |print: &Print| (MalformedRow { at: 0, print: *print, reason: "null".into() }, true);
        BadList { rows: prints.iter().map(row).collect(), malformed: prints.len(), count }
    }

    fn prints(rows: &MalformedRows) -> Vec<Print> {
        rows.0.iter().map(|kept| kept.print).collect()
    }

    #[test]
    fn a_list_counts_once_its_bad_rows_have_come_back_the_same_three_times() {
        let mut rows = MalformedRows::default();
        let mut hear = |prints: &[Print], second| {
            let heard = rows.hear(&list(prints, 20), window(second, second + 7_200), at(second + 7_200));
            if heard == Heard::Again {
                rows.set_aside(&prints.iter().copied().collect());
            }
            heard
        };
        assert_eq!([0, 60, 120, 180].map(|second| hear(&[1], second)), {
            [Heard::NotYet, Heard::NotYet, Heard::Again, Heard::Known]
        });
        // One that changes each time never does, and holds the others up.
        assert_eq!([2, 3, 4, 5].map(|print| hear(&[1, print], 240)), [Heard::NotYet; 4]);
        assert_eq!([300, 360].map(|second| hear(&[1, 5], second)), [Heard::NotYet, Heard::Again]);
        assert_eq!(hear(&[5, 1], 420), Heard::Known);
        let first = rows.0.iter().find(|kept| kept.print == 1).expect("kept");
        assert_eq!((first.stretch, first.first, first.last), (window(420, 7_200), at(7_200), at(7_620)));
    }

    #[test]
    fn the_same_reading_counts_a_row_once() {
        let mut rows = MalformedRows::default();
        for _ in 0..5 {
            let mut parts = list(&[1], 20);
            parts.rows[0].1 = rows.0.is_empty();
            assert_eq!(rows.hear(&parts, window(0, 60), at(60)), Heard::NotYet);
        }
    }

    #[test]
    fn a_list_of_which_half_is_bad_is_none_however_often_it_comes() {
        for (malformed, count) in [(5_u64, 10), (10, 10), (101, 1_000)] {
            let mut rows = MalformedRows::default();
            let bad = list(&(0..malformed).collect::<Vec<_>>(), count);
            for _ in 0..5 {
                assert_eq!(rows.hear(&bad, window(0, 60), at(60)), Heard::Broken, "{malformed} of {count}");
            }
            assert!(rows.0.is_empty());
        }
        // A single row says nothing, until another list says that it is an exception.
        let mut rows = MalformedRows::default();
        let heard = [(); 4].map(|()| rows.hear(&list(&[1], 1), window(0, 60), at(60)));
        assert_eq!(heard, [Heard::NotYet, Heard::NotYet, Heard::TooFew, Heard::TooFew]);
        rows.set_aside(&HashSet::from([1]));
        assert_eq!(rows.hear(&list(&[1], 1), window(0, 60), at(60)), Heard::Known);
        assert_eq!(rows.hear(&list(&[1, 2], 20), window(0, 60), at(60)), Heard::NotYet);
    }

    #[test]
    fn a_row_is_kept_until_lists_of_all_its_time_come_without_it() {
        let mut rows = MalformedRows::default();
        rows.hear(&list(&[1, 2], 20), window(0, 7_200), at(7_200));
        rows.leave(&HashSet::from([1]), window(0, 7_200), at(7_200), WEEK);
        assert_eq!(prints(&rows), [1], "it was mended while the list was read");
        // Polls pass it by, and what looks back comes upon the rest.
        rows.leave(&HashSet::new(), window(60, 7_260), at(7_260), WEEK);
        rows.leave(&HashSet::new(), window(20, 30), at(7_260), WEEK);
        assert_eq!((prints(&rows), rows.0[0].stretch), (vec![1], window(0, 60)));
        rows.leave(&HashSet::new(), window(-9_000, 60), at(9_000), WEEK);
        assert!(rows.0.is_empty());
        // Nothing reaches back so far any more.
        rows.hear(&list(&[3], 20), window(0, 7_200), at(7_200));
        rows.leave(&HashSet::new(), window(604_000, 611_000), at(612_000), WEEK);
        rows.leave(&HashSet::new(), window(604_000, 611_000), at(612_001), WEEK);
        assert!(rows.0.is_empty());
    }

    #[test]
    fn no_more_are_kept_than_a_hundred() {
        let mut rows = MalformedRows::default();
        for n in 0..30 {
            rows.hear(&list(&(n * 10..n * 10 + 10).collect::<Vec<_>>(), 1_000), window(0, 60), at(n as i64));
        }
        assert_eq!(prints(&rows), (200..300).collect::<Vec<_>>());
    }
}
