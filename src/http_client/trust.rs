//! Trust in the certificates that a person has named, and in no others.

use std::sync::Arc;

#[cfg(feature = "nats")]
use rustls::DistinguishedName;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::domain::connection::Roots;

/// Believes what the named certificates have signed, and those certificates themselves.
///
/// A server that vouches for itself, as `openssl req -x509` makes it, shows the certificate of a CA as its own. webpki refuses
/// that, rightly where anyone may be a CA; but here a person has named this very certificate, and the handshake shows that the
/// server has its key. Its name must fit all the same, and its time must not be over, which webpki has looked at before.
#[derive(Debug)]
pub struct Named {
    roots: Roots,
    chains: Arc<WebPkiServerVerifier>,
}

impl Named {
    /// # Errors
    /// Nothing is named.
    pub fn new(roots: Roots, provider: Arc<CryptoProvider>) -> Result<Named, Error> {
        let builder = WebPkiServerVerifier::builder_with_provider(roots.store().clone(), provider);
        let chains = builder.build().map_err(|error| Error::General(error.to_string()))?;
        Ok(Named { roots, chains })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match judged {
            Err(error) if is_ca(&error) && self.roots.hold(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Judges as another does, and always for this name, whatever name the client has: one that was told an address asks
/// for a certificate of that address.
#[cfg(feature = "nats")]
#[derive(Debug)]
pub struct Pinned {
    inner: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

#[cfg(feature = "nats")]
impl Pinned {
    pub fn new(inner: Arc<dyn ServerCertVerifier>, name: ServerName<'static>) -> Pinned {
        Pinned { inner, name }
    }
}

#[cfg(feature = "nats")]
impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.inner.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}

/// Whether the one thing against it is that it is a CA's.
pub fn is_ca(error: &Error) -> bool {
    use rustls::CertificateError::Other;
    match error {
        Error::InvalidCertificate(Other(other)) => {
            matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}
