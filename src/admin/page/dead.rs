//! `/dead`: what was given up on, by destination, error and age; all of it sent again or dropped at once.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use minijinja::{Value, context};
use serde::Deserialize;

use super::frame::{Page, Place, Reader, done};
use super::lead::log;
use super::reason;
use super::words;
use crate::admin::access::Visitor;
use crate::admin::asked::Asked;
use crate::admin::fields::Fields;
use crate::app::operator::{DeadDrop, DeadLetter, DeadList, DeadRetry, Filter, Status, Verb};
use crate::domain::{clock, span};

/// Rows on the page; the counts above them are of more.
const ROWS: usize = 100;

/// So many letters are counted by their reason.
const COUNTED: usize = 5_000;

/// What the reader has chosen, as it stands in the address.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    destination: String,
    #[serde(default)]
    error: String,
    /// A duration: 2h, 3d.
    #[serde(default)]
    since: String,
}

impl Wish {
    fn of(fields: &Fields) -> Wish {
        let one = |name| fields.one(name).unwrap_or_default().to_owned();
        Wish { destination: one("destination"), error: one("error"), since: one("since") }
    }

    /// `None`: there is no such duration.
    fn filter(&self, reader: &Reader) -> Option<Filter> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let since = text(&self.since).map(|since| span::parse(&since)).transpose().ok()?;
        Some(Filter {
            ids: Vec::new(),
            destination: text(&self.destination),
            error: text(&self.error).map(|error| reason::as_kept(&error, reader.language)),
            since: since.map(|since| clock::before(reader.now, since)),
        })
    }

    fn is_any(&self) -> bool {
        [&self.destination, &self.error, &self.since].iter().any(|part| !part.trim().is_empty())
    }
}

/// `GET /dead`
pub(super) async fn list(State(asked): State<Asked>, reader: Reader, Query(wish): Query<Wish>) -> Response {
    let filter = wish.filter(&reader);
    let bad_since = filter.is_none();
    let filter = filter.unwrap_or_default();
    let letters = match (DeadList { filter, limit: COUNTED }).run(&asked.operator).await {
        Ok(letters) => letters,
        Err(refusal) => return reader.refused(&refusal),
    };
    let status = match (Status {}).run(&asked.operator).await {
        Ok(status) => status,
        Err(refusal) => return reader.refused(&refusal),
    };
    let names: Vec<String> = status.destinations.into_iter().map(|destination| destination.name).collect();
    let mut reasons: BTreeMap<(String, String), u64> = BTreeMap::new();
    for letter in &letters.letters {
        *reasons.entry((letter.why.clone(), letter.error.clone())).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let reasons: Vec<Value> = reasons
        .into_iter()
        .take(12)
        .map(|((why, error), n)| context! { why => why_in_words(&reader, &why), error => reason::in_words(&error, reader.language), n })
        .collect();
    // The newest first: what somebody looks for has mostly just died.
    let rows: Vec<Value> = letters.letters.iter().rev().take(ROWS).map(|letter| row(&reader, letter)).collect();
    let title = reader.say("nav.dead");
    let chosen = wish.is_any();
    let given = context! {
        names,
        destination => wish.destination,
        error => wish.error,
        since => wish.since,
        chosen,
        bad_since,
        reasons,
        rows,
        total => letters.total,
        overtaken => letters.letters.iter().filter(|letter| is_overtaken(letter)).count(),
        more => letters.total > ROWS as u64,
    };
    reader.show(Page { template: "dead.html", title: &title, place: Place::Dead }, given)
}

fn is_overtaken(letter: &DeadLetter) -> bool {
    letter.delivery.as_ref().is_some_and(|delivery| delivery.overtaken)
}

fn row(reader: &Reader, letter: &DeadLetter) -> Value {
    context! {
        id => letter.id.clone(),
        at => letter.died_at.to_string(),
        lead => letter.lead.to_string(),
        destination => letter.delivery.as_ref().map(|delivery| delivery.destination.clone()),
        step => letter.delivery.as_ref().and_then(|delivery| delivery.step.clone()),
        overtaken => is_overtaken(letter),
        why => why_in_words(reader, &letter.why),
        error => reason::in_words(&letter.error, reader.language),
        attempts => u64::from(letter.attempts),
    }
}

/// Why it was given up on, in the reader's language.
pub(super) fn why_in_words(reader: &Reader, why: &str) -> String {
    let why = if why == "its details could not be read" { "unread" } else { why };
    words::word(&format!("death.{why}"), reader.language).unwrap_or(why).to_owned()
}

/// `POST /dead/retry`: all that fit.
pub(super) async fn retry(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Response {
    let wish = Wish::of(&fields);
    let Some(filter) = wish.filter(&reader) else { return done("/dead", "notice.bad_since", 0) };
    match (DeadRetry { filter, overtaken: fields.one("overtaken").is_some() }).run(&asked.operator).await {
        Ok(decided) => {
            let n = decided.done.len() as u64;
            log(&visitor, "dead letters sent again", &format!("{n}, {} overtaken left out", decided.overtaken.len()));
            done("/dead", "notice.retried", n)
        }
        Err(refusal) => reader.refused(&refusal),
    }
}

/// `POST /dead/drop`: all that fit, if they are still as many as the reader was shown.
pub(super) async fn drop_all(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Response {
    let wish = Wish::of(&fields);
    let Some(filter) = wish.filter(&reader) else { return done("/dead", "notice.bad_since", 0) };
    let there = match (DeadList { filter: filter.clone(), limit: 0 }).run(&asked.operator).await {
        Ok(letters) => letters.total,
        Err(refusal) => return reader.refused(&refusal),
    };
    if fields.one("total").and_then(|total| total.parse().ok()) != Some(there) {
        return done("/dead", "notice.not_dropped", there);
    }
    match (DeadDrop { filter }).run(&asked.operator).await {
        Ok(decided) => {
            let n = decided.done.len() as u64;
            log(&visitor, "dead letters dropped", &n.to_string());
            done("/dead", "notice.dropped", n)
        }
        Err(refusal) => reader.refused(&refusal),
    }
}
