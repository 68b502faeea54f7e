//! `leadhook dead`: dead letters, listed, shown, sent again, dropped.

use std::time::Duration;

use jiff::Timestamp;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, ago, count, indented, outgoing, printable, steps, table};
use super::route::given;
use crate::app::operator::{
    DeadDrop, DeadLetter, DeadList, DeadRetry, DeadShow, DeadStepDone, Decided, Filter, Letters, Shown, StepDone,
};
use crate::domain::steps::Stood;
use crate::domain::{clock, span};

#[derive(Debug, clap::Subcommand)]
pub enum DeadCommand {
    /// List them, the oldest first
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show one: its attempts, the last answer, and the request as it would be sent now
    Show {
        /// Its id, or its event's
        id: String,
    },
    /// Send them again, from the first attempt on; where a delivery takes several steps, it goes on at the one that failed
    Retry {
        #[command(flatten)]
        which: Which,
        /// All of them
        #[arg(long)]
        all: bool,
        /// Also those that a later accepted event of the same lead has overtaken
        #[arg(long)]
        overtaken: bool,
        /// You have found that the call did get through of which nobody knew: its step counts as done, and the delivery
        /// goes on behind it. For one letter; STEP is needed only where it may be about several
        #[arg(
            long, value_name = "STEP", num_args = 0..=1, require_equals = true, default_missing_value = "",
            conflicts_with_all = ["all", "overtaken", "destination", "error", "since"]
        )]
        step_done: Option<String>,
        /// With --step-done: what the call's answer would have told the steps behind it, as in contact_id=512; may be repeated
        #[arg(long, value_name = "NAME=VALUE", value_parser = given, requires = "step_done")]
        set: Vec<(String, String)>,
    },
    /// Drop them for good
    Drop {
        #[command(flatten)]
        which: Which,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}

/// Which dead letters: all that fit every condition.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Ids of dead letters or of events
    ids: Vec<String>,
    /// Those for this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Those whose last error holds this text
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Those not older than this, as in 2h or 3d
    #[arg(long, value_parser = span::parse, value_name = "DURATION")]
    since: Option<Duration>,
}

impl Which {
    fn filter(self) -> Filter {
        let since = self.since.map(|since| clock::before(Timestamp::now(), since));
        Filter { ids: self.ids, destination: self.destination, error: self.error, since }
    }

    /// Nobody should send or drop everything by leaving something out.
    fn chosen(self, all: bool) -> Result<Filter, Failure> {
        let anything =
            !self.ids.is_empty() || self.destination.is_some() || self.error.is_some() || self.since.is_some();
        if all || anything {
            return Ok(self.filter());
        }
        Err(Failure::usage("say which: ids, --destination, --error, --since, or --all"))
    }
}

pub async fn dead(global: &Global, command: DeadCommand, output: &Output) -> Result<Exit, Failure> {
    let desk = global.desk().await?;
    match command {
        DeadCommand::List { which, limit } => {
            let letters = desk.ask(DeadList { filter: which.filter(), limit }).await?;
            output.print(&letters, list)?;
            Ok(if letters.total == 0 { Exit::Done } else { Exit::NeedsALook })
        }
        DeadCommand::Show { id } => {
            let shown = desk.ask(DeadShow { id }).await?;
            output.print(&shown, show)?;
            Ok(Exit::Done)
        }
        DeadCommand::Retry { which, step_done: Some(step), set, .. } => {
            let [id] = <[String; 1]>::try_from(which.ids)
                .map_err(|_| Failure::usage("--step-done is about one dead letter: name its id"))?;
            let step = Some(step.trim().to_owned()).filter(|step| !step.is_empty());
            let done = desk.ask(DeadStepDone { id, step, set }).await?;
            let when = if desk.is_running() { "now" } else { "by the next `leadhook run`" };
            output.print(&done, |done| step_done(done, when))?;
            Ok(Exit::Done)
        }
        DeadCommand::Retry { which, all, overtaken, .. } => {
            let decided = desk.ask(DeadRetry { filter: which.chosen(all)?, overtaken }).await?;
            let when = if desk.is_running() { "sent again now" } else { "sent again by the next `leadhook run`" };
            output.print(&decided, |decided| retried(decided, when))?;
            Ok(if decided.overtaken.is_empty() { Exit::Done } else { Exit::NeedsALook })
        }
        DeadCommand::Drop { which, all } => {
            let decided = desk.ask(DeadDrop { filter: which.chosen(all)? }).await?;
            output.print(&decided, |decided| format!("{} dropped", count(decided.done.len() as u64, "dead letter")))?;
            Ok(Exit::Done)
        }
    }
}

fn list(letters: &Letters) -> String {
    if letters.total == 0 {
        return "no dead letters".into();
    }
    let now = Timestamp::now();
    let mut rows = table(&["id", "died", "lead", "for", "attempts", "why", "last answer"]);
    for letter in &letters.letters {
        let target = letter.delivery.as_ref().map_or("(could not be read)".to_owned(), |d| {
            if d.overtaken { format!("{} (overtaken)", d.destination) } else { d.destination.clone() }
        });
        rows.add_row([
            letter.id.clone(),
            ago(letter.died_at, now),
            letter.lead.to_string(),
            target,
            letter.attempts.to_string(),
            format!("{}{}", letter.why.replace('_', " "), at_step(letter)),
            letter.error.clone(),
        ]);
    }
    let shown = letters.letters.len() as u64;
    let more = if shown < letters.total {
        format!("\n{shown} of {}; see more with --limit", letters.total)
    } else {
        String::new()
    };
    format!(
        "{rows}{more}\n\n`leadhook dead show ID` shows one; `leadhook dead retry` and `leadhook dead drop` settle them"
    )
}

/// Where it stopped, where it takes several calls.
fn at_step(letter: &DeadLetter) -> String {
    let Some(delivery) = &letter.delivery else { return String::new() };
    let at = delivery.step.as_ref().map_or(String::new(), |step| format!(" at the step {step}"));
    if delivery.done.is_empty() { at } else { format!("{at}, behind {}", delivery.done.join(", ")) }
}

fn step_done(done: &StepDone, when: &str) -> String {
    match &done.goes_on {
        Some(next) => format!("{}: the step {} counts as done, and it goes on with {next} {when}", done.id, done.step),
        None => format!("{}: the step {} counts as done, and was the last: delivered {when}", done.id, done.step),
    }
}

fn show(shown: &Shown) -> String {
    let letter = &shown.details.letter;
    let mut out =
        format!("{}, lead {}, died {:.0}: {}\n", letter.id, letter.lead, letter.died_at, letter.why.replace('_', " "));
    match &letter.delivery {
        Some(d) => {
            out.push_str(&format!("{} {} for {} by route `{}`\n", d.event_type, d.event_id, d.destination, d.route));
            if d.overtaken {
                out.push_str("a later event of this lead was accepted there since: sending this one now would turn the clock back\n");
            }
        }
        None => out.push_str(&format!(
            "its details were tried {} times; the last answer: {}\n",
            letter.attempts, letter.error
        )),
    }
    for attempt in &shown.details.attempts {
        let said = attempt.said();
        let step = attempt.step.as_ref().map_or(String::new(), |step| format!(" {step}:"));
        out.push_str(&format!(
            "\n#{} {:.3}{step} {} in {} ms: {said}",
            attempt.n,
            attempt.at,
            attempt.outcome.replace('_', " "),
            attempt.took_ms
        ));
        if !attempt.answer.is_empty() {
            out.push_str(&format!(
                "\n{}{}",
                indented(&attempt.answer),
                if attempt.cut { "\n    ... (cut)" } else { "" }
            ));
        }
    }
    if !shown.steps.is_empty() {
        out.push_str(&steps_text(shown));
    }
    if let Some(look) = &shown.look_for {
        out.push_str(&format!(
            "\n\n{}\n  not there: `{}` makes the call again\n  there: `{}` goes on behind it",
            look.what, look.if_missing, look.if_there
        ));
    }
    match (&shown.request, &shown.unsendable) {
        (Some(request), _) => {
            out.push_str(&format!("\n\nas it would be sent now:\n{}", outgoing(request)));
        }
        (None, Some(why)) => out.push_str(&format!("\n\nnothing would be sent now: {why}")),
        (None, None) => {}
    }
    out
}

/// How its steps stand. What was captured is shown whole where the event is, and else only as far as it may be shown anywhere.
fn steps_text(shown: &Shown) -> String {
    let is_whole = shown.request.is_some();
    let mut out = "\n\nits steps:".to_owned();
    let told: Vec<Stood> = shown
        .steps
        .iter()
        .cloned()
        .map(|step| {
            let captured = if is_whole { Vec::new() } else { step.captured };
            Stood { captured, ..step }
        })
        .collect();
    for (step, line) in shown.steps.iter().zip(steps(&told)) {
        out.push_str(&format!("\n  {line}"));
        let own = shown.details.progress.captured.iter().filter(|own| is_whole && own.step == step.step);
        own.for_each(|own| out.push_str(&format!("\n      {} = {}", own.name, printable(&own.json))));
    }
    out
}

fn retried(decided: &Decided, when: &str) -> String {
    let mut out = format!("{} {when}", count(decided.done.len() as u64, "dead letter"));
    if !decided.overtaken.is_empty() {
        out.push_str(&format!(
            "\n{} left out, because a later event of the same lead was accepted there since (send them all the same with --overtaken):",
            decided.overtaken.len()
        ));
        for id in &decided.overtaken {
            out.push_str(&format!("\n  {id}"));
        }
    }
    out
}
