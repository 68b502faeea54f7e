//! Amazon SQS, against moto: an emulator that other people wrote. It keeps everything in memory.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::consumer::{Arrived, Consumer, Repeats, program, python};
use crate::load::Load;
use crate::server::Server;
use crate::support::*;

/// Anything is good for an emulator that does not look.
const ANY_KEY: (&str, &str) = ("AKIAEXAMPLE", "the-secret-key");

/// Retries that come soon, and go on for as long as a story takes.
const SOON: &str = r#"retry = { initial = "100ms", factor = 1.2, max = "500ms", attempts = 900 }"#;

struct Sqs {
    moto: Server,
    key: (String, String),
}

impl Sqs {
    /// `looks`: whether it verifies each signature, and who may do what.
    async fn start(looks: bool) -> Sqs {
        let moto = Server::start("see tests/queues/python/requirements.txt", move |port, _| {
            let mut command = Command::new(python());
            command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
            if looks {
                command.env("INITIAL_NO_AUTH_ACTION_COUNT", "3");
            }
            command
        })
        .await;
        let key = (ANY_KEY.0.to_owned(), ANY_KEY.1.to_owned());
        let mut sqs = Sqs { moto, key };
        if looks {
            let said = sqs.program("sqs_key.py", &[]);
            let (id, secret) = said.split_once(' ').unwrap();
            sqs.key = (id.to_owned(), secret.to_owned());
        }
        sqs
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.moto.address())
    }

    fn environment(&self) -> [(&'static str, &str); 2] {
        [("AWS_ACCESS_KEY_ID", &self.key.0), ("AWS_SECRET_ACCESS_KEY", &self.key.1)]
    }

    /// Runs one of `python/` to its end: what it printed.
    fn program(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = program(name);
        let output = command.arg(self.endpoint()).args(arguments).envs(self.environment()).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a queue: its URL.
    fn queue(&self, name: &str, attributes: &[&str]) -> String {
        let fifo: &[&str] = if name.ends_with(".fifo") { &["FifoQueue=true"] } else { &[] };
        self.program("sqs_queue.py", &[&[name], fifo, attributes].concat())
    }

    fn consumer(&self, queue: &str) -> Consumer {
        Consumer::start_with("sqs.py", &[&self.endpoint(), queue], &self.environment())
    }

    /// Runs the consumer that `config/QUEUES.md` shows, until it has worked on its first message: that one's id.
    fn told_by_the_pages_consumer(&self, queue: &str) -> String {
        let page = include_str!("../../config/QUEUES.md");
        let (_, about) = page.split_once("## Amazon SQS").unwrap();
        let shown = about.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let script = format!("def work(id, body):\n    print(id, flush=True)\n\n{shown}");
        let mut command = Command::new(python());
        command.args(["-c", &script]).envs(self.environment()).env("AWS_ENDPOINT_URL", self.endpoint());
        command.env("AWS_DEFAULT_REGION", "sa-east-1").env("QUEUE_URL", queue).env("LEADS_SECRET", SECRET);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        first.trim().to_owned()
    }

    /// Lines of a destination's table.
    fn keys(&self) -> String {
        let (id, secret) = &self.key;
        format!(
            "preset = \"sqs\"\nauth = {{ access_key_id = {id:?}, secret_access_key = {secret:?}, region = \"sa-east-1\" }}"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_events_arrive_once_each_in_order_and_verified() {
    let sqs = Sqs::start(true).await;
    let queue = sqs.queue("leads.fifo", &[]);
    let mut consumer = sqs.consumer(&queue);
    // The emulator walks over all that lies in a queue with every call: no more senders than its reader keeps up with.
    let mut load = Load::begin(&queue, &format!("{}\nconcurrency = 4", sqs.keys())).await;
    load.leads(500).await;
    load.is_delivered().await;
    consumer.has(load.events()).await;
    assert_eq!(load.events(), 2_000);
    consumer.is_content(2_000, Repeats::None);
    let log = load.service.stop();
    // Not one was refused: each signature was good the first time.
    assert_eq!(log.lines().filter(|line| line.contains("attempt") && line.contains("accepted")).count(), 2_000);
    assert_eq!(log.lines().filter(|line| line.contains("outcome=\"retry\"")).count(), 0);
}

/// The ids of the events that were accepted so far.
fn accepted_ids(log: &str) -> HashSet<String> {
    let accepted = log.lines().filter(|line| line.contains("outcome=\"accepted\""));
    let id = |line: &str| line.split(" event=").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    accepted.filter_map(id).collect()
}

fn ids(arrived: &[Arrived]) -> HashSet<String> {
    arrived.iter().map(|message| message.id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_that_is_killed_mid_run_loses_nothing_but_what_it_forgets_itself() {
    let mut sqs = Sqs::start(false).await;
    let queue = sqs.queue("leads.fifo", &[]);
    let mut consumer = sqs.consumer(&queue);
    let mut load = Load::begin(&queue, &format!("{}\nconcurrency = 4\n{SOON}", sqs.keys())).await;
    load.round(300, 0).await;
    consumer.has(100).await;
    sqs.moto.kill();
    load.service.until_logged("no connection could be made").await;
    let mut forgotten = accepted_ids(&load.service.log());
    assert!((100..300).contains(&forgotten.len()), "it was not killed mid-run: {}", forgotten.len());
    // What it had taken and nobody had fetched died with its memory.
    for id in ids(&consumer.arrived()) {
        forgotten.remove(&id);
    }
    load.round(300, 1).await;
    sqs.moto.comes_back().await;
    // There is no such queue until somebody makes it again, and that is waited for as well.
    load.service.until_logged("there is no such queue").await;
    assert_eq!(sqs.queue("leads.fifo", &[]), queue);
    load.is_delivered().await;
    consumer.has(load.events() - forgotten.len()).await;
    let arrived = consumer.arrived();
    assert!(arrived.iter().all(|message| message.verified));
    assert!(ids(&arrived).is_disjoint(&forgotten));
    assert_eq!(ids(&arrived).len() + forgotten.len(), 600);
    println!("forgotten by the emulator: {}", forgotten.len());
    let mut revisions: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for message in arrived {
        let of_lead = revisions.entry(message.lead).or_default();
        if !of_lead.contains(&message.revision) {
            of_lead.push(message.revision);
        }
    }
    assert!(revisions.values().all(|of_lead| of_lead.is_sorted()), "{revisions:?}");
}

/// A destination of its own for each of these, one lead, and the status when all of them were tried.
async fn tried(destinations: &[(&str, &str, String)]) -> Place {
    let weclever = weclever(unrated()).await;
    let mut file = File::new(&weclever.base_url()).list("recheck", &[]);
    for (name, url, keys) in destinations {
        let more = format!("secret = {SECRET:?}\nretry = {{ schedule = [\"1h\"] }}\n{keys}");
        file = file.to(name, url, &more);
    }
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.finalize(7, "sold");
    for (name, ..) in destinations {
        service.until_logged(&format!("destination=\"{name}\"")).await;
    }
    service.stop();
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_says_what_to_do() {
    let sqs = Sqs::start(true).await;
    let small = sqs.queue("small", &["MaximumMessageSize=1024"]);
    let fine = sqs.queue("fine", &[]);
    let keys = sqs.keys();
    let wrong_secret = keys.replace(&sqs.key.1, "another-secret-key");
    let wrong_id = keys.replace(&sqs.key.0, "AKIANOBODY");
    let gone = fine.replace("/fine", "/nowhere.fifo");
    let place = tried(&[
        ("fine", &fine, keys.clone()),
        ("wrong-secret", &fine, wrong_secret),
        ("wrong-id", &fine, wrong_id),
        ("gone", &gone, keys.clone()),
        ("small", &small, keys.clone()),
        ("over", &fine, format!("{keys}\nmax_body = \"1KiB\"")),
        ("thin", &small, format!("{keys}\npayload = \"thin\"")),
    ])
    .await;
    let status = place.status();
    let came_to = |name: &str| {
        let destination = destination(&status, name);
        ["delivered", "pending", "dead"].map(|key| destination[key].as_u64().unwrap())
    };
    for name in ["fine", "thin"] {
        assert_eq!(came_to(name), [1, 0, 0], "{name}");
    }
    let story = place.run(&["explain", "7"]).out;
    for (name, told) in [
        ("wrong-secret", "AWS says SignatureDoesNotMatch: look at secret_access_key"),
        ("wrong-id", "AWS says InvalidClientTokenId: AWS does not know the key"),
        ("gone", "there is no such queue in this region and account"),
    ] {
        assert_eq!(came_to(name), [0, 1, 0], "{name}");
        assert!(story.contains(told), "{told}\n{story}");
    }
    assert!(story.contains("this machine's clock"));
    let letters = place.json(&["dead", "list"], 1);
    for (name, told) in [("small", "the queue takes smaller messages"), ("over", "the body is ")] {
        assert_eq!(came_to(name), [0, 0, 1], "{name}");
        let letters = letters["letters"].as_array().unwrap();
        let letter = letters.iter().find(|letter| letter["delivery"]["destination"] == name).unwrap();
        let error = letter["error"].as_str().unwrap();
        assert!(error.contains(told) && error.contains("`fields`") && error.contains("payload = \"thin\""), "{error}");
    }
    for secret in [&sqs.key.0, &sqs.key.1] {
        assert!(!story.contains(secret.as_str()) && !letters.to_string().contains(secret.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_seen_before_anything_is_sent_whether_the_queue_is_there() {
    let sqs = Sqs::start(true).await;
    let (fine, small) = (sqs.queue("fine.fifo", &[]), sqs.queue("small", &["MaximumMessageSize=262144"]));
    let keys = sqs.keys();
    let weclever = weclever(by_hand()).await;
    let file = File::new(&weclever.base_url())
        .to("fine", &fine, &format!("{keys}\nsecret = {SECRET:?}"))
        .to("small", &small, &keys)
        .to("gone", &small.replace("/small", "/gone"), &keys)
        .to("wrong", &fine, &keys.replace(&sqs.key.1, "another"));
    let place = Place::new(&file);
    let said = place.run(&["check", "--online", "--json"]);
    let said: Value = serde_json::from_str(&said.out).unwrap();
    let all = said["online"].as_array().unwrap();
    let of = |name: &str| {
        let what = format!("destination {name}");
        let probe = all.iter().find(|probe| probe["what"] == what.as_str()).unwrap_or_else(|| panic!("{said:#}"));
        (probe["ok"].as_bool().unwrap(), probe["said"].as_str().unwrap())
    };
    assert!(of("fine").0 && of("fine").1.contains("the queue is there, and the key is good"), "{:?}", of("fine"));
    assert!(!of("small").0 && of("small").1.contains("write max_body = \"252KiB\""), "{:?}", of("small"));
    assert!(!of("gone").0 && of("gone").1.contains("no such queue"), "{:?}", of("gone"));
    assert!(!of("wrong").0 && of("wrong").1.contains("SignatureDoesNotMatch"), "{:?}", of("wrong"));

    let tested = place.json(&["destination", "test", "fine"], 0);
    assert_eq!(tested["accepted"], true, "{tested}");
    assert_eq!(sqs.told_by_the_pages_consumer(&fine), tested["event_id"]);
    let shown = place.run(&["route", "test", "--simulated", "--json"]).out;
    assert!(shown.contains("AmazonSQS.SendMessage") && shown.contains("AWS4-HMAC-SHA256 ***"), "{shown}");
    for secret in [&sqs.key.0, &sqs.key.1] {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn botocore_makes_the_same_signatures() {
    let weclever = weclever(by_hand()).await;
    let answer = |_: &Request, _: usize| Reply::new(200, "", "{\"MessageId\":\"1\"}");
    let (queue, gateway) = (Raw::start(answer).await, Raw::start(answer).await);
    let auth = |service: &str| {
        format!(
            "auth = {{ type = \"aws_sigv4\", access_key_id = \"AKID\", secret_access_key = \"s/e+cret\", session_token = \"to/ken==\", region = \"sa-east-1\", service = {service:?} }}"
        )
    };
    let at = |raw: &Raw, path: &str| format!("{}{path}", raw.url().trim_end_matches("/hook"));
    let path = "/prod//leads/./{{ lead.name }}/{{ weclever_lead_id }}?b=2&a={{ lead.name }}&c";
    let file = File::new(&weclever.base_url())
        .to("queue", &at(&queue, "/123456789012/leads.fifo"), &format!("preset = \"sqs\"\n{}", auth("sqs")))
        .to("gateway", &at(&gateway, path), &format!("method = \"PUT\"\n{}", auth("execute-api")))
        .to("bucket", &at(&gateway, "/leads/{{ lead.name }}.json"), &format!("method = \"PUT\"\n{}", auth("s3")));
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    weclever.change(7, "name", "José d'Ávila & Cia (ção) ~_-.");
    weclever.finalize(7, "sold");
    until("three requests", || queue.requests().len() == 1 && gateway.requests().len() == 2).await;
    service.stop();
    for request in queue.requests().iter().chain(&gateway.requests()) {
        let authorization = &request.headers["authorization"];
        assert_eq!(*authorization, botocore(request), "{}", request.line);
        assert_eq!(request.headers["x-amz-security-token"], "to/ken==");
    }
    let message: Value = serde_json::from_slice(&queue.requests()[0].body).unwrap();
    assert_eq!((&message["MessageGroupId"], queue.requests()[0].line.as_str()), (&json!("7"), "POST /"));
}

/// What botocore would have written into `Authorization` of this request.
fn botocore(request: &Request) -> String {
    let (method, target) = request.line.split_once(' ').unwrap();
    let signed = &request.headers["authorization"];
    let names = signed.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let service = signed.split('/').nth(3).unwrap();
    let names = names.split(';').filter(|name| !["host", "x-amz-date", "x-amz-security-token"].contains(name));
    let headers: BTreeMap<&str, &String> = names.map(|name| (name, &request.headers[name])).collect();
    let asked = json!({
        "method": method,
        "url": format!("http://{}{target}", request.headers["host"]),
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
        "amz_date": request.headers["x-amz-date"],
        "access_key_id": "AKID",
        "secret_access_key": "s/e+cret",
        "session_token": "to/ken==",
        "region": "sa-east-1",
        "service": service,
    });
    let output = program("sigv4.py").arg(asked.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
