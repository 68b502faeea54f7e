//! Crowds at the service's port: whoever takes all places keeps nobody else out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::doors::service;
use crate::support::*;

/// Whoever only connects must not take the files that the store needs.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_take_nothing_from_the_service() {
    let (place, service) = service(&[]).await;
    let address = Asking::of(&service).address;
    let begin = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
        stream
    };
    let silent: Vec<_> = (0..400).map(|_| begin()).collect();
    // Closed at once are those for whom there is no room; with bytes unread that is a reset.
    let closed = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        match stream.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    };
    until("those that are too many are closed", || silent.iter().filter(|stream| closed(stream)).count() >= 144).await;
    assert!(silent.iter().filter(|stream| !closed(stream)).count() >= 200, "more were closed than had to be");
    drop(silent);
    until("there is room again", || place.run(&["status"]).code == 0).await;
    service.stop();
}

/// Somebody who listens, and has been answered before.
fn listening(service: &Service, host: &str) -> TcpStream {
    let notice = service.notice().unwrap();
    let (mut tap, token) = (TcpStream::connect(host).unwrap(), notice["token"].as_str().unwrap());
    let question = format!("GET /api/v1/tap HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    tap.write_all(question.as_bytes()).unwrap();
    tap.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(tap.read(&mut [0; 4096]).unwrap() > 0);
    tap
}

/// Whoever listens has not given way: a line comes at least every five seconds.
async fn is_told_more(tap: &mut TcpStream) {
    let mut heard = 0;
    tap.set_nonblocking(true).unwrap();
    until("the tap is told more", || {
        match tap.read(&mut [0; 4096]) {
            Ok(0) => panic!("the tap was closed"),
            Ok(_) => heard += 1,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
        heard > 2
    })
    .await;
}

/// Health checks, one after the other, and a command: each is answered, and soon. How soon.
#[track_caller]
fn are_answered(checks: usize, place: &Place, asking: &Asking) -> String {
    let (mut longest, since) = (Duration::ZERO, Instant::now());
    for _ in 0..checks {
        let began = Instant::now();
        assert_eq!(asking.get("/healthz").status, 200);
        longest = longest.max(began.elapsed());
    }
    let began = Instant::now();
    let status = place.run(&["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(longest < Duration::from_secs(5), "/healthz took {longest:?}");
    format!("/healthz within {longest:?}, status within {:?}, all of it {:?}", began.elapsed(), since.elapsed())
}

/// Who takes a place and keeps the service waiting, in each way there is.
fn keep_waiting(address: &str, n: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let begin = match n % 4 {
        0 => String::new(),
        1 => format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nX: "),
        2 => format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nX-Drops: "),
        _ => format!("POST /sign-in HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9000\r\n\r\n"),
    };
    stream.write_all(begin.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// One more byte, of those who send one now and then; false where the connection is closed.
fn drips(stream: &mut TcpStream, n: usize) -> bool {
    if n % 4 > 1 {
        let _ = stream.write(b"x");
    }
    matches!(stream.read(&mut [0; 512]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_the_service_waiting_keeps_nobody_else_out() {
    let (place, service) = service(&[]).await;
    let asking = Asking::of(&service);
    let host = &asking.address;
    let mut tap = listening(&service, host);

    // Where there is room, a head has ten seconds, however it comes.
    let (mut early, since) = ((0..3).map(|n| keep_waiting(host, n)).collect::<Vec<_>>(), Instant::now());
    let mut open = || early.iter_mut().enumerate().map(|(n, stream)| drips(stream, n)).filter(|open| *open).count();
    until("they are closed", || open() == 0).await;
    assert!(since.elapsed() >= Duration::from_secs(9), "after {:?}", since.elapsed());

    // All places, and whoever loses one takes another.
    let (over, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let crowd = {
        let (over, opened, address) = (Arc::clone(&over), Arc::clone(&opened), asking.address.clone());
        std::thread::spawn(move || {
            let mut all: Vec<_> = (0..256).map(|n| keep_waiting(&address, n)).collect();
            while !over.load(Relaxed) {
                for (n, stream) in all.iter_mut().enumerate() {
                    if !drips(stream, n) {
                        *stream = keep_waiting(&address, n);
                        opened.fetch_add(1, Relaxed);
                    }
                }
                opened.fetch_max(1, Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    until("all places are taken", || opened.load(Relaxed) > 0).await;
    println!("{}", are_answered(10, &place, &asking));
    is_told_more(&mut tap).await;
    over.store(true, Relaxed);
    crowd.join().unwrap();
    let began = Instant::now();
    service.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to end", began.elapsed());
}

/// Who asks two hundred questions at once, and reads no answer.
fn ask_ahead(address: &str) -> TcpStream {
    // Closed at once is whoever finds no room.
    let connected = || match TcpStream::connect(address) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
        connected => Some(connected.unwrap()),
    };
    let mut stream = std::iter::repeat_with(connected).flatten().next().unwrap();
    stream.set_nonblocking(true).unwrap();
    let _ = stream.write(metrics(address).repeat(200).as_bytes());
    stream
}

fn metrics(address: &str) -> String {
    format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_without_a_pause_keeps_nobody_else_out() {
    let (place, service) = service(&[]).await;
    let asking = Asking::of(&service);
    let mut tap = listening(&service, &asking.address);
    let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let crowd = {
        let (over, rounds, address) = (Arc::clone(&over), Arc::clone(&rounds), asking.address.clone());
        std::thread::spawn(move || {
            let mut all: Vec<_> = (0..300).map(|_| ask_ahead(&address)).collect();
            let mut reopened = 0;
            while !over.load(Relaxed) {
                for stream in &mut all {
                    // What cannot be written to is closed: its place is asked for again.
                    let asked = stream.write(metrics(&address).as_bytes());
                    if asked.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock) {
                        *stream = ask_ahead(&address);
                        reopened += 1;
                    }
                }
                rounds.fetch_add(1, Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
            println!("{reopened} were closed and came again");
        })
    };
    until("all places are taken", || rounds.load(Relaxed) > 0).await;
    println!("{}", are_answered(40, &place, &asking));
    is_told_more(&mut tap).await;
    over.store(true, Relaxed);
    crowd.join().unwrap();
    let began = Instant::now();
    service.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to end", began.elapsed());
}
