//! What is covered of a text, and what is shown in its place.

use std::ops::Range;

/// In the place of what may not be shown, where nothing says where it comes from.
pub(super) const HIDDEN: &str = "***";

/// Ranges of one text's bytes, each with what is shown in its place.
#[derive(Default)]
pub(super) struct Covers<'a> {
    found: Vec<(Range<usize>, &'a str)>,
}

impl<'a> Covers<'a> {
    /// Covers this as well.
    pub(super) fn add(&mut self, range: Range<usize>, shown: &'a str) {
        self.found.push((range, shown));
    }

    /// The text with what is covered. Where ranges overlap, all that any of them covers is, with what the longest shows.
    pub(super) fn over(mut self, text: &str) -> String {
        self.found.sort_by_key(|(range, _)| range.start);
        let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
        let mut found = self.found.into_iter().peekable();
        while let Some((mut all, mut place)) = found.next() {
            let mut longest = (all.len(), place != HIDDEN);
            while let Some((range, another)) = found.next_if(|(range, _)| range.start < all.end) {
                let length = (range.len(), another != HIDDEN);
                if length > longest {
                    (longest, place) = (length, another);
                }
                all.end = all.end.max(range.end);
            }
            shown.push_str(&text[from..all.start]);
            shown.push_str(place);
            from = all.end;
        }
        shown.push_str(&text[from..]);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_covered_as_one_and_what_only_touches_is_not() {
        let shown = |found: &[(Range<usize>, &'static str)]| {
            let mut covers = Covers::default();
            found.iter().for_each(|(range, shown)| covers.add(range.clone(), shown));
            covers.over("0123456789")
        };
        assert_eq!(shown(&[]), "0123456789");
        assert_eq!(shown(&[(4..8, "B"), (2..5, "A"), (8..9, "C")]), "01BC9");
        assert_eq!(shown(&[(2..5, HIDDEN), (2..5, "A"), (0..1, "Z")]), "Z1A56789");
    }
}
