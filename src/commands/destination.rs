//! `leadhook destination`: by hand.

use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, count};
use super::sample::sample;
use crate::admin::reach;
use crate::app::operator::{Drop, Move, Pause, Resume};
use crate::config::Config;
use crate::domain::outcome::{Answer, Outcome};
use crate::transport::Transport;

#[derive(Debug, clap::Subcommand)]
pub enum DestinationCommand {
    /// Send nothing there until it is resumed; its deliveries wait
    Pause {
        /// Its name in the file
        name: String,
    },
    /// Go on sending: after a pause, a 410, or a wait that it asked for
    Resume {
        /// Its name in the file
        name: String,
    },
    /// Send a marked sample (`data.test` is true) now, and show what comes back
    Test {
        /// Its name in the file
        name: String,
    },
    /// Send what waits for one destination to another
    Move {
        /// Where it waits now; this destination may have left the file
        old: String,
        /// Where it shall go
        new: String,
        /// Only what this route has sent
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
        /// From then on it counts as sent by this route
        #[arg(long, value_name = "ROUTE")]
        to_route: Option<String>,
    },
    /// Drop what waits for a destination, for good
    Drop {
        /// Its name; it may have left the file
        name: String,
        /// Only what this route has sent
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub async fn destination(global: &Global, command: DestinationCommand, output: &Output) -> Result<Exit, Failure> {
    let config = global.load()?.config;
    match command {
        DestinationCommand::Test { name } => return test(&config, &name, output).await,
        DestinationCommand::Drop { ref name, yes: false, .. } => confirm(name)?,
        _ => {}
    }
    let desk = reach(&config).await?;
    match command {
        DestinationCommand::Pause { name } => {
            let standing = desk.ask(Pause { name }).await?;
            output.print(&standing, |s| format!("{} is paused; {} pending", s.name, s.pending))?;
        }
        DestinationCommand::Resume { name } => {
            let standing = desk.ask(Resume { name }).await?;
            output.print(&standing, |s| format!("{} goes on; {} pending", s.name, s.pending))?;
        }
        DestinationCommand::Move { old, new, route, to_route } => {
            let moved = desk.ask(Move { from: old, to: new.clone(), route, to_route }).await?;
            output.print(&moved, |m| {
                let merged = if m.merged > 0 {
                    format!("; {} had reached {new} already and ended", m.merged)
                } else {
                    String::new()
                };
                format!("{} moved to {new}{merged}", deliveries(m.moved))
            })?;
        }
        DestinationCommand::Drop { name, route, .. } => {
            let dropped = desk.ask(Drop { name, route }).await?;
            output.print(&dropped, |d| format!("{} dropped", deliveries(d.dropped)))?;
        }
        DestinationCommand::Test { .. } => {}
    }
    Ok(Exit::Done)
}

fn deliveries(n: u64) -> String {
    count(n, "delivery").replace("deliverys", "deliveries")
}

fn confirm(name: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("what waits for {name} would be gone for good; say --yes to drop it")));
    }
    let mut err = anstream::stderr().lock();
    write!(err, "Drop everything that waits for {name}, for good? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" | "s" | "sim" => Ok(()),
        _ => Err(Failure::usage("nothing was dropped")),
    }
}

#[derive(Serialize)]
struct Tested {
    destination: String,
    event_id: String,
    accepted: bool,
    outcome: Outcome,
    status: Option<u16>,
    error: Option<String>,
    answer: String,
    took_ms: u64,
}

async fn test(config: &Config, name: &str, output: &Output) -> Result<Exit, Failure> {
    let Some(destination) = config.destinations.iter().find(|d| d.name == name) else {
        let names: Vec<&str> = config.destinations.iter().map(|d| d.name.as_str()).collect();
        return Err(Failure::usage(format!(
            "there is no destination `{name}` in the file; there are: {}",
            names.join(", ")
        )));
    };
    let transport = Transport::new(destination).map_err(Failure::unavailable)?;
    let now = Timestamp::now();
    let (event_id, envelope) = sample(&config.source.platform_id, now);
    let request = destination.form.render(&event_id, envelope.into_bytes()).map_err(Failure::usage)?;
    let sent = transport.send(&event_id, request, now).await;
    let outcome = destination.judge(&sent.answer);
    let (status, error, answer) = match &sent.answer {
        Answer::Got(response) => {
            (Some(response.status), None, config.veil.answer(&String::from_utf8_lossy(&response.body)))
        }
        Answer::Nothing { why, detail } => (None, Some(format!("{why}: {detail}")), String::new()),
    };
    let accepted = outcome == Outcome::Accepted;
    let took_ms = sent.took.as_millis() as u64;
    let tested = Tested { destination: name.to_owned(), event_id, accepted, outcome, status, error, answer, took_ms };
    output.print(&tested, text)?;
    Ok(if accepted { Exit::Done } else { Exit::NeedsALook })
}

fn text(tested: &Tested) -> String {
    let said = tested.status.map(|status| format!("HTTP {status}")).or(tested.error.clone()).unwrap_or_default();
    let verdict = if tested.accepted { "took the sample" } else { "did not take the sample" };
    let mut out = format!("{} {verdict}: {said} in {} ms ({})", tested.destination, tested.took_ms, tested.event_id);
    if !tested.answer.is_empty() {
        out.push_str(&format!("\n{}", tested.answer));
    }
    out
}
