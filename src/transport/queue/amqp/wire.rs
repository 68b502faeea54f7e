//! The connection under the AMQP client. The client would look up names and agree on TLS by itself; here it is handed a
//! connection that stands: the guard has chosen the address, and rustls has verified the file's name.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use lapin::AsyncTcpStream;
use lapin::uri::AMQPUri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::domain::outcome::{Answer, NoAnswer};
use crate::transport::queue::dial::Dial;

/// A connection, encrypted or not.
type Wire = Compat<Box<dyn Stream>>;

/// What can be spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Runs the client's tasks on this program's runtime.
pub(super) type Kit = RuntimeParts<Tokio, Handed>;

/// A connection for one client, which takes it once.
pub(super) struct Ready {
    wire: Mutex<Option<Wire>>,
}

/// Hangs up when it is dropped, whoever else holds the connection. The client's thread ends by that where it is waiting for
/// a server that says nothing.
pub(super) struct Hangup(Option<std::net::TcpStream>);

impl Ready {
    /// Connects, and agrees on TLS where the URL wants it.
    pub(super) async fn connect(dial: &Dial) -> Result<(Ready, Hangup), Answer> {
        let stream = dial.connect().await?;
        let odd = |error: io::Error| Answer::Nothing { why: NoAnswer::Connect, detail: error.to_string() };
        let stream = stream.into_std().map_err(odd)?;
        let hangup = Hangup(Some(stream.try_clone().map_err(odd)?));
        let stream = tokio::net::TcpStream::from_std(stream).map_err(odd)?;
        let stream: Box<dyn Stream> = match dial.server.tls {
            true => Box::new(dial.tls_over(stream).await?),
            false => Box::new(stream),
        };
        Ok((Ready { wire: Mutex::new(Some(stream.compat())) }, hangup))
    }

    /// As the client asks for it. A second time there is none: whether to connect again is decided elsewhere.
    pub(super) fn take(&self, _: AMQPUri, _: Runtime<Kit>) -> lapin::Result<AsyncTcpStream<Wire>> {
        let wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        wire.map(AsyncTcpStream::Plain).ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
    }
}

impl Hangup {
    /// From here on the client closes its connection itself, and says goodbye first.
    pub(super) fn never(mut self) {
        self.0 = None;
    }
}

impl Drop for Hangup {
    fn drop(&mut self) {
        if let Some(stream) = &self.0 {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// This program's runtime, as the client wants to have it.
pub(super) fn runtime() -> Runtime<Kit> {
    Runtime::new(RuntimeParts::new(Tokio::current(), Handed(Tokio::current())))
}

/// The runtime's clock; of connections it knows only those that it is handed.
#[derive(Clone, Debug)]
pub(super) struct Handed(Tokio);

impl Reactor for Handed {
    type TcpStream = Wire;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl futures_util::io::AsyncRead + futures_util::io::AsyncWrite + Send + Unpin + 'static> {
        Err::<Wire, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl futures_util::Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Wire>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
