//! What becomes of deliveries: what came back of an attempt and what follows from it, for the delivery and for the destination,
//! on its way to the disk.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinError;
use tracing::{info, warn};

use super::Worker;
use crate::dispatch::attempt::{self, Attempt, Tried};
use crate::dispatch::telling;
use crate::domain::breaker::Change;
use crate::domain::clock;
use crate::domain::event::Ops;
use crate::domain::form::Unfit;
use crate::domain::outcome::Outcome;
use crate::domain::retry::{Death, Verdict};
use crate::store::StoreError;
use crate::store::dispatch::{Claim, Settlement};
use crate::watch::{Happening, Trouble};

/// What a settlement means for those that wait.
#[derive(Clone, Copy, Default)]
pub(super) struct Settling {
    /// It holds the destination back.
    pub(super) holds: bool,
    /// Its delivery goes on before any other.
    pub(super) goes_on: bool,
}

impl Worker {
    pub(super) fn came_back(
        &mut self,
        attempt: Result<Result<Tried, StoreError>, JoinError>,
    ) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        self.note_in_flight();
        let attempt = match attempt {
            Ok(tried) => match tried? {
                Tried::Back(attempt) => *attempt,
                Tried::Withheld(event_id) => {
                    self.contacts.take_mark(&event_id);
                    self.no_probe(now);
                    return Ok(());
                }
            },
            Err(lost) => {
                // Its claim went with it, so the delivery is still due.
                self.no_probe(now);
                if lost.is_panic() {
                    std::panic::resume_unwind(lost.into_panic());
                }
                return Ok(());
            }
        };
        if !self.setting.is_as_then(&attempt.destination) {
            // How the destination was doing by another file says nothing of how it is doing.
            self.conclude(attempt, None, None, now);
            return Ok(());
        }
        self.probing &= !attempt.probe;
        let change = self.note(&attempt, now);
        let pause = match attempt.outcome() {
            Outcome::Throttled(asked) => Some(self.throttle.pause(asked, attempt.began, Instant::now())),
            Outcome::Accepted => {
                self.throttle.success(attempt.began);
                None
            }
            _ => None,
        };
        self.conclude(attempt, pause, change, now);
        Ok(())
    }

    /// A probe, if there was one, told nothing.
    fn no_probe(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.probing) {
            self.breaker.probe_lost(now);
        }
    }

    /// Settles what an attempt led to. `pause`: how long the destination is now left alone. `change`: of its breaker.
    pub(super) fn conclude(
        &mut self,
        attempt: Attempt,
        pause: Option<Duration>,
        change: Option<Change>,
        now: Timestamp,
    ) {
        let verdict = match attempt.verdict(pause, now, fastrand::f64()) {
            // Gone is what the file said then.
            Verdict::Parked if !self.setting.is_as_then(&attempt.destination) => {
                Verdict::Again { at: now, counted: false }
            }
            verdict => verdict,
        };
        let name = self.parts.name.clone();
        attempt.log(&name, &verdict);
        let said = attempt.said();
        let happening = attempt.happening(&name, verdict, now);
        let (claim, settlement) = attempt.settlement(verdict, pause.map(|pause| clock::after(now, pause)), change, now);
        // In force at once, though the disk hears of it a moment later.
        self.holds.wait_until = self.holds.wait_until.max(settlement.wait_until);
        if settlement.verdict == Verdict::Parked {
            self.holds.disabled = Some(now);
            warn!(
                destination = name,
                said, "says that it is gone: disabled until `leadhook destination resume {name}`"
            );
            self.tell(telling::disabled(&name, &said, now));
        }
        self.settle(claim, settlement, happening);
    }

    /// Every step is behind it: those that were left out were the last.
    pub(super) fn done(&mut self, claim: Claim, now: Timestamp) {
        let name = self.parts.name.clone();
        let (lead, event) = (claim.lead.0, &claim.event_id);
        info!(destination = name, lead, event, "no step is left: delivered");
        let age = clock::elapsed(claim.seen_at, now);
        let happening = Happening::Done { destination: name, lead: claim.lead, age };
        let verdict = Verdict::Delivered;
        let settlement =
            Settlement { tried: None, verdict, wait_until: None, breaker: None, why: None, progress: None, now };
        self.settle(claim, settlement, happening);
    }

    /// Too old to be tried: dead without another attempt.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let Some(claim) = self.ready.pop_front() else { return };
        self.end_untried(claim, Death::TooOld, None, now);
    }

    /// No request can be made of it: sending would have to wait for another file, and nobody would know.
    pub(super) fn bury(&mut self, claim: Claim, unfit: &Unfit, now: Timestamp) {
        self.end_untried(claim, unfit.death(), Some(unfit.of_the_dead()), now);
    }

    fn end_untried(&mut self, claim: Claim, death: Death, why: Option<String>, now: Timestamp) {
        let name = self.parts.name.clone();
        if claim.event_type.is_ops() {
            attempt::log_untold(&claim, &name, why.as_deref().unwrap_or(death.as_str()));
        } else {
            let (lead, event) = (claim.lead.0, &claim.event_id);
            info!(destination = name, lead, event, why = why.as_deref(), "{death}: set aside as a dead letter");
        }
        let happening = Happening::Unsent { destination: name, lead: claim.lead, death };
        let verdict = Verdict::Dead(death);
        let settlement = Settlement { tried: None, verdict, wait_until: None, breaker: None, why, progress: None, now };
        self.settle(claim, settlement, happening);
    }

    fn settle(&mut self, claim: Claim, settlement: Settlement, happening: Happening) {
        let (store, feed) = (self.parts.store.clone(), self.parts.feed.clone());
        let holds = settlement.wait_until.is_some() || settlement.verdict == Verdict::Parked;
        // It counts as on its way until the disk knows.
        let mark = self.contacts.take_mark(&claim.event_id);
        let name = &self.parts.name;
        let news = telling::death(name, &claim, &settlement, &happening);
        let news = news.map(|news| (self.parts.teller.clone(), news, name.clone()));
        let goes_on = settlement.verdict == Verdict::NextStep && self.setting.destination.concurrency == 1;
        self.holds_on_their_way += usize::from(holds);
        self.steps_on_their_way += usize::from(goes_on);
        self.settling.spawn(async move {
            let settled = store.settle(claim, settlement).await?;
            drop(mark);
            if !settled {
                return Ok(Settling { holds, goes_on });
            }
            feed.tell(happening);
            if let Some((teller, news, about)) = news {
                teller.happened(news, Some(about), None).await?;
            }
            Ok(Settling { holds, goes_on })
        });
    }

    /// Tells whoever wants to hear of it, but for this destination itself.
    fn tell(&mut self, what: Ops) {
        let (teller, about) = (self.parts.teller.clone(), self.parts.name.clone());
        self.settling
            .spawn(async move { teller.happened(what, Some(about), None).await.map(|()| Settling::default()) });
    }

    pub(super) fn settled(
        &mut self,
        settled: Result<Result<Settling, StoreError>, JoinError>,
    ) -> Result<(), StoreError> {
        let settled = match settled {
            Ok(settled) => settled?,
            Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
            // Settlements are never cut off but together with the worker.
            Err(_) => Settling::default(),
        };
        self.contacts.come_back(&mut self.ready);
        if settled.goes_on {
            self.steps_on_their_way -= 1;
            // It was due before all that are claimed, and is claimed before them now.
            self.give_back();
        }
        if settled.holds {
            self.holds_on_their_way -= 1;
            // A person may have resumed it meanwhile; from now on the disk has the last word.
            self.holds_are_old = true;
        }
        Ok(())
    }

    /// What the attempt says of how the destination is doing.
    fn note(&mut self, attempt: &Attempt, now: Timestamp) -> Option<Change> {
        let failing = self.breaker.since();
        let change = self.breaker.observe(&attempt.outcome(), attempt.probe, now);
        if matches!(change, Some(Change::Tripped)) {
            self.give_back();
        }
        let name = &self.parts.name.clone();
        match change {
            Some(Change::Tripped) => {
                warn!(destination = name, said = attempt.said(), "failing: only probes are sent until one is accepted");
                self.parts.feed.tell(Happening::Failing { destination: name.clone() });
                self.tell(telling::failing(name, &attempt.said(), self.breaker.since().unwrap_or(now)));
            }
            Some(Change::Closed) => {
                info!(destination = name, "recovered: deliveries go on");
                self.parts.feed.tell(Happening::Recovered { destination: name.clone() });
                self.tell(telling::recovered(name, failing.unwrap_or(now), now));
            }
            None => {}
        }
        let since = self.breaker.since();
        self.parts.health.of_destination(name, |health| {
            health.failing_since = since;
            if attempt.outcome() == Outcome::Accepted {
                (health.last_accepted, health.trouble) = (Some(now), None);
            } else {
                health.trouble = Some(Trouble::again(health.trouble.take(), attempt.said(), now));
            }
        });
        change
    }
}
