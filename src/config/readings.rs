//! When the source is read, and what is read again: the keys of `[source]` about time.

use std::time::Duration;

use super::network;
use super::node::Node;
use super::reader::{Section, Spot};
use crate::domain::recheck::Ages;
use crate::domain::secret::SecretUrl;
use crate::domain::span;
use crate::domain::watched::Watch;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How far back the readings reach, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readings {
    pub(super) poll_every: Duration,
    pub(super) overlap: Duration,
    pub(super) lookback: Duration,
    pub(super) lookback_every: Duration,
    pub(super) sweep: Duration,
    pub(super) sweep_every: Duration,
}

pub(super) fn readings(section: &mut Section<'_>) -> Readings {
    let poll_every = section.duration("poll_every", Duration::from_secs(60));
    let (overlap, at_overlap) = reach(section, "overlap");
    let (lookback, at_lookback) = reach(section, "lookback");
    let (sweep, at_sweep) = reach(section, "sweep");
    let (sweep, overlap) = (sweep.unwrap_or(7 * DAY), overlap.unwrap_or(2 * HOUR));
    let spot = at_overlap.or(at_sweep).unwrap_or_else(|| section.spot.clone());
    if overlap >= sweep {
        section.reading.mistake(
            &spot,
            "`overlap` must be shorter than `sweep`, the widest reading",
            Some("write for example overlap = \"2h\" and sweep = \"7d\"".to_owned()),
        );
    } else if overlap < poll_every {
        section.reading.warn(
            &spot,
            "`overlap` is shorter than `poll_every`, so every poll leaves a gap that has to be read on its own",
            Some("make `overlap` the longer of the two".to_owned()),
        );
    }
    if let (Some(lookback), Some(spot)) = (lookback, at_lookback)
        && (lookback > sweep || lookback <= overlap)
    {
        section.reading.mistake(
            &spot,
            "`lookback` must be longer than `overlap`, and not longer than `sweep`, the widest reading",
            Some("write for example overlap = \"2h\", lookback = \"48h\" and sweep = \"7d\"".to_owned()),
        );
    }
    Readings {
        poll_every,
        overlap,
        // Not written, it keeps within what is.
        lookback: lookback.unwrap_or((2 * DAY).max(overlap).min(sweep)),
        lookback_every: section.duration("lookback_every", Duration::from_secs(15 * 60)),
        sweep,
        sweep_every: section.duration("sweep_every", DAY),
    }
}

fn reach(section: &mut Section<'_>, key: &'static str) -> (Option<Duration>, Option<Spot>) {
    let node = section.take(key);
    let spot = node.as_ref().map(Node::spot);
    (node.and_then(Node::duration), spot)
}

/// Ages at which a lead without a rating is read again; an empty list for not at all.
pub(super) fn recheck(section: &mut Section<'_>) -> Option<Ages> {
    let Some(node) = section.take("recheck") else { return Some(Ages::default()) };
    let mut ages: Vec<Duration> = Vec::new();
    let mut whole = true;
    for node in node.list("[\"1m\", \"1h\", \"24h\"]")? {
        let (reading, spot) = (node.reading, node.spot());
        match node.duration() {
            Some(age) if ages.last().is_some_and(|last| *last >= age) => {
                whole = false;
                let help = format!("ages grow: write more than {}", span::format(*ages.last().unwrap_or(&age)));
                reading.mistake(&spot, "is not more than the age before it", Some(help));
            }
            Some(age) => ages.push(age),
            None => whole = false,
        }
    }
    whole.then(|| Ages::of(ages))
}

/// Fields under `lead` that make a lead updated; an empty list for none.
pub(super) fn watch(section: &mut Section<'_>) -> Option<Watch> {
    let Some(node) = section.take("watch") else { return Some(Watch::default()) };
    let mut paths = Vec::new();
    let mut whole = true;
    for node in node.list("[\"name\", \"phone\", \"csat.message\"]")? {
        match node.filled() {
            Some(text) => match Watch::parse(std::slice::from_ref(&text.value)) {
                Ok(_) if paths.contains(&text.value) => {
                    whole = false;
                    text.mistake("stands here twice", "take one out");
                }
                Ok(_) => paths.push(text.value),
                Err((_, said)) => {
                    whole = false;
                    let (message, help) = said.rsplit_once("; ").unwrap_or((&said, "write for example csat.message"));
                    if text.is_put_in() {
                        text.mistake("is no path of names", help);
                    } else {
                        text.mistake(message, help);
                    }
                }
            },
            None => whole = false,
        }
    }
    whole.then(|| Watch::parse(&paths).ok()).flatten()
}

/// How long the source may be silent.
pub(super) fn stale_after(section: &mut Section<'_>, poll_every: Duration) -> Duration {
    let (stale_after, spot) = reach(section, "stale_after");
    if let (Some(stale_after), Some(spot)) = (stale_after, spot)
        && stale_after <= poll_every
    {
        section.reading.mistake(
            &spot,
            "`stale_after` must be longer than `poll_every`: no poll succeeds more often than there is one",
            Some("write for example poll_every = \"60s\" and stale_after = \"15m\"".to_owned()),
        );
    }
    // Not written, it leaves room for a poll or two that fail.
    stale_after.unwrap_or(Duration::from_secs(15 * 60).max(poll_every.saturating_mul(3)))
}

/// What is called after each good poll.
pub(super) fn heartbeat(section: &mut Section<'_>) -> Option<Option<SecretUrl>> {
    let Some(node) = section.take("heartbeat_url") else { return Some(None) };
    network::url(&node.filled()?, "https://hc-ping.com/...").map(|url| Some(SecretUrl::new(url)))
}
