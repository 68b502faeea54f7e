//! The example receivers, in Rust and in Python, take and verify what the built binary sends.

#[path = "support/python.rs"]
mod python;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use leadhook::simulator::{Options, WeClever};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const LEADS: usize = 25;

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A receiver, where it listens, and what it prints.
struct Receiver {
    _running: Running,
    url: String,
    lines: BufReader<ChildStdout>,
}

fn start(command: &mut Command, secret: &str) -> Receiver {
    let command = command.arg("127.0.0.1:0").env("LEADHOOK_SECRET", secret).stdout(Stdio::piped());
    let mut running = Running(command.spawn().expect("the receiver starts"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("its output"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("its first line");
    let url = first.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
    Receiver { _running: running, url, lines }
}

impl Receiver {
    /// The next events that it prints, `count` of them; blocks until they are there.
    fn leads(&mut self, count: usize) -> BTreeSet<u64> {
        let mut leads = BTreeSet::new();
        while leads.len() < count {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).expect("a line") > 0, "the receiver ended after {leads:?}");
            let lead = line.strip_prefix("lead.finalized lead=").and_then(|rest| rest.split(' ').next());
            let lead = lead.and_then(|lead| lead.parse().ok()).unwrap_or_else(|| panic!("no event: {line}"));
            assert!(leads.insert(lead), "lead {lead} twice");
        }
        leads
    }
}

/// `cargo test --test examples` alone does not build examples, and an old one would prove nothing.
fn rust_receiver() -> PathBuf {
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--example", "receiver"]).status();
    assert!(built.expect("cargo runs").success(), "the example does not build");
    Path::new(env!("CARGO_BIN_EXE_leadhook")).with_file_name("examples").join("receiver")
}

fn leadhook(directory: &Path, file: &str, run: &[&str]) -> Command {
    let path = directory.join("leadhook.toml");
    std::fs::write(&path, file).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
    command.current_dir(directory).env("LEADHOOK_CONFIG", path).args(run);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_in_rust_and_python_verify_what_is_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let options = Options { past_leads: LEADS as u64, leads_per_second: 0.0, ..Options::default() };
    let weclever = WeClever::start(listener, options).expect("a simulated WeClever");
    let base_url = weclever.base_url();
    let finalized: BTreeSet<u64> = weclever.finalized_ids().into_iter().collect();
    assert_eq!(finalized.len(), LEADS);
    let check = tokio::task::spawn_blocking(move || {
        let mut rust = start(&mut Command::new(rust_receiver()), SECRET);
        let mut python = start(
            Command::new(python::environment("python", Path::new("examples/requirements.txt")))
                .arg("examples/receiver.py"),
            SECRET,
        );
        let file = format!(
            r#"
            [source]
            base_url = "{base_url}"
            platform_id = "demo"
            username = "demo"
            password = "demo"
            start = "2020-01-01"
            [admin]
            listen = "127.0.0.1:0"
            [destinations.rust]
            url = "{}"
            secret = "{SECRET}"
            [destinations.python]
            url = "{}"
            secret = "{SECRET}"
            [destinations.forger]
            url = "{}"
            secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            [[routes]]
            name = "all"
            on = ["lead.finalized"]
            to = ["rust", "python"]
            "#,
            rust.url, python.url, rust.url
        );
        let directory = tempfile::tempdir().expect("a directory");
        let _service =
            Running(leadhook(directory.path(), &file, &["run"]).stderr(Stdio::null()).spawn().expect("it runs"));
        assert_eq!(rust.leads(LEADS), finalized, "the receiver in Rust");
        assert_eq!(python.leads(LEADS), finalized, "the receiver in Python");

        let good = leadhook(directory.path(), &file, &["destination", "test", "python"]).output().expect("it runs");
        assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stdout));
        let forged = leadhook(directory.path(), &file, &["destination", "test", "forger"]).output().expect("it runs");
        assert_eq!(forged.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&forged.stdout).contains("HTTP 401"), "a wrong secret is refused");
    });
    check.await.expect("the receivers verify");
}
