//! What is built of the file that is in force, and how another file takes its place.

use std::sync::Arc;

use tokio::sync::watch as signal;

use super::AppError;
use crate::config::{Config, Current};
use crate::dispatch::Places;
use crate::domain::destination::Destination;
use crate::intake::{Intake, Settings};
use crate::ops::Teller;
use crate::source::Source;
use crate::store::Store;
use crate::store::intake::Platform;
use crate::tokens::{Tokens, Way};
use crate::transport::{Transport, TransportError};
use crate::watch::{Clock, Feed, Health};

/// What no file changes while leadhook runs; cheap to clone.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) platform: Platform,
    pub(super) clock: Clock,
    pub(super) feed: Feed,
    pub(super) health: Health,
    pub(super) teller: Teller,
    pub(super) tokens: Tokens,
}

/// The file that is in force, and what is built of it; cheap to clone, and all clones go by the same file.
#[derive(Clone)]
pub(super) struct InForce {
    pub(super) parts: Parts,
    pub(super) current: Current,
    pub(super) intakes: signal::Sender<Arc<Intake>>,
    pub(super) places: signal::Sender<Arc<Places>>,
}

impl InForce {
    /// Builds everything of the file that is in force at first. Opens no connection.
    ///
    /// # Errors
    /// A client cannot be built.
    pub(super) fn new(parts: Parts, current: Current) -> Result<InForce, AppError> {
        let config = current.now();
        let intake = intake(&parts, &config, Source::new(config.source.clone())?);
        parts.tokens.go_by(&parts.store, &config.destinations, &parts.clock);
        let places = places(&config, &Made::new(&config, &Places::default())?, &parts.tokens);
        Ok(InForce {
            parts,
            current,
            intakes: signal::Sender::new(Arc::new(intake)),
            places: signal::Sender::new(Arc::new(places)),
        })
    }

    /// This file takes the place of the one that is in force. What is the same in both is not disturbed, and what is under
    /// way ends by the file that it began with.
    ///
    /// # Errors
    /// A client cannot be built. Nothing is changed then.
    pub(super) fn take(&self, config: Config) -> Result<(), AppError> {
        let (parts, before) = (&self.parts, self.current.now());
        let source = self.intakes.borrow().source.by(&config.source)?;
        let made = Made::new(&config, &self.places.borrow())?;
        // From here on nothing can fail.
        let config = Arc::new(config);
        self.current.replace(Arc::clone(&config));
        if before.destinations_are_those_of(&config) && before.marks.routes == config.marks.routes {
            // Workers do not even let go of what they have claimed.
        } else {
            parts.tokens.go_by(&parts.store, &config.destinations, &parts.clock);
            self.places.send_replace(Arc::new(places(&config, &made, &parts.tokens)));
        }
        if before.marks != config.marks {
            self.intakes.send_replace(Arc::new(intake(parts, &config, source)));
        }
        Ok(())
    }
}

/// What every destination of a file is reached by: as before, where the file says the same of it.
struct Made(Vec<(Arc<Destination>, Arc<Transport>)>);

impl Made {
    fn new(config: &Config, before: &Places) -> Result<Made, TransportError> {
        let made = config.destinations.iter().map(|destination| {
            let same = |(then, _): &&(Arc<Destination>, Arc<Way>)| {
                then.name == destination.name && then.mark == destination.mark
            };
            match before.destinations.iter().find(same) {
                Some((then, way)) => Ok((Arc::clone(then), way.transport())),
                None => Ok((Arc::new(destination.clone()), Arc::new(Transport::new(destination)?))),
            }
        });
        Ok(Made(made.collect::<Result<_, _>>()?))
    }
}

fn places(config: &Config, made: &Made, tokens: &Tokens) -> Places {
    let ways = made.0.iter().map(|(destination, transport)| {
        let way = Way::new(Arc::clone(transport), destination, tokens.of(&destination.name));
        (Arc::clone(destination), Arc::new(way))
    });
    Places { destinations: ways.collect(), routes: config.routes.clone(), veil: Arc::new(config.veil.clone()) }
}

/// What reads leads by this file.
pub(super) fn intake(parts: &Parts, config: &Config, source: Source) -> Intake {
    let file = &config.source;
    Intake {
        source,
        store: parts.store.clone(),
        platform: parts.platform.clone(),
        routes: config.routes.clone(),
        csat: config.csat.clone(),
        settings: Settings {
            timezone: file.timezone.clone(),
            poll_every: file.poll_every,
            overlap: file.overlap,
            lookback: file.lookback,
            lookback_every: file.lookback_every,
            sweep: file.sweep,
            sweep_every: file.sweep_every,
            concurrency: file.concurrency,
            rate: file.rate,
            give_up_after: file.give_up_after,
            recheck: file.recheck.clone(),
            watch: file.watch.clone(),
        },
        clock: parts.clock.clone(),
        feed: parts.feed.clone(),
        health: parts.health.clone(),
        teller: parts.teller.clone(),
    }
}
