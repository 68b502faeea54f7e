//! What whoever starts and stops leadhook wants to know, without a token: it says nothing of a person.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::access::Visitor;
use super::asked::Asked;
use crate::app::operator::{Readiness, Ready, Verb};

/// The process is there and answers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// The source was read lately, and the store can be written. Whoever may not look learns whether, and not why.
pub(super) async fn readiness(
    State(asked): State<Asked>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let readiness = match (Ready {}).run(&asked.operator).await {
        Ok(readiness) => readiness,
        Err(refusal) => Readiness { ready: false, why: vec![refusal.to_string()] },
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if asked.may_look(&visitor, &headers) {
        return (status, Json(readiness)).into_response();
    }
    (status, Json(json!({ "ready": readiness.ready }))).into_response()
}
