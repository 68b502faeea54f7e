//! The admin page in a real browser: what an operator sees and clicks, on a screen and on a phone.
//!
//! It needs Debian's `chromium` and `chromium-driver`; without them these tests fail and say so. Pictures of what was seen lie in
//! `target/tmp/page/` afterwards.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[allow(dead_code)]
mod browser;
#[allow(dead_code, unused_imports)]
#[path = "../it/support/mod.rs"]
mod support;

mod live;
mod mending;
mod overview;

use browser::Browser;
use support::Service;

/// The address of a page of a running service.
fn page(service: &Service, path: &str) -> String {
    let notice = service.notice().expect("it can be asked");
    format!("http://{}{path}", notice["address"].as_str().unwrap())
}
