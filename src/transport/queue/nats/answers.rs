//! What JetStream's answers mean, and what a server's refusals do.

use serde::Deserialize;

use super::Said;
use crate::domain::outcome::{Answer, NoAnswer, Refusal};

/// What came back of a message: an acknowledgement, or why there is none.
#[derive(Deserialize)]
pub struct Acknowledged {
    stream: Option<String>,
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
    error: Option<Said>,
}

impl Acknowledged {
    /// From whatever has answered; what cannot be read acknowledges nothing.
    pub fn read(said: &[u8]) -> Acknowledged {
        serde_json::from_slice(said).unwrap_or(Acknowledged { stream: None, seq: None, duplicate: false, error: None })
    }

    /// What the attempt has come to.
    pub fn answer(self) -> Answer {
        match self {
            Acknowledged { error: Some(error), .. } => Answer::Refused { why: error.means(), detail: error.told() },
            Acknowledged { stream: Some(stream), seq: Some(seq), duplicate: false, .. } => {
                Answer::Taken { receipt: format!("stream {stream}, sequence {seq}") }
            }
            // The first of the two is what it has.
            Acknowledged { stream: Some(stream), seq: Some(seq), .. } => {
                Answer::Taken { receipt: format!("stream {stream} has had it already, sequence {seq}") }
            }
            Acknowledged { .. } => Answer::Nothing {
                why: NoAnswer::Protocol,
                detail: "something else than a stream answers requests to this subject".to_owned(),
            },
        }
    }
}

/// What servers say as their sources have it: `server/errors.go` and `server/errors.json` of nats-server. Whatever else one says
/// may repeat what it was sent, a password or a lead's data, and is told to nobody.
const KNOWN: [&str; 24] = [
    "account authentication expired",
    "insufficient memory resources available",
    "insufficient resources",
    "insufficient storage resources available",
    "invalid subject",
    "jetstream not enabled",
    "jetstream not enabled for account",
    "jetstream system temporarily unavailable",
    "maximum account active connections exceeded",
    "maximum bytes exceeded",
    "maximum connections exceeded",
    "maximum control line exceeded",
    "maximum messages exceeded",
    "maximum messages per subject exceeded",
    "maximum payload violation",
    "message size exceeds maximum allowed",
    "no suitable peers for placement",
    "resource limits exceeded for account",
    "secure connection - tls required",
    "server shutdown",
    "stale connection",
    "stream is offline",
    "stream not found",
    "user authentication expired",
];

/// The server's own words, where they are known not to repeat anything.
pub fn known(said: &str) -> Option<&'static str> {
    let said = said.trim_matches(['\'', '"', ' ']).to_ascii_lowercase();
    KNOWN.into_iter().find(|known| *known == said)
}

impl Said {
    fn told(&self) -> String {
        match known(&self.description) {
            Some(known) => known.to_owned(),
            None => format!("JetStream's error {}; the server's log says more", self.err_code),
        }
    }

    /// Numbers of the server's `errors.json`.
    fn means(&self) -> Refusal {
        match (self.err_code, self.code) {
            // "message size exceeds maximum allowed", by the stream's max_msg_size
            (10_054, _) => Refusal::TooLarge,
            // "header size exceeds maximum allowed of 64k"
            (10_097, _) => Refusal::Unfit,
            // "JetStream not enabled for account", "JetStream not enabled"
            (10_039 | 10_076, _) => Refusal::NotThere,
            // "resource limits exceeded for account", "insufficient memory resources available", and of storage
            (10_002 | 10_028 | 10_047, _) => Refusal::Busy,
            // "maximum messages exceeded", "maximum bytes exceeded", no leader, offline: the stream is there and cannot now.
            (_, 503) => Refusal::Busy,
            _ => Refusal::Other,
        }
    }
}

/// The streams that take a subject.
#[derive(Deserialize)]
pub struct Found {
    #[serde(default)]
    streams: Option<Vec<String>>,
    error: Option<Said>,
}

impl Found {
    /// Their names; as a rule there is one at the most.
    ///
    /// # Errors
    /// Why JetStream does not say.
    pub fn read(said: &[u8]) -> Result<Vec<String>, String> {
        match serde_json::from_slice(said) {
            Ok(Found { error: Some(error), .. }) => Err(format!("JetStream says: {}", error.told())),
            Ok(Found { streams, .. }) => Ok(streams.unwrap_or_default()),
            Err(_) => Err("JetStream's answer could not be understood".to_owned()),
        }
    }
}

/// What matters here of how a stream is set up.
#[derive(Deserialize)]
pub struct Settings {
    /// It acknowledges nothing.
    #[serde(default)]
    pub no_ack: bool,
    /// So long it knows repeats, in nanoseconds.
    #[serde(default)]
    pub duplicate_window: u64,
}

impl Settings {
    /// `None`: it was not told, as where one may not ask.
    pub fn read(said: &[u8]) -> Option<Settings> {
        #[derive(Deserialize)]
        struct Info {
            config: Settings,
        }
        serde_json::from_slice(said).ok().map(|Info { config }| config)
    }
}

/// What a user may not do, so that a request of theirs is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// To publish to the subject.
    Subject,
    /// To hear any answer.
    Answers,
}

impl Denied {
    /// Whether the server says with these words that it refuses a request to this subject.
    pub fn read(said: &str, subject: &str) -> Option<Denied> {
        let said = said.trim_matches('\'');
        let of = said.strip_prefix("Permissions Violation for Publish to ");
        if of.is_some_and(|of| of.trim_matches('"') == subject) {
            return Some(Denied::Subject);
        }
        said.starts_with("Permissions Violation for Subscription to \"_INBOX.").then_some(Denied::Answers)
    }

    /// What to do.
    pub fn told(self) -> &'static str {
        match self {
            Denied::Subject => "this user may not publish to this subject; add it to the user's `publish` permissions",
            Denied::Answers => {
                "this user may not subscribe to `_INBOX.>`, where acknowledgements come; add it to the user's \
                 `subscribe` permissions"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &str) -> Answer {
        Acknowledged::read(said.as_bytes()).answer()
    }

    #[test]
    fn acknowledgements_become_receipts() {
        let taken = |receipt: &str| Answer::Taken { receipt: receipt.to_owned() };
        assert_eq!(of(r#"{"stream":"LEADS","seq":17}"#), taken("stream LEADS, sequence 17"));
        let again = of(r#"{"stream":"LEADS","seq":17,"duplicate":true,"domain":"hub"}"#);
        assert_eq!(again, taken("stream LEADS has had it already, sequence 17"));
    }

    #[test]
    fn what_is_no_acknowledgement_is_none() {
        for said in ["", "ok", "{}", "[]", "null", r#"{"stream":"LEADS"}"#, r#"{"seq":1}"#] {
            let Answer::Nothing { why: NoAnswer::Protocol, .. } = of(said) else { panic!("{said}") };
        }
    }

    #[test]
    fn errors_mean_what_can_be_done_about_them() {
        for (code, err_code, expected) in [
            (400, 10_054, Refusal::TooLarge),
            (400, 10_097, Refusal::Unfit),
            (503, 10_039, Refusal::NotThere),
            (503, 10_077, Refusal::Busy),
            (503, 10_023, Refusal::Busy),
            (400, 10_002, Refusal::Busy),
            (400, 10_109, Refusal::Other),
        ] {
            let said = |description: &str| {
                of(&format!(r#"{{"error":{{"code":{code},"err_code":{err_code},"description":"{description}"}}}}"#))
            };
            let told = "maximum bytes exceeded".to_owned();
            assert_eq!(said("Maximum bytes exceeded"), Answer::Refused { why: expected, detail: told }, "{err_code}");
            let told = format!("JetStream's error {err_code}; the server's log says more");
            assert_eq!(said("bad: Maria Silva"), Answer::Refused { why: expected, detail: told }, "{err_code}");
        }
    }

    #[test]
    fn a_refusal_is_of_one_subject() {
        let said = "Permissions Violation for Publish to \"leads.finished\"";
        assert_eq!(Denied::read(said, "leads.finished"), Some(Denied::Subject));
        assert_eq!(Denied::read(said, "leads"), None);
        let said = "Permissions Violation for Subscription to \"_INBOX.a.*\"";
        assert_eq!(Denied::read(said, "leads"), Some(Denied::Answers));
        assert_eq!(Denied::read("Maximum Connections Exceeded", "leads"), None);
    }
}
