//! What counts as an answer, and what is said of everything else.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use httpmock::MockServer;
use leadhook::domain::lead::LeadId;
use leadhook::domain::outcome::NoAnswer;
use leadhook::source::{Source, SourceErrorKind};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tracing::instrument::WithSubscriber;

use super::server::{Reply, Request, Server, gzip_bomb};
use super::{LEAD, PASSWORD, TOKEN, config, failed, source, why};

const FIRST: &str = "2026-11-24+00:00:00";
const LAST: &str = "2026-11-25+23:59:59";

#[tokio::test]
async fn a_list_is_read_row_by_row() {
    let server = MockServer::start_async().await;
    server
        .mock_async(|when, then| {
            when.path_prefix("/solution/");
            then.status(200).body(r#"{"token":"x"}"#);
        })
        .await;
    server
        .mock_async(|when, then| {
            when.path_prefix("/lead/find/finalized/");
            then.status(206).body(
                r#"{"leads":[
                    {"weclever_lead_id":18446744073709551615,"mapped_status":"qualified","client_lead_id":"crm-9"},
                    {"weclever_lead_id":"12","mapped_status":3,"client_lead_id":12345678901234567890123},
                    {"weclever_lead_id":"Maria"},
                    {"weclever_lead_id":13,"client_lead_id":null}]}"#,
            );
        })
        .await;
    let list = source(&server.base_url()).list(FIRST, LAST).await.expect("a list");
    let rows: Vec<_> = list
        .rows
        .iter()
        .map(|row| (row.id.0, row.mapped_status.as_deref(), row.client_lead_id.as_ref().map(|raw| raw.get())))
        .collect();
    assert_eq!(
        rows,
        [
            (u64::MAX, Some("qualified"), Some("\"crm-9\"")),
            (12, Some("3"), Some("12345678901234567890123")),
            (13, None, None)
        ]
    );
    assert_eq!((list.malformed, list.bad.len()), (1, 1));
    assert!(list.bad[0].to_string().starts_with("row 2: `weclever_lead_id` is text"), "{:?}", list.bad);
}

#[tokio::test]
async fn bodies_that_are_no_answer() {
    let bodies = [
        ("", "it is empty"),
        ("<html>Maria</html>", "it is a page of HTML or XML, not JSON"),
        (r#"{"leads":[{"weclever_lead_id":1,"x":"Maria"#, "its JSON breaks off after 42 bytes"),
        (r#"{"lead":{"name":"Maria""#, "its JSON breaks off after 23 bytes"),
        ("Maria", "it is not JSON from line 1, column 1 on"),
    ];
    for (body, reason) in bodies {
        let server = Server::with_token(move |_| async move { Reply::json(body) }).await;
        let source = source(&server.base);
        let expected = SourceErrorKind::Malformed(reason.into());
        assert_eq!(why(source.lead(LeadId(1)).await), expected, "{body}");
        assert_eq!(why(source.list(FIRST, LAST).await), expected, "{body}");
    }
    for body in [r#"{"lead":"Maria"}"#, r#"{"leads":{"Maria":1}}"#, r#"["Maria"]"#, "null", "{}"] {
        let server = Server::with_token(move |_| async move { Reply::json(body) }).await;
        let source = source(&server.base);
        assert!(matches!(why(source.lead(LeadId(1)).await), SourceErrorKind::Malformed(_)), "{body}");
        assert!(matches!(why(source.list(FIRST, LAST).await), SourceErrorKind::Malformed(_)), "{body}");
    }
}

#[tokio::test]
async fn a_500_with_a_whole_lead_counts_and_is_remarked_once() {
    let server = Server::with_token(|request: Request| async move {
        match request.target.rsplit('/').next() {
            Some("1") => Reply::status(500, LEAD),
            Some("2") => Reply::status(500, r#"{"lead":{"name":"Maria""#),
            Some("3") => Reply::status(500, r#"{"error":"Maria"}"#),
            Some("4") => Reply::status(502, LEAD),
            _ => Reply::status(500, r#"{"leads":[]}"#),
        }
    })
    .await;
    let source = source(&server.base);
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    async {
        for _ in 0..3 {
            assert!(source.lead(LeadId(1)).await.expect("a lead").json().contains("Maria"));
        }
        assert_eq!(why(source.lead(LeadId(2)).await), SourceErrorKind::Status(500));
        assert_eq!(why(source.lead(LeadId(3)).await), SourceErrorKind::Status(500));
        assert_eq!(why(source.lead(LeadId(4)).await), SourceErrorKind::Status(502));
        assert_eq!(why(source.list(FIRST, LAST).await), SourceErrorKind::Status(500));
    }
    .with_subscriber(subscriber.finish())
    .await;
    let log = log.text();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    for secret in [TOKEN, PASSWORD, "Maria"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn other_statuses_and_redirects_are_errors() {
    let server = Server::with_token(|request: Request| async move {
        match request.target.rsplit('/').next() {
            Some("1") => Reply::status(302, LEAD).with("location", "/lead/find/weclever_id/9?key=hunter2"),
            Some("2") => Reply::status(404, LEAD),
            _ => Reply::status(404, ""),
        }
    })
    .await;
    let source = source(&server.base);
    let error = failed(source.lead(LeadId(1)).await);
    assert_eq!(error.kind, SourceErrorKind::Redirected(302));
    assert_eq!(
        error.to_string(),
        format!(
            "WeClever at {}, asked for lead 1: status 302, a redirect, which is never followed; \
             put the address that it leads to into `base_url` in [source]",
            server.base
        )
    );
    assert_eq!(why(source.lead(LeadId(2)).await), SourceErrorKind::Status(404));
    let error = failed(source.list(FIRST, LAST).await);
    assert_eq!(
        error.to_string(),
        format!(
            "WeClever at {}, asked for the list {FIRST} to {LAST}: status 404; check `base_url` and `platform_id` in [source]",
            server.base
        )
    );
    assert_eq!(server.others_seen(), 3);
}

#[tokio::test]
async fn answers_without_end_are_cut_off() {
    let lead_limit = SourceErrorKind::TooLarge(8 << 20);
    let server = Server::with_token(|request: Request| async move {
        match request.target.rsplit('/').next() {
            // Promised: not a byte of it is waited for.
            Some("1") => Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 8388609\r\n\r\n".to_vec()),
            Some("2") => Reply::Close([&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b' '; 9 << 20]].concat()),
            Some("3") => Reply::Whole(200, vec![("content-encoding", "gzip".into())], gzip_bomb(9 << 20)),
            Some("4") => Reply::Whole(200, Vec::new(), [&vec![b' '; (8 << 20) - LEAD.len()], LEAD.as_bytes()].concat()),
            _ => Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 67108865\r\n\r\n".to_vec()),
        }
    })
    .await;
    assert!(gzip_bomb(9 << 20).len() < 100 << 10);
    let source = source(&server.base);
    for id in 1..=3 {
        assert_eq!(why(source.lead(LeadId(id)).await), lead_limit, "{id}");
    }
    source.lead(LeadId(4)).await.expect("a lead of just the limit");
    let error = failed(source.list(FIRST, LAST).await);
    assert!(error.to_string().ends_with("an answer of more than 64 MiB, which was not read"), "{error}");
    let tokens = Server::start(|_| async { Reply::json(" ".repeat(70_000)) }).await;
    let error = failed(self::source(&tokens.base).token().await);
    assert!(error.to_string().ends_with("an answer of more than 64 KiB, which was not read"), "{error}");
}

#[tokio::test]
async fn a_stall_ends_when_the_time_is_over() {
    let server = Server::with_token(|request: Request| async move {
        match request.target.rsplit('/').next() {
            Some("1") => Reply::Hang(Vec::new()),
            Some("2") => Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
            _ => Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"lead\":{".to_vec()),
        }
    })
    .await;
    let mut config = config(&server.base);
    config.timeout = Duration::from_millis(300);
    let source = Source::new(config).expect("a source");
    for id in 1..=3 {
        let asked = tokio::time::timeout(Duration::from_secs(3), source.lead(LeadId(id)));
        assert_eq!(no_answer(asked.await.expect("an end")), NoAnswer::Timeout, "{id}");
    }
}

fn no_answer<T>(end: Result<T, leadhook::source::SourceError>) -> NoAnswer {
    match why(end) {
        SourceErrorKind::NoAnswer(failure) => failure.why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn broken_connections_are_told_apart() {
    let server = Server::with_token(|request: Request| async move {
        match request.target.rsplit('/').next() {
            Some("1") => Reply::Reset,
            Some("2") => Reply::Close(Vec::new()),
            Some("3") => Reply::Close(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
            Some("4") => Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"lead\":{".to_vec()),
            _ => Reply::json("Maria").with("content-encoding", "gzip"),
        }
    })
    .await;
    let asked = source(&server.base);
    let found = async |id| no_answer(asked.lead(LeadId(id)).await);
    assert_eq!(found(1).await, NoAnswer::Reset);
    assert_eq!(found(2).await, NoAnswer::Reset);
    assert_eq!(found(3).await, NoAnswer::Protocol);
    assert_eq!(found(4).await, NoAnswer::Reset);
    assert_eq!(found(5).await, NoAnswer::Protocol);

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = failed(source(&nobody).token().await);
    assert_eq!(error.kind.as_str(), "connect");
    assert_eq!(
        error.to_string(),
        format!(
            "WeClever at {nobody}, asked for a token: no connection could be made: connection refused; \
             check `base_url` in [source] and this machine's network"
        )
    );
    // No resolver needs to be asked to know that a label of 64 letters does not exist.
    let nowhere = format!("http://{}.example", "a".repeat(64));
    assert_eq!(no_answer(source(&nowhere).token().await), NoAnswer::Dns);
    // A server that answers a TLS greeting with plain text.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let no_tls = format!("https://{}", listener.local_addr().expect("an address"));
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
        stream
    });
    assert_eq!(no_answer(source(&no_tls).token().await), NoAnswer::Tls);
    drop(plain);
}

/// Runs itself again where there are no certificates, as in a container that holds nothing but the binary.
#[test]
fn without_roots_of_the_system_those_compiled_in_serve() {
    if std::env::var_os("LEADHOOK_TEST_WITHOUT_ROOTS").is_some() {
        Source::new(config("https://api.weclever.co")).expect("a source without the system's roots");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "answers::without_roots_of_the_system_those_compiled_in_serve"])
        .env("LEADHOOK_TEST_WITHOUT_ROOTS", "1")
        .env("SSL_CERT_FILE", "/nonexistent/certs.pem")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .expect("the child runs");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
