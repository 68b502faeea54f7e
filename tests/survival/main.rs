//! What leadhook survives, seen through the built binary: killed at every point of its work on the disk, the power gone
//! at any moment, and a long time. `docs/SURVIVAL.md` has what a run gave.
//!
//! | variable | what it makes longer | otherwise |
//! |---|---|---|
//! | `SURVIVE_KILLS` | how often it is killed | 200 |
//! | `SURVIVE_IMAGES` | on how many disks it starts after a power loss | 50 |
//! | `SURVIVE_SOAK` | how many seconds it works under load | 24 |
//! | `SURVIVE_STATES` | on how many states of the log, as a kill leaves them, the store is opened | 150 |
//! | `SURVIVE_SEED` | nothing: a run with the same dice | drawn, and printed |

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::time::{Duration, Instant};

// Other stories need more of it.
#[allow(dead_code, unused_imports)]
#[path = "../it/support/mod.rs"]
mod support;

mod disk;
mod kills;
mod model;
mod moving;
mod opening;
mod power;
mod shim;
mod soak;
mod states;

/// The dice's seed: a new one each time, unless it is given.
fn seed() -> u64 {
    let seed = number("SURVIVE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("SURVIVE_SEED={seed}");
    seed
}

/// Waits for a service that is about to be killed: its exit code, -1 where it was; `None`: nobody did it within that time,
/// and it is done now.
fn until_killed(mut service: support::Service, patience: Duration) -> (Option<i32>, String) {
    let began = Instant::now();
    while service.runs() && began.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(3));
    }
    let end = (!service.runs()).then(|| service.ends(patience));
    let log = service.log();
    service.kill();
    (end, log)
}

/// A variable that holds a number.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
