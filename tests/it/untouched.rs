//! What the API says of a lead goes through as it is, byte for byte.

use std::collections::BTreeSet;

use leadhook::http_client::client_builder;
use leadhook::simulator::{Behaviour, Receiver, WeClever};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::support::*;

#[derive(Deserialize)]
struct Envelope {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    weclever_lead_id: u64,
    mapped_status: String,
    client_lead_id: Box<RawValue>,
    lead: Box<RawValue>,
}

#[derive(Deserialize)]
struct Answer {
    lead: Box<RawValue>,
}

#[derive(Deserialize)]
struct List {
    leads: Vec<ListRow>,
}

#[derive(Deserialize)]
struct ListRow {
    weclever_lead_id: u64,
    mapped_status: String,
    client_lead_id: Box<RawValue>,
}

/// What was delivered, by lead.
fn delivered(receiver: &Receiver) -> Vec<Data> {
    let bodies: Vec<_> = receiver.tally(|tally| tally.kept.iter().map(|request| request.body.clone()).collect());
    bodies.iter().map(|body| serde_json::from_slice::<Envelope>(body).unwrap().data).collect()
}

/// Asks the API as anyone else would.
async fn ask(weclever: &WeClever, path: &str) -> String {
    let client = client_builder().build().unwrap();
    let request = client.get(format!("{}{path}", weclever.base_url())).bearer_auth(READY_TOKEN);
    request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_and_its_row_are_those_of_the_api() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let _service = place.start_and_read().await;
    for id in 1..=40 {
        weclever.finalize(id, "qualified");
    }
    weclever.change(3, "nobody_knows", serde_json::json!({"z": [1.5, null, "José"], "a": {}}));
    accepted(&receiver, 40).await;

    let now = jiff::Timestamp::now();
    let at = |hours: i64| {
        let local = (now + jiff::SignedDuration::from_hours(hours)).in_tz("America/Sao_Paulo").unwrap();
        local.strftime("%Y-%m-%d+%H:%M:%S").to_string()
    };
    let list = ask(&weclever, &format!("/lead/find/finalized/{}/{}", at(-2), at(2))).await;
    let list: List = serde_json::from_str(&list).unwrap();
    assert_eq!(list.leads.len(), 40);

    let (mut compared, mut shapes) = (0, BTreeSet::new());
    for data in delivered(&receiver) {
        let row = list.leads.iter().find(|row| row.weclever_lead_id == data.weclever_lead_id).unwrap();
        assert_eq!(row.client_lead_id.get(), data.client_lead_id.get());
        assert_eq!(row.mapped_status, data.mapped_status);
        shapes.insert(row.client_lead_id.get().chars().next().map_or('-', |c| if c.is_numeric() { '0' } else { c }));
        let answer: Answer =
            serde_json::from_str(&ask(&weclever, &format!("/lead/find/weclever_id/{}", data.weclever_lead_id)).await)
                .unwrap();
        // Signed media links change by themselves with every reading.
        if !answer.lead.get().contains("signature=") {
            assert_eq!(answer.lead.get(), data.lead.get());
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared}");
    assert_eq!(shapes, ['"', '0', 'n'].into(), "text, number and null");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_json_is_read_and_written_anew() {
    let api = Api::start().await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&api.base_url()).to("crm", &receiver.url(), &format!("secret = {SECRET:?}")));
    let _service = place.start_and_read().await;
    let lead = r#"{ "name" : "Jos\u00e9 \/ Ana","same":1, "same":2 ,"big":123456789012345678901234567890.10,
        "e": 1E+2, "neg": -0.0, "deep": [[[ ]]], "emoji":"\ud83d\ude00", "csat":{"rating":"2/5"}}"#;
    let row = r#"{"client_lead_id": 9007199254740993000, "new_key": true, "mapped_status":"Ação \"x\"", "weclever_lead_id":5}"#;
    api.finalize(5, row, Some(&format!("{{\"more\":1,\"lead\":{lead} }}")));
    accepted(&receiver, 1).await;
    let data = &delivered(&receiver)[0];
    assert_eq!(data.lead.get(), lead);
    assert_eq!(data.client_lead_id.get(), "9007199254740993000");
    assert_eq!((data.weclever_lead_id, data.mapped_status.as_str()), (5, "Ação \"x\""));
    receiver.tally(|tally| assert_eq!((tally.verified, tally.bad), (1, 0)));
}
