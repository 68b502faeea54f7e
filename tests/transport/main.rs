//! The transport against receivers that speak raw TCP, most of them badly.

mod addresses;
mod connection;
mod hostile;
mod receiver;
#[path = "../support/tls.rs"]
mod tls;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderName, Method};
use jiff::Timestamp;
use leadhook::domain::connection::Connection;
use leadhook::domain::destination::{Destination, Mark};
use leadhook::domain::form::{BodyForm, Form};
use leadhook::domain::outcome::{Answer, NoAnswer, Outcome, Response, judge};
use leadhook::domain::outcome_rules::OutcomeRules;
use leadhook::domain::request::Request;
use leadhook::domain::retry::RetryPolicy;
use leadhook::domain::sign::SigningSecret;
use leadhook::domain::template::{HeaderTemplate, Place, UrlTemplate};
use leadhook::transport::{Sent, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use receiver::{answering, behaving};

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "evt_abcdefghijklmnopqrstuvwxyz";
const BODY: &[u8] = "{\"name\":\"José\"}".as_bytes();
/// Longer than any test should take: where it passes, a test fails by its time.
const AMPLE: Duration = Duration::from_secs(30);

fn destination(url: impl AsRef<str>) -> Destination {
    let form = Form {
        method: Method::POST,
        url: UrlTemplate::parse(url.as_ref()).expect("a URL"),
        headers: Vec::new(),
        auth: None,
        fields: None,
        body: BodyForm::Envelope,
        escape: Place::Plain,
        limit: None,
        wrap: None,
        settings: Arc::default(),
    };
    Destination {
        name: "crm".into(),
        form,
        steps: Vec::new(),
        outcomes: OutcomeRules::default(),
        connection: Connection::default(),
        secrets: vec![SigningSecret::parse(OLD).expect("a secret")],
        timeout: AMPLE,
        concurrency: 2,
        rate: None,
        rate_per_contact: None,
        max_age: Duration::from_secs(7 * 86_400),
        retry: RetryPolicy::default(),
        mark: Mark::default(),
    }
}

fn with_timeout(url: impl AsRef<str>, ms: u64) -> Destination {
    Destination { timeout: Duration::from_millis(ms), ..destination(url) }
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderTemplate) {
    (name.parse().expect("a name"), HeaderTemplate::parse(value).expect("a value"))
}

fn request(destination: &Destination) -> Request {
    destination.form.render(ID, BODY.to_vec()).expect("a request")
}

async fn send(destination: &Destination) -> Sent {
    let transport = Transport::new(destination).expect("a transport");
    let sent = transport.send(ID, request(destination), Timestamp::now()).await;
    assert!(sent.took < AMPLE / 2, "took {:?}", sent.took);
    sent
}

fn got(sent: Sent) -> Response {
    match sent.answer {
        Answer::Got(response) => response,
        nothing => panic!("{nothing:?}"),
    }
}

fn nothing(sent: Sent) -> (NoAnswer, String) {
    match sent.answer {
        Answer::Nothing { why, detail } => (why, detail),
        got => panic!("{got:?}"),
    }
}

fn plain(status: u16) -> String {
    format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 2\r\n\r\nok")
}

#[tokio::test]
async fn a_request_carries_id_time_signature_and_body() {
    let (address, mut requests, _) = answering(plain(200), false).await;
    let mut destination = destination(format!("http://{address}/hooks/leads?x=1"));
    destination.secrets = [NEW, OLD].map(|secret| SigningSecret::parse(secret).expect("a secret")).into();
    let response = got(send(&destination).await);
    assert_eq!((response.status, response.body.as_slice(), response.cut), (200, &b"ok"[..], false));

    let request = requests.recv().await.expect("a request");
    assert!(request.head.starts_with("POST /hooks/leads?x=1 HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, BODY);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some(concat!("leadhook/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("accept-encoding"), None);
    assert_eq!(request.headers("webhook-id"), [ID]);
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).expect(name).parse().expect("a header value"));
    }
    for secret in [OLD, NEW] {
        let official = standardwebhooks::Webhook::new(secret).expect("a secret");
        official.verify(&request.body, &headers).expect("a signature that verifies");
    }
    let other = standardwebhooks::Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("a secret");
    assert!(other.verify(&request.body, &headers).is_err());
}

#[tokio::test]
async fn without_a_secret_there_is_no_signature() {
    let (address, mut requests, _) = answering(plain(200), false).await;
    let destination = Destination { secrets: Vec::new(), ..destination(format!("http://{address}/")) };
    got(send(&destination).await);
    let request = requests.recv().await.expect("a request");
    assert_eq!((request.header("webhook-id"), request.header("webhook-signature")), (Some(ID), None));
}

#[tokio::test]
async fn the_files_headers_are_sent_and_cannot_change_what_a_delivery_is() {
    let (address, mut requests, _) = answering(plain(200), false).await;
    let mut destination = destination(format!("http://user:p%40ss@{address}/"));
    let headers = [
        ("x-api-key", "k\u{e9}y"),
        ("content-type", "application/vnd.crm+json"),
        ("user-agent", "crm-feed"),
        ("x-twice", "1"),
        ("x-twice", "2"),
        ("webhook-id", "evil"),
        ("webhook-signature", "v1,evil"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
    ];
    destination.form.headers = headers.map(|(name, value)| header(name, value)).into();
    got(send(&destination).await);
    let request = requests.recv().await.expect("a request");
    assert_eq!(request.headers("x-api-key"), ["k\u{e9}y"]);
    assert_eq!(request.headers("content-type"), ["application/vnd.crm+json"]);
    assert_eq!(request.headers("user-agent"), ["crm-feed"]);
    assert_eq!(request.headers("x-twice"), ["1", "2"]);
    assert_eq!(request.headers("webhook-id"), [ID]);
    assert_eq!(request.headers("webhook-signature").len(), 1);
    assert!(!request.head.contains("evil"));
    assert_eq!(request.headers("content-length"), [BODY.len().to_string()]);
    assert_eq!(request.headers("transfer-encoding").len(), 0);
    assert_eq!(request.headers("authorization"), ["Basic dXNlcjpwQHNz"]);
}

#[tokio::test]
async fn a_header_cannot_bring_another_one_along() {
    let (address, mut requests, _) = answering(plain(200), false).await;
    let mut destination = destination(format!("http://{address}/"));
    destination.form.headers = vec![header("x-api-key", "{{ 'a\r\nx-evil: 1' }}")];
    got(send(&destination).await);
    let request = requests.recv().await.expect("a request");
    assert_eq!(request.headers("x-api-key").len(), 1);
    assert_eq!(request.headers("x-evil").len(), 0, "{}", request.head);
}

#[tokio::test]
async fn each_status_comes_through_as_it_is() {
    for status in
        [200, 201, 202, 204, 299, 300, 304, 400, 401, 404, 408, 410, 422, 425, 429, 499, 500, 502, 503, 599, 999]
    {
        let (address, _requests, _) =
            answering(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n"), false).await;
        let response = got(send(&destination(format!("http://{address}/"))).await);
        assert_eq!((response.status, response.cut, response.body.len()), (status, false, 0));
    }
}

#[tokio::test]
async fn informational_answers_are_not_the_answer() {
    let answer = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n{}", plain(201));
    let (address, _requests, _) = answering(answer, false).await;
    assert_eq!(got(send(&destination(format!("http://{address}/"))).await).status, 201);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_is_no_success() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = elsewhere.local_addr().expect("an address");
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
        let (address, mut requests, _) = answering(answer, false).await;
        let sent = send(&destination(format!("http://{address}/"))).await;
        assert_eq!(judge(&sent.answer), Outcome::Retry);
        assert_eq!(got(sent).status, status);
        requests.recv().await.expect("the one request");
        assert!(requests.try_recv().is_err(), "asked again");
    }
    assert!(elsewhere.accept().now_or_never().is_none(), "the redirect was followed");
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(3_600));
    for (status, asked, least, most) in [
        (429, "120", 120, 120),
        (503, date.as_str(), 3_500, 3_600),
        (429, "0", 1, 1),
        (503, "99999999999999999999999", 86_400, 86_400),
    ] {
        let answer = format!("HTTP/1.1 {status} No\r\nretry-after: {asked}\r\ncontent-length: 0\r\n\r\n");
        let (address, _requests, _) = answering(answer, false).await;
        let sent = send(&destination(format!("http://{address}/"))).await;
        assert!(matches!(judge(&sent.answer), Outcome::Throttled(Some(_))));
        let pause = got(sent).retry_after.expect("a pause").as_secs();
        assert!((least..=most).contains(&pause), "{asked}: {pause}");
    }
    let answer = "HTTP/1.1 503 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n";
    let (address, _requests, _) = answering(answer, false).await;
    assert_eq!(got(send(&destination(format!("http://{address}/"))).await).retry_after, None);
}

#[tokio::test]
async fn one_connection_serves_many_attempts() {
    let (address, mut requests, connections) = answering(plain(200), false).await;
    let destination = destination(format!("http://{address}/"));
    let transport = Transport::new(&destination).expect("a transport");
    let start = Timestamp::UNIX_EPOCH;
    for second in 0..20 {
        let now = start + Duration::from_secs(second);
        assert_eq!(got(transport.send(ID, request(&destination), now).await).status, 200);
        let request = requests.recv().await.expect("a request");
        assert_eq!(request.header("webhook-timestamp"), Some(second.to_string().as_str()), "not fresh");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_long_answer_is_read_in_part_and_kept_in_part() {
    for (length, read, cut, kept) in [
        (2_048, 2_048, false, (2_048, false)),
        (2_049, 2_049, false, (2_048, true)),
        (16_384, 16_384, false, (2_048, true)),
        (16_385, 16_384, true, (2_048, true)),
        (1_000_000, 16_384, true, (2_048, true)),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
        let (address, _requests, _) = answering(answer, false).await;
        let response = got(send(&destination(format!("http://{address}/"))).await);
        assert_eq!((response.status, response.body.len(), response.cut), (200, read, cut), "{length}");
        assert_eq!((response.kept().0.len(), response.kept().1), kept, "{length}");
    }
}

#[tokio::test]
async fn an_answers_headers_are_looked_at_as_far_as_they_are_reasonable() {
    let answer = "HTTP/1.1 200 OK\r\nX-Rate-Limit: 0\r\nx-rate-limit: 1\r\nX-Odd: \u{e9}\r\ncontent-length: 0\r\n\r\n";
    let (address, _requests, _) = answering(answer, false).await;
    let headers = got(send(&destination(format!("http://{address}/"))).await).headers;
    let of = |name: &str| headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
    assert_eq!((of("x-rate-limit"), of("x-odd"), of("content-length")), (vec!["0", "1"], vec!["é"], vec!["0"]));

    let many: String = (0..80).map(|i| format!("x-{i}: {}\r\n", "y".repeat(1_000))).collect();
    let (address, _requests, _) = answering(format!("HTTP/1.1 204 No\r\n{many}\r\n"), false).await;
    let response = got(send(&destination(format!("http://{address}/"))).await);
    let size: usize = response.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(response.status == 204 && size <= 16_384 && size > 14_000, "{size}");
}

#[tokio::test]
async fn an_answer_without_end_is_left_early() {
    let address = behaving(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while stream.write_all(b"400\r\n").await.is_ok()
            && stream.write_all(&[b'x'; 0x400]).await.is_ok()
            && stream.write_all(b"\r\n").await.is_ok()
        {}
    })
    .await;
    let response = got(send(&destination(format!("http://{address}/"))).await);
    assert_eq!((response.status, response.body.len(), response.cut), (200, 16_384, true));
}

#[tokio::test]
async fn a_status_counts_even_if_its_body_stalls() {
    for (status, outcome) in [(200, Outcome::Accepted), (400, Outcome::GivenUp), (500, Outcome::Retry)] {
        let address = behaving(move |mut stream| async move {
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 9\r\n\r\nhal").as_bytes()).await;
            let _ = stream.read_u8().await;
        })
        .await;
        let sent = send(&with_timeout(format!("http://{address}/"), 200)).await;
        assert_eq!(judge(&sent.answer), outcome);
        assert!(sent.took >= Duration::from_millis(200), "{:?}", sent.took);
        let response = got(sent);
        assert_eq!((response.body.as_slice(), response.cut), (&b"hal"[..], true));
    }
}

#[tokio::test]
async fn a_status_counts_even_if_its_body_is_broken() {
    let too_long = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    let no_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n";
    for answer in [too_long, no_chunk] {
        let (address, _requests, _) = answering(answer, true).await;
        let response = got(send(&destination(format!("http://{address}/"))).await);
        assert_eq!((response.status, response.body.as_slice(), response.cut), (200, &b"short"[..], true), "{answer}");
    }
}

#[tokio::test]
async fn bytes_behind_an_answer_spoil_neither_it_nor_the_next() {
    let (address, mut requests, _) =
        answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more, HTTP/1.1 500 X\r\n\r\n", false).await;
    let destination = destination(format!("http://{address}/"));
    let transport = Transport::new(&destination).expect("a transport");
    for _ in 0..3 {
        let response = got(transport.send(ID, request(&destination), Timestamp::now()).await);
        assert_eq!((response.status, response.body.as_slice(), response.cut), (200, &b"ok"[..], false));
        requests.recv().await.expect("a request");
    }
}

#[tokio::test]
async fn silence_ends_at_the_timeout() {
    let address = behaving(|mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let sent = send(&with_timeout(format!("http://{address}/"), 200)).await;
    assert!(sent.took >= Duration::from_millis(200) && sent.took < Duration::from_secs(5), "{:?}", sent.took);
    assert_eq!(nothing(sent), (NoAnswer::Timeout, "no answer within 200ms".into()));
}

#[tokio::test]
async fn a_head_that_drips_ends_at_the_timeout() {
    let address = behaving(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(b"y").await.is_ok() {
            if tokio::time::timeout(Duration::from_millis(5), stream.read_u8()).await.is_ok() {
                return;
            }
        }
    })
    .await;
    let (why, _) = nothing(send(&with_timeout(format!("http://{address}/"), 200)).await);
    assert_eq!(why, NoAnswer::Timeout);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_told_apart() {
    for reset in [true, false] {
        for said in ["", "HTTP/1.1 200 OK\r\nconte"] {
            let address = behaving(move |mut stream| async move {
                let _ = stream.write_all(said.as_bytes()).await;
                if reset {
                    let _ = stream.set_zero_linger();
                }
            })
            .await;
            let (why, detail) = nothing(send(&destination(format!("http://{address}/"))).await);
            assert_eq!(why, NoAnswer::Reset, "reset {reset} after {said:?}: {detail}");
        }
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_apart() {
    let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(500));
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", &long] {
        let (address, _requests, _) = answering(answer, true).await;
        let (why, detail) = nothing(send(&destination(format!("http://{address}/"))).await);
        assert_eq!(why, NoAnswer::Protocol, "{answer:.20}: {detail}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let sent = send(&destination(format!("http://user:hunter2@{address}/hooks/key"))).await;
    assert_eq!(nothing(sent), (NoAnswer::Connect, "connection refused".into()));
}

#[tokio::test]
async fn a_host_without_an_address_is_told_apart() {
    let (why, detail) = nothing(send(&destination("http://user:hunter2@leadhook.invalid/hooks/key")).await);
    assert_eq!(why, NoAnswer::Dns, "{detail}");
    assert!(!detail.contains("hunter2") && !detail.contains("hooks") && !detail.is_empty(), "{detail}");
}

#[tokio::test]
async fn tls_that_is_none_is_told_apart() {
    // A plain server behind an https URL: the commonest slip.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read_u8().await;
        }
    });
    let (why, detail) = nothing(send(&destination(format!("https://{address}/hooks/key"))).await);
    assert_eq!(why, NoAnswer::Tls, "{detail}");
    assert!(!detail.contains("hooks") && !detail.is_empty(), "{detail}");
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let (address, _requests, _) = answering(plain(500), false).await;
    let mut destination = destination(format!("http://user:hunter2@{address}/hooks/hunter2?key=hunter2"));
    destination.form.headers = vec![header("x-api-key", "hunter2")];
    let transport = Transport::new(&destination).expect("a transport");
    let sent = transport.send(ID, request(&destination), Timestamp::now()).await;
    let printed = format!("{destination:?} {transport:?} {transport:#?} {sent:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("C2FV"), "{printed}");
}
