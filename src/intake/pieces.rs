//! Lists that may have been cut: their stretch is read in pieces, and what that tells of the source is kept and told.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{debug, warn};

use super::listed::Listed;
use super::malformed::{Judged, Verdict};
use super::reader::{How, Purpose, Read, Reader};
use super::turns::Rank;
use super::{Intake, ReadError, sleep};
use crate::domain::cap::{Ask, Caps, Found, Heard, Splitting, Stuck, print};
use crate::domain::clock;
use crate::domain::event::{EventType, Ops};
use crate::domain::lead::{LeadId, Row};

use crate::domain::window::{Piece, Window};
use crate::ops;
use crate::store::StoreError;
use crate::store::intake::Baseline;

/// A list that cannot be checked is not looked at again for so long, as long as it stays the same.
const UNCHANGED: Duration = Duration::from_secs(15 * 60);

/// How often a piece is asked for before the whole window waits, and how long the first wait is; it doubles.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Of a list that is the same whatever is asked for, so many leads are remembered.
const SAMPLE: usize = 64;

/// The last list that could not be checked.
#[derive(Default)]
pub struct Unchecked(Mutex<Option<Last>>);

struct Last {
    leads: Leads,
    since: Instant,
    heedless: bool,
    endless: bool,
}

/// What a list is known by.
struct Leads {
    print: u64,
    sample: HashSet<LeadId>,
}

impl Leads {
    fn of(rows: &[Row]) -> Leads {
        let step = (rows.len() / SAMPLE).max(1);
        Leads { print: print_of(rows), sample: rows.iter().step_by(step).take(SAMPLE).map(|row| row.id).collect() }
    }
}

impl Unchecked {
    fn note(&self, leads: Leads, found: &Found) {
        let Found { heedless, endless, .. } = *found;
        let last = Last { leads, since: Instant::now(), heedless, endless };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }

    /// Whether this is that list. Of a source that does not look at the time, it may have changed here and there: dividing it
    /// would tell nothing again, and each reading may take a minute.
    /// A known cap is a reason to divide all the same, unless dividing does not end.
    fn is_unchanged(&self, rows: &[Row], capped: bool) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Last { leads, heedless, endless, .. }) = last.as_ref().filter(|last| last.since.elapsed() < UNCHANGED)
        else {
            return false;
        };
        if *endless || capped {
            return *endless;
        }
        let among = || rows.iter().filter(|row| leads.sample.contains(&row.id)).count();
        leads.print == print_of(rows) || (*heedless && among() >= leads.sample.len() * 3 / 4)
    }
}

fn print_of(rows: &[Row]) -> u64 {
    print(rows.iter().map(|row| row.id))
}

impl Reader {
    /// Whether a list can be taken as it is.
    pub fn is_whole(&self, list: &Listed, how: &How<'_>) -> bool {
        if how.prove {
            return false;
        }
        let caps = how.progress.caps;
        caps.is_whole(list.count) || self.shared.unchecked.is_unchanged(&list.rows, caps.cap.is_some())
    }

    /// Reads a piece whose list may have been cut. Each part of it that is whole is settled and covered at once; what only
    /// the longer lists show is settled in the end.
    pub async fn read_in_pieces(
        &self,
        piece: &Piece,
        whole: Listed,
        how: &How<'_>,
        judged: &mut Judged,
    ) -> Result<Read, ReadError> {
        let leads = Leads::of(&whole.rows);
        let (mut held, mut settled) = (vec![whole], HashSet::new());
        let read = self.pieces(piece, (&mut held, &mut settled), how, judged).await;
        if !matches!(read, Err(ReadError::Store(_) | ReadError::Stopped)) {
            // Where a piece could not be read, this is not held up by it.
            let rest = self.settle_held(held, settled, how).await?;
            let (mut read, found) = read?;
            read.new += rest;
            return self.conclude(read, found, leads, how).await;
        }
        read.map(|(read, _)| read)
    }

    async fn conclude(&self, mut read: Read, found: Found, leads: Leads, how: &How<'_>) -> Result<Read, ReadError> {
        self.intake.store.learn_caps(&self.intake.platform, how.progress.caps, found.caps).await?;
        if !found.stuck.is_empty() {
            self.shared.unchecked.note(leads, &found);
        }
        read.unchecked = tell(&self.intake, how.progress.caps, &found).await?;
        Ok(read)
    }

    async fn pieces(
        &self,
        piece: &Piece,
        (held, settled): (&mut Vec<Listed>, &mut HashSet<LeadId>),
        how: &How<'_>,
        judged: &mut Judged,
    ) -> Result<(Read, Found), ReadError> {
        let (intake, whole) = (&self.intake, &held[0]);
        let leads: HashSet<LeadId> = whole.rows.iter().map(|row| row.id).collect();
        let (zone, first) = (&intake.settings.timezone, intake.clock.now());
        let mut splitting = Splitting::new(zone, how.progress.caps, *piece, whole.count, leads, first);
        let mut read = Read { new: 0, parts: Vec::new(), unchecked: 0 };
        debug!(from = whole.first, to = whole.last, rows = whole.count, "the list may have been cut: read in pieces");
        while let Some(ask) = splitting.next() {
            if !matches!(how.purpose, Purpose::Newest | Purpose::Start) {
                self.turn(Rank::New).await;
            }
            let part = *ask.piece();
            let mut listed = self.list_patiently(&part).await?;
            let verdict = self.judge(&listed, judged).await?;
            if verdict == Verdict::Broken
                && let Some(error) = judged.unread.take()
            {
                held.push(listed);
                return Err(error);
            }
            let leads: HashSet<LeadId> = listed.rows.iter().map(|row| row.id).collect();
            // What a shorter list shows is settled by it. Lists can be large: no row is held twice.
            for longer in held.iter_mut() {
                longer.rows.retain(|row| !leads.contains(&row.id));
                longer.rows.shrink_to_fit();
            }
            let heard = splitting.tell(listed.count, leads);
            debug!(from = listed.first, to = listed.last, rows = listed.count, ?heard, "part of a window listed");
            if heard == Heard::Full || matches!(ask, Ask::Again(_)) {
                held.push(listed);
                continue;
            }
            settled.extend(listed.rows.iter().map(|row| row.id));
            read.new += self.settle(std::mem::take(&mut listed.rows), listed.window, how).await?;
            // The first reading of a baseline ends it, and must be whole by then.
            if how.progress.baseline != Baseline::Awaited && verdict == Verdict::Counts {
                self.cover(&part, listed.read_until, None, (listed.prints(), listed.stretch())).await?;
            }
            read.parts.push((part, listed.count));
        }
        Ok((read, splitting.found()))
    }

    /// A window that is read in many pieces would hardly ever be read whole by an API that fails now and then.
    async fn list_patiently(&self, part: &Piece) -> Result<Listed, ReadError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.list(part).await {
                Err(ReadError::Source(error)) if error.retry_after().is_none() => {}
                end => return end,
            }
            if !sleep(wait, &self.stop).await {
                return Err(ReadError::Stopped);
            }
            wait *= 2;
        }
        self.list(part).await
    }

    /// What only lists show that may have been cut, the shortest of them first.
    async fn settle_held(
        &self,
        held: Vec<Listed>,
        mut settled: HashSet<LeadId>,
        how: &How<'_>,
    ) -> Result<usize, ReadError> {
        let mut new = 0;
        for list in held.into_iter().rev() {
            let rows = list.rows.into_iter().filter(|row| settled.insert(row.id)).collect();
            new += self.settle(rows, list.window, how).await?;
        }
        Ok(new)
    }
}

/// Tells of a cap that was found, and of lists that cannot be checked; how many those are. What was known `before` is not
/// told again.
pub async fn tell(intake: &Intake, before: Caps, found: &Found) -> Result<u32, StoreError> {
    if let Some(cap) = found.new_cap {
        let message = format!(
            "WeClever's lists end at {cap} rows without a word; they are read in shorter windows from now on, and what was cut was read"
        );
        warn!("{message}");
        happened(intake, message, cap, intake.clock.now(), None).await?;
    }
    let is_new = |stuck: &&Stuck| stuck.capped || stuck.rows > before.fullest;
    let worth: Vec<&Stuck> = found.stuck.iter().filter(|stuck| stuck.is_worth_a_word()).filter(is_new).collect();
    for stuck in &worth {
        let message = unchecked(intake, stuck);
        let mut told = false;
        intake.health.of_source(|health| told = !health.note_unchecked(stuck.window, &message));
        if told {
            continue;
        }
        warn!("{message}");
        happened(intake, message, stuck.rows, stuck.window.from, Some(stuck.window)).await?;
    }
    debug!(fullest = found.caps.fullest, cap = found.caps.cap, "a window was read in pieces");
    Ok(worth.len() as u32)
}

async fn happened(
    intake: &Intake,
    message: String,
    rows: usize,
    began: Timestamp,
    window: Option<Window>,
) -> Result<(), StoreError> {
    let mut more = Map::from_iter([("rows".to_owned(), Value::from(rows))]);
    if let Some(Window { from, to }) = window {
        more.insert("from".to_owned(), ops::time(from));
        more.insert("to".to_owned(), ops::time(to));
    }
    let (event_type, subject) = (EventType::OpsSourceCapped, "list".to_owned());
    intake
        .teller
        .happened(Ops { event_type, subject, message, count: 1, began, of: String::new(), more }, None, None)
        .await
}

fn unchecked(intake: &Intake, stuck: &Stuck) -> String {
    let Window { from, to } = stuck.window;
    let zone = &intake.settings.timezone;
    let (from, to, rows) = (clock::shown(from, zone), clock::shown(to, zone), stuck.rows);
    if stuck.capped {
        format!("{from} to {to}: {rows} conversations and maybe more, of which WeClever lists no more at a time")
    } else {
        format!(
            "{from} to {to}: shorter windows list the same {rows} conversations, so that nobody can tell whether there are more"
        )
    }
}
