//! Leads that show up late: now and then the readings reach further back than the polls do.
//!
//! They follow a good poll, newest window first, and each piece of them counts on its own: what failed is read after
//! another poll, and only when all of it was read is the time of the next one set.

use std::collections::VecDeque;
use std::time::Instant;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use jiff::Timestamp;

use super::course::Course;
use super::reader::{How, Purpose, Reader};
use super::turns::Rank;
use super::{Intake, MARGIN, Pass, ReadError, patience, wait_after};
use crate::domain::cap::TRUSTED;
use crate::domain::clock;
use crate::domain::window::{self, Piece};
use crate::store::StoreError;

/// A reading that has begun.
struct Begun {
    at: Timestamp,
    sweeps: bool,
    left: VecDeque<Piece>,
    /// What was listed whole, and how many rows that were.
    parts: Vec<(Piece, usize)>,
}

/// What was read.
#[derive(Default)]
struct Done {
    windows: u32,
    /// Lists that could not be checked.
    unchecked: u32,
}

/// Reads what is due behind each good poll, until told to stop.
pub async fn run(course: &Course) -> Result<(), StoreError> {
    let (mut polled, mut files) = (course.reader().polled.subscribe(), course.files());
    let (mut begun, mut backoff): (Option<Begun>, ExponentialBackoff) = (None, patience());
    let mut not_before = Instant::now();
    loop {
        tokio::select! {
            () = course.stop().cancelled() => return Ok(()),
            news = polled.changed() => {
                if news.is_err() {
                    return Ok(());
                }
            }
        }
        let another = files.has_changed().unwrap_or(false);
        files.mark_unchanged();
        if Instant::now() < not_before && !another {
            continue;
        }
        if begun.is_none() {
            begun = due(&course.reader()).await?;
        }
        let Some(reading) = &mut begun else { continue };
        match go_on(course, reading).await {
            Ok(_) => {
                begun = None;
                backoff.reset();
            }
            Err(ReadError::Store(error)) => return Err(error),
            Err(error) => not_before = Instant::now() + wait_after(&error, &mut backoff),
        }
    }
}

/// Reads what is due, once.
pub async fn once(course: &Course, pass: &mut Pass) -> Result<(), StoreError> {
    // Where the newest window cannot be read, neither can these; they are due in the next run as well.
    if pass.windows == 0 {
        return Ok(());
    }
    let Some(mut reading) = due(&course.reader()).await? else { return Ok(()) };
    match go_on(course, &mut reading).await {
        Ok(done) => {
            pass.windows += done.windows;
            pass.unchecked += done.unchecked;
        }
        Err(ReadError::Store(error)) => return Err(error),
        Err(_) => pass.failed += reading.left.len() as u32,
    }
    Ok(())
}

async fn due(reader: &Reader) -> Result<Option<Begun>, StoreError> {
    let (intake, now) = (&reader.intake, reader.intake.clock.now());
    let settings = &intake.settings;
    let progress = intake.store.progress(&intake.platform).await?;
    let (Some(looked_back), Some(swept)) = (progress.looked_back, progress.swept) else {
        // Whatever is there is read by the first poll and as a gap: nothing of it can be late yet.
        intake.store.looked_back(&intake.platform, now, true).await?;
        return Ok(None);
    };
    let sweeps = clock::is_due(swept, settings.sweep_every, now);
    if !sweeps && !clock::is_due(looked_back, settings.lookback_every, now) {
        return Ok(None);
    }
    let back = if sweeps { settings.sweep } else { settings.lookback };
    let Some(lowest) = progress.behind_the_baseline() else { return Ok(None) };
    let stretch = (clock::before(now, back), clock::before(now, settings.overlap));
    Ok(Some(Begun { at: now, sweeps, left: window::gap_windows(stretch, MARGIN, lowest).collect(), parts: Vec::new() }))
}

/// Reads what is left of it. A sweep proves the fullest list that it saw: a cap may be new, or lower than it was.
async fn go_on(course: &Course, reading: &mut Begun) -> Result<Done, ReadError> {
    let mut done = Done::default();
    while let Some(piece) = reading.left.front() {
        let parts = read(&course.reader(), piece, false, &mut done).await?;
        reading.parts.extend(parts);
        reading.left.pop_front();
    }
    let Intake { store, platform, .. } = &*course.reader().intake;
    if reading.sweeps
        && let Some((fullest, _)) =
            reading.parts.iter().filter(|(_, rows)| *rows >= TRUSTED).max_by_key(|(_, rows)| *rows)
    {
        read(&course.reader(), fullest, true, &mut done).await?;
        let caps = store.progress(platform).await?.caps;
        if caps.cap.is_some() {
            let full = reading.parts.iter().filter(|(_, rows)| !caps.is_whole(*rows));
            reading.left = full.map(|(piece, _)| *piece).collect();
        }
        while let Some(piece) = reading.left.front() {
            read(&course.reader(), piece, false, &mut done).await?;
            reading.left.pop_front();
        }
    }
    store.looked_back(platform, reading.at, reading.sweeps).await?;
    Ok(done)
}

async fn read(reader: &Reader, piece: &Piece, prove: bool, done: &mut Done) -> Result<Vec<(Piece, usize)>, ReadError> {
    reader.turn(Rank::New).await;
    let _going = reader.precedence.go(Rank::New);
    let progress = reader.intake.store.progress(&reader.intake.platform).await?;
    let how = How { progress: &progress, baseline: false, purpose: Purpose::Late, prove };
    match reader.read(piece, &how).await {
        Ok(read) => {
            done.windows += 1;
            done.unchecked += read.unchecked;
            Ok(read.parts)
        }
        Err(error) => {
            reader.note(Err(&error));
            Err(error)
        }
    }
}
