//! What is kept for ever of the leads that a list shows, to be held against it.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::explain::{self, Stage};
use super::intake::{Before, Platform};
use super::keys::{self, DestinationNo, PlatformNo};
use super::known::{self, AtDestination, Known, Standing};
use super::records::{self, DestinationRecord, PlatformRecord, Settled, SettledRecord};
use super::tree::Entry;
use super::txn::Get;
use super::{Inner, Store};
use crate::domain::account::Account;
use crate::domain::lead::LeadId;

/// What is kept of one lead. It needs no event's body.
#[derive(Clone, Debug)]
pub struct Accounted {
    /// How far leadhook has got with it; `None`: it was never listed.
    pub stage: Option<Stage>,
    /// How it stands with the destinations to which anything of it ever went.
    pub at: BTreeMap<String, Account>,
    /// What its next event needs to know. It is of the same moment: recording an event made of a later one would tell the
    /// same thing once more.
    pub before: Before,
}

impl Store {
    /// The source's place, if it was ever started.
    pub async fn find_platform(&self, id: &str) -> Result<Option<Platform>, StoreError> {
        let name = id.to_owned();
        self.read(move |inner| {
            let record: Option<PlatformRecord> = Get::get(&inner.tree, &keys::platform(&name))?;
            Ok(record.map(|record| Platform { no: record.no, id: name }))
        })
        .await
    }

    /// What is kept of these leads, in their order.
    pub async fn accounts(&self, platform: &Platform, leads: Vec<LeadId>) -> Result<Vec<Accounted>, StoreError> {
        let no = platform.no;
        self.read(move |inner| {
            let names = inner.destination_names()?;
            let known = known::look_up(&inner.tree, no, &leads)?;
            leads.iter().zip(known).map(|(lead, known)| inner.accounted(no, *lead, known, &names)).collect()
        })
        .await
    }
}

pub(super) type Names = BTreeMap<DestinationNo, String>;

impl Inner {
    /// The destinations that the store has heard of.
    pub(super) fn destination_names(&self) -> Result<Names, StoreError> {
        let named = |entry: Result<Entry, StoreError>| {
            let (key, value) = entry?;
            let record: DestinationRecord = records::decode(&value)?;
            Ok((record.no, String::from_utf8_lossy(&key[1..]).into_owned()))
        };
        self.tree.scan_prefix(keys::destination("")).map(named).collect()
    }

    fn accounted(
        &self,
        platform: PlatformNo,
        lead: LeadId,
        known: Option<Known>,
        names: &Names,
    ) -> Result<Accounted, StoreError> {
        let Some(known) = known else {
            return Ok(Accounted { stage: None, at: BTreeMap::new(), before: Before { known: None } });
        };
        let job = known.standing == Standing::Unreadable && self.tree.contains_key(keys::fetch(platform, lead))?;
        let stage = explain::stage(&known, job);
        let dead = self.dead_among(&known)?;
        let mut at = BTreeMap::new();
        for outcome in &known.outcomes {
            if let Some(name) = names.get(&outcome.destination) {
                let account = if dead.contains(&outcome.destination) { Account::Dead } else { account(outcome) };
                at.insert(name.clone(), account);
            }
        }
        Ok(Accounted { stage: Some(stage), at, before: Before { known: Some(known) } })
    }

    /// The destinations at which one of the lead's events is a dead letter, even where a later one was accepted: what is
    /// known of a lead tells of the latest event only, and dead letters stay.
    fn dead_among(&self, known: &Known) -> Result<Vec<DestinationNo>, StoreError> {
        let mut dead = Vec::new();
        if known.happened.len() < 2 {
            return Ok(dead);
        }
        for happened in &known.happened {
            for outcome in &known.outcomes {
                let settled: Option<SettledRecord> =
                    Get::get(&self.tree, &keys::settled(happened.seq, outcome.destination))?;
                if settled.is_some_and(|settled| settled.state == Settled::Dead) {
                    dead.push(outcome.destination);
                }
            }
        }
        Ok(dead)
    }
}

fn account(outcome: &AtDestination) -> Account {
    if !outcome.line.is_empty() {
        return Account::Pending;
    }
    match outcome.state {
        None => Account::Pending,
        Some(Settled::Delivered) => Account::Delivered,
        Some(Settled::Dead) => Account::Dead,
        Some(Settled::Dropped) => Account::Dropped,
    }
}
