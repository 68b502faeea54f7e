//! The newest window, again and again.

use std::time::{Duration, Instant};

use backoff::backoff::Backoff;
use jiff::Timestamp;

use super::course::Course;
use super::first;
use super::reader::{How, Purpose, Reader};
use super::turns::Rank;
use super::{LONGEST_SLEEP, Pass, ReadError, patience, sleep, until, wait_after};
use crate::domain::clock;
use crate::domain::window::{self, Piece, Window};
use crate::store::StoreError;
use crate::store::intake::Baseline;
use crate::watch::INTAKE;

/// Polls until told to stop.
pub async fn run(course: &Course) -> Result<(), StoreError> {
    let (mut backoff, mut files) = (patience(), course.files());
    let pulse = course.reader().intake.health.pulses().begin(INTAKE);
    while !course.stop().is_cancelled() {
        files.mark_unchanged();
        let reader = course.reader();
        let started = reader.intake.clock.now();
        let failed = match newest(&reader).await {
            Ok(_) => {
                backoff.reset();
                None
            }
            Err(ReadError::Store(error)) => return Err(error),
            // It did answer, and what could be read was taken.
            Err(ReadError::Malformed { .. }) => {
                backoff.reset();
                None
            }
            Err(error) => Some(wait_after(&error, &mut backoff)),
        };
        let mut again = failed.map(|wait| Instant::now() + wait);
        loop {
            pulse.beat();
            let at = *again.get_or_insert_with(|| Instant::now() + next(&course.reader(), started));
            tokio::select! {
                () = course.stop().cancelled() => return Ok(()),
                () = tokio::time::sleep_until(at.into()) => break,
                () = tokio::time::sleep(LONGEST_SLEEP) => {}
                Ok(()) = files.changed() => {
                    if failed.is_some() {
                        // It may be mended.
                        backoff.reset();
                        break;
                    }
                    again = None;
                }
            }
        }
    }
    Ok(())
}

/// How long until the next poll, after one that began then. A clock that was set back must not hold it up.
fn next(reader: &Reader, started: Timestamp) -> Duration {
    let every = reader.intake.settings.poll_every;
    until(clock::after(started, every), reader.intake.clock.now()).min(every)
}

/// Polls once; where the source fails, again for as long as there is time.
pub async fn once(reader: &Reader, by: Timestamp, pass: &mut Pass) -> Result<(), StoreError> {
    let mut backoff = patience();
    loop {
        let error = match newest(reader).await {
            Ok(unchecked) => {
                pass.windows += 1;
                pass.unchecked += unchecked;
                return Ok(());
            }
            Err(ReadError::Store(error)) => return Err(error),
            Err(error) => error,
        };
        let wait = wait_after(&error, &mut backoff);
        if clock::after(reader.intake.clock.now(), wait) > by || !sleep(wait, &reader.stop).await {
            pass.failed += 1;
            return Ok(());
        }
    }
}

/// The newest window, as far as it lies above the floor. Where nothing of it does, `start` is a date to come, or our clock
/// is far behind: WeClever, asked for the floor alone, says what time it is.
async fn window(reader: &Reader, floor: Timestamp) -> Result<Option<Window>, ReadError> {
    let newest = || {
        let now = reader.intake.clock.now();
        window::newest(now, reader.shared.skew.there(now), reader.intake.settings.overlap).above(floor)
    };
    if let Some(window) = newest() {
        return Ok(Some(window));
    }
    reader.list(&Piece { from: floor, to: floor, window: Window { from: floor, to: floor } }).await?;
    Ok(newest())
}

/// How many lists could not be checked.
async fn newest(reader: &Reader) -> Result<u32, ReadError> {
    let intake = &reader.intake;
    reader.room().await;
    let end = async {
        let progress = intake.store.progress(&intake.platform).await?;
        let Some(window) = window(reader, progress.floor).await? else { return Ok(0) };
        let _first = reader.precedence.go(Rank::Newest);
        let newest = Piece { from: window.from, to: window.to, window };
        let read = match progress.baseline {
            Baseline::Awaited => first::read(reader, &newest, &progress).await,
            Baseline::None | Baseline::Until(_) => {
                let how = How { progress: &progress, baseline: false, purpose: Purpose::Newest, prove: false };
                reader.read(&newest, &how).await
            }
        };
        read.map(|read| read.unchecked)
    }
    .await;
    reader.note(end.as_ref().map(drop));
    if end.is_ok() {
        reader.polled.send_modify(|polls| *polls += 1);
        intake.health.note_good_poll(intake.clock.now());
    }
    end
}
