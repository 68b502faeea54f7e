//! One destination's worker: when something may be sent, and how much at a time.
//!
//! What becomes of what was sent is in `settling`, what another file means for it in `another_file`.

mod another_file;
mod settling;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;
use tracing::info;

use self::settling::Settling;
use super::Ending;
use super::attempt::{self, Attempt, Tried, Try};
use super::contacts::{Contacts, OnItsWay};
use super::setting::Setting;
use crate::domain::breaker::{Breaker, Permission};
use crate::domain::clock;
use crate::domain::contact::free_at;
use crate::domain::pace::{Bucket, Throttle};
use crate::domain::retry::{Verdict, too_old};
use crate::domain::steps::Next;
use crate::ops::Teller;
use crate::store::contacts::Counts;
use crate::store::destinations::Holds;
use crate::store::dispatch::{Claim, Settlement};
use crate::store::{Store, StoreError};
use crate::watch::{Clock, Feed, Health};

/// Settlements that may be on their way to the disk while more is sent.
const SETTLING: usize = 256;

/// Deliveries claimed at a time: each claim walks past those that are being settled, so that a few at a time cost more
/// than many.
const CLAIMED: usize = 64;

/// What was claimed longer ago and is not on its way yet is claimed anew: a person may have dropped or moved it.
const FRESH: Duration = Duration::from_secs(1);

/// No sleep is longer, so that a clock that jumps is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

pub struct Parts {
    pub store: Store,
    /// The destination's.
    pub name: String,
    pub clock: Clock,
    pub feed: Feed,
    pub health: Health,
    pub teller: Teller,
}

pub struct Worker {
    parts: Parts,
    /// What the file says of the destination, or last said.
    setting: Arc<Setting>,
    /// Tells what it says from now on; `None`: nothing any more.
    told: signal::Receiver<Option<Arc<Setting>>>,
    /// Without it there, nothing is claimed.
    in_file: bool,
    breaker: Breaker,
    throttle: Throttle,
    bucket: Option<Bucket>,
    /// Claimed, and next on the wire.
    ready: VecDeque<Claim>,
    claimed_at: Instant,
    /// How many are on their way for each contact, where these are counted.
    contacts: Contacts,
    /// When there may be something to claim; `None`: not before the bell rings.
    next_due: Option<Timestamp>,
    in_flight: JoinSet<Result<Tried, StoreError>>,
    probing: bool,
    settling: JoinSet<Result<Settling, StoreError>>,
    /// How many of those hold the destination back: until they are on disk, the disk does not know.
    holds_on_their_way: usize,
    /// How many of those are one step of several at a destination that takes one delivery at a time: the next step is
    /// that delivery's, whoever else waits. Two that were looked for and not found would both be made.
    steps_on_their_way: usize,
    /// As last read; read again when the bell has rung.
    holds: Holds,
    holds_are_old: bool,
}

/// What the worker waits for.
enum Wait {
    /// Something may be sent once a place is free, or once the bell rings.
    Bell,
    /// Nothing may be sent before then.
    Until(Timestamp),
    /// The rate lets nothing through before then.
    Rate(Instant),
}

impl Worker {
    pub fn new(parts: Parts, setting: Arc<Setting>, told: signal::Receiver<Option<Arc<Setting>>>) -> Worker {
        let bucket = setting.destination.rate.map(|rate| Bucket::new(rate, rate.burst()));
        Worker {
            parts,
            setting,
            told,
            in_file: true,
            breaker: Breaker::default(),
            throttle: Throttle::default(),
            bucket,
            ready: VecDeque::new(),
            claimed_at: Instant::now(),
            contacts: Contacts::default(),
            next_due: Some(Timestamp::MIN),
            in_flight: JoinSet::new(),
            probing: false,
            settling: JoinSet::new(),
            holds_on_their_way: 0,
            steps_on_their_way: 0,
            holds: Holds::default(),
            holds_are_old: true,
        }
    }

    /// Sends what is due until told to end; then ends what is in flight.
    pub async fn run(mut self, mut ending: Ending) -> Result<(), StoreError> {
        let pulse = self.parts.health.pulses().begin(&format!("the worker of destination {}", self.parts.name));
        let bell = self.parts.store.destination_bell(&self.parts.name).await?;
        self.go_on_where_it_was().await?;
        while !ending.stop.is_cancelled() {
            pulse.beat();
            if self.told.has_changed().unwrap_or(false) {
                let setting = self.told.borrow_and_update().clone();
                self.go_by(setting);
            }
            let finish = *ending.finish.borrow_and_update();
            // The end is not decided by what the last claim left: what was recorded since may not have rung yet.
            if finish.is_some() {
                self.next_due = Some(Timestamp::MIN);
            }
            let wait = self.send_what_may_be_sent().await?;
            let idle = self.in_flight.is_empty() && self.settling.is_empty();
            if let (true, Some(by)) = (idle, finish) {
                match wait {
                    Wait::Bell => break,
                    Wait::Until(at) if at > by => break,
                    _ => {}
                }
            }
            let long = self.how_long(&wait);
            tokio::select! {
                biased;
                () = ending.stop.cancelled() => {}
                Some(attempt) = self.in_flight.join_next(), if self.settling.len() < SETTLING => self.came_back(attempt)?,
                Some(settled) = self.settling.join_next() => self.settled(settled)?,
                () = bell.notified() => (self.holds_are_old, self.next_due) = (true, Some(Timestamp::MIN)),
                _ = ending.finish.changed() => {}
                Ok(()) = self.told.changed() => self.told.mark_changed(),
                // A bell is a hint: now and then the store is asked without one.
                () = tokio::time::sleep(long) => self.next_due = Some(Timestamp::MIN),
            }
        }
        drop(pulse);
        self.end(&ending).await
    }

    /// What was found out of the destination before a restart still holds.
    async fn go_on_where_it_was(&mut self) -> Result<(), StoreError> {
        self.holds = self.parts.store.holds(&self.parts.name).await?;
        if let Some(since) = self.holds.failing {
            self.breaker = Breaker::still_open(since, self.parts.clock.now());
            self.parts.health.of_destination(&self.parts.name, |health| health.failing_since = Some(since));
            info!(destination = self.parts.name, %since, "was failing: only probes are sent until one is accepted");
        }
        Ok(())
    }

    /// Begins attempts as far as they are allowed, and says what to wait for.
    async fn send_what_may_be_sent(&mut self) -> Result<Wait, StoreError> {
        if self.settling.len() >= SETTLING || !self.in_file {
            return Ok(Wait::Bell);
        }
        let now = self.parts.clock.now();
        if std::mem::take(&mut self.holds_are_old) {
            let mut holds = self.parts.store.holds(&self.parts.name).await?;
            if self.holds_on_their_way > 0 {
                holds.wait_until = holds.wait_until.max(self.holds.wait_until);
                holds.disabled = holds.disabled.or(self.holds.disabled);
            }
            if holds.resumed != self.holds.resumed {
                // A person wants it tried now.
                self.breaker.look_again(now);
                self.probing = false;
                self.throttle = Throttle::default();
            }
            self.holds = holds;
        }
        let holds = self.holds;
        if holds.paused.is_some() || holds.disabled.is_some() {
            self.give_back();
            return Ok(Wait::Bell);
        }
        if let Some(until) = holds.wait_until.filter(|until| *until > now) {
            self.give_back();
            return Ok(Wait::Until(until));
        }
        let probe = match self.breaker.permission(now) {
            Permission::Free => false,
            Permission::OneProbe => true,
            Permission::ProbeInFlight => return Ok(Wait::Bell),
            Permission::NotBefore(at) => {
                self.give_back();
                return Ok(Wait::Until(at));
            }
        };
        let places = if probe { 1 } else { self.setting.destination.concurrency };
        if !self.ready.is_empty() && self.claimed_at.elapsed() > FRESH {
            self.give_back();
        }
        if self.in_flight.is_empty() && self.settling.is_empty() {
            self.contacts.come_back(&mut self.ready);
        }
        while self.in_flight.len() < places && self.steps_on_their_way == 0 {
            if self.ready.is_empty() && self.next_due.is_some_and(|at| at <= now) {
                self.claim(if probe { 1 } else { CLAIMED.max(places) }, now).await?;
            }
            let Some(claim) = self.ready.front() else { return Ok(self.next_due.map_or(Wait::Bell, Wait::Until)) };
            if too_old(claim.opened_at(), self.setting.destination.max_age, now) {
                self.expire(now);
                continue;
            }
            let Some(counted) = self.admit(now).await? else { continue };
            if let Some(Err(at)) = self.bucket.as_mut().map(|bucket| bucket.take(Instant::now())) {
                return Ok(Wait::Rate(at));
            }
            self.begin(probe, counted, now);
        }
        Ok(Wait::Bell)
    }

    /// Whether the next one's contact may be told of now, and how that is counted. `None`: it may not, and the delivery is out
    /// of the way: it waits for those that are on their way to that contact, or until it is free.
    async fn admit(&mut self, now: Timestamp) -> Result<Option<Option<OnItsWay>>, StoreError> {
        let destination = Arc::clone(&self.setting.destination);
        let (Some(each), Some(claim)) = (&destination.rate_per_contact, self.ready.front()) else {
            return Ok(Some(None));
        };
        // What has got through with a step was counted then, and goes on to its end.
        let begun = claim.progress.passed.iter().any(|passed| !passed.skipped);
        if begun || claim.event_type.is_ops() {
            return Ok(Some(None));
        }
        // An event that cannot be read fails as a request, with its reason.
        let Ok(contact) = each.contact(&destination.form, &claim.event_id, &claim.envelope) else {
            return Ok(Some(None));
        };
        let latest = clock::after(claim.opened_at(), destination.max_age);
        let told_of = self.parts.store.told_of(&destination.name, contact).await?;
        if let Some(at) = free_at(each.limit, &told_of, 0, now) {
            self.put_off(at.min(latest), now);
            return Ok(None);
        }
        if free_at(each.limit, &told_of, self.contacts.under_way(contact), now).is_some() {
            self.contacts.wait(self.ready.pop_front());
            return Ok(None);
        }
        Ok(Some(Some(self.contacts.begin(Counts { contact, limit: each.limit }))))
    }

    /// Nothing is sent, and no attempt counted, before its contact is free again.
    fn put_off(&mut self, at: Timestamp, now: Timestamp) {
        let Some(claim) = self.ready.pop_front() else { return };
        let (destination, event) = (&self.parts.name, &claim.event_id);
        info!(destination, lead = claim.lead.0, %event, until = %at, "its contact has had as much as it may: it waits");
        let verdict = Verdict::Again { at, counted: false };
        let settlement =
            Settlement { tried: None, verdict, wait_until: None, breaker: None, why: None, progress: None, now };
        let store = self.parts.store.clone();
        self.settling.spawn(async move { store.settle(claim, settlement).await.map(|_| Settling::default()) });
    }

    async fn claim(&mut self, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        let due = self.parts.store.claim(&self.parts.name, &self.setting.routes, now, limit).await?;
        (self.next_due, self.claimed_at) = (due.next, Instant::now());
        self.ready.extend(due.claims);
        Ok(())
    }

    /// Lets go of what was claimed and not sent: it is due as before.
    fn give_back(&mut self) {
        self.ready.clear();
        self.contacts.give_back();
        self.next_due = Some(Timestamp::MIN);
    }

    fn begin(&mut self, probe: bool, counted: Option<OnItsWay>, now: Timestamp) {
        // A person may have had its lead forgotten since.
        let Some(mut claim) = self.ready.pop_front().filter(Claim::stands) else { return };
        if let Some(OnItsWay { counts, mark }) = counted {
            claim.counts = Some(counts);
            self.contacts.mark(&claim.event_id, mark);
        }
        // Only what goes through one of these routes is claimed.
        let Some(calls) = self.setting.calls.get(&claim.route) else { return };
        let (envelope, progress) = (std::mem::take(&mut claim.envelope), std::mem::take(&mut claim.progress));
        let call = match calls.next(&claim.event_id, envelope, progress) {
            Ok(Next::Send(call)) => *call,
            Ok(Next::Done) => return self.done(claim, now),
            Ok(Next::Lost(lost)) => {
                let attempt = Attempt::lost(claim, Arc::clone(&self.setting.destination), lost, now);
                return self.conclude(attempt, None, None, now);
            }
            Err(unfit) => return self.bury(claim, &unfit, now),
        };
        if probe {
            self.breaker.probe_sent(now);
            self.probing = true;
        }
        let (setting, store) = (Arc::clone(&self.setting), self.parts.store.clone());
        let this = Try { claim, call, probe, at: now, began: Instant::now() };
        self.in_flight.spawn(async move { attempt::send(&store, &setting, this).await });
        self.note_in_flight();
    }

    fn note_in_flight(&self) {
        let in_flight = self.in_flight.len();
        self.parts.health.of_destination(&self.parts.name, |health| health.in_flight = in_flight);
    }

    fn how_long(&self, wait: &Wait) -> Duration {
        match wait {
            Wait::Bell => LONGEST_SLEEP,
            Wait::Until(at) => clock::elapsed(self.parts.clock.now(), *at).min(LONGEST_SLEEP),
            Wait::Rate(at) => at.saturating_duration_since(Instant::now()).min(LONGEST_SLEEP),
        }
    }

    /// Ends what is in flight and settles it, unless told to drop it.
    async fn end(mut self, ending: &Ending) -> Result<(), StoreError> {
        self.give_back();
        while !self.in_flight.is_empty() || !self.settling.is_empty() {
            tokio::select! {
                biased;
                () = ending.abort.cancelled() => break,
                Some(attempt) = self.in_flight.join_next() => self.came_back(attempt)?,
                Some(settled) = self.settling.join_next() => self.settled(settled)?,
            }
        }
        Ok(())
    }
}
