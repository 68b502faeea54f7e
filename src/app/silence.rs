//! Notices when the source has been silent for too long, and when it is back: `ops.source.stale` and `.recovered`.
//!
//! That it counts as stale is on disk: it is said once, however often leadhook is restarted meanwhile, and its end is said
//! whoever sees it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::config::Current;
use crate::domain::event::{EventType, Ops};
use crate::domain::silence;
use crate::domain::{clock, span};
use crate::ops::{Teller, time};
use crate::store::intake::Platform;
use crate::store::ops::{Noted, Silence};
use crate::store::{Store, StoreError};
use crate::watch::{Clock, Health};

/// No sleep is longer, so that a clock that jumps is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What chat rooms read above the message.
const SUBJECT: &str = "source";

/// What is needed to notice.
pub(super) struct SilenceWatch {
    pub(super) store: Store,
    pub(super) platform: Platform,
    pub(super) teller: Teller,
    pub(super) health: Health,
    pub(super) clock: Clock,
    /// Says how long the source may be silent, and the zone of those who read what is told.
    pub(super) current: Current,
}

impl SilenceWatch {
    /// Listens until told to stop. Time counts from its beginning: a service that was off does not shout at once.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), StoreError> {
        let mut polls = self.health.good_polls();
        let mut noted = self.store.silence(&self.platform).await?;
        let mut files = self.current.follow();
        let mut silence = silence::Silence::begins(self.clock.now());
        loop {
            let mut wait = LONGEST_SLEEP;
            if noted.is_none_or(|noted| noted.stale.is_none()) {
                match silence.look(self.stale_after(), LONGEST_SLEEP, self.clock.now()) {
                    Some(left) => wait = left,
                    None => noted = Some(self.stale(silence.since).await?),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                poll = polls.changed() => {
                    if poll.is_err() {
                        return Ok(());
                    }
                    silence = silence::Silence::begins(self.clock.now());
                    if let Some(noted) = noted.take() {
                        self.over(noted).await?;
                    }
                }
                Ok(()) = files.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The end of a run of `--once`, which is one of many: the first of them that finds the source silent notes it, and
    /// the first of those that comes long enough after it tells.
    ///
    /// # Errors
    /// The store cannot be read or written any more.
    pub(super) async fn once(&self) -> Result<(), StoreError> {
        let noted = self.store.silence(&self.platform).await?;
        if self.health.good_polls().borrow().is_some() {
            return match noted {
                Some(noted) => self.over(noted).await,
                None => Ok(()),
            };
        }
        let now = self.clock.now();
        match noted {
            None => self.store.note_silence(self.noted(Some(Silence { since: now, stale: None }))).await,
            Some(noted) if noted.stale.is_none() && clock::elapsed(noted.since, now) >= self.stale_after() => {
                self.stale(noted.since).await.map(drop)
            }
            Some(_) => Ok(()),
        }
    }

    fn stale_after(&self) -> Duration {
        self.current.now().source.stale_after
    }

    async fn stale(&self, since: Timestamp) -> Result<Silence, StoreError> {
        let silence = Silence { since, stale: Some(self.clock.now()) };
        let last_poll = self.store.progress(&self.platform).await?.last_poll;
        let why = self.health.source().in_short;
        let mut message =
            format!("WeClever could not be read for {}", span::format(clock::elapsed(since, self.clock.now())));
        if let Some(last_poll) = last_poll {
            message.push_str(&format!(
                "; the last good poll was at {}",
                clock::shown(last_poll, &self.current.now().source.timezone)
            ));
        }
        if let Some(why) = &why {
            message.push_str(&format!(": {why}"));
        }
        let more = Map::from_iter([
            ("since".to_owned(), time(since)),
            ("last_poll".to_owned(), last_poll.map_or(Value::Null, time)),
            ("error".to_owned(), why.map_or(Value::Null, Value::from)),
        ]);
        let what = self.ops(EventType::OpsSourceStale, message, since, more);
        self.teller.happened(what, None, Some(self.noted(Some(silence)))).await?;
        Ok(silence)
    }

    /// It answers again.
    async fn over(&self, silence: Silence) -> Result<(), StoreError> {
        if silence.stale.is_none() {
            return self.store.note_silence(self.noted(None)).await;
        }
        let message = format!(
            "WeClever can be read again, after {}; what was missed meanwhile is read now",
            span::format(clock::elapsed(silence.since, self.clock.now()))
        );
        let more = Map::from_iter([("since".to_owned(), time(silence.since))]);
        let what = self.ops(EventType::OpsSourceRecovered, message, silence.since, more);
        self.teller.happened(what, None, Some(self.noted(None))).await
    }

    fn ops(&self, event_type: EventType, message: String, began: Timestamp, more: Map<String, Value>) -> Ops {
        Ops { event_type, subject: SUBJECT.to_owned(), message, count: 1, began, of: String::new(), more }
    }

    fn noted(&self, silence: Option<Silence>) -> Noted {
        Noted { platform: self.platform.clone(), silence }
    }
}
