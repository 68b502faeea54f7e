//! A first start at which WeClever cannot be read: nothing of the past is sent, and nothing of the time since is lost.

use jiff::Timestamp;

use super::*;

fn down() -> Faults {
    Faults { detail: 0.0, ..Faults::of(1.0, [FaultKind::Error]) }
}

/// Leads that were there before the first start, the last of them right before it; then the first start, in vain.
async fn started_in_vain(options: Options) -> (Stage, Timestamp) {
    let stage = Stage::set(options).await;
    let now = stage.weclever.now();
    for (id, ago) in [(1, MINUTE), (2, HOUR), (3, 5 * HOUR), (4, 50 * HOUR), (5, 6 * DAY), (6, 9 * DAY)] {
        stage.weclever.finalize_at(id, "sold", now - ago);
    }
    stage.weclever.set_faults(down());
    let report = stage.whatever_comes_after(MINUTE).await;
    assert_eq!((report.windows_read, report.new_leads), (0, 0));
    assert_eq!(stage.status().await.source.baseline_until, None);
    (stage, now + MINUTE)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_finished_while_the_first_reading_is_awaited_is_sent() {
    // Hardly worth the name, within what a poll reaches back to, and long beyond it.
    for (outage, then) in [(20 * SECOND, 5 * SECOND), (20 * MINUTE, MINUTE), (30 * HOUR, MINUTE)] {
        let (stage, began) = started_in_vain(by_hand()).await;
        for id in 11..=13 {
            stage.weclever.advance(outage / 4);
            stage.weclever.finalize(id, "sold");
        }
        let report = stage.whatever_comes_after(outage / 4).await;
        assert_eq!((report.windows_read, report.new_leads), (0, 0));
        stage.weclever.set_faults(Faults::default());
        stage.after(then).await;
        assert_eq!(once_each(&stage.told("lead.finalized")), BTreeSet::from([11, 12, 13]), "{outage:?}");
        let status = stage.status().await.source;
        let until = status.baseline_until.unwrap();
        assert!(until >= began && until < began + MINUTE, "{until} {began}");
        assert_eq!((status.gaps.len(), status.seen_leads), (0, 8), "five of before, and three");
        // Nor does any later look at the same time send what was there before.
        stage.weclever.finalize(14, "sold");
        for time in [HOUR, 25 * HOUR, 25 * HOUR] {
            stage.after(time).await;
        }
        assert_eq!(once_each(&stage.told("lead.finalized")), BTreeSet::from([11, 12, 13, 14]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_past_is_sent_where_the_time_zone_is_still_wrong() {
    // Where a list that ends at the start ends three hours before it.
    let (stage, _) = started_in_vain(Options { zone: "UTC".to_owned(), ..by_hand() }).await;
    stage.weclever.set_faults(Faults::default());
    stage.after(20 * SECOND).await;
    assert_eq!(stage.told("lead.finalized"), BTreeMap::new());
    stage.weclever.finalize(11, "sold");
    stage.after(MINUTE).await;
    assert_eq!(once_each(&stage.told("lead.finalized")), BTreeSet::from([11]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_reading_that_breaks_off_goes_on_with_the_same_start() {
    let latency = Duration::from_millis(100);
    let (stage, _) = started_in_vain(Options { latency, ..by_hand() }).await;
    stage.weclever.advance(HOUR);
    stage.weclever.finalize(11, "sold");
    stage.weclever.set_faults(Faults::default());
    // What was there before is read, the newest window is not.
    let before = stage.weclever.requests().list;
    let (report, ()) = tokio::join!(stage.whatever_comes_after(HOUR), async {
        let first = |weclever: &WeClever| weclever.requests().list > before;
        assert!(stage.weclever.wait_until(first, Duration::from_secs(20)).await);
        stage.weclever.set_faults(down());
    });
    let status = stage.status().await.source;
    assert!(report.windows_read == 0 && status.baseline_until.is_some(), "{report:?}");
    assert_eq!((status.last_poll, status.seen_leads), (None, 2));
    stage.weclever.finalize(12, "sold");
    stage.weclever.set_faults(Faults::default());
    stage.after(5 * HOUR).await;
    assert_eq!(stage.status().await.source.baseline_until, status.baseline_until);
    assert_eq!(once_each(&stage.told("lead.finalized")), BTreeSet::from([11, 12]));
    assert_eq!(stage.weclever.requests().detail, 2, "nothing is fetched that is not sent");
}
