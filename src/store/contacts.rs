//! When each contact was told of at a destination, for as long as `rate_per_contact` counts it. A contact is kept as a hash.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::keys::{self, DestinationNo};
use super::records::{DestinationRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use super::{Inner, Store};
use crate::domain::clock;
use crate::domain::contact::{ContactKey, accepted_now};
use crate::domain::pace::Rate;

#[derive(Serialize, Deserialize, Clone, Debug)]
struct ContactRecord {
    accepted: Vec<i64>,
    /// Then nothing of it counts any more. By this it is found when it is to go.
    until: i64,
}

/// Whose contact a claimed delivery is, to be counted with the commit that delivers it.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// The contact.
    pub contact: ContactKey,
    /// How long it counts.
    pub limit: Rate,
}

impl Store {
    /// When this contact was told of at the destination, as far as it may still count.
    pub async fn told_of(&self, destination: &str, contact: ContactKey) -> Result<Vec<Timestamp>, StoreError> {
        let destination = destination.to_owned();
        self.read(move |inner| inner.told_of(&destination, contact)).await
    }
}

impl Inner {
    fn told_of(&self, destination: &str, contact: ContactKey) -> Result<Vec<Timestamp>, StoreError> {
        let Some(record) = Get::get::<DestinationRecord>(&self.tree, &keys::destination(destination))? else {
            return Ok(Vec::new());
        };
        let kept = Get::get::<ContactRecord>(&self.tree, &keys::contact(record.no, &contact.0))?;
        Ok(kept.map(|kept| kept.accepted.into_iter().map(from_ms).collect()).unwrap_or_default())
    }

    /// Up to `limit` notes of contacts of which nothing counts any more.
    pub(super) fn contacts_that_are_over(&self, now: i64, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let over = self.tree.range(keys::contacts_over(0)..keys::contacts_over(now)).take(limit);
        over.map(|entry| Ok(entry?.0.to_vec())).collect()
    }
}

impl Txn<'_> {
    /// One more was accepted.
    pub(super) fn count_contact(
        &mut self,
        destination: DestinationNo,
        counts: Counts,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Counts { contact, limit } = counts;
        let key = keys::contact(destination, &contact.0);
        let mut accepted = Vec::new();
        if let Some(before) = self.get::<ContactRecord>(&key)? {
            self.delete(keys::contact_over(before.until, destination, &contact.0));
            accepted.extend(before.accepted.into_iter().map(from_ms));
        }
        let accepted = accepted_now(limit, &accepted, now).into_iter().map(to_ms).collect();
        let until = to_ms(clock::after(now, limit.per));
        self.put_bytes(keys::contact_over(until, destination, &contact.0), Vec::new());
        self.put(key, &ContactRecord { accepted, until })
    }

    /// Forgets a contact; false where nothing was counted of it.
    pub(super) fn forget_contact(
        &mut self,
        destination: DestinationNo,
        contact: ContactKey,
    ) -> Result<bool, StoreError> {
        let key = keys::contact(destination, &contact.0);
        let Some(record) = self.get::<ContactRecord>(&key)? else { return Ok(false) };
        self.delete(keys::contact_over(record.until, destination, &contact.0));
        self.delete(key);
        Ok(true)
    }

    /// Forgets the contacts of these notes.
    pub(super) fn forget_contacts(&mut self, notes: &[Vec<u8>]) {
        for note in notes {
            self.delete(keys::contact_of_note(note));
            self.delete(note.clone());
        }
    }
}
