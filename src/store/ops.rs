//! What leadhook says of itself, and whether the source is silent.
//!
//! Deliveries of `ops.*` stand in lines as those of leads do: by subject, under `keys::OPS`. Nothing else is kept of a
//! subject, and the line itself only while something waits in it. One that dies leaves nothing behind for a person to decide.

use jiff::Timestamp;

use super::destinations::lane;
use super::error::StoreError;
use super::keys::{self, DestinationNo, Seq};
use super::progress::Platform;
use super::records::{Came, PendingRecord, SilenceRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use super::{Store, body};
use crate::domain::event::{Event, Origin};
use crate::domain::lead::LeadId;
use crate::domain::route::Decision;

/// That the source does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Since when.
    pub since: Timestamp,
    /// It has lasted so long that the source counts as stale, since; `None`: not yet.
    pub stale: Option<Timestamp>,
}

/// How it stands with a source's silence from now on.
#[derive(Clone, Debug)]
pub struct Noted {
    /// The source.
    pub platform: Platform,
    /// `None`: it answers.
    pub silence: Option<Silence>,
}

impl Store {
    /// Something that happened to leadhook itself, with its deliveries, and what it says of a source's silence, in one
    /// commit.
    pub async fn record_ops(&self, event: Event, decision: Decision, noted: Option<Noted>) -> Result<(), StoreError> {
        let packed = body::pack(event.envelope.as_bytes());
        self.commit(move |txn| {
            let seq = txn.next_number(keys::LAST_SEQ)?;
            let came = Came { origin: Origin::Live, put_back: false, waited: false };
            txn.put_event(keys::OPS, seq, &event, came, decision.said, packed)?;
            for wanted in decision.wanted {
                let (destination, lane) = lane(txn, &wanted.destination, &wanted.route)?;
                let pending = PendingRecord::new(lane, keys::OPS, event.lead.0, to_ms(event.timestamp));
                txn.line_up(destination, seq, &pending)?;
            }
            noted.map_or(Ok(()), |noted| txn.note_silence(&noted))
        })
        .await
    }

    /// Notes how it stands with a source's silence.
    pub async fn note_silence(&self, noted: Noted) -> Result<(), StoreError> {
        self.commit(move |txn| txn.note_silence(&noted)).await
    }

    /// Since when the source does not answer, as far as that was noted.
    pub async fn silence(&self, platform: &Platform) -> Result<Option<Silence>, StoreError> {
        let no = platform.no;
        self.read(move |inner| {
            let record: Option<SilenceRecord> = Get::get(&inner.tree, &keys::silence(no))?;
            Ok(record.map(|record| Silence { since: from_ms(record.since), stale: record.stale.map(from_ms) }))
        })
        .await
    }
}

impl Txn<'_> {
    fn note_silence(&mut self, noted: &Noted) -> Result<(), StoreError> {
        let key = keys::silence(noted.platform.no);
        match noted.silence {
            Some(silence) => {
                self.put(key, &SilenceRecord { since: to_ms(silence.since), stale: silence.stale.map(to_ms) })
            }
            None => {
                self.delete(key);
                Ok(())
            }
        }
    }

    /// Ends a delivery that no destination will take: what leadhook says of itself is not worth a person's decision.
    pub(super) fn let_ops_die(
        &mut self,
        destination: DestinationNo,
        seq: Seq,
        pending: &PendingRecord,
        now: i64,
    ) -> Result<(), StoreError> {
        self.leave_line(destination, seq, pending)?;
        self.note_settled(seq, now)?;
        self.trim_line(LeadId(pending.lead))
    }

    /// Forgets of a subject what does not wait in its lines any more.
    pub(super) fn trim_line(&mut self, subject: LeadId) -> Result<(), StoreError> {
        let Some(mut known) = self.known(keys::OPS, subject)? else { return Ok(()) };
        known.outcomes.retain(|at| !at.line.is_empty());
        for at in &mut known.outcomes {
            (at.seq, at.state, at.delivered) = (at.line.last().copied().unwrap_or(0), None, 0);
        }
        if known.outcomes.is_empty() {
            return self.runs.remove(self.tree, keys::OPS, subject);
        }
        self.put_known(keys::OPS, subject, known).map(drop)
    }
}
