//! A running `leadhook run`. It is killed when it goes out of scope, and its log is shown where a test fails.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use super::command::wait;
use super::{PATIENCE, until};

pub struct Service {
    child: Child,
    log: PathBuf,
    store: PathBuf,
}

impl Service {
    pub fn new(child: Child, log: PathBuf, store: PathBuf) -> Service {
        Service { child, log, store }
    }

    pub fn log(&self) -> String {
        String::from_utf8(std::fs::read(&self.log).unwrap()).unwrap()
    }

    /// How many lines of the log hold this.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    pub async fn until_logged(&self, text: &str) {
        until(format!("`{text}` in the log"), || self.logged(text) > 0).await;
    }

    /// Waits until the source was read so many times from now on.
    pub async fn readings(&self, more: usize) {
        let before = self.logged("window read");
        until("more readings", || self.logged("window read") >= before + more).await;
    }

    /// The notice that it leaves for commands, once it is there.
    pub fn notice(&self) -> Option<Value> {
        let notice: Value = serde_json::from_slice(&std::fs::read(self.store.join("admin.json")).ok()?).ok()?;
        (notice["pid"] == self.child.id()).then_some(notice)
    }

    pub async fn can_be_asked(&self) {
        until("the service's notice", || self.notice().is_some()).await;
    }

    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits for its end and gives its exit code.
    pub fn ends(&mut self, within: Duration) -> i32 {
        wait(&mut self.child, within).unwrap_or_else(|| panic!("the service does not end within {within:?}"))
    }

    /// The most memory that it ever held, in bytes.
    pub fn peak_memory(&self) -> u64 {
        peak_memory_of(self.child.id()).unwrap()
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to end, which it must do with 0.
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        let code = self.ends(PATIENCE);
        assert_eq!(code, 0, "the service ended with {code}");
        self.log()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.len().saturating_sub(60);
            eprintln!("--- the end of {}:\n{}\n---", self.log.display(), lines[tail..].join("\n"));
        }
    }
}

/// The most memory a process has held, in bytes; `None` once it has ended.
pub fn peak_memory_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

/// One destination of a status.
pub fn destination<'a>(status: &'a Value, name: &str) -> &'a Value {
    let destinations = status["destinations"].as_array().unwrap();
    destinations.iter().find(|d| d["name"] == name).unwrap_or_else(|| panic!("no {name} in {status:#}"))
}
