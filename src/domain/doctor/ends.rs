//! Whether a list includes its first and its last second.
//!
//! Of one lead two seconds can be found out: the last from which on it is listed, and the first up to which it is. Where
//! both ends are included they are the same; each end that is left out moves them one second apart. Which of the two ends
//! it is cannot be told, for nobody says when the lead was finalized.

use super::{About, Finding, Fits};

/// So many seconds after `first` a list may end that still has to show the lead.
pub const WIDEST: i64 = 2;

/// What follows. `apart`: how long the shortest list is, from the last second from which on the lead is listed, that shows
/// it; `None`: none of those up to [`WIDEST`] did.
pub fn verdict(apart: Option<i64>) -> Finding {
    let why = "windows overlap, so that it makes no difference";
    match apart {
        Some(0) => Finding::sure(
            About::Ends,
            "both",
            "a list includes its first and its last second",
            format!("a list of a single second shows the lead of that second; {why}"),
        ),
        Some(1) => Finding::sure(
            About::Ends,
            "one",
            "a list leaves one of its ends out, or compares fractions of seconds",
            format!(
                "a list has to reach a second further to show a lead, and which of the two it is cannot be told; {why}"
            ),
        ),
        Some(2) => Finding::sure(
            About::Ends,
            "neither",
            "a list leaves both of its ends out",
            format!("a list has to be two seconds longer to show a lead; {why}"),
        ),
        _ => Finding::unknown(
            About::Ends,
            "whether a list includes its ends cannot be told",
            format!("it takes a lead whose second is known; {why}"),
            Fits::Yes,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Certainty;
    use super::*;

    #[test]
    fn each_end_that_is_left_out_is_a_second() {
        // The last second from which on a lead of second 100 is listed, and the first up to which it is.
        for (first_included, last_included, found) in
            [(true, true, "both"), (true, false, "one"), (false, true, "one"), (false, false, "neither")]
        {
            let listed = |first: i64, last: i64| {
                (if first_included { first <= 100 } else { first < 100 })
                    && (if last_included { 100 <= last } else { 100 < last })
            };
            let first = (0..200).rev().find(|first| listed(*first, 900)).expect("listed");
            let apart = (0..=WIDEST).find(|apart| listed(first, first + apart));
            let finding = verdict(apart);
            assert_eq!((finding.found.as_deref(), finding.fits), (Some(found), Fits::Yes));
        }
        assert_eq!(verdict(None).certainty, Certainty::Unknown);
    }
}
