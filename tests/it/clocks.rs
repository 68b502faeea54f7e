//! Days on which clocks change, and clocks that are wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, Options};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn days_on_which_clocks_change_are_listed_whole() {
    let weclever = weclever(unrated()).await;
    let receiver = receiver(Behaviour::Fine).await;
    let place = Place::new(&File::new(&weclever.base_url()).to("crm", &receiver.url(), ""));
    assert_eq!(place.run(&["run", "--once"]).code, 0);
    // São Paulo: an hour came twice on 17 February 2018, and one never came on 4 November.
    let mut id = 0;
    for day in ["2018-02-17T03:10:00Z", "2018-11-03T03:10:00Z"] {
        let from: Timestamp = day.parse().unwrap();
        for quarter in 0..4 * 48 {
            id += 1;
            weclever.finalize_at(id, "sold", from + HOUR / 4 * quarter);
        }
    }
    for (from, to) in [("2018-02-17", "2018-02-20"), ("2018-11-03", "2018-11-06")] {
        place.json(&["backfill", "--from", from, "--to", to, "--to-destination", "crm"], 0);
    }
    assert_eq!(place.run(&["run", "--once"]).code, 0);
    let leads: BTreeSet<u64> = receiver.tally(|tally| tally.by_lead.keys().copied().collect());
    assert_eq!(leads, (1..=id).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_days_off_sees_what_is_finalized_now() {
    for days in [-9, 9] {
        // Its clock is right, and ours is not.
        let ahead_ms = days * 24 * 3_600_000;
        let weclever = weclever(Options { clock_skew_ms: ahead_ms, ..unrated() }).await;
        let receiver = receiver(Behaviour::Fine).await;
        let start = Timestamp::now() - 20 * 24 * HOUR;
        let file = File::new(&weclever.base_url()).source("start", &start.to_string());
        let place = Place::new(&file.to("crm", &receiver.url(), ""));
        let service = place.start().await;
        service.readings(2).await;
        weclever.finalize(7, "sold");
        accepted(&receiver, 1).await;
        service.stop();
    }
}
