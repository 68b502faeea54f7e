//! Why an attempt brought no status: told from the types of the errors, never from their words.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::AlertDescription as Alert;
use rustls::CertificateError::{
    Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext, NotValidForName, NotValidForNameContext,
    NotValidYet, NotValidYetContext, UnknownIssuer,
};
use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible};
use rustls::InvalidMessage::InvalidContentType;

use super::resolve::Unresolved;
use super::trust::is_ca;
use crate::domain::connection::Connection;
use crate::domain::outcome::NoAnswer;
use crate::domain::span;

/// Why a request brought no answer. Holds nothing of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In one word.
    pub why: NoAnswer,
    /// What happened, in the words of whoever noticed it; may be empty.
    pub detail: String,
}

impl Failure {
    /// A failure without more to say.
    pub fn of(why: NoAnswer) -> Failure {
        Failure { why, detail: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => self.why.fmt(f),
            detail => write!(f, "{}: {detail}", self.why),
        }
    }
}

/// What the client's error means.
///
/// The detail comes from the innermost cause alone, because reqwest's own message carries the URL.
pub fn explain(error: &reqwest::Error, connect_timeout: Duration) -> Failure {
    let (why, detail) = if lacks_files(error) {
        (NoAnswer::NoFiles, String::new())
    } else if let Some(Unresolved::NotAllowed(refused)) = find(error) {
        (NoAnswer::NotAllowed, refused.to_string())
    } else if let Some(tls) = find::<rustls::Error>(error) {
        (NoAnswer::Tls, tls.to_string())
    } else if error.is_timeout() && error.is_connect() {
        (NoAnswer::Connect, format!("no connection within {}", span::format(connect_timeout)))
    } else if error.is_timeout() {
        (NoAnswer::Timeout, "the connection timed out".to_owned())
    } else if error.is_dns() {
        (NoAnswer::Dns, innermost(error).to_string())
    } else if error.is_decode() && find::<io::Error>(error).is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
        (NoAnswer::Protocol, "the answer's compression is damaged".to_owned())
    } else if is_unsent(error) {
        (NoAnswer::Connect, "the connection was closed before the request was sent".to_owned())
    } else if let Some(io) = find::<io::Error>(error) {
        (connection(io, error.is_connect()), words(io))
    } else if let Some(hyper) = find::<hyper::Error>(error) {
        if hyper.is_incomplete_message() || hyper.is_closed() {
            (NoAnswer::Reset, "the connection was closed before a whole answer came".to_owned())
        } else {
            (NoAnswer::Protocol, hyper.to_string())
        }
    } else if error.is_connect() {
        (NoAnswer::Connect, innermost(error).to_string())
    } else {
        (NoAnswer::Protocol, "the request could not be made or the answer not be understood".to_owned())
    };
    Failure { why, detail }
}

/// EMFILE and ENFILE, whose numbers are the same on Linux and on macOS.
fn lacks_files(error: &(dyn Error + 'static)) -> bool {
    find::<io::Error>(error).is_some_and(|io| matches!(io.raw_os_error(), Some(23 | 24)))
}

/// Whether the connection stood and was gone before anything of the request went over it.
fn is_unsent(error: &reqwest::Error) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
}

/// As [`explain`], for a destination that is reached over this connection: says whether it was the proxy, and which key of the
/// destination would mend it.
pub fn explain_over(error: &reqwest::Error, connect_timeout: Duration, connection: &Connection) -> Failure {
    let Failure { why, detail } = explain(error, connect_timeout);
    let detail = match find::<rustls::Error>(error) {
        Some(tls) => match mending(tls, connection) {
            Some(mending) => format!("{detail}; {mending}"),
            None => detail,
        },
        // With TLS 1.3 a client's certificate is judged when the client believes that all is agreed on. Mostly the reason
        // is heard all the same; under load the connection may be gone first.
        None if is_unsent(error) && error.url().is_some_and(|url| url.scheme() == "https") => {
            format!("{detail}; {}", mending(&AlertReceived(Alert::CertificateRequired), connection).unwrap_or_default())
        }
        // With a proxy nothing else is looked up or connected to.
        None if connection.proxy.is_some() && error.is_connect() && why != NoAnswer::NotAllowed => of_proxy(&detail),
        None => detail,
    };
    Failure { why, detail }
}

/// Why a connection to a broker could not be made, or is gone: what whichever client's error means. `None`: neither TLS nor
/// the system has said it.
pub(crate) fn explain_connection(error: &(dyn Error + 'static), connection: &Connection) -> Option<Failure> {
    if let Some(tls) = find::<rustls::Error>(error) {
        let mending = match tls {
            InvalidMessage(_) => Some("no TLS is spoken there: is the scheme of `url` right?"),
            tls => mending(tls, connection),
        };
        let mending = mending.map(|mending| format!("; {mending}")).unwrap_or_default();
        return Some(Failure { why: NoAnswer::Tls, detail: format!("{tls}{mending}") });
    }
    if lacks_files(error) {
        return Some(Failure::of(NoAnswer::NoFiles));
    }
    let io = find::<io::Error>(error)?;
    Some(Failure { why: self::connection(io, true), detail: words(io) })
}

/// What may mend a connection that was closed as soon as TLS was agreed on. With TLS 1.3 a client's certificate is judged only
/// then, and what is said of it may be lost.
pub(crate) fn mending_hang_up(connection: &Connection) -> Option<&'static str> {
    mending(&AlertReceived(Alert::CertificateRequired), connection)
}

/// What a TLS error that a destination's keys can mend asks for.
fn mending(error: &rustls::Error, connection: &Connection) -> Option<&'static str> {
    let (named, shows) = (connection.roots.is_some(), connection.identity.is_some());
    match error {
        InvalidCertificate(UnknownIssuer) if named => {
            Some("no certificate in `ca` is its issuer's: add that of the CA that signed it")
        }
        InvalidCertificate(UnknownIssuer) => {
            Some("if a CA of your own has signed it, name that CA's certificate as `ca`")
        }
        InvalidCertificate(Expired | ExpiredContext { .. }) => {
            Some("whoever runs it must renew it, if this machine's clock is right")
        }
        InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => Some("is this machine's clock right?"),
        InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            Some("write the name that its certificate has into `url`, if it is the right server")
        }
        InvalidCertificate(InvalidPurpose | InvalidPurposeContext { .. }) => {
            Some("it shows a certificate that is none of a server's; whoever runs it must put another there")
        }
        InvalidMessage(InvalidContentType) => Some("no TLS is spoken there: write http:// if that is meant"),
        PeerIncompatible(_) | AlertReceived(Alert::ProtocolVersion) => {
            Some("it speaks no TLS that is still safe; whoever runs it must allow 1.2 or 1.3")
        }
        AlertReceived(Alert::UnrecognisedName) => Some("it knows no host of this name: look at `url`"),
        error if is_ca(error) => {
            Some("it vouches for itself: name this very certificate as `ca`, if it is the right one")
        }
        AlertReceived(Alert::CertificateRequired | Alert::HandshakeFailure | Alert::BadCertificate) if !shows => {
            Some("it may want to see a certificate: name yours as `client_cert` and `client_key`")
        }
        AlertReceived(
            Alert::CertificateRequired
            | Alert::HandshakeFailure
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError,
        ) if shows => Some("it may not take the certificate in `client_cert`"),
        _ => None,
    }
}

/// What went wrong on the way to or at the proxy. The client's errors of it have no type that one could see.
fn of_proxy(detail: &str) -> String {
    let said = detail.trim_start_matches("tunnel error: ");
    match said {
        "proxy authorization required" => "the proxy wants another user or password: see `proxy`".to_owned(),
        "unsuccessful" => "the proxy refuses to connect to it".to_owned(),
        "unexpected end of file" => "the proxy hung up".to_owned(),
        said => format!("the proxy: {said}"),
    }
}

fn connection(io: &io::Error, connecting: bool) -> NoAnswer {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    match io.kind() {
        // While connecting: somebody was there and hung up during the TLS handshake.
        ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof => NoAnswer::Reset,
        _ if connecting => NoAnswer::Connect,
        _ => NoAnswer::Reset,
    }
}

/// The words of the kind, where they say it all, without the system's number for it.
fn words(io: &io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset};
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, NotConnected};
    match io.kind() {
        BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable
        | NotConnected => io.kind().to_string(),
        _ => io.to_string(),
    }
}

/// The innermost error of this type, also among those that an [`io::Error`] wraps: it hides them from `source`, which
/// gives the cause of what is wrapped.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let chain = std::iter::successors(Some(error), |error| cause(*error));
    chain.filter_map(|error| error.downcast_ref::<E>()).last()
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| cause(*error)).last().unwrap_or(error)
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_no_more_files_may_be_opened_is_nobodys_failure_but_ours() {
        for (number, ours) in [(24, true), (23, true), (111, false), (104, false)] {
            let within = io::Error::other(io::Error::from_raw_os_error(number));
            assert_eq!(lacks_files(&within), ours, "{number}");
            let told = explain_connection(&within, &Connection::default()).map(|failure| failure.why);
            assert_eq!(told == Some(NoAnswer::NoFiles), ours, "{number}: {told:?}");
        }
    }
}
