//! A message, as every broker carries it.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;

use crate::domain::request::Request;
use crate::domain::secret::Secret;
use crate::domain::sign::SigningSecret;

/// One attempt's message: body and signature are byte for byte those that HTTP would carry.
pub struct Message {
    /// `webhook-id`: the same on every attempt, so that a broker that knows repeats can drop them.
    pub id: String,
    /// The lead's id, for brokers that keep the order of what has one key.
    pub key: Option<String>,
    /// As in `application/json`.
    pub content_type: Option<String>,
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`, and the file's own; their names in small letters.
    pub headers: Vec<(HeaderName, Secret)>,
    /// As it was signed.
    pub body: Vec<u8>,
}

impl Message {
    /// Made anew for each attempt.
    pub fn of(id: &str, request: Request, secrets: &[SigningSecret], now: Timestamp) -> Message {
        let mut headers = request.headers_for(secrets, id, now);
        headers.retain(|(name, _)| name != CONTENT_TYPE);
        let Request { content_type, body, key, .. } = request;
        Message { id: id.to_owned(), key, content_type, headers, body: body.0 }
    }

    /// The headers as texts.
    pub fn header_texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
