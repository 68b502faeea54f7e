//! Asks WeClever, one question after another, and no more often than it must.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::{Access, SourceConfig};
use crate::domain::doctor::Shown;
use crate::domain::doctor::clock::{Sample, Skew};
use crate::domain::lead::{Lead, LeadId};
use crate::domain::pace::Rate;
use crate::domain::secret::Secret;
use crate::source::{Carrying, Heard, Listing, Manner, Source, SourceError, SourceErrorKind};

/// How often it is asked where the file sets no rate.
const RATE: Rate = Rate { count: 10, per: Duration::from_secs(1) };

/// So often a question is asked that gets no use out of its answers.
const TRIES: u32 = 4;

/// The same for a question whose refusal is an answer.
const TRIES_IN_A_MANNER: u32 = 2;

/// If it wants to be left alone for longer, nothing more is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token is renewed no more often.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// Asks, in the manner that has been found out so far.
pub struct Asker {
    source: Source,
    access: Access,
    token: Secret,
    pub manner: Manner,
    renewed: Instant,
    samples: Vec<Sample>,
    requests: u32,
    /// Whether anything was answered, whatever it was.
    reached: bool,
    over: Option<SourceError>,
}

/// How a question is asked again.
#[derive(Clone, Copy)]
struct Persistence {
    tries: u32,
    /// A refusal may mean that the token has died.
    renew: bool,
}

const PERSISTENT: Persistence = Persistence { tries: TRIES, renew: true };
const CURIOUS: Persistence = Persistence { tries: TRIES_IN_A_MANNER, renew: false };

/// Why a question has no answer.
#[derive(Clone, Debug)]
pub struct Miss {
    /// A status that is no success.
    pub status: Option<u16>,
    /// In a few words.
    pub said: String,
}

impl Asker {
    /// Gets a token. The second: the token, to see what it tells of itself.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn begin(config: &SourceConfig) -> Result<(Asker, Secret), SourceError> {
        // One after another, so that no burst of questions comes either.
        let source = Source::new(SourceConfig { rate: config.rate.or(Some(RATE)), concurrency: 1, ..config.clone() })?;
        let carrying = Carrying { header: config.auth_header.clone(), scheme: config.auth_scheme.clone() };
        let mut asker = Asker {
            source,
            access: config.access.clone(),
            token: Secret::new(""),
            manner: Manner { carrying: Some(carrying), encode_plus: config.encode_plus },
            renewed: Instant::now(),
            samples: Vec::new(),
            requests: 0,
            reached: false,
            over: None,
        };
        asker.token = match &config.access {
            Access::Token(token) => token.clone(),
            Access::Basic { .. } => asker.new_token().await?,
        };
        let token = asker.token.clone();
        Ok((asker, token))
    }

    /// How many requests were made.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// How far the API's clock is from this machine's, by all answers so far.
    pub fn skew(&self) -> Option<Skew> {
        Skew::of(&self.samples)
    }

    /// What a right clock shows when this machine's shows this, as far as the API's own clock is right.
    pub fn true_time(&self, at: Timestamp) -> Timestamp {
        let ms = self.skew().map_or(0, Skew::ms);
        Timestamp::from_millisecond(at.as_millisecond().saturating_add(ms)).unwrap_or(at)
    }

    /// Why nothing more is asked.
    pub fn over(&self) -> Option<&SourceError> {
        self.over.as_ref()
    }

    /// Why nothing was answered at all.
    pub fn unreached(&self) -> Option<&SourceError> {
        self.over().filter(|_| !self.reached)
    }

    /// The leads between two seconds on the API's clock.
    pub async fn list(&mut self, first: Shown, last: Shown) -> Result<BTreeSet<LeadId>, Miss> {
        self.list_at(first, last).await.map(|(_, leads)| leads)
    }

    /// The same, and when the request went and when the answer came, on this machine's clock.
    pub async fn list_at(
        &mut self,
        first: Shown,
        last: Shown,
    ) -> Result<((Timestamp, Timestamp), BTreeSet<LeadId>), Miss> {
        let manner = self.manner.clone();
        self.listed(&manner, &first.to_string(), &last.to_string(), PERSISTENT).await
    }

    /// The leads between two days, without a time in the dates.
    pub async fn list_days(&mut self, first: Date, last: Date) -> Result<BTreeSet<LeadId>, Miss> {
        let manner = self.manner.clone();
        self.listed(&manner, &first.to_string(), &last.to_string(), PERSISTENT).await.map(|(_, leads)| leads)
    }

    /// The same, asked for in some manner, whose refusal is an answer.
    pub async fn try_days(&mut self, manner: &Manner, first: Date, last: Date) -> Result<BTreeSet<LeadId>, Miss> {
        self.listed(manner, &first.to_string(), &last.to_string(), CURIOUS).await.map(|(_, leads)| leads)
    }

    /// The leads between two seconds, asked for in some manner.
    pub async fn try_list(&mut self, manner: &Manner, first: Shown, last: Shown) -> Result<BTreeSet<LeadId>, Miss> {
        self.listed(manner, &first.to_string(), &last.to_string(), PERSISTENT).await.map(|(_, leads)| leads)
    }

    /// A lead, and the status with which it came.
    pub async fn lead(&mut self, id: LeadId) -> Result<(u16, Lead), Miss> {
        let manner = self.manner.clone();
        self.ask(PERSISTENT, async |source, token| source.hear_lead(&manner, token, id).await)
            .await
            .map(|(status, _, lead)| (status, lead))
    }

    async fn listed(
        &mut self,
        manner: &Manner,
        first: &str,
        last: &str,
        persistence: Persistence,
    ) -> Result<((Timestamp, Timestamp), BTreeSet<LeadId>), Miss> {
        let ask = async |source: &Source, token: &Secret| source.hear_list(manner, token, first, last).await;
        let (_, between, Listing { rows, .. }) = self.ask(persistence, ask).await?;
        Ok((between, rows.into_iter().map(|row| row.id).collect()))
    }

    /// Asks until there is an answer that means something.
    async fn ask<T>(
        &mut self,
        Persistence { tries, renew }: Persistence,
        ask: impl AsyncFn(&Source, &Secret) -> Heard<T>,
    ) -> Result<(u16, (Timestamp, Timestamp), T), Miss> {
        let mut tried = 0;
        loop {
            tried += 1;
            if let Some(over) = &self.over {
                return Err(Miss { status: None, said: over.in_short() });
            }
            let heard = ask(&self.source, &self.token).await;
            self.note(&heard);
            let error = match heard.read {
                Ok(answer) => return Ok((heard.status.unwrap_or(200), (heard.sent, heard.back), answer)),
                Err(error) => error,
            };
            let miss = Miss { status: heard.status, said: error.in_short() };
            match &error.kind {
                SourceErrorKind::Throttled(wait) if *wait > PATIENCE => {
                    self.over = Some(error);
                    return Err(miss);
                }
                // The gate waits for as long as it has to.
                SourceErrorKind::Throttled(_) if tried < TRIES => {}
                SourceErrorKind::Unauthorized { .. } if renew && self.renewed_long_ago() => {
                    self.token =
                        self.new_token().await.map_err(|error| Miss { status: None, said: error.in_short() })?;
                }
                SourceErrorKind::NoAnswer(_) | SourceErrorKind::Malformed(_) | SourceErrorKind::Status(500..)
                    if tried < tries =>
                {
                    tokio::time::sleep(Duration::from_millis(250) * tried).await;
                }
                SourceErrorKind::NoAnswer(_) => {
                    self.over = Some(error);
                    return Err(miss);
                }
                _ => return Err(miss),
            }
        }
    }

    fn renewed_long_ago(&self) -> bool {
        matches!(self.access, Access::Basic { .. }) && self.renewed.elapsed() >= RENEW_EVERY
    }

    async fn new_token(&mut self) -> Result<Secret, SourceError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let heard = self.source.hear_token().await;
            self.note(&heard);
            self.renewed = Instant::now();
            match heard.read {
                Ok(token) => return Ok(token),
                Err(error) if tried >= TRIES => return Err(error),
                Err(error) => match &error.kind {
                    SourceErrorKind::Throttled(wait) if *wait <= PATIENCE => {}
                    SourceErrorKind::NoAnswer(_) | SourceErrorKind::Malformed(_) | SourceErrorKind::Status(500..) => {
                        tokio::time::sleep(Duration::from_millis(250) * tried).await;
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    fn note<T>(&mut self, heard: &Heard<T>) {
        self.requests += 1;
        self.reached |= heard.status.is_some();
        if let Some(date) = heard.date {
            self.samples.push(Sample { sent: heard.sent, back: heard.back, date });
        }
    }
}
