//! `retry`: a schedule of waits, or waits that grow.

use std::time::Duration;

use super::node::Node;
use crate::domain::retry::RetryPolicy;

const JITTER: f64 = 0.2;

/// What holds where a file says nothing: ten attempts over three days.
pub(super) fn by_default() -> RetryPolicy {
    RetryPolicy::Schedule { waits: default_waits(), jitter: JITTER }
}

fn default_waits() -> Vec<Duration> {
    [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map(Duration::from_secs).to_vec()
}

pub(super) fn retry(node: Node<'_>) -> Option<RetryPolicy> {
    let mut section = node.table()?;
    let schedule = section.take("schedule");
    let jitter = section
        .take("jitter")
        .map_or(Some(JITTER), |node| node.number(0.0..=1.0, "write a share from 0 to 1, for example 0.2 for a fifth"));
    let initial = section.take("initial");
    let factor = section.take("factor");
    let max = section.take("max");
    let attempts = section.take("attempts");
    let grows = initial.is_some() || factor.is_some() || max.is_some() || attempts.is_some();
    if let (Some(schedule), true) = (&schedule, grows) {
        schedule.mistake(
            "a schedule says every wait; `initial`, `factor`, `max` and `attempts` are the other form",
            "keep one of the two forms",
        );
    }

    let spot = max.as_ref().or(initial.as_ref()).map_or_else(|| section.spot.clone(), Node::spot);
    let second = Duration::from_secs(1);
    let initial = initial.map_or(Some(second), Node::duration);
    let factor =
        factor.map_or(Some(2.0), |node| node.number(1.0..=1_000.0, "write 1 (no growth) to 1000, for example 2.0"));
    let max = max.map_or(Some(3_600 * second), Node::duration);
    let attempts = attempts.map_or(Some(12), |node| node.whole(1..=1_000));
    if let (Some(initial), Some(max)) = (initial, max)
        && initial > max
    {
        let help = "make `initial` the shorter of the two".to_owned();
        section.reading.mistake(&spot, "the first wait, `initial`, is longer than the longest, `max`", Some(help));
    }
    let waits = schedule.map_or_else(|| Some(default_waits()), waits);
    section.finish(&[]);

    let jitter = jitter?;
    if grows {
        let attempts = u32::try_from(attempts?).ok()?;
        return Some(RetryPolicy::Exponential { initial: initial?, factor: factor?, max: max?, attempts, jitter });
    }
    Some(RetryPolicy::Schedule { waits: waits?, jitter })
}

/// None at all is fine: one attempt, and no other.
fn waits(node: Node<'_>) -> Option<Vec<Duration>> {
    let read: Vec<Option<Duration>> = node.list("[\"5s\", \"5m\", \"30m\"]")?.into_iter().map(Node::duration).collect();
    read.into_iter().collect()
}
