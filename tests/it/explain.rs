//! A lead's whole story, beside the service and without it.

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

/// The story, which must be the same as JSON with this exit code, and as text.
#[track_caller]
fn told(place: &Place, lead: u64, code: i32) -> (Value, String) {
    let lead = lead.to_string();
    let json = place.json(&["explain", &lead], code);
    let text = place.run(&["explain", &lead]);
    assert_eq!(text.code, code, "{}{}", text.out, text.err);
    (json, text.out)
}

/// Whether these stand in the text, in this order.
#[track_caller]
fn holds_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` is not where it should be in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_was_delivered_at_once_later_and_never() {
    let weclever = weclever(by_hand()).await;
    let good = receiver(Behaviour::Fine).await;
    let shaky = receiver(Behaviour::Scripted(vec![500])).await;
    let refusing = receiver(Behaviour::Broken { status: 422 }).await;
    let retry = r#"retry = { schedule = ["20ms", "20ms"], jitter = 0 }"#;
    let file = File::new(&weclever.base_url())
        .to("good", &good.url(), "")
        .to("shaky", &shaky.url(), retry)
        .to("refusing", &refusing.url(), retry)
        .route("another for good", "good")
        .route_on("ratings", &["lead.rated"], "good");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.rate(77, "xyzzy");
    weclever.finalize(77, "sold");
    accepted(&good, 2).await;
    accepted(&shaky, 1).await;
    place.until_status("one is dead", |status| destination(status, "refusing")["dead"] == 1).await;
    place.until_status("one is delivered", |status| destination(status, "shaky")["delivered"] == 1).await;

    let (json, text) = told(&place, 77, 1);
    let event = &json["story"]["events"][0];
    let id = event["kept"]["id"].as_str().unwrap();
    assert_eq!((&event["event_type"], &event["revision"]), (&"lead.finalized".into(), &1.into()));
    let deliveries = event["deliveries"].as_array().unwrap();
    let of = |name: &str| deliveries.iter().find(|d| d["destination"] == name).unwrap();
    assert_eq!((&of("good")["state"], &of("good")["tries"]), (&"delivered".into(), &1.into()));
    assert_eq!((&of("shaky")["state"], &of("shaky")["tries"]), (&"delivered".into(), &2.into()));
    assert_eq!(of("shaky")["attempts"][0]["status"], 500);
    let letter = of("refusing")["dead_letter"].as_str().unwrap();
    assert_eq!(place.json(&["dead", "show", letter], 0)["letter"]["lead"], 77);
    assert_eq!(event["kept"]["said"][3]["verdict"], "first_route_won");
    assert_eq!((json["running"].as_bool(), json["next"].as_array().unwrap().len()), (Some(true), 1));

    holds_in_order(&text, &["lead 77 of platform demo", "status `sold`", "America/Sao_Paulo"]);
    holds_in_order(&text, &["first listed", &format!("event 1: lead.finalized {id}, live"), "route `good`: yes"]);
    holds_in_order(&text, &["route `another for good`: no", "good gets it by route `good`"]);
    holds_in_order(
        &text,
        &["event 1: ", "route `ratings`: no, it takes other events", "event 2: ", "route `ratings`: yes"],
    );
    holds_in_order(
        &text,
        &["event 2: lead.rated", "rating unreadable", "\"xyzzy\"", "event 2 to good, attempt 1: HTTP 2"],
    );
    holds_in_order(&text, &["event 1 to shaky, attempt 1: HTTP 500", "event 1 to shaky, attempt 2: HTTP 2"]);
    holds_in_order(&text, &["event 1 to refusing, attempt 1: HTTP 422", "given up on, refused for good", letter]);
    holds_in_order(
        &text,
        &["what is next", &format!("event 1 to refusing: not sent again before `leadhook dead retry {letter}`")],
    );
    let api = place.run(&["explain", "77", "--json"]);
    for (what, out) in [("text", &text), ("json", &api.out)] {
        for private in ["name", "phone", "email", "messages"] {
            assert!(!out.contains(private), "{what} tells the lead's {private}: {out}");
        }
    }

    // Without the service it is the same.
    service.stop();
    let (alone, _) = told(&place, 77, 1);
    assert_eq!((&alone["story"], alone["running"].as_bool()), (&json["story"], Some(false)));
    // That somebody had it sent again stays told, whatever comes of it.
    place.json(&["dead", "retry", "--all"], 0);
    let (_, text) = told(&place, 77, 0);
    holds_in_order(
        &text,
        &["event 1 to refusing, attempt 1: HTTP 422", "refusing: sent again by a person", "what is next"],
    );
    place.run(&["run", "--once"]);
    let again = ["refusing, attempt 1: ", "sent again by a person", "refusing, attempt 2: ", "given up on"];
    holds_in_order(&told(&place, 77, 1).1, &again);
    place.json(&["dead", "drop", "--all"], 0);
    let (_, text) = told(&place, 77, 0);
    holds_in_order(
        &text,
        &["sent again by a person", "event 1 to refusing: dropped by a person", "what is next", "all is settled"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_waits_says_for_what_and_until_when() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Broken { status: 500 }).await;
    let retry = r#"retry = { schedule = ["1h"], jitter = 0 }"#;
    let file = File::new(&weclever.base_url());
    let both = ["lead.finalized", "lead.rated"];
    let place = Place::new(&file.clone().destination("crm", &crm.url(), retry).route_on("crm", &both, "crm"));
    let service = place.start_and_read().await;
    weclever.rate(1, "2");
    weclever.finalize(1, "sold");
    assert!(crm.wait_until(|tally| tally.requests >= 1, PATIENCE).await);
    place.until_status("it was answered", |status| !destination(status, "crm")["trouble"].is_null()).await;

    let next = |json: &Value| json["next"][0].clone();
    let (json, text) = told(&place, 1, 0);
    assert_eq!(next(&json)["waits_for"], "time");
    let due: jiff::Timestamp = next(&json)["at"].as_str().unwrap().parse().unwrap();
    let left = due.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3_000..=3_600).contains(&left), "{left}");
    holds_in_order(
        &text,
        &["what is next", "event 1 to crm", "(in 59m", "attempt 2", "if it fails, it is a dead letter"],
    );
    // What comes after it has to wait for it.
    let first = json["story"]["events"][0]["kept"]["id"].as_str().unwrap();
    assert_eq!((&json["next"][1]["waits_for"], &json["next"][1]["at"]), (&"earlier_event".into(), &Value::Null));
    holds_in_order(&text, &["rating 2, low", "what is next", &format!("event 2 to crm: goes there after {first}")]);

    place.json(&["destination", "pause", "crm"], 0);
    let (json, text) = told(&place, 1, 0);
    assert_eq!(next(&json)["waits_for"], "paused");
    holds_in_order(&text, &["what is next", "paused by hand until `leadhook destination resume crm`"]);
    place.json(&["destination", "resume", "crm"], 0);
    service.stop();
    let (json, text) = told(&place, 1, 0);
    assert_eq!(next(&json)["waits_for"], "service");
    holds_in_order(&text, &["what is next", "if `leadhook run` runs then"]);

    // The route has another name now, then the destination is gone.
    let renamed = file.clone().destination("crm", &crm.url(), retry).route("renamed", "crm");
    let gone = file.to("other", &crm.url(), "");
    for (file, missing) in [(renamed, "route `crm` has left the file"), (gone, "destination `crm` has left the file")] {
        place.write(&file);
        let (json, text) = told(&place, 1, 1);
        assert_eq!(next(&json)["waits_for"], "parked");
        holds_in_order(&text, &["what is next", "event 1 to crm: parked", missing, "leadhook destination move"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_asks_for_patience_fails_or_is_gone_is_what_a_lead_waits_for() {
    let weclever = weclever(by_hand()).await;
    let asking = Raw::start(|_, _| Reply::new(429, "retry-after: 3000\r\n", "")).await;
    let gone = receiver(Behaviour::Broken { status: 410 }).await;
    let hanging = receiver(Behaviour::Hanging).await;
    let file = File::new(&weclever.base_url()).to("asking", &asking.url(), "").to("gone", &gone.url(), "").to(
        "hanging",
        &hanging.url(),
        "timeout = \"60s\"",
    );
    let place = Place::new(&file);
    let mut service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    place
        .until_status("each said its word", |status| {
            destination(status, "asking")["state"] == "waiting" && destination(status, "gone")["state"] == "disabled"
        })
        .await;
    assert!(hanging.wait_until(|tally| tally.open == 1, PATIENCE).await);
    let (json, text) = told(&place, 1, 1);
    let next = json["next"].as_array().unwrap();
    let waits_for = |name: &str| next.iter().find(|next| next["destination"] == name).unwrap()["waits_for"].clone();
    assert_eq!(["asking", "gone", "hanging"].map(waits_for), ["pause", "disabled", "answer"]);
    holds_in_order(&text, &["what is next", "to asking: ", "(in 49m", "asked to be left alone", "to gone", "410 Gone"]);
    holds_in_order(&text, &["event 1 to asking, attempt 1: HTTP 429", "throttled, not counted"]);
    service.signal("TERM");
    service.signal("TERM");
    service.ends(PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_was_there_before_one_that_cannot_be_read_and_one_that_nobody_knows() {
    let api = Api::start().await;
    let crm = receiver(Behaviour::Fine).await;
    api.finalize_plain(1, true);
    let place = Place::new(&File::new(&api.base_url()).source("give_up_after", "1s").to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    let (json, text) = told(&place, 1, 0);
    assert_eq!((&json["story"]["stage"], json["story"]["events"].as_array().unwrap().len()), (&"baseline".into(), 0));
    holds_in_order(&text, &["was there before leadhook began", "first listed", "what is next", "reconcile --fix"]);

    api.finalize_plain(2, false);
    until("it was set aside", || service.logged("details failed, set aside") >= 1).await;
    let (json, text) = told(&place, 2, 0);
    assert_eq!(json["story"]["stage"], "set_aside");
    assert!(json["story"]["reading"]["attempts"].as_u64().unwrap() >= 1 && json["next"][0]["waits_for"] == "time");
    holds_in_order(&text, &["its details are still to be read", "status 500", "what is next", "read again"]);
    let mut id = 100;
    until("it is given up on", || {
        id += 1;
        api.finalize_plain(id, true);
        service.logged("details given up on") >= 1
    })
    .await;
    let (json, text) = told(&place, 2, 1);
    let letter = json["story"]["reading"]["dead_letter"].as_str().unwrap();
    assert_eq!(place.json(&["dead", "list"], 1)["letters"][0]["id"], letter);
    holds_in_order(&text, &["could not be read", "given up on: dead letter", "what is next", "leadhook dead retry"]);

    for round in ["beside the service", "without it"] {
        let (json, text) = told(&place, 999_999_999, 1);
        assert!(json["story"].is_null(), "{round}");
        holds_in_order(&text, &["lead 999999999 of platform demo was never listed", "the list was last read at"]);
        holds_in_order(&text, &["nothing that was finalized before", "leadhook reconcile --from", "weclever_lead_id"]);
        if round == "beside the service" {
            service.signal("TERM");
            until("it has ended", || !place.path("data/admin.json").exists()).await;
        }
    }
    drop(service);
    // Another platform's lead is not this one's.
    place.write(&File::new(&api.base_url()).source("platform_id", "another").to("crm", &crm.url(), ""));
    let (_, text) = told(&place, 1, 1);
    holds_in_order(
        &text,
        &["never listed", "platform `demo` knows a lead of this number", "platform_id = \"another\""],
    );
    for wrong in ["abc", "-1", "99999999999999999999999"] {
        assert_eq!(place.run(&["explain", wrong]).code, 2);
    }
}
