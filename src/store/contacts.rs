//! When each contact was told of at a destination, for as long as `rate_per_contact` counts it.
//!
//! A contact is kept as a hash with a random salt of this store's own: of a bare one somebody would only have to try all phone
//! numbers. The salt is encrypted where the store is.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

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

/// What contacts are hashed with.
type Salt = [u8; 32];

/// As which a contact is kept.
fn kept_as(salt: &Salt, contact: ContactKey) -> [u8; 16] {
    let mut hash = [0; 16];
    // Of a key of any length.
    if let Ok(mac) = Hmac::<Sha256>::new_from_slice(salt) {
        hash.copy_from_slice(&mac.chain_update(contact.0).finalize().into_bytes()[..16]);
    }
    hash
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
        let Some(salt) = Get::get::<Salt>(&self.tree, keys::SALT)? else { return Ok(Vec::new()) };
        let kept = Get::get::<ContactRecord>(&self.tree, &keys::contact(record.no, &kept_as(&salt, contact)))?;
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
        let contact = kept_as(&self.salt()?, contact);
        let key = keys::contact(destination, &contact);
        let mut accepted = Vec::new();
        if let Some(before) = self.get::<ContactRecord>(&key)? {
            self.delete(keys::contact_over(before.until, destination, &contact));
            accepted.extend(before.accepted.into_iter().map(from_ms));
        }
        let accepted = accepted_now(limit, &accepted, now).into_iter().map(to_ms).collect();
        let until = to_ms(clock::after(now, limit.per));
        self.put_bytes(keys::contact_over(until, destination, &contact), Vec::new());
        self.put(key, &ContactRecord { accepted, until })
    }

    /// Forgets a contact; false where nothing was counted of it.
    pub(super) fn forget_contact(
        &mut self,
        destination: DestinationNo,
        contact: ContactKey,
    ) -> Result<bool, StoreError> {
        let contact = kept_as(&self.salt()?, contact);
        let key = keys::contact(destination, &contact);
        let Some(record) = self.get::<ContactRecord>(&key)? else { return Ok(false) };
        self.delete(keys::contact_over(record.until, destination, &contact));
        self.delete(key);
        Ok(true)
    }

    /// Drawn when it is first needed.
    fn salt(&mut self) -> Result<Salt, StoreError> {
        if let Some(salt) = self.get(keys::SALT)? {
            return Ok(salt);
        }
        let mut salt = Salt::default();
        getrandom::fill(&mut salt).map_err(|e| StoreError::Write(format!("the system has no randomness: {e}")))?;
        self.put(keys::SALT.to_vec(), &salt)?;
        Ok(salt)
    }

    /// Forgets the contacts of these notes.
    pub(super) fn forget_contacts(&mut self, notes: &[Vec<u8>]) {
        for note in notes {
            self.delete(keys::contact_of_note(note));
            self.delete(note.clone());
        }
    }
}
