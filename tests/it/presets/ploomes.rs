//! `ploomes`

use serde_json::{Value, json};

use super::crm::{Answer, Call, Crm, Fault, LEAD, Story, answer, shown};
use super::leads;

const KEY: &str = "5151254EB630E1E946EA7D1F595F7A22";
const FIELD: &str = "contact_A51DFABF-56CA-4F03-AABB-F89AF0E7D354";

/// An account, by Ploomes' own n8n node and programs in use.
#[derive(Clone, Default)]
struct Account {
    contacts: Vec<Value>,
    records: Vec<Value>,
}

fn refused(status: u16, message: &str) -> Answer {
    answer(status, json!({"error": {"code": "", "message": message}}))
}

fn value(values: Vec<Value>) -> Answer {
    answer(200, json!({"@odata.context": "https://public-api2.ploomes.com/$metadata#Contacts", "value": values}))
}

/// A filter with `?` for each text in it, and the texts.
fn taken_apart(filter: &str) -> (String, Vec<String>) {
    let (mut bare, mut texts, mut rest) = (String::new(), Vec::new(), filter);
    while let Some((before, behind)) = rest.split_once('\'') {
        bare += before;
        bare.push('?');
        let (mut text, mut behind) = (String::new(), behind);
        loop {
            let Some((part, after)) = behind.split_once('\'') else { return ("unended".into(), vec![]) };
            text += part;
            let Some(more) = after.strip_prefix('\'') else {
                rest = after;
                break;
            };
            text.push('\'');
            behind = more;
        }
        texts.push(text);
    }
    (bare + rest, texts)
}

impl Account {
    fn with(key: &str, its: Value) -> Account {
        Account { contacts: vec![json!({"Id": 1, "Name": "Maria do boleto", "TypeId": 2, key: its})], records: vec![] }
    }

    fn asked(&self, call: &Call) -> Answer {
        let (bare, texts) = taken_apart(call.asked("$filter"));
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let texts_of = |value: &Value, key: &str| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|item| text(&item[key])).collect()
        };
        let phones = format!("Phones/any(p: {})", vec!["p/PhoneNumber eq ?"; texts.len()].join(" or "));
        let fits = |contact: &&Value| match bare.as_str() {
            // Their database compares without regard to capitals.
            "Email eq ?" => text(&contact["Email"]).eq_ignore_ascii_case(&texts[0]),
            "contains(Note,?)" => text(&contact["Note"]).contains(&texts[0]),
            "OtherProperties/any(o: o/FieldKey eq ? and o/StringValue eq ?)" => contact["OtherProperties"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|it| it["FieldKey"] == *texts[0] && it["StringValue"] == *texts[1]),
            filter if filter == phones => {
                texts_of(&contact["Phones"], "PhoneNumber").iter().any(|own| texts.contains(own))
            }
            other => panic!("{other}"),
        };
        let top: usize = call.asked("$top").parse().unwrap();
        assert!(call.asked("$select") == "Id" && (1..=300).contains(&top));
        let found = self.contacts.iter().filter(fits).take(top).map(|contact| json!({"Id": contact["Id"]}));
        value(found.collect())
    }

    fn asked_records(&self, call: &Call) -> Answer {
        let (bare, texts) = taken_apart(call.asked("$filter"));
        let contact = bare.strip_prefix("ContactId eq ").and_then(|it| it.strip_suffix(" and contains(Content,?)"));
        let Some(contact) = contact.and_then(|id| id.parse::<u64>().ok()) else {
            return refused(400, "The query specified in the URI is not valid.");
        };
        let fits =
            |record: &&Value| record["ContactId"] == contact && record["Content"].as_str().unwrap().contains(&texts[0]);
        value(self.records.iter().filter(fits).take(1).map(|record| json!({"Id": record["Id"]})).collect())
    }

    fn write(&mut self, id: Option<u64>, mut fields: Value) -> Answer {
        let fits = |key: &str, most: usize| {
            fields[key].is_null() || fields[key].as_str().is_some_and(|it| !it.is_empty() && it.chars().count() <= most)
        };
        let phones = fields["Phones"].is_null()
            || fields["Phones"].as_array().is_some_and(|all| all.iter().all(|it| it["PhoneNumber"].is_string()));
        if !fits("Name", 200) || !fits("Email", 254) || !phones {
            return refused(400, "The request is invalid.");
        }
        let Some(id) = id else {
            if fields["Name"].is_null() || fields["TypeId"] != 2 {
                return refused(400, "Name is required.");
            }
            fields["Id"] = json!(self.contacts.len() + 1);
            self.contacts.push(fields.clone());
            return value(vec![fields]);
        };
        let Some(contact) = self.contacts.iter_mut().find(|contact| contact["Id"] == id) else {
            return refused(404, "Not found");
        };
        for (key, value) in fields.as_object().unwrap() {
            contact[key] = value.clone();
        }
        value(vec![contact.clone()])
    }

    fn record(&mut self, mut fields: Value) -> Answer {
        let known = self.contacts.iter().any(|contact| contact["Id"] == fields["ContactId"]);
        let content = fields["Content"].as_str().unwrap_or("");
        if !known || content.is_empty() || content.len() > 200_000 {
            return refused(400, "The request is invalid.");
        }
        // It is shown as HTML.
        let bare = content.replace("<br>", "");
        assert!(!bare.contains(['<', '>']), "{content}");
        fields["Id"] = json!(7_000 + self.records.len());
        self.records.push(fields.clone());
        value(vec![fields])
    }
}

impl Crm for Account {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.header("user-key") != KEY {
            return refused(401, "Unauthorized");
        }
        if call.method != "GET" && !call.json().is_object() {
            return refused(400, "The request is invalid.");
        }
        let one = call.path.strip_prefix("/Contacts(").and_then(|rest| rest.strip_suffix(")")?.parse().ok());
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/Contacts") => self.asked(call),
            ("POST", "/Contacts") => self.write(None, call.json()),
            ("PATCH", _) if one.is_some() => self.write(one, call.json()),
            ("GET", "/InteractionRecords") => self.asked_records(call),
            ("POST", "/InteractionRecords") => self.record(call.json()),
            _ => refused(404, "Not found"),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.contacts.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.records.clone()
    }
}

fn keys(base: &str) -> String {
    format!("preset = \"ploomes\"\nurl = {base:?}\nauth = {{ value = {KEY:?} }}")
}

fn knowing_by(settings: &'static str) -> impl Fn(&str) -> String + Send + Sync {
    move |base| format!("{}\nsettings = {{ {settings} }}", keys(base))
}

/// The calls, without what a record says.
fn told(calls: &[Call]) -> Vec<Value> {
    let mut told = shown(calls);
    for call in &mut told {
        for body in call.as_object_mut().unwrap().values_mut().filter(|body| body["Content"].is_string()) {
            body["Content"] = json!("…");
            body["Date"] = json!("…");
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_contact_and_a_record() {
    let played = Story::of(keys, Account::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    assert_eq!(
        told(&played.calls),
        [
            json!({"GET /Contacts?$select=Id&$top=1&$orderby=Id&$filter=Email%20eq%20%27maria%40example.com%27": null}),
            json!({"GET /Contacts?$select=Id&$top=1&$orderby=Id&$filter=contains(Note,%27%5Bweclever%3A123456%5D%27)": null}),
            json!({"POST /Contacts": {
                "TypeId": 2, "Name": "Maria Souza", "Email": "maria@example.com",
                "Phones": [{"PhoneNumber": "(11) 98765-4321"}], "Note": format!("[weclever:{LEAD}]"),
            }}),
            json!({"POST /InteractionRecords": {"ContactId": 1, "Date": "…", "Content": "…"}}),
        ]
    );
    let record = &played.crm.records[0];
    assert!(record["Date"].as_str().unwrap().ends_with('Z'), "{record}");
    let (said, id) = record["Content"].as_str().unwrap().rsplit_once("<br><br>WeClever 123456 · evt_").unwrap();
    assert!(id.len() >= 26, "{record}");
    assert_eq!(
        said,
        "Atendimento WeClever: qualified<br>Nota: 2 – Demorou demais<br><br>\
         23/11 14:00 Cliente: Oi, meu boleto veio errado<br>23/11 14:01 Atendente: Vou verificar"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_there_is_one_contact_with_one_record() {
    let own = [Fault::Says(answer(429, json!("Too many requests"))), Fault::Says(refused(403, "Forbidden"))];
    Story::of(keys, Account::default).whatever_happens(&own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_there_stays_as_it_is() {
    let crm = || Account::with("Email", json!("Maria@Example.com"));
    let played = Story::of(keys, crm).play(&[]).await;
    assert_eq!((played.crm.contacts, played.crm.records.len()), (crm().contacts, 1));
    let quoted = leads::LOW.replace("maria@example.com", "o'neil@example.ie");
    let crm = || Account::with("Email", json!("o'neil@example.ie"));
    let played = Story::of(keys, crm).lead(&quoted).play(&[]).await;
    assert_eq!((played.crm.contacts, played.crm.records.len()), (crm().contacts, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_as_the_file_says() {
    for number in ["(11) 98765-4321", "11987654321", "5511987654321", "+5511987654321"] {
        let crm = move || Account::with("Phones", json!([{"PhoneNumber": "1"}, {"PhoneNumber": number}]));
        let played = Story::of(keys, crm).lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.crm.contacts, played.crm.records.len()), (crm().contacts, 1), "{number}");
    }
    let foreign = leads::UNRATED.replace("+5511987654321", "+1 212 555-0100");
    let story = Story::of(keys, Account::default).lead(&foreign);
    assert_eq!(story.play(&[]).await.crm.contacts[0]["Phones"], json!([{"PhoneNumber": "+12125550100"}]));
    story.whatever_is_lost().await;

    let note = |crm: &Account| crm.contacts[0]["Note"].clone();
    let story = Story::of(knowing_by("without_email = \"client_lead_id\""), Account::default).lead(leads::UNRATED);
    assert_eq!(note(&story.play(&[]).await.crm), format!("[weclever:crm-{LEAD}]"));
    story.whatever_is_lost().await;

    let settings = "without_email = \"weclever_lead_id\", id_field = \"contact_A51DFABF-56CA-4F03-AABB-F89AF0E7D354\"";
    let story = Story::of(knowing_by(settings), Account::default).lead(leads::UNRATED);
    let played = story.play(&[]).await;
    assert_eq!(note(&played.crm), Value::Null);
    let other = json!([{"FieldKey": FIELD, "StringValue": LEAD.to_string()}]);
    assert_eq!(played.crm.contacts[0]["OtherProperties"], other);
    story.whatever_is_lost().await;

    // Neither an address nor a number.
    let nobody = leads::UNRATED.replace("\"+5511987654321\"", "null").replace("João", " ");
    let story = Story::of(keys, Account::default).lead(&nobody);
    let contact =
        json!({"Id": 1, "TypeId": 2, "Name": format!("WeClever {LEAD}"), "Note": format!("[weclever:{LEAD}]")});
    assert_eq!(story.play(&[]).await.crm.contacts, [contact]);
    story.whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_record_and_a_change_is_none() {
    let later = leads::UNRATED
        .replace("João", "João Silva")
        .replace("null,\"name\"", "\"joao@example.com\",\"name\"")
        .replace("\"message\":null,\"rating\":null", "\"message\":\"<b>bom</b>\\nmesmo\",\"rating\":\"5\"");
    let story = Story::of(keys, Account::default).lead(leads::UNRATED);
    let story = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).later(&later);
    let played = story.play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.records.len()), ((3, 0, 0), 1, 2));
    let contact = &played.crm.contacts[0];
    assert_eq!((&contact["Name"], &contact["Email"]), (&json!("João Silva"), &json!("joao@example.com")));
    let rated = played.crm.records[1]["Content"].as_str().unwrap();
    let begin = "Atendimento WeClever: avaliação<br>Nota: 5 – &lt;b&gt;bom&lt;/b&gt;<br>mesmo<br><br>WeClever ";
    assert!(rated.starts_with(begin), "{rated}");
    story.whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_errors_are_understood() {
    for (said, fates) in [
        (refused(401, "Unauthorized"), (1, 0, 0)),
        (refused(404, "Not found"), (1, 0, 0)),
        (refused(400, "The request is invalid."), (0, 1, 0)),
        (refused(200, "The request is invalid."), (0, 1, 0)),
        // Believed only with what was made in it: the contact is looked for, and found or made.
        (answer(204, Value::Null), (1, 0, 0)),
    ] {
        let played = Story::of(keys, Account::default).play(&[(2, Fault::Says(said.clone()))]).await;
        assert_eq!(played.fates(), fates, "{said:?}: {:#}", played.destination);
    }
    // An account that may not be asked for what stands in a note.
    let fault = Fault::Says(refused(400, "The query specified in the URI is not valid."));
    let played = Story::of(keys, Account::default).play(&[(1, fault)]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.records.len()), ((1, 0, 0), 1, 1));
    let played = Story::of(keys, Account::default).play(&[(2, Fault::HandledThenSays(answer(204, Value::Null)))]).await;
    assert_eq!((played.fates(), played.crm.contacts.len(), played.crm.records.len()), ((1, 0, 0), 1, 1));
    let wrong_key = |base: &str| keys(base).replace(KEY, "another");
    let played = Story::of(wrong_key, Account::default).play(&[]).await;
    assert_eq!((played.fates(), played.crm.contacts.len()), ((0, 1, 0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_one_contact_and_one_record() {
    for details in leads::hostile() {
        let played = Story::of(keys, Account::default).lead(&details).play(&[]).await;
        let told = (played.fates(), played.crm.contacts.len(), played.crm.records.len());
        assert_eq!(told, ((1, 0, 0), 1, 1), "{:.200}: {:#?}", details, shown(&played.calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_conversations_at_once_are_one_contact_with_two_records() {
    for details in [leads::LOW, leads::UNRATED] {
        let played = Story::of(keys, Account::default).lead(details).twice().play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts().len(), played.crm.notes().len()), ((2, 0, 0), 1, 2));
    }
}
