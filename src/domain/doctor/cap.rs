//! Whether a list is cut without a word.
//!
//! A stretch is listed whole and then in pieces. Halving once proves nothing: all rows may lie in one half. So pieces are
//! halved until none holds as many rows as the whole did; only then does a cap of that many rows cut none of them, and
//! together they must be the whole.

use std::collections::BTreeSet;

use super::{About, Finding, Fits, Shown};
use crate::domain::lead::LeadId;

/// So many lists at most.
const LISTS: u32 = 40;

/// So often at most the whole is listed again, because the pieces show more.
const WHOLES: u32 = 4;

/// Fewer leads than this prove nothing that is worth halving on for.
const TELLING: usize = 10;

/// A piece this short, in seconds, is not halved any more.
const SHORTEST: i64 = 4;

/// The whole is divided into its last hour, in which nearly every stretch has some leads, and the rest.
const HOUR: i64 = 3_600;

/// A stretch to list: its first and its last second.
pub type Stretch = (Shown, Shown);

/// Looks for a cap.
#[derive(Clone, Debug)]
pub struct Search {
    whole: Stretch,
    /// What the whole listed.
    shown: BTreeSet<LeadId>,
    /// What the pieces listed together.
    pieces: BTreeSet<LeadId>,
    todo: Vec<Step>,
    lists: u32,
    wholes: u32,
    /// A piece shows leads that the whole does not, though that was listed in between.
    cut: bool,
    /// The last piece that did.
    suspect: Stretch,
    stuck: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Whole,
    Piece(Stretch),
    /// The suspect once more.
    Again,
}

impl Search {
    /// Looks for one in this stretch, which should have many leads and lie in the past.
    pub fn new(first: Shown, last: Shown) -> Search {
        Search {
            whole: (first, last),
            shown: BTreeSet::new(),
            pieces: BTreeSet::new(),
            todo: vec![Step::Whole],
            lists: 0,
            wholes: 0,
            cut: false,
            suspect: (first, last),
            stuck: None,
        }
    }

    /// What to list; `None`: there is an answer.
    pub fn next(&self) -> Option<Stretch> {
        if self.cut || self.stuck.is_some() {
            return None;
        }
        match self.todo.last()? {
            Step::Whole => Some(self.whole),
            Step::Piece(piece) => Some(*piece),
            Step::Again => Some(self.suspect),
        }
    }

    /// What was listed.
    pub fn tell(&mut self, leads: BTreeSet<LeadId>) {
        let Some(step) = self.todo.pop() else { return };
        self.lists += 1;
        match step {
            Step::Whole => self.tell_whole(leads),
            Step::Piece(piece) => self.tell_piece(piece, leads),
            Step::Again => self.tell_again(&leads),
        }
        if self.lists >= LISTS && !self.todo.is_empty() {
            self.stuck = Some("it would have taken too many lists");
        }
    }

    /// Nothing more can be listed.
    pub fn give_up(&mut self) {
        self.stuck = Some("a list failed");
    }

    fn tell_whole(&mut self, leads: BTreeSet<LeadId>) {
        self.wholes += 1;
        let first_time = self.wholes == 1;
        self.shown = leads;
        if first_time {
            if !self.shown.is_empty() {
                self.divide(self.whole, self.whole.1.plus(-HOUR).max(self.whole.0));
            }
        } else if !self.pieces.is_subset(&self.shown) {
            self.todo.push(Step::Again);
        } else if self.wholes >= WHOLES {
            self.stuck = Some("leads keep showing up late");
        }
    }

    fn tell_again(&mut self, leads: &BTreeSet<LeadId>) {
        if leads.is_subset(&self.shown) {
            // They were finalized again meanwhile, and stand elsewhere now.
            self.pieces.retain(|lead| self.shown.contains(lead));
        } else {
            self.cut = true;
        }
    }

    fn tell_piece(&mut self, piece: Stretch, leads: BTreeSet<LeadId>) {
        let full = leads.len() >= self.shown.len();
        self.pieces.extend(leads);
        if !self.pieces.is_subset(&self.shown) {
            // Those that the whole does not show may have come late: it is listed again before anything is concluded.
            self.suspect = piece;
            self.todo.push(Step::Whole);
        }
        if !full || self.shown.len() < TELLING {
            return;
        }
        if piece.1.0 - piece.0.0 <= SHORTEST {
            self.stuck = Some("all leads lie within a few seconds");
        } else {
            self.divide(piece, piece.0.plus((piece.1.0 - piece.0.0) / 2));
        }
    }

    /// The parts reach into each other, so that it does not matter whether ends are included. Both are listed before
    /// their own parts are, for one of them shows a cap at once: the newer where the oldest rows are kept, and else the
    /// older.
    fn divide(&mut self, (first, last): Stretch, at: Shown) {
        let parts = [(first, at.plus(1)), (at.plus(-1), last)];
        self.todo.splice(0..0, parts.map(Step::Piece));
    }

    /// What follows. `over`: how long the stretch is, in words.
    pub fn verdict(&self, over: &str) -> Finding {
        let shown = self.shown.len();
        let leads = if shown == 1 { "1 lead".to_owned() } else { format!("{shown} leads") };
        if self.cut {
            return Finding::sure(
                About::Cap,
                shown.to_string(),
                format!("lists are cut after {shown} rows, without a word; leadhook then asks for shorter stretches"),
                format!("parts of the last {over} list leads that the whole does not"),
            );
        }
        let unknown =
            |why: String| Finding::unknown(About::Cap, "whether long lists are cut cannot be told", why, Fits::Yes);
        if let Some(why) = self.stuck {
            return unknown(format!("{leads} in {over}, and {why}"));
        }
        if shown < TELLING {
            return unknown(format!("{leads} in {over}: too few to tell; leadhook looks out for it while it runs"));
        }
        if self.pieces != self.shown {
            return unknown(format!("the last {over} list more as a whole than in parts"));
        }
        Finding::sure(
            About::Cap,
            "none",
            format!("a list of {leads} was whole; leadhook looks out for longer ones while it runs"),
            format!("parts of the last {over} list the same as the whole"),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Certainty;
    use super::*;

    /// Leads with their seconds; a list shows at most `cap` of them, from the oldest or from the newest on.
    fn list(world: &[i64], (first, last): Stretch, cap: usize, newest: bool) -> BTreeSet<LeadId> {
        let mut inside: Vec<(i64, u64)> = world
            .iter()
            .zip(0..)
            .filter(|(at, _)| first.0 <= **at && **at <= last.0)
            .map(|(at, id)| (*at, id))
            .collect();
        inside.sort_unstable();
        if newest {
            inside.reverse();
        }
        inside.into_iter().take(cap).map(|(_, id)| LeadId(id)).collect()
    }

    fn look(world: &[i64], cap: usize, newest: bool) -> (Finding, u32) {
        let mut search = Search::new(Shown(0), Shown(604_800));
        while let Some(stretch) = search.next() {
            search.tell(list(world, stretch, cap, newest));
        }
        (search.verdict("7d"), search.lists)
    }

    proptest! {
        #[test]
        fn a_cap_is_found_and_where_there_is_none_none_is(
            seconds in prop::collection::vec(prop_oneof![3 => 0i64..604_800, 1 => 300_000i64..300_900], 1..300),
            cap in 1usize..300,
            newest: bool,
        ) {
            let (finding, lists) = look(&seconds, cap, newest);
            prop_assert!(lists <= LISTS);
            if cap < seconds.len() {
                // Where it cannot be told, nobody says that there is none.
                prop_assert_ne!(finding.found.as_deref(), Some("none"));
                if let Some(found) = finding.found {
                    prop_assert_eq!(found, cap.to_string());
                }
            } else if seconds.len() >= TELLING {
                prop_assert_eq!(finding.found.as_deref(), Some("none"));
            }
        }
    }

    #[test]
    fn the_usual_cases_take_few_lists() {
        let spread: Vec<i64> = (0..5_000).map(|i| 4_920 + i * 120).collect();
        for (cap, newest, found) in [(100, false, "100"), (1_000, true, "1000"), (9_999, false, "none")] {
            let (finding, lists) = look(&spread, cap, newest);
            assert_eq!((finding.found.as_deref(), finding.certainty), (Some(found), Certainty::Sure));
            assert!(lists <= 5, "{lists} lists for a cap of {cap}");
        }
        // All in one hour of a week, where the first halves prove nothing.
        let hour: Vec<i64> = (0..1_000).map(|i| 600_000 + i * 3).collect();
        assert_eq!(look(&hour, 400, false).0.found.as_deref(), Some("400"));
        assert_eq!(look(&hour, 1_000, false).0.found.as_deref(), Some("none"));
        assert_eq!(look(&hour, 1_001, false).0.found.as_deref(), Some("none"));
    }

    #[test]
    fn what_comes_late_is_no_cap() {
        let mut world: Vec<i64> = (0..200).map(|i| i * 3_000).collect();
        let mut search = Search::new(Shown(0), Shown(604_800));
        while let Some(stretch) = search.next() {
            let listed = list(&world, stretch, 10_000, false);
            search.tell(listed);
            if world.len() < 202 {
                world.push(100_000 + world.len() as i64);
            }
        }
        let finding = search.verdict("7d");
        assert_eq!((finding.found.as_deref(), finding.certainty), (Some("none"), Certainty::Sure), "{}", finding.why);
    }

    #[test]
    fn what_is_finalized_again_meanwhile_is_no_cap() {
        let mut world: Vec<i64> = (0..200).map(|i| i * 3_000).collect();
        let mut search = Search::new(Shown(0), Shown(604_800));
        let mut lists = 0;
        while let Some(stretch) = search.next() {
            lists += 1;
            search.tell(list(&world, stretch, 10_000, false));
            if lists == 2 {
                // One of the newer half leaves the stretch, and one shows up late in the older.
                world[150] = 700_000;
                world.push(1_000);
            }
        }
        assert_ne!(search.verdict("7d").found.as_deref(), Some("199"));
        assert!(!search.cut);
    }

    #[test]
    fn where_it_cannot_be_told_nothing_is_claimed() {
        let few: Vec<i64> = (0..5).map(|i| i * 100_000).chain([604_000]).collect();
        assert_eq!(look(&few, 100, false).0.found, None);
        // Even few show that a cap of fewer is one.
        assert_eq!(look(&few, 3, true).0.found.as_deref(), Some("3"));
        let second = vec![300_000; 50];
        assert_eq!(look(&second, 50, false).0.certainty, Certainty::Unknown);
        assert_eq!(look(&[], 50, false).0.certainty, Certainty::Unknown);
        let mut search = Search::new(Shown(0), Shown(100));
        search.give_up();
        assert_eq!((search.next(), search.verdict("7d").found), (None, None));
    }
}
