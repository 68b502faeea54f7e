//! CAs, servers that speak TLS, and proxies, each on a port of its own.

#![allow(dead_code, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
pub struct Pair {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

impl Pair {
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

/// A CA of one's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// For these names, until far away.
    pub fn sign(&self, names: &[&str]) -> Pair {
        self.sign_until(names, 400)
    }

    /// For these names, from 1975 until so many days from now.
    pub fn sign_until(&self, names: &[&str], days: i64) -> Pair {
        self.sign_as(params(names, days))
    }

    /// Whatever is asked for.
    pub fn sign_as(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair { certificate, key }
    }

    /// A CA below this one, whose certificate a server should show beside its own.
    pub fn below(&self, name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Authority(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }
}

/// A server's certificate for these names, from 1975 until so many days from now.
pub fn params(names: &[&str], days: i64) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    params.not_before = rcgen::date_time_ymd(1975, 1, 1);
    let until = now.saturating_add_signed(days * 86_400);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(until);
    params
}

/// As `openssl req -x509` makes it: a server's certificate that is a CA's as well.
pub fn self_signed(names: &[&str], days: i64) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = params(names, days);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Pair { certificate: params.self_signed(&key).unwrap(), key }
}

/// How a server speaks TLS. `clients`: who must have signed its clients' certificates.
pub fn server(
    own: &Pair,
    clients: Option<&Authority>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
    let config = builder.with_single_cert(vec![own.certificate.der().clone()], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub const BOTH: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Came {
    /// Everything before the empty line.
    pub head: String,
    pub body: Vec<u8>,
}

impl Came {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Something that listens, and what came to it.
pub struct Listening {
    pub address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Listening {
    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    async fn new() -> (Listening, TcpListener, Arc<Mutex<Vec<Came>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let came = Arc::<Mutex<Vec<Came>>>::default();
        (Listening { address: listener.local_addr().unwrap(), came: came.clone() }, listener, came)
    }
}

/// A destination that takes everything, behind TLS.
pub async fn receiver(tls: TlsAcceptor) -> Listening {
    let (listening, listener, came) = Listening::new().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, came) = (tls.clone(), came.clone());
            tokio::spawn(async move {
                match tls.accept(stream).into_fallible().await {
                    Ok(stream) => answer_all(stream, &came).await,
                    // Whoever was refused is to read why before the connection is reset under what it has sent.
                    Err((_, mut stream)) => {
                        let _ = stream.shutdown().await;
                        let _ = timeout(Duration::from_secs(1), stream.read_to_end(&mut Vec::new())).await;
                    }
                }
            });
        }
    });
    listening
}

async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, came: &Mutex<Vec<Came>>) {
    while let Some(request) = request(&mut stream).await {
        came.lock().unwrap().push(request);
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Came> {
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(got[..end].to_vec()).unwrap();
            let mut came = Came { head, body: got[end + 4..].to_vec() };
            let length = came.header("content-length").map_or(0, |length| length.parse().unwrap());
            let have = came.body.len();
            came.body.resize(length, 0);
            stream.read_exact(came.body.get_mut(have..)?).await.ok()?;
            return Some(came);
        }
        if stream.read_buf(&mut got).await.ok()? == 0 {
            return None;
        }
    }
}

/// What a proxy does with whoever wants to go somewhere.
#[derive(Clone)]
pub enum Does {
    /// Lets them go there who say this as `proxy-authorization`, and all, if it is empty.
    Connects { who_say: &'static str },
    /// Says so instead.
    Answers(&'static str),
    /// Hangs up.
    HangsUp,
}

/// A proxy for CONNECT, which also answers what it is to ask in somebody's name itself: 200.
pub async fn proxy(does: Does) -> Listening {
    proxy_behind(does, None).await
}

/// The same, itself behind TLS.
pub async fn proxy_behind(does: Does, tls: Option<TlsAcceptor>) -> Listening {
    let (listening, listener, came) = Listening::new().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (does, came, tls) = (does.clone(), came.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => pass_on(stream, &does, &came).await,
                    Some(tls) => pass_on(tls.accept(stream).await.ok()?, &does, &came).await,
                }
            });
        }
    });
    listening
}

async fn pass_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, does: &Does, came: &Mutex<Vec<Came>>) -> Option<()> {
    let request = request(&mut stream).await?;
    let says = request.header("proxy-authorization").unwrap_or_default().to_owned();
    let line = request.line().to_owned();
    came.lock().unwrap().push(request);
    let refusal = match does {
        Does::HangsUp => return None,
        Does::Answers(answer) => Some(*answer),
        Does::Connects { who_say } if !who_say.is_empty() && says != *who_say => {
            Some("407 Proxy Authentication Required")
        }
        Does::Connects { .. } => None,
    };
    if let Some(refusal) = refusal {
        let answer = format!("HTTP/1.1 {refusal}\r\ncontent-length: 0\r\n\r\n");
        return stream.write_all(answer.as_bytes()).await.ok();
    }
    let Some(there) = line.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok();
    };
    let mut there = TcpStream::connect(there).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut stream, &mut there).await.ok().map(drop)
}

/// A SOCKS 5 proxy (RFC 1928, 1929) for this user and password; what came is `HOST:PORT`.
pub async fn socks(user: &'static str, password: &'static str) -> Listening {
    let (listening, listener, came) = Listening::new().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let came = came.clone();
            tokio::spawn(async move { greet(stream, user, password, &came).await });
        }
    });
    listening
}

async fn greet(mut stream: TcpStream, user: &str, password: &str, came: &Mutex<Vec<Came>>) -> Option<()> {
    let _version = stream.read_u8().await.ok()?;
    let mut methods = vec![0; stream.read_u8().await.ok()?.into()];
    stream.read_exact(&mut methods).await.ok()?;
    if !methods.contains(&2) {
        return stream.write_all(&[5, 0xff]).await.ok();
    }
    stream.write_all(&[5, 2]).await.ok()?;
    let _version = stream.read_u8().await.ok()?;
    let said = [text(&mut stream).await?, text(&mut stream).await?];
    if said != [user, password] {
        return stream.write_all(&[1, 1]).await.ok();
    }
    stream.write_all(&[1, 0]).await.ok()?;
    let mut wish = [0; 4];
    stream.read_exact(&mut wish).await.ok()?;
    let host = match wish[3] {
        1 => {
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.ok()?;
            std::net::Ipv4Addr::from(bytes).to_string()
        }
        3 => text(&mut stream).await?,
        _ => return None,
    };
    let there = format!("{host}:{}", stream.read_u16().await.ok()?);
    came.lock().unwrap().push(Came { head: there.clone(), body: Vec::new() });
    let mut there = TcpStream::connect(there).await.ok()?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    copy_bidirectional(&mut stream, &mut there).await.ok().map(drop)
}

async fn text(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = vec![0; stream.read_u8().await.ok()?.into()];
    stream.read_exact(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}
