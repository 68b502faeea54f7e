//! Ratings: told when they are there at the end of a conversation.

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_that_is_there_at_the_end_is_told_behind_the_end() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).destination("crm", &receiver.url(), "");
    let place = Place::new(&file.route_on("all", &["lead.finalized", "lead.rated"], "crm"));
    let service = place.start_and_read().await;
    weclever.rate(7, "2/5");
    weclever.finalize(7, "sold");
    accepted(&receiver, 2).await;
    service.stop();
    let bodies: Vec<Value> = receiver
        .tally(|tally| tally.kept.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect());
    let told: Vec<_> = bodies.iter().map(|body| (body["type"].as_str(), body["data"]["revision"].as_u64())).collect();
    assert_eq!(told, [(Some("lead.finalized"), Some(1)), (Some("lead.rated"), Some(2))]);
    for body in &bodies {
        assert_eq!(
            (&body["data"]["csat"]["text"], &body["data"]["lead"]["csat"]["rating"]),
            (&"2/5".into(), &"2/5".into())
        );
    }
    assert_eq!(bodies[0]["data"].get("changes"), None);
    assert_eq!(bodies[1]["data"]["changes"], serde_json::json!(["/csat/rating"]));
}
