//! A server whose every answer is a function of the request, down to the bytes and the moment: it can hang, break off and reset.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path and query, untouched.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn is_for_a_token(&self) -> bool {
        self.target.contains("/solution/token/basic/")
    }
}

/// What comes back.
pub enum Reply {
    /// A whole answer.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, and then nothing more while the connection stays open.
    Hang(Vec<u8>),
    /// These bytes, and then the end.
    Close(Vec<u8>),
    /// A reset.
    Reset,
}

impl Reply {
    pub fn json(body: impl Into<String>) -> Reply {
        Reply::status(200, body)
    }

    pub fn status(status: u16, body: impl Into<String>) -> Reply {
        Reply::Whole(status, vec![("content-type", "application/json".into())], body.into().into_bytes())
    }

    pub fn with(self, name: &'static str, value: impl Into<String>) -> Reply {
        match self {
            Reply::Whole(status, mut headers, body) => {
                headers.push((name, value.into()));
                Reply::Whole(status, headers, body)
            }
            other => other,
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Runs until the test's runtime ends.
pub struct Server {
    pub base: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start<F, Fut>(answer: F) -> Server
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = seen.clone();
        let answer: Arc<dyn Fn(Request) -> Answer + Send + Sync> = Arc::new(move |request| Box::pin(answer(request)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), record.clone()));
            }
        });
        Server { base, seen }
    }

    /// Gives a token to whoever asks for one, and answers everything else with `answer`.
    pub async fn with_token<F, Fut>(answer: F) -> Server
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let answer = Arc::new(answer);
        Server::start(move |request| {
            let answer = answer.clone();
            async move {
                if request.is_for_a_token() {
                    Reply::json(format!("{{\"token\":\"{}\"}}", super::TOKEN))
                } else {
                    answer(request).await
                }
            }
        })
        .await
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub fn tokens_given(&self) -> usize {
        self.seen().iter().filter(|request| request.is_for_a_token()).count()
    }

    pub fn others_seen(&self) -> usize {
        self.seen().len() - self.tokens_given()
    }
}

async fn serve(
    stream: TcpStream,
    answer: Arc<dyn Fn(Request) -> Answer + Send + Sync>,
    seen: Arc<Mutex<Vec<Request>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream).await?;
        seen.lock().expect("not poisoned").push(request.clone());
        match answer(request).await {
            Reply::Whole(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str("\r\n");
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(&body).await.ok()?;
            }
            Reply::Hang(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                std::future::pending::<()>().await;
            }
            Reply::Close(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                return None;
            }
            Reply::Reset => {
                stream.get_ref().set_zero_linger().ok()?;
                return None;
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let target = lines.first()?.split(' ').nth(1)?.to_owned();
    let headers = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Request { target, headers })
}

/// `length` equal bytes, packed about 150 to 1: one literal, and then nothing but "repeat it 258 times".
pub fn gzip_bomb(length: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |code: u16, width: u32| bits.extend((0..width).rev().map(|bit| code >> bit & 1 == 1));
    put(0b1, 1); // The last block,
    put(0b10, 2); // with the fixed codes (this number is sent lowest bit first).
    put(0x30 + u16::from(b'a'), 8);
    for _ in 0..length.div_ceil(258) {
        put(0b1100_0101, 8); // A length of 258
        put(0, 5); // from one byte back.
    }
    put(0, 7);
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(
        bits.chunks(8).map(|eight| eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at)),
    );
    out.extend([0; 8]);
    out
}
