//! A disk that fails under a running service: it says so, counts nothing that was not done, and goes on once the disk does.

use std::time::Duration;

use leadhook::http_client::client_builder;
use leadhook::simulator::{Behaviour, Options};
use reqwest::StatusCode;

use crate::support::*;

async fn ask(service: &Service, address: &str, path: &str) -> (StatusCode, String) {
    let client = client_builder().timeout(PATIENCE).build().unwrap();
    let answer = client.get(format!("http://{address}{path}")).send().await;
    let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", service.log()));
    (answer.status(), answer.text().await.unwrap())
}

/// Waits until it says that it is ready, or that it is not; why.
async fn until_ready(service: &Service, address: &str, wished: StatusCode) -> String {
    let began = std::time::Instant::now();
    loop {
        let (status, why) = ask(service, address, "/readyz").await;
        if status == wished {
            return why;
        }
        assert!(began.elapsed() < PATIENCE, "in vain waited for {wished}: {why}\n{}", service.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until it says that it is not ready, and of what that comes.
async fn until_says(service: &Service, address: &str, said: &str) {
    let began = std::time::Instant::now();
    loop {
        let (status, why) = ask(service, address, "/readyz").await;
        if why.contains(said) {
            return assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        }
        assert!(began.elapsed() < PATIENCE, "in vain waited for {said}: {why}\n{}", service.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn address(service: &Service) -> String {
    service.notice().unwrap()["address"].as_str().unwrap().to_owned()
}

/// What the disk does, and what is said of it.
const FAULTS: [(&str, &str); 4] = [
    ("fail 28", "No space left"),
    ("fail 5", "Input/output error"),
    ("fail 30", "Read-only file system"),
    // In the midst of something.
    ("room 200000", "No space left"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_stops_everything_until_it_does_and_nothing_is_lost() {
    futures_util::future::join_all(FAULTS.map(|(fault, said)| story(fault, said))).await;
}

async fn story(fault: &str, said: &str) {
    let weclever = weclever(Options { leads_per_second: 20.0, ..by_hand() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), "");
    let (place, disk) = FaultyDisk::under(Place::new(&file));
    let mut service = place.start().await;
    let address = address(&service);
    accepted(&receiver, 20).await;
    disk.does(fault);
    until_says(&service, &address, said).await;
    assert_eq!(ask(&service, &address, "/healthz").await.0, StatusCode::OK);
    until("it has tried to open the store", || service.logged("the store is opened again in 2 s") > 0).await;
    let refused = place.run(&["status"]);
    assert_eq!((refused.code, refused.out.as_str()), (69, ""), "{refused:?}");
    assert!(refused.err.contains(said), "{refused:?}");
    let before = receiver.tally(|tally| tally.requests);
    disk.does("");
    until_ready(&service, &address, StatusCode::OK).await;
    accepted(&receiver, before + 20).await;
    assert!(service.runs());

    weclever.finalize_no_more();
    let all = weclever.finalized();
    let every = receiver.wait_until(|tally| tally.by_lead.len() as u64 == all, PATIENCE).await;
    assert!(every, "{} of {all}", receiver.tally(|tally| tally.by_lead.len()));
    place.until_status("each is counted once", |status| destination(status, "crm")["delivered"] == all).await;
    receiver.tally(|tally| {
        let other_ids = tally.by_lead.values().find(|events| events.iter().any(|event| event.id != events[0].id));
        assert_eq!(other_ids, None, "a repeat has the id of the first");
    });
    assert_eq!(service.logged("panicked"), 0, "{}", service.log());
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_for_a_while_is_waited_for() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let (place, disk) = FaultyDisk::under(Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), "")));
    let service = place.start_and_read().await;
    let address = address(&service);
    disk.does("hang");
    weclever.finalize(1, "sold");
    let why = until_ready(&service, &address, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(why.contains("has not taken a small write for 5s"), "{why}");
    assert_eq!(ask(&service, &address, "/healthz").await.0, StatusCode::OK);
    disk.does("");
    until_ready(&service, &address, StatusCode::OK).await;
    accepted(&receiver, 1).await;
    assert_eq!(service.logged("opened again"), 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_taken_away_is_missed_and_welcome_when_it_is_back() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    let address = address(&service);
    weclever.finalize(1, "sold");
    accepted(&receiver, 1).await;
    place.until_status("it is counted", |status| destination(status, "crm")["delivered"] == 1).await;

    std::fs::rename(place.path("data"), place.path("elsewhere")).unwrap();
    let why = until_ready(&service, &address, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(why.contains("is gone") && why.contains("Put it back"), "{why}");
    until("it has tried to open the store", || service.logged("the store is opened again in 2 s") > 0).await;
    // An empty one in its place is not taken for it.
    std::fs::create_dir(place.path("data")).unwrap();
    weclever.finalize(2, "sold");
    until("it has tried again", || service.logged("the store is opened again in 4 s") > 0).await;
    assert_eq!(std::fs::read_dir(place.path("data")).unwrap().count(), 0);
    std::fs::remove_dir(place.path("data")).unwrap();
    std::fs::rename(place.path("elsewhere"), place.path("data")).unwrap();
    until_ready(&service, &address, StatusCode::OK).await;
    accepted(&receiver, 2).await;
    assert_eq!(receiver.tally(|tally| tally.requests), 2);

    std::fs::remove_dir_all(place.path("data")).unwrap();
    until_ready(&service, &address, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(ask(&service, &address, "/healthz").await.0, StatusCode::OK);
    service.stop();
    assert!(!place.path("data").exists(), "nothing was made in its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_at_a_start_is_not_called_damage_and_nothing_is_set_aside() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), "");
    let (place, disk) = FaultyDisk::under(Place::new(&file));
    weclever.finalize(1, "sold");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    for (fault, said) in
        [("fail 28", "No space left"), ("fail 5", "Input/output error"), ("room 20000", "No space left")]
    {
        // A kill leaves a log to be mended.
        place.start_and_read().await.kill();
        disk.does(fault);
        let refused = place.run(&["status"]);
        assert_eq!((refused.code, refused.out.as_str()), (69, ""), "{fault}: {refused:?}");
        assert!(refused.err.contains(said) && !refused.err.contains("damaged"), "{fault}: {refused:?}");
        disk.does("");
        let left = std::fs::read_dir(place.path("data/sled")).unwrap().map(|entry| entry.unwrap().file_name());
        let aside = left.filter(|name| name.to_string_lossy().starts_with("damaged-")).count();
        assert_eq!(aside, 0, "{fault}");
        assert_eq!(destination(&place.status(), "crm")["delivered"], 1, "{fault}");
    }
}
