//! A whole file as an agency would have it: a CRM that gets what was finished, and a chat room that hears of low ratings.

use serde_json::Value;

use crate::support::*;

/// Every key at once.
const FILE: &str = include_str!("whole_file.toml");

fn place(crm: &Raw, chat: &Raw, base_url: &str) -> Place {
    let place = Place::empty()
        .with("WECLEVER_USERNAME", "demo")
        .with("WECLEVER_PASSWORD", "demo")
        .with("CRM_SECRET", SECRET)
        .with("CRM_KEY", "key-of-the-crm")
        .with("LEADHOOK_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
        .with("SLACK_WEBHOOK_URL", &format!("{}/services/T0/B0/XXXX", chat.url()))
        // Only what a story cannot wait for, or cannot reach.
        .with("LEADHOOK_SOURCE__BASE_URL", base_url)
        .with("LEADHOOK_SOURCE__POLL_EVERY", "150ms")
        .with("LEADHOOK_SOURCE__PLATFORM_ID", "demo")
        .with("LEADHOOK_ADMIN__LISTEN", "127.0.0.1:0")
        .with("LEADHOOK_DESTINATIONS__CRM__URL", &format!("{}/hooks/leads", crm.url()));
    place.write_text("leadhook.toml", FILE);
    place
}

fn details(name: &str, regional: &str, rating: &str) -> String {
    serde_json::json!({"lead": {"name": name, "regional": regional, "csat": {"rating": rating, "message": "demorou"}}})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_rating_reaches_the_chat_room_and_a_good_one_does_not() {
    let api = Api::start().await;
    let (crm, chat) =
        (Raw::start(|_, _| Reply::new(200, "", "")).await, Raw::start(|_, _| Reply::new(200, "", "ok")).await);
    let place = place(&crm, &chat, &api.base_url());
    let checked = place.json(&["check"], 0);
    assert_eq!(checked["ok"], true);

    let service = place.start_and_read().await;
    for (id, name, regional, rating) in [
        (1, "Ana", "Sudeste", "5"),
        (2, "Bia", "Sudeste", "2"),
        (3, "Caio", "Sul", "1"),
        (4, "Davi", "Sudeste", "ruim"),
    ] {
        let row = format!(r#"{{"weclever_lead_id":{id},"mapped_status":"sold","client_lead_id":null}}"#);
        api.finalize(id, &row, Some(&details(name, regional, rating)));
    }
    until("the CRM has heard of each", || crm.requests().len() >= 4).await;
    until("two messages", || chat.requests().len() >= 2).await;
    service.readings(3).await;
    service.stop();

    let messages: Vec<Value> =
        chat.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let mut texts: Vec<&str> = messages.iter().map(|message| message["text"].as_str().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts.len(), 2, "{texts:?}");
    for (text, name) in texts.iter().zip(["Bia", "Davi"]) {
        assert!(text.contains("Nota baixa") && text.contains(name) && text.contains("demorou"), "{text}");
    }
    assert!(chat.requests().iter().all(|request| request.line == "POST /services/T0/B0/XXXX"));

    let crm = crm.requests();
    assert_eq!(crm.len(), 4);
    for request in &crm {
        assert_eq!(request.headers["x-api-key"], "key-of-the-crm");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["type"], "lead.finalized");
        assert!(request.headers["webhook-signature"].starts_with("v1,"));
    }
}
