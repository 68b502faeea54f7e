//! What whoever supervises the service, systemd as a rule, hears of it by way of `NOTIFY_SOCKET`. Without one, nothing is said.

use tokio_util::sync::CancellationToken;

use crate::app::Phase;

/// The service does what it is there for: others that wait for it may begin.
pub fn ready(status: &str) {
    tell(&[State::Ready, State::Status(status)]);
}

/// Tells once that it is stopping.
pub async fn tell_when_stopping(stop: CancellationToken) {
    stop.cancelled().await;
    tell(&[State::Stopping, State::Status("stopping: what is in flight is ending")]);
}

/// The file is being read again, or has been.
pub fn reloading(phase: Phase) {
    match phase {
        Phase::Begins => reload_begins(),
        Phase::Ends => tell(&[State::Ready]),
    }
}

#[cfg(unix)]
fn reload_begins() {
    // systemd tells by the time that it is not an answer to an earlier request.
    match State::monotonic_usec_now() {
        Ok(now) => tell(&[State::Reloading, now]),
        Err(_) => tell(&[State::Reloading]),
    }
}

#[cfg(not(unix))]
fn reload_begins() {}

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
