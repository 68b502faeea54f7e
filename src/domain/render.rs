//! What stands around an event on the wire. An event's body, where no template changes it, is its envelope as it is.

use http::HeaderName;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use jiff::Timestamp;

use super::sign::{self, SigningSecret};

/// The event's id; the same on every attempt. Standard Webhooks 1.0, as the two that follow.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");

/// When this attempt was made, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

/// One signature for each secret.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How leadhook names itself.
pub const AGENT: &str = concat!("leadhook/", env!("CARGO_PKG_VERSION"));

/// The headers of one attempt, made anew for each. Without secrets there is no signature.
pub fn headers(secrets: &[SigningSecret], id: &str, now: Timestamp, body: &[u8]) -> Vec<(HeaderName, String)> {
    let seconds = now.as_second();
    let mut headers = vec![
        (CONTENT_TYPE, "application/json".to_owned()),
        (USER_AGENT, AGENT.to_owned()),
        (WEBHOOK_ID, id.to_owned()),
        (WEBHOOK_TIMESTAMP, seconds.to_string()),
    ];
    if let Some(signature) = sign::signature(secrets, id, seconds, body) {
        headers.push((WEBHOOK_SIGNATURE, signature));
    }
    headers
}

/// Whether a destination's own headers must leave this one alone: what makes the delivery what it is, and what tells
/// where its body ends.
pub fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("webhook-")
        || [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_those_of_the_published_vector() {
        let secret = SigningSecret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("a secret");
        let now = Timestamp::from_millisecond(1_649_367_553_999).expect("a time");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let made = headers(&[secret], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", now, body);
        let made: Vec<_> = made.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("content-type", "application/json"),
            ("user-agent", concat!("leadhook/", env!("CARGO_PKG_VERSION"))),
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        ];
        assert_eq!(made, expected);
        assert_eq!(headers(&[], "msg_1", now, body).len(), 4);
    }

    #[test]
    fn some_headers_are_nobody_elses() {
        for name in ["webhook-id", "Webhook-Signature", "webhook-anything", "content-length", "Transfer-Encoding"] {
            assert!(is_reserved(&name.parse().expect("a name")), "{name}");
        }
        for name in ["content-type", "user-agent", "authorization", "x-webhook-id", "host"] {
            assert!(!is_reserved(&name.parse().expect("a name")), "{name}");
        }
    }
}
