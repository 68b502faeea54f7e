//! Requests as they would go out by today's file, for a person to look at.

use http::header::AUTHORIZATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::domain::auth::Auth;
use crate::domain::destination::Destination;
use crate::domain::form::Unfit;
use crate::domain::outgoing::Finish;
use crate::domain::request::{Request, WEBHOOK_SIGNATURE};
use crate::domain::secret::Secret;
use crate::domain::steps::{Calls, Given, Next, Progress, RehearsedStep};

/// Instead of a signature that is none.
const UNSIGNED: &str = "v1,***";

/// A request as it would go out, its secrets hidden.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutgoingRequest {
    /// `POST`, unless the file says otherwise; `PUBLISH` to a queue.
    pub method: String,
    /// Without what is secret in it.
    pub url: String,
    /// Likewise.
    pub headers: Vec<(String, String)>,
    /// The body, likewise.
    pub body: String,
}

/// A call as it would be made.
#[derive(Debug)]
pub struct OutgoingCall {
    /// Which of several steps it is.
    pub step: Option<RehearsedStep>,
    /// Its request; `None`: its `when` does not hold. Or why none can be made.
    pub made: Result<Option<OutgoingRequest>, Unfit>,
}

/// What comes next of a delivery.
#[derive(Debug)]
pub enum Coming {
    /// This request, of this step where there are several.
    Call(Option<String>, Box<OutgoingRequest>),
    /// Nothing: every step is behind it.
    Nothing,
    /// No request can be made.
    Unfit(Unfit),
}

/// Every call of a delivery of this event to this destination by this route; `None` where one of the two is not in the
/// file. `given`: what the answers are supposed to be.
pub fn rehearsed(
    config: &Config,
    place: (&str, &str),
    (id, envelope): (&str, &[u8]),
    given: Given<'_>,
    now: Timestamp,
) -> Option<Vec<OutgoingCall>> {
    let (destination, calls) = calls_at(config, place)?;
    let each = calls.rehearse_with(id, envelope, given).into_iter().map(|call| {
        let id = call.step.as_ref().map_or(id, |step| step.id.as_str()).to_owned();
        let made = call.made.map(|made| made.map(|request| shown(config, destination, &id, &request, now)));
        OutgoingCall { step: call.step, made }
    });
    Some(each.collect())
}

/// What comes next of a delivery that has come so far; `None` where its destination or its route is not in the file.
pub fn coming(
    config: &Config,
    place: (&str, &str),
    (id, envelope): (&str, Vec<u8>),
    progress: &Progress,
    now: Timestamp,
) -> Option<Coming> {
    let (destination, calls) = calls_at(config, place)?;
    let progress = Progress { trying: None, ..progress.clone() };
    Some(match calls.next(id, envelope, progress) {
        Ok(Next::Send(call)) => {
            let request = shown(config, destination, &call.id, &call.request, now);
            Coming::Call(call.step_name().map(str::to_owned), Box::new(request))
        }
        // What was under way when it died is told as unknown, and not as lost.
        Ok(Next::Done | Next::Lost(_)) => Coming::Nothing,
        Err(unfit) => Coming::Unfit(unfit),
    })
}

/// The destination, and what a delivery there by this route takes.
pub fn calls_at<'a>(config: &'a Config, (destination, route): (&str, &str)) -> Option<(&'a Destination, Calls)> {
    let destination = config.destinations.iter().find(|d| d.name == destination)?;
    let route = config.routes.iter().find(|r| r.name == route)?;
    Some((destination, route.calls_at(destination)))
}

fn shown(config: &Config, destination: &Destination, id: &str, request: &Request, now: Timestamp) -> OutgoingRequest {
    let (veil, auth) = (&config.veil, destination.form.auth.as_ref());
    let auth_header = auth.and_then(Auth::header).map(|(name, _)| name);
    let mut request = request.clone();
    if let Some(oauth2) = destination.oauth2() {
        // Put in when it is sent; what it will be is nobody's business.
        request.headers.push((AUTHORIZATION, Secret::new(format!("{} ***", oauth2.scheme))));
    }
    let made = request.headers_for(&destination.secrets, id, now);
    let signature = made.into_iter().find(|(name, _)| *name == WEBHOOK_SIGNATURE).map(|(_, value)| value);
    let (is_message, unsigned) = (request.is_message(), !config.unset.is_empty());
    let outgoing = Finish::of(destination).outgoing(id, request, now);
    let headers = outgoing.headers.iter().map(|(name, value)| {
        // Signed with what stands in for a secret, it would only mislead.
        let shown = if *name == WEBHOOK_SIGNATURE && unsigned {
            UNSIGNED.to_owned()
        } else if *name == AUTHORIZATION && destination.aws().is_some() {
            // It lets this very request in, for some minutes.
            "AWS4-HMAC-SHA256 ***".to_owned()
        } else if *name == AUTHORIZATION && destination.oauth2().is_some() {
            value.expose().to_owned()
        } else if auth_header.as_ref() == Some(name) {
            veil.secret(value.expose())
        } else {
            veil.header(name, value.expose())
        };
        (name.to_string(), shown)
    });
    let body = veil.text(&String::from_utf8_lossy(&outgoing.body.0));
    let body = match signature {
        // Within what it is put into, it is a part of the body.
        Some(signature) if unsigned => body.replace(signature.expose(), UNSIGNED),
        _ => body,
    };
    OutgoingRequest {
        method: if is_message { "PUBLISH".to_owned() } else { outgoing.method.to_string() },
        headers: headers.collect(),
        url: veil.url(outgoing.url.expose(), auth.and_then(Auth::query).map(|(name, _)| name)),
        body,
    }
}
