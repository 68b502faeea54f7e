//! Two promises to whoever answers for people's data: what `fields` keeps at home never leaves, whatever the file's templates
//! ask for; and what `retention` has let go of is in no file once they were written anew.

use std::path::Path;

use leadhook::simulator::WeClever;
use serde_json::json;

use crate::support::*;

/// A field, how a word of it looks in a URL, a header or a body alike, and what stands in the lead.
const NAME: &str = "Nameplanted";
const EMAIL: &str = "mailplanted";
const PHONE: &str = "955555505";
const MESSAGE: &str = "messageplanted";
const UNKNOWN: &str = "unknownplanted";
const ALL: [&str; 5] = [NAME, EMAIL, PHONE, MESSAGE, UNKNOWN];

fn plant(weclever: &WeClever, id: u64) {
    weclever.finalize(id, "sold");
    weclever.change(id, "name", NAME);
    weclever.change(id, "email", format!("{EMAIL}@example.com"));
    weclever.change(id, "phone", format!("+5511{PHONE}"));
    weclever.change(id, "chats", json!({"messages": [{"id_chat": 1, "direction": "in", "body": MESSAGE}]}));
    weclever.change(id, "unknown", UNKNOWN);
}

/// Asks for everything, in every way, wherever a template may stand.
const GREEDY_TEXT: &str = "{{ lead.name }}|{{ lead['email'] }}|{{ lead.phone | phone_e164 }}|{{ lead | tojson }}|\
                           {% for key in lead or {} %}{{ lead[key] }}{% endfor %}|\
                           {{ transcript(lead.chats.messages, max=4000) if lead.chats }}|{{ lead.unknown }}|{{ csat }}";

fn greedy_url(base: &str) -> String {
    format!(
        "{base}/p-{{{{ lead.name or 'x' }}}}/{{{{ lead.email or 'x' }}}}?phone={{{{ lead.phone or 'x' }}}}&all={{{{ lead | tojson }}}}"
    )
}

fn greedy_headers() -> String {
    "headers = { X-Name = \"{{ lead.name or 'x' }}\", X-Mail = \"{{ lead.email or 'x' }}\", X-All = \"{{ lead | tojson }}\" }\n".into()
}

fn greedy_body() -> String {
    format!("body = {{ text = {GREEDY_TEXT:?}, tree = \"{{{{ lead }}}}\", phone = \"{{{{ lead.phone }}}}\" }}\n")
}

fn greedy(fields: &str) -> String {
    format!("{fields}\n{}{}", greedy_headers(), greedy_body())
}

/// A request as it came, every byte of it.
fn whole(request: &Request) -> String {
    format!("{}\n{:?}\n{}", request.line, request.headers, String::from_utf8_lossy(&request.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fields_keep_at_home_is_in_no_request_whatever_the_templates_ask_for() {
    const LEADS: u64 = 3;
    let weclever = weclever(unrated()).await;
    // It says what it heard, so that what is captured of one step may go along with the next; the first time, it fails.
    let echo = |answer: u16| {
        Raw::start(move |request, came| {
            let heard = json!({"id": "c1", "heard": whole(request)}).to_string();
            Reply::new(if came == 0 { 500 } else { answer }, "", &heard)
        })
    };
    let steps = |name: &str, fields: &str| {
        let body = format!("body = {{ text = {GREEDY_TEXT:?}, heard = \"{{{{ captured.heard }}}}\" }}\n");
        let step = format!("[[destinations.{name}.steps]]\n");
        format!(
            "{fields}\n{}retry = {{ schedule = ['50ms', '50ms'] }}\n\
             {step}name = 'find'\nmethod = 'GET'\nurl = \"/find?q={{{{ lead.email or 'x' }}}}&n={{{{ lead | tojson }}}}\"\ncapture = {{ heard = '/heard' }}\n\
             {step}name = 'note'\nurl = \"/note/{{{{ lead.name or 'x' }}}}\"\n{}",
            greedy_headers(),
            body,
        )
    };
    // Of a destination, its route, and what may leave.
    let one = |field: &str| format!("fields = [{field:?}]");
    let retry = "retry = { schedule = ['50ms', '50ms'] }\n";
    let cases: Vec<(&str, String, String, bool, Vec<&str>)> = vec![
        ("everything", greedy(""), String::new(), true, ALL.to_vec()),
        ("name", greedy(&one("lead.name")), String::new(), true, vec![NAME]),
        ("phone", greedy(&one("lead.phone")), String::new(), true, vec![PHONE]),
        ("messages", greedy(&one("lead.chats.messages[].body")), String::new(), true, vec![MESSAGE]),
        ("thin", greedy("payload = 'thin'"), String::new(), true, vec![]),
        ("as-it-is", one("lead.email"), String::new(), false, vec![EMAIL]),
        // What both allow; and a route that is more generous opens nothing.
        (
            "narrowed",
            greedy("fields = ['lead.name', 'lead.email']"),
            "fields = ['lead.email', 'lead.phone']".into(),
            true,
            vec![EMAIL],
        ),
        ("own-body", one("lead.name"), format!("fields = ['lead']\n{}", greedy_body()), true, vec![NAME]),
        ("own-fields", greedy(""), one("lead.phone"), true, vec![PHONE]),
        ("steps", steps("steps", &one("lead.email")), String::new(), false, vec![EMAIL]),
        ("no-steps", steps("no-steps", "fields = ['lead.regional']"), String::new(), false, vec![]),
    ];
    let mut file = File::new(&weclever.base_url());
    let mut receivers = Vec::new();
    for (name, destination, route, url, _) in &cases {
        let receiver = echo(200).await;
        let to = if *url { greedy_url(&receiver.url()) } else { receiver.url() };
        let again = if destination.contains("retry = ") { "" } else { retry };
        file = file.destination(name, &to, &format!("{again}{destination}"));
        file = file.route_with(name, &format!("on = ['lead.finalized']\n{route}"), &[name]);
        receivers.push(receiver);
    }
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=LEADS {
        plant(&weclever, id);
    }
    place
        .until_status("all is delivered", |status| {
            cases.iter().all(|(name, ..)| destination(status, name)["delivered"] == LEADS)
        })
        .await;
    for ((name, _, _, _, allowed), receiver) in cases.iter().zip(&receivers) {
        let requests: Vec<String> = receiver.requests().iter().map(whole).collect();
        assert!(requests.len() as u64 > LEADS, "{name}: one failed, and was sent again");
        for word in ALL {
            let found = requests.iter().find(|request| request.contains(word));
            match allowed.contains(&word) {
                true => assert!(found.is_some(), "{name}: {word} may leave, and does not: {requests:#?}"),
                false => assert!(found.is_none(), "{name}: {word} leaves: {}", found.unwrap()),
            }
        }
    }
    service.stop();
}

/// Nothing else holds four bytes of them, so that compression leaves them as they are but for their ends.
const KEPT: [&str; 6] =
    ["Zq8f31c90b4d7e", "k5be07d1c9q77a", "w90417f66e32b8", "xc2a94e1f7d0b5", "j4d10f7ba26e93", "v71e6b3d9c0f48"];

/// Which of these lies in any file below.
fn kept_in(directory: &Path) -> Vec<&'static str> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(kept_in(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.extend(KEPT.into_iter().filter(|kept| bytes.windows(9).any(|some| some == &kept.as_bytes()[2..11])));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_let_go_of_is_in_no_file_once_they_were_written_anew() {
    let weclever = weclever(unrated()).await;
    // What is captured, and what a failed attempt was told.
    let crm = Raw::start(|request, came| match (request.line.as_str(), came) {
        (_, 0) => Reply::new(500, "", KEPT[5]),
        ("POST /contacts", _) => Reply::new(201, "", &json!({"id": KEPT[4]}).to_string()),
        _ => Reply::new(200, "", "{}"),
    })
    .await;
    let steps = "retry = { schedule = ['50ms'] }\nrate_per_contact = { limit = '9/1d', by = '{{ lead.phone }}' }\n\
                 [[destinations.crm.steps]]\nname = 'contact'\nurl = '/contacts'\ncapture = { id = '/id' }\n\
                 [[destinations.crm.steps]]\nname = 'note'\nurl = '/notes/{{ captured.id }}'";
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), steps);
    let place = Place::new(&file);
    let keeping = |retention: &str| {
        place.write_text("leadhook.toml", &format!("{}\n[store]\nretention = {retention:?}\n", file.text()));
    };
    let data = place.path("data");
    keeping("30d");
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    for (field, value) in [("name", KEPT[0]), ("email", KEPT[1]), ("phone", KEPT[2])] {
        weclever.change(1, field, value);
    }
    weclever.change(1, "chats", json!({"messages": [{"id_chat": 1, "body": KEPT[3]}]}));
    place.until_status("it is delivered", |status| destination(status, "crm")["delivered"] == 1).await;
    until("all of it can be found", || kept_in(&data).len() == KEPT.len()).await;
    service.stop();
    place.json(&["store", "compact"], 0);
    assert_eq!(kept_in(&data).len(), KEPT.len(), "writing anew alone loses nothing");

    keeping("200ms");
    let service = place.start_and_read().await;
    let event = || place.json(&["explain", "1"], 0)["story"]["events"][0].clone();
    until("the event is gone", || event()["kept"].is_null()).await;
    service.stop();
    place.json(&["store", "compact"], 0);
    assert_eq!(kept_in(&data), Vec::<&str>::new());
    // Who had it is known still, and nobody is sent it again.
    let service = place.start_and_read().await;
    service.readings(2).await;
    assert_eq!((event()["deliveries"][0]["state"].as_str(), crm.requests().len()), (Some("delivered"), 3));
    service.stop();
}
