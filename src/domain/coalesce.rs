//! What leadhook says of itself is said once in five minutes for a subject: whoever is told too often stops to listen.
//!
//! What happens in between is counted, and told with the next one: when the five minutes are over, or when leadhook ends.
//! Where one type ends what another began (`recovered` after `stale`), both count as one topic: each of the two is told at
//! once when it comes for the first time, and of a topic that goes to and fro the five minutes let through how it stands,
//! and how often that has happened.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::clock;
use super::event::EventType;

/// One type is told of one subject at most once in that time.
pub const QUIET: Duration = Duration::from_secs(5 * 60);

/// Something to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<T> {
    /// What to tell: the latest of its kind.
    pub what: T,
    /// For how many happenings of its type it stands.
    pub count: u64,
}

/// What was told when, and what waits to be told. `T`: what there is to tell.
#[derive(Debug)]
pub struct Coalescer<T> {
    topics: BTreeMap<(&'static str, String), Topic<T>>,
}

#[derive(Debug)]
struct Topic<T> {
    told: BTreeMap<EventType, Timestamp>,
    held: Option<Held<T>>,
}

/// The latest that happened, and how often each type did.
#[derive(Debug)]
struct Held<T> {
    event_type: EventType,
    what: T,
    counts: BTreeMap<EventType, u64>,
}

impl<T> Default for Coalescer<T> {
    fn default() -> Coalescer<T> {
        Coalescer { topics: BTreeMap::new() }
    }
}

impl<T> Coalescer<T> {
    /// Something happened: what is to be told now, if anything. It stands for all that was held back of its type;
    /// what was held back of the type that it ends, or is the end of, has no news any more.
    pub fn happened(&mut self, event_type: EventType, subject: &str, what: T, now: Timestamp) -> Option<Told<T>> {
        let topic = self.topics.entry((event_type.topic(), subject.to_owned())).or_default();
        let mut counts = topic.held.take().map_or_else(BTreeMap::new, |held| held.counts);
        *counts.entry(event_type).or_default() += 1;
        topic.held = Some(Held { event_type, what, counts });
        topic.tell(now)
    }

    /// What was held back, and may be told now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Told<T>> {
        let told = self.topics.values_mut().filter_map(|topic| topic.tell(now)).collect();
        // Nothing is kept of what was told long enough ago.
        let long_ago = |told: &Timestamp| clock::elapsed(*told, now) >= QUIET;
        self.topics.retain(|_, topic| topic.held.is_some() || !topic.told.values().all(long_ago));
        told
    }

    /// When the next of those is due; `None`: nothing is held back.
    pub fn next(&self) -> Option<Timestamp> {
        self.topics.values().filter_map(Topic::due).min()
    }

    /// All that is held back, told now whatever the time: leadhook ends.
    pub fn end(&mut self) -> Vec<Told<T>> {
        std::mem::take(&mut self.topics).into_values().filter_map(|topic| topic.held.map(Held::told)).collect()
    }
}

impl<T> Default for Topic<T> {
    fn default() -> Topic<T> {
        Topic { told: BTreeMap::new(), held: None }
    }
}

impl<T> Topic<T> {
    fn due(&self) -> Option<Timestamp> {
        let held = self.held.as_ref()?;
        Some(self.told.get(&held.event_type).map_or(Timestamp::MIN, |told| clock::after(*told, QUIET)))
    }

    fn tell(&mut self, now: Timestamp) -> Option<Told<T>> {
        let held =
            self.held.take_if(|held| self.told.get(&held.event_type).is_none_or(|told| !is_quiet(*told, now)))?;
        self.told.insert(held.event_type, now);
        Some(held.told())
    }
}

/// A clock that was set back must not make anybody wait for longer.
fn is_quiet(told: Timestamp, now: Timestamp) -> bool {
    told <= now && clock::elapsed(told, now) < QUIET
}

impl<T> Held<T> {
    fn told(self) -> Told<T> {
        Told { count: self.counts.get(&self.event_type).copied().unwrap_or(1), what: self.what }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPES: [EventType; 3] =
        [EventType::OpsSourceStale, EventType::OpsSourceRecovered, EventType::OpsSourceCapped];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn told<T>(what: T, count: u64) -> Option<Told<T>> {
        Some(Told { what, count })
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_together_five_minutes_later() {
        let (mut coalescer, capped) = (Coalescer::default(), EventType::OpsSourceCapped);
        assert_eq!(coalescer.happened(capped, "source", 1, at(0)), told(1, 1));
        assert_eq!(coalescer.next(), None);
        for (what, second) in [(2, 1), (3, 200), (4, 299)] {
            assert_eq!(coalescer.happened(capped, "source", what, at(second)), None);
        }
        assert_eq!(coalescer.happened(capped, "another", 5, at(299)), told(5, 1));
        assert_eq!((coalescer.next(), coalescer.due(at(299))), (Some(at(300)), Vec::new()));
        assert_eq!(coalescer.due(at(300)), [Told { what: 4, count: 3 }]);
        assert_eq!(coalescer.happened(capped, "source", 6, at(599)), None);
        assert_eq!(coalescer.happened(capped, "source", 7, at(600)), told(7, 2));
        assert!(coalescer.due(at(900)).is_empty() && coalescer.topics.is_empty());
    }

    #[test]
    fn the_end_of_a_state_is_told_at_once_and_to_and_fro_is_told_as_it_stands() {
        let mut coalescer = Coalescer::default();
        let [stale, recovered] = [EventType::OpsSourceStale, EventType::OpsSourceRecovered];
        assert_eq!(coalescer.happened(stale, "source", "stale 1", at(0)), told("stale 1", 1));
        assert_eq!(coalescer.happened(recovered, "source", "well 1", at(60)), told("well 1", 1));
        for (second, event_type, what) in [(90, stale, "stale 2"), (120, recovered, "well 2"), (150, stale, "stale 3")]
        {
            assert_eq!(coalescer.happened(event_type, "source", what, at(second)), None);
        }
        assert_eq!(coalescer.next(), Some(at(300)));
        assert_eq!(coalescer.due(at(300)), [Told { what: "stale 3", count: 2 }]);
        // That it was well in between, nobody needs to hear after that.
        assert_eq!((coalescer.next(), coalescer.due(at(400))), (None, Vec::new()));
        assert_eq!(coalescer.happened(recovered, "source", "well 3", at(400)), told("well 3", 1));
    }

    #[test]
    fn what_is_held_back_is_told_at_the_end() {
        let mut coalescer = Coalescer::default();
        coalescer.happened(EventType::OpsSourceCapped, "source", 1, at(0));
        coalescer.happened(EventType::OpsSourceCapped, "source", 2, at(1));
        assert_eq!(coalescer.end(), [Told { what: 2, count: 1 }]);
        assert_eq!(coalescer.end(), []);
    }

    /// A happening of one type and subject, or a look at what is due, so many seconds later; the clock may jump back.
    fn steps() -> impl Strategy<Value = Vec<(i64, Option<(usize, usize)>)>> {
        let wait = prop_oneof![8 => 0i64..200, 1 => -400i64..0, 1 => 200i64..2_000];
        prop::collection::vec((wait, prop::option::weighted(0.7, (0..TYPES.len(), 0usize..2))), 0..60)
    }

    proptest! {
        #[test]
        fn nothing_is_told_twice_in_five_minutes_and_nothing_is_lost(steps in steps()) {
            let (mut coalescer, mut now) = (Coalescer::default(), 0);
            // When each was told last, and how far the clock has got since.
            let mut last: BTreeMap<(usize, usize), (i64, i64)> = BTreeMap::new();
            // What happened since the last telling, of each topic: the latest, and how often each type.
            let mut open: BTreeMap<(bool, usize), (usize, BTreeMap<usize, u64>)> = BTreeMap::new();
            let topic = |(kind, subject): (usize, usize)| (TYPES[kind] == EventType::OpsSourceCapped, subject);
            for (wait, step) in steps {
                now += wait;
                last.values_mut().for_each(|(_, furthest)| *furthest = now.max(*furthest));
                if let Some(key) = step {
                    let (latest, counts) = open.entry(topic(key)).or_default();
                    *latest = key.0;
                    *counts.entry(key.0).or_default() += 1;
                }
                let told = match step {
                    Some((kind, subject)) => {
                        let what = (kind, subject);
                        coalescer.happened(TYPES[kind], &subject.to_string(), what, at(now)).into_iter().collect()
                    }
                    None => coalescer.due(at(now)),
                };
                for Told { what, count } in told {
                    let (latest, counts) = open.remove(&topic(what)).expect("something to tell");
                    prop_assert_eq!((latest, counts[&what.0]), (what.0, count));
                    if let Some((before, furthest)) = last.insert(what, (now, now)) {
                        prop_assert!(now < before || furthest - before >= 300, "{} and {}", before, now);
                    }
                }
                prop_assert_eq!(coalescer.next().is_some(), !open.is_empty());
                if step.is_none() {
                    for ((_, subject), (latest, _)) in &open {
                        let (before, _) = last[&(*latest, *subject)];
                        prop_assert!(now >= before && now - before < 300, "it is due: {} and {}", before, now);
                    }
                }
            }
            let mut ended: Vec<_> = coalescer.end().into_iter().map(|told| (told.what, told.count)).collect();
            let mut left: Vec<_> = open.into_iter().map(|((_, s), (k, counts))| ((k, s), counts[&k])).collect();
            ended.sort_unstable();
            left.sort_unstable();
            prop_assert_eq!(ended, left);
        }
    }
}
