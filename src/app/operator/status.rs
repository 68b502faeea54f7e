//! How everything stands, and what needs a look.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::look::{Look, looks};
use super::{Operator, Refusal, Verb};
use crate::domain::backfill::{self, Backfill};
use crate::domain::clock;
use crate::domain::lead::LeadId;
use crate::domain::malformed::Kept;
use crate::domain::room::Short;
use crate::store::StoreError;
use crate::store::census::{Census, LaneCensus};
use crate::store::destinations::Holds;
use crate::store::flap::Flapping;
use crate::store::intake::Baseline;
use crate::tokens::Standing;
use crate::watch::{Doubts, Lateness, Trouble, Unchecked};

/// How does everything stand?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {}

/// How everything stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusReport {
    /// Of leadhook.
    pub version: String,
    /// Whether a service runs.
    pub running: bool,
    /// When this was asked.
    pub at: Timestamp,
    /// The source.
    pub source: SourceStatus,
    /// Every destination of the file, and those that only the store still knows.
    pub destinations: Vec<DestinationStatus>,
    /// Deliveries whose destination or route has left the file.
    pub parked: Vec<Parked>,
    /// What could not be told of events, since the service began.
    pub doubts: Doubts,
    /// Backfills that go on.
    #[serde(default)]
    pub backfills: Vec<Backfill>,
    /// The store.
    pub store: StoreStatus,
    /// Why the running service could not take over its file when it was last told to read it again.
    #[serde(default)]
    pub reload: Option<Trouble>,
    /// Keys of the file that the service goes by only once it is started again.
    #[serde(default)]
    pub needs_restart: Vec<String>,
    /// What a person should look at, each with what to do.
    pub needs_a_look: Vec<String>,
    /// The same as it was found, for whoever shows it in another language; not in the JSON.
    #[serde(skip)]
    pub looks: Vec<Look>,
}

/// The source.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceStatus {
    /// `platform_id`
    pub platform_id: String,
    /// `base_url`
    pub base_url: String,
    /// The last good poll; `None` before the first.
    pub last_poll: Option<Timestamp>,
    /// It was silent for longer than `stale_after`, since; `None`: it is not.
    pub stale_since: Option<Timestamp>,
    /// What went wrong since, in a running service.
    pub trouble: Option<Trouble>,
    /// It asked to be left alone until then.
    pub wait_until: Option<Timestamp>,
    /// Nothing below is read.
    pub floor: Option<Timestamp>,
    /// What was finalized before then was there before leadhook began: it is known, and was not sent.
    #[serde(default)]
    pub baseline_until: Option<Timestamp>,
    /// Stretches that are still to be read.
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// Leads seen, those that were there before leadhook began among them.
    pub seen_leads: u64,
    /// Leads whose details are still to be read.
    pub set_aside: u64,
    /// Leads whose details were given up on; they are dead letters.
    pub unreadable: u64,
    /// The source's lists end at so many rows without a word, and are read in shorter windows; `None`: as far as is known,
    /// they do not.
    pub cap: Option<usize>,
    /// Windows whose list is full and that cannot be made shorter, in a running service: leads of theirs may be missing.
    pub unchecked: Vec<Unchecked>,
    /// Rows of its lists that cannot be read, however often they are asked for: the lists count as read without them.
    #[serde(default)]
    pub malformed_rows: Vec<MalformedRow>,
    /// Leads whose status changes with nearly every list, and that wait.
    #[serde(default)]
    pub flapping: Vec<FlappingLead>,
    /// Leads that showed up late, in a running service.
    pub lateness: Lateness,
    /// It lists the same leads whatever time is asked for, since, in a running service: that a lead was finalized again shows
    /// in its status alone.
    #[serde(default)]
    pub heedless_since: Option<Timestamp>,
}

/// A lead whose status changes with nearly every list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlappingLead {
    /// Which.
    pub weclever_lead_id: LeadId,
    /// Since when it waits.
    pub since: Timestamp,
    /// When it is read again.
    pub due: Timestamp,
}

/// A row of a list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MalformedRow {
    /// Why.
    pub reason: String,
    /// Within which its conversation was finalized, as far as lists tell: from then...
    pub from: Timestamp,
    /// ...to then.
    pub to: Timestamp,
    /// When it was first listed.
    pub first_seen: Timestamp,
    /// When it was last listed.
    pub last_seen: Timestamp,
}

/// Whether a destination takes deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As far as is known.
    Ok,
    /// It failed so often in a row that only probes are sent.
    Failing,
    /// It asked to be left alone for a while.
    Waiting,
    /// Paused by hand.
    Paused,
    /// It answered 410 Gone.
    Disabled,
    /// It has left the file.
    NotInFile,
}

impl State {
    /// As a person reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Failing => "failing",
            State::Waiting => "waiting",
            State::Paused => "paused",
            State::Disabled => "disabled",
            State::NotInFile => "not in file",
        }
    }
}

/// One destination.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its name.
    pub name: String,
    /// Redacted; `None` where it has left the file.
    pub url: Option<String>,
    /// Whether it takes deliveries.
    pub state: State,
    /// Since when, for failing, paused and disabled.
    pub since: Option<Timestamp>,
    /// Until when, for waiting.
    pub until: Option<Timestamp>,
    /// Still to be delivered.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest_pending: Option<Timestamp>,
    /// Accepted.
    pub delivered: u64,
    /// Given up on.
    pub dead: u64,
    /// Dropped or moved by a person.
    pub dropped: u64,
    /// Attempts on the wire, in a running service.
    pub in_flight: usize,
    /// The last that was accepted, by the running service.
    pub last_accepted: Option<Timestamp>,
    /// What went wrong since.
    pub trouble: Option<Trouble>,
    /// Its token, where it wants one that ends.
    #[serde(default)]
    pub token: Option<Standing>,
}

/// Deliveries that wait for something that has left the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Their destination.
    pub destination: String,
    /// Their route.
    pub route: String,
    /// How many.
    pub pending: u64,
    /// What is missing, and what to do.
    pub why: String,
}

/// The store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Its directory.
    pub path: String,
    /// Its size on disk.
    pub bytes: u64,
    /// What it may have, `[store] max_bytes`.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Nothing new is read for want of room, in a running service: why, and what to do.
    #[serde(default)]
    pub full: Option<String>,
}

impl From<Kept> for MalformedRow {
    fn from(kept: Kept) -> MalformedRow {
        let Kept { reason, stretch, first, last, .. } = kept;
        MalformedRow { reason, from: stretch.from, to: stretch.to, first_seen: first, last_seen: last }
    }
}

impl Verb for Status {
    const PATH: &'static str = "status";
    type Reply = StatusReport;

    async fn run(self, operator: &Operator) -> Result<StatusReport, Refusal> {
        let census = operator.census().await?;
        let parked = operator.parked_among(&census.lanes);
        let source = operator.source_status(&census).await?;
        let mut destinations = operator.destination_statuses(&census);
        for destination in &mut destinations {
            if let Some(keeper) = operator.tokens.of(&destination.name) {
                destination.token = Some(keeper.standing().await);
            }
        }
        let full = operator.short_of_room().map(|short| short.to_string());
        let mut looks = looks(&source, &destinations, &parked);
        // Before all else: what follows may come of it.
        looks.splice(0..0, full.clone().map(|why| Look::Full { why }));
        let health = operator.health.as_ref();
        let reload = health.and_then(|health| health.reload());
        let needs_restart = health.map(|health| health.needs_restart()).unwrap_or_default();
        looks.extend(reload.clone().map(|Trouble { at, error, .. }| Look::NotTakenOver { at, error }));
        if !needs_restart.is_empty() {
            looks.push(Look::NeedsRestart { keys: needs_restart.join(", ") });
        }
        let mut backfills = operator.store.backfills().await?;
        backfills.retain(|backfill| backfill.state == backfill::State::Going);
        Ok(StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            running: operator.health.is_some(),
            at: operator.clock.now(),
            source,
            destinations,
            parked,
            doubts: health.map(|health| health.doubts()).unwrap_or_default(),
            reload,
            needs_restart,
            backfills,
            store: StoreStatus {
                path: operator.store.path().display().to_string(),
                bytes: census.bytes,
                max_bytes: operator.config().store.max_bytes,
                full,
            },
            needs_a_look: looks.iter().map(Look::to_string).collect(),
            looks,
        })
    }
}

impl Operator {
    /// Why nothing new is read, in a running service.
    pub(super) fn short_of_room(&self) -> Option<Short> {
        self.health.as_ref().and_then(|health| health.room().short())
    }

    pub(super) async fn census(&self) -> Result<Census, StoreError> {
        self.store.census(&self.config().source.platform_id).await
    }

    /// Deliveries whose destination or route has left the file.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn parked(&self) -> Result<Vec<Parked>, StoreError> {
        Ok(self.parked_among(&self.census().await?.lanes))
    }

    /// What waits for something that is not in the file is named wherever another file is in force: nobody should find out
    /// weeks later.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(in crate::app) async fn tell_what_is_parked(&self) -> Result<(), StoreError> {
        for Parked { destination, route, pending, why } in self.parked().await? {
            warn!(destination, route, pending, "deliveries are parked: {why}");
        }
        Ok(())
    }

    fn parked_among(&self, lanes: &[LaneCensus]) -> Vec<Parked> {
        let parked = lanes.iter().filter(|lane| lane.pending > 0).filter_map(|lane| {
            let LaneCensus { destination, route, pending, .. } = lane;
            let why = self.why_parked(destination, route)?;
            Some(Parked { destination: destination.clone(), route: route.clone(), pending: *pending, why })
        });
        parked.collect()
    }

    /// What has left the file of what a delivery needs, and what to do about it.
    pub(super) fn why_parked(&self, destination: &str, route: &str) -> Option<String> {
        if !self.is_in_file(destination) {
            return Some(format!(
                "destination `{destination}` has left the file; put it back, or use \
                 `leadhook destination move {destination} OTHER` or `leadhook destination drop {destination}`"
            ));
        }
        (!self.config().routes.iter().any(|r| r.name == *route)).then(|| {
            format!(
                "route `{route}` has left the file; put it back, or use `leadhook destination move {destination} \
                 {destination} --route '{route}' --to-route OTHER` or `leadhook destination drop {destination} --route '{route}'`"
            )
        })
    }

    async fn source_status(&self, census: &Census) -> Result<SourceStatus, StoreError> {
        let config = &self.config().source;
        let progress = self.store.find_progress(&config.platform_id).await?;
        let silence = match self.store.find_platform(&config.platform_id).await? {
            Some(platform) => self.store.silence(&platform).await?,
            None => None,
        };
        let health = self.health.as_ref().map(|health| health.source()).unwrap_or_default();
        // The store hears of a poll only now and then.
        let polled = self.health.as_ref().and_then(|health| *health.good_polls().borrow());
        let malformed = self.store.malformed_rows(&config.platform_id).await?.into_iter().filter(|row| row.set_aside);
        let flapping = self.store.flapping(&config.platform_id).await?.into_iter();
        let flapping =
            flapping.map(|Flapping { lead, since, due }| FlappingLead { weclever_lead_id: lead, since, due });
        let end = clock::before(self.clock.now(), config.overlap);
        let gaps = progress.as_ref().map_or(Vec::new(), |progress| match progress.baseline {
            Baseline::Awaited => Vec::new(),
            _ => progress.coverage.gaps(progress.floor, end),
        });
        let cap = progress.as_ref().and_then(|progress| progress.caps.cap);
        Ok(SourceStatus {
            platform_id: config.platform_id.clone(),
            base_url: config.base_url.to_string().trim_end_matches('/').to_owned(),
            last_poll: progress.as_ref().and_then(|progress| progress.last_poll).max(polled),
            stale_since: silence.filter(|silence| silence.stale.is_some()).map(|silence| silence.since),
            trouble: health.trouble,
            wait_until: health.wait_until,
            baseline_until: progress.as_ref().and_then(|progress| match progress.baseline {
                Baseline::Until(until) => Some(until),
                Baseline::None | Baseline::Awaited => None,
            }),
            floor: progress.map(|progress| progress.floor),
            gaps,
            seen_leads: census.seen_leads,
            set_aside: census.set_aside,
            unreadable: census.unreadable,
            cap,
            unchecked: health.unchecked,
            malformed_rows: malformed.map(MalformedRow::from).collect(),
            flapping: flapping.collect(),
            lateness: health.lateness,
            heedless_since: health.heedless_since,
        })
    }

    fn destination_statuses(&self, census: &Census) -> Vec<DestinationStatus> {
        let config = self.config();
        let in_file = config.destinations.iter().map(|d| d.name.as_str());
        let only_stored = census.destinations.iter().map(|d| d.name.as_str()).filter(|name| !self.is_in_file(name));
        in_file.chain(only_stored).map(|name| self.destination_status(name, census)).collect()
    }

    fn destination_status(&self, name: &str, census: &Census) -> DestinationStatus {
        let stored = census.destinations.iter().find(|d| d.name == name);
        let health = self.health.as_ref().map(|health| health.destination(name)).unwrap_or_default();
        let sum =
            |of: fn(&LaneCensus) -> u64| census.lanes.iter().filter(|lane| lane.destination == name).map(of).sum();
        let holds = stored.map(|d| d.holds).unwrap_or_default();
        let failing = if self.health.is_some() { health.failing_since } else { holds.failing };
        let (state, since, until) = self.state(name, holds, failing);
        DestinationStatus {
            name: name.to_owned(),
            url: self.config().destinations.iter().find(|d| d.name == name).map(|d| d.form.shown_url()),
            state,
            since,
            until,
            pending: sum(|lane| lane.pending),
            oldest_pending: stored.and_then(|d| d.oldest_pending),
            delivered: sum(|lane| lane.delivered),
            dead: sum(|lane| lane.dead),
            dropped: sum(|lane| lane.dropped),
            in_flight: health.in_flight,
            last_accepted: health.last_accepted,
            trouble: health.trouble,
            token: None,
        }
    }

    fn state(
        &self,
        name: &str,
        holds: Holds,
        failing: Option<Timestamp>,
    ) -> (State, Option<Timestamp>, Option<Timestamp>) {
        if !self.is_in_file(name) {
            return (State::NotInFile, None, None);
        }
        if let Some(since) = holds.disabled {
            return (State::Disabled, Some(since), None);
        }
        if let Some(since) = holds.paused {
            return (State::Paused, Some(since), None);
        }
        let now = self.clock.now();
        if let Some(until) = holds.wait_until.filter(|until| *until > now) {
            return (State::Waiting, None, Some(until));
        }
        match failing {
            Some(since) => (State::Failing, Some(since), None),
            None => (State::Ok, None, None),
        }
    }
}
