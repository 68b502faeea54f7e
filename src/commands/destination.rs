//! `leadhook destination`: by hand.

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, count, indented, printable};
use crate::admin::reach_or_make;
use crate::app::operator::{self, Drop, Move, Pause, Resume, Said, Test, Tested};
use crate::config::Config;

#[derive(Debug, clap::Subcommand)]
pub enum DestinationCommand {
    /// Send nothing there until it is resumed; its deliveries wait
    Pause {
        /// Its name in the file
        name: String,
    },
    /// Go on sending: after a pause, a 410, or a wait that it asked for. Where nothing was held back, what waits for its next
    /// attempt is tried now; where it keeps failing, one delivery goes first
    Resume {
        /// Its name in the file
        name: String,
    },
    /// Send a marked sample (`data.test` is true) now, and show what comes back; where a delivery takes several steps, each in
    /// order, up to the first that is not accepted
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
    match command {
        DestinationCommand::Test { name } => return test(&global.load()?.config, &name, output).await,
        DestinationCommand::Drop { ref name, yes: false, .. } => confirm(name)?,
        _ => {}
    }
    let desk = global.desk().await?;
    match command {
        DestinationCommand::Pause { name } => {
            let standing = desk.ask(Pause { name }).await?;
            output.print(&standing, |s| format!("{} is paused; {} pending", s.name, s.pending))?;
        }
        DestinationCommand::Resume { name } => {
            let standing = desk.ask(Resume { name }).await?;
            output.print(&standing, |s| match s.pending {
                pending if s.tried_now && pending > 0 => {
                    format!("{} goes on; what waits is tried now: {pending} pending", s.name)
                }
                pending => format!("{} goes on; {pending} pending", s.name),
            })?;
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
    super::confirm::confirm(
        &format!("Drop everything that waits for {name}, for good?"),
        &format!("what waits for {name} would be gone for good; say --yes to drop it"),
        "nothing was dropped",
    )
}

async fn test(config: &Config, name: &str, output: &Output) -> Result<Exit, Failure> {
    let wants_token = config.destinations.iter().any(|d| d.name == name && d.oauth2().is_some());
    // Two that renew one token would end each other's: only whoever has the store does.
    let tested = if wants_token {
        reach_or_make(config).await?.ask(Test { name: name.to_owned() }).await?
    } else {
        operator::test(config, name, None).await?
    };
    output.print(&tested, text)?;
    Ok(if tested.accepted { Exit::Done } else { Exit::NeedsALook })
}

fn text(tested: &Tested) -> String {
    let verdict = if tested.accepted { "took the sample" } else { "did not take the sample" };
    if tested.steps.is_empty() {
        let said = tested.said.as_ref().map(|said| (said_text(said), said.answer.as_str()));
        let (said, answer) = said.unwrap_or_default();
        let mut out = format!("{} {verdict}: {said} ({})", tested.destination, tested.event_id);
        if !answer.is_empty() {
            out.push_str(&format!("\n{answer}"));
        }
        return out;
    }
    let mut out = format!("{} {verdict} ({})", tested.destination, tested.event_id);
    for step in &tested.steps {
        let line = match (&step.said, &step.unsendable) {
            (Some(said), _) => {
                let verdict = if step.accepted { "accepted" } else { "not accepted" };
                format!("{verdict}: {}", said_text(said))
            }
            (None, Some(why)) => format!("cannot be sent: {why}"),
            (None, None) => "skipped: its when does not hold".to_owned(),
        };
        out.push_str(&format!("\n{}: {line}", step.step));
        for (name, value) in &step.captured {
            out.push_str(&format!("\n    captured {name} = {}", printable(&value.to_string())));
        }
        let answer = step.said.as_ref().filter(|said| !step.accepted && !said.answer.is_empty());
        if let Some(said) = answer {
            out.push_str(&format!("\n{}", indented(&said.answer)));
        }
    }
    out
}

fn said_text(said: &Said) -> String {
    let what = match (said.status, &said.error) {
        (Some(status), Some(why)) => format!("HTTP {status}, but {why}"),
        (Some(status), None) => format!("HTTP {status}"),
        // A broker's receipt.
        (None, None) => printable(&said.answer),
        (None, Some(why)) => why.clone(),
    };
    format!("{what} in {} ms", said.took_ms)
}
