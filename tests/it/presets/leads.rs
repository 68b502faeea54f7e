//! Leads: one that was treated badly, one that was not, and those that mean harm.

use serde_json::{Value, json};

/// What the API says of a lead who gave a 2.
pub const LOW: &str = r#"{"lead":{"email":"maria@example.com","name":"Maria Souza","phone":"(11) 98765-4321","state":"SP","regional":"Sudeste","chats":{"metrics":{"date_difference":"00:10:00","total_messages":2},"messages":[{"id_chat":1,"body":"Oi, meu boleto veio errado","media_url":null,"content_type":null,"date_created":"2026-11-23T17:00:00Z","sid":"a","message_type":"text","direction":"inbound","status":"read"},{"id_chat":1,"body":"Vou verificar","media_url":null,"content_type":null,"date_created":"2026-11-23T17:01:00Z","sid":"b","message_type":"text","direction":"outbound","status":"read"}]},"feelings":{"total_messages":2,"positive_feeling":0,"neutral_feeling":1,"negative_feeling":1},"csat":{"message":"Demorou demais","rating":"2"},"status":"Finalizado"}}"#;

/// The same of one who said nothing.
pub const UNRATED: &str = r#"{"lead":{"email":null,"name":"João","phone":"+5511987654321","state":null,"regional":null,"chats":{"metrics":null,"messages":[]},"feelings":null,"csat":{"message":null,"rating":null},"status":null}}"#;

/// As the list shows a lead.
pub fn row(id: u64) -> String {
    json!({"weclever_lead_id": id, "mapped_status": "qualified", "client_lead_id": format!("crm-{id}")}).to_string()
}

/// Texts that mean harm, or are too much.
pub fn hostile_texts() -> Vec<String> {
    vec![
        String::new(),
        "   \n\t ".into(),
        "<!channel> <!here> <!everyone> <@U012345> <#C012345> <https://evil.example|clique> &lt;!channel&gt;".into(),
        "@everyone @here <@123456789012345678> <@&123456789012345678> <#1> </cmd:1> [clique](https://evil.example)"
            .into(),
        "<users/all> <users/123> <https://evil.example|clique> *negrito* _it_ ~r~ `c` ```b```".into(),
        "**b** [clique](https://evil.example) <at>Todos</at> # t\n- a\n1. b\n> c\n| d | e |".into(),
        "{{ 7 * 7 }} {% for i in range(100000) %}x{% endfor %} ${HOME} {# c #}".into(),
        "\"},{\"type\":\"divider\"},{\"a\":\"\\\u{0}\u{1}\u{1b}\u{7f}\u{2028}\u{202e}\u{feff}".into(),
        "&".repeat(10_000),
        "<".repeat(10_000),
        "*".repeat(10_000),
        "👩‍👩‍👧‍👦".repeat(2_000),
        "a\u{301}".repeat(10_000),
        "Z\u{10ffff}".repeat(5_000),
        "linha\n".repeat(5_000),
        "\u{1}".repeat(10_000),
    ]
}

/// A lead that says this wherever a lead can say anything, and the beginning of it in 500 messages.
pub fn saying(text: &str) -> String {
    let short: String = text.chars().take(300).collect();
    let message = json!({"id_chat": 1, "body": short, "media_url": null, "content_type": "text/plain",
        "date_created": short, "sid": "a", "message_type": short, "direction": short, "status": short});
    json!({"lead": {"email": text, "name": text, "phone": text, "state": text, "regional": text,
        "chats": {"metrics": {"date_difference": text, "total_messages": 500}, "messages": vec![message; 500]},
        "feelings": null, "csat": {"message": text, "rating": text}, "status": text}})
    .to_string()
}

/// A lead whose fields are of every type but the documented one.
pub fn misshapen(value: &Value) -> String {
    json!({"lead": {"email": value, "name": value, "phone": value, "state": value, "regional": value, "chats": value,
        "feelings": value, "csat": {"message": value, "rating": value}, "status": value}})
    .to_string()
}

/// All of them.
pub fn hostile() -> Vec<String> {
    let values = [json!(null), json!(7), json!(-1.5), json!(true), json!([]), json!({}), json!([[["<!channel>"]]])];
    let missing = r#"{"lead":{}}"#.to_owned();
    let said = hostile_texts().iter().map(|text| saying(text)).collect::<Vec<_>>();
    said.into_iter().chain(values.iter().map(misshapen)).chain([missing]).collect()
}
