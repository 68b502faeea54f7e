//! `pipedrive`

use serde_json::{Value, json};

use super::crm::*;
use super::leads;

const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
const FIELD: &str = "abcdef0123456789abcdef0123456789abcdef01";

/// developers.pipedrive.com: persons by version 2 of the API, notes by version 1.
#[derive(Clone, Default)]
struct Pipedrive {
    persons: Vec<Value>,
    notes: Vec<Value>,
    /// So many persons are known to the search, which may be behind.
    indexed: Option<usize>,
    /// An app's access token, and how many it has been given.
    access: Option<String>,
    given: u32,
}

fn fine(data: Value) -> Answer {
    answer(200, json!({"success": true, "data": data}))
}

fn refused(status: u16, error: &str) -> Answer {
    let info = "Please check developers.pipedrive.com for more information about Pipedrive API.";
    answer(status, json!({"success": false, "error": error, "error_info": info, "data": null, "additional_data": null}))
}

fn known(given: Value) -> Value {
    let mut person = json!({"owner_id": 1, "org_id": null, "visible_to": 3, "label_ids": [], "custom_fields": {}, "emails": [], "phones": []});
    person.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    person
}

/// Emails or phones.
fn are_ways(value: &Value) -> bool {
    value.as_array().is_some_and(|all| {
        all.iter().all(|way| {
            way["value"].as_str().is_some_and(|value| !value.is_empty() && value.len() <= 255)
                && way["primary"].is_boolean()
                && way["label"].is_string()
                && way.as_object().unwrap().len() == 3
        }) && all.iter().filter(|way| way["primary"] == true).count() == 1
    })
}

fn is_person(body: &Value) -> bool {
    body.as_object().is_some_and(|body| {
        !body.is_empty()
            && body.iter().all(|(key, value)| match key.as_str() {
                "name" => value.as_str().is_some_and(|name| !name.trim().is_empty() && name.chars().count() <= 255),
                "emails" | "phones" => are_ways(value),
                "owner_id" => value.is_u64(),
                "custom_fields" => value.as_object().is_some_and(|fields| {
                    fields
                        .iter()
                        .all(|(key, value)| key.len() == 40 && value.as_str().is_some_and(|it| it.len() <= 255))
                }),
                _ => false,
            })
    })
}

impl Pipedrive {
    fn search(&self, call: &Call) -> Answer {
        let (term, exact) = (call.asked("term").to_lowercase(), call.asked("exact_match") == "true");
        if term.chars().count() < if exact { 1 } else { 2 } {
            return refused(400, "Search term must be at least 2 characters long.");
        }
        let found = |person: &&Value| {
            let ways = |key: &str| -> Vec<String> {
                let all = person[key].as_array().into_iter().flatten();
                all.filter_map(|way| way["value"].as_str()).map(str::to_lowercase).collect()
            };
            let texts = match call.asked("fields") {
                "email" => ways("emails"),
                "phone" => ways("phones"),
                "name" => vec![person["name"].as_str().unwrap().to_lowercase()],
                "custom_fields" => person["custom_fields"].as_object().unwrap().values().map(text).collect(),
                other => panic!("no such field: {other}"),
            };
            texts.iter().any(|text| if exact { *text == term } else { text.contains(&term) })
        };
        let limit = call.asked("limit").parse().unwrap();
        let indexed = &self.persons[..self.indexed.unwrap_or(self.persons.len())];
        let items: Vec<Value> = indexed.iter().filter(found).take(limit).map(item).collect();
        fine(json!({"items": items}))
    }

    fn token(&mut self, call: &Call) -> Answer {
        // client-1:secret-1
        if call.header("authorization") != "Basic Y2xpZW50LTE6c2VjcmV0LTE=" {
            return answer(
                401,
                json!({"success": false, "message": "Client authentication failed", "error": "invalid_client"}),
            );
        }
        let form = call.form();
        if form.get("grant_type").is_none_or(|it| it != "refresh_token")
            || form.get("refresh_token").is_none_or(|it| it != "refresh-1")
        {
            return answer(
                400,
                json!({"success": false, "message": "Invalid grant: refresh token is invalid", "error": "invalid_grant"}),
            );
        }
        self.given += 1;
        let access = format!("v1u:access-{}", self.given);
        self.access = Some(access.clone());
        answer(
            200,
            json!({"access_token": access, "token_type": "Bearer", "expires_in": 3599, "refresh_token": "refresh-1",
                "scope": "base,contacts:full,search:read", "api_domain": call.base}),
        )
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_lowercase()
}

/// A person as the search shows it.
fn item(person: &Value) -> Value {
    let values = |key: &str| -> Vec<Value> {
        person[key].as_array().into_iter().flatten().map(|way| way["value"].clone()).collect()
    };
    let custom: Vec<&Value> = person["custom_fields"].as_object().unwrap().values().collect();
    json!({"result_score": 0.5, "item": {"id": person["id"], "type": "person", "name": person["name"], "phones": values("phones"),
        "emails": values("emails"), "visible_to": 3, "owner": {"id": 1}, "organization": null, "custom_fields": custom, "notes": []}})
}

impl Crm for Pipedrive {
    fn answer(&mut self, call: &Call) -> Answer {
        if (call.method.as_str(), call.path.as_str()) == ("POST", "/oauth/token") {
            return self.token(call);
        }
        let by_token = self.access.is_none() && call.header("x-api-token") == TOKEN;
        let by_app = self.access.as_ref().is_some_and(|it| call.header("authorization") == format!("Bearer {it}"));
        if !by_token && !by_app {
            let info = "Please check developers.pipedrive.com";
            return answer(
                401,
                json!({"success": false, "error": "unauthorized access", "errorCode": 401, "error_info": info}),
            );
        }
        let body = call.json();
        let id = call.path.strip_prefix("/api/v2/persons/").and_then(|id| id.parse::<usize>().ok());
        match (call.method.as_str(), call.path.as_str(), id) {
            ("GET", "/api/v2/persons/search", _) => self.search(call),
            ("GET", "/api/v2/persons", _) => {
                assert_eq!((call.asked("sort_by"), call.asked("sort_direction")), ("add_time", "desc"));
                let limit = call.asked("limit").parse().unwrap();
                fine(self.persons.iter().rev().take(limit).cloned().collect())
            }
            ("POST", "/api/v2/persons", _) => {
                if !is_person(&body) || body.get("name").is_none() {
                    return refused(400, "Validation failed: name: String is required");
                }
                let mut person = known(body);
                person["id"] = json!(self.persons.len() + 1);
                self.persons.push(person.clone());
                fine(person)
            }
            ("GET" | "PATCH", _, Some(id)) => {
                let Some(person) = id.checked_sub(1).and_then(|at| self.persons.get_mut(at)) else {
                    return refused(404, "Person not found");
                };
                if call.method == "PATCH" {
                    if !is_person(&body) {
                        return refused(400, "Validation failed");
                    }
                    person.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
                }
                fine(person.clone())
            }
            ("POST", "/api/v1/notes", _) => {
                let content = body["content"].as_str().unwrap_or("");
                let exists = body["person_id"].as_u64().is_some_and(|id| (1..=self.persons.len() as u64).contains(&id));
                if content.trim().is_empty() || !exists {
                    return refused(400, "Note content and one of deal_id, person_id, org_id, lead_id must be set");
                }
                // 100 kB
                if content.len() > 100_000 {
                    return refused(413, "Note content is too large");
                }
                let bare = content.replace("<b>", "").replace("</b>", "").replace("<br>", "");
                assert!(!bare.contains(['<', '>', '\n']), "what a lead writes is no HTML: {bare}");
                let note = json!({"id": 500 + self.notes.len(), "content": content, "person_id": body["person_id"], "active_flag": true});
                self.notes.push(note.clone());
                answer(201, json!({"success": true, "data": note}))
            }
            ("GET", "/api/v1/notes", _) => {
                assert_eq!(call.asked("sort"), "add_time DESC");
                let person: u64 = call.asked("person_id").parse().unwrap();
                let limit = call.asked("limit").parse().unwrap();
                let notes: Vec<Value> =
                    self.notes.iter().rev().filter(|note| note["person_id"] == person).take(limit).cloned().collect();
                // Where there is none, there is no list.
                fine(if notes.is_empty() { Value::Null } else { json!(notes) })
            }
            _ => refused(404, "Unknown method ."),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.persons.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.notes.clone()
    }
}

fn with(settings: &str) -> impl Fn(&str) -> String + Clone + Send + Sync + use<> {
    let settings = settings.to_owned();
    move |base| {
        format!(
            "preset = \"pipedrive\"\nurl = {base:?}\nauth = {{ type = \"header\", name = \"x-api-token\", value = {TOKEN:?} }}\nsettings = {{ {settings} }}"
        )
    }
}

/// An app of the Developer Hub.
fn app(base: &str) -> String {
    format!(
        "preset = \"pipedrive\"\nurl = {base:?}\nauth = {{ client_id = \"client-1\", client_secret = \"secret-1\", refresh_token = \"refresh-1\", token_url = \"{base}/oauth/token\" }}"
    )
}

/// Nobody yet, and a search that does not know of whom it has just been told.
fn lagging() -> Pipedrive {
    Pipedrive { indexed: Some(0), ..Pipedrive::default() }
}

/// Somebody is there already.
fn with_person(person: &Value) -> impl Fn() -> Pipedrive + Send + Sync + use<> {
    let mut person = known(person.clone());
    person["id"] = json!(1);
    move || Pipedrive { persons: vec![person.clone()], ..Pipedrive::default() }
}

/// Without the email.
fn anonymous() -> String {
    leads::LOW.replace("\"maria@example.com\"", "null")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_person_and_a_note() {
    let played = Story::of(with(""), Pipedrive::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0), "{:#?}", played.calls);
    let mut calls = shown(&played.calls);
    let note = calls.pop().unwrap();
    assert_eq!(
        calls,
        [
            json!({"GET /api/v2/persons/search?term=maria%40example.com&fields=email&exact_match=true&limit=1": null}),
            json!({"GET /api/v2/persons/search?term=11987654321&fields=phone&limit=1": null}),
            json!({"POST /api/v2/persons": {
                "name": "Maria Souza",
                "emails": [{"value": "maria@example.com", "primary": true, "label": "work"}],
                "phones": [{"value": "+5511987654321", "primary": true, "label": "mobile"}],
            }}),
        ]
    );
    let note = &note["POST /api/v1/notes"];
    assert_eq!(note["person_id"], 1);
    let content = note["content"].as_str().unwrap();
    let (said, id) = content.rsplit_once("<br><br>").unwrap();
    assert!(id.starts_with("evt_") && !id.contains(' '), "{id}");
    let expected = "<b>Conversa WeClever</b><br>qualified<br>CSAT: 2<br><br>Demorou demais<br><br>23/11/2026 14:00 Cliente: Oi, meu boleto veio errado<br>23/11/2026 14:01 Atendente: Vou verificar";
    assert_eq!(said, expected);
    for call in &played.calls {
        assert_eq!(call.header("x-api-token"), TOKEN);
        assert_eq!(call.header("authorization"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_already_is_given_what_was_missing_and_loses_nothing() {
    // Known by the phone alone, which somebody wrote without the country.
    let person = json!({"name": "Maria S. (não ligar)", "phones": [{"value": "11987654321", "primary": true, "label": "work"}],
        "emails": [{"value": "Financeiro@Example.com", "primary": true, "label": "work"}]});
    let story = Story::of(with(""), with_person(&person));
    let played = story.play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    assert_eq!(
        shown(&played.calls)[1..4],
        [
            json!({"GET /api/v2/persons/search?term=11987654321&fields=phone&limit=1": null}),
            json!({"GET /api/v2/persons/1": null}),
            json!({"PATCH /api/v2/persons/1": {"emails": [
                {"value": "Financeiro@Example.com", "primary": true, "label": "work"},
                {"value": "maria@example.com", "primary": false, "label": "work"},
            ]}}),
        ]
    );
    assert_eq!((played.crm.persons.len(), &played.crm.persons[0]["name"]), (1, &json!("Maria S. (não ligar)")));
    assert_eq!(played.crm.notes.len(), 1);
    // It is filled in once, also where the answer to that was lost.
    let lost = story.play(&[(3, Fault::HandledThenKilled)]).await;
    assert_eq!((lost.fates(), &lost.crm.persons), ((1, 0, 0), &played.crm.persons), "{:#?}", shown(&lost.calls));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_note_of_its_own_and_a_new_name_is_the_persons() {
    let later = leads::UNRATED
        .replace("João", "João Silva")
        .replace("\"rating\":null", "\"rating\":\"5\"")
        .replace("\"email\":null", "\"email\":\"joao@example.com\"");
    let story = Story::of(with(""), lagging).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).play(&[]).await;
    assert_eq!(played.fates(), (3, 0, 0), "{:#?}", shown(&played.calls));
    let person = &played.crm.persons[0];
    assert_eq!((played.crm.persons.len(), &person["name"]), (1, &json!("João Silva")));
    assert_eq!(person["emails"], json!([{"value": "joao@example.com", "primary": true, "label": "work"}]));
    let notes: Vec<&str> = played.crm.notes.iter().map(|note| note["content"].as_str().unwrap()).collect();
    // The news of a name are not worth a note.
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes.iter().any(|note| note.starts_with("<b>Avaliação WeClever</b><br>qualified<br>CSAT: 5<br><br>evt_")),
        "{notes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_as_the_setting_says() {
    let by_id = |mode: &str| format!("without_email = \"{mode}\", id_field = \"{FIELD}\"");
    let nothing = leads::LOW.replace("\"maria@example.com\"", "\"não tem\"").replace("(11) 98765-4321", "ramal 3");
    for (settings, lead, search, person) in [
        (
            String::new(),
            anonymous(),
            "term=11987654321&fields=phone&limit=1",
            json!({"name": "Maria Souza", "phones": [{"value": "+5511987654321", "primary": true, "label": "mobile"}]}),
        ),
        (
            by_id("client_lead_id"),
            anonymous(),
            "term=crm-123456&fields=custom_fields&exact_match=true&limit=10",
            json!({"name": "Maria Souza", "phones": [{"value": "+5511987654321", "primary": true, "label": "mobile"}], "custom_fields": {FIELD: "crm-123456"}}),
        ),
        (
            by_id("weclever_lead_id"),
            nothing.clone(),
            "term=123456&fields=custom_fields&exact_match=true&limit=10",
            json!({"name": "Maria Souza", "custom_fields": {FIELD: "123456"}}),
        ),
        // Nothing to know the lead by but its number, for which there is no field.
        (
            String::new(),
            nothing,
            "term=%28WeClever%20123456%29&fields=name&limit=10",
            json!({"name": "Maria Souza (WeClever 123456)"}),
        ),
    ] {
        let story = Story::of(with(&settings), Pipedrive::default).lead(&lead);
        let played = story.play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{settings}: {:#?}", shown(&played.calls));
        assert_eq!(
            shown(&played.calls)[..2],
            [json!({format!("GET /api/v2/persons/search?{search}"): null}), json!({"POST /api/v2/persons": person})]
        );
        // The same lead again is the same person, and nobody else is.
        let mut other = known(json!({"name": "Outra (WeClever 1234567)", "custom_fields": {FIELD: "crm-1234567"},
            "phones": [{"value": "+5511911111111", "primary": true, "label": "mobile"}]}));
        other["id"] = json!(1);
        let mut known = known(person.clone());
        known["id"] = json!(2);
        let both = move || Pipedrive { persons: vec![other.clone(), known.clone()], ..Pipedrive::default() };
        let again = Story::of(with(&settings), both).lead(&lead).play(&[]).await;
        assert_eq!((again.crm.persons.len(), &again.crm.notes[0]["person_id"]), (2, &json!(2)), "{settings}");
        let story = Story::of(with(&settings), lagging).lead(&lead);
        let lost = story.play(&[(1, Fault::HandledThenCut)]).await;
        assert_eq!(
            (lost.fates(), lost.crm.persons.len(), lost.crm.notes.len()),
            ((1, 0, 0), 1, 1),
            "{settings}: {:#?}",
            shown(&lost.calls)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_there_is_one_person_with_one_note() {
    let burst =
        Fault::Says(refused(429, "Rate limit exceeded").with("x-ratelimit-reset", 2).with("x-ratelimit-remaining", 0));
    Story::of(with(""), lagging).whatever_happens(&[burst]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_by_an_app_there_is_one_person_with_one_note() {
    let story = Story::of(app, lagging);
    let played = story.play(&[]).await;
    assert_eq!((played.fates(), played.crm.given), ((1, 0, 0), 1), "{:#?}", shown(&played.calls));
    assert_eq!(
        shown(&played.calls)[0],
        json!({"POST /oauth/token": {"grant_type": "refresh_token", "refresh_token": "refresh-1"}})
    );
    story.whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_limits_and_refusals_are_understood() {
    let story = Story::of(with(""), Pipedrive::default);
    let page = answer(403, json!("<html>error code: 1015</html>")).with("content-type", "text/html; charset=UTF-8");
    let daily = refused(429, "Daily limit").with("x-daily-ratelimit-token-remaining", 0);
    let not_so = answer(200, json!({"success": false, "error": "not so", "data": {"items": []}}));
    for (name, said, fates, waits) in [
        ("expired", refused(401, "unauthorized access"), (1, 0, 0), false),
        ("forbidden", refused(403, "Forbidden"), (1, 0, 0), false),
        ("gone", refused(404, "Person not found"), (1, 0, 0), false),
        ("down", refused(503, "Service unavailable"), (1, 0, 0), false),
        ("invalid", refused(400, "Validation failed"), (0, 1, 0), false),
        ("unprocessable", refused(422, "Webhooks limit reached"), (0, 1, 0), false),
        ("not so", not_so, (0, 1, 0), false),
        ("the day's budget", daily, (0, 0, 1), true),
        ("blocked", page, (0, 0, 1), true),
        ("unpaid", refused(402, "Company account is not open"), (0, 0, 1), true),
    ] {
        for at in [0, 2, 3] {
            let played = story.play(&[(at, Fault::Says(said.clone()))]).await;
            assert_eq!(played.fates(), fates, "{name} at {at}: {:#?}", shown(&played.calls));
            let is_calm = fates != (1, 0, 0) || (played.crm.persons.len(), played.crm.notes.len()) == (1, 1);
            assert!(is_calm, "{name} at {at}");
            assert_eq!(played.destination["state"] != "ok", waits, "{name} at {at}: {:#}", played.destination);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_a_note() {
    for lead in leads::hostile() {
        let played = Story::of(with(""), Pipedrive::default).lead(&lead).play(&[]).await;
        let told = (played.fates(), played.crm.persons.len(), played.crm.notes.len());
        assert_eq!(told, ((1, 0, 0), 1, 1), "{lead}: {:#?}", played.calls.last().map(Call::shown));
    }
}
