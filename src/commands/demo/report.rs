//! What is said before and after: who plays, the numbers, and what to do next.

use std::time::Duration;

use super::screen::{BAD, BOLD, DIM, GOOD, WIDTH, painted};
use super::stage::{NAMES, Stage};
use super::tally::{Destination, Leads, Summary};
use crate::commands::output::count;
use crate::domain::span;

/// Where the first word of each paragraph ends.
const LABEL: usize = 10;

/// Who plays.
pub fn intro(stage: &Stage, long: Duration) -> Vec<String> {
    let [crm, chat, legacy] = NAMES;
    let [at_crm, at_chat, at_legacy] = stage.urls();
    let who = |name: &str, at: &str, what: &str| format!("  {}  {at:<27}  {what}", label(name));
    vec![
        painted("leadhook demo: the real service between a simulated WeClever and simulated destinations", BOLD),
        String::new(),
        who("WeClever", &stage.weclever.base_url(), "finalizes two leads a second; some answers are broken"),
        who(crm, &at_crm, "is fine"),
        who(chat, &at_chat, "is flaky: 500, 503, 429, resets, slow answers"),
        who(legacy, &at_legacy, "is broken: 500, always"),
        String::new(),
        painted(
            &format!("Each lead goes to all three. This takes {}; Ctrl-C ends it earlier.", span::format(long)),
            DIM,
        ),
    ]
}

/// The numbers, what they mean, and what to do next.
pub fn lines(summary: &Summary) -> Vec<String> {
    let long = format!("After {:.0}s", summary.long.as_secs_f64());
    let mut lines = vec![String::new(), painted(&long, BOLD), String::new()];
    lines.extend(source(summary));
    lines.push(String::new());
    lines.extend(table(summary.leads.recorded, &summary.destinations));
    lines.push(String::new());
    lines.extend(verdict(summary));
    lines.push(String::new());
    lines.extend(next());
    lines
}

fn source(summary: &Summary) -> Vec<String> {
    let Leads { finalized, recorded, set_aside, unreadable } = summary.leads;
    let mut sum = format!("{} finalized = {recorded} recorded", count(finalized, "lead"));
    if set_aside > 0 {
        sum.push_str(&format!(" + {set_aside} to be read again"));
    }
    if unreadable > 0 {
        sum.push_str(&format!(" + {unreadable} given up on"));
    }
    let broken: u64 = summary.broken.values().sum();
    let mut answers = format!("{}, {broken} of them broken", count(summary.requests.total(), "answer"));
    for (i, (kind, n)) in summary.broken.iter().enumerate() {
        answers.push_str(&format!("{}{kind} {n}", if i == 0 { ": " } else { ", " }));
    }
    let mut lines = vec![format!("  {}  {sum}", label("WeClever"))];
    lines.extend(wrapped(&answers, WIDTH - LABEL - 4).iter().map(|line| format!("  {:LABEL$}  {line}", "")));
    lines
}

fn table(recorded: u64, destinations: &[Destination]) -> Vec<String> {
    let header = "recorded = delivered + waiting + dead    requests    signature good    repeats";
    let mut lines = vec![format!("  {:LABEL$}  {}", "", painted(header, DIM))];
    lines.extend(destinations.iter().map(|d| {
        let Destination { name, delivered, waiting, dead, requests, verified, repeated } = d;
        format!(
            "  {}  {recorded:>8}   {delivered:>9}   {waiting:>7}   {dead:>4}    {requests:>8}    {verified:>14}    {repeated:>7}",
            label(name)
        )
    }));
    lines
}

fn verdict(summary: &Summary) -> Vec<String> {
    if !summary.adds_up {
        let mut lines = vec![format!("  {}", painted("This does not add up; please report it:", BAD))];
        lines.extend(summary.differences.iter().map(|difference| format!("  - {difference}")));
        return lines;
    }
    let Leads { finalized, recorded, set_aside, .. } = summary.leads;
    let mut lines = Vec::new();
    if let Some(fine) = summary.destinations.first() {
        let mut said = format!("Nothing lost: {} finalized, {recorded} recorded", count(finalized, "lead"));
        if set_aside > 0 {
            said.push_str(&format!(", {set_aside} to be read again"));
        }
        said.push_str(&format!(", {} at {}", fine.delivered, fine.name));
        said.push_str(if fine.repeated == 0 { ", each exactly once." } else { "." });
        lines.push(format!("  {}", painted(&said, GOOD)));
    }
    if let Some(broken) = summary.destinations.last().filter(|d| d.dead + d.waiting > 0) {
        let letters = count(broken.dead, "dead letter");
        lines.push(format!("  {}: {letters}, kept until you decide; {} waiting.", broken.name, broken.waiting));
    }
    lines
}

fn next() -> Vec<String> {
    let one = |command: &str, what: &str| format!("  {}  {what}", painted(&format!("{command:<17}"), BOLD));
    vec![
        painted("What next", BOLD),
        one("leadhook init", "writes a file for your own account"),
        one("leadhook simulate", "runs this WeClever alone, to try your file against"),
        format!("  {}#five-minutes-to-a-real-account", env!("CARGO_PKG_REPOSITORY")),
    ]
}

fn label(name: &str) -> String {
    painted(&format!("{name:<LABEL$}"), BOLD)
}

/// Lines of at most so many characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tally::add_up;
    use super::super::tally::tests::seen;
    use super::*;

    fn plain(lines: &[String]) -> String {
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn the_sums_stand_under_each_other() {
        let text = plain(&lines(&add_up(&seen())));
        assert!(text.contains("7 leads finalized = 6 recorded + 1 to be read again\n"), "{text}");
        assert!(text.contains("12 answers, 3 of them broken: html 2, reset 1\n"), "{text}");
        assert!(
            text.contains(
                "recorded = delivered + waiting + dead    requests    signature good    repeats\n  \
                 crm                6           6         0      0           6                 6          0\n"
            ),
            "{text}"
        );
        let verdict = "Nothing lost: 7 leads finalized, 6 recorded, 1 to be read again, 6 at crm, each exactly once.";
        assert!(text.contains(verdict), "{text}");
        assert!(text.contains("legacy: 2 dead letters, kept until you decide; 4 waiting."), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH && !line.ends_with(' ')), "{text}");
    }

    #[test]
    fn what_does_not_add_up_is_said() {
        let mut seen = seen();
        seen.weclever.leads_finalized = 8;
        let text = plain(&lines(&add_up(&seen)));
        assert!(text.contains("does not add up"), "{text}");
        assert!(!text.contains("Nothing lost"), "{text}");
    }

    #[test]
    fn long_lists_are_wrapped() {
        assert_eq!(wrapped("aa bb cc dd", 5), ["aa bb", "cc dd"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
