//! One token: had once, kept, and renewed once for all who want it.
//!
//! Whoever renews holds the lock, and everyone else waits there for what comes of it. A renewal is a task of its own: who
//! asked for it may be dropped at any moment, and the answer, which may tell of a new refresh token, must not be lost
//! with them. Nobody has a token before it is on disk with all that came with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::ask::{NotGranted, ask};
use super::{NoToken, Standing};
use crate::domain::destination::{Destination, Mark};
use crate::domain::oauth2::answer::{Denied, Granted, Then};
use crate::domain::oauth2::kept::{Access, Kept, Life};
use crate::domain::oauth2::request::Ask;
use crate::domain::oauth2::{Grant, OAuth2, TokenKey};
use crate::domain::secret::Secret;
use crate::store::{Store, StoreError};
use crate::transport;
use crate::watch::Clock;

/// A token is renewed at most once in this time, whatever is said of it: one that is refused is not always dead.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long a failure to get one stands for all who ask. Who waits for it waits longer and longer by itself.
const FAILURE_STANDS: Duration = Duration::from_secs(1);

/// How long a refusal stands that a person has to mend. Vendors have refused by mistake, and lock out who asks too often.
const REFUSAL_STANDS: Duration = Duration::from_secs(3600);

/// Longer than any request to a token URL takes, and the commit behind it.
const LONGEST_RENEWAL: Duration = Duration::from_secs(40);

/// Keeps the token of one destination, and perhaps of others; cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    shared: Arc<Shared>,
    /// The destination for which it is asked: it is the one that a person reads of.
    name: String,
}

/// A token, as it is sent.
#[derive(Clone)]
pub struct Token {
    access: Access,
    generation: u64,
}

/// What to do after a token was refused.
pub enum Renewal {
    /// There is another one: try once more.
    Again(Token),
    /// It has just been renewed: the refusal stands.
    JustRenewed,
}

/// What those who share a token have in common.
pub struct Shared {
    key: TokenKey,
    oauth2: OAuth2,
    /// One of those who share it: by its network, tokens are asked for.
    destination: Destination,
    names: Vec<String>,
    /// What the file says of each.
    marks: Vec<Mark>,
    /// The how manieth file says so.
    file: u64,
    /// Where in its answer somebody looks for something.
    pointers: Vec<String>,
    store: Store,
    clock: Clock,
    client: OnceLock<reqwest::Client>,
    /// Another file has taken this one's place: it asks for nothing any more, for what it would ask with may be used up
    /// or withdrawn.
    replaced: AtomicBool,
    /// In common with those of the files before and after it: there is one token, and one at a time renews it.
    state: Arc<Mutex<State>>,
}

/// A token that is there, or why there is none.
#[derive(Default)]
pub struct State {
    /// `None`: the disk was not asked yet, or another file has been read since.
    kept: Option<Kept>,
    /// By which file that was read.
    file: u64,
    generation: u64,
    renewed: Option<Instant>,
    failed: Option<Failed>,
}

/// The last failure, until a token is there again.
struct Failed {
    at: Instant,
    /// Nobody asks before then.
    until: Instant,
    denied: Denied,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, name: String) -> Keeper {
        Keeper { shared, name }
    }

    /// The same for another destination that shares it.
    pub(super) fn of(&self, name: String) -> Keeper {
        Keeper { shared: Arc::clone(&self.shared), name }
    }

    pub(super) fn key(&self) -> TokenKey {
        self.shared.key
    }

    /// Another file is in force: whoever still holds this one may use the token that is there, and have no other.
    pub(super) fn is_replaced(&self) {
        self.shared.replaced.store(true, Ordering::Release);
    }

    /// Whether it is kept for these destinations, of which the file says what it said.
    pub(super) fn is_for(&self, sharing: &[&Destination]) -> bool {
        let shared = &self.shared;
        let same = |(at, each): (usize, &&Destination)| shared.names[at] == each.name && shared.marks[at] == each.mark;
        sharing.len() == shared.names.len() && sharing.iter().enumerate().all(same)
    }

    /// A token that is good as far as is known; had anew where there is none, or none for long.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn token(&self) -> Result<Token, NoToken> {
        let asked = Instant::now();
        if let Some(token) = self.shared.at_hand() {
            return Ok(token);
        }
        self.apart(move |this| async move { this.shared.get(&this.name, asked).await }).await
    }

    /// A token in the place of one that was refused.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn renew(&self, refused: &Token) -> Result<Renewal, NoToken> {
        let (asked, refused) = (Instant::now(), refused.generation);
        self.apart(move |this| async move { this.shared.replace(refused, &this.name, asked).await }).await
    }

    /// As [`Keeper::token`], for a person: what was refused before does not stand any more, for it may have been mended.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn ask_anew(&self) -> Result<(), NoToken> {
        self.apart(|this| async move {
            this.shared.state.lock().await.failed = None;
            this.shared.get(&this.name, Instant::now()).await.map(drop)
        })
        .await
    }

    /// Has tokens for the code that a person's sign-in has brought, in the place of all that was there.
    ///
    /// # Errors
    /// The code was refused.
    pub async fn sign_in(&self, code: Ask) -> Result<(), NoToken> {
        self.apart(|this| async move { this.shared.sign_in(&code, &this.name).await }).await
    }

    /// How it stands with the token. Asks nobody but the disk.
    pub async fn standing(&self) -> Standing {
        let shared = &self.shared;
        let known = match shared.state.try_lock() {
            Ok(mut state) => {
                let kept = shared.load(&mut state).await.map(|kept| kept.clone());
                kept.map(|kept| (kept, state.failed.as_ref().map(|failed| failed.denied.clone())))
            }
            // Someone is asking for one right now.
            Err(_) => {
                let kept = shared.store.tokens(shared.key).await;
                kept.map(|kept| (kept.under(&shared.oauth2), None)).map_err(|error| unreadable(&error))
            }
        };
        let (kept, failed, unreadable) = match known {
            Ok((kept, failed)) => (kept, failed, None),
            Err(none) => (Kept::default(), None, Some(none)),
        };
        let access = kept.access.as_ref().filter(|access| access.life(shared.clock.now()) != Life::Over);
        let own = shared.oauth2.grant == Grant::ClientCredentials;
        let renewable = own || !kept.to_try().is_empty();
        let refused = kept.refused.as_ref().map(|refused| Denied {
            then: if refused.sign_in { Then::SignIn } else { Then::MendFile },
            said: refused.said.clone(),
        });
        let none = failed.or(refused).map(|denied| shared.none(&denied, &self.name));
        let nobody = || (!renewable && access.is_none()).then(|| shared.nobody(&self.name));
        let none = unreadable.or(none).or_else(nobody);
        Standing {
            grant: shared.oauth2.grant.as_str().to_owned(),
            has_token: access.is_some(),
            expires: access.and_then(|access| access.expires),
            renewable,
            needs_person: none.as_ref().is_some_and(|none| none.needs_person),
            trouble: none.map(|none| none.said),
            shared_with: shared.names.iter().filter(|name| **name != self.name).cloned().collect(),
        }
    }

    /// Waits for a renewal that is under way.
    pub(super) async fn end(&self) {
        // One that hangs on is cut off, as if the process had been killed.
        let _ = timeout(LONGEST_RENEWAL, self.shared.state.lock()).await;
    }

    /// Does something that must come to its end, whoever stops waiting for it.
    async fn apart<T, F>(&self, what: impl FnOnce(Keeper) -> F) -> Result<T, NoToken>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, NoToken>> + Send + 'static,
    {
        match tokio::spawn(what(self.clone())).await {
            Ok(end) => end,
            Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
            Err(_) => Err(NoToken { said: "leadhook is being stopped".to_owned(), needs_person: false }),
        }
    }
}

impl Token {
    /// The token itself.
    pub fn secret(&self) -> &Secret {
        &self.access.token
    }

    /// What its answer said there.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.access.text(pointer)
    }
}

impl Shared {
    /// `None` where nobody wants one.
    pub fn new(key: TokenKey, sharing: &[&Destination], store: Store, clock: Clock) -> Option<Shared> {
        let of_all = || sharing.iter().filter_map(|destination| destination.oauth2());
        // Whichever of them has the file's refresh token; all that have one have the same.
        let oauth2 = of_all().find(|oauth2| oauth2.refresh_token.is_some()).or(of_all().next())?.clone();
        let mut pointers: Vec<String> = of_all().filter_map(|oauth2| oauth2.base_url_at.clone()).collect();
        pointers.sort_unstable();
        pointers.dedup();
        Some(Shared {
            key,
            oauth2,
            destination: (*sharing.first()?).clone(),
            names: sharing.iter().map(|destination| destination.name.clone()).collect(),
            pointers,
            store,
            clock,
            client: OnceLock::new(),
            replaced: AtomicBool::new(false),
            state: Arc::default(),
            file: 0,
            marks: sharing.iter().map(|destination| destination.mark).collect(),
        })
    }

    /// The same by the `file`th file, with a token that may be there.
    pub fn with(self, state: Arc<Mutex<State>>, file: u64) -> Shared {
        Shared { state, file, ..self }
    }

    /// The token that is there and good, where nobody has to wait for it.
    fn at_hand(&self) -> Option<Token> {
        let state = self.state.try_lock().ok().filter(|state| state.file >= self.file)?;
        state.token().filter(|token| token.access.life(self.clock.now()) == Life::Good)
    }

    async fn load<'a>(&self, state: &'a mut State) -> Result<&'a mut Kept, NoToken> {
        if state.file < self.file {
            // What was refused by the file of before may be mended.
            (state.file, state.kept, state.failed) = (self.file, None, None);
        }
        if state.kept.is_none() {
            let kept = self.store.tokens(self.key).await.map_err(|error| unreadable(&error))?;
            state.kept = Some(kept.under(&self.oauth2));
        }
        Ok(state.kept.get_or_insert_default())
    }

    async fn get(&self, name: &str, asked: Instant) -> Result<Token, NoToken> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let life = self.load(&mut state).await?.access.as_ref().map(|access| access.life(now));
        let denied = match life {
            Some(Life::Good) => None,
            Some(Life::Ending) if state.is_fresh() => None,
            Some(Life::Over) if state.is_fresh() => {
                let said = format!("it gives tokens that end within {} seconds", RENEW_EVERY.as_secs());
                Some(Denied { then: Then::TryLater, said })
            }
            // One that is ending has not ended yet.
            life => self.renew(&mut state, asked).await.err().filter(|_| life != Some(Life::Ending)),
        };
        match denied {
            Some(denied) => Err(self.none(&denied, name)),
            None => state.token().ok_or_else(|| self.nobody(name)),
        }
    }

    async fn replace(&self, refused: u64, name: &str, asked: Instant) -> Result<Renewal, NoToken> {
        let mut state = self.state.lock().await;
        self.load(&mut state).await?;
        // Someone else may have been faster.
        if state.generation == refused {
            if state.is_fresh() {
                return Ok(Renewal::JustRenewed);
            }
            self.renew(&mut state, asked).await.map_err(|denied| self.none(&denied, name))?;
        }
        state.token().map(Renewal::Again).ok_or_else(|| self.nobody(name))
    }

    /// Asks for a new token, unless that has just failed.
    async fn renew(&self, state: &mut State, asked: Instant) -> Result<(), Denied> {
        if let Some(failed) = &state.failed
            && (failed.at >= asked || Instant::now() < failed.until)
        {
            return Err(failed.denied.clone());
        }
        if self.replaced.load(Ordering::Acquire) {
            let said = "the file has been read again meanwhile".to_owned();
            return Err(Denied { then: Then::TryLater, said });
        }
        let kept = state.kept.clone().unwrap_or_default();
        if self.oauth2.grant == Grant::RefreshToken && kept.to_try().is_empty() {
            return Err(Denied { then: Then::SignIn, said: String::new() });
        }
        let began = self.clock.now();
        match self.ask_all(&kept, began).await {
            Ok((granted, by)) => {
                let had_one = kept.access.is_some();
                // Only where a person was needed: whoever waits for something else goes on waiting for it.
                let waiting = if kept.refused.is_some() { self.names.clone() } else { Vec::new() };
                self.keep(state, kept.after(granted, by.as_ref(), &self.oauth2, began), waiting).await?;
                // The first is no renewal: where it is refused at once, another may be had.
                state.renewed = had_one.then(Instant::now);
                Ok(())
            }
            Err(NotGranted { denied, wait }) => {
                let (names, said) = (self.names.join(", "), &denied.said);
                warn!(destinations = names, token_url = %self.oauth2.token_url, said, "no token is given");
                let mut stands = FAILURE_STANDS;
                if denied.then != Then::TryLater {
                    stands = REFUSAL_STANDS;
                    let kept = kept.refused(denied.then, denied.said.clone(), self.clock.now());
                    // Remembered for those who ask while nothing runs; who does not find it is told when it is tried again.
                    let _ = self.store.keep_tokens(self.key, kept.clone(), Vec::new()).await;
                    state.kept = Some(kept);
                }
                let now = Instant::now();
                let until = now + wait.map_or(stands, |wait| wait.max(stands));
                state.failed = Some(Failed { at: now, until, denied: denied.clone() });
                Err(denied)
            }
        }
    }

    /// Asks with whatever there is to ask with. The refresh token that was good comes with it.
    async fn ask_all(&self, kept: &Kept, now: Timestamp) -> Result<(Granted, Option<Secret>), NotGranted> {
        if self.oauth2.grant == Grant::ClientCredentials {
            return Ok((self.ask(&Ask::ClientCredentials, now).await?, None));
        }
        let mut refused = NotGranted { denied: Denied { then: Then::SignIn, said: String::new() }, wait: None };
        for token in kept.to_try() {
            match self.ask(&Ask::Refresh(token.clone()), now).await {
                Ok(granted) => return Ok((granted, Some(token))),
                Err(dead) if dead.denied.then == Then::SignIn => refused = dead,
                Err(other) => return Err(other),
            }
        }
        Err(refused)
    }

    async fn ask(&self, what: &Ask, now: Timestamp) -> Result<Granted, NotGranted> {
        let client = match self.client.get() {
            Some(client) => client,
            None => match transport::client(&self.destination) {
                Ok(client) => self.client.get_or_init(|| client),
                Err(error) => {
                    let denied = Denied { then: Then::TryLater, said: error.to_string() };
                    return Err(NotGranted { denied, wait: None });
                }
            },
        };
        ask((client, &self.destination.connection), &self.oauth2, what, &self.pointers, now).await
    }

    /// On disk first, and only then for anyone to have. `waiting`: destinations that go on at once.
    async fn keep(&self, state: &mut State, kept: Kept, waiting: Vec<String>) -> Result<(), Denied> {
        let written = self.store.keep_tokens(self.key, kept.clone(), waiting).await;
        written.map_err(|error| Denied { then: Then::TryLater, said: error.to_string() })?;
        let expires = kept.access.as_ref().and_then(|access| access.expires).map(|at| format!("{at:.0}"));
        info!(destinations = self.names.join(", "), token_url = %self.oauth2.token_url, expires, "a token is there");
        state.kept = Some(kept);
        state.generation += 1;
        state.failed = None;
        Ok(())
    }

    async fn sign_in(&self, code: &Ask, name: &str) -> Result<(), NoToken> {
        let mut state = self.state.lock().await;
        let kept = self.load(&mut state).await?.clone();
        let began = self.clock.now();
        let granted = self.ask(code, began).await.map_err(|NotGranted { denied, .. }| self.none(&denied, name))?;
        let kept = kept.after_sign_in(granted, &self.oauth2, began);
        state.renewed = None;
        self.keep(&mut state, kept, self.names.clone()).await.map_err(|denied| self.none(&denied, name))
    }

    /// Why there is none, as whoever wants one for this destination is told.
    fn none(&self, denied: &Denied, name: &str) -> NoToken {
        let (url, said) = (&self.oauth2.token_url, &denied.said);
        let remedy = match (denied.then, self.oauth2.grant) {
            (Then::SignIn, Grant::RefreshToken) if said.is_empty() => return self.nobody(name),
            (Then::SignIn, Grant::RefreshToken) => format!("; sign in again with `leadhook auth {name}`"),
            (Then::SignIn, Grant::ClientCredentials) | (Then::MendFile, _) => {
                format!("; look at `auth` of {name} in the file, then try it with `leadhook auth {name}`")
            }
            (Then::TryLater, _) => String::new(),
        };
        NoToken { said: format!("{url}: {said}{remedy}"), needs_person: denied.then != Then::TryLater }
    }

    fn nobody(&self, name: &str) -> NoToken {
        NoToken { said: format!("nobody has signed in yet: `leadhook auth {name}` does that"), needs_person: true }
    }
}

impl State {
    /// Whether it was renewed so lately that it is not renewed again.
    fn is_fresh(&self) -> bool {
        self.renewed.is_some_and(|renewed| renewed.elapsed() < RENEW_EVERY)
    }

    fn token(&self) -> Option<Token> {
        let access = self.kept.as_ref()?.access.clone()?;
        Some(Token { access, generation: self.generation })
    }
}

fn unreadable(error: &StoreError) -> NoToken {
    NoToken { said: error.to_string(), needs_person: false }
}
