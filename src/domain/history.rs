//! What happened in a stretch of time, summed: what the plots are drawn of, and what is kept for them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock;
use super::outcome::Outcome;

/// What is summed is kept by the minute for the last hours ...
pub const FINE: Duration = Duration::from_secs(60);
/// ... for so long; a little more than the hour that is drawn of it.
pub const FINE_KEPT: Duration = Duration::from_secs(2 * 3_600);
/// ... and by ten minutes for longer ...
pub const COARSE: Duration = Duration::from_secs(600);
/// ... for so long; a little more than the week that is drawn of it.
pub const COARSE_KEPT: Duration = Duration::from_secs(8 * 86_400);

/// Upper ends of the counted ranges, in milliseconds: from the quickest answer to the last of the retries.
const BOUNDS: [u64; 20] = [
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    1_800_000,
    7_200_000,
    21_600_000,
    86_400_000,
    259_200_000,
];

/// How often something took how long, roughly; and the longest exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// By range of [`BOUNDS`], and one beyond them; without the zeros at the end.
    counts: Vec<u64>,
    max_ms: u64,
}

impl Spread {
    /// One more.
    pub fn note(&mut self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|bound| *bound < ms);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.max_ms = self.max_ms.max(ms);
    }

    /// All of another one.
    pub fn add(&mut self, other: &Spread) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.max_ms = self.max_ms.max(other.max_ms);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// The longest; `None` where there was none.
    pub fn longest(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_millis(self.max_ms))
    }

    /// So long or shorter took this share of them, 0 to 1: somewhere within the right range.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * count as f64;
        let mut below = 0.0;
        for (at, n) in self.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let here = *n as f64;
            if below + here >= wanted {
                let from = if at == 0 { 0 } else { BOUNDS[at - 1] };
                let to = BOUNDS.get(at).copied().unwrap_or(self.max_ms).min(self.max_ms).max(from);
                let ms = from as f64 + (to - from) as f64 * ((wanted - below) / here).clamp(0.0, 1.0);
                return Some(Duration::from_secs_f64(ms / 1_000.0));
            }
            below += here;
        }
        self.longest()
    }
}

/// What waited at a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Deliveries, at the end.
    pub pending: u64,
    /// The most that was seen.
    pub peak: u64,
    /// When the oldest of them was made, in milliseconds since 1970.
    pub oldest: Option<i64>,
}

/// What happened at a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtDestination {
    /// Attempts that it took.
    pub accepted: u64,
    /// Attempts that are made again.
    pub retried: u64,
    /// Attempts after which it wanted to be left alone.
    pub throttled: u64,
    /// Attempts after which it will never take the delivery, or nothing any more.
    pub refused: u64,
    /// Deliveries that are made.
    pub delivered: u64,
    /// Deliveries that were given up on.
    pub dead: u64,
    /// How long attempts took.
    pub attempt: Spread,
    /// From an event to its acceptance.
    pub lag: Spread,
    /// What waited at the end.
    pub backlog: Backlog,
}

impl AtDestination {
    /// An attempt.
    pub fn note_attempt(&mut self, outcome: Outcome, took: Duration) {
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Retry => self.retried += 1,
            Outcome::Throttled(_) => self.throttled += 1,
            Outcome::GivenUp | Outcome::Gone => self.refused += 1,
        }
        self.attempt.note(took);
    }

    /// A delivery is made.
    pub fn note_delivered(&mut self, age: Duration) {
        self.delivered += 1;
        self.lag.note(age);
    }

    /// Attempts that were not accepted.
    pub fn failed(&self) -> u64 {
        self.retried + self.throttled + self.refused
    }

    /// All attempts.
    pub fn attempts(&self) -> u64 {
        self.accepted + self.failed()
    }

    fn add(&mut self, later: &AtDestination) {
        self.accepted += later.accepted;
        self.retried += later.retried;
        self.throttled += later.throttled;
        self.refused += later.refused;
        self.delivered += later.delivered;
        self.dead += later.dead;
        self.attempt.add(&later.attempt);
        self.lag.add(&later.lag);
        let peak = self.backlog.peak.max(later.backlog.peak);
        self.backlog = Backlog { peak, ..later.backlog };
    }
}

/// What happened in a stretch of time. It is kept as it stands here: fields are only ever added at the end, with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Windows of the source that were read whole.
    pub polls: u64,
    /// Windows that could not be read.
    pub failed_polls: u64,
    /// Rows that they listed.
    pub listed: u64,
    /// Events by type.
    pub events: BTreeMap<String, u64>,
    /// By destination; one that is not here had nothing to do, and nothing waited for it.
    pub destinations: BTreeMap<String, AtDestination>,
}

impl Sums {
    /// What happened at this destination, to be added to.
    pub fn at(&mut self, destination: &str) -> &mut AtDestination {
        if !self.destinations.contains_key(destination) {
            self.destinations.insert(destination.to_owned(), AtDestination::default());
        }
        self.destinations.entry(destination.to_owned()).or_default()
    }

    /// What happened right behind it is added. What waited at the end is what waited at the later end.
    pub fn add(&mut self, later: &Sums) {
        self.polls += later.polls;
        self.failed_polls += later.failed_polls;
        self.listed += later.listed;
        for (event_type, n) in &later.events {
            *self.events.entry(event_type.clone()).or_default() += n;
        }
        for at in self.destinations.values_mut() {
            at.backlog = Backlog { peak: at.backlog.peak, ..Backlog::default() };
        }
        for (name, at) in &later.destinations {
            self.at(name).add(at);
        }
    }

    /// What waits now, at each destination; nothing at those that are not named.
    pub fn set_backlog(&mut self, backlog: &BTreeMap<String, Backlog>) {
        for at in self.destinations.values_mut() {
            at.backlog = Backlog::default();
        }
        for (name, backlog) in backlog {
            self.at(name).backlog = *backlog;
        }
    }

    /// What waited at the end, at each destination where anything did.
    pub fn backlog(&self) -> BTreeMap<String, Backlog> {
        let waiting = self.destinations.iter().filter(|(_, at)| at.backlog.pending > 0);
        waiting.map(|(name, at)| (name.clone(), Backlog { peak: at.backlog.pending, ..at.backlog })).collect()
    }

    /// Whether anything happened.
    pub fn is_empty(&self) -> bool {
        let quiet = |at: &AtDestination| at.attempts() + at.delivered + at.dead == 0;
        self.polls + self.failed_polls == 0 && self.events.is_empty() && self.destinations.values().all(quiet)
    }

    /// Events of all types.
    pub fn all_events(&self) -> u64 {
        self.events.values().sum()
    }
}

/// The stretch of this length in which an instant lies: its first millisecond.
pub fn stretch_of(at: Timestamp, step: Duration) -> Timestamp {
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    let ms = at.as_millisecond();
    Timestamp::from_millisecond(ms - ms.rem_euclid(step)).unwrap_or(at)
}

/// `count` stretches of this length one behind the other, the last of them with `now` in it, and what happened in each.
/// `kept`: what is known, in order. Where nothing happened, what waited before waits still.
pub fn series(kept: &[(Timestamp, Sums)], now: Timestamp, step: Duration, count: usize) -> Vec<(Timestamp, Sums)> {
    let last = stretch_of(now, step);
    let first = clock::before(last, step.saturating_mul(u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX)));
    let mut kept = kept.iter().peekable();
    let mut waiting = BTreeMap::new();
    while let Some((_, before)) = kept.next_if(|(at, _)| *at < first) {
        waiting = before.backlog();
    }
    let mut out = Vec::with_capacity(count);
    let mut from = first;
    for _ in 0..count {
        let until = clock::after(from, step);
        let mut sums = Sums::default();
        sums.set_backlog(&waiting);
        while let Some((_, more)) = kept.next_if(|(at, _)| *at < until) {
            sums.add(more);
        }
        waiting = sums.backlog();
        out.push((from, sums));
        from = until;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    fn waiting(pending: u64) -> Sums {
        let mut sums = Sums::default();
        let backlog = Backlog { pending, peak: pending, oldest: Some(1) };
        sums.set_backlog(&BTreeMap::from([("crm".to_owned(), backlog)]));
        sums
    }

    #[test]
    fn a_spread_knows_its_quantiles_to_the_range_and_its_longest_exactly() {
        let mut spread = Spread::default();
        assert_eq!((spread.quantile(0.5), spread.longest()), (None, None));
        for _ in 0..95 {
            spread.note(Duration::from_millis(7));
        }
        for _ in 0..5 {
            spread.note(Duration::from_millis(700));
        }
        let half = spread.quantile(0.5).expect("it has some");
        assert!((5..=10).contains(&half.as_millis()), "{half:?}");
        let most = spread.quantile(0.99).expect("it has some");
        assert!((500..=700).contains(&most.as_millis()), "{most:?}");
        assert_eq!(spread.longest(), Some(Duration::from_millis(700)));
        spread.note(Duration::from_secs(u64::MAX / 1_000));
        assert!(spread.quantile(1.0) >= Some(Duration::from_secs(259_200)), "{:?}", spread.quantile(1.0));
        let mut both = Spread::default();
        both.add(&spread);
        both.add(&spread);
        assert_eq!((both.count(), both.longest()), (202, spread.longest()));
    }

    #[test]
    fn what_waited_before_waits_until_something_else_is_known() {
        let minute = FINE.as_secs() as i64;
        let kept = [(at(-5 * minute), waiting(3)), (at(2 * minute), waiting(7)), (at(2 * minute + 1), waiting(0))];
        let pending = |series: Vec<(Timestamp, Sums)>| -> Vec<(u64, u64)> {
            let backlogs = series.iter().map(|(_, sums)| sums.destinations.get("crm").map(|at| at.backlog));
            backlogs.map(|backlog| backlog.map_or((0, 0), |backlog| (backlog.pending, backlog.peak))).collect()
        };
        let drawn = series(&kept, at(4 * minute + 30), FINE, 5);
        assert_eq!(drawn.first().map(|(from, _)| *from), Some(at(0)));
        assert_eq!(pending(drawn), [(3, 3), (3, 3), (0, 7), (0, 0), (0, 0)]);
        assert_eq!(pending(series(&[], at(0), COARSE, 2)), [(0, 0), (0, 0)]);
    }

    #[test]
    fn sums_add_up() {
        let mut one = waiting(2);
        one.at("crm").note_attempt(Outcome::Retry, Duration::from_millis(3));
        let mut two = Sums { polls: 1, ..Sums::default() };
        two.events.insert("lead.finalized".into(), 2);
        two.at("crm").note_attempt(Outcome::Accepted, Duration::from_millis(3));
        two.at("crm").note_delivered(Duration::from_secs(1));
        assert!(!one.is_empty() && !two.is_empty() && waiting(2).is_empty() && Sums::default().is_empty());
        one.add(&two);
        let crm = &one.destinations["crm"];
        assert_eq!((crm.attempts(), crm.failed(), crm.delivered, crm.attempt.count()), (2, 1, 1, 2));
        assert_eq!((crm.backlog.pending, crm.backlog.peak, one.all_events()), (0, 2, 2));
    }

    #[test]
    fn stretches_begin_on_the_clock() {
        assert_eq!(stretch_of(at(125), FINE), at(120));
        assert_eq!(stretch_of(at(-1), FINE), at(-60));
        assert_eq!(stretch_of(at(120), FINE), at(120));
    }
}
