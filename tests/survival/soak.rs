//! A day's leads within a minute or two: what it uses of the machine levels off.
//!
//! A new lead is finalized when an old one has arrived: were there more than the machine can bear, they would pile up.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadhook::simulator::{Behaviour, FaultKind, Faults, Mishap, Options, Receiver};

use crate::support::*;

/// What it uses at some moment.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    memory_kb: u64,
    files: u64,
    threads: u64,
    directory_kb: u64,
}

impl Use {
    fn of(pid: u64, directory: &Path) -> Use {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            value.trim().trim_end_matches(" kB").parse().unwrap()
        };
        Use {
            memory_kb: line("VmRSS:"),
            threads: line("Threads:"),
            files: std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64,
            directory_kb: size(directory) >> 10,
        }
    }
}

/// All that lies in a directory. What vanishes meanwhile counts for nothing.
fn size(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(what) if what.is_dir() => size(&entry.path()),
        Ok(what) => what.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

fn median(uses: &[Use], of: fn(&Use) -> u64) -> u64 {
    let mut values: Vec<u64> = uses.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// So many leads are on their way.
const ON_THEIR_WAY: u64 = 150;
/// No more at a time, ten times a second.
const AT_A_TIME: u64 = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_a_load_that_goes_on_it_uses_no_more_and_no_more() {
    let long = Duration::from_secs(crate::number("SURVIVE_SOAK").unwrap_or(24));
    let kinds = [FaultKind::Error, FaultKind::Html, FaultKind::Truncated, FaultKind::Reset];
    let load = Options {
        ratings_later_share: 0.3,
        ratings_later_up_to: Duration::from_secs(4),
        faults: Faults { token: 0.0, ..Faults::of(0.02, kinds) },
        ..by_hand()
    };
    let weclever = weclever(load).await;
    let fine = receiver(Behaviour::Fine).await;
    let mishaps = vec![Mishap::Error, Mishap::Reset, Mishap::Unavailable];
    let flaky = receiver(Behaviour::Flaky { share: 0.1, kinds: mishaps }).await;
    let refusing = receiver(Behaviour::Broken { status: 422 }).await;
    let start = (Timestamp::now() - Duration::from_secs(3600)).to_string();
    let types = ["lead.finalized", "lead.rated"];
    let more = format!("{PATIENT_RETRIES}\nconcurrency = 16");
    let file = File::new(&weclever.base_url())
        .source("start", &start)
        .list("recheck", &["1s", "3s", "6s"])
        .destination("fine", &fine.url(), &more)
        .route_on("fine", &types, "fine")
        .destination("flaky", &flaky.url(), &more)
        .route_on("flaky", &types, "flaky")
        // A few die, and are dropped by hand.
        .destination("refusing", &refusing.url(), "")
        .route_with("few", "on = [\"lead.finalized\"]\nwhen = \"weclever_lead_id % 100 == 0\"", &["refusing"]);
    // What is settled is let go of after two seconds, as after thirty days in real life.
    let place = Place::new(&file).with("LEADHOOK_STORE__RETENTION", "2s");
    let service = place.start().await;
    let pid = service.notice().unwrap()["pid"].as_u64().unwrap();
    let there = |receiver: &Receiver| receiver.tally(|tally| tally.by_lead.len() as u64);
    let (began, mut uses, mut leads) = (Instant::now(), Vec::new(), 0);
    while began.elapsed() < long {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let room = (there(&fine).min(there(&flaky)) + ON_THEIR_WAY).saturating_sub(leads);
        for _ in 0..room.min(AT_A_TIME) {
            leads += 1;
            weclever.finalize(leads, "sold");
        }
        uses.push(Use::of(pid, &place.path("data")));
        if uses.len() % 50 == 0 {
            // Commands come and go as well.
            place.run(&["dead", "drop", "--all"]);
        }
    }
    let quarter = uses.len() / 4;
    let (second, fourth) = (&uses[quarter..2 * quarter], &uses[3 * quarter..]);
    let mut shown = Vec::new();
    // Half as much again, and a little more: what comes and goes. What grows without end is beyond that within minutes.
    for (name, of, coming) in [
        ("memory in KiB", (|one: &Use| one.memory_kb) as fn(&Use) -> u64, 8 << 10),
        ("open files", |one: &Use| one.files, 8),
        ("threads", |one: &Use| one.threads, 8),
        ("the directory in KiB", |one: &Use| one.directory_kb, 4 << 10),
    ] {
        let (before, after) = (median(second, of), median(fourth, of));
        shown.push(format!("{name} {before} -> {after}"));
        assert!(after <= before + before / 2 + coming, "{name}: {before} in the second quarter, {after} in the last");
    }
    weclever.set_faults(Faults::default());
    for (name, receiver) in [("fine", &fine), ("flaky", &flaky)] {
        let all = receiver.wait_until(|tally| tally.by_lead.len() as u64 == leads, PATIENCE * 2).await;
        assert!(all, "{name}: {} of {leads}", there(receiver));
    }
    println!("{leads} leads in {:.0} s; second quarter -> last: {}", long.as_secs_f64(), shown.join(", "));
    assert_eq!(size(&place.path("data/sled/blobs")), 0, "sled never syncs what it puts there");
    service.stop();
}
