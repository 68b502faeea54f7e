//! `leadhook store`: checked, exported and imported, compacted, whatever is killed.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use leadhook::simulator::Behaviour;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_goes_on_elsewhere_as_if_nothing_had_happened() {
    let weclever = weclever(unrated()).await;
    let (good, bad) = (receiver(Behaviour::Fine).await, receiver(Behaviour::Broken { status: 422 }).await);
    let down = receiver(Behaviour::Broken { status: 500 }).await;
    let file = File::new(&weclever.base_url()).to("good", &good.url(), "").to("bad", &bad.url(), "");
    let place = Place::new(&file.to("down", &down.url(), PATIENT_RETRIES));
    let service = place.start_and_read().await;
    for lead in 1..=10 {
        weclever.finalize(lead, "sold");
    }
    place
        .until_status("all is settled but what waits", |status| {
            let of = |name: &str, what: &str| destination(status, name)[what].clone();
            of("good", "delivered") == 10 && of("bad", "dead") == 10 && of("down", "pending") == 10
        })
        .await;
    // Beside the service it can be looked at, and not be taken away.
    let checked = place.json(&["store", "check"], 0);
    // Those of the leads, and what leadhook said of itself.
    assert!(checked["records"]["events"].as_u64().unwrap() >= 10, "{checked:#}");
    for args in [&["store", "compact"][..], &["store", "export", "backup"]] {
        let refused = place.run(args);
        assert_eq!((refused.code, refused.out.as_str()), (69, ""), "{refused:?}");
        assert!(refused.err.contains("in use"), "{refused:?}");
    }
    service.stop();

    let told = place.run(&["store", "check"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.out.contains("  events") && told.out.contains("everything reads, and agrees"), "{}", told.out);
    let letters = place.json(&["dead", "list"], 1);
    assert_eq!(place.run(&["store", "export", "backup"]).code, 0);
    assert_eq!(std::fs::metadata(place.path("backup")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = place.run(&["store", "export", "backup"]);
    assert!(again.code == 69 && again.err.contains("backup: File exists"), "{again:?}");
    assert!(again.err.contains("never written over: name another file"), "{again:?}");
    let piped = place.run(&["store", "export"]);
    assert_eq!(piped.out.as_bytes(), std::fs::read(place.path("backup")).unwrap());
    assert_eq!(place.run(&["store", "import", "backup"]).code, 69, "it is not empty");

    // Whoever reads it may have seen enough.
    let mut head = place.command(&["store", "export", "-"]);
    let mut head = head.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(head.stdout.take());
    let head = head.wait_with_output().unwrap();
    assert_eq!((head.status.code(), String::from_utf8(head.stderr).unwrap().as_str()), (Some(0), ""));

    std::fs::rename(place.path("data"), place.path("lost")).unwrap();
    // What fails leaves nothing behind, neither where there was a directory nor where there was none.
    let text = std::fs::read_to_string(place.path("backup")).unwrap();
    place.write_text("cut", &text[..text.len() / 2]);
    for made in [false, true] {
        if made {
            std::fs::create_dir(place.path("data")).unwrap();
        }
        let cut = place.run(&["store", "import", "cut"]);
        assert!(cut.code == 69 && cut.err.contains("nothing was imported"), "{cut:?}");
        let left = std::fs::read_dir(place.path("data")).map(|left| left.map(|entry| entry.unwrap().file_name()));
        assert_eq!(left.map(Iterator::collect).ok(), made.then(Vec::<OsString>::new));
    }
    let missing = place.run(&["store", "import", "no-such-file"]);
    assert!(missing.code == 69 && missing.err.contains("no-such-file: No such file"), "{missing:?}");
    let told = place.run(&["store", "import", "backup"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(place.json(&["dead", "list"], 1)["letters"], letters["letters"]);
    down.behave(Behaviour::Fine);
    let before = good.tally(|tally| tally.requests);
    let mut service = place.start().await;
    accepted(&down, 10).await;
    weclever.finalize(11, "sold");
    accepted(&good, 11).await;
    assert_eq!(good.tally(|tally| tally.requests), before + 1, "what was delivered is not sent again");
    assert!(service.runs());
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn compacting_can_be_killed_at_any_moment() {
    const LEADS: u64 = 90;
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), "");
    let place = Place::new(&file);
    for lead in 1..=LEADS {
        weclever.finalize(lead, "sold");
    }
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], LEADS);
    let records = place.json(&["store", "check"], 0)["records"].clone();
    let began = std::time::Instant::now();
    let compacted = place.json(&["store", "compact"], 0);
    let whole = began.elapsed();
    assert!(compacted["after"].as_u64() <= compacted["before"].as_u64(), "{compacted}");
    for part in 1..=5 {
        let running = place.spawn(&["store", "compact"]);
        tokio::time::sleep(whole * part / 5).await;
        running.kill();
        assert_eq!(place.json(&["store", "check"], 0)["records"], records, "killed after {:?}", whole * part / 5);
    }
    assert_eq!(destination(&place.status(), "crm")["delivered"], LEADS);
}

/// Every file below, and what is in it.
fn files(directory: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push((entry.path(), std::fs::read(entry.path()).unwrap())),
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_its_last_commits_says_so_until_it_is_a_store_again() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), "");
    let place = Place::new(&file);
    weclever.finalize(1, "sold");
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], 1);
    // The log is put back to where it was before somebody decided something.
    let (now, then) = (place.path("data/sled"), place.path("then"));
    assert!(std::process::Command::new("cp").arg("-a").args([&now, &then]).status().unwrap().success());
    place.json(&["destination", "pause", "crm"], 0);
    std::fs::remove_dir_all(&now).unwrap();
    std::fs::rename(&then, &now).unwrap();

    let was = files(&place.path("data"));
    for args in [&["status"][..], &["store", "check"]] {
        let refused = place.run(args);
        assert_eq!((refused.code, refused.out.as_str()), (69, ""), "{refused:?}");
        assert!(refused.err.contains("were acknowledged") && refused.err.contains("leadhook forget"), "{refused:?}");
    }
    let exported = place.run(&["store", "export", "backup"]);
    assert_eq!(exported.code, 1, "{exported:?}");
    assert!(exported.err.contains("missing, all since ") && exported.err.contains("leadhook forget"), "{exported:?}");
    let trailer = std::fs::read_to_string(place.path("backup")).unwrap();
    let trailer: serde_json::Value = serde_json::from_str(trailer.lines().last().unwrap()).unwrap();
    assert!(trailer["missing_commits"].as_u64() > Some(0) && trailer["missing_since"].is_string(), "{trailer}");
    assert_eq!(files(&place.path("data")), was, "to look at a store does not change it");

    // Nothing is left of a copy that is made elsewhere, either.
    std::fs::create_dir(place.path("work")).unwrap();
    let elsewhere = place.run(&["store", "export", "again", "--work", "work"]);
    assert_eq!(elsewhere.code, 1, "{elsewhere:?}");
    assert_eq!(std::fs::read_dir(place.path("work")).unwrap().count(), 0);
    assert_eq!(std::fs::read(place.path("again")).unwrap(), std::fs::read(place.path("backup")).unwrap());

    std::fs::rename(place.path("data"), place.path("lost")).unwrap();
    let imported = place.run(&["store", "import", "backup"]);
    assert!(imported.code == 1 && imported.err.contains("leadhook forget"), "{imported:?}");
    let first = place.run(&["run", "--once"]);
    assert!(first.code == 0 && first.err.contains("made of the export of a damaged one"), "{first:?}");
    assert!(!place.run(&["run", "--once"]).err.contains("damaged"));
    assert_eq!(receiver.tally(|tally| tally.requests), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_waits_for_a_command_that_has_the_store_and_says_for_which() {
    const LEADS: u64 = 90;
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let place = Place::new(&File::new(&weclever.base_url()).source("start", &start).to("crm", &receiver.url(), ""));
    for lead in 1..=LEADS {
        weclever.finalize(lead, "sold");
    }
    assert_eq!(place.json(&["run", "--once"], 0)["delivered"], LEADS);
    // More than a pipe holds, and nobody reads it to its end.
    let mut export = place.command(&["store", "export", "-"]);
    let mut export = export.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(export.stdout.as_mut().unwrap(), &mut first).unwrap();
    let service = place.start_with(&[]);
    let refused = place.run(&["status"]);
    assert_eq!(refused.code, 69, "{refused:?}");
    let who = format!("`leadhook store export`, process {}", export.id());
    assert!(refused.err.contains(&who) && refused.err.contains("lets go once it is done"), "{refused:?}");
    service.until_logged(&format!("{who} has the store: the service begins once it lets go")).await;
    export.kill().unwrap();
    export.wait().unwrap();
    service.can_be_asked().await;
    assert_eq!(destination(&place.status(), "crm")["delivered"], LEADS);
    // The copy that the export has left went with the start.
    assert!(!place.path("data/sled.look").exists());
    service.stop();
}
