//! `salesforce`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::crm::*;
use super::leads;

const DATA: &str = "/services/data/v68.0";

fn keys(base: &str) -> String {
    with(base, "")
}

fn with(base: &str, settings: &str) -> String {
    // The token's answer says where the API is.
    format!(
        "preset = \"salesforce\"\nurl = \"http://127.0.0.1:1\"\nauth = {{ token_url = \"{base}/services/oauth2/token\", \
         client_id = {CLIENT_ID:?}, client_secret = {CLIENT_SECRET:?} }}\nsettings = {{ {settings} }}"
    )
}

type Fields = BTreeMap<String, Value>;

/// developer.salesforce.com: upsert by an external ID, tasks, and SOQL as much of it as is used.
#[derive(Clone, Debug)]
struct Salesforce {
    tokens: Tokens,
    records: Vec<Fields>,
    tasks: Vec<Fields>,
}

const LEAD_FIELDS: [(&str, usize); 5] =
    [("LastName", 80), ("FirstName", 40), ("Email", 80), ("Phone", 40), ("Company", 255)];
const TASK_FIELDS: [(&str, usize); 6] =
    [("WhoId", 18), ("Status", 40), ("Priority", 40), ("ActivityDate", 10), ("Subject", 255), ("Description", 32_000)];

fn error(status: u16, code: &str) -> Answer {
    answer(status, json!([{"message": "said so", "errorCode": code, "fields": []}]))
}

fn fields(body: &Value, known: &[(&str, usize)]) -> Result<Fields, Answer> {
    let object = body.as_object().ok_or_else(|| error(400, "JSON_PARSER_ERROR"))?;
    for (name, value) in object {
        let (_, most) = known.iter().find(|(known, _)| known == name).ok_or_else(|| error(400, "INVALID_FIELD"))?;
        let text = value.as_str().ok_or_else(|| error(400, "JSON_PARSER_ERROR"))?;
        if text.encode_utf16().count() > *most {
            return Err(error(400, "STRING_TOO_LONG"));
        }
    }
    Ok(object.clone().into_iter().collect())
}

impl Salesforce {
    fn new() -> Salesforce {
        Salesforce { tokens: Tokens::of_client(), records: Vec::new(), tasks: Vec::new() }
    }

    fn with_records(keys: &[&str], converted: Value) -> Salesforce {
        let record = |(n, key): (usize, &&str)| {
            Fields::from([
                ("Id".into(), json!(format!("00Q00000000000{n}AAA"))),
                ("WeClever_Key__c".into(), json!(key)),
                ("ConvertedContactId".into(), converted.clone()),
            ])
        };
        Salesforce { records: keys.iter().enumerate().map(record).collect(), ..Salesforce::new() }
    }

    fn upsert(&mut self, object: &str, field: &str, key: &str, body: &Value) -> Result<Answer, Answer> {
        if !["Lead", "Contact"].contains(&object) || field != "WeClever_Key__c" {
            return Err(error(404, "NOT_FOUND"));
        }
        let mut given = fields(body, if object == "Lead" { &LEAD_FIELDS } else { &LEAD_FIELDS[..4] })?;
        let same = |record: &Fields| record["WeClever_Key__c"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(key));
        let found: Vec<usize> = (0..self.records.len()).filter(|at| same(&self.records[*at])).collect();
        if found.len() > 1 {
            let urls = found
                .iter()
                .map(|at| format!("{DATA}/sobjects/{object}/{}", self.records[*at]["Id"].as_str().unwrap()));
            return Ok(answer(300, urls.collect()));
        }
        if let [at] = found.as_slice() {
            let record = &mut self.records[*at];
            if record.get("ConvertedContactId").is_some_and(|it| !it.is_null()) {
                return Err(error(400, "CANNOT_UPDATE_CONVERTED_LEAD"));
            }
            record.extend(given);
            return Ok(answer(200, json!({"id": record["Id"], "success": true, "errors": [], "created": false})));
        }
        for required in if object == "Lead" { &["LastName", "Company"][..] } else { &["LastName"] } {
            if given.get(*required).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                return Err(error(400, "REQUIRED_FIELD_MISSING"));
            }
        }
        let id = json!(format!("00Q0000000001{:02}AAA", self.records.len()));
        given.extend([("WeClever_Key__c".into(), json!(key)), ("Id".into(), id.clone())]);
        self.records.push(given);
        Ok(answer(201, json!({"id": id, "success": true, "errors": [], "created": true})))
    }

    /// `SELECT a, b FROM X WHERE f = 'v' AND g LIKE '%v' ORDER BY ... LIMIT n`
    fn query(&self, soql: &str) -> Result<Answer, Answer> {
        let malformed = || error(400, "MALFORMED_QUERY");
        let (columns, rest) =
            soql.strip_prefix("SELECT ").and_then(|it| it.split_once(" FROM ")).ok_or_else(malformed)?;
        let (object, rest) = rest.split_once(" WHERE ").ok_or_else(malformed)?;
        let (rest, limit) = rest.rsplit_once(" LIMIT ").ok_or_else(malformed)?;
        let limit: usize = limit.parse().map_err(|_| malformed())?;
        let conditions = rest.split(" ORDER BY ").next().unwrap();
        let mut wanted = Vec::new();
        for condition in conditions.split(" AND ") {
            let (field, value) =
                condition.split_once(" = ").or_else(|| condition.split_once(" LIKE ")).ok_or_else(malformed)?;
            let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).ok_or_else(malformed)?;
            if value.contains('\'') {
                return Err(malformed());
            }
            wanted.push((field, value.to_lowercase(), condition.contains(" LIKE ")));
        }
        let rows = if object == "Task" { &self.tasks } else { &self.records };
        let meets = |row: &&Fields| {
            wanted.iter().all(|(field, value, like)| {
                let has = row.get(*field).and_then(Value::as_str).unwrap_or("").to_lowercase();
                if *like { is_like(&has, value) } else { has == *value }
            })
        };
        let columns: Vec<&str> = columns.split(", ").collect();
        let pick = |row: &Fields| -> Value {
            columns
                .iter()
                .map(|it| ((*it).to_owned(), row.get(*it).cloned().unwrap_or_default()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let records: Vec<Value> = rows.iter().filter(meets).take(limit).map(pick).collect();
        Ok(answer(200, json!({"totalSize": records.len(), "done": true, "records": records})))
    }

    fn handle(&mut self, call: &Call) -> Result<Answer, Answer> {
        let path = call.path.strip_prefix(DATA).ok_or_else(|| error(404, "NOT_FOUND"))?;
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (call.method.as_str(), parts.as_slice()) {
            ("PATCH", ["sobjects", object, field, key]) => {
                let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
                self.upsert(object, field, &key, &call.json())
            }
            ("GET", ["query"]) => self.query(call.asked("q")),
            ("POST", ["sobjects", "Task"]) => {
                let mut task = fields(&call.json(), &TASK_FIELDS)?;
                if task
                    .get("ActivityDate")
                    .and_then(Value::as_str)
                    .is_none_or(|date| date.parse::<jiff::civil::Date>().is_err())
                {
                    return Err(error(400, "JSON_PARSER_ERROR"));
                }
                let who =
                    |record: &Fields| [record.get("Id"), record.get("ConvertedContactId")].contains(&task.get("WhoId"));
                if !self.records.iter().any(who) {
                    return Err(error(400, "INVALID_CROSS_REFERENCE_KEY"));
                }
                let id = json!(format!("00T0000000001{:02}AAA", self.tasks.len()));
                task.insert("Id".into(), id.clone());
                self.tasks.push(task);
                Ok(answer(201, json!({"id": id, "success": true, "errors": []})))
            }
            _ => Err(error(404, "NOT_FOUND")),
        }
    }
}

/// `%`: anything; `_`: any one character.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    if first == '%' {
        return text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(&text[at..], rest));
    }
    text.chars().next().is_some_and(|c| (first == '_' || c == first) && is_like(&text[c.len_utf8()..], rest))
}

impl Crm for Salesforce {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.path == "/services/oauth2/token" {
            let also = json!({"instance_url": call.base, "id": "https://login.salesforce.com/id/1/2", "issued_at": "1", "signature": "s"});
            self.tokens = self.tokens.clone().saying(also);
            return self.tokens.answer(call);
        }
        if !self.tokens.let_in(call, "Bearer") {
            return error(401, "INVALID_SESSION_ID");
        }
        self.handle(call).unwrap_or_else(|error| error)
    }

    fn contacts(&self) -> Vec<Value> {
        self.records.iter().map(|record| json!(record)).collect()
    }

    fn notes(&self) -> Vec<Value> {
        self.tasks.iter().map(|task| json!(task)).collect()
    }
}

fn without_id(subject: &Value) -> String {
    let (subject, id) = subject.as_str().unwrap().rsplit_once(' ').unwrap();
    assert!(id.starts_with("evt_"), "{id}");
    subject.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_lead_and_a_completed_task_at_the_instance_of_the_token() {
    let played = Story::of(keys, Salesforce::new).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    let mut calls = shown(&played.calls);
    let task = &mut calls[2]["POST /services/data/v68.0/sobjects/Task"];
    task["Subject"] = json!(without_id(&task["Subject"]));
    assert!(task.as_object_mut().unwrap().remove("ActivityDate").unwrap().as_str().unwrap().len() == 10);
    assert_eq!(
        calls,
        [
            json!({"POST /services/oauth2/token": {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}}),
            json!({"PATCH /services/data/v68.0/sobjects/Lead/WeClever_Key__c/maria%40example.com": {
                "LastName": "Souza", "FirstName": "Maria", "Email": "maria@example.com", "Phone": "+5511987654321", "Company": "WeClever",
            }}),
            json!({"POST /services/data/v68.0/sobjects/Task": {
                "WhoId": "00Q000000000100AAA",
                "Status": "Completed",
                "Subject": "Atendimento WeClever: qualified",
                "Description": "WeClever 123456\nNota: 2 (baixa)\nComentário: Demorou demais\n\n\
                    23/11 14:00 Cliente: Oi, meu boleto veio errado\n23/11 14:01 Atendente: Vou verificar",
            }}),
        ]
    );
    assert!(played.calls[1..].iter().all(|call| call.header("authorization") == "Bearer access-1"));
    assert_eq!(played.calls[1].header("sforce-duplicate-rule-header"), "allowSave=true");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_may_be_a_contact() {
    let played = Story::of(|base| with(base, "object = \"Contact\""), Salesforce::new).play(&[]).await;
    assert_eq!((played.fates(), played.crm.records[0].contains_key("Company")), ((1, 0, 0), false));
    assert!(lines(&played.calls)[1].contains("/sobjects/Contact/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_by_its_phone_or_by_an_id() {
    for (settings, key) in [
        ("", "+5511987654321"),
        ("without_email = \"client_lead_id\"", "crm-123456"),
        ("without_email = \"weclever_lead_id\"", "weclever-123456"),
    ] {
        let played = Story::of(move |base| with(base, settings), Salesforce::new).lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.fates(), played.crm.records.len()), ((1, 0, 0), 1));
        assert_eq!(played.crm.records[0]["WeClever_Key__c"], key);
        assert_eq!(
            (&played.crm.records[0]["LastName"], played.crm.records[0].get("FirstName")),
            (&json!("João"), None)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_the_first_gets_the_task_and_of_a_converted_lead_the_contact() {
    let email = "o'brien@example.com";
    let details = leads::LOW.replace("maria@example.com", email);
    let several = move || Salesforce::with_records(&["o_brien@example.com", email, email], Value::Null);
    let played = Story::of(keys, several).lead(&details).play(&[]).await;
    assert_eq!((played.fates(), played.crm.tasks.len()), ((1, 0, 0), 1), "{:?}", shown(&played.calls));
    assert_eq!(played.crm.tasks[0]["WhoId"], played.crm.records[1]["Id"]);
    let converted = move || Salesforce::with_records(&[email], json!("003000000000001AAA"));
    let played = Story::of(keys, converted).lead(&details).play(&[]).await;
    assert_eq!((played.fates(), &played.crm.tasks[0]["WhoId"]), ((1, 0, 0), &json!("003000000000001AAA")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_task_and_a_change_is_the_records_alone() {
    let later = leads::UNRATED.replace("João", "João Silva").replace("\"rating\":null", "\"rating\":\"2\"");
    let story = Story::of(keys, Salesforce::new).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).play(&[]).await;
    assert_eq!((played.fates(), played.crm.records.len(), played.crm.tasks.len()), ((3, 0, 0), 1, 2));
    assert_eq!(played.crm.records[0]["LastName"], "Silva");
    assert_eq!(without_id(&played.crm.tasks[1]["Subject"]), "Atendimento WeClever: nota 2 (baixa)");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_fits() {
    for details in leads::hostile() {
        let played = Story::of(keys, Salesforce::new).lead(&details).play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{details}: {:?}", shown(&played.calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_understood() {
    for (said, at, requests, fates) in [
        (error(403, "REQUEST_LIMIT_EXCEEDED"), 1, 2, (0, 0, 1)),
        (error(403, "STORAGE_LIMIT_EXCEEDED"), 2, 3, (0, 0, 1)),
        (error(400, "UNABLE_TO_LOCK_ROW"), 1, 4, (1, 0, 0)),
        (error(503, "SERVER_UNAVAILABLE"), 2, 4, (1, 0, 0)),
        (error(403, "INSUFFICIENT_ACCESS_OR_READONLY"), 1, 4, (1, 0, 0)),
        (error(400, "DUPLICATES_DETECTED"), 1, 2, (0, 1, 0)),
        (error(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"), 2, 3, (0, 1, 0)),
    ] {
        let played = Story::of(keys, Salesforce::new).wait("3s").play(&[(at, Fault::Says(said.clone()))]).await;
        assert_eq!((played.fates(), played.calls.len()), (fates, requests), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_begun_anew_within_the_same_attempt() {
    let ended = Fault::Says(error(401, "INVALID_SESSION_ID"));
    let played = Story::of(keys, Salesforce::new).play(&[(2, ended)]).await;
    assert_eq!((played.fates(), played.crm.tasks.len()), ((1, 0, 0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_record_is_there_once_and_its_task_once() {
    let busy = Fault::Says(error(400, "UNABLE_TO_LOCK_ROW"));
    Story::of(keys, Salesforce::new).whatever_happens(&[busy]).await;
}
