//! Silent caps: whether a list may have been cut without a word, and how its stretch is read whole all the same.
//!
//! A list of so many rows shows that no cap is lower, so that every shorter one is whole. One that is as full as the fullest
//! yet may be cut: its stretch is read in pieces, until none of them is as full. Halving once proves nothing, for all rows may
//! lie in one half. If the pieces together show what the whole did, it was whole; else a cap is found, and from then on
//! every list that reaches it is read in pieces.
//!
//! The time at which a lead was finalized is not in the list, so that nothing but shorter windows can tell.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::lead::LeadId;
use super::window::{Piece, Window};

/// Lists of fewer rows are taken as whole: nobody cuts them so short.
pub const TRUSTED: usize = 10;

/// A list that cannot be checked, because all of it lies in one second, is worth a word from so many rows on.
pub const WORTH_A_WORD: usize = 100;

/// What is known of a source's cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// The rows of the fullest list yet.
    pub fullest: usize,
    /// Lists end at so many rows; `None`: as far as is known, they do not.
    pub cap: Option<usize>,
}

impl Caps {
    /// Whether a list of so many rows is whole for certain.
    pub fn is_whole(&self, rows: usize) -> bool {
        rows < self.cap.unwrap_or_else(|| self.fullest.max(TRUSTED))
    }
}

/// A number that tells one set of leads from another.
pub fn print(leads: impl IntoIterator<Item = LeadId>) -> u64 {
    // splitmix64's finalizer, so that neighbouring numbers do not cancel each other out in the sum.
    let mixed = |lead: LeadId| {
        let x = lead.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    };
    leads.into_iter().map(mixed).fold(0, u64::wrapping_add)
}

/// What is to be listed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A piece, for the first time.
    Piece(Piece),
    /// The whole or a piece once more, before anything is concluded from what changed meanwhile.
    Again(Piece),
}

impl Ask {
    /// The piece.
    pub fn piece(&self) -> &Piece {
        match self {
            Ask::Piece(piece) | Ask::Again(piece) => piece,
        }
    }
}

/// What a list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The piece is whole.
    Whole,
    /// It may be cut. What it shows is to be kept: pieces of it may show less.
    Full,
}

/// A list that may be cut, and that no shorter window can tell more about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// What was asked for.
    pub window: Window,
    /// Its rows.
    pub rows: usize,
    /// Whether lists are known to end at so many rows.
    pub capped: bool,
}

impl Stuck {
    /// Whether anybody should hear of it.
    pub fn is_worth_a_word(&self) -> bool {
        self.capped || self.rows >= WORTH_A_WORD
    }
}

/// What reading in pieces brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What is known of the cap from now on.
    pub caps: Caps,
    /// A cap that was not known before.
    pub new_cap: Option<usize>,
    /// What could not be told.
    pub stuck: Vec<Stuck>,
    /// The source does not look at the time: whatever part of the whole is asked for, it lists the whole.
    pub heedless: bool,
    /// It lists the same leads again and again, in parts that have nothing in common, and never all of them: dividing on
    /// would not end.
    pub endless: bool,
}

/// A stretch that is read in pieces.
#[derive(Debug)]
pub struct Splitting {
    zone: TimeZone,
    before: Caps,
    whole: Piece,
    /// The rows of the whole, as it was listed last.
    rows: usize,
    shown: HashSet<LeadId>,
    /// A piece of so many rows may be cut.
    limit: usize,
    /// Whether that is by a cap that is known: then there is nothing to be found out.
    known: bool,
    pieces: HashSet<LeadId>,
    todo: Vec<Pair>,
    stage: Stage,
    /// A piece that shows what the whole does not.
    suspect: Option<Piece>,
    stuck: Vec<Stuck>,
    heedless: bool,
    /// Rows of all pieces together, and the leads among them and the whole.
    rows_met: usize,
    met: HashSet<LeadId>,
    endless: bool,
    cap: Option<usize>,
}

/// So often a lead may be listed, on the average: once in a piece of each length, of which there are some twenty from days down
/// to a second. A source that lists other leads with each request goes beyond that before long.
const TIMES_LISTED: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pieces,
    WholeAgain,
    SuspectAgain,
    Done,
}

/// Both halves of a list that may be cut.
#[derive(Debug)]
struct Pair {
    parent: List,
    cut: Cut,
    heard: Vec<List>,
    /// It was cut elsewhere before, and either half showed all of it.
    again: bool,
}

/// A piece cut in two.
#[derive(Debug)]
struct Cut {
    /// The newer and the older half.
    halves: [Piece; 2],
    /// The seconds from one end to the other, before it was cut.
    long: i64,
}

/// A piece of so few seconds is cut on, whatever its halves show: what lies where they meet is in both.
const SHORT: i64 = 8;

#[derive(Debug)]
struct List {
    piece: Piece,
    rows: usize,
    leads: HashSet<LeadId>,
}

impl Splitting {
    /// Begins with the list of the whole: its rows, repeated ones counted, and its leads. It is cut at `first`, where that
    /// lies within; what lies ahead of now is mostly empty.
    pub fn new(
        zone: &TimeZone,
        before: Caps,
        whole: Piece,
        rows: usize,
        leads: HashSet<LeadId>,
        first: Timestamp,
    ) -> Splitting {
        let known = before.cap == Some(rows);
        let mut splitting = Splitting {
            zone: zone.clone(),
            before,
            whole,
            rows,
            met: leads.clone(),
            shown: leads.clone(),
            limit: rows,
            known,
            pieces: HashSet::new(),
            todo: Vec::new(),
            stage: Stage::Pieces,
            suspect: None,
            stuck: Vec::new(),
            heedless: false,
            rows_met: 0,
            endless: false,
            cap: None,
        };
        splitting.divide(List { piece: whole, rows, leads }, Some(first.as_second()), false);
        splitting.go_on();
        splitting
    }

    /// What to list next; `None`: there is nothing more to be found out.
    pub fn next(&self) -> Option<Ask> {
        match self.stage {
            Stage::Pieces => self.todo.last().map(|pair| Ask::Piece(pair.cut.halves[pair.heard.len()])),
            Stage::WholeAgain => Some(Ask::Again(self.whole)),
            Stage::SuspectAgain => Some(Ask::Again(self.suspect.unwrap_or(self.whole))),
            Stage::Done => None,
        }
    }

    /// What was listed: rows, repeated ones counted, and leads.
    pub fn tell(&mut self, rows: usize, leads: HashSet<LeadId>) -> Heard {
        match self.stage {
            Stage::Pieces => self.tell_piece(rows, leads),
            Stage::WholeAgain => {
                let same_size = rows <= self.rows;
                (self.rows, self.shown) = (rows.max(self.rows), leads);
                // A longer list shows that the first one was not cut; what came meanwhile is in both.
                let suspicious = same_size && !self.pieces.is_subset(&self.shown);
                self.stage = if suspicious { Stage::SuspectAgain } else { Stage::Done };
                Heard::Full
            }
            Stage::SuspectAgain => {
                // Else they were finalized again meanwhile, and stand elsewhere now.
                if !leads.is_subset(&self.shown) {
                    self.cap = Some(self.rows);
                }
                self.stage = Stage::Done;
                Heard::Full
            }
            Stage::Done => Heard::Full,
        }
    }

    /// What was found out.
    pub fn found(self) -> Found {
        let caps = match self.cap {
            Some(cap) => Caps { fullest: cap, cap: Some(cap) },
            None => Caps {
                fullest: self.before.fullest.max(self.rows),
                // A longer list is no longer bound by it.
                cap: self.before.cap.filter(|cap| self.rows <= *cap),
            },
        };
        let mut stuck = self.stuck;
        for stuck in &mut stuck {
            stuck.capped |= self.cap.is_some_and(|cap| stuck.rows >= cap);
        }
        Found {
            caps,
            new_cap: self.cap.filter(|cap| self.before.cap != Some(*cap)),
            stuck,
            heedless: self.heedless,
            endless: self.endless,
        }
    }

    fn tell_piece(&mut self, rows: usize, leads: HashSet<LeadId>) -> Heard {
        let Some(pair) = self.todo.last_mut() else { return Heard::Full };
        let piece = pair.cut.halves[pair.heard.len()];
        let heard = if rows < self.limit { Heard::Whole } else { Heard::Full };
        if heard == Heard::Whole {
            if !leads.is_subset(&self.shown) {
                self.suspect = Some(piece);
            }
            self.pieces.extend(&leads);
        }
        self.rows_met += rows;
        self.met.extend(&leads);
        pair.heard.push(List { piece, rows, leads });
        if self.rows_met > TIMES_LISTED * self.met.len().max(TRUSTED) {
            self.end();
            return heard;
        }
        if pair.heard.len() == pair.cut.halves.len() {
            self.resolve();
        }
        self.go_on();
        heard
    }

    /// Nothing that is listed tells anything, about the whole or about a cap.
    fn end(&mut self) {
        self.todo.clear();
        self.stuck = vec![Stuck { window: self.whole.window, rows: self.rows, capped: self.known }];
        (self.endless, self.stage) = (true, Stage::Done);
    }

    /// Both halves are there: what of them is still to be divided?
    fn resolve(&mut self) {
        let Some(Pair { parent, cut, heard, again }) = self.todo.pop() else { return };
        let full = |list: &List| list.rows >= self.limit;
        if cut.long > SHORT && heard.iter().all(|list| full(list) && shows(list, &parent)) {
            // Either it lies just where it was cut, or the source does not look at the time so closely.
            match again {
                true => {
                    self.heedless |= parent.piece == self.whole;
                    self.give_up(parent);
                }
                false => {
                    let quarter = parent.piece.window.asked(&self.zone).from.as_second() + cut.long / 4;
                    self.divide(parent, Some(quarter), true);
                }
            }
            return;
        }
        // Halves that hardly reach into each other lose what lies on an end, where neither end is included.
        let lost = |lead: &LeadId| !heard.iter().any(|list| list.leads.contains(lead));
        if cut.long <= 2 && parent.leads.iter().any(lost) {
            self.give_up(parent);
            return;
        }
        let (full, _): (Vec<List>, Vec<List>) = heard.into_iter().partition(full);
        // The newer half was heard first and is to be divided first.
        for list in full.into_iter().rev() {
            self.divide(list, None, false);
        }
    }

    fn divide(&mut self, list: List, at: Option<i64>, again: bool) {
        match cut(&list.piece, &self.zone, at) {
            Some(cut) => self.todo.push(Pair { parent: list, cut, heard: Vec::new(), again }),
            None => self.give_up(list),
        }
    }

    fn give_up(&mut self, list: List) {
        self.pieces.extend(&list.leads);
        let stuck = Stuck { window: list.piece.window, rows: list.rows, capped: self.known };
        // Pieces reach into each other.
        if !self.stuck.contains(&stuck) {
            self.stuck.push(stuck);
        }
    }

    fn go_on(&mut self) {
        if self.stage == Stage::Pieces && self.todo.is_empty() {
            let more = !self.known && !self.pieces.is_subset(&self.shown);
            self.stage = if more { Stage::WholeAgain } else { Stage::Done };
        }
    }
}

/// Whether a list shows what the longer one did, but for what changed meanwhile: of long lists, some lead comes or goes between
/// any two readings. No lead but those of one second can be in both halves, so that both can only show so much of it where
/// all that lies in that second; and of two places to cut at, that is so of one at the most.
fn shows(list: &List, parent: &List) -> bool {
    let missing = parent.leads.iter().filter(|lead| !list.leads.contains(lead)).count();
    missing <= parent.leads.len() / 4
}

/// Cuts a piece in two, at this second where that lies well within; `None` where no shorter windows can be asked for.
///
/// Longer halves reach into each other by a second, for whether the ends are included, nobody knows.
fn cut(piece: &Piece, zone: &TimeZone, at: Option<i64>) -> Option<Cut> {
    let asked = piece.window.asked(zone);
    let (a, b) = (asked.from.as_second(), asked.to.as_second());
    let (older_to, newer_from) = match b - a {
        ..=0 => return None,
        1 => (a, b),
        2 => (a + 1, a + 1),
        long => {
            let middle = at.unwrap_or(a + long / 2).clamp(a + 1, b - 2);
            (middle + 1, middle)
        }
    };
    let second = |second| Timestamp::from_second(second).ok();
    let cut = second(newer_from)?.clamp(piece.from.min(piece.to), piece.to);
    let older = Piece { from: piece.from, to: cut, window: Window { from: asked.from, to: second(older_to)? } };
    let newer = Piece { from: cut, to: piece.to, window: Window { from: second(newer_from)?, to: asked.to } };
    let shorter = older.window.asked(zone) != asked && newer.window.asked(zone) != asked;
    shorter.then_some(Cut { halves: [newer, older], long: b - a })
}
