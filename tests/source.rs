//! The source against real sockets: what it asks, what it takes for an answer, and what it says when there is none.

#[path = "source/access.rs"]
mod access;
#[path = "source/answers.rs"]
mod answers;
#[path = "source/limits.rs"]
mod limits;
#[path = "source/server.rs"]
mod server;

use std::time::Duration;

use jiff::tz::TimeZone;
use leadhook::config::{Access, SourceConfig, Start};
use leadhook::domain::recheck::Ages;
use leadhook::domain::secret::Secret;
use leadhook::domain::watched::Watch;
use leadhook::source::{Source, SourceError, SourceErrorKind};

// Planted: none of these may ever be found in an error.
const USER: &str = "ana:sócia\"";
const PASSWORD: &str = "p:ss wörd\"'\\%";
const TOKEN: &str = "t0k3n.a+b/c=";
const PERSON: &str = "Maria";

/// A file's `[source]`, with short waits.
fn config(base: &str) -> SourceConfig {
    SourceConfig {
        base_url: base.parse().expect("a URL"),
        platform_id: "my-platform".into(),
        access: Access::Basic { username: Secret::new(USER), password: Secret::new(PASSWORD), token_time: None },
        auth_header: http::header::AUTHORIZATION,
        auth_scheme: "Bearer".into(),
        encode_plus: false,
        timezone: TimeZone::UTC,
        poll_every: Duration::from_secs(60),
        overlap: Duration::from_secs(7_200),
        lookback: Duration::from_secs(43_200),
        lookback_every: Duration::from_secs(900),
        sweep_every: Duration::from_secs(86_400),
        sweep: Duration::from_secs(86_400),
        start: Start::Now,
        concurrency: 16,
        rate: None,
        timeout: Duration::from_secs(5),
        give_up_after: Duration::from_secs(86_400),
        recheck: Ages::default(),
        watch: Watch::default(),
        stale_after: Duration::from_secs(900),
        heartbeat_url: None,
    }
}

fn source(base: &str) -> Source {
    Source::new(config(base)).expect("a source")
}

/// The error, after a look at whether it gives anything away.
#[track_caller]
fn failed<T>(result: Result<T, SourceError>) -> SourceError {
    let error = result.err().expect("an error");
    for said in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
        for secret in [USER, PASSWORD, "sócia", "ss w", TOKEN, "t0k3n", PERSON, "hunter2"] {
            assert!(!said.contains(secret), "{secret} in: {said}");
        }
    }
    error
}

/// Why it failed.
#[track_caller]
fn why<T>(result: Result<T, SourceError>) -> SourceErrorKind {
    failed(result).kind
}

const LEAD: &str = r#"{"lead":{"name":"Maria","csat":{"rating":null}}}"#;
