//! Results on standard output: for people, or as JSON.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde::Serialize;

use crate::app::operator::OutgoingRequest;
use crate::domain::steps::{Stands, Stood};
use crate::domain::{clock, span};

/// Where results go, and in which form.
pub struct Output {
    json: bool,
}

impl Output {
    /// `json`: what `--json` says.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// Prints something on the way to a result: as one line of JSON, or as `text` makes it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn tell<T: Serialize>(&self, what: &T, text: impl FnOnce(&T) -> String) -> std::io::Result<()> {
        let text = if self.json { serde_json::to_string(what)? } else { text(what) };
        let mut out = anstream::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n'))?;
        out.flush()
    }

    /// Prints a result: as JSON, or as `text` makes it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn print<T: Serialize>(&self, result: &T, text: impl FnOnce(&T) -> String) -> std::io::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(result)? } else { text(result) };
        let mut out = anstream::stdout().lock();
        // Tables fill their lines up with blanks.
        for line in text.trim_end_matches('\n').split('\n') {
            writeln!(out, "{}", line.trim_end_matches(' '))?;
        }
        out.flush()
    }
}

/// Prints bytes that are for another program, as they are.
///
/// # Errors
/// Nobody reads any more.
pub fn raw(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// A table without lines, as wide as the terminal.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header.to_vec());
    table
}

/// `3m ago`, as people say it.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span::format(whole_seconds(clock::elapsed(at, now))))
}

/// `in 3m`, as people say it.
pub fn hence(at: Timestamp, now: Timestamp) -> String {
    format!("in {}", span::format(whole_seconds(clock::elapsed(now, at))))
}

/// A request, as it goes over the wire.
pub fn outgoing(request: &OutgoingRequest) -> String {
    let mut out = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        out.push_str(&format!("{name}: {value}\n"));
    }
    out.push_str(&format!("\n{}", request.body));
    printable(&out)
}

/// How the steps of a delivery stand, a line for each.
pub fn steps(steps: &[Stood]) -> Vec<String> {
    let each = steps.iter().map(|step| {
        let stands = match (step.stands, step.failed) {
            (Stands::Done, _) => "done",
            (Stands::Skipped, _) => "skipped, for its when does not hold",
            (Stands::Next, true) => "failed; a retry goes on here",
            (Stands::Later, true) => "failed",
            (Stands::Next, false) => "next",
            (Stands::Later, false) => "to come",
        };
        let unknown = if step.unknown { "; nobody knows whether its last try got through" } else { "" };
        let captured = step.captured.iter().map(|own| format!("; captured {} {}", own.name, printable(&own.value)));
        format!("{}: {stands}{unknown}{}", step.step, captured.collect::<String>())
    });
    each.collect()
}

/// `1 lead`, `2 leads`.
pub fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

fn whole_seconds(long: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(long.as_secs())
}

/// What came from outside must not steer the terminal that shows it.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// What came from outside, under the line that it belongs to.
pub fn indented(text: &str) -> String {
    printable(text).lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{9b}c\td\r\n"), "a\u{fffd}[2Jb\u{fffd}c\td\u{fffd}\n");
        assert_eq!(indented("a\u{1b}[2J\nb"), "    a\u{fffd}[2J\n    b");
    }
}
