//! `leadhook explain`: a lead's whole story, in the order in which it happened, and what is next.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, hence, indented, printable, steps};
use crate::admin::reach;
use crate::app::operator::{
    DeliveryState, DeliveryStory, EventStory, Explain, Explained, FailedReading, KeptEvent, Next, Stage, Story,
};
use crate::domain::clock;
use crate::domain::csat::Csat;
use crate::domain::lead::LeadId;
use crate::domain::retry::Death;
use crate::domain::route::{Said, SaidVerdict};

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The lead's `weclever_lead_id`
    lead: LeadId,
}

pub async fn explain(global: &Global, args: &ExplainArgs, output: &Output) -> Result<Exit, Failure> {
    let config = global.load()?.config;
    let explained = reach(&config).await?.ask(Explain { lead: args.lead }).await?;
    let zone = &config.source.timezone;
    output.print(&explained, |explained| text(explained, zone))?;
    Ok(if explained.needs_a_look() { Exit::NeedsALook } else { Exit::Done })
}

/// Something that happened.
struct Entry {
    /// `None`: nobody knows any more; then it stands behind the one before it.
    at: Option<Timestamp>,
    /// Its first line, and what belongs under it.
    lines: Vec<String>,
}

/// As wide as the times, so that what belongs under a line stands under its text.
const MARGIN: &str = "                     ";

fn text(explained: &Explained, zone: &TimeZone) -> String {
    let Explained { lead, platform_id, story, .. } = explained;
    let Some(story) = story else {
        let mut out = format!("lead {lead} of platform {platform_id} was never listed");
        for next in &explained.next {
            out.push_str(&format!("\n  - {}", next.text));
        }
        return out;
    };
    if let Some(at) = story.forgotten_at {
        let at = clock::shown(at, zone);
        let next: String = explained.next.iter().map(|next| format!("\n  - {}", next.text)).collect();
        return format!(
            "lead {lead} of platform {platform_id} was forgotten at {at}: nothing but its number is kept{next}"
        );
    }
    let zone_name = zone.iana_name().map_or(String::new(), |name| format!("; times are those of {name}"));
    let mut out = format!("lead {lead} of platform {platform_id}: {}{zone_name}\n", headline(story));
    for entry in in_order(entries(story, zone)) {
        let at = entry.at.map_or("(time not kept)    ".to_owned(), |at| clock::shown(at, zone));
        out.push_str(&format!("\n{at}  {}", entry.lines.join(&format!("\n{MARGIN}"))));
    }
    out.push_str("\n\nwhat is next:");
    for next in &explained.next {
        out.push_str(&format!("\n  - {}", next_line(next, explained, zone)));
        for line in steps_of(next, story) {
            out.push_str(&format!("\n      {line}"));
        }
    }
    out
}

/// How the steps of the delivery stand that this is about.
fn steps_of(next: &Next, story: &Story) -> Vec<String> {
    let event = story.events.iter().find(|event| {
        let id = event.kept.as_ref().map(|kept| &kept.id);
        id.is_some() && id == next.event_id.as_ref()
    });
    let deliveries = event.into_iter().flat_map(|event| &event.deliveries);
    let mut here = deliveries.filter(|delivery| Some(&delivery.destination) == next.destination.as_ref());
    here.next().map(|delivery| steps(&delivery.steps)).unwrap_or_default()
}

fn headline(story: &Story) -> String {
    let flaps = story.reading.as_ref().is_some_and(|reading| reading.flaps);
    let stage = match story.stage {
        Stage::SetAside if flaps => "waits, for its status changes with nearly every list",
        Stage::Baseline => "was there before leadhook began",
        Stage::SetAside => "its details are still to be read",
        Stage::Unreadable => "its details could not be read",
        Stage::Dropped => "its details could not be read, and a person dropped it",
        Stage::Recorded => "read and recorded",
        Stage::Forgotten => "forgotten",
    };
    match &story.mapped_status {
        Some(status) => format!("{stage}, status `{}`", printable(status)),
        None => format!("{stage}, without a status"),
    }
}

fn entries(story: &Story, zone: &TimeZone) -> Vec<Entry> {
    let shown = |at| clock::shown(at, zone);
    // The newest windows end ahead of now.
    let stretch = if story.finalized_to > story.first_listed {
        format!("finalized after {}", shown(story.finalized_from))
    } else {
        format!("finalized between {} and {}", shown(story.finalized_from), shown(story.finalized_to))
    };
    let mut entries = vec![Entry { at: Some(story.first_listed), lines: vec!["first listed".to_owned(), stretch] }];
    if let Some(reading) = &story.reading {
        entries.extend(reading_entries(reading));
    }
    for event in &story.events {
        entries.push(event_entry(event));
        for delivery in &event.deliveries {
            entries.extend(delivery_entries(event, delivery));
        }
    }
    entries
}

/// Those without a time stay behind the one before them.
fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut last = Timestamp::MIN;
    let mut keyed: Vec<(Timestamp, Entry)> = Vec::with_capacity(entries.len());
    for entry in entries.drain(..) {
        last = entry.at.unwrap_or(last);
        keyed.push((last, entry));
    }
    keyed.sort_by_key(|(at, _)| *at);
    keyed.into_iter().map(|(_, entry)| entry).collect()
}

fn reading_entries(reading: &FailedReading) -> Vec<Entry> {
    let line = |at, line: String| Entry { at: Some(at), lines: vec![line] };
    if reading.flaps {
        return vec![line(reading.since, "finalized again, as so often lately: it waits before it is read".to_owned())];
    }
    let mut entries = vec![line(reading.since, "its details were asked for".to_owned())];
    let tried = format!("reading them failed for the {} time: {}", nth(reading.attempts), printable(&reading.error));
    entries.push(line(reading.last_attempt, tried));
    if let (Some(at), Some(letter)) = (reading.given_up, &reading.dead_letter) {
        entries.push(line(at, format!("given up on: dead letter {letter}")));
    }
    entries
}

fn event_entry(event: &EventStory) -> Entry {
    let name = format!("event {}: {}", event.revision, event.event_type);
    let Some(KeptEvent { id, at, origin, rating, said, .. }) = &event.kept else {
        // Of a lead's earlier events nothing is kept for a destination but that a later one went there.
        let what = if event.deliveries.is_empty() { "only that it happened is" } else { "only its outcomes are" };
        return Entry { at: None, lines: vec![format!("{name} ({what} kept: it is older than [store] retention)")] };
    };
    let mut lines = vec![format!("{name} {id}, {}", origin.as_str())];
    lines.extend(rating.as_ref().map(rating_line));
    lines.extend(said.iter().map(said_line));
    if event.deliveries.is_empty() {
        lines.push("it went nowhere".to_owned());
    }
    Entry { at: Some(*at), lines }
}

fn rating_line(rating: &Csat) -> String {
    let text = rating.text.as_deref().unwrap_or_default();
    let short: String = printable(text).chars().filter(|c| *c != '\n').take(40).collect();
    match rating.score {
        Some(score) if rating.low => format!("rating {score}, low, from \"{short}\""),
        Some(score) => format!("rating {score}, not low, from \"{short}\""),
        None => format!("rating unreadable, so it never counts as low: \"{short}\"; [csat] says how ratings are read"),
    }
}

fn said_line(said: &Said) -> String {
    let verdict = match said.verdict {
        SaidVerdict::Yes => "yes",
        SaidVerdict::OtherType => "no, it takes other events",
        SaidVerdict::ConditionFalse => "no, its condition does not hold",
        SaidVerdict::CannotTell => "no, its condition could not be evaluated",
        SaidVerdict::FirstRouteWon => "no, an earlier route won",
        SaidVerdict::AboutItself => "no, it is about that destination",
    };
    let why = if said.why.is_empty() { String::new() } else { format!(" ({})", printable(&said.why)) };
    format!("route `{}`: {verdict}{why}", said.route)
}

fn delivery_entries(event: &EventStory, delivery: &DeliveryStory) -> Vec<Entry> {
    let name = format!("event {} to {}", event.revision, delivery.destination);
    let mut entries: Vec<Entry> = delivery
        .attempts
        .iter()
        .map(|attempt| {
            let said = attempt.said();
            let outcome = attempt.outcome.replace('_', " ");
            let uncounted = if attempt.counted || attempt.outcome == "accepted" { "" } else { ", not counted" };
            let step = attempt.step.as_ref().map_or(String::new(), |step| format!(", step {step}"));
            let first = format!(
                "{name}, attempt {}{step}: {} in {} ms: {outcome}{uncounted}",
                attempt.n,
                printable(&said),
                attempt.took_ms
            );
            let mut lines = vec![first];
            lines.extend(indented(&attempt.answer).lines().map(ToOwned::to_owned));
            if attempt.cut {
                lines.push("    ... (cut)".to_owned());
            }
            Entry { at: Some(attempt.at), lines }
        })
        .collect();
    let again = delivery.sent_again.iter();
    entries.extend(again.map(|at| Entry { at: Some(*at), lines: vec![format!("{name}: sent again by a person")] }));
    let end = match delivery.state {
        DeliveryState::Pending => return entries,
        // The attempt that was accepted says it.
        DeliveryState::Delivered if !delivery.attempts.is_empty() => return entries,
        DeliveryState::Delivered => format!("{name}: delivered; its attempts are not kept any more"),
        DeliveryState::Dead => {
            let why = Death::from_name(&delivery.why).map_or(delivery.why.clone(), |death| death.to_string());
            let letter =
                delivery.dead_letter.as_ref().map_or(String::new(), |letter| format!(", dead letter {letter}"));
            let at = delivery.steps.iter().find(|step| step.failed);
            let at = at.map_or(String::new(), |step| format!(" at the step {}", step.step));
            format!("{name}: given up on{at}, {why}{letter}")
        }
        DeliveryState::Dropped if delivery.why.starts_with("moved") => format!("{name}: {}", delivery.why),
        DeliveryState::Dropped => format!("{name}: dropped by a person"),
    };
    entries.push(Entry { at: delivery.at, lines: vec![end] });
    entries
}

fn next_line(next: &Next, explained: &Explained, zone: &TimeZone) -> String {
    let mut line = String::new();
    if let Some(destination) = &next.destination {
        let revision = explained.story.iter().flat_map(|story| &story.events).find_map(|event| {
            let kept = event.kept.as_ref()?;
            (Some(&kept.id) == next.event_id.as_ref()).then_some(event.revision)
        });
        match revision {
            Some(revision) => line.push_str(&format!("event {revision} to {destination}: ")),
            None => line.push_str(&format!("{destination}: ")),
        }
    }
    if let Some(at) = next.at {
        let when = if at <= explained.at { "due".to_owned() } else { hence(at, explained.at) };
        line.push_str(&format!("{} ({when}): ", clock::shown(at, zone)));
    }
    line.push_str(&next.text);
    line
}

fn nth(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}
