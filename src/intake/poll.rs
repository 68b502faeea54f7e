//! The newest window, again and again.

use backoff::backoff::Backoff;
use jiff::Timestamp;

use super::reader::{How, Purpose, Reader};
use super::turns::Rank;
use super::{Pass, ReadError, patience, sleep, until, wait_after};
use crate::domain::clock;
use crate::domain::window::{self, Piece, Window};
use crate::store::StoreError;
use crate::store::intake::Baseline;

/// Polls until told to stop.
pub async fn run(reader: &Reader) -> Result<(), StoreError> {
    let mut backoff = patience();
    while !reader.stop.is_cancelled() {
        let started = reader.intake.clock.now();
        let wait = match newest(reader).await {
            Ok(_) => {
                backoff.reset();
                let next = clock::after(started, reader.intake.settings.poll_every);
                // A clock that was set back must not hold up the next poll.
                until(next, reader.intake.clock.now()).min(reader.intake.settings.poll_every)
            }
            Err(ReadError::Store(error)) => return Err(error),
            Err(error) => wait_after(&error, &mut backoff),
        };
        sleep(wait, &reader.stop).await;
    }
    Ok(())
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
        let baseline = progress.baseline == Baseline::Awaited;
        let how = How { progress: &progress, baseline, purpose: Purpose::Newest, prove: false };
        reader.read(&newest, &how).await.map(|read| read.unchecked)
    }
    .await;
    reader.note(end.as_ref().map(drop));
    if end.is_ok() {
        reader.polled.send_modify(|polls| *polls += 1);
        intake.health.note_good_poll(intake.clock.now());
    }
    end
}
