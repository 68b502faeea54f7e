//! Backfills: ordered, looked at, ended; and carried out where no service does.

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Operator, Refusal, Verb, never_read, unknown_destination};
use crate::app::room::RoomWatch;
use crate::domain::backfill::{Backfill, Order, State};
use crate::domain::event::EventType;
use crate::intake::backfill::{Ended, routes_to};
use crate::store::intake::Baseline;

/// Send history to a destination.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackfillBegin {
    /// What is ordered.
    pub order: Order,
}

/// A backfill that has begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackfillBegun {
    /// As it is now.
    pub backfill: Backfill,
    /// The same was ordered before and has not ended: it goes on.
    pub goes_on: bool,
}

/// How far has it got?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackfillShow {
    /// Its number.
    pub no: u32,
}

/// Which are there?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackfillList {}

/// Those that go on and the last that have ended, the oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backfills {
    /// All of them.
    pub backfills: Vec<Backfill>,
}

/// End it. What was put on its way stays so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackfillCancel {
    /// Its number.
    pub no: u32,
}

impl Verb for BackfillBegin {
    const PATH: &'static str = "backfill/begin";
    type Reply = BackfillBegun;

    async fn run(self, operator: &Operator) -> Result<BackfillBegun, Refusal> {
        let (order, id) = (self.order, &operator.config().source.platform_id);
        operator.can_be_sent(&order)?;
        let progress = operator.store.find_progress(id).await?.ok_or_else(|| never_read(id))?;
        let platform = operator.store.find_platform(id).await?.ok_or_else(|| never_read(id))?;
        if progress.baseline == Baseline::Awaited && operator.health.is_none() {
            return Err(never_read(id));
        }
        let (backfill, goes_on) = operator.store.backfill_begin(&platform, order, operator.clock.now()).await?;
        Ok(BackfillBegun { backfill, goes_on })
    }
}

impl Verb for BackfillShow {
    const PATH: &'static str = "backfill/show";
    type Reply = Backfill;

    async fn run(self, operator: &Operator) -> Result<Backfill, Refusal> {
        operator.store.backfill(self.no).await?.ok_or_else(|| unknown(self.no))
    }
}

impl Verb for BackfillList {
    const PATH: &'static str = "backfill/list";
    type Reply = Backfills;

    async fn run(self, operator: &Operator) -> Result<Backfills, Refusal> {
        Ok(Backfills { backfills: operator.store.backfills().await? })
    }
}

impl Verb for BackfillCancel {
    const PATH: &'static str = "backfill/cancel";
    type Reply = Backfill;

    async fn run(self, operator: &Operator) -> Result<Backfill, Refusal> {
        let ended = operator.store.backfill_end(self.no, State::Cancelled, operator.clock.now()).await?;
        let backfill = operator.store.backfill(self.no).await?.ok_or_else(|| unknown(self.no))?;
        if ended { Ok(backfill) } else { Err(Refusal::Usage(format!("backfill {} has ended already", self.no))) }
    }
}

impl Operator {
    /// Carries out a backfill here, where no service does. Its deliveries are made by whoever delivers next.
    ///
    /// # Errors
    /// It cannot go on as things are, or the store cannot be read or written. Either way it goes on later.
    pub async fn carry_out(&self, no: u32, stop: CancellationToken) -> Result<(), Refusal> {
        let intake = self.intake().await?;
        let room = intake.health.room().clone();
        let mut watch = RoomWatch::new(self.store.clone(), self.current.clone(), room.clone());
        watch.look().await?;
        // Nobody makes room meanwhile, so that nothing is to be gained by waiting.
        let watching = async {
            let end = watch.run(stop.clone()).await;
            // What is in flight ends by itself.
            if end.is_ok() { std::future::pending().await } else { end.map(|()| Ended::Stopped) }
        };
        let end = tokio::select! {
            end = intake.backfill(no, stop.clone()) => end?,
            failed = watching => failed?,
            () = room.too_little() => Ended::Cannot(room.short().map_or_else(String::new, |short| short.to_string())),
        };
        match end {
            Ended::Ended | Ended::Stopped => Ok(()),
            Ended::Cannot(why) => Err(Refusal::Unavailable(why)),
        }
    }

    /// Refuses an order that nothing could come of.
    fn can_be_sent(&self, order: &Order) -> Result<(), Refusal> {
        let destination = &order.destination;
        if !self.is_in_file(destination) {
            return Err(unknown_destination(destination, &self.config()));
        }
        if !routes_to(destination, &self.config().routes, &order.on).is_empty() {
            return Ok(());
        }
        let on: Vec<&str> = order.on.iter().map(|on| on.as_str()).collect();
        let others: Vec<&str> = EventType::ALL.iter().map(|of| of.as_str()).filter(|of| !on.contains(of)).collect();
        let sends = |of: &&&str| {
            let of = EventType::from_name(of);
            self.config()
                .routes
                .iter()
                .any(|route| route.to.contains(destination) && route.on.iter().any(|on| Some(*on) == of))
        };
        let remedy = match others.iter().find(sends) {
            Some(other) => format!("add {} to the `on` of a route to it, or write --on {other}", on.join(" or ")),
            None => format!("add a route with on = [\"lead.finalized\"] and to = [\"{destination}\"] to the file"),
        };
        Err(Refusal::Usage(format!("no route sends {} to {destination}; {remedy}", on.join(" or "))))
    }
}

fn unknown(no: u32) -> Refusal {
    Refusal::Usage(format!("there is no backfill {no}; `leadhook backfill --list` shows those that are there"))
}
