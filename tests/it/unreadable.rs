//! Leads whose details cannot be read: nobody else waits for them, and they end as dead letters at last.

use leadhook::simulator::{Behaviour, Receiver};

use crate::support::*;

fn leads(receiver: &Receiver) -> Vec<u64> {
    receiver.tally(|tally| tally.by_lead.keys().copied().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_lead_holds_up_nobody_and_is_sent_when_it_can_be_read() {
    let api = Api::start().await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&api.base_url()).to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    api.finalize_plain(1, false);
    for id in 2..=20 {
        api.finalize_plain(id, true);
    }
    accepted(&receiver, 19).await;
    // The windows that listed it count as read, again and again.
    service.readings(3).await;
    let status = place.json(&["status"], 0);
    assert_eq!((&status["source"]["set_aside"], &status["source"]["unreadable"]), (&1.into(), &0.into()));
    assert!(status["source"]["gaps"].as_array().unwrap().is_empty());
    assert!(service.logged("details failed, set aside") >= 1);

    // It is on disk: another process goes on with it.
    service.kill();
    api.tell(1, Some(r#"{"lead":{"name":"Ana"}}"#));
    let service = place.start().await;
    accepted(&receiver, 20).await;
    assert_eq!(leads(&receiver), (1..=20).collect::<Vec<_>>());
    receiver.tally(|tally| assert!(tally.repeated().is_empty()));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_given_up_on_only_while_others_can_be_read_and_is_read_again_when_a_person_wants_it() {
    let api = Api::start().await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&api.base_url()).source("give_up_after", "1s").to("crm", &receiver.url(), ""));
    let service = place.start_and_read().await;
    // Nothing can be read: that is the API's fault, and costs no lead its life.
    for id in 1..=3 {
        api.finalize_plain(id, false);
    }
    until("several tries of each", || service.logged("details failed") >= 12).await;
    let status = place.status();
    assert_eq!((&status["source"]["set_aside"], &status["source"]["unreadable"]), (&3.into(), &0.into()));

    // Now others can.
    let (enough, mut id) = (|| service.logged("details given up on") >= 3, 100);
    until("all three are given up on", || {
        id += 1;
        api.finalize_plain(id, true);
        enough()
    })
    .await;
    let status = place.json(&["status"], 1);
    assert_eq!((&status["source"]["set_aside"], &status["source"]["unreadable"]), (&0.into(), &3.into()));
    let letters = place.json(&["dead", "list"], 1);
    assert_eq!(letters["total"], 3);
    assert!(letters["letters"][0]["delivery"].is_null());
    let letter = |lead: u64| {
        let all = letters["letters"].as_array().unwrap();
        all.iter().find(|letter| letter["lead"] == lead).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let shown = place.run(&["dead", "show", &letter(1)]);
    assert!(shown.code == 0 && shown.out.contains("could not be read"), "{}", shown.out);

    for id in 1..=3 {
        api.tell(id, Some(r#"{"lead":{"name":"Ana"}}"#));
    }
    place.json(&["dead", "retry", &letter(1)], 0);
    assert!(receiver.wait_until(|tally| tally.by_lead.contains_key(&1), PATIENCE).await);
    place.json(&["dead", "drop", &letter(2)], 0);
    place.json(&["dead", "retry", "--all"], 0);
    assert!(receiver.wait_until(|tally| tally.by_lead.contains_key(&3), PATIENCE).await);
    service.readings(3).await;
    assert!(!leads(&receiver).contains(&2), "dropped is dropped, though the API still lists it");
    place.until_status("nothing is left", |status| status["source"]["unreadable"] == 0).await;
    service.stop();
}
