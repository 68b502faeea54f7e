//! `hubspot`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::crm::*;
use super::leads;

const CONTACTS: &str = "/crm/objects/2026-09/contacts";
const NOTES: &str = "/crm/objects/2026-09/notes";

fn keys(base: &str) -> String {
    format!("preset = \"hubspot\"\nurl = {base:?}\nauth = {{ type = \"bearer\", token = \"pat-na1-1\" }}")
}

fn by(without_email: &str) -> impl Fn(&str) -> String {
    let settings = format!("settings = {{ without_email = {without_email:?} }}");
    move |base| format!("{}\n{settings}", keys(base))
}

type Properties = BTreeMap<String, String>;

#[derive(Clone, Debug)]
struct Record {
    id: u64,
    properties: Properties,
    /// At which request it was made.
    made: usize,
}

/// developers.hubspot.com: contacts, notes, associations and search. What was made is found by a search so many requests
/// later, and by anything else at once.
#[derive(Clone, Debug, Default)]
struct HubSpot {
    contacts: Vec<Record>,
    notes: Vec<Record>,
    /// Notes on the timelines of contacts.
    attached: Vec<(u64, u64)>,
    requests: usize,
    search_lag: usize,
    notes_cannot_be_searched: bool,
    /// Deleted contacts, which a search still finds.
    deleted: Vec<u64>,
}

fn error(status: u16, category: &str, message: &str) -> Answer {
    answer(status, json!({"status": "error", "message": message, "category": category, "correlationId": "aeb5f871"}))
}

fn invalid(message: &str) -> Answer {
    error(400, "VALIDATION_ERROR", &format!("Property values were not valid: {message}"))
}

/// The properties that an account has, beside a custom one, with the most characters that fit.
fn properties(value: &Value, known: &[(&str, usize)]) -> Result<Properties, Answer> {
    let object = value.as_object().ok_or_else(|| invalid("no properties"))?;
    let mut read = Properties::new();
    for (name, value) in object {
        let most = known.iter().find(|(known, _)| known == name).map(|(_, most)| *most);
        let most =
            most.ok_or_else(|| invalid(&format!("Property \"{name}\" does not exist (PROPERTY_DOESNT_EXIST)")))?;
        let text = value.as_str().ok_or_else(|| invalid(&format!("{name} was not a valid string")))?;
        if text.encode_utf16().count() > most {
            return Err(invalid(&format!("{name} was too long")));
        }
        read.insert(name.clone(), text.to_owned());
    }
    Ok(read)
}

const CONTACT: [(&str, usize); 7] = [
    ("email", 254),
    ("firstname", 65_536),
    ("lastname", 65_536),
    ("phone", 65_536),
    ("mobilephone", 65_536),
    ("state", 65_536),
    ("weclever_key", 65_536),
];
const NOTE: [(&str, usize); 3] = [("hs_timestamp", 30), ("hs_note_body", 65_536), ("hubspot_owner_id", 20)];

impl HubSpot {
    fn slow_to_search() -> HubSpot {
        HubSpot { search_lag: 1_000, ..HubSpot::default() }
    }

    /// Somebody typed this one in.
    fn with_contact(phone: &str) -> HubSpot {
        let properties = Properties::from([("phone".into(), phone.into()), ("lastname".into(), "João".into())]);
        HubSpot { contacts: vec![Record { id: 501, properties, made: 0 }], ..HubSpot::default() }
    }

    fn upsert(&mut self, input: &Value) -> Result<Value, Answer> {
        let (property, id) = (input["idProperty"].as_str().unwrap_or(""), input["id"].as_str().unwrap_or(""));
        if !["email", "weclever_key"].contains(&property) {
            return Err(error(400, "VALIDATION_ERROR", "The property is not a unique property"));
        }
        if id.is_empty() || (property == "email" && !id.contains('@')) {
            return Err(invalid("INVALID_EMAIL"));
        }
        let mut given = properties(&input["properties"], &CONTACT)?;
        given.insert(property.to_owned(), id.to_owned());
        let found =
            self.contacts.iter().position(|contact| contact.properties.get(property).is_some_and(|it| it == id));
        let new = found.is_none();
        let at = found.unwrap_or_else(|| {
            let id = 901 + self.contacts.len() as u64;
            self.contacts.push(Record { id, properties: Properties::new(), made: self.requests });
            self.contacts.len() - 1
        });
        self.contacts[at].properties.extend(given);
        Ok(json!({"id": self.contacts[at].id.to_string(), "new": new, "archived": false}))
    }

    fn search(&self, records: &[Record], body: &Value) -> Answer {
        let calculated = |record: &Record, name: &str| match name {
            "hs_searchable_calculated_phone_number" => record.properties.get("phone").map(|phone| {
                let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
                digits.strip_prefix("55").filter(|_| phone.starts_with('+')).unwrap_or(&digits).to_owned()
            }),
            name => record.properties.get(name).cloned(),
        };
        let meets = |record: &Record, filter: &Value| {
            let value = filter["value"].as_str().unwrap();
            calculated(record, filter["propertyName"].as_str().unwrap()).is_some_and(|has| {
                match filter["operator"].as_str() {
                    Some("EQ") => has == value,
                    Some("CONTAINS_TOKEN") => {
                        has.split(|c: char| !c.is_alphanumeric() && c != '_').any(|token| token == value)
                    }
                    _ => false,
                }
            })
        };
        let groups = body["filterGroups"].as_array().unwrap();
        assert!(groups.len() <= 5 && body["limit"].as_u64().is_some_and(|limit| limit <= 200));
        let known = records.iter().filter(|record| record.made + self.search_lag < self.requests);
        let results: Vec<Value> = known
            .filter(|record| {
                let group =
                    |group: &Value| group["filters"].as_array().unwrap().iter().all(|filter| meets(record, filter));
                groups.iter().any(group)
            })
            .map(|record| json!({"id": record.id.to_string(), "properties": record.properties}))
            .collect();
        answer(200, json!({"total": results.len(), "results": results}))
    }

    fn handle(&mut self, call: &Call) -> Result<Answer, Answer> {
        let body = call.json();
        Ok(match (call.method.as_str(), call.path.as_str()) {
            ("POST", path) if path == format!("{CONTACTS}/search") => self.search(&self.contacts, &body),
            ("POST", path) if path == format!("{CONTACTS}/batch/upsert") => {
                let inputs = body["inputs"].as_array().ok_or_else(|| invalid("inputs"))?.clone();
                let results: Result<Vec<Value>, Answer> = inputs.iter().map(|input| self.upsert(input)).collect();
                answer(200, json!({"status": "COMPLETE", "results": results?, "startedAt": "2026-11-23T17:20:31Z"}))
            }
            (method @ ("GET" | "PATCH"), path) if path.starts_with(&format!("{CONTACTS}/")) => {
                let given =
                    if method == "GET" { Properties::new() } else { properties(&body["properties"], &CONTACT)? };
                let id = path.rsplit('/').next().unwrap();
                let deleted = &self.deleted;
                let mut there = self.contacts.iter_mut().filter(|contact| !deleted.contains(&contact.id));
                let contact = there.find(|contact| contact.id.to_string() == id);
                let contact = contact.ok_or_else(|| error(404, "OBJECT_NOT_FOUND", "resource not found"))?;
                contact.properties.extend(given);
                answer(200, json!({"id": id, "properties": contact.properties}))
            }
            ("POST", path) if path == format!("{NOTES}/search") => {
                if self.notes_cannot_be_searched {
                    return Err(error(400, "VALIDATION_ERROR", "There was a problem with the request."));
                }
                self.search(&self.notes, &body)
            }
            ("POST", NOTES) => {
                let given = properties(&body["properties"], &NOTE)?;
                let time = given.get("hs_timestamp").and_then(|time| time.parse::<jiff::Timestamp>().ok());
                if time.is_none() || !body["associations"].is_array() {
                    return Err(invalid("hs_timestamp was required"));
                }
                let id = 7_001 + self.notes.len() as u64;
                self.notes.push(Record { id, properties: given, made: self.requests });
                answer(201, json!({"id": id.to_string(), "archived": false}))
            }
            ("POST", "/crm/associations/2026-09/notes/contacts/batch/associate/default") => {
                let mut results = Vec::new();
                for input in body["inputs"].as_array().ok_or_else(|| invalid("inputs"))? {
                    let id = |end: &str| input[end]["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0);
                    let (note, contact) = (id("from"), id("to"));
                    let there = |records: &[Record], id| records.iter().any(|record| record.id == id);
                    if !there(&self.notes, note) || !there(&self.contacts, contact) {
                        return Err(error(404, "OBJECT_NOT_FOUND", "resource not found"));
                    }
                    if !self.attached.contains(&(note, contact)) {
                        self.attached.push((note, contact));
                    }
                    results.push(json!({"from": {"id": note.to_string()}, "to": {"id": contact.to_string()}}));
                }
                answer(200, json!({"status": "COMPLETE", "results": results}))
            }
            _ => return Err(error(404, "OBJECT_NOT_FOUND", "no such path")),
        })
    }
}

impl Crm for HubSpot {
    fn answer(&mut self, call: &Call) -> Answer {
        self.requests += 1;
        if call.header("authorization") != "Bearer pat-na1-1" {
            return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.");
        }
        self.handle(call).unwrap_or_else(|error| error)
    }

    fn contacts(&self) -> Vec<Value> {
        let there = self.contacts.iter().filter(|contact| !self.deleted.contains(&contact.id));
        there.map(|contact| json!(contact.properties)).collect()
    }

    fn notes(&self) -> Vec<Value> {
        let on_contacts = self.attached.iter().map(|(note, _)| self.notes.iter().find(|it| it.id == *note).unwrap());
        on_contacts.map(|note| json!(note.properties)).collect()
    }
}

/// Takes the id and the time out, which are others each time.
fn without_time(mut shown: Vec<Value>) -> Vec<Value> {
    for call in &mut shown {
        let (line, body) = call.as_object_mut().unwrap().iter_mut().next().unwrap();
        if line == &format!("POST {NOTES}") {
            let note = &mut body["properties"];
            assert!(note["hs_timestamp"].as_str().unwrap().ends_with('Z'), "{note}");
            note.as_object_mut().unwrap().remove("hs_timestamp");
            let text = note["hs_note_body"].as_str().unwrap();
            let (text, id) = text.rsplit_once("<br>").unwrap();
            assert!(id.starts_with("evt_") && id.len() > 25, "{id}");
            note["hs_note_body"] = json!(text);
        }
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_contact_and_a_note_on_its_timeline() {
    let played = Story::of(keys, HubSpot::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    assert_eq!(
        without_time(shown(&played.calls)),
        [
            json!({"POST /crm/objects/2026-09/contacts/batch/upsert": {"inputs": [{
                "idProperty": "email",
                "id": "maria@example.com",
                "properties": {"firstname": "Maria", "lastname": "Souza", "phone": "+5511987654321", "state": "SP"},
            }]}}),
            json!({"POST /crm/objects/2026-09/notes": {
                "associations": [],
                "properties": {"hs_note_body": "<strong>Atendimento WeClever 123456</strong> · qualified<br>Nota: 2 (baixa)\
                    <br>Comentário: Demorou demais<br><br>23/11 14:00 Cliente: Oi, meu boleto veio errado\
                    <br>23/11 14:01 Atendente: Vou verificar<br>"},
            }}),
            json!({"POST /crm/associations/2026-09/notes/contacts/batch/associate/default": {
                "inputs": [{"from": {"id": "7001"}, "to": {"id": "901"}}],
            }}),
        ]
    );
    let ids: Vec<&str> = played.calls.iter().map(|call| call.header("webhook-id")).collect();
    assert!(ids[0].ends_with("-contact") && ids[1].ends_with("-note") && ids[2].ends_with("-attach"), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_looked_for_by_its_phone() {
    // As somebody typed it in.
    for phone in ["+5511987654321", "(11) 98765-4321"] {
        let story = Story::of(keys, move || HubSpot::with_contact(phone)).lead(leads::UNRATED);
        let played = story.play(&[]).await;
        let lines = lines(&played.calls);
        assert_eq!(
            (lines[0].as_str(), lines[1].as_str(), lines.len()),
            ("POST /crm/objects/2026-09/contacts/search", "GET /crm/objects/2026-09/contacts/501?properties=phone", 4),
        );
        let name = json!({"lastname": "João", "phone": phone});
        assert_eq!((played.crm.contacts(), played.crm.notes().len()), (vec![name], 1));
    }
    let played = Story::of(keys, HubSpot::default).lead(leads::UNRATED).play(&[]).await;
    assert_eq!(
        played.crm.contacts(),
        [json!({"weclever_key": "+5511987654321", "firstname": "João", "phone": "+5511987654321"})]
    );
    assert_eq!((played.fates(), played.calls.len()), ((1, 0, 0), 4));
    // One that was deleted, and is found all the same.
    let deleted = || HubSpot { deleted: vec![501], ..HubSpot::with_contact("+5511987654321") };
    let played = Story::of(keys, deleted).lead(leads::UNRATED).play(&[]).await;
    assert_eq!(
        (played.fates(), played.crm.contacts().len(), played.crm.notes().len()),
        ((1, 0, 0), 1, 1),
        "{}",
        played.dead()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_may_be_known_by_an_id() {
    for (without_email, key) in [("client_lead_id", "crm-123456"), ("weclever_lead_id", "weclever-123456")] {
        let played = Story::of(by(without_email), HubSpot::default).lead(leads::UNRATED).play(&[]).await;
        assert_eq!(lines(&played.calls)[0], format!("POST {CONTACTS}/batch/upsert"), "nothing is looked for");
        assert_eq!(played.crm.contacts()[0]["weclever_key"], key);
    }
    // With nothing else to go by, too.
    let nobody = r#"{"lead":{"name":"João","phone":"sem telefone"}}"#;
    let played = Story::of(keys, HubSpot::default).lead(nobody).play(&[]).await;
    assert_eq!(
        (played.fates(), played.crm.contacts()[0]["weclever_key"].as_str()),
        ((1, 0, 0), Some("weclever-123456"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_note_and_a_change_is_the_contacts_alone() {
    let later = leads::UNRATED.replace("João", "João Silva").replace("\"rating\":null", "\"rating\":\"2\"");
    let story = Story::of(keys, HubSpot::default).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).play(&[]).await;
    assert_eq!(played.fates(), (3, 0, 0));
    assert_eq!((played.crm.contacts().len(), played.crm.contacts()[0]["lastname"].as_str()), (1, Some("Silva")));
    let notes = played.crm.notes();
    assert_eq!(notes.len(), 2);
    assert!(
        notes[1]["hs_note_body"].as_str().unwrap().starts_with("<strong>Nota: 2</strong> (baixa)<br><br>evt_"),
        "{notes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits_and_is_no_markup() {
    for details in leads::hostile() {
        let played = Story::of(keys, HubSpot::default).lead(&details).play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{details}: {:?}", shown(&played.calls));
        let note = played.crm.notes()[0]["hs_note_body"].as_str().unwrap().to_owned();
        let ours = ["<strong>", "</strong>", "<br>"].iter().fold(note, |note, tag| note.replace(tag, ""));
        assert!(!ours.contains(['<', '>']), "{ours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    let limited = |policy: &str| json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": policy});
    let partly = |category: &str| {
        json!({"status": "COMPLETE", "results": [], "numErrors": 1,
            "errors": [{"status": "error", "category": category, "message": "it is not so"}]})
    };
    // What comes back, to which request, how often it is asked in all, and what becomes of it.
    for (said, at, requests, fates) in [
        (answer(429, limited("TEN_SECONDLY_ROLLING")), 0, 4, (1, 0, 0)),
        (answer(423, json!({"status": "error", "message": "locked"})), 0, 4, (1, 0, 0)),
        (answer(477, Value::Null).with("retry-after", 1), 1, 4, (1, 0, 0)),
        (answer(503, Value::Null), 1, 4, (1, 0, 0)),
        (answer(521, Value::Null), 2, 4, (1, 0, 0)),
        (answer(403, json!({"category": "MISSING_SCOPES"})), 0, 4, (1, 0, 0)),
        (answer(207, partly("RATE_LIMITS")), 0, 4, (1, 0, 0)),
        (answer(207, partly("VALIDATION_ERROR")), 0, 1, (0, 1, 0)),
        (invalid("PROPERTY_DOESNT_EXIST"), 0, 1, (0, 1, 0)),
        (answer(409, json!({"category": "CONFLICT"})), 0, 1, (0, 1, 0)),
        (answer(200, json!({"status": "COMPLETE", "results": [], "numErrors": 1})), 2, 4, (1, 0, 0)),
    ] {
        let played = Story::of(keys, HubSpot::default).play(&[(at, Fault::Says(said.clone()))]).await;
        assert_eq!((played.fates(), played.calls.len()), (fates, requests), "{said:?}");
        if [423, 477].contains(&said.status) {
            let least = if said.status == 423 { 1_950 } else { 950 };
            let paused = played.calls[at + 1].at - played.calls[at].at;
            assert!(paused.as_millis() >= least, "{said:?} was obeyed for {paused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_day_is_waited_for() {
    let spent = json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"});
    let played = Story::of(keys, HubSpot::default).wait("1s").play(&[(0, Fault::Says(answer(429, spent)))]).await;
    assert_eq!((played.fates(), played.calls.len()), ((0, 0, 1), 1));
    assert_eq!(played.destination["state"], "waiting", "{:#}", played.destination);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_contact_is_there_once_and_its_note_once() {
    let locked = Fault::Says(answer(423, Value::Null));
    Story::of(keys, HubSpot::slow_to_search).whatever_happens(&[locked]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_without_an_email_neither_is_doubled() {
    Story::of(keys, HubSpot::slow_to_search).lead(leads::UNRATED).whatever_happens(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_leaves_no_note_behind_where_the_search_is_quick() {
    let lost = || [(1, Fault::HandledThenCut)];
    let played = Story::of(keys, HubSpot::default).play(&lost()).await;
    assert_eq!((played.fates(), played.crm.notes.len(), played.crm.notes().len()), ((1, 0, 0), 1, 1));
    assert!(lines(&played.calls).contains(&format!("POST {NOTES}/search")));
    // Where it is not, or not possible, one that nobody sees.
    let deaf = || HubSpot { notes_cannot_be_searched: true, ..HubSpot::default() };
    for crm in [HubSpot::slow_to_search as fn() -> HubSpot, deaf] {
        let played = Story::of(keys, crm).play(&lost()).await;
        assert_eq!((played.fates(), played.crm.notes.len(), played.crm.notes().len()), ((1, 0, 0), 2, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_messages_are_another_note() {
    let message = r#""messages":[{"body":"Ainda estou aqui","direction":"inbound","sid":"c"}]"#;
    let later = leads::UNRATED.replace("\"messages\":[]", message).replace("João", "João Silva");
    assert_ne!(later, leads::UNRATED);
    let story = Story::of(keys, || HubSpot::with_contact("+5511987654321")).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.updated"]).play(&[]).await;
    assert_eq!((played.fates(), played.crm.notes().len()), ((2, 0, 0), 2));
    assert!(played.crm.notes()[1]["hs_note_body"].as_str().unwrap().contains("Ainda estou aqui"));
    // The contact was somebody's work, until its name changed.
    assert_eq!(played.crm.contacts()[0]["lastname"], "Silva");
}
