//! `rate_per_contact`: who has had enough waits, alone, and nothing of it is forgotten.

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

fn leads(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["data"]["weclever_lead_id"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_has_had_enough_waits_over_a_restart_and_others_go_on() {
    let weclever = weclever(unrated()).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), "rate_per_contact = '1/1h'"));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&crm, 1).await;
    weclever.finalize(1, "lost");
    weclever.finalize(2, "sold");
    accepted(&crm, 2).await;
    let waits = async || {
        place.until_status("one waits", |status| destination(status, "crm")["pending"] == 1).await;
        // Until then it may be claimed, and next.
        let mut text = String::new();
        until("it waits for its contact", || {
            let explained = place.json(&["explain", "1"], 0);
            let next = explained["next"].as_array().unwrap();
            let there = next.iter().find(|next| next["destination"] == "crm" && next["waits_for"] == "contact");
            text = there.map(|next| next["text"].as_str().unwrap().to_owned()).unwrap_or_default();
            there.is_some()
        })
        .await;
        assert!(text.contains("`rate_per_contact`"), "{text}");
    };
    waits().await;
    service.stop();
    let service = place.start().await;
    weclever.finalize(3, "sold");
    accepted(&crm, 3).await;
    waits().await;
    service.readings(2).await;
    service.stop();
    assert_eq!(leads(&told(&crm)), [1, 2, 3]);

    let text = place.run(&["explain", "1"]);
    assert!(text.out.contains("waits until then"), "{}", text.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_a_contact_is_can_be_said_and_many_at_once_are_no_more_than_the_limit() {
    let weclever = weclever(unrated()).await;
    let crm = receiver(Behaviour::Fine).await;
    let more = "rate_per_contact = { limit = '3/1h', by = '{{ lead.email }}' }\nconcurrency = 8";
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), more));
    place.start_and_read().await.stop();
    for id in 1..=24 {
        weclever.finalize(id, "sold");
        let email = if id % 2 == 0 { "ana@example.com" } else { "bia@example.com" };
        weclever.change(id, "email", if id == 24 { Value::Null } else { email.into() });
    }
    let service = place.start().await;
    // Three of each, and the one whose contact is itself.
    place.until_status("the others wait", |status| destination(status, "crm")["pending"] == 17).await;
    service.readings(2).await;
    let told = leads(&told(&crm));
    let parity = |rest: u64| told.iter().filter(|id| **id % 2 == rest && **id != 24).count();
    assert_eq!((told.len(), parity(0), parity(1)), (7, 3, 3), "{told:?}");
    assert!(told.contains(&24));
    let log = service.stop();
    assert!(!log.contains("example.com"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_several_steps_counts_once() {
    let weclever = weclever(unrated()).await;
    let crm = receiver(Behaviour::Fine).await;
    let more = "rate_per_contact = { limit = '2/1h', by = 'all' }\n[[destinations.crm.steps]]\nname = 'one'\n[[destinations.crm.steps]]\nname = 'two'\n[[destinations.crm.steps]]\nname = 'three'";
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), more));
    let service = place.start_and_read().await;
    for id in 1..=3 {
        weclever.finalize(id, "sold");
    }
    accepted(&crm, 6).await;
    place.until_status("one waits", |status| destination(status, "crm")["delivered"] == 2).await;
    service.readings(2).await;
    service.stop();
    let status = place.status();
    let crm_status = destination(&status, "crm");
    assert_eq!((&crm_status["delivered"], &crm_status["pending"]), (&2.into(), &1.into()));
    assert_eq!(crm.tally(|tally| tally.requests), 6);
}
