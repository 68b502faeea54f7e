//! A server's process, on a port of its own. It is killed when it goes out of scope, and its log is shown where a test fails.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::PATIENCE;

/// How a server is started, on this port and with this directory for what it keeps.
type Make = Box<dyn Fn(u16, &Path) -> Command + Send>;

/// A server, which may be away for the moment.
pub struct Server {
    make: Make,
    port: u16,
    directory: TempDir,
    child: Option<Child>,
}

/// A port of this machine that nobody listens on. It is none of those that the system gives to whoever connects somewhere
/// (from 32768 on): a server that is away for a while finds its port free when it comes back.
pub fn free_port() -> u16 {
    std::iter::repeat_with(|| fastrand::u16(20_000..32_000))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap()
}

impl Server {
    /// Starts it and waits until it takes connections on its port. Whether it is ready for more than that is for the caller
    /// to see.
    ///
    /// # Panics
    /// Where it does not start; `missing` says what to install.
    pub async fn start(missing: &str, make: impl Fn(u16, &Path) -> Command + Send + 'static) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let mut server = Server { make: Box::new(make), port: free_port(), directory, child: None };
        // A port that was free a moment ago may be somebody's now.
        for _ in 0..2 {
            if server.begin().await.is_ok() {
                return server;
            }
            server.port = free_port();
        }
        server.begin().await.unwrap_or_else(|why| panic!("{why}; is it installed? {missing}"));
        server
    }

    /// Starts it again after a kill: the same port, and the same directory as the kill left it.
    pub async fn comes_back(&mut self) {
        self.begin().await.unwrap();
    }

    /// SIGKILL, and to all that it has started itself.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // The group that `begin` has made for it. It may have ended by itself.
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Sends a signal, as `STOP` is one, to it and to all that it has started itself.
    pub fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.as_ref().expect("it runs").id());
        let told = Command::new("kill").args(["-s", name, "--", &group]).status().unwrap();
        assert!(told.success());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it keeps lies here.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    async fn begin(&mut self) -> Result<(), String> {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = (self.make)(self.port, self.directory.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        self.child = Some(child);
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            if let Some(status) = ended {
                return Err(format!("{command:?} ended with {status}:\n{}", self.end_of_log()));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{command:?} takes no connections:\n{}", self.end_of_log()));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("captured.log")
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the end of the server's log:\n{}\n---", self.end_of_log());
        }
    }
}
