//! No secret and no personal data in anything that is logged or shown.

mod everywhere;
mod replaced;

use std::time::Duration;

use leadhook::simulator::{Behaviour, FaultKind, Faults, Options, WeClever};
use serde_json::{Value, json};

use crate::support::*;

/// Written into the file.
const PASSWORD: &str = "pässword:pl4nted@\"'";
const PATH_KEY: &str = "url-path-planted-5501";
const QUERY_KEY: &str = "url-query-planted-5502";
const HEADER_KEY: &str = "header-planted-5503";
const USER: &str = "user-planted-5504";

/// Said by the API.
const PERSON: [&str; 6] = [
    "Zuleica Planted",
    "+55 11 95555-5505",
    "zuleica@planted.example",
    "planted-message-5506",
    "planted-rating-5507",
    "planted-field-5508",
];

async fn scene() -> (WeClever, Place) {
    let options = Options { username: USER.into(), password: PASSWORD.into(), ..by_hand() };
    let weclever = weclever(options).await;
    let file = File::new(&weclever.base_url())
        .source("username", USER)
        .source("password", PASSWORD)
        .source("timeout", "700ms");
    let url = |url: &str| format!("{url}/{PATH_KEY}?key={QUERY_KEY}");
    // It echoes what it was sent, as real ones do, and then everything goes wrong that can.
    let echo = Raw::start(|request, came| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match came % 4 {
            0 => Reply::new(500, "", &body),
            1 => Reply::new(302, &format!("location: http://127.0.0.1:9/{PATH_KEY}\r\n"), &body),
            2 => Reply::new(429, "retry-after: 1\r\n", &body),
            _ => Reply::new(422, "", &body),
        }
    })
    .await;
    let hanging = receiver(Behaviour::Hanging).await;
    let good = receiver(Behaviour::Fine).await;
    let more = format!(
        "secret = {SECRET:?}\nheaders = {{ \"X-Api-Key\" = {HEADER_KEY:?} }}\ntimeout = \"500ms\"\nretry = {{ schedule = [\"50ms\", \"50ms\", \"50ms\"] }}"
    );
    let file = file
        .to("echoing", &url(&echo.url()), &more)
        .to("hanging", &url(&hanging.url()), &more)
        .to("refusing", &url(&nobody().await), &more)
        .to("nowhere", &format!("https://nowhere.invalid/{PATH_KEY}?key={QUERY_KEY}"), &more)
        .to("good", &url(&good.url()), &more);
    // They live as long as the test process, which is not long.
    std::mem::forget((echo, hanging, good));
    (weclever, Place::new(&file))
}

fn plant(weclever: &WeClever, id: u64) {
    weclever.finalize(id, "sold");
    weclever.change(id, "name", PERSON[0]);
    weclever.change(id, "phone", PERSON[1]);
    weclever.change(id, "email", PERSON[2]);
    weclever.change(id, "chats", json!({"messages": [{"id_chat": 1, "body": PERSON[3]}]}));
    weclever.change(id, "csat", json!({"message": "?", "rating": PERSON[4]}));
    weclever.change(id, "unknown", PERSON[5]);
}

#[track_caller]
fn must_not_tell(what: &str, text: &str, more: &[&str]) {
    // Also as they stand in a header or a URL.
    let basic = "dXNlci1wbGFudGVkLTU1MDQ6";
    let secrets =
        [PASSWORD, "pl4nted", PATH_KEY, QUERY_KEY, HEADER_KEY, USER, SECRET, &SECRET[6..], basic, "Zuleica", "95555"];
    for planted in secrets.iter().chain(&PERSON).chain(more) {
        if let Some(line) = text.lines().find(|line| line.contains(planted)) {
            panic!("{what} tells `{planted}`: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_as_text_and_commands_tell_neither_a_secret_nor_anything_about_a_person() {
    tells_nothing("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_as_json_and_commands_tell_neither_a_secret_nor_anything_about_a_person() {
    tells_nothing("json").await;
}

async fn tells_nothing(format: &str) {
    let (weclever, place) = scene().await;
    let service = place.start_with(&["--log-level", "trace", "--log-format", format]);
    service.can_be_asked().await;
    place.all_is_read().await;
    for id in 1..=4 {
        plant(&weclever, id);
    }
    let dead = |status: &Value| {
        ["echoing", "hanging", "refusing", "nowhere"].iter().all(|name| destination(status, name)["dead"] == 4)
    };
    place.until_status("all but the good one have given up", dead).await;
    // The source fails in every way, too, with the person in the broken answers.
    weclever.kill_tokens();
    let faults = Faults {
        stall: Duration::from_secs(2),
        slow: Duration::from_millis(20),
        ..Faults::of(0.6, FaultKind::usual())
    };
    weclever.set_faults(faults);
    for id in 5..=20 {
        plant(&weclever, id);
    }
    until("the API has failed often", || service.logged("details failed") + service.logged("could not be read") >= 8)
        .await;
    let admin = service.notice().unwrap()["token"].as_str().unwrap().to_owned();

    for args in [
        vec!["status"],
        vec!["status", "--json"],
        vec!["dead", "list"],
        vec!["dead", "list", "--json"],
        vec!["check"],
        vec!["check", "--json"],
        vec!["check", "--online", "--log-level", "trace"],
        vec!["destination", "pause", "echoing"],
        vec!["destination", "test", "refusing", "--log-level", "trace"],
        vec!["destination", "test", "nowhere"],
    ] {
        let ran = place.run(&args);
        assert!(!ran.out.is_empty(), "{args:?}: {}", ran.err);
        must_not_tell(&args.join(" "), &(ran.out + &ran.err), &[&admin]);
    }
    let list = place.json(&["dead", "list"], 1);
    for letter in list["letters"].as_array().unwrap() {
        let shown = place.run(&["dead", "show", letter["id"].as_str().unwrap(), "--json"]);
        for secret in [PASSWORD, PATH_KEY, QUERY_KEY, HEADER_KEY, SECRET, &SECRET[6..], &admin] {
            assert!(!shown.out.contains(secret), "{secret} in {}", shown.out);
        }
    }
    let log = service.stop();
    must_not_tell("the log", &log, &[&admin, "wct_"]);
    attempt_lines(&log, format);
}

fn attempt_lines(log: &str, format: &str) {
    if format == "json" {
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let attempts: Vec<&Value> = lines.iter().filter(|line| line["message"] == "attempt").collect();
        assert!(attempts.len() >= 20);
        for attempt in attempts {
            for field in [
                "timestamp",
                "level",
                "destination",
                "lead",
                "event",
                "event_type",
                "route",
                "attempt",
                "outcome",
                "took_ms",
                "next",
            ] {
                assert!(!attempt[field].is_null(), "{field} in {attempt}");
            }
            assert!(attempt["status"].is_u64() != attempt["error"].is_string(), "{attempt}");
        }
    } else {
        let attempts: Vec<&str> = log.lines().filter(|line| line.contains(" attempt destination=")).collect();
        assert!(attempts.len() >= 20);
        for attempt in attempts {
            for field in [
                " lead=",
                " event=evt_",
                " event_type=lead.finalized",
                " route=",
                " attempt=",
                " outcome=",
                " took_ms=",
                " next=",
            ] {
                assert!(attempt.contains(field), "{field} in {attempt}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_destination_echoes_of_its_request_shows_no_secret() {
    let weclever = weclever(by_hand()).await;
    let echo = Raw::start(|request, _| {
        let headers = ["authorization", "x-api-key", "x-tenant"]
            .map(|name| format!("{name}: {}\n", request.headers.get(name).cloned().unwrap_or_default()));
        let body = String::from_utf8_lossy(&request.body).into_owned();
        Reply::new(422, "", &format!("{}\n{}\n{body}", request.line, headers.concat()))
    })
    .await;
    // What is kept of it ends within a secret.
    let long = format!("{:.<2038}literal-token-5511, and more", "");
    let long = Raw::start(move |_, _| Reply::new(422, "", &long)).await;
    let portal = format!("{}/rest/1/code-5514/crm.item.add?api_key=in-url-5515", echo.url());
    let file = File::new(&weclever.base_url())
        .to("portal", &portal, "body = { mail = '{{ lead.email }}', name = '{{ lead.name }}' }")
        .to("bearer", &echo.url(), "auth = { type = 'bearer', token = 'literal-token-5511' }")
        .to("basic", &echo.url(), "auth = { type = 'basic', username = 'u', password = '${PLANTED}' }")
        .to(
            "header",
            &echo.url(),
            "headers = { X-Api-Key = 'literal-key-5513' }\nauth = { type = 'header', name = 'X-Tenant', value = 'q7z' }",
        )
        .to("query", &echo.url(), "auth = { type = 'query', name = 'access', value = 'abc-def_ghi/jkl==' }")
        .to("long", &long.url(), "");
    let place = Place::new(&file).with("PLANTED", "from-outside-5512");
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    let names = ["portal", "bearer", "basic", "header", "query", "long"];
    let all_dead = |status: &Value| names.iter().all(|name| destination(status, name)["dead"] == 1);
    place.until_status("all have refused it", all_dead).await;
    let packed = "dTpmcm9tLW91dHNpZGUtNTUxMg==";
    let must_hide = |what: &str, ran: Ran| {
        for secret in [
            "token-5511",
            "literal-",
            packed,
            "outside-5512",
            "key-5513",
            "q7z",
            "abc-def_ghi",
            "jkl",
            "code-5514",
            "url-5515",
        ] {
            assert!(!ran.out.contains(secret), "{what} tells {secret}: {}", ran.out);
        }
        assert!(ran.out.contains("***"), "{what}: {}", ran.out);
    };
    for json in [&[][..], &["--json"]] {
        for name in names {
            must_hide(name, place.run(&[&["destination", "test", name], json].concat()));
        }
        let explained = place.run(&[&["explain", "1"], json].concat());
        assert!(!explained.out.contains('@'), "a person is told of: {}", explained.out);
        must_hide("explain", explained);
        must_hide("route test", place.run(&[&["route", "test", "--simulated"], json].concat()));
        for letter in place.json(&["dead", "list"], 1)["letters"].as_array().unwrap() {
            must_hide("dead show", place.run(&[&["dead", "show", letter["id"].as_str().unwrap()], json].concat()));
        }
    }
    assert!(echo.requests().iter().any(|request| request.headers.get("x-tenant").is_some_and(|value| value == "q7z")));
    service.stop();
}
