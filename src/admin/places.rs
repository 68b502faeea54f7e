//! Who keeps a place among the connections. There are only so many, so whoever keeps us waiting has one for a while only, and
//! has to give way to somebody new where all are taken; so has whoever asks and asks without a pause.

use std::cmp::Reverse;
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

/// Whoever has kept us waiting for so long gives way first; and so long is a pause between two questions.
const LONG: Duration = Duration::from_secs(1);

/// So long nobody gives way who was only just let in, or answered: a caller's first bytes need a moment to come. Longer, and
/// newcomers would be refused where thousands of silent callers come in each second.
const MOMENT: Duration = Duration::from_millis(10);

/// Whoever has asked so many questions in a row without a pause gives way, even while they are answered: more than a page or
/// a command asks for.
const MANY: u32 = 16;

/// Whose turn it is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The other side's, to ask: since then. `begun`: since when it has been at it.
    Asks { since: Instant, begun: Option<Instant> },
    /// The other side's, to send the rest of its question; it has kept us waiting since.
    Tells { since: Instant, head: Instant },
    /// Ours.
    Answers,
    /// Ours, with an answer that ends when somebody wants it to: only whoever has shown who he is has such a one.
    Streams,
}

/// In which order those that may go for a newcomer do: the smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GivesWay {
    /// It has kept us waiting for long, since then.
    Waits(Instant),
    /// It has asked so often without a pause.
    Eager(Reverse<u32>),
    /// It has had an answer, and has kept us waiting since then, which is not long.
    Rests(Instant),
    /// The same, and it has asked for nothing yet.
    Begins(Instant),
}

#[derive(Debug)]
struct State {
    turn: Turn,
    /// Questions that came without a pause after the answer before.
    in_a_row: u32,
    /// Whether one of them came before that answer: nobody does so who asks only for what he wants to know.
    is_ahead: bool,
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
        let state = State { turn, in_a_row: 0, is_ahead: false, moved: now, unread: None, is_gone: false };
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

    /// Whether the question whose head is here had come before the answer to the last one was made.
    pub(super) fn is_asked_ahead(&self) -> bool {
        // What is heard while it is the other side's turn begins its question.
        self.with(|state| matches!(state.turn, Turn::Asks { begun: None, .. }))
    }

    /// A question's head is here; `is_whole`: and there is no more of it. False where the place has been given to another.
    pub(super) fn asked(&self, is_whole: bool, now: Instant) -> bool {
        self.with(|state| {
            state.count();
            state.turn = match state.turn {
                _ if is_whole => Turn::Answers,
                Turn::Asks { since, .. } => Turn::Tells { since, head: now },
                Turn::Tells { .. } | Turn::Answers | Turn::Streams => Turn::Tells { since: now, head: now },
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

    /// What is answered has no end of its own.
    pub(super) fn streams(&self) {
        self.with(|state| state.turn = Turn::Streams);
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
            Turn::Answers | Turn::Streams => None,
        };
        turn.into_iter().chain(self.unread).min()
    }

    /// Counts a question that has come. Whether there was a pause is told by its first byte: it may have waited with us.
    fn count(&mut self) {
        let Turn::Asks { since, begun } = self.turn else { return };
        if begun.is_some_and(|begun| begun.saturating_duration_since(since) >= LONG) {
            (self.in_a_row, self.is_ahead) = (0, false);
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.is_ahead |= begun.is_none();
    }

    /// When it has to go for a newcomer; `None`: it has not.
    fn gives_way(&self, now: Instant) -> Option<GivesWay> {
        let lasts = |since: Instant, long: Duration| now.saturating_duration_since(since) >= long;
        let waits = self.waits_since();
        if self.turn == Turn::Streams {
            // Much comes at once now and then: it is read for as long as any of it is taken.
            let stuck = self.unread.map(|since| since.max(self.moved));
            return stuck.filter(|since| lasts(*since, LONG)).map(GivesWay::Waits);
        }
        match waits {
            Some(since) if lasts(since, LONG) => Some(GivesWay::Waits(since)),
            _ if self.is_ahead || self.in_a_row >= MANY => Some(GivesWay::Eager(Reverse(self.in_a_row))),
            Some(since) if lasts(since, MOMENT) && self.in_a_row > 0 => Some(GivesWay::Rests(since)),
            Some(since) if lasts(since, MOMENT) => Some(GivesWay::Begins(since)),
            _ => None,
        }
    }

    fn is_overdue(&self, now: Instant) -> bool {
        let over = |since: Instant, long: Duration| now.saturating_duration_since(since) >= long;
        let turn = match self.turn {
            Turn::Asks { begun: Some(begun), .. } => over(begun, HEAD),
            Turn::Asks { since, begun: None } => over(since, KEPT),
            Turn::Tells { head, .. } => over(head, BODY),
            Turn::Answers | Turn::Streams => false,
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

    /// Sends off one for a newcomer: whoever has kept us waiting for long, the longest; else whoever asks without a pause, the
    /// most; else the longest of those who have had a moment, and last those who have not asked for anything. False where
    /// there is nobody of all these.
    pub(super) fn make_room(&self, now: Instant) -> bool {
        let when = |place: &Arc<Place>| place.with(|state| state.gives_way(now).filter(|_| !state.is_gone));
        let first = self.with(|all| {
            let those = all.values().filter_map(|place| Some((when(place)?, place)));
            those.min_by_key(|(when, _)| *when).map(|(_, place)| Arc::clone(place))
        });
        first.is_some_and(|place| {
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
                "streams" => place.streams(),
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
        assert!(!places.make_room(after(begin, 90_000)), "nobody keeps us waiting");
    }

    /// Who gives way for newcomers, one after the other.
    fn order_of(places: &Places, kept: &[Kept], now: Instant) -> Vec<usize> {
        let mut order = Vec::new();
        while places.make_room(now) {
            let gone: Vec<usize> = (0..kept.len()).filter(|n| is_gone(&kept[*n]) && !order.contains(n)).collect();
            order.extend(gone);
        }
        order
    }

    /// So many questions, each as soon as the one before is answered; `ahead`: or sooner.
    fn ask(kept: &Kept, now: Instant, questions: usize, ahead: bool) {
        for n in 0..questions {
            if n == 0 || !ahead {
                kept.place.heard(now);
            }
            assert_eq!(kept.place.is_asked_ahead(), n > 0 && ahead);
            assert!(kept.place.asked(true, now));
            kept.place.answered(now);
        }
        kept.place.heard(now);
        assert!(kept.place.asked(true, now));
    }

    #[test]
    fn whoever_asks_without_a_pause_gives_way_before_those_who_begin() {
        let (places, begin) = (Places::default(), Instant::now());
        let kept: Vec<Kept> = (0..9).map(|n| places.take(n, begin)).collect();
        let now = after(begin, 100);
        for (n, questions, ahead) in [(0, 3, true), (1, 7, true), (2, 50, false), (3, 14, false), (4, 20, true)] {
            ask(&kept[n], now, questions, ahead);
        }
        // After a pause nothing counts that was before it.
        live(&kept[4], begin, &[(101, "answered"), (103, "byte"), (103, "asked")]);
        // Streams, read and not, after however many questions.
        ask(&kept[5], now, 50, false);
        live(&kept[5], begin, &[(101, "streams"), (102, "stuck"), (104, "said")]);
        ask(&kept[6], now, 50, false);
        live(&kept[6], begin, &[(101, "streams"), (102, "stuck")]);
        // It was let in long ago, and has said nothing.
        let newcomer = places.take(9, after(begin, 104));
        let now = after(begin, 104) + MOMENT;
        live(&kept[8], begin, &[(1, "byte"), (1, "asked"), (103, "stuck")]);
        let kept: Vec<Kept> = kept.into_iter().chain([newcomer]).collect();
        assert_eq!(order_of(&places, &kept, now), [7, 6, 8, 2, 1, 0, 9]);
    }

    #[test]
    fn nobody_gives_way_who_has_had_hardly_a_moment() {
        let (places, begin) = (Places::default(), Instant::now());
        let kept: Vec<Kept> = (0..3).map(|n| places.take(n, begin + MOMENT / 2)).collect();
        live(&kept[2], begin, &[(1, "asked")]);
        kept[2].place.answered(begin + MOMENT);
        assert!(!places.make_room(begin + MOMENT));
        assert!(places.make_room(begin + MOMENT * 3 / 2) && !is_gone(&kept[2]), "it was answered only just now");
        assert!(places.make_room(begin + MOMENT * 2) && is_gone(&kept[2]), "it has had an answer");
        assert!(places.make_room(begin + MOMENT * 2) && kept.iter().all(is_gone));
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
        let order = order_of(&places, &kept, after(begin, 10));
        assert_eq!(order, [2, 3, 4, 1], "the first and the last are ours to answer");
        assert!(!kept[3].place.told(), "nothing is done for whoever had to go");
        drop(kept);
        assert!(places.is_empty());
    }
}
