//! How many files may be open.

use std::process::{Command, Stdio};

use crate::support::*;

/// leadhook in this place, by a shell that does something first.
fn after(place: &Place, first: &str, args: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_leadhook")).args(args);
    command.env_clear().current_dir(place.path("")).stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_takes_as_many_as_it_is_allowed() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&File::new(&weclever.base_url()));
    let mut command = after(&place, "ulimit -S -n 64", &["run"]);
    let log = place.path("captured-run.log");
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let service = Service::new(command.spawn().unwrap(), log, place.path("data"));
    service.can_be_asked().await;
    let pid = service.notice().unwrap()["pid"].to_string();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|at| line.split_whitespace().nth(at).unwrap().parse::<u64>().unwrap());
    assert!(hard > 64 && soft == hard.min(1 << 20), "{line}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_too_few_that_is_said_and_nothing_else_is_blamed() {
    let weclever = weclever(by_hand()).await;
    let place = Place::new(&File::new(&weclever.base_url()));
    let mut said = 0;
    for limit in 10..=14 {
        let ran = after(&place, &format!("ulimit -n {limit}"), &["run", "--once"]).output().unwrap();
        let (code, err) = (ran.status.code(), String::from_utf8(ran.stderr).unwrap());
        if err.contains("os error 24") && code != Some(0) {
            assert!(code == Some(69) && err.contains("may open no more files. Raise the limit"), "{limit}: {err}");
            assert!(!err.contains("in use by") && !err.contains("the disk did not"), "{limit}: {err}");
            said += 1;
        }
    }
    assert!(said >= 2, "{said}");
    assert_eq!(place.run(&["run", "--once"]).code, 0, "nothing was spoilt by that");
}
