//! What each server goes through alike.

use crate::load::Load;
use crate::server::Server;
use crate::support::PATIENT_RETRIES;

/// Twice the server is killed while events are on their way, and comes back once one was tried in vain. All 600 are delivered
/// in the end.
pub async fn a_kill_in_the_middle(server: &mut Server, url: &str) -> Load {
    let mut load = Load::begin(url, &format!("rate = '200/s'\n{PATIENT_RETRIES}")).await;
    for round in 0..2 {
        load.finalize(300, round);
        load.has_delivered(round * 300 + 60).await;
        server.kill();
        load.has_failed().await;
        server.comes_back().await;
        load.is_recorded().await;
    }
    load.is_delivered().await;
    load
}

/// The server takes what it is sent and is silent, until its destination has said so. Both events are delivered in the end.
pub async fn a_server_that_hangs(server: &Server, url: &str) -> Load {
    let mut load = Load::begin(url, &format!("timeout = '1s'\n{PATIENT_RETRIES}")).await;
    load.round(1, 0).await;
    load.is_delivered().await;
    server.signal("STOP");
    load.finalize(1, 1);
    load.says("no answer within 1s").await;
    server.signal("CONT");
    load.is_delivered().await;
    load
}
