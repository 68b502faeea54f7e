//! `/events/{id}`: one event, where it went, its body, and the request as it goes out by today's file.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use minijinja::{Value, context};
use serde::Deserialize;

use super::curtain::Curtain;
use super::frame::{Page, Place, Reader};
use super::lead::is_shown;
use super::letter::outgoing;
use super::words;
use crate::admin::access::Visitor;
use crate::admin::asked::Asked;
use crate::app::operator::{DeliveryState, EventShow, ShownEvent, Verb};
use crate::domain::lead::LeadId;

/// Whose it is, where the link knew that.
#[derive(Deserialize)]
pub(super) struct Of {
    lead: Option<u64>,
}

/// `GET /events/{id}`
pub(super) async fn event(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Response {
    let shown = match (EventShow { id: id.clone(), lead: of.lead.map(LeadId) }).run(&asked.operator).await {
        Ok(shown) => shown,
        Err(refusal) => return reader.refused(&refusal),
    };
    let ShownEvent { explained, envelope, requests } = shown;
    let lead = explained.lead;
    let curtain = Curtain::before(&envelope, is_shown(&asked, &visitor, lead), [id.clone()]);
    let events = explained.story.iter().flat_map(|story| &story.events);
    let Some(event) = events.into_iter().find(|event| event.kept.as_ref().is_some_and(|kept| kept.id == id)) else {
        return reader.not_found();
    };
    let deliveries: Vec<Value> = event
        .deliveries
        .iter()
        .map(|delivery| {
            let made = requests.iter().find(|(destination, _)| *destination == delivery.destination);
            let (request, why) = match made {
                Some((_, Ok(request))) => (Some(outgoing(request, &curtain)), None),
                Some((_, Err(why))) => (None, Some(curtain.echo(why))),
                None => (None, None),
            };
            let (state, key) = match delivery.state {
                DeliveryState::Pending => ("held", "delivery.pending"),
                DeliveryState::Delivered => ("ok", "delivery.delivered"),
                DeliveryState::Dead => ("bad", "delivery.dead"),
                DeliveryState::Dropped => ("", "delivery.dropped"),
            };
            context! {
                destination => delivery.destination.clone(),
                route => delivery.route.clone(),
                state,
                stands => reader.say(key),
                tries => delivery.tries,
                letter => delivery.dead_letter.clone(),
                request,
                why,
            }
        })
        .collect();
    let given = [("n", event.revision.to_string()), ("type", event.event_type.as_str().to_owned())];
    let title = words::say("story.event", None, &given, reader.language).unwrap_or_default();
    let back = format!("/events/{id}");
    let given = context! {
        id,
        title => title.clone(),
        lead => lead.to_string(),
        at => event.kept.as_ref().map(|kept| kept.at.to_string()),
        deliveries,
        body => curtain.body(&envelope),
        open => curtain.is_open(),
        back,
    };
    reader.show(Page { template: "event.html", title: &title, place: Place::Elsewhere }, given)
}
