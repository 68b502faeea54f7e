//! The list of a window for whoever looks at the past: read in pieces where it may have been cut.

use super::reader::{Reader, each_lead_once};
use super::turns::Rank;
use super::{Intake, ReadError};
use crate::domain::cap::Splitting;
use crate::domain::window::{Piece, Window};
use crate::source::Listing;

/// The whole list of a window, each lead once. `turn`: who waits for what is more urgent, and how urgent this is.
pub async fn whole(intake: &Intake, window: &Window, turn: Option<(&Reader, Rank)>) -> Result<Listing, ReadError> {
    let caps = intake.store.progress(&intake.platform).await?.caps;
    let mut whole = ask(intake, window, turn).await?;
    let rows = whole.rows.len() + whole.malformed.len();
    if !caps.is_whole(rows) {
        let piece = Piece { from: window.from, to: window.to, window: *window };
        let leads = whole.rows.iter().map(|row| row.id).collect();
        let now = intake.clock.now();
        let mut splitting = Splitting::new(&intake.settings.timezone, caps, piece, rows, leads, now);
        let mut parts = Vec::new();
        while let Some(ask_for) = splitting.next() {
            let part = ask(intake, &ask_for.piece().window, turn).await?;
            let rows = part.rows.len() + part.malformed.len();
            splitting.tell(rows, part.rows.iter().map(|row| row.id).collect());
            parts.push(part);
        }
        let found = splitting.found();
        intake.store.learn_caps(&intake.platform, caps, found.caps).await?;
        super::pieces::tell(intake, caps, &found).await?;
        // The newest of its rows stands for a lead, and the newest were listed first.
        let (mut rows, mut malformed) = (Vec::new(), Vec::new());
        for list in parts.into_iter().rev().chain([whole]) {
            rows.extend(list.rows);
            malformed.extend(list.malformed);
        }
        whole = Listing { rows, malformed, date: None };
    }
    whole.rows = each_lead_once(whole.rows);
    Ok(whole)
}

async fn ask(intake: &Intake, window: &Window, turn: Option<(&Reader, Rank)>) -> Result<Listing, ReadError> {
    let (first, last) = window.wire(&intake.settings.timezone);
    match turn {
        Some((reader, rank)) => {
            reader.precedence.after(rank).await;
            reader.unless_stopped(intake.source.list(&first, &last)).await
        }
        None => Ok(intake.source.list(&first, &last).await?),
    }
}
