//! Where the readings of a source stand: the floor, the baseline, and what has been read whole.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::keys::{self, PlatformNo};
use super::records::{PlatformRecord, from_ms, to_ms};
use super::txn::Get;
use crate::domain::cap::Caps;
use crate::domain::coverage::Coverage;

/// A source's place in the store.
#[derive(Clone, Debug)]
pub struct Platform {
    pub(super) no: PlatformNo,
    /// `platform_id` in the file.
    pub id: String,
}

/// Where the readings of a source stand.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Nothing below is ever read.
    pub floor: Timestamp,
    /// `start` as it was when the floor was laid; `None` for "now".
    pub start: Option<Timestamp>,
    /// What the first complete reading lists is only remembered.
    pub baseline: Baseline,
    /// When leadhook was first started; `None` where nobody noted it.
    pub began: Option<Timestamp>,
    /// What has been read whole.
    pub coverage: Coverage,
    /// The last good poll.
    pub last_poll: Option<Timestamp>,
    /// When the last reading that looks back began; `None`: there was none yet.
    pub looked_back: Option<Timestamp>,
    /// When the last reading that sweeps began; `None`: there was none yet.
    pub swept: Option<Timestamp>,
    /// What is known of its lists' cap.
    pub caps: Caps,
}

impl Progress {
    /// The first instant behind everything of the baseline that is still to be read: what is listed from there on is new
    /// where it is not known. `None` while the baseline is awaited.
    pub fn behind_the_baseline(&self) -> Option<Timestamp> {
        match self.baseline {
            Baseline::None => Some(self.floor),
            Baseline::Awaited => None,
            Baseline::Until(until) => {
                let unread = self.coverage.gaps(self.floor, until);
                Some(unread.last().map_or(self.floor, |(_, to)| *to))
            }
        }
    }
}

/// The leads that were there before leadhook began: seen, never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// `start` is a date: everything since is sent.
    None,
    /// No reading has come back yet; the first one is the baseline, as far as [`cut`](crate::domain::baseline::cut) says.
    Awaited,
    /// Readings of what lies before this are the baseline.
    Until(Timestamp),
}

impl Store {
    /// The source's place, made at the first start, which is `now`, with this floor and `start` (`None`: "now").
    pub async fn platform(
        &self,
        id: &str,
        floor: Timestamp,
        start: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Platform, StoreError> {
        let name = id.to_owned();
        let no = self
            .commit(move |txn| {
                if let Some(there) = txn.get::<PlatformRecord>(&keys::platform(&name))? {
                    return Ok(there.no);
                }
                let no = PlatformNo::try_from(txn.next_number(keys::LAST_PLATFORM)?)
                    .map_err(|_| StoreError::Record("there are too many platforms".into()))?;
                let record = PlatformRecord {
                    no,
                    floor: to_ms(floor),
                    start: start.map(to_ms),
                    baseline_until: None,
                    baseline: start.is_none(),
                    coverage: Vec::new(),
                    last_poll: None,
                    seen: 0,
                    looked_back: None,
                    swept: None,
                    fullest: 0,
                    cap: None,
                    began: Some(to_ms(now)),
                };
                txn.put(keys::platform(&name), &record)?;
                Ok(no)
            })
            .await?;
        Ok(Platform { no, id: id.to_owned() })
    }

    /// When leadhook was first started for this source, where nobody noted it.
    pub async fn note_began(&self, platform: &Platform, began: Timestamp) -> Result<(), StoreError> {
        let key = keys::platform(&platform.id);
        self.commit(move |txn| {
            let mut record: PlatformRecord = txn.get(&key)?.ok_or_else(missing_platform)?;
            record.began = record.began.or(Some(to_ms(began)));
            txn.put(key, &record)
        })
        .await
    }

    /// Where its readings stand.
    pub async fn progress(&self, platform: &Platform) -> Result<Progress, StoreError> {
        let key = keys::platform(&platform.id);
        self.read(move |inner| {
            let record: PlatformRecord = Get::get(&inner.tree, &key)?.ok_or_else(missing_platform)?;
            Ok(progress(record))
        })
        .await
    }

    /// Where the readings of this platform stand, if it was ever started.
    pub async fn find_progress(&self, platform_id: &str) -> Result<Option<Progress>, StoreError> {
        let key = keys::platform(platform_id);
        self.read(move |inner| Ok(Get::get::<PlatformRecord>(&inner.tree, &key)?.map(progress))).await
    }

    /// Every row of this stretch is recorded or set aside. While the baseline is awaited, this was its first reading,
    /// and it ends at `to`. `poll`: when the newest window was asked for, if it was that; what is said to be
    /// read of the time after that was said by a clock that ran ahead, and is forgotten.
    pub async fn cover(
        &self,
        platform: &Platform,
        from: Timestamp,
        to: Timestamp,
        poll: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let key = keys::platform(&platform.id);
        self.commit(move |txn| {
            let mut record: PlatformRecord = txn.get(&key)?.ok_or_else(missing_platform)?;
            let mut coverage = Coverage::from_parts(record.coverage);
            coverage.note(from, to, from_ms(record.floor), poll);
            record.coverage = coverage.parts().to_vec();
            if record.baseline && record.baseline_until.is_none() {
                record.baseline_until = Some(to_ms(to));
            }
            record.last_poll = poll.map(to_ms).or(record.last_poll);
            txn.put(key, &record)
        })
        .await
    }

    /// What was learnt of the cap of this source's lists, by who knew `before`. Where someone else has found another cap
    /// meanwhile, that one stays.
    pub async fn learn_caps(&self, platform: &Platform, before: Caps, learnt: Caps) -> Result<(), StoreError> {
        let key = keys::platform(&platform.id);
        self.commit(move |txn| {
            let mut record: PlatformRecord = txn.get(&key)?.ok_or_else(missing_platform)?;
            if caps(&record).cap == before.cap {
                record.fullest = match learnt.cap == before.cap {
                    true => record.fullest.max(learnt.fullest as u64),
                    false => learnt.fullest as u64,
                };
                record.cap = learnt.cap.map(|cap| cap as u64);
                txn.put(key, &record)?;
            }
            Ok(())
        })
        .await
    }

    /// A reading that reaches further back than the polls, begun at `began`, came to a good end. `swept`: the widest one, by
    /// which the other is done as well.
    pub async fn looked_back(&self, platform: &Platform, began: Timestamp, swept: bool) -> Result<(), StoreError> {
        let key = keys::platform(&platform.id);
        self.commit(move |txn| {
            let mut record: PlatformRecord = txn.get(&key)?.ok_or_else(missing_platform)?;
            record.looked_back = Some(to_ms(began));
            if swept {
                record.swept = Some(to_ms(began));
            }
            txn.put(key, &record)
        })
        .await
    }
}

fn caps(record: &PlatformRecord) -> Caps {
    Caps { fullest: record.fullest as usize, cap: record.cap.map(|cap| cap as usize) }
}

pub(super) fn missing_platform() -> StoreError {
    StoreError::Record("the source's own record is missing".into())
}

fn progress(record: PlatformRecord) -> Progress {
    let caps = caps(&record);
    Progress {
        floor: from_ms(record.floor),
        start: record.start.map(from_ms),
        baseline: match (record.baseline, record.baseline_until) {
            (false, _) => Baseline::None,
            (true, None) => Baseline::Awaited,
            (true, Some(until)) => Baseline::Until(from_ms(until)),
        },
        began: record.began.map(from_ms),
        coverage: Coverage::from_parts(record.coverage),
        last_poll: record.last_poll.map(from_ms),
        looked_back: record.looked_back.map(from_ms),
        swept: record.swept.map(from_ms),
        caps,
    }
}
