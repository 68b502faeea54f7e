//! Destinations by hand, and destinations and routes that leave the file.

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_destination_gets_nothing_until_it_is_resumed() {
    let weclever = weclever(by_hand()).await;
    let (paused, other) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await);
    let file = File::new(&weclever.base_url()).to("paused", &paused.url(), "").to("other", &other.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&paused, 1).await;
    assert_eq!(place.json(&["destination", "pause", "paused"], 0)["name"], "paused");
    for id in 2..=6 {
        weclever.finalize(id, "sold");
    }
    accepted(&other, 6).await;
    let status = place.json(&["status"], 0);
    assert_eq!(
        (&destination(&status, "paused")["state"], &destination(&status, "paused")["pending"]),
        (&"paused".into(), &5.into())
    );
    service.stop();

    // It stays paused over a restart, and is resumed without a service, too.
    let service = place.start_and_read().await;
    service.readings(2).await;
    service.stop();
    assert_eq!(paused.tally(|tally| tally.requests), 1);
    assert_eq!(place.json(&["destination", "resume", "paused"], 0)["pending"], 5);
    let service = place.start().await;
    accepted(&paused, 6).await;
    service.stop();
    assert_eq!(place.run(&["destination", "pause", "nobody"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_beside_the_service_stops_what_is_due_at_once_and_a_resume_starts_it() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Broken { status: 500 }).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), PATIENT_RETRIES));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert!(receiver.wait_until(|tally| tally.requests >= 2, PATIENCE).await);
    place.json(&["destination", "pause", "crm"], 0);
    assert!(receiver.wait_until(|tally| tally.open == 0, PATIENCE).await);
    let before = receiver.tally(|tally| tally.requests);
    service.readings(8).await;
    // One may have been on its way already.
    assert!(receiver.tally(|tally| tally.requests) <= before + 1);
    receiver.behave(Behaviour::Fine);
    place.json(&["destination", "resume", "crm"], 0);
    accepted(&receiver, 1).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_sent_marked_and_signed_with_or_without_a_store() {
    let receiver = receiver(Behaviour::Scripted(vec![204, 500])).await;
    let more = format!("secret = {SECRET:?}");
    let place = Place::new(&File::new(&nobody().await).to("crm", &receiver.url(), &more));
    let tested = place.json(&["destination", "test", "crm"], 0);
    assert_eq!((&tested["accepted"], &tested["status"]), (&true.into(), &204.into()));
    let failed = place.json(&["destination", "test", "crm"], 1);
    assert_eq!((&failed["accepted"], &failed["status"]), (&false.into(), &500.into()));
    receiver.tally(|tally| {
        assert_eq!((tally.verified, tally.bad), (2, 0));
        let body: Value = serde_json::from_slice(&tally.kept[0].body).unwrap();
        assert_eq!((&body["type"], &body["data"]["test"]), (&"lead.finalized".into(), &true.into()));
        assert_eq!(tally.kept[0].id, tested["event_id"].as_str().unwrap());
    });
    assert_eq!(place.run(&["destination", "test", "nobody"]).code, 2);
    assert_eq!(place.entries(), ["leadhook.toml"], "a test opens no store");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_left_the_file_is_parked_told_and_goes_on_when_it_is_back() {
    let weclever = weclever(by_hand()).await;
    let other = receiver(Behaviour::Fine).await;
    let receiver = receiver(Behaviour::Broken { status: 500 }).await;
    let whole = File::new(&weclever.base_url())
        .destination("crm", &receiver.url(), PATIENT_RETRIES)
        .destination("other", &other.url(), PATIENT_RETRIES)
        .route("all", "crm")
        .route("the rest", "other");
    let place = Place::new(&whole);
    let service = place.start_and_read().await;
    for id in 1..=3 {
        weclever.finalize(id, "sold");
    }
    place.until_status("three wait", |status| destination(status, "crm")["pending"] == 3).await;
    service.stop();
    let requests = receiver.tally(|tally| tally.requests);
    receiver.behave(Behaviour::Fine);

    let without_destination =
        File::new(&weclever.base_url()).destination("other", &other.url(), "").route("the rest", "other");
    let without_route = File::new(&weclever.base_url())
        .destination("crm", &receiver.url(), "")
        .destination("other", &other.url(), "")
        .route("another name", "crm")
        .route("the rest", "other");
    for (file, state) in [(without_destination, "not_in_file"), (without_route, "ok")] {
        place.write(&file);
        let service = place.start_and_read().await;
        service.readings(1).await;
        assert_eq!(service.logged("deliveries are parked"), 1, "told at start");
        let status = place.json(&["status"], 1);
        assert_eq!(status["parked"].as_array().unwrap().len(), 1);
        let parked = &status["parked"][0];
        assert_eq!(
            (&parked["destination"], &parked["route"], &parked["pending"]),
            (&"crm".into(), &"all".into(), &3.into())
        );
        assert_eq!(destination(&status, "crm")["state"], state);
        service.stop();
        assert_eq!(receiver.tally(|tally| tally.requests), requests, "parked is not sent");
    }
    place.write(&whole);
    let service = place.start().await;
    accepted(&receiver, 3).await;
    place.until_status("nothing is parked", |status| status["parked"] == Value::Array(Vec::new())).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_moved_or_dropped_beside_the_service_and_without_it() {
    let weclever = weclever(by_hand()).await;
    let broken = receiver(Behaviour::Broken { status: 500 }).await;
    let good = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url())
        .destination("good", &good.url(), "")
        .destination("broken", &broken.url(), PATIENT_RETRIES)
        .destination("useless", &broken.url(), PATIENT_RETRIES)
        .route("first", "broken")
        .route("second", "useless");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=4 {
        weclever.finalize(id, "sold");
    }
    place.until_status("four wait", |status| destination(status, "useless")["pending"] == 4).await;
    assert_eq!(place.json(&["destination", "move", "broken", "good"], 0)["moved"], 4);
    accepted(&good, 4).await;
    assert_eq!(place.run(&["destination", "drop", "useless"]).code, 2, "nobody was there to say yes");
    service.stop();

    assert_eq!(place.json(&["destination", "drop", "useless", "--yes"], 0)["dropped"], 4);
    assert_eq!(place.json(&["destination", "move", "useless", "good"], 0)["moved"], 0);
    for wrong in [["move", "broken", "nobody"], ["move", "nobody", "good"], ["drop", "nobody", "--yes"]] {
        assert_eq!(place.run(&[&["destination"], &wrong[..]].concat()).code, 2, "{wrong:?}");
    }
    let status = place.json(&["status"], 0);
    assert_eq!(destination(&status, "useless")["dropped"], 4);
    assert_eq!(
        (&destination(&status, "broken")["pending"], &destination(&status, "good")["delivered"]),
        (&0.into(), &4.into())
    );
}
