//! Whatever happens to polls, to the process and to the clock: what counts as read has been read, and in the end all of it
//! is. Windows, coverage and gaps as intake has them, against a source that is a list of times.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::gaps::unread;
use super::listed::ReadUntil;
use super::skew::Skew;
use crate::domain::cap::Caps;
use crate::domain::clock;
use crate::domain::coverage::Coverage;
use crate::domain::window::{self, Piece, Window};
use crate::store::intake::{Baseline, Progress};

const HOUR: i64 = 3_600;
const OVERLAP: Duration = Duration::from_secs(7_200);

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many seconds pass, and at the end of them a lead is finalized.
    Pass(i64),
    /// A poll, and whether it works.
    Poll(bool),
    /// The gaps are read, as many of their windows as there are here.
    Gaps(usize),
    /// Leadhook ends, is off for so many seconds, and begins anew.
    Off(i64),
    /// Our clock is set to so many seconds off the right time.
    Clock(i64),
}

fn steps(clocks: impl Strategy<Value = i64> + 'static) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1..3 * HOUR).prop_map(Step::Pass),
        6 => prop::bool::weighted(0.7).prop_map(Step::Poll),
        2 => (0usize..12).prop_map(Step::Gaps),
        1 => (1..9 * 24 * HOUR).prop_map(Step::Off),
        2 => clocks.prop_map(Step::Clock),
    ];
    prop::collection::vec(step, 1..60)
}

fn any_jump() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -3 * HOUR..3 * HOUR, -40 * 24 * HOUR..40 * 24 * HOUR]
}

struct World {
    /// The right time, in seconds since the floor.
    now: i64,
    off_by: i64,
    /// When each lead was finalized.
    leads: Vec<i64>,
    seen: BTreeSet<usize>,
    progress: Progress,
    skew: Skew,
    /// Whether the source says what time it is.
    dated: bool,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

impl World {
    fn new(dated: bool) -> World {
        let progress = Progress {
            floor: at(0),
            start: Some(at(0)),
            baseline: Baseline::None,
            began: None,
            coverage: Coverage::new(),
            last_poll: None,
            looked_back: None,
            swept: None,
            caps: Caps::default(),
        };
        let (now, off_by, leads, seen) = (HOUR, 0, Vec::new(), BTreeSet::new());
        World { now, off_by, leads, seen, progress, skew: Skew::default(), dated }
    }

    fn clock(&self) -> Timestamp {
        at(self.now + self.off_by)
    }

    fn read(&mut self, piece: &Piece, poll: bool) {
        let asked = piece.window.asked(&TimeZone::UTC);
        for (lead, finalized) in self.leads.iter().enumerate() {
            if asked.from <= at(*finalized) && at(*finalized) <= asked.to {
                self.seen.insert(lead);
            }
        }
        let (asked_at, date) = (self.clock(), self.dated.then(|| at(self.now)));
        if let Some(date) = date {
            self.skew.note(asked_at, date, asked_at);
        }
        let (from, to) = ReadUntil { asked_at, date }.of(piece);
        self.progress.coverage.note(from, to, self.progress.floor, poll.then_some(asked_at));
    }

    fn newest(&self) -> Option<Window> {
        window::newest(self.clock(), self.skew.there(self.clock()), OVERLAP).above(self.progress.floor)
    }

    fn poll(&mut self) {
        if self.newest().is_none() && self.dated {
            self.skew.note(self.clock(), at(self.now), self.clock());
        }
        if let Some(window) = self.newest() {
            self.read(&Piece { from: window.from, to: window.to, window }, true);
        }
    }

    fn gaps(&mut self, windows: usize) -> bool {
        let unread = unread(&self.progress, clock::before(self.clock(), OVERLAP));
        let some: Vec<Piece> = unread.iter().map(|(piece, _)| *piece).take(windows).collect();
        some.iter().for_each(|piece| self.read(piece, false));
        !unread.is_empty()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass(seconds) => {
                self.now += seconds;
                self.leads.push(self.now);
            }
            Step::Poll(works) if works => self.poll(),
            Step::Poll(_) => {}
            Step::Gaps(windows) => drop(self.gaps(windows)),
            Step::Off(seconds) => {
                // One is finalized in the middle of it.
                self.leads.push(self.now + seconds / 2);
                self.now += seconds;
                self.skew = Skew::default();
            }
            Step::Clock(off_by) => self.off_by = off_by,
        }
    }

    /// What counts as read has been read.
    fn is_honest(&self) -> Result<(), TestCaseError> {
        for (lead, finalized) in self.leads.iter().enumerate() {
            let covered = self.progress.coverage.covers(at(*finalized), at(finalized + 1));
            prop_assert!(
                self.seen.contains(&lead) || !covered,
                "lead {lead} of {finalized} counts as read, and was not"
            );
        }
        Ok(())
    }

    /// The clock is right again, polls and gaps work: nothing is left.
    fn all_is_read_in_the_end(mut self) -> Result<(), TestCaseError> {
        self.off_by = 0;
        self.now += 1;
        self.poll();
        let mut rounds = 0;
        while self.gaps(usize::MAX) {
            rounds += 1;
            prop_assert!(rounds < 5, "gaps are read again and again");
        }
        self.is_honest()?;
        let until = clock::before(self.clock(), OVERLAP);
        prop_assert!(self.progress.coverage.covers(at(0), until.max(at(0))));
        prop_assert_eq!(self.seen.len(), self.leads.len());
        Ok(())
    }
}

proptest! {
    #[test]
    fn nothing_is_left_unread_whatever_the_clock_does(steps in steps(any_jump())) {
        let mut world = World::new(true);
        for step in steps {
            world.step(step);
            world.is_honest()?;
        }
        world.all_is_read_in_the_end()?;
    }

    /// A source that does not say what time it is: a clock that ran ahead cannot be told from one that is right, and one
    /// that was set back can.
    #[test]
    fn nothing_is_left_unread_where_only_our_own_clock_tells(steps in steps(-40 * 24 * HOUR..=0)) {
        let mut world = World::new(false);
        for step in steps {
            world.step(step);
            world.is_honest()?;
        }
        world.all_is_read_in_the_end()?;
    }

    /// It is the second poll at the latest that sees what is finalized now, however wrong the clock is.
    #[test]
    fn a_wrong_clock_hides_nothing_for_longer_than_a_poll(steps in steps(any_jump()), off_by in any_jump()) {
        let mut world = World::new(true);
        steps.into_iter().for_each(|step| world.step(step));
        world.step(Step::Clock(off_by));
        world.step(Step::Pass(60));
        world.poll();
        world.poll();
        prop_assert!(world.seen.contains(&(world.leads.len() - 1)));
    }
}

#[test]
fn a_clock_that_ran_ahead_is_found_out_by_the_next_poll() {
    let mut world = World::new(false);
    for step in [Step::Clock(20 * HOUR), Step::Poll(true), Step::Clock(0), Step::Pass(60), Step::Poll(true)] {
        world.step(step);
    }
    // The lead of that time is finalized when, by the clock that ran ahead, it was read already.
    world.step(Step::Off(38 * HOUR));
    world.is_honest().expect("what counts as read was read");
    world.all_is_read_in_the_end().expect("nothing is left");
}
