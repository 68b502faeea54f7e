//! What follows from an answer: again by the schedule, dead, or too old.

use std::time::{Duration, Instant};

use leadhook::simulator::{Behaviour, Receiver};

use crate::support::*;

fn times(receiver: &Receiver) -> Vec<Instant> {
    receiver.tally(|tally| tally.kept.iter().map(|request| request.at).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_work_later_is_tried_again_by_the_schedule() {
    let weclever = weclever(by_hand()).await;
    let mut file = File::new(&weclever.base_url());
    let mut receivers = Vec::new();
    let statuses = [500, 502, 401, 403, 404, 407, 408, 425, 304, 200];
    for status in statuses {
        let receiver = receiver(Behaviour::Scripted(vec![status, status])).await;
        let retry = r#"retry = { schedule = ["300ms", "600ms"], jitter = 0 }"#;
        file = file.to(&format!("answers-{status}"), &receiver.url(), retry);
        receivers.push(receiver);
    }
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    for (status, receiver) in statuses.into_iter().zip(&receivers) {
        accepted(receiver, 1).await;
        let times = times(receiver);
        if status == 200 {
            assert_eq!(times.len(), 1);
            continue;
        }
        assert_eq!(times.len(), 3, "{status}");
        for (waited, least) in times.windows(2).zip([300, 600]) {
            let waited = waited[1] - waited[0];
            assert!(waited >= Duration::from_millis(least) && waited < Duration::from_secs(5), "{status}: {waited:?}");
        }
    }
    assert!(place.json(&["dead", "list"], 0)["letters"].as_array().unwrap().is_empty());
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_is_no_success() {
    let weclever = weclever(by_hand()).await;
    let trap = receiver(Behaviour::Fine).await;
    let to = trap.url();
    let answer = move |_: &Request, came| match came {
        0 => Reply::new(302, &format!("location: {to}\r\n"), ""),
        1 => Reply::new(308, &format!("location: {to}\r\n"), ""),
        _ => Reply::new(200, "", ""),
    };
    let moved = Raw::start(answer).await;
    let retry = r#"retry = { schedule = ["100ms", "100ms"], jitter = 0 }"#;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &moved.url(), retry));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    place.until_status("it is delivered", |status| destination(status, "crm")["delivered"] == 1).await;
    let requests = moved.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.line.starts_with("POST ") && request.body == requests[0].body));
    assert!(requests.iter().all(|request| request.headers["webhook-id"] == requests[0].headers["webhook-id"]));
    assert_eq!(trap.tally(|tally| tally.requests), 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_never_work_is_dead_at_once_and_what_fails_too_often_is_dead_in_the_end() {
    let weclever = weclever(by_hand()).await;
    let refusing = receiver(Behaviour::Broken { status: 422 }).await;
    let failing = receiver(Behaviour::Broken { status: 500 }).await;
    let growing = receiver(Behaviour::Broken { status: 503 }).await;
    let aging = receiver(Behaviour::Broken { status: 500 }).await;
    let retry = r#"retry = { schedule = ["50ms", "50ms"] }"#;
    let file = File::new(&weclever.base_url())
        .to("refusing", &refusing.url(), retry)
        .to("failing", &failing.url(), retry)
        .to("growing", &growing.url(), r#"retry = { initial = "20ms", factor = 2.0, max = "1s", attempts = 5 }"#)
        .to("aging", &aging.url(), "max_age = \"1s\"\nretry = { schedule = [\"300ms\", \"300ms\", \"1h\", \"1h\"] }");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    place
        .until_status("all four are dead", |status| {
            status["destinations"].as_array().unwrap().iter().all(|destination| destination["dead"] == 1)
        })
        .await;
    let letters = place.json(&["dead", "list"], 1);
    let letter = |name: &str| {
        let all = letters["letters"].as_array().unwrap();
        all.iter().find(|letter| letter["delivery"]["destination"] == name).unwrap().clone()
    };
    for (name, receiver, attempts, error) in [
        ("refusing", &refusing, 1, "422"),
        ("failing", &failing, 3, "500"),
        ("growing", &growing, 5, "503"),
        ("aging", &aging, 3, "500"),
    ] {
        assert_eq!(letter(name)["attempts"], attempts, "{name}");
        assert_eq!(receiver.tally(|tally| tally.requests), attempts, "{name}");
        assert!(letter(name)["error"].as_str().unwrap().contains(error), "{name}: {}", letter(name));
    }
    let why = ["refusing", "failing", "aging"].map(|name| letter(name)["why"].clone());
    assert!(why[0] != why[1] && why[1] != why[2] && why[0] != why[2], "{why:?}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_and_a_refusing_destination_do_not_slow_a_good_one() {
    let weclever = weclever(by_hand()).await;
    let good = receiver(Behaviour::Fine).await;
    let hanging = receiver(Behaviour::Hanging).await;
    let file = File::new(&weclever.base_url())
        .to("hanging", &hanging.url(), "timeout = \"60s\"\nconcurrency = 4")
        .to("refusing", &nobody().await, PATIENT_RETRIES)
        .to("good", &good.url(), "");
    let place = Place::new(&file);
    let mut service = place.start_and_read().await;
    for id in 1..=4 {
        weclever.finalize(id, "sold");
    }
    // Stuck to the last place, before the race begins.
    assert!(hanging.wait_until(|tally| tally.open == 4, PATIENCE).await);
    accepted(&good, 4).await;
    let began = Instant::now();
    for id in 5..=150 {
        weclever.finalize(id, "sold");
    }
    accepted(&good, 150).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    hanging.tally(|tally| assert_eq!((tally.requests, tally.most_open), (4, 4), "never more than its concurrency"));
    let status = place.status();
    assert_eq!(destination(&status, "hanging")["pending"], 150);
    assert_eq!(destination(&status, "refusing")["pending"], 150);
    // The hanging one would hold up a gentle end for some seconds, which is another story.
    service.signal("TERM");
    service.signal("TERM");
    service.ends(PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_in_time_is_tried_again() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Hanging).await;
    let more = "timeout = \"400ms\"\nretry = { schedule = [\"50ms\", \"50ms\", \"50ms\", \"50ms\"] }";
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), more));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert!(receiver.wait_until(|tally| tally.requests == 2, PATIENCE).await);
    receiver.behave(Behaviour::Fine);
    accepted(&receiver, 1).await;
    assert!(service.logged("outcome=\"retry\"") >= 1, "{}", service.log());
    assert!(service.log().contains("no answer in time"));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_bounded() {
    let weclever = weclever(by_hand()).await;
    let accepting = Raw::start(|_, _| Reply::endless(200)).await;
    let refusing = Raw::start(|_, _| Reply::endless(422)).await;
    let file =
        File::new(&weclever.base_url()).to("accepting", &accepting.url(), "").to("refusing", &refusing.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    let done = |status: &serde_json::Value| {
        destination(status, "accepting")["delivered"] == 1 && destination(status, "refusing")["dead"] == 1
    };
    place.until_status("both are settled", done).await;
    let letter = place.json(&["dead", "list"], 1)["letters"][0]["id"].as_str().unwrap().to_owned();
    let attempt = &place.json(&["dead", "show", &letter], 0)["attempts"][0];
    assert_eq!((attempt["cut"].as_bool(), attempt["answer"].as_str().unwrap().len()), (Some(true), 2048));
    assert!(service.peak_memory() < 150 << 20);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), "rate = \"10/s\""));
    let service = place.start_and_read().await;
    for id in 1..=25 {
        weclever.finalize(id, "sold");
    }
    accepted(&receiver, 25).await;
    let times = times(&receiver);
    // Ten at once, and then ten a second.
    let took = times[24] - times[0];
    assert!(took >= Duration::from_millis(1_400) && took < Duration::from_secs(10), "{took:?}");
    service.stop();
}
