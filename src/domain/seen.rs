//! A row of a list against what is known of its lead: is it new, finalized again, or nothing new?
//!
//! Rows carry no time. What a lead is known by is its status, and the stretch in which it was finalized: the
//! intersection of the windows that listed it. That it is missing from a list means nothing.

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
    }
}
