//! Tokens that end: had, renewed, rotated, lost, refused, and had again by signing in.

mod kills;
mod sign_in;
mod vendor;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::*;
use vendor::{CLIENT, GIVEN, SECRET_OF_CLIENT, Vendor};

/// One attempt, and no other: what counts is dead.
const ONE_ATTEMPT: &str = "retry = { schedule = [] }\n";

const OWN: &str = ", scope = \"leads\", client_auth = \"basic\", token_params = { audience = \"crm\" }";

/// Nothing that anyone is shown holds a token, a code or a secret.
#[track_caller]
fn tells_no_secret(what: &str, text: &str) {
    for planted in [GIVEN, SECRET_OF_CLIENT, "Y2xpZW50LXBsYW50ZWQtNzcwMT"] {
        if let Some(line) = text.lines().find(|line| line.contains(planted)) {
            panic!("{what} tells `{planted}`: {line}");
        }
    }
}

fn looks(status: &Value) -> String {
    status["needs_a_look"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_applications_own_token_is_asked_for_once_and_shown_nowhere() {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    let more = vendor.auth(OWN) + ONE_ATTEMPT + "concurrency = 64";
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &vendor.crm(), &more));
    vendor.state().slow = Duration::from_millis(300);

    let service = place.start_with(&["--log-level", "trace"]);
    service.can_be_asked().await;
    place.all_is_read().await;
    for id in 1..=50 {
        weclever.finalize(id, "sold");
    }
    vendor.took(50).await;
    let asked = vendor.raw.requests();
    let token = asked.iter().find(|request| request.line == "POST /token").expect("a request for a token");
    assert_eq!(String::from_utf8_lossy(&token.body), "grant_type=client_credentials&scope=leads&audience=crm");
    let (asked, refused) = vendor.counts();
    assert_eq!((asked, refused), (1, 0), "one for all who wait");
    place.until_status("all are delivered", |status| destination(status, "crm")["delivered"] == 50).await;

    let status = place.json(&["status"], 0);
    let token = &destination(&status, "crm")["token"];
    assert_eq!((&token["has_token"], &token["trouble"]), (&json!(true), &Value::Null));
    for args in [
        &["explain", "1"][..],
        &["explain", "1", "--json"],
        &["status", "--json"],
        &["auth", "crm"],
        &["auth", "crm", "--status", "--json"],
        &["check", "--online"],
        &["destination", "test", "crm"],
        &["destination", "test", "crm", "--json"],
        &["route", "test", "--simulated"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        tells_no_secret(&format!("{args:?}"), &format!("{}{}", ran.out, ran.err));
    }
    let shown = place.run(&["route", "test", "--simulated"]).out;
    assert!(shown.contains("authorization: Bearer ***"), "{shown}");
    assert_eq!(vendor.state().asked, 1, "the commands use the service's");
    vendor.took(52).await;
    tells_no_secret("the log", &service.stop());
    // On disk: the next run asks for none.
    weclever.finalize(51, "sold");
    let service = place.start().await;
    vendor.took(53).await;
    assert_eq!(vendor.state().asked, 1);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_renewed_within_the_attempt() {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    let given = vendor.give_refresh();
    let more = vendor.by_hand(&format!(", encoding = \"json\", refresh_token = {given:?}")) + ONE_ATTEMPT;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &vendor.crm(), &more));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    vendor.took(1).await;
    // Revoked, long before its end.
    vendor.state().access.clear();
    for id in 2..=9 {
        weclever.finalize(id, "sold");
    }
    vendor.took(9).await;
    assert_eq!(vendor.state().grants, ["refresh_token", "refresh_token"]);
    place.until_status("none died", |status| destination(status, "crm")["delivered"] == 9).await;
    let story = place.json(&["explain", "2"], 0).to_string();
    tells_no_secret("the story", &story);
    // Renewed a moment ago: then the answer counts as it stands, and the vendor is not asked in a storm.
    vendor.state().access.clear();
    weclever.finalize(10, "sold");
    place.until_status("the refusal counts", |status| destination(status, "crm")["dead"] == 1).await;
    assert_eq!(vendor.state().asked, 2);
    tells_no_secret("the dead letter", &place.run(&["dead", "list", "--json"]).out);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_ahead_of_its_end_and_rotation_is_kept_up_with() {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    let given = vendor.give_refresh();
    vendor.state().lives = Some(12);
    let more = vendor.by_hand(&format!(", refresh_token = {given:?}")) + ONE_ATTEMPT;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &vendor.crm(), &more));
    let service = place.start_and_read().await;
    let mut id = 0;
    until("the second renewal", || {
        id += 1;
        weclever.finalize(id, "sold");
        vendor.state().grants.len() >= 3
    })
    .await;
    vendor.took(id as usize).await;
    assert_eq!(vendor.state().refused, 0, "no request went out with a token that had ended");
    // Its server forgets the newest: the one before is tried.
    service.stop();
    let before = vendor.give_refresh();
    vendor.state().refresh = vec![before.clone()];
    let file = File::new(&weclever.base_url());
    let anew = vendor.by_hand(&format!(", refresh_token = {before:?}")) + ONE_ATTEMPT;
    place.write(&file.to("crm", &vendor.crm(), &anew));
    vendor.state().access.clear();
    let service = place.start().await;
    weclever.finalize(id + 1, "sold");
    vendor.took(id as usize + 1).await;
    // `before` was used, and another came: which is lost now, as after a restore of the vendor's backup.
    {
        let mut state = vendor.state();
        state.refresh = vec![before];
        state.access.clear();
    }
    service.stop();
    let service = place.start().await;
    weclever.finalize(id + 2, "sold");
    vendor.took(id as usize + 2).await;
    place.until_status("none died", |status| destination(status, "crm")["dead"] == 0).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_token_is_to_be_had_deliveries_wait_and_nothing_counts() {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    let file = File::new(&weclever.base_url());
    let place = Place::new(&file.to("crm", &vendor.crm(), &(vendor.auth("") + ONE_ATTEMPT)));
    vendor.state().instead = Some((503, r#"{"error":"temporarily_unavailable"}"#));
    let service = place.start_and_read().await;
    for id in 1..=5 {
        weclever.finalize(id, "sold");
    }
    until("it was asked thrice", || vendor.state().asked >= 3).await;
    let status = place.json(&["status"], 1);
    let crm = destination(&status, "crm");
    assert_eq!((&crm["pending"], &crm["dead"]), (&json!(5), &json!(0)));
    assert!(crm["trouble"]["error"].as_str().unwrap().starts_with("no token: http://127.0.0.1:"), "{crm}");
    assert!(
        looks(&status).contains("crm has no token, and its deliveries wait") && looks(&status).contains("HTTP 503")
    );
    assert_eq!(place.run(&["auth", "crm"]).code, 69);
    assert_eq!(place.run(&["check", "--online"]).code, 1);
    let tested = place.json(&["destination", "test", "crm"], 1);
    assert!(tested["error"].as_str().unwrap().starts_with("no token: "), "{tested}");
    assert!(vendor.state().took.is_empty() && vendor.state().refused == 0, "nothing is sent without a token");
    vendor.state().instead = None;
    vendor.took(5).await;
    place.until_status("nothing needs a look", |status| status["needs_a_look"] == json!([])).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_destinations_share_one_token_and_another_account_has_its_own() {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    let given = vendor.give_refresh();
    let file = File::new(&weclever.base_url())
        .to("one", &vendor.crm(), &vendor.by_hand(&format!(", refresh_token = {given:?}")))
        .to("two", &vendor.crm(), &vendor.by_hand(""))
        .to("three", &vendor.crm(), &(vendor.by_hand(", account = \"other\"") + ONE_ATTEMPT));
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=10 {
        weclever.finalize(id, "sold");
    }
    vendor.took(20).await;
    assert_eq!(vendor.state().asked, 1);
    let status = place.status();
    assert_eq!(destination(&status, "one")["token"]["shared_with"], json!(["two"]));
    assert!(
        looks(&status).contains("three has no token") && looks(&status).contains("`leadhook auth three`"),
        "{status:#}"
    );
    assert_eq!(destination(&status, "three")["dead"], 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_answer_may_say_where_to_send() {
    let (weclever, vendor) = (weclever(by_hand()).await, Vendor::start().await);
    vendor.state().more = json!({"instance_url": vendor.raw.url()});
    let auth = vendor.auth(", base_url_at = \"/instance_url\", scheme = \"Zoho-oauthtoken\"") + ONE_ATTEMPT;
    // Nobody listens where the file says.
    let url = nobody().await.replace("/hook", "/crm/v1/leads");
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &url, &auth));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    vendor.took(1).await;
    let requests = vendor.raw.requests();
    let sent = requests.iter().find(|request| request.line == "POST /crm/v1/leads").expect("the file's path");
    assert!(sent.headers["authorization"].starts_with("Zoho-oauthtoken planted"));
    service.stop();
    // Not in the open, to somewhere else.
    vendor.state().more = json!({"instance_url": "http://crm.example.com"});
    vendor.state().access.clear();
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &url, &auth));
    let tested = place.json(&["destination", "test", "crm"], 1);
    assert!(tested["error"].as_str().unwrap().contains("does not begin with https://"), "{tested}");
    assert_eq!(tested["outcome"].to_string(), r#"{"throttled":null}"#);
    assert!(!tested.to_string().contains(CLIENT));
}
