//! What a person sees of a delivery that takes several calls, and does to it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::*;

const TOKEN: &str = "crm-token-7f3a91";

/// What a person's data looks like in an answer of the CRM.
const OWNER: &str = "Bruna Dias";

const LEAD: &str = r#"{"lead":{"name":"Ana Lima","email":"ana.lima@example.com","phone":"(11) 98765-4321"}}"#;

/// The steps, with what follows where nobody knows whether a contact, or a note, is there.
fn steps(contact: &str, note: &str) -> String {
    format!(
        r#"auth = {{ type = "bearer", token = "${{CRM_TOKEN}}" }}
retry = {{ schedule = ["10ms"], jitter = 0 }}

[[destinations.crm.steps]]
name = "find-contact"
method = "GET"
url = "/contacts?email={{{{ lead.email }}}}"
when = "lead.email is defined"
capture = {{ contact_id = {{ at = "/data/0/id", optional = true }} }}

[[destinations.crm.steps]]
name = "contact"
when = "captured.contact_id is undefined"
url = "/contacts"
body = {{ name = "{{{{ lead.name }}}}" }}
capture = {{ contact_id = "/data/id", owner = {{ at = "/data/owner", optional = true }} }}
on_unknown = {contact}

[[destinations.crm.steps]]
name = "find-note"
method = "GET"
url = "/contacts/{{{{ captured.contact_id }}}}/notes"
when = "'note' in unknown"
capture = {{ note_id = {{ in = "/data", holds = "{{{{ id }}}}", at = "/id", optional = true }} }}

[[destinations.crm.steps]]
name = "note"
when = "captured.note_id is undefined"
url = "/notes"
body = {{ contact = "{{{{ captured.contact_id }}}}", text = "for {{{{ captured.owner }}}}: {{{{ lead.name }}}} {{{{ id }}}}" }}
on_unknown = {note}
"#
    )
}

const FIND_CONTACT: &str = r#"{ redo = "find-contact" }"#;
const FIND_NOTE: &str = r#"{ redo = "find-note" }"#;
const HOLD: &str = r#""hold""#;

/// A request's line, and the answer's status; `None`: it hangs up.
type Says = (&'static str, Option<u16>);

/// A CRM that says what it is told to say at one of its doors.
struct Crm {
    raw: Raw,
    says: Arc<Mutex<Option<Says>>>,
}

impl Crm {
    async fn start() -> Crm {
        let says: Arc<Mutex<Option<Says>>> = Arc::default();
        let told = Arc::clone(&says);
        let raw = Raw::start(move |request, _| {
            if let Some((line, status)) = *told.lock().unwrap()
                && request.line == line
            {
                return status.map_or_else(Reply::hang_up, |status| Reply::new(status, "", "{\"no\":\"thanks\"}"));
            }
            let made = json!({"data": {"id": "c-51234", "owner": OWNER}});
            match request.line.as_str() {
                "POST /contacts" => Reply::new(201, "", &made.to_string()),
                line if line.starts_with("GET ") => Reply::new(200, "", "{\"data\":[]}"),
                _ => Reply::new(201, "", "{\"data\":{\"id\":9}}"),
            }
        })
        .await;
        Crm { raw, says }
    }

    fn says(&self, line: &'static str, status: Option<u16>) {
        *self.says.lock().unwrap() = Some((line, status));
    }

    fn is_well(&self) {
        *self.says.lock().unwrap() = None;
    }

    /// The lines of the requests from the `from`th on, without the search's query.
    fn lines(&self, from: usize) -> Vec<String> {
        let lines = self.raw.requests().into_iter().skip(from).map(|request| request.line);
        lines.map(|line| line.split('?').next().unwrap().to_owned()).collect()
    }

    /// The body of the last request.
    fn last(&self) -> Value {
        serde_json::from_slice(&self.raw.requests().last().unwrap().body).unwrap()
    }
}

/// A lead that was finalized for a CRM which did not go along, so that its delivery is dead.
struct Scene {
    _api: Api,
    crm: Crm,
    place: Place,
    service: Option<Service>,
    letter: String,
}

impl Scene {
    async fn new(steps: &str, line: &'static str, status: Option<u16>) -> Scene {
        let (api, crm) = (Api::start().await, Crm::start().await);
        crm.says(line, status);
        let file = File::new(&api.base_url()).to("crm", &crm.raw.url(), steps);
        let place = Place::new(&file).with("CRM_TOKEN", TOKEN);
        let service = place.start_and_read().await;
        api.finalize(7, r#"{"weclever_lead_id":7,"mapped_status":"sold","client_lead_id":null}"#, Some(LEAD));
        place.until_status("it is dead", |status| destination(status, "crm")["dead"] == 1).await;
        let letters = place.json(&["dead", "list"], 1);
        let letter = letters["letters"][0]["id"].as_str().unwrap().to_owned();
        Scene { _api: api, crm, place, service: Some(service), letter }
    }

    fn text(&self, args: &[&str], code: i32) -> String {
        let ran = self.place.run(args);
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// What is said to a command that is refused.
    fn refused(&self, args: &[&str]) -> String {
        let ran = self.place.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}: {}", ran.err);
        ran.err
    }

    async fn is_delivered(&self) {
        self.place.until_status("it is delivered", |status| destination(status, "crm")["delivered"] == 1).await;
    }
}

#[track_caller]
fn holds_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` is not where it should be in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

/// A file with these steps, to be looked at offline.
fn offline(lines: &str) -> Place {
    let file = File::new("https://api.weclever.example").to("crm", "https://crm.example.com/v1", lines);
    let place = Place::new(&file);
    place.write_text("lead.json", LEAD);
    place
}

fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|header| header[0] == name).unwrap()[1].as_str().unwrap()
}

#[test]
fn route_test_shows_every_call_in_order_without_a_secret() {
    let place = offline(&steps(FIND_CONTACT, FIND_NOTE));
    let test = ["route", "test", "--lead", "lead.json"];
    let said = place.json(&test, 0);
    let made = &said["events"][0]["requests"][0];
    assert_eq!((&made["request"], &made["unsendable"]), (&Value::Null, &Value::Null));
    let steps = made["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["find-contact", "contact", "find-note", "note"]);
    let find = &steps[0]["request"];
    assert_eq!((find["method"].as_str(), find["body"].as_str()), (Some("GET"), Some("")));
    assert_eq!(find["url"], "https://crm.example.com/v1/contacts?email=ana.lima%40example.com");
    let id = said["events"][0]["id"].as_str().unwrap();
    assert_eq!(header(find, "webhook-id"), format!("{id}-find-contact"));
    assert_eq!(header(find, "authorization"), "Bearer ${CRM_TOKEN}");
    assert_eq!((steps[2]["when"].as_str(), &steps[2]["request"]), (Some("condition_false"), &Value::Null));
    assert_eq!(steps[2]["values"], json!([{"name": "unknown", "value": "[]"}]));
    let captures = json!([{"name": "contact_id", "place": "/data/id", "optional": false, "seen_as": "CONTACT_ID", "given": false},
        {"name": "owner", "place": "/data/owner", "optional": true, "seen_as": null, "given": false}]);
    assert_eq!(steps[1]["captures"], captures);
    let note: Value = serde_json::from_str(steps[3]["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(note, json!({"contact": "CONTACT_ID", "text": format!("for : Ana Lima {id}")}));

    let text = place.run(&test).out;
    holds_in_order(
        &text,
        &[
            "stands here as its name in capitals",
            "1. find-contact",
            "GET https://crm.example.com/v1/contacts?email=ana.lima%40example.com",
            "captured.contact_id from /data/0/id, if it is there",
            "2. contact",
            "captured.contact_id is missing",
            "3. find-note, skipped: its when does not hold",
            "unknown is []",
            "4. note",
            "\"contact\": \"CONTACT_ID\"",
        ],
    );
    assert_eq!(text.matches("in capitals").count(), 1, "{text}");
}

#[test]
fn route_test_goes_the_way_that_supposed_answers_lead() {
    let place = offline(&steps(FIND_CONTACT, FIND_NOTE));
    let test = |more: &[&str]| {
        let said = place.json(&[&["route", "test", "--lead", "lead.json"], more].concat(), 0);
        said["events"][0]["requests"][0]["steps"].as_array().unwrap().clone()
    };
    let is_made = |steps: &[Value]| steps.iter().map(|step| !step["request"].is_null()).collect::<Vec<_>>();
    let found = test(&["--captured", "contact_id=512", "--captured", "owner=Rui"]);
    assert_eq!(is_made(&found), [true, false, false, true]);
    assert!(found[3]["request"]["body"].as_str().unwrap().starts_with(r#"{"contact":512,"#));
    assert_eq!(is_made(&test(&["--unknown", "note"])), [true, true, true, true]);
    assert_eq!(is_made(&test(&["--unknown", "note", "--captured", "note_id=9"])), [true, true, true, false]);
    let text = place.run(&["route", "test", "--lead", "lead.json", "--captured", "contact_id=512"]).out;
    holds_in_order(&text, &["given as 512", "2. contact, skipped", "captured.contact_id is 512", "\"contact\": 512"]);
    assert!(!text.contains("in capitals"), "{text}");
    for (wrong, told) in [
        (["--captured", "contact=512"], "no step captures `contact`; there is: contact_id, note_id, owner"),
        (["--captured", "contact_id"], "NAME=VALUE"),
        (["--unknown", "notes"], "there is no step `notes`; there is: find-contact, contact, find-note, note"),
    ] {
        let ran = place.run(&[["route", "test", "--simulated"].as_slice(), &wrong].concat());
        assert!(ran.code == 2 && ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn route_test_says_which_step_cannot_be_made_and_shows_the_others() {
    let wrong = steps(FIND_CONTACT, FIND_NOTE).replace("url = \"/notes\"", "url = \"/notes/{{ lead.visits.count }}\"");
    let place = offline(&wrong);
    let said = place.json(&["route", "test", "--lead", "lead.json"], 1);
    let made = &said["events"][0]["requests"][0];
    assert!(made["unsendable"].as_str().unwrap().contains("the url of the step note"), "{made:#}");
    assert_eq!((&made["steps"][0]["unsendable"], &made["steps"][3]["request"]), (&Value::Null, &Value::Null));
    let text = place.run(&["route", "test", "--lead", "lead.json"]);
    holds_in_order(
        &text.out,
        &["1. find-contact", "GET https://", "4. note", "cannot be sent: the url of the step note"],
    );
    // What stands in for an answer may be to blame, and then a person can say better.
    let wants =
        steps(FIND_CONTACT, FIND_NOTE).replace("url = \"/notes\"", "url = \"/notes/{{ captured.contact_id + 1 }}\"");
    let place = offline(&wants);
    let text = place.run(&["route", "test", "--lead", "lead.json"]);
    assert_eq!(text.code, 0, "{}", text.out);
    holds_in_order(
        &text.out,
        &["4. note", "cannot be shown with what stands for contact_id", "--captured contact_id=VALUE"],
    );
    let text = place.run(&["route", "test", "--lead", "lead.json", "--captured", "contact_id=7"]);
    holds_in_order(&text.out, &["4. note", "POST https://crm.example.com/v1/notes/8"]);
}

/// The warnings and mistakes of a file with these steps, a line each.
fn checked(lines: &str, code: i32) -> Vec<String> {
    let said = offline(lines).with("CRM_TOKEN", TOKEN).json(&["check"], code);
    let list = if code == 0 { &said["warnings"] } else { &said["mistakes"] };
    let told = |notice: &Value| {
        format!("{}: {} ({})", notice["key"].as_str().unwrap(), notice["message"].as_str().unwrap(), notice["help"])
    };
    list.as_array().unwrap().iter().map(told).collect()
}

#[test]
fn check_tries_every_step_and_doubts_what_can_come_to_nothing() {
    let right = format!("secret = {SECRET:?}\n{}", steps(FIND_CONTACT, FIND_NOTE));
    assert_eq!(checked(&right, 0), Vec::<String>::new());
    let number = right.replace("url = \"/notes\"", "url = \"/notes/{{ captured.contact_id + 1 }}\"");
    assert_eq!(checked(&number, 0), Vec::<String>::new(), "only an answer can tell");
    let said = offline(&right).with("CRM_TOKEN", TOKEN).run(&["check"]);
    assert!(said.out.contains("4 steps (find-contact, contact, find-note, note), signed"), "{}", said.out);

    let change = |from: &str, to: &str| {
        assert!(right.contains(from), "{from}");
        right.replace(from, to)
    };
    for (file, code, key, told) in [
        // Left out for a made-up event, and tried all the same.
        (
            change("/{{ captured.contact_id }}/notes", "/{{ lead.name * 2 }}/notes"),
            0,
            "destinations.crm.steps[2]",
            "the url of the step find-note cannot be filled in",
        ),
        (
            change("for {{ captured.owner }}: ", ""),
            0,
            "destinations.crm.steps[1].capture.owner",
            "no step behind this one asks for what is captured here",
        ),
        (
            change(FIND_NOTE, HOLD),
            0,
            "destinations.crm.steps[2].when",
            "asks whether `note` is in `unknown`, and is never asked while it is",
        ),
        (
            change("'note' in unknown", "'nota' in unknown"),
            0,
            "destinations.crm.steps[2].when",
            "asks for `unknown`, and names no step of this destination",
        ),
        (
            change("lead.email is defined", "lead.name > 3"),
            0,
            "destinations.crm.steps[0].when",
            "cannot be evaluated for a made-up event, so that the step is left out",
        ),
        (
            change("\"{{ captured.contact_id }}\"", "\"{{ captured.contct_id }}\""),
            78,
            "destinations.crm.steps[3].body.contact",
            "no step before this one captures `contct_id` (\"did you mean `captured.contact_id`?\")",
        ),
        (
            change("body = { name = \"{{ lead.name }}\" }", "body = { name = \"{{ captured.note_id }}\" }"),
            78,
            "destinations.crm.steps[1].body.name",
            "no step before this one captures `note_id`",
        ),
    ] {
        let said = checked(&file, code);
        assert!(said.len() == 1 && said[0].starts_with(&format!("{key}: ")) && said[0].contains(told), "{said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_and_the_dead_letter_say_how_each_step_stands_and_what_to_look_for() {
    let mut scene = Scene::new(&steps(FIND_CONTACT, HOLD), "POST /notes", None).await;
    let event = scene.place.json(&["dead", "show", &scene.letter], 0)["letter"]["delivery"]["event_id"].clone();
    let event = event.as_str().unwrap().to_owned();
    let mut seen: Vec<String> = Vec::new();
    for round in ["beside the service", "without it"] {
        let explained = scene.place.json(&["explain", "7"], 1);
        let delivery = &explained["story"]["events"][0]["deliveries"][0];
        let steps = delivery["steps"].as_array().unwrap();
        let stands: Vec<_> = steps.iter().map(|step| step["stands"].as_str().unwrap()).collect();
        assert_eq!(stands, ["done", "done", "skipped", "next"], "{round}");
        assert_eq!((&steps[3]["failed"], &steps[3]["unknown"]), (&true.into(), &true.into()));
        let hint = |name: &str, value: &str| json!({"name": name, "value": value});
        let hints = json!([hint("contact_id", "c-... (7 characters)"), hint("owner", "Br... (10 characters)")]);
        assert_eq!(steps[1]["captured"], hints);
        let of: Vec<_> = delivery["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["step"]).collect();
        assert_eq!(of, ["find-contact", "contact", "note"]);
        let text = scene.text(&["explain", "7"], 1);
        holds_in_order(
            &text,
            &[
                "attempt 1, step find-contact: HTTP 200",
                "attempt 2, step contact: HTTP 201",
                "attempt 3, step note: ",
                "given up on at the step note, nobody knows whether it got through",
                "what is next:",
                "nobody knows whether its step note got through",
                "find-contact: done",
                "contact: done; captured contact_id c-... (7 characters); captured owner Br... (10 characters)",
                "find-note: skipped",
                "note: failed; a retry goes on here; nobody knows whether its last try got through",
            ],
        );

        let list = scene.text(&["dead", "list"], 1);
        let letters = scene.place.json(&["dead", "list"], 1);
        let delivery = &letters["letters"][0]["delivery"];
        assert_eq!((&delivery["step"], &delivery["done"]), (&"note".into(), &json!(["find-contact", "contact"])));
        assert!(letters["letters"][0]["error"].as_str().unwrap().contains(&format!("look for {event} there")));
        // Attempts show what was answered, which is a person's data; of what was captured there is no more than a hint.
        seen.extend([
            list,
            letters.to_string(),
            explained["story"]["events"][0]["deliveries"][0]["progress"].to_string(),
        ]);

        let show = scene.text(&["dead", "show", &scene.letter], 0);
        holds_in_order(
            &show,
            &[
                "unknown",
                "find-contact: accepted",
                "note: retry",
                "its steps:",
                "contact: done",
                "contact_id = \"c-51234\"",
                "owner = \"Bruna Dias\"",
                "note: failed",
                &format!(
                    "nobody knows whether the step note got through: look at crm for what it makes (it holds {event})"
                ),
                &format!("not there: `leadhook dead retry {}` makes", scene.letter),
                &format!("there: `leadhook dead retry {} --step-done` goes", scene.letter),
                "as it would be sent now:",
                "POST http://",
                &format!("webhook-id: {event}-note"),
            ],
        );
        let shown = scene.place.json(&["dead", "show", &scene.letter], 0);
        assert_eq!(shown["look_for"]["step"], "note");
        assert_eq!(shown["progress"]["captured"][0]["json"], "\"c-51234\"");
        assert!(!show.contains(TOKEN) && !shown.to_string().contains(TOKEN));
        if let Some(service) = scene.service.take() {
            seen.push(service.stop());
        }
    }
    for said in seen {
        assert!(!said.contains("Bruna") && !said.contains("c-51234") && !said.contains(TOKEN), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_file_has_changed_shows_what_was_captured_only_in_hints() {
    let mut scene = Scene::new(&steps(FIND_CONTACT, HOLD), "POST /notes", None).await;
    scene.service.take().unwrap().stop();
    // Nothing can be sent, so the event is not shown, and neither is what belongs to it.
    let file = File::new("https://api.weclever.example").to("other", "https://other.example.com", "");
    scene.place.write(&file);
    let show = scene.text(&["dead", "show", &scene.letter], 0);
    holds_in_order(&show, &["contact: done; captured contact_id c-... (7 characters)", "has left the file"]);
    assert!(!show.contains("owner = "), "{show}");
    let said = scene.refused(&["dead", "retry", &scene.letter, "--step-done"]);
    assert!(said.contains("has left the file"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_goes_on_at_the_step_that_failed() {
    let scene = Scene::new(&steps(FIND_CONTACT, FIND_NOTE), "POST /notes", Some(422)).await;
    let show = scene.text(&["dead", "show", &scene.letter], 0);
    holds_in_order(&show, &["given up", "note: failed; a retry goes on here\n", "as it would be sent now:"]);
    assert!(!show.contains("nobody knows"), "{show}");
    let before = scene.crm.raw.requests().len();
    scene.crm.is_well();
    scene.place.json(&["dead", "retry", &scene.letter], 0);
    scene.is_delivered().await;
    assert_eq!(scene.crm.lines(before), ["POST /notes"]);
    let text = scene.text(&["explain", "7"], 0);
    holds_in_order(&text, &["attempt 3, step note: HTTP 422", "attempt 4, step note: HTTP 201"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_person_found_done_is_not_made_again_and_the_next_one_knows_what_it_brought() {
    let mut scene = Scene::new(&steps(HOLD, FIND_NOTE), "POST /contacts", None).await;
    scene.crm.is_well();
    let before = scene.crm.raw.requests().len();
    let shown = scene.place.json(&["dead", "show", &scene.letter], 0);
    let there = format!("leadhook dead retry {} --step-done --set contact_id=VALUE", scene.letter);
    assert_eq!(shown["look_for"]["if_there"], there);
    for round in 0..2 {
        let retry = ["dead", "retry", scene.letter.as_str()];
        for (more, told) in [
            (&["--step-done"][..], "captures contact_id, which nobody has told"),
            (&["--step-done", "--set", "owner=Rui"], "--set contact_id=VALUE"),
            (&["--step-done", "--set", "contact=1"], "captures no contact; it captures contact_id and owner"),
            (&["--step-done=note", "--set", "contact_id=1"], "not about the step note, but about contact"),
            (&["--set", "contact_id=1"], "--step-done"),
            (&["--step-done", "--all"], "--all"),
            (&["--step-done", "dead_other"], "name its id"),
        ] {
            let said = scene.refused(&[&retry, more].concat());
            assert!(said.contains(told), "{round}: {said}");
        }
        let said = scene.refused(&["dead", "retry", "dead_nothing", "--step-done"]);
        assert!(said.contains("there is no dead letter"), "{said}");
        if let (0, Some(service)) = (round, scene.service.take()) {
            service.stop();
        }
    }
    assert_eq!(scene.crm.raw.requests().len(), before);
    let done =
        scene.text(&["dead", "retry", &scene.letter, "--step-done", "--set", "contact_id=77", "--set", "owner=Rui"], 0);
    let told = "the step contact counts as done, and it goes on with note by the next `leadhook run`";
    assert!(done.contains(told), "{done}");
    assert!(scene.refused(&["dead", "retry", &scene.letter, "--step-done"]).contains("there is no dead letter"));
    let explained = scene.text(&["explain", "7"], 0);
    holds_in_order(&explained, &["the step note", "contact: done; captured contact_id 2 digits", "note: next"]);
    scene.place.json(&["run", "--once"], 0);
    assert_eq!(scene.crm.lines(before), ["POST /notes"]);
    let note = scene.crm.last();
    assert_eq!(note["contact"], 77);
    assert!(note["text"].as_str().unwrap().starts_with("for Rui: Ana Lima evt_"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_call_that_a_person_found_done_is_the_delivery_done() {
    let scene = Scene::new(&steps(FIND_CONTACT, HOLD), "POST /notes", None).await;
    scene.crm.is_well();
    let before = scene.crm.raw.requests().len();
    let event = scene.place.json(&["dead", "show", &scene.letter], 0)["letter"]["delivery"]["event_id"].clone();
    // By its event's id as well, beside the service.
    let done = scene.place.json(&["dead", "retry", event.as_str().unwrap(), "--step-done"], 0);
    assert_eq!(done, json!({"id": scene.letter, "step": "note", "goes_on": null}));
    scene.is_delivered().await;
    assert_eq!(scene.crm.lines(before), Vec::<String>::new());
    scene.text(&["dead", "list"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_may_be_about_two_steps_a_person_says_which() {
    // The note's fate is unknown, and then the search for it is refused.
    let scene = Scene::new(&steps(FIND_CONTACT, FIND_NOTE), "POST /notes", Some(504)).await;
    let shown = scene.place.json(&["dead", "show", &scene.letter], 0);
    let at = |shown: &Value, key: &str| {
        let steps = shown["steps"].as_array().unwrap();
        steps.iter().filter(|step| step[key] == true).map(|step| step["step"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((at(&shown, "failed"), at(&shown, "unknown")), (vec!["note".into()], vec!["note".into()]));
    scene.crm.says("GET /contacts/c-51234/notes", Some(404));
    scene.place.json(&["dead", "retry", &scene.letter], 0);
    scene.place.until_status("it is dead again", |status| destination(status, "crm")["dead"] == 1).await;
    let shown = scene.place.json(&["dead", "show", &scene.letter], 0);
    assert_eq!((at(&shown, "failed"), at(&shown, "unknown")), (vec!["find-note".into()], vec!["note".into()]));
    assert_eq!(shown["look_for"]["if_there"], format!("leadhook dead retry {} --step-done=note", scene.letter));
    let said = scene.refused(&["dead", "retry", &scene.letter, "--step-done"]);
    assert!(said.contains("find-note or note") && said.contains("--step-done=STEP"), "{said}");
    let before = scene.crm.raw.requests().len();
    scene.place.json(&["dead", "retry", &scene.letter, "--step-done=note"], 0);
    scene.is_delivered().await;
    assert_eq!(scene.crm.lines(before), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_one_call_has_no_step_to_be_done() {
    let weclever = weclever(by_hand()).await;
    let crm = Crm::start().await;
    crm.says("POST /", Some(422));
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.raw.url(), ""));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    place.until_status("it is dead", |status| destination(status, "crm")["dead"] == 1).await;
    let letters = place.json(&["dead", "list"], 1);
    let ran = place.run(&["dead", "retry", letters["letters"][0]["id"].as_str().unwrap(), "--step-done"]);
    assert!(ran.code == 2 && ran.err.contains("at `crm` there is one request"), "{}", ran.err);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn destination_test_goes_through_the_steps_up_to_the_first_that_is_not_accepted() {
    let crm = Crm::start().await;
    let file = File::new("https://api.weclever.example").to("crm", &crm.raw.url(), &steps(FIND_CONTACT, FIND_NOTE));
    let place = Place::new(&file).with("CRM_TOKEN", TOKEN);
    let said = place.json(&["destination", "test", "crm"], 0);
    assert_eq!((&said["accepted"], &said["status"]), (&true.into(), &201.into()));
    let steps = said["steps"].as_array().unwrap();
    let told: Vec<_> =
        steps.iter().map(|step| (step["step"].as_str().unwrap(), step["skipped"] == true, &step["status"])).collect();
    let (ok, made, none) = (Value::from(200), Value::from(201), Value::Null);
    let expected =
        [("find-contact", false, &ok), ("contact", false, &made), ("find-note", true, &none), ("note", false, &made)];
    assert_eq!(told, expected);
    assert_eq!(steps[1]["captured"], json!({"contact_id": "c-51234", "owner": OWNER}));
    assert_eq!(crm.lines(0), ["GET /contacts", "POST /contacts", "POST /notes"]);
    assert_eq!(crm.last()["contact"], "c-51234");
    let ids: Vec<String> = crm.raw.requests().iter().map(|request| request.headers["webhook-id"].clone()).collect();
    let id = said["event_id"].as_str().unwrap();
    assert_eq!(ids, ["find-contact", "contact", "note"].map(|step| format!("{id}-{step}")));
    // Nothing is kept of it: it needs no store, and leaves none.
    assert_eq!(place.entries(), ["leadhook.toml"]);

    for (status, told) in [(Some(422), "contact: not accepted: HTTP 422"), (None, "contact: not accepted: ")] {
        crm.says("POST /contacts", status);
        let before = crm.raw.requests().len();
        let ran = place.run(&["destination", "test", "crm"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        holds_in_order(&ran.out, &["crm did not take the sample", "find-contact: accepted: HTTP 200", told]);
        assert!(!ran.out.contains("note:") && !ran.out.contains(TOKEN), "{}", ran.out);
        assert_eq!(crm.lines(before), ["GET /contacts", "POST /contacts"]);
    }
    // What looks accepted and lacks what is needed is not.
    crm.says("POST /contacts", Some(200));
    let ran = place.run(&["destination", "test", "crm"]);
    assert!(ran.code == 1 && ran.out.contains("HTTP 200, but the answer has no contact_id to capture"), "{}", ran.out);
}
