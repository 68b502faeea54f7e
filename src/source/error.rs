//! What can go wrong when WeClever is asked, in sentences that a person can act on.
//!
//! No error holds a token, a password, a URL's user info, or anything of an answer's text.

use std::fmt;
use std::time::Duration;

use crate::domain::lead::LeadId;
use crate::domain::outcome::NoAnswer;
use crate::domain::span;
use crate::http_client::Failure;

/// A request that failed: what was asked, where, and why there is no use in the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceError {
    /// What was asked for.
    pub asked: Asked,
    /// Scheme, host and port of the API.
    pub at: String,
    /// What went wrong.
    pub kind: SourceErrorKind,
}

/// What WeClever was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Nothing yet: the client could not be built.
    Nothing,
    /// A token.
    Token,
    /// The leads finalized between two dates, as they are written on the wire.
    List {
        /// The earlier date.
        first: String,
        /// The later date.
        last: String,
    },
    /// The details of one lead.
    Lead(LeadId),
}

/// What went wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceErrorKind {
    /// The settings cannot be used; no request was made.
    Setup(String),
    /// There was no answer, or no whole one.
    NoAnswer(Failure),
    /// An answer with this status, which is no success.
    Status(u16),
    /// An answer with this status, which leads elsewhere. It is never followed.
    Redirected(u16),
    /// WeClever wants to be left alone for so long; the source keeps to it.
    Throttled(Duration),
    /// Access was refused.
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// With what access was sought.
        refused: Refused,
    },
    /// The answer is longer than this many bytes; the rest was not read.
    TooLarge(usize),
    /// A good status, and a body that is not what was asked for. The reason repeats nothing of it.
    Malformed(String),
}

/// What was refused with a 401 or 403.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// User name and password, when a token was asked for.
    Password,
    /// The token in the file, which cannot be renewed.
    GivenToken,
    /// A token that has just been renewed.
    FreshToken,
}

impl SourceError {
    /// For how long the source pauses, where that is the reason: there is no use in asking earlier.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            SourceErrorKind::Throttled(wait) => Some(wait),
            _ => None,
        }
    }

    /// What went wrong in a few words, without what was asked and where.
    pub fn in_short(&self) -> String {
        match &self.kind {
            SourceErrorKind::NoAnswer(_) => format!("no answer ({})", self.kind.as_str()),
            SourceErrorKind::Throttled(_) => "too many requests".to_owned(),
            SourceErrorKind::Unauthorized { status, refused: Refused::FreshToken } => {
                format!("status {status}, though the token is fresh")
            }
            SourceErrorKind::Malformed(reason) => format!("bad answer, {reason}"),
            kind => kind.to_string(),
        }
    }

    /// What a person can do about it, where there is anything.
    fn remedy(&self) -> Option<&'static str> {
        Some(match &self.kind {
            SourceErrorKind::NoAnswer(failure) => match failure.why {
                NoAnswer::Dns | NoAnswer::Connect => "check `base_url` in [source] and this machine's network",
                NoAnswer::Tls => "check `base_url` in [source] and this machine's clock",
                NoAnswer::Timeout
                | NoAnswer::Reset
                | NoAnswer::Protocol
                | NoAnswer::Interrupted
                | NoAnswer::NotAllowed
                | NoAnswer::NoToken
                | NoAnswer::NoFiles => return None,
            },
            SourceErrorKind::Status(404) if !matches!(self.asked, Asked::Lead(_)) => {
                "check `base_url` and `platform_id` in [source]"
            }
            SourceErrorKind::Redirected(_) => "put the address that it leads to into `base_url` in [source]",
            SourceErrorKind::Throttled(_) => "if this happens often, lower `rate` and `concurrency` in [source]",
            SourceErrorKind::Unauthorized { refused, .. } => match refused {
                Refused::Password => "check `username`, `password` and `platform_id` in [source]",
                Refused::GivenToken => "it cannot be renewed: put a fresh one into `token` in [source]",
                Refused::FreshToken => "if this stays so, `leadhook doctor` finds out `auth_header` and `auth_scheme`",
            },
            _ => return None,
        })
    }
}

impl SourceErrorKind {
    /// One word, for metrics and for filters.
    pub fn as_str(&self) -> &'static str {
        match self {
            SourceErrorKind::Setup(_) => "setup",
            SourceErrorKind::NoAnswer(failure) => failure.why.as_str(),
            SourceErrorKind::Status(_) => "status",
            SourceErrorKind::Redirected(_) => "redirected",
            SourceErrorKind::Throttled(_) => "throttled",
            SourceErrorKind::Unauthorized { .. } => "unauthorized",
            SourceErrorKind::TooLarge(_) => "too_large",
            SourceErrorKind::Malformed(_) => "malformed",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeClever at {}", self.at)?;
        match &self.asked {
            Asked::Nothing => {}
            asked => write!(f, ", asked for {asked}")?,
        }
        write!(f, ": {}", self.kind)?;
        match self.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SourceError {}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Nothing => f.write_str("nothing"),
            Asked::Token => f.write_str("a token"),
            Asked::List { first, last } => write!(f, "the list {first} to {last}"),
            Asked::Lead(id) => write!(f, "lead {id}"),
        }
    }
}

impl fmt::Display for SourceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceErrorKind::Setup(reason) => f.write_str(reason),
            SourceErrorKind::NoAnswer(failure) => failure.fmt(f),
            SourceErrorKind::Status(status) => write!(f, "status {status}"),
            SourceErrorKind::Redirected(status) => {
                write!(f, "status {status}, a redirect, which is never followed")
            }
            SourceErrorKind::Throttled(wait) => {
                write!(f, "too many requests; nothing is asked for {}", span::format(*wait))
            }
            SourceErrorKind::Unauthorized { status, refused } => match refused {
                Refused::Password => write!(f, "status {status}, user name and password were refused"),
                Refused::GivenToken => write!(f, "status {status}, the token in the file was refused"),
                Refused::FreshToken => write!(f, "status {status}, the token was refused, though it is fresh"),
            },
            SourceErrorKind::TooLarge(limit) if limit % (1 << 20) == 0 => {
                write!(f, "an answer of more than {} MiB, which was not read", limit >> 20)
            }
            SourceErrorKind::TooLarge(limit) => {
                write!(f, "an answer of more than {} KiB, which was not read", limit >> 10)
            }
            SourceErrorKind::Malformed(reason) => write!(f, "an answer that cannot be used: {reason}"),
        }
    }
}
