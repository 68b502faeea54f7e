//! Routes as operators write them: conditions, bodies, URLs and headers of templates, fields, limits, and what answers mean.

use leadhook::simulator::Behaviour;
use serde_json::{Value, json};

use crate::support::*;

/// A lead that does what it can to break out of wherever it is put.
const HOSTILE: &str = "\"}]\r\nX-Evil: 1\r\n\r\n<!channel> @everyone ../..//?a=b#{{ id }} & \u{0} ☠";

fn details(name: &str, regional: &str, rating: Value) -> String {
    let messages: Vec<Value> = (0..40)
        .map(|i| json!({"id_chat": i, "body": format!("mensagem {i} {}", "x".repeat(200)), "direction": "inbound"}))
        .collect();
    json!({"lead": {
        "name": name, "email": "ana@example.com", "phone": "(11) 98765-4321", "regional": regional,
        "chats": {"messages": messages}, "csat": {"rating": rating, "message": "demorou"}, "unknown": 1.50,
    }})
    .to_string()
}

fn row(id: u64) -> String {
    format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold","client_lead_id":"crm-{id}"}}"#)
}

fn bodies(receiver: &Raw) -> Vec<Value> {
    receiver.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_chooses_and_what_cannot_be_evaluated_does_not_hold() {
    let api = Api::start().await;
    let chat = Raw::start(|_, _| Reply::new(200, "", "ok")).await;
    let all = receiver(Behaviour::Fine).await;
    let file = File::new(&api.base_url())
        .to("all", &all.url(), "")
        .destination("chat", &chat.url(), "body = { text = \"{{ lead.name }} {{ csat.text }}\" }")
        .route_with("low", "on = [\"lead.rated\"]\nwhen = \"csat.low and lead.regional == 'Sudeste'\"", &["chat"])
        .route_with(
            "odd",
            "on = [\"lead.finalized\"]\nwhen = \"lead.nothing >= 4 or lead.csat.rating >= 4\"",
            &["chat"],
        );
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for (id, name, regional, rating) in [
        (1, "Ana", "Sudeste", json!("2")),
        (2, "Bia", "Sudeste", json!("5")),
        (3, "Caio", "Sul", json!("1")),
        (4, "Davi", "Sudeste", json!("quem sabe")),
        (5, "Eva", "Sudeste", json!(null)),
        (6, "Fábio", "Sudeste", json!("1 - Péssimo")),
    ] {
        api.finalize(id, &row(id), Some(&details(name, regional, rating)));
    }
    accepted(&all, 6).await;
    until("two messages in the chat", || chat.requests().len() >= 2).await;
    service.readings(2).await;
    let mut texts: Vec<String> = bodies(&chat).iter().map(|body| body["text"].as_str().unwrap().to_owned()).collect();
    texts.sort();
    assert_eq!(texts, ["Ana 2", "Fábio 1 - Péssimo"]);
    // What could not be told is counted, and said of each lead.
    let doubts = &place.json(&["status"], 0)["doubts"];
    assert_eq!(
        (&doubts["conditions"]["odd"]["times"], &doubts["unreadable_ratings"]),
        (&6.into(), &1.into()),
        "{doubts}"
    );
    assert!(doubts["conditions"]["odd"]["why"].as_str().unwrap().contains("lead.nothing"), "{doubts}");
    let text = place.run(&["status"]).out;
    assert!(text.contains("the condition of `odd` could not be evaluated 6 times"), "{text}");
    assert!(text.contains("1 rating could not be read"), "{text}");
    let story = place.run(&["explain", "1"]).out;
    assert!(story.contains("lead.nothing"), "{story}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_lead_says_breaks_out_of_its_place() {
    let api = Api::start().await;
    let crm = Raw::start(|_, _| Reply::new(200, "", "ok")).await;
    let file = File::new(&api.base_url())
        .destination(
            "json",
            &format!("{}/leads/{{{{ weclever_lead_id }}}}/{{{{ lead.regional }}}}?q={{{{ lead.name }}}}&z=1", crm.url()),
            "method = \"PUT\"\nheaders = { X-Name = \"{{ lead.name }}\" }\n\
             body = { name = \"{{ lead.name }}\", n = \"{{ lead.unknown }}\", list = [1, \"{{ weclever_lead_id }}\"], gone = \"{{ omit }}\", none = \"{{ lead.missing }}\" }",
        )
        .destination(
            "form",
            &format!("{}/form", crm.url()),
            "content_type = \"application/x-www-form-urlencoded\"\nbody = \"name={{ lead.name }}&z=1\"",
        )
        .destination(
            "xml",
            &format!("{}/xml", crm.url()),
            "content_type = \"application/xml\"\nbody = \"<lead name='{{ lead.name }}'>{{ lead.name }}</lead>\"",
        )
        .route_with("all", "on = [\"lead.finalized\"]", &["json", "form", "xml"]);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    api.finalize(7, &row(7), Some(&details(HOSTILE, "a/b?c#d=é", json!(null))));
    until("three requests", || crm.requests().len() >= 3).await;
    // What would lead elsewhere on the host is not sent at all.
    api.finalize(8, &row(8), Some(&details("Ana", "../../admin", json!(null))));
    until("a dead letter", || place.run(&["dead", "list"]).code == 1).await;
    let letter = place.json(&["dead", "list"], 1)["letters"][0].clone();
    assert!(letter["why"] == "unrenderable" && letter["error"].as_str().unwrap().contains("the url"), "{letter}");
    assert!(!crm.requests().iter().any(|request| request.line.contains("admin")));
    service.stop();

    let requests = crm.requests();
    let by = |what: &str| requests.iter().find(|request| request.line.contains(what)).unwrap();
    let json = by("PUT /leads/7/");
    let body: Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(body, json!({"name": HOSTILE, "n": 1.5, "list": [1, 7], "none": null}));
    assert!(!json.headers.contains_key("x-evil"), "{:?}", json.headers);
    let target = json.line.split(' ').nth(1).unwrap();
    assert_eq!(target.matches('/').count(), 3, "{target}");
    assert!(
        target.ends_with("&z=1") && target.matches('?').count() == 1 && target.matches('=').count() == 2,
        "{target}"
    );

    let form = String::from_utf8(by("/form").body.clone()).unwrap();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(pairs, [("name".to_owned(), HOSTILE.to_owned()), ("z".to_owned(), "1".to_owned())]);
    assert_eq!(by("/form").headers["content-type"], "application/x-www-form-urlencoded");

    let xml = String::from_utf8(by("/xml").body.clone()).unwrap();
    assert!(xml.starts_with("<lead name='&quot;") && xml.ends_with("</lead>"), "{xml}");
    assert_eq!((xml.matches('<').count(), xml.contains('\u{0}')), (2, false), "{xml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_keep_everything_else_at_home_and_a_large_body_loses_its_oldest_messages() {
    let api = Api::start().await;
    let (few, thin, cut, small) = (
        Raw::start(|_, _| Reply::new(200, "", "ok")).await,
        Raw::start(|_, _| Reply::new(200, "", "ok")).await,
        Raw::start(|_, _| Reply::new(200, "", "ok")).await,
        Raw::start(|_, _| Reply::new(200, "", "ok")).await,
    );
    let file = File::new(&api.base_url())
        .destination("few", &few.url(), "fields = [\"lead.name\", \"lead.phone\", \"csat\"]")
        .destination("thin", &thin.url(), "payload = \"thin\"")
        .destination("cut", &cut.url(), "max_body = \"4KB\"")
        .destination("small", &small.url(), "max_body = \"4KB\"\nover_max_body = \"dead\"")
        .route_with("few", "on = [\"lead.finalized\"]\nfields = [\"lead.name\", \"lead.email\"]", &["few"])
        .route_with("all", "on = [\"lead.finalized\"]", &["thin", "cut", "small"]);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    api.finalize(7, &row(7), Some(&details("Ana", "Sul", json!("3"))));
    until("three requests", || [&few, &thin, &cut].iter().all(|raw| !raw.requests().is_empty())).await;

    let few = bodies(&few).remove(0);
    assert_eq!(few["data"]["lead"], json!({"name": "Ana"}), "what both allow");
    assert!(few["data"]["csat"].is_null() && few["data"]["weclever_lead_id"] == 7);
    let thin = bodies(&thin).remove(0);
    assert!(thin["data"]["lead"].is_null() && thin["data"]["client_lead_id"] == "crm-7", "{thin}");
    let whole = cut.requests().remove(0).body;
    assert!(whole.len() <= 4_000, "{}", whole.len());
    let cut: Value = serde_json::from_slice(&whole).unwrap();
    let kept = cut["data"]["lead"]["chats"]["messages"].as_array().unwrap();
    assert!(kept.len() > 5 && kept.last().unwrap()["id_chat"] == 39, "{}", kept.len());
    assert_eq!(cut["data"]["cut"]["messages"], 40 - kept.len());

    until("a dead letter", || place.run(&["dead", "list"]).code == 1).await;
    let letters = place.json(&["dead", "list"], 1);
    let letter = &letters["letters"][0];
    assert_eq!((letter["why"].as_str(), small.requests().len()), (Some("too_large"), 0));
    let said = letter["error"].as_str().unwrap();
    assert!(said.contains("over_max_body") && said.contains("4.0 kB"), "{said}");
    let shown = place.json(&["dead", "show", letter["id"].as_str().unwrap()], 0);
    assert_eq!(shown["unsendable"].as_str(), Some(said));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_mean_what_the_file_says() {
    let api = Api::start().await;
    let refused =
        Raw::start(|_, n| Reply::new(200, "", if n == 0 { r#"{"ok": false}"# } else { r#"{"ok": true}"# })).await;
    let there = Raw::start(|_, _| Reply::new(409, "x-code: already\r\n", "")).await;
    let slow = Raw::start(|_, n| Reply::new(if n == 0 { 403 } else { 200 }, "", "slow down, please")).await;
    let gone = Raw::start(|_, _| Reply::new(404, "", "no such hook")).await;
    let quick = "retry = { schedule = [\"100ms\"], jitter = 0 }\n";
    let file = File::new(&api.base_url())
        .destination(
            "refused",
            &refused.url(),
            &format!("{quick}outcomes = [{{ status = 200, json = {{ \"/ok\" = false }}, then = \"retry\" }}]"),
        )
        .destination(
            "there",
            &there.url(),
            "outcomes = [{ status = 409, header = { x-code = \"already\" }, then = \"accept\" }]",
        )
        .destination(
            "slow",
            &slow.url(),
            "outcomes = [{ status = [403, 420], body = \"slow down\", then = \"throttle\", wait = \"200ms\" }, { status = \"4xx\", then = \"give_up\" }]",
        )
        .destination("gone", &gone.url(), "outcomes = [{ status = 404, then = \"disable\" }]")
        .route_with("all", "on = [\"lead.finalized\"]", &["refused", "there", "slow", "gone"]);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    api.finalize(7, &row(7), Some(&details("Ana", "Sul", json!("3"))));
    until("all are settled", || {
        // A disabled destination needs a look: 1.
        let status: Value = serde_json::from_str(&place.run(&["status", "--json"]).out).unwrap();
        let delivered = |name: &str| destination(&status, name)["delivered"] == 1;
        delivered("refused")
            && delivered("there")
            && delivered("slow")
            && destination(&status, "gone")["state"] == "disabled"
    })
    .await;
    assert_eq!((refused.requests().len(), slow.requests().len(), gone.requests().len()), (2, 2, 1));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_made_is_a_dead_letter_that_says_how_to_mend_it() {
    let api = Api::start().await;
    let crm = receiver(Behaviour::Fine).await;
    let broken = "body = { n = \"{{ 1 if lead.name > 5 else 0 }}\" }";
    let file = |more: &str| File::new(&api.base_url()).to("crm", &crm.url(), more);
    let place = Place::new(&file(broken));
    let service = place.start_and_read().await;
    api.finalize(7, &row(7), Some(&details("Ana", "Sul", json!("3"))));
    until("a dead letter", || place.run(&["dead", "list"]).code == 1).await;
    let letter = place.json(&["dead", "list"], 1)["letters"][0].clone();
    assert_eq!(letter["why"], "unrenderable");
    let said = letter["error"].as_str().unwrap();
    assert!(said.contains("the body") && said.contains("route test") && !said.contains("Ana"), "{said}");
    service.stop();

    place.write(&file("body = { n = \"{{ lead.name }}\" }"));
    let service = place.start_and_read().await;
    place.json(&["dead", "retry", "--all"], 0);
    accepted(&crm, 1).await;
    service.stop();
}
