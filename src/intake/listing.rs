//! The list of a window for whoever looks at the past: read in pieces where it may have been cut.

use std::collections::HashSet;

use super::listed::each_lead_once;
use super::reader::Reader;
use super::turns::Rank;
use super::{Intake, ReadError};
use crate::domain::cap::{Caps, Splitting};
use crate::domain::lead::LeadId;
use crate::domain::malformed::Print;
use crate::domain::window::{Piece, Window};
use crate::source::Listing;

/// A window that is being listed. Where WeClever cannot be asked, it goes on later where it stopped.
pub struct WholeList<'a> {
    intake: &'a Intake,
    window: Window,
    /// Who waits for what is more urgent, and how urgent this is.
    turn: Option<(&'a Reader, Rank)>,
    /// Newest first, and each lead in the first of them alone: however many there are, no row is held twice.
    lists: Vec<Listing>,
    held: HashSet<LeadId>,
    splitting: Option<(Caps, Splitting)>,
}

impl<'a> WholeList<'a> {
    pub fn new(intake: &'a Intake, window: Window, turn: Option<(&'a Reader, Rank)>) -> WholeList<'a> {
        WholeList { intake, window, turn, lists: Vec::new(), held: HashSet::new(), splitting: None }
    }

    /// All of it, each lead once.
    pub async fn read(&mut self) -> Result<Listing, ReadError> {
        if self.lists.is_empty() {
            let caps = self.intake.store.progress(&self.intake.platform).await?.caps;
            let whole = self.ask(&self.window).await?;
            if !caps.is_whole(rows(&whole)) {
                let piece = Piece { from: self.window.from, to: self.window.to, window: self.window };
                let (zone, now) = (&self.intake.settings.timezone, self.intake.clock.now());
                let leads = whole.rows.iter().map(|row| row.id).collect();
                self.splitting = Some((caps, Splitting::new(zone, caps, piece, rows(&whole), leads, now)));
            }
            self.hold(whole);
        }
        while let Some(ask) = self.splitting.as_ref().and_then(|(_, splitting)| splitting.next()) {
            let part = self.ask(&ask.piece().window).await?;
            if let Some((_, splitting)) = &mut self.splitting {
                splitting.tell(rows(&part), part.rows.iter().map(|row| row.id).collect());
            }
            self.hold(part);
        }
        if let Some((caps, splitting)) = self.splitting.take() {
            let found = splitting.found();
            self.intake.store.learn_caps(&self.intake.platform, caps, found.caps).await?;
            super::pieces::tell(self.intake, caps, &found).await?;
        }
        self.held.clear();
        let (mut rows, mut bad, mut more) = (Vec::new(), Vec::new(), 0);
        for list in self.lists.drain(..).rev() {
            rows.extend(list.rows);
            more = more.max(list.malformed - list.bad.len());
            bad.extend(list.bad);
        }
        // A part lists what the whole does.
        let prints: HashSet<Print> = bad.iter().map(|row| row.print).collect();
        Ok(Listing { rows, bad, malformed: prints.len() + more, date: None })
    }

    /// Of a lead's rows the newest one stands, and that was listed first.
    fn hold(&mut self, list: Listing) {
        let mut rows = each_lead_once(list.rows);
        rows.retain(|row| self.held.insert(row.id));
        rows.shrink_to_fit();
        self.lists.push(Listing { rows, ..list });
    }

    async fn ask(&self, window: &Window) -> Result<Listing, ReadError> {
        let (first, last) = window.wire(&self.intake.settings.timezone);
        match self.turn {
            Some((reader, rank)) => {
                reader.turn(rank).await;
                reader.unless_stopped(self.intake.source.list(&first, &last)).await
            }
            None => Ok(self.intake.source.list(&first, &last).await?),
        }
    }
}

fn rows(list: &Listing) -> usize {
    list.rows.len() + list.malformed
}
