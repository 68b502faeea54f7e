//! `leadhook tap`: events and attempts as they happen, from the running service.

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, printable};
use super::signals::Asked;
use crate::domain::event::EventType;
use crate::domain::lead::LeadId;
use crate::domain::outcome::Outcome;
use crate::domain::{clock, span};
use crate::watch::{Next, Told, What};

#[derive(Debug, clap::Args)]
pub struct TapArgs {
    /// Only what this destination is told, and how it answers; may be given several times
    #[arg(long, value_name = "NAME")]
    destination: Vec<String>,
    /// Only events of this type, and their attempts; may be given several times
    #[arg(long, value_name = "TYPE", value_parser = event_type)]
    event: Vec<EventType>,
    /// Only what is about this lead
    #[arg(long, value_name = "LEAD")]
    lead: Option<u64>,
    /// Only what went wrong
    #[arg(long)]
    failures: bool,
}

const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const LATER: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

pub async fn tap(global: &Global, args: &TapArgs, output: &Output) -> Result<Exit, Failure> {
    let mut asked_to_end = Asked::to_end();
    let Some(service) = global.service().await else {
        return Err(Failure::unavailable("no service runs, and only a service has something to tell: `leadhook run`"));
    };
    let mut listening = service.tap().await?;
    let mut zone = TimeZone::UTC;
    loop {
        let told = tokio::select! {
            () = asked_to_end.again() => return Ok(Exit::Done),
            told = listening.next() => told?,
        };
        let Some(told) = told else {
            return Err(Failure::unavailable("the service has ended, and with it what it tells"));
        };
        if let What::Listening { timezone, .. } = &told.what {
            zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
        }
        if args.wants(&told.what) {
            output.tell(&told, |told| line(told, &zone))?;
        }
    }
}

fn event_type(name: &str) -> Result<EventType, String> {
    EventType::from_name(name).ok_or_else(|| {
        let all: Vec<&str> = EventType::ALL.iter().map(|of| of.as_str()).collect();
        format!("there are: {}", all.join(", "))
    })
}

impl TapArgs {
    fn wants(&self, what: &What) -> bool {
        match what {
            What::Listening { .. } | What::Missed { .. } => return true,
            // A poll that brings nothing is no news.
            What::Read { new: 0, .. } => return false,
            _ => {}
        }
        let none_or = |none: bool, holds: bool| none || holds;
        none_or(!self.failures, what.is_failure())
            && none_or(self.lead.is_none(), what.lead().map(|lead| lead.0) == self.lead)
            && none_or(self.destination.is_empty(), self.destination.iter().any(|name| what.is_about(name)))
            && none_or(self.event.is_empty(), what.event_type().is_some_and(|of| self.event.contains(&of)))
    }
}

/// One line for people, coloured where that is seen.
fn line(told: &Told, zone: &TimeZone) -> String {
    let at = told.at.to_zoned_datetime(zone.clone()).strftime("%T").to_string();
    let lead = |lead: &LeadId| format!("lead {lead}");
    let (who, what, style) = match &told.what {
        What::Listening { version, .. } => (String::new(), format!("listens to leadhook {version}; Ctrl-C ends"), DIM),
        What::Missed { count } => {
            (String::new(), format!("{count} happenings were missed: they came faster than they were read"), BAD)
        }
        What::Read { listed, new } => ("source".to_owned(), format!("{new} new of {listed} listed"), DIM),
        What::ReadFailed { error } => ("source".to_owned(), format!("✗ {error}"), BAD),
        What::Recorded { lead: whose, event_type, destinations, .. } => {
            let to = match destinations.as_slice() {
                [] => "nobody wants it".to_owned(),
                to => format!("for {}", to.join(", ")),
            };
            (lead(whose), format!("{event_type}, {to}"), Style::new())
        }
        What::SetAside { lead: whose, error, due } => {
            (lead(whose), format!("✗ details: {error}; again {}", hence(told, *due)), LATER)
        }
        What::Unreadable { lead: whose, error } => (lead(whose), format!("✗ details: {error}; dead letter"), BAD),
        What::Tried { destination, lead: whose, event_type, attempt, step, outcome, said, took_ms, next, .. } => {
            let step = step.as_ref().map(|step| format!(" step {step}")).unwrap_or_default();
            let number = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            let good = outcome == Outcome::Accepted.as_str();
            let mark = if good { '✓' } else { '✗' };
            let (then, style) = match next {
                Next::Delivered => (String::new(), GOOD),
                Next::NextStep => (", the next step follows".to_owned(), GOOD),
                Next::Again { at, counted: true } => (format!(", again {}", hence(told, *at)), LATER),
                Next::Again { at, counted: false } => (format!(", again {}, not counted", hence(told, *at)), LATER),
                Next::Dead { why } => (format!(", dead letter: {why}"), BAD),
                Next::Parked => (", disabled until it is resumed".to_owned(), BAD),
            };
            let what = format!("{destination}{step} {mark} {said} in {took_ms} ms, {event_type}{number}{then}");
            (lead(whose), what, style)
        }
        What::Done { destination, lead: whose } => {
            (lead(whose), format!("{destination} ✓ no step is left: delivered"), GOOD)
        }
        What::Unsent { destination, lead: whose, why } => {
            (lead(whose), format!("{destination} ✗ dead letter: {why}"), BAD)
        }
        What::Failing { destination } => {
            (destination.clone(), "fails on end: only probes are sent until one is accepted".to_owned(), BAD)
        }
        What::Recovered { destination } => (destination.clone(), "is back: deliveries go on".to_owned(), GOOD),
    };
    // What came from outside must not steer the terminal, nor begin a line of its own.
    let what = printable(&what).replace('\n', " ");
    format!("{DIM}{at}{DIM:#}  {who:<12}  {style}{what}{style:#}")
}

fn hence(told: &Told, at: jiff::Timestamp) -> String {
    let wait = clock::elapsed(told.at, at);
    let whole = std::time::Duration::from_millis(wait.as_millis() as u64 / 100 * 100);
    if whole.is_zero() { "at once".to_owned() } else { format!("in {}", span::format(whole)) }
}
