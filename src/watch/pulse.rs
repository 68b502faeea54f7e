//! Whether the loops turn: each gives a beat as it goes round, and somebody looks when the last one was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How the loop that reads the newest leads is called.
pub const INTAKE: &str = "intake";

/// The beats of all loops; cheap to clone.
#[derive(Clone, Default)]
pub struct Pulses(Arc<Mutex<BTreeMap<String, Instant>>>);

/// One loop's; it has stopped for good, and is missed by nobody, once this is dropped.
pub struct Pulse {
    pulses: Pulses,
    part: String,
}

impl Pulses {
    /// The pulse of a loop that begins. `part`: how a person hears of it.
    pub fn begin(&self, part: &str) -> Pulse {
        let pulse = Pulse { pulses: self.clone(), part: part.to_owned() };
        self.beats().insert(part.to_owned(), Instant::now());
        pulse
    }

    /// A loop goes on, though it has not come round; whoever has not begun does not count.
    pub fn beat(&self, part: &str) {
        if let Some(last) = self.beats().get_mut(part) {
            *last = Instant::now();
        }
    }

    /// The loop whose last beat is the longest ago, and how long, where that is longer than `limit` says for it.
    pub fn missed(&self, limit: impl Fn(&str) -> Duration) -> Option<(String, Duration)> {
        let beats = self.beats();
        let late = beats.iter().map(|(part, last)| (part, last.elapsed())).filter(|(part, since)| *since > limit(part));
        late.max_by_key(|(_, since)| *since).map(|(part, since)| (part.clone(), since))
    }

    fn beats(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// The loop has come round, or is about to wait for something that ends by itself.
    pub fn beat(&self) {
        self.pulses.beat(&self.part);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.pulses.beats().remove(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_missed_and_one_that_has_ended_is_not() {
        let pulses = Pulses::default();
        let (still, goes) = (pulses.begin("intake"), pulses.begin("crm"));
        let limit = |_: &str| Duration::from_millis(20);
        assert_eq!(pulses.missed(limit), None);
        std::thread::sleep(Duration::from_millis(30));
        goes.beat();
        let (part, since) = pulses.missed(limit).expect("one stands still");
        assert!(part == "intake" && since >= Duration::from_millis(30), "{part} {since:?}");
        drop(still);
        assert_eq!(pulses.missed(limit), None);
    }
}
