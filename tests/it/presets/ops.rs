//! What leadhook says of itself, in chat rooms.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::stage::Page;
use super::{discord, google_chat, slack, teams};
use crate::support::*;

const ROOMS: [(&str, &str, Page); 4] = [
    ("slack", slack::URL, slack::page),
    ("teams", teams::URL, teams::page),
    ("discord", discord::URL, discord::page),
    ("google-chat", google_chat::URL, google_chat::page),
];

#[test]
fn every_chat_room_hears_of_leadhook_itself() {
    let place = Place::empty();
    let mut file = "[source]\nplatform_id = \"p\"\nusername = \"u\"\npassword = \"p\"\n".to_owned();
    for (preset, url, _) in ROOMS {
        file += &format!("\n[destinations.{preset}]\npreset = {preset:?}\nurl = \"https://chat.example.com{url}\"\n");
    }
    file += "\n[[routes]]\nname = \"ops\"\non = [\"ops.source.stale\"]\nto = [\"slack\", \"teams\", \"discord\", \"google-chat\"]\n";
    place.write_text("leadhook.toml", &file);
    let event = json!({"type": "ops.source.stale", "timestamp": "2026-11-23T17:20:31.512Z", "data": {"platform_id": "p",
        "revision": 1, "origin": "live", "subject": "WeClever", "message": "Nada foi lido desde 17:05", "count": 3}});
    place.write_text("event.json", &event.to_string());
    let said = place.json(&["route", "test", "--lead", "event.json"], 0);
    let requests = said["events"][0]["requests"].as_array().unwrap();
    assert_eq!(requests.len(), ROOMS.len(), "{said:#}");
    for ((preset, url, page), request) in ROOMS.into_iter().zip(requests) {
        let body = request["request"]["body"].as_str().unwrap();
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        let line = format!("POST {url}");
        let answer = page(&Request { line, headers, body: body.into(), at: Instant::now() });
        assert!((200..300).contains(&answer.status), "{preset}: {answer:?}: {body}");
        let texts = serde_json::from_str::<Value>(body).unwrap().to_string();
        for part in ["ops.source.stale", "WeClever", "Nada foi lido desde 17:05", "3"] {
            assert!(texts.contains(part), "{preset}: no {part} in {texts}");
        }
        assert!(!texts.contains("sem nome") && !texts.contains("Nota"), "{preset}: {texts}");
    }
}
