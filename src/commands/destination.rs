//! `leadhook destination`: by hand.

use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, count, indented, printable};
use super::sample::sample;
use crate::admin::reach;
use crate::app::operator::{Drop, Move, Pause, Resume};
use crate::config::Config;
use crate::domain::destination::Destination;
use crate::domain::outcome::{self, Answer, Outcome};
use crate::domain::steps::{Next, Progress, tell};
use crate::transport::{Sent, Transport};

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
    /// The last answer, where there are several steps; and all that took.
    #[serde(flatten)]
    said: Option<Said>,
    /// Each call in order, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<TestedStep>,
}

/// What came back of a call.
#[derive(Clone, Serialize)]
struct Said {
    outcome: Outcome,
    status: Option<u16>,
    error: Option<String>,
    answer: String,
    took_ms: u64,
}

#[derive(Serialize)]
struct TestedStep {
    step: String,
    /// It was left out, for its `when` does not hold.
    skipped: bool,
    accepted: bool,
    /// What came back; `None`: nothing was sent.
    #[serde(flatten)]
    said: Option<Said>,
    /// Why no request could be made.
    unsendable: Option<String>,
    /// What was captured of the answer, by name.
    captured: serde_json::Map<String, Value>,
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
    let sample = sample(&config.source.platform_id, Timestamp::now());
    let tested = if destination.steps.is_empty() {
        test_one(config, destination, &transport, sample).await?
    } else {
        test_steps(config, destination, &transport, sample).await?
    };
    output.print(&tested, text)?;
    Ok(if tested.accepted { Exit::Done } else { Exit::NeedsALook })
}

async fn test_one(
    config: &Config,
    destination: &Destination,
    transport: &Transport,
    (event_id, envelope): (String, String),
) -> Result<Tested, Failure> {
    let request = destination.form.render(&event_id, envelope.into_bytes()).map_err(Failure::usage)?;
    let sent = transport.send(&event_id, request, Timestamp::now()).await;
    let said = said(config, &sent, destination.judge(&sent.answer), None);
    let accepted = said.outcome == Outcome::Accepted;
    Ok(Tested { destination: destination.name.clone(), event_id, accepted, said: Some(said), steps: Vec::new() })
}

/// All steps in order, as far as they are accepted. How far that is, is known here alone: there is nothing to go on with.
async fn test_steps(
    config: &Config,
    destination: &Destination,
    transport: &Transport,
    (event_id, envelope): (String, String),
) -> Result<Tested, Failure> {
    let calls = destination.calls();
    let mut steps: Vec<TestedStep> = Vec::new();
    let mut progress = Progress::default();
    let accepted = loop {
        let before = progress.passed.len();
        let next = calls.next(&event_id, envelope.clone().into_bytes(), progress.clone());
        let call = match next {
            Ok(Next::Send(call)) => *call,
            Ok(Next::Done | Next::Lost(_)) => {
                let left = destination.steps.iter().filter(|step| !progress.has_passed(&step.name));
                steps.extend(left.map(|step| TestedStep { skipped: true, ..untried(&step.name) }));
                break steps.iter().any(|step| step.accepted);
            }
            Err(unfit) => {
                let at = calls.next_step(&event_id, envelope.as_bytes(), &progress).unwrap_or_default();
                steps.push(TestedStep { unsendable: Some(unfit.to_string()), ..untried(at) });
                break false;
            }
        };
        let sent = transport.send(&call.id, call.request, Timestamp::now()).await;
        let told = tell(call.step.as_ref(), destination, &sent.answer);
        let step = call.step.as_ref().map(|step| step.name().to_owned()).unwrap_or_default();
        let accepted = told.outcome == Outcome::Accepted;
        progress = told.progress.unwrap_or_default();
        let passed = progress.passed.iter().skip(before).filter(|passed| passed.skipped);
        steps.extend(passed.map(|passed| TestedStep { skipped: true, ..untried(&passed.step) }));
        let own = progress.captured.iter().filter(|own| own.step == step);
        let captured =
            own.filter_map(|own| Some((own.name.clone(), serde_json::from_str(&config.veil.answer(&own.json)).ok()?)));
        steps.push(TestedStep {
            accepted,
            said: Some(said(config, &sent, told.outcome, told.why)),
            captured: captured.collect(),
            ..untried(&step)
        });
        if !accepted {
            break false;
        }
    };
    let took_ms = steps.iter().filter_map(|step| step.said.as_ref()).map(|said| said.took_ms).sum();
    let said = steps.iter().rev().find_map(|step| step.said.clone()).map(|said| Said { took_ms, ..said });
    Ok(Tested { destination: destination.name.clone(), event_id, accepted, said, steps })
}

fn untried(step: &str) -> TestedStep {
    TestedStep {
        step: step.to_owned(),
        skipped: false,
        accepted: false,
        said: None,
        unsendable: None,
        captured: serde_json::Map::new(),
    }
}

/// `why`: what is wrong with an answer that looks right.
fn said(config: &Config, sent: &Sent, outcome: Outcome, why: Option<String>) -> Said {
    let (status, error, answer) = match &sent.answer {
        Answer::Got(response) => {
            let begin = response.body.get(..outcome::READ).unwrap_or(&response.body);
            (Some(response.status), why, config.veil.answer(&String::from_utf8_lossy(begin)))
        }
        Answer::Nothing { why, detail } => (None, Some(format!("{why}: {detail}")), String::new()),
    };
    Said { outcome, status, error, answer, took_ms: sent.took.as_millis() as u64 }
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
        (None, why) => why.clone().unwrap_or_default(),
    };
    format!("{what} in {} ms", said.took_ms)
}
