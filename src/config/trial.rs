//! Every request that the file's routes can make is tried with made-up events when the file is read: what breaks should
//! break here, and not with the first lead.

use jiff::Timestamp;

use super::document::{child, nth};
use super::reader::Reading;
use super::{CsatRules, SourceConfig};
use crate::domain::destination::Destination;
use crate::domain::form::Unfit;
use crate::domain::route::Route;
use crate::domain::sample;
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

/// Warns of each route and destination for which no request can be made of a made-up event.
///
/// A warning and no mistake: a template may well ask for something that every lead has and the made-up one has not.
pub(super) fn every_request(
    reading: &Reading<'_>,
    source: &SourceConfig,
    csat: &CsatRules,
    destinations: &[Destination],
    routes: &[Route],
) {
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
            let unfit = route.on.iter().find_map(|on| {
                let made_up = sample::event(*on, &source.platform_id, RATING, csat, Timestamp::UNIX_EPOCH);
                let rehearsed = calls.rehearse(&made_up.id, made_up.envelope.as_bytes());
                rehearsed.into_iter().find_map(|call| call.made.err()).map(|unfit| (on, unfit))
            });
            if let Some((on, unfit)) = unfit {
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
