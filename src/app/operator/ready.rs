//! Whether leadhook does its work, for whoever starts and stops it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb};
use crate::domain::{clock, span};

/// Whoever asks wants an answer; a disk that is merely busy has taken a write by then.
const DISK_PATIENCE: Duration = Duration::from_secs(5);

/// Does it do its work?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {}

/// Whether it does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Readiness {
    /// It does.
    pub ready: bool,
    /// What keeps it from it, each in a sentence.
    pub why: Vec<String>,
}

impl Verb for Ready {
    const PATH: &'static str = "ready";
    type Reply = Readiness;

    async fn run(self, operator: &Operator) -> Result<Readiness, Refusal> {
        let mut why = Vec::new();
        let source = &operator.config().source;
        // Reading waits for what is just being written, so that it says as much.
        let reading = operator.store.find_progress(&source.platform_id);
        let Ok(progress) = tokio::time::timeout(DISK_PATIENCE, reading).await else {
            let why = format!("the disk has not taken a small write for {}", span::format(DISK_PATIENCE));
            return Ok(Readiness { ready: false, why: vec![why] });
        };
        match progress?.and_then(|progress| progress.last_poll) {
            None => why.push("the source has not been read yet".to_owned()),
            Some(last) => {
                let silent = clock::elapsed(last, operator.clock.now());
                if silent > source.stale_after {
                    let limit = span::format(source.stale_after);
                    why.push(format!("the source was read last at {last:.0}, longer than {limit} ago"));
                }
            }
        }
        if let Some(short) = operator.short_of_room() {
            why.push(short.to_string());
        }
        match tokio::time::timeout(DISK_PATIENCE, operator.store.try_writing()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => why.push(format!("the store cannot be written: {error}")),
            Err(_) => why.push(format!("the disk has not taken a small write for {}", span::format(DISK_PATIENCE))),
        }
        Ok(Readiness { ready: why.is_empty(), why })
    }
}
