//! Receivers on a port of their own, which do exactly what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A request as it came over the wire.
pub struct Request {
    /// Everything before the empty line.
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// `None` where the connection ends first.
async fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(got[..end].to_vec()).expect("a readable head");
            let mut request = Request { head, body: got[end + 4..].to_vec() };
            let length: usize = request.header("content-length").map_or(0, |n| n.parse().expect("a number"));
            let have = request.body.len();
            request.body.resize(length, 0);
            stream.read_exact(&mut request.body[have..]).await.ok()?;
            return Some(request);
        }
        if stream.read_buf(&mut got).await.ok()? == 0 {
            return None;
        }
    }
}

/// A receiver that answers every request with these bytes. Gives its address, the requests and how many connections
/// there were. It closes its connections behind an answer if `close`.
pub async fn answering(
    answer: impl Into<Vec<u8>>,
    close: bool,
) -> (SocketAddr, mpsc::UnboundedReceiver<Request>, Arc<AtomicUsize>) {
    let answer: Arc<Vec<u8>> = Arc::new(answer.into());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (requests, received) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let (answer, requests) = (answer.clone(), requests.clone());
            tokio::spawn(async move {
                while let Some(request) = request(&mut stream).await {
                    let _ = requests.send(request);
                    if stream.write_all(&answer).await.is_err() || close {
                        break;
                    }
                }
            });
        }
    });
    (address, received, connections)
}

/// A receiver that does as it likes with each connection, once the request is there.
pub async fn behaving<F: Future<Output = ()> + Send>(behave: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if request(&mut stream).await.is_some() {
                behave(stream).await;
            }
        }
    });
    address
}
