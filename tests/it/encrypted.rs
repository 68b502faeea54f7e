//! `[store] encryption_key`: nothing of a person, an answer or a token lies in any file, at any time, and without the key
//! nothing begins.

use std::path::Path;
use std::time::Duration;

use leadhook::simulator::{Behaviour, Receiver, WeClever};
use serde_json::json;

use crate::support::*;

/// Nothing else holds four bytes of them, so that compression would leave them as they are but for their ends.
const PERSON: [&str; 4] = ["Zq8f31c90b4d7e", "k5be07d1c9q77a", "w90417f66e32b8", "xc2a94e1f7d0b5"];
const ANSWER: &str = "v71e6b3d9c0f48";

const ONE: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const TWO: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";

struct Scene {
    weclever: WeClever,
    good: Receiver,
    file: File,
}

async fn scene() -> Scene {
    let weclever = weclever(unrated()).await;
    let good = receiver(Behaviour::Fine).await;
    let refusing = Raw::start(|_, _| Reply::new(422, "", ANSWER)).await;
    let file = File::new(&weclever.base_url())
        .to("good", &good.url(), "rate_per_contact = { limit = '400/1d', by = '{{ lead.phone }}' }")
        .to("refusing", &refusing.url(), "")
        .to("down", &nobody().await, "retry = { schedule = ['1h'] }");
    // It lives as long as the test process, which is not long.
    std::mem::forget(refusing);
    Scene { weclever, good, file }
}

impl Scene {
    fn plant(&self, leads: std::ops::RangeInclusive<u64>) {
        for id in leads {
            self.weclever.finalize(id, "sold");
            for (field, value) in [("name", PERSON[0]), ("email", PERSON[1]), ("phone", PERSON[2])] {
                self.weclever.change(id, field, value);
            }
            self.weclever.change(id, "chats", json!({"messages": [{"id_chat": 1, "body": PERSON[3]}]}));
        }
    }

    fn with_key(&self, key: &str) -> String {
        format!("{}\n[store]\nencryption_key = {key}\n", self.file.text())
    }
}

/// Which of what was planted lies in any file below. What vanishes meanwhile holds nothing.
fn planted(directory: &Path) -> Vec<&'static str> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(planted(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let holds = |planted: &&str| bytes.windows(9).any(|some| some == &planted.as_bytes()[2..11]);
            found.extend(PERSON.into_iter().chain([ANSWER]).filter(holds));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_runs_and_after_each_kill_no_file_tells_anything() {
    let scene = scene().await;
    let place = Place::new(&scene.file).with("LEADHOOK_KEY", ONE);
    place.write_text("leadhook.toml", &scene.with_key("\"${LEADHOOK_KEY}\""));
    let data = place.path("data");
    let mut service = place.start_and_read().await;
    for round in 1..=3_u64 {
        scene.plant(round * 10..=round * 10 + 7);
        let all = |status: &serde_json::Value| {
            destination(status, "good")["delivered"] == round * 8
                && destination(status, "refusing")["dead"] == round * 8
        };
        for _ in 0..10 {
            assert_eq!(planted(&data), Vec::<&str>::new());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        place.until_status("some took it, and some did not", all).await;
        assert_eq!(planted(&data), Vec::<&str>::new());
        service.kill();
        assert_eq!(planted(&data), Vec::<&str>::new());
        service = place.start().await;
    }
    // With the key all of it is there.
    let letter = place.json(&["dead", "list", "--limit", "1"], 1)["letters"][0]["id"].as_str().unwrap().to_owned();
    let shown = place.run(&["dead", "show", &letter]);
    assert!(shown.out.contains(ANSWER) && shown.out.contains(PERSON[0]), "{}", shown.out);
    service.stop();
    let checked = place.run(&["check"]);
    assert!(checked.out.contains("encrypted") && !checked.out.contains(&ONE[..20]), "{}", checked.out);

    // Without it nothing begins, and nothing is harmed.
    place.write(&scene.file);
    for args in [&["run", "--once"][..], &["status"], &["dead", "list"]] {
        let refused = place.run(args);
        assert_eq!(refused.code, 78, "{args:?}: {}", refused.err);
        assert!(refused.err.contains("is encrypted") && refused.err.contains("encryption_key"), "{}", refused.err);
    }
    let other = Place::new(&scene.file);
    other.write_text("leadhook.toml", &scene.with_key(&format!("{TWO:?}\npath = {:?}", data.display().to_string())));
    let refused = other.run(&["run"]);
    assert_eq!((refused.code, refused.err.contains("encrypted with another key")), (78, true), "{}", refused.err);
    assert!(!refused.err.contains(&TWO[..20]) && !refused.err.contains("panicked"), "{}", refused.err);
    place.write_text("leadhook.toml", &scene.with_key("\"${LEADHOOK_KEY}\""));
    assert_eq!(destination(&place.status(), "refusing")["dead"], 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_there_already_is_encrypted_at_the_next_start_whatever_is_killed_then() {
    let scene = scene().await;
    let place = Place::new(&scene.file).with("ONE", ONE).with("TWO", TWO);
    let data = place.path("data");
    let service = place.start_and_read().await;
    scene.plant(1..=8);
    accepted(&scene.good, 8).await;
    until("all of it can be found", || planted(&data).len() == 5).await;
    service.stop();
    for key in ["\"${ONE}\"", "[\"${TWO}\", \"${ONE}\"]", "\"${TWO}\""] {
        place.write_text("leadhook.toml", &scene.with_key(key));
        for wait in [20, 60, 110] {
            let service = place.start_with(&[]);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            service.kill();
        }
        let service = place.start().await;
        assert_eq!(planted(&data), Vec::<&str>::new());
        let status = place.status();
        assert_eq!(
            (&destination(&status, "good")["delivered"], &destination(&status, "refusing")["dead"]),
            (&8.into(), &8.into())
        );
        service.stop();
    }
}
