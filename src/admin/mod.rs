//! The operator's verbs over HTTP: a running service answers them on loopback, and commands beside it ask it.
//!
//! The service leaves its address and a random token in `PATH/admin.json`, which only its own user can read; whoever can
//! read it may ask.

mod asked;
mod client;
mod metrics;
mod notice;
mod page;
mod probes;
mod server;

pub use client::{Desk, Remote, is_alive, reach, reach_at, reach_or_make, write_anew};
pub use server::{AdminError, Server};

/// Every verb's path begins with this.
const API: &str = "/api/v1/";
