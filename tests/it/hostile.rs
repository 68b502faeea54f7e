//! Destinations that do their worst, beside one that does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leadhook::simulator::Behaviour;

use crate::support::*;

/// What each of them sends, and whether it goes on with the last byte for ever.
fn worst() -> Vec<(&'static str, Vec<u8>, bool)> {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    vec![
        ("silent", Vec::new(), false),
        ("head", head("x: y"), true),
        ("interim", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100_000), false),
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), true),
        ("many", head(&"x: y\r\n".repeat(100_000)), false),
        ("lengths", head("content-length: 5\r\ncontent-length: 6\r\n\r\nhello"), false),
        ("refusing", b"HTTP/1.1 500 No\r\n\r\nno".to_vec(), true),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_destinations_cost_the_good_one_nothing_and_get_everything_once_they_behave() {
    const LEADS: u64 = 30;
    let weclever = weclever(by_hand()).await;
    let good = receiver(Behaviour::Fine).await;
    let behaves = Arc::new(AtomicBool::new(false));
    let mut file = File::new(&weclever.base_url()).to("good", &good.url(), "");
    let mut others = Vec::new();
    for (name, bytes, endless) in worst() {
        let behaves = Arc::clone(&behaves);
        let there = Raw::start(move |_, _| match behaves.load(Ordering::Relaxed) {
            true => Reply::new(200, "", "ok"),
            false => Reply::bytes(&bytes, endless),
        })
        .await;
        // No attempt lasts longer than a second, and all that fail are probed for from the twentieth on.
        file = file.to(name, &there.url(), &format!("timeout = '1s'\nconcurrency = 4\n{PATIENT_RETRIES}"));
        others.push((name, there));
    }
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=LEADS {
        weclever.finalize(id, "sold");
    }
    accepted(&good, LEADS).await;
    place
        .until_status("each of the others has failed many times", |status| {
            others.iter().all(|(name, there)| {
                let it = destination(status, name);
                it["pending"] == LEADS && it["dead"] == 0 && there.requests().len() > 8
            })
        })
        .await;
    let peak = service.peak_memory();
    assert!(peak < 160 << 20, "{} MiB", peak >> 20);

    behaves.store(true, Ordering::Relaxed);
    place
        .until_status("each has everything", |status| {
            others.iter().all(|(name, _)| {
                let it = destination(status, name);
                it["delivered"] == LEADS && it["pending"] == 0 && it["dead"] == 0
            })
        })
        .await;
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(good.tally(|tally| (tally.requests, tally.by_id.len() as u64)), (LEADS, LEADS));
    eprintln!("{} destinations at their worst: at most {} MiB", others.len(), peak >> 20);
}
