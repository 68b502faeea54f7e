//! The rows of a list against the seen-set: which leads are to be read, and what is to be noted of the others.

use super::error::StoreError;
use super::glance::{Glance, glance};
use super::intake::{Before, Platform};
use super::keys;
use super::known::{self, Standing};
use super::rechecks::client_mark;
use super::records::FetchRecord;
use super::txn::{Get, Txn};
use super::{Inner, Store};
use crate::domain::lead::{LeadId, Row};
use crate::domain::seen;
use crate::domain::window::Window;

/// What came of a list's rows.
#[derive(Debug, Default)]
pub struct Detected {
    /// Leads that were never listed before, or were finalized again, in the list's order, and what is known of them.
    pub to_read: Vec<(Row, Before)>,
    /// Leads whose listing says something that is to be noted: [`Store::relist`].
    pub to_note: Vec<Row>,
}

/// What is to be done about a row.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    Nothing,
    Note,
    Read,
}

impl Store {
    /// Tells which of these leads are to be read: those never listed before, and those that were finalized again.
    /// `window`: what was asked for.
    pub async fn detect(&self, platform: &Platform, rows: Vec<Row>, window: Window) -> Result<Detected, StoreError> {
        let no = platform.no;
        self.read_for_a_commit(move |inner| inner.detect(no, rows, window)).await
    }

    /// Notes what these rows say of leads that are known: a narrower stretch, another `client_lead_id` for a lead that is
    /// read again, another status for one that is set aside.
    pub async fn relist(&self, platform: &Platform, rows: Vec<Row>, window: Window) -> Result<(), StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| rows.into_iter().try_for_each(|row| txn.relist(&platform, &row, window))).await
    }

    /// When these leads were finalized is not known after all: the windows that listed them mean nothing.
    pub async fn unplace(&self, platform: &Platform, leads: Vec<LeadId>) -> Result<(), StoreError> {
        let no = platform.no;
        self.commit(move |txn| {
            for lead in leads {
                if let Some(mut known) = txn.known(no, lead)?.filter(|known| !known.is_forgotten()) {
                    known.finalized_in(Window::EVER);
                    txn.put_known(no, lead, known)?;
                }
            }
            Ok(())
        })
        .await
    }
}

impl Inner {
    fn detect(&self, no: keys::PlatformNo, rows: Vec<Row>, window: Window) -> Result<Detected, StoreError> {
        let ids: Vec<LeadId> = rows.iter().map(|row| row.id).collect();
        let mut looks = vec![Look::Nothing; rows.len()];
        glance(&self.tree, no, &ids, |i, known| looks[i] = look(known, &rows[i], window))?;
        let mut detected = Detected::default();
        for (row, look) in rows.into_iter().zip(looks) {
            match look {
                Look::Nothing => {}
                Look::Note => detected.to_note.push(row),
                Look::Read => detected.to_read.push((row, Before { known: None })),
            }
        }
        let ids: Vec<LeadId> = detected.to_read.iter().map(|(row, _)| row.id).collect();
        for (known, (_, before)) in known::look_up(&self.tree, no, &ids)?.into_iter().zip(&mut detected.to_read) {
            before.known = known;
        }
        Ok(detected)
    }
}

fn look(known: Option<&Glance<'_>>, row: &Row, window: Window) -> Look {
    let Some(known) = known else { return Look::Read };
    let again = seen::is_again(known.status, known.stretch(), row.mapped_status.as_deref(), window);
    match known.standing {
        Standing::Forgotten => Look::Nothing,
        // Its fetch job will tell of it as it is then.
        Standing::SetAside if again => Look::Note,
        _ if again => Look::Read,
        _ if seen::narrowed(known.stretch(), window).is_some() => Look::Note,
        _ if known.recheck.is_some_and(|recheck| recheck.client != client_mark(row)) => Look::Note,
        _ => Look::Nothing,
    }
}

impl Txn<'_> {
    fn relist(&mut self, platform: &Platform, row: &Row, window: Window) -> Result<(), StoreError> {
        let known = self.known(platform.no, row.id)?.filter(|known| !known.is_forgotten());
        let Some(mut known) = known else { return Ok(()) };
        let again = seen::is_again(known.status.as_deref(), known.stretch(), row.mapped_status.as_deref(), window);
        if again && known.standing == Standing::SetAside {
            let key = keys::fetch(platform.no, row.id);
            if let Some(mut job) = self.get::<FetchRecord>(&key)? {
                job.mapped_status.clone_from(&row.mapped_status);
                job.client_lead_id = row.client_lead_id.as_ref().map(|raw| raw.get().to_owned());
                self.put(key, &job)?;
            }
            known.status.clone_from(&row.mapped_status);
            if !known.narrow(window) {
                known.finalized_in(window);
            }
        } else if !again {
            known.narrow(window);
            self.relist_recheck(platform, row, &mut known)?;
        }
        self.put_known(platform.no, row.id, known).map(drop)
    }
}
