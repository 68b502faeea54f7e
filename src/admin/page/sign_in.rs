//! Signing in: by the link of `leadhook page`, or with the token of the file; and signing out.
//!
//! The link's code stands behind `#`, which browsers keep to themselves: no server, log or Referer sees it. A script takes
//! it out of the address and posts it; without the script there is a form for it.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::frame::{Page, Place, Reader};
use crate::admin::access::{NOT_OURS, Tried, Visitor, Who, too_many};
use crate::admin::asked::Asked;
use crate::admin::fields::Fields;
use crate::admin::link::own_path;
use crate::admin::origin;
use crate::admin::session::ABSOLUTE_END;

/// Where to go once signed in.
#[derive(Deserialize)]
pub(super) struct To {
    to: Option<String>,
}

/// `GET /sign-in`
pub(super) async fn show(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    Query(To { to }): Query<To>,
) -> Response {
    let to = to.as_deref().and_then(own_path);
    match visitor.visit() {
        Some(_) => Redirect::to(to.unwrap_or("/")).into_response(),
        None => form(&asked, &reader, StatusCode::OK, to),
    }
}

/// `POST /sign-in`: opens a session for who knows a code or the token.
pub(super) async fn sign_in(
    State(asked): State<Asked>,
    reader: Reader,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Visitor { who, address } = &visitor;
    if !origin::is_own_origin(&uri, &headers, asked.doors.url()) {
        return (StatusCode::FORBIDDEN, NOT_OURS).into_response();
    }
    let fields = Fields::read(&body);
    let to = fields.one("to").and_then(own_path);
    let given = fields.one("code").unwrap_or_default();
    let now = asked.operator.now();
    let is_code = asked.doors.sessions().take_code(given, now);
    match if is_code { Tried::Right } else { asked.doors.try_token(given.as_bytes()) } {
        Tried::Right => {}
        Tried::Wrong => {
            tracing::warn!(%address, "a sign-in on the page failed");
            return form(&asked, &reader, StatusCode::UNAUTHORIZED, to);
        }
        Tried::TooMany(wait) => return too_many(wait),
    }
    let opened = {
        let mut sessions = asked.doors.sessions();
        if let Who::Person(before) = who {
            sessions.close(before);
        }
        sessions.open(now)
    };
    let (secret, visit) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let why = format!("no session can be opened: {error}");
            return reader.tell(StatusCode::SERVICE_UNAVAILABLE, &reader.say("unavailable.title"), &why);
        }
    };
    let with = if is_code { "link" } else { "token" };
    tracing::info!(%address, session = visit.label(), with, "signed in on the page");
    let encrypted = origin::is_encrypted(&uri, &headers, asked.doors.url());
    let cookie = cookie(&asked.doors.cookie_name(encrypted), &secret, ABSOLUTE_END.as_secs(), encrypted);
    ([(header::SET_COOKIE, cookie)], Redirect::to(to.unwrap_or("/"))).into_response()
}

/// `POST /sign-out`: ends the session.
pub(super) async fn sign_out(
    State(asked): State<Asked>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Some(visit) = visitor.visit() {
        asked.doors.sessions().close(visit);
        tracing::info!(address = %visitor.address, session = visit.label(), "signed out on the page");
    }
    let encrypted = origin::is_encrypted(&uri, &headers, asked.doors.url());
    let cookie = cookie(&asked.doors.cookie_name(encrypted), "", 0, encrypted);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in?notice=signed_out")).into_response()
}

fn cookie(name: &str, secret: &str, seconds: u64, encrypted: bool) -> String {
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// For those without a script, and for the token.
fn form(asked: &Asked, reader: &Reader, status: StatusCode, to: Option<&str>) -> Response {
    let title = reader.say("sign_in");
    let page = Page { template: "sign_in.html", title: &title, place: Place::Elsewhere };
    let given = context! { to, wrong => status == StatusCode::UNAUTHORIZED, has_token => asked.doors.has_token() };
    reader.show_as(status, page, given)
}
