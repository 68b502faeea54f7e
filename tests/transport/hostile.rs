//! Answers that are wrong, cut, endless or meant to hurt. Whatever comes back: the attempt ends in time, means what it should,
//! and leaves no connection behind that goes on by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use leadhook::domain::connection::{Connection, Roots, certificates};
use leadhook::domain::destination::Destination;
use leadhook::domain::outcome::{Answer, NoAnswer, Outcome, judge};
use leadhook::transport::{Sent, Transport};
use rcgen::ExtendedKeyUsagePurpose;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::receiver::{answering, behaving};
use super::tls::{Authority, BOTH, params, receiver, server};
use super::{ID, destination, got, nothing, plain, request, send, with_timeout};

/// What may come of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Comes {
    /// A status, with the body whole or not.
    Got(u16, bool),
    Not(NoAnswer),
}

fn comes(sent: &Sent) -> Comes {
    match &sent.answer {
        Answer::Got(response) => Comes::Got(response.status, !response.cut),
        Answer::Nothing { why, .. } => Comes::Not(*why),
        Answer::Taken { .. } | Answer::Refused { .. } => panic!("no queue answers here: {:?}", sent.answer),
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_at_each_byte() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nretry-after: 5\r\ncontent-length: 12\r\n\r\nhello, world";
    let head = answer.len() - "hello, world".len();
    for reset in [false, true] {
        let at = Arc::new(AtomicUsize::new(0));
        let next = at.clone();
        let address = behaving(move |mut stream| {
            let at = next.load(Ordering::Relaxed);
            async move {
                let _ = stream.write_all(&answer[..at]).await;
                if reset {
                    let _ = stream.set_zero_linger();
                }
            }
        })
        .await;
        let transport = Transport::new(&destination(format!("http://{address}/"))).expect("a transport");
        for end in 0..=answer.len() {
            at.store(end, Ordering::Relaxed);
            let request = request(&destination(format!("http://{address}/")));
            let sent = transport.send(ID, request, Timestamp::now()).await;
            assert!(sent.took < Duration::from_secs(5), "{end}: {:?}", sent.took);
            let expected = match end {
                end if end < head => Comes::Not(NoAnswer::Reset),
                end => Comes::Got(200, end == answer.len()),
            };
            // A reset may take with it what was sent before.
            let lost = reset && comes(&sent) == Comes::Not(NoAnswer::Reset);
            assert!(
                lost || comes(&sent) == expected,
                "reset {reset}, cut at {end}: {:?}, not {expected:?}",
                sent.answer
            );
        }
    }
}

#[tokio::test]
async fn answers_that_are_wrong() {
    use Comes::{Got, Not};
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let gzip = [head("content-encoding: gzip\r\ncontent-length: 20\r\n\r\n"), vec![0x1f; 20]].concat();
    let table: Vec<(&str, Vec<u8>, Comes)> = vec![
        ("interim answers", [b"HTTP/1.1 100 Continue\r\n\r\n".repeat(50), plain(201).into()].concat(), Got(201, true)),
        (
            "another protocol",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(),
            Got(101, true),
        ),
        ("a body where there is none", b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello".to_vec(), Got(204, true)),
        ("too short for its length", head("content-length: 500\r\n\r\nhello"), Got(200, false)),
        ("longer than its length", head("content-length: 2\r\n\r\nhello, and much more"), Got(200, true)),
        ("two lengths", head("content-length: 5\r\ncontent-length: 6\r\n\r\nhello!"), Not(NoAnswer::Protocol)),
        ("a length below nothing", head("content-length: -1\r\n\r\nhello"), Not(NoAnswer::Protocol)),
        ("a length in words", head("content-length: five\r\n\r\nhello"), Not(NoAnswer::Protocol)),
        ("a length beyond 64 bits", head("content-length: 99999999999999999999\r\n\r\nhello"), Not(NoAnswer::Protocol)),
        ("a length of eight exabytes", head("content-length: 9223372036854775807\r\n\r\nhello"), Got(200, false)),
        ("chunks of no size", head("transfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n"), Got(200, false)),
        (
            "a chunk beyond 64 bits",
            head("transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello"),
            Got(200, false),
        ),
        (
            "a chunk that ends early",
            head("transfer-encoding: chunked\r\n\r\n50\r\nhello\r\n0\r\n\r\n"),
            Got(200, false),
        ),
        (
            "chunks and a length",
            head("content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            Got(200, true),
        ),
        ("packed, it says", gzip, Got(200, true)),
        ("no status", b"HTTP/1.1 OK\r\n\r\n".to_vec(), Not(NoAnswer::Protocol)),
        ("no head at all", b"hello, world, this is HTTP/0.9\r\n".to_vec(), Not(NoAnswer::Protocol)),
        ("the next version", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Not(NoAnswer::Protocol)),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), Not(NoAnswer::Protocol)),
        ("a header that is none", head("no colon here\r\n\r\n"), Not(NoAnswer::Protocol)),
        ("a NUL in a name", head("x\0y: z\r\n\r\n"), Not(NoAnswer::Protocol)),
        ("a thousand headers", head(&"x: y\r\n".repeat(1_000)), Not(NoAnswer::Protocol)),
        ("a header of a megabyte", head(&format!("x: {}\r\n\r\n", "y".repeat(1 << 20))), Not(NoAnswer::Protocol)),
        (
            "a long reason",
            format!("HTTP/1.1 200 {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(100_000)).into(),
            Got(200, true),
        ),
        ("nothing but lines", b"\r\n".repeat(300_000), Not(NoAnswer::Protocol)),
    ];
    for (what, answer, expected) in table {
        let (address, _requests, _) = answering(answer, true).await;
        let sent = send(&with_timeout(format!("http://{address}/"), 2_000)).await;
        assert!(sent.took < Duration::from_secs(2), "{what}: {:?}", sent.took);
        let came = comes(&sent);
        // What is closed with something unread is reset, and may take an answer along.
        assert!(came == expected || came == Comes::Not(NoAnswer::Reset), "{what}: {:?}, not {expected:?}", sent.answer);
        if matches!(expected, Not(_)) {
            assert_eq!(judge(&sent.answer), Outcome::Retry, "{what}");
            assert!(!nothing(sent).1.is_empty(), "{what}");
        }
    }
}

/// A receiver that says `begin` and then `again` for ever, every so often. Tells how many bytes it got rid of once nobody
/// takes any more.
async fn without_end(
    begin: &'static [u8],
    again: &'static [u8],
    every: Duration,
) -> (SocketAddr, mpsc::Receiver<usize>) {
    let (ended, end) = mpsc::channel(1);
    let address = behaving(move |mut stream| {
        let ended = ended.clone();
        async move {
            let mut bytes = begin.len();
            if stream.write_all(begin).await.is_ok() {
                while stream.write_all(again).await.is_ok() {
                    bytes += again.len();
                    if !every.is_zero() {
                        tokio::time::sleep(every).await;
                    }
                }
            }
            let _ = ended.send(bytes).await;
        }
    })
    .await;
    (address, end)
}

#[tokio::test]
async fn answers_without_end_end_with_the_attempt_and_so_does_their_connection() {
    const LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";
    const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (fast, slow) = (Duration::ZERO, Duration::from_millis(10));
    for (what, begin, again, every, status) in [
        ("interim answers", INTERIM, INTERIM, fast, None),
        ("interim answers, slowly", INTERIM, INTERIM, slow, None),
        ("headers", LINE, b"x: y\r\n".as_slice(), fast, None),
        ("headers, slowly", LINE, b"x: y\r\n", slow, None),
        ("a header", LINE, b"x", fast, None),
        ("a header, slowly", LINE, b"x", slow, None),
        ("a body", CHUNKED, b"5\r\nhello\r\n", fast, Some(200)),
        ("a body, slowly", CHUNKED, b"5\r\nhello\r\n", slow, Some(200)),
        ("a chunk's extension", CHUNKED, b"5;x=y", fast, Some(200)),
        ("trailers", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n", fast, Some(200)),
        ("a packed body", b"HTTP/1.1 500 No\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b", b"\0\0\0\0", fast, Some(500)),
        ("lines", b"\r\n", b"\r\n", fast, None),
    ] {
        let (address, mut end) = without_end(begin, again, every).await;
        let to = with_timeout(format!("http://{address}/"), 500);
        let transport = Transport::new(&to).expect("a transport");
        let sent = transport.send(ID, request(&to), Timestamp::now()).await;
        assert!(sent.took < Duration::from_secs(2), "{what}: {:?}", sent.took);
        match (status, comes(&sent)) {
            (Some(status), came) => assert_eq!(came, Comes::Got(status, false), "{what}"),
            (None, Comes::Not(NoAnswer::Timeout | NoAnswer::Protocol)) => {}
            (None, came) => panic!("{what}: {came:?}"),
        }
        let gone = tokio::time::timeout(Duration::from_secs(5), end.recv()).await;
        assert!(gone.is_ok(), "{what}: its connection goes on without the attempt");
        drop(transport);
    }
}

#[tokio::test]
async fn a_port_whose_connections_nobody_takes() {
    // The system takes them, until its queue is full.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    for _ in 0..3 {
        let sent = send(&with_timeout(format!("http://{address}/"), 200)).await;
        assert!(sent.took < Duration::from_secs(2), "{:?}", sent.took);
        assert!(matches!(nothing(sent).0, NoAnswer::Timeout | NoAnswer::Connect));
    }
}

#[tokio::test]
async fn a_connection_that_ends_between_two_requests_costs_nothing() {
    let (address, mut requests, connections) = answering(plain(200), true).await;
    let to = destination(format!("http://{address}/"));
    let transport = Transport::new(&to).expect("a transport");
    for n in 1..=20 {
        assert_eq!(got(transport.send(ID, request(&to), Timestamp::now()).await).status, 200);
        requests.recv().await.expect("a request");
        // Its end is noticed before the next request, as between two deliveries.
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(connections.load(Ordering::Relaxed), n, "an answer came over a connection that was closed");
    }
    assert!(requests.try_recv().is_err(), "one was sent twice");
}

#[tokio::test]
async fn whatever_retry_after_asks_for() {
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (lines, seconds) in [
        ("retry-after: 0", Some(1)),
        ("retry-after: -1", None),
        ("retry-after: 1.5", None),
        ("retry-after: 315360000", Some(86_400)),
        ("retry-after: Sun, 06 Nov 2044 08:49:37 GMT", Some(86_400)),
        (&format!("retry-after: {past}"), Some(1)),
        ("retry-after: Sun, 99 Nov 2044 08:49:37 GMT", None),
        ("retry-after: soon", None),
        ("retry-after:", None),
        ("retry-after: 7, 9", None),
        ("retry-after: 7\r\nretry-after: 9", Some(7)),
        ("retry-after: soon\r\nretry-after: 9", Some(9)),
        ("retry-after: \u{e9}\r\nretry-after: 9", Some(9)),
    ] {
        for (status, without) in [(429, Outcome::Throttled(None)), (503, Outcome::Retry)] {
            let answer = format!("HTTP/1.1 {status} No\r\n{lines}\r\ncontent-length: 0\r\n\r\n");
            let (address, _requests, _) = answering(answer, false).await;
            let sent = send(&destination(format!("http://{address}/"))).await;
            let expected = seconds.map_or(without, |s| Outcome::Throttled(Some(Duration::from_secs(s))));
            assert_eq!(judge(&sent.answer), expected, "{status} {lines}");
        }
    }
}

#[tokio::test]
async fn certificates_that_are_wrong_in_each_way() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mut early = params(&["localhost"], 400);
    early.not_before = rcgen::date_time_ymd(2190, 1, 1);
    early.not_after = rcgen::date_time_ymd(2191, 1, 1);
    let mut clients = params(&["localhost"], 400);
    clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (what, own, told) in [
        ("over", ours.sign_until(&["localhost"], -1), "whoever runs it must renew it"),
        ("not yet", ours.sign_as(early), "is this machine's clock right?"),
        ("another's", ours.sign(&["crm.example.com"]), "write the name that its certificate has into `url`"),
        ("nobody's", ours.sign(&[]), "write the name that its certificate has into `url`"),
        ("a client's", ours.sign_as(clients), "none of a server's"),
        ("a stranger's", theirs.sign(&["localhost"]), "no certificate in `ca` is its issuer's"),
        ("a broken chain", ours.below("between").sign(&["localhost"]), "no certificate in `ca` is its issuer's"),
    ] {
        for version in BOTH {
            let there = receiver(server(&own, None, &[version])).await;
            let sent = send(&believing(&ours, there.address)).await;
            assert_eq!(judge(&sent.answer), Outcome::Retry);
            let (why, detail) = nothing(sent);
            assert!(why == NoAnswer::Tls && detail.contains(told), "{what}: {why:?} {detail}");
            assert!(there.came().is_empty(), "{what}: it was sent something");
        }
    }
    // What is no TLS, and what is none that is still safe.
    for (what, bytes, told) in [
        (
            "HTTP",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
            "no TLS is spoken there: write http:// if that is meant",
        ),
        ("TLS 1.1", b"\x15\x03\x02\x00\x02\x02\x46", "it speaks no TLS that is still safe"),
        ("no such host", b"\x15\x03\x03\x00\x02\x02\x70", "it knows no host of this name: look at `url`"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        let (why, detail) = nothing(send(&believing(&ours, address)).await);
        assert!(why == NoAnswer::Tls && detail.contains(told), "{what}: {why:?} {detail}");
    }
}

fn believing(authority: &Authority, address: SocketAddr) -> Destination {
    let roots = Roots::new(certificates(authority.pem().as_bytes()).expect("certificates")).expect("roots");
    let connection = Connection { roots: Some(roots), private: true, ..Connection::default() };
    let url = format!("https://localhost:{}/hooks/leads", address.port());
    Destination { connection, timeout: Duration::from_secs(2), ..destination(url) }
}

/// Between leadhook and a server, this lets so many of the server's bytes through, and then hangs up or says nothing more.
async fn cutting(to: SocketAddr, after: Arc<AtomicUsize>, hangs_up: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut left = after.load(Ordering::Relaxed);
            tokio::spawn(async move {
                let (mut from, mut into) = stream.into_split();
                let (mut answers, mut asks) = TcpStream::connect(to).await.ok()?.into_split();
                let asking = tokio::spawn(async move { tokio::io::copy(&mut from, &mut asks).await });
                let mut bytes = [0; 512];
                while left > 0 {
                    let read = answers.read(&mut bytes).await.ok().filter(|n| *n > 0)?;
                    into.write_all(&bytes[..read.min(left)]).await.ok()?;
                    left -= read.min(left);
                }
                if !hangs_up {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
                asking.abort();
                Some(())
            });
        }
    });
    address
}

#[tokio::test]
async fn a_handshake_that_is_cut() {
    let ours = Authority::new("ours");
    let there = receiver(server(&ours.sign(&["localhost"]), None, BOTH)).await;
    let after = Arc::new(AtomicUsize::new(usize::MAX));
    let between = cutting(there.address, after.clone(), true).await;
    assert_eq!(got(send(&believing(&ours, between)).await).status, 200);
    let before = there.came().len();
    for bytes in (0..700).step_by(23) {
        after.store(bytes, Ordering::Relaxed);
        let (why, detail) = nothing(send(&believing(&ours, between)).await);
        assert!(matches!(why, NoAnswer::Reset | NoAnswer::Tls | NoAnswer::Connect), "{bytes}: {why:?} {detail}");
        // Later, what is cut is no handshake any more, but the answer.
        assert!(bytes > 400 || there.came().len() == before, "{bytes}: it was sent something");
    }
    let silent = cutting(there.address, Arc::new(AtomicUsize::new(100)), false).await;
    let to = Destination { timeout: Duration::from_millis(300), ..believing(&ours, silent) };
    let sent = send(&to).await;
    assert!(sent.took < Duration::from_secs(2), "{:?}", sent.took);
    let (why, detail) = nothing(sent);
    assert!(matches!(why, NoAnswer::Timeout | NoAnswer::Connect), "{why:?} {detail}");
}
