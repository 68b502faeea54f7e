//! What a person sees of steps, and says of them.

use super::*;
use crate::domain::template::Judged;

fn step_of(rehearsed: &Rehearsed) -> &RehearsedStep {
    rehearsed.step.as_ref().expect("a step")
}

/// Each step with whether its request is made.
fn made(rehearsed: &[Rehearsed]) -> Vec<(&str, bool)> {
    let made = |call: &Rehearsed| call.made.as_ref().expect("rendered").is_some();
    rehearsed.iter().map(|call| (step_of(call).name.as_str(), made(call))).collect()
}

fn rehearse(steps: Steps, captured: &[(&str, &str)], unknown: &[&str]) -> Vec<Rehearsed> {
    let captured: Vec<_> = captured.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect();
    let unknown: Vec<String> = unknown.iter().map(|step| (*step).to_owned()).collect();
    let given = Given { captured: &captured, unknown: &unknown };
    Calls::Several(steps).rehearse_with("evt_1", ENVELOPE, given)
}

#[test]
fn a_rehearsal_goes_the_way_that_the_given_answers_lead() {
    let plain = rehearse(crm(), &[], &[]);
    assert_eq!(made(&plain), [("find", true), ("contact", true), ("find-note", false), ("note", true)]);
    let find = step_of(&plain[0]);
    assert_eq!((find.id.as_str(), find.captures[0].place.as_str()), ("evt_1-find", "/data/0/id"));
    assert_eq!((find.captures[0].optional, find.captures[0].seen_as.as_deref()), (true, None));
    let contact = step_of(&plain[1]);
    assert_eq!(contact.when, Some(Judged::Yes));
    assert_eq!(contact.looked, [("captured.contact_id".to_owned(), "missing".to_owned())]);
    assert_eq!(contact.captures[0].seen_as.as_deref(), Some("\"CONTACT_ID\""));
    let note = plain[3].made.as_ref().expect("rendered").as_ref().expect("a request");
    assert!(String::from_utf8_lossy(&note.body.0).contains("CONTACT_ID"));

    let found = rehearse(crm(), &[("contact_id", "512")], &[]);
    assert_eq!(made(&found), [("find", true), ("contact", false), ("find-note", false), ("note", true)]);
    assert_eq!(step_of(&found[1]).looked, [("captured.contact_id".to_owned(), "512".to_owned())]);
    assert!(step_of(&found[0]).captures[0].given);

    let looked_for = rehearse(crm(), &[], &["note"]);
    assert_eq!(made(&looked_for), [("find", true), ("contact", true), ("find-note", true), ("note", true)]);
    let place = step_of(&looked_for[2]).captures[0].place.as_str();
    assert_eq!(place, "/id of the first item of /data that mentions `evt_1`");
    let there = rehearse(crm(), &[("note_id", "9")], &["note"]);
    assert_eq!(made(&there), [("find", true), ("contact", true), ("find-note", true), ("note", false)]);
}

#[test]
fn the_steps_behind_one_that_cannot_be_made_are_told_all_the_same() {
    let mut steps = crm();
    steps.steps[1].form = form(Method::POST, "/contacts/{{ lead.visits.count }}", BodyForm::Envelope);
    let told = rehearse(steps, &[], &[]);
    assert_eq!(told.len(), 4);
    assert!(told[1].made.as_ref().is_err_and(|unfit| unfit.to_string().contains("of the step contact")));
    assert!(told[3].made.as_ref().is_ok_and(Option::is_some));
}

fn unfit(steps: Steps) -> Vec<(Option<usize>, String)> {
    let found = Calls::Several(steps).unfit("evt_1", ENVELOPE);
    found.into_iter().map(|(step, unfit)| (step, unfit.to_string())).collect()
}

#[test]
fn what_is_left_out_is_tried_as_well_and_only_what_can_never_be_made_is_told() {
    assert_eq!(unfit(crm()), []);
    // Left out for this event, and wrong for those that need it.
    let mut steps = crm();
    steps.steps[2].form = form(Method::GET, "/notes/{{ lead.visits.count }}", BodyForm::Nothing);
    let told = unfit(steps);
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == Some(2) && told[0].1.contains("the url of the step find-note"), "{told:?}");
    // What an answer must be for it is nobody's knowledge: a number, say.
    for wants in ["captured.contact_id + 1", "captured.contact_id | round"] {
        let mut steps = crm();
        steps.steps[3].form = form(Method::POST, &format!("/notes/{{{{ {wants} }}}}"), BodyForm::Envelope);
        let told = rehearse(steps.clone(), &[], &[]);
        assert!(told[3].made.is_err() && step_of(&told[3]).guess.as_deref() == Some("contact_id"), "{told:?}");
        assert_eq!(unfit(steps.clone()), []);
        steps.steps[3].when = when("lead.email is undefined");
        assert_eq!(unfit(steps.clone()), []);
        // A person who gives the value is told.
        let told = rehearse(steps, &[("contact_id", "{}")], &[]);
        assert_eq!(step_of(&told[3]).guess, None);
    }
    // What may be missing is missing there, which some lead will see.
    let mut steps = crm();
    steps.steps[1].form = form(Method::POST, "/contacts/{{ captured.contact_id.x }}", BodyForm::Envelope);
    let told = unfit(steps);
    assert!(told.len() == 1 && told[0].0 == Some(1), "{told:?}");
    // Needed only where something was found, and right then.
    let mut steps = crm();
    steps.steps[1].when = when("captured.contact_id is defined");
    steps.steps[1].captures.clear();
    steps.steps[1].form = form(Method::PUT, "/contacts/{{ captured.contact_id * 2 }}", BodyForm::Envelope);
    steps.steps.truncate(2);
    assert_eq!(unfit(steps), []);
}

fn doubts(steps: &Steps) -> Vec<(usize, Doubt)> {
    steps.doubts(&[("evt_1".to_owned(), ENVELOPE.to_vec())])
}

#[test]
fn captures_that_nothing_asks_for_are_doubtful_where_they_prove_nothing() {
    assert_eq!(doubts(&crm()), []);
    let mut steps = crm();
    steps.steps[0].captures.push(captures("owner", "/data/0/owner", true));
    steps.steps[3].captures = vec![captures("note_id", "/id", false), captures("url", "/url", true)];
    // A longer name is another name.
    let other = json!({"x": "{{ captured.owner_id }}"});
    steps.steps[1].form = form(Method::POST, "/contacts", json_body(&other));
    let unused = |i: usize, name: &str| (i, Doubt::Unused { capture: name.to_owned() });
    assert_eq!(doubts(&steps), [unused(0, "owner"), unused(3, "url")]);
    steps.steps[1].form = form(Method::POST, "/contacts", json_body(&json!({"x": "{{ captured.owner.id }}"})));
    steps.steps[3].captures.pop();
    assert_eq!(doubts(&steps), []);
}

#[test]
fn a_condition_on_unknown_is_doubtful_where_nothing_leads_there() {
    let mut steps = crm();
    steps.steps[3].on_unknown = OnUnknown::Hold;
    let never = (2, Doubt::NeverUnknown { of: "note".to_owned() });
    assert_eq!(doubts(&steps), [never]);
    // By way of another step it is asked all the same.
    steps.steps[3].on_unknown = OnUnknown::Redo("find".to_owned());
    assert_eq!(doubts(&steps), []);
    steps.steps[1].when = when("'note' in unknown");
    steps.steps[2].on_unknown = OnUnknown::Redo("contact".to_owned());
    steps.steps[3].on_unknown = OnUnknown::Redo("find-note".to_owned());
    assert_eq!(doubts(&steps), []);
    steps.steps[2].on_unknown = OnUnknown::Retry;
    assert_eq!(doubts(&steps), [(1, Doubt::NeverUnknown { of: "note".to_owned() })]);
    let mut steps = crm();
    steps.steps[2].when = when("'nota' in unknown");
    assert_eq!(doubts(&steps), [(2, Doubt::UnknownToAll)]);
    for right in ["unknown", "unknown | length > 0", "'note' in unknown and lead.email is undefined"] {
        steps.steps[2].when = when(right);
        assert_eq!(doubts(&steps), [], "{right}");
    }
    // At the step itself, which is tried again.
    let mut steps = crm();
    steps.steps[3].when = when("'note' not in unknown");
    steps.steps[2].captures.clear();
    assert_eq!(doubts(&steps), []);
}

#[test]
fn a_condition_that_cannot_be_evaluated_whatever_was_captured_is_doubtful() {
    let mut steps = crm();
    steps.steps[3].when = when("lead.visits > 3");
    steps.steps[2].captures.clear();
    let told = doubts(&steps);
    assert!(matches!(&told[..], [(3, Doubt::NeverJudged { why })] if why.contains("lead.visits")), "{told:?}");
    for may_hold in ["captured.contact_id > 3", "captured.contact_id | map(attribute='x') | length > 0"] {
        steps.steps[3].when = when(may_hold);
        assert_eq!(doubts(&steps), [], "{may_hold}");
    }
}

/// How far it has come before the note, and after nobody knows of it.
fn note_unknown(on_unknown: OnUnknown) -> (Steps, Progress) {
    let mut steps = crm();
    steps.steps[3].on_unknown = on_unknown;
    let begun = [got(200, &json!({"data": []})), got(201, &json!({"id": 51234})), nothing(NoAnswer::Timeout)];
    let (_, told) = through(&steps, Progress::default(), &begun);
    (steps, told.progress.expect("progress"))
}

fn stands(steps: &Steps, progress: &Progress, failed: Option<&str>) -> Vec<(String, Stands, bool, bool)> {
    let stood = steps.standing("evt_1", ENVELOPE, progress, failed);
    stood.into_iter().map(|step| (step.step, step.stands, step.failed, step.unknown)).collect()
}

#[test]
fn each_step_says_how_it_stands() {
    let (steps, progress) = note_unknown(OnUnknown::Hold);
    assert_eq!(steps.next_step("evt_1", ENVELOPE, &progress), Some("note"));
    assert_eq!(failed_at(Some("note"), Some("note"), &progress), Some("note"));
    let of = |step: &str, stands, failed, unknown| (step.to_owned(), stands, failed, unknown);
    let expected = [
        of("find", Stands::Done, false, false),
        of("contact", Stands::Done, false, false),
        of("find-note", Stands::Skipped, false, false),
        of("note", Stands::Next, true, true),
    ];
    assert_eq!(stands(&steps, &progress, Some("note")), expected);
    let told = steps.standing("evt_1", ENVELOPE, &progress, None);
    assert_eq!(told[1].captured, [Hint { name: "contact_id".to_owned(), value: "51... (5 digits)".to_owned() }]);

    // It goes on with the step that finds out, and not with the one that failed.
    let (steps, progress) = note_unknown(OnUnknown::Redo("find-note".to_owned()));
    assert_eq!(steps.next_step("evt_1", ENVELOPE, &progress), Some("find-note"));
    assert_eq!(failed_at(Some("note"), Some("find-note"), &progress), Some("note"));
    assert_eq!(
        stands(&steps, &progress, Some("note"))[2..],
        [of("find-note", Stands::Next, false, false), of("note", Stands::Later, true, true),]
    );
    // The last attempt was fine, and what came then could not be made.
    assert_eq!(failed_at(Some("contact"), Some("note"), &progress), Some("note"));
    // Steps that have left the file are not forgotten.
    let mut fewer = steps;
    fewer.steps.remove(0);
    assert_eq!(stands(&fewer, &progress, None)[0], of("find", Stands::Done, false, false));
    assert_eq!(progress.standing().len(), 2);
}

fn set(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values.iter().map(|(name, text)| ((*name).to_owned(), written(text))).collect()
}

#[test]
fn a_step_that_a_person_found_done_is_done_with_what_later_steps_need() {
    let (steps, progress) = note_unknown(OnUnknown::Hold);
    let after = steps.done_by_hand("note", &[], progress).expect("done");
    assert!(after.unknown.is_empty());
    assert_eq!(steps.next_step("evt_1", ENVELOPE, &after), None);

    let steps = crm();
    let missing = steps.done_by_hand("contact", &[], Progress::default());
    let said = missing.expect_err("contact_id is needed").to_string();
    assert!(said.contains("contact_id") && said.contains("--set contact_id=VALUE"), "{said}");
    let wrong = steps.done_by_hand("contact", &set(&[("contact", "512")]), Progress::default());
    assert!(wrong.is_err_and(|why| why.to_string().contains("captures no contact; it captures contact_id")));
    let after = steps.done_by_hand("contact", &set(&[("contact_id", "512")]), Progress::default()).expect("done");
    // What comes before it is gone through as the file says; what it captured is used.
    let mut note = after;
    note.done("find", Vec::new());
    let note = call(&steps, &note);
    let body: Value = serde_json::from_slice(&note.request.body.0).expect("JSON");
    assert_eq!(body["contact"], 512);
    let long = "x".repeat(LONGEST);
    let long = steps.done_by_hand("contact", &set(&[("contact_id", &long)]), Progress::default());
    assert_eq!(long, Err(NotByHand::TooLong("contact_id".to_owned())));
    let gone = steps.done_by_hand("deal", &[], Progress::default());
    assert_eq!(gone, Err(NotByHand::LeftTheFile("deal".to_owned())));
}

#[test]
fn a_person_speaks_of_the_step_that_failed_or_of_one_of_which_nobody_knows() {
    let unknown = |steps: &[&str]| Progress {
        unknown: steps.iter().map(|step| (*step).to_owned()).collect(),
        ..Progress::default()
    };
    assert_eq!(unknown(&["note"]).told_of(None, Some("note")), Ok("note".to_owned()));
    assert_eq!(unknown(&[]).told_of(None, Some("contact")), Ok("contact".to_owned()));
    assert_eq!(unknown(&[]).told_of(None, None), Err(NotByHand::NoStep));
    let both = unknown(&["note"]);
    assert!(matches!(both.told_of(None, Some("find-note")), Err(NotByHand::Which(about)) if about.len() == 2));
    assert_eq!(both.told_of(Some("note"), Some("find-note")), Ok("note".to_owned()));
    let said = both.told_of(Some("find"), Some("find-note")).expect_err("another one").to_string();
    assert!(said.contains("find-note or note"), "{said}");
}

#[test]
fn what_a_person_types_keeps_its_digits() {
    for (text, json) in [
        ("512", "512"),
        ("\"512\"", "\"512\""),
        ("00512", "\"00512\""),
        ("a b", "\"a b\""),
        ("12345678901234567890123", "\"12345678901234567890123\""),
        ("true", "true"),
        ("null", "\"null\""),
        ("[1]", "[1]"),
        ("", "\"\""),
    ] {
        assert_eq!(written(text), json, "{text}");
    }
}
