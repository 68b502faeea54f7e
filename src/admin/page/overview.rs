//! The first page: is the source read, do the destinations take what is sent, what needs a look.

use axum::extract::State;
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;

use super::frame::{Page, Place, Reader};
use crate::admin::asked::Asked;
use crate::app::operator::{Status, Verb};

/// `GET /`
pub(super) async fn overview(State(asked): State<Asked>, reader: Reader) -> Response {
    let report = match (Status {}).run(&asked.operator).await {
        Ok(report) => report,
        Err(refusal) => return reader.refused(&refusal),
    };
    let title = reader.say("overview.title");
    let page = Page { template: "overview.html", title: &title, place: Place::Overview };
    reader.show(page, context! { report => Serde(&report) })
}
