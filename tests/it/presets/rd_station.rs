//! `rd-station` and `rd-station-conversion`

use serde_json::{Value, json};

use super::crm::{Answer, answer};
use super::crm::{CLIENT_ID, CLIENT_SECRET, Call, Crm, Fault, Story, Tokens, shown};
use super::leads;
use super::stage::*;
use crate::support::*;

const EVENTS: &str = "/platform/events?event_type=chat_finished";
const CONVERSIONS: &str = "/platform/conversions";
const TOKEN: &str = "auth = { type = \"bearer\", token = \"access-token-1\" }";
const KEY: &str = "auth = { type = \"query\", name = \"api_key\", value = \"api-key-1\" }\nsettings = { conversion_identifier = \"atendimento\" }";

fn refused(status: u16, kind: &str, path: &str) -> Said {
    let body = json!({"errors": [{"error_type": kind, "error_message": "said so", "path": path}]});
    said(status, "", body.to_string())
}

/// developers.rdstation.com: chat events, with an OAuth token.
pub fn events(request: &Request) -> Said {
    if request.line != format!("POST {EVENTS}") {
        return refused(404, "RESOURCE_NOT_FOUND", "$");
    }
    if request.headers.get("authorization").is_none_or(|it| it != "Bearer access-token-1") {
        return refused(401, "UNAUTHORIZED", "$");
    }
    checked(request, "CHAT_FINISHED", &["chat_subject", "cf_chat_status", "cf_chat_transcript_message"])
}

/// developers.rdstation.com: conversions, with an API key.
pub fn conversions(request: &Request) -> Said {
    if request.line != format!("POST {CONVERSIONS}?api_key=api-key-1") {
        return refused(401, "UNAUTHORIZED", "$");
    }
    checked(request, "CONVERSION", &["conversion_identifier"])
}

fn checked(request: &Request, event_type: &str, required: &[&str]) -> Said {
    let Some(body) = object(request) else { return refused(400, "BAD_REQUEST", "$") };
    // 0.2 Mb, the smaller way to read it.
    if request.body.len() > 200_000 {
        return refused(413, "PAYLOAD_TOO_LARGE", "$");
    }
    if body["event_type"] != event_type {
        return refused(400, "INVALID_OPTION", "$.event_type");
    }
    if body["event_family"] != "CDP" {
        return refused(400, "INVALID_OPTION", "$.event_family");
    }
    let payload = &body["payload"];
    let filled = |key: &str| payload[key].as_str().is_some_and(|text| !text.trim().is_empty());
    for key in required {
        if !filled(key) {
            return refused(400, "CANNOT_BE_BLANK", key);
        }
    }
    if !filled("email") && !filled("phone") {
        return refused(400, "CANNOT_BE_NULL", "$.payload.email");
    }
    for (key, value) in payload.as_object().unwrap() {
        let fits = if key == "legal_bases" { legal_bases(value) } else { value.is_string() };
        if !fits {
            return refused(400, "INVALID_FORMAT", key);
        }
    }
    said(200, "", r#"{"event_uuid":"5408c5a3-4711-4f2e-8d0b-13407a3e30f3"}"#)
}

fn legal_bases(value: &Value) -> bool {
    let types = [
        "pre_existent_contract",
        "consent",
        "legitimate_interest",
        "judicial_process",
        "vital_interest",
        "public_interest",
    ];
    value.as_array().is_some_and(|all| {
        all.iter().all(|basis| {
            basis["category"] == "communications"
                && types.iter().any(|it| basis["type"] == *it)
                && ["granted", "declined"].iter().any(|it| basis["status"] == *it)
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_an_event_with_its_transcript_and_legal_basis() {
    let (api, rd) = (Api::start().await, StandIn::start(events, vec![]).await);
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let keys = format!("{TOKEN}\nsettings = {{ legal_basis = \"legitimate_interest\" }}");
    let place = Wiring::new(&api).to("rd-station", "rd", &rd.url(EVENTS), &keys, &["lead.finalized"]).run("4s");
    assert_eq!(fate(&place.status(), "rd"), Fate::Delivered);
    rd.is_content(events);
    let mut body = rd.bodies().remove(0);
    let transcript = body["payload"].as_object_mut().unwrap().remove("cf_chat_transcript_message").unwrap();
    let transcript = transcript.as_str().unwrap();
    assert!(transcript.contains("meu boleto veio errado") && transcript.contains("Vou verificar"), "{transcript}");
    assert_eq!(
        body,
        json!({"event_type": "CHAT_FINISHED", "event_family": "CDP", "payload": {
            "email": "maria@example.com",
            "name": "Maria Souza",
            "mobile_phone": "+5511987654321",
            "chat_subject": "Atendimento WeClever",
            "cf_chat_status": "qualified",
            "cf_chat_type": "WHATSAPP",
            "legal_bases": [{"category": "communications", "type": "legitimate_interest", "status": "granted"}],
        }})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_by_the_phone_and_no_legal_basis_is_made_up() {
    let (api, rd) = (Api::start().await, StandIn::start(events, vec![]).await);
    api.finalize(7, &leads::row(7), Some(leads::UNRATED));
    Wiring::new(&api).to("rd-station", "rd", &rd.url(EVENTS), TOKEN, &["lead.finalized"]).run("4s");
    rd.is_content(events);
    let payload = &rd.bodies()[0]["payload"];
    assert_eq!(payload["phone"], "+5511987654321");
    assert!(payload.get("email").is_none() && payload.get("legal_bases").is_none(), "{payload}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_needs_its_name_and_a_key() {
    let (api, rd) = (Api::start().await, StandIn::start(conversions, vec![]).await);
    api.finalize(123_456, &leads::row(123_456), Some(leads::LOW));
    let wiring = Wiring::new(&api);
    let place = wiring.to("rd-station-conversion", "rd", &rd.url(CONVERSIONS), KEY, &["lead.finalized"]).run("4s");
    assert_eq!(fate(&place.status(), "rd"), Fate::Delivered);
    rd.is_content(conversions);
    assert_eq!(
        rd.bodies(),
        [json!({"event_type": "CONVERSION", "event_family": "CDP", "payload": {
            "conversion_identifier": "atendimento",
            "email": "maria@example.com",
            "name": "Maria Souza",
            "mobile_phone": "+5511987654321",
            "state": "SP",
        }})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    // Of one lead: the others may go on, so that the destination is not left alone for it.
    let of_lead = r#"{"error":"'lead_limiter' rate limit exceeded for 86400 second(s) period for key 'maria@example.com'","max":24,"usage":25,"remaining_time":43067}"#;
    let of_account = r#"{"error":"'account_limiter' rate limit exceeded for 60 second(s) period","max":120,"usage":121,"remaining_time":500}"#;
    let late =
        r#"{"errors":[{"error_type":"CANNOT_BE_BLANK","error_message":"Can not be blank","path":"$.payload.email"}]}"#;
    let modes = || {
        vec![
            mode("fine", said(200, "", r#"{"event_uuid":"5408c5a3"}"#), Fate::Delivered, 1),
            mode("lead-limit", said(429, "", of_lead), Fate::Delivered, 2),
            mode("account-limit", said(429, "", of_account), Fate::Delivered, 2),
            mode("invalid", refused(400, "INVALID_OPTION", "$.event_type"), Fate::Dead, 1),
            mode("unprocessable", refused(422, "INVALID", "$.payload.email"), Fate::Dead, 1),
            mode("expired", refused(401, "UNAUTHORIZED", "$"), Fate::Delivered, 2),
            mode("not-so", said(200, "", late), Fate::Dead, 1),
            mode("down", said(500, "", ""), Fate::Delivered, 2),
        ]
    };
    answers_lead_to("rd-station", EVENTS, &format!("{TOKEN}\nrate = \"1000/s\""), events, modes()).await;
    answers_lead_to("rd-station-conversion", CONVERSIONS, &format!("{KEY}\nrate = \"1000/s\""), conversions, modes())
        .await;
}

/// One lead has had its 24 events of the day, and nobody else.
fn events_but_marias(request: &Request) -> Said {
    if String::from_utf8_lossy(&request.body).contains("maria@example.com") {
        let body = r#"{"error":"'lead_limiter' rate limit exceeded for 86400 second(s) period for key 'maria@example.com'","max":24,"usage":25,"remaining_time":43067}"#;
        return said(429, "", body);
    }
    events(request)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_one_lead_holds_up_nobody_else() {
    let (api, rd) = (Api::start().await, StandIn::start(events_but_marias, vec![]).await);
    api.finalize(1, &leads::row(1), Some(leads::LOW));
    for id in 2..=6 {
        let other = leads::LOW.replace("maria@", &format!("lead-{id}@"));
        api.finalize(id, &leads::row(id), Some(&other));
    }
    let keys = format!("{TOKEN}\nrate = \"1000/s\"\nconcurrency = 1\nretry = {{ schedule = [\"1h\"] }}");
    let place = Wiring::new(&api).to("rd-station", "rd", &rd.url(EVENTS), &keys, &["lead.finalized"]).run("4s");
    let status = place.status();
    let rd = destination(&status, "rd");
    assert_eq!((&rd["delivered"], &rd["pending"], &rd["state"]), (&json!(5), &json!(1), &json!("ok")), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_has_24_events_in_24_hours() {
    let (api, rd) = (Api::start().await, StandIn::start(events, vec![]).await);
    for id in 1..=26 {
        api.finalize(id, &leads::row(id), Some(leads::LOW));
    }
    api.finalize(27, &leads::row(27), Some(leads::UNRATED));
    let keys = format!("{TOKEN}\nrate = \"1000/s\"");
    let place = Wiring::new(&api).to("rd-station", "rd", &rd.url(EVENTS), &keys, &["lead.finalized"]).run("4s");
    let status = place.status();
    let says = destination(&status, "rd");
    assert_eq!((&says["delivered"], &says["pending"], rd.requests().len()), (&json!(25), &json!(2), 25), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_one_event() {
    let (api, rd) = (Api::start().await, StandIn::start(events, vec![]).await);
    let texts = leads::hostile_texts();
    for (id, text) in (1..).zip(&texts) {
        api.finalize(id, &leads::row(id), Some(&leads::saying(text)));
    }
    let keys = format!("{TOKEN}\nrate = \"1000/s\"");
    let place = Wiring::new(&api).to("rd-station", "rd", &rd.url(EVENTS), &keys, &["lead.finalized"]).run("20s");
    let status = place.status();
    let rd_says = destination(&status, "rd");
    // Those who gave neither an email nor a phone are refused, and nothing else is wrong with any of them.
    assert_eq!((&rd_says["pending"], rd.requests().len()), (&json!(0), texts.len()), "{status:#}");
    for request in rd.requests() {
        let said = events(&request);
        assert!(said.status == 200 || said.body.contains("CANNOT_BE_NULL"), "{said:?}");
    }
}

/// The account of a client that signed in.
#[derive(Clone, Debug)]
struct Account {
    tokens: Tokens,
    events: Vec<Value>,
}

fn account() -> Account {
    Account { tokens: Tokens::lasting("refresh-1").saying(json!({"expires_in": 86_400})), events: Vec::new() }
}

impl Crm for Account {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.path == "/auth/token" {
            return self.tokens.answer(call);
        }
        if !self.tokens.let_in(call, "Bearer") {
            return answer(401, json!({"errors": [{"error_type": "UNAUTHORIZED", "error_message": "Invalid token."}]}));
        }
        let mut request = call.request();
        request.headers.insert("authorization".into(), "Bearer access-token-1".into());
        let said = events(&request);
        if said.status == 200 {
            self.events.push(call.json()["payload"].clone());
        }
        answer(said.status, serde_json::from_str(&said.body).unwrap())
    }

    fn contacts(&self) -> Vec<Value> {
        self.events.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.events.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tokens_are_renewed() {
    let keys = |base: &str| {
        format!(
            "preset = \"rd-station\"\nurl = \"{base}{EVENTS}\"\nauth = {{ token_url = \"{base}/auth/token\", client_id = {CLIENT_ID:?}, \
             client_secret = {CLIENT_SECRET:?}, refresh_token = \"refresh-1\" }}"
        )
    };
    let played = Story::of(keys, account).play(&[]).await;
    assert_eq!((played.fates(), played.crm.events.len()), ((1, 0, 0), 1));
    assert_eq!(
        shown(&played.calls)[0],
        json!({"POST /auth/token": {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET}})
    );
    assert_eq!(played.calls[0].header("content-type"), "application/json");
    assert_eq!(played.calls[1].header("authorization"), "Bearer access-1");
    // Nothing of this is an attempt that failed.
    for fault in [Fault::Killed, Fault::HandledThenKilled, Fault::Cut, Fault::Says(answer(503, Value::Null))] {
        let played = Story::of(keys, account).play(&[(0, fault.clone())]).await;
        assert_eq!((played.fates(), played.crm.events.len()), ((1, 0, 0), 1), "{fault:?}");
    }
}
