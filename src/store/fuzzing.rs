//! The way in for fuzzing: bytes as they might stand under a key of a damaged store.

use jiff::Timestamp;

use super::body;
use super::glance::Glance;
use super::known::Run;
use super::records::{
    AttemptRecord, BackfillRecord, DeadRef, DestinationRecord, EventRecord, FetchRecord, LaneCounts, LaneRecord,
    LeftRecord, MalformedRecord, PendingRecord, PlatformRecord, RecheckRecord, SettledRecord, SilenceRecord, borrow,
    decode, decode_front, event_type, from_ms,
};
use crate::domain::steps::Progress;
use crate::domain::watched::Marks;

/// Kinds of records that [`record`] tells apart.
pub const KINDS: u8 = 20;

/// Reads these bytes as a record of one kind. Whatever they are, that ends in a record or in an error.
pub fn record(kind: u8, bytes: &[u8]) {
    match kind % KINDS {
        0 => drop(decode::<PlatformRecord>(bytes)),
        1 => drop(decode::<DestinationRecord>(bytes)),
        2 => drop(decode::<LaneRecord>(bytes)),
        3 => drop(decode::<LaneCounts>(bytes)),
        4 => drop(decode::<FetchRecord>(bytes).map(|fetch| moments(&[fetch.from, fetch.to, fetch.due]))),
        5 => drop(decode::<SilenceRecord>(bytes)),
        6 => drop(decode_front::<RecheckRecord>(bytes).map(|(_, marks)| Marks::unpack(marks))),
        7 => drop(decode_front::<EventRecord>(bytes).map(|(event, packed)| {
            drop(event_type(event.event_type));
            body::unpack(packed)
        })),
        8 => drop(decode::<PendingRecord>(bytes)),
        9 => drop(decode::<BackfillRecord>(bytes)),
        10 => drop(decode::<LeftRecord>(bytes)),
        11 => drop(decode::<SettledRecord>(bytes)),
        12 => drop(decode::<AttemptRecord>(bytes).map(|attempt| attempt.in_short())),
        13 => drop(decode::<DeadRef>(bytes).map(|dead| moments(&[dead.died()]))),
        14 => drop(decode::<Progress>(bytes)),
        15 => drop(decode::<Run>(bytes)),
        16 => drop(body::unpack(bytes)),
        17 => drop(Marks::unpack(bytes)),
        18 => drop(decode::<MalformedRecord>(bytes)),
        _ => drop(borrow::<Vec<(u64, Glance<'_>)>>(bytes)),
    }
}

fn moments(milliseconds: &[i64]) -> Vec<Timestamp> {
    milliseconds.iter().map(|ms| from_ms(*ms)).collect()
}
