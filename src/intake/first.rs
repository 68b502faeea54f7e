//! The first complete reading, where nothing of the past is to be sent: it shows what was there before leadhook began.
//!
//! Where it comes with the first start, all of it was there before. Where it takes longer, or WeClever cannot be read for a
//! while, what was finalized meanwhile is new: then the stretch up to the first start is remembered, and the newest window is read like any other. A row that
//! both list was there before, for it is known by then.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use tracing::info;

use super::ReadError;
use super::listed::Listed;
use super::reader::{How, Purpose, Read, Reader};
use crate::domain::baseline::{self, Clocks, Cut};
use crate::domain::clock;
use crate::domain::lead::LeadId;
use crate::domain::window::{Piece, Window};
use crate::store::intake::Progress;

/// Reads the newest window for the first time. The baseline ends with it, or with the stretch before the first start, which
/// is noted, so that whoever is killed on the way goes on with the same one.
pub async fn read(reader: &Reader, newest: &Piece, progress: &Progress) -> Result<Read, ReadError> {
    let all = How { progress, baseline: true, purpose: Purpose::Newest, prove: false };
    if !matches!(cut(reader, progress), Cut::At(_)) {
        let listed = reader.list(newest).await?;
        // It may have been long in coming, and shows what was finalized meanwhile.
        let is_all = match cut(reader, progress) {
            Cut::Nowhere => true,
            Cut::IfInZone(_) => !is_in_zone(reader, newest, &listed).await?,
            Cut::At(_) => false,
        };
        if is_all {
            return reader.read_listed(newest, listed, &all).await;
        }
    }
    if let Some(began) = cut(reader, progress).at() {
        let before = up_to(began, reader, progress);
        let listed = reader.list(&before).await?;
        // Only with an answer does WeClever say what time it is.
        if cut(reader, progress).at().is_some() {
            let how = How { purpose: Purpose::Start, ..all };
            let unchecked = reader.read_listed(&before, listed, &how).await?.unchecked;
            info!(
                first_start = %format!("{began:.0}"),
                "WeClever's list came some time after the first start: what was finalized before that is not sent, what was since is"
            );
            let progress = &reader.intake.store.progress(&reader.intake.platform).await?;
            let how = How { progress, baseline: false, purpose: Purpose::Newest, prove: false };
            let read = reader.read(newest, &how).await?;
            return Ok(Read { unchecked: read.unchecked + unchecked, ..read });
        }
    }
    reader.read(newest, &all).await
}

/// Whether lists keep to the file's time zone, as far as this one tells: nothing is finalized in time to come, so that a window that
/// ends now shows all of it.
async fn is_in_zone(reader: &Reader, newest: &Piece, all: &Listed) -> Result<bool, ReadError> {
    // Whether a window includes its last second, nobody knows.
    let to = clock::after(reader.intake.clock.now(), Duration::from_secs(1)).min(newest.to);
    let until_now = Piece { to, window: Window { to, ..newest.window }, ..*newest };
    let shown: HashSet<LeadId> = reader.list(&until_now).await?.rows.iter().map(|row| row.id).collect();
    let is_in_zone = all.rows.iter().all(|row| shown.contains(&row.id));
    if !is_in_zone {
        info!(
            "WeClever's list shows conversations of a time to come: `leadhook doctor` finds out whether `timezone` is right"
        );
    }
    Ok(is_in_zone)
}

fn cut(reader: &Reader, progress: &Progress) -> Cut {
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
