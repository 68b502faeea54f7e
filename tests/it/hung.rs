//! Commands beside a service that is there and does not answer, and beside one that takes its time.

use std::time::{Duration, Instant};

use leadhook::simulator::{Behaviour, Receiver};
use leadhook::store::Store;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_command_right_behind_a_start_is_answered_as_soon_as_the_service_can_be_asked() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    place.start_and_read().await.stop();
    for round in 0..3 {
        let service = place.start_with(&[]);
        // From here on it can be asked soon, and the store cannot be had.
        let began = Instant::now();
        while !Store::is_in_use(&place.path("data")) {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let began = Instant::now();
        let asked: Vec<_> = [
            &["status"][..],
            &["forget", "4711", "--yes"],
            &["destination", "pause", "crm"],
            &["dead", "list"],
            &["store", "check"],
            &["page"],
        ]
        .map(|args| (args, place.spawn(args)))
        .into();
        for (args, running) in asked {
            let ran = running.ends();
            // What `status` shows needs a look: crm is paused.
            let done = ran.code == 0 || (ran.code == 1 && args == ["status"]);
            assert!(done, "round {round}, {args:?}, {:?}: {} {}", began.elapsed(), ran.code, ran.err);
        }
        service.can_be_asked().await;
        service.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_store_for_itself_says_that_the_service_that_has_it_is_paused() {
    let weclever = weclever(by_hand()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let service = place.start().await;
    let pid = service.notice().unwrap()["pid"].to_string();
    service.signal("STOP");
    let asked: Vec<_> = [&["store", "compact"][..], &["store", "export"], &["run", "--once"]]
        .map(|args| (args, place.spawn(args)))
        .into();
    for (args, running) in asked {
        let ran = running.ends();
        assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(&format!("paused: `kill -CONT {pid}`")), "{args:?}: {}", ran.err);
    }
    service.signal("CONT");
    service.stop();
}
