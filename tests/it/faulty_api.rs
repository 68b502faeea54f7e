//! An API that breaks a fifth of its answers in every way that it knows.

use std::time::Duration;

use leadhook::simulator::{Behaviour, FaultKind, Faults, Options};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_lead_arrives_exactly_once_though_a_fifth_of_all_answers_is_broken_in_every_way() {
    let faults = Faults {
        stall: Duration::from_secs(3),
        slow: Duration::from_millis(300),
        ..Faults::of(0.2, FaultKind::usual())
    };
    let options = Options {
        past_leads: 300,
        past_stretch: Duration::from_secs(50 * 60),
        leads_per_second: 60.0,
        max_leads: Some(500),
        faults,
        ..by_hand()
    };
    let weclever = weclever(options).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3600)).to_string();
    let file = File::new(&weclever.base_url()).source("start", &start).source("timeout", "1s");
    let place = Place::new(&file.to("crm", &receiver.url(), &format!("secret = {SECRET:?}")));
    let service = place.start().await;

    accepted(&receiver, 500).await;
    place.all_is_read().await;
    service.readings(2).await;
    receiver.tally(|tally| {
        assert_eq!((tally.requests, tally.verified, tally.bad), (500, 500, 0));
        assert_eq!(tally.by_lead.keys().copied().collect::<Vec<_>>(), weclever.finalized_ids());
    });
    let given = weclever.faults();
    assert!(FaultKind::usual().iter().all(|kind| given.contains_key(kind)), "{given:?}");
    let status = place.status();
    assert_eq!((&status["source"]["unreadable"], &destination(&status, "crm")["dead"]), (&0.into(), &0.into()));
    service.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let weclever = weclever(Options {
        faults: Faults { huge_bytes: 300 << 20, token: 0.0, ..Faults::of(1.0, [FaultKind::Huge]) },
        ..by_hand()
    })
    .await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    let service = place.start().await;
    service.until_logged("could not be read").await;
    assert!(service.peak_memory() < 150 << 20, "{} bytes", service.peak_memory());
    weclever.set_faults(Faults::default());
    place.all_is_read().await;
    weclever.finalize(1, "sold");
    accepted(&receiver, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_dies_is_renewed_and_costs_no_lead() {
    let weclever =
        weclever(Options { leads_per_second: 40.0, max_leads: Some(120), past_leads: 20, ..by_hand() }).await;
    let receiver = receiver(Behaviour::Fine).await;
    let start = (jiff::Timestamp::now() - Duration::from_secs(3 * 3600)).to_string();
    let place = Place::new(&File::new(&weclever.base_url()).source("start", &start).source("token_time", "3600").to(
        "crm",
        &receiver.url(),
        "",
    ));
    let service = place.start().await;
    accepted(&receiver, 30).await;
    weclever.kill_tokens();
    accepted(&receiver, 120).await;
    receiver.tally(|tally| assert_eq!(tally.requests, 120));
    assert_eq!(weclever.last_token_time().as_deref(), Some("3600"));
    assert_eq!(weclever.requests().token, 2, "one token for all who waited");
    service.stop();
}
