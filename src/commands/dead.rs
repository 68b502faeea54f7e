//! `leadhook dead`: dead letters, listed, shown, sent again, dropped.

use std::time::Duration;

use jiff::Timestamp;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, ago, count, indented, outgoing, table};
use crate::admin::reach;
use crate::app::operator::{DeadDrop, DeadList, DeadRetry, DeadShow, Decided, Filter, Letters, Shown};
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
    /// Send them again, from the first attempt on
    Retry {
        #[command(flatten)]
        which: Which,
        /// All of them
        #[arg(long)]
        all: bool,
        /// Also those that a later accepted event of the same lead has overtaken
        #[arg(long)]
        overtaken: bool,
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
    let config = global.load()?.config;
    let desk = reach(&config).await?;
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
        DeadCommand::Retry { which, all, overtaken } => {
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
            letter.why.replace('_', " "),
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
        out.push_str(&format!(
            "\n#{} {:.3} {} in {} ms: {said}",
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
    match (&shown.request, &shown.unsendable) {
        (Some(request), _) => {
            out.push_str(&format!("\n\nas it would be sent now:\n{}", outgoing(request)));
        }
        (None, Some(why)) => out.push_str(&format!("\n\nnothing would be sent now: {why}")),
        (None, None) => {}
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
