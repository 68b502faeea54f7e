//! Each command and each path of the service, named one by one: with every kind of secret in the file and a person in every
//! lead, none tells either. What is added later has to be named here before this passes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::*;

/// In every secret; and the same in Base64, alone and behind `u:`, as it stands in a signing secret and a header.
const SECRET_MARKS: [&str; 3] = ["5ecr3t", "NWVjcjN0", "dTo1ZWNyM3Q"];
const ENCRYPTION_KEY: &str = "NWVjcjN0LWVuY3J5cHRpb24ta2V5LTAxMjM0NTY3ODk=";
const SIGNING: [&str; 2] = ["whsec_NWVjcjN0LXNpZ25pbmctb25lLTAxMjM0NTY=", "whsec_NWVjcjN0LXNpZ25pbmctdHdvLTAxMjM0NTY="];

/// In everything that is said of a person.
const PERSON_MARKS: [&str; 3] = ["p3rs0n", "95555-5505", "955555505"];

const RATING: &str = "p3rs0n's rating";

enum Shows {
    /// With these arguments: neither secrets nor anything about a person.
    Neither(&'static [&'static str]),
    /// Shown to its owner on purpose, the person is; secrets are not.
    ThePerson(&'static [&'static str]),
    /// The rating as it was written, on purpose: that is how somebody finds out why it was not understood. Nothing else.
    TheRating(&'static [&'static str]),
    /// Not asked here, and why.
    Elsewhere(&'static str),
}
use Shows::{Elsewhere, Neither, ThePerson, TheRating};

/// Every command. `ID` is a dead letter's; what changes something comes last.
const COMMANDS: &[(&str, Shows)] = &[
    ("run", Elsewhere("its log, at the most verbose level, is looked through below")),
    ("demo", Elsewhere("reads no file, and has people of its own")),
    ("init", Elsewhere("reads no file, and has nothing to tell of anybody")),
    ("check", Neither(&["check", "--online", "--log-level", "trace"])),
    ("doctor", Neither(&["doctor"])),
    ("status", Neither(&["status"])),
    ("tap", Elsewhere("runs beside the rest, below")),
    ("reload", Neither(&["reload"])),
    ("page", Neither(&["page"])),
    ("explain", TheRating(&["explain", "2"])),
    ("reconcile", Neither(&["reconcile", "--from", "2d", "--details"])),
    ("backfill", Neither(&["backfill", "--from", "2d", "--to-destination", "signed", "--dry-run"])),
    ("dead list", Neither(&["dead", "list"])),
    ("dead show", ThePerson(&["dead", "show", "ID"])),
    ("auth", Neither(&["auth", "oauth", "--status"])),
    ("route test", Neither(&["route", "test", "--simulated"])),
    ("preset list", Neither(&["preset", "list"])),
    ("preset show", Neither(&["preset", "show", "slack"])),
    ("schema", Neither(&["schema"])),
    ("store check", Neither(&["store", "check"])),
    ("store compact", Neither(&["store", "compact"])),
    ("store export", Neither(&["store", "export"])),
    ("store import", Neither(&["store", "import", "leadhook.toml"])),
    (
        "verify",
        Neither(&[
            "verify",
            "leadhook.toml",
            "--id",
            "x",
            "--timestamp",
            "1",
            "--signature",
            "v1,x",
            "--destination",
            "signed",
        ]),
    ),
    ("simulate", Elsewhere("reads no file, and has people of its own")),
    ("completions", Neither(&["completions", "bash"])),
    ("man", Neither(&["man"])),
    ("destination test", Neither(&["destination", "test", "bearer", "--log-level", "trace"])),
    ("destination pause", Neither(&["destination", "pause", "signed"])),
    ("destination resume", Neither(&["destination", "resume", "signed"])),
    ("destination move", Neither(&["destination", "move", "signed", "basic"])),
    ("destination drop", Neither(&["destination", "drop", "signed", "--yes"])),
    ("dead retry", Neither(&["dead", "retry", "ID"])),
    ("dead drop", Neither(&["dead", "drop", "--destination", "basic"])),
    ("forget", Neither(&["forget", "3", "--yes"])),
];

enum Path {
    /// Read with these, signed in, and nothing is asked to be shown.
    Masked(&'static str),
    /// A form that is sent there.
    Form(&'static str),
    /// Not asked here, and why.
    Apart(&'static str),
}
use Path::{Apart, Form, Masked};

/// Every path, as the sources name it. Those of commands are asked by the command that stands there.
const PATHS: &[(&str, Path)] = &[
    ("/healthz", Masked("/healthz")),
    ("/readyz", Masked("/readyz")),
    ("/metrics", Masked("/metrics")),
    ("/", Masked("/")),
    ("/find", Masked("/find?q=2")),
    ("/live", Apart("stays open: it is listened to below")),
    ("/sign-in", Masked("/sign-in")),
    ("/assets/{file}", Apart("the same for everyone")),
    ("/favicon.ico", Apart("the same for everyone")),
    ("/leads/{id}", Masked("/leads/2")),
    ("/events/{id}", Masked("/events/EVENT")),
    ("/dead", Masked("/dead")),
    ("/dead/{id}", Masked("/dead/ID")),
    ("/destinations/{name}", Masked("/destinations/bearer")),
    ("/destinations/{name}/pause", Form("/destinations/signed/pause")),
    ("/destinations/{name}/resume", Form("/destinations/signed/resume")),
    ("/destinations/{name}/test", Form("/destinations/bearer/test")),
    ("/dead/retry", Form("/dead/retry")),
    ("/dead/drop", Form("/dead/drop")),
    ("/dead/{id}/retry", Form("/dead/dead_nothing/retry")),
    ("/dead/{id}/drop", Form("/dead/dead_nothing/drop")),
    ("/dead/{id}/step-done", Form("/dead/ID/step-done")),
    ("/leads/{id}/show", Apart("the person, to its owner, on purpose: seen below, without a secret")),
    ("/leads/{id}/hide", Form("/leads/2/hide")),
    ("/sign-out", Apart("tests/it/doors.rs")),
    ("{API}{LINK}", Apart("`page`")),
    ("{API}{TAP}", Apart("`tap`")),
    ("Status", Apart("`status`")),
    ("DeadList", Apart("`dead list`")),
    ("DeadShow", Apart("`dead show`")),
    ("DeadRetry", Apart("`dead retry`")),
    ("DeadStepDone", Apart("/dead/{id}/step-done")),
    ("DeadDrop", Apart("`dead drop`")),
    ("Pause", Apart("`destination pause`")),
    ("Resume", Apart("`destination resume`")),
    ("Move", Apart("`destination move`")),
    ("DropPending", Apart("`destination drop`")),
    ("Explain", Apart("`explain`")),
    ("EventShow", Apart("/events/{id}, which hides what it says; it is the owner's, as `dead show` is")),
    ("History", Apart("/")),
    ("Forget", Apart("`forget`")),
    ("Test", Apart("`destination test`")),
    ("TokenShow", Apart("`auth --status`")),
    ("TokenAsk", Apart("tests/it/oauth")),
    ("SignIn", Apart("tests/it/oauth/sign_in.rs")),
    ("BackfillBegin", Apart("`backfill`")),
    ("BackfillShow", Apart("`backfill`")),
    ("BackfillList", Apart("`backfill`")),
    ("BackfillCancel", Apart("`backfill`")),
    ("ReconcileBegin", Apart("`reconcile`")),
    ("ReconcileList", Apart("`reconcile`")),
    ("ReconcileLeads", Apart("`reconcile`")),
    ("Reload", Apart("`reload`")),
    ("StoreCheck", Apart("`store check`")),
];

/// The names in a help's list of commands.
fn subcommands(place: &Place, of: &[&str]) -> Vec<String> {
    let help = place.run(&[of, &["--help"]].concat()).out;
    let listed = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn each_command_is_listed() {
    let place = Place::empty();
    let mut all = BTreeSet::new();
    for name in subcommands(&place, &[]) {
        let below = subcommands(&place, &[&name]);
        if below.is_empty() {
            all.insert(name);
        } else {
            all.extend(below.into_iter().map(|below| format!("{name} {below}")));
        }
    }
    assert!(all.len() > 20, "{all:?}");
    let listed: BTreeSet<String> = COMMANDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(all, listed, "each command says here what it may show");
}

#[test]
fn each_path_is_listed() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin");
    let mut all = BTreeSet::new();
    for directory in [sources.clone(), sources.join("page")] {
        for entry in std::fs::read_dir(directory).unwrap() {
            let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
            for after in text.split(".route(").skip(1) {
                let after = after.trim_start();
                let verb = after.strip_prefix("&path::<").and_then(|rest| rest.split('>').next());
                let path = verb.or_else(|| after.split('"').nth(1)).unwrap();
                all.insert(path.to_owned());
            }
        }
    }
    assert!(all.len() > 40, "{all:?}");
    let listed: BTreeSet<String> = PATHS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(all, listed, "each path says here what it may show");
}

#[track_caller]
fn tells_no_secret(what: &str, text: &str) {
    for mark in SECRET_MARKS {
        if let Some(line) = text.lines().find(|line| line.contains(mark)) {
            panic!("{what} tells a secret: {line}");
        }
    }
}

#[track_caller]
fn tells_neither(what: &str, text: &str) {
    tells_no_secret(what, text);
    for mark in PERSON_MARKS {
        if let Some(line) = text.lines().find(|line| line.contains(mark)) {
            panic!("{what} tells of a person: {line}");
        }
    }
}

/// The file with every kind of secret, some as variables.
fn file(base_url: &str, echo: &str) -> String {
    let more = "timeout = '2s'\nretry = { schedule = ['50ms'] }\n";
    let url = format!("{echo}/${{URL_PATH}}?key=5ecr3t-query");
    let proxy = format!("http://u:5ecr3t-proxy@{}", echo.trim_start_matches("http://"));
    let oauth = format!(
        "auth = {{ type = 'oauth2', token_url = '{echo}/token', client_id = 'leadhook', client_secret = '5ecr3t-client', grant = 'refresh_token', refresh_token = '5ecr3t-refresh', authorize_url = '{echo}/authorize', redirect_url = 'http://127.0.0.1:0/callback' }}"
    );
    let file = File::new(base_url)
        .source("heartbeat_url", &format!("{echo}/5ecr3t-heartbeat"))
        .source("password", "${PASSWORD}")
        .to("signed", &url, &format!("{more}secrets = {SIGNING:?}\nheaders = {{ X-Api-Key = '${{HEADER}}' }}"))
        .to("bearer", &url, &format!("{more}auth = {{ type = 'bearer', token = '${{BEARER}}' }}"))
        .to("basic", &url, &format!("{more}auth = {{ type = 'basic', username = 'u', password = '5ecr3t-basic' }}"))
        .to("header", &url, &format!("{more}auth = {{ type = 'header', name = 'X-Tenant', value = '5ecr3t-header' }}"))
        .to("query", &url, &format!("{more}auth = {{ type = 'query', name = 'access', value = '5ecr3t-auth-query' }}"))
        .to("proxied", "http://crm.example.com/hook", &format!("{more}proxy = '{proxy}'"))
        .to("oauth", &url, &format!("{more}{oauth}"));
    let admin = "listen = \"127.0.0.1:0\"\n";
    let text = file.text().replace(admin, &format!("{admin}token = '5ecr3t-admin-0123456789'\n"));
    format!("{text}\n[store]\nencryption_key = '${{STORE_KEY}}'\n")
}

const ALL: [&str; 7] = ["signed", "bearer", "basic", "header", "query", "proxied", "oauth"];

/// What is said on the line that stays open, until it has said that there is something new.
fn listen(asking: &Asking, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&asking.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let request = format!("GET /live HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", asking.address);
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn heard(mut stream: TcpStream) -> String {
    let (mut all, mut piece, began) = (Vec::new(), [0; 4096], Instant::now());
    while !String::from_utf8_lossy(&all).contains("event: ") && began.elapsed() < PATIENCE {
        if let Ok(more) = stream.read(&mut piece) {
            all.extend(&piece[..more]);
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_and_no_path_tells_a_secret_or_a_person() {
    let options = leadhook::simulator::Options { password: "5ecr3t-password".into(), ..by_hand() };
    let weclever = weclever(options).await;
    // It repeats what it does not like, as some do.
    let echo = Raw::start(|request, _| {
        if request.line.contains("/token") {
            let given = json!({"access_token": "5ecr3t-access", "refresh_token": "5ecr3t-rotated", "token_type": "Bearer", "expires_in": 3600});
            return Reply::new(200, "content-type: application/json\r\n", &given.to_string());
        }
        let body = String::from_utf8_lossy(&request.body);
        Reply::new(422, "", &format!("{}\n{:?}\n{body}", request.line, request.headers))
    })
    .await;
    let place = Place::empty()
        .with("PASSWORD", "5ecr3t-password")
        .with("HEADER", "5ecr3t-x-api-key")
        .with("BEARER", "5ecr3t-bearer")
        .with("URL_PATH", "5ecr3t-path")
        .with("STORE_KEY", ENCRYPTION_KEY);
    place.write_text("leadhook.toml", &file(&weclever.base_url(), &echo.url()));
    let service = place.start_with(&["--log-level", "trace"]);
    service.can_be_asked().await;
    place.all_is_read().await;
    let taps =
        [&["tap", "--json"][..], &["tap"], &["status", "--watch", "--every", "100ms"]].map(|args| place.spawn(args));
    for tap in &taps {
        until("it listens", || !tap.out().is_empty()).await;
    }
    let asking = Asking::of(&service);
    let link = place.json(&["page"], 0);
    let code = link["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let cookie = asking.from_its_page().post("/sign-in", &[("code", &code)]).cookie().unwrap();
    let owner = asking.from_its_page().with("Cookie", &cookie);
    let live = listen(&asking, &cookie);
    for id in 1..=3 {
        weclever.finalize(id, "sold");
        weclever.change(id, "name", "Ana p3rs0n");
        weclever.change(id, "phone", "+55 11 95555-5505");
        weclever.change(id, "email", "p3rs0n@example.com");
        weclever.change(id, "chats", json!({"messages": [{"id_chat": 1, "body": "a p3rs0n's message"}]}));
        weclever.change(id, "csat", json!({"message": "?", "rating": RATING}));
    }
    place
        .until_status("all of them are dead", |status| ALL.iter().all(|name| destination(status, name)["dead"] == 3))
        .await;
    tells_neither("/live", &heard(live));
    let all: Vec<String> = echo.requests().iter().map(|asked| format!("{} {:?}", asked.line, asked.headers)).collect();
    for used in [
        "5ecr3t-path",
        "5ecr3t-x-api-key",
        "5ecr3t-bearer",
        "5ecr3t-header",
        "5ecr3t-auth-query",
        "5ecr3t-heartbeat",
        "5ecr3t-access",
    ] {
        assert!(all.iter().any(|asked| asked.contains(used)), "{used} was not used: {all:#?}");
    }

    // The paths, signed in.
    let letters = place.json(&["dead", "list"], 1);
    let of = |name: &str| -> Value {
        let mut letters = letters["letters"].as_array().unwrap().iter();
        letters.find(|letter| letter["lead"] == 2 && letter["delivery"]["destination"] == name).unwrap().clone()
    };
    let id = of("bearer")["id"].as_str().unwrap().to_owned();
    let event = of("bearer")["delivery"]["event_id"].as_str().unwrap().to_owned();
    let filled = |path: &str| path.replace("EVENT", &event).replace("ID", &id);
    let forgery = owner.get("/").hidden("forgery");
    for (_, path) in PATHS {
        let (path, heard) = match path {
            Masked(path) => (path, owner.get(&filled(path))),
            Form(path) => {
                (path, owner.post(&filled(path), &[("forgery", &forgery), ("total", "0"), ("error", "no such error")]))
            }
            Apart(why) => {
                assert!(!why.is_empty());
                continue;
            }
        };
        // What there is nothing to be done about is said so.
        let most = if path.contains("dead_nothing") || path.contains("step-done") { 499 } else { 399 };
        assert!(heard.status <= most, "{path}: {} {}", heard.status, heard.body);
        tells_neither(path, &format!("{:?}\n{}", heard.headers, heard.body));
    }
    for page in ["/metrics", "/", "/leads/2", "/events/EVENT", "/dead", "/dead/ID", "/destinations/bearer"] {
        assert_eq!(owner.get(&filled(page)).status, 200, "{page}");
    }
    // On purpose.
    assert_eq!(owner.post("/leads/2/show", &[("forgery", &forgery)]).status, 303);
    for name in ALL {
        let letter = of(name)["id"].as_str().unwrap().to_owned();
        let shown = owner.get(&format!("/dead/{letter}"));
        assert!(shown.body.contains("p3rs0n"), "{name}: {}", shown.body);
        tells_no_secret(&format!("the dead letter of {name}, shown"), &shown.body);
        for json in [&[][..], &["--json"]] {
            let shown = place.run(&[&["dead", "show", &letter], json].concat());
            tells_no_secret(&format!("dead show, of {name}"), &(shown.out + &shown.err));
        }
    }
    for page in ["/leads/2", "/events/EVENT"] {
        tells_no_secret(page, &owner.get(&filled(page)).body);
    }

    // The commands, beside the service.
    let unasked = RefCell::new(Vec::new());
    let run = |name: &str, args: &[&str]| {
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "ID" { id.as_str() } else { arg }).collect();
        let ran = place.run(&args);
        let said = ran.out + &ran.err;
        if ran.code == 2 || said.is_empty() {
            unasked.borrow_mut().push(format!("{name}: {} {said}", ran.code));
        }
        said
    };
    for (name, shows) in COMMANDS {
        let args = match shows {
            Neither(args) | ThePerson(args) | TheRating(args) => *args,
            Elsewhere(why) => {
                assert!(!why.is_empty(), "{name}");
                continue;
            }
        };
        let mut said = vec![run(name, args)];
        // What changes something has changed it once it was asked.
        if !["dead retry", "dead drop", "destination drop", "store import"].contains(name) {
            said.push(run(name, &[args, &["--json"]].concat()));
        }
        for said in said {
            match shows {
                ThePerson(_) => {
                    assert!(said.contains("p3rs0n"), "{name}: {said}");
                    tells_no_secret(name, &said);
                }
                TheRating(_) => {
                    assert!(said.contains(RATING), "{name}: {said}");
                    tells_neither(name, &said.replace(RATING, ""));
                }
                _ => tells_neither(name, &said),
            }
        }
    }
    for tap in taps {
        tap.signal("INT");
        let ran = tap.ends();
        assert!(!ran.out.is_empty());
        tells_neither("tap, or status --watch", &(ran.out + &ran.err));
    }
    tells_neither("the log", &service.stop());
    // And without it.
    for args in [
        &["status"][..],
        &["explain", "1"],
        &["dead", "list"],
        &["store", "check"],
        &["store", "compact"],
        &["store", "export"],
    ] {
        tells_neither("without a service", &run("without a service", args).replace(RATING, ""));
    }
    assert_eq!(unasked.into_inner(), Vec::<String>::new(), "none was mistyped");
}

#[test]
fn no_mistake_in_the_file_repeats_a_secret_beside_it() {
    let place = Place::empty()
        .with("PASSWORD", "5ecr3t-password")
        .with("HEADER", "5ecr3t-x-api-key")
        .with("BEARER", "5ecr3t-bearer")
        .with("URL_PATH", "5ecr3t-path")
        .with("STORE_KEY", ENCRYPTION_KEY);
    let right = file("http://127.0.0.1:9", "http://127.0.0.1:9");
    place.write_text("leadhook.toml", &right);
    assert_eq!(place.run(&["check"]).code, 0, "{}", place.run(&["check"]).err);
    for (old, new) in [
        ("password = \"${PASSWORD}\"", "pasword = \"5ecr3t-password\""),
        ("password = \"${PASSWORD}\"", "password = [\"5ecr3t-password\"]"),
        ("password = \"${PASSWORD}\"", "password = \"5ecr3t-password"),
        ("password = \"${PASSWORD}\"", "password = 5ecr3t-password"),
        ("password = \"${PASSWORD}\"", "password = \"5ecr3t-${NOBODY}\""),
        ("password = \"${PASSWORD}\"", "password = \"5ecr3t\"\ntoken = \"5ecr3t-token\""),
        ("heartbeat_url = \"http://", "heartbeat_url = \"5ecr3t://"),
        ("token = '5ecr3t-admin-0123456789'", "token = '5ecr3t'"),
        ("token = '5ecr3t-admin-0123456789'", "tokn = '5ecr3t-admin-0123456789'"),
        ("encryption_key = '${STORE_KEY}'", "encryption_key = '5ecr3t-too-short'"),
        ("encryption_key = '${STORE_KEY}'", "encryption_key = ['5ecr3t', 5]"),
        ("\"whsec_NWVj", "\"whsec_5ecr3t!"),
        ("\"whsec_NWVj", "\"5ecr3t"),
        ("X-Api-Key = '${HEADER}'", "X-Api-Key = \"5ecr3t\\n${HEADER}\""),
        ("X-Api-Key = '${HEADER}'", "X-Api-Key = '${HEADER}{{ nothing.of(that }}'"),
        ("X-Api-Key = '${HEADER}'", "webhook-id = '${HEADER}'"),
        ("token = '${BEARER}'", "tokem = '5ecr3t-bearer'"),
        ("token = '${BEARER}'", "password = '5ecr3t-bearer'"),
        ("type = 'basic'", "type = 'digest'"),
        ("client_secret = '5ecr3t-client'", "client_secret = 5.5, client_sekret = '5ecr3t-client'"),
        ("refresh_token = '5ecr3t-refresh'", "refresh_token = '5ecr3t-refresh', refresh_token = '5ecr3t-again'"),
        ("proxy = 'http://u:5ecr3t-proxy@", "proxy = 'ftp://u:5ecr3t-proxy@"),
        ("/${URL_PATH}?key=5ecr3t-query", "/5ecr3t-path?key=5ecr3t-query {{ nothing.of(that }}"),
        ("url = \"http://127.0.0.1:9/${URL_PATH}", "url = \"htp://127.0.0.1:9/5ecr3t-path"),
        ("url = \"http://127.0.0.1:9/${URL_PATH}", "url = \"5ecr3t-path"),
    ] {
        assert!(right.contains(old), "{old}");
        place.write_text("leadhook.toml", &right.replace(old, new));
        for args in [&["check"][..], &["check", "--json"], &["run"]] {
            let ran = place.run(args);
            assert_ne!(ran.code, 0, "{new} is no mistake: {}", ran.out);
            tells_no_secret(&format!("`{}` on `{new}`", args.join(" ")), &(ran.out + &ran.err));
        }
    }
}
