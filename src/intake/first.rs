//! The first complete reading, where nothing of the past is to be sent: it shows what was there before leadhook began.
//!
//! Where it comes with the first start, all of it was there before. Where WeClever could not be read for a while, what was
//! finalized meanwhile is new: then the stretch up to the first start is remembered, and the newest window is read like any other. A row that
//! both list was there before, for it is known by then.

use jiff::Timestamp;
use tracing::info;

use super::ReadError;
use super::reader::{How, Purpose, Read, Reader};
use crate::domain::baseline::{self, Clocks};
use crate::domain::clock;
use crate::domain::window::{Piece, Window};
use crate::store::intake::Progress;

/// Reads the newest window for the first time. The baseline ends with it, or with the stretch before the first start, which
/// is noted, so that whoever is killed on the way goes on with the same one.
pub async fn read(reader: &Reader, newest: &Piece, progress: &Progress) -> Result<Read, ReadError> {
    let all = How { progress, baseline: true, purpose: Purpose::Newest, prove: false };
    if cut(reader, progress).is_none() {
        let listed = reader.list(newest).await?;
        // It may have been long in coming, and shows what was finalized meanwhile.
        if cut(reader, progress).is_none() {
            return reader.read_listed(newest, listed, &all).await;
        }
    }
    if let Some(began) = cut(reader, progress) {
        let before = up_to(began, reader, progress);
        let listed = reader.list(&before).await?;
        // Only with an answer does WeClever say what time it is.
        if cut(reader, progress).is_some() {
            let how = How { purpose: Purpose::Start, ..all };
            let unchecked = reader.read_listed(&before, listed, &how).await?.unchecked;
            info!(
                first_start = %format!("{began:.0}"),
                "WeClever could be read only now: what was finalized before the first start is not sent, what was since is"
            );
            let progress = &reader.intake.store.progress(&reader.intake.platform).await?;
            let how = How { progress, baseline: false, purpose: Purpose::Newest, prove: false };
            let read = reader.read(newest, &how).await?;
            return Ok(Read { unchecked: read.unchecked + unchecked, ..read });
        }
    }
    reader.read(newest, &all).await
}

fn cut(reader: &Reader, progress: &Progress) -> Option<Timestamp> {
    let (now, (woke, since)) = (reader.intake.clock.now(), reader.woke);
    let clocks = Clocks { wall: (woke, now), passed: since.elapsed(), there: reader.shared.skew.there(now) };
    baseline::cut(progress.began, &clocks)
}

/// What the first reading would have shown if it had come with the first start. What lies below is a gap, and is remembered
/// as one; windows of gaps above reach into this stretch, so that it has to be known before any of them is read.
fn up_to(began: Timestamp, reader: &Reader, progress: &Progress) -> Piece {
    let to = began.max(progress.floor);
    let from = clock::before(to, reader.intake.settings.overlap).max(progress.floor);
    Piece { from, to, window: Window { from, to } }
}
