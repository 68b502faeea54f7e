//! Tokens for destinations: what must outlive the process, and be on disk before it is used.
//!
//! A refresh token that was used up, and whose successor is not on disk, locks leadhook out until a person signs in again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::records::{DestinationRecord, from_ms, to_ms};
use super::txn::Get;
use super::{Store, keys};
use crate::domain::oauth2::TokenKey;
use crate::domain::oauth2::kept::{Access, Kept, Refused};
use crate::domain::secret::Secret;

/// What stands under a token's key. Not printable: it is nothing but secrets.
#[derive(Serialize, Deserialize)]
struct TokenRecord {
    access: Option<AccessRecord>,
    refresh: Option<String>,
    previous: Option<String>,
    given: Option<[u8; 16]>,
    refused: Option<(i64, String, bool)>,
}

#[derive(Serialize, Deserialize)]
struct AccessRecord {
    token: String,
    got: i64,
    expires: Option<i64>,
    texts: Vec<(String, String)>,
}

impl Store {
    /// What is remembered under this key; nothing where nothing ever was.
    pub async fn tokens(&self, key: TokenKey) -> Result<Kept, StoreError> {
        self.read(move |inner| {
            let record: Option<TokenRecord> = Get::get(&inner.tree, &keys::token(key))?;
            Ok(record.map(kept).unwrap_or_default())
        })
        .await
    }

    /// Remembers tokens in the place of what was there. `waiting`: destinations that were waiting for them and go on at
    /// once.
    pub async fn keep_tokens(&self, key: TokenKey, kept: Kept, waiting: Vec<String>) -> Result<(), StoreError> {
        self.commit(move |txn| {
            for name in waiting {
                if let Some(record) = txn.get::<DestinationRecord>(&keys::destination(&name))? {
                    txn.change_destination_no(record.no, |record| record.wait_until = None)?;
                }
            }
            txn.put(keys::token(key), &record(&kept))
        })
        .await
    }
}

fn kept(record: TokenRecord) -> Kept {
    let time = |ms: i64| -> Timestamp { from_ms(ms) };
    Kept {
        access: record.access.map(|access| Access {
            token: Secret::new(access.token),
            got: time(access.got),
            expires: access.expires.map(time),
            texts: access.texts,
        }),
        refresh: record.refresh.map(Secret::new),
        previous: record.previous.map(Secret::new),
        given: record.given,
        refused: record.refused.map(|(at, said, sign_in)| Refused { at: time(at), said, sign_in }),
    }
}

fn record(kept: &Kept) -> TokenRecord {
    let text = |secret: &Secret| secret.expose().to_owned();
    TokenRecord {
        access: kept.access.as_ref().map(|access| AccessRecord {
            token: text(&access.token),
            got: to_ms(access.got),
            expires: access.expires.map(to_ms),
            texts: access.texts.clone(),
        }),
        refresh: kept.refresh.as_ref().map(text),
        previous: kept.previous.as_ref().map(text),
        given: kept.given,
        refused: kept.refused.as_ref().map(|refused| (to_ms(refused.at), refused.said.clone(), refused.sign_in)),
    }
}
