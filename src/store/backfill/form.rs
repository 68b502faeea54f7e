//! A backfill on disk, and as the rest of the house knows it.

use serde_json::value::RawValue;

use super::Left;
use crate::domain::backfill::{Backfill, Order, State};
use crate::domain::lead::{LeadId, Row};
use crate::domain::window::Window;
use crate::store::error::StoreError;
use crate::store::keys::BackfillNo;
use crate::store::records::{self, BackfillRecord, LeftRecord, from_ms, to_ms};

pub fn backfill(no: BackfillNo, record: BackfillRecord) -> Result<Backfill, StoreError> {
    let mut counts = record.counts;
    counts.sent += record.sent_in_piece;
    counts.listed += record.looked_in_piece;
    Ok(Backfill {
        no,
        order: Order {
            destination: record.destination,
            from: from_ms(record.from),
            to: from_ms(record.to),
            typed: record.typed,
            on: record.on.into_iter().map(records::event_type).collect::<Result<_, _>>()?,
            again: record.again,
            dry_run: record.dry_run,
        },
        state: state(record.state)?,
        begun_at: from_ms(record.begun),
        ended_at: record.ended.map(from_ms),
        done_until: from_ms(record.done_until),
        reached: from_ms(record.reached),
        counts,
        waits: record.waits,
    })
}

pub fn state_code(state: State) -> u8 {
    match state {
        State::Going => 0,
        State::Done => 1,
        State::Cancelled => 2,
    }
}

fn state(code: u8) -> Result<State, StoreError> {
    [State::Going, State::Done, State::Cancelled]
        .into_iter()
        .find(|state| state_code(*state) == code)
        .ok_or_else(|| StoreError::Record(format!("a backfill's state {code} is newer than this leadhook")))
}

pub fn left_record(left: &Left) -> LeftRecord {
    LeftRecord {
        lead: left.row.id.0,
        mapped_status: left.row.mapped_status.clone(),
        client_lead_id: left.row.client_lead_id.as_ref().map(|raw| raw.get().to_owned()),
        from: to_ms(left.window.from),
        to: to_ms(left.window.to),
        history: left.history,
    }
}

pub fn left(record: LeftRecord) -> Left {
    Left {
        row: Row {
            id: LeadId(record.lead),
            mapped_status: record.mapped_status,
            client_lead_id: record.client_lead_id.and_then(|json| RawValue::from_string(json).ok()),
        },
        window: Window { from: from_ms(record.from), to: from_ms(record.to) },
        history: record.history,
    }
}
