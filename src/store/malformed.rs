//! Rows of the source's lists that make no sense: what is kept of them until they can be read, or are gone.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::keys;
use super::progress::Platform;
use super::records::{MalformedRecord, MalformedRowRecord, PlatformRecord, from_ms, to_ms};
use super::txn::{Get, Txn};
use crate::domain::malformed::{BadList, Heard, Kept, MalformedRows, Print};
use crate::domain::window::Window;

impl Store {
    /// Takes note of a list that has such rows; whether it counts.
    pub async fn hear_malformed(
        &self,
        platform: &Platform,
        list: BadList,
        stretch: Window,
        now: Timestamp,
    ) -> Result<Heard, StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let before = rows(txn, platform.no)?;
            let mut after = before.clone();
            let heard = after.hear(&list, stretch, now);
            if before != after {
                txn.put_malformed(platform.no, &after)?;
            }
            Ok(heard)
        })
        .await
    }

    /// Lists count in spite of these rows from now on; which of them are new.
    pub async fn set_malformed_aside(
        &self,
        platform: &Platform,
        prints: HashSet<Print>,
    ) -> Result<Vec<Kept>, StoreError> {
        let platform = platform.clone();
        self.commit(move |txn| {
            let mut rows = rows(txn, platform.no)?;
            let new = rows.set_aside(&prints);
            txn.put_malformed(platform.no, &rows)?;
            Ok(new)
        })
        .await
    }

    /// A list of this stretch counts, and shows these of them. `reach`: how far back readings go. Writes nothing where nothing is kept.
    pub async fn leave_malformed(
        &self,
        platform: &Platform,
        listed: HashSet<Print>,
        stretch: Window,
        now: Timestamp,
        reach: Duration,
    ) -> Result<(), StoreError> {
        let no = platform.no;
        if self.read(move |inner| rows(&inner.tree, no)).await?.0.is_empty() {
            return Ok(());
        }
        self.commit(move |txn| {
            let before = rows(txn, no)?;
            let mut after = before.clone();
            after.leave(&listed, stretch, now, reach);
            if before == after { Ok(()) } else { txn.put_malformed(no, &after) }
        })
        .await
    }

    /// Those of this platform, if it was ever started; also such as lists do not count in spite of yet.
    pub async fn malformed_rows(&self, platform_id: &str) -> Result<Vec<Kept>, StoreError> {
        let key = keys::platform(platform_id);
        self.read(move |inner| match Get::get::<PlatformRecord>(&inner.tree, &key)? {
            Some(platform) => Ok(rows(&inner.tree, platform.no)?.0),
            None => Ok(Vec::new()),
        })
        .await
    }
}

impl Txn<'_> {
    fn put_malformed(&mut self, no: keys::PlatformNo, rows: &MalformedRows) -> Result<(), StoreError> {
        let key = keys::malformed(no);
        if rows.0.is_empty() {
            self.delete(key);
            return Ok(());
        }
        // Reasons are few, and rows may be a hundred: together they are small.
        let mut record = MalformedRecord::default();
        for row in &rows.0 {
            let at = record.reasons.iter().position(|reason| *reason == row.reason).unwrap_or_else(|| {
                record.reasons.push(row.reason.clone());
                record.reasons.len() - 1
            });
            record.rows.push(MalformedRowRecord {
                print: row.print,
                reason: at as u32,
                from: to_ms(row.stretch.from),
                to: to_ms(row.stretch.to),
                first: to_ms(row.first),
                last: to_ms(row.last),
                readings: row.readings,
                set_aside: row.set_aside,
            });
        }
        self.put(key, &record)
    }
}

fn rows(from: &impl Get, no: keys::PlatformNo) -> Result<MalformedRows, StoreError> {
    let MalformedRecord { reasons, rows } = from.get(&keys::malformed(no))?.unwrap_or_default();
    let kept = rows.into_iter().map(|row| Kept {
        print: row.print,
        reason: reasons.get(row.reason as usize).cloned().unwrap_or_default(),
        stretch: Window { from: from_ms(row.from), to: from_ms(row.to) },
        first: from_ms(row.first),
        last: from_ms(row.last),
        readings: row.readings,
        set_aside: row.set_aside,
    });
    Ok(MalformedRows(kept.collect()))
}
