//! Whether WeClever looks at the stretch of time that it is asked for.
//!
//! Leads that nothing but a window tells to be finalized again are told so only where that window means something: the
//! list of [`seen::between`] shows which of them are listed whatever is asked for. While WeClever does not look at windows, leads
//! are new by their ids and finalized again by their status, and no list says when they were.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::reader::Reader;
use super::{Intake, ReadError};
use crate::domain::lead::{LeadId, Row};
use crate::domain::seen;
use crate::domain::window::Window;
use crate::source::SourceError;
use crate::store::detect::Detected;

/// What is known of it. That it does not look at windows stands until then: it is asked again as often as readings reach
/// further back.
#[derive(Default)]
pub struct Heed(Mutex<Option<Instant>>);

impl Heed {
    fn heedless_until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, heedless_for: Option<Duration>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = heedless_for.map(|long| Instant::now() + long);
    }
}

impl Reader {
    /// What a window says of when the leads were finalized that it lists: all of time, while WeClever does not look at it.
    pub async fn meant(&self, window: Window, rows: &[Row]) -> Result<Window, ReadError> {
        let Some(until) = self.shared.heed.heedless_until() else { return Ok(window) };
        if Instant::now() < until || rows.is_empty() {
            return Ok(Window::EVER);
        }
        let between = self.unless_stopped(listed_between(&self.intake, window)).await?;
        let shown = rows.iter().filter(|row| between.contains(&row.id)).count();
        if seen::is_heedless(shown, rows.len()) {
            self.shared.heed.set(Some(self.intake.settings.lookback_every));
            return Ok(Window::EVER);
        }
        self.shared.heed.set(None);
        self.intake.health.of_source(|health| health.heedless_since = None);
        info!("WeClever looks at the time that it is asked for again");
        Ok(window)
    }

    /// Leaves those out that only the window tells to be finalized again, where it means nothing for them; what the window
    /// says from now on.
    pub async fn without_misplaced(&self, detected: &mut Detected, window: Window) -> Result<Window, ReadError> {
        let intake = &self.intake;
        let by_window = detected.to_read.iter().filter(|(row, before)| before.is_again_by_window_alone(row, window));
        let by_window: HashSet<LeadId> = by_window.map(|(row, _)| row.id).collect();
        let misplaced = self.unless_stopped(misplaced(intake, by_window, window)).await?;
        if misplaced.leads.is_empty() {
            return Ok(window);
        }
        detected.to_read.retain(|(row, _)| !misplaced.leads.contains(&row.id));
        let leads = misplaced.leads.len();
        intake.store.unplace(&intake.platform, misplaced.leads.into_iter().collect()).await?;
        if !misplaced.heedless {
            return Ok(window);
        }
        self.shared.heed.set(Some(self.intake.settings.lookback_every));
        let now = intake.clock.now();
        intake.health.of_source(|health| health.heedless_since = health.heedless_since.or(Some(now)));
        warn!(
            leads,
            "WeClever lists the same conversations whatever time is asked for: that they are listed is not taken as finalized again until it looks at the time; new conversations and other statuses are told as ever. `leadhook doctor` tells more"
        );
        Ok(Window::EVER)
    }
}

/// Leads that a window lists though they were not finalized in it, as far as anyone can tell.
#[derive(Default)]
pub struct Misplaced {
    /// Which.
    pub leads: HashSet<LeadId>,
    /// WeClever does not look at windows at all.
    heedless: bool,
}

/// Of leads that nothing but this window tells to be finalized again, those for which it means nothing. Asks where there are
/// any to ask about.
pub async fn misplaced(
    intake: &Intake,
    mut by_window: HashSet<LeadId>,
    window: Window,
) -> Result<Misplaced, SourceError> {
    if by_window.is_empty() {
        return Ok(Misplaced::default());
    }
    let between = listed_between(intake, window).await?;
    let shown = by_window.iter().filter(|lead| between.contains(lead)).count();
    let heedless = seen::is_heedless(shown, by_window.len());
    if !heedless {
        by_window.retain(|lead| between.contains(lead));
    }
    Ok(Misplaced { leads: by_window, heedless })
}

/// Whom the second before a window lists.
async fn listed_between(intake: &Intake, window: Window) -> Result<HashSet<LeadId>, SourceError> {
    let (first, last) = seen::between(window).wire(&intake.settings.timezone);
    Ok(intake.source.list(&first, &last).await?.rows.iter().map(|row| row.id).collect())
}
