//! Leads without a rating: read again at the ages that the file says, behind everything that is new.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::course::Course;
use super::reader::joined;
use super::until as wait_until;
use super::{LONGEST_SLEEP, UNTIL_ROOM};
use crate::domain::clock;
use crate::domain::lead::LeadId;
use crate::store::StoreError;

/// Reads what is due until told to stop.
pub async fn run(course: &Course) -> Result<(), StoreError> {
    drive(course, None).await
}

/// Reads what is due, and what comes due by then.
pub async fn until(course: &Course, by: Timestamp) -> Result<(), StoreError> {
    drive(course, Some(by)).await
}

async fn drive(course: &Course, by: Option<Timestamp>) -> Result<(), StoreError> {
    let (mut tasks, mut underway) = (JoinSet::new(), HashSet::<LeadId>::new());
    loop {
        let reader = course.reader();
        let (intake, stopping) = (&reader.intake, reader.stop.is_cancelled());
        // Whoever waits at the source's gate is let in in turn: no more of these than a new lead can well stand behind.
        let places = (intake.settings.concurrency / 4).max(1);
        let mut next = None;
        if !stopping && !reader.has_room() {
            next = Some(clock::after(intake.clock.now(), UNTIL_ROOM));
        } else if !stopping && underway.len() < places {
            // Those underway are still due on disk, so as many more are asked for.
            let limit = places + underway.len();
            let (mut jobs, later) = intake.store.due_rechecks(&intake.platform, intake.clock.now(), limit).await?;
            next = later;
            jobs.retain(|job| !underway.contains(&job.row.id));
            jobs.truncate(places - underway.len());
            underway.extend(jobs.iter().map(|job| job.row.id));
            reader.take_unrated(jobs, &mut tasks).await?;
        }
        let over = stopping || by.is_some_and(|by| next.is_none_or(|next| next > by));
        if tasks.is_empty() && over {
            return Ok(());
        }
        let now = intake.clock.now();
        let wake = next.unwrap_or(Timestamp::MAX).min(clock::after(now, LONGEST_SLEEP));
        reader.shared.unrated_due.store(wake.as_millisecond(), Ordering::Relaxed);
        tokio::select! {
            () = reader.stop.cancelled(), if !stopping => {}
            Some(task) = tasks.join_next() => {
                if let Some(lead) = joined(task)? {
                    underway.remove(&lead);
                }
            }
            () = reader.shared.unrated.notified(), if !stopping => {}
            () = tokio::time::sleep(wait_until(wake, now)), if !stopping => {}
        }
    }
}
