//! What whoever supervises the service, systemd as a rule, hears of it by way of `NOTIFY_SOCKET`. Without one, nothing is said.

use tokio_util::sync::CancellationToken;

/// The service does what it is there for: others that wait for it may begin.
pub fn ready(status: &str) {
    tell(&[State::Ready, State::Status(status)]);
}

/// Tells once that it is stopping.
pub async fn tell_when_stopping(stop: CancellationToken) {
    stop.cancelled().await;
    tell(&[State::Stopping, State::Status("stopping: what is in flight is ending")]);
}

#[cfg(unix)]
use sd_notify::NotifyState as State;

#[cfg(unix)]
fn tell(states: &[State]) {
    // A supervisor that cannot be told is no reason not to work.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "NOTIFY_SOCKET is set, and nobody can be told there");
    }
}

#[cfg(not(unix))]
enum State<'a> {
    Ready,
    Stopping,
    Status(&'a str),
}

#[cfg(not(unix))]
fn tell(_: &[State]) {}
