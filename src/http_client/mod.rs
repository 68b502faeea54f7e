//! What every HTTP client of ours has in common: how it trusts, what it never does, and why it got no answer.
//!
//! The system's roots are trusted; where there are none, as in a container made of nothing but the binary, the roots
//! that Mozilla trusts serve, compiled in. A destination may believe others, show a certificate of its own and go through a
//! proxy: a [`Connection`] says so, and whatever is asked for that destination's sake goes the same way.

mod failure;
mod resolve;
mod trust;

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
#[cfg(feature = "nats")]
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls_platform_verifier::Verifier;

use crate::domain::connection::Connection;

pub use failure::{Failure, explain, explain_over};
pub(crate) use failure::{explain_connection, mending_hang_up};
pub use resolve::{BySystem, Guard, LookedUp, Lookup, Unresolved};

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

/// Why no client could be made for a connection.
#[derive(Debug, thiserror::Error)]
pub enum Unmade {
    /// There is nobody to trust, or what is to be trusted cannot be used.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// The client itself, as a rule for its proxy.
    // Said by kind alone: the client's own message may carry an address.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

/// As [`client_builder`], for this connection, with names looked up by its guard. Addresses in numbers are not looked up, so
/// whoever makes requests has to look at them.
///
/// # Errors
/// What the connection asks for cannot be had. It is not made without: whom a destination believes must not depend on luck.
pub fn client_builder_over(connection: &Connection, guard: Guard) -> Result<reqwest::ClientBuilder, Unmade> {
    let builder = client_builder().dns_resolver(guard);
    if connection.is_plain() {
        return Ok(builder);
    }
    let builder = builder.tls_backend_preconfigured(tls_config_over(connection)?);
    match &connection.proxy {
        Some(proxy) => Ok(builder.proxy(reqwest::Proxy::all(proxy.expose().clone())?)),
        None => Ok(builder),
    }
}

/// How TLS is spoken over this connection, whatever is spoken within.
///
/// # Errors
/// There is nobody to trust.
pub fn tls_config_over(connection: &Connection) -> Result<ClientConfig, rustls::Error> {
    let mut config = match &connection.roots {
        None => tls_config()?.clone(),
        Some(_) => trusting(verifier(connection)?)?,
    };
    if let Some(identity) = &connection.identity {
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity.certified_key().clone()));
    }
    // A session that was begun as somebody else is not gone on with.
    config.resumption = Resumption::default();
    Ok(config)
}

/// As [`tls_config_over`], for a client that connects by an address and takes that for the server's name: whatever it takes
/// for it, the certificate must be for this name.
///
/// # Errors
/// There is nobody to trust.
#[cfg(feature = "nats")]
pub(crate) fn tls_config_naming(
    connection: &Connection,
    name: ServerName<'static>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = tls_config_over(connection)?;
    let verifier = trust::Pinned::new(verifier(connection)?, name);
    config.dangerous().set_certificate_verifier(Arc::new(verifier));
    Ok(config)
}

/// How every client of ours trusts; made once in the life of the process.
///
/// # Errors
/// There is no root to trust at all.
fn tls_config() -> Result<&'static ClientConfig, rustls::Error> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config);
    }
    let config = trusting(everyones_verifier()?)?;
    Ok(CONFIG.get_or_init(|| config))
}

fn trusting(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()?
        // Not dangerous: this is how the platform's verifier is put in, and for the other see there.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Who judges the certificates that are shown over this connection.
fn verifier(connection: &Connection) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    match &connection.roots {
        None => everyones_verifier(),
        Some(roots) => Ok(Arc::new(trust::Named::new(roots.clone(), crypto_provider())?)),
    }
}

fn everyones_verifier() -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    static VERIFIER: OnceLock<Arc<dyn ServerCertVerifier>> = OnceLock::new();
    if let Some(verifier) = VERIFIER.get() {
        return Ok(Arc::clone(verifier));
    }
    let provider = crypto_provider();
    let verifier = Verifier::new(provider.clone()).or_else(|none| {
        tracing::info!(reason = %none, "the system has no certificates to trust; those compiled in are used");
        Verifier::new_with_extra_roots(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(), provider)
    })?;
    Ok(Arc::clone(VERIFIER.get_or_init(|| Arc::new(verifier))))
}

fn crypto_provider() -> Arc<CryptoProvider> {
    // Someone else may install one between the two lines; theirs is as good.
    if CryptoProvider::get_default().is_none() {
        let _ = ring::default_provider().install_default();
    }
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}
