//! Leads whose details failed: each has its own growing schedule, and none holds up another.

use std::collections::HashSet;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::course::Course;
use super::reader::joined;
use super::until as wait_until;
use super::{LONGEST_SLEEP, UNTIL_ROOM};
use crate::domain::clock;
use crate::domain::lead::LeadId;
use crate::store::StoreError;

/// Leads tried again at a time.
const UNDERWAY: usize = 64;

/// Tries what is due until told to stop.
pub async fn run(course: &Course) -> Result<(), StoreError> {
    drive(course, None).await
}

/// Tries what is due, and what comes due by then.
pub async fn until(course: &Course, by: Timestamp) -> Result<(), StoreError> {
    drive(course, Some(by)).await
}

async fn drive(course: &Course, by: Option<Timestamp>) -> Result<(), StoreError> {
    let (mut tasks, mut underway) = (JoinSet::new(), HashSet::<LeadId>::new());
    loop {
        let reader = course.reader();
        let (intake, stopping) = (&reader.intake, reader.stop.is_cancelled());
        let mut next = None;
        if !stopping && !reader.has_room() {
            next = Some(clock::after(intake.clock.now(), UNTIL_ROOM));
        } else if !stopping && underway.len() < UNDERWAY {
            // Those underway are still due on disk, so as many more are asked for.
            let limit = UNDERWAY + underway.len();
            let (mut jobs, later) = intake.store.due_fetches(&intake.platform, intake.clock.now(), limit).await?;
            next = later;
            jobs.retain(|job| !underway.contains(&job.row.id));
            underway.extend(jobs.iter().map(|job| job.row.id));
            reader.take_again(jobs, &mut tasks).await?;
        }
        let over = stopping || by.is_some_and(|by| next.is_none_or(|next| next > by));
        if tasks.is_empty() && over {
            return Ok(());
        }
        let long = next.map_or(LONGEST_SLEEP, |at| wait_until(at, intake.clock.now()).min(LONGEST_SLEEP));
        tokio::select! {
            () = reader.stop.cancelled(), if !stopping => {}
            Some(task) = tasks.join_next() => {
                if let Some(lead) = joined(task)? {
                    underway.remove(&lead);
                }
            }
            () = reader.shared.set_aside.notified(), if !stopping => {}
            () = intake.store.intake_bell(), if !stopping => {}
            () = tokio::time::sleep(long), if !stopping => {}
        }
    }
}
