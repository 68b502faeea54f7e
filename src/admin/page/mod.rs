//! The page: what an operator looks at in a browser. Rendered here, with templates, one stylesheet and one script that are
//! in the binary; it works without the script, too, and then stands still.
//!
//! | file | |
//! |---|---|
//! | [`frame`] | who reads, in what language; the frame that every page's content is put into |
//! | [`words`] | every text in every language |
//! | [`shown`] | numbers and times as a language writes them |
//! | [`assets`] | stylesheet, script, picture |
//! | [`policy`] | what a browser may do with it |
//! | [`live`] | tells an open page when there is something new to see |
//! | [`overview`] | the first page |
//! | [`looks`], [`latest`], [`plots`] | parts of it: what needs a look, what happened, drawn by [`plot`] |
//! | [`search`] | the search box |
//! | [`sign_in`] | signing in and out |
//! | [`lead`], [`event`], [`story`] | what happened to a lead |
//! | [`reason`] | what came back, in the reader's language |
//! | [`dead`], [`letter`] | what was given up on, and what to do about it |
//! | [`destination`] | how one stands, and what is done to it by hand |
//! | [`curtain`] | what of a person stands before the reader |

mod assets;
mod curtain;
mod dead;
mod destination;
mod event;
mod frame;
mod language;
mod latest;
mod lead;
mod letter;
mod live;
mod looks;
mod overview;
mod plot;
mod plots;
mod policy;
mod reason;
mod search;
mod shown;
mod sign_in;
mod story;
mod words;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::asked::Asked;
use frame::Reader;
pub(super) use frame::Session;
pub(super) use live::Lines;
pub(super) use policy::strict;

/// What tells nothing, and what lets in.
pub(super) fn for_anyone() -> Router<Asked> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/assets/{file}", get(assets::asset))
        .route("/favicon.ico", get(assets::icon))
}

/// How everything stands: names and counts, nothing of a person.
pub(super) fn for_who_may_look() -> Router<Asked> {
    Router::new().route("/", get(overview::overview)).route("/find", get(search::find)).route("/live", get(live::live))
}

/// What shows something of a person, or changes anything.
pub(super) fn for_the_signed_in() -> Router<Asked> {
    Router::new()
        .route("/sign-out", post(sign_in::sign_out))
        .route("/leads/{id}", get(lead::lead))
        .route("/leads/{id}/show", post(lead::show))
        .route("/leads/{id}/hide", post(lead::hide))
        .route("/events/{id}", get(event::event))
        .route("/dead", get(dead::list))
        .route("/dead/retry", post(dead::retry))
        .route("/dead/drop", post(dead::drop_all))
        .route("/dead/{id}", get(letter::letter))
        .route("/dead/{id}/retry", post(letter::retry))
        .route("/dead/{id}/drop", post(letter::drop_one))
        .route("/dead/{id}/step-done", post(letter::step_done))
        .route("/destinations/{name}", get(destination::destination))
        .route("/destinations/{name}/pause", post(destination::pause))
        .route("/destinations/{name}/resume", post(destination::resume))
        .route("/destinations/{name}/test", post(destination::test))
}

/// Any other path.
pub(super) async fn not_found(reader: Reader) -> Response {
    reader.not_found()
}
