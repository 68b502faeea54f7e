//! The one thing that the pieces of a rating say together.
//!
//! A number counts where it stands first, alone or with a sign between it and what follows, or where nothing stands
//! beside it that could mean something else. Words count where every one of them is known. All else is unknown: free
//! texts hold hours, streets and the names of colleagues.

use super::lexicon::{Meaning, Words};
use super::text::{Kind, Piece, pieces};

/// What a rating says, before it is laid on the scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    /// A score.
    Number(f64),
    /// A score, and the highest that there is.
    OutOf(f64, f64),
    /// Full stars, and how many there are where hollow ones stand beside them.
    Stars(f64, Option<f64>),
    /// From 1 for the worst to 5 for the best.
    Level(u8),
}

/// No rating is longer; a letter is none, and need not be read.
const LONGEST: usize = 2_000;

/// A piece, or several that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Count(Reading),
    /// Something the lexicon knows.
    Known(Meaning),
    Mark,
    Slash,
    Unknown,
}

/// The one clear reading of this text, if there is one, and the level that a word beside a number says. Where one is
/// given, the number counts only if it says no other.
pub(super) fn read(text: &str, words: &Words) -> Option<(Reading, Option<u8>)> {
    if text.chars().nth(LONGEST).is_some() {
        return None;
    }
    let items = joined(&items(&pieces(text), words)?);
    let mut counts = items.iter().enumerate().filter_map(|(at, item)| match item {
        Item::Count(reading) => Some((at, *reading)),
        _ => None,
    });
    match (counts.next(), counts.next()) {
        (None, _) => said(&items).map(|level| (Reading::Level(level), None)),
        (Some((at, reading)), None) => beside(&items[..at], &items[at + 1..]).map(|word| (reading, word)),
        (Some(_), Some(_)) => None,
    }
}

/// `None` where a number and a word stand so close that they are neither: 5th, 2h, A5.
fn items(pieces: &[Piece], words: &Words) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let known = words.longest(&pieces[at..]);
        let is_unit = matches!(known, Some((_, Meaning::Unit)));
        if piece.glued && !is_unit && matches!(piece.kind, Kind::Word | Kind::Number(_)) {
            return None;
        }
        let (taken, item) = match (known, piece.kind) {
            (Some((taken, meaning)), _) => (taken, Item::Known(meaning)),
            (None, Kind::Number(n)) => (1, Item::Count(Reading::Number(n))),
            // Stars that are all hollow: nobody knows whether that is nothing or as many.
            (None, Kind::Stars(0, _)) => (1, Item::Unknown),
            (None, Kind::Stars(n, 0)) => (1, Item::Count(Reading::Stars(f64::from(n), None))),
            (None, Kind::Stars(n, hollow)) => {
                (1, Item::Count(Reading::Stars(f64::from(n), Some(f64::from(n + hollow)))))
            }
            (None, Kind::Mark) => (1, Item::Mark),
            (None, Kind::Slash) => (1, Item::Slash),
            (None, Kind::Word | Kind::Sign | Kind::Doubt) => (1, Item::Unknown),
        };
        items.push(item);
        at += taken;
    }
    Some(items)
}

/// Puts together what is one count: "2/5", "2 out of 5", "5 stars", "5 ★".
fn joined(items: &[Item]) -> Vec<Item> {
    use Item::{Count, Known, Slash};
    use Reading::{Number, OutOf, Stars};
    let mut joined = Vec::with_capacity(items.len());
    let mut rest = items;
    while let Some(first) = rest.first() {
        let (item, taken) = match rest {
            [Count(Number(n)), Slash | Known(Meaning::Of), Count(Number(of)), ..] => (Count(OutOf(*n, *of)), 3),
            [Count(Number(n)), Known(Meaning::Unit), Known(Meaning::Of), Count(Number(of)), ..] => {
                (Count(OutOf(*n, *of)), 4)
            }
            [Count(Number(n)), Count(Stars(stars, None)), ..] if *stars == 1.0 || stars == n => (Count(Number(*n)), 2),
            [Count(Stars(stars, None)), Count(Number(n)), ..] if *stars == 1.0 || stars == n => (Count(Number(*n)), 2),
            _ => (*first, 1),
        };
        rest = &rest[taken..];
        let is_count = matches!(item, Count(_));
        joined.push(item);
        if is_count && let [Known(Meaning::Unit), after @ ..] = rest {
            rest = after;
        }
    }
    joined
}

/// Whether what stands before and behind the only count of a text leaves it clear, and the level that it has to agree
/// with.
fn beside(before: &[Item], after: &[Item]) -> Option<Option<u8>> {
    let names = |item: &Item| matches!(item, Item::Mark | Item::Known(Meaning::Label | Meaning::Unit));
    let is_first = before.iter().all(|item| names(item) || *item == Item::Known(Meaning::Filler));
    let is_last = after.iter().all(names);
    let is_parted = matches!(after.first(), Some(Item::Mark | Item::Slash));
    match (is_first, is_last) {
        (true, true) => Some(None),
        // "1 - Péssimo": whatever follows is what was written beside the number.
        (true, false) if is_parted => Some(None),
        (true, false) => said(after).map(Some),
        (false, true) => said(before).map(Some),
        (false, false) => None,
    }
}

/// The level that words and faces say together; `None` where one of them is not known, or they contradict each other.
fn said(items: &[Item]) -> Option<u8> {
    let (mut not, mut very) = (false, false);
    let mut levels: Vec<u8> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let Item::Known(meaning) = item else {
            // "No, excellent" is not "not excellent".
            if not || *item != Item::Mark {
                return None;
            }
            very = false;
            continue;
        };
        let before_level = matches!(items.get(i + 1), Some(Item::Known(Meaning::Level(_))));
        let level = match meaning {
            Meaning::Level(level) => *level,
            Meaning::Well if before_level => {
                very = true;
                continue;
            }
            Meaning::Well => 4,
            Meaning::Not => {
                not = true;
                continue;
            }
            Meaning::Very => {
                very = true;
                continue;
            }
            Meaning::Filler | Meaning::Label => continue,
            Meaning::Unit | Meaning::Of | Meaning::Unclear => return None,
        };
        levels.push(match (level, not, very) {
            (4.., true, _) => 2,
            // "Not bad" is no rating that anyone would agree on.
            (_, true, _) => return None,
            (2, false, true) => 1,
            (4, false, true) => 5,
            (level, false, _) => level,
        });
        (not, very) = (false, false);
    }
    let (worst, best) = (levels.iter().min()?, levels.iter().max()?);
    match (worst, best) {
        _ if not => None,
        // Of several that agree the mildest counts.
        (_, ..=2) => Some(*best),
        (4.., _) => Some(*worst),
        (3, 3) => Some(3),
        _ => None,
    }
}
