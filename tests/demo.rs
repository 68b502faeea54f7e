//! The demo as a person starts it: the built binary, and what it prints.

#![allow(clippy::unwrap_used)] // it stands in helpers too, and what fails here shall fail loudly

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

fn demo(args: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leadhook"))
        .arg("demo")
        .args(args)
        // Nothing is to be found where it starts, and nothing of what is set for a real service may reach in.
        .current_dir(directory.path())
        .env("LEADHOOK_CONFIG", "/nowhere/leadhook.toml")
        .env("LEADHOOK_SOURCE__PLATFORM_ID", "real")
        .env("TMPDIR", directory.path())
        .env_remove("LEADHOOK_LOG_LEVEL")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "it leaves nothing behind: {left:?}");
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn it_shows_everything_and_the_numbers_add_up() {
    let began = Instant::now();
    let output = demo(&["--for", "6s", "--json"]);
    let took = began.elapsed();
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    // Two seconds more than promised, for a machine that has other things to do.
    assert!(took < Duration::from_secs(6 + 5 + 2), "{took:?}");

    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let what = |name: &str| objects.iter().filter(|object| object["what"] == name).collect::<Vec<_>>();
    let tried = what("tried");
    let some = |wish: &dyn Fn(&Value) -> bool| tried.iter().filter(|tried| wish(tried)).count() as u64;
    assert_eq!(objects[0]["what"], "began");
    assert!(some(&|t| t["destination"] == "crm" && t["next"]["is"] == "delivered") > 5, "leads arrive: {out}");
    assert!(some(&|t| t["destination"] == "legacy" && t["next"]["is"] == "again") > 5, "they fail: {out}");
    assert!(some(&|t| t["attempt"] == 2) > 5, "they are tried again: {out}");
    let dead = some(&|t| t["destination"] == "legacy" && t["next"]["is"] == "dead");
    assert!(dead > 5, "they are set aside: {out}");

    let last = objects.last().unwrap();
    assert_eq!(last["what"], "summary");
    let summary = &last["summary"];
    let leads = &summary["leads"];
    let n = |value: &Value| value.as_u64().unwrap();
    assert_eq!((&summary["adds_up"], &summary["differences"]), (&Value::Bool(true), &Value::Array(Vec::new())));
    assert!(n(&leads["finalized"]) >= 12, "{summary}");
    assert_eq!(n(&leads["finalized"]), n(&leads["recorded"]) + n(&leads["set_aside"]) + n(&leads["unreadable"]));
    let finalized = what("recorded").into_iter().filter(|recorded| recorded["event_type"] == "lead.finalized");
    assert_eq!(finalized.count() as u64, n(&leads["recorded"]), "once each, however many were rated");
    for destination in summary["destinations"].as_array().unwrap() {
        let sum = n(&destination["delivered"]) + n(&destination["waiting"]) + n(&destination["dead"]);
        assert_eq!(sum, n(&leads["recorded"]), "{destination}");
        assert_eq!(some(&|t| t["destination"] == destination["name"]), n(&destination["requests"]));
        assert_eq!((&destination["verified"], n(&destination["repeated"])), (&destination["requests"], 0));
    }
    assert_eq!(n(&summary["destinations"][2]["dead"]), dead);
}

#[test]
fn it_is_plain_text_where_no_terminal_is_and_short_where_it_is_told() {
    let output = demo(&["--for", "1s"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert!(!out.contains('\u{1b}'), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100 && !line.ends_with(' ')), "{out}");
    for words in ["WeClever    http://127.0.0.1:", "lead.finalized  ✓ 20", "Nothing lost: ", "leadhook init"] {
        assert!(out.contains(words), "{words}: {out}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_gently() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let mut child = Command::new(env!("CARGO_BIN_EXE_leadhook"))
        .args(["demo", "--for", "10m", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(r#""is":"delivered""#)));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let last = lines.last().unwrap();
    assert!(last.contains(r#""adds_up":true"#), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
