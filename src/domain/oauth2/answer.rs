//! What a token URL answers: tokens (RFC 6749, section 5.1), or an error (section 5.2), in the forms that vendors give them.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::sign_in::told;
use crate::domain::secret::Secret;

/// Tokens that were given.
#[derive(Clone, Debug)]
pub struct Granted {
    /// What requests carry.
    pub access: Secret,
    /// How long it lives; `None`: nothing is said, or nothing that can be.
    pub lives: Option<Duration>,
    /// What the next token is asked for with; `None`: as before.
    pub refresh: Option<Secret>,
    /// What stands at the JSON Pointers that somebody looks at, with the pointer.
    pub texts: Vec<(String, String)>,
}

/// Why no token was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What follows from it.
    pub then: Then,
    /// What was answered, in a few words; never a token, but perhaps what the other side has made of a request, so that
    /// it has to be veiled.
    pub said: String,
}

/// What follows where no token was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// What it was asked for with is no longer good: a person has to sign in.
    SignIn,
    /// The application itself, or what it asks for, is refused: a person has to look at the file.
    MendFile,
    /// It may work later.
    TryLater,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

/// A refresh token or a code that is dead, in small letters. The first is RFC 6749's, and most vendors say no other; the
/// next belong to OpenID Connect, the last to those who say it their own way.
const DEAD: [&str; 14] = [
    "invalid_grant",
    "access_denied",
    "interaction_required",
    "login_required",
    "consent_required",
    "expired_token",
    "invalid_token",
    "invalid_code",
    "invalid_refresh_token",
    "bad_refresh_token",
    "bad_auth_code",
    "expired_authentication",
    "token_revoked",
    "inactive_user",
];

/// An application, or a wish, that is refused.
const REFUSED: [&str; 12] = [
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_request",
    "invalid_client_id",
    "invalid_client_secret",
    "bad_client_id",
    "bad_client_secret",
    "invalid_redirect_uri",
    "redirect_uri_mismatch",
    "invalid_app_access",
];

/// A longer life is cut: ten years are for ever.
const LONGEST: u64 = 10 * 365 * 86_400;

/// Reads an answer. `pointers`: where else in it something stands that is needed.
///
/// # Errors
/// There is no token in it.
pub fn read(status: u16, body: &[u8], pointers: &[String]) -> Result<Granted, Denied> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let Some(Value::Object(answer)) = &json else {
        let what = if body.is_empty() { "nothing in it" } else { "no JSON object in it" };
        return Err(Denied { then: Then::TryLater, said: format!("HTTP {status} with {what}") });
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match text("access_token") {
        Some(access) if (200..300).contains(&status) => {
            // What cannot stand in a header can open nothing.
            if http::HeaderValue::from_str(access).is_err() {
                return Err(Denied { then: Then::TryLater, said: "a token that cannot stand in a header".into() });
            }
            let at = |pointer: &String| {
                let text = json.as_ref()?.pointer(pointer)?.as_str()?;
                Some((pointer.clone(), text.to_owned()))
            };
            Ok(Granted {
                access: Secret::new(access),
                lives: answer.get("expires_in").and_then(seconds),
                refresh: text("refresh_token").map(Secret::new),
                texts: pointers.iter().filter_map(at).collect(),
            })
        }
        // Some say "no" with a 200.
        _ => Err(denied(status, answer)),
    }
}

fn denied(status: u16, answer: &Map<String, Value>) -> Denied {
    let root = Value::Object(answer.clone());
    let at = |pointers: &[&str]| -> Option<String> {
        let text = |pointer: &&str| root.pointer(pointer)?.as_str().filter(|text| !text.is_empty());
        pointers.iter().find_map(text).map(str::to_owned)
    };
    let code = at(&[
        "/error",
        "/error/code",
        "/error/type",
        "/errors/error_type",
        "/errors/0/error_type",
        "/error_type",
        "/status",
        "/code",
        "/title",
    ]);
    let hint = at(&["/hint"]);
    let description =
        at(&["/error_description", "/error/message", "/errors/error_message", "/errors/0/error_message", "/message"]);
    let description = [description, hint.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let plain = code.as_deref().unwrap_or_default().to_lowercase();
    // A server in trouble knows nothing of tokens, whatever it says.
    let troubled = status == 429 || status >= 500;
    // The PHP library that many servers are built on says "invalid_request" of a revoked token, and only its hint says more.
    let of_token = hint.is_some_and(|hint| {
        let hint = hint.to_lowercase();
        hint.contains("token") || hint.contains("authorization code")
    });
    let then = match plain.as_str() {
        _ if troubled => Then::TryLater,
        code if DEAD.contains(&code) || of_token => Then::SignIn,
        code if REFUSED.contains(&code) => Then::MendFile,
        _ => Then::TryLater,
    };
    let said = match (code, description.as_str()) {
        (Some(code), description) => format!("HTTP {status}, {}", told(&code, description)),
        (None, "") if (200..300).contains(&status) => format!("HTTP {status} without an access_token"),
        (None, "") => format!("HTTP {status}"),
        (None, description) => format!("HTTP {status}, {}", told(description, "")),
    };
    Denied { then, said }
}

/// A number of seconds, as a number or as text. Nothing and less are said by those who mean "for ever".
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(n) => n.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // What is no number is no more than nothing either.
    (seconds >= 1.0).then(|| Duration::from_secs(if seconds < LONGEST as f64 { seconds as u64 } else { LONGEST }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn answer(status: u16, body: &Value) -> Result<Granted, Denied> {
        read(status, body.to_string().as_bytes(), &["/instance_url".into()])
    }

    #[test]
    fn the_answer_of_rfc_6749_is_read() {
        // Section 5.1.
        let body = br#"{
            "access_token":"2YotnFZFEjr1zCsicMWpAA",
            "token_type":"example",
            "expires_in":3600,
            "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA",
            "example_parameter":"example_value"
        }"#;
        let granted = read(200, body, &["/example_parameter".into(), "/not/there".into()]).expect("a token");
        assert_eq!(granted.access.expose(), "2YotnFZFEjr1zCsicMWpAA");
        assert_eq!(granted.lives, Some(Duration::from_secs(3600)));
        assert_eq!(granted.refresh.expect("a token").expose(), "tGzv3JOkF0XG5Qx2TlKWIA");
        assert_eq!(granted.texts, [("/example_parameter".to_owned(), "example_value".to_owned())]);
    }

    #[test]
    fn a_life_is_read_however_it_is_written() {
        let lives = |value: Value| {
            answer(200, &json!({"access_token": "a", "expires_in": value}))
                .expect("a token")
                .lives
                .map(|life| life.as_secs())
        };
        for (written, read) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(" 86399 "), Some(86_399)),
            (json!(3599.9), Some(3599)),
            (json!(1e300), Some(LONGEST)),
            (json!(0), None),
            (json!(-1), None),
            (json!("never"), None),
            (json!("NaN"), None),
            (json!(null), None),
            (json!({"s": 1}), None),
        ] {
            assert_eq!(lives(written.clone()), read, "{written}");
        }
        assert_eq!(answer(201, &json!({"access_token": "a"})).expect("a token").lives, None);
    }

    #[test]
    fn what_a_refusal_means() {
        use Then::{MendFile, SignIn, TryLater};
        for (status, body, then, said) in [
            // RFC 6749, section 5.2.
            (400, json!({"error": "invalid_grant"}), SignIn, "HTTP 400, invalid_grant"),
            (400, json!({"error": "invalid_request"}), MendFile, "HTTP 400, invalid_request"),
            (401, json!({"error": "invalid_client"}), MendFile, "HTTP 401, invalid_client"),
            (400, json!({"error": "unauthorized_client"}), MendFile, "HTTP 400, unauthorized_client"),
            (400, json!({"error": "unsupported_grant_type"}), MendFile, "HTTP 400, unsupported_grant_type"),
            (
                400,
                json!({"error": "invalid_scope", "error_description": "no"}),
                MendFile,
                "HTTP 400, invalid_scope (no)",
            ),
            // Their own ways.
            (200, json!({"error": "invalid_code"}), SignIn, "HTTP 200, invalid_code"),
            (
                400,
                json!({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
                SignIn,
                "HTTP 400, BAD_REFRESH_TOKEN (missing or invalid refresh token)",
            ),
            (
                401,
                json!({"errors": {"error_type": "INVALID_REFRESH_TOKEN", "error_message": "The provided refresh token is invalid"}}),
                SignIn,
                "HTTP 401, INVALID_REFRESH_TOKEN (The provided refresh token is invalid)",
            ),
            (
                400,
                json!({"hint": "Token has been revoked", "title": "Bad Request", "status": 400}),
                SignIn,
                "HTTP 400, Bad Request (Token has been revoked)",
            ),
            (
                401,
                json!({"error": "invalid_request", "hint": "Token has expired", "message": "The refresh token is invalid."}),
                SignIn,
                "HTTP 401, invalid_request (The refresh token is invalid., Token has expired)",
            ),
            // Nothing that a person can mend.
            (503, json!({"error": "temporarily_unavailable"}), TryLater, "HTTP 503, temporarily_unavailable"),
            (500, json!({"error": "invalid_grant"}), TryLater, "HTTP 500, invalid_grant"),
            (429, json!({"error": "invalid_client"}), TryLater, "HTTP 429, invalid_client"),
            (400, json!({"error": "slow_down"}), TryLater, "HTTP 400, slow_down"),
            (400, json!({}), TryLater, "HTTP 400"),
            (403, json!({"message": "blocked"}), TryLater, "HTTP 403, blocked"),
            (200, json!({"ok": true}), TryLater, "HTTP 200 without an access_token"),
            (200, json!({"access_token": ""}), TryLater, "HTTP 200 without an access_token"),
            (200, json!({"access_token": 7}), TryLater, "HTTP 200 without an access_token"),
            (200, json!([]), TryLater, "HTTP 200 with no JSON object in it"),
            (302, json!({"access_token": "a"}), TryLater, "HTTP 302"),
            (200, json!({"access_token": "a\nx: y"}), TryLater, "a token that cannot stand in a header"),
        ] {
            assert_eq!(answer(status, &body).map(drop), Err(Denied { then, said: said.into() }), "{status} {body}");
        }
        assert_eq!(read(502, b"<html>", &[]).expect_err("no token").said, "HTTP 502 with no JSON object in it");
        assert_eq!(read(200, b"", &[]).expect_err("no token").said, "HTTP 200 with nothing in it");
    }

    proptest! {
        #[test]
        fn whatever_comes_it_is_read_or_refused(status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(status, &body, &["/a".into(), "".into()]);
        }

        #[test]
        fn nothing_steers_a_terminal(error in any::<String>(), description in any::<String>()) {
            let said = answer(400, &json!({"error": error, "error_description": description})).expect_err("no token").said;
            prop_assert!(!said.chars().any(char::is_control));
            prop_assert!(said.chars().count() < 300);
        }
    }
}
