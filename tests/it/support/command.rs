//! A directory with a file in it, and leadhook's commands there.

use std::fs::File as Disk;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{File, Service};

/// A directory of its own, from which leadhook is started.
#[derive(Debug)]
pub struct Place {
    directory: TempDir,
    environment: Vec<(String, String)>,
    runs: AtomicUsize,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// -1 where a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A command that has not ended yet.
pub struct Running {
    child: Child,
    what: String,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it has printed so far.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.out).unwrap()).into_owned()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    #[track_caller]
    pub fn ends(mut self) -> Ran {
        let code = wait(&mut self.child, Duration::from_secs(60));
        let read = |path: &Path| String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        let ran = Ran { code: code.unwrap_or(-2), out: read(&self.out), err: read(&self.err) };
        assert!(code.is_some(), "`leadhook {}` does not end: {ran:?}", self.what);
        ran
    }
}

impl Place {
    pub fn new(file: &File) -> Place {
        let place = Place::empty();
        place.write(file);
        place
    }

    /// Without a file.
    pub fn empty() -> Place {
        Place { directory: tempfile::tempdir().unwrap(), environment: Vec::new(), runs: AtomicUsize::new(0) }
    }

    /// With a variable for everything that is started here from now on.
    pub fn with(mut self, name: &str, value: &str) -> Place {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn write(&self, file: &File) {
        self.write_text("leadhook.toml", &file.text());
    }

    pub fn write_text(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What lies in the directory, apart from the captured output.
    pub fn entries(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with("captured-")).collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
        command.args(args).current_dir(self.directory.path()).stdin(Stdio::null());
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end. Its output goes to files: no pipe can be full.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// The same, with something on standard input.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        self.spawn_with(args, input).ends()
    }

    /// Begins a command that ends by itself.
    pub fn spawn(&self, args: &[&str]) -> Running {
        self.spawn_with(args, b"")
    }

    fn spawn_with(&self, args: &[&str], input: &[u8]) -> Running {
        let [stdin, out, err] = ["in", "out", "err"].map(|end| self.captured(end));
        std::fs::write(&stdin, input).unwrap();
        let mut command = self.command(args);
        command.stdin(Disk::open(&stdin).unwrap());
        command.stdout(Disk::create(&out).unwrap()).stderr(Disk::create(&err).unwrap());
        Running { child: command.spawn().unwrap(), what: args.join(" "), out, err }
    }

    /// Runs a command with `--json`, whose exit code must be this one, and reads its one document.
    #[track_caller]
    pub fn json(&self, args: &[&str], code: i32) -> Value {
        let args = [args, &["--json"]].concat();
        let ran = self.run(&args);
        assert_eq!(ran.code, code, "`leadhook {}`: {}{}", args.join(" "), ran.out, ran.err);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("`leadhook {}`: {e}: {}", args.join(" "), ran.out))
    }

    /// `status --json`, whatever its exit code.
    #[track_caller]
    pub fn status(&self) -> Value {
        let ran = self.run(&["status", "--json"]);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("status: {e}: {ran:?}"))
    }

    /// Starts `leadhook run`, or with `args` in front of it.
    pub fn start_with(&self, args: &[&str]) -> Service {
        self.start_prepared(args, |_| {})
    }

    /// The same, after something was done to the command.
    pub fn start_prepared(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Service {
        let log = self.captured("log");
        let args = [args, &["run"]].concat();
        let mut command = self.command(&args);
        prepare(&mut command);
        command.stdout(Disk::create(self.captured("stdout")).unwrap()).stderr(Disk::create(&log).unwrap());
        Service::new(command.spawn().unwrap(), log, self.path("data"))
    }

    /// Starts `leadhook run` and waits until it can be asked.
    pub async fn start(&self) -> Service {
        let service = self.start_with(&[]);
        service.can_be_asked().await;
        service
    }

    /// Starts `leadhook run` and waits until all that lies behind it has been read once: from then on what is new is new.
    pub async fn start_and_read(&self) -> Service {
        let service = self.start().await;
        self.all_is_read().await;
        service
    }

    pub async fn all_is_read(&self) {
        self.until_status("everything was read once", |status| {
            let source = &status["source"];
            !source["last_poll"].is_null() && source["gaps"].as_array().unwrap().is_empty() && source["set_aside"] == 0
        })
        .await;
    }

    /// Asks for the status again and again.
    pub async fn until_status(&self, what: &str, wish: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        let began = Instant::now();
        loop {
            let ran = self.run(&["status", "--json"]);
            if let Ok(status) = serde_json::from_str::<Value>(&ran.out) {
                if wish(&status) {
                    return;
                }
                last = status;
            }
            assert!(began.elapsed() < super::PATIENCE, "in vain waited for: {what}: {last:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn captured(&self, end: &str) -> PathBuf {
        self.path(&format!("captured-{}.{end}", self.runs.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Waits for a process to end; `None` where it had to be killed.
pub fn wait(child: &mut Child, patience: Duration) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if began.elapsed() > patience {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}
