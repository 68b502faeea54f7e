//! What a happening looks like to a person.
//!
//! A lead's first attempts stand in one line, a column for each destination; whatever comes later gets a line of its own,
//! in the same columns. So a fine destination is a green column, and a broken one is seen from across the room.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use crate::domain::clock;
use crate::domain::lead::LeadId;
use crate::domain::outcome::Outcome;
use crate::domain::retry::Verdict;
use crate::watch::Happening;

/// No line is wider.
pub const WIDTH: usize = 100;

/// How long a line waits for its first attempts.
const PATIENCE: Duration = Duration::from_millis(250);

/// The columns are named again after so many lines: by then their names have left a small terminal.
const NAMED_EVERY: usize = 24;

/// The lead, and what the line is about.
const LEAD: usize = 6;
const WHAT: usize = 14;

/// A column for each destination; the last needs no end.
const COLUMNS: [usize; 3] = [11, 25, 25];

pub const DIM: Style = Style::new().dimmed();
pub const BOLD: Style = Style::new().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();
const LATER: Style = AnsiColor::Yellow.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// The lines of the leads that are waited for.
pub struct Screen {
    names: [&'static str; 3],
    rows: Vec<Row>,
    since_header: usize,
}

/// A lead, until each destination has been tried once.
struct Row {
    event_id: String,
    lead: LeadId,
    what: &'static str,
    since: Duration,
    cells: [Option<Cell>; 3],
    printed: bool,
}

#[derive(Clone)]
struct Cell(String, Style);

impl Screen {
    /// These are the destinations.
    pub fn new(names: [&'static str; 3]) -> Screen {
        Screen { names, rows: Vec::new(), since_header: 0 }
    }

    /// What stands above the columns.
    pub fn header(&self) -> String {
        let cells = self.names.map(|name| Some(Cell(name.to_owned(), BOLD)));
        line("", Cell("lead".to_owned(), BOLD), Cell("what".to_owned(), BOLD), &cells)
    }

    /// The lines that are due now that this has happened.
    pub fn show(&mut self, at: Duration, now: Timestamp, happening: &Happening) -> Vec<String> {
        let lines = self.lines(at, now, happening);
        self.named(lines)
    }

    fn lines(&mut self, at: Duration, now: Timestamp, happening: &Happening) -> Vec<String> {
        match happening {
            // What nobody wants has nothing to be shown.
            Happening::Recorded { destinations, .. } if destinations.is_empty() => Vec::new(),
            Happening::Recorded { lead, event_id, event_type, .. } => {
                self.row(event_id, *lead, event_type.as_str(), at);
                Vec::new()
            }
            Happening::Tried { destination, lead, event_id, attempt, outcome, in_short, took, verdict, .. } => {
                let Some(column) = self.names.iter().position(|name| name == destination) else { return Vec::new() };
                let cell = tried(outcome, in_short, *took, verdict, now);
                if *attempt == 1 {
                    // The attempt may be told of before the lead itself: two tasks tell.
                    let row = self.row(event_id, *lead, "lead.finalized", at);
                    row.cells[column] = Some(cell.clone());
                    if !row.printed {
                        return self.print(at, |row| row.is_due(at));
                    }
                }
                let probe = matches!((outcome, verdict), (Outcome::Retry, Verdict::Again { counted: false, .. }));
                let what = if probe { "probe".to_owned() } else { format!("attempt {attempt}") };
                self.forget();
                vec![alone(at, *lead, &what, column, cell)]
            }
            Happening::Unsent { destination, lead, death } => {
                let Some(column) = self.names.iter().position(|name| name == destination) else { return Vec::new() };
                vec![alone(at, *lead, &death.as_str().replace('_', " "), column, Cell("✗ dead letter".to_owned(), BAD))]
            }
            // The demo's destinations take one call.
            Happening::Done { .. } => Vec::new(),
            Happening::SetAside { lead, in_short, due, .. } => {
                let text = format!("WeClever: {in_short}; asked again {}", hence(*due, now));
                vec![said(at, &lead.to_string(), &text, LATER)]
            }
            Happening::Unreadable { lead, error } => {
                vec![said(at, &lead.to_string(), &format!("{error}; dead letter"), BAD)]
            }
            Happening::ReadFailed { in_short, .. } => {
                vec![said(at, "list", &format!("WeClever: {in_short}; asked again"), LATER)]
            }
            Happening::Failing { destination } => {
                let text = "has failed on end: from here only a probe now and then, and what is for it waits";
                vec![said(at, destination, text, BAD)]
            }
            Happening::Recovered { destination } => vec![said(at, destination, "is back: everything goes on", GOOD)],
            // Its leads say more.
            Happening::Read { .. } => Vec::new(),
        }
    }

    /// The lines that are complete, or have waited long enough.
    pub fn flush(&mut self, at: Duration) -> Vec<String> {
        let lines = self.print(at, |row| row.is_due(at));
        self.named(lines)
    }

    /// Whatever is left.
    pub fn flush_all(&mut self, at: Duration) -> Vec<String> {
        let lines = self.print(at, |_| true);
        self.named(lines)
    }

    /// With the names of the columns before them, where it is time for that.
    fn named(&mut self, mut lines: Vec<String>) -> Vec<String> {
        self.since_header += lines.len();
        if self.since_header > NAMED_EVERY && !lines.is_empty() {
            self.since_header = lines.len();
            lines.insert(0, self.header());
        }
        lines
    }

    fn print(&mut self, at: Duration, due: impl Fn(&Row) -> bool) -> Vec<String> {
        let waits = Cell("· waits".to_owned(), DIM);
        let mut lines = Vec::new();
        for row in self.rows.iter_mut().filter(|row| !row.printed && due(row)) {
            row.printed = true;
            let cells = row.cells.each_ref().map(|cell| Some(cell.clone().unwrap_or_else(|| waits.clone())));
            let lead = Cell(row.lead.to_string(), Style::new());
            lines.push(line(&stamp(at), lead, Cell(row.what.to_owned(), Style::new()), &cells));
        }
        self.forget();
        lines
    }

    fn forget(&mut self) {
        self.rows.retain(|row| !row.printed || !row.is_complete());
    }

    fn row(&mut self, event_id: &str, lead: LeadId, what: &'static str, at: Duration) -> &mut Row {
        let there = self.rows.iter().position(|row| row.event_id == event_id);
        let i = there.unwrap_or_else(|| {
            let cells = [const { None }; 3];
            self.rows.push(Row { event_id: event_id.to_owned(), lead, what, since: at, cells, printed: false });
            self.rows.len() - 1
        });
        &mut self.rows[i]
    }
}

impl Row {
    fn is_due(&self, at: Duration) -> bool {
        self.is_complete() || at.saturating_sub(self.since) >= PATIENCE
    }

    fn is_complete(&self) -> bool {
        self.cells.iter().all(Option::is_some)
    }
}

/// Something about no lead and no destination.
pub fn note(at: Duration, text: &str) -> String {
    format!("{}  {}", painted(&stamp(at), DIM), painted(text, BOLD))
}

fn tried(outcome: &Outcome, in_short: &str, took: Duration, verdict: &Verdict, now: Timestamp) -> Cell {
    match (verdict, outcome) {
        (Verdict::Delivered, _) => Cell(format!("✓ {in_short} {}", brief(took)), GOOD),
        (Verdict::NextStep, _) => Cell(format!("… {in_short} {}", brief(took)), GOOD),
        (Verdict::Again { at, .. }, Outcome::Throttled(_)) => {
            Cell(format!("✗ {in_short}, rests {}", seconds(clock::elapsed(now, *at))), LATER)
        }
        (Verdict::Again { counted: false, .. }, _) => Cell(format!("✗ {in_short}, still failing"), LATER),
        (Verdict::Again { at, .. }, _) => Cell(format!("✗ {in_short}, again {}", hence(*at, now)), LATER),
        (Verdict::Dead(_), _) => Cell(format!("✗ {in_short}, dead letter"), BAD),
        (Verdict::Parked, _) => Cell(format!("✗ {in_short}, disabled"), BAD),
    }
}

/// A line with one cell.
fn alone(at: Duration, lead: LeadId, what: &str, column: usize, cell: Cell) -> String {
    let mut cells = [const { None }; 3];
    cells[column] = Some(cell);
    line(&stamp(at), Cell(lead.to_string(), DIM), Cell(what.to_owned(), DIM), &cells)
}

/// A line of words.
fn said(at: Duration, who: &str, text: &str, style: Style) -> String {
    let room = WIDTH - stamp(at).chars().count() - LEAD - 4;
    let text = if text.chars().count() > room {
        text.chars().take(room - 1).chain(['…']).collect()
    } else {
        text.to_owned()
    };
    format!("{}  {}  {}", painted(&stamp(at), DIM), painted(&format!("{who:<LEAD$}"), style), painted(&text, style))
}

fn line(stamp: &str, lead: Cell, what: Cell, cells: &[Option<Cell>; 3]) -> String {
    let mut line = format!("{}  {}  {}", painted(&format!("{stamp:>7}"), DIM), lead.padded(LEAD), what.padded(WHAT));
    // What follows the last word of a line is nothing, not spaces.
    let last = cells.iter().rposition(Option::is_some).unwrap_or_default();
    for (i, (cell, width)) in cells.iter().zip(COLUMNS).enumerate().take(last + 1) {
        let width = if i == last { 0 } else { width };
        line.push_str("  ");
        match cell {
            Some(cell) => line.push_str(&cell.padded(width)),
            None => line.push_str(&" ".repeat(width)),
        }
    }
    line
}

impl Cell {
    fn padded(&self, width: usize) -> String {
        let Cell(text, style) = self;
        // Spaces are not painted, and not counted among the characters that paint.
        format!("{}{}", painted(text, *style), " ".repeat(width.saturating_sub(text.chars().count())))
    }
}

/// In colour; the colour vanishes where standard output shows none.
pub fn painted(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

fn stamp(at: Duration) -> String {
    format!("{:>6.1}s", at.as_secs_f64())
}

fn hence(at: Timestamp, now: Timestamp) -> String {
    format!("in {}", seconds(clock::elapsed(now, at)))
}

fn seconds(long: Duration) -> String {
    format!("{:.1}s", long.as_secs_f64())
}

/// `<1ms`, `3ms`, `1.2s`.
fn brief(long: Duration) -> String {
    match long.as_millis() {
        0 => "<1ms".to_owned(),
        ms @ 1..1_000 => format!("{ms}ms"),
        _ => seconds(long),
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
