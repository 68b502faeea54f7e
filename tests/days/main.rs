//! Stories that take days, told by a clock that is set by hand: leadhook in this process, started for each of its runs as cron
//! would, and the simulated WeClever beside it, whose clock goes along.

#![allow(clippy::unwrap_used)]

mod first;
mod flap;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use leadhook::app::operator::{Status, StatusReport, Verb};
use leadhook::app::{App, OnceReport, Stop};
use leadhook::config::{Environment, parse};
use leadhook::simulator::{Behaviour, FaultKind, Faults, Mishap, Options, Receiver, ReceiverOptions, WeClever};
use leadhook::watch::Clock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// WeClever, a destination that takes everything, and a directory.
struct Stage {
    weclever: WeClever,
    crm: Receiver,
    clock: Clock,
    directory: TempDir,
    /// Lines of the destination's table.
    more: &'static str,
    /// Lines of the source's.
    source: &'static str,
}

impl Stage {
    async fn set(options: Options) -> Stage {
        let weclever = WeClever::start(listener().await, options).unwrap();
        let keep = ReceiverOptions { keep: 20_000, ..ReceiverOptions::default() };
        let crm = Receiver::start_with(listener().await, Behaviour::Fine, keep).unwrap();
        let clock = Clock::manual(weclever.now());
        Stage { weclever, crm, clock, directory: tempfile::tempdir().unwrap(), more: "", source: "" }
    }

    /// So much time passes, and leadhook is run once, and is done with all that there was to do.
    async fn after(&self, time: Duration) -> OnceReport {
        let report = self.whatever_comes_after(time).await;
        assert_eq!((report.windows_left, report.dead, report.set_aside, report.unchecked), (0, 0, 0, 0));
        report
    }

    /// The same, and it may not get on.
    async fn whatever_comes_after(&self, time: Duration) -> OnceReport {
        self.weclever.advance(time);
        self.clock.set(self.weclever.now());
        let app = self.app().await;
        let operator = app.operator();
        let report = app.run_once(Duration::ZERO, Stop::default()).await.unwrap();
        operator.close().await;
        report
    }

    async fn app(&self) -> App {
        let (weclever, crm, more, source) = (self.weclever.base_url(), self.crm.url(), self.more, self.source);
        let text = format!(
            r#"
[source]
base_url    = "{weclever}"
platform_id = "demo"
username    = "demo"
password    = "demo"
{source}

[destinations.crm]
url         = "{crm}"
{more}

[[routes]]
name        = "all"
on          = ["lead.finalized", "lead.rated", "lead.updated"]
to          = ["crm"]
"#
        );
        let mut config = parse(Path::new("days.toml"), &text, &Environment::default()).unwrap().config;
        config.store.path = self.directory.path().join("data");
        App::build(config, self.clock.clone()).await.unwrap()
    }

    /// What a command would be told beside no service.
    async fn ask<V: Verb>(&self, verb: V) -> V::Reply {
        let operator = self.app().await.operator();
        let reply = verb.run(&operator).await.unwrap();
        operator.close().await;
        reply
    }

    async fn status(&self) -> StatusReport {
        self.ask(Status {}).await
    }

    /// How often each lead was told of, by type.
    fn told(&self, event_type: &str) -> BTreeMap<u64, u32> {
        let mut told = BTreeMap::new();
        self.crm.tally(|tally| {
            assert_eq!(tally.requests, tally.by_id.len() as u64, "an event was sent twice");
            for request in &tally.kept {
                let event: Value = serde_json::from_slice(&request.body).unwrap();
                if event["type"] == event_type {
                    *told.entry(event["data"]["weclever_lead_id"].as_u64().unwrap()).or_default() += 1;
                }
            }
        });
        told
    }
}

/// So many a day, and none is rated.
fn a_day(leads: f64) -> Options {
    Options { leads_per_second: leads / 86_400.0, unrated_share: 1.0, ..Options::default() }
}

fn by_hand() -> Options {
    a_day(0.0)
}

fn once_each(leads: &BTreeMap<u64, u32>) -> BTreeSet<u64> {
    assert!(leads.values().all(|times| *times == 1), "{leads:?}");
    leads.keys().copied().collect()
}

fn finalized(stage: &Stage) -> BTreeSet<u64> {
    stage.weclever.finalized_ids().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ratings_that_come_up_to_three_days_later_are_told_of_each_once() {
    let options = Options {
        unrated_share: 0.2,
        ratings_later_share: 1.0,
        // The last reading is made at an age of three days, counted from the listing.
        ratings_later_up_to: 3 * DAY,
        ..a_day(60.0)
    };
    let stage = Stage::set(options).await;
    stage.after(MINUTE).await;
    for _ in 0..6 * 24 {
        stage.after(10 * MINUTE).await;
    }
    stage.weclever.finalize_no_more();
    for _ in 0..76 {
        stage.after(HOUR).await;
    }
    assert_eq!(once_each(&stage.told("lead.finalized")), finalized(&stage));
    let rated = once_each(&stage.told("lead.rated"));
    let last: BTreeMap<u64, bool> = stage.crm.tally(|tally| {
        let bodies = tally.kept.iter().map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
        bodies
            .map(|event| {
                (event["data"]["weclever_lead_id"].as_u64().unwrap(), !event["data"]["csat"]["text"].is_null())
            })
            .collect()
    });
    assert!(rated.len() > 30 && rated.len() < finalized(&stage).len(), "{} are rated", rated.len());
    assert!(last.iter().all(|(lead, is_rated)| *is_rated == rated.contains(lead)));
    // Nobody is read for ever.
    let read = stage.weclever.requests().detail;
    stage.after(HOUR).await;
    assert_eq!(stage.weclever.requests().detail, read);
    assert!(read <= 11 * finalized(&stage).len() as u64, "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_week_out_of_service_is_made_up_for_by_the_next_run() {
    let stage = Stage::set(a_day(50.0)).await;
    stage.after(MINUTE).await;
    let before = finalized(&stage);
    // Further back than any sweep reaches.
    let run = stage.after(9 * DAY).await;
    let missed: BTreeSet<u64> = finalized(&stage).difference(&before).copied().collect();
    assert!(missed.len() > 300 && run.delivered == missed.len() as u64, "{} {}", missed.len(), run.delivered);
    assert_eq!(once_each(&stage.told("lead.finalized")), missed);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_show_up_to_forty_hours_late_all_come() {
    let options = Options { late_share: 0.5, late_up_to: 40 * HOUR, ..a_day(60.0) };
    let stage = Stage::set(options).await;
    stage.after(MINUTE).await;
    for _ in 0..48 {
        stage.after(HOUR).await;
    }
    stage.weclever.finalize_no_more();
    for _ in 0..22 {
        stage.after(2 * HOUR).await;
    }
    assert_eq!(once_each(&stage.told("lead.finalized")), finalized(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_empty_lists_loses_nobody() {
    let stage = Stage::set(a_day(500.0)).await;
    stage.after(MINUTE).await;
    for cap in [None, Some(0), None] {
        stage.weclever.set_cap(cap);
        for _ in 0..6 {
            stage.after(10 * MINUTE).await;
        }
    }
    assert_eq!(once_each(&stage.told("lead.finalized")), finalized(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_has_had_enough_is_told_of_the_rest_day_by_day() {
    let more = "rate_per_contact = { limit = '2/24h', by = '{{ lead.email }}' }";
    let stage = Stage { more, ..Stage::set(Options { leads_per_second: 0.0, ..a_day(0.0) }).await };
    stage.after(MINUTE).await;
    for id in 1..=6 {
        stage.weclever.finalize(id, "sold");
        stage.weclever.change(id, "email", if id == 6 { "bia@example.com" } else { "ana@example.com" });
    }
    // Each is a run of its own, with nothing but the disk in common.
    for (time, told) in [
        (MINUTE, 3),
        (HOUR, 3),
        (22 * HOUR, 3),
        (59 * MINUTE, 3),
        (MINUTE, 5),
        (23 * HOUR + 59 * MINUTE, 5),
        (MINUTE, 6),
        (3 * DAY, 6),
    ] {
        stage.after(time).await;
        assert_eq!(once_each(&stage.told("lead.finalized")).len(), told, "{time:?}");
    }
}

/// A third of all answers is broken in each way that there is, rows show up late, ratings come later, the API is down for some
/// minutes, and the destination loses a third of what it is sent: for an hour, and then it is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_in_which_everything_goes_wrong_loses_nobody() {
    let options = Options {
        leads_per_second: 200.0 / 3_600.0,
        unrated_share: 0.2,
        ratings_later_share: 0.5,
        ratings_later_up_to: HOUR,
        late_share: 0.2,
        late_up_to: 5 * HOUR,
        ..Options::default()
    };
    let source = "timeout = '500ms'\nrecheck = ['3m', '30m', '1h', '3h', '8h']";
    let more = "timeout = '500ms'\nretry = { initial = '30s', max = '10m', attempts = 100 }";
    let stage = Stage { source, more, ..Stage::set(options).await };
    stage.after(MINUTE).await;
    // Nobody is told of these, unless they show up late.
    let before = finalized(&stage);
    let worst = Faults {
        stall: Duration::from_secs(1),
        slow: Duration::from_millis(50),
        // A pause of a second each is a second of this test.
        ..Faults::of(
            0.3,
            FaultKind::usual().into_iter().filter(|kind| *kind != FaultKind::Throttle).collect::<Vec<_>>(),
        )
    };
    let mishaps = Mishap::ALL.into_iter().filter(|mishap| *mishap != Mishap::Throttle).collect();
    stage.crm.behave(Behaviour::Flaky { share: 0.3, kinds: mishaps });
    let (mut left, mut aside) = (0, 0);
    for n in 0..20 {
        let down = (8..10).contains(&n);
        stage.weclever.set_faults(if down { Faults::of(1.0, [FaultKind::Error]) } else { worst.clone() });
        let report = stage.whatever_comes_after(3 * MINUTE).await;
        left += report.windows_left;
        aside += report.set_aside;
        assert_eq!((report.dead, report.unchecked), (0, 0));
    }
    assert!(left > 0 && aside > 0, "{left} windows and {aside} leads had to wait");
    stage.weclever.set_faults(Faults::default());
    stage.crm.behave(Behaviour::Fine);
    stage.weclever.finalize_no_more();
    for _ in 0..12 {
        stage.whatever_comes_after(HOUR).await;
    }
    assert_eq!(stage.after(HOUR).await.pending, 0);
    // What comes again, because nobody heard that it had come, comes under the same id.
    let mut ids: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    stage.crm.tally(|tally| {
        assert!(tally.out_of_order().is_empty());
        for request in &tally.kept {
            let event: Value = serde_json::from_slice(&request.body).unwrap();
            if event["type"] == "lead.finalized" {
                let lead = event["data"]["weclever_lead_id"].as_u64().unwrap();
                ids.entry(lead).or_default().insert(request.id.clone());
            }
        }
        assert!(tally.by_lead.keys().eq(ids.keys()));
    });
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    let came: BTreeSet<u64> = ids.into_keys().collect();
    let all = finalized(&stage);
    assert!(came.len() > 150 && came.is_subset(&all), "{}", came.len());
    let missing: Vec<&u64> = all.difference(&came).filter(|lead| !before.contains(lead)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
