//! `bitrix24`

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::crm::{Answer, Call, Crm, Fault, LEAD, Story, answer, shown};
use super::leads;
use super::stage::Wiring;
use crate::support::{Api, Raw, destination};

/// The webhook's code, which nobody may see.
const CODE: &str = "k3h7q9w2c0d3";

/// apidocs.bitrix24.com: an incoming webhook of user 1.
#[derive(Clone, Default)]
struct Portal {
    contacts: Vec<Value>,
    comments: Vec<Value>,
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    answer(status, json!({"error": error, "error_description": description}))
}

fn result(result: Value) -> Answer {
    let time = json!({"start": 1_778_747_192.9, "finish": 1_778_747_193.5, "duration": 0.6, "processing": 0.03,
        "date_start": "2026-05-14T10:26:32+02:00", "date_finish": "2026-05-14T10:26:33+02:00",
        "operating_reset_at": 1_778_747_792, "operating": 3.3});
    answer(200, json!({"result": result, "time": time}))
}

/// What numbers are compared by.
fn digits(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("55").filter(|rest| rest.len() >= 10).map_or(digits.clone(), str::to_owned)
}

/// Whether a contact's field of many values has one of these.
fn has(contact: &Value, kind: &str, values: &[&str]) -> bool {
    contact["fm"].as_array().into_iter().flatten().any(|own| {
        let own_value = own["value"].as_str().unwrap();
        own["typeId"] == kind
            && values.iter().any(|value| match kind {
                "PHONE" => digits(own_value) == digits(value),
                _ => own_value.eq_ignore_ascii_case(value),
            })
    })
}

/// Why these fields are none of a contact's.
fn wrong_fields(fields: &Value) -> Option<Answer> {
    let fits = |key: &str| fields[key].is_null() || fields[key].as_str().is_some_and(|text| text.chars().count() <= 50);
    for name in ["name", "lastName"] {
        if !fits(name) {
            let error = "CRM_FIELD_ERROR_VALUE_NOT_VALID";
            return Some(refused(400, error, &format!("Invalid value for field \"{name}\"")));
        }
    }
    let values: Vec<&Value> = match &fields["fm"] {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        Value::Object(values) => values.values().collect(),
        _ => return Some(refused(400, "100", "Expected iterable value for multiple field, but got string instead")),
    };
    let fits = |value: &&Value| {
        let text = value["value"].as_str().unwrap_or("");
        let typed = ["WORK", "MOBILE", "HOME", "MAILING", "OTHER"].iter().any(|kind| value["valueType"] == *kind);
        typed
            && match value["typeId"].as_str() {
                Some("EMAIL") => {
                    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
                }
                Some("PHONE") => digits(text).len() >= 7,
                _ => false,
            }
    };
    (!values.iter().all(fits))
        .then(|| refused(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "Invalid value for field \"fm\""))
}

impl Portal {
    /// One whom the company's own people wrote down.
    fn with(kind: &str, value: &str) -> Portal {
        let fm = json!([{"typeId": kind, "valueType": "WORK", "value": value}]);
        Portal { contacts: vec![json!({"id": 1, "name": "Maria do boleto", "fm": fm})], comments: vec![] }
    }

    fn contact(&mut self, id: &Value) -> Option<&mut Value> {
        self.contacts.iter_mut().find(|contact| contact["id"] == *id)
    }

    fn find_by_comm(&self, asked: &Value) -> Answer {
        let Some(kind) = asked["type"].as_str() else {
            return refused(400, "Communication type is not defined", "Parameter 'type' is required.");
        };
        if kind != "EMAIL" && kind != "PHONE" {
            let error = format!("Communication type '{kind}' is not supported in current context");
            return refused(400, &error, "");
        }
        let values: Option<Vec<&str>> =
            asked["values"].as_array().and_then(|values| values.iter().map(Value::as_str).collect());
        let Some(values) = values.filter(|values| (1..=20).contains(&values.len())) else {
            return refused(400, "Communication values is not defined", "");
        };
        assert_eq!(asked["entity_type"], "CONTACT");
        let found: Vec<&Value> =
            self.contacts.iter().filter(|it| has(it, kind, &values)).map(|contact| &contact["id"]).collect();
        result(if found.is_empty() { json!([]) } else { json!({"CONTACT": found}) })
    }

    fn list(&self, asked: &Value) -> Answer {
        let Some(filter) = asked["filter"].as_object() else { return refused(400, "100", "filter") };
        for key in filter.keys() {
            let field = key.trim_start_matches(['=', '!', '>', '<', '@', '%']);
            if !["id", "name", "lastName", "originatorId", "originId"].contains(&field) {
                let why = format!("Invalid filter: field '{field}' is not allowed in filter");
                return refused(400, "INVALID_ARG_VALUE", &why);
            }
        }
        let fits = |contact: &&Value| filter.iter().all(|(key, value)| contact[key.trim_start_matches('=')] == *value);
        let items: Vec<Value> = self.contacts.iter().filter(fits).map(|contact| json!({"id": contact["id"]})).collect();
        result(json!({"items": items}))
    }

    fn add(&mut self, asked: &Value) -> Answer {
        let mut fields = asked["fields"].clone();
        if !fields.is_object() {
            return refused(400, "100", "Could not find value for parameter {fields}");
        }
        if let Some(wrong) = wrong_fields(&fields) {
            return wrong;
        }
        if fields["name"].as_str().is_none_or(str::is_empty) && fields["lastName"].as_str().is_none_or(str::is_empty) {
            return refused(400, "CRM_FIELD_ERROR_REQUIRED", "Required field \"name\" is empty");
        }
        fields["id"] = json!(self.contacts.len() + 1);
        self.contacts.push(fields.clone());
        result(json!({"item": fields}))
    }

    fn update(&mut self, asked: &Value) -> Answer {
        let fields = asked["fields"].clone();
        if let Some(wrong) = wrong_fields(&fields) {
            return wrong;
        }
        let Some(contact) = self.contact(&asked["id"]) else { return refused(400, "NOT_FOUND", "Not found") };
        for (key, value) in fields.as_object().unwrap() {
            if key == "fm" {
                contact["fm"].as_array_mut().unwrap().extend(value.as_object().unwrap().values().cloned());
            } else {
                contact[key] = value.clone();
            }
        }
        result(json!({"item": contact}))
    }

    fn comment(&mut self, asked: &Value) -> Answer {
        let fields = asked["fields"].clone();
        if ["ENTITY_ID", "ENTITY_TYPE", "COMMENT"].iter().any(|key| fields[key].is_null()) {
            return refused(400, "100", "Required fields are not provided");
        }
        if fields["ENTITY_TYPE"] != "contact" || self.contact(&fields["ENTITY_ID"]).is_none() {
            return refused(400, "OWNER_NOT_FOUND", "Owner of the item not found");
        }
        let text = fields["COMMENT"].as_str().unwrap_or("");
        // A column of theirs has so many bytes.
        if text.trim().is_empty() || text.len() > 65_535 {
            return refused(400, "INVALID_ARG_VALUE", "Empty comment");
        }
        for code in ["[URL", "[USER", "[B]", "[IMG", "[clique]"] {
            assert!(!text.contains(code), "{text}");
        }
        self.comments.push(fields);
        result(json!(998 + self.comments.len()))
    }

    fn comments(&self, asked: &Value) -> Answer {
        let filter = &asked["filter"];
        if filter["ENTITY_ID"].is_null() || filter["ENTITY_TYPE"] != "contact" {
            return refused(400, "", "Access denied.");
        }
        assert_eq!(asked["order"], json!({"ID": "DESC"}), "the newest first: there are never more than 50");
        let own = self.comments.iter().enumerate().rev();
        let own = own.filter(|(_, comment)| comment["ENTITY_ID"] == filter["ENTITY_ID"]);
        let own = own.map(|(i, comment)| json!({"ID": format!("{}", 999 + i), "COMMENT": comment["COMMENT"]}));
        let mut answer = result(own.take(50).collect());
        answer.body["total"] = json!(self.comments.len());
        answer
    }
}

impl Crm for Portal {
    fn answer(&mut self, call: &Call) -> Answer {
        let Some(method) = call.path.strip_prefix(&format!("/rest/1/{CODE}/")) else {
            return refused(401, "NO_AUTH_FOUND", "Wrong authorization data");
        };
        let asked = call.json();
        if call.method != "POST" || !asked.is_object() {
            return refused(400, "INVALID_REQUEST", "not as these pages show it");
        }
        if method.starts_with("crm.item.") && asked["entityTypeId"] != 3 {
            return refused(400, "NOT_FOUND", "Smart process not found");
        }
        match method {
            "crm.duplicate.findbycomm" => self.find_by_comm(&asked),
            "crm.item.list" => self.list(&asked),
            "crm.item.add" => self.add(&asked),
            "crm.item.update" => self.update(&asked),
            "crm.timeline.comment.add" => self.comment(&asked),
            "crm.timeline.comment.list" => self.comments(&asked),
            _ => refused(404, "ERROR_METHOD_NOT_FOUND", "Method not found!"),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.contacts.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.comments.clone()
    }
}

fn keys(base: &str) -> String {
    format!("preset = \"bitrix24\"\nurl = \"{base}/rest/1/{CODE}/\"")
}

fn knowing_by(without_email: &'static str) -> impl Fn(&str) -> String + Send + Sync {
    move |base| format!("{}\nsettings = {{ without_email = {without_email:?} }}", keys(base))
}

/// `{"crm.item.add": body}`, without the texts of comments.
fn told(calls: &[Call]) -> Vec<Value> {
    let mut told = Vec::new();
    for call in shown(calls) {
        let (line, body) = call.as_object().unwrap().iter().next().unwrap();
        let mut body = body.clone();
        if let Some(text) = body.pointer_mut("/fields/COMMENT") {
            *text = json!("…");
        }
        told.push(json!({ line.rsplit('/').next().unwrap(): body }));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_contact_and_a_comment() {
    let played = Story::of(keys, Portal::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    assert_eq!(
        told(&played.calls),
        [
            json!({"crm.duplicate.findbycomm": {"entity_type": "CONTACT", "type": "EMAIL", "values": ["maria@example.com"]}}),
            json!({"crm.item.list": {
                "entityTypeId": 3, "select": ["id"], "order": {"id": "ASC"},
                "filter": {"=originatorId": "WECLEVER", "=originId": LEAD.to_string()},
            }}),
            json!({"crm.item.add": {"entityTypeId": 3, "fields": {
            "name": "Maria", "lastName": "Souza",
            "originatorId": "WECLEVER", "originId": LEAD.to_string(),
            "fm": [
                {"typeId": "EMAIL", "valueType": "WORK", "value": "maria@example.com"},
                {"typeId": "PHONE", "valueType": "MOBILE", "value": "+5511987654321"},
            ]}}}),
            json!({"crm.timeline.comment.add": {"fields": {"ENTITY_TYPE": "contact", "ENTITY_ID": 1, "COMMENT": "…"}}}),
        ]
    );
    let comment = played.crm.comments[0]["COMMENT"].as_str().unwrap();
    let (said, id) = comment.rsplit_once("\n\nWeClever 123456 · evt_").unwrap();
    assert!(id.len() >= 26 && !id.contains('\n'), "{comment}");
    assert_eq!(
        said,
        "Atendimento WeClever: qualified\nNota: 2 – Demorou demais\n\n\
         23/11 14:00 Cliente: Oi, meu boleto veio errado\n23/11 14:01 Atendente: Vou verificar"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_there_is_one_contact_with_one_comment() {
    let own = [
        Fault::Says(refused(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")),
        Fault::Says(refused(200, "QUERY_LIMIT_EXCEEDED", "Too many requests")),
        Fault::Says(refused(500, "INTERNAL_SERVER_ERROR", "Internal server error")),
        Fault::HandledThenSays(refused(500, "ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response")),
        Fault::HandledThenSays(refused(200, "INTERNAL_SERVER_ERROR", "Internal server error")),
        Fault::Says(refused(403, "INVALID_CREDENTIALS", "Invalid request credentials")),
    ];
    Story::of(keys, Portal::default).whatever_happens(&own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_there_stays_as_it_is() {
    let played = Story::of(keys, || Portal::with("EMAIL", "Maria@Example.com")).play(&[]).await;
    assert_eq!(played.crm.contacts, Portal::with("EMAIL", "Maria@Example.com").contacts);
    assert_eq!((played.crm.comments.len(), played.calls.len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_as_the_file_says() {
    let played = Story::of(keys, || Portal::with("PHONE", "(11) 98765-4321")).lead(leads::UNRATED).play(&[]).await;
    assert_eq!((played.crm.contacts.len(), played.crm.comments.len()), (1, 1));
    let numbers = json!(["+5511987654321", "5511987654321", "11987654321"]);
    assert_eq!(
        told(&played.calls)[0],
        json!({"crm.duplicate.findbycomm": {"entity_type": "CONTACT", "type": "PHONE", "values": numbers}})
    );
    // The number is somebody else's too, so that it is not what the lead is known by.
    for (by, id) in [("client_lead_id", format!("crm-{LEAD}")), ("weclever_lead_id", LEAD.to_string())] {
        let story = Story::of(knowing_by(by), || Portal::with("PHONE", "(11) 98765-4321")).lead(leads::UNRATED);
        let played = story.play(&[]).await;
        assert_eq!(played.crm.contacts[1]["originId"], json!(id));
        assert_eq!(played.crm.comments[0]["ENTITY_ID"], 2);
        let filter = json!({"=originatorId": "WECLEVER", "=originId": id});
        assert_eq!(
            told(&played.calls)[0],
            json!({"crm.item.list": {"entityTypeId": 3, "select": ["id"], "filter": filter, "order": {"id": "ASC"}}})
        );
        Story::of(knowing_by(by), Portal::default).lead(leads::UNRATED).whatever_is_lost().await;
    }
    // No number either, and no id of its own.
    let nobody = leads::UNRATED.replace("\"+5511987654321\"", "\"não tem\"").replace("João", "");
    for by in ["phone", "client_lead_id"] {
        let row = json!({"weclever_lead_id": LEAD, "mapped_status": "qualified", "client_lead_id": null}).to_string();
        let story = Story::of(knowing_by(by), Portal::default).lead(&nobody).row(&row);
        let played = story.play(&[]).await;
        let contact = json!({"id": 1, "name": format!("WeClever {LEAD}"), "originatorId": "WECLEVER",
            "originId": LEAD.to_string(), "fm": []});
        assert_eq!(played.crm.contacts, [contact]);
        story.whatever_is_lost().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_comment_and_a_change_is_none() {
    let later = leads::UNRATED
        .replace("João", "João Silva")
        .replace("null,\"name\"", "\"joao@example.com\",\"name\"")
        .replace("\"message\":null,\"rating\":null", "\"message\":\"[URL=x]bom[/URL]\",\"rating\":\"5\"");
    let story = Story::of(keys, Portal::default).lead(leads::UNRATED);
    let story = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).later(&later);
    let played = story.play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.comments.len()), ((3, 0, 0), 1, 2));
    let contact = &played.crm.contacts[0];
    assert_eq!((&contact["name"], &contact["lastName"]), (&json!("João"), &json!("Silva")));
    assert!(has(contact, "EMAIL", &["joao@example.com"]) && has(contact, "PHONE", &["+5511987654321"]), "{contact}");
    assert_eq!(contact["fm"].as_array().unwrap().len(), 2, "{contact}");
    let rated = played.crm.comments[1]["COMMENT"].as_str().unwrap();
    assert!(
        rated.starts_with("Atendimento WeClever: avaliação\nNota: 5 – [\u{200b}URL=x]bom[\u{200b}/URL]\n\n"),
        "{rated}"
    );
    story.whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_messages_are_another_comment() {
    let message = r#""messages":[{"body":"Ainda estou aqui","direction":"inbound","sid":"c"}]"#;
    let later = leads::UNRATED.replace("\"messages\":[]", message).replace("\"rating\":null", "\"rating\":\"5\"");
    let story = Story::of(keys, Portal::default).lead(leads::UNRATED).later(&later);
    let story = story.on(&["lead.finalized", "lead.updated"]);
    let played = story.play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.comments.len()), ((2, 0, 0), 1, 2));
    let comment = played.crm.comments[1]["COMMENT"].as_str().unwrap();
    assert!(
        comment.starts_with("Atendimento WeClever: novidades\n") && comment.contains("Ainda estou aqui"),
        "{comment}"
    );
    story.whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_comment_is_found_among_many_long_ones() {
    let busy = || {
        let mut portal = Portal::with("EMAIL", "maria@example.com");
        let long = json!({"ENTITY_ID": 1, "ENTITY_TYPE": "contact", "COMMENT": "ção ".repeat(2_000)});
        portal.comments = vec![long; 60];
        portal
    };
    let played = Story::of(keys, busy).play(&[(1, Fault::HandledThenCut)]).await;
    assert_eq!((played.fates(), played.crm.comments.len(), played.calls.len()), ((1, 0, 0), 61, 3));
}

/// Three leads, and the rate that the preset has.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_is_asked_twice_a_second() {
    let api = Api::start().await;
    for id in 1..=3 {
        api.finalize(id, &leads::row(id), Some(&leads::LOW.replace("maria@", &format!("lead-{id}@"))));
    }
    let portal = Mutex::new(Portal::default());
    let raw = Raw::start(move |request, _| portal.lock().unwrap().answer(&Call::of(request)).reply()).await;
    let on = ["lead.finalized"];
    let wiring = Wiring::new(&api).to("bitrix24", "crm", &format!("{}/rest/1/{CODE}/", raw.url()), "", &on);
    let place = wiring.run("30s");
    assert_eq!(destination(&place.status(), "crm")["delivered"], 3);
    let came: Vec<_> = raw.requests().iter().map(|request| request.at).collect();
    assert_eq!(came.len(), 12);
    // Whatever comes at once in the beginning: the bucket takes 50.
    let took = came[11] - came[0];
    assert!(took >= Duration::from_secs(4), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_stands_beside_the_old_one_and_only_once() {
    let later = leads::LOW.replace("(11) 98765-4321", "(21) 91234-5678");
    let unrated = leads::LOW.replace("\"rating\":\"2\"", "\"rating\":null");
    let story = Story::of(keys, Portal::default).on(&["lead.finalized", "lead.updated"]).lead(&unrated).later(&later);
    let played = story.play(&[]).await;
    let numbers = |crm: &Portal| {
        let all = crm.contacts[0]["fm"].as_array().unwrap().iter().filter(|it| it["typeId"] == "PHONE").cloned();
        all.map(|it| it["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&played.crm), ["+5511987654321", "+5521912345678"]);
    for at in 0..played.calls.len() {
        let played = story.play(&[(at, Fault::HandledThenCut)]).await;
        assert_eq!(numbers(&played.crm), ["+5511987654321", "+5521912345678"], "{:#?}", told(&played.calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_errors_are_understood() {
    let dead = (0, 1, 0);
    let (later, waits) = ((1, 0, 0), (0, 0, 1));
    for (said, fates) in [
        (refused(401, "NO_AUTH_FOUND", "Wrong authorization data"), later),
        (refused(200, "NO_AUTH_FOUND", "Wrong authorization data"), later),
        (refused(401, "expired_token", "The access token provided has expired"), later),
        (refused(403, "insufficient_scope", "The request requires higher privileges"), later),
        (refused(400, "ACCESS_DENIED", "Access denied"), later),
        (refused(400, "INVALID_REQUEST", "Https required"), dead),
        // Not believed, whatever its status says, and nobody knows what was done.
        (refused(200, "INTERNAL_SERVER_ERROR", "Internal server error"), later),
        (refused(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "Invalid value for field \"fm\""), dead),
        // Until a minute is over, or until their support has been asked.
        (refused(429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit."), waits),
        (refused(503, "OVERLOAD_LIMIT", "REST API is blocked due to overload."), waits),
    ] {
        let played = Story::of(keys, Portal::default).play(&[(2, Fault::Says(said.clone()))]).await;
        assert_eq!(played.fates(), fates, "{said:?}: {:#}", played.destination);
        if fates == waits {
            assert_eq!(played.calls.len(), 3, "{said:?}");
        }
    }
    // A portal that does not filter by the ids of others.
    let why = "Invalid filter: field 'originId' is not allowed in filter";
    let fault = Fault::Says(refused(400, "INVALID_ARG_VALUE", why));
    let played = Story::of(keys, Portal::default).play(&[(1, fault)]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.comments.len()), (later, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhooks_code_is_shown_nowhere() {
    let fault = Fault::Says(refused(400, "INVALID_REQUEST", "Https required"));
    let played = Story::of(keys, Portal::default).play(&[(2, fault)]).await;
    assert_eq!(played.fates(), (0, 1, 0));
    let dead = played.place.json(&["dead", "list"], 1)["letters"][0]["id"].as_str().unwrap().to_owned();
    let lead = LEAD.to_string();
    for command in [
        vec!["status"],
        vec!["status", "--json"],
        vec!["explain", &lead],
        vec!["explain", &lead, "--json"],
        vec!["dead", "list"],
        vec!["dead", "show", &dead],
        vec!["dead", "show", &dead, "--json"],
        vec!["check"],
        vec!["route", "test", "--simulated"],
    ] {
        let ran = played.place.run(&command);
        assert!(!ran.out.is_empty() || !ran.err.is_empty(), "{command:?}");
        assert!(!ran.out.contains(CODE) && !ran.err.contains(CODE), "{command:?}: {ran:?}");
    }
    let shown = played.place.run(&["route", "test", "--simulated"]).out;
    assert!(shown.contains("/rest/1/***/crm.duplicate.findbycomm"), "{shown}");
    let files = std::fs::read_dir(played.place.path("")).unwrap().flatten().map(|file| file.path());
    for log in files.filter(|path| path.extension().is_some_and(|it| it == "err" || it == "out")) {
        assert!(!std::fs::read_to_string(&log).unwrap().contains(CODE), "{}", log.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_one_contact_and_one_comment() {
    for details in leads::hostile() {
        let played = Story::of(keys, Portal::default).lead(&details).play(&[]).await;
        let told = (played.fates(), played.crm.contacts.len(), played.crm.comments.len());
        assert_eq!(told, ((1, 0, 0), 1, 1), "{:.200}: {:#?}", details, shown(&played.calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_conversations_at_once_are_one_contact_with_two_comments() {
    for details in [leads::LOW, leads::UNRATED] {
        let played = Story::of(keys, Portal::default).lead(details).twice().play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts().len(), played.crm.notes().len()), ((2, 0, 0), 1, 2));
    }
}
