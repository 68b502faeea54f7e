//! `leadhook doctor`: what the API's page does not say, found out by asking. It only reads, and asks little.
//!
//! What is concluded from the answers is in [`domain::doctor`](crate::domain::doctor); here it is asked for and told.

mod asker;
mod examine;

use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

use super::Global;
use super::exit::{Exit, Failure};
use super::online::{self, Probe};
use super::output::{Output, count, table};
use crate::config::Config;
use crate::domain::doctor::{About, Finding, Fits};
use crate::domain::span;
use crate::source::{SourceError, SourceErrorKind};
use examine::Examined;

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Wait so long for a conversation to be finalized, where only that makes the zone of the dates sure
    #[arg(long, default_value = "0s", value_parser = span::parse, value_name = "TIME")]
    wait: Duration,
}

#[derive(Serialize)]
struct Report {
    /// Nothing differs, and nothing needs a look.
    ok: bool,
    file: String,
    base_url: String,
    requests: u32,
    findings: Vec<Finding>,
    /// Whether the brokers of the destinations that are queues have what they name; nothing is sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queues: Vec<Probe>,
    /// What to write under `[source]`.
    lines: Vec<String>,
}

pub async fn doctor(global: &Global, args: &DoctorArgs, output: &Output) -> Result<Exit, Failure> {
    let loaded = global.load()?;
    let (examined, queues) = tokio::join!(look(&loaded.config, args.wait), online::queues(&loaded.config));
    let Examined { findings, requests } = examined?;
    let report = Report {
        ok: findings.iter().all(|finding| finding.fits == Fits::Yes) && queues.iter().all(|queue| queue.ok),
        file: loaded.path.display().to_string(),
        base_url: loaded.config.source.base_url.as_str().trim_end_matches('/').to_owned(),
        requests,
        lines: findings.iter().flat_map(|finding| finding.lines.clone()).collect(),
        findings,
        queues,
    };
    output.print(&report, text)?;
    Ok(if report.ok { Exit::Done } else { Exit::NeedsALook })
}

async fn look(config: &Config, wait: Duration) -> Result<Examined, Failure> {
    // It draws on standard error, and only where that is a terminal.
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    let end = examine::examine(&config.source, wait, |stage| spinner.set_message(stage)).await;
    spinner.finish_and_clear();
    match end {
        Ok(examined) => Ok(examined),
        Err(error) if reached(&error) => {
            let finding = Finding::unknown(
                About::Token,
                "no token is to be had, so that nothing else can be asked",
                error.to_string(),
                Fits::No,
            );
            Ok(Examined { findings: vec![finding], requests: 1 })
        }
        Err(error) => Err(Failure::unavailable(error)),
    }
}

fn reached(error: &SourceError) -> bool {
    !matches!(error.kind, SourceErrorKind::NoAnswer(_) | SourceErrorKind::Setup(_))
}

fn text(report: &Report) -> String {
    let mut rows = table(&[]);
    for finding in &report.findings {
        let mark = match finding.fits {
            Fits::Yes => "",
            Fits::No => "DIFFERS",
            Fits::Look => "LOOK",
        };
        let said = format!("{}\n({})", finding.said, finding.why);
        rows.add_row([finding.about.label(), finding.certainty.as_str(), mark, &said]);
    }
    let asked = count(report.requests.into(), "request");
    let mut out = format!("WeClever at {}, by {asked}:\n\n{rows}\n\n", report.base_url);
    for Probe { what, ok, said } in &report.queues {
        out.push_str(&format!("{what}: {}{said}\n", if *ok { "" } else { "LOOK: " }));
    }
    if !report.queues.is_empty() {
        out.push('\n');
    }
    if report.lines.is_empty() {
        out.push_str(if report.ok {
            "all of it fits "
        } else {
            "some of it needs a look; nothing is to be changed in "
        });
        out.push_str(&report.file);
    } else {
        out.push_str(&format!("in {}, under [source]:\n\n{}", report.file, report.lines.join("\n")));
    }
    out
}
