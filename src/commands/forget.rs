//! `leadhook forget`: erases people, for good, and prints a receipt.

use jiff::tz::TimeZone;

use super::Global;
use super::confirm::confirm;
use super::exit::{Exit, Failure};
use super::output::{Output, count, table};
use crate::admin::{reach, write_anew};
use crate::app::operator::{Erased, Forget, ForgottenLead, How, Receipt, Sent};
use crate::domain::clock;
use crate::domain::lead::LeadId;

#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// Their `weclever_lead_id`s; also of leads that leadhook has not seen yet
    #[arg(required = true, value_name = "LEAD")]
    leads: Vec<LeadId>,
    /// Do not ask first
    #[arg(long, short)]
    yes: bool,
}

pub async fn forget(global: &Global, args: ForgetArgs, output: &Output) -> Result<Exit, Failure> {
    let config = global.load()?.config;
    let ForgetArgs { leads, yes } = args;
    if !yes {
        let which =
            if let [one] = leads.as_slice() { format!("lead {one}") } else { count(leads.len() as u64, "lead") };
        confirm(
            &format!("Erase everything about {which}, for good, and never send it again?"),
            &format!("everything about {which} would be gone for good; say --yes to forget it"),
            "nothing was forgotten",
        )?;
    }
    let desk = reach(&config).await?;
    let mut receipt = desk.ask(Forget { leads }).await?;
    if !desk.is_running() && !receipt.old_bytes_in.is_empty() {
        // Nobody else is at work on it: why wait for the next start?
        receipt.old_bytes_in = write_anew(desk, &config).await?;
    }
    output.print(&receipt, |receipt| text(receipt, &config.source.timezone))?;
    let clean = receipt.running || receipt.old_bytes_in.is_empty();
    Ok(if clean { Exit::Done } else { Exit::NeedsALook })
}

fn text(receipt: &Receipt, zone: &TimeZone) -> String {
    let mut out = String::new();
    for lead in &receipt.leads {
        out.push_str(&of_lead(lead, &receipt.platform_id, zone));
        out.push('\n');
    }
    if receipt.old_bytes_in.is_empty() {
        out.push_str("no file of the store holds anything of it any more; what backups hold is yours to erase");
        return out;
    }
    let when = if receipt.running {
        "until leadhook is started again, old bytes may still lie in"
    } else {
        "the store could not be written anew, and the next start tries again; until then old bytes may still lie in"
    };
    out.push_str(&format!("{when}:\n  {}\nwhat backups hold is yours to erase", receipt.old_bytes_in.join("\n  ")));
    out
}

fn of_lead(lead: &ForgottenLead, platform: &str, zone: &TimeZone) -> String {
    let ForgottenLead { forgotten, other_platforms } = lead;
    let (id, at) = (forgotten.lead, clock::shown(forgotten.at, zone));
    let mut out = match (forgotten.before, forgotten.known) {
        (true, _) => format!("lead {id} of platform {platform} was forgotten before, at {at}\n"),
        (false, true) => format!("lead {id} of platform {platform} is forgotten, {at}\n"),
        (false, false) => {
            format!("lead {id} of platform {platform} was not known here, and is flagged all the same, {at}\n")
        }
    };
    out.push_str(&format!("  erased: {}\n", erased(&forgotten.erased)));
    out.push_str("  stays: its number, with a flag: it is never read, sent or missed again\n");
    if forgotten.sent.is_empty() {
        if forgotten.known && !forgotten.before {
            out.push_str("  it went nowhere, as far as anything was still kept of that\n");
        }
    } else {
        out.push_str("  it had gone out before; ask there to have it erased, too:\n");
        let mut rows = table(&[]);
        for sent in &forgotten.sent {
            rows.add_row(row(sent, zone));
        }
        out.extend(rows.to_string().lines().map(|line| format!("   {}\n", line.trim_end())));
    }
    for other in other_platforms {
        out.push_str(&format!(
            "  platform {other} of this store knows a lead of this number, too; if it is the same person, forget it \
             under that platform_id as well\n"
        ));
    }
    out
}

fn row(sent: &Sent, zone: &TimeZone) -> [String; 4] {
    let how = match sent.how {
        How::Accepted => "accepted",
        How::Refused => "arrived, and was refused",
        How::UnderWay => "on the wire right now",
        How::Unclear => "may have arrived",
    };
    let at = sent.at.map_or("(time not kept)".to_owned(), |at| clock::shown(at, zone));
    let event = match (&sent.event_type, &sent.event_id) {
        (Some(event_type), Some(id)) => format!("{event_type} {id}"),
        _ => "(event not kept)".to_owned(),
    };
    [sent.destination.clone(), at, event, how.to_owned()]
}

fn erased(erased: &Erased) -> String {
    let Erased {
        events,
        cancelled,
        deliveries,
        attempts,
        dead_letters,
        captured_values,
        rechecks,
        fetch_jobs,
        contact_counters,
        ops_events,
        backfills,
    } = *erased;
    let mut kinds = Vec::new();
    for (n, one, many) in [
        (events, "event", "events"),
        (cancelled, "pending delivery, cancelled", "pending deliveries, cancelled"),
        (deliveries, "settled delivery", "settled deliveries"),
        (attempts, "attempt", "attempts"),
        (dead_letters, "dead letter", "dead letters"),
        (captured_values, "captured value", "captured values"),
        (rechecks, "planned reading", "planned readings"),
        (fetch_jobs, "failed reading", "failed readings"),
        (contact_counters, "counter of its contact", "counters of its contact"),
        (ops_events, "event of leadhook itself about it", "events of leadhook itself about it"),
        (backfills, "note of a backfill", "notes of backfills"),
    ] {
        match n {
            0 => {}
            1 => kinds.push(format!("1 {one}")),
            n => kinds.push(format!("{n} {many}")),
        }
    }
    if kinds.is_empty() { "nothing was kept beside its number".to_owned() } else { kinds.join("; ") }
}
