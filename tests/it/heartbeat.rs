//! `heartbeat_url` is called after good polls, and only then, and holds nothing up.

use leadhook::simulator::{FaultKind, Faults};

use crate::support::*;

const SECRET_PATH: &str = "/ping/5f4dcc3b5aa765d6?key=also";

#[tokio::test(flavor = "multi_thread")]
async fn it_is_called_after_good_polls_and_not_after_others() {
    let weclever = weclever(by_hand()).await;
    let monitor = Raw::start(|_, _| Reply::new(200, "", "OK")).await;
    let url = format!("{}{SECRET_PATH}", monitor.url());
    let place = Place::new(&File::new(&weclever.base_url()).source("heartbeat_url", &url));
    let service = place.start_and_read().await;
    until("calls", || monitor.requests().len() >= 3).await;
    assert!(monitor.requests().iter().all(|request| request.line == format!("GET {SECRET_PATH}")));
    assert!(monitor.requests().iter().all(|request| request.headers["user-agent"].starts_with("leadhook/")));

    weclever.set_faults(Faults::of(1.0, [FaultKind::Error]));
    let failed = || service.logged("a window could not be read");
    until("a poll that fails", || failed() >= 1).await;
    // What the last good poll began may still be on its way.
    until("it has arrived", || failed() >= 2).await;
    let before = monitor.requests().len();
    until("polls that fail", || failed() >= 4).await;
    assert_eq!(monitor.requests().len(), before);
    weclever.set_faults(Faults::default());
    until("calls again", || monitor.requests().len() > before).await;
    let log = service.stop();
    assert!(!log.contains("5f4dcc3b5aa765d6") && !log.contains("key=also"), "{log}");

    // For cron: one run, one call.
    let before = monitor.requests().len();
    assert_eq!(place.run(&["run", "--once"]).code, 0);
    assert_eq!(monitor.requests().len(), before + 1);
    weclever.stop().await;
    assert_eq!(place.run(&["run", "--once"]).code, 69);
    assert_eq!(monitor.requests().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_told_once_and_its_redirects_lead_nowhere() {
    let weclever = weclever(by_hand()).await;
    let elsewhere = Raw::start(|_, _| Reply::new(200, "", "")).await;
    let to = format!("location: {}\r\n", elsewhere.url());
    let monitor = Raw::start(move |_, n| match n {
        0..3 => Reply::new(500, "", ""),
        3..6 => Reply::new(302, &to, ""),
        6 => Reply::new(200, "", ""),
        _ => Reply::new(404, "", ""),
    })
    .await;
    let url = format!("{}{SECRET_PATH}", monitor.url());
    let place = Place::new(&File::new(&weclever.base_url()).source("heartbeat_url", &url));
    let service = place.start_and_read().await;
    until("calls", || monitor.requests().len() >= 12).await;
    let log = service.stop();
    let told = log.lines().filter(|line| line.contains("the heartbeat could not be sent")).count();
    assert_eq!(told, 2, "once for each time that it begins to fail: {log}");
    assert_eq!(log.matches("the heartbeat is heard again").count(), 1);
    assert!(!log.contains("5f4dcc3b5aa765d6") && !log.contains("key=also"), "{log}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_holds_nothing_up() {
    let weclever = weclever(by_hand()).await;
    // Whoever connects waits for ever.
    let monitor = listener().await;
    let url = format!("http://{}{SECRET_PATH}", monitor.local_addr().unwrap());
    let place = Place::new(&File::new(&weclever.base_url()).source("heartbeat_url", &url));
    let service = place.start_and_read().await;
    let _open = monitor.accept().await.unwrap();
    service.readings(10).await;
    let more = tokio::time::timeout(std::time::Duration::from_millis(100), monitor.accept()).await;
    assert!(more.is_err(), "two at a time");
    service.stop();
}
