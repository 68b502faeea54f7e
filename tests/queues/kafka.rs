//! Kafka, as the project itself releases it.

use crate::consumer::{Consumer, Repeats};
use crate::kafka_broker::{Kafka, USER};
use crate::load::{Load, probed};
use crate::stories::a_server_that_hangs;
use crate::support::*;

fn consumer(kafka: &Kafka, topic: &str) -> Consumer {
    Consumer::start("kafka_side.py", &["consume", &kafka.address(), topic])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_once_and_in_order_and_a_kill_loses_none() {
    let mut kafka = Kafka::start().await;
    kafka.side("create", &["leads", "3"]);
    kafka.side("create", &["killed", "3"]);
    let more = format!("timeout = \"5s\"\n{PATIENT_RETRIES}");
    let mut first = consumer(&kafka, "leads");
    let mut load = Load::begin(&format!("kafka://{}/leads", kafka.address()), &more).await;
    load.leads(500).await;
    load.is_delivered().await;
    first.has(2_000).await;
    first.is_content(2_000, Repeats::None);
    drop((load, first));

    let mut second = consumer(&kafka, "killed");
    let mut load = Load::begin(&format!("kafka://{}/killed", kafka.address()), &more).await;
    load.finalize(500, 0);
    load.has_delivered(100).await;
    kafka.server.kill();
    load.has_failed().await;
    kafka.server.comes_back().await;
    load.is_recorded().await;
    load.is_delivered().await;
    second.has(load.events()).await;
    second.is_content(load.events(), Repeats::Some);
    assert!(!load.service.log().contains("rdkafka"), "{}", load.service.log());
    drop(load);

    kafka.is_ready().await;
    a_server_that_hangs(&kafka.server, &format!("kafka://{}/leads", kafka.address())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_does_not_take_is_told_and_goes_when_it_can() {
    let kafka = Kafka::start().await;
    let weclever = weclever(unrated()).await;
    kafka.side("create", &["leads", "3"]);
    kafka.side("create", &["small", "1", "500"]);
    kafka.side("create", &["closed", "1"]);
    let user = USER.split(':').next().unwrap();
    kafka.side("deny", &[user, "closed"]);
    let (open, users, named) = (kafka.address(), kafka.for_users(), kafka.named());
    let port = open.rsplit(':').next().unwrap();
    // Name, URL, whether it is good, what `check --online` says of it.
    let there = "the topic leads is there with 3 partitions";
    let stories = [
        ("good", format!("kafka://{open}/leads"), true, there),
        ("nowhere", format!("kafka://{open}/later"), false, "the topic later is not there; create it"),
        ("small", format!("kafka://{open}/small"), true, "the topic small is there with 1 partition"),
        ("user", format!("kafka://{USER}@{users}/leads"), true, there),
        ("stranger", format!("kafka://leads:wr0ng@{users}/leads"), false, "does not let this user in"),
        ("nobody", format!("kafka://{users}/leads"), false, "it may want TLS, or a user and password"),
        ("unasked", format!("kafka://{USER}@{open}/leads"), false, "does not let this user in"),
        ("closed", format!("kafka://{USER}@{users}/closed"), true, "the topic closed is there with 1 partition"),
        ("here", format!("kafka://localhost:{port}/leads"), false, "allow_private = true"),
        ("led", format!("kafka://{named}/leads"), false, "by its advertised.listeners: 127.0.0.1, this machine itself"),
        ("gone", "kafka://127.0.0.1:1/leads".to_owned(), false, "connection refused"),
    ];
    let more = format!("secret = {SECRET:?}\n{PATIENT_RETRIES}");
    let none = File::new(&weclever.base_url()).list("recheck", &[]);
    let place = Place::new(&stories.iter().fold(none, |file, (name, url, ..)| file.to(name, url, &more)));
    let checked = place.json(&["check", "--online"], 1);
    for (name, _, good, said) in &stories {
        let (ok, told) = probed(&checked, name);
        assert!(ok == *good && told.contains(said), "{name}: {told}");
    }

    let mut consumer = consumer(&kafka, "leads");
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    for said in [
        "the topic later is not there; create it",
        "max.message.bytes of the topic",
        "does not let this user in",
        "it may want TLS, or a user and password",
        "do not let us write to the topic closed",
        "allow_private = true",
        "by its advertised.listeners: 127.0.0.1, this machine itself",
        "connection refused",
    ] {
        until(format!("the story says: {said}"), || place.run(&["explain", "7"]).out.contains(said)).await;
    }
    let (told, log) = (place.run(&["explain", "7"]).out, service.log());
    for secret in [USER.split(':').nth(1).unwrap(), "wr0ng"] {
        assert!(
            !told.contains(secret) && !log.contains(secret) && !checked.to_string().contains(secret),
            "{told}{log}"
        );
    }
    let dead = place.run(&["dead", "list"]);
    assert!(dead.out.contains("small") && dead.out.contains("thin"), "{}", dead.out);
    assert_eq!(destination(&place.status(), "small")["dead"], 1);
    consumer.has(1).await;
    place
        .until_status("the good ones have it", |status| {
            ["good", "user"].iter().all(|name| destination(status, name)["delivered"] == 1)
        })
        .await;

    // Kafka would make it for whoever asks, with as many partitions as it likes.
    assert!(!kafka.side("topics", &[]).contains("later"));
    kafka.side("create", &["later", "1"]);
    let arrived = |status: &serde_json::Value| destination(status, "nowhere")["delivered"] == 1;
    place.until_status("what was missing is there", arrived).await;
    service.stop();
}
