//! Whether the API's clock and this machine's agree, by the `Date` of its answers.

use std::time::Duration;

use jiff::Timestamp;

use super::{About, Finding, Fits};
use crate::domain::span;

/// Up to so far apart they agree: nothing of leadhook's is finer.
const AGREES: i64 = 5_000;

/// From here on somebody should look. Receivers refuse signatures that are five minutes off.
const LOOK: i64 = 30_000;

/// One answer. Its `Date` is in whole seconds and was written between the two moments on this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the request went.
    pub sent: Timestamp,
    /// When the answer began.
    pub back: Timestamp,
    /// What the answer says.
    pub date: Timestamp,
}

/// How far the API's clock is ahead of this machine's, in milliseconds; below zero: behind it. Between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    low: i64,
    high: i64,
    /// The samples contradict each other: several clocks, or one that jumped.
    torn: bool,
}

impl Skew {
    /// What all samples together say; `None` without any.
    pub fn of(samples: &[Sample]) -> Option<Skew> {
        let ms = Timestamp::as_millisecond;
        let mut ranges: Vec<(i64, i64)> = samples
            .iter()
            .map(|sample| (ms(sample.date) - ms(sample.back), ms(sample.date) + 1000 - ms(sample.sent)))
            .collect();
        let low = ranges.iter().map(|range| range.0).max()?;
        let high = ranges.iter().map(|range| range.1).min()?;
        if low <= high {
            return Some(Skew { low, high, torn: false });
        }
        ranges.sort_unstable();
        let (low, high) = ranges[ranges.len() / 2];
        Some(Skew { low, high, torn: true })
    }

    /// The best guess, in milliseconds.
    pub fn ms(self) -> i64 {
        self.low + (self.high - self.low) / 2
    }
}

/// What follows.
pub fn verdict(skew: Option<Skew>) -> Finding {
    let Some(skew) = skew else {
        return Finding::unknown(
            About::Clock,
            "the API does not say what time it is",
            "its answers have no `Date`",
            Fits::Yes,
        );
    };
    let off = if skew.low > AGREES {
        skew.low
    } else if skew.high < -AGREES {
        skew.high
    } else {
        0
    };
    let seconds = (skew.ms() as f64 / 1000.0).round() as i64;
    let within = span::format(Duration::from_millis((skew.high - skew.low).unsigned_abs() / 2));
    let why = format!("by the `Date` of its answers, to within {within}");
    let finding = if off == 0 {
        Finding::sure(About::Clock, "0s", "the API's clock and this machine's agree", why)
    } else {
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        let by = span::format(Duration::from_secs(seconds.unsigned_abs()));
        let said = format!("the API's clock is {by} {direction} this machine's");
        Finding::sure(About::Clock, format!("{seconds:+}s"), said, why)
    };
    let finding = if skew.torn {
        Finding { why: format!("{}; answers differ", finding.why), ..finding }.only_likely()
    } else {
        finding
    };
    if off.abs() > LOOK {
        let why = format!(
            "{}; see whether this machine's clock is right: receivers refuse signatures that are minutes off",
            finding.why
        );
        return Finding { why, ..finding }.to_look_at();
    }
    finding
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Certainty;
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + ms).expect("a time")
    }

    /// An answer of a clock that is so far ahead, `way` after the request went.
    fn sample(sent: i64, way: i64, took: i64, skew: i64) -> Sample {
        let shown = at(sent + way + skew);
        Sample {
            sent: at(sent),
            back: at(sent + took),
            date: Timestamp::from_second(shown.as_second()).expect("a time"),
        }
    }

    proptest! {
        #[test]
        fn the_true_skew_lies_between(
            skew in -1_000_000i64..1_000_000,
            answers in prop::collection::vec((0i64..60_000, 0i64..300, 0i64..300), 1..20),
        ) {
            let samples: Vec<Sample> =
                answers.iter().map(|(sent, there, back)| sample(*sent, *there, there + back, skew)).collect();
            let found = Skew::of(&samples).expect("samples");
            prop_assert!(!found.torn && found.low <= skew && skew <= found.high, "{:?}", found);
            let finding = verdict(Some(found));
            if skew.abs() < 4_000 {
                prop_assert_eq!(finding.found.as_deref(), Some("0s"));
            }
            if skew.abs() > 32_000 {
                prop_assert_eq!(finding.fits, Fits::Look);
            }
            if skew.abs() < 28_000 {
                prop_assert_eq!(finding.fits, Fits::Yes);
            }
        }
    }

    #[test]
    fn it_is_said_which_clock_is_ahead() {
        let of = |skew| verdict(Skew::of(&[sample(0, 10, 20, skew), sample(700, 10, 20, skew)]));
        assert!(of(90_000).said.contains("1m30s ahead"), "{}", of(90_000).said);
        assert!(of(-90_000).said.contains("1m30s behind"), "{}", of(-90_000).said);
        assert_eq!(verdict(None).certainty, Certainty::Unknown);
    }

    #[test]
    fn clocks_that_contradict_each_other_are_only_likely() {
        let samples = [sample(0, 10, 20, 0), sample(1_000, 10, 20, 0), sample(2_000, 10, 20, 60_000)];
        let finding = verdict(Skew::of(&samples));
        assert_eq!((finding.certainty, finding.found.as_deref()), (Certainty::Likely, Some("0s")));
    }
}
