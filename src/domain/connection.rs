//! How a destination is reached: whom one believes there, whom one is shown as, and through which proxy.
//!
//! All that is done here is done with bytes and keys; nothing is opened or asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use url::Url;

use super::auth;
use super::secret::Secret;

/// A certificate that ends so soon is worth a word.
pub const SOON: Duration = Duration::from_secs(14 * 86_400);

/// What a destination's connections need beside its address; by default nothing: the system's roots, and no proxy.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Believed instead of the system's roots.
    pub roots: Option<Roots>,
    /// Shown to a server that asks for it.
    pub identity: Option<Identity>,
    /// Between here and there.
    pub proxy: Option<Proxy>,
    /// Whether a host name may lead to addresses that are none of the public internet; see [`super::address`].
    pub private: bool,
}

impl Connection {
    /// Whether it is as everyone's, once it is known to which address.
    pub fn is_plain(&self) -> bool {
        self.roots.is_none() && self.identity.is_none() && self.proxy.is_none()
    }

    /// What nobody may see.
    pub fn secrets(&self) -> Vec<Secret> {
        self.proxy.as_ref().map(Proxy::secrets).unwrap_or_default()
    }
}

/// The certificates in a PEM text, in its order; at least one.
///
/// # Errors
/// What is wrong, to be said after the file's name, and behind `; ` what to do.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|error| damaged(&error))?;
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    let help =
        "it should begin with -----BEGIN CERTIFICATE-----; one in DER is turned into PEM by `openssl x509 -inform der`";
    Err(format!("holds no certificate; {help}"))
}

/// The private key in a PEM text.
///
/// # Errors
/// As for [`certificates`]; nothing of the key is in it.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(PemError::NoItemsFound) if holds(pem, "BEGIN ENCRYPTED PRIVATE KEY") => {
            Err("holds a key that is locked by a passphrase; unlock it with `openssl pkey -in LOCKED -out KEY`"
                .to_owned())
        }
        Err(PemError::NoItemsFound) => {
            Err("holds no private key; it should have a line -----BEGIN PRIVATE KEY-----".to_owned())
        }
        Err(error) => Err(damaged(&error)),
    }
}

fn holds(pem: &[u8], mark: &str) -> bool {
    pem.windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// Never repeats a line of the file.
fn damaged(error: &PemError) -> String {
    let what = match error {
        PemError::MissingSectionEnd { .. } => "a part of it has no -----END line",
        PemError::IllegalSectionStart { .. } => "a line that begins a part of it is cut",
        PemError::Base64Decode(_) => "a part of it is not base64",
        _ => "it is not PEM",
    };
    format!("is damaged: {what}; copy it again, whole")
}

/// Certificates that are believed: those of CAs, and those of servers that vouch for themselves.
#[derive(Clone)]
pub struct Roots {
    store: Arc<RootCertStore>,
    certificates: Arc<Vec<CertificateDer<'static>>>,
}

impl Roots {
    /// From at least one certificate.
    ///
    /// # Errors
    /// As for [`certificates`].
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Roots, String> {
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store
                .add(certificate.clone())
                .map_err(|_| "holds a certificate that cannot be read; copy it again, whole".to_owned())?;
        }
        Ok(Roots { store: Arc::new(store), certificates: Arc::new(certificates) })
    }

    /// For a verifier.
    pub fn store(&self) -> &Arc<RootCertStore> {
        &self.store
    }

    /// Whether this very certificate is among them.
    pub fn hold(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|known| known.as_ref() == certificate.as_ref())
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.certificates.len())
    }
}

/// Our own certificate with its key, which fit each other.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// From a chain, the own certificate first, and the key of that one.
    ///
    /// # Errors
    /// What is wrong with the key, to be said after its file's name, and behind `; ` what to do.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Identity, String> {
        use rustls::Error::{General, InconsistentKeys};
        match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
            Ok(key) => Ok(Identity(Arc::new(key))),
            Err(InconsistentKeys(_)) => Err("holds the key of another certificate; name the key for which the first \
                 certificate in `client_cert` was made"
                .to_owned()),
            Err(General(_)) => {
                Err("holds a key of a kind that cannot be used; use RSA of 2048 bits or more, P-256, P-384 or Ed25519"
                    .to_owned())
            }
            Err(_) => Err("does not fit the certificate, which cannot be read; copy both again, whole".to_owned()),
        }
    }

    /// For a TLS handshake.
    pub fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.0
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a certificate and its key")
    }
}

/// Whether a certificate's time has come and is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It holds, and will hold for a while.
    Good,
    /// It holds from then on.
    NotBefore(Timestamp),
    /// It is over in less than [`SOON`].
    EndsSoon(Timestamp),
    /// It has been over since then.
    Over(Timestamp),
}

/// How this certificate stands at `now`. One whose time cannot be read is not judged.
pub fn validity(certificate: &CertificateDer<'_>, now: Timestamp) -> Validity {
    match standing(certificate, now) {
        Validity::Good => match standing(certificate, super::clock::after(now, SOON)) {
            Validity::Over(at) => Validity::EndsSoon(at),
            _ => Validity::Good,
        },
        other => other,
    }
}

/// A certificate's times are looked at before anything else, so no issuer is needed to be told of them.
fn standing(certificate: &CertificateDer<'_>, at: Timestamp) -> Validity {
    use webpki::Error::{CertExpired, CertNotValidYet};
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0)));
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else { return Validity::Good };
    let usage = webpki::KeyUsage::client_auth();
    match parsed.verify_for_usage(&[], &[], &[], time, usage, None, None) {
        Err(CertExpired { not_after, .. }) => Validity::Over(timestamp(not_after)),
        Err(CertNotValidYet { not_before, .. }) => Validity::NotBefore(timestamp(not_before)),
        _ => Validity::Good,
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    i64::try_from(time.as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MAX)
}

/// A proxy, with the name and the password that it wants. Prints without them.
#[derive(Clone)]
pub struct Proxy(Url);

/// How a proxy may be spoken to. With `socks5` names are looked up here, with `socks5h` there.
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

impl Proxy {
    /// Reads `http://user:pass@host:port`.
    ///
    /// # Errors
    /// What is wrong and, behind `; `, what to write; never the text itself.
    pub fn parse(text: &str) -> Result<Proxy, String> {
        let example = "write for example http://proxy.example.com:3128, or http://user:password@host:port";
        let url = match Url::parse(text.trim()) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                return Err(format!("is no proxy's address: it must begin with http://; {example}"));
            }
            Err(error) => return Err(format!("is no proxy's address: {error}; {example}")),
        };
        if !SCHEMES.contains(&url.scheme()) {
            return Err(format!("must begin with http://, https://, socks5:// or socks5h://; {example}"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(format!("names no host; {example}"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("must end behind the port: a proxy has no path; {example}"));
        }
        Ok(Proxy(url))
    }

    /// The whole address, for the wire alone.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// What it may not be seen to want: the password and the name, alone, together, and packed for HTTP.
    pub fn secrets(&self) -> Vec<Secret> {
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let (name, password) = (decoded(self.0.username()), self.0.password().map(decoded).unwrap_or_default());
        if name.is_empty() && password.is_empty() {
            return Vec::new();
        }
        let packed = auth::packed(&name, &password);
        let as_written = [self.0.username(), self.0.password().unwrap_or_default()].map(str::to_owned);
        let all = [vec![packed, name, password], as_written.to_vec()].concat();
        all.into_iter().filter(|part| !part.is_empty()).map(Secret::new).collect()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_address_ends_behind_the_port() {
        for (good, shown) in [
            ("http://proxy.example.com:3128", "http://proxy.example.com:3128"),
            (" https://u:p@proxy.example.com/ ", "https://proxy.example.com"),
            ("socks5h://u:p%40ss@[::1]:1080", "socks5h://[::1]:1080"),
        ] {
            let proxy = Proxy::parse(good).expect(good);
            assert_eq!((proxy.to_string(), format!("{proxy:?}")), (shown.to_owned(), shown.to_owned()));
        }
        for (bad, told) in [
            ("proxy.example.com", "must begin with http://"),
            ("proxy.example.com:3128", "must begin with http://, https://"),
            ("ftp://hunter2@proxy/", "must begin with"),
            ("http://hunter2:hunter2@:80", "is no proxy's address: empty host"),
            ("http://hunter2@proxy/path", "a proxy has no path"),
            ("http://proxy/?hunter2", "a proxy has no path"),
            ("", "is no proxy's address"),
        ] {
            let said = Proxy::parse(bad).expect_err(bad);
            assert!(said.contains(told) && said.contains("; write") && !said.contains("hunter2"), "{bad}: {said}");
        }
    }

    #[test]
    fn what_a_proxy_wants_to_hear_is_a_secret_in_each_form() {
        let secrets = |text: &str| {
            let proxy = Proxy::parse(text).expect(text);
            proxy.secrets().iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(secrets("http://proxy:3128"), [""; 0]);
        // RFC 7617: `us er:p@ss`.
        assert_eq!(
            secrets("http://us%20er:p%40ss@proxy:3128"),
            ["dXMgZXI6cEBzcw==", "us er", "p@ss", "us%20er", "p%40ss"]
        );
        assert_eq!(secrets("http://key@proxy:3128"), ["a2V5Og==", "key", "key"]);
    }

    #[test]
    fn what_is_no_certificate_or_key_is_told_without_a_line_of_it() {
        let begun = "-----BEGIN CERTIFICATE-----\nhunter2\n";
        for (pem, told) in [
            ("", "holds no certificate; it should"),
            ("hunter2", "holds no certificate"),
            (begun, "no -----END line"),
            ("-----BEGIN CERTIFICATE-----\n!hunter2!\n-----END CERTIFICATE-----\n", "not base64"),
            ("-----BEGIN hunter2", "is damaged"),
        ] {
            let said = certificates(pem.as_bytes()).expect_err(pem);
            assert!(said.contains(told) && !said.contains("hunter2"), "{pem}: {said}");
        }
        for (pem, told) in [
            ("hunter2", "holds no private key"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\naGk=\n-----END ENCRYPTED PRIVATE KEY-----\n", "openssl pkey"),
            ("-----BEGIN PRIVATE KEY-----\n!hunter2!\n-----END PRIVATE KEY-----\n", "not base64"),
        ] {
            let said = private_key(pem.as_bytes()).expect_err(pem);
            assert!(said.contains(told) && !said.contains("hunter2"), "{pem}: {said}");
        }
        let nonsense = CertificateDer::from(vec![1, 2, 3]);
        assert!(Roots::new(vec![nonsense.clone()]).expect_err("no certificate").contains("cannot be read"));
        assert_eq!(validity(&nonsense, Timestamp::UNIX_EPOCH), Validity::Good);
    }
}
