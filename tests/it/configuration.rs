//! The file, the environment, and the commands that need neither a service nor a store.

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

const WRONG: &str = r#"
[source]
platform_id = "demo"
username = "demo"
password = "${NOT_SET_ANYWHERE}"
poll_evry = "60s"

[admin]
listen = "127.0.0.1:0"

[destinations.crm]
url = "https://crm.example.com/hook"
timeout = "fast"

[[routes]]
name = "all"
on = ["lead.finalized"]
to = ["cmr"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_ends_with_78_and_nothing_is_opened_made_or_sent() {
    let place = Place::empty();
    place.write_text("leadhook.toml", WRONG);
    for args in [
        vec!["run"],
        vec!["run", "--once"],
        vec!["check"],
        vec!["check", "--online"],
        vec!["status"],
        vec!["dead", "list"],
        vec!["destination", "test", "crm"],
        vec!["destination", "pause", "crm"],
    ] {
        let ran = place.run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (78, ""), "{args:?}: {}", ran.err);
        // All of them at once, each with its place, its key and a remedy.
        for part in ["NOT_SET_ANYWHERE", "poll_evry", "poll_every", "leadhook.toml:6:1", "timeout", "cmr", "4 mistakes"]
        {
            assert!(ran.err.contains(part), "{args:?}: no {part} in {}", ran.err);
        }
    }
    let report = place.json(&["check"], 78);
    assert_eq!((&report["ok"], report["mistakes"].as_array().unwrap().len()), (&false.into(), 4));
    assert!(report["mistakes"].as_array().unwrap().iter().all(|mistake| {
        mistake["line"].is_u64() && mistake["column"].is_u64() && !mistake["help"].as_str().unwrap().is_empty()
    }));
    assert_eq!(place.entries(), ["leadhook.toml"]);

    let empty = Place::empty();
    let ran = empty.run(&["run"]);
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("leadhook.toml") && ran.err.contains("leadhook init"), "{}", ran.err);
    assert!(empty.entries().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_asks_for_a_token_and_a_list_and_reaches_for_each_destination() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let more = format!("secret = {SECRET:?}");
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), &more));
    let good = place.json(&["check", "--online"], 0);
    assert_eq!((&good["ok"], good["online"].as_array().unwrap().len()), (&true.into(), 3));
    assert_eq!((weclever.requests().token, weclever.requests().list), (1, 1));
    assert_eq!(receiver.tally(|tally| tally.requests), 0, "no event is sent");
    let offline = place.run(&["check"]);
    assert_eq!(offline.code, 0);
    assert!(offline.out.contains("is right"), "{}", offline.out);
    assert_eq!(weclever.requests().total(), 2);

    let bad = File::new(&weclever.base_url()).source("password", "wrong").to("crm", &nobody().await, &more);
    place.write(&bad);
    let bad = place.json(&["check", "--online"], 1);
    let oks: Vec<(&str, bool)> = bad["online"]
        .as_array()
        .unwrap()
        .iter()
        .map(|probe| (probe["what"].as_str().unwrap(), probe["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(oks, [("token", false), ("destination crm", false)]);
    let text = place.run(&["check", "--online"]);
    assert_eq!(text.code, 1);
    assert!(text.out.contains("FAILED") && text.out.contains("401"), "{}", text.out);
    assert_eq!(place.entries(), ["leadhook.toml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_init_writes_is_right_once_its_variables_are_set_and_runs() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::empty();
    let args = ["init", "--platform-id", "demo", "--url", "${CRM_URL}", "--start", "2026-01-01"];
    let written = place.json(&args, 0);
    assert_eq!(
        written["variables"],
        serde_json::json!(["WECLEVER_USERNAME", "WECLEVER_PASSWORD", "CRM_URL", "CRM_SECRET"])
    );
    assert_eq!(place.entries(), ["leadhook.schema.json", "leadhook.toml"]);
    let text = std::fs::read_to_string(place.path("leadhook.toml")).unwrap();
    // Editors read it beside the file, which names it.
    assert!(text.starts_with("#:schema ./leadhook.schema.json\n"), "{text}");
    let schema = || std::fs::read_to_string(place.path("leadhook.schema.json")).unwrap();
    assert_eq!(schema(), place.run(&["schema"]).out);
    place.write_text("leadhook.schema.json", &schema().replace("boolean", "string"));
    assert!(text.contains("2026-01-01") && !text.contains(written["secret"].as_str().unwrap()));
    assert_eq!(place.run(&args).code, 2, "a file that is there is not written over");
    assert_eq!(place.run(&["init", "--url", "https://crm.example.com"]).code, 2, "nobody is there to be asked");
    let odd = place.run(&[&args[..], &["--force", "--destination", "My CRM!"]].concat());
    assert!(odd.code == 2 && odd.err.contains("`My CRM!` is no name"), "{}", odd.err);
    assert_eq!(place.run(&[&args[..], &["--force"]].concat()).code, 0);
    assert_eq!(schema(), place.run(&["schema"]).out, "one of another version is renewed");
    place.write_text("leadhook.schema.json", "{}");
    assert_eq!(place.run(&[&args[..], &["--force"]].concat()).code, 0);
    assert_eq!(schema(), "{}", "one that somebody else has written is left alone");

    let unset = place.run(&["check"]);
    assert!(unset.code == 78 && unset.err.contains("CRM_SECRET") && unset.err.contains("WECLEVER_PASSWORD"));
    let start = (jiff::Timestamp::now() - std::time::Duration::from_secs(60)).to_string();
    let place = place
        .with("WECLEVER_USERNAME", "demo")
        .with("WECLEVER_PASSWORD", "demo")
        .with("CRM_URL", &receiver.url())
        .with("CRM_SECRET", SECRET)
        .with("LEADHOOK_SOURCE__BASE_URL", &weclever.base_url())
        .with("LEADHOOK_SOURCE__START", &start);
    assert_eq!(place.run(&["check"]).code, 0);
    weclever.finalize(1, "sold");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    receiver.tally(|tally| assert_eq!((tally.verified, tally.bad), (1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_named_before_or_after_the_command_or_by_a_variable_and_variables_override_keys() {
    let place = Place::empty();
    let file = |platform: &str| File::new("http://127.0.0.1:9").source("platform_id", platform).text();
    for name in ["one.toml", "two.toml"] {
        place.write_text(name, &file(name));
    }
    let platform = |place: &Place, args: &[&str]| {
        let report = place.json(args, 0);
        report["summary"].to_string()
    };
    assert!(platform(&place, &["--config", "one.toml", "check"]).contains("one.toml"));
    assert!(platform(&place, &["check", "--config", "two.toml"]).contains("two.toml"));
    assert_eq!(place.run(&["check"]).code, 78);
    let place = place.with("LEADHOOK_CONFIG", "two.toml");
    assert!(platform(&place, &["check"]).contains("two.toml"));
    assert!(platform(&place, &["check", "--config", "one.toml"]).contains("one.toml"));
    let place = place.with("LEADHOOK_SOURCE__PLATFORM_ID", "from-the-environment");
    assert!(platform(&place, &["check"]).contains("from-the-environment"));
    let place = place.with("LEADHOOK_SOURCE__CONCURENCY", "3");
    let ran = place.run(&["check"]);
    assert!(ran.code == 78 && ran.err.contains("LEADHOOK_SOURCE__CONCURENCY"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_may_stand_in_files_of_their_own() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).source("password", "${file:secrets/password}");
    let place = Place::new(&file.to("crm", &receiver.url(), "secret = \"${file:secrets/crm}\""));
    assert_eq!(place.run(&["check"]).code, 78);
    std::fs::create_dir(place.path("secrets")).unwrap();
    place.write_text("secrets/password", "demo\n");
    place.write_text("secrets/crm", &format!("{SECRET}\n"));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    accepted(&receiver, 1).await;
    receiver.tally(|tally| assert_eq!((tally.verified, tally.bad), (1, 0)));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_a_good_signature_from_a_bad_one() {
    // The published example.
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    let place = Place::empty().with("LEADHOOK_SECRET", secret);
    let args = |id, signature| ["verify", "--id", id, "--timestamp", "1649367553", "--signature", signature, "--json"];
    for (id, body, signature, good) in [
        (id, &body[..], signature, true),
        ("msg_2", body, signature, false),
        (id, b"{}", signature, false),
        (id, body, "v1,AAAA", false),
    ] {
        let ran = place.run_with(&args(id, signature), body);
        let verified: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &verified["valid"]), (if good { 0 } else { 1 }, &good.into()), "{id} {signature}");
    }
    assert_eq!(Place::empty().run_with(&args(id, signature), body).code, 2, "no secret at all");
    place.write_text("body.json", std::str::from_utf8(body).unwrap());
    assert_eq!(place.run(&[&args(id, signature)[..], &["body.json"]].concat()).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_with_json_prints_one_document_and_logs_on_standard_error() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Broken { status: 422 }).await;
    let other = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - std::time::Duration::from_secs(60)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start);
    let place = Place::new(&file.to("crm", &crm.url(), "").to("other", &other.url(), ""));
    weclever.finalize(1, "sold");
    weclever.finalize(2, "sold");
    place.json(&["run", "--once"], 1);
    let letter = place.json(&["dead", "list"], 1)["letters"][0]["id"].as_str().unwrap().to_owned();
    for running in [false, true] {
        let service = if running { Some(place.start().await) } else { None };
        for (args, code) in [
            (vec!["status"], 1),
            (vec!["check"], 0),
            (vec!["check", "--online"], 0),
            (vec!["dead", "list"], 1),
            (vec!["dead", "show", &letter], 0),
            (vec!["dead", "retry", "--error", "nothing says this"], 0),
            (vec!["dead", "drop", "--error", "nothing says this"], 0),
            (vec!["destination", "pause", "other"], 0),
            (vec!["destination", "resume", "other"], 0),
            (vec!["destination", "test", "other"], 0),
            (vec!["destination", "test", "crm"], 1),
            (vec!["destination", "move", "crm", "other"], 0),
            (vec!["destination", "drop", "crm", "--yes"], 0),
            (
                vec![
                    "init",
                    "--config",
                    "new.toml",
                    "--force",
                    "--platform-id",
                    "p",
                    "--url",
                    "https://crm.example.com",
                ],
                0,
            ),
        ] {
            // Reads the whole of standard output as one document, whatever is logged beside it.
            assert!(place.json(&[&args[..], &["--log-level", "trace"]].concat(), code).is_object(), "{args:?}");
        }
        drop(service);
    }
}
