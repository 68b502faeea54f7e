//! A WeClever at its worst: what it lists and what it says of leads is too large, packed to burst, endless, or no text at all; and
//! leads whose details are odd, but whole.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadhook::simulator::Behaviour;

use crate::support::*;

/// Deflate's fixed codes, written bit by bit.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn code(&mut self, code: u16, bits: u32) {
        self.0.extend((0..bits).rev().map(|bit| code >> bit & 1 == 1));
    }

    fn literal(&mut self, byte: u8) {
        self.code(0x30 + u16::from(byte), 8);
    }

    /// What was written last, 258 times more.
    fn again(&mut self) {
        self.code(0b1100_0101, 8);
        self.code(0, 5);
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().map(|(i, bit)| u8::from(*bit) << i).sum();
        self.0.chunks_exact(8).map(byte).collect()
    }
}

/// A text and then so many megabytes of blanks, packed by gzip to a hundred-and-fiftieth.
fn bomb(text: &str, megabytes: usize) -> Vec<u8> {
    let mut bits = Bits(vec![true, true, false]);
    text.bytes().chain([b' ']).for_each(|byte| bits.literal(byte));
    let begin = bits.bytes().len();
    // Eight times 13 bits are 13 bytes, and from then on it is the same again.
    (0..16).for_each(|_| bits.again());
    let bytes = bits.bytes();
    let period = &bytes[begin + 13..begin + 26];
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    packed.extend_from_slice(&bytes[..begin + 13]);
    packed.extend(period.repeat(megabytes * 1_000_000 / (8 * 258)));
    packed
}

/// Answers that are none; the text is how one that is right begins.
fn worst(text: &str) -> Vec<Reply> {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{rest}\r\n");
    let plain = |body: &[u8], more: &str| {
        let head = head(&format!("content-length: {}\r\n{more}", body.len()));
        Reply::bytes(&[head.as_bytes(), body].concat(), false)
    };
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let begin = format!("{}{:x}\r\n{text}\r\n", head("transfer-encoding: chunked\r\n"), text.len());
    vec![
        // 200 MB, as is said beforehand, or not: more than is read.
        Reply::bytes(format!("{}{text} ", head("content-length: 200000000\r\n")).as_bytes(), true),
        Reply::bytes(&[begin.as_bytes(), &chunk.repeat(3_000)].concat(), false),
        plain(&bomb(text, 200), "content-encoding: gzip\r\n"),
        Reply::dripping(format!("{}{text}", head("content-length: 100\r\n")).as_bytes(), Duration::from_millis(300)),
        plain(format!("{text}{}", "[".repeat(2_000_000)).as_bytes(), ""),
        plain(b"{\"leads\":[{\"weclever_lead_id\":1,\"x\":\"\xff\xfe\"}]}", ""),
        plain(text.as_bytes(), ""),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_api_sends_each_lead_comes_once_and_memory_stays_bounded() {
    let there = receiver(Behaviour::Fine).await;
    // What is said of each lead; some of it is odd, and all of it is whole.
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let details: BTreeMap<u64, String> = [
        (1, r#"{"name":"Ana"}"#.to_owned()),
        (2, r#"{"name":"Ana","name":"Bia"}"#.to_owned()),
        (3, r#"{"name":"Ana","n":123456789012345678901234567890,"e":1e400,"m":-0.0}"#.to_owned()),
        (4, format!(r#"{{"name":"Ana","deep":{deep}}}"#)),
        (5, format!(r#"{{"name":"{}"}}"#, "Ana ".repeat(500_000))),
        (6, r#"{"name":"\u0000\ud83d\ude00\u202e"}"#.to_owned()),
        (u64::MAX, r#"{"name":"last"}"#.to_owned()),
    ]
    .into();
    let row = |id: u64| format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold"}}"#);
    let mut rows: Vec<String> = details.keys().map(|id| row(*id)).collect();
    // The same again, in every spelling; of a key that stands there twice, the last counts.
    rows.extend([
        row(1),
        row(1),
        r#"{"weclever_lead_id":"2"}"#.into(),
        r#"{"weclever_lead_id":9,"weclever_lead_id":3}"#.into(),
    ]);
    let good = format!(r#"{{"leads":[{}]}}"#, rows.join(","));
    let odd = [
        r#"{"weclever_lead_id":-5}"#,
        r#"{"weclever_lead_id":99999999999999999999}"#,
        r#"{"weclever_lead_id":1.5}"#,
        "null",
    ];
    let with_odd = format!(r#"{{"leads":[{},{}]}}"#, rows.join(","), odd.join(","));

    // The first list is empty, for nothing was there before; then each bad one stands between two good ones, so that nobody
    // waits long. Of each lead, the first answer is a bad one.
    let bad_lists: Arc<Mutex<VecDeque<Reply>>> = Arc::new(Mutex::new(worst(r#"{"leads":["#).into()));
    let bad_leads: BTreeMap<u64, Reply> = details.keys().copied().zip(worst(r#"{"lead":{"name":""#)).collect();
    assert_eq!((bad_leads.len(), bad_lists.lock().unwrap().len()), (7, 7));
    let (lists, bad_leads, listed) = (Arc::clone(&bad_lists), Mutex::new(bad_leads), AtomicUsize::new(0));
    let api = Raw::start(move |request, _| {
        if request.line.contains("/solution/token/") {
            return Reply::new(200, "", r#"{"token":"t"}"#);
        }
        if request.line.contains("/lead/find/finalized/") {
            let bad = match listed.fetch_add(1, Ordering::Relaxed) {
                0 => return Reply::new(200, "", r#"{"leads":[]}"#),
                3 => return Reply::new(200, "", &with_odd),
                n if n % 2 == 0 => lists.lock().unwrap().pop_front(),
                _ => None,
            };
            return bad.unwrap_or_else(|| Reply::new(200, "", &good));
        }
        let id: u64 = request.line.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
        match (bad_leads.lock().unwrap().remove(&id), details.get(&id)) {
            (Some(bad), _) => bad,
            (None, Some(lead)) => Reply::new(200, "", &format!(r#"{{"lead":{lead}}}"#)),
            (None, None) => Reply::new(404, "", "{}"),
        }
    })
    .await;

    let file = File::new(&api.url()).source("timeout", "2s").to("crm", &there.url(), &format!("secret = {SECRET:?}"));
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    accepted(&there, 7).await;
    until("every bad list was sent", || bad_lists.lock().unwrap().is_empty()).await;
    service.readings(1).await;
    let peak = service.peak_memory();
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    there.tally(|tally| {
        assert_eq!((tally.requests, tally.by_id.len(), tally.by_lead.len(), tally.bad), (7, 7, 7, 0));
        for (id, part) in [
            (2, r#"{"name":"Ana","name":"Bia"}"#.to_owned()),
            (3, r#""n":123456789012345678901234567890,"e":1e400,"m":-0.0"#.to_owned()),
            (4, deep.clone()),
            (6, r#"\u0000\ud83d\ude00\u202e"#.to_owned()),
        ] {
            let came = tally.kept.iter().any(|request| String::from_utf8_lossy(&request.body).contains(&part));
            assert!(came, "{id} did not come as it was");
        }
    });
    for told in ["more than", "not UTF-8", "breaks off", "no answer in time"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    eprintln!("an API at its worst: at most {} MiB", peak >> 20);
    assert!(peak < 256 << 20, "{} MiB", peak >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_that_is_the_same_whatever_is_asked_for_is_read_a_few_times_and_held_once() {
    let there = receiver(Behaviour::Fine).await;
    let long: u64 = std::env::var("LONG_LIST").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let row = |id: u64| format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold"}}"#);
    let rows = (1..=long).map(row).collect::<Vec<_>>().join(",");
    let lists = Arc::new(AtomicUsize::new(0));
    let listed = Arc::clone(&lists);
    let api = Raw::start(move |request, _| {
        if request.line.contains("/solution/token/") {
            return Reply::new(200, "", r#"{"token":"t"}"#);
        }
        // Some lead comes between any two readings.
        let more: Vec<String> =
            (0..=listed.fetch_add(1, Ordering::Relaxed)).map(|n| row(long + 1 + n as u64)).collect();
        Reply::new(200, "", &format!(r#"{{"leads":[{rows},{}]}}"#, more.join(",")))
    })
    .await;
    let file = File::new(&api.url()).source("lookback", "3h").source("sweep", "3h").source("timeout", "60s");
    let place = Place::new(&file.to("crm", &there.url(), ""));
    let began = Instant::now();
    let running = place.spawn(&["run", "--once", "--json"]);
    let mut peak = 0;
    // A process that has ended has no memory.
    while let Some(now) = peak_memory_of(running.id()) {
        assert!(began.elapsed() < PATIENCE.max(Duration::from_millis(long)), "it reads for ever");
        peak = now;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ran = running.ends();
    let (read, took) = (lists.load(Ordering::Relaxed), began.elapsed());
    eprintln!("a list of {long} rows: {read} readings in {took:?}, at most {} MiB", peak >> 20);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("nobody can tell whether there are more"), "{}", ran.err);
    // The newest window and four pieces of it, and then one reading for each window behind it.
    let run: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(read as u64, run["windows_read"].as_u64().unwrap() + 4, "{run}");
    assert!(peak < (96 << 20) + 400 * long, "{} MiB", peak >> 20);
    there.tally(|tally| assert_eq!(tally.requests, 0, "all of it was there before"));
}
