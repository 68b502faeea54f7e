//! Stretches that were never read: the time before the first start, a night of downtime. Each window of a gap is a
//! job of its own with its own backoff, behind the polls.

use std::collections::HashMap;
use std::time::Instant;

use backoff::ExponentialBackoff;
use jiff::Timestamp;

use super::course::Course;
use super::reader::{How, Purpose, Reader};
use super::turns::Rank;
use super::{MARGIN, Pass, ReadError, patience, wait_after};
use crate::domain::clock;
use crate::domain::window::{self, Piece};
use crate::store::StoreError;
use crate::store::intake::{Baseline, Progress};

/// A window of a gap that failed, and when it is tried again. What the clock on the wall does meanwhile makes no difference.
struct Failing {
    backoff: ExponentialBackoff,
    due: Instant,
}

type FailingWindows = HashMap<(Timestamp, Timestamp), Failing>;

/// Reads gaps until told to stop. A good poll comes first: while the newest window cannot be read, neither can these.
pub async fn run(course: &Course) -> Result<(), StoreError> {
    let mut failing = FailingWindows::new();
    let mut next_due: Option<Instant> = None;
    let (mut polled, mut files) = (course.reader().polled.subscribe(), course.files());
    loop {
        let due = async {
            match next_due {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = course.stop().cancelled() => return Ok(()),
            // The sender lives in the course.
            _ = polled.changed() => {}
            // What failed by the file of before may be read by this one.
            Ok(()) = files.changed(), if next_due.is_some() => failing.clear(),
            () = due => {}
        }
        next_due = read_all(course, &mut failing).await?;
    }
}

/// Reads each window of each gap once.
pub async fn once(reader: &Reader, pass: &mut Pass) -> Result<(), StoreError> {
    // Where the newest window cannot be read, the others would fail as well, each after its time-out.
    if pass.windows == 0 {
        pass.failed += windows(reader).await?.len() as u32;
        return Ok(());
    }
    let todo = windows(reader).await?;
    for (piece, baseline) in todo {
        match read(reader, &piece, baseline).await {
            Ok(unchecked) => {
                pass.windows += 1;
                pass.unchecked += unchecked;
            }
            Err(ReadError::Store(error)) => return Err(error),
            Err(_) => pass.failed += 1,
        }
    }
    Ok(())
}

/// Reads what is due, newest first, and says when the next failed window is.
async fn read_all(course: &Course, failing: &mut FailingWindows) -> Result<Option<Instant>, StoreError> {
    let todo = windows(&course.reader()).await?;
    failing.retain(|key, _| todo.iter().any(|(piece, _)| (piece.from, piece.to) == *key));
    for (piece, baseline) in todo {
        let key = (piece.from, piece.to);
        let now = Instant::now();
        if course.stop().is_cancelled() {
            return Ok(None);
        }
        if failing.get(&key).is_some_and(|failing| failing.due > now) {
            continue;
        }
        match read(&course.reader(), &piece, baseline).await {
            Ok(_) => drop(failing.remove(&key)),
            Err(ReadError::Store(error)) => return Err(error),
            Err(error) => {
                let failing = failing.entry(key).or_insert_with(|| Failing { backoff: patience(), due: now });
                failing.due = Instant::now() + wait_after(&error, &mut failing.backoff);
            }
        }
    }
    Ok(failing.values().map(|failing| failing.due).min())
}

/// How many lists could not be checked.
async fn read(reader: &Reader, piece: &Piece, baseline: bool) -> Result<u32, ReadError> {
    reader.turn(Rank::New).await;
    let _going = reader.precedence.go(Rank::New);
    let progress = reader.intake.store.progress(&reader.intake.platform).await?;
    let how = How { progress: &progress, baseline, purpose: Purpose::Gap, prove: false };
    let end = reader.read(piece, &how).await.map(|read| read.unchecked);
    if let Err(error) = &end {
        reader.note(Err(error));
    }
    end
}

/// The windows that were never read, newest first, and whether each belongs to the baseline.
async fn windows(reader: &Reader) -> Result<Vec<(Piece, bool)>, StoreError> {
    let intake = &reader.intake;
    let progress = intake.store.progress(&intake.platform).await?;
    Ok(unread(&progress, clock::before(intake.clock.now(), intake.settings.overlap)))
}

/// The windows of what was never read before `end`, newest first, and whether each belongs to the baseline.
pub fn unread(progress: &Progress, end: Timestamp) -> Vec<(Piece, bool)> {
    let until = match progress.baseline {
        Baseline::None => progress.floor,
        Baseline::Awaited => return Vec::new(),
        Baseline::Until(until) => until.min(end),
    };
    let cut = |from: Timestamp, to: Timestamp, baseline: bool| {
        let gaps = progress.coverage.gaps(from, to);
        let windows = gaps.into_iter().rev().flat_map(|gap| window::gap_windows(gap, MARGIN, progress.floor));
        windows.map(|piece| (piece, baseline)).collect::<Vec<_>>()
    };
    let mut windows = if until < end { cut(until, end, false) } else { Vec::new() };
    if progress.floor < until {
        windows.extend(cut(progress.floor, until, true));
    }
    windows
}
