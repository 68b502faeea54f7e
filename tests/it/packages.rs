//! What those who make packages of leadhook need: completions, pages for `man`, and a version that says what was built.

use std::fs;
use std::path::Path;
use std::process::Command;

use toml_edit::{DocumentMut, Value};

use crate::support::*;

fn source(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What bash would offer for this line, whose last word is not finished.
fn bash_offers(place: &Place, words: &[&str]) -> Vec<String> {
    let script = r#"source ./completions.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"
        _leadhook leadhook "${@: -1}" "${@: -2:1}"; printf '%s\n' "${COMPREPLY[@]}""#;
    let asked = Command::new("bash").args(["-c", script, "bash"]).args(words).current_dir(place.path("")).output();
    let asked = asked.expect("bash is needed");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8(asked.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn every_shell_gets_its_completions() {
    let place = Place::empty();
    for (shell, holds) in [
        ("bash", "complete -F _leadhook"),
        ("zsh", "#compdef leadhook"),
        ("fish", "complete -c leadhook"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion:arg-completer[leadhook]"),
    ] {
        let ran = place.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains(holds), "{shell}: {}", ran.out);
        place.write_text(&format!("completions.{shell}"), &ran.out);
    }
    let checked = Command::new("bash").args(["-n", "completions.bash"]).current_dir(place.path("")).status();
    assert!(checked.expect("bash is needed").success());
    assert_eq!(bash_offers(&place, &["leadhook", "de"]), ["demo", "dead", "destination"]);
    assert_eq!(bash_offers(&place, &["leadhook", "dead", "sh"]), ["show"]);
    assert_eq!(bash_offers(&place, &["leadhook", "run", "--onc"]), ["--once"]);
    let ran = place.run(&["completions", "tcsh"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("bash, elvish, fish, powershell, zsh"), "{}", ran.err);
}

#[test]
fn every_command_has_its_page() {
    let place = Place::empty();
    let first = place.run(&["man"]);
    assert_eq!(first.code, 0);
    let title = format!(".TH leadhook 1 \" \" \"leadhook {}\" leadhook\n", env!("CARGO_PKG_VERSION"));
    assert!(first.out.contains(&title), "{}", first.out);

    let written = place.json(&["man", "--dir", "share/man1"], 0);
    let pages = place.path("share/man1");
    let mut found = 0;
    for entry in fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for part in [format!(".TH {name} 1 "), ".SH NAME\n".into(), ".SH SYNOPSIS\n".into()] {
            assert!(text.contains(&part), "{name} has no {part:?}");
        }
        // Each page that is named is there.
        for line in text.lines().filter(|line| line.ends_with("(1)")) {
            let named = line.trim_end_matches("(1)").replace('\\', "");
            assert!(pages.join(format!("{named}.1")).exists(), "{name} names {named}, which has no page");
        }
        found += 1;
    }
    assert_eq!(written["pages"].as_array().unwrap().len(), found);
    for name in ["leadhook", "leadhook-run", "leadhook-dead", "leadhook-dead-retry", "leadhook-man"] {
        assert!(pages.join(format!("{name}.1")).exists(), "{name} has no page");
    }
    assert_eq!(fs::read_to_string(pages.join("leadhook.1")).unwrap(), first.out);

    place.write_text("taken", "");
    let ran = place.run(&["man", "--dir", "taken"]);
    assert_eq!(ran.code, 69);
    assert!(ran.err.contains("cannot write the pages into taken"), "{}", ran.err);
}

#[test]
fn the_version_says_what_was_built() {
    let ran = Place::empty().run(&["--version"]);
    let origin = ran.out.trim_end().strip_prefix(&format!("leadhook {} (", env!("CARGO_PKG_VERSION")));
    let origin = origin.and_then(|rest| rest.strip_suffix(')')).unwrap_or_else(|| panic!("{}", ran.out));
    let (commit, target) = origin.rsplit_once(", ").map_or((None, origin), |(commit, target)| (Some(commit), target));
    assert!(target.starts_with(std::env::consts::ARCH), "{target}");
    // Where this is not a repository there is no commit to be told, and that is all right.
    let head = |args: &[&str]| Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok();
    let own = fs::exists(concat!(env!("CARGO_MANIFEST_DIR"), "/.git")).unwrap();
    if let Some(head) = head(&["rev-parse", "HEAD"]).filter(|head| own && head.status.success()) {
        let head = String::from_utf8(head.stdout).unwrap();
        let commit = commit.unwrap_or_else(|| panic!("no commit in {}", ran.out));
        assert!(head.starts_with(commit.trim_end_matches("-dirty")), "{commit} is not {head}");
    }
}

#[test]
fn what_the_debian_package_is_made_of_is_there() {
    let cargo: DocumentMut = source("Cargo.toml").parse().unwrap();
    let deb = &cargo["package"]["metadata"]["deb"];
    let made = source("packaging/build-deb");
    for asset in deb["assets"].as_array().unwrap() {
        let from = asset.as_array().and_then(|asset| asset.get(0)).and_then(Value::as_str).unwrap();
        if let Some(own) = from.strip_prefix("target/packaging/") {
            let last = own.trim_end_matches("/*.1").rsplit('/').next().unwrap();
            assert!(made.contains(&format!("/{last}\"")), "build-deb does not make {from}");
        } else if from != "target/release/leadhook" {
            let (directory, name) = from.rsplit_once('/').unwrap_or(("", from));
            let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap();
            let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let fits = |file: String| name.strip_prefix('*').map_or(file == name, |end| file.ends_with(end));
            assert!(names.any(fits), "there is no {from}");
        }
    }
    let unit = deb["systemd-units"]["unit-name"].as_str().unwrap();
    let unit = source(&format!("packaging/{unit}.service"));
    for line in ["Type=notify", "ExecReload=/usr/bin/leadhook reload", "WatchdogSec=3min"] {
        assert!(unit.lines().any(|own| own == line), "the unit has no {line}");
    }
}

/// A command beside the service must find the file and the store that the service has.
#[test]
fn the_unit_and_the_file_for_commands_beside_it_agree() {
    let unit = source("packaging/leadhook.service");
    let own = unit.lines().find_map(|line| line.strip_prefix("Environment=")).expect("the unit has an environment");
    let own: Vec<&str> = own.split(' ').collect();
    let file = source("packaging/leadhook.env");
    let beside: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(own, beside);
    assert!(unit.contains("\nStateDirectory=leadhook\n") && own.contains(&"LEADHOOK_STORE__PATH=/var/lib/leadhook"));
    // Both names are ones that leadhook obeys.
    let place = Place::empty().with("LEADHOOK_CONFIG", "etc.toml").with("LEADHOOK_STORE__PATH", "var/lib");
    place.write_text("etc.toml", &source("config/leadhook.toml"));
    let health = place.run(&["health"]);
    assert!(health.err.contains("no service works on var/lib"), "{}", health.err);
}
