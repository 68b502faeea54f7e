//! The first page: is the source read, do the destinations take what is sent, what needs a look.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::frame::{Page, Place, Reader};
use super::latest::latest;
use super::looks::{self, looks};
use super::plots::{LastHour, last_hour, plots};
use crate::admin::asked::Asked;
use crate::app::operator::{
    DestinationStatus, Happened, History, Reach, Refusal, SourceStatus, State as Standing, Status, StatusReport, Verb,
};

/// What the address asks for.
#[derive(serde::Deserialize)]
pub(super) struct Wish {
    /// How far back the plots reach.
    #[serde(default)]
    reach: Reach,
}

/// A destination as its row shows it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    destination: &'a DestinationStatus,
    class: &'static str,
    word: &'static str,
    hour: LastHour,
    page: String,
    dead_page: String,
}

/// How the source is read.
#[derive(Serialize)]
struct Reading {
    class: &'static str,
    word: &'static str,
    polls: u64,
    failed_polls: u64,
    gap_seconds: u64,
}

/// `GET /`
pub(super) async fn overview(
    State(asked): State<Asked>,
    reader: Reader,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Response {
    // An address that somebody wrote by hand shows the hour.
    let reach = wish.map_or_else(|_| Reach::default(), |Query(wish)| wish.reach);
    match seen(&asked, reach).await {
        Ok((report, hour, happened)) => {
            let title = reader.say("overview.title");
            let page = Page { template: "overview.html", title: &title, place: Place::Overview };
            let rows: Vec<Row<'_>> = report.destinations.iter().map(|d| row(&reader, d, &hour)).collect();
            let given = context! {
                looks => Serde(looks(&reader, &report.looks)),
                reading => Serde(reading(&report.source, &hour)),
                rows => Serde(rows),
                plots => Serde(plots(&reader, reach, happened.as_ref().unwrap_or(&hour))),
                reaches => Serde(Reach::ALL),
                reach => reach.as_str(),
                latest => Serde(latest(&reader, &asked.operator.latest())),
                report => Serde(&report),
            };
            reader.show(page, given)
        }
        Err(refusal) => reader.refused(&refusal),
    }
}

/// Everything that is asked for it; the hour twice where it is the hour that is drawn.
async fn seen(asked: &Asked, reach: Reach) -> Result<(StatusReport, Happened, Option<Happened>), Refusal> {
    let operator = &asked.operator;
    let report = (Status {}).run(operator).await?;
    let hour = History { reach: Reach::Hour }.run(operator).await?;
    let happened = match reach {
        Reach::Hour => None,
        _ => Some(History { reach }.run(operator).await?),
    };
    Ok((report, hour, happened))
}

fn row<'a>(reader: &Reader, destination: &'a DestinationStatus, hour: &Happened) -> Row<'a> {
    let (class, word) = match destination.state {
        Standing::Ok if destination.trouble.is_some() => ("warn", "state.trouble"),
        Standing::Ok => ("ok", "state.ok"),
        Standing::Failing => ("bad", "state.failing"),
        Standing::Waiting => ("held", "state.waiting"),
        Standing::Paused => ("held", "state.paused"),
        Standing::Disabled => ("bad", "state.disabled"),
        Standing::NotInFile => ("warn", "state.not_in_file"),
    };
    Row {
        class,
        word,
        hour: last_hour(reader, hour, &destination.name),
        page: looks::destination(&destination.name),
        dead_page: looks::dead_letters(&destination.name),
        destination,
    }
}

fn reading(source: &SourceStatus, hour: &Happened) -> Reading {
    let (class, word) = match source {
        SourceStatus { stale_since: Some(_), .. } => ("bad", "source.silent"),
        SourceStatus { trouble: Some(_), .. } => ("warn", "source.trouble"),
        SourceStatus { last_poll: None, .. } => ("", "source.begins"),
        SourceStatus { wait_until: Some(until), .. } if *until > jiff::Timestamp::now() => ("held", "source.waits"),
        SourceStatus { gaps, .. } if !gaps.is_empty() => ("warn", "source.behind"),
        _ => ("ok", "source.read"),
    };
    let sum = |of: fn(&crate::domain::history::Sums) -> u64| hour.stretches.iter().map(|(_, sums)| of(sums)).sum();
    let gaps = source.gaps.iter().map(|(from, to)| crate::domain::clock::elapsed(*from, *to).as_secs());
    Reading {
        class,
        word,
        polls: sum(|sums| sums.polls),
        failed_polls: sum(|sums| sums.failed_polls),
        gap_seconds: gaps.sum(),
    }
}
