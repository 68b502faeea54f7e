//! The admin server, spoken to over a socket: by somebody who knows no token, by a command that does, and by somebody who is
//! signed in on the page. Whatever they say, it is answered, nothing is told to whom it is not due, and it goes on listening.
#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use leadhook::admin::{Link, Server};
use leadhook::app::App;
use leadhook::config::{Environment, parse};
use leadhook::watch::Clock;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Nothing is at the other ends: what a verb asks of them fails at once.
const FILE: &str = r#"
[source]
base_url = "http://127.0.0.1:9"
platform_id = "p"
token = "planted-source-token"
[admin]
listen = "127.0.0.1:0"
[destinations.crm]
url = "http://127.0.0.1:9/planted-path"
secret = "whsec_cGxhbnRlZC1zZWNyZXQtdGhhdC1ub2JvZHktbWF5LXNlZQ=="
[[routes]]
name = "r"
on = ["lead.finalized"]
to = ["crm"]
"#;

/// What is told to nobody.
const PLANTED: [&str; 3] = ["planted-source-token", "planted-path", "cGxhbnRlZC1zZWNyZXQ"];

const VERBS: [&str; 24] = [
    "status",
    "dead/list",
    "dead/show",
    "dead/retry",
    "dead/step-done",
    "dead/drop",
    "destination/pause",
    "destination/resume",
    "destination/move",
    "destination/drop",
    "explain",
    "event/show",
    "history",
    "forget",
    "auth/show",
    "auth/ask",
    "auth/sign-in",
    "backfill/show",
    "backfill/list",
    "backfill/cancel",
    "reconcile/list",
    "store/check",
    "page/link",
    "reconcile/leads",
];

/// A server that runs for as long as the process.
struct Running {
    address: SocketAddr,
    token: String,
    cookie: String,
    _runtime: Runtime,
    _directory: TempDir,
}

static RUNNING: LazyLock<Running> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let store = directory.path().join("data");
    let variables = [("LEADHOOK_STORE__PATH", store.display().to_string())];
    let environment: Environment = variables.into_iter().collect();
    let config = parse(Path::new("leadhook.toml"), FILE, &environment).expect("a file").config;
    let runtime = Runtime::new().expect("a runtime");
    let address = runtime.block_on(async {
        let admin = config.admin.clone();
        let app = App::build(config, Clock::system()).await.expect("an app");
        let server = Server::bind(&admin, &store, app.operator()).await.expect("a server");
        let address = server.address().expect("an address");
        tokio::spawn(server.serve(CancellationToken::new()));
        address
    });
    let notice = std::fs::read(store.join("admin.json")).expect("a notice");
    let notice: Value = serde_json::from_slice(&notice).expect("JSON");
    let token = notice["token"].as_str().expect("a token").to_owned();
    let mut running = Running { address, token, cookie: String::new(), _runtime: runtime, _directory: directory };
    running.cookie = running.signed_in();
    running
});

impl Running {
    /// What the server says to this, up to its end.
    fn say(&self, request: &[u8]) -> Option<String> {
        // There may be no port free for a moment, after so many.
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(15))).ok()?;
        // It may have heard enough before the end.
        let _ = stream.write_all(request);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<String> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.say(&[head.as_bytes(), body].concat())
    }

    /// Signs in as somebody does who was given a link.
    fn signed_in(&self) -> String {
        let token = format!("authorization: Bearer {}\r\n", self.token);
        let answer = self.ask("POST", "/api/v1/page/link", &token, b"").expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let link: Link = serde_json::from_str(body).expect("a link");
        let (_, code) = link.url.split_once('#').expect("a code");
        let form = format!("origin: http://{}\r\ncontent-type: application/x-www-form-urlencoded\r\n", self.address);
        let answer = self.ask("POST", "/sign-in", &form, format!("code={code}").as_bytes()).expect("an answer");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        cookie.split(';').next().expect("its value").to_owned()
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let running = &*RUNNING;
    let answer = match kind % 4 {
        0 => running.say(rest),
        1 => {
            let Some((verb, body)) = rest.split_first() else { return };
            let verb = VERBS[usize::from(*verb) % VERBS.len()];
            let token = format!("authorization: Bearer {}\r\n", running.token);
            running.ask("POST", &format!("/api/v1/{verb}"), &token, body)
        }
        other => {
            // What stands up to the first line's end is the path, what follows a form.
            let mut parts = rest.splitn(2, |byte| *byte == b'\n');
            let path = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
            let form = parts.next().unwrap_or_default();
            if path.contains(['\r', ' ']) || path.starts_with("/live") {
                return;
            }
            let method = if other == 2 { "GET" } else { "POST" };
            let headers = format!(
                "cookie: {}\r\norigin: http://{}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
                running.cookie, running.address
            );
            running.ask(method, &format!("/{path}"), &headers, form)
        }
    };
    let Some(answer) = answer else {
        thread::sleep(Duration::from_millis(100));
        return;
    };
    assert!(PLANTED.iter().all(|planted| !answer.contains(planted)), "a secret was told");
    assert!(!answer.starts_with("HTTP/1.1 500"), "a fault of ours: {answer}");
});
