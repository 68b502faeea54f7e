//! RabbitMQ, as Debian has it.

use std::process::Command;

use serde_json::Value;

use crate::consumer::{Consumer, Repeats, program};
use crate::load::{Load, probed};
use crate::rabbitmq::RabbitMq;
use crate::stories::{a_kill_in_the_middle, a_server_that_hangs};
use crate::support::*;

fn succeeds(command: &mut Command) {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Makes a durable queue, and binds it to an exchange.
fn declare(rabbit: &RabbitMq, more: &[&str]) {
    let url = format!("amqp://guest:guest@{}/%2f", rabbit.address());
    succeeds(program("rabbitmq_side.py").args(["declare", &url]).args(more));
}

fn consumer(rabbit: &RabbitMq, queue: &str) -> Consumer {
    let url = format!("amqp://guest:guest@{}/%2f", rabbit.address());
    Consumer::start("rabbitmq_side.py", &["consume", &url, queue])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_once_and_in_order_and_a_kill_loses_none() {
    let mut rabbit = RabbitMq::start().await;
    let url =
        |rabbit: &RabbitMq| format!("amqp://{}/?exchange=leads&routing_key=finished.{{{{ type }}}}", rabbit.address());
    let mut consumer = consumer(&rabbit, "all");
    let mut load = Load::begin(&url(&rabbit), PATIENT_RETRIES).await;
    load.leads(500).await;
    load.is_delivered().await;
    consumer.has(2_000).await;
    consumer.is_content(2_000, Repeats::None);
    drop((load, consumer));

    let mut consumer = self::consumer(&rabbit, "all");
    let place = url(&rabbit);
    let load = a_kill_in_the_middle(&mut rabbit.server, &place).await;
    consumer.has(load.events()).await;
    consumer.is_content(load.events(), Repeats::Some);
    drop(load);

    rabbit.is_ready().await;
    a_server_that_hangs(&rabbit.server, &url(&rabbit)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_does_not_take_is_told_and_goes_when_it_can() {
    let rabbit = RabbitMq::start().await;
    let weclever = weclever(unrated()).await;
    let (open, secure) = (rabbit.address(), rabbit.secure_address());
    let tls_port = secure.rsplit(':').next().unwrap();
    let ca = format!("ca = {:?}\n", rabbit.ca());
    let large = format!("body = {:?}\n", "x".repeat(70_000));
    // Name, URL, more of its table, whether it is good, what `check --online` and the story say of it.
    let leads = "?exchange=leads&routing_key=finished.x";
    let stories = [
        ("good", format!("amqp://{open}/{leads}"), "", true, "the exchange leads is there"),
        ("nowhere", format!("amqp://{open}/?exchange=later"), "", false, "the exchange later is not there; declare it"),
        ("unbound", format!("amqp://{open}/?exchange=leads&routing_key=odd"), "", true, "the exchange leads is there"),
        ("queue", format!("amqp://{open}/?routing_key=later"), "", false, "the queue later is not there; declare it"),
        ("large", format!("amqp://{open}/{leads}"), &large, true, "the exchange leads is there"),
        (
            "full",
            format!("amqp://{open}/%2f?routing_key=narrow"),
            "",
            true,
            "the queue narrow is there with 0 messages",
        ),
        ("stranger", format!("amqp://guest:s3cret@{open}/{leads}"), "", false, "does not know this user and password"),
        ("reader", format!("amqp://reader:s3cret-of-reader@{open}/{leads}"), "", true, "the exchange leads is there"),
        ("vhost", format!("amqp://{open}/other{leads}"), "", false, "no such virtual host"),
        ("secure", format!("amqps://{secure}/{leads}"), &ca, true, "the exchange leads is there"),
        ("doubtful", format!("amqps://{secure}/{leads}"), "", false, "name that CA's certificate as `ca`"),
        (
            "another",
            format!("amqps://localhost:{tls_port}/{leads}"),
            &format!("allow_private = true\n{ca}"),
            false,
            "write the name that its certificate has into `url`",
        ),
        (
            "here",
            format!("amqp://localhost:{}/{leads}", open.rsplit(':').next().unwrap()),
            "",
            false,
            "allow_private = true",
        ),
    ];
    let file =
        stories.iter().fold(File::new(&weclever.base_url()).list("recheck", &[]), |file, (name, url, more, ..)| {
            file.to(name, url, &format!("secret = {SECRET:?}\n{PATIENT_RETRIES}\n{more}"))
        });
    let place = Place::new(&file);
    let checked = place.json(&["check", "--online"], 1);
    for (name, _, _, good, said) in &stories {
        let (ok, told) = probed(&checked, name);
        assert!(ok == *good && told.contains(said), "{name}: {told}");
    }
    assert!(!checked.to_string().contains("s3cret"), "{checked:#}");

    let mut consumer = consumer(&rabbit, "all");
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    for said in [
        "it has 70000 bytes, and RabbitMQ's max_message_size is 65536",
        "the exchange later is not there; declare it",
        "no queue is bound to the exchange for this routing key; bind one",
        "there is no such queue; declare it",
        "a queue there is full",
        "does not know this user and password",
        "the user of `url` has no permission for the exchange leads",
        "no such virtual host",
        "name that CA's certificate as `ca`",
        "write the name that its certificate has into `url`",
        "allow_private = true",
    ] {
        until(format!("the story says: {said}"), || place.run(&["explain", "7"]).out.contains(said)).await;
    }
    let told = place.run(&["explain", "7"]).out;
    assert!(!told.contains("s3cret") && !service.log().contains("s3cret"), "{told}");
    let dead = place.run(&["dead", "list"]);
    assert!(dead.out.contains("large") && dead.out.contains("thin"), "{}", dead.out);
    assert_eq!(destination(&place.status(), "large")["dead"], 1);
    consumer.has(1).await;
    place
        .until_status("the good ones have it", |status| {
            ["good", "secure"].iter().all(|name| destination(status, name)["delivered"] == 1)
        })
        .await;

    declare(&rabbit, &["later", "later", "#"]);
    declare(&rabbit, &["odd", "leads", "odd"]);
    place
        .until_status("what was missing is there", |status| {
            ["nowhere", "unbound", "queue"].iter().all(|name| destination(status, name)["delivered"] == 1)
        })
        .await;

    rabbit.is_out_of_memory(true);
    weclever.finalize(8, "sold");
    let said = "RabbitMQ takes no messages while it is low on memory";
    until("the story says that it is out of memory", || place.run(&["explain", "8"]).out.contains(said)).await;
    rabbit.is_out_of_memory(false);
    let delivered = |status: &Value| destination(status, "good")["delivered"] == 2;
    place.until_status("it has memory again", delivered).await;
    service.stop();
}
