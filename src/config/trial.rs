//! Every request that the file's routes can make is tried with made-up events when the file is read: what breaks should
//! break here, and not with the first lead.

use jiff::Timestamp;

use super::document::{child, nth};
use super::reader::{Reading, Spot};
use super::{CsatRules, SourceConfig};
use crate::domain::destination::Destination;
use crate::domain::event::EventType;
use crate::domain::form::Unfit;
use crate::domain::route::Route;
use crate::domain::sample;
use crate::domain::steps::{Calls, Doubt};
use crate::domain::template::{Context, Judged};

/// A rating that counts as low on most scales, so that whatever looks at it has something to see.
const RATING: &str = "2";

/// Warns of a condition that cannot be evaluated for any made-up event, though these have everything that WeClever's page
/// says of a lead: it may never hold, and nobody would notice.
fn doubtful_condition(reading: &Reading<'_>, source: &SourceConfig, csat: &CsatRules, route: &Route, i: usize) {
    let Some(condition) = &route.when else { return };
    let judged: Vec<Judged> = route
        .on
        .iter()
        .filter_map(|on| {
            let made_up = sample::event(*on, &source.platform_id, RATING, csat, Timestamp::UNIX_EPOCH);
            Some(condition.judge(&Context::of(&made_up.id, made_up.envelope.as_bytes()).ok()?))
        })
        .collect();
    if let Some(Judged::CannotTell(why)) = judged.first()
        && judged.iter().all(|judged| matches!(judged, Judged::CannotTell(_)))
    {
        let spot = reading.spot_of_key(&child(&nth("routes", i), "when"));
        let help = "compare numbers with numbers (csat.score is one, lead.csat.rating is text), and ask `is defined` for what may be missing";
        reading.warn(&spot, format!("cannot be evaluated for a made-up event: {why}"), Some(help.to_owned()));
    }
}

/// Warns of each route and destination for which no request can be made of a made-up event, and of what in steps can come
/// to nothing.
///
/// A warning and no mistake: a template may well ask for something that every lead has and the made-up one has not.
pub(super) fn every_request(
    reading: &Reading<'_>,
    source: &SourceConfig,
    csat: &CsatRules,
    destinations: &[Destination],
    routes: &[Route],
) {
    let made_up = |on: &EventType| {
        let event = sample::event(*on, &source.platform_id, RATING, csat, Timestamp::UNIX_EPOCH);
        (event.id.to_string(), event.envelope.into_bytes())
    };
    for (i, route) in routes.iter().enumerate() {
        doubtful_condition(reading, source, csat, route, i);
        for destination in destinations.iter().filter(|destination| route.to.contains(&destination.name)) {
            let calls = route.calls_at(destination);
            let spot = reading.spot_of_key(&child("destinations", &destination.name));
            let vain = calls.asked_in_vain();
            if !vain.is_empty() {
                let message = format!(
                    "by the route `{}`, its templates ask for {}, which `fields` does not let out",
                    route.name,
                    vain.join(", ")
                );
                reading.warn(&spot, message, Some("add it to `fields`, or take it out of the templates".to_owned()));
            }
            let mut told: Vec<Option<usize>> = Vec::new();
            for on in &route.on {
                let (id, envelope) = made_up(on);
                for (step, unfit) in calls.unfit(&id, &envelope) {
                    if told.contains(&step) || step.is_none() && !told.is_empty() {
                        continue;
                    }
                    told.push(step);
                    let spot = step.map_or(spot.clone(), |step| spot_of_step(reading, destination, step, ""));
                    let what = match unfit {
                        Unfit::Unrenderable { part, reason } => format!("{part} cannot be filled in: {reason}"),
                        Unfit::TooLarge { .. } => unfit.to_string(),
                    };
                    reading.warn(
                        &spot,
                        format!("with a made-up {on} by the route `{}`: {what}", route.name),
                        Some("see it with `leadhook route test --simulated`".to_owned()),
                    );
                }
            }
        }
    }
    for destination in destinations.iter().filter(|destination| !destination.steps.is_empty()) {
        let told = routes.iter().filter(|route| route.to.contains(&destination.name));
        let mut on: Vec<EventType> = Vec::new();
        told.flat_map(|route| &route.on).for_each(|of| {
            if !on.contains(of) {
                on.push(*of)
            }
        });
        let events: Vec<(String, Vec<u8>)> = on.iter().map(made_up).collect();
        doubtful_steps(reading, destination, &events);
    }
}

/// Warns of what in the steps of a destination can come to nothing.
fn doubtful_steps(reading: &Reading<'_>, destination: &Destination, events: &[(String, Vec<u8>)]) {
    let Calls::Several(steps) = destination.calls() else { return };
    for (i, doubt) in steps.doubts(events) {
        let name = &destination.steps[i].name;
        let (key, message, help) = match doubt {
            Doubt::Unused { capture } => (
                child("capture", &capture),
                "no step behind this one asks for what is captured here".to_owned(),
                format!("take it out, or use it: {{{{ captured.{capture} }}}}"),
            ),
            Doubt::NeverUnknown { of } => (
                "when".to_owned(),
                format!("asks whether `{of}` is in `unknown`, and is never asked while it is"),
                format!("write on_unknown = {{ redo = \"{name}\" }} in the step `{of}`, to come back here then"),
            ),
            Doubt::UnknownToAll => {
                ("when".to_owned(), "asks for `unknown`, and names no step of this destination".to_owned(), {
                    let all: Vec<String> = destination.steps.iter().map(|step| format!("`{}`", step.name)).collect();
                    format!("`unknown` holds names of steps; there is {}", all.join(", "))
                })
            }
            Doubt::NeverJudged { why } => (
                "when".to_owned(),
                format!("cannot be evaluated for a made-up event, so that the step is left out: {why}"),
                "ask `is defined` for what may be missing".to_owned(),
            ),
        };
        reading.warn(&spot_of_step(reading, destination, i, &key), message, Some(help));
    }
}

/// Where this key of a step stands, or the step, or, where a preset has set it, the destination.
fn spot_of_step(reading: &Reading<'_>, destination: &Destination, step: usize, key: &str) -> Spot {
    let above = child("destinations", &destination.name);
    let own = nth(&child(&above, "steps"), step);
    let within = if key.is_empty() { own.clone() } else { format!("{own}.{key}") };
    let path = [&within, &own].into_iter().find(|path| reading.document.place(path).is_some());
    reading.spot_of_key(path.unwrap_or(&above))
}
