//! `leadhook status --watch`: the same again and again, on a terminal in the same place.

use std::process::Command;

use leadhook::simulator::Behaviour;
use serde_json::Value;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_look_is_a_line_and_a_service_that_goes_away_is_waited_for() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), ""));
    let watch = place.spawn(&["status", "--watch", "--every", "100ms", "--json"]);
    let looks = |out: String| -> Vec<Value> { out.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let until_the_last = async |what: &str, wish: &dyn Fn(&Value) -> bool| {
        until(what, || {
            let out = watch.out();
            let whole = out.rfind('\n').map_or("", |end| &out[..=end]).to_owned();
            looks(whole).last().is_some_and(wish)
        })
        .await;
    };
    // It does not hold the store, so that a service can begin.
    until_the_last("nobody is there", &|look| look["unreachable"] == "no service runs").await;
    let service = place.start_and_read().await;
    weclever.finalize(1, "sold");
    until_the_last("it is seen", &|look| look["destinations"][0]["delivered"] == 1).await;
    service.stop();
    until_the_last("nobody is there any more", &|look| look["unreachable"].is_string()).await;
    let service = place.start().await;
    until_the_last("it is back", &|look| look["running"] == true).await;
    watch.signal("INT");
    assert_eq!(watch.ends().code, 0);
    assert_eq!(place.run(&["status", "--every", "1s"]).code, 2, "how often means nothing without --watch");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_stays_in_its_place_fits_and_gives_the_terminal_back() {
    let weclever = weclever(by_hand()).await;
    let crm = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &crm.url(), ""));
    let service = place.start_and_read().await;
    let leadhook = env!("CARGO_BIN_EXE_leadhook");
    let typed = format!(
        "stty cols 40 rows 12; timeout --preserve-status -s INT 2 {leadhook} status --watch --every 200ms; echo ended with $?"
    );
    let seen = Command::new("script").args(["-qec", &typed, "/dev/null"]).current_dir(place.path("")).output();
    let seen = String::from_utf8(seen.expect("script, of util-linux, is needed").stdout).unwrap();
    let (enter, leave) = ("\u{1b}[?1049h\u{1b}[?25l", "\u{1b}[?25h\u{1b}[?1049l");
    let (_, shown) = seen.split_once(enter).unwrap_or_else(|| panic!("{seen:?}"));
    let (shown, after) = shown.split_once(leave).unwrap_or_else(|| panic!("{seen:?}"));
    assert!(after.contains("ended with 0"), "{seen:?}");
    let frames: Vec<&str> = shown.split("\u{1b}[H").skip(1).collect();
    assert!(frames.len() >= 3, "{seen:?}");
    for frame in frames {
        let lines: Vec<&str> = frame.trim_end_matches("\u{1b}[J").split("\r\n").collect();
        assert!(lines.len() <= 12, "{frame:?}");
        assert!(lines.iter().all(|line| line.replace("\u{1b}[K", "").chars().count() <= 40), "{frame:?}");
        assert!(frame.contains("is running"), "{frame:?}");
    }
    service.stop();
}
