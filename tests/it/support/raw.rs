//! A server whose answers are bytes, for what the simulators cannot say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::listener;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST /hook`
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

/// What goes back: these bytes, and then the last of them for ever, if they are to have no end, or nothing at all.
pub struct Reply {
    bytes: Vec<u8>,
    endless: bool,
    hang_up: bool,
    /// A byte each, so often; all at once, if zero.
    every: Duration,
}

impl Reply {
    pub fn new(status: u16, headers: &str, body: &str) -> Reply {
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        Reply {
            bytes: [head.as_bytes(), body.as_bytes()].concat(),
            endless: false,
            hang_up: false,
            every: Duration::ZERO,
        }
    }

    /// An answer whose body never ends.
    pub fn endless(status: u16) -> Reply {
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-type: text/plain\r\n\r\n");
        Reply { bytes: [head.as_bytes(), &[b'x'; 8192]].concat(), endless: true, hang_up: false, every: Duration::ZERO }
    }

    /// These bytes, whatever they are, and if they are to have no end, the last of them for ever.
    pub fn bytes(bytes: &[u8], endless: bool) -> Reply {
        Reply { bytes: bytes.to_vec(), endless, hang_up: false, every: Duration::ZERO }
    }

    /// The same, drop by drop.
    pub fn dripping(bytes: &[u8], every: Duration) -> Reply {
        Reply { every, ..Reply::bytes(bytes, false) }
    }

    /// No answer: the connection ends.
    pub fn hang_up() -> Reply {
        Reply { bytes: Vec::new(), endless: false, hang_up: true, every: Duration::ZERO }
    }
}

/// A server; every answer is a function of the request and of how many came before it.
pub struct Raw {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    serving: JoinHandle<()>,
}

impl Raw {
    pub async fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Raw {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, came) = (Arc::new(answer), Arc::clone(&requests));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, came) = (Arc::clone(&answer), Arc::clone(&came));
                // The other side may hang up at any moment, which is its right.
                tokio::spawn(async move { serve(stream, &*answer, &came).await });
            }
        });
        Raw { address, requests, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    stream: TcpStream,
    answer: &(dyn Fn(&Request, usize) -> Reply + Send + Sync),
    came: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.rsplit_once(' ').map_or(String::new(), |(line, _)| line.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let request = Request { line, headers, body, at: Instant::now() };
        let reply = {
            let mut came = came.lock().unwrap();
            let reply = answer(&request, came.len());
            came.push(request);
            reply
        };
        if reply.hang_up {
            return Ok(());
        }
        if reply.every.is_zero() {
            stream.write_all(&reply.bytes).await?;
        } else {
            for byte in &reply.bytes {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(reply.every).await;
            }
        }
        if reply.endless {
            loop {
                stream.write_all(&[*reply.bytes.last().unwrap_or(&b'x'); 8192]).await?;
            }
        }
    }
}

/// Whether the details of a lead are to be had, and what they are.
type Details = BTreeMap<u64, Option<String>>;

/// A WeClever of bytes: every list shows all its leads, whatever the window.
pub struct Api {
    raw: Raw,
    details: Arc<Mutex<Details>>,
    next: Arc<Mutex<Details>>,
    rows: Arc<Mutex<Vec<String>>>,
}

impl Api {
    pub async fn start() -> Api {
        let (details, next): (Arc<Mutex<Details>>, Arc<Mutex<Details>>) = Default::default();
        let rows: Arc<Mutex<Vec<String>>> = Arc::default();
        let (told, then, listed) = (Arc::clone(&details), Arc::clone(&next), Arc::clone(&rows));
        let raw = Raw::start(move |request, _| {
            if request.line.contains("/solution/token/") {
                return Reply::new(200, "", r#"{"token":"t"}"#);
            }
            if request.line.contains("/lead/find/finalized/") {
                return Reply::new(200, "", &format!(r#"{{"leads":[{}]}}"#, listed.lock().unwrap().join(",")));
            }
            let id = request.line.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
            let mut told = told.lock().unwrap();
            let reply = match told.get(&id) {
                Some(Some(body)) => Reply::new(200, "", body),
                _ => Reply::new(500, "", r#"{"error":"no such luck"}"#),
            };
            told.extend(then.lock().unwrap().remove(&id).map(|next| (id, next)));
            reply
        })
        .await;
        Api { raw, details, next, rows }
    }

    pub fn base_url(&self) -> String {
        self.raw.url()
    }

    /// Finalizes a lead with this row; `None`: its details cannot be read.
    pub fn finalize(&self, id: u64, row: &str, details: Option<&str>) {
        self.tell(id, details);
        self.rows.lock().unwrap().push(row.to_owned());
    }

    /// The same with a plain row and plain details.
    pub fn finalize_plain(&self, id: u64, readable: bool) {
        let row = format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold","client_lead_id":null}}"#);
        self.finalize(id, &row, readable.then_some(r#"{"lead":{"name":"Ana"}}"#));
    }

    /// What is said of a lead once it has been read.
    pub fn tell_next(&self, id: u64, details: Option<&str>) {
        self.next.lock().unwrap().insert(id, details.map(str::to_owned));
    }

    /// Changes what is said of a lead.
    pub fn tell(&self, id: u64, details: Option<&str>) {
        self.details.lock().unwrap().insert(id, details.map(str::to_owned));
    }
}
