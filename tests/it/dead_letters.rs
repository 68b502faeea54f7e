//! Dead letters by the commands, beside a running service and without one.

use leadhook::simulator::{Behaviour, Receiver, WeClever};
use serde_json::Value;

use crate::support::*;

const KEY: &str = "header-key-7f3a";

/// Five leads that nobody took: refused by `crm`, failed at `chat`.
struct Scene {
    _weclever: WeClever,
    crm: Receiver,
    chat: Receiver,
    place: Place,
    service: Option<Service>,
}

impl Scene {
    async fn new() -> Scene {
        let weclever = weclever(by_hand()).await;
        let crm = receiver(Behaviour::Broken { status: 422 }).await;
        let chat = receiver(Behaviour::Broken { status: 500 }).await;
        let more = format!(
            "secret = {SECRET:?}\nheaders = {{ \"X-Api-Key\" = {KEY:?} }}\nretry = {{ schedule = [\"20ms\"] }}"
        );
        let file = File::new(&weclever.base_url()).to("crm", &format!("{}/path-key-9c1b", crm.url()), &more).to(
            "chat",
            &chat.url(),
            "retry = { schedule = [\"20ms\", \"20ms\"] }",
        );
        let place = Place::new(&file);
        let service = place.start_and_read().await;
        for id in 1..=5 {
            weclever.finalize(id, "sold");
        }
        let all_dead = |status: &Value| ["crm", "chat"].iter().all(|name| destination(status, name)["dead"] == 5);
        place.until_status("all are dead", all_dead).await;
        crm.behave(Behaviour::Fine);
        chat.behave(Behaviour::Fine);
        Scene { _weclever: weclever, crm, chat, place, service: Some(service) }
    }

    fn stop(&mut self) {
        self.service.take().unwrap().stop();
    }

    fn letters(&self, which: &[&str]) -> Vec<Value> {
        let ran = self.place.run(&[&["dead", "list", "--json"], which].concat());
        let list: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(ran.code, if list["total"] == 0 { 0 } else { 1 });
        list["letters"].as_array().unwrap().clone()
    }

    fn id_for(&self, destination: &str, lead: u64) -> String {
        let letters = self.letters(&["--destination", destination]);
        letters.iter().find(|letter| letter["lead"] == lead).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

fn done(decided: &Value) -> usize {
    decided["done"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_shown_with_their_attempts_and_the_request_without_its_secrets() {
    let mut scene = Scene::new().await;
    let alive = scene.letters(&[]);
    let id = scene.id_for("crm", 3);
    let shown = scene.place.json(&["dead", "show", &id], 0);
    scene.stop();
    assert_eq!(scene.letters(&[]), alive, "the same without the service");
    assert_eq!(scene.place.json(&["dead", "show", &id], 0)["attempts"], shown["attempts"]);
    assert_eq!(alive.len(), 10);
    assert_eq!(scene.letters(&["--destination", "chat"]).len(), 5);
    assert_eq!(scene.letters(&["--error", "422"]).len(), 5);
    assert_eq!(scene.letters(&["--since", "1h"]).len(), 10);
    assert_eq!(scene.letters(&["--limit", "3"]).len(), 3);

    let table = scene.place.run(&["dead", "list"]);
    assert_eq!(table.code, 1);
    assert!(table.out.contains(&id) && table.out.contains("crm") && table.out.contains("422"), "{}", table.out);

    assert_eq!(shown["letter"]["delivery"]["event_type"], "lead.finalized");
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 1);
    assert_eq!((&shown["attempts"][0]["status"], &shown["attempts"][0]["outcome"]), (&422.into(), &"given_up".into()));
    assert!(shown["attempts"][0]["answer"].as_str().unwrap().contains("422"));
    let request = &shown["request"];
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["data"]["weclever_lead_id"], 3);
    let headers = request["headers"].to_string().to_lowercase();
    assert!(headers.contains("webhook-id") && headers.contains("x-api-key"), "{headers}");

    let text = scene.place.run(&["dead", "show", &id]);
    let event = shown["letter"]["delivery"]["event_id"].as_str().unwrap();
    assert_eq!(text.code, 0);
    assert!(
        text.out.contains("HTTP 422") && text.out.contains(event) && text.out.contains("POST http://"),
        "{}",
        text.out
    );
    for secret in [KEY, SECRET, "path-key-9c1b"] {
        assert!(!text.out.contains(secret) && !shown.to_string().contains(secret) && !table.out.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_sent_again_beside_the_service_by_id_destination_error_age_and_all() {
    let mut scene = Scene::new().await;
    let place = &scene.place;
    let id = scene.id_for("crm", 3);
    assert_eq!(done(&place.json(&["dead", "retry", &id], 0)), 1);
    accepted(&scene.crm, 1).await;
    scene.crm.tally(|tally| assert!(tally.by_lead.contains_key(&3) && tally.bad == 0));
    assert_eq!(done(&place.json(&["dead", "retry", "--destination", "crm", "--error", "500"], 0)), 0);
    assert_eq!(done(&place.json(&["dead", "retry", "--error", "422"], 0)), 4);
    accepted(&scene.crm, 5).await;
    // By its event's id it is meant wherever it died.
    let event = scene.letters(&["--destination", "chat"])[0]["delivery"]["event_id"].as_str().unwrap().to_owned();
    assert_eq!(done(&place.json(&["dead", "retry", &event], 0)), 1);
    assert_eq!(done(&place.json(&["dead", "retry", "--destination", "chat", "--since", "1h"], 0)), 4);
    accepted(&scene.chat, 5).await;
    assert_eq!(done(&place.json(&["dead", "retry", "--all"], 0)), 0);
    let settled = |status: &Value| {
        ["crm", "chat"].iter().all(|name| {
            let destination = destination(status, name);
            destination["delivered"] == 5 && destination["dead"] == 0 && destination["pending"] == 0
        })
    };
    place.until_status("all are delivered", settled).await;
    assert!(scene.letters(&[]).is_empty());
    scene.crm.tally(|tally| assert!(tally.repeated().is_empty()));
    scene.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_retried_and_dropped_without_the_service() {
    let mut scene = Scene::new().await;
    scene.stop();
    let place = &scene.place;
    let (retried, dropped) = (scene.id_for("crm", 1), scene.id_for("crm", 2));
    let said = place.run(&["dead", "retry", &retried]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("by the next `leadhook run`"), "{}", said.out);
    assert_eq!(done(&place.json(&["dead", "drop", &dropped], 0)), 1);
    assert_eq!(done(&place.json(&["dead", "drop", "--destination", "chat"], 0)), 5);
    assert_eq!(scene.letters(&[]).len(), 3);
    let status = place.status();
    assert_eq!(destination(&status, "chat")["dropped"], 5);
    assert_eq!((&destination(&status, "crm")["pending"], &destination(&status, "crm")["dead"]), (&1.into(), &3.into()));

    let once = place.json(&["run", "--once"], 0);
    assert_eq!((&once["delivered"], &once["dead"]), (&1.into(), &0.into()));
    scene.crm.tally(|tally| assert_eq!(tally.by_lead.keys().copied().collect::<Vec<_>>(), [1]));
    assert_eq!(scene.chat.tally(|tally| tally.accepted), 0);
    assert_eq!(done(&place.json(&["dead", "drop", "--all"], 0)), 3);
    assert_eq!(place.run(&["dead", "list"]).code, 0);
    assert_eq!(place.json(&["status"], 0)["needs_a_look"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_and_nothing_chosen_are_wrong_usage_and_change_nothing() {
    let mut scene = Scene::new().await;
    for round in ["beside the service", "without it"] {
        for args in [
            vec!["dead", "show", "dead_nothing"],
            vec!["dead", "retry", "dead_nothing"],
            vec!["dead", "drop", "dead_nothing"],
            vec!["dead", "list", "--destination", "nobody"],
            vec!["dead", "retry", "--destination", "nobody"],
            vec!["dead", "drop", "--destination", "nobody"],
            vec!["dead", "retry"],
            vec!["dead", "drop"],
            vec!["dead", "list", "--since", "yesterday"],
            vec!["dead"],
        ] {
            let ran = scene.place.run(&args);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{round}: {args:?}: {}", ran.err);
            assert!(!ran.err.is_empty());
        }
        assert_eq!(scene.letters(&[]).len(), 10);
        if scene.service.is_some() {
            scene.stop();
        }
    }
}
