//! A list as it came, and what it says by itself.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::domain::lead::{LeadId, Row};
use crate::domain::malformed::{MalformedRow, Print};
use crate::domain::window::{Piece, Window};

/// A list.
pub struct Listed {
    /// The window's ends as they were asked for.
    pub first: String,
    /// See `first`.
    pub last: String,
    /// What they mean.
    pub window: Window,
    /// Each lead once.
    pub rows: Vec<Row>,
    /// Rows as they came, those that make no sense among them.
    pub count: usize,
    /// Rows that make no sense, the first of them...
    pub bad: Vec<MalformedRow>,
    /// ...and how many there are.
    pub malformed: usize,
    /// Up to when it can have listed anything.
    pub read_until: ReadUntil,
}

impl Listed {
    /// What it can have listed anything of.
    pub fn stretch(&self) -> Window {
        let Window { from, to } = self.window;
        let to = to.min(self.read_until.asked_at);
        Window { from: from.min(to), to }
    }

    /// What its rows that make no sense are known by.
    pub fn prints(&self) -> HashSet<Print> {
        self.bad.iter().map(|row| row.print).collect()
    }

    /// The same rows in words: which, and why.
    pub fn described(&self) -> String {
        let mut rows: Vec<String> = self.bad.iter().map(ToString::to_string).collect();
        let more = self.malformed - self.bad.len();
        rows.extend((more > 0).then(|| format!("and {more} more rows")));
        rows.join("; ")
    }
}

/// When a list was asked for, by two clocks.
#[derive(Clone, Copy)]
pub struct ReadUntil {
    /// By our own.
    pub asked_at: Timestamp,
    /// By WeClever's, when it answered.
    pub date: Option<Timestamp>,
}

impl ReadUntil {
    /// What of a piece counts as read: up to the earlier of the two. Where our clock is wrong, nothing of the time to come
    /// is among it.
    pub fn of(&self, piece: &Piece) -> (Timestamp, Timestamp) {
        let to = piece.to.min(self.date.map_or(self.asked_at, |date| date.min(self.asked_at)));
        (piece.from.min(to), to)
    }
}

/// The API may list a lead twice; its last row stands.
pub fn each_lead_once(rows: Vec<Row>) -> Vec<Row> {
    // Hardly ever it does, and a list can be large: it is not copied for nothing.
    let mut leads: Vec<LeadId> = rows.iter().map(|row| row.id).collect();
    leads.sort_unstable();
    if leads.is_sorted_by(|a, b| a < b) {
        return rows;
    }
    drop(leads);
    let mut at: HashMap<LeadId, usize> = HashMap::with_capacity(rows.len());
    let mut once: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match at.get(&row.id) {
            Some(&i) => once[i] = row,
            None => {
                at.insert(row.id, once.len());
                once.push(row);
            }
        }
    }
    once
}
