//! The file is read again while leadhook runs: what is new holds at once, what is under way ends as it began, and nothing
//! is lost or sent twice.

use std::time::Duration;

use leadhook::simulator::{Behaviour, Mishap, Options, Receiver, ReceiverOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

/// `leadhook reload`, which must say that all of the file is in force.
#[track_caller]
fn reload(place: &Place, file: &File) -> String {
    place.write(file);
    let ran = place.run(&["reload"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    ran.out
}

/// A receiver whose every answer takes so long.
async fn slow(by: Duration) -> Receiver {
    let behaviour = Behaviour::Flaky { share: 1.0, kinds: vec![Mishap::Slow] };
    let options = ReceiverOptions { slow: by, keep: 2_000, ..ReceiverOptions::default() };
    Receiver::start_with(listener().await, behaviour, options).unwrap()
}

fn sorted(mut leads: Vec<u64>) -> Vec<u64> {
    leads.sort_unstable();
    leads
}

/// The leads of which it was told, in order.
fn leads(receiver: &Receiver) -> Vec<u64> {
    told(receiver).iter().map(|event| event["data"]["weclever_lead_id"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn under_live_traffic_every_event_arrives_once_and_in_order_whatever_the_file_says_meanwhile() {
    let load = Options {
        leads_per_second: 60.0,
        max_leads: Some(300),
        unrated_share: 0.0,
        ratings_later_share: 1.0,
        ratings_later_up_to: Duration::from_secs(1),
        ..by_hand()
    };
    let weclever = weclever(load).await;
    let [crm, steady, flow] =
        [slow(Duration::from_millis(40)).await, receiver(Behaviour::Fine).await, receiver(Behaviour::Fine).await];
    let start = (jiff::Timestamp::now() - Duration::from_secs(60)).to_string();
    let on = ["lead.finalized", "lead.rated"];
    let base = File::new(&weclever.base_url()).source("start", &start).list("recheck", &["1s", "2s", "4s", "8s"]);
    // Each file says something else of everything but `steady`.
    let file = |n: u64| {
        let file = base.clone().source("poll_every", &format!("{}ms", 100 + 20 * n)).number("concurrency", 4 + n);
        let crm_is = format!("headers = {{ X-File = \"{n}\" }}\nconcurrency = {}\nrate = \"{}/s\"", 3 + n, 400 + n);
        let file = file.destination("crm", &crm.url(), &crm_is).destination("steady", &steady.url(), "");
        let file = file.route_on("all", &on, "crm").route_on("too", &on, "steady");
        // Now it is there, and now it is not.
        if n.is_multiple_of(2) { file.destination("flow", &flow.url(), "").route_on("flow", &on, "flow") } else { file }
    };
    let place = Place::new(&file(0));
    let service = place.start().await;
    for n in 1..=8 {
        let so_far = steady.tally(|tally| tally.accepted);
        accepted(&steady, so_far + 20).await;
        if n % 3 == 0 {
            place.write(&file(n));
            service.signal("HUP");
            until("the file is in force", || service.logged("is in force") == n as usize).await;
        } else {
            reload(&place, &file(n));
        }
    }
    accepted(&crm, 600).await;
    accepted(&steady, 600).await;
    place
        .until_status("all is settled", |status| {
            status["destinations"].as_array().unwrap().iter().all(|each| each["pending"] == 0 && each["dead"] == 0)
        })
        .await;
    for receiver in [&crm, &steady, &flow] {
        receiver.tally(|tally| {
            assert_eq!(tally.requests, tally.by_id.len() as u64, "none of them twice");
            assert!(tally.out_of_order().is_empty(), "{:?}", tally.out_of_order());
        });
    }
    // What was recorded while there was a route to it arrived there; it was there half of the time.
    let flows = flow.tally(|tally| tally.accepted);
    assert!(flows > 50 && flows < 600, "{flows}");
    crm.tally(|tally| {
        let files = tally.kept.iter().map(|request| request.headers["x-file"].to_str().unwrap().parse().unwrap());
        let files: Vec<usize> = files.collect();
        for (i, file) in files.iter().enumerate() {
            // What was on its way as the next file came into force may arrive behind its first.
            let older = files[i..].iter().filter(|after| *after < file).count();
            assert!(older <= 3 + file, "an older file was in force again: {files:?}");
        }
        assert_eq!((files.first(), files.last()), (Some(&0), Some(&8)));
    });
    assert_eq!(service.logged("ERROR"), 0);
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_ends_under_the_file_that_it_began_with_while_the_next_one_is_in_force() {
    let weclever = weclever(by_hand()).await;
    let before = slow(Duration::from_secs(2)).await;
    let after = Receiver::start_with(
        listener().await,
        Behaviour::Fine,
        ReceiverOptions { secrets: vec![SECRET.into()], keep: 9, ..ReceiverOptions::default() },
    )
    .unwrap();
    let file = File::new(&weclever.base_url());
    let place = Place::new(&file.clone().to("crm", &before.url(), "secret = \"${file:secret}\""));
    place.write_text("secret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    assert!(before.wait_until(|tally| tally.open == 1, PATIENCE).await);
    // The secret is another one in the same file, and the URL another one in the file that names it.
    place.write_text("secret", SECRET);
    let said = reload(&place, &file.clone().to("crm", &after.url(), "secret = \"${file:secret}\"\ntimeout = \"1s\""));
    assert!(said.contains("leadhook.toml is in force; changed: destination crm\n"), "{said}");
    weclever.finalize(2, "sold");
    accepted(&after, 1).await;
    assert_eq!(before.tally(|tally| (tally.open, tally.accepted)), (1, 0), "the old one is still on the wire");
    // By the new file it would have been cut off after a second.
    accepted(&before, 1).await;
    place.until_status("both are settled", |status| destination(status, "crm")["delivered"] == 2).await;
    assert_eq!((leads(&before), leads(&after)), (vec![1], vec![2]));
    after.tally(|tally| assert_eq!((tally.verified, tally.bad), (1, 0), "signed with the new secret"));
    // Nothing in the file is different, only what it refers to.
    place.write_text("secret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(place.run(&["reload"]).out.contains("changed: destination crm"));
    assert!(place.run(&["reload"]).out.contains("leadhook.toml says what it said before: nothing has changed"));
    weclever.finalize(3, "sold");
    assert!(after.wait_until(|tally| tally.bad == 1, PATIENCE).await);
    service.stop();
}

/// What the old URL says of itself is not held against the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_says_that_it_is_gone_after_the_file_has_left_it_is_not_disabled() {
    let weclever = weclever(by_hand()).await;
    let gone = listener().await;
    let old = format!("http://{}/hook", gone.local_addr().unwrap());
    let new = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url());
    let place = Place::new(&file.clone().to("crm", &old, ""));
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    let (mut stream, _) = gone.accept().await.unwrap();
    stream.read_exact(&mut [0; 100]).await.unwrap();
    reload(&place, &file.to("crm", &new.url(), ""));
    stream.write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    accepted(&new, 1).await;
    place.until_status("it is delivered", |status| destination(status, "crm")["delivered"] == 1).await;
    let status = place.status();
    assert_eq!((&destination(&status, "crm")["state"], leads(&new)), (&"ok".into(), vec![1]));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_destination_that_leaves_the_file_is_parked_and_goes_on_when_it_is_back() {
    let weclever = weclever(by_hand()).await;
    let [crm, other] = [receiver(Behaviour::Fine).await, slow(Duration::from_millis(1_500)).await];
    let file = File::new(&weclever.base_url());
    let both = file.clone().to("crm", &crm.url(), "").to("other", &other.url(), "concurrency = 1");
    let place = Place::new(&both);
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    weclever.finalize(2, "sold");
    assert!(other.wait_until(|tally| tally.open == 1, PATIENCE).await);
    accepted(&crm, 2).await;
    let said = reload(&place, &file.clone().to("crm", &crm.url(), ""));
    assert!(said.contains("changed: routes, destination other is gone\n"), "{said}");
    // What was on the wire ends; what was not, waits.
    accepted(&other, 1).await;
    place.until_status("one is settled", |status| destination(status, "other")["delivered"] == 1).await;
    weclever.finalize(3, "sold");
    accepted(&crm, 3).await;
    let status = place.status();
    assert_eq!((&status["parked"][0]["destination"], &status["parked"][0]["pending"]), (&"other".into(), &1.into()));
    assert_eq!(destination(&status, "other")["state"], "not_in_file");
    service.until_logged("deliveries are parked").await;
    assert_eq!(other.tally(|tally| tally.requests), 1);
    reload(&place, &both);
    weclever.finalize(4, "sold");
    accepted(&other, 3).await;
    assert_eq!(sorted(leads(&other)), [1, 2, 4], "3 was none of its business");
    assert_eq!(sorted(leads(&crm)), [1, 2, 3, 4]);
    assert_eq!(other.tally(|tally| tally.most_open), 1, "never more at a time than it may have");
    assert_eq!(place.status()["parked"], serde_json::json!([]));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_changes_nothing_and_is_told_of_until_it_is_right() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url());
    let right = file.clone().to("crm", &crm.url(), "");
    let place = Place::new(&right);
    let service = place.start_and_read().await;
    let wrong = file.to("crm", &crm.url(), "timeout = \"soon\"").route("two", "cmr").text();
    place.write_text("leadhook.toml", &wrong);
    let (ran, check) = (place.run(&["reload"]), place.run(&["check"]));
    assert_eq!((ran.code, ran.err.as_str(), ran.out.as_str()), (78, check.err.as_str(), ""));
    assert!(ran.err.contains("did you mean `crm`?") && ran.err.contains("2 mistakes"), "{}", ran.err);
    assert_eq!(place.json(&["reload"], 78)["mistakes"], place.json(&["check"], 78)["mistakes"]);
    assert_eq!(service.logged("destinations.crm.timeout: `soon` is not a duration"), 2);
    // The service is asked by the file of before: that is why it can be asked at all.
    let status = place.run(&["status"]);
    assert_eq!(status.code, 1, "{}", status.err);
    let said = "and the one before is in force: 2 mistakes, the first: leadhook.toml:";
    assert!(status.out.contains(said), "{}", status.out);
    let reload_is = place.status()["reload"].clone();
    assert_eq!((&reload_is["times"], reload_is["at"].is_string()), (&2.into(), true), "{reload_is}");
    weclever.finalize(1, "sold");
    accepted(&crm, 1).await;
    // The same by the signal, and where the file is not there, or is no TOML at all.
    std::fs::remove_file(place.path("leadhook.toml")).unwrap();
    service.signal("HUP");
    service.until_logged("there is no file leadhook.toml").await;
    let ran = place.run(&["reload"]);
    assert!(ran.code == 78 && ran.err.contains("there is no file leadhook.toml"), "{}", ran.err);
    place.write_text("leadhook.toml", "[source\n");
    let ran = place.run(&["reload"]);
    assert!(ran.code == 78 && ran.err.contains("this is not TOML"), "{}", ran.err);
    assert_eq!(place.status()["reload"]["times"], 5);
    weclever.finalize(2, "sold");
    accepted(&crm, 2).await;
    reload(&place, &right);
    let status = place.json(&["status"], 0);
    assert_eq!((&status["reload"], &status["needs_a_look"]), (&serde_json::Value::Null, &serde_json::json!([])));
    service.stop();
    let ran = place.run(&["reload"]);
    assert_eq!((ran.code, ran.err.contains("no service works on data")), (69, true), "{}", ran.err);
    assert!(ran.err.contains("LEADHOOK_STORE__PATH=DIRECTORY"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_change_meanwhile_is_named_and_the_rest_holds() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    let other = file.clone().source("poll_every", "200ms").text();
    let other =
        other.replace("127.0.0.1:0", "127.0.0.1:8799") + "\n[store]\npath = \"elsewhere\"\nretention = \"9d\"\n";
    place.write_text("leadhook.toml", &other);
    // By the new file, commands look for the service where it is not.
    service.signal("HUP");
    service.until_logged("store.path: cannot change while leadhook runs").await;
    service.until_logged("changed=\"source, store\"").await;
    let place = place.with("LEADHOOK_STORE__PATH", "data");
    let status = place.status();
    assert_eq!(status["needs_restart"], serde_json::json!(["store.path", "admin.listen"]));
    assert!(status["needs_a_look"][0].as_str().unwrap().contains("store.path, admin.listen"), "{status:#}");
    assert!(!place.path("elsewhere").exists());
    let ran = place.run(&["reload"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("needs a restart: store.path, admin.listen"), "{}", ran.out);
    assert!(ran.out.contains("--> leadhook.toml:") && ran.out.contains("says what it said before"), "{}", ran.out);
    // Another platform's leads must not be read into the records of this one: all of that file is refused.
    place.write(&file.clone().source("platform_id", "other").source("poll_every", "9h"));
    let ran = place.run(&["reload"]);
    assert_eq!(ran.code, 78);
    let said = "source.platform_id: cannot change while leadhook runs, and reads `demo`";
    assert!(ran.err.contains(said) && ran.err.contains("--> leadhook.toml:"), "{}", ran.err);
    service.readings(2).await;
    place.write(&file);
    assert_eq!(place.run(&["reload"]).code, 0);
    let status = place.json(&["status"], 0);
    assert_eq!(status["needs_restart"], serde_json::json!([]));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_read_by_the_new_file_at_once() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let file = File::new(&weclever.base_url()).to("crm", &crm.url(), "");
    let place = Place::new(&file.clone().source("password", "wrong"));
    let service = place.start().await;
    service.until_logged("a window could not be read").await;
    // It would be asked again after a wait that doubles, and with a refused password not sooner than after ten seconds.
    reload(&place, &file.clone().source("poll_every", "1h"));
    place.all_is_read().await;
    weclever.finalize(1, "sold");
    let tokens = weclever.requests().token;
    reload(&place, &file.clone().source("poll_every", "100ms"));
    accepted(&crm, 1).await;
    assert_eq!(weclever.requests().token, tokens, "the token that is there is good");
    // What is below the last full hour is not asked for any more.
    let count = service.logged("window read");
    reload(&place, &file.clone().source("poll_every", "1h"));
    until("the file is in force", || service.logged("is in force") == 3).await;
    let after = service.logged("window read");
    assert!(after <= count + 2, "{count} {after}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_at_once_and_a_destination_that_fails_is_tried_at_once() {
    let weclever = weclever(by_hand()).await;
    let [crm, failing] = [receiver(Behaviour::Fine).await, receiver(Behaviour::Broken { status: 500 }).await];
    let many = "retry = { initial = \"20ms\", factor = 1.0, max = \"20ms\", attempts = 1000 }";
    let file = File::new(&weclever.base_url());
    let both = |rate: &str, more: &str| {
        file.clone().to("crm", &crm.url(), &format!("rate = \"{rate}\"")).to(
            "failing",
            &failing.url(),
            &format!("{many}\n{more}"),
        )
    };
    let place = Place::new(&both("1/h", ""));
    let service = place.start_and_read().await;
    (1..=6).for_each(|lead| weclever.finalize(lead, "sold"));
    accepted(&crm, 1).await;
    place.until_status("it fails", |status| destination(status, "failing")["state"] == "failing").await;
    let since = destination(&place.status(), "failing")["since"].clone();
    // Of the one nothing has changed: it goes on failing, and is not asked more often for that.
    let said = reload(&place, &both("1000/s", ""));
    assert!(said.contains("changed: destination crm\n"), "{said}");
    accepted(&crm, 6).await;
    assert_eq!(destination(&place.status(), "failing")["since"], since);
    failing.behave(Behaviour::Fine);
    reload(&place, &both("1000/s", "headers = { X-Mended = \"yes\" }"));
    accepted(&failing, 6).await;
    place.until_status("it is well", |status| destination(status, "failing")["state"] == "ok").await;
    let mended =
        failing.tally(|tally| tally.kept.iter().filter(|request| request.headers.contains_key("x-mended")).count());
    assert!(mended >= 6, "{mended}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_one_upon_another_and_during_the_drain_do_no_harm() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Hanging).await;
    // As deep as a template may be: a smaller stack than the one at start would not bear it.
    let deep = format!("{}csat.low or true{}", "(".repeat(DEEP), ")".repeat(DEEP));
    let file = File::new(&weclever.base_url()).destination("crm", &crm.url(), "timeout = \"5m\"");
    let file = file.route_with("all", &format!("on = [\"lead.finalized\"]\nwhen = \"{deep}\""), &["crm"]);
    let place = Place::new(&file);
    let mut service = place.start_with(&[]);
    // Some come before it can be asked: they wait until it runs.
    service.until_logged("has no secret").await;
    for _ in 0..20 {
        service.signal("HUP");
    }
    service.can_be_asked().await;
    until("the file was read again", || service.logged("is in force") > 0).await;
    place.all_is_read().await;
    weclever.finalize(1, "sold");
    assert!(crm.wait_until(|tally| tally.open == 1, PATIENCE).await);
    for _ in 0..20 {
        service.signal("HUP");
    }
    assert_eq!(place.run(&["reload"]).code, 0);
    service.signal("TERM");
    service.until_logged("a second signal ends at once").await;
    service.signal("HUP");
    service.until_logged("leadhook is stopping: the file is read when it is started again").await;
    let ran = place.run(&["reload"]);
    assert_eq!((ran.code, ran.err.contains("leadhook is stopping")), (69, true), "{}", ran.err);
    assert!(service.runs());
    crm.behave(Behaviour::Fine);
    service.signal("TERM");
    assert_eq!(service.ends(PATIENCE), 1);
    let service = place.start().await;
    accepted(&crm, 1).await;
    service.stop();
}

/// The deepest that the templates' language takes.
const DEEP: usize = 70;
