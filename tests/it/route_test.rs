//! `leadhook route test` and `leadhook preset`: what would go out, offline and without a secret.

use serde_json::{Value, json};

use crate::support::*;

const FILE: &str = r#"
[source]
platform_id = "my-platform"
username = "${WECLEVER_USERNAME}"
password = "${WECLEVER_PASSWORD}"

[destinations.crm]
url = "https://crm.example.com/leads/{{ weclever_lead_id }}?key=${CRM_KEY}"
secret = "${CRM_SECRET}"
headers = { X-Api-Key = "${CRM_KEY}", X-Plain = "written-out", Authorization = "Basic d3JpdHRlbg==" }
body = { name = "{{ lead.name }}", id = "{{ weclever_lead_id }}", key = "${CRM_KEY}" }

[destinations.team-chat]
preset = "slack"
url = "${SLACK_WEBHOOK_URL}"

[[routes]]
name = "finished conversations"
on = ["lead.finalized", "lead.updated"]
to = ["crm"]

[[routes]]
name = "low CSAT"
on = ["lead.rated"]
when = "csat.low and lead.regional == 'Sudeste'"
to = ["team-chat"]
"#;

fn lead(rating: &str) -> String {
    json!({"lead": {"name": "Ana", "regional": "Sudeste", "csat": {"rating": rating, "message": "demorou"}},
           "weclever_lead_id": 18_446_744_073_709_551_615_u64, "mapped_status": "sold", "client_lead_id": 7})
    .to_string()
}

fn place() -> Place {
    let place = Place::empty();
    place.write_text("leadhook.toml", FILE);
    place
}

fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|header| header[0] == name).unwrap_or_else(|| panic!("no {name} in {request:#}"))[1]
        .as_str()
        .unwrap()
}

#[test]
fn it_shows_the_exact_requests_and_no_secret_is_needed_for_it() {
    let place = place();
    place.write_text("lead.json", &lead("2"));
    let said = place.json(&["route", "test", "--lead", "lead.json"], 0);
    let events = said["events"].as_array().unwrap();
    assert_eq!([&events[0]["type"], &events[1]["type"]], ["lead.finalized", "lead.rated"]);
    assert_eq!(said["unset"].as_array().unwrap().len(), 5, "{said:#}");

    let crm = &events[0]["requests"][0];
    assert_eq!((crm["destination"].as_str(), crm["route"].as_str()), (Some("crm"), Some("finished conversations")));
    let request = &crm["request"];
    assert_eq!(request["method"], "POST");
    assert_eq!(request["url"], "https://crm.example.com/leads/18446744073709551615?key=${CRM_KEY}");
    assert_eq!(header(request, "x-api-key"), "${CRM_KEY}");
    assert_eq!((header(request, "x-plain"), header(request, "authorization")), ("written-out", "***"));
    assert_eq!((header(request, "webhook-signature"), header(request, "content-type")), ("v1,***", "application/json"));
    assert_eq!(header(request, "webhook-id"), events[0]["id"].as_str().unwrap());
    assert_eq!(
        request["body"].as_str().unwrap(),
        r#"{"name":"Ana","id":18446744073709551615,"key":"${CRM_KEY}"}"#,
        "byte for byte, in the file's order"
    );

    let rated = &events[1];
    let opinions = rated["routes"].as_array().unwrap();
    assert_eq!([&opinions[0]["verdict"], &opinions[1]["verdict"]], ["other_type", "yes"]);
    let values = opinions[1]["values"].as_array().unwrap();
    assert_eq!(
        values,
        &[json!({"name": "csat.low", "value": "true"}), json!({"name": "lead.regional", "value": "\"Sudeste\""})]
    );
    let slack = &rated["requests"][0]["request"];
    assert_eq!(slack["url"], "${SLACK_WEBHOOK_URL}");
    assert!(slack["body"].as_str().unwrap().contains("demorou"), "{slack}");

    let text = place.run(&["route", "test", "--lead", "lead.json"]);
    assert_eq!(text.code, 0);
    for part in ["lead.regional is \"Sudeste\"", "POST ${SLACK_WEBHOOK_URL}", "not set here", "low CSAT: yes"] {
        assert!(text.out.contains(part), "{part} in\n{}", text.out);
    }
}

#[test]
fn what_no_route_wants_ends_with_1_and_says_why() {
    let place = place();
    place.write_text("lead.json", &lead("5"));
    let said = place.json(&["route", "test", "--lead", "lead.json", "--route", "low CSAT"], 1);
    let rated = &said["events"][1]["routes"][0];
    assert_eq!(
        (rated["verdict"].as_str(), rated["values"][0]["value"].as_str()),
        (Some("condition_false"), Some("false"))
    );
    assert!(said["events"].as_array().unwrap().iter().all(|event| event["requests"].as_array().unwrap().is_empty()));
    let text = place.run(&["route", "test", "--lead", "lead.json", "--route", "low CSAT"]);
    assert!(text.out.contains("no route wants this lead") && text.code == 1, "{}", text.out);
}

#[test]
fn an_event_and_a_simulated_lead_will_do_too() {
    let place = place();
    let event = json!({"type": "lead.updated", "timestamp": "2026-11-23T17:20:31.512Z", "data": {
        "weclever_lead_id": 7, "changes": ["/phone"], "lead": {"name": "Bia"}}});
    let said = place.run_with(&["route", "test", "--lead", "-", "--json"], event.to_string().as_bytes());
    let said: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said["events"][0]["requests"][0]["request"]["body"], r#"{"name":"Bia","id":7,"key":"${CRM_KEY}"}"#);

    let said = place.json(&["route", "test", "--simulated", "--rating", "1 - Péssimo"], 0);
    assert_eq!(said["events"][1]["type"], "lead.rated");
    for wrong in [&["route", "test"][..], &["route", "test", "--lead", "nowhere.json"]] {
        assert_eq!(place.run(wrong).code, 2, "{wrong:?}");
    }
    for (text, told) in
        [("nonsense", "not JSON"), ("{}", "no lead"), (r#"{"type":"lead.sold","data":{}}"#, "no event type")]
    {
        let said = place.run_with(&["route", "test", "--lead", "-"], text.as_bytes());
        assert!(said.code == 2 && said.err.contains(told), "{}", said.err);
    }
    let said = place.run(&["route", "test", "--simulated", "--route", "no such"]);
    assert!(said.code == 2 && said.err.contains("`low CSAT`"), "{}", said.err);
}

#[test]
fn presets_are_listed_and_shown_and_ones_own_wins() {
    let place = place();
    let listed = place.json(&["preset", "list"], 0);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|preset| preset["name"].as_str().unwrap()).collect();
    for name in ["slack", "teams", "discord", "google-chat", "rd-station", "n8n", "make", "zapier", "pipedream"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let shown = place.run(&["preset", "show", "slack"]);
    assert!(shown.out.contains("preset = \"slack\"") && shown.out.contains("hooks.slack.com"), "{}", shown.out);
    assert_eq!(place.run(&["preset", "show", "slak"]).code, 2);

    std::fs::create_dir(place.path("presets")).unwrap();
    place.write_text("presets/slack.toml", "title = 'ours'\n[destination]\nbody = { ours = '{{ lead.name }}' }\n");
    place.write_text("lead.json", &lead("2"));
    let said = place.json(&["route", "test", "--lead", "lead.json"], 0);
    assert_eq!(said["events"][1]["requests"][0]["request"]["body"], r#"{"ours":"Ana"}"#);
}
