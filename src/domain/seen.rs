//! A row of a list against what is known of its lead: is it new, finalized again, or nothing new?
//!
//! Rows carry no time. What a lead is known by is its status, and the stretch in which it was finalized: the
//! intersection of the windows that listed it. That it is missing from a list means nothing.
//!
//! A window means something only where the API looks at it. One that lists everything whatever is asked for, or knows whole
//! days alone, or one of a window's ends, would show every lead outside of its stretch before long. So what the window
//! alone tells is proven by [`between`] before it is believed.

use std::time::Duration;

use super::clock;
use super::window::Window;

/// Two windows that lie less apart may speak of the same instant: ends are rounded to seconds, and gaps' windows reach
/// into each other.
const APART: Duration = Duration::from_secs(60);

/// Whether a lead that is known was finalized again, by what lists it now.
///
/// It was where its status differs, or where the window lies behind its stretch. A window that lies before it does not
/// count: nobody is finalized again in the past, and an API that shows a lead in the list of each of its ends, maybe with
/// the status of that end, would make it finalized again with every reading.
pub fn is_again(known_status: Option<&str>, stretch: Window, status: Option<&str>, window: Window) -> bool {
    let before = window.to < clock::before(stretch.from, APART);
    let behind = window.from > clock::after(stretch.to, APART);
    behind || (known_status != status && !before)
}

/// Whether nothing but the window that lists it says that a lead was finalized again.
pub fn is_again_by_window_alone(
    known_status: Option<&str>,
    stretch: Window,
    status: Option<&str>,
    window: Window,
) -> bool {
    known_status == status && is_again(known_status, stretch, status, window)
}

/// A second that lies before the window, and behind every stretch that the window lies behind.
///
/// No lead of both is in its list, if it was finalized in the stretch and again in the window. One that is there as well was
/// listed by three windows that have no instant in common: then the API does not look at them, or not so closely.
pub fn between(window: Window) -> Window {
    let at = |seconds| clock::before(window.from, Duration::from_secs(seconds));
    Window { from: at(3), to: at(2) }
}

/// Whether an API does not look at windows: of so many leads, so many are in the list of a second in which they cannot have
/// been finalized. An API that does shows none, or the few of that second; one that does not may show some of them at a time.
pub fn is_heedless(shown: usize, of: usize) -> bool {
    shown > 0 && shown * 4 >= of
}

/// The narrower stretch, where this window makes it so much narrower that it is worth a write: by half, or at its later
/// end, by which it is told whether a lead was finalized again.
pub fn narrowed(stretch: Window, window: Window) -> Option<Window> {
    let both = Window { from: stretch.from.max(window.from), to: stretch.to.min(window.to) };
    let (long, longer) = (both.to.duration_since(both.from), stretch.to.duration_since(stretch.from));
    let worth = long.as_millis() <= longer.as_millis() / 2 || clock::elapsed(both.to, stretch.to) >= APART;
    (both.from < both.to && worth).then_some(both)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn window(from: i64, to: i64) -> Window {
        let at = |second| Timestamp::from_second(1_800_000_000 + second).expect("a time");
        Window { from: at(from), to: at(to) }
    }

    #[test]
    fn another_status_or_a_later_window_is_another_end() {
        let stretch = window(0, 3_600);
        assert!(!is_again(Some("sold"), stretch, Some("sold"), window(-7_200, 0)));
        assert!(is_again(Some("sold"), stretch, Some("lost"), stretch));
        assert!(is_again(Some("sold"), stretch, None, stretch));
        assert!(!is_again(None, stretch, None, window(3_000, 9_000)));
        assert!(!is_again(None, stretch, None, window(3_660, 9_000)), "their windows may touch");
        assert!(is_again(None, stretch, None, window(3_661, 9_000)));
        // The list of an earlier end shows it as well.
        assert!(!is_again(None, stretch, None, window(-90_000, -3_600)));
        assert!(!is_again(Some("sold"), stretch, Some("lost"), window(-90_000, -3_600)));
    }

    #[test]
    fn a_stretch_is_narrowed_where_that_tells_something() {
        let stretch = window(0, 100_000);
        // The next poll's window begins a minute later and ends a minute later.
        assert_eq!(narrowed(stretch, window(60, 100_060)), None);
        assert_eq!(narrowed(stretch, window(60_000, 160_000)), Some(window(60_000, 100_000)));
        assert_eq!(narrowed(stretch, window(-5_000, 90_000)), Some(window(0, 90_000)));
        assert_eq!(narrowed(stretch, window(100_000, 200_000)), None);
        assert_eq!(narrowed(stretch, window(-9, 0)), None);
    }

    proptest! {
        #[test]
        fn a_lead_that_is_finalized_once_is_never_finalized_again(
            end in 0i64..1_000_000,
            windows in prop::collection::vec((0i64..500_000, 0i64..500_000), 1..40),
        ) {
            let mut stretch: Option<Window> = None;
            for (before, after) in windows {
                let listing = window(end - before, end + after);
                let known = stretch.unwrap_or(listing);
                prop_assert!(!is_again(None, known, None, listing));
                stretch = Some(narrowed(known, listing).unwrap_or(known));
                prop_assert!(known.from <= window(end, end).from && window(end, end).to <= known.to);
            }
        }

        /// An API that does not look at windows as it should, in whatever way, never makes a lead finalized again that was not.
        #[test]
        fn nor_is_it_where_the_api_does_not_look_at_windows(
            looks in prop_oneof![Just(Looks::NotAtAll), Just(Looks::AtFirst), Just(Looks::AtLast), Just(Looks::AtDays)],
            end in 0i64..1_000_000,
            windows in prop::collection::vec((0i64..1_000_000, 1i64..200_000), 1..40),
        ) {
            let mut stretch: Option<Window> = None;
            for (from, long) in windows {
                let asked = window(from, from + long);
                if !looks.lists(end, asked) {
                    continue;
                }
                let known = stretch.unwrap_or(asked);
                let again = is_again_by_window_alone(None, known, None, asked);
                prop_assert!(!again || looks.lists(end, between(asked)), "{known:?} {asked:?}");
                stretch = Some(narrowed(known, asked).unwrap_or(known));
            }
        }

        #[test]
        fn what_lies_between_is_in_neither(to in 0i64..1_000, from in 0i64..2_000) {
            let (stretch, listing) = (window(-500, to), window(from, 9_000));
            if is_again(None, stretch, None, listing) {
                let between = between(listing);
                prop_assert!(stretch.to < between.from && between.to < listing.from);
            }
        }
    }

    /// What an API does not do about the window.
    #[derive(Clone, Copy, Debug)]
    enum Looks {
        NotAtAll,
        AtFirst,
        AtLast,
        AtDays,
    }

    impl Looks {
        fn lists(self, end: i64, asked: Window) -> bool {
            let (from, to) = (asked.from.as_second() - 1_800_000_000, asked.to.as_second() - 1_800_000_000);
            let day = |second: i64| second.div_euclid(86_400);
            match self {
                Looks::NotAtAll => true,
                Looks::AtFirst => from <= end,
                Looks::AtLast => end <= to,
                Looks::AtDays => (day(from)..=day(to)).contains(&day(end)),
            }
        }
    }

    #[test]
    fn a_few_that_come_just_then_are_not_all() {
        for (shown, of, heedless) in [(0, 0, false), (0, 9, false), (1, 1, true), (1, 5, false), (25, 100, true)] {
            assert_eq!(is_heedless(shown, of), heedless, "{shown} of {of}");
        }
    }
}
