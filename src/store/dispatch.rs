//! What dispatch keeps: claims on due deliveries, and what became of them.

use std::time::Duration;

use jiff::Timestamp;

use super::claims::Lease;
use super::contacts::Counts;
use super::destinations::{lane_no, note_breaker};
use super::error::StoreError;
use super::keys::{self, DestinationNo, LaneNo, PlatformNo, Seq};
use super::line::read_queue_value;
use super::records::{
    AttemptRecord, DeadRef, DestinationRecord, EventRecord, PendingRecord, Settled, SettledRecord, from_ms, to_ms,
};
use super::txn::{Get, Txn};
use super::{Inner, Store, body, records};
use crate::domain::breaker::Change;
use crate::domain::event::{EventType, computed_id};
use crate::domain::lead::LeadId;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::retry::Verdict;
use crate::domain::steps::Progress;

/// A due delivery that is ours to try. It is consumed by [`Store::settle`]; dropped unsettled, it is due again.
pub struct Claim {
    destination: DestinationNo,
    pending: PendingRecord,
    seq: Seq,
    lease: Lease,
    /// The event's id, `webhook-id` on the wire.
    pub event_id: String,
    /// What happened.
    pub event_type: EventType,
    /// Whose event it is.
    pub lead: LeadId,
    /// When leadhook saw it happen.
    pub seen_at: Timestamp,
    /// The route that wants it there.
    pub route: String,
    /// The envelope's JSON text.
    pub envelope: Vec<u8>,
    /// Set by whoever sends it, where its contact is to be counted.
    pub counts: Option<Counts>,
    /// How far it has come, where it takes several calls.
    pub progress: Progress,
}

impl Claim {
    /// When the delivery was made, or last reopened.
    pub fn opened_at(&self) -> Timestamp {
        from_ms(self.pending.opened)
    }

    /// Counted attempts that failed since then.
    pub fn failed(&self) -> u32 {
        self.pending.failed
    }

    /// Whether its request may still go out: its lead may have been forgotten since it was claimed.
    pub fn stands(&self) -> bool {
        self.lease.stands()
    }

    /// Says that its request goes out now; false where it must not any more.
    pub fn let_out(&self) -> bool {
        self.lease.let_out()
    }

    /// The number of the attempt that is made now, from 1, over the delivery's whole life.
    pub fn attempt(&self) -> u32 {
        self.pending.tries + 1
    }
}

/// A claim of several ends once their envelopes are this large together: what is claimed waits in memory.
const ENOUGH: usize = 1024 * 1024;

/// What is due at one destination.
pub struct Due {
    /// Ours to try now, the longest due first.
    pub claims: Vec<Claim>,
    /// When the next one is due that was left out, be it only for lack of room; `None`: there is none.
    pub next: Option<Timestamp>,
}

/// One try and what follows from it.
pub struct Settlement {
    /// When it began; `None`: the delivery died before it was tried again.
    pub tried: Option<Tried>,
    /// What follows.
    pub verdict: Verdict,
    /// The destination asked to be left alone until then.
    pub wait_until: Option<Timestamp>,
    /// What it did to the destination's breaker.
    pub breaker: Option<Change>,
    /// Why it died, where no attempt tells or there is more to say.
    pub why: Option<String>,
    /// How far it has come now, where it takes several calls.
    pub progress: Option<Progress>,
    /// When.
    pub now: Timestamp,
}

/// One try.
pub struct Tried {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What came back.
    pub answer: Answer,
    /// What that means.
    pub outcome: Outcome,
    /// Which of several steps it was.
    pub step: Option<String>,
    /// What is wrong with an answer that looks right.
    pub but: Option<String>,
}

impl Store {
    /// Claims up to `limit` deliveries that are due at this destination through these routes. A lead's later
    /// deliveries wait for its earlier ones.
    pub async fn claim(
        &self,
        destination: &str,
        routes: &[String],
        now: Timestamp,
        limit: usize,
    ) -> Result<Due, StoreError> {
        let (destination, routes) = (destination.to_owned(), routes.to_vec());
        let (due, on_disk) = self.read_and_wait(move |inner| inner.claim(&destination, &routes, now, limit)).await?;
        // What is not on disk is not sent.
        on_disk.map(|()| due)
    }

    /// Notes how far a claimed delivery has come, before its next request goes out.
    pub async fn note_progress(&self, claim: &Claim, progress: Progress) -> Result<(), StoreError> {
        let (seq, destination) = (claim.seq, claim.destination);
        self.commit(move |txn| {
            // A person may have dropped or moved it meanwhile.
            match txn.pending(destination, seq)? {
                Some(_) => txn.put(keys::progress(seq, destination), &progress),
                None => Ok(()),
            }
        })
        .await
    }

    /// What became of a claim, in one commit. False where its lead was forgotten meanwhile: nothing of it is written.
    pub async fn settle(&self, claim: Claim, settlement: Settlement) -> Result<bool, StoreError> {
        self.commit(move |txn| txn.settle(claim, settlement)).await
    }
}

/// A head of a line, as the queue shows it.
struct Head {
    key: sled::IVec,
    due: i64,
    seq: Seq,
    platform: PlatformNo,
    lead: LeadId,
}

impl Inner {
    fn claim(&self, destination: &str, routes: &[String], now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let mut due = Due { claims: Vec::new(), next: None };
        let Some(record) = Get::get::<DestinationRecord>(&self.tree, &keys::destination(destination))? else {
            return Ok(due);
        };
        let mut lanes = Vec::new();
        for route in routes {
            if let Some(lane) = lane_no(&self.tree, record.no, route)? {
                lanes.push((lane, route.as_str()));
            }
        }
        let mut size = 0;
        for behind in [false, true] {
            self.claim_from(&lanes, behind, record.no, (now, limit), &mut size, &mut due)?;
        }
        Ok(due)
    }

    /// Claims from the lanes' heads, the longest due first; from those that wait behind, or from the others.
    fn claim_from(
        &self,
        lanes: &[(LaneNo, &str)],
        behind: bool,
        destination: DestinationNo,
        (now, limit): (Timestamp, usize),
        size: &mut usize,
        due: &mut Due,
    ) -> Result<(), StoreError> {
        let mut lanes: Vec<_> =
            lanes.iter().map(|(lane, route)| (*route, self.heads(*lane, behind).peekable())).collect();
        loop {
            let mut first: Option<(usize, i64)> = None;
            for (i, (_, heads)) in lanes.iter_mut().enumerate() {
                if let Some(head) = heads.peek() {
                    let at = head.as_ref().map_or(i64::MIN, |head| head.due);
                    if first.is_none_or(|(_, earliest)| at < earliest) {
                        first = Some((i, at));
                    }
                }
            }
            let Some((i, at)) = first else { return Ok(()) };
            if from_ms(at) > now || due.claims.len() >= limit || *size >= ENOUGH {
                due.next = due.next.into_iter().chain([from_ms(at)]).min();
                return Ok(());
            }
            let (route, heads) = &mut lanes[i];
            if let Some(head) = heads.next().transpose()?
                && let Some(claim) = self.take(destination, route, &head)?
            {
                *size += claim.envelope.len();
                due.claims.push(claim);
            }
        }
    }

    fn heads(&self, lane: LaneNo, behind: bool) -> impl Iterator<Item = Result<Head, StoreError>> {
        self.tree.scan_prefix(keys::queue(lane, behind)).map(|entry| {
            let (key, value) = entry?;
            let (platform, lead) = read_queue_value(&value)
                .ok_or_else(|| StoreError::Record("an entry of the queue is damaged".into()))?;
            Ok(Head { due: keys::u64_at(&key, 5) as i64, seq: keys::last_u64(&key), key, platform, lead })
        })
    }

    fn take(&self, destination: DestinationNo, route: &str, head: &Head) -> Result<Option<Claim>, StoreError> {
        let Some(lease) = self.claims.take((destination, head.platform, head.lead)) else { return Ok(None) };
        // Between the scan and the lease it may have been settled, moved, or sent back behind a reopened one.
        if !self.tree.contains_key(&head.key)? {
            return Ok(None);
        }
        let Some(pending) = Get::get::<PendingRecord>(&self.tree, &keys::pending(destination, head.seq))? else {
            return Ok(None);
        };
        let Some((event, envelope)) = self.event(head.seq)? else {
            // It may have been settled and taken away since; retention looks after claims, but not for this moment's.
            let missing = self.tree.contains_key(keys::pending(destination, head.seq))?;
            let error = || StoreError::Record("a pending delivery's event is missing".into());
            return if missing { Err(error()) } else { Ok(None) };
        };
        Ok(Some(Claim {
            destination,
            seq: head.seq,
            lease,
            event_type: records::event_type(event.event_type)?,
            lead: head.lead,
            seen_at: from_ms(event.at),
            route: route.to_owned(),
            envelope,
            event_id: event.id,
            progress: self.progress(head.seq, destination)?,
            counts: None,
            pending,
        }))
    }

    /// An event and its envelope; `None` where retention has taken it.
    pub(super) fn event(&self, seq: Seq) -> Result<Option<(EventRecord, Vec<u8>)>, StoreError> {
        let Some(bytes) = self.tree.get(keys::event(seq))? else { return Ok(None) };
        let (event, first) = records::decode_front::<EventRecord>(&bytes)?;
        if event.chunks == 0 {
            return Ok(Some((event, body::unpack(first)?)));
        }
        let mut packed = first.to_vec();
        for n in 0..event.chunks {
            let Some(chunk) = self.tree.get(keys::chunk(seq, n))? else {
                // Retention takes all of it at once, be it between two reads.
                let cut = self.tree.contains_key(keys::event(seq))?;
                let error = || StoreError::Record("an event's envelope is cut".into());
                return if cut { Err(error()) } else { Ok(None) };
            };
            packed.extend_from_slice(&chunk);
        }
        Ok(Some((event, body::unpack(&packed)?)))
    }
}

impl Txn<'_> {
    fn settle(&mut self, claim: Claim, settlement: Settlement) -> Result<bool, StoreError> {
        let Claim { destination, seq, lease, event_id, lead, counts, .. } = claim;
        self.leases.push(lease);
        self.wake.insert(destination);
        let now = to_ms(settlement.now);
        // A person may have dropped or moved it meanwhile; what was sent stays true.
        let stored = self.pending(destination, seq)?;
        if let Some(until) = settlement.wait_until {
            self.change_destination_no(destination, |record| {
                record.wait_until = record.wait_until.max(Some(to_ms(until)))
            })?;
        }
        if let Some(change) = settlement.breaker {
            self.change_destination_no(destination, |record| note_breaker(record, change, now))?;
        }
        if settlement.verdict == Verdict::Parked {
            self.change_destination_no(destination, |record| record.disabled = record.disabled.or(Some(now)))?;
        }
        // Retention leaves the events of claims alone: nothing else takes one.
        if stored.is_none() && self.bytes(&keys::event(seq))?.is_none() {
            return Ok(false);
        }
        let before = stored.clone().unwrap_or(claim.pending);
        let mut after = before.clone();
        // Put off untried: nothing but its contact does that.
        after.for_contact = settlement.tried.is_none() && matches!(settlement.verdict, Verdict::Again { .. });
        // A delivery of several steps counts once, with the first that got through: from then on the contact is changed there.
        if let (Verdict::Delivered | Verdict::NextStep, Some(counts)) = (settlement.verdict, counts) {
            self.count_contact(destination, counts, settlement.now)?;
        }
        let (mut error, mut accepted) = (settlement.why.unwrap_or_default(), None);
        if let Some(tried) = &settlement.tried {
            after.tries += 1;
            let counted = match &settlement.verdict {
                Verdict::Again { counted, .. } => *counted,
                Verdict::Parked => false,
                Verdict::Delivered | Verdict::NextStep | Verdict::Dead(_) => true,
            };
            let attempt = attempt_record(tried, counted);
            if error.is_empty() {
                error = attempt.in_short();
            }
            if settlement.verdict == Verdict::Delivered {
                accepted = Some(attempt);
            } else {
                self.put(keys::attempt(seq, destination, after.tries), &attempt)?;
            }
        }
        if stored.is_some() {
            match (settlement.verdict, settlement.progress) {
                (Verdict::Delivered, _) => {
                    // Most deliveries take one call: to look costs less than to delete what is not there.
                    let key = keys::progress(seq, destination);
                    if self.bytes(&key)?.is_some() {
                        self.delete(key);
                    }
                }
                (_, Some(progress)) => self.put(keys::progress(seq, destination), &progress)?,
                (_, None) => {}
            }
        }
        let done = match settlement.verdict {
            Verdict::NextStep | Verdict::Again { .. } | Verdict::Parked | Verdict::Dead(_) if stored.is_none() => {
                self.note_late_attempt(destination, seq, after.tries)
            }
            Verdict::Again { at, counted } => {
                after.failed += u32::from(counted);
                after.due = to_ms(at);
                self.keep_in_line(destination, seq, &before, &after)
            }
            // Its turn comes at once: it was due before all others that wait.
            Verdict::NextStep => self.keep_in_line(destination, seq, &before, &after),
            Verdict::Parked => {
                after.due = now;
                self.keep_in_line(destination, seq, &before, &after)
            }
            Verdict::Dead(_) if before.platform == keys::OPS => self.let_ops_die(destination, seq, &before, now),
            Verdict::Delivered | Verdict::Dead(_) => {
                if stored.is_some() {
                    self.leave_line(destination, seq, &before)?;
                }
                let (state, why) = match settlement.verdict {
                    Verdict::Dead(why) => (Settled::Dead, why.as_str().to_owned()),
                    _ => (Settled::Delivered, String::new()),
                };
                let settled = SettledRecord {
                    state,
                    lane: before.lane,
                    platform: before.platform,
                    lead: lead.0,
                    at: now,
                    tries: after.tries,
                    why,
                    error: if error.is_empty() { self.last_error(seq, destination, after.tries)? } else { error },
                    accepted,
                    sent_again: std::mem::take(&mut after.sent_again),
                };
                if state == Settled::Dead {
                    let name = self.destination_name(destination)?;
                    self.bury(&dead_id(&event_id, &name), &DeadRef::Delivery { seq, destination, died: now })?;
                }
                self.settle_as(seq, destination, &settled)
            }
        };
        done.map(|()| true)
    }

    /// Writes a settled delivery, its lane's counts, and what is known of the lead.
    pub(super) fn settle_as(
        &mut self,
        seq: Seq,
        destination: DestinationNo,
        settled: &SettledRecord,
    ) -> Result<(), StoreError> {
        let key = keys::settled(seq, destination);
        if let Some(before) = self.get::<SettledRecord>(&key)? {
            let count = count_of(self.counts(before.lane)?, before.state);
            *count = count.saturating_sub(1);
        }
        *count_of(self.counts(settled.lane)?, settled.state) += 1;
        self.put(key, settled)?;
        if settled.state != Settled::Dead {
            self.note_settled(seq, settled.at)?;
        }
        // Who got what of a lead is kept for ever.
        let (platform, lead) = (settled.platform, LeadId(settled.lead));
        if platform == keys::OPS {
            return self.trim_line(lead);
        }
        if let Some(mut known) = self.known(platform, lead)? {
            known.settle(destination, seq, Some(settled.state));
            self.put_known(platform, lead, known)?;
        }
        Ok(())
    }

    /// An attempt that was under way when a person ended the delivery: it belongs to the history, and its number is taken.
    fn note_late_attempt(&mut self, destination: DestinationNo, seq: Seq, tries: u32) -> Result<(), StoreError> {
        let key = keys::settled(seq, destination);
        if let Some(mut ended) = self.get::<SettledRecord>(&key)? {
            ended.tries = ended.tries.max(tries);
            self.put(key, &ended)?;
        }
        Ok(())
    }

    fn last_error(&self, seq: Seq, destination: DestinationNo, tries: u32) -> Result<String, StoreError> {
        let attempt: Option<AttemptRecord> = self.get(&keys::attempt(seq, destination, tries))?;
        Ok(attempt.map_or(String::new(), |attempt| attempt.in_short()))
    }
}

pub(super) fn count_of(counts: &mut records::LaneCounts, state: Settled) -> &mut u64 {
    match state {
        Settled::Delivered => &mut counts.delivered,
        Settled::Dead => &mut counts.dead,
        Settled::Dropped => &mut counts.dropped,
    }
}

fn attempt_record(tried: &Tried, counted: bool) -> AttemptRecord {
    let (status, error, answer, cut) = match &tried.answer {
        Answer::Got(response) => {
            let (kept, cut) = response.kept();
            let but = tried.but.clone().unwrap_or_default();
            (Some(response.status), but, String::from_utf8_lossy(kept).into_owned(), cut)
        }
        Answer::Taken { .. } | Answer::Refused { .. } | Answer::Nothing { .. } => {
            (None, tried.answer.said(), String::new(), false)
        }
    };
    AttemptRecord {
        at: to_ms(tried.at),
        took_ms: u32::try_from(tried.took.as_millis()).unwrap_or(u32::MAX),
        outcome: tried.outcome.as_str().to_owned(),
        status,
        error,
        answer,
        cut,
        counted,
        step: tried.step.clone(),
    }
}

/// The id of the dead letter for an event that a destination did not take.
pub(super) fn dead_id(event_id: &str, destination: &str) -> String {
    computed_id("dead", &["delivery", event_id, destination])
}
