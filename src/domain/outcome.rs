//! What came back of an attempt, and what it means.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What came back of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status, and what could be read of what followed it.
    Got(Response),
    /// A broker has it.
    Taken {
        /// Where, in the broker's own terms: `stream LEADS, sequence 17`.
        receipt: String,
    },
    /// A broker has answered, and does not take it.
    Refused {
        /// Why.
        why: Refusal,
        /// In words for a person; never a secret or anything of the message.
        detail: String,
    },
    /// No status ever came.
    Nothing {
        /// Where it ended.
        why: NoAnswer,
        /// In words for a person; never the URL, its user info or a secret.
        detail: String,
    },
}

/// Why a broker does not take a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// The stream, queue, exchange or topic is not there, or nothing that is there takes the message.
    NotThere,
    /// Who we are may not do this, or is not believed.
    Denied,
    /// The message is larger than the broker takes.
    TooLarge,
    /// The broker, or what the message was for, has no room or no time now.
    Busy,
    /// This very message will never do.
    Unfit,
    /// The broker says no, and not why in terms that are known.
    Other,
}

impl Refusal {
    /// One word, as it is shown where there is little room.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::NotThere => "not_there",
            Refusal::Denied => "denied",
            Refusal::TooLarge => "too_large",
            Refusal::Busy => "busy",
            Refusal::Unfit => "unfit",
            Refusal::Other => "refused",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotThere => "there is nothing there that takes it",
            Refusal::Denied => "the broker does not let us",
            Refusal::TooLarge => "the message is too large for the broker; write a smaller `max_body`, fewer `fields` or payload = \"thin\"",
            Refusal::Busy => "the broker has no room for it now",
            Refusal::Unfit => "the broker can never take this message",
            Refusal::Other => "the broker refused it",
        })
    }
}

impl Answer {
    /// What came back, in a few words.
    pub fn said(&self) -> String {
        let with = |why: &dyn fmt::Display, detail: &str| match detail {
            "" => why.to_string(),
            detail => format!("{why}: {detail}"),
        };
        match self {
            Answer::Got(response) => format!("HTTP {}", response.status),
            Answer::Taken { receipt } => receipt.clone(),
            Answer::Refused { why, detail } => with(why, detail),
            Answer::Nothing { why, detail } => with(why, detail),
        }
    }

    /// The same in one word.
    pub fn in_short(&self) -> String {
        match self {
            Answer::Got(response) => response.status.to_string(),
            Answer::Taken { .. } => "taken".to_owned(),
            Answer::Refused { why, .. } => why.as_str().to_owned(),
            Answer::Nothing { why, .. } => why.as_str().to_owned(),
        }
    }

    /// The HTTP status, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Answer::Got(response) => Some(response.status),
            Answer::Taken { .. } | Answer::Refused { .. } | Answer::Nothing { .. } => None,
        }
    }
}

/// No more of an answer's body is read, in bytes, where nothing in it is wanted, nor of its headers looked at: enough that
/// the small answers of real receivers end, and their connections live on, and that what an error page says is found
/// behind its head.
pub const READ: usize = 16 * 1024;

/// No more of an answer's body is kept, in bytes.
pub const KEPT: usize = 2 * 1024;

/// An answer, as much of it as is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// What `Retry-After` asks for, already read and limited; `None` where it is absent or cannot be read.
    pub retry_after: Option<Duration>,
    /// Its headers, with their names in small letters, as many as fit 16 KiB. They are looked at, and not kept.
    pub headers: Vec<(String, String)>,
    /// The first 16 KiB; all of it, up to 1 MiB, where something in it is wanted.
    pub body: Vec<u8>,
    /// Whether there was more than `body` holds, or the rest could not be read.
    pub cut: bool,
}

impl Response {
    /// What is kept of the body, and whether there was more.
    pub fn kept(&self) -> (&[u8], bool) {
        match self.body.split_at_checked(KEPT) {
            Some((kept, rest)) => (kept, self.cut || !rest.is_empty()),
            None => (&self.body, self.cut),
        }
    }
}

impl fmt::Debug for Response {
    // A receiver may echo what it was sent, so the body is personal data and stays out of the logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("headers", &self.headers.len())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("cut", &self.cut)
            .finish()
    }
}

/// Why no status came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoAnswer {
    /// The destination's `timeout` passed.
    Timeout,
    /// The host's name has no address.
    Dns,
    /// All that the host's name leads to are addresses where nothing may be sent.
    NotAllowed,
    /// Nobody took the connection.
    Connect,
    /// No trusted, encrypted connection could be agreed on.
    Tls,
    /// The connection ended before an answer was there.
    Reset,
    /// What came back is not HTTP.
    Protocol,
    /// leadhook ended while the request was under way.
    Interrupted,
    /// Nothing was sent: there is no token to send it with.
    NoToken,
    /// Nothing was sent: this process, or the whole system, may open no more files, and a connection is one.
    NoFiles,
}

impl NoAnswer {
    /// One word, as it is stored, filtered by and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            NoAnswer::Timeout => "timeout",
            NoAnswer::Dns => "dns",
            NoAnswer::NotAllowed => "not_allowed",
            NoAnswer::Connect => "connect",
            NoAnswer::Tls => "tls",
            NoAnswer::Reset => "reset",
            NoAnswer::Protocol => "protocol",
            NoAnswer::Interrupted => "interrupted",
            NoAnswer::NoToken => "no_token",
            NoAnswer::NoFiles => "no_files",
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoAnswer::Timeout => "no answer in time",
            NoAnswer::Dns => "the host name could not be resolved",
            NoAnswer::NotAllowed => "it leads where nothing may be sent",
            NoAnswer::Connect => "no connection could be made",
            NoAnswer::Tls => "no secure connection could be made",
            NoAnswer::Reset => "the connection was closed before an answer came",
            NoAnswer::Protocol => "the answer could not be understood",
            NoAnswer::Interrupted => "leadhook was stopped before an answer came",
            NoAnswer::NoToken => "no token",
            NoAnswer::NoFiles => {
                "leadhook may open no more files, so no connection could be made; raise the limit (`ulimit -n`, LimitNOFILE=)"
            }
        })
    }
}

/// What an attempt means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The destination has it.
    Accepted,
    /// It may work later.
    Retry,
    /// The whole destination is to be left alone: so long, where it said how long.
    Throttled(Option<Duration>),
    /// The destination will never take this delivery.
    GivenUp,
    /// The destination is no longer there: 410.
    Gone,
}

impl Outcome {
    /// One word, as it stands in the metrics, the logs and the attempts.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Retry => "retry",
            Outcome::Throttled(_) => "throttled",
            Outcome::GivenUp => "given_up",
            Outcome::Gone => "gone",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Accepted => "accepted",
            Outcome::Retry => "retry",
            Outcome::Throttled(_) => "throttled",
            Outcome::GivenUp => "given up",
            Outcome::Gone => "destination gone",
        })
    }
}

/// What this answer means.
///
/// Only 2xx is a success. A redirect is never followed, so 3xx is retried like an outage: somebody has to correct the
/// URL, and the schedule gives them the time. So it is with 401, 403, 404 and 407, which are as a rule mended on the
/// other side; every other 4xx says that this very request will never do. Where there is no token, nothing that is sent to
/// this destination will do, and nothing was tried; so it is where we ourselves may open no connection.
///
/// A broker's refusal is retried likewise where somebody can mend it on the other side or in the file's credentials, and
/// given up on where it is about the message itself.
pub fn judge(answer: &Answer) -> Outcome {
    let response = match answer {
        Answer::Got(response) => response,
        Answer::Taken { .. } => return Outcome::Accepted,
        Answer::Refused { why: Refusal::TooLarge | Refusal::Unfit, .. } => return Outcome::GivenUp,
        Answer::Refused { .. } => return Outcome::Retry,
        Answer::Nothing { why: NoAnswer::NoToken | NoAnswer::NoFiles, .. } => return Outcome::Throttled(None),
        Answer::Nothing { .. } => return Outcome::Retry,
    };
    match (response.status, response.retry_after) {
        (200..=299, _) => Outcome::Accepted,
        (410, _) => Outcome::Gone,
        (429, asked) => Outcome::Throttled(asked),
        (503, Some(asked)) => Outcome::Throttled(Some(asked)),
        (401 | 403 | 404 | 407 | 408 | 425, _) => Outcome::Retry,
        (400..=499, _) => Outcome::GivenUp,
        // 1xx, 3xx, 5xx, and numbers that HTTP does not know.
        _ => Outcome::Retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(status: u16, retry_after: Option<u64>) -> Answer {
        Answer::Got(Response {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            headers: vec![("x-lead".into(), "Maria Silva".into())],
            body: b"Maria Silva".to_vec(),
            cut: false,
        })
    }

    #[test]
    fn every_status_has_its_meaning() {
        for status in 0..=1_000 {
            let expected = match status {
                200..=299 => "accepted",
                429 => "throttled",
                410 => "gone",
                401 | 403 | 404 | 407 | 408 | 425 => "retry",
                400..=499 => "given_up",
                _ => "retry",
            };
            assert_eq!(judge(&got(status, None)).as_str(), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_matters_for_429_and_503_alone() {
        for status in 0..=1_000 {
            let meant = judge(&got(status, Some(7)));
            if matches!(status, 429 | 503) {
                assert_eq!(meant, Outcome::Throttled(Some(Duration::from_secs(7))), "{status}");
            } else {
                assert_eq!(meant, judge(&got(status, None)), "{status}");
            }
        }
    }

    #[test]
    fn no_answer_is_retried_whatever_the_reason() {
        use NoAnswer::*;
        for why in [Timeout, Dns, NotAllowed, Connect, Tls, Reset, Protocol, Interrupted] {
            assert_eq!(judge(&Answer::Nothing { why, detail: String::new() }), Outcome::Retry);
            assert_eq!(serde_json::to_value(why).expect("serializes"), why.as_str());
        }
    }

    #[test]
    fn without_a_token_the_destination_waits() {
        let answer = Answer::Nothing { why: NoAnswer::NoToken, detail: "invalid_grant".into() };
        assert_eq!(judge(&answer), Outcome::Throttled(None));
        let answer = Answer::Nothing { why: NoAnswer::NoFiles, detail: String::new() };
        assert_eq!(judge(&answer), Outcome::Throttled(None));
        assert_eq!(serde_json::to_value(NoAnswer::NoFiles).expect("serializes"), NoAnswer::NoFiles.as_str());
        assert_eq!(serde_json::to_value(NoAnswer::NoToken).expect("serializes"), NoAnswer::NoToken.as_str());
    }

    #[test]
    fn a_broker_is_asked_again_unless_the_message_itself_will_never_do() {
        use Refusal::*;
        for why in [NotThere, Denied, Busy, Other, TooLarge, Unfit] {
            let outcome = judge(&Answer::Refused { why, detail: String::new() });
            let expected = if matches!(why, TooLarge | Unfit) { Outcome::GivenUp } else { Outcome::Retry };
            assert_eq!(outcome, expected, "{why:?}");
        }
        let taken = Answer::Taken { receipt: "stream LEADS, sequence 17".into() };
        assert_eq!((judge(&taken), taken.said().as_str()), (Outcome::Accepted, "stream LEADS, sequence 17"));
        let full = Answer::Refused { why: Busy, detail: "maximum bytes exceeded".into() };
        assert_eq!(full.said(), "the broker has no room for it now: maximum bytes exceeded");
    }

    #[test]
    fn two_kibibytes_of_a_body_are_kept() {
        for (length, cut, kept) in [(0, false, (0, false)), (2_048, true, (2_048, true)), (2_049, false, (2_048, true))]
        {
            let body = vec![b'x'; length];
            let response = Response { status: 200, retry_after: None, headers: Vec::new(), body, cut };
            assert_eq!((response.kept().0.len(), response.kept().1), kept, "{length}");
        }
    }

    #[test]
    fn an_answers_body_is_not_printed() {
        assert!(!format!("{:?}", got(200, None)).contains("77,"), "the body's bytes are in the debug output");
        assert!(!format!("{:?}", got(200, None)).contains("Maria"));
    }
}
