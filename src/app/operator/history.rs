//! What happened over the last hour, day or week.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb};
use crate::domain::clock;
use crate::domain::history::{self, COARSE, FINE, Sums};

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// By the minute.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// By ten minutes.
    #[serde(rename = "24h")]
    Day,
    /// By the hour.
    #[serde(rename = "7d")]
    Week,
}

impl Reach {
    /// All of them.
    pub const ALL: [Reach; 3] = [Reach::Hour, Reach::Day, Reach::Week];

    /// As it is written: `24h`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::Hour => "1h",
            Reach::Day => "24h",
            Reach::Week => "7d",
        }
    }

    fn steps(self) -> (Duration, usize) {
        match self {
            Reach::Hour => (FINE, 60),
            Reach::Day => (COARSE, 144),
            Reach::Week => (Duration::from_secs(3_600), 168),
        }
    }
}

/// What happened?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct History {
    /// Since when.
    #[serde(default)]
    pub reach: Reach,
}

/// What happened, stretch by stretch, the last of them still going on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Happened {
    /// How long each stretch is, in seconds.
    pub step_s: u64,
    /// When each began, and what happened in it.
    pub stretches: Vec<(Timestamp, Sums)>,
}

impl Verb for History {
    const PATH: &'static str = "history";
    type Reply = Happened;

    async fn run(self, operator: &Operator) -> Result<Happened, Refusal> {
        let now = operator.clock.now();
        let (step, count) = self.reach.steps();
        // Twice as far: what waited before may wait still.
        let since = clock::before(now, step * u32::try_from(2 * count).unwrap_or(u32::MAX));
        let mut kept = operator.store.history(since, self.reach == Reach::Hour).await?;
        if operator.health.is_some() {
            let mut latest = operator.feed.history().so_far();
            latest.set_backlog(&operator.store.backlog(&operator.config().source.platform_id).await?);
            kept.push((now, latest));
        }
        Ok(Happened { step_s: step.as_secs(), stretches: history::series(&kept, now, step, count) })
    }
}
