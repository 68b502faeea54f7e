//! What WeClever lists against what was delivered, in steps: whoever asks keeps the sums, so that each step is short and
//! nothing is lost when one of the two goes away.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb, never_read};
use crate::domain::clock;
use crate::domain::lead::Row;
use crate::domain::window::Window;
use crate::intake::reconcile::Reconcile;
pub use crate::intake::reconcile::{Judged, Order, Setback};
use crate::store::intake::Baseline;

/// A step takes about so long, and a little more where the API is slow.
const STEP: Duration = Duration::from_secs(2);

/// Which part of this period can be held against the list, and with whom?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReconcileBegin {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last one.
    pub to: Timestamp,
}

/// What is to be held against the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// Until then: a running service reads what came later by itself, and nothing of that is missing yet.
    pub to: Timestamp,
    /// The file's destinations.
    pub destinations: Vec<String>,
    /// The part of the period that leadhook itself has not read yet, from its first to its last instant.
    pub unread: Option<(Timestamp, Timestamp)>,
}

/// What does WeClever list in this window?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReconcileList {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last one.
    pub to: Timestamp,
}

/// A list, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Each lead once.
    pub rows: Vec<Row>,
    /// Rows that make no sense: their leads cannot be looked for.
    pub malformed: u64,
    /// WeClever cannot be asked right now.
    pub setback: Option<Setback>,
}

/// How do these leads stand?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReconcileLeads {
    /// As they were listed.
    pub rows: Vec<Row>,
    /// The window that listed them: its first instant...
    pub from: Timestamp,
    /// ...and its last one.
    pub to: Timestamp,
    /// What is done about them.
    pub order: Order,
}

/// Those that were looked at in this step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// In any order.
    pub judged: Vec<Judged>,
    /// WeClever cannot be asked for the others right now.
    pub setback: Option<Setback>,
}

impl Verb for ReconcileBegin {
    const PATH: &'static str = "reconcile/begin";
    type Reply = Begun;

    async fn run(self, operator: &Operator) -> Result<Begun, Refusal> {
        let platform = &operator.config().source.platform_id;
        let progress = operator.store.find_progress(platform).await?.ok_or_else(|| never_read(platform))?;
        // The second in which the last list was asked for may have gone on.
        let read = progress.last_poll.map(|at| clock::before(at, Duration::from_secs(2)));
        let to = match (&operator.health, read) {
            (Some(_), Some(read)) => self.to.min(read),
            _ => self.to,
        };
        let gaps = match progress.baseline {
            Baseline::Awaited => vec![(self.from, to)],
            // The newest stretch is read by the next poll, whatever else waits.
            _ => progress.coverage.gaps(
                self.from.max(progress.floor),
                to.min(clock::before(operator.clock.now(), operator.config().source.overlap)),
            ),
        };
        Ok(Begun {
            to,
            destinations: operator.config().destinations.iter().map(|d| d.name.clone()).collect(),
            unread: gaps.first().zip(gaps.last()).map(|(first, last)| (first.0, last.1)),
        })
    }
}

impl Verb for ReconcileList {
    const PATH: &'static str = "reconcile/list";
    type Reply = Listed;

    async fn run(self, operator: &Operator) -> Result<Listed, Refusal> {
        let window = Window { from: self.from, to: self.to };
        Ok(match operator.reconcile().await?.list(&window).await? {
            Ok(listing) => Listed { rows: listing.rows, malformed: listing.malformed as u64, setback: None },
            Err(setback) => Listed { rows: Vec::new(), malformed: 0, setback: Some(setback) },
        })
    }
}

impl Verb for ReconcileLeads {
    const PATH: &'static str = "reconcile/leads";
    type Reply = Step;

    async fn run(self, operator: &Operator) -> Result<Step, Refusal> {
        let window = Window { from: self.from, to: self.to };
        if let Some(short) = operator.short_of_room().filter(|_| self.order.fix) {
            return Err(Refusal::Unavailable(short.to_string()));
        }
        let (judged, setback) = operator.reconcile().await?.judge(self.rows, window, self.order, STEP).await?;
        Ok(Step { judged, setback })
    }
}

impl Operator {
    async fn reconcile(&self) -> Result<Reconcile, Refusal> {
        let destinations = self.config().destinations.iter().map(|d| d.name.clone()).collect();
        Ok(Reconcile::new(self.intake().await?, destinations))
    }
}
