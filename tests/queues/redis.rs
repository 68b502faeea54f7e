//! Redis Streams: `redis-server` as Debian has it, and a consumer with redis-py.

use std::process::Command;

use serde_json::Value;

use crate::asked::{Asked, PASSWORD};
use crate::certificates::Certificates;
use crate::consumer::{Consumer, Repeats};
use crate::load::Load;
use crate::server::Server;
use crate::stories;
use crate::support::*;

const INSTALL: &str = "apt-get install redis-server";

/// What it has acknowledged is on disk. `more`: further options.
async fn redis(more: &[&str]) -> Server {
    let more: Vec<String> = more.iter().map(|option| (*option).to_owned()).collect();
    Server::start(INSTALL, move |port, directory| {
        let mut command = server(directory);
        command.args(["--port", &port.to_string()]).args(&more);
        command
    })
    .await
}

fn server(directory: &std::path::Path) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    command.arg("--dir").arg(directory);
    command
}

/// What `redis-cli` prints.
fn cli(server: &Server, args: &[&str]) -> String {
    let ran = Command::new("redis-cli").args(["-h", "127.0.0.1", "-p", &server.port().to_string()]).args(args).output();
    let ran = ran.unwrap_or_else(|error| panic!("redis-cli: {error}; {INSTALL}"));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

fn url(server: &Server) -> String {
    format!("redis://{}/0?stream=leads", server.address())
}

fn consumer(server: &Server) -> Consumer {
    Consumer::start("redis_reads.py", &[&format!("redis://{}/0", server.address()), "leads"])
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_events_arrive_once_each_and_verify() {
    let server = redis(&[]).await;
    let mut consumer = consumer(&server);
    let mut load = Load::begin(&url(&server), "headers = { X-Team = 'sales' }").await;
    load.leads(500).await;
    load.is_delivered().await;
    consumer.has(load.events()).await;
    consumer.is_content(2_000, Repeats::None);

    let first = cli(&server, &["--json", "XRANGE", "leads", "-", "+", "COUNT", "1"]);
    let first: Value = serde_json::from_str(&first).unwrap_or_else(|error| panic!("{error}: {first}"));
    let fields: Vec<&str> =
        first[0][1].as_array().unwrap().iter().step_by(2).map(|field| field.as_str().unwrap()).collect();
    assert_eq!(fields, ["webhook-id", "webhook-timestamp", "webhook-signature", "body", "x-team"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_none() {
    let mut server = redis(&[]).await;
    let url = url(&server);
    let _load = stories::a_kill_in_the_middle(&mut server, &url).await;
    let mut consumer = consumer(&server);
    consumer.has(600).await;
    consumer.is_content(600, Repeats::Some);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up_in_time() {
    let server = redis(&[]).await;
    let _load = stories::a_server_that_hangs(&server, &url(&server)).await;
    let mut consumer = consumer(&server);
    consumer.has(2).await;
    consumer.is_content(2, Repeats::Some);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_told_and_events_wait_until_it_is_gone() {
    let server = redis(&["--proto-max-bulk-len", "1mb"]).await;
    assert_eq!(cli(&server, &["LPUSH", "leads", "something"]), "1");
    let url = format!("{}&maxlen=100000", url(&server));
    let mut load = Load::begin(&url, PATIENT_RETRIES).await;
    load.round(2, 0).await;
    load.says("what has this name is no stream").await;
    assert_eq!(cli(&server, &["DEL", "leads"]), "1");
    load.is_delivered().await;
    assert_eq!(cli(&server, &["CONFIG", "SET", "maxmemory", "1"]), "OK");
    load.round(2, 1).await;
    load.says("its memory is full").await;
    assert_eq!(cli(&server, &["CONFIG", "SET", "maxmemory", "0"]), "OK");
    load.is_delivered().await;

    load.weclever.finalize(3, "sold");
    load.weclever.change(3, "name", "x".repeat(1 << 20));
    load.is_dead("the server takes up to 1.0 MB (proto-max-bulk-len)").await;
    let mut consumer = consumer(&server);
    consumer.has(4).await;
    consumer.is_content(4, Repeats::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so() {
    let server = redis(&[]).await;
    for user in
        ["may on >hunter2 ~leads +xadd +select", "not on >hunter2 ~* +@read +select", "far on >hunter2 ~else +@all"]
    {
        let rule: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(user.split(' ')).collect();
        assert_eq!(cli(&server, &rule), "OK", "{user}");
    }
    let of = async |credentials: &str| {
        Asked::begin(&format!("redis://{credentials}{}/3?stream=leads", server.address()), "timeout = '5s'", &[]).await
    };
    let asked = of(&format!("may:{PASSWORD}@")).await;
    asked.finds("we may add to the stream leads");
    assert_eq!(cli(&server, &["-n", "3", "EXISTS", "leads"]), "0", "looking has added something");
    asked.takes("stream leads, id ");
    assert_eq!(cli(&server, &["-n", "3", "XLEN", "leads"]), "1");
    asked.finds("we may add to the stream leads");
    for user in ["not", "far"] {
        let asked = of(&format!("{user}:{PASSWORD}@")).await;
        asked.misses("this user may not do it; allow `+xadd` and the stream");
        asked.refuses("this user may not do it; allow `+xadd` and the stream");
    }
    let asked = of(&format!("may:{PASSWORD}x@")).await;
    asked.misses("it knows no such user and password");
    asked.refuses("it knows no such user and password");
    let asked = of(&format!(":{PASSWORD}@")).await;
    asked.refuses("it has no password for the user `default`");

    assert_eq!(cli(&server, &["CONFIG", "SET", "requirepass", PASSWORD]), "OK");
    let asked = of("").await;
    asked.misses("it wants a password");
    asked.refuses("it wants a password");
    let asked = of(&format!(":{PASSWORD}@")).await;
    asked.finds("we may add to the stream leads, which is there");
    asked.takes("stream leads, id ");
}

/// A server that shows a certificate for this name, and wants to see one.
async fn encrypted(name: &str) -> (Server, Certificates) {
    let shown = Certificates::of(&[name]);
    let [certificate, key, ca] = ["server.pem", "key.pem", "ca.pem"].map(|name| shown.path(name));
    let server = Server::start(INSTALL, move |port, directory| {
        let mut command = server(directory);
        command.args(["--port", "0", "--tls-port", &port.to_string()]);
        command.arg("--tls-cert-file").arg(&certificate).arg("--tls-key-file").arg(&key);
        command.arg("--tls-ca-cert-file").arg(&ca);
        command
    })
    .await;
    (server, shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_both_sides_show_who_they_are() {
    let (server, shown) = encrypted("localhost").await;
    let files = [("ca.pem", &*shown.ca()), ("client.pem", &*shown.client())];
    let url = format!("rediss://localhost:{}/?stream=leads", server.port());
    let shows = "ca = 'ca.pem'\nclient_cert = 'client.pem'\nallow_private = true";
    let asked = Asked::begin(&url, shows, &files).await;
    asked.finds("we may add to the stream leads, which the first message will make");
    asked.takes("stream leads, id ");

    let unshown = "ca = 'ca.pem'\nallow_private = true";
    Asked::begin(&url, unshown, &files).await.misses("name yours as `client_cert` and `client_key`");
    Asked::begin(&url, "allow_private = true", &files).await.misses("name that CA's certificate as `ca`");
    let numbered = url.replace("localhost", "127.0.0.1");
    Asked::begin(&numbered, shows, &files).await.misses("write the name that its certificate has into `url`");
    // And who speaks without TLS to one that wants it, or with TLS to one that does not know it.
    Asked::begin(&url.replace("rediss", "redis"), "allow_private = true", &[])
        .await
        .misses("the connection was closed");
    let plain = redis(&[]).await;
    let url = format!("rediss://{}/?stream=leads", plain.address());
    Asked::begin(&url, "timeout = '1s'", &[]).await.misses("is the scheme of `url` right?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_this_machine_wants_a_word_in_the_file() {
    let server = redis(&["--databases", "2"]).await;
    let url = url(&server).replace("127.0.0.1", "localhost");
    let asked = Asked::begin(&url, "", &[]).await;
    asked.misses("write allow_private = true");
    asked.refuses("write allow_private = true");
    let asked = Asked::begin(&url, "allow_private = true", &[]).await;
    asked.finds("we may add to the stream leads, which the first message will make");
    asked.takes("stream leads, id ");
    let elsewhere = Asked::begin(&url.replace("/0?", "/7?"), "allow_private = true", &[]).await;
    elsewhere.misses("it has no database of the number in `url`");
    elsewhere.refuses("it has no database of the number in `url`");
    // Nobody listens there any more.
    drop(server);
    asked.misses("connection refused");
    asked.refuses("connection refused");
}
