//! A request as it goes to a destination: what its form made of an event, and what stands around it on the wire.

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::{HeaderName, Method};
use jiff::Timestamp;

use super::queue::Broker;
use super::secret::{Secret, SecretUrl};
use super::sign::{self, SigningSecret};

/// The event's id; the same on every attempt. Standard Webhooks 1.0, as the two that follow.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");

/// When this attempt was made, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

/// One signature for each secret.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How leadhook names itself.
pub const AGENT: &str = concat!("leadhook/", env!("CARGO_PKG_VERSION"));

/// What a body is where nobody says otherwise.
pub const JSON: &str = "application/json";

/// So much of an answer is read, in bytes, where something in it is wanted.
pub const LONG_ANSWER: usize = 1024 * 1024;

/// A request that is ready but for what is made anew for each attempt. Prints without secrets and without the lead.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`, unless the file says otherwise.
    pub method: Method,
    /// Whole; it may carry a secret.
    pub url: SecretUrl,
    /// Its body's form, as in `application/json`; `None`: it has no body.
    pub content_type: Option<String>,
    /// The file's own. A name may stand there more than once.
    pub headers: Vec<(HeaderName, Secret)>,
    /// As it is sent and signed.
    pub body: Body,
    /// So many bytes of the answer are read.
    pub read: usize,
    /// The lead's id, for queues that keep the order of what has one key; `None`: what leadhook tells of itself.
    pub key: Option<String>,
}

/// The bytes of a body. They are a person's data, and print as a length.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Request {
    /// The same request, where something in the answer's body is wanted: a list of notes may be long.
    pub fn reading_whole_answers(self) -> Request {
        Request { read: LONG_ANSWER, ..self }
    }

    /// Whether it is a message for a queue, and does not go by HTTP.
    pub fn is_message(&self) -> bool {
        Broker::of_scheme(self.url.expose().scheme()).is_some()
    }

    /// The headers of one attempt, made anew for each. Without secrets there is no signature. The file's own headers
    /// replace leadhook's of the same name, but for those that [`is_reserved`] names.
    pub fn headers_for(&self, secrets: &[SigningSecret], id: &str, now: Timestamp) -> Vec<(HeaderName, Secret)> {
        let seconds = now.as_second();
        let mut headers: Vec<_> =
            self.content_type.iter().map(|content_type| (CONTENT_TYPE, content_type.clone())).collect();
        // Who speaks HTTP is of no interest to a queue.
        headers.extend((!self.is_message()).then(|| (USER_AGENT, AGENT.to_owned())));
        headers.extend([(WEBHOOK_ID, id.to_owned()), (WEBHOOK_TIMESTAMP, seconds.to_string())]);
        if let Some(signature) = sign::signature(secrets, id, seconds, &self.body.0) {
            headers.push((WEBHOOK_SIGNATURE, signature));
        }
        let theirs = || self.headers.iter().filter(|(name, _)| !is_reserved(name));
        headers.retain(|(own, _)| !theirs().any(|(name, _)| name == own));
        let own = headers.into_iter().map(|(name, value)| (name, Secret::new(value)));
        own.chain(theirs().cloned()).collect()
    }
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

    fn request(body: &[u8], headers: &[(HeaderName, &str)]) -> Request {
        Request {
            method: Method::POST,
            url: SecretUrl::new("https://crm.example.com/".parse().expect("a URL")),
            content_type: Some(JSON.to_owned()),
            headers: headers.iter().map(|(name, value)| (name.clone(), Secret::new(*value))).collect(),
            body: Body(body.to_vec()),
            read: 0,
            key: None,
        }
    }

    fn shown(headers: Vec<(HeaderName, Secret)>) -> Vec<(String, String)> {
        headers.into_iter().map(|(name, value)| (name.to_string(), value.expose().to_owned())).collect()
    }

    #[test]
    fn the_headers_are_those_of_the_published_vector() {
        let secret = SigningSecret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("a secret");
        let now = Timestamp::from_millisecond(1_649_367_553_999).expect("a time");
        let request = request(br#"{"email":"test@example.com","username":"test_user"}"#, &[]);
        let made = shown(request.headers_for(&[secret], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", now));
        let expected = [
            ("content-type", "application/json"),
            ("user-agent", concat!("leadhook/", env!("CARGO_PKG_VERSION"))),
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        ];
        assert_eq!(made, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(request.headers_for(&[], "msg_1", now).len(), 4);
    }

    #[test]
    fn the_files_headers_replace_ours_and_leave_the_reserved_ones_alone() {
        let own = [(USER_AGENT, "Ana/1"), (WEBHOOK_ID, "evt_forged"), (CONTENT_LENGTH, "0"), (USER_AGENT, "Bia/2")];
        let made = shown(request(b"{}", &own).headers_for(&[], "evt_1", Timestamp::UNIX_EPOCH));
        let names: Vec<(&str, &str)> = made.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            names,
            [
                ("content-type", "application/json"),
                ("webhook-id", "evt_1"),
                ("webhook-timestamp", "0"),
                ("user-agent", "Ana/1"),
                ("user-agent", "Bia/2"),
            ]
        );
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

    #[test]
    fn it_prints_neither_the_lead_nor_a_secret() {
        let printed = format!("{:?}", request(b"Maria Silva", &[(USER_AGENT, "s3cret")]));
        assert!(!printed.contains("Maria") && !printed.contains("s3cret"), "{printed}");
    }
}
