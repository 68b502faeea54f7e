//! A destination that is down for longer: it is probed, and gets everything when it is back.

use std::time::{Duration, Instant};

use leadhook::simulator::Behaviour;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_destination_is_only_probed_and_recovers_by_itself() {
    let weclever = weclever(by_hand()).await;
    let (failing, good) = (receiver(Behaviour::Broken { status: 500 }).await, receiver(Behaviour::Fine).await);
    let file =
        File::new(&weclever.base_url()).to("failing", &failing.url(), PATIENT_RETRIES).to("good", &good.url(), "");
    let place = Place::new(&file);
    let service = place.start_and_read().await;
    for id in 1..=40 {
        weclever.finalize(id, "sold");
    }
    let began = Instant::now();
    place.until_status("it counts as failing", |status| destination(status, "failing")["state"] == "failing").await;
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}: not before ten seconds of failures", began.elapsed());
    assert_eq!(service.logged("failing: only probes are sent"), 1);

    let before = failing.tally(|tally| tally.requests);
    let probed = service.logged("probe=true");
    until("two probes", || service.logged("probe=true") >= probed + 2).await;
    let sent = failing.tally(|tally| tally.requests) - before;
    assert!(sent <= 4, "{sent} requests for two probes");
    accepted(&good, 40).await;

    failing.behave(Behaviour::Fine);
    accepted(&failing, 40).await;
    place
        .until_status("it is well and empty", |status| {
            let failing = destination(status, "failing");
            failing["state"] == "ok" && failing["pending"] == 0 && failing["delivered"] == 40 && failing["dead"] == 0
        })
        .await;
    failing.tally(|tally| {
        assert!(tally.repeated().is_empty() && tally.out_of_order().is_empty());
        assert_eq!(tally.by_lead.len(), 40);
    });
    // Probes are over different leads, so that one bad lead cannot hold up the rest.
    let log = service.stop();
    let lead = |line: &str| line.split("lead=").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    let probes: Vec<_> = log.lines().filter(|line| line.contains("probe=true")).filter_map(lead).collect();
    let different: std::collections::HashSet<_> = probes.iter().collect();
    assert!(different.len() >= 2.min(probes.len()), "{probes:?}");
}
