//! How many files a service may have open: one for each connection, and those of the store.

/// More are of no use to anybody; where nothing is bounded, the system says a number for which no table has room.
#[cfg(unix)]
const ENOUGH: u64 = 1 << 20;

/// Takes as many as whoever runs the machine allows: what a shell or systemd gives at first is meant for programs that wait for
/// files with `select`, and is soon used up by destinations, pages and a store.
#[cfg(unix)]
pub fn take_what_is_allowed() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let wanted = hard.min(ENOUGH);
    if soft >= wanted {
        return;
    }
    // As good as before, where it is refused.
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        tracing::debug!(soft, hard, %error, "no more files may be open than before");
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub fn take_what_is_allowed() {}
