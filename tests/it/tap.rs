//! `leadhook tap`: what happens is told as it happens, to whoever listens, and nothing of a person.

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

/// A tap that listens: what it has printed.
fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// `tried crm accepted`, for each.
fn brief(objects: &[Value]) -> Vec<String> {
    let text = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let each = objects.iter().map(|object| {
        let words = ["what", "destination", "outcome"].map(|key| text(object, key));
        words.join(" ").trim().replace("  ", " ")
    });
    each.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_attempts_are_told_as_they_happen_each_to_whoever_asked_for_it() {
    let weclever = weclever(by_hand()).await;
    let [crm, chat] = [receiver(Behaviour::Fine).await, receiver(Behaviour::Scripted(vec![500])).await];
    let again = "retry = { schedule = [\"100ms\"], jitter = 0 }";
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), "").to("chat", &chat.url(), again);
    let place = Place::new(&file);
    let none = place.run(&["tap"]);
    assert_eq!((none.code, none.err.contains("no service runs")), (69, true), "{}", none.err);
    let wrong = place.run(&["tap", "--event", "lead.sold"]);
    assert!(wrong.code == 2 && wrong.err.contains("lead.finalized, lead.rated"), "{}", wrong.err);
    let service = place.start_and_read().await;
    let [all, failures, lead, rated, people] = [
        &["tap", "--json"][..],
        &["tap", "--json", "--destination", "chat", "--failures"],
        &["tap", "--json", "--lead", "2", "--destination", "crm"],
        &["tap", "--json", "--event", "lead.rated"],
        &["tap"],
    ]
    .map(|args| place.spawn(args));
    for tap in [&all, &failures, &lead, &rated, &people] {
        until("it listens", || tap.out().contains("listen")).await;
    }
    weclever.finalize(1, "sold");
    accepted(&crm, 1).await;
    accepted(&chat, 1).await;
    weclever.finalize(2, "sold");
    accepted(&chat, 2).await;
    until("all is told", || {
        brief(&objects(&all.out())).iter().filter(|line| *line == "tried chat accepted").count() == 2
    })
    .await;
    let told = objects(&all.out());
    let recorded = told.iter().find(|object| object["what"] == "recorded").unwrap();
    assert_eq!((&recorded["lead"], &recorded["event_type"]), (&1.into(), &"lead.finalized".into()));
    assert_eq!(recorded["destinations"], serde_json::json!(["crm", "chat"]));
    let retried = told.iter().find(|object| object["outcome"] == "retry").unwrap();
    assert_eq!((&retried["said"], &retried["next"]["is"]), (&"HTTP 500".into(), &"again".into()));
    assert!(told.iter().all(|object| object["at"].as_str().unwrap().ends_with('Z')), "{told:#?}");
    // Ctrl-C is no failure.
    lead.signal("INT");
    let lead = lead.ends();
    assert_eq!(lead.code, 0, "{}", lead.err);
    assert_eq!(brief(&objects(&lead.out)), ["listening", "recorded", "tried crm accepted"]);
    let events: Vec<Value> =
        crm.tally(|tally| tally.kept.iter().map(|kept| serde_json::from_slice(&kept.body).unwrap()).collect());
    service.stop();
    let ended = [all, failures, rated, people].map(|tap| tap.ends());
    for tap in &ended {
        assert_eq!((tap.code, tap.err.contains("the service has ended")), (69, true), "{}", tap.err);
        for event in &events {
            for key in ["name", "email", "phone"] {
                let secret = event["data"]["lead"][key].as_str().unwrap();
                assert!(!tap.out.contains(secret), "{key} is told: {}", tap.out);
            }
        }
    }
    let [_, failures, rated, people] = ended;
    assert_eq!(brief(&objects(&failures.out)), ["listening", "tried chat retry"]);
    assert!(objects(&rated.out)[1..].iter().all(|object| object["event_type"] == "lead.rated"), "{}", rated.out);
    let said = "crm ✓ HTTP 200";
    assert!(
        people.out.contains(said) && people.out.contains("chat ✗ HTTP 500") && people.out.contains(", attempt 2"),
        "{}",
        people.out
    );
    assert!(!people.out.contains('\u{1b}'), "no colours but on a terminal: {}", people.out);
}
