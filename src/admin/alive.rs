//! Whether a running service still lives, before it is asked something and for as long as its answer is waited for.
//!
//! The kernel takes connections for a process that is paused or hangs as well, and an answer may honestly take minutes: only
//! another, small question tells the two apart.

use std::time::Duration;

use crate::app::operator::Refusal;
use crate::domain::span;

/// A service that cannot say `ok` within so long does not run: that asks for nothing but a moment, even on a busy machine.
const SILENT: Duration = Duration::from_secs(7);

/// So often it is asked while it thinks.
const EVERY: Duration = Duration::from_secs(2);

/// A service that may hang.
pub(super) struct Alive<'a> {
    pub(super) client: &'a reqwest::Client,
    pub(super) root: &'a str,
    pub(super) pid: u32,
}

impl Alive<'_> {
    /// Asks something of a service that lives.
    ///
    /// # Errors
    /// It does not: then nothing was asked of it, or it fell silent over this.
    pub(super) async fn ask<T>(&self, asked: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        if self.is_silent().await {
            return Err(self.silent("nothing was asked of it"));
        }
        tokio::select! {
            answer = asked => answer,
            () = self.falls_silent() => Err(self.silent("what it was asked for may still be done once it goes on")),
        }
    }

    async fn falls_silent(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            if self.is_silent().await {
                return;
            }
        }
    }

    /// Only silence counts. One that takes no more connections is about to end, and may answer what it was asked before.
    async fn is_silent(&self) -> bool {
        let asked = self.client.get(format!("{}/healthz", self.root)).timeout(SILENT);
        matches!(asked.send().await, Err(error) if error.is_timeout())
    }

    fn silent(&self, so: &str) -> Refusal {
        let (long, pid) = (span::format(SILENT), self.pid);
        Refusal::Unavailable(format!(
            "the running service (pid {pid}) does not answer: not a word for {long}, and {so}. If somebody paused it, `kill -CONT {pid}` lets it go on; else see its log, end it with `kill -KILL {pid}` and start it again: what it acknowledged is on disk"
        ))
    }
}
