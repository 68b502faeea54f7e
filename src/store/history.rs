//! Sums of what happened, for plots: a restart does not blank them. By the minute for two hours, by ten minutes for eight
//! days; so there are some 1,300 records at most, however long leadhook runs.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::keys;
use super::records::{self, from_ms, to_ms};
use super::txn::{Get, Txn};
use crate::domain::clock;
use crate::domain::history::{self, Backlog, COARSE, COARSE_KEPT, FINE, FINE_KEPT, Sums};

/// Old records that go with one commit; more than come with it.
const GO_AT_ONCE: usize = 64;

/// In which of the two forms it is kept.
const TIERS: [(u8, Duration, Duration); 2] = [(0, FINE, FINE_KEPT), (1, COARSE, COARSE_KEPT)];

impl Store {
    /// Keeps what happened at this time, beside what is kept of the same minute already, and lets go of what is too old.
    pub async fn keep_history(&self, at: Timestamp, sums: Sums) -> Result<(), StoreError> {
        self.commit(move |txn| txn.keep_history(at, &sums)).await
    }

    /// What is kept since then, in order: by the minute, or by ten.
    pub async fn history(&self, since: Timestamp, by_the_minute: bool) -> Result<Vec<(Timestamp, Sums)>, StoreError> {
        let (tier, _, _) = TIERS[usize::from(!by_the_minute)];
        self.read(move |inner| {
            let range = keys::history(tier, to_ms(since))..keys::history(tier + 1, 0);
            let kept = inner.tree.range(range).map(|entry| {
                let (key, value) = entry?;
                Ok((from_ms(keys::last_u64(&key) as i64), records::decode(&value)?))
            });
            kept.collect()
        })
        .await
    }

    /// What waits at each destination now.
    pub async fn backlog(&self, platform_id: &str) -> Result<BTreeMap<String, Backlog>, StoreError> {
        let census = self.census(platform_id).await?;
        let mut waiting: BTreeMap<String, Backlog> = BTreeMap::new();
        for lane in census.lanes.into_iter().filter(|lane| lane.pending > 0) {
            let backlog = waiting.entry(lane.destination).or_default();
            backlog.pending += lane.pending;
            backlog.peak = backlog.pending;
        }
        for destination in census.destinations {
            if let Some(backlog) = waiting.get_mut(&destination.name) {
                backlog.oldest = destination.oldest_pending.map(to_ms);
            }
        }
        Ok(waiting)
    }
}

impl Txn<'_> {
    fn keep_history(&mut self, at: Timestamp, sums: &Sums) -> Result<(), StoreError> {
        for (tier, step, kept) in TIERS {
            let key = keys::history(tier, to_ms(history::stretch_of(at, step)));
            let mut all: Sums = self.get(&key)?.unwrap_or_default();
            all.add(sums);
            self.put(key, &all)?;
            let old = keys::history(tier, 0)..keys::history(tier, to_ms(clock::before(at, kept)));
            let old: Vec<_> = self.tree.range(old).keys().take(GO_AT_ONCE).collect::<Result<_, _>>()?;
            old.into_iter().for_each(|key| self.delete(key.to_vec()));
        }
        Ok(())
    }
}
