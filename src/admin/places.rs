//! Who keeps a place among the connections. There are only so many, so whoever keeps us waiting has one for a while only, and
//! has to give way to somebody new where all are taken: the one that keeps us waiting longest goes first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So long a request's head may take, from its first byte on or, for the first, from the connection on.
const HEAD: Duration = Duration::from_secs(10);

/// So long the rest of a request may take: the longest question has a mebibyte.
const BODY: Duration = Duration::from_secs(30);

/// So long a connection may stay open for another question: longer than proxies keep theirs, so that it is not ours to close
/// one while a question is on its way.
const KEPT: Duration = Duration::from_secs(180);

/// So long nobody may have taken a byte of what we have to say.
pub(super) const UNREAD: Duration = Duration::from_secs(30);

/// So long nothing may move at all, whoever's turn it is: longer than a command waits for its answer, and far longer than
/// any stream is silent.
const IDLE: Duration = Duration::from_secs(11 * 60);

/// Whose turn it is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The other side's, to ask: since then. `begun`: since when it has been at it.
    Asks { since: Instant, begun: Option<Instant> },
    /// The other side's, to send the rest of its question; it has kept us waiting since.
    Tells { since: Instant, head: Instant },
    /// Ours.
    Answers,
}

#[derive(Debug)]
struct State {
    turn: Turn,
    /// When a byte last went in or out.
    moved: Instant,
    /// Since when there has been something to say that is not taken.
    unread: Option<Instant>,
    /// Whether it has had to go. From then on nothing is done for it any more.
    is_gone: bool,
}

/// One connection's place.
#[derive(Debug)]
pub(super) struct Place {
    state: Mutex<State>,
    gone: CancellationToken,
}

impl Place {
    fn new(now: Instant) -> Place {
        let turn = Turn::Asks { since: now, begun: Some(now) };
        let state = State { turn, moved: now, unread: None, is_gone: false };
        Place { state: Mutex::new(state), gone: CancellationToken::new() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // What is in there is whole between any two statements.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes came in.
    pub(super) fn heard(&self, now: Instant) {
        self.with(|state| {
            state.moved = now;
            if let Turn::Asks { begun, .. } = &mut state.turn {
                begun.get_or_insert(now);
            }
        });
    }

    /// Bytes went out.
    pub(super) fn said(&self, now: Instant) {
        self.with(|state| state.moved = now);
    }

    /// There is something to say that cannot go out.
    pub(super) fn is_not_heard(&self, now: Instant) {
        self.with(|state| {
            state.unread.get_or_insert(now);
        });
    }

    /// All that there was to say has gone out.
    pub(super) fn all_is_said(&self) {
        self.with(|state| state.unread = None);
    }

    /// A question's head is here; `is_whole`: and there is no more of it. False where the place has been given to another.
    pub(super) fn asked(&self, is_whole: bool, now: Instant) -> bool {
        self.with(|state| {
            state.turn = match state.turn {
                _ if is_whole => Turn::Answers,
                Turn::Asks { since, .. } => Turn::Tells { since, head: now },
                Turn::Tells { .. } | Turn::Answers => Turn::Tells { since: now, head: now },
            };
            !state.is_gone
        })
    }

    /// All of the question is here, or no more of it is wanted. False where the place has been given to another.
    pub(super) fn told(&self) -> bool {
        self.with(|state| {
            if matches!(state.turn, Turn::Tells { .. }) {
                state.turn = Turn::Answers;
            }
            !state.is_gone
        })
    }

    /// The answer is made: the next question may come.
    pub(super) fn answered(&self, now: Instant) {
        self.with(|state| state.turn = Turn::Asks { since: now, begun: None });
    }

    /// Done when the place has been given to another.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    fn send_off(&self) {
        self.with(|state| state.is_gone = true);
        self.gone.cancel();
    }
}

impl State {
    /// Since when the other side has kept us waiting; `None`: it does not. Bytes that come one by one make it no shorter.
    fn waits_since(&self) -> Option<Instant> {
        let turn = match self.turn {
            Turn::Asks { since, .. } | Turn::Tells { since, .. } => Some(since),
            Turn::Answers => None,
        };
        turn.into_iter().chain(self.unread).min()
    }

    fn is_overdue(&self, now: Instant) -> bool {
        let over = |since: Instant, long: Duration| now.saturating_duration_since(since) >= long;
        let turn = match self.turn {
            Turn::Asks { begun: Some(begun), .. } => over(begun, HEAD),
            Turn::Asks { since, begun: None } => over(since, KEPT),
            Turn::Tells { head, .. } => over(head, BODY),
            Turn::Answers => false,
        };
        turn || over(self.moved, IDLE) || self.unread.is_some_and(|since| over(since.max(self.moved), UNREAD))
    }
}

/// All places that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<u64, Arc<Place>>>>);

/// A place, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    places: Places,
    number: u64,
    pub(super) place: Arc<Place>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.places.with(|all| all.remove(&self.number));
    }
}

impl Places {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<u64, Arc<Place>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a place; `number`: of its own.
    pub(super) fn take(&self, number: u64, now: Instant) -> Kept {
        let place = Arc::new(Place::new(now));
        self.with(|all| all.insert(number, Arc::clone(&place)));
        Kept { places: self.clone(), number, place }
    }

    /// Sends off the one that has kept us waiting longest. False where nobody does.
    pub(super) fn make_room(&self) -> bool {
        let waits = |place: &Arc<Place>| place.with(|state| state.waits_since().filter(|_| !state.is_gone));
        let longest = self.with(|all| {
            let waiting = all.values().filter_map(|place| Some((waits(place)?, place)));
            waiting.min_by_key(|(since, _)| *since).map(|(_, place)| Arc::clone(place))
        });
        longest.is_some_and(|place| {
            place.send_off();
            true
        })
    }

    /// Sends off all who have had their time.
    pub(super) fn end_overdue(&self, now: Instant) {
        self.send_off(|state| state.is_overdue(now));
    }

    /// Sends off all who have not asked yet.
    pub(super) fn end_idle(&self) {
        self.send_off(|state| matches!(state.turn, Turn::Asks { .. }) && state.unread.is_none());
    }

    fn send_off(&self, which: impl Fn(&State) -> bool) {
        let those: Vec<Arc<Place>> =
            self.with(|all| all.values().filter(|place| place.with(|state| which(state))).map(Arc::clone).collect());
        those.iter().for_each(|place| place.send_off());
    }

    /// Whether nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.with(|all| all.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    fn is_gone(kept: &Kept) -> bool {
        kept.place.with(|state| state.is_gone)
    }

    /// What happened after so many seconds.
    type Story<'a> = &'a [(u64, &'a str)];

    /// Tells a place its story.
    fn live(kept: &Kept, begin: Instant, story: Story<'_>) {
        for (seconds, what) in story {
            let (now, place) = (after(begin, *seconds), &kept.place);
            match *what {
                "byte" => place.heard(now),
                "head" => assert!(place.asked(false, now)),
                "asked" => assert!(place.asked(true, now)),
                "told" => assert!(place.told()),
                "answered" => place.answered(now),
                "stuck" => place.is_not_heard(now),
                "said" => place.said(now),
                "all said" => place.all_is_said(),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn whoever_keeps_us_waiting_has_a_while() {
        let stories: [(Story<'_>, u64); 9] = [
            (&[], 10),
            (&[(3, "byte"), (6, "byte"), (9, "byte")], 10),
            (&[(1, "head")], 31),
            (&[(1, "head"), (20, "byte")], 31),
            (&[(1, "asked")], 660),
            (&[(1, "asked"), (5, "answered")], 185),
            (&[(1, "asked"), (5, "answered"), (100, "byte"), (108, "byte")], 110),
            (&[(1, "asked"), (5, "stuck")], 35),
            (&[(1, "asked"), (5, "stuck"), (25, "said")], 55),
        ];
        for (story, ends) in stories {
            let (places, begin) = (Places::default(), Instant::now());
            let kept = places.take(1, begin);
            live(&kept, begin, story);
            places.end_overdue(after(begin, ends - 1));
            assert!(!is_gone(&kept), "{story:?}");
            places.end_overdue(after(begin, ends));
            assert!(is_gone(&kept), "{story:?}");
        }
    }

    #[test]
    fn a_stream_that_is_read_lives_on() {
        let (places, begin) = (Places::default(), Instant::now());
        let kept = places.take(1, begin);
        live(&kept, begin, &[(1, "asked")]);
        for second in (5..86_400).step_by(5) {
            live(&kept, begin, &[(second, "stuck"), (second + 1, "said"), (second + 1, "all said")]);
            places.end_overdue(after(begin, second + 4));
            assert!(!is_gone(&kept), "after {second} s");
        }
        assert!(!places.make_room(), "nobody keeps us waiting");
    }

    #[test]
    fn the_one_that_keeps_us_waiting_longest_gives_way() {
        let (places, begin) = (Places::default(), Instant::now());
        let stories: [Story<'_>; 6] = [
            &[(1, "asked")],
            &[(2, "asked"), (9, "answered")],
            &[(3, "byte"), (8, "byte")],
            &[(4, "head"), (8, "byte")],
            &[(5, "asked"), (6, "stuck"), (8, "said")],
            &[(6, "head"), (7, "told")],
        ];
        let kept: Vec<Kept> = (0..)
            .zip(stories)
            .map(|(n, story)| {
                let kept = places.take(n, after(begin, n));
                live(&kept, begin, story);
                kept
            })
            .collect();
        let mut order = Vec::new();
        while places.make_room() {
            let gone: Vec<usize> = (0..kept.len()).filter(|&n| is_gone(&kept[n]) && !order.contains(&n)).collect();
            order.extend(gone);
        }
        assert_eq!(order, [2, 3, 4, 1], "the first and the last are ours to answer");
        assert!(!kept[3].place.told(), "nothing is done for whoever had to go");
        drop(kept);
        assert!(places.is_empty());
    }
}
