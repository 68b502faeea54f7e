//! Tokens that end: had, kept, renewed ahead of their end, once for all who want one.
//!
//! | file | what |
//! |---|---|
//! | [`Tokens`] | every token that the file's destinations need, each with its keeper |
//! | `keeper` | one token: who may ask for it and when, and that it is on disk before anyone has it |
//! | `ask` | the request to the token URL |
//! | `way` | the way to a destination, with the token that it wants |

mod ask;
mod keeper;
mod way;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use jiff::Timestamp;

pub use keeper::Keeper;
pub use way::{Pass, Way};

use crate::domain::destination::Destination;
use crate::domain::oauth2::TokenKey;
use crate::domain::outcome::{Answer, NoAnswer};
use crate::store::Store;
use crate::watch::Clock;
use keeper::Shared;

/// All that keep a token, by destination; cheap to clone.
#[derive(Clone, Default)]
pub struct Tokens(Arc<BTreeMap<String, Keeper>>);

/// That there is no token to be had, and why. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct NoToken {
    /// What happened, and what can be done.
    pub said: String,
    /// Whether it stays so until a person does something.
    pub needs_person: bool,
}

impl NoToken {
    /// As an attempt tells it.
    pub fn answer(self) -> Answer {
        Answer::Nothing { why: NoAnswer::NoToken, detail: self.said }
    }
}

/// How it stands with a destination's token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// On what grounds it is given: `client_credentials`, `refresh_token`.
    pub grant: String,
    /// Whether there is one that has not ended.
    pub has_token: bool,
    /// When it ends; `None`: there is none, or nobody said.
    pub expires: Option<Timestamp>,
    /// Whether there is something to renew it with.
    pub renewable: bool,
    /// Why there is none, or none to come.
    pub trouble: Option<String>,
    /// Whether it stays so until a person does something.
    pub needs_person: bool,
    /// Other destinations that share it.
    pub shared_with: Vec<String>,
}

impl Tokens {
    /// Keepers for all destinations that want one; those whose tokens have the same key share it. Asks for nothing.
    pub fn new(store: &Store, destinations: &[Destination], clock: &Clock) -> Tokens {
        let mut by_key: BTreeMap<TokenKey, Vec<&Destination>> = BTreeMap::new();
        for destination in destinations {
            if let Some(oauth2) = destination.oauth2() {
                by_key.entry(oauth2.key()).or_default().push(destination);
            }
        }
        let mut keepers = BTreeMap::new();
        for (key, sharing) in by_key {
            let Some(shared) = Shared::new(key, &sharing, store.clone(), clock.clone()) else { continue };
            let shared = Arc::new(shared);
            for destination in sharing {
                let name = destination.name.clone();
                keepers.insert(name.clone(), Keeper::new(Arc::clone(&shared), name));
            }
        }
        Tokens(Arc::new(keepers))
    }

    /// Who keeps this destination's token; `None`: it wants none.
    pub fn of(&self, destination: &str) -> Option<&Keeper> {
        self.0.get(destination)
    }

    /// Waits for renewals that are under way: one whose answer is lost may have used up its refresh token.
    pub async fn end(&self) {
        for keeper in self.0.values() {
            keeper.end().await;
        }
    }
}
