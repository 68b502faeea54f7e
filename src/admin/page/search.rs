//! The search box: a lead by its number, an event or a dead letter by its id.

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::frame::Reader;
use super::words;

#[derive(serde::Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    q: String,
}

/// `GET /find?q=`: to the page of what was asked for.
pub(super) async fn find(reader: Reader, Query(Wish { q }): Query<Wish>) -> Response {
    let query = q.trim();
    match place(query) {
        Some(place) => Redirect::to(&place).into_response(),
        None => {
            let given = [("query", query.to_owned())];
            let title = words::say("search.nothing", None, &given, reader.language).unwrap_or_default();
            reader.tell(StatusCode::NOT_FOUND, &title, &reader.say("search.what"))
        }
    }
}

fn place(query: &str) -> Option<String> {
    let is_id = query.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    match query {
        // As people copy it from a message: #123456.
        _ if query.trim_start_matches('#').parse::<u64>().is_ok() => {
            Some(format!("/leads/{}", query.trim_start_matches('#')))
        }
        _ if is_id && query.starts_with("evt_") => Some(format!("/events/{query}")),
        _ if is_id && query.starts_with("dead_") => Some(format!("/dead/{query}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_number_is_a_lead_and_an_id_says_what_it_is() {
        for (query, expected) in [
            ("123456", Some("/leads/123456")),
            ("#123456", Some("/leads/123456")),
            ("evt_abc", Some("/events/evt_abc")),
            ("dead_abc", Some("/dead/dead_abc")),
            ("evt_../../x", None),
            ("evt_a?b", None),
            ("-1", None),
            ("Bia Souza", None),
            ("", None),
        ] {
            assert_eq!(place(query).as_deref(), expected, "{query}");
        }
    }
}
