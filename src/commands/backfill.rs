//! `leadhook backfill`: history for one destination.
//!
//! The backfill itself is on disk, and carried out by the running service, or here where none runs. The command orders it,
//! shows how far it has got, and may go away at any time.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::exit::{Exit, Failure};
use super::output::{Output, count, table};
use super::progress::Progress;
use super::{Global, signals};
use crate::admin::{Desk, reach};
use crate::app::operator::{BackfillBegin, BackfillCancel, BackfillList, BackfillShow, Backfills};
use crate::domain::backfill::{Backfill, Counts, Order, State};
use crate::domain::clock;
use crate::domain::event::EventType;
use crate::domain::period::Period;

/// How often how far it is is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub struct BackfillArgs {
    /// What was finalized from then on: a date, a date and time on the clocks of [source] timezone, or an age like 90d
    #[arg(long, value_name = "WHEN", required_unless_present_any = ["status", "cancel"])]
    from: Option<String>,
    /// Until then; a date counts whole [default: now]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Who gets it, and nobody else
    #[arg(long, value_name = "NAME", required_unless_present_any = ["status", "cancel"])]
    to_destination: Option<String>,
    /// More events than lead.finalized, such as lead.rated
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
    on: Vec<EventType>,
    /// Send again what was delivered there already, under the same ids
    #[arg(long)]
    again: bool,
    /// Only count what would be sent
    #[arg(long)]
    dry_run: bool,
    /// Show the backfills that there are
    #[arg(long, conflicts_with_all = ["from", "to", "to_destination", "on", "again", "dry_run", "cancel"])]
    status: bool,
    /// End one, by its number; what was put on its way stays so
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["from", "to", "to_destination", "on", "again", "dry_run"])]
    cancel: Option<u32>,
}

pub async fn backfill(global: &Global, args: &BackfillArgs, output: &Output) -> Result<Exit, Failure> {
    let config = global.load()?.config;
    let zone = config.source.timezone.clone();
    if args.status {
        let backfills = reach(&config).await?.ask(BackfillList {}).await?;
        output.print(&backfills, |backfills| list(backfills, &zone))?;
        return Ok(Exit::Done);
    }
    if let Some(no) = args.cancel {
        let backfill = reach(&config).await?.ask(BackfillCancel { no }).await?;
        output.print(&backfill, |backfill| text(backfill, &zone, true))?;
        return Ok(Exit::Done);
    }
    let order = args.order(&zone)?;
    let desk = reach(&config).await?;
    let begun = desk.ask(BackfillBegin { order }).await?;
    let progress = Progress::new("backfill");
    if begun.goes_on {
        let backfill = &begun.backfill;
        progress.say(&format!("backfill {} goes on at {}", backfill.no, clock::shown(backfill.done_until, &zone)));
    }
    let progress = progress.going_on(begun.backfill.share(), begun.backfill.counts.listed);
    let end = follow(&desk, begun.backfill.no, progress, &zone).await?;
    output.print(&end, |end| text(end, &zone, desk.is_running()))?;
    Ok(exit(&end))
}

impl BackfillArgs {
    fn order(&self, zone: &TimeZone) -> Result<Order, Failure> {
        let missing = || Failure::usage("say from when with --from, and to whom with --to-destination");
        let from = self.from.clone().ok_or_else(missing)?;
        let destination = self.to_destination.clone().ok_or_else(missing)?;
        let period = Period::read(&from, self.to.as_deref(), zone, Timestamp::now()).map_err(Failure::usage)?;
        // In the order in which they are told.
        let on = EventType::ALL.into_iter().filter(|of| *of == EventType::LeadFinalized || self.on.contains(of));
        Ok(Order {
            destination,
            from: period.from,
            to: period.to,
            typed: (from, self.to.clone()),
            on: on.collect(),
            again: self.again,
            dry_run: self.dry_run,
        })
    }
}

fn event_type(text: &str) -> Result<EventType, String> {
    let of_leads = || EventType::ALL.into_iter().filter(|of| !of.is_ops());
    EventType::from_name(text).filter(|of| !of.is_ops()).ok_or_else(|| {
        let names: Vec<&str> = of_leads().map(EventType::as_str).collect();
        format!("`{text}` is no event of a lead; there are {}", names.join(", "))
    })
}

/// Shows how far it has got until it has ended, or a person has seen enough. Where no service runs, it is carried out here.
async fn follow(desk: &Desk, no: u32, mut progress: Progress, zone: &TimeZone) -> Result<Backfill, Failure> {
    let stop = signals::listen();
    let here = match desk {
        Desk::Here(operator) => {
            let (operator, stop) = (operator.clone(), stop.gently.clone());
            Some(tokio::spawn(async move { operator.carry_out(no, stop).await }))
        }
        Desk::There(_) => None,
    };
    let mut waited_for = None;
    loop {
        let over = here.as_ref().is_some_and(tokio::task::JoinHandle::is_finished);
        let backfill = desk.ask(BackfillShow { no }).await?;
        progress.at(backfill.share(), backfill.counts.listed, &zone.to_datetime(backfill.reached).date().to_string());
        if backfill.waits.is_some() && backfill.waits != waited_for {
            progress.say(&format!("waits: {}", backfill.waits.as_deref().unwrap_or_default()));
        }
        waited_for.clone_from(&backfill.waits);
        if backfill.state != State::Going || over || (stop.gently.is_cancelled() && here.is_none()) {
            if backfill.state == State::Going {
                progress.say(how_it_goes_on(desk));
            }
            drop(progress);
            if let Some(here) = here {
                match here.await {
                    Ok(end) => end?,
                    Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
                    Err(_) => {}
                }
            }
            return Ok(backfill);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.gently.cancelled(), if here.is_none() => {}
        }
    }
}

fn how_it_goes_on(desk: &Desk) -> &'static str {
    if desk.is_running() {
        "the service goes on with it; the same command shows it again, --status lists it, --cancel ends it"
    } else {
        "it goes on where it was with the same command, or with `leadhook run`"
    }
}

/// 1: something needs a look, or it has not been gone through to its end.
fn exit(backfill: &Backfill) -> Exit {
    match backfill.state {
        State::Done if !backfill.needs_a_look() => Exit::Done,
        _ => Exit::NeedsALook,
    }
}

fn list(backfills: &Backfills, zone: &TimeZone) -> String {
    if backfills.backfills.is_empty() {
        return "no backfills".to_owned();
    }
    let mut rows = table(&["backfill", "for", "from", "to", "state", "at", "listed", "sent", "waits for"]);
    for backfill in &backfills.backfills {
        let Backfill { no, order, counts, reached, waits, .. } = backfill;
        rows.add_row([
            no.to_string(),
            order.destination.clone(),
            clock::shown(order.from, zone),
            clock::shown(order.to, zone),
            state(backfill),
            zone.to_datetime(*reached).date().to_string(),
            counts.listed.to_string(),
            counts.sent.to_string(),
            waits.clone().unwrap_or_default(),
        ]);
    }
    rows.to_string()
}

fn state(backfill: &Backfill) -> String {
    let state = match backfill.state {
        State::Going => format!("{:.0}%", backfill.share() * 100.0),
        State::Done => "done".to_owned(),
        State::Cancelled => "cancelled".to_owned(),
    };
    if backfill.order.dry_run { format!("{state} (dry run)") } else { state }
}

/// `running`: whether a service delivers.
fn text(backfill: &Backfill, zone: &TimeZone, running: bool) -> String {
    let Backfill { no, order, counts, .. } = backfill;
    let Counts { listed, sent, delivered, pending, dead, dropped, unwanted, unreadable, malformed_rows, forgotten } =
        *counts;
    let (from, to) = (clock::shown(order.from, zone), clock::shown(order.to, zone));
    let mut lines = vec![format!(
        "backfill {no} to {}, {from} to {to}: {}, {} listed",
        order.destination,
        state(backfill),
        count(listed, "lead")
    )];
    let mut say = |n: u64, what: String| lines.extend((n > 0).then(|| format!("  {n} {what}")));
    let sent_how = match (order.dry_run, running) {
        (true, _) => "would be sent",
        (false, true) => "sent, or on their way",
        (false, false) => "put on their way; `leadhook run` sends them",
    };
    say(sent, sent_how.to_owned());
    say(
        delivered,
        if order.again { "delivered already" } else { "delivered already; --again sends them once more" }.to_owned(),
    );
    say(pending, "on their way already".to_owned());
    say(unwanted, "wanted by no route".to_owned());
    say(dropped, "dropped there by hand".to_owned());
    say(forgotten, "forgotten, and never sent again".to_owned());
    let name = &order.destination;
    say(dead, format!("dead letters there: see `leadhook dead list --destination {name}`"));
    say(unreadable, "could not be read; the same command tries them again".to_owned());
    say(malformed_rows, "rows of the list that make no sense: their leads could not be looked for".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_leads_can_be_asked_for() {
        assert_eq!(event_type("lead.rated"), Ok(EventType::LeadRated));
        for wrong in ["ops.source.stale", "rated", ""] {
            assert!(event_type(wrong).is_err_and(|why| why.contains("lead.updated")), "{wrong}");
        }
    }
}
