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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use jiff::Timestamp;

pub use keeper::Keeper;
pub use way::{Pass, Way};

use crate::domain::destination::Destination;
use crate::domain::oauth2::TokenKey;
use crate::domain::outcome::{Answer, NoAnswer};
use crate::store::Store;
use crate::watch::Clock;
use keeper::{Shared, State};

/// All that keep a token, by destination; cheap to clone, and all clones go by the same file.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    keepers: BTreeMap<String, Keeper>,
    /// Every token that there was since the start: a destination may leave the file and come back.
    states: BTreeMap<TokenKey, Arc<tokio::sync::Mutex<State>>>,
    /// How many files there were.
    files: u64,
}

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
        let tokens = Tokens::default();
        tokens.go_by(store, destinations, clock);
        tokens
    }

    /// Goes by another file. A token that is there stays, and so does whoever is renewing it; what the file says anew of
    /// how it is had holds for the next renewal.
    pub fn go_by(&self, store: &Store, destinations: &[Destination], clock: &Clock) {
        let mut by_key: BTreeMap<TokenKey, Vec<&Destination>> = BTreeMap::new();
        for destination in destinations {
            if let Some(oauth2) = destination.oauth2() {
                by_key.entry(oauth2.key()).or_default().push(destination);
            }
        }
        let mut held = self.held();
        held.files += 1;
        let (file, before) = (held.files, std::mem::take(&mut held.keepers));
        let mut kept = Vec::new();
        for (key, sharing) in by_key {
            if let Some(keeper) = before.values().find(|keeper| keeper.key() == key && keeper.is_for(&sharing)) {
                kept.push(key);
                held.keepers.extend(sharing.iter().map(|each| (each.name.clone(), keeper.of(each.name.clone()))));
                continue;
            }
            let Some(shared) = Shared::new(key, &sharing, store.clone(), clock.clone()) else { continue };
            let shared = Arc::new(shared.with(Arc::clone(held.states.entry(key).or_default()), file));
            let all =
                sharing.iter().map(|each| (each.name.clone(), Keeper::new(Arc::clone(&shared), each.name.clone())));
            held.keepers.extend(all);
        }
        before.values().filter(|keeper| !kept.contains(&keeper.key())).for_each(Keeper::is_replaced);
    }

    /// Who keeps this destination's token; `None`: it wants none.
    pub fn of(&self, destination: &str) -> Option<Keeper> {
        self.held().keepers.get(destination).cloned()
    }

    /// Waits for renewals that are under way: one whose answer is lost may have used up its refresh token.
    pub async fn end(&self) {
        let keepers: Vec<Keeper> = self.held().keepers.values().cloned().collect();
        for keeper in keepers {
            keeper.end().await;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
