//! A lead whose status changes with nearly every list.

use leadhook::app::operator::{Explain, WaitsFor};
use leadhook::domain::lead::LeadId;

use super::*;

/// The statuses of which a destination was told, in order.
fn statuses(stage: &Stage, lead: u64) -> Vec<String> {
    stage.crm.tally(|tally| {
        let events = tally.kept.iter().map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
        let of_it = events.filter(|event| event["data"]["weclever_lead_id"] == lead);
        of_it.map(|event| event["data"]["mapped_status"].as_str().unwrap().to_owned()).collect()
    })
}

/// Every five minutes its status changes, and leadhook runs.
async fn flaps(stage: &Stage, times: u32, from: &mut u32) {
    for _ in 0..times {
        *from += 1;
        stage.weclever.finalize(7, &format!("status {from}"));
        stage.whatever_comes_after(5 * MINUTE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_whose_status_flaps_is_told_ever_more_rarely_and_its_last_status_is_not_lost() {
    let stage = Stage::set(by_hand()).await;
    stage.after(MINUTE).await;
    let (mut n, told) = (0, |stage: &Stage| stage.told("lead.finalized").get(&7).copied().unwrap_or_default());
    flaps(&stage, 6, &mut n).await;
    assert_eq!(
        (told(&stage), stage.status().await.source.flapping.len()),
        (6, 0),
        "as often as that, nothing is held up"
    );
    // The next waits for a quarter of an hour, and is told with the status that was listed last.
    flaps(&stage, 3, &mut n).await;
    let status = stage.status().await;
    assert_eq!((told(&stage), status.source.flapping[0].weclever_lead_id), (6, LeadId(7)));
    let look = &status.needs_a_look[0];
    assert!(
        look.starts_with("lead 7 changes its status with nearly every list") && look.contains("tell WeClever"),
        "{look}"
    );
    let explained = stage.ask(Explain { lead: LeadId(7) }).await;
    assert_eq!(
        (explained.next[0].waits_for, explained.next[0].at),
        (WaitsFor::Time, Some(status.source.flapping[0].due))
    );
    assert!(explained.next[0].text.contains("with the status that it has by then"), "{}", explained.next[0].text);
    flaps(&stage, 1, &mut n).await;
    assert_eq!(statuses(&stage, 7), [1, 2, 3, 4, 5, 6, 10].map(|n| format!("status {n}")));

    // Half an hour, an hour, two hours: three in nearly four hours. Another lead is told of at once.
    stage.weclever.finalize(8, "sold");
    flaps(&stage, 45, &mut n).await;
    assert_eq!((told(&stage), stage.told("lead.finalized")[&8]), (10, 1));

    // It waits once more, and then no list shows it; but the last that did is not forgotten.
    flaps(&stage, 1, &mut n).await;
    stage.weclever.set_cap(Some(0));
    stage.whatever_comes_after(3 * HOUR).await;
    assert_eq!((told(&stage), stage.status().await.source.flapping.len()), (10, 1));
    stage.after(HOUR + MINUTE).await;
    assert_eq!((told(&stage), statuses(&stage, 7).pop()), (11, Some(format!("status {n}"))));
    assert!(stage.status().await.source.flapping.is_empty());

    // After a day of quiet it is a lead like any other.
    stage.weclever.set_cap(None);
    stage.after(25 * HOUR).await;
    flaps(&stage, 3, &mut n).await;
    assert_eq!((told(&stage), stage.status().await.needs_a_look.len()), (14, 0));
}
