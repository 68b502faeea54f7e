//! The records of a damaged store, put together from its log message by message, past sled: it refuses a log that lacks a page,
//! and ends it where a message does not read. The log is only read.
//!
//! A page is what was last said of it as a whole, and what was changed in it since. Where the newest of that does not read, an
//! older state of the page may lie in the log still: it is taken, for those of its keys that no newer page has.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::pages::Page;
use super::segments::{self, Messages, SEGMENT, Says};

/// A hole of which nobody knows where in the log it is.
const ANYWHERE: u64 = u64::MAX;

/// Where a message lies: its number in the log, and its bytes in the file.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    at: u64,
    length: usize,
}

/// A page, and where it stands in the log.
struct Kept {
    whole: Place,
    changes: Vec<Place>,
}

/// A piece of the file that is a segment.
struct Piece {
    number: u64,
    at: u64,
}

/// What lies where in a log.
pub struct Salvage {
    log: File,
    pages: HashMap<u64, Kept>,
    /// Which bytes of the file do not read, and are not known to mean nothing.
    pub unreadable: Vec<Range<u64>>,
    /// The numbers of messages that do not read.
    holes: Vec<u64>,
}

impl Salvage {
    /// Looks through the log in this directory; `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(inner: &Path) -> io::Result<Option<Salvage>> {
        let Some(log) = segments::log(inner)? else { return Ok(None) };
        let mut salvage = Salvage { log, pages: HashMap::new(), unreadable: Vec::new(), holes: Vec::new() };
        let pieces = salvage.pieces()?;
        let mut end = 0;
        for piece in &pieces {
            end = end.max(salvage.look_for_holes(piece, pieces.last())?);
        }
        for piece in &pieces {
            if !salvage.take(piece, end)? {
                break;
            }
        }
        Ok(Some(salvage))
    }

    /// All segments, in the order of the log. Where a beginning does not read, one of its messages says which it is.
    fn pieces(&mut self) -> io::Result<Vec<Piece>> {
        let length = self.log.metadata()?.len();
        let mut pieces = Vec::new();
        for at in (0..length).step_by(SEGMENT) {
            let bytes = segments::bytes(&mut self.log, at)?;
            match segments::number(&bytes).or_else(|| segments::number_by_any(&bytes)) {
                Some(number) => pieces.push(Piece { number, at }),
                // Never written, or wiped.
                None if bytes.iter().all(|byte| *byte == 0) => {}
                None => {
                    self.unreadable.push(at..at + bytes.len() as u64);
                    self.holes.push(ANYWHERE);
                }
            }
        }
        // What lay behind a cut may have been anything.
        if length % SEGMENT as u64 != 0
            && pieces.last().is_some_and(|last| pieces.iter().any(|p| p.number > last.number))
        {
            self.holes.push(ANYWHERE);
        }
        pieces.sort_by_key(|piece| piece.number);
        Ok(pieces)
    }

    /// Notes what of this segment does not read; says where the last of its messages ends.
    fn look_for_holes(&mut self, piece: &Piece, last: Option<&Piece>) -> io::Result<u64> {
        let bytes = segments::bytes(&mut self.log, piece.at)?;
        let mut messages = Messages::new(&bytes, piece.number);
        let mut end = 0;
        loop {
            messages.by_ref().for_each(drop);
            if messages.at >= SEGMENT {
                return Ok(end.max(piece.number + SEGMENT as u64));
            }
            let from = messages.at;
            end = piece.number + from as u64;
            let next = messages.skips().map(|(at, _)| at);
            let to = next.unwrap_or(bytes.len());
            // The log may end here.
            let is_the_end = next.is_none() && last.is_some_and(|last| last.at == piece.at);
            if !is_the_end {
                self.unreadable.push(piece.at + from as u64..piece.at + to.max(from) as u64);
                self.holes.push(end);
            }
            if next.is_none() {
                return Ok(end);
            }
        }
    }

    /// Takes up what the segment says; false: from there on nothing counts, for not all that goes together was written.
    fn take(&mut self, piece: &Piece, end: u64) -> io::Result<bool> {
        let bytes = segments::bytes(&mut self.log, piece.at)?;
        let mut messages = Messages::new(&bytes, piece.number);
        loop {
            let Some((at, message)) = messages.next().or_else(|| messages.skips()) else { return Ok(true) };
            let place = |body: &[u8]| Place {
                number: piece.number + at as u64,
                at: piece.at + (message.body_at(at)) as u64,
                length: body.len(),
            };
            match message.says() {
                Says::Batch(last) if u64::try_from(last).is_ok_and(|last| last >= end) => return Ok(false),
                Says::Page(body) => {
                    self.pages.insert(message.page, Kept { whole: place(body), changes: Vec::new() });
                }
                Says::Change(body) => {
                    if let Some(kept) = self.pages.get_mut(&message.page) {
                        kept.changes.push(place(body));
                    }
                }
                Says::Free => drop(self.pages.remove(&message.page)),
                Says::Elsewhere => {
                    let lies = piece.at + at as u64;
                    self.unreadable.push(lies..lies + 1);
                }
                Says::Batch(_) | Says::Other => {}
            }
        }
    }

    /// Goes through all records, those of newer pages first, for as long as `take` wants more.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn each(&mut self, mut take: impl FnMut(&[u8], &[u8]) -> bool) -> io::Result<()> {
        let mut newest_first: Vec<u64> = self.pages.keys().copied().collect();
        newest_first.sort_by_key(|page| self.pages.get(page).map(|kept| std::cmp::Reverse(kept.whole.number)));
        let mut covered = Covered::default();
        for page in newest_first {
            let Some(page) = self.page(page)? else { continue };
            for (key, value) in &page.records {
                if !covered.has(key) && !take(key, value) {
                    return Ok(());
                }
            }
            covered.add(page.low, page.high);
        }
        Ok(())
    }

    /// A page as it is in the end; `None`: there are no records in it.
    fn page(&self, number: u64) -> io::Result<Option<Page>> {
        let Some(kept) = self.pages.get(&number) else { return Ok(None) };
        let Some(mut page) = Page::read(&self.bytes(kept.whole)?) else { return Ok(None) };
        for change in &kept.changes {
            let between = kept.whole.number..=change.number;
            let surely = !self.holes.iter().any(|hole| *hole == ANYWHERE || between.contains(hole));
            page.change(&self.bytes(*change)?, surely);
        }
        Ok(Some(page))
    }

    fn bytes(&self, place: Place) -> io::Result<Vec<u8>> {
        let (mut bytes, mut log) = (vec![0; place.length], &self.log);
        log.seek(SeekFrom::Start(place.at))?;
        log.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Stretches of keys; none of them touches another. An empty end is behind all keys.
#[derive(Default)]
struct Covered(BTreeMap<Vec<u8>, Vec<u8>>);

impl Covered {
    fn has(&self, key: &[u8]) -> bool {
        let before = self.0.range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key))).next_back();
        before.is_some_and(|(_, high)| high.is_empty() || key < high.as_slice())
    }

    fn add(&mut self, mut low: Vec<u8>, mut high: Vec<u8>) {
        let before = self.0.range(..=low.clone()).next_back().map(|(low, high)| (low.clone(), high.clone()));
        if let Some((first, end)) = before.filter(|(_, end)| end.is_empty() || *end >= low) {
            low = first;
            if end.is_empty() || (!high.is_empty() && end > high) {
                high = end;
            }
        }
        // Those that begin within it.
        while let Some((first, end)) = self.0.range(low.clone()..).next().map(|(low, high)| (low.clone(), high.clone()))
        {
            if !high.is_empty() && first > high {
                break;
            }
            self.0.remove(&first);
            if end.is_empty() || (!high.is_empty() && end > high) {
                high = end;
            }
        }
        self.0.insert(low, high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_of_keys_grow_together() {
        let mut covered = Covered::default();
        for (low, high) in [("d", "f"), ("h", "k"), ("b", "c"), ("e", "i"), ("x", "")] {
            covered.add(low.into(), high.into());
        }
        for (key, has) in [
            ("a", false),
            ("b", true),
            ("bz", true),
            ("c", false),
            ("d", true),
            ("g", true),
            ("jz", true),
            ("k", false),
        ] {
            assert_eq!(covered.has(key.as_bytes()), has, "{key}");
        }
        assert!(covered.has(b"x") && covered.has(b"zz"));
        assert_eq!(covered.0.len(), 3);
        covered.add(Vec::new(), Vec::new());
        assert!(covered.has(b"") && covered.has(b"c") && covered.0.len() == 1);
    }
}
