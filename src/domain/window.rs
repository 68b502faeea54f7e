//! Windows: the stretches of time for which the API is asked, and how they are written for it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

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

/// The window of every poll: `overlap` back, and [`AHEAD`] of now.
pub fn newest(now: Timestamp, overlap: Duration) -> Window {
    Window { from: clock::before(now, overlap), to: clock::after(now, AHEAD) }
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
    let step = DAY.saturating_sub(margin.saturating_mul(2) + Duration::from_secs(2)).max(Duration::from_secs(60));
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
    /// The same window without what lies below `floor`; `None` where nothing is left.
    pub fn above(self, floor: Timestamp) -> Option<Window> {
        let from = self.from.max(floor);
        (from < self.to).then_some(Window { from, to: self.to })
    }

    /// Both ends as the API takes them, `YYYY-MM-DD+HH:mm:ss` on the clocks of `tz`, seconds rounded outward.
    ///
    /// The clock of every instant in the window shows a time between the two. The ends alone would not do: where clocks
    /// go back inside the window, they show times before that of the first instant, or have shown some after that of the
    /// last one. So both sides of each change inside are looked at as well.
    pub fn wire(&self, tz: &TimeZone) -> (String, String) {
        let (from, to) = (self.from.min(self.to), self.from.max(self.to));
        let mut first = tz.to_datetime(from);
        let mut last = first;
        let changes = tz.following(from).map(|change| change.timestamp()).take_while(|at| *at <= to);
        for at in changes.flat_map(|at| [clock::before(at, Duration::from_nanos(1)), at]).chain([to]) {
            let shown = tz.to_datetime(at);
            first = first.min(shown);
            last = last.max(shown);
        }
        (written(first), written(up(last)))
    }
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
