//! `rate_per_contact`: how often one contact may be told of at a destination, and when it may be again.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::clock;
use super::form::{Form, Unfit};
use super::pace::Rate;
use super::template::{Place, Text};

/// No limit counts more: when each was accepted is kept.
pub const MOST: u32 = 500;

/// Whoever is not told apart otherwise is the lead.
const LEAD: &str = "{{ platform_id }} {{ weclever_lead_id }}";

/// So many accepted deliveries for one contact in so long.
#[derive(Clone, Debug)]
pub struct PerContact {
    /// Counts up to [`MOST`].
    pub limit: Rate,
    /// Who the contact of an event is; `None`, or where it prints nothing: the lead.
    pub by: Option<Text>,
}

/// A contact, as far as it has to be known: to be told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactKey(pub [u8; 16]);

impl PerContact {
    /// Whom this event is about. It sees all of the event: none of it leaves by this.
    ///
    /// # Errors
    /// The event cannot be read by templates.
    pub fn contact(&self, form: &Form, id: &str, envelope: &[u8]) -> Result<ContactKey, Unfit> {
        let context = form.context(id, envelope, None)?;
        // What cannot be evaluated for a lead tells nobody apart.
        let by = self.by.as_ref().and_then(|by| by.render(&context).ok());
        let by = by.map(|by| by.trim().to_owned()).filter(|by| !by.is_empty());
        let (kind, who) = match by {
            Some(by) => ("by", by),
            None => {
                let lead = Text::parse(LEAD, Place::Plain).ok().and_then(|lead| lead.render(&context).ok());
                ("lead", lead.unwrap_or_default())
            }
        };
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(who).finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Ok(ContactKey(key))
    }
}

/// When a contact that was told of at these times may be told of again; `None`: now. `under_way`: how many are on their way
/// to it, which will count.
pub fn free_at(limit: Rate, accepted: &[Timestamp], under_way: usize, now: Timestamp) -> Option<Timestamp> {
    let count = usize::try_from(limit.count).unwrap_or(usize::MAX);
    let mut within = within(limit.per, accepted, now);
    within.sort_unstable();
    let over = (within.len() + under_way + 1).checked_sub(count).filter(|over| *over > 0)?;
    // Once so many of the oldest are over; those under way are over last.
    let last = within.get(over - 1).copied().unwrap_or(now);
    Some(clock::after(last, limit.per))
}

/// What has to be remembered once one more is accepted.
pub fn accepted_now(limit: Rate, accepted: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    let mut within = within(limit.per, accepted, now);
    within.push(now);
    within.sort_unstable();
    let count = usize::try_from(limit.count.min(MOST)).unwrap_or(usize::MAX);
    within.split_off(within.len().saturating_sub(count))
}

/// Those that still count. What was accepted in the future was before the clock was set right.
fn within(per: Duration, accepted: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    let accepted = accepted.iter().map(|at| (*at).min(now));
    accepted.filter(|at| clock::after(*at, per) > now).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(u64::try_from(1_000 + hours).expect("positive") * 3_600)
    }

    #[test]
    fn the_next_may_go_when_the_oldest_that_counts_is_over() {
        let limit = Rate { count: 2, per: DAY };
        for (accepted, under_way, now, expected) in [
            (vec![], 0, 0, None),
            (vec![0], 0, 1, None),
            (vec![0], 1, 1, Some(24)),
            (vec![0, 5], 0, 6, Some(24)),
            (vec![5, 0], 0, 23, Some(24)),
            (vec![0, 5], 0, 24, None),
            (vec![0, 5], 1, 24, Some(29)),
            (vec![], 2, 0, Some(24)),
            // The limit was lowered.
            (vec![0, 1, 2, 3], 0, 4, Some(26)),
            // The clock was set back: it counts as now.
            (vec![90, 95], 0, 50, Some(74)),
        ] {
            let accepted: Vec<Timestamp> = accepted.into_iter().map(at).collect();
            assert_eq!(free_at(limit, &accepted, under_way, at(now)), expected.map(at), "{accepted:?} {now}");
        }
    }

    #[test]
    fn no_more_is_remembered_than_counts() {
        let limit = Rate { count: 2, per: DAY };
        let mut accepted = Vec::new();
        for hour in [0, 5, 6, 40] {
            accepted = accepted_now(limit, &accepted, at(hour));
        }
        assert_eq!(accepted, [at(40)]);
        assert_eq!(accepted_now(limit, &[at(0), at(5)], at(6)), [at(5), at(6)]);
    }

    proptest::proptest! {
        #[test]
        fn no_stretch_of_time_sees_more_than_the_limit(
            count in 1u32..6,
            waits in proptest::collection::vec(0i64..30, 1..60),
        ) {
            let limit = Rate { count, per: DAY };
            let (mut now, mut kept, mut sent) = (0, Vec::new(), Vec::new());
            for wait in waits {
                now += wait;
                match free_at(limit, &kept, 0, at(now)) {
                    None => {
                        kept = accepted_now(limit, &kept, at(now));
                        sent.push(now);
                    }
                    // What was promised is kept, and not later than needed.
                    Some(free) => {
                        proptest::prop_assert!(free > at(now) && free <= at(now + 24));
                        proptest::prop_assert_eq!(free_at(limit, &kept, 0, free), None);
                    }
                }
            }
            for from in &sent {
                let within = sent.iter().filter(|at| (*from..from + 24).contains(*at)).count();
                proptest::prop_assert!(within <= count as usize);
            }
        }
    }
}
