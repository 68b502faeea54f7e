//! Commands beside a service that is there and does not answer, and beside one that takes its time.

use std::time::{Duration, Instant};

use leadhook::simulator::{Behaviour, Receiver};

use crate::support::*;

/// So soon a command says that the service hangs, on a machine that is busy with other things.
const SOON: Duration = Duration::from_secs(15);

/// A destination whose tokens come from somebody who takes a question and does not answer it.
fn with_tokens_of(slow: &Receiver, base_url: &str) -> File {
    let token_url = slow.url();
    let auth = format!(
        r#"auth = {{ type = "oauth2", token_url = "{token_url}", client_id = "a", client_secret = "b", grant = "client_credentials" }}"#
    );
    File::new(base_url).to("crm", &slow.url(), &auth)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_beside_a_service_that_hangs_says_so_soon_and_what_to_do() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Hanging).await;
    let place = Place::new(&with_tokens_of(&receiver, &weclever.base_url()));
    let service = place.start_and_read().await;
    let pid = service.notice().unwrap()["pid"].to_string();
    // One is asked while the service lives, and waits for what takes long.
    let underway = place.spawn(&["auth", "crm"]);
    assert!(receiver.wait_until(|tally| tally.open == 1, PATIENCE).await);
    let began = Instant::now();
    service.signal("STOP");
    let asked: Vec<_> = [&["status"][..], &["dead", "list"], &["destination", "pause", "crm"], &["page"], &["tap"]]
        .map(|args| (args, place.spawn(args)))
        .into();
    for (args, running) in asked {
        let ran = running.ends();
        assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{args:?}: {}", ran.err);
        for part in ["does not answer", &format!("`kill -CONT {pid}`"), "start it again", "nothing was asked of it"] {
            assert!(ran.err.contains(part), "{args:?}: no {part} in {}", ran.err);
        }
    }
    let ran = underway.ends();
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.err.contains(&format!("(pid {pid}) does not answer")), "{}", ran.err);
    assert!(ran.err.contains("may still be done once it goes on"), "{}", ran.err);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    service.signal("CONT");
    place.until_status("it answers again", |status| status["running"] == true).await;
    let status = place.status();
    assert_eq!(destination(&status, "crm")["state"], "ok", "what was said to be not asked was not done: {status:#}");
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_lives_may_take_its_time_over_an_answer() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Hanging).await;
    let place = Place::new(&with_tokens_of(&receiver, &weclever.base_url()));
    let service = place.start_and_read().await;
    let began = Instant::now();
    let ran = place.run(&["auth", "crm"]);
    assert!(ran.code == 69 && ran.out == "crm has no token\n" && ran.err.contains("within 15s"), "{ran:?}");
    assert!(began.elapsed() > Duration::from_secs(12), "{:?}", began.elapsed());
    service.stop();
}
