//! The token: had once, kept, and renewed once for all who find it refused.
//!
//! A refusal does not always mean that the token is dead, so that one refusal must not become a storm of renewals: a token
//! is renewed at most once in [`RENEW_EVERY`], and a renewal that failed is not tried by each waiter again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::error::{SourceError, SourceErrorKind};

/// After a renewal, and after user name and password were refused: an account may be locked for asking too often.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long any other failure to get a token stands for all who ask.
const FAILURE_STANDS: Duration = Duration::from_secs(1);

/// A token as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The whole header value, marked as sensitive.
    pub(super) value: HeaderValue,
    generation: u64,
}

/// What to do after a token was refused.
#[derive(Debug)]
pub(super) enum Renewal {
    /// There is another one: try once more.
    Again,
    /// It has just been renewed: the refusal stands.
    JustRenewed,
}

/// Keeps the token; cheap to clone, and all clones keep the same one.
#[derive(Clone)]
pub(super) struct Tokens {
    // Held while a token is being fetched: whoever comes meanwhile waits for that one.
    state: Arc<Mutex<State>>,
    renew_every: Duration,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    generations: u64,
    renewed: Option<Instant>,
    failed: Option<(Instant, SourceError)>,
}

impl Tokens {
    pub(super) fn new(given: Option<HeaderValue>, renew_every: Duration) -> Tokens {
        let mut state = State::default();
        if let Some(value) = given {
            state.set(value);
        }
        Tokens { state: Arc::new(Mutex::new(state)), renew_every }
    }

    /// The token that is there, else the one that `fetch` gets. `fetch` is only run when it is needed.
    pub(super) async fn get(
        &self,
        fetch: impl Future<Output = Result<HeaderValue, SourceError>>,
    ) -> Result<Token, SourceError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        match &state.token {
            Some(token) => Ok(token.clone()),
            None => self.fetch(&mut state, asked, fetch).await,
        }
    }

    /// A token in place of one that was refused.
    pub(super) async fn renew(
        &self,
        refused: &Token,
        fetch: impl Future<Output = Result<HeaderValue, SourceError>>,
    ) -> Result<Renewal, SourceError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        match &state.token {
            // Someone else was faster.
            Some(token) if token.generation != refused.generation => return Ok(Renewal::Again),
            _ => {}
        }
        if state.renewed.is_some_and(|renewed| renewed.elapsed() < self.renew_every) {
            return Ok(Renewal::JustRenewed);
        }
        // The old token stays until there is a new one: perhaps it was refused by mistake.
        self.fetch(&mut state, asked, fetch).await?;
        state.renewed = Some(Instant::now());
        Ok(Renewal::Again)
    }

    /// A new token, whatever is there.
    pub(super) async fn replace(
        &self,
        fetch: impl Future<Output = Result<HeaderValue, SourceError>>,
    ) -> Result<(), SourceError> {
        let mut state = self.state.lock().await;
        let value = fetch.await?;
        state.set(value);
        Ok(())
    }

    /// A fetch that is given up half-way leaves no trace, and the next in line fetches.
    async fn fetch(
        &self,
        state: &mut MutexGuard<'_, State>,
        asked: Instant,
        fetch: impl Future<Output = Result<HeaderValue, SourceError>>,
    ) -> Result<Token, SourceError> {
        if let Some((at, failure)) = &state.failed {
            let stands = match failure.kind {
                SourceErrorKind::Unauthorized { .. } => self.renew_every,
                _ => FAILURE_STANDS.min(self.renew_every),
            };
            // It failed while this one waited in line, or a moment ago.
            if *at >= asked || at.elapsed() < stands {
                return Err(failure.clone());
            }
        }
        match fetch.await {
            Ok(value) => Ok(state.set(value)),
            Err(failure) => {
                state.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }
}

impl State {
    fn set(&mut self, value: HeaderValue) -> Token {
        self.generations += 1;
        self.failed = None;
        let token = Token { value, generation: self.generations };
        self.token = Some(token.clone());
        token
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::super::error::{Asked, Refused};
    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).expect("a header value")
    }

    fn failure(kind: SourceErrorKind) -> SourceError {
        SourceError { asked: Asked::Token, at: "http://h".into(), kind }
    }

    /// Counts how often it is run, and lets the others come in between.
    async fn fetch(runs: &Cell<usize>, result: Result<HeaderValue, SourceError>) -> Result<HeaderValue, SourceError> {
        runs.set(runs.get() + 1);
        tokio::task::yield_now().await;
        result
    }

    #[tokio::test]
    async fn one_renewal_serves_all_and_a_second_must_wait() {
        let (tokens, runs) = (Tokens::new(None, RENEW_EVERY), Cell::new(0));
        let first = join_all((0..50).map(|_| tokens.get(fetch(&runs, Ok(value("a")))))).await;
        assert_eq!(runs.get(), 1);
        let old = first.into_iter().next().expect("one").expect("a token");
        let renewed = join_all((0..50).map(|_| tokens.renew(&old, fetch(&runs, Ok(value("b")))))).await;
        assert_eq!(runs.get(), 2);
        for renewal in renewed {
            assert!(matches!(renewal, Ok(Renewal::Again)));
        }
        let new = tokens.get(fetch(&runs, Ok(value("c")))).await.expect("a token");
        assert_eq!(new.value, "b");
        assert!(matches!(tokens.renew(&new, fetch(&runs, Ok(value("c")))).await, Ok(Renewal::JustRenewed)));
        // One who comes late with the old token gets the new one without asking.
        assert!(matches!(tokens.renew(&old, fetch(&runs, Ok(value("c")))).await, Ok(Renewal::Again)));
        assert_eq!(runs.get(), 2);
    }

    #[tokio::test]
    async fn it_is_renewed_again_when_the_time_is_over() {
        let (tokens, runs) = (Tokens::new(Some(value("a")), Duration::ZERO), Cell::new(0));
        for _ in 0..3 {
            let token = tokens.get(fetch(&runs, Ok(value("x")))).await.expect("a token");
            assert!(matches!(tokens.renew(&token, fetch(&runs, Ok(value("b")))).await, Ok(Renewal::Again)));
        }
        assert_eq!(runs.get(), 3);
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_stands_for_a_moment() {
        for kind in
            [SourceErrorKind::Status(500), SourceErrorKind::Unauthorized { status: 401, refused: Refused::Password }]
        {
            let (tokens, runs) = (Tokens::new(None, RENEW_EVERY), Cell::new(0));
            let all = join_all((0..50).map(|_| tokens.get(fetch(&runs, Err(failure(kind.clone())))))).await;
            assert!(all.into_iter().all(|one| one.is_err_and(|e| e.kind == kind)));
            assert!(tokens.get(fetch(&runs, Ok(value("a")))).await.is_err());
            assert_eq!(runs.get(), 1);
        }
    }

    #[tokio::test]
    async fn a_failure_that_no_longer_stands_is_tried_again_but_not_by_those_who_waited_for_it() {
        let (tokens, runs) = (Tokens::new(None, Duration::ZERO), Cell::new(0));
        let refused = || Err(failure(SourceErrorKind::Status(500)));
        let all = join_all((0..50).map(|_| tokens.get(fetch(&runs, refused())))).await;
        assert!(all.into_iter().all(|one| one.is_err()));
        assert_eq!(runs.get(), 1);
        assert!(tokens.get(fetch(&runs, Ok(value("a")))).await.is_ok());
        assert_eq!(runs.get(), 2);
    }

    #[tokio::test]
    async fn a_failed_renewal_keeps_the_old_token() {
        let (tokens, runs) = (Tokens::new(Some(value("old")), RENEW_EVERY), Cell::new(0));
        let old = tokens.get(fetch(&runs, Ok(value("x")))).await.expect("a token");
        let refused = failure(SourceErrorKind::Status(502));
        assert!(tokens.renew(&old, fetch(&runs, Err(refused))).await.is_err());
        assert_eq!(tokens.get(fetch(&runs, Ok(value("x")))).await.expect("a token").value, "old");
        assert_eq!(runs.get(), 1);
    }

    #[tokio::test]
    async fn one_who_gives_up_leaves_the_way_free() {
        let (tokens, runs) = (Tokens::new(None, RENEW_EVERY), Cell::new(0));
        let mut given_up = Box::pin(tokens.get(std::future::pending()));
        assert!(futures_util::poll!(given_up.as_mut()).is_pending());
        drop(given_up);
        assert!(tokens.get(fetch(&runs, Ok(value("a")))).await.is_ok());
    }
}
