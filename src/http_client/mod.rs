//! What every HTTP client of ours has in common: how it trusts, what it never does, and why it got no answer.
//!
//! The system's roots are trusted; where there are none, as in a container made of nothing but the binary, the roots
//! that Mozilla trusts serve, compiled in.

mod failure;

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls_platform_verifier::Verifier;

pub use failure::{Failure, explain};

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
