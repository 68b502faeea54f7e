//! `rd-station-crm`

use serde_json::{Value, json};

use super::crm::*;
use super::leads;

const STAGE: &str = "5f1a2b3c4d5e6f7a8b9c0d1e";
const OWNER: &str = "6a1a2b3c4d5e6f7a8b9c0d1e";

fn keys(base: &str) -> String {
    with(base, "")
}

fn with(base: &str, settings: &str) -> String {
    format!(
        "preset = \"rd-station-crm\"\nurl = \"{base}/crm/v2\"\nauth = {{ token_url = \"{base}/oauth2/token\", client_id = {CLIENT_ID:?}, \
         client_secret = {CLIENT_SECRET:?}, refresh_token = \"refresh-1\" }}\nsettings = {{ stage_id = {STAGE:?}, owner_id = {OWNER:?}{settings} }}"
    )
}

/// developers.rdstation.com: contacts, deals and their annotations, found by RDQL.
#[derive(Clone, Debug)]
struct RdStation {
    tokens: Tokens,
    contacts: Vec<Value>,
    deals: Vec<Value>,
    notes: Vec<(String, Value)>,
    requests: usize,
    /// What was made is found by a filter so many requests later, and in a list at once.
    filter_lag: usize,
    /// At this request the access token has ended.
    ends_at: usize,
}

impl RdStation {
    fn new() -> RdStation {
        RdStation::with_tokens(Tokens::rotating("refresh-1"))
    }

    fn with_tokens(tokens: Tokens) -> RdStation {
        let tokens = tokens.saying(json!({"expires_in": 7_200}));
        let (contacts, deals, notes) = (Vec::new(), Vec::new(), Vec::new());
        RdStation { tokens, contacts, deals, notes, requests: 0, filter_lag: 0, ends_at: 0 }
    }

    fn slow_to_filter() -> RdStation {
        RdStation { filter_lag: 1_000, ..RdStation::new() }
    }

    /// Somebody typed this one in.
    fn with_contact(contact: Value) -> RdStation {
        let mut contact = contact;
        contact["id"] = json!(id(0xc0));
        RdStation { contacts: vec![contact], ..RdStation::new() }
    }

    fn handle(&mut self, call: &Call) -> Result<Answer, Answer> {
        let data = call.json()["data"].clone();
        let path: Vec<&str> = call.path.split('/').skip(3).collect();
        Ok(match (call.method.as_str(), path.as_slice()) {
            ("GET", ["contacts"]) => self.listed(&self.contacts, call)?,
            ("GET", ["deals"]) => self.listed(&self.deals, call)?,
            ("POST", ["contacts"]) => {
                let made = checked(
                    &data,
                    &["name"],
                    &["name", "emails", "phones", "custom_fields", "organization_id", "job_title"],
                )?;
                phones(&made)?;
                add(&mut self.contacts, made, 0xc0, self.requests)
            }
            ("PUT", ["contacts", contact]) => {
                let given = checked(&data, &[], &["name", "emails", "phones", "custom_fields"])?;
                let known = self.contacts.iter_mut().find(|known| known["id"] == *contact).ok_or_else(not_found)?;
                known.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
                answer(200, json!({"data": known}))
            }
            ("POST", ["deals"]) => {
                let known =
                    ["name", "stage_id", "owner_id", "contact_ids", "status", "organization_id", "one_time_price"];
                let made = checked(&data, &["name", "stage_id"], &known)?;
                let ids = ["stage_id", "owner_id"].iter().filter_map(|key| made[*key].as_str());
                let contacts = made["contact_ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
                if ids.chain(contacts).any(|id| id.len() != 24 || !id.chars().all(|c| c.is_ascii_hexdigit())) {
                    return Err(unfit("an id is invalid"));
                }
                if !["ongoing", "won", "lost", "paused"].iter().any(|status| made["status"] == *status) {
                    return Err(unfit("status is invalid"));
                }
                add(&mut self.deals, made, 0xd0, self.requests)
            }
            ("GET", ["deals", deal, "notes"]) => {
                let notes: Vec<Value> =
                    self.notes.iter().filter(|(of, _)| of == deal).map(|(_, note)| note.clone()).collect();
                answer(200, json!({"data": notes, "links": {}}))
            }
            ("POST", ["deals", deal, "notes"]) => {
                let mut note = checked(&data, &["description"], &["description", "user_id"])?;
                if !self.deals.iter().any(|known| known["id"] == *deal) {
                    return Err(not_found());
                }
                note["id"] = json!(id(0xe0 + self.notes.len()));
                self.notes.push(((*deal).to_owned(), note.clone()));
                answer(201, json!({"data": note}))
            }
            _ => return Err(not_found()),
        })
    }

    fn listed(&self, all: &[Value], call: &Call) -> Result<Answer, Answer> {
        if call.asked("sort") == "-created_at" {
            let newest: Vec<&Value> = all.iter().rev().take(call.asked("page[size]").parse().unwrap()).collect();
            return Ok(answer(200, json!({"data": newest, "links": {}})));
        }
        let old = |record: &&Value| {
            record["created_at"].as_u64().is_none_or(|at| at as usize + self.filter_lag < self.requests)
        };
        filtered(&all.iter().filter(old).cloned().collect::<Vec<Value>>(), call)
    }
}

fn id(n: usize) -> String {
    format!("{n:024x}")
}

fn not_found() -> Answer {
    answer(404, json!({"errors": [{"title": "Not Found", "detail": "Resource not found"}]}))
}

fn unfit(detail: &str) -> Answer {
    answer(422, json!({"errors": [{"title": "Unprocessable Entity", "detail": detail}]}))
}

fn add(all: &mut Vec<Value>, mut made: Value, first: usize, at: usize) -> Answer {
    made["created_at"] = json!(at);
    made["id"] = json!(id(first + all.len()));
    all.push(made.clone());
    answer(201, json!({"data": made}))
}

/// An object with these keys at least, and these at most.
fn checked(data: &Value, required: &[&str], known: &[&str]) -> Result<Value, Answer> {
    let object = data.as_object().ok_or_else(|| answer(400, json!({"errors": [{"detail": "data is missing"}]})))?;
    for key in required {
        if object.get(*key).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
            return Err(unfit(&format!("{key} can't be blank")));
        }
    }
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unfit(&format!("{key} is unknown"))),
        None => Ok(data.clone()),
    }
}

fn phones(contact: &Value) -> Result<(), Answer> {
    let types = ["fax", "home", "mobile", "work"];
    let good = |phone: &Value| phone["phone"].is_string() && types.iter().any(|it| phone["type"] == *it);
    let all = contact["phones"].as_array().into_iter().flatten().all(good);
    all.then_some(()).ok_or_else(|| unfit("phones are invalid"))
}

/// RDQL, as much of it as is used: `email:"a"`, `phone:("a","b")`, `name:~"a"`, `@slug:"a"`.
fn filtered(all: &[Value], call: &Call) -> Result<Answer, Answer> {
    let wrong = || answer(400, json!({"errors": [{"detail": "filter is invalid"}]}));
    let (field, value) = call.asked("filter").split_once(':').ok_or_else(wrong)?;
    let (part, value) = value.strip_prefix('~').map_or((false, value), |value| (true, value));
    let list = value.strip_prefix('(').and_then(|list| list.strip_suffix(')')).unwrap_or(value);
    let texts: Option<Vec<&str>> = list.split(',').map(|text| text.strip_prefix('"')?.strip_suffix('"')).collect();
    let texts = texts.filter(|texts| texts.iter().all(|text| !text.contains('"'))).ok_or_else(wrong)?;
    let of = |record: &Value| -> Vec<String> {
        let each = |list: &str, key: &str| {
            let items = record[list].as_array().into_iter().flatten();
            items.filter_map(|item| item[key].as_str().map(str::to_owned)).collect()
        };
        match field.strip_prefix('@') {
            Some(slug) => record["custom_fields"][slug].as_str().map(str::to_owned).into_iter().collect(),
            None if field == "email" => each("emails", "email"),
            None if field == "phone" => each("phones", "phone"),
            None => record[field].as_str().map(str::to_owned).into_iter().collect(),
        }
    };
    let meets = |has: &String| {
        texts.iter().any(|text| if part { has.to_lowercase().contains(&text.to_lowercase()) } else { has == text })
    };
    let data: Vec<&Value> = all.iter().filter(|record| of(record).iter().any(meets)).collect();
    Ok(answer(200, json!({"data": data, "links": {}})))
}

impl Crm for RdStation {
    fn answer(&mut self, call: &Call) -> Answer {
        self.requests += 1;
        if self.requests == self.ends_at {
            self.tokens.expire();
        }
        if call.path == "/oauth2/token" {
            return self.tokens.answer(call);
        }
        if !self.tokens.let_in(call, "Bearer") {
            return answer(401, json!({"errors": [{"title": "Unauthorized"}]}));
        }
        self.handle(call).unwrap_or_else(|error| error)
    }

    fn contacts(&self) -> Vec<Value> {
        self.contacts.clone()
    }

    /// A deal must not be doubled either.
    fn notes(&self) -> Vec<Value> {
        self.notes.iter().map(|(_, note)| note.clone()).chain(self.deals.clone()).collect()
    }
}

/// The annotation without the event's id, which stands last.
fn text(note: &Value) -> String {
    let (text, id) = note["description"].as_str().unwrap().rsplit_once("\n\n").unwrap();
    assert!(id.starts_with("evt_"), "{id}");
    text.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_contact_a_deal_and_an_annotation() {
    let played = Story::of(keys, RdStation::new).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    let mut calls = shown(&played.calls);
    let note = calls.pop().unwrap();
    assert_eq!(
        calls,
        [
            json!({"POST /oauth2/token": {"grant_type": "refresh_token", "refresh_token": "refresh-1",
                "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}}),
            json!({"GET /crm/v2/deals?filter=name%3A~%22%5BWeClever%20123456%5D%22": null}),
            json!({"GET /crm/v2/contacts?filter=email%3A%22maria%40example.com%22": null}),
            json!({"POST /crm/v2/contacts": {"data": {
                "name": "Maria Souza",
                "emails": [{"email": "maria@example.com"}],
                "phones": [{"phone": "+5511987654321", "type": "mobile"}],
            }}}),
            json!({"POST /crm/v2/deals": {"data": {
                "name": "Maria Souza [WeClever 123456]",
                "stage_id": STAGE,
                "owner_id": OWNER,
                "contact_ids": ["0000000000000000000000c0"],
                "status": "ongoing",
            }}}),
        ]
    );
    let note = &note["POST /crm/v2/deals/0000000000000000000000d0/notes"]["data"];
    assert_eq!(
        text(note),
        "Atendimento WeClever 123456 · qualified\nNota: 2 (baixa)\nComentário: Demorou demais\n\n\
         23/11 14:00 Cliente: Oi, meu boleto veio errado\n23/11 14:01 Atendente: Vou verificar"
    );
    assert!(played.calls[1..].iter().all(|call| call.header("authorization") == "Bearer access-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_by_its_phone_however_it_was_written() {
    for phone in ["+5511987654321", "5511987654321", "11987654321"] {
        let crm =
            move || RdStation::with_contact(json!({"name": "João", "phones": [{"phone": phone, "type": "work"}]}));
        let played = Story::of(keys, crm).lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts.len()), ((1, 0, 0), 1), "{:?}", shown(&played.calls));
        assert_eq!(played.crm.deals[0]["contact_ids"], json!([id(0xc0)]));
    }
    let played = Story::of(keys, RdStation::new).lead(leads::UNRATED).play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len()), ((1, 0, 0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_may_be_known_by_an_id() {
    for (settings, contact) in [
        (", without_email = \"client_lead_id\"", json!({"name": "João [crm-123456]"})),
        (", without_email = \"weclever_lead_id\"", json!({"name": "João [WeClever 123456]"})),
        (
            ", without_email = \"client_lead_id\", id_field = \"ids\"",
            json!({"name": "João", "custom_fields": {"ids": "[crm-123456]"}}),
        ),
    ] {
        let played = Story::of(move |base| with(base, settings), RdStation::new).lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts.len()), ((1, 0, 0), 1));
        for (key, value) in contact.as_object().unwrap() {
            assert_eq!(&played.crm.contacts[0][key], value, "{settings}");
        }
        // Another of the same person, in another conversation.
        let known = contact.clone();
        let story = Story::of(move |base| with(base, settings), move || RdStation::with_contact(known.clone()));
        let played = story.lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts.len()), ((1, 0, 0), 1), "{settings}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_holds_anothers_is_another() {
    let crm = || RdStation::with_contact(json!({"name": "Ana", "emails": [{"email": "ana.maria@example.com"}]}));
    let played = Story::of(keys, crm).play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len()), ((1, 0, 0), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_another_annotation_of_the_same_deal_and_a_change_is_the_contacts_alone() {
    let later = leads::UNRATED.replace("João", "João Silva").replace("\"rating\":null", "\"rating\":\"2\"");
    // The filters have not heard of any of it.
    let story = Story::of(keys, RdStation::slow_to_filter).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).play(&[]).await;
    assert_eq!(played.fates(), (3, 0, 0));
    let RdStation { contacts, deals, notes, .. } = &played.crm;
    assert_eq!((contacts.len(), deals.len(), notes.len()), (1, 1, 2));
    assert_eq!(contacts[0]["name"], "João Silva");
    assert_eq!(text(&notes[1].1), "Nota: 2 (baixa)");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits() {
    for details in leads::hostile() {
        let played = Story::of(keys, RdStation::new).lead(&details).play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{details}: {:?}", shown(&played.calls));
        let note = played.crm.notes[0].1["description"].as_str().unwrap();
        assert!(note.encode_utf16().count() <= 8_000, "{}", note.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    for (said, at, requests, fates) in [
        (answer(429, json!({"errors": [{"title": "Too Many Requests"}]})).with("retry-after", 1), 1, 7, (1, 0, 0)),
        (answer(500, Value::Null), 2, 7, (1, 0, 0)),
        (answer(503, Value::Null), 4, 7, (1, 0, 0)),
        (answer(403, json!({"errors": [{"title": "Forbidden"}]})), 1, 7, (1, 0, 0)),
        (answer(400, json!({"errors": [{"detail": "filter is invalid"}]})), 1, 2, (0, 1, 0)),
        (unfit("stage_id is invalid"), 4, 5, (0, 1, 0)),
    ] {
        let played = Story::of(keys, RdStation::new).play(&[(at, Fault::Says(said.clone()))]).await;
        assert_eq!((played.fates(), played.calls.len()), (fates, requests), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_contact_deal_and_annotation_are_there_once() {
    Story::of(keys, RdStation::slow_to_filter).whatever_happens(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_a_lead_with_nothing_but_its_id_neither_is_doubled() {
    let nobody = r#"{"lead":{"name":"João","phone":"sem telefone"}}"#;
    Story::of(keys, RdStation::slow_to_filter).lead(nobody).whatever_happens(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_lost_needs_a_person_and_loses_no_delivery() {
    let strict = || RdStation::with_tokens(Tokens::rotating_at_once("refresh-1"));
    let played = Story::of(keys, strict).wait("3s").play(&[(0, Fault::HandledThenCut)]).await;
    assert_eq!(played.fates(), (0, 0, 1));
    assert!(played.destination.to_string().contains("leadhook auth crm"), "{:#}", played.destination);
    // Without such an accident it lives on, whatever else happens.
    let played = Story::of(keys, strict).play(&[(1, Fault::HandledThenKilled), (3, Fault::Killed)]).await;
    assert_eq!((played.fates(), played.crm.notes().len()), ((1, 0, 0), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_on_the_way_is_renewed_by_the_refresh_token_that_came_with_it() {
    // Between contact and deal, say.
    let ending = || RdStation { ends_at: 5, ..RdStation::with_tokens(Tokens::rotating_at_once("refresh-1")) };
    let played = Story::of(keys, ending).play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.notes().len()), ((1, 0, 0), 1, 2));
    let asked: Vec<String> = played.calls.iter().filter_map(|call| call.form().get("refresh_token").cloned()).collect();
    assert_eq!(asked, ["refresh-1", "refresh-2"]);
    assert_eq!(played.calls.last().unwrap().header("authorization"), "Bearer access-2");
}
