//! A store near its limit, or on a disk that is nearly full: nothing new is read, what is there goes on, and so does all else
//! once there is room.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use leadhook::http_client::client_builder;
use leadhook::simulator::{Behaviour, Options};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::*;

const RETENTION: &str = "LEADHOOK_STORE__RETENTION";
const MAX_BYTES: &str = "LEADHOOK_STORE__MAX_BYTES";

/// What the service answers whoever has no token.
async fn ask(service: &Service, path: &str) -> (StatusCode, String) {
    let address = service.notice().unwrap()["address"].as_str().unwrap().to_owned();
    let answer = client_builder().build().unwrap().get(format!("http://{address}{path}")).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// It says everywhere that it waits for room, and for which: `what`.
async fn says_that_it_waits(place: &Place, service: &Service, what: &str) {
    place.until_status("it waits for room", |status| !status["store"]["full"].is_null()).await;
    let status = place.json(&["status"], 1);
    let look = status["needs_a_look"][0].as_str().unwrap();
    assert!(look.contains(what) && look.contains("deliveries go on"), "{look}");
    let (code, why) = ask(service, "/readyz").await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.contains(what), "{why}");
    let (_, metrics) = ask(service, "/metrics").await;
    assert!(metrics.contains("\nleadhook_store_full 1"), "{metrics}");
    assert_eq!(ask(service, "/healthz").await.0, StatusCode::OK);
    assert_eq!(service.logged(what), 1, "it is logged once");
}

/// It has gone on, and says so everywhere. What is read then may make it wait again for a while.
async fn goes_on(place: &Place, service: &Service) {
    until("it goes on", || service.logged("there is room in the store again") > 0).await;
    let began = std::time::Instant::now();
    loop {
        let (ready, why) = ask(service, "/readyz").await;
        let metrics = ask(service, "/metrics").await.1;
        if ready == StatusCode::OK && metrics.contains("\nleadhook_store_full 0") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{why}\n{metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    place.until_status("nothing waits for room", |status| status["store"]["full"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn near_its_limit_the_store_takes_nothing_new_until_what_is_old_has_made_room() {
    let weclever = weclever(Options { leads_per_second: 400.0, max_leads: Some(3_000), ..by_hand() }).await;
    let receiver = receiver(Behaviour::Broken { status: 500 }).await;
    let start = (Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), PATIENT_RETRIES);
    let place = Place::new(&file).with(RETENTION, "1s").with(MAX_BYTES, "8MB");
    let service = place.start().await;
    says_that_it_waits(&place, &service, "may have 8.0 MB").await;
    let size = |status: &Value| status["store"]["bytes"].as_u64().unwrap();
    let full = place.status();
    assert!(size(&full) < 10_500_000, "{full:#}");
    let known = |status: &Value| status["source"]["seen_leads"].as_u64().unwrap();
    let all = 3_000;
    until("all are finalized", || weclever.finalized() == all).await;
    assert!(known(&place.status()) < all, "some are still to be read");

    receiver.behave(Behaviour::Fine);
    until("it goes on", || service.logged("there is room in the store again") > 0).await;
    accepted(&receiver, all).await;
    goes_on(&place, &service).await;
    place.until_status("all are counted", |status| destination(status, "crm")["delivered"] == all).await;
    assert!(size(&place.status()) < 10_500_000, "{:#}", place.status());
    receiver.tally(|tally| assert_eq!(tally.by_lead.len() as u64, all));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_is_nearly_full_nothing_new_is_read_and_deliveries_go_on() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Broken { status: 500 }).await;
    let file = File::new(&weclever.base_url()).to("crm", &receiver.url(), PATIENT_RETRIES);
    let (place, disk) = FaultyDisk::under(Place::new(&file));
    disk.does("free 100000000 1000000000");
    let service = place.start_and_read().await;
    for lead in 1..=20 {
        weclever.finalize(lead, "sold");
    }
    place.until_status("all wait", |status| destination(status, "crm")["pending"] == 20).await;

    // A list of what is past has them.
    until("they can be reconciled", || place.run(&["reconcile", "--from", "1h"]).out.contains("20 leads listed")).await;

    disk.does("free 60000000 1000000000");
    says_that_it_waits(&place, &service, "disk has 60.0 MB left").await;
    weclever.finalize(21, "sold");
    receiver.behave(Behaviour::Fine);
    accepted(&receiver, 20).await;
    place.until_status("20 are counted", |status| destination(status, "crm")["delivered"] == 20).await;
    // A little more is not yet enough.
    disk.does("free 80000000 1000000000");
    let refused = place.run(&["reconcile", "--from", "1h", "--fix"]);
    assert_eq!(refused.code, 69, "{refused:?}");
    assert!(format!("{refused:?}").contains("Free some space"), "{refused:?}");
    assert_eq!(receiver.tally(|tally| tally.accepted), 20);

    disk.does("free 200000000 1000000000");
    goes_on(&place, &service).await;
    accepted(&receiver, 21).await;
    service.stop();

    // For cron there is nobody to wait for.
    disk.does("free 60000000 1000000000");
    weclever.finalize(22, "sold");
    let ran = place.run(&["run", "--once"]);
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.err.contains("disk has 60.0 MB left"), "{}", ran.err);
    disk.does("");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
}

/// What lies in the directory, and the most that was seen there.
struct Used {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Used {
    fn below(directory: &Path) -> Used {
        let used = Used { most: Arc::default(), over: Arc::default() };
        let (most, over, directory) = (Arc::clone(&used.most), Arc::clone(&used.over), directory.to_owned());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(bytes_below(&directory), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        used
    }

    fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(it) if it.is_dir() => bytes_below(&entry.path()),
        Ok(it) => it.len(),
        // Gone meanwhile.
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// A lead of 60 kB that nobody can pack.
fn large(id: u64) -> String {
    let mut dice = fastrand::Rng::with_seed(id);
    let noise: String = std::iter::repeat_with(|| dice.alphanumeric()).take(60_000).collect();
    format!(r#"{{"lead":{{"name":"Ana","noise":"{noise}"}}}}"#)
}

/// Leads of 60 kB as fast as they can be read, where nobody takes them: so much is never used, of a disk or of a limit.
async fn fast_intake(disk_size: Option<u64>, max_bytes: Option<u64>, leads: u64, at_most: u64) {
    let api = Api::start().await;
    let receiver = receiver(Behaviour::Broken { status: 503 }).await;
    let file = File::new(&api.base_url()).number("concurrency", 32).to("crm", &receiver.url(), PATIENT_RETRIES);
    let (place, disk) = FaultyDisk::under(Place::new(&file).with(RETENTION, "1s"));
    let place = match max_bytes {
        Some(max_bytes) => place.with(MAX_BYTES, &format!("{}MB", max_bytes / 1_000_000)),
        None => place,
    };
    disk.does(&disk_size.map_or_else(String::new, |size| format!("size {size}")));
    let service = place.start_and_read().await;
    let used = Used::below(&place.path("data"));
    (1..=leads).for_each(|id| {
        api.finalize(id, &format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold"}}"#), Some(&large(id)));
    });
    until("it waits for room", || service.logged("nothing new is read until") > 0).await;
    // What was being read has come to its end, or waits as well.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let status = place.status();
    let pending = destination(&status, "crm")["pending"].as_u64().unwrap();
    assert!(pending < leads, "{status:#}");
    assert!(used.most() > at_most / 2, "it is used, too: {}", used.most());
    assert!(used.most() <= at_most, "{} of {at_most}, with {pending} pending", used.most());

    // As full as that it is opened, by commands and by a service.
    service.stop();
    // 1, where the destination counts as failing by now.
    let asked = place.run(&["status"]);
    assert!(asked.code < 2, "{asked:?}");
    let service = place.start().await;
    until("it waits for room again", || service.logged("nothing new is read until") > 0).await;
    receiver.behave(Behaviour::Fine);
    if disk_size.is_some() {
        // A small disk holds little, and goes on slowly: here it is made larger.
        until("what waits arrives", || receiver.tally(|tally| tally.by_lead.len() as u64) >= pending).await;
        // What was delivered is let go of meanwhile, and that takes room, too.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(service.logged("No space left"), 0, "{}", service.log());
        disk.does(&format!("size {}", 64 << 20));
    }
    accepted(&receiver, leads).await;
    assert_eq!(service.logged("No space left"), 0, "{}", service.log());
    receiver.tally(|tally| assert_eq!(tally.by_lead.len() as u64, leads));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn however_fast_leads_come_neither_the_reserve_nor_the_limit_is_overrun() {
    tokio::join!(
        // Deliveries that fail are noted, which is what the reserve is for: they take a little of it, and intake takes nothing.
        fast_intake(Some(16 << 20), None, 300, (9 << 20) + 4096),
        fast_intake(None, Some(24_000_000), 400, 24_000_000),
    );
}
