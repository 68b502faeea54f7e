//! What every HTTP client of ours has in common: how it trusts, what it never does, and why it got no answer.
//!
//! The system's roots are trusted; where there are none, as in a container made of nothing but the binary, the roots
//! that Mozilla trusts serve, compiled in.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls_platform_verifier::Verifier;

/// Sent with every request.
pub const USER_AGENT: &str = concat!("leadhook/", env!("CARGO_PKG_VERSION"));

/// A builder with everything set that holds for every client: TLS, no redirects, no proxy that the file does not name, the
/// user agent. Installs the cryptography that rustls needs, where none is installed.
///
/// All clients share one TLS configuration, so the roots are read once in the life of the process.
pub fn client_builder() -> reqwest::ClientBuilder {
    let builder =
        reqwest::Client::builder().user_agent(USER_AGENT).redirect(reqwest::redirect::Policy::none()).no_proxy();
    match tls_config() {
        Ok(config) => builder.tls_backend_preconfigured(config.clone()),
        // `build()` meets the same obstacle again and reports it; it only needs a provider, which is there by now.
        Err(_) => builder,
    }
}

/// How every client of ours trusts; made once in the life of the process.
///
/// # Errors
/// There is no root to trust at all.
pub fn tls_config() -> Result<&'static ClientConfig, rustls::Error> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config);
    }
    let provider = crypto_provider();
    let verifier = Verifier::new(provider.clone()).or_else(|none| {
        tracing::info!(reason = %none, "the system has no certificates to trust; those compiled in are used");
        Verifier::new_with_extra_roots(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(), provider.clone())
    })?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // Not dangerous: this is how the platform's verifier is put in.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| config))
}

fn crypto_provider() -> Arc<CryptoProvider> {
    // Someone else may install one between the two lines; theirs is as good.
    if CryptoProvider::get_default().is_none() {
        let _ = ring::default_provider().install_default();
    }
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

/// Why a request got no whole answer. Holds nothing of the request or of the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoAnswer {
    /// Not within the time given for a request.
    Timeout,
    /// The host's name was not found.
    Dns,
    /// The host was found and refuses, or cannot be reached.
    Connect(io::ErrorKind),
    /// There is no agreement on TLS; the text is rustls's own, about the certificate or the protocol.
    Tls(String),
    /// The other side cut the connection.
    Reset,
    /// The answer broke off, or was no HTTP at all.
    Broken,
    /// The answer's compression is damaged.
    Garbled,
}

impl NoAnswer {
    /// Reads the cause out of the client's error.
    pub fn of(error: &reqwest::Error) -> NoAnswer {
        if error.is_timeout() {
            return NoAnswer::Timeout;
        }
        if error.is_dns() {
            return NoAnswer::Dns;
        }
        if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return NoAnswer::Tls(tls.to_string());
        }
        let kind = io_kind(error);
        if error.is_connect() {
            return NoAnswer::Connect(kind.unwrap_or(io::ErrorKind::Other));
        }
        match kind {
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe) => {
                NoAnswer::Reset
            }
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) if error.is_decode() => NoAnswer::Garbled,
            _ => NoAnswer::Broken,
        }
    }

    /// One word, for metrics and for filters: `timeout`, `dns`, `connect`, `tls`, `reset`, `broken`, `garbled`.
    pub fn as_str(&self) -> &'static str {
        match self {
            NoAnswer::Timeout => "timeout",
            NoAnswer::Dns => "dns",
            NoAnswer::Connect(_) => "connect",
            NoAnswer::Tls(_) => "tls",
            NoAnswer::Reset => "reset",
            NoAnswer::Broken => "broken",
            NoAnswer::Garbled => "garbled",
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Timeout => f.write_str("no answer in time"),
            NoAnswer::Dns => f.write_str("the host's name was not found"),
            NoAnswer::Connect(io::ErrorKind::ConnectionRefused) => f.write_str("the connection was refused"),
            NoAnswer::Connect(io::ErrorKind::Other) => f.write_str("no connection"),
            NoAnswer::Connect(kind) => write!(f, "no connection: {kind}"),
            NoAnswer::Tls(reason) => write!(f, "no secure connection: {reason}"),
            NoAnswer::Reset => f.write_str("the connection was reset"),
            NoAnswer::Broken => f.write_str("the connection broke off before a whole HTTP answer was there"),
            NoAnswer::Garbled => f.write_str("the answer's compression is damaged"),
        }
    }
}

/// The error and its causes, outermost first. `io::Error::source` skips the error that it wraps, so it is asked as well.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The kind of the first I/O error that has one: wrapping an error in an I/O error makes its kind `Other`.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .find(|kind| *kind != io::ErrorKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_inside_io_errors() {
        let tls = rustls::Error::General("no".into());
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls.clone()));
        assert_eq!(causes(&wrapped).find_map(|cause| cause.downcast_ref::<rustls::Error>()), Some(&tls));
        assert_eq!(io_kind(&wrapped), Some(io::ErrorKind::InvalidData));
        assert_eq!(io_kind(&io::Error::other("no kind")), None);
    }
}
