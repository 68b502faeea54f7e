//! `/destinations/{name}`: how a destination stands, what it did not take, and what a person can do about it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use minijinja::{Value, context};

use super::dead::why_in_words;
use super::frame::{Page, Place, Reader, done};
use super::lead::log;
use super::reason;
use crate::admin::access::Visitor;
use crate::admin::asked::Asked;
use crate::app::operator::{DeadList, Filter, Pause, Resume, State as Standing, Status, Test, Tested, Verb};

/// Dead letters shown; the rest stands on their own page.
const LETTERS: usize = 10;

/// `GET /destinations/{name}`
pub(super) async fn destination(State(asked): State<Asked>, reader: Reader, Path(name): Path<String>) -> Response {
    show(&asked, &reader, &name, None).await
}

async fn show(asked: &Asked, reader: &Reader, name: &str, tested: Option<Tested>) -> Response {
    let status = match (Status {}).run(&asked.operator).await {
        Ok(status) => status,
        Err(refusal) => return reader.refused(&refusal),
    };
    let Some(own) = status.destinations.iter().find(|destination| destination.name == name) else {
        return reader.not_found();
    };
    let filter = Filter { destination: Some(name.to_owned()), ..Filter::default() };
    let letters = match (DeadList { filter, limit: 5_000 }).run(&asked.operator).await {
        Ok(letters) => letters,
        Err(refusal) => return reader.refused(&refusal),
    };
    let rows: Vec<Value> = letters
        .letters
        .iter()
        .rev()
        .take(LETTERS)
        .map(|letter| {
            context! {
                id => letter.id.clone(),
                at => letter.died_at.to_string(),
                lead => letter.lead.to_string(),
                why => why_in_words(reader, &letter.why),
                error => reason::in_words(&letter.error, reader.language),
            }
        })
        .collect();
    let (state, key) = match own.state {
        Standing::Ok => ("ok", "at.ok"),
        Standing::Failing => ("bad", "at.failing"),
        Standing::Waiting => ("held", "at.waiting"),
        Standing::Paused => ("held", "at.paused"),
        Standing::Disabled => ("bad", "at.disabled"),
        Standing::NotInFile => ("warn", "at.not_in_file"),
    };
    let config = asked.operator.config();
    let places = &config.places;
    let line = places.of_destination(name).and_then(|lines| lines.get(""));
    let tested = tested.map(|tested| {
        let said = tested.said.as_ref();
        context! {
            accepted => tested.accepted,
            status => said.and_then(|said| said.status),
            error => said.and_then(|said| said.error.as_deref()).map(|error| reason::in_words(error, reader.language)),
            answer => said.map(|said| said.answer.clone()),
            took => said.map(|said| said.took_ms),
        }
    });
    let given = context! {
        name,
        url => own.url.clone(),
        state,
        stands => reader.say(key),
        since => own.since.map(|at| at.to_string()),
        until => own.until.map(|at| at.to_string()),
        in_file => own.state != Standing::NotInFile,
        can_resume => matches!(own.state, Standing::Paused | Standing::Disabled | Standing::Waiting | Standing::Failing),
        can_pause => !matches!(own.state, Standing::Paused | Standing::Disabled),
        pending => own.pending,
        oldest => own.oldest_pending.map(|at| at.to_string()),
        delivered => own.delivered,
        dead => own.dead,
        dropped => own.dropped,
        last_accepted => own.last_accepted.map(|at| at.to_string()),
        trouble => own.trouble.as_ref().map(|trouble| reason::in_words(&trouble.error, reader.language)),
        place => line.map(|line| format!("{}:{line}", places.path().display())),
        rows,
        tested,
    };
    reader.show(Page { template: "destination.html", title: name, place: Place::Elsewhere }, given)
}

/// `POST /destinations/{name}/pause`
pub(super) async fn pause(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Response {
    match (Pause { name: name.clone() }).run(&asked.operator).await {
        Ok(standing) => {
            log(&visitor, "destination paused", &name);
            done(&format!("/destinations/{name}"), "notice.paused", standing.pending)
        }
        Err(refusal) => reader.refused(&refusal),
    }
}

/// `POST /destinations/{name}/resume`
pub(super) async fn resume(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Response {
    match (Resume { name: name.clone() }).run(&asked.operator).await {
        Ok(standing) => {
            log(&visitor, "destination resumed", &name);
            done(&format!("/destinations/{name}"), "notice.resumed", standing.pending)
        }
        Err(refusal) => reader.refused(&refusal),
    }
}

/// `POST /destinations/{name}/test`: a marked sample, and what came back. That stands in no address, so the answer is the
/// page itself.
pub(super) async fn test(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Response {
    log(&visitor, "sample sent", &name);
    match (Test { name: name.clone() }).run(&asked.operator).await {
        Ok(tested) => show(&asked, &reader, &name, Some(tested)).await,
        Err(refusal) => reader.refused(&refusal),
    }
}
