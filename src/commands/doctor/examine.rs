//! The examination: one question after another, each built on the answers before it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::asker::{Asker, Miss};
use crate::config::{Access, SourceConfig};
use crate::domain::doctor::access::{self, Tried, Way};
use crate::domain::doctor::newest::{Days, Second};
use crate::domain::doctor::plus::{self, Spelling};
use crate::domain::doctor::zone::{Arrived, Begun, Evidence, Newest, first_message};
use crate::domain::doctor::{About, Certainty, Finding, Fits, Shown, cap, clock, ends, status, token, zone};
use crate::domain::lead::LeadId;
use crate::domain::span;
use crate::source::{Carrying, Manner, SourceError};

/// So many leads' details are read.
const DETAILS: usize = 3;

/// How often somebody who waits for a lead looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What was found out, and by how many requests.
pub struct Examined {
    pub findings: Vec<Finding>,
    pub requests: u32,
}

/// Finds out what there is to find out. `wait`: how long to wait for a conversation to be finalized. `stage`: told what is
/// being looked at.
///
/// # Errors
/// No token is to be had, or nothing was answered at all.
pub async fn examine(
    config: &SourceConfig,
    wait: Duration,
    stage: impl FnMut(&'static str),
) -> Result<Examined, SourceError> {
    let (asker, token) = Asker::begin(config).await?;
    let until = Instant::now() + wait;
    let mut examination = Examination { asker, config, until, stage, findings: Vec::new() };
    let asked_for = matches!(config.access, Access::Basic { .. });
    examination.findings.push(token::verdict(token::Claims::read(&token), asked_for, Timestamp::now()));
    drop(token);
    examination.go_through().await;
    match examination.asker.unreached() {
        Some(error) => Err(error.clone()),
        None => Ok(examination.end()),
    }
}

struct Examination<'a, S> {
    asker: Asker,
    config: &'a SourceConfig,
    until: Instant,
    stage: S,
    findings: Vec<Finding>,
}

/// What is known of the newest lead.
struct Found {
    lead: LeadId,
    at: Shown,
    /// A day that is still to come everywhere.
    far: Shown,
    evidence: Evidence,
    looked: Look,
}

/// A look at what came after the newest lead.
struct Look {
    from: Shown,
    at: (Timestamp, Timestamp),
    leads: BTreeSet<LeadId>,
}

impl<S: FnMut(&'static str)> Examination<'_, S> {
    async fn go_through(&mut self) {
        (self.stage)("which header carries the token");
        if !self.access().await {
            return;
        }
        (self.stage)("when the newest lead was finalized");
        let day = self.newest_day().await;
        (self.stage)("how dates are written");
        if !self.plus(day.as_ref()).await {
            return;
        }
        (self.stage)("when the newest lead was finalized");
        let Some(mut found) = self.newest(day).await else { return };
        (self.stage)("whether lists include their ends");
        if !self.ends(&found).await {
            return;
        }
        (self.stage)("what a lead looks like");
        self.details(&mut found).await;
        (self.stage)("whether lists are cut");
        self.cap(&found).await;
        (self.stage)("which zone the dates are in");
        self.zone(found).await;
    }

    /// Whether there is any use in going on.
    async fn access(&mut self) -> bool {
        let file = Way { header: self.config.auth_header.clone(), scheme: self.config.auth_scheme.clone() };
        let today = today();
        // Yesterday until tomorrow: few leads, and no `+`.
        let days = (plus_days(today, -1), plus_days(today, 1));
        let mut tried = Tried::default();
        for way in access::ways(&file) {
            let carrying = Carrying { header: way.header.clone(), scheme: way.scheme.clone() };
            let manner = Manner { carrying: Some(carrying), ..self.asker.manner.clone() };
            let reply = reply(self.asker.try_days(&manner, days.0, days.1).await);
            let worked = reply == access::Reply::Listed;
            tried.ways.push((way, reply));
            if worked {
                self.asker.manner = manner;
                let nothing = Manner { carrying: None, ..self.asker.manner.clone() };
                tried.without = Some(self::reply(self.asker.try_days(&nothing, days.0, days.1).await));
                break;
            }
            if self.asker.over().is_some() {
                break;
            }
        }
        self.findings.push(access::verdict(&tried));
        tried.without.is_some()
    }

    /// The newest day with leads, and its leads. Waits for the first where there is none.
    async fn newest_day(&mut self) -> Option<(Date, BTreeSet<LeadId>)> {
        loop {
            let mut days = Days::new(today());
            while let Some((first, last)) = days.next() {
                days.tell(self.asker.list_days(first, last).await.ok()?);
            }
            if let Some((day, leads)) = days.found() {
                return Some((day, leads.clone()));
            }
            if !self.waited().await {
                let finding = zone::verdict(&Evidence::default(), &self.config.timezone, Timestamp::now());
                self.findings.push(finding);
                return None;
            }
        }
    }

    /// Whether dates with a time are taken in some spelling.
    async fn plus(&mut self, day: Option<&(Date, BTreeSet<LeadId>)>) -> bool {
        let far = far();
        let (day, leads) = day.cloned().unwrap_or((today(), BTreeSet::new()));
        let (midnight, noon) = (Shown::midnight(day), Shown::midnight(day).plus(43_200));
        let mut spellings = Vec::new();
        for encode_plus in [false, true] {
            let manner = Manner { encode_plus, ..self.asker.manner.clone() };
            let morning = part(self.asker.try_list(&manner, midnight, noon.plus(-1)).await);
            let rest = match &morning {
                plus::Reply::Listed(_) => part(self.asker.try_list(&manner, noon, far).await),
                other => other.clone(),
            };
            spellings.push(plus::judge(&leads, &morning, &rest));
        }
        let [plain, escaped] = [&spellings[0], &spellings[1]];
        self.findings.push(plus::verdict(plain, escaped, self.config.encode_plus));
        self.asker.manner.encode_plus = plus::choose(plain, escaped, self.config.encode_plus);
        let chosen = if self.asker.manner.encode_plus { escaped } else { plain };
        matches!(chosen, Spelling::Read)
    }

    /// The newest lead's second.
    async fn newest(&mut self, day: Option<(Date, BTreeSet<LeadId>)>) -> Option<Found> {
        let far = far();
        let mut second = Second::on(day?.0);
        let mut seen = Timestamp::now();
        while let Some((first, last)) = second.next() {
            let ((_, back), listed) = self.asker.list_at(first, last).await.ok()?;
            seen = back;
            second.tell(&listed);
        }
        let (lead, at) = second.found()?;
        let looked = self.look(at.plus(1), far).await.ok()?;
        let newest = Newest { at, seen: self.asker.true_time(seen), in_its_hour: 1 };
        Some(Found { lead, at, far, evidence: Evidence { newest: Some(newest), ..Evidence::default() }, looked })
    }

    async fn look(&mut self, from: Shown, far: Shown) -> Result<Look, Miss> {
        let (at, leads) = self.asker.list_at(from, far).await?;
        Ok(Look { from, at, leads })
    }

    /// Whether the lead is where it was found.
    async fn ends(&mut self, found: &Found) -> bool {
        let mut apart = None;
        for wider in 0..=ends::WIDEST {
            let Ok(listed) = self.asker.list(found.at, found.at.plus(wider)).await else { break };
            if listed.contains(&found.lead) {
                apart = Some(wider);
                break;
            }
        }
        self.findings.push(ends::verdict(apart));
        apart.is_some()
    }

    /// Reads the newest leads, for their status and their first messages.
    async fn details(&mut self, found: &mut Found) {
        let hour = self.asker.list(found.at.plus(-3_600), found.at.plus(2)).await.unwrap_or_default();
        if let Some(newest) = &mut found.evidence.newest {
            newest.in_its_hour = hour.len().max(1);
        }
        let others = hour.into_iter().rev().filter(|lead| *lead != found.lead);
        let leads: Vec<LeadId> = std::iter::once(found.lead).chain(others).take(DETAILS).collect();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for id in leads {
            match self.asker.lead(id).await {
                Ok((status, lead)) => {
                    good.push(status);
                    let until = found.at.plus(2);
                    found.evidence.begun.extend(first_message(lead.json()).map(|said| Begun { until, said }));
                }
                Err(miss) => bad.push(format!("lead {id}: {}", miss.said)),
            }
        }
        self.findings.push(status::verdict(&good, &bad));
    }

    async fn cap(&mut self, found: &Found) {
        let reach = i64::try_from(self.config.sweep.as_secs()).unwrap_or(i64::MAX);
        let mut search = cap::Search::new(found.at.plus(-reach), found.at);
        while let Some((first, last)) = search.next() {
            match self.asker.list(first, last).await {
                Ok(leads) => search.tell(leads),
                Err(_) => search.give_up(),
            }
        }
        self.findings.push(search.verdict(&span::format(self.config.sweep)));
    }

    /// Looks whether a lead has come meanwhile, again and again where there is time and it is not sure without one.
    async fn zone(&mut self, mut found: Found) {
        loop {
            self.see_who_came(&mut found).await;
            let now = self.asker.true_time(Timestamp::now());
            let finding = zone::verdict(&found.evidence, &self.config.timezone, now);
            if finding.certainty == Certainty::Sure || self.asker.over().is_some() || !self.waited().await {
                self.findings.push(finding);
                return;
            }
        }
    }

    async fn see_who_came(&mut self, found: &mut Found) {
        let Ok(now) = self.look(found.looked.from, found.far).await else { return };
        let before = std::mem::replace(&mut found.looked, now);
        let Some(came) = found.looked.leads.difference(&before.leads).next().copied() else { return };
        let top = Shown::in_utc(found.looked.at.1).plus(15 * 3_600);
        let mut second = Second::of(came, found.looked.from.plus(-1), top, 8);
        while let Some((first, last)) = second.next() {
            match self.asker.list(first, last).await {
                Ok(listed) => second.tell(&listed),
                Err(_) => return,
            }
        }
        let Some((_, at)) = second.found() else { return };
        let between = (self.asker.true_time(before.at.0), self.asker.true_time(found.looked.at.1));
        // Found to within 8 seconds, and another where the first second of a list is excluded.
        found.evidence.arrived.push(Arrived { at: (at, at.plus(9)), between });
    }

    /// Waits a while, if there is time: whether there was.
    async fn waited(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        (self.stage)("waiting for a conversation to be finalized");
        tokio::time::sleep(LOOK_EVERY.min(left)).await;
        true
    }

    /// What was not asked is unknown.
    fn end(mut self) -> Examined {
        self.findings.push(clock::verdict(self.asker.skew()));
        let why = match self.asker.over() {
            Some(error) => error.to_string(),
            None => "it builds on an answer that there was not".to_owned(),
        };
        for (about, said, fits) in [
            (About::Plus, "how a `+` in a date is to be sent is not known", Fits::Look),
            (About::Zone, "the zone of the dates is not known", Fits::Look),
            (About::Ends, "whether a list includes its ends is not known", Fits::Yes),
            (About::Cap, "whether long lists are cut is not known", Fits::Yes),
            (About::Status, "the status of a good answer with a lead is not known", Fits::Yes),
        ] {
            if !self.findings.iter().any(|finding| finding.about == about) {
                self.findings.push(Finding::unknown(about, said, why.clone(), fits));
            }
        }
        self.findings.sort_by_key(|finding| finding.about);
        Examined { findings: self.findings, requests: self.asker.requests() }
    }
}

fn reply(answer: Result<BTreeSet<LeadId>, Miss>) -> access::Reply {
    match answer {
        Ok(_) => access::Reply::Listed,
        Err(Miss { status: Some(status @ 400..), .. }) => access::Reply::Refused(format!("status {status}")),
        Err(miss) => access::Reply::Refused(miss.said),
    }
}

fn part(answer: Result<BTreeSet<LeadId>, Miss>) -> plus::Reply {
    match answer {
        Ok(leads) => plus::Reply::Listed(leads),
        Err(Miss { status: Some(status @ 400..), .. }) => plus::Reply::Refused(status),
        Err(miss) => plus::Reply::Failed(miss.said),
    }
}

/// The day in UTC.
fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

fn plus_days(day: Date, days: i64) -> Date {
    Shown::midnight(day).plus(days * 86_400).day()
}

/// The end of a day that is still to come everywhere.
fn far() -> Shown {
    Shown::midnight(Days::new(today()).last()).plus(86_399)
}
