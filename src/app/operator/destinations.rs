//! What a person does to a destination.

use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb, unknown_destination};
use crate::store::destinations::{Lanes, Place};

/// Nothing is sent there until it is resumed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// The destination.
    pub name: String,
}

/// Sending goes on, after a pause by hand, a 410, or a wait that the destination asked for. Where it was neither paused nor
/// disabled, what waits is tried now; where it was failing, one delivery finds out whether it still is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resume {
    /// The destination.
    pub name: String,
}

/// What waits at a destination.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The destination.
    pub name: String,
    /// Deliveries that are still to be made.
    pub pending: u64,
}

/// What waits at a destination that was resumed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resumed {
    /// The destination.
    pub name: String,
    /// Deliveries that are still to be made.
    pub pending: u64,
    /// Whether what waits for its next attempt is tried now: nothing was held back by a person or a 410.
    pub tried_now: bool,
}

/// Pending deliveries go elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Move {
    /// From this destination, which may have left the file.
    pub from: String,
    /// To this one, which is in the file.
    pub to: String,
    /// Only those of this route.
    pub route: Option<String>,
    /// They count as this route's from then on.
    pub to_route: Option<String>,
}

/// What a move did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MovedReply {
    /// Deliveries that now wait at the new place.
    pub moved: u64,
    /// Deliveries that ended, because the new place has had, or awaits, the same event.
    pub merged: u64,
}

/// Pending deliveries are dropped for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drop {
    /// The destination, which may have left the file.
    pub name: String,
    /// Only those of this route.
    pub route: Option<String>,
}

/// What a drop did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dropped {
    /// Deliveries that were dropped.
    pub dropped: u64,
}

impl Verb for Pause {
    const PATH: &'static str = "destination/pause";
    type Reply = Standing;

    async fn run(self, operator: &Operator) -> Result<Standing, Refusal> {
        operator.must_know(&self.name).await?;
        operator.store.pause(&self.name, operator.clock.now()).await?;
        operator.standing(self.name).await
    }
}

impl Verb for Resume {
    const PATH: &'static str = "destination/resume";
    type Reply = Resumed;

    async fn run(self, operator: &Operator) -> Result<Resumed, Refusal> {
        operator.must_know(&self.name).await?;
        let tried_now = operator.store.resume(&self.name, operator.clock.now()).await?;
        let Standing { name, pending } = operator.standing(self.name).await?;
        Ok(Resumed { name, pending, tried_now })
    }
}

impl Verb for Move {
    const PATH: &'static str = "destination/move";
    type Reply = MovedReply;

    async fn run(self, operator: &Operator) -> Result<MovedReply, Refusal> {
        operator.must_know(&self.from).await?;
        if !operator.is_in_file(&self.to) {
            return Err(unknown_destination(&self.to, &operator.config()));
        }
        if let Some(route) = &self.to_route
            && !operator.config().routes.iter().any(|r| r.name == *route)
        {
            let config = operator.config();
            let names: Vec<&str> = config.routes.iter().map(|r| r.name.as_str()).collect();
            return Err(Refusal::Usage(format!(
                "there is no route `{route}` in the file; there are: {}",
                names.join(", ")
            )));
        }
        if self.from == self.to && self.to_route.is_none() {
            return Err(Refusal::Usage(
                "both destinations are the same; name another one, or a route with --to-route".into(),
            ));
        }
        let place = Place { destination: self.to, route: self.to_route };
        let moved =
            operator.store.move_pending(&self.from, Lanes { route: self.route }, place, operator.clock.now()).await?;
        Ok(MovedReply { moved: moved.moved, merged: moved.merged })
    }
}

impl Verb for Drop {
    const PATH: &'static str = "destination/drop";
    type Reply = Dropped;

    async fn run(self, operator: &Operator) -> Result<Dropped, Refusal> {
        operator.must_know(&self.name).await?;
        let dropped =
            operator.store.drop_pending(&self.name, Lanes { route: self.route }, operator.clock.now()).await?;
        Ok(Dropped { dropped })
    }
}

impl Operator {
    async fn standing(&self, name: String) -> Result<Standing, Refusal> {
        let census = self.census().await?;
        let pending = census.lanes.iter().filter(|lane| lane.destination == name).map(|lane| lane.pending).sum();
        Ok(Standing { name, pending })
    }
}
