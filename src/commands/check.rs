//! `leadhook check`: every mistake in the file at once, and, with `--online`, whether the other sides answer.

use std::io::IsTerminal;

use serde::Serialize;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::online::{self, Probe};
use super::output::Output;
use super::{Global, output};
use crate::config::{Loaded, SummaryLine};

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Also ask WeClever for a token and a list, and try each destination's name, port, TLS and token; sends no event
    #[arg(long)]
    online: bool,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    file: String,
    mistakes: Value,
    warnings: Vec<Value>,
    summary: Vec<SummaryLine>,
    online: Vec<Probe>,
}

pub async fn check(global: &Global, args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let loaded = match global.load() {
        Ok(loaded) => loaded,
        Err(Failure::Config(mistakes)) if global.json => {
            let none = Vec::new;
            let report = Report {
                ok: false,
                file: String::new(),
                mistakes: mistakes.to_json(),
                warnings: none(),
                summary: Vec::new(),
                online: Vec::new(),
            };
            output.print(&report, |_| String::new())?;
            return Err(Failure::Config(mistakes));
        }
        Err(failure) => return Err(failure),
    };
    let online = if args.online { online::probe(&loaded.config).await } else { Vec::new() };
    let ok = online.iter().all(|probe| probe.ok);
    let report = Report {
        ok,
        file: loaded.path.display().to_string(),
        mistakes: Value::Array(Vec::new()),
        warnings: loaded.warnings.iter().map(|warning| warning.to_json()).collect(),
        summary: loaded.config.summary(),
        online,
    };
    output.print(&report, |report| text(report, &loaded))?;
    Ok(if ok { Exit::Done } else { Exit::NeedsALook })
}

fn text(report: &Report, loaded: &Loaded) -> String {
    let color = std::io::stdout().is_terminal();
    let mut out = String::new();
    for warning in &loaded.warnings {
        out.push_str(&warning.render(color));
        out.push_str("\n\n");
    }
    let mut table = output::table(&[]);
    for line in &report.summary {
        table.add_row([line.label.as_str(), line.text.as_str()]);
    }
    for probe in &report.online {
        table.add_row([
            format!("online {}", probe.what),
            format!("{}: {}", if probe.ok { "ok" } else { "FAILED" }, probe.said),
        ]);
    }
    out.push_str(&table.to_string());
    let said = if report.ok { "is right" } else { "is right, but not everything that it names answers" };
    out.push_str(&format!("\n\n{} {said}", report.file));
    out
}
