//! `kommo`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::crm::*;
use super::leads;

const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.long-lived";
const FIELD: u64 = 178_382;

/// developers.kommo.com: contacts, leads and notes by version 4 of the API.
#[derive(Clone, Default)]
struct Kommo {
    contacts: Vec<Value>,
    leads: Vec<Value>,
    notes: Vec<Value>,
    /// `query` does not know of what it has just been told.
    lags: bool,
    /// An integration's tokens. A refresh token is good for one use: the one before it works until the new one is used.
    access: Option<String>,
    refresh: BTreeSet<String>,
    given: u32,
}

fn problem(status: u16, title: &str, detail: &str) -> Answer {
    let kind = format!("https://httpstatus.es/{status}");
    answer(status, json!({"title": title, "type": kind, "status": status, "detail": detail}))
        .with("content-type", "application/problem+json")
}

fn invalid(path: &str) -> Answer {
    let error =
        json!({"code": "NotSupportedChoice", "path": path, "detail": "The value you selected is not a valid choice."});
    answer(
        400,
        json!({"validation-errors": [{"request_id": "0", "errors": [error]}], "title": "Bad Request",
            "type": "https://httpstatus.es/400", "status": 400, "detail": "Request validation failed"}),
    )
}

/// A list, or 204 where nothing is in it.
fn list(call: &Call, name: &str, all: Vec<Value>) -> Answer {
    let limit: usize = call.asked("limit").parse().unwrap();
    assert!((1..=250).contains(&limit));
    let all: Vec<Value> = all.into_iter().take(limit).collect();
    if all.is_empty() {
        return answer(204, Value::Null);
    }
    answer(
        200,
        json!({"_page": 1, "_links": {"self": {"href": "https://subdomain.kommo.com"}}, "_embedded": {name: all}}),
    )
}

fn made(name: &str, id: u64) -> Answer {
    answer(200, json!({"_links": {}, "_embedded": {name: [{"id": id, "request_id": "0", "_links": {}}]}}))
}

/// The only item of a list, which is what a request to add something has.
fn item(call: &Call) -> Option<serde_json::Map<String, Value>> {
    match call.json() {
        Value::Array(items) if items.len() == 1 => items[0].as_object().cloned(),
        _ => None,
    }
}

/// What is wrong with a contact's fields.
fn wrong_field(fields: &Value) -> Option<String> {
    let Some(fields) = fields.as_array() else { return Some("custom_fields_values".into()) };
    fields.iter().enumerate().find_map(|(at, field)| {
        let codes: &[&str] = match (field["field_code"].as_str(), field["field_id"].as_u64()) {
            (Some("EMAIL"), None) => &["WORK", "PRIV", "OTHER"],
            (Some("PHONE"), None) => &["WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER"],
            (None, Some(FIELD)) => &[],
            _ => return Some(format!("custom_fields_values.{at}.field_id")),
        };
        let values = field["values"].as_array()?;
        let fits = values.len() == 1
            && values[0]["value"].as_str().is_some_and(|value| (1..=256).contains(&value.chars().count()))
            && values[0].get("enum_code").is_none_or(|code| codes.iter().any(|it| code == it));
        (!fits).then(|| format!("custom_fields_values.{at}.values"))
    })
}

fn is_name(value: &Value) -> bool {
    value.as_str().is_some_and(|name| !name.trim().is_empty() && name.chars().count() <= 255)
}

/// Any text in there has this, as a search of the whole text finds it.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own.to_lowercase().contains(&text.to_lowercase()),
        Value::Array(items) => items.iter().any(|item| mentions(item, text)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, text)),
        _ => false,
    }
}

impl Kommo {
    fn listed(&self, call: &Call, name: &str, all: &[Value]) -> Answer {
        if call.asked("order[id]") == "desc" {
            return list(call, name, all.iter().rev().cloned().collect());
        }
        let query = call.asked("query");
        assert!(!query.is_empty(), "a list of everything is asked for");
        let found = all.iter().filter(|it| it["new"] != true || !self.lags).filter(|it| mentions(it, query));
        list(call, name, found.cloned().collect())
    }

    fn contact(&mut self, mut contact: serde_json::Map<String, Value>) -> Answer {
        if !contact.get("name").is_some_and(is_name) {
            return invalid("name");
        }
        for (key, value) in &contact {
            match key.as_str() {
                "name" => {}
                "custom_fields_values" => {
                    if let Some(wrong) = wrong_field(value) {
                        return invalid(&wrong);
                    }
                }
                "responsible_user_id" if value.is_u64() => {}
                other => return invalid(other),
            }
        }
        let id = 1_000 + self.contacts.len() as u64;
        contact.insert("id".into(), json!(id));
        contact.insert("new".into(), json!(true));
        if contact.get("custom_fields_values").is_none_or(|fields| fields == &json!([])) {
            contact.insert("custom_fields_values".into(), Value::Null);
        }
        self.contacts.push(contact.into());
        made("contacts", id)
    }

    fn update(&mut self, at: usize, call: &Call) -> Answer {
        let Some(body) = call.json().as_object().filter(|body| !body.is_empty()).cloned() else { return invalid("") };
        let contact = self.contacts[at].as_object_mut().unwrap();
        for (key, value) in &body {
            match key.as_str() {
                "name" if is_name(value) => _ = contact.insert("name".into(), value.clone()),
                "custom_fields_values" => {
                    if let Some(wrong) = wrong_field(value) {
                        return invalid(&wrong);
                    }
                    // The values of a field are all replaced; other fields stay.
                    let same =
                        |a: &Value, b: &Value| a["field_code"] == b["field_code"] && a["field_id"] == b["field_id"];
                    let new = value.as_array().unwrap();
                    let old = contact["custom_fields_values"].as_array().cloned().unwrap_or_default();
                    let kept = old.into_iter().filter(|old| !new.iter().any(|new| same(old, new)));
                    let all: Vec<Value> = kept.chain(new.iter().cloned()).collect();
                    contact.insert("custom_fields_values".into(), json!(all));
                }
                other => return invalid(other),
            }
        }
        answer(
            200,
            json!({"_links": {}, "_embedded": {"contacts": [{"id": contact["id"], "updated_at": 1_687_192_924}]}}),
        )
    }

    fn lead(&mut self, mut lead: serde_json::Map<String, Value>) -> Answer {
        if !lead.get("name").is_some_and(is_name) {
            return invalid("name");
        }
        for (key, value) in &lead {
            let fits = match key.as_str() {
                "name" => true,
                "pipeline_id" | "status_id" | "responsible_user_id" => value.is_u64(),
                "_embedded" => {
                    let exists = |contact: &Value| self.contacts.iter().any(|known| known["id"] == contact["id"]);
                    value["contacts"].as_array().is_some_and(|all| all.len() == 1 && all.iter().all(exists))
                        && value["tags"].as_array().is_some_and(|all| all.iter().all(|tag| tag["name"].is_string()))
                }
                _ => false,
            };
            if !fits {
                return invalid(key);
            }
        }
        let id = 2_000 + self.leads.len() as u64;
        lead.insert("id".into(), json!(id));
        lead.insert("new".into(), json!(true));
        self.leads.push(lead.into());
        made("leads", id)
    }

    fn note(&mut self, of: &str, note: &serde_json::Map<String, Value>) -> Answer {
        let entities = if of == "leads" { &self.leads } else { &self.contacts };
        let exists = entities.iter().any(|known| Some(&known["id"]) == note.get("entity_id"));
        let text = note.get("params").and_then(|params| params["text"].as_str()).unwrap_or("");
        if !exists || note.get("note_type") != Some(&json!("common")) || text.trim().is_empty() || note.len() != 3 {
            return invalid("entity_id");
        }
        let id = 3_000 + self.notes.len() as u64;
        self.notes.push(json!({"id": id, "of": of, "entity_id": note["entity_id"], "note_type": "common", "params": {"text": text}}));
        made("notes", id)
    }

    fn token(&mut self, call: &Call) -> Answer {
        let body = call.json();
        let right = body["client_id"] == "integration-1"
            && body["client_secret"] == "secret-1"
            && body["grant_type"] == "refresh_token"
            && body["redirect_uri"] == "https://example.com/callback";
        let refresh = body["refresh_token"].as_str().unwrap_or("").to_owned();
        if !right || !self.refresh.contains(&refresh) {
            let hint = "Token has been revoked";
            return answer(
                400,
                json!({"hint": hint, "title": "Error", "type": "https://developers.kommo.com", "status": 400, "detail": "The refresh token is invalid."}),
            );
        }
        // What came before the one that is used now is of no use any more.
        self.given += 1;
        let (access, next) = (format!("access-{}", self.given), format!("refresh-{}", self.given));
        self.refresh = BTreeSet::from([refresh, next.clone()]);
        self.access = Some(access.clone());
        answer(200, json!({"token_type": "Bearer", "expires_in": 86400, "access_token": access, "refresh_token": next}))
    }
}

impl Crm for Kommo {
    fn answer(&mut self, call: &Call) -> Answer {
        if Kommo::is_token(call) {
            return self.token(call);
        }
        let token = self.access.clone().unwrap_or_else(|| TOKEN.to_owned());
        if call.header("authorization") != format!("Bearer {token}") {
            return problem(401, "Unauthorized", "Invalid user name or password");
        }
        let parts: Vec<&str> = call.path.strip_prefix("/api/v4/").unwrap_or("").split('/').collect();
        let at = |all: &[Value], id: &str| all.iter().position(|it| it["id"].as_u64() == id.parse().ok());
        match (call.method.as_str(), parts.as_slice()) {
            ("GET", ["contacts"]) => self.listed(call, "contacts", &self.contacts),
            ("GET", ["leads"]) => self.listed(call, "leads", &self.leads),
            ("GET", ["contacts", id]) => match at(&self.contacts, id) {
                Some(at) => answer(200, self.contacts[at].clone()),
                None => answer(204, Value::Null),
            },
            ("PATCH", ["contacts", id]) => match at(&self.contacts, id) {
                Some(at) => self.update(at, call),
                None => invalid("id"),
            },
            ("POST", ["contacts"]) => item(call).map_or_else(|| invalid("0"), |contact| self.contact(contact)),
            ("POST", ["leads"]) => item(call).map_or_else(|| invalid("0"), |lead| self.lead(lead)),
            ("POST", [of @ ("leads" | "contacts"), "notes"]) => {
                item(call).map_or_else(|| invalid("0"), |note| self.note(of, &note))
            }
            ("GET", [of @ ("leads" | "contacts"), id, "notes"]) => {
                assert_eq!(call.asked("order[id]"), "desc");
                let own = self
                    .notes
                    .iter()
                    .rev()
                    .filter(|note| note["of"] == *of && note["entity_id"].as_u64() == id.parse().ok());
                list(call, "notes", own.cloned().collect())
            }
            _ => problem(404, "Not Found", "Cannot find it"),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        // A lead belongs to its contact: one of each is what there must be.
        if self.leads.len() > self.contacts.len() { self.leads.clone() } else { self.contacts.clone() }
    }

    fn notes(&self) -> Vec<Value> {
        self.notes.clone()
    }

    fn is_token(call: &Call) -> bool {
        call.path == "/oauth2/access_token"
    }
}

fn with(settings: &str) -> impl Fn(&str) -> String + Clone + Send + Sync + use<> {
    let settings = settings.to_owned();
    move |base| {
        format!(
            "preset = \"kommo\"\nurl = {base:?}\nauth = {{ type = \"bearer\", token = {TOKEN:?} }}\nsettings = {{ {settings} }}"
        )
    }
}

/// An integration by OAuth2, without the pause of minutes after a 429.
fn integration(base: &str) -> String {
    format!(
        "preset = \"kommo\"\nurl = {base:?}\noutcomes = []\n[destinations.crm.auth]\nclient_id = \"integration-1\"\nclient_secret = \"secret-1\"\n\
         token_url = \"{base}/oauth2/access_token\"\nrefresh_token = \"refresh-0\"\ntoken_params = {{ redirect_uri = \"https://example.com/callback\" }}"
    )
}

/// Nobody yet, and a `query` that is behind.
fn lagging() -> Kommo {
    Kommo { lags: true, ..Kommo::default() }
}

fn with_refresh() -> Kommo {
    Kommo { refresh: BTreeSet::from(["refresh-0".to_owned()]), access: Some("none yet".into()), ..lagging() }
}

fn with_contacts(contacts: Vec<Value>) -> impl Fn() -> Kommo + Send + Sync + use<> {
    move || Kommo { contacts: contacts.clone(), ..Kommo::default() }
}

fn field(code: &str, value: &str) -> Value {
    json!({"field_id": 1, "field_name": code, "field_code": code, "field_type": "multitext",
        "values": [{"value": value, "enum_id": 126_290, "enum_code": "WORK"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_lead_with_its_contact_and_a_note() {
    let settings = "pipeline_id = \"6950551\", status_id = \"58141807\", responsible_user_id = \"504141\"";
    let played = Story::of(with(settings), Kommo::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0), "{:#?}", shown(&played.calls));
    let mut calls = shown(&played.calls);
    let note = calls.pop().unwrap();
    assert_eq!(
        calls,
        [
            json!({"GET /api/v4/contacts?query=maria%40example.com&limit=10": null}),
            json!({"GET /api/v4/contacts?query=5511987654321&limit=10": null}),
            json!({"POST /api/v4/contacts": [{
                "name": "Maria Souza",
                "responsible_user_id": 504_141,
                "custom_fields_values": [
                    {"field_code": "EMAIL", "values": [{"value": "maria@example.com", "enum_code": "WORK"}]},
                    {"field_code": "PHONE", "values": [{"value": "+5511987654321", "enum_code": "MOB"}]},
                ],
            }]}),
            json!({"GET /api/v4/leads?query=WeClever%20123456&limit=50": null}),
            json!({"POST /api/v4/leads": [{
                "name": "Maria Souza (WeClever 123456)",
                "pipeline_id": 6_950_551,
                "status_id": 58_141_807,
                "responsible_user_id": 504_141,
                "_embedded": {"contacts": [{"id": 1_000}], "tags": [{"name": "WeClever"}]},
            }]}),
        ]
    );
    let note = &note["POST /api/v4/leads/notes"][0];
    assert_eq!((&note["entity_id"], &note["note_type"]), (&json!(2_000), &json!("common")));
    let text = note["params"]["text"].as_str().unwrap();
    let (said, id) = text.rsplit_once("\n\n").unwrap();
    assert!(id.starts_with("evt_"), "{id}");
    assert_eq!(
        said,
        "Conversa WeClever\nqualified\nCSAT: 2\n\nDemorou demais\n\n23/11/2026 14:00 Cliente: Oi, meu boleto veio errado\n23/11/2026 14:01 Atendente: Vou verificar"
    );
    for call in &played.calls {
        assert_eq!(call.header("authorization"), format!("Bearer {TOKEN}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_already_is_given_what_was_missing_and_nobody_else_is_taken_for_them() {
    let other =
        json!({"id": 7, "name": "Ana Maria", "custom_fields_values": [field("EMAIL", "ana.maria@example.com")]});
    let known =
        json!({"id": 8, "name": "Maria S. (não ligar)", "custom_fields_values": [field("EMAIL", "Maria@Example.com")]});
    let story = Story::of(with(""), with_contacts(vec![other, known]));
    let played = story.play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0), "{:#?}", shown(&played.calls));
    assert_eq!(
        shown(&played.calls)[1..3],
        [
            json!({"GET /api/v4/contacts/8": null}),
            json!({"PATCH /api/v4/contacts/8": {"custom_fields_values": [
                {"field_code": "PHONE", "values": [{"value": "+5511987654321", "enum_code": "MOB"}]},
            ]}}),
        ]
    );
    let known = &played.crm.contacts[1];
    assert_eq!(known["name"], "Maria S. (não ligar)");
    assert_eq!(known["custom_fields_values"][0], field("EMAIL", "Maria@Example.com"));
    assert_eq!(played.crm.leads[0]["_embedded"]["contacts"], json!([{"id": 8}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_note_on_the_same_lead_and_a_new_name_is_the_contacts() {
    let later = leads::UNRATED
        .replace("João", "João Silva")
        .replace("\"rating\":null", "\"rating\":\"5\"")
        .replace("\"email\":null", "\"email\":\"joao@example.com\"");
    let story = Story::of(with(""), lagging).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).play(&[]).await;
    assert_eq!(played.fates(), (3, 0, 0), "{:#?}", shown(&played.calls));
    assert_eq!((played.crm.contacts.len(), played.crm.leads.len()), (1, 1));
    assert_eq!(played.crm.contacts[0]["name"], "João Silva");
    assert!(mentions(&played.crm.contacts[0], "joao@example.com"));
    assert_eq!(played.crm.notes.len(), 2, "{:#?}", played.crm.notes);
    assert!(played.crm.notes.iter().all(|note| note["entity_id"] == 2_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_may_stand_at_the_contact_with_no_lead() {
    let story = Story::of(with("note_on = \"contact\""), lagging);
    let played = story.play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    assert_eq!((played.crm.leads.len(), played.crm.notes.len()), (0, 1));
    assert_eq!((&played.crm.notes[0]["of"], &played.crm.notes[0]["entity_id"]), (&json!("contacts"), &json!(1_000)));
    let lost = story.play(&[(3, Fault::HandledThenCut)]).await;
    assert_eq!((lost.fates(), lost.crm.notes.len()), ((1, 0, 0), 1), "{:#?}", shown(&lost.calls));
    assert!(lost.calls.iter().any(|call| call.path == "/api/v4/contacts/1000/notes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_as_the_setting_says() {
    let by_id = |mode: &str| format!("without_email = \"{mode}\", id_field = \"{FIELD}\"");
    let phone = json!({"field_code": "PHONE", "values": [{"value": "+5511987654321", "enum_code": "MOB"}]});
    let id = |id: &str| json!({"field_id": FIELD, "values": [{"value": id}]});
    let anonymous = leads::LOW.replace("\"maria@example.com\"", "null");
    let nothing = leads::LOW.replace("\"maria@example.com\"", "\"não tem\"").replace("(11) 98765-4321", "ramal 3");
    for (settings, lead, search, contact) in [
        (
            String::new(),
            &anonymous,
            "5511987654321&limit=10",
            json!({"name": "Maria Souza", "custom_fields_values": [phone]}),
        ),
        (
            by_id("client_lead_id"),
            &anonymous,
            "crm-123456&limit=50",
            json!({"name": "Maria Souza", "custom_fields_values": [phone, id("crm-123456")]}),
        ),
        (
            by_id("weclever_lead_id"),
            &nothing,
            "123456&limit=50",
            json!({"name": "Maria Souza", "custom_fields_values": [id("123456")]}),
        ),
        (
            String::new(),
            &nothing,
            "WeClever%20123456&limit=50",
            json!({"name": "Maria Souza (WeClever 123456)", "custom_fields_values": []}),
        ),
    ] {
        let played = Story::of(with(&settings), Kommo::default).lead(lead).play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{settings}: {:#?}", shown(&played.calls));
        assert_eq!(
            shown(&played.calls)[..2],
            [
                json!({format!("GET /api/v4/contacts?query={search}"): null}),
                json!({"POST /api/v4/contacts": [contact]})
            ]
        );
        // The same lead again is the same contact, and nobody else is.
        let other = json!({"id": 7, "name": "Outra (WeClever 1234567)", "custom_fields_values": [id("crm-1234567"), field("PHONE", "+5511911111111")]});
        let mut known = contact;
        known["id"] = json!(8);
        let again = Story::of(with(&settings), with_contacts(vec![other, known])).lead(lead).play(&[]).await;
        assert_eq!(again.crm.contacts.len(), 2, "{settings}: {:#?}", shown(&again.calls));
        assert_eq!(again.crm.leads[0]["_embedded"]["contacts"], json!([{"id": 8}]), "{settings}");
        let lost = Story::of(with(&settings), lagging).lead(lead).play(&[(1, Fault::HandledThenCut)]).await;
        let there = (lost.fates(), lost.crm.contacts.len(), lost.crm.leads.len(), lost.crm.notes.len());
        assert_eq!(there, ((1, 0, 0), 1, 1, 1), "{settings}: {:#?}", shown(&lost.calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_by_a_long_lived_token_there_is_one_lead_with_one_note() {
    // Without its pause of minutes after a 429, for which no test can wait.
    let keys = with("");
    Story::of(move |base| format!("{}\noutcomes = []", keys(base)), lagging).whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_an_integrations_tokens_there_is_one_lead_with_one_note() {
    let story = Story::of(integration, with_refresh);
    let played = story.play(&[]).await;
    assert_eq!((played.fates(), played.crm.given), ((1, 0, 0), 1), "{:#?}", shown(&played.calls));
    assert_eq!(
        shown(&played.calls)[0],
        json!({"POST /oauth2/access_token": {"client_id": "integration-1", "client_secret": "secret-1", "grant_type": "refresh_token",
            "refresh_token": "refresh-0", "redirect_uri": "https://example.com/callback"}})
    );
    story.whatever_happens(&[Fault::Says(problem(504, "Gateway Timeout", ""))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_limits_and_refusals_are_understood() {
    let story = Story::of(with(""), Kommo::default);
    let mut many = problem(
        429,
        "Too Many Requests",
        "You have sent too many requests in a given amount of time. Please try again later.",
    );
    many.body["retry_after"] = json!(300);
    let blocked = answer(403, json!("403 Forbidden"));
    for (name, said, fates, waits) in [
        ("expired", problem(401, "Unauthorized", "Invalid user name or password"), (1, 0, 0), false),
        ("gone", problem(404, "Not Found", "Cannot find it"), (1, 0, 0), false),
        ("down", problem(503, "Service Unavailable", ""), (1, 0, 0), false),
        ("invalid", invalid("custom_fields_values.0.field_id"), (0, 1, 0), false),
        ("empty", problem(400, "Bad Request", "Request data can not be empty"), (0, 1, 0), false),
        ("too much", problem(422, "Unprocessable Entity", "Limit 250 per page"), (0, 1, 0), false),
        ("too often", many, (0, 0, 1), true),
        ("blocked", blocked, (0, 0, 1), true),
        ("unpaid", problem(402, "Payment Required", "Payment required"), (0, 0, 1), true),
    ] {
        for at in [0, 2, 4, 5] {
            let played = story.play(&[(at, Fault::Says(said.clone()))]).await;
            assert_eq!(played.fates(), fates, "{name} at {at}: {:#?}", shown(&played.calls));
            let there = (played.crm.contacts.len(), played.crm.leads.len(), played.crm.notes.len());
            assert!(fates != (1, 0, 0) || there == (1, 1, 1), "{name} at {at}: {there:?}");
            assert_eq!(played.destination["state"] != "ok", waits, "{name} at {at}: {:#}", played.destination);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_a_note() {
    for lead in leads::hostile() {
        let played = Story::of(with(""), Kommo::default).lead(&lead).play(&[]).await;
        let told = (played.fates(), played.crm.contacts.len(), played.crm.leads.len(), played.crm.notes.len());
        assert_eq!(told, ((1, 0, 0), 1, 1, 1), "{lead}: {:#?}", played.calls.last().map(Call::shown));
    }
}
