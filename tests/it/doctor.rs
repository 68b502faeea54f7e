//! `leadhook doctor`: each thing that the API's page leaves open is found out, whichever way it is.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use leadhook::simulator::{CapKeeps, FaultKind, Faults, MessageDates, Misread, Options, Plus, WeClever};
use serde_json::Value;

use crate::support::*;

/// A lead every few seconds for the last two hours, and none from now on.
fn busy() -> Options {
    Options { past_leads: 600, ..by_hand() }
}

/// One lead, finalized hours ago.
async fn quiet(options: Options) -> WeClever {
    let weclever = weclever(Options { past_leads: 0, ..options }).await;
    weclever.finalize_at(1, "sold", weclever.now() - Duration::from_secs(5 * 3600));
    weclever
}

fn file(weclever: &WeClever) -> File {
    File::new(&weclever.base_url()).source("rate", "1000/s")
}

/// What was found out about something.
#[track_caller]
fn about<'a>(report: &'a Value, about: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["about"] == about).unwrap_or_else(|| panic!("no {about} in {report:#}"))
}

/// In three words: what was found, how sure, whether it fits.
#[track_caller]
fn told(report: &Value, what: &str) -> [String; 3] {
    let finding = about(report, what);
    ["found", "certainty", "fits"].map(|key| finding[key].as_str().unwrap_or("-").to_owned())
}

/// Runs it, whatever its exit code, which must be 0 exactly where all fits.
#[track_caller]
fn examined(place: &Place, args: &[&str]) -> Value {
    let ran = place.run(&[&["doctor", "--json"], args].concat());
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let fits = report["findings"].as_array().unwrap().iter().all(|finding| finding["fits"] == "yes");
    assert_eq!((ran.code, &report["ok"]), (if fits { 0 } else { 1 }, &fits.into()), "{report:#}");
    report
}

async fn examined_with(options: Options) -> Value {
    let weclever = weclever(options).await;
    examined(&Place::new(&file(&weclever)), &[])
}

/// Writes the proposed lines into the file, after which all must fit.
#[track_caller]
fn all_fits_with_the_lines(place: &Place, file: &File, report: &Value) {
    let mut file = file.clone();
    for line in report["lines"].as_array().unwrap() {
        let (key, value) = line.as_str().unwrap().split_once(" = ").unwrap();
        file = match value {
            "true" | "false" => file.without(key).bare(key, value),
            text => file.source(key, text.trim_matches('"')),
        };
    }
    place.write(&file);
    let again = examined(place, &[]);
    assert_eq!((&again["ok"], again["lines"].as_array().unwrap().len()), (&true.into(), 0), "{report:#}{again:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_as_the_file_says_fits_and_is_asked_little() {
    let weclever = weclever(busy()).await;
    let place = Place::new(&file(&weclever));
    let report = examined(&place, &[]);
    for (what, found, certainty) in [
        ("token", "-", "unknown"),
        ("access", "Authorization: Bearer", "sure"),
        ("plus", "either", "sure"),
        ("zone", "-03:00", "sure"),
        ("ends", "both", "sure"),
        ("cap", "none", "sure"),
        ("status", "200", "sure"),
        ("clock", "0s", "sure"),
    ] {
        assert_eq!(told(&report, what), [found, certainty, "yes"], "{what}");
    }
    let requests = weclever.requests();
    assert_eq!(report["requests"], requests.total());
    assert!(requests.total() <= 45 && requests.detail <= 3 && requests.token == 1, "{requests:?}");
    assert_eq!(weclever.most_at_once(), 1);
    // Nothing is kept: no store, no change of the file.
    assert_eq!(place.entries(), ["leadhook.toml"]);

    let text = place.run(&["doctor"]);
    assert!(text.code == 0 && text.out.contains("all of it fits") && text.out.contains("-03:00"), "{}", text.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_is_found_whichever_it_is() {
    for (header, scheme, found) in [
        ("Authorization", "", "Authorization"),
        ("Authorization", "JWT", "Authorization: JWT"),
        ("token", "", "token"),
        ("x-access-token", "", "x-access-token"),
        ("x-api-key", "", "x-api-key"),
    ] {
        let options = Options { auth_header: header.into(), auth_scheme: scheme.into(), ..busy() };
        let weclever = weclever(options).await;
        let file = file(&weclever);
        let place = Place::new(&file);
        let report = examined(&place, &[]);
        assert_eq!(told(&report, "access"), [found, "sure", "no"]);
        // And all the rest is found out through it.
        assert_eq!(told(&report, "zone")[0], "-03:00");
        assert!(weclever.requests().token <= 1);
        all_fits_with_the_lines(&place, &file, &report);
    }
    let report = examined_with(Options { auth_header: "X-Nobody-Would-Guess".into(), ..busy() }).await;
    assert_eq!(told(&report, "access"), ["-", "unknown", "look"]);
    assert_eq!(told(&report, "zone"), ["-", "unknown", "look"]);
    let report = examined_with(Options { open: true, ..busy() }).await;
    assert_eq!(told(&report, "access"), ["-", "unknown", "yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spelling_of_a_plus_is_found_whatever_becomes_of_the_other() {
    for misread in [Misread::Refused, Misread::Empty, Misread::Day] {
        for (plus, found, fits) in [(Plus::Plain, "plain", "yes"), (Plus::Escaped, "escaped", "no")] {
            let weclever = weclever(Options { plus, misread, ..busy() }).await;
            let file = file(&weclever);
            let place = Place::new(&file);
            let report = examined(&place, &[]);
            assert_eq!(told(&report, "plus"), [found, "sure", fits], "{misread:?}");
            assert_eq!(told(&report, "ends")[0], "both", "{misread:?}");
            all_fits_with_the_lines(&place, &file, &report);
        }
    }
    // Without a lead only a refusal tells.
    for (misread, told_so) in
        [(Misread::Refused, ["escaped", "likely", "no"]), (Misread::Empty, ["-", "unknown", "look"])]
    {
        let report = examined_with(Options { plus: Plus::Escaped, misread, ..by_hand() }).await;
        assert_eq!(told(&report, "plus"), told_so, "{misread:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zone_is_found_whichever_it_is() {
    for (zone, found) in [
        ("UTC", "+00:00"),
        ("America/Manaus", "-04:00"),
        ("America/Noronha", "-02:00"),
        ("Asia/Kolkata", "+05:30"),
        ("Pacific/Kiritimati", "+14:00"),
        ("Etc/GMT+12", "-12:00"),
    ] {
        let weclever = weclever(Options { zone: zone.into(), ..busy() }).await;
        let file = file(&weclever);
        let place = Place::new(&file);
        let report = examined(&place, &[]);
        let [is, certainty, fits] = told(&report, "zone");
        assert_eq!((&*is, &*fits), (found, "no"), "{zone}: {certainty}");
        // East of Greenwich the messages' dates might be those of the API's own clock.
        assert_eq!(certainty, if found.starts_with('-') { "sure" } else { "likely" }, "{zone}");
        all_fits_with_the_lines(&place, &file, &report);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_says_when_it_was_a_zone_is_at_most_likely() {
    // The newest lead is seconds old by the file's zone, and the messages' dates name none.
    let options = Options { message_dates: MessageDates::Local, ..busy() };
    assert_eq!(told(&examined_with(options.clone()).await, "zone"), ["-03:00", "likely", "yes"]);
    // It may be an hour old, and that zone another; but not the file's, where it would lie ahead of now.
    let report = examined_with(Options { zone: "UTC".into(), ..options.clone() }).await;
    assert_eq!(told(&report, "zone"), ["-", "unknown", "no"]);
    // West of the file's, nothing speaks against it.
    let report = examined_with(Options { zone: "America/Manaus".into(), ..options }).await;
    assert_eq!(told(&report, "zone"), ["-", "unknown", "look"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_finalized_it_is_said_how_to_be_sure_and_waiting_makes_it_so() {
    for zone in ["America/Sao_Paulo", "UTC", "America/Manaus"] {
        let weclever = quiet(Options { zone: zone.into(), message_dates: MessageDates::Local, ..by_hand() }).await;
        let place = Place::new(&file(&weclever));
        let report = examined(&place, &[]);
        assert_eq!(told(&report, "zone")[1], "unknown", "{zone}");
        assert!(about(&report, "zone")["why"].as_str().unwrap().contains("--wait"), "{report:#}");

        let before = weclever.requests().list;
        let waiting = place.spawn(&["doctor", "--wait", "40s", "--json"]);
        // It has looked at everything and waits: only then does somebody finish a conversation.
        assert!(weclever.wait_until(|weclever| weclever.requests().list > before + 30, PATIENCE).await);
        weclever.finalize(2, "sold");
        let report: Value = serde_json::from_str(&waiting.ends().out).unwrap();
        let found = match zone {
            "UTC" => "+00:00",
            "America/Manaus" => "-04:00",
            _ => "-03:00",
        };
        let fits = if found == "-03:00" { "yes" } else { "no" };
        assert_eq!(told(&report, "zone"), [found, "sure", fits], "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_without_any_lead_leaves_open_what_only_leads_tell() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&file(&weclever));
    let report = examined(&place, &[]);
    assert_eq!(told(&report, "access"), ["Authorization: Bearer", "sure", "yes"]);
    for what in ["plus", "zone"] {
        assert_eq!(told(&report, what), ["-", "unknown", "look"], "{what}");
    }
    for what in ["ends", "cap", "status"] {
        assert_eq!(told(&report, what), ["-", "unknown", "yes"], "{what}");
    }
    assert!(weclever.requests().total() <= 20);
    // The first lead ever tells it all.
    let before = weclever.requests().list;
    let waiting = place.spawn(&["doctor", "--wait", "40s", "--json"]);
    assert!(weclever.wait_until(|weclever| weclever.requests().list >= before + 10, PATIENCE).await);
    weclever.finalize(1, "sold");
    let report: Value = serde_json::from_str(&waiting.ends().out).unwrap();
    assert_eq!(told(&report, "zone"), ["-03:00", "sure", "yes"], "{report:#}");
    assert_eq!(told(&report, "plus"), ["either", "sure", "yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ends_of_a_list_are_found_out() {
    for (first_included, last_included, found) in
        [(true, true, "both"), (true, false, "one"), (false, true, "one"), (false, false, "neither")]
    {
        let report = examined_with(Options { first_included, last_included, ..busy() }).await;
        assert_eq!(told(&report, "ends"), [found, "sure", "yes"]);
        assert_eq!(told(&report, "zone"), ["-03:00", "sure", "yes"]);
        assert_eq!(told(&report, "cap"), ["none", "sure", "yes"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_cap_is_found_and_where_there_is_none_none_is() {
    for (cap, cap_keeps, found) in [
        (Some(100), CapKeeps::Oldest, "100"),
        (Some(100), CapKeeps::Newest, "100"),
        (Some(1), CapKeeps::Oldest, "1"),
        (Some(599), CapKeeps::Newest, "599"),
        (Some(600), CapKeeps::Oldest, "none"),
        (None, CapKeeps::Oldest, "none"),
    ] {
        let report = examined_with(Options { cap, cap_keeps, ..busy() }).await;
        assert_eq!(told(&report, "cap"), [found, "sure", "yes"], "{cap:?} {cap_keeps:?}");
        // What is cut is found out in spite of that.
        assert_eq!(told(&report, "zone"), ["-03:00", "sure", "yes"], "{cap:?} {cap_keeps:?}");
        assert_eq!(told(&report, "plus"), ["either", "sure", "yes"], "{cap:?} {cap_keeps:?}");
        assert_eq!(told(&report, "ends"), ["both", "sure", "yes"], "{cap:?} {cap_keeps:?}");
    }
    let report = examined_with(Options { past_leads: 5, ..busy() }).await;
    assert_eq!(told(&report, "cap"), ["-", "unknown", "yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_found_and_fools_nobody() {
    for (seconds, fits) in [(-7_200, "look"), (-12, "yes"), (600, "look")] {
        let report = examined_with(Options { clock_skew_ms: seconds * 1000, ..busy() }).await;
        let [found, certainty, is] = told(&report, "clock");
        let off: i64 = found.trim_end_matches('s').parse().unwrap();
        assert!((off - seconds).abs() <= 1 && certainty == "sure" && is == fits, "{seconds}: {found} {certainty} {is}");
        assert_eq!(told(&report, "zone"), ["-03:00", "sure", "yes"], "{seconds}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_good_lead_is_found_out() {
    for status in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
        let report = examined_with(Options { lead_status: status, ..busy() }).await;
        assert_eq!(told(&report, "status"), [status.as_str(), "sure", "yes"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_token_is_told_where_it_is_a_jwt_and_the_token_is_not() {
    let lifetime = Some(Duration::from_secs(7200));
    for (jwt, found) in [(true, ["2h", "sure", "yes"]), (false, ["-", "unknown", "yes"])] {
        let report = examined_with(Options { jwt, token_lifetime: lifetime, ..busy() }).await;
        assert_eq!(told(&report, "token"), found);
    }
    let weclever = weclever(busy()).await;
    let given = file(&weclever).without("username").without("password").source("token", READY_TOKEN);
    let place = Place::new(&given);
    let ran = place.run(&["doctor", "--json", "--log-level", "trace"]);
    assert!(ran.code == 0 && !ran.out.contains(READY_TOKEN) && !ran.err.contains(READY_TOKEN), "{ran:?}");
    assert_eq!(weclever.requests().token, 0);
    // One that is dead is refused in every header.
    place.write(&given.source("token", "dead"));
    let report = examined(&place, &[]);
    assert_eq!(told(&report, "access"), ["-", "unknown", "look"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_come_all_the_time_disturb_nothing() {
    let weclever = weclever(Options { leads_per_second: 40.0, zone: "UTC".into(), ..busy() }).await;
    let report = examined(&Place::new(&file(&weclever)), &["--wait", "40s"]);
    assert_eq!(told(&report, "zone"), ["+00:00", "sure", "no"]);
    assert_eq!(told(&report, "ends"), ["both", "sure", "yes"]);
    assert_eq!(told(&report, "cap"), ["none", "sure", "yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_falters_is_asked_again_and_tells_the_same() {
    let kinds = [FaultKind::Error, FaultKind::Html, FaultKind::Truncated, FaultKind::Empty, FaultKind::Reset];
    let options = Options { faults: Faults::of(0.15, kinds), plus: Plus::Escaped, cap: Some(100), ..busy() };
    let report = examined_with(options).await;
    for (what, told_so) in [
        ("access", ["Authorization: Bearer", "sure", "yes"]),
        ("plus", ["escaped", "sure", "no"]),
        ("zone", ["-03:00", "sure", "yes"]),
        ("cap", ["100", "sure", "yes"]),
    ] {
        assert_eq!(told(&report, what), told_so);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_wants_to_be_left_alone_is_left_alone() {
    let throttled = Raw::start(|request, _| match request.line.contains("/solution/token/") {
        true => Reply::new(200, "", r#"{"token":"t"}"#),
        false => Reply::new(429, "retry-after: 3600\r\n", ""),
    })
    .await;
    let place = Place::new(&File::new(&throttled.url()));
    let report = examined(&place, &[]);
    assert_eq!(told(&report, "zone"), ["-", "unknown", "look"]);
    assert!(about(&report, "zone")["why"].as_str().unwrap().contains("1h"), "{report:#}");
    assert_eq!(throttled.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_ends_with_69_and_a_refused_password_with_1() {
    let nobody = nobody().await;
    let place = Place::new(&File::new(nobody.trim_end_matches("/hook")));
    let ran = place.run(&["doctor", "--json"]);
    assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{}", ran.err);
    let given = File::new(nobody.trim_end_matches("/hook")).without("username").without("password");
    place.write(&given.source("token", "t"));
    assert_eq!(place.run(&["doctor"]).code, 69);

    let weclever = weclever(busy()).await;
    let place = Place::new(&file(&weclever).source("password", "wrong"));
    let report = examined(&place, &[]);
    assert_eq!(told(&report, "token"), ["-", "unknown", "no"]);
    assert!(about(&report, "token")["why"].as_str().unwrap().contains("`password`"), "{report:#}");
    assert_eq!(weclever.requests().total(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_to_the_rate_of_the_file() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&file(&weclever).source("rate", "5/s"));
    let began = std::time::Instant::now();
    let asked = examined(&place, &[])["requests"].as_u64().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200) * (asked as u32 - 1), "{asked} in {:?}", began.elapsed());
    assert!(Timestamp::now() > weclever.now() - Duration::from_secs(60));
}
