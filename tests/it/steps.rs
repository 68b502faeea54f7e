//! Several calls for one delivery: the example of config/STEPS.md against a CRM that is not idempotent, whatever happens
//! in between.

use serde_json::{Value, json};

use crate::presets::crm::{Answer, Call, Crm, Fault, LEAD, Played, Story, answer, shown};
use crate::presets::leads;
use crate::support::*;

/// Makes a contact and a note for whoever asks, as often as asked.
#[derive(Clone, Default)]
struct Plain {
    contacts: Vec<Value>,
    notes: Vec<Value>,
    /// Its lists are so long.
    padding: usize,
}

impl Crm for Plain {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.header("authorization") != "Bearer crm-token" {
            return answer(401, json!({"error": "who are you?"}));
        }
        let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let padding = "x".repeat(self.padding);
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["v1", "contacts"]) => {
                let found = self.contacts.iter().filter(|contact| contact["email"] == call.asked("email"));
                let found: Vec<&Value> = found.collect();
                answer(200, json!({"aaa": padding, "data": found}))
            }
            ("POST", ["v1", "contacts"]) => {
                let mut contact = call.json();
                contact["id"] = (self.contacts.len() + 501).into();
                self.contacts.push(contact.clone());
                answer(201, json!({"data": contact}))
            }
            ("GET", ["v1", "contacts", id, "notes"]) => {
                let of_it = self.notes.iter().filter(|note| note["contact_id"] == id.parse::<u64>().unwrap_or(0));
                let of_it: Vec<&Value> = of_it.collect();
                answer(200, json!({"aaa": padding, "data": of_it}))
            }
            ("POST", ["v1", "notes"]) => {
                let mut note = call.json();
                note["id"] = (self.notes.len() + 901).into();
                self.notes.push(note);
                answer(201, json!({}))
            }
            _ => answer(404, json!({"error": "no such thing"})),
        }
    }

    fn contacts(&self) -> Vec<Value> {
        self.contacts.clone()
    }

    fn notes(&self) -> Vec<Value> {
        self.notes.clone()
    }
}

/// The page's example, for a CRM at this address.
fn example(base: &str) -> String {
    let page = include_str!("../../config/STEPS.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let lines = example.split_once('\n').unwrap().1;
    lines.replace("https://api.example.com", base).replace("${CRM_TOKEN}", "crm-token")
}

fn story() -> Story<Plain> {
    Story::of(example, Plain::default)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_what_the_page_says() {
    let played = story().play(&[]).await;
    assert_eq!(played.fates(), (1, 0, 0));
    let id = played.calls[0].header("webhook-id").strip_suffix("-find-contact").unwrap().to_owned();
    let text = played.crm.notes[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Oi, meu boleto veio errado") && text.ends_with(&format!("\n\n{id}")), "{text}");
    assert_eq!(
        shown(&played.calls),
        [
            json!({"GET /v1/contacts?email=maria%40example.com": null}),
            json!({"POST /v1/contacts": {"name": "Maria Souza", "email": "maria@example.com", "external_id": LEAD}}),
            json!({"POST /v1/notes": {"contact_id": 501, "text": text}}),
        ]
    );
    let ids: Vec<&str> = played.calls.iter().map(|call| call.header("webhook-id")).collect();
    assert_eq!(ids, ["find-contact", "contact", "note"].map(|step| format!("{id}-{step}")));
    // What only asks has no body, and does not say of what kind it is.
    let first = &played.calls[0];
    assert_eq!((first.header("content-type"), first.header("content-length"), first.body.len()), ("", "", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contact_and_its_note_are_there_once_whatever_happens() {
    story().whatever_happens(&[Fault::HandledThenSays(answer(200, json!({"data": "nonsense"})))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_looking_first_a_lost_answer_doubles_the_note() {
    let blind = |base: &str| example(base).replace("on_unknown = { redo = \"find-note\" }", "on_unknown = \"retry\"");
    let wrong = Story::of(blind, Plain::default).what_goes_wrong(&[]).await;
    let doubled = |story: &String| story.contains("1 contacts") && !story.contains("1 notes");
    assert!(wrong.len() >= 4 && wrong.iter().all(doubled), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn something_is_found_far_behind_in_a_long_answer() {
    let story = Story::of(example, || Plain { padding: 200_000, ..Plain::default() });
    let played = story.play(&[(2, Fault::HandledThenCut)]).await;
    assert_eq!((played.fates(), played.crm.notes.len(), played.calls.len()), ((1, 0, 0), 1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_made_twice_waits_for_a_person() {
    let held = |base: &str| example(base).replace("on_unknown = { redo = \"find-note\" }", "on_unknown = \"hold\"");
    for fault in [Fault::HandledThenKilled, Fault::Killed, Fault::HandledThenCut, Fault::Says(answer(504, json!({})))] {
        let played: Played<Plain> = Story::of(held, Plain::default).play(&[(2, fault)]).await;
        assert_eq!((played.fates(), played.calls.len()), ((0, 1, 0), 3));
        let letters = played.place.json(&["dead", "list"], 1);
        let (why, error) =
            (letters["letters"][0]["why"].as_str().unwrap(), letters["letters"][0]["error"].as_str().unwrap());
        let id = played.calls[2].header("webhook-id").strip_suffix("-note").unwrap();
        assert!(why == "unknown" && error.contains("nobody knows whether the step note got through"), "{letters:#}");
        assert!(error.contains(&format!("look for {id} ")), "{error}");
    }
    // What cannot have got through is tried again all the same.
    let played = Story::of(held, Plain::default).play(&[(2, Fault::Says(answer(503, json!({}))))]).await;
    assert_eq!((played.fates(), played.crm.notes.len()), ((1, 0, 0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_an_email_takes_other_steps() {
    let played = story().lead(&leads::LOW.replace("\"maria@example.com\"", "null")).play(&[]).await;
    let calls = shown(&played.calls);
    assert_eq!((played.fates(), calls.len()), ((1, 0, 0), 2));
    assert_eq!(calls[0], json!({"POST /v1/contacts": {"name": "Maria Souza", "external_id": LEAD}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_step_may_be_one_that_is_left_out() {
    let lines = |base: &str| {
        let never = "[[destinations.crm.steps]]\nname = \"rare\"\nwhen = \"lead.state == 'AC'\"\nurl = \"/rare\"";
        format!("{}\n{never}", example(base))
    };
    let played = Story::of(lines, Plain::default).play(&[]).await;
    assert_eq!((played.fates(), played.calls.len(), played.crm.notes.len()), ((1, 0, 0), 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_gone_there_disables_nobody() {
    let played = story().play(&[(2, Fault::Says(answer(410, json!({}))))]).await;
    assert_eq!(played.fates(), (0, 1, 0));
    assert_eq!(played.destination["disabled"], Value::Null, "{}", played.destination);
    let letters = played.place.json(&["dead", "list"], 1);
    assert_eq!(letters["letters"][0]["why"], "given_up");
}

/// Two events of one lead, whose calls must not mix.
#[tokio::test(flavor = "multi_thread")]
async fn a_leads_next_event_waits_for_all_calls_of_the_one_before() {
    let later = leads::UNRATED.replace("\"rating\":null", "\"rating\":\"5\"");
    let story = story().lead(leads::UNRATED).on(&["lead.finalized", "lead.rated"]).later(&later);
    for faults in [vec![], vec![(1, Fault::Says(answer(503, json!({}))))]] {
        let played = story.play(&faults).await;
        assert_eq!(played.fates(), (2, 0, 0));
        let events: Vec<String> =
            played.calls.iter().map(|call| call.header("webhook-id").split('-').next().unwrap().to_owned()).collect();
        let mut once = events.clone();
        once.dedup();
        assert_eq!(once.len(), 2, "{events:?}");
    }
}

/// What is done is known by its name: a file that changes between two calls makes nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_goes_on_where_it_died_by_todays_file() {
    let weclever = weclever(by_hand()).await;
    let refuses = std::sync::atomic::AtomicBool::new(true);
    let refuses = std::sync::Arc::new(refuses);
    let asked = std::sync::Arc::clone(&refuses);
    let crm = Raw::start(move |request, _| match request.line.as_str() {
        "POST /notes" if asked.load(std::sync::atomic::Ordering::SeqCst) => Reply::new(422, "", "no"),
        "POST /contacts" => Reply::new(201, "", "{\"id\":\"c-7\"}"),
        _ => Reply::new(200, "", ""),
    })
    .await;
    let steps = |first: &str| {
        format!(
            "steps = [{first}{{ name = \"contact\", url = \"/contacts\", capture = {{ contact_id = \"/id\" }} }},\n\
             {{ name = \"note\", url = \"/notes\", body = {{ contact = \"{{{{ captured.contact_id }}}}\" }} }}]"
        )
    };
    let file = |first: &str| File::new(&weclever.base_url()).to("crm", &crm.url(), &steps(first));
    let place = Place::new(&file(""));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    place.until_status("it is dead", |status| destination(status, "crm")["dead"] == 1).await;
    service.stop();
    refuses.store(false, std::sync::atomic::Ordering::SeqCst);
    place.write(&file("{ name = \"new\", url = \"/new\" },\n"));
    let service = place.start_and_read().await;
    place.json(&["dead", "retry", "--all"], 0);
    place.until_status("it is delivered", |status| destination(status, "crm")["delivered"] == 1).await;
    let lines: Vec<String> = crm.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /contacts", "POST /notes", "POST /new", "POST /notes"]);
    let last: Value = serde_json::from_slice(&crm.requests()[3].body).unwrap();
    assert_eq!(last, json!({"contact": "c-7"}));
    service.stop();
}
