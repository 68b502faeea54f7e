use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::domain::connection::Connection;
use crate::domain::destination::{Destination, Mark};
use crate::domain::fields::{FieldPath, Fields};
use crate::domain::form::{BodyForm, Unfit};
use crate::domain::outcome::{Answer, NoAnswer, Outcome, Response};
use crate::domain::outcome_rules::{OutcomeRule, Then};
use crate::domain::retry::RetryPolicy;
use crate::domain::template::{Place, Text, Tree, UrlTemplate};

mod seen;

const ENVELOPE: &[u8] =
    br#"{"type":"lead.finalized","data":{"weclever_lead_id":7,"lead":{"name":"Ana","email":"ana@example.com"}}}"#;

fn form(method: Method, path: &str, body: BodyForm) -> Form {
    Form {
        method,
        url: UrlTemplate::parse(&format!("https://crm.example.com{path}")).expect("a URL"),
        headers: Vec::new(),
        auth: None,
        fields: None,
        body,
        escape: Place::Plain,
        limit: None,
        wrap: None,
        settings: Arc::default(),
    }
}

fn json_body(json: &Value) -> BodyForm {
    BodyForm::Json(Tree::parse(json, Place::Plain).expect("a tree"))
}

fn step(name: &str, form: Form) -> Step {
    let rules = OutcomeRules::default();
    Step { name: name.to_owned(), when: None, form, rules, captures: Vec::new(), on_unknown: OnUnknown::Retry }
}

fn captures(name: &str, at: &str, optional: bool) -> Capture {
    Capture { name: name.to_owned(), list: None, at: vec![at.to_owned()], optional }
}

fn when(text: &str) -> Option<Condition> {
    Some(Condition::parse(text).expect("a condition"))
}

/// A contact, found or made, and a note on it, which is looked for where nobody knows whether it is there.
fn crm() -> Steps {
    let holds = Text::parse("{{ id }}", Place::Plain).expect("a template");
    let found = Capture {
        name: "note_id".to_owned(),
        list: Some(InList { pointer: "/data".to_owned(), holds, whole: false }),
        at: vec!["/id".to_owned()],
        optional: true,
    };
    let note = json!({"contact": "{{ captured.contact_id }}", "text": "{{ lead.name }} {{ step_id }}"});
    Steps {
        fields: None,
        steps: vec![
            Step {
                captures: vec![captures("contact_id", "/data/0/id", true)],
                ..step("find", form(Method::GET, "/contacts?email={{ lead.email }}", BodyForm::Nothing))
            },
            Step {
                when: when("captured.contact_id is undefined"),
                captures: vec![captures("contact_id", "/id", false)],
                on_unknown: OnUnknown::Redo("find".to_owned()),
                ..step("contact", form(Method::POST, "/contacts", json_body(&json!({"name": "{{ lead.name }}"}))))
            },
            Step {
                when: when("'note' in unknown"),
                captures: vec![found],
                ..step("find-note", form(Method::GET, "/contacts/{{ captured.contact_id }}/notes", BodyForm::Nothing))
            },
            Step {
                when: when("captured.note_id is undefined"),
                on_unknown: OnUnknown::Redo("find-note".to_owned()),
                ..step("note", form(Method::POST, "/notes", json_body(&note)))
            },
        ],
    }
}

fn destination() -> Destination {
    Destination {
        name: "crm".to_owned(),
        form: form(Method::POST, "/", BodyForm::Envelope),
        steps: crm().steps,
        outcomes: OutcomeRules::default(),
        connection: Connection::default(),
        secrets: Vec::new(),
        timeout: Duration::from_secs(15),
        concurrency: 1,
        rate: None,
        rate_per_contact: None,
        max_age: Duration::from_secs(60),
        retry: RetryPolicy::default(),
        mark: Mark::default(),
    }
}

fn got(status: u16, body: &Value) -> Answer {
    let body = body.to_string().into_bytes();
    Answer::Got(Response { status, retry_after: None, headers: Vec::new(), body, cut: false })
}

fn nothing(why: NoAnswer) -> Answer {
    Answer::Nothing { why, detail: String::new() }
}

fn call(steps: &Steps, progress: &Progress) -> Call {
    match Calls::Several(steps.clone()).next("evt_1", ENVELOPE.to_vec(), progress.clone()) {
        Ok(Next::Send(call)) => *call,
        other => panic!("no call: {other:?}"),
    }
}

/// The step's name, and where to.
fn shown(call: &Call) -> (String, String) {
    let url = call.request.url.expose();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    (call.step_name().expect("a step").to_owned(), format!("{} {}{query}", call.request.method, url.path()))
}

/// Goes through these answers and says which calls were made, and how far it has come then.
fn through(steps: &Steps, mut progress: Progress, answers: &[Answer]) -> (Vec<String>, Told) {
    let mut made = Vec::new();
    let mut last = None;
    for answer in answers {
        let call = call(steps, &progress);
        made.push(call.step_name().expect("a step").to_owned());
        let told = tell(call.step.as_ref(), &destination(), answer);
        progress = told.progress.clone().expect("progress");
        last = Some(told);
    }
    (made, last.expect("an answer"))
}

#[test]
fn what_one_answer_holds_goes_into_the_next_call() {
    let steps = crm();
    let find = call(&steps, &Progress::default());
    let first = ("find".to_owned(), "GET /contacts?email=ana%40example.com".to_owned());
    assert_eq!((shown(&find), find.id.as_str()), (first, "evt_1-find"));
    assert_eq!((find.request.content_type.as_deref(), find.request.body.0.len()), (None, 0));
    let (made, told) =
        through(&steps, Progress::default(), &[got(200, &json!({"data": []})), got(201, &json!({"id": 512}))]);
    assert_eq!((made, told.goes_on), (vec!["find".to_owned(), "contact".to_owned()], true));
    let note = call(&steps, &told.progress.expect("progress"));
    assert_eq!((shown(&note).0.as_str(), note.id.as_str()), ("note", "evt_1-note"));
    let body: Value = serde_json::from_slice(&note.request.body.0).expect("JSON");
    assert_eq!(body, json!({"contact": 512, "text": "Ana evt_1-note"}));
    let told = tell(note.step.as_ref(), &destination(), &got(201, &json!({})));
    assert_eq!((told.outcome, told.goes_on), (Outcome::Accepted, false));
}

#[test]
fn a_contact_that_is_found_is_not_made() {
    let found = got(200, &json!({"data": [{"id": "9"}]}));
    let (made, _) = through(&crm(), Progress::default(), &[found, got(201, &json!({}))]);
    assert_eq!(made, ["find", "note"]);
}

#[test]
fn a_call_that_may_have_got_through_is_looked_for_before_it_is_made_again() {
    let begun = [got(200, &json!({"data": []})), got(201, &json!({"id": 512}))];
    for lost in [
        got(500, &json!({})),
        got(502, &json!({})),
        got(504, &json!({})),
        nothing(NoAnswer::Timeout),
        nothing(NoAnswer::Reset),
    ] {
        let (_, told) = through(&crm(), Progress::default(), &[begun.as_slice(), &[lost]].concat());
        let progress = told.progress.expect("progress");
        assert_eq!((told.outcome, progress.unknown.as_slice()), (Outcome::Retry, ["note".to_owned()].as_slice()));
        // It is there: it is not made again, and nothing is left to do.
        let there = got(200, &json!({"data": [{"id": 3, "text": "Ana evt_1-note"}]}));
        let (made, told) = through(&crm(), progress.clone(), &[there]);
        assert_eq!((made, told.goes_on), (vec!["find-note".to_owned()], true));
        let next = Calls::Several(crm()).next("evt_1", ENVELOPE.to_vec(), told.progress.expect("progress"));
        assert!(matches!(next, Ok(Next::Done)), "{next:?}");
        // It is not: it is made.
        let (made, told) = through(&crm(), progress, &[got(200, &json!({"data": []})), got(201, &json!({}))]);
        assert_eq!((made, told.outcome), (vec!["find-note".to_owned(), "note".to_owned()], Outcome::Accepted));
        assert_eq!(told.progress.expect("progress").unknown, Vec::<String>::new());
    }
}

#[test]
fn what_cannot_have_got_through_is_made_again_as_it_is() {
    let begun = [got(200, &json!({"data": []})), got(201, &json!({"id": 512}))];
    for refused in [
        got(503, &json!({})),
        got(429, &json!({})),
        got(404, &json!({})),
        nothing(NoAnswer::Connect),
        nothing(NoAnswer::Dns),
    ] {
        let (_, told) = through(&crm(), Progress::default(), &[begun.as_slice(), &[refused]].concat());
        let progress = told.progress.expect("progress");
        assert!(progress.unknown.is_empty());
        assert_eq!(shown(&call(&crm(), &progress)).0, "note");
    }
}

#[test]
fn a_rule_of_the_file_leaves_no_doubt() {
    let mut steps = crm();
    let rule = OutcomeRule { status: vec![500..=500, 409..=409], then: Then::Accept, ..OutcomeRule::default() };
    steps.steps[3].rules = OutcomeRules::new(vec![rule]);
    let begun = [got(200, &json!({"data": []})), got(201, &json!({"id": 512}))];
    for status in [409, 500] {
        let (_, told) = through(&steps, Progress::default(), &[begun.as_slice(), &[got(status, &json!({}))]].concat());
        assert_eq!(told.outcome, Outcome::Accepted);
    }
}

#[test]
fn an_accepted_answer_without_what_is_needed_is_not_believed() {
    let answers = [got(200, &json!({"data": []})), got(200, &json!({"ok": true}))];
    let (_, told) = through(&crm(), Progress::default(), &answers);
    assert_eq!(told.why.as_deref(), Some("the answer has no contact_id to capture"));
    let progress = told.progress.expect("progress");
    assert_eq!((told.outcome, progress.passed.len()), (Outcome::Retry, 0));
    assert_eq!(shown(&call(&crm(), &progress)).0, "find");
}

#[test]
fn what_may_be_missing_is_missed_in_what_is_no_list_unless_the_file_takes_that_for_one() {
    let (_, told) = through(&crm(), Progress::default(), &[got(200, &json!({"error": "not here"}))]);
    assert_eq!((told.outcome, told.why.is_some()), (Outcome::Retry, true));
    let mut steps = crm();
    let accepted = OutcomeRule { status: vec![404..=404], then: Then::Accept, ..OutcomeRule::default() };
    steps.steps[0].rules = OutcomeRules::new(vec![accepted]);
    let (_, told) = through(&steps, Progress::default(), &[got(404, &json!({"error": "not here"}))]);
    assert_eq!((told.outcome, told.why), (Outcome::Accepted, None));
    assert_eq!(shown(&call(&steps, &told.progress.expect("progress"))).0, "contact");
}

#[test]
fn a_call_that_must_not_be_made_twice_is_held_for_a_person() {
    let mut steps = crm();
    steps.steps[3].on_unknown = OnUnknown::Hold;
    let begun = [got(200, &json!({"data": []})), got(201, &json!({"id": 512})), nothing(NoAnswer::Timeout)];
    let (_, told) = through(&steps, Progress::default(), &begun);
    assert_eq!(told.held.as_deref(), Some("note"));
    // A person wants it once more.
    assert_eq!(shown(&call(&steps, &told.progress.expect("progress"))).0, "note");
}

#[test]
fn what_was_under_way_when_leadhook_ended_is_unknown() {
    let steps = crm();
    let begun = [got(200, &json!({"data": []})), got(201, &json!({"id": 512}))];
    let (_, told) = through(&steps, Progress::default(), &begun);
    let note = call(&steps, &told.progress.expect("progress"));
    let mark = note.mark(Timestamp::from_millisecond(5_000).expect("a time")).expect("a mark");
    let next = Calls::Several(steps.clone()).next("evt_1", ENVELOPE.to_vec(), mark.clone());
    let Ok(Next::Lost(lost)) = next else { panic!("not lost: {next:?}") };
    assert_eq!((lost.step.as_str(), lost.at, lost.told.outcome), ("note", 5_000, Outcome::Retry));
    assert_eq!(shown(&call(&steps, &lost.told.progress.expect("progress"))).0, "find-note");
    // A step that does no harm twice leaves no mark, and one that is not in the file any more is no riddle.
    assert_eq!(call(&steps, &Progress::default()).mark(Timestamp::UNIX_EPOCH), None);
    let mut fewer = steps;
    fewer.steps.truncate(3);
    assert!(matches!(Calls::Several(fewer).next("evt_1", ENVELOPE.to_vec(), mark), Ok(Next::Done)));
}

#[test]
fn a_condition_that_cannot_be_evaluated_leaves_the_step_out() {
    let mut steps = crm();
    steps.steps[0].when = when("lead.visits > 3");
    assert_eq!(shown(&call(&steps, &Progress::default())).0, "contact");
}

#[test]
fn only_what_may_leave_is_seen() {
    let mut steps = crm();
    steps.steps.truncate(2);
    steps.fields = Some(Fields::of(&[FieldPath::parse("lead.name").expect("a path")]));
    steps.steps[0].when = when("lead.email is defined");
    assert_eq!(shown(&call(&steps, &Progress::default())).0, "contact");
}

#[test]
fn what_cannot_be_filled_in_names_its_step() {
    let mut steps = crm();
    steps.steps[0].form = form(Method::GET, "/contacts/{{ captured.other.name }}", BodyForm::Nothing);
    match Calls::Several(steps).next("evt_1", ENVELOPE.to_vec(), Progress::default()) {
        Err(Unfit::Unrenderable { part, .. }) => assert_eq!(part, "the url of the step find"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rehearsal_goes_through_every_call() {
    let rehearsed = Calls::Several(crm()).rehearse("evt_1", ENVELOPE);
    let told: Vec<(String, bool)> = rehearsed
        .into_iter()
        .map(|call| (call.step.expect("a step").name, call.made.expect("rendered").is_some()))
        .collect();
    let expected = [("find", true), ("contact", true), ("find-note", false), ("note", true)];
    assert_eq!(told, expected.map(|(step, made)| (step.to_owned(), made)));
}

#[test]
fn progress_prints_nothing_that_was_captured() {
    let (_, told) = through(&crm(), Progress::default(), &[got(200, &json!({"data": [{"id": "ana@example.com"}]}))]);
    assert!(!format!("{told:?}").contains("ana@"));
}
