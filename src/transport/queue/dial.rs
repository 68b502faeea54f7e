//! The way to a broker's server: which addresses may be connected to, and how TLS is spoken there.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
#[cfg(any(feature = "nats", feature = "amqp", feature = "redis"))]
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
#[cfg(any(feature = "amqp", feature = "redis"))]
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::domain::address;
use crate::domain::connection::Connection;
use crate::domain::destination::Destination;
use crate::domain::outcome::{Answer, NoAnswer};
use crate::domain::queue::Server;
use crate::domain::span;
#[cfg(feature = "nats")]
use crate::http_client::tls_config_naming;
use crate::http_client::{Guard, Lookup, Unresolved, explain_connection, mending_hang_up, tls_config_over};
use crate::transport::TransportError;

/// A broker that takes no connection for so long takes none.
const CONNECT: Duration = Duration::from_secs(10);

/// A server that a destination names, and all that is needed to connect to it.
#[derive(Clone)]
pub struct Dial {
    /// Where it is, and how one comes in there.
    pub server: Server,
    /// For the handshake with the server, whose name is the one that the file has.
    pub tls: Arc<ClientConfig>,
    /// For one connection, with all that is agreed on first.
    pub patience: Duration,
    connection: Connection,
    guard: Guard,
}

impl Dial {
    /// The way to this server.
    ///
    /// # Errors
    /// Whom the destination believes cannot be made out.
    pub fn new(server: Server, destination: &Destination, lookup: Arc<dyn Lookup>) -> Result<Dial, TransportError> {
        let connection = destination.connection.clone();
        let tls = tls_config_over(&connection).map_err(|source| TransportError::Client {
            destination: destination.name.clone(),
            source: source.into(),
        })?;
        let patience = CONNECT.min(destination.timeout);
        let guard = Guard::new(&connection, patience, lookup);
        Ok(Dial { server, tls: Arc::new(tls), patience, connection, guard })
    }

    /// The addresses of this host to which something may be sent, at least one, each with this port. A broker may name other
    /// hosts of its own cluster: they are looked at like any other.
    ///
    /// # Errors
    /// What the attempt has come to: there is none, or none that is allowed.
    pub async fn addresses_of(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Answer> {
        let nothing = |why: NoAnswer, detail: String| Answer::Nothing { why, detail };
        let own = host == self.server.host_name();
        if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
            // An address in numbers that the file has written is its writer's choice; any other is the broker's.
            let judged = address::judge(ip, own || self.connection.private);
            judged.map_err(|refused| nothing(NoAnswer::NotAllowed, refused.to_string()))?;
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        match self.guard.addresses(host).await {
            Ok(found) => Ok(found.into_iter().map(|at| SocketAddr::new(at.ip(), port)).collect()),
            Err(refused @ Unresolved::NotAllowed(_)) => Err(nothing(NoAnswer::NotAllowed, refused.to_string())),
            Err(other) => Err(nothing(NoAnswer::Dns, other.to_string())),
        }
    }

    /// The server's own addresses.
    ///
    /// # Errors
    /// As for [`Dial::addresses_of`].
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, Answer> {
        self.addresses_of(&self.server.host_name(), self.server.port).await
    }

    /// A connection to the server, before anything is said over it.
    ///
    /// # Errors
    /// What the attempt has come to.
    pub async fn connect(&self) -> Result<TcpStream, Answer> {
        let addresses = self.addresses().await?;
        let connect = |detail: String| Answer::Nothing { why: NoAnswer::Connect, detail };
        let dialled = tokio::time::timeout(self.patience, TcpStream::connect(addresses.as_slice())).await;
        let stream = dialled
            .map_err(|_| connect(format!("no connection within {}", span::format(self.patience))))?
            .map_err(|error| self.failed(&error))?;
        // A message is small, and somebody waits for its acknowledgement.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// The same with TLS, for the host's own name.
    ///
    /// # Errors
    /// As for [`Dial::connect`].
    #[cfg(feature = "redis")]
    pub async fn connect_tls(&self) -> Result<TlsStream<TcpStream>, Answer> {
        self.tls_over(self.connect().await?).await
    }

    /// A connection that stands, from here on with TLS for the host's own name.
    ///
    /// # Errors
    /// As for [`Dial::connect`].
    #[cfg(any(feature = "amqp", feature = "redis"))]
    pub async fn tls_over(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Answer> {
        let name = self.name()?;
        let agreed = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
        // One that speaks no TLS may wait for more of what it takes for a command.
        let patience = self.patience / 2;
        match tokio::time::timeout(patience, agreed).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => {
                let within = span::format(patience);
                let detail = format!("nothing was agreed on within {within}; is the scheme of `url` right?");
                Err(Answer::Nothing { why: NoAnswer::Tls, detail })
            }
        }
    }

    /// For a client that connects to one of the addresses by itself and knows no name: the certificate must be the host's all
    /// the same.
    ///
    /// # Errors
    /// As for [`Dial::connect`].
    #[cfg(feature = "nats")]
    pub fn tls_by_address(&self) -> Result<ClientConfig, Answer> {
        let config = tls_config_naming(&self.connection, self.name()?);
        config.map_err(|error| Answer::Nothing { why: NoAnswer::Tls, detail: error.to_string() })
    }

    #[cfg(any(feature = "nats", feature = "amqp", feature = "redis"))]
    fn name(&self) -> Result<ServerName<'static>, Answer> {
        ServerName::try_from(self.server.host_name()).map_err(|_| {
            let detail = "the host in `url` is no name that a certificate can have".to_owned();
            Answer::Nothing { why: NoAnswer::Tls, detail }
        })
    }

    /// What an error means with which a connection was not made, or ended.
    pub fn failed(&self, error: &(dyn Error + 'static)) -> Answer {
        match explain_connection(error, &self.connection) {
            Some(failure) => Answer::Nothing { why: failure.why, detail: failure.detail },
            None => Answer::Nothing { why: NoAnswer::Protocol, detail: String::new() },
        }
    }

    /// What a failed try to come in means, over a connection that stood: where all is encrypted and it was closed, the reason
    /// may be one that was not heard.
    pub fn not_let_in(&self, answer: Answer) -> Answer {
        match (answer, mending_hang_up(&self.connection)) {
            (Answer::Nothing { why: NoAnswer::Reset, detail }, Some(mending)) if self.server.tls => {
                Answer::Nothing { why: NoAnswer::Reset, detail: format!("{detail}; {mending}") }
            }
            (answer, _) => answer,
        }
    }
}
