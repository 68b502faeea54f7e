//! NATS JetStream: `nats-server` as Debian has it, and a consumer with nats-py.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::asked::{Asked, PASSWORD};
use crate::certificates::Certificates;
use crate::consumer::{Consumer, Repeats};
use crate::load::Load;
use crate::server::Server;
use crate::stories;
use crate::support::*;

/// `more`: further lines of the server's file.
async fn nats(more: &str) -> Server {
    let more = more.to_owned();
    Server::start("apt-get install nats-server", move |port, directory| {
        let (file, kept) = (directory.join("nats.conf"), directory.join("jetstream"));
        let text = format!("listen: '127.0.0.1:{port}'\njetstream {{ store_dir: {kept:?} }}\n{more}\n");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(file);
        command
    })
    .await
}

/// Asks JetStream as the `nats` command would.
async fn jetstream(server: &Server, credentials: &str, what: &str, asked: Value) -> Value {
    let options = match credentials.split_once(':') {
        Some((user, password)) => async_nats::ConnectOptions::with_user_and_password(user.into(), password.into()),
        None => async_nats::ConnectOptions::with_token(credentials.into()),
    };
    let client = options.connect(server.address()).await.unwrap();
    let began = std::time::Instant::now();
    loop {
        match client.request(format!("$JS.API.{what}"), asked.to_string().into()).await {
            Ok(message) => return serde_json::from_slice(&message.payload).unwrap(),
            // It takes connections a little before JetStream is ready.
            Err(error) => assert!(began.elapsed() < PATIENCE, "{what}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// As `nats stream add LEADS --subjects 'leads.>'`, and with these settings.
async fn stream_for(server: &Server, credentials: &str, settings: Value) {
    let mut stream = json!({ "name": "LEADS", "subjects": ["leads.>"], "storage": "file", "retention": "limits" });
    stream.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let made = jetstream(server, credentials, "STREAM.CREATE.LEADS", stream).await;
    assert!(made["error"].is_null(), "{made}");
}

async fn stream(server: &Server) {
    stream_for(server, "", json!({})).await;
}

fn url(server: &Server) -> String {
    format!("nats://{}/leads.finished", server.address())
}

fn consumer(server: &Server) -> Consumer {
    Consumer::start("nats_reads.py", &[&format!("nats://{}", server.address()), "LEADS"])
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_events_arrive_once_each_and_verify() {
    let server = nats("").await;
    stream(&server).await;
    let mut consumer = consumer(&server);
    // The kind of event is a part of the subject, and each goes to the one stream.
    let url = format!("nats://{}/leads.{{{{ mapped_status }}}}", server.address());
    let mut load = Load::begin(&url, "headers = { X-Team = 'sales' }").await;
    load.leads(500).await;
    load.is_delivered().await;
    consumer.has(load.events()).await;
    consumer.is_content(2_000, Repeats::None);

    let stored = jetstream(&server, "", "STREAM.MSG.GET.LEADS", json!({ "seq": 1 })).await;
    assert_eq!(stored["message"]["subject"], "leads.scheduled", "{stored}");
    let headers = stored["message"]["hdrs"].as_str().unwrap();
    let headers = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, headers).unwrap();
    let headers = String::from_utf8(headers).unwrap();
    let id = &consumer.arrived()[0].id;
    for line in [
        &*format!("Nats-Msg-Id: {id}"),
        &format!("webhook-id: {id}"),
        "content-type: application/json",
        "x-team: sales",
    ] {
        assert!(headers.lines().any(|header| header == line), "{line}: {headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_none_and_has_none_twice() {
    let mut server = nats("").await;
    stream(&server).await;
    let url = url(&server);
    let _load = stories::a_kill_in_the_middle(&mut server, &url).await;
    let mut consumer = consumer(&server);
    consumer.has(600).await;
    consumer.is_content(600, Repeats::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up_in_time() {
    let server = nats("").await;
    stream(&server).await;
    let _load = stories::a_server_that_hangs(&server, &url(&server)).await;
    let mut consumer = consumer(&server);
    consumer.has(2).await;
    consumer.is_content(2, Repeats::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream_events_wait_until_there_is_one() {
    let server = nats("max_payload: 32KB").await;
    let mut load = Load::begin(&url(&server), PATIENT_RETRIES).await;
    load.round(2, 0).await;
    load.says("nats stream add LEADS --subjects 'leads.finished'").await;
    // It drops nothing that is new, so it is full now and then.
    let full = json!({ "max_msgs": 1, "discard": "new" });
    stream_for(&server, "", full.clone()).await;
    load.says("no room for it now: maximum messages exceeded").await;
    let roomy = json!({ "name": "LEADS", "subjects": ["leads.>"], "storage": "file", "max_msg_size": 16_000 });
    assert!(jetstream(&server, "", "STREAM.UPDATE.LEADS", roomy).await["error"].is_null());
    load.is_delivered().await;

    // Over what the stream takes, and over what the server does.
    for (lead, length, told) in
        [(3, 20_000, "message size exceeds maximum allowed"), (4, 40_000, "the server takes up to 32.8 kB")]
    {
        load.weclever.finalize(lead, "sold");
        load.weclever.change(lead, "name", "x".repeat(length));
        load.is_dead(told).await;
    }
    let mut consumer = consumer(&server);
    consumer.has(2).await;
    consumer.is_content(2, Repeats::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so() {
    let server = nats(
        r#"authorization { users: [
            { user: "may", password: "hunter2" },
            { user: "not", password: "hunter2", permissions: { publish: { deny: "leads.>" } } },
            { user: "deaf", password: "hunter2", permissions: { subscribe: { deny: "_INBOX.>" } } },
            { user: "modest", password: "hunter2", permissions: { publish: "leads.>", subscribe: "_INBOX.>" } } ] }"#,
    )
    .await;
    stream_for(&server, "may:hunter2", json!({})).await;
    let of = async |credentials: &str| {
        Asked::begin(&format!("nats://{credentials}@{}/leads.finished", server.address()), "timeout = '5s'", &[]).await
    };
    let asked = of(&format!("may:{PASSWORD}")).await;
    asked.finds("stream LEADS takes leads.finished, and drops repeats for 2m");
    asked.takes("stream LEADS, sequence 1");
    let asked = of(&format!("modest:{PASSWORD}")).await;
    asked.finds("this user may not ask ($JS.API.STREAM.NAMES)");
    asked.takes("stream LEADS, sequence 2");

    let asked = of(&format!("not:{PASSWORD}")).await;
    asked.refuses("this user may not publish to this subject");
    let asked = of(&format!("deaf:{PASSWORD}")).await;
    asked.misses("this user may not subscribe to `_INBOX.>`");
    asked.refuses("this user may not subscribe to `_INBOX.>`");
    for credentials in [format!("may:{PASSWORD}x"), PASSWORD.to_owned()] {
        let asked = of(&credentials).await;
        asked.misses("the server knows no such user, password or token");
        asked.refuses("the server knows no such user, password or token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_user_alone() {
    let server = nats("authorization { token: \"hunter2\" }").await;
    let asked = Asked::begin(&format!("nats://{PASSWORD}@{}/leads.finished", server.address()), "", &[]).await;
    asked.misses("no stream takes leads.finished");
    stream_for(&server, "hunter2", json!({})).await;
    asked.takes("stream LEADS, sequence 1");
}

/// A server that shows a certificate for these names. `more`: in its `tls`.
async fn encrypted(names: &[&str], more: &str) -> (Server, Certificates) {
    let shown = Certificates::of(names);
    let [certificate, key, ca] = ["server.pem", "key.pem", "ca.pem"].map(|name| shown.path(name));
    let tls = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {ca:?}, {more} }}");
    (nats(&tls).await, shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_the_names_whatever_address_is_connected_to() {
    let (server, shown) = encrypted(&["localhost"], "").await;
    let own = "ca = 'ca.pem'\nallow_private = true";
    let files = [("ca.pem", &*shown.ca())];
    let at = |host: &str| format!("tls://{host}:{}/leads.x", server.port());
    // JetStream has answered: there is only no stream.
    Asked::begin(&at("localhost"), own, &files).await.misses("no stream takes leads.x");
    Asked::begin(&at("localhost"), "allow_private = true", &files).await.misses("name that CA's certificate as `ca`");
    Asked::begin(&at("127.0.0.1"), own, &files).await.misses("write the name that its certificate has into `url`");
    // The server asks for it in its first word.
    let open = at("localhost").replace("tls://", "nats://");
    Asked::begin(&open, own, &files).await.misses("no stream takes leads.x");

    // A name that leads there is not believed because the address is.
    let (server, shown) = encrypted(&["127.0.0.1"], "verify: true").await;
    let files = [("ca.pem", &*shown.ca()), ("client.pem", &*shown.client())];
    let shows = format!("{own}\nclient_cert = 'client.pem'");
    let at = |host: &str| format!("tls://{host}:{}/leads.x", server.port());
    Asked::begin(&at("127.0.0.1"), &shows, &files).await.misses("no stream takes leads.x");
    Asked::begin(&at("127.0.0.1"), own, &files).await.misses("name yours as `client_cert` and `client_key`");
    Asked::begin(&at("localhost"), &shows, &files).await.misses("write the name that its certificate has into `url`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_this_machine_wants_a_word_in_the_file() {
    let server = nats("").await;
    stream(&server).await;
    let url = url(&server).replace("127.0.0.1", "localhost");
    let asked = Asked::begin(&url, "", &[]).await;
    asked.misses("write allow_private = true");
    asked.refuses("write allow_private = true");
    let asked = Asked::begin(&url, "allow_private = true", &[]).await;
    asked.finds("stream LEADS takes leads.finished");
    asked.takes("stream LEADS, sequence 1");
    // Nobody listens there any more.
    drop(server);
    asked.misses("connection refused");
    asked.refuses("connection refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_jetstream_is_off_one_is_told_how_to_turn_it_on() {
    let server = Server::start("apt-get install nats-server", |port, _| {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        command
    })
    .await;
    let asked = Asked::begin(&url(&server), "", &[]).await;
    asked.misses("on a server with JetStream (`-js`)");
    asked.refuses("on a server with JetStream (`-js`)");
}
