//! `ca`, `client_cert`, `client_key`, `proxy` and `allow_private`: how a destination is reached.

use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::node::Node;
use super::reader::Section;
use super::text::Text;
use crate::domain::connection::{Connection, Identity, Proxy, Roots, Validity, certificates, private_key, validity};

/// More than all the roots of the world are.
const LIMIT: u64 = 4 << 20;

/// `None` only where a mistake has been said.
pub(super) fn connection(section: &mut Section<'_>) -> Option<Connection> {
    let roots = section.take("ca").map_or(Some(None), roots);
    let (certificate, key) = (section.take("client_cert"), section.take("client_key"));
    let identity = identity(section, certificate, key);
    let proxy = section
        .take("proxy")
        .map_or(Some(None), |node| node.parsed("a proxy's address", "http://host:port", Proxy::parse).map(Some));
    let private = section.take("allow_private").map_or(Some(false), Node::flag);
    Some(Connection { roots: roots?, identity: identity?, proxy: proxy?, private: private? })
}

fn roots(node: Node<'_>) -> Option<Option<Roots>> {
    let Some(file) = Pem::read(node)? else { return Some(None) };
    let certificates = file.judged(certificates(&file.bytes))?;
    for certificate in &certificates {
        file.doubt(certificate);
    }
    file.judged(Roots::new(certificates)).map(Some)
}

/// The key may lie in a file of its own or behind the certificate.
fn identity(section: &Section<'_>, certificate: Option<Node<'_>>, key: Option<Node<'_>>) -> Option<Option<Identity>> {
    let Some(certificate) = certificate else {
        if key.is_some() {
            section.missing("client_cert", "\"client.pem\", the certificate for which the key was made");
            return None;
        }
        return Some(None);
    };
    // Both are read before either is missed.
    let has_key = key.is_some();
    let (certificate, key) = (Pem::read(certificate), key.map_or(Some(None), Pem::read));
    let (certificate, key) = (certificate?, key?);
    let Some(certificate) = certificate else { return Some(None) };
    let chain = certificate.judged(certificates(&certificate.bytes))?;
    if let Some(own) = chain.first() {
        certificate.doubt(own);
    }
    if has_key && key.is_none() {
        return Some(None);
    }
    let within = private_key(&certificate.bytes);
    if !has_key && within.as_ref().is_err_and(|said| said.starts_with("holds no")) {
        section.missing("client_key", "\"client-key.pem\", or put the key into the file of client_cert");
        return None;
    }
    let (from, key) = match &key {
        Some(file) => (file, private_key(&file.bytes)),
        None => (&certificate, within),
    };
    let key = from.judged(key)?;
    from.judged(Identity::new(chain, key)).map(Some)
}

/// A file that a key names.
struct Pem<'a> {
    named: Text<'a>,
    bytes: Vec<u8>,
}

impl<'a> Pem<'a> {
    /// `None` where a mistake was said; `Some(None)` where the file is only looked at, on a machine that need not have it.
    fn read(node: Node<'a>) -> Option<Option<Pem<'a>>> {
        let named = node.filled()?;
        if named.value.contains("-----BEGIN") {
            named.mistake("is to be a file's name, and what stands here is the file itself", "write the file's name");
            return None;
        }
        match read(&named.reading.directory.join(named.value.trim())) {
            Ok(bytes) => {
                named.reading.inputs.note(named.spot.path(), &bytes);
                Some(Some(Pem { named, bytes }))
            }
            Err(_) if named.reading.environment.has_stand_ins() => Some(None),
            Err(error) => {
                let help = "name a file in PEM form that leadhook may read; a relative path begins beside the configuration file";
                named.mistake(format!("{} cannot be read: {error}", named.file()), help);
                None
            }
        }
    }

    /// What was read of it; a mistake otherwise.
    fn judged<T>(&self, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(said) => {
                let (message, help) = said.split_once("; ").unwrap_or((&said, "name another file"));
                self.named.mistake(format!("{} {message}", self.named.file()), help);
                None
            }
        }
    }

    /// Warns of a certificate whose time is over or nearly so.
    fn doubt(&self, certificate: &CertificateDer<'_>) {
        let said = match validity(certificate, Timestamp::now()) {
            Validity::Good => return,
            Validity::NotBefore(at) => format!("holds a certificate that begins to hold at {at}"),
            Validity::EndsSoon(at) => format!("holds a certificate that is over at {at}"),
            Validity::Over(at) => format!("holds a certificate that is over since {at}"),
        };
        let help = "put a new one there, and run `leadhook reload`: the file is read then, and at start";
        self.named.reading.warn(&self.named.spot, format!("{} {said}", self.named.file()), Some(help.to_owned()));
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe or a device would never end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::other("it is larger than 4 MiB"));
    }
    Ok(bytes)
}
