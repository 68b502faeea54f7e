//! Whether a list counts as read in spite of rows that make no sense.

use std::collections::HashSet;

use tracing::{debug, warn};

use super::ReadError;
use super::listed::Listed;
use super::reader::Reader;
use crate::domain::clock;
use crate::domain::malformed::{BadList, Heard, Print, is_broken};
use crate::domain::window::{DAY, Piece, Window};
use crate::store::StoreError;

/// What one reading, of however many lists, has shown of such rows.
#[derive(Default)]
pub struct Judged {
    seen: HashSet<Print>,
    /// Why the reading does not count; the first reason.
    pub unread: Option<ReadError>,
}

/// Of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has been read whole, as far as it ever can be.
    Counts,
    /// Some of its rows have to come back the same first.
    NotYet,
    /// It is no list.
    Broken,
}

impl Reader {
    /// Whether this list of a piece counts. What it shows is noted, each row once a reading.
    pub async fn judge(&self, list: &Listed, judged: &mut Judged) -> Result<Verdict, ReadError> {
        if list.malformed == 0 {
            return Ok(Verdict::Counts);
        }
        let verdict = self.verdict(list, judged).await?;
        if verdict != Verdict::Counts && judged.unread.is_none() {
            judged.unread = Some(ReadError::Malformed {
                first: list.first.clone(),
                last: list.last.clone(),
                rows: list.described(),
                broken: verdict == Verdict::Broken,
            });
        }
        Ok(verdict)
    }

    async fn verdict(&self, list: &Listed, judged: &mut Judged) -> Result<Verdict, ReadError> {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let rows = list.bad.iter().map(|row| (row.clone(), judged.seen.insert(row.print))).collect();
        let bad = BadList { rows, malformed: list.malformed, count: list.count };
        let heard = intake.store.hear_malformed(&intake.platform, bad, list.stretch(), now).await?;
        debug!(from = list.first, to = list.last, rows = list.malformed, ?heard, "a list has rows that cannot be read");
        match heard {
            Heard::Known => {}
            Heard::NotYet => return Ok(Verdict::NotYet),
            Heard::Broken => return Ok(Verdict::Broken),
            Heard::TooFew if self.is_broken_around(list).await? => return Ok(Verdict::Broken),
            Heard::TooFew | Heard::Again => self.set_aside(list).await?,
        }
        Ok(Verdict::Counts)
    }

    async fn set_aside(&self, list: &Listed) -> Result<(), StoreError> {
        let intake = &self.intake;
        for row in intake.store.set_malformed_aside(&intake.platform, list.prints()).await? {
            warn!(
                from = list.first,
                to = list.last,
                reason = row.reason,
                "a row of WeClever's list cannot be read and comes back the same each time: it is set aside, and the list counts as read. Nobody hears of that conversation until the row can be read: tell WeClever"
            );
        }
        Ok(())
    }

    /// Whether half of the rows around a list cannot be read either: of a short one, a single bad row may be half, and a field
    /// that has got another name makes all rows bad, old ones as well.
    async fn is_broken_around(&self, list: &Listed) -> Result<bool, ReadError> {
        let Window { from, to } = list.stretch();
        let around = Window { from: clock::before(from, DAY), to: clock::after(to, DAY) };
        let around = self.list(&Piece { from, to, window: around }).await?;
        Ok(is_broken(around.malformed, around.count))
    }

    /// A stretch whose list counts: what is kept of rows that it does not list any more is forgotten.
    pub async fn leave(&self, (listed, stretch): (HashSet<Print>, Window)) -> Result<(), StoreError> {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let reach = intake.settings.sweep.max(intake.settings.lookback);
        intake.store.leave_malformed(&intake.platform, listed, stretch, now, reach).await
    }
}
