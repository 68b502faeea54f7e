//! SIGTERM and Ctrl-C: the first asks to end, what is in flight has some seconds for it, the second ends at once. SIGHUP
//! has the service read its file again.

use std::time::Duration;

use tracing::info;

use crate::app::Stop;

/// Container engines kill after ten seconds. What is cut off stays pending and is sent again under the same id.
const DRAIN: Duration = Duration::from_secs(8);

/// Listens for signals from now on.
pub fn listen() -> Stop {
    let stop = Stop::default();
    let told = stop.clone();
    let mut asked = Asked::to_end();
    tokio::spawn(async move {
        asked.again().await;
        info!("stopping: what is in flight has {} s to end; a second signal ends at once", DRAIN.as_secs());
        told.gently.cancel();
        tokio::select! {
            () = tokio::time::sleep(DRAIN) => told.at_once.cancel(),
            () = asked.again() => std::process::exit(1),
        }
        // The drain is over; whatever still holds on is not worth waiting for a third time.
        asked.again().await;
        std::process::exit(1);
    });
    stop
}

/// Hears of signals from the moment at which it is made: one that comes while nobody waits for it is kept.
pub struct Asked(Vec<Heard>);

#[cfg(unix)]
type Heard = tokio::signal::unix::Signal;

#[cfg(unix)]
impl Asked {
    /// SIGTERM and Ctrl-C.
    pub fn to_end() -> Asked {
        use tokio::signal::unix::SignalKind;
        Asked::by(&[SignalKind::terminate(), SignalKind::interrupt()])
    }

    /// SIGHUP. Without this, it ends a process.
    pub fn to_reload() -> Asked {
        Asked::by(&[tokio::signal::unix::SignalKind::hangup()])
    }

    /// The terminal has another size.
    pub fn to_resize() -> Asked {
        Asked::by(&[tokio::signal::unix::SignalKind::window_change()])
    }

    fn by(kinds: &[tokio::signal::unix::SignalKind]) -> Asked {
        // What the system does not tell of cannot be heard, and ends the process as it always did.
        Asked(kinds.iter().filter_map(|kind| tokio::signal::unix::signal(*kind).ok()).collect())
    }

    /// Waits for the next of them. Several that come at once count as one.
    pub async fn again(&mut self) {
        let heard = std::future::poll_fn(|context| {
            // Each of them is asked, so that each of them wakes this.
            let heard = self.0.iter_mut().map(|heard| heard.poll_recv(context).is_ready());
            if heard.filter(|heard| *heard).count() > 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        });
        heard.await;
    }
}

#[cfg(not(unix))]
type Heard = tokio::sync::mpsc::Receiver<()>;

#[cfg(not(unix))]
impl Asked {
    /// Ctrl-C.
    pub fn to_end() -> Asked {
        let (tell, heard) = tokio::sync::mpsc::channel(2);
        tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && tell.send(()).await.is_ok() {} });
        Asked(vec![heard])
    }

    /// Nothing tells of it here.
    pub fn to_reload() -> Asked {
        Asked(Vec::new())
    }

    /// Nor of that.
    pub fn to_resize() -> Asked {
        Asked(Vec::new())
    }

    /// Waits for the next of them.
    pub async fn again(&mut self) {
        match self.0.first_mut() {
            Some(heard) if heard.recv().await.is_some() => {}
            _ => std::future::pending().await,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn raise(name: &str) {
        let told = std::process::Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
        assert!(told.expect("kill").success());
    }

    #[tokio::test]
    async fn a_signal_that_comes_while_nobody_waits_is_not_lost() {
        let mut asked = Asked::to_end();
        for name in ["TERM", "TERM", "INT", "TERM"] {
            raise(name);
            tokio::time::timeout(Duration::from_secs(20), asked.again()).await.unwrap_or_else(|_| panic!("SIG{name}"));
        }
        let more = tokio::time::timeout(Duration::from_millis(50), asked.again()).await;
        assert!(more.is_err(), "each of them counts once");
    }
}
