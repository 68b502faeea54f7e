//! What WeClever lists against what was delivered: asked for by a person, behind everything that is new.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::fetch::recorded;
use super::heed::misplaced;
use super::listing::WholeList;
use super::{Intake, ReadError};
use crate::domain::account::{Account, Missing, WhyMissing};
use crate::domain::event::{self, Event, EventType, Facts, Origin, Seen};
use crate::domain::lead::{Lead, LeadId, Row};
use crate::domain::news;
use crate::domain::outcome::NoAnswer;
use crate::domain::route::{self, Decision, Route};
use crate::domain::window::Window;
use crate::source::{Listing, SourceError, SourceErrorKind};
use crate::store::StoreError;
use crate::store::explain::Stage;
use crate::store::intake::{Before, Reading, Recorded, Shown};
use crate::store::rechecks::Again;
use crate::store::reconcile::Accounted;
use crate::watch::Happening;

/// How often one lead's details are asked for before they count as unreadable.
const TRIES: u32 = 5;

/// The wait before the second try; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How often a lead is looked at anew because someone else recorded it meanwhile.
const OVERTAKEN: u32 = 3;

/// What is done about a lead beyond looking at it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What is missing is recorded, and so sent.
    pub fix: bool,
    /// Details are read again of leads that are recorded, too, and their ratings held against what was told.
    pub details: bool,
}

/// One lead, held against what was delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// Which.
    pub lead: LeadId,
    /// How it stands with each destination; after `fix`, how it stands then.
    pub at: Vec<(String, Account)>,
    /// What was missing.
    pub missing: Vec<Missing>,
    /// Whether what was missing has been recorded now.
    pub fixed: bool,
}

/// Why WeClever cannot be asked right now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setback {
    /// What went wrong, in a sentence.
    pub said: String,
    /// How long it wants to be left alone, in seconds.
    pub wait: Option<u64>,
}

/// Looks at leads for `reconcile`; cheap to clone.
#[derive(Clone)]
pub struct Reconcile {
    intake: Arc<Intake>,
    destinations: Arc<[String]>,
}

/// What became of a look at one lead.
enum Looked {
    /// Its details were had, or were not needed.
    At(Judged),
    /// They were not to be had, which may be its own fault.
    Unreadable(Judged, SourceError),
    /// Nobody's are.
    Not(Setback),
}

impl Reconcile {
    /// `destinations`: those of the file.
    pub fn new(intake: Arc<Intake>, destinations: Vec<String>) -> Reconcile {
        Reconcile { intake, destinations: destinations.into() }
    }

    /// The whole list of a window, each lead once.
    ///
    /// # Errors
    /// The store cannot be read or written; within, WeClever cannot be asked.
    pub async fn list(&self, window: &Window) -> Result<Result<Listing, Setback>, StoreError> {
        match WholeList::new(&self.intake, *window, None).read().await {
            Ok(listing) => Ok(Ok(listing)),
            Err(ReadError::Source(error)) => Ok(Err(setback_of(&error))),
            Err(ReadError::Store(error)) => Err(error),
            Err(error) => Ok(Err(Setback { said: error.to_string(), wait: None })),
        }
    }

    /// Judges as many of the rows as it can in about so long, in any order; where WeClever cannot be asked any more, says
    /// so beside those that it has judged.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn judge(
        &self,
        rows: Vec<Row>,
        window: Window,
        order: Order,
        long: Duration,
    ) -> Result<(Vec<Judged>, Option<Setback>), StoreError> {
        let intake = &self.intake;
        let began = Instant::now();
        // Around a change of clocks more was asked for.
        let window = window.asked(&intake.settings.timezone);
        let ids = rows.iter().map(|row| row.id).collect();
        let accounts = intake.store.accounts(&intake.platform, ids).await?;
        let again = rows.iter().zip(&accounts).filter(|(row, told)| told.before.is_again_by_window_alone(row, window));
        let misplaced = match misplaced(intake, again.map(|(row, _)| row.id).collect(), window).await {
            Ok(misplaced) => misplaced.leads,
            Err(error) => return Ok((Vec::new(), Some(setback_of(&error)))),
        };
        let meant = |row: &Row| if misplaced.contains(&row.id) { Window::EVER } else { window };
        let mut judged = Vec::with_capacity(rows.len());
        let mut to_read = Vec::new();
        for (row, accounted) in rows.into_iter().zip(accounts) {
            let window = meant(&row);
            match why_read(&row, window, &accounted, order.details) {
                Some(_) => to_read.push((row, accounted, window)),
                None => judged.push(self.judged(row.id, &accounted, Vec::new(), false)),
            }
        }
        let mut to_read = to_read.into_iter();
        let mut looking: JoinSet<Result<Looked, StoreError>> = JoinSet::new();
        let (mut unreadable, mut setback) = (Vec::new(), None);
        loop {
            while looking.len() < self.at_once() && setback.is_none() && began.elapsed() < long {
                let Some((row, accounted, window)) = to_read.next() else { break };
                let this = self.clone();
                looking.spawn(async move { this.look(row, accounted, window, order).await });
            }
            match looking.join_next().await {
                None => break,
                Some(Ok(looked)) => match looked? {
                    Looked::At(one) => judged.push(one),
                    Looked::Unreadable(one, error) => unreadable.push((one, error)),
                    Looked::Not(why) => setback = Some(why),
                },
                Some(Err(lost)) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
                Some(Err(_)) => {}
            }
        }
        // It is either their fault or the API's, which a list tells.
        let asked = Window { from: window.from, to: window.from };
        if let (Some((_, error)), None) = (unreadable.first(), &setback)
            && self.list(&asked).await?.is_err()
        {
            setback = Some(setback_of(error));
        }
        if setback.is_none() {
            judged.extend(unreadable.into_iter().map(|(one, _)| one));
        }
        Ok((judged, setback))
    }

    /// Details asked for at one time: there is always room for what is new.
    fn at_once(&self) -> usize {
        (self.intake.settings.concurrency / 2).max(1)
    }

    /// Reads a lead's details, says what of it is missing where, and records that where it is wanted.
    async fn look(
        &self,
        row: Row,
        mut accounted: Accounted,
        window: Window,
        order: Order,
    ) -> Result<Looked, StoreError> {
        let intake = &self.intake;
        let lead = match self.read(row.id).await {
            Ok(lead) => lead,
            Err(error) if is_about_the_lead(&error) => {
                return Ok(Looked::Unreadable(self.unreadable(&row, window, &accounted, order), error));
            }
            Err(error) => return Ok(Looked::Not(setback_of(&error))),
        };
        for _ in 0..OVERTAKEN {
            let Some(why) = why_read(&row, window, &accounted, order.details) else { break };
            let reading = self.reading(&row, &lead, &accounted.before, window, why);
            let missing = missing(&reading, why);
            if missing.is_empty() || !order.fix {
                return Ok(Looked::At(self.judged(row.id, &accounted, missing, false)));
            }
            let happenings: Vec<Happening> =
                reading.events.iter().map(|(event, decision)| recorded(event, decision)).collect();
            let room = intake.health.room();
            let _underway = tokio::select! {
                biased;
                place = room.take(reading.bytes()) => place,
                () = room.too_little() => {
                    let said = room.short().map_or_else(String::new, |short| short.to_string());
                    return Ok(Looked::Not(Setback { said, wait: None }));
                }
            };
            if intake.store.record(&intake.platform, reading).await? == Recorded::Done {
                happenings.into_iter().for_each(|happening| intake.feed.tell(happening));
                return Ok(Looked::At(self.judged(row.id, &accounted, missing, true)));
            }
            accounted = intake.store.accounts(&intake.platform, vec![row.id]).await?.remove(0);
        }
        Ok(Looked::At(self.judged(row.id, &accounted, Vec::new(), false)))
    }

    async fn read(&self, lead: LeadId) -> Result<Lead, SourceError> {
        let (mut wait, mut tries) = (FIRST_WAIT, 1);
        loop {
            let error = match self.intake.source.lead(lead).await {
                Ok(lead) => return Ok(lead),
                Err(error) => error,
            };
            if error.retry_after().is_some() || tries == TRIES {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            (wait, tries) = (wait * 2, tries + 1);
        }
    }

    /// What its details would have brought, had it been read when it was new.
    fn reading(&self, row: &Row, lead: &Lead, before: &Before, window: Window, why: WhyMissing) -> Reading {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let csat = intake.csat.read(lead.rating());
        let facts = Facts { row, lead, csat: &csat };
        let mut revision = before.events();
        let mut seen = |event_type, subject: &str| {
            revision += 1;
            let n = before.earlier(event_type, subject);
            Seen { platform: &intake.platform.id, n, revision, origin: Origin::Backfill, now }
        };
        let mut events = Vec::new();
        if why != WhyMissing::RatingUntold {
            let subject = event::finalized_subject(row);
            events.push(event::finalized(facts, seen(EventType::LeadFinalized, subject)));
        }
        if csat.is_rated() && before.earlier(EventType::LeadRated, event::rated_subject(&csat)) == 0 {
            let seen = seen(EventType::LeadRated, event::rated_subject(&csat));
            events.push(event::rated(facts, &["/csat/rating".to_owned()], seen));
        }
        let routed = |event: Event| {
            let decision = route::decide(&intake.routes, &event);
            (event, decision)
        };
        let events = events.into_iter().map(routed).collect();
        let watched = intake.settings.watch.look(lead);
        let shown = Shown { watched: watched.brief(), rating: news::rating_mark(&csat) };
        // One that is young enough is read again, as if it had been here all the time.
        let since = window.to.min(now);
        let due = if csat.is_rated() { None } else { intake.settings.recheck.next(since, now) };
        Reading {
            row: row.clone(),
            window,
            origin: Origin::Backfill,
            after: before.events(),
            events,
            shown,
            again: due.map(|due| Again { due, since, marks: watched.marks }),
            now,
        }
    }

    /// Without its details nobody knows who wants it: whoever may want it has not got it.
    fn unreadable(&self, row: &Row, window: Window, accounted: &Accounted, order: Order) -> Judged {
        let event_type = match why_read(row, window, accounted, order.details) {
            Some(WhyMissing::RatingUntold) => EventType::LeadRated,
            _ => EventType::LeadFinalized,
        };
        let (lead, why) = (row.id, WhyMissing::Unreadable);
        let may_want = self.destinations.iter().filter(|to| self.may_want(to, &[event_type]));
        let missing = may_want.map(|to| Missing { lead, destination: to.clone(), event_type, why }).collect();
        self.judged(lead, accounted, missing, false)
    }

    fn judged(&self, lead: LeadId, accounted: &Accounted, missing: Vec<Missing>, fixed: bool) -> Judged {
        let account = |destination: &String| {
            if missing.iter().any(|missing| missing.destination == *destination) {
                return if fixed { Account::Pending } else { Account::Missing };
            }
            let told = accounted.at.get(destination).copied().unwrap_or(Account::Unwanted);
            told.min(self.untold(destination, accounted.stage))
        };
        let at = self.destinations.iter().map(|destination| (destination.clone(), account(destination))).collect();
        Judged { lead, at, missing, fixed }
    }

    /// How what is still to be told of a lead stands with a destination: nobody knows yet whether it is wanted there.
    fn untold(&self, destination: &str, stage: Option<Stage>) -> Account {
        let account = match stage {
            Some(Stage::SetAside) => Account::Pending,
            Some(Stage::Unreadable) => Account::Dead,
            Some(Stage::Dropped) => Account::Dropped,
            Some(Stage::Forgotten) => Account::Forgotten,
            None | Some(Stage::Baseline | Stage::Recorded) => return Account::Unwanted,
        };
        let may_want = self.may_want(destination, &[EventType::LeadFinalized, EventType::LeadRated]);
        if may_want { account } else { Account::Unwanted }
    }

    /// Whether any route sends events of one of these types there, whatever its condition.
    fn may_want(&self, destination: &str, types: &[EventType]) -> bool {
        let sends =
            |route: &Route| route.to.iter().any(|to| to == destination) && route.on.iter().any(|on| types.contains(on));
        self.intake.routes.iter().any(sends)
    }
}

/// Why a lead's details have to be read; `None`: what is kept of it says all.
fn why_read(row: &Row, window: Window, accounted: &Accounted, details: bool) -> Option<WhyMissing> {
    match accounted.stage {
        None => Some(WhyMissing::NotRecorded),
        Some(Stage::Baseline) => Some(WhyMissing::Baseline),
        Some(Stage::SetAside | Stage::Unreadable | Stage::Dropped | Stage::Forgotten) => None,
        Some(Stage::Recorded) if accounted.before.is_again(row, window) => Some(WhyMissing::FinalizedAgain),
        Some(Stage::Recorded) => details.then_some(WhyMissing::RatingUntold),
    }
}

fn missing(reading: &Reading, why: WhyMissing) -> Vec<Missing> {
    let of = |(event, decision): &(Event, Decision)| {
        let (lead, event_type) = (event.lead, event.event_type);
        let wanted = decision.wanted.iter().map(|wanted| wanted.destination.clone());
        wanted.map(move |destination| Missing { lead, destination, event_type, why }).collect::<Vec<_>>()
    };
    reading.events.iter().flat_map(of).collect()
}

/// Whether only this lead is concerned, as far as anyone can tell.
pub(super) fn is_about_the_lead(error: &SourceError) -> bool {
    match &error.kind {
        SourceErrorKind::Status(_) | SourceErrorKind::TooLarge(_) | SourceErrorKind::Malformed(_) => true,
        SourceErrorKind::NoAnswer(failure) => {
            matches!(failure.why, NoAnswer::Timeout | NoAnswer::Reset | NoAnswer::Protocol)
        }
        SourceErrorKind::Setup(_)
        | SourceErrorKind::Redirected(_)
        | SourceErrorKind::Throttled(_)
        | SourceErrorKind::Unauthorized { .. } => false,
    }
}

fn setback_of(error: &SourceError) -> Setback {
    Setback { said: error.to_string(), wait: error.retry_after().map(|wait| wait.as_secs().max(1)) }
}
