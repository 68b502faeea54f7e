//! `leadhook run` between a simulated WeClever and a queue.

use std::time::{Duration, Instant};

use leadhook::simulator::WeClever;
use serde_json::Value;

use crate::support::*;

/// The destination's name, and its route's.
pub const QUEUE: &str = "queue";

/// What each lead comes to in turn: every change is an event of its own.
const STATUSES: [&str; 4] = ["scheduled", "sold", "lost", "qualified"];

/// A service that runs, with one destination and no lead yet.
pub struct Load {
    pub weclever: WeClever,
    pub place: Place,
    pub service: Service,
    events: u64,
    dead: u64,
}

impl Load {
    /// `more`: lines of the destination's table; its secret is [`SECRET`].
    pub async fn begin(url: &str, more: &str) -> Load {
        let weclever = weclever(unrated()).await;
        let more = format!("secret = {SECRET:?}\n{more}");
        let file = File::new(&weclever.base_url()).list("recheck", &[]).to(QUEUE, url, &more);
        let place = Place::new(&file);
        let service = place.start_and_read().await;
        Load { weclever, place, service, events: 0, dead: 0 }
    }

    /// Finalizes this many leads four times each, with another status each time. All of their events are on disk
    /// afterwards; how many are delivered by then is the queue's matter.
    pub async fn leads(&mut self, leads: u64) {
        for round in 0..STATUSES.len() {
            self.round(leads, round).await;
        }
    }

    /// The same, one round alone, so that something can happen in between. `round` counts from 0.
    pub async fn round(&mut self, leads: u64, round: usize) {
        self.finalize(leads, round);
        self.is_recorded().await;
    }

    /// Begins a round.
    pub fn finalize(&mut self, leads: u64, round: usize) {
        for lead in 1..=leads {
            self.weclever.finalize(lead, STATUSES[round]);
        }
        self.events += leads;
    }

    /// Waits until all events are on disk.
    pub async fn is_recorded(&self) {
        let events = self.events;
        self.until("all events are recorded", |queue| {
            ["delivered", "pending", "dead"].iter().filter_map(|key| queue[key].as_u64()).sum::<u64>() == events
        })
        .await;
    }

    /// Waits until at least so many were delivered.
    pub async fn has_delivered(&self, events: usize) {
        self.until("some are delivered", |queue| queue["delivered"].as_u64() >= Some(events as u64)).await;
    }

    /// Waits until an attempt has failed since the last that was accepted.
    pub async fn has_failed(&self) {
        self.until("an attempt fails", |queue| !queue["trouble"].is_null()).await;
    }

    /// Waits until the last attempt has failed with these words.
    pub async fn says(&self, told: &str) {
        self.until(told, |queue| queue.to_string().contains(told)).await;
    }

    /// Waits for a dead letter of the destination, beside what there was; its reason, with the remedy, has these words.
    pub async fn is_dead(&mut self, told: &str) {
        self.dead += 1;
        let dead = self.dead;
        self.until("another dead letter", |queue| queue["dead"] == dead).await;
        let listed = self.place.run(&["dead", "list", "--json"]).out;
        for told in [told, "payload = \\\"thin\\\""] {
            assert!(listed.contains(told), "{told}: {listed}");
        }
    }

    async fn until(&self, what: &str, wish: impl Fn(&Value) -> bool) {
        self.place.until_status(what, |status| wish(destination(status, QUEUE))).await;
    }

    /// How many events there were.
    pub fn events(&self) -> usize {
        self.events as usize
    }

    /// Waits until all of them were delivered: as long as it takes, if only something is delivered meanwhile.
    pub async fn is_delivered(&self) {
        let (mut last, mut changed) = (0, Instant::now());
        loop {
            let status = self.place.status();
            let queue = destination(&status, QUEUE);
            assert_eq!(queue["dead"], 0, "{queue:#}");
            let delivered = queue["delivered"].as_u64().unwrap();
            if queue["pending"] == 0 && delivered == self.events {
                return;
            }
            if delivered != last {
                (last, changed) = (delivered, Instant::now());
            }
            assert!(changed.elapsed() < PATIENCE, "nothing more is delivered: {queue:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Whether `check --online --json` found a destination good, and what it said of it.
#[track_caller]
pub fn probed(checked: &Value, destination: &str) -> (bool, String) {
    let what = format!("destination {destination}");
    let probes = checked["online"].as_array().unwrap();
    let probe = probes.iter().find(|probe| probe["what"] == what.as_str());
    let probe = probe.unwrap_or_else(|| panic!("no {what}: {checked:#}"));
    (probe["ok"].as_bool().unwrap(), probe["said"].as_str().unwrap().to_owned())
}
