//! A WeClever and a receiver that cost next to nothing, so that what is measured is leadhook: HTTP/1.1 by hand, on one
//! thread, with answers that were made before the first request.

use std::io::Write as _;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    role: Role,
    /// Leads that there are, or that are awaited
    #[arg(long)]
    leads: u64,
    /// How long a receiver takes for its answer
    #[arg(long, default_value_t = 0)]
    takes_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Lists the leads and gives the details of each
    Weclever,
    /// Accepts whatever is posted, and tells when every lead was there
    Receiver,
    /// Accepts connections and never answers
    Hanging,
}

/// The first lead's number; the others follow.
const FIRST: u64 = 1_000_000_000;

/// In every lead, before its number: it goes through leadhook untouched.
const MARK: &[u8] = br#""email":"lead-"#;

/// Different leads; beyond these only the number differs.
const VARIANTS: u64 = 512;

/// Serves until its standard input ends. What happens is told on standard output, a word and a number a line: the port,
/// then in microseconds since 1970 each `list` that was asked for and, once every lead was posted, `all`; in the end how
/// many requests were `served`.
pub fn serve(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    // Whoever started this has gone once the input ends.
    let (gone, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(gone);
    });
    tasks.block_on(&runtime, async {
        let desk = Rc::new(std::cell::RefCell::new(Desk::new(args)));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port")?;
        tell("port", u64::from(listener.local_addr()?.port()));
        loop {
            tokio::select! {
                _ = ended.recv() => break,
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    let desk = Rc::clone(&desk);
                    // A client that breaks off has nothing more to hear.
                    tokio::task::spawn_local(async move { drop(converse(stream, &desk).await) });
                }
            }
        }
        tell("served", desk.borrow().served);
        Ok(())
    })
}

fn tell(word: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{word} {number}").and_then(|()| out.flush());
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Reads requests off one connection and answers each.
async fn converse(mut stream: TcpStream, desk: &std::cell::RefCell<Desk>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut inbox, mut answer) = (Vec::with_capacity(16 * 1024), Vec::new());
    loop {
        let (head, whole) = loop {
            if let Some(lengths) = request(&inbox) {
                break lengths;
            }
            if stream.read_buf(&mut inbox).await? == 0 {
                return Ok(());
            }
        };
        answer.clear();
        let takes = desk.borrow_mut().answer(&inbox[..head], &inbox[head..whole], &mut answer);
        inbox.drain(..whole);
        match takes {
            None => std::future::pending().await,
            Some(Duration::ZERO) => {}
            Some(takes) => tokio::time::sleep(takes).await,
        }
        stream.write_all(&answer).await?;
    }
}

/// The length of the first request's head, and of the whole of it, once it is all there.
fn request(inbox: &[u8]) -> Option<(usize, usize)> {
    let head = find(inbox, b"\r\n\r\n")? + 4;
    // hyper writes names in small letters.
    let body = find(&inbox[..head], b"\r\ncontent-length: ").map_or(0, |at| number(&inbox[at + 18..head]));
    let whole = head + body as usize;
    (inbox.len() >= whole).then_some((head, whole))
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

fn number(text: &[u8]) -> u64 {
    text.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
}

struct Desk {
    role: Role,
    takes: Duration,
    list: Vec<u8>,
    /// Whole answers, and where the number stands in each.
    details: Vec<(Vec<u8>, usize)>,
    seen: Vec<bool>,
    missing: u64,
    served: u64,
}

impl Desk {
    fn new(args: &Args) -> Desk {
        let weclever = args.role == Role::Weclever;
        Desk {
            role: args.role,
            takes: Duration::from_millis(args.takes_ms),
            list: if weclever { whole(&list(args.leads)) } else { Vec::new() },
            details: if weclever { (0..VARIANTS.min(args.leads)).map(detail).collect() } else { Vec::new() },
            seen: vec![false; args.leads as usize],
            missing: args.leads,
            served: 0,
        }
    }

    /// Puts the answer together, and says how long it takes; `None`: for ever.
    fn answer(&mut self, head: &[u8], body: &[u8], answer: &mut Vec<u8>) -> Option<Duration> {
        self.served += 1;
        match self.role {
            Role::Hanging => return None,
            Role::Receiver => {
                self.note(body);
                answer.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
            Role::Weclever => match find(head, b"/lead/find/weclever_id/") {
                Some(at) => {
                    let id = number(&head[at + 23..]);
                    let (detail, place) = &self.details[(id % self.details.len() as u64) as usize];
                    answer.extend_from_slice(detail);
                    answer[*place..place + 10].copy_from_slice(id.to_string().as_bytes());
                }
                None => {
                    tell("list", now_us());
                    answer.extend_from_slice(&self.list);
                }
            },
        }
        Some(self.takes)
    }

    fn note(&mut self, body: &[u8]) {
        let Some(at) = find(body, MARK) else { return };
        let seen = self.seen.get_mut(number(&body[at + MARK.len()..]).wrapping_sub(FIRST) as usize);
        if let Some(seen) = seen.filter(|seen| !**seen) {
            *seen = true;
            self.missing -= 1;
            if self.missing == 0 {
                tell("all", now_us());
            }
        }
    }
}

fn whole(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn list(leads: u64) -> String {
    let rows = (FIRST..FIRST + leads).map(|id| {
        format!(r#"{{"weclever_lead_id":{id},"mapped_status":"qualified","client_lead_id":"crm-{}"}}"#, id - FIRST)
    });
    format!(r#"{{"leads":[{}]}}"#, rows.collect::<Vec<_>>().join(","))
}

/// A lead of about 4 KB, with a conversation that compresses as conversations do.
fn detail(variant: u64) -> (Vec<u8>, usize) {
    const WORDS: &[&str] = &[
        "olá",
        "bom",
        "dia",
        "gostaria",
        "de",
        "saber",
        "mais",
        "sobre",
        "o",
        "plano",
        "preço",
        "entrega",
        "quando",
        "posso",
        "agendar",
        "uma",
        "visita",
        "obrigado",
        "sim",
        "não",
        "pedido",
        "cliente",
        "loja",
        "segunda-feira",
        "cartão",
        "boleto",
        "parcelas",
        "endereço",
        "apartamento",
        "reunião",
        "por",
        "favor",
        "aguarde",
        "um",
        "momento",
        "perfeito",
    ];
    let mut dice = fastrand::Rng::with_seed(variant);
    let mut messages = String::new();
    for at in 0.. {
        let from = if at % 2 == 0 { "client" } else { "bot" };
        let text: Vec<&str> = (0..dice.usize(4..16)).map(|_| WORDS[dice.usize(..WORDS.len())]).collect();
        messages.push_str(&format!(
            r#"{{"message_id":"{:016x}","from":"{from}","type":"text","date":"2026-11-23T{:02}:{:02}:{:02}.000Z","text":"{}"}}"#,
            dice.u64(..),
            dice.u8(8..20),
            dice.u8(..60),
            dice.u8(..60),
            text.join(" ")
        ));
        if messages.len() > 3600 {
            break;
        }
        messages.push(',');
    }
    let body = format!(
        r#"{{"lead":{{"email":"lead-{FIRST}@example.com","name":"Lead {variant}","phone":"+55119{:08}","state":"SP","regional":"Sudeste","chats":{{"metrics":{{"total_messages":20}},"messages":[{messages}]}},"csat":{{"rating":"{}"}},"status":"finalized"}}}}"#,
        dice.u32(..100_000_000),
        dice.u8(1..6)
    );
    let answer = whole(&body);
    let place = find(&answer, MARK).map_or(0, |at| at + MARK.len());
    (answer, place)
}
