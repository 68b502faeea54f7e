//! Addresses, tokens and their renewal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use httpmock::MockServer;
use leadhook::config::Access;
use leadhook::domain::lead::LeadId;
use leadhook::domain::secret::Secret;
use leadhook::source::{Asked, Refused, Source, SourceErrorKind};
use tokio::sync::Barrier;

use super::server::{Reply, Request, Server};
use super::{LEAD, PASSWORD, TOKEN, USER, config, failed, source, why};

#[tokio::test]
async fn a_token_is_had_with_any_characters_and_then_sent() {
    let server = MockServer::start_async().await;
    let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let token = server
        .mock_async(|when, then| {
            when.method("GET")
                .path("/solution/token/basic/my-platform")
                .query_param("time", "36 00+&")
                .header("authorization", basic)
                .header("user-agent", concat!("leadhook/", env!("CARGO_PKG_VERSION")));
            then.status(200).body(format!("{{\"token\":\"{TOKEN}\"}}"));
        })
        .await;
    let lead = server
        .mock_async(|when, then| {
            when.method("GET")
                .path("/lead/find/weclever_id/18446744073709551615")
                .header("authorization", format!("Bearer {TOKEN}"));
            then.status(200).body(LEAD);
        })
        .await;
    let mut config = config(&server.base_url());
    let (username, password) = (Secret::new(USER), Secret::new(PASSWORD));
    config.access = Access::Basic { username, password, token_time: Some("36 00+&".into()) };
    let source = Source::new(config).expect("a source");
    for _ in 0..2 {
        let got = source.lead(LeadId(u64::MAX)).await.expect("a lead");
        assert_eq!(got.json(), r#"{"name":"Maria","csat":{"rating":null}}"#);
    }
    token.assert_calls_async(1).await;
    lead.assert_calls_async(2).await;
    source.token().await.expect("a token on request");
    token.assert_calls_async(2).await;
}

#[tokio::test]
async fn header_scheme_prefix_and_plus_are_as_the_file_says() {
    let server = Server::start(|request: Request| async move {
        match request.is_for_a_token() {
            true => Reply::json(format!("{{\"token\":\"{TOKEN}\"}}")),
            false => Reply::json(r#"{"leads":[]}"#),
        }
    })
    .await;
    let mut config = config(&server.base.replace("//", "//eve:hunter2@"));
    config.base_url.set_path("/pre%20fix/v1/");
    config.platform_id = "a/b é".into();
    config.auth_header = http::HeaderName::from_static("x-access-token");
    config.auth_scheme = String::new();
    Source::new(config.clone()).expect("a source").list("2026-11-24+00:00:00", "2026-11-25").await.expect("a list");
    config.encode_plus = true;
    Source::new(config).expect("a source").list("2026-11-24+00:00:00", "2026-11-25").await.expect("a list");
    let seen = server.seen();
    let targets: Vec<&str> = seen.iter().map(|request| request.target.as_str()).collect();
    let token = "/pre%20fix/v1/solution/token/basic/a%2Fb%20%C3%A9";
    let list = "/pre%20fix/v1/lead/find/finalized/2026-11-24+00:00:00/2026-11-25";
    assert_eq!(targets, [token, list, token, &list.replace('+', "%2B")]);
    assert_eq!(seen[1].header("x-access-token"), Some(TOKEN));
    // The address's user info is nobody's password.
    assert_eq!(seen[1].header("authorization"), None);
    assert_eq!(
        seen[0].header("authorization"),
        Some(&*format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}"))))
    );
    assert_eq!(seen[1].header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn what_cannot_be_used_is_said_before_anything_is_asked() {
    let mut dots = config("http://127.0.0.1:1");
    dots.platform_id = "..".into();
    assert!(matches!(why(Source::new(dots)), SourceErrorKind::Setup(_)));
    let mut token = config("http://127.0.0.1:1");
    token.access = Access::Token(Secret::new("hunter2\n"));
    assert!(failed(Source::new(token)).to_string().contains("`token` in [source]"));
}

#[tokio::test]
async fn fifty_refusals_are_one_renewal() {
    for status in [401, 403] {
        let (given, barrier) = (AtomicUsize::new(0), Arc::new(Barrier::new(50)));
        let server = Server::start(move |request: Request| {
            let barrier = barrier.clone();
            let n = if request.is_for_a_token() { given.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
            async move {
                match request.header("authorization") {
                    _ if n > 0 => Reply::json(format!("{{\"token\":\"number-{n}\"}}")),
                    Some("Bearer number-2") => Reply::json(LEAD),
                    // All fifty are refused before any of them hears of it.
                    _ => {
                        barrier.wait().await;
                        Reply::status(status, "")
                    }
                }
            }
        })
        .await;
        let mut config = config(&server.base);
        config.concurrency = 50;
        let source = Source::new(config).expect("a source");
        for lead in join_all((0..50).map(|id| source.lead(LeadId(id)))).await {
            lead.expect("a lead, the second time");
        }
        // The first, and one more.
        assert_eq!(server.tokens_given(), 2);
        assert_eq!(server.others_seen(), 100);
    }
}

#[tokio::test]
async fn a_refusal_soon_after_a_renewal_is_an_error_and_no_storm() {
    let server = Server::with_token(|_| async { Reply::status(401, "Maria") }).await;
    let source = source(&server.base);
    for id in 0..20 {
        let error = failed(source.lead(LeadId(id)).await);
        assert_eq!(error.kind, SourceErrorKind::Unauthorized { status: 401, refused: Refused::FreshToken });
        assert_eq!(error.asked, Asked::Lead(LeadId(id)));
    }
    assert_eq!(server.tokens_given(), 2);
    // Only the first was tried twice.
    assert_eq!(server.others_seen(), 21);
}

#[tokio::test]
async fn a_token_that_cannot_be_had_is_asked_for_once_by_all() {
    for status in [401, 500] {
        let server = Server::start(move |_| async move { Reply::status(status, PASSWORD) }).await;
        let source = source(&server.base);
        for error in join_all((0..50).map(|id| source.lead(LeadId(id)))).await.into_iter().map(failed) {
            assert_eq!(error.asked, Asked::Token);
        }
        assert_eq!(server.seen().len(), 1);
        let said = failed(source.list("2026-11-24", "2026-11-25").await).to_string();
        match status {
            401 => assert!(said.contains("check `username`, `password` and `platform_id`"), "{said}"),
            _ => assert!(said.ends_with("asked for a token: status 500"), "{said}"),
        }
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_token_from_the_file_is_used_and_never_renewed() {
    let server = Server::start(|request: Request| async move {
        match request.target.ends_with("/7") {
            true => Reply::json(LEAD),
            false => Reply::status(403, ""),
        }
    })
    .await;
    let mut config = config(&server.base);
    config.access = Access::Token(Secret::new(TOKEN));
    let source = Source::new(config).expect("a source");
    source.token().await.expect("nothing to do");
    source.lead(LeadId(7)).await.expect("a lead");
    let error = failed(source.lead(LeadId(8)).await);
    assert_eq!(error.kind, SourceErrorKind::Unauthorized { status: 403, refused: Refused::GivenToken });
    assert!(error.to_string().contains("put a fresh one into `token`"), "{error}");
    assert_eq!(server.seen().len(), 2);
    assert_eq!(server.seen()[0].header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    assert!(!format!("{source:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_token_that_is_none_is_malformed() {
    for body in ["", "<html>t0k3n</html>", "{}", r#"{"token":7}"#, r#"{"token":"t0k3n\n"}"#] {
        let server = Server::start(move |_| async move { Reply::json(body) }).await;
        assert!(matches!(why(source(&server.base).token().await), SourceErrorKind::Malformed(_)), "{body}");
    }
}
