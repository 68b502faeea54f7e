//! Calls `heartbeat_url` after each good poll, so that someone else can notice when leadhook itself falls silent.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Current;
use crate::http_client;

/// For one whole call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// To reach the other side.
const CONNECT: Duration = Duration::from_secs(5);

/// Calls what the file names, if it names anything.
pub(super) struct Heartbeat {
    current: Current,
    /// Built when it is first needed.
    client: Option<reqwest::Client>,
    /// The last call failed, and was told of.
    failing: bool,
}

impl Heartbeat {
    pub(super) fn new(current: Current) -> Heartbeat {
        Heartbeat { current, client: None, failing: false }
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

    /// Calls once, where the file names a URL.
    pub(super) async fn beat(&mut self) {
        let config = self.current.now();
        let Some(url) = &config.source.heartbeat_url else { return };
        let failure = match self.client() {
            Err(error) => Some(format!("the HTTP client cannot be built: {error}")),
            Ok(client) => match client.get(url.expose().clone()).send().await {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("HTTP {}", answer.status().as_u16())),
                Err(error) => Some(http_client::explain(&error, CONNECT).to_string()),
            },
        };
        match &failure {
            Some(failure) if !self.failing => {
                warn!(%url, failure, "the heartbeat could not be sent; polls go on, and each of them tries again");
            }
            None if self.failing => info!(%url, "the heartbeat is heard again"),
            _ => {}
        }
        self.failing = failure.is_some();
    }

    fn client(&mut self) -> Result<reqwest::Client, reqwest::Error> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = http_client::client_builder().timeout(TIMEOUT).connect_timeout(CONNECT).build()?;
        self.client = Some(client.clone());
        Ok(client)
    }
}
