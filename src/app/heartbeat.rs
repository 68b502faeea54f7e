//! Calls `heartbeat_url` after each good poll, so that someone else can notice when leadhook itself falls silent.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::secret::SecretUrl;
use crate::http_client;

/// For one whole call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// To reach the other side.
const CONNECT: Duration = Duration::from_secs(5);

/// What is called, and by whom.
pub(super) struct Heartbeat {
    client: reqwest::Client,
    url: SecretUrl,
    /// The last call failed, and was told of.
    failing: bool,
}

impl Heartbeat {
    /// # Errors
    /// The client cannot be built.
    pub(super) fn new(url: SecretUrl) -> Result<Heartbeat, reqwest::Error> {
        let client = http_client::client_builder().timeout(TIMEOUT).connect_timeout(CONNECT).build()?;
        Ok(Heartbeat { client, url, failing: false })
    }

    /// Calls after each good poll until told to stop. Polls that come while a call is on its way are told by one call
    /// after it.
    pub(super) async fn run(mut self, mut polls: Receiver<Option<Timestamp>>, stop: CancellationToken) {
        let beating = async {
            while polls.changed().await.is_ok() {
                self.beat().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = beating => {}
        }
    }

    /// Calls once.
    pub(super) async fn beat(&mut self) {
        let failure = match self.client.get(self.url.expose().clone()).send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("HTTP {}", answer.status().as_u16())),
            Err(error) => Some(http_client::explain(&error, CONNECT).to_string()),
        };
        match &failure {
            Some(failure) if !self.failing => {
                warn!(url = %self.url, failure, "the heartbeat could not be sent; polls go on, and each of them tries again");
            }
            None if self.failing => info!(url = %self.url, "the heartbeat is heard again"),
            _ => {}
        }
        self.failing = failure.is_some();
    }
}
