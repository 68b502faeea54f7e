//! The file is read again.

use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb};
use crate::config::Notice;

/// Read the file again, and go by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reload {}

/// The file was read again, and is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// Which.
    pub file: String,
    /// What is different, each in a few words.
    pub changed: Vec<String>,
    /// What a person should know about it all the same.
    pub warnings: Vec<Notice>,
    /// Keys that are different in it, and that take a restart: until then, the values of before stay in force.
    pub needs_restart: Vec<String>,
}

impl Verb for Reload {
    const PATH: &'static str = "reload";
    type Reply = Reloaded;

    async fn run(self, operator: &Operator) -> Result<Reloaded, Refusal> {
        match &operator.service {
            // Whoever asks may go away meanwhile; the file is taken over whole.
            Some(reloader) => {
                let reloader = reloader.clone();
                match tokio::spawn(async move { reloader.reload().await }).await {
                    Ok(end) => end,
                    Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
                    Err(_) => Err(Refusal::Unavailable("leadhook is stopping".to_owned())),
                }
            }
            None => Err(Refusal::Unavailable("no service runs: the file is read when it is started".to_owned())),
        }
    }
}
