//! `/dead/{id}`: why it was given up on, what to do about it and where, what came back, and what would be sent now.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::curtain::Curtain;
use super::dead::why_in_words;
use super::frame::{Page, Place, Reader, done};
use super::lead::{is_shown, log};
use super::reason;
use super::story::Teller;
use super::words;
use crate::admin::access::Visitor;
use crate::admin::asked::Asked;
use crate::admin::fields::Fields;
use crate::app::operator::{
    DeadDrop, DeadRetry, DeadShow, DeadStepDone, Filter, OutgoingRequest, Refusal, Shown, Verb,
};

/// A request as it would go out, behind the curtain. Its secrets are hidden already.
pub(super) fn outgoing(request: &OutgoingRequest, curtain: &Curtain) -> Value {
    let headers: String =
        request.headers.iter().map(|(name, value)| format!("{name}: {}\n", curtain.echo(value))).collect();
    context! { line => format!("{} {}", request.method, request.url), headers, body => curtain.body(&request.body) }
}

/// Where in the file it stands what becomes of it: what, which line, and the file.
fn in_file(asked: &Asked, destination: &str, route: &str) -> Vec<Value> {
    let config = asked.operator.config();
    let places = &config.places;
    let file = places.path().display().to_string();
    let of_destination =
        places.of_destination(destination).map(|lines| (format!("[destinations.{destination}]"), lines));
    let of_route = places.of_route(route).map(|lines| (format!("[[routes]] {route}"), lines));
    let tables = [of_destination, of_route].into_iter().flatten();
    let each = tables.flat_map(|(table, lines)| {
        let file = file.clone();
        lines.iter().map(move |(key, line)| {
            let what = if key.is_empty() { table.clone() } else { format!("{table} {key}") };
            context! { what, at => format!("{file}:{line}") }
        })
    });
    each.collect()
}

/// `GET /dead/{id}`
pub(super) async fn letter(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let shown = match (DeadShow { id }).run(&asked.operator).await {
        Ok(shown) => shown,
        Err(refusal) => return reader.refused(&refusal),
    };
    let Shown { details, request, unsendable, steps, look_for } = shown;
    let letter = &details.letter;
    let delivery = letter.delivery.as_ref();
    let ids = delivery.map(|delivery| delivery.event_id.clone());
    let envelope = details.envelope.clone().unwrap_or_default();
    let curtain = Curtain::before(&envelope, is_shown(&asked, &visitor, letter.lead), ids);
    let teller = Teller { reader: &reader, lead: letter.lead };
    let to = delivery.map(|delivery| delivery.destination.clone()).unwrap_or_default();
    let name = [("destination", to.clone())];
    let attempts: Vec<_> = details.attempts.iter().map(|attempt| teller.attempt(&name, attempt, &curtain)).collect();
    let error = curtain.echo(&reason::in_words(&letter.error, reader.language));
    let mend = if delivery.is_none() { "mend.unread".to_owned() } else { format!("mend.{}", letter.why) };
    let about = [("destination", to.clone()), ("said", error.clone())];
    let mend = words::say(&mend, None, &about, reader.language);
    let captured: Vec<Value> = details
        .progress
        .captured
        .iter()
        .map(|own| {
            let value = if curtain.is_open() { own.json.clone() } else { own.hint().value };
            context! { step => own.step.clone(), name => own.name.clone(), value }
        })
        .collect();
    let look_for = look_for.map(|look| {
        let what = [("step", look.step.clone()), ("destination", to.clone()), ("mark", look.mark)];
        context! {
            step => look.step,
            what => words::say("seek.what", None, &what, reader.language),
            needs => look.needs,
        }
    });
    let title =
        words::say("letter.title", None, &[("id", letter.lead.to_string())], reader.language).unwrap_or_default();
    let given = context! {
        title => title.clone(),
        id => letter.id.clone(),
        lead => letter.lead.to_string(),
        at => letter.died_at.to_string(),
        why => why_in_words(&reader, &letter.why),
        error,
        mend,
        places => delivery.map(|delivery| in_file(&asked, &delivery.destination, &delivery.route)),
        delivery => delivery.map(|delivery| Value::from(Serde(delivery.clone()))),
        tries => u64::from(letter.attempts),
        attempts => Value::from(Serde(attempts)),
        steps => Value::from(Serde(teller.steps(&steps))),
        captured,
        look_for,
        request => request.as_ref().map(|request| outgoing(request, &curtain)),
        unsendable => unsendable.map(|why| curtain.echo(&why)),
        open => curtain.is_open(),
        back => format!("/dead/{}", letter.id),
    };
    reader.show(Page { template: "letter.html", title: &title, place: Place::Dead }, given)
}

/// The lead of this letter, to whose page one goes when it is settled; `None`: there is no such letter any more.
async fn page_of_lead(asked: &Asked, id: &str) -> Option<String> {
    let shown = (DeadShow { id: id.to_owned() }).run(&asked.operator).await.ok()?;
    Some(format!("/leads/{}", shown.details.letter.lead))
}

/// Of a letter that was settled meanwhile, by another click or by somebody else: how its lead stands now.
fn settled_already(fields: &Fields) -> Response {
    match fields.one("lead").and_then(|lead| lead.parse::<u64>().ok()) {
        Some(lead) => done(&format!("/leads/{lead}"), "notice.settled_already", 1),
        None => done("/dead", "notice.settled_already", 1),
    }
}

/// `POST /dead/{id}/retry`
pub(super) async fn retry(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
    Path(id): Path<String>,
) -> Response {
    let Some(to) = page_of_lead(&asked, &id).await else { return settled_already(&fields) };
    let filter = Filter { ids: vec![id.clone()], ..Filter::default() };
    match (DeadRetry { filter, overtaken: true }).run(&asked.operator).await {
        Ok(decided) if decided.done.is_empty() => settled_already(&fields),
        Ok(decided) => {
            log(&visitor, "dead letter sent again", &id);
            done(&to, "notice.retried", decided.done.len() as u64)
        }
        Err(refusal) => refused(&asked, &reader, &id, &fields, &refusal).await,
    }
}

/// `POST /dead/{id}/drop`
pub(super) async fn drop_one(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
    Path(id): Path<String>,
) -> Response {
    let Some(to) = page_of_lead(&asked, &id).await else { return settled_already(&fields) };
    let filter = Filter { ids: vec![id.clone()], ..Filter::default() };
    match (DeadDrop { filter }).run(&asked.operator).await {
        Ok(decided) if decided.done.is_empty() => settled_already(&fields),
        Ok(decided) => {
            log(&visitor, "dead letter dropped", &id);
            done(&to, "notice.dropped", decided.done.len() as u64)
        }
        Err(refusal) => refused(&asked, &reader, &id, &fields, &refusal).await,
    }
}

/// `POST /dead/{id}/step-done`: somebody has found that the call got through.
pub(super) async fn step_done(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
    Path(id): Path<String>,
) -> Response {
    let Some(to) = page_of_lead(&asked, &id).await else { return settled_already(&fields) };
    let step = fields.one("step").map(str::to_owned);
    let set = fields.starting_with("set.").map(|(name, value)| (name.to_owned(), as_json(value))).collect();
    match (DeadStepDone { id: id.clone(), step, set }).run(&asked.operator).await {
        Ok(done_now) => {
            log(&visitor, "step counts as done", &format!("{id}, {}", done_now.step));
            done(&to, "notice.step_done", 1)
        }
        Err(refusal) => refused(&asked, &reader, &id, &fields, &refusal).await,
    }
}

/// Why it was not done; where two came at the same time, the other one has.
async fn refused(asked: &Asked, reader: &Reader, id: &str, fields: &Fields, refusal: &Refusal) -> Response {
    match page_of_lead(asked, id).await {
        None if matches!(refusal, Refusal::Usage(_)) => settled_already(fields),
        _ => reader.refused(refusal),
    }
}

/// What was typed, as the command reads it: JSON where it is some, else a text.
fn as_json(typed: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(typed) {
        Ok(_) => typed.to_owned(),
        Err(_) => serde_json::Value::from(typed).to_string(),
    }
}
