//! `/leads/{id}`: what happened to a lead, why it did not arrive, and what is next; and its personal data, once somebody asks
//! for it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::curtain::Curtain;
use super::frame::{Page, Place, Reader};
use super::story::Teller;
use super::words;
use crate::admin::access::Visitor;
use crate::admin::asked::Asked;
use crate::admin::fields::Fields;
use crate::admin::link::own_path;
use crate::app::operator::{Explain, Stage, Verb};
use crate::domain::lead::LeadId;

/// Whether this visitor has asked for this lead's personal data, and lately.
pub(super) fn is_shown(asked: &Asked, visitor: &Visitor, lead: LeadId) -> bool {
    let now = asked.operator.now();
    visitor.visit().is_some_and(|visit| asked.doors.sessions().shows(visit, lead, now))
}

/// One line in the log for each thing that somebody does on the page: who, what, and to what; never the data.
pub(super) fn log(visitor: &Visitor, what: &str, about: &str) {
    let session = visitor.visit().map(|visit| visit.label()).unwrap_or_default();
    tracing::info!(address = %visitor.address, session, what, about, "done on the page");
}

/// `GET /leads/{id}`
pub(super) async fn lead(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Ok(lead) = id.parse::<LeadId>() else { return reader.not_found() };
    let explained = match (Explain { lead }).run(&asked.operator).await {
        Ok(explained) => explained,
        Err(refusal) => return reader.refused(&refusal),
    };
    let open = is_shown(&asked, &visitor, lead);
    let teller = Teller { reader: &reader, lead };
    let story = explained.story.as_ref();
    let curtains: Vec<Curtain> = story
        .into_iter()
        .flat_map(|story| &story.events)
        .map(|event| {
            let kept = event.kept.as_ref();
            let envelope = kept.map(|kept| String::from_utf8_lossy(&kept.envelope.0).into_owned()).unwrap_or_default();
            Curtain::before(&envelope, open, [])
        })
        .collect();
    let entries = story.map(|story| teller.entries(story, &curtains)).unwrap_or_default();
    let mut next: Vec<_> = explained.next.iter().map(|next| teller.coming(next, story)).collect();
    next.dedup_by(|one, before| one.destination.is_none() && one.text == before.text);
    let stage = story.map(|story| match story.stage {
        Stage::Baseline => "stage.baseline",
        Stage::SetAside => "stage.set_aside",
        Stage::Unreadable => "stage.unreadable",
        Stage::Dropped => "stage.dropped",
        Stage::Recorded => "stage.recorded",
        Stage::Forgotten => "stage.forgotten",
    });
    let title = words::say("lead.title", None, &[("id", lead.to_string())], reader.language).unwrap_or_default();
    let given = context! {
        id => lead.to_string(),
        title => title.clone(),
        stage => stage.map(|key| reader.say(key)),
        status => story.and_then(|story| story.mapped_status.clone()),
        needs_a_look => explained.needs_a_look(),
        platform => explained.platform_id,
        entries => Value::from(Serde(entries)),
        next => Value::from(Serde(next)),
        open,
        back => format!("/leads/{lead}"),
    };
    let status = if story.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    reader.show_as(status, Page { template: "lead.html", title: &title, place: Place::Elsewhere }, given)
}

/// `POST /leads/{id}/show`: its personal data, for this session and ten minutes.
pub(super) async fn show(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
    Path(id): Path<String>,
) -> Response {
    let (Ok(lead), Some(visit)) = (id.parse::<LeadId>(), visitor.visit()) else { return reader.not_found() };
    let now = asked.operator.now();
    asked.doors.sessions().show(visit, lead, now);
    log(&visitor, "personal data shown", &format!("lead {lead}"));
    back(&fields, lead)
}

/// `POST /leads/{id}/hide`
pub(super) async fn hide(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
    Path(id): Path<String>,
) -> Response {
    let (Ok(lead), Some(visit)) = (id.parse::<LeadId>(), visitor.visit()) else { return reader.not_found() };
    asked.doors.sessions().hide(visit, lead);
    back(&fields, lead)
}

fn back(fields: &Fields, lead: LeadId) -> Response {
    let to = fields.one("back").and_then(own_path).map_or_else(|| format!("/leads/{lead}"), str::to_owned);
    Redirect::to(&to).into_response()
}
