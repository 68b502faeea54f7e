//! `leadhook status`: how everything stands, in a form that is read in five seconds.

use std::time::Duration;

use super::exit::{Exit, Failure};
use super::output::{Output, ago, count, hence, table};
use super::{Global, status_watch};
use crate::app::operator::{DestinationStatus, State, Status, StatusReport};
use crate::domain::size;
use crate::domain::span;

#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Look again and again, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// With --watch: how often
    #[arg(long, requires = "watch", default_value = "2s", value_parser = span::parse, value_name = "DURATION")]
    every: Duration,
}

pub async fn status(global: &Global, args: &StatusArgs, output: &Output) -> Result<Exit, Failure> {
    if args.watch {
        return status_watch::watch(global, args.every, output).await;
    }
    let report = global.desk().await?.ask(Status {}).await?;
    output.print(&report, text)?;
    Ok(if report.needs_a_look.is_empty() { Exit::Done } else { Exit::NeedsALook })
}

pub fn text(report: &StatusReport) -> String {
    let mut out = String::new();
    let running = if report.running { "running" } else { "not running" };
    out.push_str(&format!(
        "leadhook {} is {running}, store {} ({}{})\n\n",
        report.version,
        report.store.path,
        size::format(report.store.bytes),
        report.store.max_bytes.map_or(String::new(), |max| format!(" of {}", size::format(max)))
    ));
    out.push_str(&source(report));
    out.push_str("\n\n");
    let mut rows = table(&["destination", "state", "pending", "oldest", "delivered", "dead", "dropped"]);
    for d in &report.destinations {
        let oldest = d.oldest_pending.map_or("-".to_owned(), |at| ago(at, report.at));
        let numbers =
            [d.pending.to_string(), oldest, d.delivered.to_string(), d.dead.to_string(), d.dropped.to_string()];
        rows.add_row([d.name.clone(), state(d, report)].into_iter().chain(numbers));
    }
    out.push_str(&rows.to_string());
    out.push_str(&doubts(report));
    for backfill in &report.backfills {
        let waits = backfill.waits.as_ref().map_or(String::new(), |why| format!(", waits: {why}"));
        let (no, to, share) = (backfill.no, &backfill.order.destination, backfill.share() * 100.0);
        out.push_str(&format!(
            "\n\nbackfill {no} to {to}: {share:.0}%, {} sent{waits}",
            count(backfill.counts.sent, "lead")
        ));
    }
    if !report.needs_a_look.is_empty() {
        out.push_str("\n\nneeds a look:");
        for look in &report.needs_a_look {
            out.push_str(&format!("\n  - {look}"));
        }
    }
    out
}

/// What counted as no because it could not be told.
fn doubts(report: &StatusReport) -> String {
    let mut out = String::new();
    for (route, doubt) in &report.doubts.conditions {
        let (times, why, lead) = (count(doubt.times, "time"), &doubt.why, doubt.lead);
        out.push_str(&format!(
            "\n\nthe condition of `{route}` could not be evaluated {times}, and counted as no: {why} (`leadhook explain {lead}`)"
        ));
    }
    if report.doubts.unreadable_ratings > 0 {
        let ratings = count(report.doubts.unreadable_ratings, "rating");
        out.push_str(&format!("\n\n{ratings} could not be read, and counted as not low; see [csat] in the file"));
    }
    out
}

fn source(report: &StatusReport) -> String {
    let source = &report.source;
    let last = source.last_poll.map_or("never read yet".to_owned(), |at| format!("last read {}", ago(at, report.at)));
    let mut out = format!(
        "source {} (platform {}): {last}, {} seen",
        source.base_url,
        source.platform_id,
        count(source.seen_leads, "lead")
    );
    if let Some(since) = source.stale_since {
        out.push_str(&format!(", stale since {}", ago(since, report.at)));
    }
    if source.set_aside > 0 {
        out.push_str(&format!(", {} tried again", source.set_aside));
    }
    if !source.gaps.is_empty() {
        out.push_str(&format!(
            ", {} still to be read",
            count(source.gaps.len() as u64, "stretch").replace("stretchs", "stretches")
        ));
    }
    if let Some(cap) = source.cap {
        out.push_str(&format!(", its lists end at {cap} rows and are read in shorter windows"));
    }
    if source.lateness.count > 0 {
        let late = span::format(Duration::from_secs(source.lateness.max_s));
        out.push_str(&format!(", {} showed up late, by {late} and more", count(source.lateness.count, "lead")));
    }
    if let Some(until) = source.wait_until.filter(|until| *until > report.at) {
        out.push_str(&format!(", it asked to be left alone, next {}", hence(until, report.at)));
    }
    out
}

fn state(d: &DestinationStatus, report: &StatusReport) -> String {
    let mut state = d.state.as_str().to_owned();
    if let Some(since) = d.since {
        state.push_str(&format!(" since {}", ago(since, report.at)));
    }
    if let Some(until) = d.until {
        state.push_str(&format!(", next {}", hence(until, report.at)));
    }
    if d.state == State::Ok
        && let Some(trouble) = &d.trouble
    {
        state.push_str(&format!(", last answer {}", trouble.error));
    }
    state
}
