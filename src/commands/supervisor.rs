//! What whoever supervises the service, systemd as a rule, hears of it by way of `NOTIFY_SOCKET`. Without one, nothing is said.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::app::{Liveness, Phase};

/// The service does what it is there for: others that wait for it may begin.
pub fn ready(status: &str) {
    tell(&[State::Ready, State::Status(status)]);
}

/// It waits for something before it can begin, and is to be given that much more time.
pub fn waits(status: &str, longer: Duration) {
    #[cfg(unix)]
    tell(&[State::ExtendTimeoutUsec(u32::try_from(longer.as_micros()).unwrap_or(u32::MAX)), State::Status(status)]);
    #[cfg(not(unix))]
    let _ = (status, longer);
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

/// Says again and again that it works, for as long as it really does, where a supervisor waits for that.
pub async fn tell_while_alive(liveness: Liveness) {
    let Some(limit) = watchdog() else { return };
    loop {
        tokio::time::sleep(limit / 3).await;
        match liveness.check().await {
            Ok(()) => tell(&[State::Watchdog]),
            Err(why) => error!("{why}: unless that ends, the supervisor will start leadhook again"),
        }
    }
}

#[cfg(unix)]
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

#[cfg(not(unix))]
fn watchdog() -> Option<Duration> {
    None
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
    Watchdog,
    Stopping,
    Status(&'a str),
}

#[cfg(not(unix))]
fn tell(_: &[State]) {}
