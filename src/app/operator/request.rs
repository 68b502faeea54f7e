//! A request as it would go out by today's file, for a person to look at.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::domain::auth::Auth;
use crate::domain::form::Unfit;
use crate::domain::request::WEBHOOK_SIGNATURE;

/// A request as it would go out, its secrets hidden.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutgoingRequest {
    /// `POST`, unless the file says otherwise.
    pub method: String,
    /// Without what is secret in it.
    pub url: String,
    /// Likewise.
    pub headers: Vec<(String, String)>,
    /// The body, likewise.
    pub body: String,
}

/// The request for an event that goes to this destination by this route; `None` where one of the two is not in the file.
///
/// # Errors
/// No request can be made of the event.
pub fn outgoing(
    config: &Config,
    (destination, route): (&str, &str),
    (id, envelope): (&str, Vec<u8>),
    now: Timestamp,
) -> Option<Result<OutgoingRequest, Unfit>> {
    let destination = config.destinations.iter().find(|d| d.name == destination)?;
    let route = config.routes.iter().find(|r| r.name == route)?;
    let (veil, auth) = (&config.veil, destination.form.auth.as_ref());
    let auth_header = auth.and_then(Auth::header).map(|(name, _)| name);
    let mut rehearsed = route.calls_at(destination).rehearse(id, &envelope).into_iter();
    let request = match rehearsed.find_map(|call| call.made.transpose())? {
        Ok(request) => request,
        Err(unfit) => return Some(Err(unfit)),
    };
    let headers = request.headers_for(&destination.secrets, id, now).into_iter().map(|(name, value)| {
        // Signed with what stands in for a secret, it would only mislead.
        let shown = if name == WEBHOOK_SIGNATURE && !config.unset.is_empty() {
            "v1,***".to_owned()
        } else if auth_header.as_ref() == Some(&name) {
            veil.secret(value.expose())
        } else {
            veil.header(&name, value.expose())
        };
        (name.to_string(), shown)
    });
    Some(Ok(OutgoingRequest {
        method: request.method.to_string(),
        headers: headers.collect(),
        url: veil.url(request.url.expose(), auth.and_then(Auth::query).map(|(name, _)| name)),
        body: veil.text(&String::from_utf8_lossy(&request.body.0)),
    }))
}
