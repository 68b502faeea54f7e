//! Windows: the stretches of time for which the API is asked, and how they are written for it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::clock;

/// How far ahead of now the newest window ends. A zone that was guessed wrong is off by up to 26 hours (UTC-12 to
/// UTC+14), and must not hide today's leads.
pub const AHEAD: Duration = Duration::from_secs(26 * 3_600);

/// No gap is read in windows longer than this.
pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A stretch of time for which the API is asked. Whether it includes its ends, nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
}

/// A part of a gap, and the wider window by which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What counts as covered, from here...
    pub from: Timestamp,
    /// ...to here, once the window has been read whole.
    pub to: Timestamp,
    /// What to ask for.
    pub window: Window,
}

/// The window of every poll: `overlap` back, and [`AHEAD`] of now. `there`: what time it is by the source's own clock; where
/// the two are far apart, both are right.
pub fn newest(now: Timestamp, there: Timestamp, overlap: Duration) -> Window {
    Window { from: clock::before(now.min(there), overlap), to: clock::after(now.max(there), AHEAD) }
}

/// Cuts a gap into pieces, newest first, which together are the gap as far as it lies above `floor`.
///
/// Each piece's window is wider by `margin` on both sides, so that it does not matter whether the API includes the ends,
/// but never reaches below `floor`; no window is longer than a [`DAY`], its rounding to seconds counted. They are made
/// as they are asked for, since a gap may be years long.
pub fn gap_windows(
    gap: (Timestamp, Timestamp),
    margin: Duration,
    floor: Timestamp,
) -> impl Iterator<Item = Piece> + use<> {
    let from = gap.0.max(floor);
    let step = DAY
        .saturating_sub(margin.saturating_mul(2).saturating_add(Duration::from_secs(2)))
        .max(Duration::from_secs(60));
    let mut to = gap.1;
    std::iter::from_fn(move || {
        if to <= from {
            return None;
        }
        let piece_from = clock::before(to, step).max(from);
        let window = Window { from: clock::before(piece_from, margin).max(floor), to: clock::after(to, margin) };
        let piece = Piece { from: piece_from, to, window };
        to = piece_from;
        Some(piece)
    })
}

impl Window {
    /// All of time: that somebody lists a lead for it says nothing of when it was finalized.
    pub const EVER: Window = Window { from: Timestamp::MIN, to: Timestamp::MAX };

    /// The same window without what lies below `floor`; `None` where nothing is left.
    pub fn above(self, floor: Timestamp) -> Option<Window> {
        let from = self.from.max(floor);
        (from < self.to).then_some(Window { from, to: self.to })
    }

    /// Both ends as the API takes them, `YYYY-MM-DD+HH:mm:ss` on the clocks of `tz`, seconds rounded outward.
    ///
    /// The clock of every instant in the window shows a time between the two. The ends' own times would not do: where
    /// clocks go back inside the window, they show times before that of the first instant, or have shown some after that
    /// of the last one. Then an end lies in the hour that clocks show twice, which can also be read in two ways; so what
    /// is sent lies just outside of such an hour. A time that no clock shows is not sent either.
    pub fn wire(&self, tz: &TimeZone) -> (String, String) {
        let (first, last) = self.shown(tz);
        (written(first), written(last))
    }

    /// The window that the two ends on the [`wire`](Window::wire) mean: never less than this one, and more where they were
    /// rounded outward.
    pub fn asked(&self, tz: &TimeZone) -> Window {
        let (first, last) = self.shown(tz);
        let (from, to) = (read(tz, first).unwrap_or(self.from), read(tz, last).unwrap_or(self.to));
        Window { from: from.min(self.from), to: to.max(self.to) }
    }

    fn shown(&self, tz: &TimeZone) -> (DateTime, DateTime) {
        let (from, to) = (self.from.min(self.to), self.from.max(self.to));
        (down(not_after(tz, tz.to_datetime(from))), down(not_before(tz, up(tz.to_datetime(to)))))
    }
}

/// The instant at which clocks show this time; neither end is ever sent as one that they show twice or never.
fn read(tz: &TimeZone, shown: DateTime) -> Option<Timestamp> {
    tz.to_ambiguous_timestamp(shown).compatible().ok()
}

/// The latest second, up to this one, that cannot be read as a later one.
fn not_after(tz: &TimeZone, shown: DateTime) -> DateTime {
    match change_at(tz, shown) {
        Some((AmbiguousOffset::Fold { after, .. }, at)) => {
            let again = after.to_datetime(at);
            again.checked_sub(jiff::Span::new().seconds(1)).unwrap_or(again)
        }
        _ => shown,
    }
}

/// The first second, from this one on, that cannot be read as an earlier one.
fn not_before(tz: &TimeZone, shown: DateTime) -> DateTime {
    match change_at(tz, shown) {
        Some((AmbiguousOffset::Fold { before, .. }, at)) => before.to_datetime(at),
        Some((AmbiguousOffset::Gap { after, .. }, at)) => after.to_datetime(at),
        _ => shown,
    }
}

/// The change of clocks that makes this time come twice or never.
fn change_at(tz: &TimeZone, shown: DateTime) -> Option<(AmbiguousOffset, Timestamp)> {
    let offset = tz.to_ambiguous_timestamp(shown).offset();
    let (AmbiguousOffset::Fold { before, after } | AmbiguousOffset::Gap { before, after }) = offset else {
        return None;
    };
    // Read with either offset, the time lies on one side of the change and less than the jump from it.
    let readings = [before, after].map(|offset| offset.to_timestamp(shown).ok());
    let earliest = readings.into_iter().flatten().min()?;
    let change = tz.following(clock::before(earliest, Duration::from_nanos(1))).next()?;
    Some((offset, change.timestamp()))
}

/// The whole second.
fn down(shown: DateTime) -> DateTime {
    shown.with().subsec_nanosecond(0).build().unwrap_or(shown)
}

/// The next whole second, unless it is one.
fn up(shown: DateTime) -> DateTime {
    if shown.subsec_nanosecond() == 0 {
        return shown;
    }
    shown.checked_add(jiff::Span::new().seconds(1)).unwrap_or(shown)
}

fn written(at: DateTime) -> String {
    format!("{:04}-{:02}-{:02}+{:02}:{:02}:{:02}", at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const MARGIN: Duration = Duration::from_secs(60);

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn wire(from: &str, to: &str, tz: &str) -> (String, String) {
        Window { from: time(from), to: time(to) }.wire(&zone(tz))
    }

    fn pair(first: &str, last: &str) -> (String, String) {
        (first.to_owned(), last.to_owned())
    }

    #[test]
    fn seconds_are_rounded_outward() {
        assert_eq!(
            wire("2026-11-23T17:20:31.999Z", "2026-11-23T17:20:59.001Z", "America/Sao_Paulo"),
            pair("2026-11-23+14:20:31", "2026-11-23+14:21:00")
        );
        assert_eq!(
            wire("2026-12-31T23:00:00Z", "2026-12-31T23:59:59.5Z", "UTC"),
            pair("2026-12-31+23:00:00", "2027-01-01+00:00:00")
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_asked_for_whole() {
        // São Paulo, 18 February 2018: at midnight clocks went back to 23:00, at 02:00 UTC.
        assert_eq!(
            wire("2018-02-18T01:30:00Z", "2018-02-18T02:30:00Z", "America/Sao_Paulo"),
            pair("2018-02-17+22:59:59", "2018-02-18+00:00:00")
        );
        // 23:30 may be read as the first or the second, so neither is sent.
        assert_eq!(
            wire("2018-02-18T02:30:00Z", "2018-02-18T02:31:00Z", "America/Sao_Paulo"),
            pair("2018-02-17+22:59:59", "2018-02-18+00:00:00")
        );
    }

    #[test]
    fn an_hour_that_never_was_harms_nothing() {
        // São Paulo, 4 November 2018: at midnight clocks went forward to 01:00, at 03:00 UTC.
        assert_eq!(
            wire("2018-11-04T02:30:00Z", "2018-11-04T03:30:00Z", "America/Sao_Paulo"),
            pair("2018-11-03+23:30:00", "2018-11-04+01:30:00")
        );
        // Nor is a time sent that never was, where rounding would make one.
        assert_eq!(
            wire("2018-11-04T02:30:00Z", "2018-11-04T02:59:59.5Z", "America/Sao_Paulo"),
            pair("2018-11-03+23:30:00", "2018-11-04+01:00:00")
        );
        // Samoa had no 30 December 2011 at all.
        assert_eq!(
            wire("2011-12-30T09:00:00Z", "2011-12-30T11:00:00Z", "Pacific/Apia"),
            pair("2011-12-29+23:00:00", "2011-12-31+01:00:00")
        );
    }

    #[test]
    fn the_newest_window_reaches_ahead_of_any_zone() {
        let now = time("2026-11-23T17:20:31Z");
        let window = newest(now, now, S(7_200));
        assert_eq!(window, Window { from: time("2026-11-23T15:20:31Z"), to: time("2026-11-24T19:20:31Z") });
        assert_eq!(window.above(now).map(|window| window.from), Some(now));
        assert_eq!(window.above(Timestamp::UNIX_EPOCH), Some(window));
        assert_eq!(window.above(window.to), None);
        // Either clock may be the wrong one.
        let there = time("2026-11-26T17:20:31Z");
        let both = Window { from: time("2026-11-23T15:20:31Z"), to: time("2026-11-27T19:20:31Z") };
        assert_eq!((newest(now, there, S(7_200)), newest(there, now, S(7_200))), (both, both));
    }

    #[test]
    fn a_night_is_one_window_and_a_week_is_eight() {
        let (from, to) = (time("2026-11-22T20:00:00Z"), time("2026-11-23T08:00:00Z"));
        let pieces: Vec<_> = gap_windows((from, to), MARGIN, Timestamp::UNIX_EPOCH).collect();
        assert_eq!(pieces, [Piece { from, to, window: Window { from: from - MARGIN, to: to + MARGIN } }]);
        let week: Vec<_> = gap_windows((to - S(7 * 86_400), to), MARGIN, Timestamp::UNIX_EPOCH).collect();
        assert_eq!(week.len(), 8);
        assert_eq!(gap_windows((to, from), MARGIN, Timestamp::UNIX_EPOCH).count(), 0);
        assert_eq!(gap_windows((from, to), MARGIN, to).count(), 0);
    }

    proptest! {
        #[test]
        fn the_clock_of_every_instant_lies_between_the_two_that_are_sent(
            // From 2010 to 2019, where São Paulo still changed its clocks, in milliseconds.
            start in 1_262_304_000_000i64..1_577_836_800_000,
            length in prop_oneof![0i64..10_000, 0i64..200_000_000, 0i64..20_000_000_000],
            inside in prop::collection::vec(0.0f64..=1.0, 20),
            name in prop::sample::select(vec![
                "America/Sao_Paulo", "Europe/Lisbon", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe",
                "Africa/Casablanca", "America/Noronha", "UTC",
            ]),
            near_a_change: bool,
        ) {
            let tz = zone(name);
            let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
            // Changes are rare, and they are what this is about.
            let change = tz.following(at(start)).next().map(|change| change.timestamp().as_millisecond());
            let start = change.filter(|_| near_a_change).map_or(start, |change| change - length / 2);
            let window = Window { from: at(start), to: at(start + length) };
            let (first, last) = window.wire(&tz);
            let ends = [0.0, 1.0];
            for share in inside.iter().chain(&ends) {
                let shown = written(tz.to_datetime(at(start + (length as f64 * share) as i64)));
                prop_assert!(first <= shown && shown <= last, "{} not in {} to {}", shown, first, last);
            }
            // However the other side reads a time that comes twice, it reads one outside of the window.
            let read = |text: &str| {
                tz.to_ambiguous_timestamp(text.replace('+', "T").parse::<DateTime>().expect("a time"))
            };
            prop_assert!(read(&first).later().expect("a time") <= window.from);
            prop_assert!(read(&last).earlier().expect("a time") >= window.to);
            let asked = window.asked(&tz);
            prop_assert_eq!(asked.from, read(&first).compatible().expect("a time"));
            prop_assert_eq!(asked.to, read(&last).compatible().expect("a time"));
        }

        #[test]
        fn the_pieces_are_the_gap_and_their_windows_overlap(
            from in 1_700_000_000_000i64..1_800_000_000_000,
            length in 0i64..3_000_000_000,
            floor in -2_000_000_000i64..2_000_000_000,
            margin in (0u64..7_200).prop_map(S),
        ) {
            let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
            let (gap, floor) = ((at(from), at(from + length)), at(from + floor));
            let mut open = gap.1;
            for piece in gap_windows(gap, margin, floor) {
                prop_assert!(piece.to == open && piece.from < piece.to, "newest first, and nothing between");
                open = piece.from;
                prop_assert_eq!(piece.window.from, (piece.from - margin).max(floor));
                prop_assert_eq!(piece.window.to, piece.to + margin);
                let (first, last) = piece.window.wire(&TimeZone::UTC);
                let parsed = |text: &str| time(&format!("{}Z", text.replace('+', "T")));
                prop_assert!(clock::elapsed(parsed(&first), parsed(&last)) <= DAY);
            }
            prop_assert_eq!(open, if floor < gap.1 { gap.0.max(floor) } else { gap.1 });
        }
    }

    #[test]
    fn the_edges_of_time_hold() {
        let all = Window { from: Timestamp::MIN, to: Timestamp::MAX };
        all.wire(&TimeZone::UTC);
        newest(Timestamp::MAX, Timestamp::MIN, Duration::MAX).wire(&zone("Pacific/Apia"));
        assert!(gap_windows((Timestamp::MIN, Timestamp::MAX), Duration::MAX, Timestamp::MIN).take(3).count() > 0);
    }
}
