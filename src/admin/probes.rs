//! What whoever starts and stops leadhook wants to know, without a token: it says nothing of a person.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::asked::Asked;
use crate::app::operator::{Readiness, Ready, Verb};

/// The process is there and answers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// The source was read lately, and the store can be written.
pub(super) async fn readiness(State(asked): State<Asked>) -> Response {
    let readiness = match (Ready {}).run(&asked.operator).await {
        Ok(readiness) => readiness,
        Err(refusal) => Readiness { ready: false, why: vec![refusal.to_string()] },
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Answers only those who call this machine by its address or as `localhost`: a page elsewhere whose name leads here
/// (DNS rebinding) would call it by that name.
pub(super) async fn named_by_itself(request: Request, next: Next) -> Response {
    if is_named_by_itself(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let why = "ask by an address or as localhost: other names are not answered\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

fn is_named_by_itself(uri: &Uri, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = host.or(uri.authority().map(|authority| authority.as_str())) else { return false };
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => authority,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_this_machine() {
        let named = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a header"))]);
            is_named_by_itself(&Uri::from_static("/metrics"), &headers)
        };
        for host in ["127.0.0.1:8787", "127.0.0.1", "localhost:8787", "LOCALHOST", "[::1]:8787", "[::1]", "10.0.0.7:80"]
        {
            assert!(named(host), "{host}");
        }
        for host in ["evil.example:8787", "evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:80"] {
            assert!(!named(host), "{host}");
        }
        assert!(!is_named_by_itself(&Uri::from_static("/"), &HeaderMap::new()));
    }
}
