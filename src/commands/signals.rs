//! SIGTERM and Ctrl-C: the first asks to end, what is in flight has some seconds for it, the second ends at once.

use std::time::Duration;

use tokio::signal::ctrl_c;
use tracing::info;

use crate::app::Stop;

/// Container engines kill after ten seconds. What is cut off stays pending and is sent again under the same id.
const DRAIN: Duration = Duration::from_secs(8);

/// Listens for signals from now on.
pub fn listen() -> Stop {
    let stop = Stop::default();
    let told = stop.clone();
    tokio::spawn(async move {
        signal().await;
        info!("stopping: what is in flight has {} s to end; a second signal ends at once", DRAIN.as_secs());
        told.gently.cancel();
        tokio::select! {
            () = tokio::time::sleep(DRAIN) => told.at_once.cancel(),
            () = signal() => std::process::exit(1),
        }
        // The drain is over; whatever still holds on is not worth waiting for a third time.
        signal().await;
        std::process::exit(1);
    });
    stop
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = ctrl_c() => {}
        },
        Err(_) => drop(ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = ctrl_c().await;
}
