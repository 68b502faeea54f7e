//! What the API's clock shows beside UTC.
//!
//! A list says what its clock showed when a lead was finalized, but not when that was. What is known of the instant makes a
//! range for the offset: it was not after the lead was listed, and not before the lead's first message; and of a lead that
//! shows up while somebody looks both ends are known. Within that range only the offsets count that some zone on Earth has
//! now.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{About, Finding, Fits, Shown};

/// Two clocks never quite agree, and both are rounded to seconds.
const SLACK: i64 = 3;

/// What a lead's arrival must be known to within, in seconds, to leave no doubt: a lead that shows up late would have to be
/// late by a whole half hour, give or take this.
const NARROW: i64 = 120;

/// So many leads in an hour are a busy one, after which a quarter of an hour without one is rare.
const BUSY: usize = 6;
const FRESH: i64 = 900;

/// A lead as new as this by the file's own zone speaks for it, in a quiet hour as well.
const JUST_NOW: i64 = 300;

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The newest lead.
    pub newest: Option<Newest>,
    /// Leads whose first message says when it was.
    pub begun: Vec<Begun>,
    /// Leads that showed up while somebody looked.
    pub arrived: Vec<Arrived>,
}

/// The newest lead.
#[derive(Clone, Copy, Debug)]
pub struct Newest {
    /// What the API's clock showed when it was finalized.
    pub at: Shown,
    /// When it was listed, true time.
    pub seen: Timestamp,
    /// How many leads were finalized in the hour up to it.
    pub in_its_hour: usize,
}

/// A lead and its first message.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The API's clock showed at most this when it was finalized.
    pub until: Shown,
    /// Its first message was at this instant.
    pub said: Timestamp,
}

/// A lead that showed up while somebody looked.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// What the API's clock showed when it was finalized, between the two.
    pub at: (Shown, Shown),
    /// It was not there yet at the first of these instants, and was at the second.
    pub between: (Timestamp, Timestamp),
}

/// When the first of a lead's messages was, where its dates name their zone.
pub fn first_message(lead: &str) -> Option<Timestamp> {
    let lead: Value = serde_json::from_str(lead).ok()?;
    let messages = lead.get("chats")?.get("messages")?.as_array()?;
    let dates = messages.iter().filter_map(|message| message.get("date_created")?.as_str());
    dates.filter_map(instant).min()
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()))
}

/// What follows for a file that says `zone`. `now`: true time.
pub fn verdict(evidence: &Evidence, zone: &TimeZone, now: Timestamp) -> Finding {
    let Some(newest) = evidence.newest else {
        return Finding::unknown(
            About::Zone,
            "the zone of the dates cannot be told",
            format!("there is no lead to look at; {HOW}"),
            Fits::Look,
        );
    };
    let file = i64::from(zone.to_offset(now).seconds());
    let in_use = in_use(now);
    let range = Range::of(&newest, evidence, &in_use);
    let fitting: Vec<i64> = in_use.iter().copied().filter(|offset| range.holds(*offset)).collect();
    let why = range.why.join("; ");
    match fitting.as_slice() {
        [] => Finding::unknown(
            About::Zone,
            "the API's clock shows a time that no zone on Earth shows now",
            why,
            Fits::Look,
        ),
        [one] if range.sure => found(*one, file, now, why),
        [one] => found(*one, file, now, why).only_likely(),
        [first, .., last] => {
            // If nothing is quiet, the newest lead is new.
            let age = first - range.low;
            let busy = newest.in_its_hour >= BUSY && age <= FRESH;
            // Only where it is what the file says: a shop that closed an hour ago looks like one an hour further west.
            if *first == file && (busy || age <= JUST_NOW) {
                let why =
                    format!("{why}; zones further east are possible only if nothing was finalized for a while; {HOW}");
                return found(*first, file, now, why).only_likely();
            }
            let between = format!("{} to {}", written(*first), written(*last));
            let name = zone.iana_name().unwrap_or("what the file says");
            if range.holds(file) {
                let said = format!("the zone of the dates may be {name} ({}), and just as well another", written(file));
                return Finding::unknown(
                    About::Zone,
                    said,
                    format!("anything from {between} fits: {why}; {HOW}"),
                    Fits::Look,
                );
            }
            let said = format!("the dates are not in {name} ({})", written(file));
            Finding::unknown(About::Zone, said, format!("only {between} fits: {why}; {HOW}"), Fits::No)
        }
    }
}

const HOW: &str = "to be sure, run `leadhook doctor --wait 10m` and finalize a conversation meanwhile";

fn found(offset: i64, file: i64, now: Timestamp, why: String) -> Finding {
    let name = name(offset, now);
    let said = format!("the dates are in {}, as in {name}", written(offset));
    let finding = Finding::sure(About::Zone, written(offset), said, why);
    if offset == file { finding } else { finding.differs([format!("timezone = {name:?}")]) }
}

/// The offsets that are possible, in seconds, and why.
struct Range {
    low: i64,
    high: i64,
    /// Nothing else explains it.
    sure: bool,
    why: Vec<String>,
}

impl Range {
    fn of(newest: &Newest, evidence: &Evidence, in_use: &BTreeSet<i64>) -> Range {
        let low = newest.at.0 - newest.seen.as_second() - SLACK;
        let why = vec![format!(
            "the newest lead was finalized at {} on the API's clock, and seen at {:.0}",
            newest.at.text(),
            newest.seen
        )];
        let mut range = Range { low, high: i64::MAX, sure: false, why };
        range.narrow_by_messages(&evidence.begun);
        for arrived in &evidence.arrived {
            range.narrow_by_arrival(arrived, in_use);
        }
        range
    }

    fn holds(&self, offset: i64) -> bool {
        self.low <= offset && offset <= self.high
    }

    fn narrow_by_messages(&mut self, begun: &[Begun]) {
        let high = begun.iter().map(|begun| begun.until.0 - begun.said.as_second() + SLACK);
        // Dates that contradict the newest lead are not what they say.
        let Some(high) = high.filter(|high| *high >= self.low).min() else { return };
        self.high = high;
        // Dates of the API's own clock that only claim to be UTC would put the first message so long before the end as
        // the conversation took, which is above zero.
        self.sure = high < 0;
        self.why.push("the first messages of the newest leads say in UTC when they were".to_owned());
    }

    fn narrow_by_arrival(&mut self, arrived: &Arrived, in_use: &BTreeSet<i64>) {
        let low = arrived.at.0.0 - arrived.between.1.as_second() - SLACK;
        let high = arrived.at.1.0 - arrived.between.0.as_second() + SLACK;
        let (low, high) = (low.max(self.low), high.min(self.high));
        if !in_use.iter().any(|offset| low <= *offset && *offset <= high) {
            self.why.push("a lead showed up meanwhile, but late".to_owned());
            return;
        }
        self.sure |= high - low <= NARROW;
        (self.low, self.high) = (low, high);
        self.why.push("a lead was finalized while we looked".to_owned());
    }
}

/// The offsets that some zone has at this instant, in seconds.
fn in_use(now: Timestamp) -> BTreeSet<i64> {
    let zones = jiff::tz::db().available().filter_map(|name| TimeZone::get(name.as_str()).ok());
    zones.map(|zone| i64::from(zone.to_offset(now).seconds())).collect()
}

/// A zone that has this offset now; where there are several, the one that most readers would write.
fn name(offset: i64, now: Timestamp) -> String {
    let has = |name: &str| TimeZone::get(name).is_ok_and(|zone| i64::from(zone.to_offset(now).seconds()) == offset);
    const USUAL: [&str; 6] =
        ["America/Sao_Paulo", "UTC", "America/Manaus", "America/Rio_Branco", "America/Noronha", "Europe/Lisbon"];
    if let Some(name) = USUAL.into_iter().find(|name| has(name)) {
        return name.to_owned();
    }
    // Their signs are turned round.
    let fixed = format!("Etc/GMT{:+}", -offset / 3600);
    if has(&fixed) {
        return fixed;
    }
    jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .find(|name| has(name))
        .unwrap_or_else(|| "UTC".to_owned())
}

/// `-03:00`.
fn written(offset: i64) -> String {
    let minutes = offset.abs() / 60;
    format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;
