//! A connection that is kept, shared by all who send over it, and made again when it is lost.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::domain::outcome::Answer;

/// Between a connection that could not be made and the next try, growing.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// At most one connection, and at most one that is being made.
///
/// Whoever wants it while it is being made waits for that one; while the server does not answer, tries lie further and further
/// apart, and what a try has come to holds for all who waited for it.
pub struct Kept<C> {
    state: Mutex<State<C>>,
    /// Connections below this number are not used for anything new.
    trusted: AtomicU64,
    /// Between two tries, the first time and at the most.
    waits: (Duration, Duration),
}

struct State<C> {
    connected: Option<C>,
    /// How many connections there were before: one that was lost is not told as lost again by those who used it as well.
    generation: u64,
    failed: Option<Failed>,
    wait: Duration,
}

struct Failed {
    answer: Answer,
    at: Instant,
    next: Instant,
}

impl<C: Clone> Kept<C> {
    pub fn new() -> Kept<C> {
        Kept::waiting(FIRST_WAIT, LONGEST_WAIT)
    }

    /// For those who wait so long at the most: they shall not wait longer for the next try, and hear what it comes to.
    pub fn within(patience: Duration) -> Kept<C> {
        let longest = LONGEST_WAIT.min(patience / 2);
        Kept::waiting(FIRST_WAIT.min(longest), longest)
    }

    fn waiting(first: Duration, longest: Duration) -> Kept<C> {
        let state = State { connected: None, generation: 0, failed: None, wait: first };
        Kept { state: Mutex::new(state), trusted: AtomicU64::new(0), waits: (first, longest) }
    }

    /// The connection, made by `connect` where there is none, with the number by which [`Kept::lost`] knows it.
    ///
    /// # Errors
    /// What the try to make it has come to.
    pub async fn get<F>(&self, connect: impl FnOnce() -> F) -> Result<(C, u64), Answer>
    where
        F: Future<Output = Result<C, Answer>>,
    {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if state.generation < self.trusted.load(Ordering::Relaxed) && state.connected.take().is_some() {
            state.generation += 1;
        }
        if let Some(connected) = &state.connected {
            return Ok((connected.clone(), state.generation));
        }
        if let Some(failed) = &state.failed {
            if failed.at >= asked {
                return Err(failed.answer.clone());
            }
            // Who gives up waiting here leaves the turn to the next.
            sleep_until(failed.next).await;
        }
        match connect().await {
            Ok(connected) => {
                (state.failed, state.wait) = (None, self.waits.0);
                state.connected = Some(connected.clone());
                Ok((connected, state.generation))
            }
            Err(answer) => {
                let at = Instant::now();
                state.failed = Some(Failed { answer: answer.clone(), at, next: at + state.wait });
                state.wait = (state.wait * 2).min(self.waits.1);
                Err(answer)
            }
        }
    }

    /// The connection of this number is no longer good for anything.
    pub async fn lost(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state.generation == generation && state.connected.take().is_some() {
            state.generation += 1;
        }
    }

    /// Somebody waits for an answer over the connection of this number. Where they stop waiting before it is there, as at the
    /// end of their patience, nobody begins anything new over it: it may be half dead. Those who wait over it go on.
    pub fn waiting_over(&self, generation: u64) -> Waiting<'_> {
        Waiting { trusted: &self.trusted, generation, answered: false }
    }
}

/// See [`Kept::waiting_over`].
pub struct Waiting<'a> {
    trusted: &'a AtomicU64,
    generation: u64,
    answered: bool,
}

impl Waiting<'_> {
    /// The answer is there, or it is known that none will come.
    pub fn heard(mut self) {
        self.answered = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.trusted.fetch_max(self.generation + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::outcome::NoAnswer;

    fn refused() -> Answer {
        Answer::Nothing { why: NoAnswer::Connect, detail: "connection refused".into() }
    }

    #[tokio::test]
    async fn all_who_want_one_share_it_and_it_is_made_again_once() {
        let (kept, made) = (Arc::new(Kept::new()), Arc::new(AtomicUsize::new(0)));
        let get = || {
            let (kept, made) = (Arc::clone(&kept), Arc::clone(&made));
            async move {
                let connect = || async { Ok(made.fetch_add(1, Ordering::SeqCst)) };
                kept.get(connect).await
            }
        };
        let all = futures_util::future::join_all((0..8).map(|_| get())).await;
        assert_eq!(all, vec![Ok((0, 0)); 8]);
        kept.lost(0).await;
        assert_eq!(get().await, Ok((1, 1)));
        // Told late by another who had the first.
        kept.lost(0).await;
        assert_eq!(get().await, Ok((1, 1)));
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_tried_further_and_further_apart() {
        let (first, longest) = (Duration::from_millis(10), Duration::from_millis(30));
        let (kept, tries) = (Kept::<()>::waiting(first, longest), AtomicUsize::new(0));
        let began = Instant::now();
        let try_once = || {
            kept.get(|| async {
                tries.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Err(refused())
            })
        };
        let together = futures_util::future::join_all((0..8).map(|_| try_once())).await;
        assert!(together.iter().all(|end| *end == Err(refused())));
        assert_eq!(tries.load(Ordering::SeqCst), 1, "eight who wait together make one try");
        for waited in [10, 10 + 20, 10 + 20 + 30, 10 + 20 + 30 + 30] {
            assert_eq!(try_once().await, Err(refused()));
            assert!(began.elapsed() >= Duration::from_millis(waited), "tried after {:?}", began.elapsed());
        }
        assert_eq!(tries.load(Ordering::SeqCst), 5);
        assert_eq!(kept.get(|| async { Ok(()) }).await, Ok(((), 0)));
    }

    #[tokio::test]
    async fn a_connection_over_which_an_answer_was_waited_for_in_vain_is_not_used_again() {
        let (kept, made) = (Kept::new(), AtomicUsize::new(0));
        let get = || kept.get(|| async { Ok(made.fetch_add(1, Ordering::SeqCst)) });
        let (first, generation) = get().await.expect("a connection");
        kept.waiting_over(generation).heard();
        assert_eq!(get().await, Ok((first, generation)), "an answer has come");
        drop(kept.waiting_over(generation));
        assert_eq!(get().await, Ok((1, 1)));
        drop(kept.waiting_over(generation));
        assert_eq!(get().await, Ok((1, 1)), "that was said of the first");
    }
}
