//! A lead whose status flaps waits before it is read again, on disk, as one does whose details failed: lists that come meanwhile
//! change the status that is told in the end, and the last one is told even where no list shows the lead any more.

use jiff::Timestamp;
use tracing::warn;

use super::reader::{Reader, first_fetch};
use crate::domain::clock;
use crate::domain::flap::{self, OFTEN};
use crate::domain::lead::Row;
use crate::domain::span;
use crate::domain::window::Window;
use crate::store::StoreError;
use crate::store::intake::{Before, FetchJob, Standing};
use crate::watch::Happening;

/// Why it is not read now.
const WHY: &str = "its status changes with nearly every list";

impl Reader {
    /// Whether a lead that was finalized again has to wait; then it does.
    pub async fn waits_for_flapping(
        &self,
        row: &Row,
        window: Window,
        before: &Before,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let intake = &self.intake;
        // Hardly any lead is finalized so often at all.
        if before.standing() != Some(Standing::Recorded) || before.finalized() <= OFTEN {
            return Ok(false);
        }
        let again = intake.store.finalized_again(&intake.platform, row.id).await?;
        let Some(wait) = flap::wait(&again, now) else { return Ok(false) };
        let (lead, due) = (row.id, clock::after(now, wait));
        let first = first_fetch(row.clone(), window, before, now);
        intake.store.set_aside(&intake.platform, FetchJob { due, flaps: true, ..first }).await?;
        self.shared.set_aside.notify_one();
        warn!(
            lead = lead.0,
            "{WHY}, and each change is an event: it is read again in {}, with the status that it has by then; tell WeClever",
            span::format(wait)
        );
        intake.feed.tell(Happening::SetAside { lead, error: WHY.to_owned(), in_short: WHY.to_owned(), due });
        Ok(true)
    }
}
