//! SIGKILL, again and again, in the middle of everything.

use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadhook::simulator::{Behaviour, FaultKind, Faults, Mishap, Options};

use crate::support::*;

const LEADS: u64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_no_lead_and_repeats_only_under_the_same_id() {
    let seed = fastrand::u64(..);
    println!("the dice's seed is {seed}");
    let mut dice = Rng::with_seed(seed);
    let kinds = [FaultKind::Error, FaultKind::Html, FaultKind::Truncated, FaultKind::Empty, FaultKind::Reset];
    let load = Options {
        past_leads: 100,
        past_stretch: Duration::from_secs(30 * 60),
        leads_per_second: 50.0,
        max_leads: Some(LEADS),
        faults: Faults { token: 0.0, ..Faults::of(0.1, kinds) },
        ..by_hand()
    };
    let weclever = weclever(load).await;
    let mishaps = vec![Mishap::Error, Mishap::Unavailable, Mishap::Reset, Mishap::Slow];
    let flaky = receiver(Behaviour::Flaky { share: 0.2, kinds: mishaps }).await;
    let fine = receiver(Behaviour::Fine).await;
    let start = (Timestamp::now() - Duration::from_secs(3600)).to_string();
    let more = format!("secret = {SECRET:?}\n{PATIENT_RETRIES}\nconcurrency = 16");
    let file = File::new(&weclever.base_url()).source("start", &start);
    let file = file.to("flaky", &flaky.url(), &more).to("fine", &fine.url(), &more);
    let place = Place::new(&file);

    for _ in 0..12 {
        let service = place.start_with(&[]);
        // Sometimes while it opens its store, sometimes in the thick of it.
        let target = fine.tally(|tally| tally.requests) + dice.u64(0..60);
        fine.wait_until(|tally| tally.requests >= target, Duration::from_millis(1_500)).await;
        tokio::time::sleep(Duration::from_millis(dice.u64(0..120))).await;
        service.kill();
    }

    let service = place.start().await;
    for receiver in [&flaky, &fine] {
        let all = receiver.wait_until(|tally| tally.by_lead.len() as u64 == LEADS, PATIENCE * 2).await;
        assert!(all, "{} of {LEADS}", receiver.tally(|tally| tally.by_lead.len()));
        receiver.tally(|tally| {
            assert!(tally.by_lead.keys().copied().eq(100_000..100_000 + LEADS));
            let other_ids = tally.by_lead.values().find(|events| events.iter().any(|event| event.id != events[0].id));
            assert_eq!(other_ids, None, "a repeat has the id of the first");
            assert_eq!(tally.by_id.len() as u64, LEADS);
            assert_eq!(tally.bad, 0);
        });
    }
    place.all_is_read().await;
    place
        .until_status("nothing waits and nothing died", |status| {
            ["flaky", "fine"].iter().all(|name| {
                let destination = destination(status, name);
                destination["pending"] == 0 && destination["dead"] == 0 && destination["delivered"] == LEADS
            })
        })
        .await;
    // At most what was in flight at each kill came twice.
    let repeats = fine.tally(|tally| tally.accepted - LEADS);
    assert!(repeats <= 12 * 32, "{repeats}");
    service.stop();
}
