//! The operator's verbs over HTTP, for commands beside a running service and for people in front of its page.
//!
//! The service leaves its address and a random token in `PATH/admin.json`, which only its own user can read; whoever can
//! read it may ask. Who else may is in `access`.

mod access;
mod alive;
mod asked;
mod client;
mod fields;
mod link;
mod listener;
mod metrics;
mod notice;
mod origin;
mod page;
mod places;
mod probes;
mod server;
mod session;
mod tap;
mod turns;

pub use client::{
    Desk, Listening, Reached, Remote, here_or_there, is_alive, page_link, reach, reach_at, reach_or_make, reach_soon,
    write_anew,
};
pub use link::Link;
pub use server::{AdminError, Server};

/// Every verb's path begins with this.
const API: &str = "/api/v1/";

/// What a link of `leadhook page` is asked for at.
const LINK: &str = "page/link";

/// Where what happens is told as it happens.
const TAP: &str = "tap";
