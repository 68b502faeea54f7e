//! `agendor`

use serde_json::{Value, json};

use super::crm::{Answer, Call, Crm, Fault, LEAD, Story, answer, shown};
use super::leads;

const TOKEN: &str = "8f424ee5-5945-4227-8564-74c38961b2f8";

/// An account, by programs that were written from Agendor's reference, or tried against it.
#[derive(Clone, Default)]
struct Account {
    people: Vec<Value>,
    tasks: Vec<Value>,
}

fn refused(status: u16, title: &str) -> Answer {
    answer(status, json!({"errors": [{"title": title}]}))
}

fn data(data: impl Into<Value>) -> Answer {
    answer(200, json!({"data": data.into()}))
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

impl Account {
    fn with(contact: Value) -> Account {
        Account { people: vec![json!({"id": 1, "name": "Maria do boleto", "contact": contact})], tasks: vec![] }
    }

    fn asked(&self, call: &Call) -> Answer {
        let name = call.asked("name").to_lowercase();
        let number = call.asked("mobile_phone");
        let fits = |person: &&Value| {
            let own_name = person["name"].as_str().unwrap().to_lowercase();
            let own_number = digits(person["contact"]["mobile"].as_str().unwrap_or(""));
            (name.is_empty() || own_name.starts_with(&name)) && (number.is_empty() || own_number.ends_with(number))
        };
        assert!(call.asked("per_page").parse::<u8>().unwrap() <= 100);
        data(self.people.iter().filter(fits).take(100).cloned().collect::<Vec<_>>())
    }

    fn person(&mut self, fields: &Value, id: Option<u64>) -> Answer {
        let name = fields["name"].as_str().unwrap_or("");
        let named = !name.trim().is_empty() && name.chars().count() <= 150;
        if !(named || fields["name"].is_null() && id.is_some()) {
            return refused(422, "name can't be blank");
        }
        let known = ["email", "work", "mobile", "fax", "whatsapp"];
        let contact = fields["contact"].as_object();
        if contact.is_some_and(|all| all.iter().any(|(key, it)| !known.contains(&key.as_str()) || !it.is_string())) {
            return refused(422, "contact is invalid");
        }
        let known = id.and_then(|id| self.people.iter_mut().find(|person| person["id"] == id));
        if let Some(person) = known {
            for key in ["name", "contact"] {
                if !fields[key].is_null() {
                    person[key] = fields[key].clone();
                }
            }
            return data(person.clone());
        }
        if id.is_some() {
            return refused(404, "not found");
        }
        let mut person = fields.clone();
        person["id"] = json!(self.people.len() + 1);
        self.people.push(person.clone());
        answer(201, json!({"data": person}))
    }

    fn upsert(&mut self, fields: &Value) -> Answer {
        let Some(email) = fields["contact"]["email"].as_str() else {
            return refused(400, "email or cpf is required");
        };
        let own =
            |person: &&Value| person["contact"]["email"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(email));
        let id = self.people.iter().find(own).and_then(|person| person["id"].as_u64());
        self.person(fields, id)
    }

    fn task(&mut self, person: u64, fields: &Value) -> Answer {
        let text = fields["text"].as_str().unwrap_or("");
        if !self.people.iter().any(|it| it["id"] == person) {
            return refused(404, "not found");
        }
        if text.trim().is_empty() || text.chars().count() > 2_000 {
            return refused(422, "text is invalid");
        }
        let task = json!({"id": 500 + self.tasks.len(), "text": text, "person": {"id": person}});
        self.tasks.push(task.clone());
        answer(201, json!({"data": task}))
    }
}

impl Crm for Account {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.header("authorization") != format!("Token {TOKEN}") {
            return refused(401, "unauthorized");
        }
        let body = call.json();
        if call.method != "GET" && !body.is_object() {
            return refused(400, "not JSON");
        }
        let path: Vec<&str> = call.path.strip_prefix("/v3/").unwrap_or_default().split('/').collect();
        let id = path.get(1).and_then(|id| id.parse::<u64>().ok());
        match (call.method.as_str(), path.as_slice(), id) {
            ("GET", ["people"], _) => self.asked(call),
            ("POST", ["people"], _) => self.person(&body, None),
            ("POST", ["people", "upsert"], _) => self.upsert(&body),
            ("PUT", ["people", _], Some(id)) => self.person(&body, Some(id)),
            ("GET", ["people", _, "tasks"], Some(id)) => {
                data(self.tasks.iter().filter(|task| task["person"]["id"] == id).cloned().collect::<Vec<_>>())
            }
            ("POST", ["people", _, "tasks"], Some(id)) => self.task(id, &body),
            _ => refused(404, "not found"),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.people.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.tasks.clone()
    }
}

fn keys(base: &str) -> String {
    format!("preset = \"agendor\"\nurl = \"{base}/v3\"\nauth = {{ value = {TOKEN:?} }}")
}

fn knowing_by(without_email: &'static str) -> impl Fn(&str) -> String + Send + Sync {
    move |base| format!("{}\nsettings = {{ without_email = {without_email:?} }}", keys(base))
}

/// The calls, without what an entry says.
fn told(calls: &[Call]) -> Vec<Value> {
    let mut told = shown(calls);
    for call in &mut told {
        for body in call.as_object_mut().unwrap().values_mut().filter(|body| body["text"].is_string()) {
            body["text"] = json!("…");
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_conversation_is_a_person_and_an_entry() {
    let played = Story::of(keys, Account::default).play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    assert_eq!(
        told(&played.calls),
        [
            json!({"POST /v3/people/upsert": {"name": "Maria Souza", "contact": {
                "email": "maria@example.com", "mobile": "11987654321", "whatsapp": "+5511987654321",
            }}}),
            json!({"POST /v3/people/1/tasks": {"text": "…"}}),
        ]
    );
    let (said, id) = played.crm.tasks[0]["text"].as_str().unwrap().rsplit_once("\n\nWeClever 123456 · evt_").unwrap();
    assert!(id.len() >= 26, "{id}");
    assert_eq!(
        said,
        "Atendimento WeClever: qualified\nNota: 2 – Demorou demais\n\n\
         23/11 14:00 Cliente: Oi, meu boleto veio errado\n23/11 14:01 Atendente: Vou verificar"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_there_is_one_person_with_one_entry() {
    let own = [Fault::Says(refused(429, "Too many requests")), Fault::Says(refused(503, "unavailable"))];
    Story::of(keys, Account::default).whatever_happens(&own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_responsible_is_a_number_or_an_address() {
    for (owner, said) in [("42", json!(42)), ("ana@example.com", json!("ana@example.com"))] {
        let keys = move |base: &str| format!("{}\nsettings = {{ owner = {owner:?} }}", keys(base));
        let played = Story::of(keys, Account::default).play(&[]).await;
        assert_eq!(played.crm.people[0]["ownerUser"], said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_is_known_as_the_file_says() {
    for number in ["11987654321", "(11) 98765-4321", "+55 (11) 98765-4321", "5511987654321"] {
        let crm = move || Account::with(json!({"mobile": number}));
        let played = Story::of(keys, crm).lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.crm.people, played.crm.tasks.len()), (crm().people, 1), "{number}");
        assert_eq!(
            told(&played.calls),
            [
                json!({"GET /v3/people?per_page=100&mobile_phone=11987654321": null}),
                json!({"POST /v3/people/1/tasks": {"text": "…"}}),
            ]
        );
    }
    let story = Story::of(keys, Account::default).lead(leads::UNRATED);
    let person = json!({"id": 1, "name": "João", "contact": {"mobile": "11987654321", "whatsapp": "+5511987654321"}});
    assert_eq!(story.play(&[]).await.crm.people, [person]);
    story.whatever_is_lost().await;

    for (by, name) in [
        ("client_lead_id", format!("WeClever crm-{LEAD} - João")),
        ("weclever_lead_id", format!("WeClever {LEAD} - João")),
    ] {
        let story = Story::of(knowing_by(by), || Account::with(json!({"mobile": "11987654321"}))).lead(leads::UNRATED);
        let played = story.play(&[]).await;
        assert_eq!((&played.crm.people[1]["name"], &played.crm.tasks[0]["person"]["id"]), (&json!(name), &json!(2)));
        Story::of(knowing_by(by), Account::default).lead(leads::UNRATED).whatever_is_lost().await;
    }
    // Neither an address nor a number.
    let nobody = leads::UNRATED.replace("\"+5511987654321\"", "\"\"").replace("João", " ");
    let story = Story::of(keys, Account::default).lead(&nobody);
    let person = json!({"id": 1, "name": format!("WeClever {LEAD} - sem nome"), "contact": {}});
    assert_eq!(story.play(&[]).await.crm.people, [person]);
    story.whatever_is_lost().await;
}

/// One that takes no notice of what it is asked for, and lists everybody.
#[derive(Clone)]
struct Deaf(Account);

impl Crm for Deaf {
    fn answer(&mut self, call: &Call) -> Answer {
        match call.path.as_str() {
            "/v3/people" if call.method == "GET" => data(self.0.people.clone()),
            _ => self.0.answer(call),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.0.contacts()
    }

    fn notes(&self) -> Vec<Value> {
        self.0.notes()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_conversation_of_another() {
    for by in ["phone", "weclever_lead_id"] {
        let crm = || Deaf(Account::with(json!({"mobile": "(11) 98765-0000"})));
        let played = Story::of(knowing_by(by), crm).lead(leads::UNRATED).play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts().len()), ((1, 0, 0), 2));
        assert_eq!(played.crm.notes()[0]["person"]["id"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_is_an_entry_and_a_change_is_none() {
    for by in ["phone", "weclever_lead_id"] {
        let later = leads::UNRATED
            .replace("João", "João Silva")
            .replace("\"message\":null,\"rating\":null", "\"message\":\"bom\",\"rating\":\"5\"");
        let story = Story::of(knowing_by(by), Account::default).lead(leads::UNRATED);
        let story = story.on(&["lead.finalized", "lead.rated", "lead.updated"]).later(&later);
        let played = story.play(&[]).await;
        assert_eq!((played.fates(), played.crm.people.len(), played.crm.tasks.len()), ((3, 0, 0), 1, 2));
        let name = if by == "phone" { "João Silva".to_owned() } else { format!("WeClever {LEAD} - João Silva") };
        assert_eq!(played.crm.people[0]["name"], json!(name));
        assert_eq!(played.crm.people[0]["contact"]["whatsapp"], "+5511987654321");
        let rated = played.crm.tasks[1]["text"].as_str().unwrap();
        assert!(rated.starts_with("Atendimento WeClever: avaliação\nNota: 5 – bom\n\nWeClever "), "{rated}");
        story.whatever_is_lost().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_errors_are_understood() {
    for (said, fates) in [
        (refused(401, "unauthorized"), (1, 0, 0)),
        (refused(403, "forbidden"), (1, 0, 0)),
        (refused(422, "name can't be blank"), (0, 1, 0)),
        (refused(400, "email or cpf is required"), (0, 1, 0)),
        // Believed only with the person in it.
        (answer(200, json!({})), (1, 0, 0)),
    ] {
        let played = Story::of(keys, Account::default).play(&[(0, Fault::Says(said.clone()))]).await;
        assert_eq!(played.fates(), fates, "{said:?}: {:#}", played.destination);
    }
    let wrong_token = |base: &str| keys(base).replace(TOKEN, "another");
    let played = Story::of(wrong_token, Account::default).play(&[]).await;
    assert_eq!((played.fates(), played.crm.people.len()), ((0, 1, 0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_lead_says_is_one_person_and_one_entry() {
    for details in leads::hostile() {
        let played = Story::of(keys, Account::default).lead(&details).play(&[]).await;
        let told = (played.fates(), played.crm.people.len(), played.crm.tasks.len());
        assert_eq!(told, ((1, 0, 0), 1, 1), "{:.200}: {:#?}", details, shown(&played.calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_conversations_at_once_are_one_person_with_two_entries() {
    for details in [leads::LOW, leads::UNRATED] {
        let played = Story::of(keys, Account::default).lead(details).twice().play(&[]).await;
        assert_eq!((played.fates(), played.crm.contacts().len(), played.crm.notes().len()), ((2, 0, 0), 1, 2));
    }
}
