//! The page of a lead, an event, a dead letter and a destination: what they show, what they hide, and what they do.

use serde_json::{Value, json};

use crate::support::*;

/// Said by the API; nothing of it stands on a page before it is asked for.
const PERSON: [&str; 6] = [
    "Zuleica Planted",
    "+55 11 95555-5505",
    "zuleica@planted.example",
    "planted-message-5506",
    "planted-rating-5507",
    "planted-field-5508",
];

fn tells(text: &str) -> Option<&'static str> {
    PERSON.into_iter().chain(["Zuleica", "95555"]).find(|planted| text.contains(planted))
}

fn signed_in(place: &Place, asking: &Asking) -> Asking {
    let link = place.json(&["page"], 0);
    let code = link["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let heard = asking.from_its_page().post("/sign-in", &[("code", &code)]);
    asking.from_its_page().with("Cookie", &heard.cookie().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_lead_did_not_arrive_is_seen_without_a_word_about_the_person_and_mended() {
    let weclever = weclever(by_hand()).await;
    // A CRM that repeats what it does not like.
    let crm = Raw::start(|request, came| {
        let echoed = String::from_utf8_lossy(&request.body).into_owned();
        if came < 4 { Reply::new(422, "", &echoed) } else { Reply::new(200, "", "{}") }
    })
    .await;
    let more = "headers = { \"X-Name\" = \"{{ lead.name }}\" }\nbody = { id = \"{{ weclever_lead_id }}\", who = \"{{ lead.name }}\" }";
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), more);
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 5..=8 {
        weclever.finalize(id, "sold");
        for (key, text) in [("name", PERSON[0]), ("phone", PERSON[1]), ("email", PERSON[2]), ("unknown", PERSON[5])] {
            weclever.change(id, key, text);
        }
        weclever.change(id, "chats", json!({"messages": [{"id_chat": 1, "body": PERSON[3]}]}));
        weclever.change(id, "csat", json!({"message": "?", "rating": PERSON[4]}));
    }
    place.until_status("all are dead", |status| destination(status, "crm")["dead"] == 4).await;
    let letters = place.json(&["dead", "list"], 1);
    let letter = |lead: u64| -> Value {
        let letters = letters["letters"].as_array().unwrap();
        letters.iter().find(|letter| letter["lead"] == lead).unwrap().clone()
    };
    let id = letter(7)["id"].as_str().unwrap().to_owned();
    let event = letter(7)["delivery"]["event_id"].as_str().unwrap().to_owned();
    let pages = [
        "/leads/7".to_owned(),
        format!("/events/{event}"),
        "/dead".into(),
        format!("/dead/{id}"),
        "/destinations/crm".into(),
    ];

    // Nobody sees them who is not signed in, and nothing can be done.
    let asking = Asking::of(&service);
    for page in &pages {
        let heard = asking.with("Accept", "text/html").get(page);
        assert_eq!((heard.status, heard.header("location")), (303, Some(format!("/sign-in?to={page}").as_str())));
        assert_eq!(asking.get(page).status, 401);
    }
    assert_eq!(asking.from_its_page().post(&format!("/dead/{id}/drop"), &[]).status, 401);

    let person = signed_in(&place, &asking);
    let forgery = person.get("/").hidden("forgery");
    let read = |path: &str| {
        let heard = person.get(path);
        assert_eq!(heard.status, 200, "{path}: {}", heard.body);
        heard.body.replace("&#x2f;", "/").replace("&quot;", "\"")
    };
    for page in &pages {
        let body = read(page);
        assert_eq!(tells(&body), None, "{page}: {body}");
        assert!(body.contains("HTTP 422") || page.starts_with("/events"), "{page}: {body}");
    }
    assert!(
        read("/leads/7").contains(&format!("href=\"/dead/{id}\"")) && read("/leads/7").contains("<code>sold</code>")
    );
    let shown = read(&format!("/dead/{id}"));
    let line = file.text().lines().position(|line| line == "[destinations.crm]").unwrap() + 1;
    for told in
        ["refused for good", &format!("leadhook.toml:{line}"), "\"id\": 7", "\"who\": \"•••\"", "leadhook reload"]
    {
        assert!(shown.contains(told), "no {told} in {shown}");
    }
    assert_eq!(person.get("/leads/999").status, 404);
    assert_eq!(person.get("/dead/dead_nothing").status, 404);
    assert_eq!(person.get("/events/evt_nothing").status, 404);
    assert_eq!(person.get("/destinations/nobody").status, 404);

    // Asked for: of this lead, in this session; and the log says so, without it.
    assert_eq!(person.post("/leads/7/show", &[]).status, 403, "without what the form holds");
    let back = format!("/dead/{id}");
    let heard = person.post("/leads/7/show", &[("forgery", &forgery), ("back", &back)]);
    assert_eq!((heard.status, heard.header("location")), (303, Some(back.as_str())));
    assert!(read(&back).contains(PERSON[0]) && read(&format!("/events/{event}")).contains(PERSON[1]));
    let other = letter(8)["id"].as_str().unwrap().to_owned();
    assert_eq!(tells(&read(&format!("/dead/{other}"))), None);
    let somebody_else = signed_in(&place, &asking);
    assert_eq!(tells(&somebody_else.get(&back).body), None);
    assert_eq!(person.post("/leads/7/hide", &[("forgery", &forgery)]).status, 303);
    assert_eq!(tells(&read(&back)), None);

    // Sent again, one of them dropped, and not more than were seen.
    let heard = person.post(&format!("/dead/{id}/retry"), &[("forgery", &forgery)]);
    assert_eq!(heard.header("location"), Some("/leads/7?notice=retried&n=1"));
    // The second click of two.
    assert!(shown.contains("name=\"lead\" value=\"7\""), "{shown}");
    for what in ["retry", "drop", "step-done"] {
        let heard = person.post(&format!("/dead/{id}/{what}"), &[("forgery", &forgery), ("lead", "7")]);
        assert_eq!(heard.header("location"), Some("/leads/7?notice=settled_already&n=1"), "{what}: {}", heard.body);
    }
    until("it arrives", || crm.requests().len() == 5).await;
    until("the page says so", || read("/leads/7").contains("HTTP 200")).await;
    assert!(read("/leads/7").contains("sent again by a person"));
    let heard = person.post(&format!("/dead/{other}/drop"), &[("forgery", &forgery)]);
    assert_eq!(heard.header("location"), Some("/leads/8?notice=dropped&n=1"));
    let heard = person.post("/dead/drop", &[("forgery", &forgery), ("total", "4")]);
    assert_eq!(heard.header("location"), Some("/dead?notice=not_dropped&n=2"));
    let heard = person.post("/dead/drop", &[("forgery", &forgery), ("total", "1"), ("error", "no such error")]);
    assert_eq!(heard.header("location"), Some("/dead?notice=not_dropped&n=0"));
    let heard = person.post("/dead/retry", &[("forgery", &forgery), ("destination", "crm"), ("since", "1h")]);
    assert_eq!(heard.header("location"), Some("/dead?notice=retried&n=2"));
    until("they arrive", || crm.requests().len() == 7).await;

    // Paused, tried, and resumed.
    for (what, state) in [("pause", "paused"), ("resume", "ok")] {
        let heard = person.post(&format!("/destinations/crm/{what}"), &[("forgery", &forgery)]);
        assert_eq!(heard.status, 303, "{what}: {}", heard.body);
        assert_eq!(destination(&place.status(), "crm")["state"], state);
    }
    let tested = person.post("/destinations/crm/test", &[("forgery", &forgery)]);
    assert!(tested.status == 200 && tested.body.contains("HTTP 200"), "{}", tested.body);

    let log = service.stop();
    assert_eq!(log.lines().filter(|line| line.contains("personal data shown")).count(), 1, "{log}");
    for what in [
        "lead 7",
        "dead letter sent again",
        "dead letter dropped",
        "destination paused",
        "destination resumed",
        "sample sent",
    ] {
        assert!(log.contains(what), "no {what} in {log}");
    }
    assert_eq!(tells(&log), None);
}
