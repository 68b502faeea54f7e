//! `[[destinations.NAME.steps]]`.

use super::{GOOD, read, said};
use crate::domain::form::BodyForm;
use crate::domain::outcome::{Answer, Outcome, Response};
use crate::domain::steps::OnUnknown;

/// The short file, with these lines in its destination, whose url is this one.
fn with(url: &str, lines: &str) -> String {
    GOOD.replace("https://crm.example.com/hooks", url).replace("\n[[routes]]", &format!("{lines}\n\n[[routes]]"))
}

const STEPS: &str = r#"
headers = { "X-All" = "a", "X-Own" = "b" }

[[destinations.crm.steps]]
name = "find"
method = "GET"
url = "/contacts?email={{ lead.email }}"
capture = { contact_id = { at = ["/data/0/id", "/id"], optional = true } }

[[destinations.crm.steps]]
name = "note"
when = "captured.contact_id is defined and 'note' not in unknown"
url = "https://crm.example.com/notes/{{ captured.contact_id }}"
headers = { "x-own" = "{{ step_id }}" }
body = { text = "{{ lead.name }}" }
accept = [409, "302-303"]
outcomes = [{ status = 409, body = "no", then = "give_up" }]
capture = { note_id = { in = "/data", holds = "{{ id }}", at = "/id" }, whole = "" }
on_unknown = { redo = "find" }
"#;

#[test]
fn several_calls_as_people_write_them() {
    let loaded = read(&with("https://crm.example.com/v1/", STEPS)).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let steps = &loaded.config.destinations[0].steps;
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!((names, steps[0].form.method.as_str()), (vec!["find", "note"], "GET"));
    assert!(matches!(steps[0].form.body, BodyForm::Nothing));
    let headers: Vec<&str> = steps[1].form.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["x-all", "x-own"]);
    assert_eq!(steps[1].on_unknown, OnUnknown::Redo("find".to_owned()));
    let captures: Vec<(&str, bool)> =
        steps[1].captures.iter().map(|capture| (capture.name.as_str(), capture.list.is_some())).collect();
    assert_eq!(captures, [("note_id", true), ("whole", false)]);
    let judged = |status, body: &str| {
        let body = body.as_bytes().to_vec();
        let response = Response { status, retry_after: None, headers: Vec::new(), body, cut: false };
        steps[1].rules.first_match(&Answer::Got(response))
    };
    let accepted = Some(Outcome::Accepted);
    assert_eq!([judged(409, ""), judged(303, ""), judged(304, "")], [accepted, accepted, None]);
    assert_eq!(judged(409, "no"), Some(Outcome::GivenUp));
}

#[test]
fn the_pages_example_is_right() {
    let page = include_str!("../../../config/STEPS.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let text =
        GOOD.replace("[[routes]]", &format!("{}\n[[routes]]", example.replace("destinations.crm", "destinations.b")));
    let loaded = super::read_with(&text.replace("to = [\"crm\"]", "to = [\"crm\", \"b\"]"), &[("CRM_TOKEN", "t")]);
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!((loaded.config.destinations[0].steps.len(), loaded.config.destinations[0].name.as_str()), (4, "b"));
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().all(|warning| warning.contains("has no secret")), "{warnings:?}");
}

#[test]
fn the_readmes_crm_is_right() {
    for page in [include_str!("../../../README.md"), include_str!("../../../config/presets/README.md")] {
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let crm = blocks.filter(|block| block.contains("[destinations.crm]") && block.contains("\"pipedrive\""));
        let crm: Vec<&str> = crm.collect();
        assert_eq!(crm.len(), 1);
        let text = GOOD
            .replace("[[routes]]", &format!("{}\n[[routes]]", crm[0].replace("destinations.crm", "destinations.b")));
        let loaded = super::read_with(&text.replace("to = [\"crm\"]", "to = [\"b\"]"), &[("PIPEDRIVE_TOKEN", "t")]);
        let loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert!(loaded.config.destinations.iter().any(|destination| destination.steps.len() > 1));
    }
}

/// What stands for `contact` in a file that is right.
const ONE: &str = "name = 'contact'\nurl = '/contacts'\ncapture = { contact_id = '/id' }";

#[test]
fn each_mistake_says_where_and_what_to_write() {
    for (lines, told) in [
        ("url = '/x'", "destinations.crm.steps[1].name: is missing"),
        ("name = 'Note'", "steps[1].name: is no name for a step (use up to 32"),
        ("name = 'contact'", "steps[1].name: another step of this destination has this name"),
        ("name = 'n'\nmethod = 'HEAD'", "steps[1].method: is not a method that a step can have"),
        ("name = 'n'\nmethod = 'GET'\nbody = { a = 'b' }", "steps[1].body: a GET or a DELETE carries no body"),
        ("name = 'n'\nurl = 'notes'", "steps[1].url: is no http or https address"),
        (
            "name = 'n'\nurl = 'https://evil.example.com/notes'",
            "steps[1].url: leads to another place than the destination's url",
        ),
        ("name = 'n'\nurl = 'http://crm.example.com/notes'", "steps[1].url: leads to another place"),
        (
            "name = 'n'\nurl = '/notes/{{ captured.contct_id }}'",
            "15:18: destinations.crm.steps[1].url: no step before this one captures `contct_id` (did you mean `captured.contact_id`?)",
        ),
        (
            "name = 'n'\nwhen = 'captured.note_id is defined'\ncapture = { note_id = '/id' }",
            "no step before this one captures `note_id`",
        ),
        ("name = 'n'\nurl = '/{{ lead.name '", "steps[1].url"),
        ("name = 'n'\ncapture = { Id = '/id' }", "is no name for a captured value"),
        ("name = 'n'\ncapture = { a = 'data.id' }", "is not a JSON Pointer (write \"/data/id\""),
        ("name = 'n'\ncapture = { a = [] }", "must not be empty"),
        ("name = 'n'\ncapture = { a = { optional = true } }", "does not say where in the answer it stands"),
        ("name = 'n'\ncapture = { a = { in = '/data' } }", "`in` and `holds` (or `is`) go together"),
        ("name = 'n'\ncapture = { a = { is = 'x' } }", "`in` and `holds` (or `is`) go together"),
        ("name = 'n'\ncapture = { a = { in = '/data', holds = 'x', is = 'x' } }", "`is` and `holds` mean two things"),
        ("name = 'n'\ncapture = { a = { in = '/data', holds = '' } }", "must not be empty"),
        ("name = 'n'\non_unknown = 'give_up'", "is nothing that can be done where nobody knows"),
        ("name = 'n'\non_unknown = { redo = 'contcat' }", "is no step before this one (did you mean `contact`?)"),
        ("name = 'n'\naccept = 'x'", "is no status of HTTP"),
        ("name = 'n'\ntimeout = '5s'", "has no key of this name"),
    ] {
        let steps = format!("[[destinations.crm.steps]]\n{ONE}\n\n[[destinations.crm.steps]]\n{lines}");
        let said = said(read(&with("https://crm.example.com", &steps)));
        assert!(said.len() == 1 && said[0].contains(told), "\n{lines}\n  said {said:#?}\n  not  {told}");
    }
    for (lines, told) in [
        ("steps = []", "destinations.crm.steps: must not be empty"),
        ("steps = 'x'", "must be a list"),
        ("body = { a = 'b' }\nsteps = [{ name = 'n' }]", "destinations.crm.body: is set, and so is `steps`"),
        ("method = 'PUT'\nsteps = [{ name = 'n' }]", "destinations.crm.method: is set, and so is `steps`"),
        (
            "auth = { type = 'header', name = 'X-Key', value = 'k' }\nsteps = [{ name = 'n', headers = { x-key = 'a' } }]",
            "sets the header that `auth` sets",
        ),
    ] {
        let said = said(read(&with("https://crm.example.com", lines)));
        assert!(said.len() == 1 && said[0].contains(told), "\n{lines}\n  said {said:#?}\n  not  {told}");
    }
    let said = said(read(&with("https://crm.example.com/?a=b", "steps = [{ name = 'n', url = '/x' }]")));
    assert!(said.len() == 1 && said[0].contains("nothing can be added to the destination's url"), "{said:?}");
}

#[test]
fn a_route_has_no_body_for_several_calls() {
    let text = with("https://crm.example.com", "steps = [{ name = 'n' }]");
    let said = said(read(&format!("{text}body = {{ a = 'b' }}\n")));
    assert!(said.len() == 1 && said[0].contains("`crm` takes several calls, each with a body of its own"), "{said:?}");
}
