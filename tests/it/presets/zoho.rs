//! `zoho`

use serde_json::{Value, json};

use super::crm::*;
use super::leads;

/// zoho.com/crm/developer: contacts, notes and queries by version 8 of the API.
#[derive(Clone, Default)]
struct Zoho {
    contacts: Vec<Value>,
    notes: Vec<Value>,
    /// The access tokens that are good, and how many were given.
    access: Vec<String>,
    given: u32,
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    answer(status, json!({"code": code, "details": {}, "message": message, "status": "error"}))
}

/// What became of the one record of a request.
fn record(status: u16, code: &str, details: Value) -> Answer {
    answer(status, json!({"data": [{"code": code, "details": details, "message": "said so", "status": "error"}]}))
}

fn done(status: u16, id: &Value, action: Option<&str>) -> Answer {
    let details =
        json!({"id": id, "Modified_Time": "2026-11-23T14:20:31-03:00", "Created_Time": "2026-11-23T14:20:31-03:00"});
    let mut data = json!({"code": "SUCCESS", "details": details, "message": "record added", "status": "success"});
    if let Some(action) = action {
        data["action"] = json!(action);
        data["duplicate_field"] = if action == "update" { json!("Email") } else { Value::Null };
    }
    answer(status, json!({"data": [data]}))
}

/// What a new organization's contacts take.
const LENGTHS: [(&str, usize); 7] = [
    ("First_Name", 40),
    ("Last_Name", 80),
    ("Email", 100),
    ("Mobile", 30),
    ("Mailing_State", 30),
    ("Lead_Source", 120),
    ("WeClever_ID", 255),
];

/// The texts of a query.
fn texts(condition: &str) -> Vec<String> {
    let (mut texts, mut text, mut within) = (Vec::new(), String::new(), false);
    let mut letters = condition.chars();
    while let Some(letter) = letters.next() {
        match (letter, within) {
            ('\'', true) => texts.push(std::mem::take(&mut text)),
            ('\\', true) => text.extend(letters.next()),
            (letter, true) => text.push(letter),
            _ => {}
        }
        within ^= letter == '\'';
    }
    assert!(!within, "a text without an end: {condition}");
    texts
}

fn wrong(contact: &Value, is_new: bool) -> Option<Answer> {
    let Some(fields) = contact.as_object() else { return Some(error(400, "INVALID_DATA", "body")) };
    if is_new && fields.get("Last_Name").is_none() {
        return Some(record(
            400,
            "MANDATORY_NOT_FOUND",
            json!({"api_name": "Last_Name", "json_path": "$.data[0].Last_Name"}),
        ));
    }
    fields.iter().find_map(|(key, value)| {
        let Some((_, longest)) = LENGTHS.iter().find(|(name, _)| name == key) else { panic!("no such field: {key}") };
        let path = json!({"api_name": key, "json_path": format!("$.data[0].{key}")});
        let Some(text) = value.as_str() else { return Some(record(400, "INVALID_DATA", path)) };
        let is_mail = key != "Email" || text.split_once('@').is_some_and(|(_, host)| host.contains('.'));
        let is_number = key != "Mobile" || text.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
        let fits = !text.trim().is_empty() && text.chars().count() <= *longest && is_mail && is_number;
        (!fits).then(|| record(400, "INVALID_DATA", path))
    })
}

impl Zoho {
    fn add(&mut self, mut contact: Value) -> Value {
        let id = json!(format!("55450000000{}", 44_000 + self.contacts.len()));
        contact["id"] = id.clone();
        self.contacts.push(contact);
        id
    }

    fn upsert(&mut self, body: &Value) -> Answer {
        let contact = &body["data"][0];
        if let Some(wrong) = wrong(contact, true) {
            return wrong;
        }
        let by = body["duplicate_check_fields"].as_array().expect("what a contact is known by");
        // What is not unique is not looked at.
        assert!(by.iter().all(|field| field == "Email" || field == "WeClever_ID"), "{by:?}");
        let text = |contact: &Value, field: &str| contact[field].as_str().map(str::to_lowercase);
        let found = by.iter().filter_map(Value::as_str).find_map(|field| {
            let wanted = text(contact, field)?;
            self.contacts.iter().position(|known| text(known, field) == Some(wanted.clone()))
        });
        match found {
            Some(at) => {
                self.contacts[at].as_object_mut().unwrap().extend(contact.as_object().unwrap().clone());
                done(200, &self.contacts[at]["id"], Some("update"))
            }
            None => {
                let id = self.add(contact.clone());
                done(200, &id, Some("insert"))
            }
        }
    }

    /// `select id, Email, Mobile, Phone from Contacts where ... limit 1`, with the conditions that there are.
    fn query(&self, query: &str) -> Answer {
        let condition = query
            .strip_prefix("select id, Email, Mobile, Phone from Contacts where ")
            .and_then(|rest| rest.strip_suffix(" limit 1"))
            .unwrap_or_else(|| panic!("a query that is none: {query}"));
        let texts = texts(condition);
        // What is left without the texts.
        let shape = texts.iter().fold(condition.to_owned(), |shape, text| {
            shape.replacen(&format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")), "?", 1)
        });
        let is_met = |contact: &&Value| {
            let field = |name: &str| contact[name].as_str().unwrap_or("").to_lowercase();
            let is = |name: &str| texts.iter().any(|text| field(name) == text.to_lowercase());
            match shape.as_str() {
                "Email = ?" => is("Email"),
                "WeClever_ID = ?" => is("WeClever_ID"),
                "Last_Name like ?" => field("Last_Name").ends_with(&texts[0].strip_prefix('%').unwrap().to_lowercase()),
                "(Mobile in (?, ?, ?) or Phone in (?, ?, ?))" => is("Mobile") || is("Phone"),
                "(Mobile in (?, ?, ?) or Phone in (?, ?, ?)) and Email is null" => {
                    (is("Mobile") || is("Phone")) && contact["Email"].is_null()
                }
                other => panic!("no such condition: {other}"),
            }
        };
        match self.contacts.iter().find(is_met) {
            Some(contact) => {
                let [id, email, mobile, phone] = ["id", "Email", "Mobile", "Phone"].map(|name| contact[name].clone());
                let data = json!([{"id": id, "Email": email, "Mobile": mobile, "Phone": phone}]);
                answer(200, json!({"data": data, "info": {"count": 1, "more_records": false}}))
            }
            None => answer(204, Value::Null),
        }
    }

    fn note(&mut self, parent: &Value, note: &Value) -> Answer {
        let (title, content) = (note["Note_Title"].as_str().unwrap_or(""), note["Note_Content"].as_str().unwrap_or(""));
        if title.is_empty() && content.is_empty() {
            let missing = json!({"expected_fields": [{"api_name": "Note_Title", "json_path": "$.data[0].Note_Title"}]});
            return record(400, "EXPECTED_FIELD_MISSING", missing);
        }
        if title.chars().count() > 120 || content.len() > 32_000 {
            return record(400, "INVALID_DATA", json!({"maximum_length": 32_000, "api_name": "Note_Content"}));
        }
        let id = json!(format!("55450000000{}", 55_000 + self.notes.len()));
        self.notes.push(json!({"id": id, "Note_Title": title, "Note_Content": content, "Parent_Id": parent}));
        done(201, &id, None)
    }

    /// accounts.zoho.com says what is wrong with a 200, too.
    fn token(&mut self, call: &Call) -> Answer {
        let form = call.form();
        let is = |name: &str, value: &str| form.get(name).is_some_and(|it| it == value);
        if !is("client_id", "1000.CLIENT") || !is("grant_type", "refresh_token") {
            return answer(200, json!({"error": "invalid_client"}));
        }
        if !is("client_secret", "secret-1") {
            return answer(200, json!({"error": "invalid_client_secret"}));
        }
        if !is("refresh_token", "1000.refresh") {
            return answer(200, json!({"error": "invalid_code"}));
        }
        // Ten in ten minutes.
        if self.given >= 10 {
            let why = "You have made too many requests continuously. Please try again after some time.";
            return answer(400, json!({"error_description": why, "error": "Access Denied", "status": "failure"}));
        }
        self.given += 1;
        let access = format!("1000.access-{}", self.given);
        self.access.push(access.clone());
        answer(
            200,
            json!({"access_token": access, "scope": "ZohoCRM.modules.contacts.ALL ZohoCRM.modules.notes.ALL ZohoCRM.coql.READ",
                "api_domain": call.base, "token_type": "Bearer", "expires_in": 3600}),
        )
    }
}

impl Crm for Zoho {
    fn answer(&mut self, call: &Call) -> Answer {
        if (call.method.as_str(), call.path.as_str()) == ("POST", "/oauth/v2/token") {
            return self.token(call);
        }
        let authorization = call.header("authorization");
        if authorization.is_empty() {
            return error(401, "AUTHENTICATION_FAILURE", "Authentication failed");
        }
        if !self.access.iter().any(|it| authorization == format!("Zoho-oauthtoken {it}")) {
            return error(401, "INVALID_TOKEN", "invalid oauth token");
        }
        let body = call.json();
        let one = |body: &Value| body["data"].as_array().is_some_and(|data| data.len() == 1);
        let parts: Vec<&str> = call.path.strip_prefix("/crm/v8/").unwrap_or("").split('/').collect();
        match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["coql"]) => self.query(body["select_query"].as_str().unwrap_or("")),
            ("POST", ["Contacts", "upsert"]) if one(&body) => self.upsert(&body),
            ("POST", ["Contacts"]) if one(&body) => match wrong(&body["data"][0], true) {
                Some(wrong) => wrong,
                None => {
                    let id = self.add(body["data"][0].clone());
                    done(201, &id, None)
                }
            },
            ("PUT", ["Contacts", id]) if one(&body) => {
                let contact = &body["data"][0];
                if let Some(wrong) = wrong(contact, false) {
                    return wrong;
                }
                match self.contacts.iter_mut().find(|known| known["id"] == *id) {
                    Some(known) => {
                        known.as_object_mut().unwrap().extend(contact.as_object().unwrap().clone());
                        done(200, &json!(id), None)
                    }
                    None => record(400, "INVALID_DATA", json!({"api_name": "id"})),
                }
            }
            (method, ["Contacts", id, "Notes"]) => {
                if !self.contacts.iter().any(|known| known["id"] == *id) {
                    return error(400, "INVALID_DATA", "the related id given seems to be invalid");
                }
                if method == "POST" {
                    return self.note(&json!(id), &body["data"][0]);
                }
                if call.asked("fields") != "Note_Title" {
                    return error(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing");
                }
                assert_eq!((call.asked("sort_by"), call.asked("sort_order")), ("Created_Time", "desc"));
                let own = self.notes.iter().rev().filter(|note| note["Parent_Id"] == *id);
                let data: Vec<Value> =
                    own.map(|note| json!({"id": note["id"], "Note_Title": note["Note_Title"]})).collect();
                match data.len() {
                    0 => answer(204, Value::Null),
                    count => answer(
                        200,
                        json!({"data": data, "info": {"count": count, "page": 1, "per_page": 50, "more_records": false}}),
                    ),
                }
            }
            _ => error(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one"),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.contacts.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.notes.clone()
    }
}

fn with(settings: &str) -> impl Fn(&str) -> String + Clone + Send + Sync + use<> {
    let settings = settings.to_owned();
    // The file's own address is that of another data centre, where nobody must be asked.
    move |base| {
        let elsewhere = base.replace("127.0.0.1", "localhost");
        format!(
            "preset = \"zoho\"\nurl = {elsewhere:?}\nallow_private = true\nauth = {{ client_id = \"1000.CLIENT\", client_secret = \"secret-1\", \
             refresh_token = \"1000.refresh\", token_url = \"{base}/oauth/v2/token\" }}\nsettings = {{ {settings} }}"
        )
    }
}

fn with_contacts(contacts: Vec<Value>) -> impl Fn() -> Zoho + Send + Sync + use<> {
    move || Zoho { contacts: contacts.clone(), ..Zoho::default() }
}

fn query(condition: &str) -> Value {
    let query = format!("select id, Email, Mobile, Phone from Contacts where {condition} limit 1");
    json!({"POST /crm/v8/coql": {"select_query": query}})
}

const PHONES: &str = "(Mobile in ('+5511987654321', '5511987654321', '11987654321') or Phone in ('+5511987654321', '5511987654321', '11987654321'))";

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_an_upsert_and_a_note() {
    let played = Story::of(with("lead_source = \"Chat\""), Zoho::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0), "{:#?}", shown(&played.calls));
    let calls = shown(&played.calls);
    assert_eq!(
        calls[..4],
        [
            json!({"POST /oauth/v2/token": {"client_id": "1000.CLIENT", "client_secret": "secret-1", "grant_type": "refresh_token",
                "refresh_token": "1000.refresh"}}),
            query("Email = 'maria@example.com'"),
            query(&format!("{PHONES} and Email is null")),
            json!({"POST /crm/v8/Contacts/upsert": {
                "data": [{"First_Name": "Maria", "Last_Name": "Souza", "Email": "maria@example.com", "Mobile": "+5511987654321",
                    "Mailing_State": "SP", "Lead_Source": "Chat"}],
                "duplicate_check_fields": ["Email"],
            }}),
        ]
    );
    let note = &calls[4]["POST /crm/v8/Contacts/5545000000044000/Notes"]["data"][0];
    let id = note["Note_Title"].as_str().unwrap().strip_prefix("Conversa WeClever · ").unwrap();
    assert!(id.starts_with("evt_"), "{id}");
    assert_eq!(
        note["Note_Content"],
        "qualified\nCSAT: 2\n\nDemorou demais\n\n23/11/2026 14:00 Cliente: Oi, meu boleto veio errado\n23/11/2026 14:01 Atendente: Vou verificar"
    );
    assert_eq!(calls.len(), 5);
    for call in &played.calls[1..] {
        assert_eq!(call.header("authorization"), "Zoho-oauthtoken 1000.access-1");
        assert!(call.base.starts_with("http://127.0.0.1:"), "the token's answer says where the API is: {}", call.base);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_already_is_given_what_was_missing_and_loses_nothing() {
    let other = json!({"id": "76", "Last_Name": "Outra", "Email": "outra@example.com", "Mobile": "+5511987654321"});
    for (known, update) in [
        (
            json!({"id": "77", "Last_Name": "Souza (não ligar)", "Email": "Maria@Example.com"}),
            json!({"Mobile": "+5511987654321"}),
        ),
        (
            json!({"id": "77", "Last_Name": "Souza (não ligar)", "Phone": "11987654321"}),
            json!({"Email": "maria@example.com"}),
        ),
    ] {
        let played = Story::of(with(""), with_contacts(vec![other.clone(), known.clone()])).play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{:#?}", shown(&played.calls));
        let updates: Vec<Value> =
            shown(&played.calls).into_iter().filter(|it| it.get("PUT /crm/v8/Contacts/77").is_some()).collect();
        assert_eq!(updates, [json!({"PUT /crm/v8/Contacts/77": {"data": [update]}})]);
        assert_eq!((played.crm.contacts.len(), &played.crm.contacts[1]["Last_Name"]), (2, &known["Last_Name"]));
        assert_eq!((&played.crm.contacts[0], &played.crm.notes[0]["Parent_Id"]), (&other, &json!("77")));
    }
    let whole = json!({"id": "77", "Last_Name": "Souza", "Email": "maria@example.com", "Phone": "(11) 3333-4444"});
    let played = Story::of(with(""), with_contacts(vec![whole.clone()])).play(&[]).await;
    assert_eq!((played.fates(), &played.crm.contacts, played.calls.len()), ((1, 0, 0), &vec![whole], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_a_note_of_its_own_and_a_new_name_is_the_contacts() {
    let later = leads::UNRATED
        .replace("João", "João Silva")
        .replace("\"rating\":null", "\"rating\":\"5\"")
        .replace("\"email\":null", "\"email\":\"joao.d'avila@example.com\"");
    let story = Story::of(with(""), Zoho::default).lead(leads::UNRATED).later(&later);
    let played = story.on(&["lead.finalized", "lead.updated", "lead.rated"]).play(&[]).await;
    assert_eq!(played.fates(), (3, 0, 0), "{:#?}", shown(&played.calls));
    let contact = &played.crm.contacts[0];
    assert_eq!(played.crm.contacts.len(), 1, "{:#?}", shown(&played.calls));
    let told = (&contact["First_Name"], &contact["Last_Name"], &contact["Email"]);
    assert_eq!(told, (&json!("João"), &json!("Silva"), &json!("joao.d'avila@example.com")));
    assert_eq!(played.crm.notes.len(), 2);
    assert!(
        played.crm.notes.iter().any(|note| note["Note_Content"] == "qualified\nCSAT: 5"),
        "{:#?}",
        played.crm.notes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_as_the_setting_says() {
    let anonymous = leads::LOW.replace("\"maria@example.com\"", "null");
    let nothing = leads::LOW.replace("\"maria@example.com\"", "\"não tem\"").replace("(11) 98765-4321", "ramal 3");
    let row = r#"{"weclever_lead_id":123456,"mapped_status":"qualified","client_lead_id":"d'Ávila \\ 9"}"#;
    let contact =
        json!({"First_Name": "Maria", "Last_Name": "Souza", "Mobile": "+5511987654321", "Mailing_State": "SP"});
    let upsert = |id: &str| {
        let mut contact = contact.clone();
        contact["WeClever_ID"] = json!(id);
        json!({"POST /crm/v8/Contacts/upsert": {"data": [contact], "duplicate_check_fields": ["WeClever_ID"]}})
    };
    let unknown = json!({"First_Name": "Maria", "Last_Name": "Souza (WeClever 123456)", "Mailing_State": "SP"});
    for (mode, lead, calls, other) in [
        (
            "phone",
            &anonymous,
            [query(PHONES), json!({"POST /crm/v8/Contacts": {"data": [contact]}})],
            json!({"id": "1", "Last_Name": "Outra", "Mobile": "+55119876543210"}),
        ),
        (
            "client_lead_id",
            &anonymous,
            [query(r"WeClever_ID = 'd\'Ávila \\ 9'"), upsert(r"d'Ávila \ 9")],
            json!({"id": "1", "Last_Name": "Outra", "WeClever_ID": "d'Ávila"}),
        ),
        (
            "weclever_lead_id",
            &anonymous,
            [query("WeClever_ID = '123456'"), upsert("123456")],
            json!({"id": "1", "Last_Name": "Outra", "WeClever_ID": "1234567"}),
        ),
        (
            "phone",
            &nothing,
            [query("Last_Name like '%(WeClever 123456)'"), json!({"POST /crm/v8/Contacts": {"data": [unknown]}})],
            json!({"id": "1", "Last_Name": "Outra (WeClever 1234567)"}),
        ),
    ] {
        let settings = format!("without_email = \"{mode}\"");
        let story = Story::of(with(&settings), with_contacts(vec![other])).lead(lead).row(row);
        let played = story.play(&[]).await;
        assert_eq!(played.fates(), (1, 0, 0), "{mode}: {:#?}", shown(&played.calls));
        assert_eq!(shown(&played.calls)[1..3], calls, "{mode}");
        assert_eq!((played.crm.contacts.len(), played.crm.notes.len()), (2, 1));
        // Where the answer was lost, and where the lead is there already.
        let lost = story.play(&[(2, Fault::HandledThenCut)]).await;
        assert_eq!((lost.fates(), lost.crm.contacts.len()), ((1, 0, 0), 2), "{mode}: {:#?}", shown(&lost.calls));
        let known = played.crm.contacts.clone();
        let again = Story::of(with(&settings), with_contacts(known)).lead(lead).row(row).play(&[]).await;
        assert_eq!((again.fates(), again.crm.contacts.len()), ((1, 0, 0), 2), "{mode}: {:#?}", shown(&again.calls));
        assert_eq!(again.crm.notes[0]["Parent_Id"], again.crm.contacts[1]["id"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_there_is_one_contact_with_one_note() {
    let busy = error(
        429,
        "TOO_MANY_REQUESTS",
        "Number of API requests for the 24 hour period is exceeded or the concurrency limit of the user for the app is exceeded",
    );
    let expired = error(401, "INVALID_TOKEN", "invalid oauth token");
    let internal = record(202, "INTERNAL_ERROR", json!({}));
    let own = [busy, expired, internal].map(Fault::Says);
    Story::of(with(""), Zoho::default).whatever_happens(&own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_of_a_lead_without_an_email_there_is_one_contact_with_one_note() {
    let anonymous = leads::LOW.replace("\"maria@example.com\"", "null");
    Story::of(with(""), Zoho::default).lead(&anonymous).whatever_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_limits_and_refusals_are_understood() {
    let story = Story::of(with(""), Zoho::default);
    let path = json!({"api_name": "Email", "json_path": "$.data[0].Email"});
    let done = (1, 0, 0);
    for (name, said, fates, requests) in [
        ("expired", error(401, "INVALID_TOKEN", "invalid oauth token"), done, 7),
        ("not allowed", error(403, "NO_PERMISSION", "permission denied"), done, 6),
        ("busy", error(429, "TOO_MANY_REQUESTS", "the concurrency limit of the user for the app is exceeded"), done, 6),
        ("down", error(503, "INTERNAL_ERROR", "Internal Server Error"), done, 6),
        ("locked", record(400, "RECORD_LOCKED", json!({})), done, 6),
        ("invalid", record(400, "INVALID_DATA", path.clone()), (0, 1, 0), 4),
        ("invalid, with a 202", record(202, "INVALID_DATA", path.clone()), (0, 1, 0), 4),
        ("invalid, with a 207", record(207, "MANDATORY_NOT_FOUND", path.clone()), (0, 1, 0), 4),
        ("invalid, with a 200", error(200, "INVALID_REQUEST", "no"), (0, 1, 0), 4),
    ] {
        let played = story.play(&[(3, Fault::Says(said))]).await;
        assert_eq!((played.fates(), played.calls.len()), (fates, requests), "{name}: {:#?}", shown(&played.calls));
    }
    // Two unique fields may be those of two contacts.
    let known = json!({"id": "77", "Last_Name": "Souza", "WeClever_ID": "9"});
    let details = json!({"api_name": "WeClever_ID", "json_path": "$.data[0].WeClever_ID", "duplicate_record": {"id": "77"}, "more_records": false});
    let twice = record(400, "DUPLICATE_DATA", details);
    let played = Story::of(with(""), with_contacts(vec![known])).play(&[(3, Fault::Says(twice))]).await;
    let told = (played.fates(), &played.crm.notes[0]["Parent_Id"]);
    assert_eq!(told, ((1, 0, 0), &json!("77")), "{:#?}", shown(&played.calls));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_a_note() {
    for lead in leads::hostile() {
        let played = Story::of(with(""), Zoho::default).lead(&lead).play(&[]).await;
        let told = (played.fates(), played.crm.contacts.len(), played.crm.notes.len());
        assert_eq!(told, ((1, 0, 0), 1, 1), "{lead}: {:#?}", played.calls.last().map(Call::shown));
    }
}
