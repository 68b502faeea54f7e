//! `leadhook reconcile`: WeClever's list held against what was delivered.
//!
//! The command keeps the sums and asks in small steps, of itself or of a running service: a step that is cut off costs
//! nothing, and what `--fix` has recorded stays recorded.

mod report;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::progress::Progress;
use crate::admin::{Desk, reach};
use crate::app::operator::{Listed, Order, ReconcileBegin, ReconcileLeads, ReconcileList, Refusal, Setback, Step};
use crate::domain::clock;
use crate::domain::lead::{LeadId, Row};
use crate::domain::period::Period;
use crate::domain::window::{Piece, gap_windows};
use report::Report;

/// How far windows reach into each other: whether the API includes the ends, nobody knows.
const MARGIN: Duration = Duration::from_secs(60);

/// Leads asked about in one step, at most.
const LEADS: usize = 500;

/// Bytes asked in one step, about.
const BYTES: usize = 256 * 1024;

/// How often WeClever is asked in vain before that is the result.
const TRIES: u32 = 4;

/// A longer wait than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub struct ReconcileArgs {
    /// From then on: a date, a date and time on the clocks of [source] timezone, or an age like 7d
    #[arg(long, value_name = "WHEN")]
    from: String,
    /// Until then; a date counts whole [default: now]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Send what is missing
    #[arg(long)]
    fix: bool,
    /// Read the details of every lead again, and look for ratings that were never told
    #[arg(long)]
    details: bool,
}

pub async fn reconcile(global: &Global, args: &ReconcileArgs, output: &Output) -> Result<Exit, Failure> {
    let config = global.load()?.config;
    let zone = config.source.timezone.clone();
    let period = Period::read(&args.from, args.to.as_deref(), &zone, Timestamp::now()).map_err(Failure::usage)?;
    let desk = reach(&config).await?;
    let begun = desk.ask(ReconcileBegin { from: period.from, to: period.to }).await?;
    if begun.to <= period.from {
        let read = clock::shown(begun.to, &zone);
        return Err(Failure::unavailable(format!(
            "the service read WeClever's list last at {read}, and reads what came since by itself; \
             ask for an earlier --from, or see `leadhook status`"
        )));
    }
    let order = Order { fix: args.fix, details: args.details };
    let report = Report::new(period.from, begun, order, desk.is_running());
    let mut reading = Reading {
        desk: &desk,
        order,
        zone: &zone,
        report,
        seen: HashSet::new(),
        failures: 0,
        progress: Progress::new("reconcile"),
    };
    let end = reading.read().await;
    let Reading { mut report, progress, .. } = reading;
    drop(progress);
    report.error = end.err().map(|why| why.to_string());
    output.print(&report, |report| report.text(&zone))?;
    Ok(report.exit())
}

/// A reading of the whole period, and what it has found so far.
struct Reading<'a> {
    desk: &'a Desk,
    order: Order,
    zone: &'a TimeZone,
    report: Report,
    seen: HashSet<LeadId>,
    /// How often in a row WeClever was asked in vain.
    failures: u32,
    progress: Progress,
}

impl Reading<'_> {
    /// Reads the period, newest first: a lead that is listed twice counts with its newer row.
    async fn read(&mut self) -> Result<(), Refusal> {
        let (from, to) = (self.report.from, self.report.to);
        let pieces: Vec<Piece> = gap_windows((from, to), MARGIN, from).collect();
        for (done, piece) in pieces.iter().enumerate() {
            let (first, last) = (piece.window.from, piece.window.to.min(to));
            let rows = self.list(first, last).await?;
            let new = rows.into_iter().filter(|row| self.seen.insert(row.id));
            let mut rows: VecDeque<Row> = new.collect();
            let listed = rows.len().max(1) as f64;
            while !rows.is_empty() {
                self.step(&mut rows, first, last).await?;
                let within = 1.0 - rows.len() as f64 / listed;
                self.tell((done as f64 + within) / pieces.len() as f64, piece.from);
            }
            self.tell((done as f64 + 1.0) / pieces.len() as f64, piece.from);
        }
        Ok(())
    }

    fn tell(&mut self, share: f64, at: Timestamp) {
        let day = self.zone.to_datetime(at).date().to_string();
        self.progress.at(share, self.report.listed, &day);
    }

    async fn list(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Row>, Refusal> {
        loop {
            let asked = self.desk.ask(ReconcileList { from, to }).await;
            let Some(Listed { rows, malformed, setback }) = self.unless_gone(asked).await? else { continue };
            if let Some(setback) = setback {
                self.wait(setback).await?;
                continue;
            }
            self.failures = 0;
            self.report.malformed_rows += malformed;
            return Ok(rows);
        }
    }

    /// Has some of the rows looked at, and takes those out.
    async fn step(&mut self, rows: &mut VecDeque<Row>, from: Timestamp, to: Timestamp) -> Result<(), Refusal> {
        let mut bytes = 0;
        let size = |row: &Row| {
            let texts = [row.mapped_status.as_deref(), row.client_lead_id.as_deref().map(|raw| raw.get())];
            64 + texts.into_iter().flatten().map(str::len).sum::<usize>()
        };
        let some: Vec<Row> = rows
            .iter()
            .take(LEADS)
            .take_while(|row| {
                let fits = bytes < BYTES;
                bytes += size(row);
                fits
            })
            .cloned()
            .collect();
        let Step { judged, setback } =
            self.desk.ask(ReconcileLeads { rows: some, from, to, order: self.order }).await?;
        let done: HashSet<LeadId> = judged.iter().map(|one| one.lead).collect();
        rows.retain(|row| !done.contains(&row.id));
        if !judged.is_empty() {
            self.failures = 0;
        }
        judged.into_iter().for_each(|one| self.report.add(one));
        match setback {
            Some(setback) => self.wait(setback).await,
            None => Ok(()),
        }
    }

    /// The answer, unless the running service gave none: then it may give one later, for a step can be asked twice.
    async fn unless_gone<T>(&mut self, asked: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
        match asked {
            Ok(answer) => Ok(Some(answer)),
            Err(Refusal::Unavailable(said)) if self.desk.is_running() => {
                self.wait(Setback { said, wait: None }).await?;
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Waits before WeClever is asked again, unless it was asked in vain too often.
    async fn wait(&mut self, setback: Setback) -> Result<(), Refusal> {
        self.failures += 1;
        let asked = Duration::from_secs(setback.wait.unwrap_or(0));
        if self.failures >= TRIES || asked > LONGEST_WAIT {
            return Err(Refusal::Unavailable(setback.said));
        }
        let wait = Duration::from_secs(1 << (self.failures - 1)).max(asked);
        self.progress.say(&format!("{}; asked again in {} s", setback.said, wait.as_secs()));
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
