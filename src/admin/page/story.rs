//! A lead's story as a stranger reads it: what happened, in its order, each with what came of it.

use jiff::Timestamp;
use serde::Serialize;

use super::curtain::Curtain;
use super::frame::Reader;
use super::language::Language;
use super::reason;
use super::shown;
use super::words;
use crate::app::operator::{DeliveryState, DeliveryStory, EventStory, FailedReading, Next, Stage, Story, WaitsFor};
use crate::domain::csat::Csat;
use crate::domain::lead::LeadId;
use crate::domain::route::{Said, SaidVerdict};
use crate::domain::steps::{Stands, Stood};
use crate::store::dead::Attempt;

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// `None`: nobody knows any more; then it stands behind the one before it.
    pub(super) at: Option<String>,
    /// `ok`, `warn`, `bad` or nothing.
    pub(super) state: &'static str,
    /// Its first line.
    pub(super) title: String,
    /// What belongs under it.
    pub(super) lines: Vec<Line>,
    /// What came back.
    pub(super) answer: Option<String>,
    /// It was longer.
    pub(super) cut: bool,
    /// Where more of it stands: a path and its name.
    pub(super) link: Option<(String, String)>,
    #[serde(skip)]
    when: Timestamp,
}

/// A line under what happened.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// `ok` for a yes, nothing else.
    pub(super) state: &'static str,
    /// What it says.
    pub(super) text: String,
}

/// What happens next.
#[derive(Debug, Serialize)]
pub(super) struct Coming {
    /// `bad` where a person has to do something, `held`, `warn` or nothing.
    pub(super) state: &'static str,
    /// For which destination, where it is about one.
    pub(super) destination: Option<String>,
    /// Which event of the lead.
    pub(super) revision: Option<u32>,
    /// When.
    pub(super) at: Option<String>,
    /// In a sentence.
    pub(super) text: String,
    /// How the steps stand.
    pub(super) steps: Vec<Line>,
    /// Where a person can do something about it: a path and its name.
    pub(super) link: Option<(String, String)>,
}

/// Tells it to this reader, behind this curtain.
pub(super) struct Teller<'a> {
    pub(super) reader: &'a Reader,
    pub(super) lead: LeadId,
}

impl Teller<'_> {
    fn say(&self, key: &str, given: &[(&str, String)]) -> String {
        words::say(key, None, given, self.reader.language).unwrap_or_else(|| key.to_owned())
    }

    /// All that happened. `curtains`: one for each event, in their order.
    pub(super) fn entries(&self, story: &Story, curtains: &[Curtain]) -> Vec<Entry> {
        let shown = |at| shown::at(at, &self.reader.zone, self.reader.language);
        let stretch = if story.finalized_to > story.first_listed {
            self.say("story.finalized_after", &[("from", shown(story.finalized_from))])
        } else {
            let ends = [("from", shown(story.finalized_from)), ("to", shown(story.finalized_to))];
            self.say("story.finalized_between", &ends)
        };
        let mut entries = vec![Entry {
            lines: vec![plain(stretch)],
            ..entry(Some(story.first_listed), "", self.say("story.listed", &[]))
        }];
        if let Some(reading) = &story.reading {
            entries.extend(self.reading(reading));
        }
        for (event, curtain) in story.events.iter().zip(curtains) {
            entries.push(self.event(event, curtain));
            for delivery in &event.deliveries {
                entries.extend(self.delivery(event, delivery, curtain));
            }
        }
        // Those without a time stay behind the one before them.
        let mut last = Timestamp::MIN;
        for entry in &mut entries {
            last = if entry.at.is_some() { entry.when } else { last };
            entry.when = last;
        }
        entries.sort_by_key(|entry| entry.when);
        entries
    }

    fn reading(&self, reading: &FailedReading) -> Vec<Entry> {
        if reading.flaps {
            return vec![entry(Some(reading.since), "held", self.say("story.flaps", &[]))];
        }
        let given = [("n", reading.attempts.to_string()), ("error", reading.error.clone())];
        let mut entries = vec![
            entry(Some(reading.since), "", self.say("story.asked", &[])),
            entry(Some(reading.last_attempt), "warn", self.say("story.reading_failed", &given)),
        ];
        if let (Some(at), Some(letter)) = (reading.given_up, &reading.dead_letter) {
            entries.push(Entry {
                link: self.letter(letter),
                ..entry(Some(at), "bad", self.say("story.reading_given_up", &[]))
            });
        }
        entries
    }

    fn letter(&self, id: &str) -> Option<(String, String)> {
        Some((format!("/dead/{id}"), self.say("story.to_letter", &[])))
    }

    fn event(&self, event: &EventStory, curtain: &Curtain) -> Entry {
        let given = [("n", event.revision.to_string()), ("type", event.event_type.as_str().to_owned())];
        let Some(kept) = &event.kept else {
            return entry(None, "", self.say("story.event_not_kept", &given));
        };
        let mut lines: Vec<Line> = kept.rating.iter().map(|rating| plain(self.rating(rating, curtain))).collect();
        lines.extend(kept.said.iter().map(|said| self.said(said, curtain)));
        if event.deliveries.is_empty() {
            lines.push(plain(self.say("story.nowhere", &[])));
        }
        let link = (format!("/events/{}?lead={}", kept.id, self.lead), self.say("story.to_event", &[]));
        Entry { lines, link: Some(link), ..entry(Some(kept.at), "", self.say("story.event", &given)) }
    }

    fn rating(&self, rating: &Csat, curtain: &Curtain) -> String {
        let text = curtain.whole(rating.text.as_deref().unwrap_or_default());
        match rating.score {
            Some(score) => self.say("story.rating", &[("score", curtain.whole(&score.to_string())), ("text", text)]),
            None => self.say("story.rating_unreadable", &[("text", text)]),
        }
    }

    fn said(&self, said: &Said, curtain: &Curtain) -> Line {
        let (key, state) = match said.verdict {
            SaidVerdict::Yes => ("route.yes", "ok"),
            SaidVerdict::OtherType => ("route.other_type", ""),
            SaidVerdict::ConditionFalse => ("route.condition_false", ""),
            SaidVerdict::CannotTell => ("route.cannot_tell", "warn"),
            SaidVerdict::FirstRouteWon => ("route.first_won", ""),
            SaidVerdict::AboutItself => ("route.about_itself", ""),
        };
        let why = if said.why.is_empty() { String::new() } else { format!(" ({})", curtain.echo(&said.why)) };
        Line { state, text: format!("{}{why}", self.say(key, &[("route", said.route.clone())])) }
    }

    fn delivery(&self, event: &EventStory, delivery: &DeliveryStory, curtain: &Curtain) -> Vec<Entry> {
        let name = [("n", event.revision.to_string()), ("destination", delivery.destination.clone())];
        let mut entries: Vec<Entry> =
            delivery.attempts.iter().map(|attempt| self.attempt(&name, attempt, curtain)).collect();
        let again = delivery.sent_again.iter();
        entries.extend(again.map(|at| entry(Some(*at), "", self.say("story.sent_again", &name))));
        let (key, state) = match delivery.state {
            DeliveryState::Pending => return entries,
            // The attempt that was accepted says it.
            DeliveryState::Delivered if !delivery.attempts.is_empty() => return entries,
            DeliveryState::Delivered => ("story.delivered", "ok"),
            DeliveryState::Dead => ("story.dead", "bad"),
            DeliveryState::Dropped if delivery.why.starts_with("moved") => ("story.moved", ""),
            DeliveryState::Dropped => ("story.dropped", ""),
        };
        let mut given = name.to_vec();
        given.push(("why", self.death(&delivery.why)));
        let link = delivery.dead_letter.as_deref().and_then(|letter| self.letter(letter));
        entries.push(Entry { link, ..entry(delivery.at, state, self.say(key, &given)) });
        entries
    }

    /// One attempt.
    pub(super) fn attempt(&self, name: &[(&str, String)], attempt: &Attempt, curtain: &Curtain) -> Entry {
        let state = match attempt.outcome.as_str() {
            "accepted" => "ok",
            "given_up" | "gone" => "bad",
            _ => "warn",
        };
        let mut given = name.to_vec();
        given.push(("attempt", attempt.n.to_string()));
        let said = reason::in_words(&attempt.said(), self.reader.language);
        given.push(("said", curtain.echo(&said)));
        given.push(("ms", shown::number(attempt.took_ms.into(), self.reader.language)));
        given.push(("outcome", self.say(&format!("outcome.{}", attempt.outcome), &[])));
        // On its own page a dead letter need not say which it is.
        let key = if name.iter().any(|(name, _)| *name == "n") { "story.attempt" } else { "letter.attempt" };
        let mut lines = Vec::new();
        if let Some(step) = &attempt.step {
            lines.push(plain(self.say("story.step", &[("step", step.clone())])));
        }
        if !attempt.counted && attempt.outcome != "accepted" {
            lines.push(plain(self.say("story.uncounted", &[])));
        }
        let answer = (!attempt.answer.is_empty()).then(|| curtain.answer(&attempt.answer, attempt.cut));
        Entry { lines, answer, cut: attempt.cut, ..entry(Some(attempt.at), state, self.say(key, &given)) }
    }

    /// Why a delivery died, in words.
    pub(super) fn death(&self, why: &str) -> String {
        words::word(&format!("death.{why}"), self.reader.language).unwrap_or(why).to_owned()
    }

    /// What is next.
    pub(super) fn coming(&self, next: &Next, story: Option<&Story>) -> Coming {
        let (key, state) = match next.waits_for {
            WaitsFor::Answer => ("next.answer", ""),
            WaitsFor::Time | WaitsFor::Service if next.destination.is_none() => match story.map(|story| story.stage) {
                Some(Stage::SetAside) => ("next.read_set_aside", "warn"),
                _ => ("next.read_again", ""),
            },
            WaitsFor::Time => ("next.time", ""),
            WaitsFor::EarlierEvent => ("next.earlier", "held"),
            WaitsFor::Contact => ("next.contact", "held"),
            WaitsFor::Pause => ("next.pause", "held"),
            WaitsFor::Recovery => ("next.recovery", "warn"),
            WaitsFor::Service => ("next.service", "warn"),
            WaitsFor::Paused => ("next.paused", "held"),
            WaitsFor::Disabled => ("next.disabled", "bad"),
            WaitsFor::Parked => ("next.parked", "bad"),
            WaitsFor::Dead => ("next.dead", "bad"),
            WaitsFor::Nothing => (story.map_or("next.listing", nothing_next), ""),
            WaitsFor::Listing => ("next.listing", ""),
        };
        // Where it may be is told with times and names of its own, which only English has words for.
        let is_told = next.waits_for == WaitsFor::Listing && self.reader.language == Language::English;
        let text = if is_told { next.text.clone() } else { self.say(key, &[]) };
        let event = story.iter().flat_map(|story| &story.events).find(|event| {
            let id = event.kept.as_ref().map(|kept| &kept.id);
            id.is_some() && id == next.event_id.as_ref()
        });
        let mut deliveries = event.iter().flat_map(|event| &event.deliveries);
        let delivery = deliveries.find(|delivery| Some(&delivery.destination) == next.destination.as_ref());
        let letter = match delivery {
            Some(delivery) => delivery.dead_letter.as_deref(),
            None => story.and_then(|story| story.reading.as_ref()?.dead_letter.as_deref()),
        };
        let link = match (next.waits_for, &next.destination) {
            (WaitsFor::Dead, _) => letter.and_then(|letter| self.letter(letter)),
            (
                WaitsFor::Pause | WaitsFor::Recovery | WaitsFor::Paused | WaitsFor::Disabled | WaitsFor::Parked,
                Some(name),
            ) => Some((
                format!("/destinations/{name}"),
                self.say("story.to_destination", &[("destination", name.clone())]),
            )),
            _ => None,
        };
        Coming {
            state,
            destination: next.destination.clone(),
            revision: event.map(|event| event.revision),
            at: next.at.map(|at| at.to_string()),
            text,
            steps: delivery.map(|delivery| self.steps(&delivery.steps)).unwrap_or_default(),
            link,
        }
    }

    /// How the steps of a delivery stand.
    pub(super) fn steps(&self, steps: &[Stood]) -> Vec<Line> {
        let each = steps.iter().map(|step| {
            let (key, state) = match (step.stands, step.failed) {
                (Stands::Done, _) => ("step.done", "ok"),
                (Stands::Skipped, _) => ("step.skipped", ""),
                (Stands::Next, true) => ("step.failed_next", "bad"),
                (Stands::Later, true) => ("step.failed", "bad"),
                (Stands::Next, false) => ("step.next", ""),
                (Stands::Later, false) => ("step.later", ""),
            };
            let unknown = if step.unknown { format!("; {}", self.say("step.unknown", &[])) } else { String::new() };
            Line { state, text: format!("{}: {}{unknown}", step.step, self.say(key, &[])) }
        });
        each.collect()
    }
}

/// Why nothing comes next of a lead.
fn nothing_next(story: &Story) -> &'static str {
    match story.stage {
        Stage::Baseline => "next.baseline",
        Stage::Dropped => "next.reading_dropped",
        Stage::Forgotten => "next.forgotten",
        _ if story.events.iter().any(|event| !event.deliveries.is_empty()) => "next.settled",
        _ => "next.nowhere",
    }
}

fn entry(at: Option<Timestamp>, state: &'static str, title: String) -> Entry {
    Entry {
        at: at.map(|at| at.to_string()),
        state,
        title,
        lines: Vec::new(),
        answer: None,
        cut: false,
        link: None,
        when: at.unwrap_or(Timestamp::MIN),
    }
}

fn plain(text: String) -> Line {
    Line { state: "", text }
}
