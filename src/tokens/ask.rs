//! The request to the token URL.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::domain::connection::Connection;
use crate::domain::oauth2::OAuth2;
use crate::domain::oauth2::answer::{self, Denied, Granted, Then};
use crate::domain::oauth2::request::Ask;
use crate::domain::outcome::NoAnswer;
use crate::domain::request::JSON;
use crate::domain::retry_after;
use crate::domain::secret::Secret;
use crate::domain::span;
use crate::domain::veil::Veil;
use crate::http_client::{Failure, explain_over};

/// For one whole request. A token that takes longer is not worth the wait of all who need it.
const TIMEOUT: Duration = Duration::from_secs(15);

/// No answer with a token is longer; the rest would not be read.
const LONGEST: usize = 256 * 1024;

/// That no token was given, and how long nobody is to ask again, where that was said.
pub struct NotGranted {
    pub denied: Denied,
    pub wait: Option<Duration>,
}

/// Asks once. What is said where there is no token holds nothing of what was sent.
pub async fn ask(
    (client, connection): (&reqwest::Client, &Connection),
    oauth2: &OAuth2,
    ask: &Ask,
    pointers: &[String],
    now: Timestamp,
) -> Result<Granted, NotGranted> {
    let request = oauth2.request(ask);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
    headers.insert(ACCEPT, HeaderValue::from_static(JSON));
    // Base64 is always fit for a header.
    if let Some(Ok(mut value)) = request.authorization.map(|value| HeaderValue::from_str(value.expose())) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let url = oauth2.token_url.expose().clone();
    let sent = client.post(url).headers(headers).body(request.body.expose().to_owned());
    let deadline = Instant::now() + TIMEOUT;
    let later = |failure: Failure| NotGranted {
        denied: Denied { then: Then::TryLater, said: failure.to_string() },
        wait: None,
    };
    let too_late = || {
        let detail = format!("no answer within {}", span::format(TIMEOUT));
        later(Failure { why: NoAnswer::Timeout, detail })
    };
    let mut response = match timeout_at(deadline, sent.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(later(explain_over(&error, TIMEOUT, connection))),
        Err(_) => return Err(too_late()),
    };
    let status = response.status().as_u16();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = asked.and_then(|value| retry_after::parse(value, now));
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) if body.len() + chunk.len() <= LONGEST => body.extend_from_slice(&chunk),
            Ok(Ok(Some(_))) => {
                let said = format!("HTTP {status} with more than {} KiB", LONGEST / 1024);
                return Err(NotGranted { denied: Denied { then: Then::TryLater, said }, wait });
            }
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(later(explain_over(&error, TIMEOUT, connection))),
            Err(_) => return Err(too_late()),
        }
    }
    answer::read(status, &body, pointers).map_err(|denied| {
        let veil = veil(oauth2, ask);
        // Whole, and then read again: what is said of it is shortened, and half a secret is not known again.
        let covered = veil.answer(&String::from_utf8_lossy(&body), false);
        let said = match answer::read(status, covered.as_bytes(), pointers) {
            Err(covered) => covered.said,
            Ok(_) => veil.answer(&denied.said, true),
        };
        NotGranted { denied: Denied { said, ..denied }, wait }
    })
}

/// Hides what was sent: some repeat it in what they say of it.
fn veil(oauth2: &OAuth2, ask: &Ask) -> Veil {
    let mut secrets = oauth2.secrets();
    match ask {
        Ask::ClientCredentials => {}
        Ask::Refresh(token) => secrets.push(token.clone()),
        Ask::Code { code, verifier, .. } => secrets.extend([code.clone()].into_iter().chain(verifier.clone())),
    }
    Veil::new(secrets.into_iter().map(|secret: Secret| (secret, "***".to_owned())))
}
