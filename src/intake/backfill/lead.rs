//! One lead of a backfill: what is known of it, whether that or its details are sent, and the commit that does.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::account::Account;
use crate::domain::backfill::Order;
use crate::domain::event::{self, Event, EventType, Facts, Origin, Seen};
use crate::domain::lead::{Lead, Row};
use crate::domain::news;
use crate::domain::route::{self, Decision, Route};
use crate::domain::window::Window;
use crate::intake::Intake;
use crate::intake::fetch::{Fetch, Job as FetchOf, Shared, recorded};
use crate::intake::reader::first_fetch;
use crate::intake::reconcile::is_about_the_lead;
use crate::source::SourceError;
use crate::store::StoreError;
use crate::store::backfill::Job;
use crate::store::explain::Stage;
use crate::store::intake::{Before, Reading, Recorded, Shown};
use crate::store::past::{Looked, Past, PastAt, Way};
use crate::watch::Underway;

/// How often a lead's details are asked for, one time after another.
const TRIES: u32 = 5;

/// The wait before the second try; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How often a lead is looked at anew because someone else recorded it meanwhile.
const OVERTAKEN: u32 = 4;

/// Makes of leads what one backfill wants.
#[derive(Clone)]
pub struct Taker {
    pub intake: Arc<Intake>,
    pub shared: Arc<Shared>,
    pub stop: CancellationToken,
    pub job: Job,
    pub order: Arc<Order>,
    /// Those that send to its destination, and as if to it alone.
    pub routes: Arc<[Route]>,
}

/// A lead as a list shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The row.
    pub row: Row,
    /// The window that listed it.
    pub window: Window,
    /// Whether a lead that nobody knows is nobody's but this backfill's.
    pub history: bool,
}

/// What became of a lead.
pub enum Became {
    /// It was put on its way, or would have been.
    Sent {
        /// In a commit that tells so of the backfill.
        noted: bool,
    },
    /// There was nothing to do: how it stands there.
    At(Account),
    /// Its details were not to be had.
    Unreadable(SourceError),
    /// Nothing is, right now.
    Not(SourceError),
}

/// What is to be done about a lead.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: how it stands there.
    Leave(Account),
    /// These recorded events are sent, as far as a route wants them.
    Send(Vec<Past>),
    /// Its details are read, for this destination alone.
    Read,
    /// It is as new as any: its details are read, for all who want it.
    ReadForAll,
}

/// What is to be done about a lead. `again`: the list shows that it was finalized again since what is known of it.
pub fn plan(order: &Order, looked: &Looked, again: bool, history: bool) -> Plan {
    match looked.stage {
        None | Some(Stage::Baseline | Stage::Recorded) if !history && (again || looked.stage.is_none()) => {
            Plan::ReadForAll
        }
        None | Some(Stage::Baseline) => Plan::Read,
        Some(Stage::SetAside) => Plan::Leave(Account::Pending),
        Some(Stage::Unreadable) => Plan::Leave(Account::Dead),
        Some(Stage::Dropped) => Plan::Leave(Account::Dropped),
        Some(Stage::Forgotten) => Plan::Leave(Account::Forgotten),
        Some(Stage::Recorded) if again => Plan::Read,
        Some(Stage::Recorded) => {
            let wanted = looked.past.iter().filter(|past| order.on.contains(&past.event_type));
            let (send, leave): (Vec<Past>, Vec<Past>) = wanted.partition(|past| match past.at {
                PastAt::Never => true,
                PastAt::Delivered { since: false } => order.again,
                PastAt::Delivered { since: true } | PastAt::Pending | PastAt::Dead | PastAt::Dropped => false,
            });
            if !send.is_empty() {
                return Plan::Send(send);
            }
            Plan::Leave(leave.iter().map(account).min().unwrap_or(Account::Unwanted))
        }
    }
}

fn account(past: &Past) -> Account {
    match past.at {
        PastAt::Never => Account::Unwanted,
        PastAt::Pending => Account::Pending,
        PastAt::Delivered { .. } => Account::Delivered,
        PastAt::Dead => Account::Dead,
        PastAt::Dropped => Account::Dropped,
    }
}

impl Taker {
    /// Does what is to be done about a lead.
    pub async fn take(&self, listed: Listed, mut looked: Looked) -> Result<Became, StoreError> {
        let id = listed.row.id;
        let mut details: Option<Lead> = None;
        for _ in 0..OVERTAKEN {
            let done = match self.plan(&listed, &looked) {
                Plan::Leave(account) => return Ok(Became::At(account)),
                Plan::Send(past) => self.send(&listed, &looked.before, past, &mut details).await?,
                Plan::ReadForAll if !self.order.dry_run => Some(self.read_for_all(&listed, looked.before).await?),
                Plan::Read | Plan::ReadForAll => self.read(&listed, &looked.before, &mut details).await?,
            };
            if let Some(became) = done {
                return Ok(became);
            }
            looked = self.look(&listed).await?;
        }
        tracing::debug!(lead = id.0, "recorded by others again and again; left to them");
        Ok(Became::At(Account::Pending))
    }

    /// What is to be done about a lead.
    pub fn plan(&self, listed: &Listed, looked: &Looked) -> Plan {
        plan(&self.order, looked, looked.before.is_again(&listed.row, listed.window), listed.history)
    }

    async fn look(&self, listed: &Listed) -> Result<Looked, StoreError> {
        let (intake, leads) = (&self.intake, vec![listed.row.id]);
        Ok(intake.store.past(self.job, &intake.platform, &self.order.destination, leads).await?.remove(0))
    }

    /// Sends what is recorded. `None`: something has changed meanwhile.
    async fn send(
        &self,
        listed: &Listed,
        before: &Before,
        past: Vec<Past>,
        details: &mut Option<Lead>,
    ) -> Result<Option<Became>, StoreError> {
        let (intake, lead) = (&self.intake, listed.row.id);
        let (mut sends, mut anew) = (Vec::new(), Vec::new());
        for past in past {
            match intake.store.past_event(&intake.platform, lead, past).await? {
                Some(event) => sends.extend(self.way(&self.decide(&event)).map(|way| (past, way))),
                None => anew.push(past),
            }
        }
        let mut sent = !sends.is_empty();
        if sent && !self.order.dry_run {
            let now = intake.clock.now();
            sent = intake.store.send_past(self.job, &intake.platform, lead, sends, now).await? > 0;
        }
        for past in anew {
            if details.is_none() {
                match self.details(listed).await {
                    Ok(lead) => *details = Some(lead),
                    Err(became) => return Ok(Some(became)),
                }
            }
            if let Some(lead) = details.as_ref() {
                sent |= self.send_anew(listed, before, past, lead).await?;
            }
        }
        Ok(Some(if sent { self.sent() } else { Became::At(Account::Unwanted) }))
    }

    /// Sends an event whose body is gone, with a body made of details that were read again.
    async fn send_anew(&self, listed: &Listed, before: &Before, past: Past, lead: &Lead) -> Result<bool, StoreError> {
        let (intake, now) = (&self.intake, self.intake.clock.now());
        let csat = intake.csat.read(lead.rating());
        // As it was when the event happened: a list of an earlier end may show that one's status.
        let status = before.status().map(str::to_owned);
        let row = Row { mapped_status: status, ..listed.row.clone() };
        let facts = Facts { row: &row, lead, csat: &csat };
        let platform = &intake.platform.id;
        let seen = Seen { platform, n: past.n, revision: past.revision, origin: Origin::Backfill, now };
        let event = match past.event_type {
            EventType::LeadFinalized => event::finalized(facts, seen),
            EventType::LeadRated => event::rated(facts, &[RATING.to_owned()], seen),
            // What had changed nobody knows any more.
            _ => return Ok(false),
        };
        let decision = self.decide(&event);
        let Some(way) = self.way(&decision) else { return Ok(false) };
        if self.order.dry_run {
            return Ok(true);
        }
        let Some(_underway) = self.place(event.envelope.len() as u64).await else { return Ok(false) };
        intake.store.send_past_anew(self.job, &intake.platform, past, (event, decision.said), way, now).await
    }

    /// Reads a lead's details and records what the destination wants of them. `None`: someone else recorded it meanwhile.
    async fn read(
        &self,
        listed: &Listed,
        before: &Before,
        details: &mut Option<Lead>,
    ) -> Result<Option<Became>, StoreError> {
        let _turn = self.shared.readings.one(listed.row.id).await;
        if details.is_none() {
            match self.details(listed).await {
                Ok(lead) => *details = Some(lead),
                Err(became) => return Ok(Some(became)),
            }
        }
        let Some(lead) = details.as_ref() else { return Ok(None) };
        let reading = self.reading(listed, lead, before);
        if reading.events.iter().all(|(_, decision)| decision.wanted.is_empty()) {
            // It stays as it is: nobody has heard of it.
            return Ok(Some(Became::At(Account::Unwanted)));
        }
        if self.order.dry_run {
            return Ok(Some(self.sent()));
        }
        // The piece is gone through again.
        let Some(_underway) = self.place(reading.bytes()).await else {
            return Ok(Some(Became::At(Account::Unwanted)));
        };
        let happenings: Vec<_> = reading.events.iter().map(|(event, decision)| recorded(event, decision)).collect();
        match self.intake.store.record_for(self.job, &self.intake.platform, reading).await? {
            Recorded::Done => {
                happenings.into_iter().for_each(|happening| self.intake.feed.tell(happening));
                Ok(Some(self.sent()))
            }
            Recorded::Overtaken => Ok(None),
        }
    }

    /// What its details bring. What the destination does not want of it is left out, apart from its end, on which all
    /// else stands.
    fn reading(&self, listed: &Listed, lead: &Lead, before: &Before) -> Reading {
        let (intake, now, row) = (&self.intake, self.intake.clock.now(), &listed.row);
        let csat = intake.csat.read(lead.rating());
        let facts = Facts { row, lead, csat: &csat };
        let seen = |event_type, subject: &str, more| Seen {
            platform: &intake.platform.id,
            n: before.earlier(event_type, subject),
            revision: before.events() + 1 + more,
            origin: Origin::Backfill,
            now,
        };
        let end = event::finalized(facts, seen(EventType::LeadFinalized, event::finalized_subject(row), 0));
        let decision = self.decide(&end);
        let mut events = vec![(end, decision)];
        let told = before.earlier(EventType::LeadRated, event::rated_subject(&csat)) > 0;
        if csat.is_rated() && !told && self.order.on.contains(&EventType::LeadRated) {
            let seen = seen(EventType::LeadRated, event::rated_subject(&csat), 1);
            let event = event::rated(facts, &[RATING.to_owned()], seen);
            let decision = self.decide(&event);
            events.extend((!decision.wanted.is_empty()).then_some((event, decision)));
        }
        let watched = intake.settings.watch.look(lead);
        let shown = Shown { watched: watched.brief(), rating: news::rating_mark(&csat) };
        let (row, window, after) = (row.clone(), listed.window, before.events());
        // Nothing is planned: who asks for the past gets it as it is.
        Reading { row, window, origin: Origin::Backfill, after, events, shown, again: None, now }
    }

    /// A lead that leadhook would have come to by itself: all who want it hear of it.
    async fn read_for_all(&self, listed: &Listed, before: Before) -> Result<Became, StoreError> {
        let fetch =
            Fetch { intake: Arc::clone(&self.intake), shared: Arc::clone(&self.shared), stop: self.stop.clone() };
        let job = first_fetch(listed.row.clone(), listed.window, &before, self.intake.clock.now());
        fetch.take(FetchOf::Finalized(job), before).await?;
        let looked = self.look(listed).await?;
        let wanted = looked.past.iter().filter(|past| self.order.on.contains(&past.event_type));
        let account = wanted.map(account).min().unwrap_or(Account::Unwanted);
        Ok(match (looked.stage, account) {
            (Some(Stage::SetAside), _) => Became::At(Account::Pending),
            (Some(Stage::Forgotten), _) => Became::At(Account::Forgotten),
            (_, Account::Pending | Account::Delivered) => Became::Sent { noted: false },
            (_, account) => Became::At(account),
        })
    }

    /// Waits until there is room for so many bytes; `None`: leadhook is stopping, and the piece ends as well.
    async fn place(&self, bytes: u64) -> Option<Underway> {
        self.shared.place(self.intake.health.room(), bytes, &self.stop).await
    }

    fn sent(&self) -> Became {
        Became::Sent { noted: !self.order.dry_run }
    }

    async fn details(&self, listed: &Listed) -> Result<Lead, Became> {
        let (mut wait, mut tries) = (FIRST_WAIT, 1);
        loop {
            let error = match self.intake.source.lead(listed.row.id).await {
                Ok(lead) => return Ok(lead),
                Err(error) => error,
            };
            if !is_about_the_lead(&error) {
                return Err(Became::Not(error));
            }
            if tries == TRIES {
                return Err(Became::Unreadable(error));
            }
            tokio::time::sleep(wait).await;
            (wait, tries) = (wait * 2, tries + 1);
        }
    }

    /// What the destination's routes make of an event. The one place where they are asked.
    fn decide(&self, event: &Event) -> Decision {
        route::decide(&self.routes, event)
    }

    fn way(&self, decision: &Decision) -> Option<Way> {
        let wanted = decision.wanted.first()?;
        Some(Way { destination: wanted.destination.clone(), route: wanted.route.clone() })
    }
}

/// Where a lead's rating stands in its details.
const RATING: &str = "/csat/rating";

#[cfg(test)]
#[path = "lead_tests.rs"]
mod tests;
