//! What every story needs: a place with a file in it, leadhook in that place, and the other sides.

mod browser;
mod command;
mod disk;
mod file;
mod raw;
mod service;

use std::time::{Duration, Instant};

use leadhook::simulator::{Behaviour, Options, Receiver, ReceiverOptions, WeClever};
use serde_json::Value;
use tokio::net::TcpListener;

pub use browser::Asking;
pub use command::{Place, Ran};
pub use disk::FaultyDisk;
pub use file::File;
pub use raw::{Api, Raw, Reply, Request};
pub use service::{Service, destination, peak_memory_of};

/// Nothing that is waited for takes so long, even on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A token that the simulated WeClever takes from whoever wants to look for himself.
pub const READY_TOKEN: &str = "ready-token";

/// No retries to wait for long: many short ones.
pub const PATIENT_RETRIES: &str =
    r#"retry = { initial = "100ms", factor = 1.3, max = "1s", attempts = 500, jitter = 0.2 }"#;

pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A WeClever in which leads are finalized by hand alone.
pub fn by_hand() -> Options {
    Options { leads_per_second: 0.0, ready_token: Some(READY_TOKEN.into()), ..Options::default() }
}

/// The same, and none of them is rated but by hand.
pub fn unrated() -> Options {
    Options { unrated_share: 1.0, ..by_hand() }
}

pub async fn weclever(options: Options) -> WeClever {
    WeClever::start(listener().await, options).unwrap()
}

/// A destination that keeps what it was sent and checks the signature of [`SECRET`].
pub async fn receiver(behaviour: Behaviour) -> Receiver {
    let options = ReceiverOptions { secrets: vec![SECRET.into()], keep: 2_000, ..ReceiverOptions::default() };
    Receiver::start_with(listener().await, behaviour, options).unwrap()
}

/// An address on which nobody listens.
pub async fn nobody() -> String {
    format!("http://{}/hook", listener().await.local_addr().unwrap())
}

/// The events that it was sent, in order; each must have been sent once.
pub fn told(receiver: &Receiver) -> Vec<Value> {
    receiver.tally(|tally| {
        assert_eq!(tally.requests, tally.by_id.len() as u64, "an event was sent twice");
        tally.kept.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    })
}

/// The types and revisions of these events.
pub fn types(events: &[Value]) -> Vec<(&str, u64)> {
    events.iter().map(|event| (event["type"].as_str().unwrap(), event["data"]["revision"].as_u64().unwrap())).collect()
}

/// Waits until so many were accepted.
#[track_caller]
pub fn accepted(receiver: &Receiver, count: u64) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let in_time = receiver.wait_until(|tally| tally.accepted >= count, PATIENCE).await;
        assert!(in_time, "{caller}: {} of {count} were accepted", receiver.tally(|tally| tally.accepted));
    }
}

/// Looks again and again, until something is as wished.
#[track_caller]
pub fn until(what: impl ToString, mut wish: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let (what, caller) = (what.to_string(), std::panic::Location::caller());
    async move {
        let began = Instant::now();
        while !wish() {
            assert!(began.elapsed() < PATIENCE, "{caller}: in vain waited for: {what}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}
