//! Whether there is room to record more: by the limit of the file, and by what is free on the disk.
//!
//! What is deleted leaves holes in the store's files that are written again, while the files themselves hardly shrink. So room
//! is what the files may still grow by, and what can be written again within them.

use super::size;

/// Deliveries go on where nothing new is recorded, and what they settle has to be written: this is kept for them.
const LEAST_RESERVE: u64 = 64 << 20;

/// One percent of a large disk would be more than any delivery needs.
const LARGEST_RESERVE: u64 = 1 << 30;

/// Records are cut and rewritten, so that a file holds up to this many hundredths of what is in it before holes are reused.
/// Measured with events of 200 bytes to 20 KB: 163 to 212, and more only while the files are smaller than [`SLACK`].
const SPREAD: u64 = 230;

/// What the files hold beside records, at the most.
const SLACK: u64 = 4 << 20;

/// While the files grow by no more than this, what was found reusable still is.
const STEADY: u64 = 2 << 20;

/// The disk under the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What may still be written, in bytes.
    pub free: u64,
    /// All of it, in bytes.
    pub total: u64,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The size of the store's files, in bytes.
    pub files: u64,
    /// The disk; `None` where the system does not tell.
    pub disk: Option<Disk>,
    /// `[store] max_bytes`.
    pub limit: Option<u64>,
}

/// What was found within the files at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holes {
    /// The size of the files then, in bytes.
    pub files: u64,
    /// What of it can be written again, at the least.
    pub reusable: u64,
}

/// Why nothing more may be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The files are near the limit.
    Limit {
        /// Their size, in bytes.
        files: u64,
        /// What they may have.
        limit: u64,
    },
    /// The disk is nearly full.
    Disk {
        /// What is free, in bytes.
        free: u64,
        /// What is kept free for deliveries.
        reserve: u64,
    },
}

impl Holes {
    /// In files of this size there are records of so many bytes.
    pub fn among(files: u64, records: u64) -> Holes {
        let held = records.saturating_mul(SPREAD) / 100 + SLACK;
        Holes { files, reusable: files.saturating_sub(held) }
    }

    /// What of it is left, now that the files are this large: they grow when there are no holes left, and shrink by some.
    fn left(self, files: u64) -> u64 {
        if files > self.files + STEADY {
            return 0;
        }
        self.reusable.saturating_sub(self.files.saturating_sub(files))
    }
}

impl Measured {
    /// Whether it has to be known what can be written again within the files, which takes long to find out.
    pub fn wants_a_closer_look(&self, before: Option<Short>) -> bool {
        before.is_some() || self.short(None, None).is_some()
    }

    /// Why nothing more may be recorded. `before`: how it was; what was short is so until there is clearly more. The
    /// limit first: it is what a person has chosen.
    pub fn short(&self, holes: Option<Holes>, before: Option<Short>) -> Option<Short> {
        let reusable = holes.map_or(0, |holes| holes.left(self.files));
        let wanted = |least: u64, was_short: bool| if was_short { least.saturating_mul(3) / 2 } else { least };
        if let Some(limit) = self.limit {
            let least = wanted(limit / 20, matches!(before, Some(Short::Limit { .. })));
            // Files beyond the limit, as where it was lowered, need as much more of holes.
            if limit.saturating_add(reusable) < self.files.saturating_add(least) {
                return Some(Short::Limit { files: self.files, limit });
            }
        }
        let Disk { free, total } = self.disk?;
        let reserve = reserve(total);
        let least = wanted(reserve, matches!(before, Some(Short::Disk { .. })));
        (free.saturating_add(reusable) < least).then_some(Short::Disk { free, reserve })
    }
}

/// What is kept free on a disk of this size. On a very small one, a quarter: it must not be short while it is empty.
fn reserve(total: u64) -> u64 {
    (total / 100).clamp(LEAST_RESERVE, LARGEST_RESERVE).min(total / 4)
}

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Short::Limit { files, limit } => write!(
                f,
                "the store has {} and may have {} (`max_bytes` in [store]): nothing new is read until there is room, and \
                 deliveries go on. Room comes as old events go (`retention`); or raise `max_bytes`",
                size::format(*files),
                size::format(*limit)
            ),
            Short::Disk { free, reserve } => write!(
                f,
                "the store's disk has {} left, less than the {} kept for deliveries: nothing new is read until there is \
                 more, and deliveries go on. Free some space on it",
                size::format(*free),
                size::format(*reserve)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;
    const MB: u64 = 1_000_000;

    fn of(files: u64, limit: Option<u64>, disk: Option<(u64, u64)>) -> Measured {
        Measured { files, limit, disk: disk.map(|(free, total)| Disk { free, total }) }
    }

    #[test]
    fn the_files_may_come_near_the_limit_and_must_then_get_clearly_smaller() {
        let at = |files: u64| of(files, Some(10 * GB), None);
        let short = Short::Limit { files: 9_600 * MB, limit: 10 * GB };
        assert_eq!(at(9_400 * MB).short(None, None), None);
        assert_eq!(at(9_600 * MB).short(None, None), Some(short));
        assert!(at(9_300 * MB).short(None, Some(short)).is_some());
        assert_eq!(at(9_200 * MB).short(None, Some(short)), None);
        assert_eq!(of(u64::MAX, None, None).short(None, None), None, "no limit");
        assert!(of(20 * GB, Some(10 * GB), None).short(None, None).is_some());
    }

    #[test]
    fn what_can_be_written_again_counts_as_room_until_the_files_grow() {
        let full = of(10 * GB, Some(10 * GB), None);
        let short = full.short(None, None);
        let holes = Holes::among(10 * GB, 3 * GB);
        assert!(holes.reusable > 3 * GB && holes.reusable < 31 * GB / 10, "{holes:?}");
        assert_eq!(full.short(Some(holes), short), None);
        let grown = of(10 * GB + 3 * MB, Some(10 * GB), None);
        assert!(grown.short(Some(holes), None).is_some());
        // What went off the end of the files was a hole.
        let shrunk = of(8 * GB, Some(7 * GB), None);
        assert_eq!(shrunk.short(Some(holes), None), Some(Short::Limit { files: 8 * GB, limit: 7 * GB }));
        // Records that nearly fill the files leave none, however the files got there.
        assert_eq!(Holes::among(10 * GB, 5 * GB).reusable, 0);
    }

    #[test]
    fn deliveries_keep_a_part_of_the_disk() {
        let at = |free: u64, total: u64| of(MB, None, Some((free, total))).short(None, None).is_some();
        for (free, total, short) in [
            (65 * MB, 2 * GB, true),
            (70 * MB, 2 * GB, false),
            (190 * MB, 20 * GB, true),
            (210 * MB, 20 * GB, false),
            (1_000 * MB, 4_000 * GB, true),
            (1_100 * MB, 4_000 * GB, false),
            (24 * MB, 100 * MB, true),
            (26 * MB, 100 * MB, false),
            (0, 0, false),
        ] {
            assert_eq!(at(free, total), short, "{free} of {total}");
        }
        let little = of(MB, None, Some((150 * MB, 20 * GB)));
        let short = little.short(None, None);
        assert!(little.wants_a_closer_look(None));
        assert!(of(MB, None, Some((250 * MB, 20 * GB))).short(None, short).is_some());
        assert_eq!(of(MB, None, Some((310 * MB, 20 * GB))).short(None, short), None);
        // A store that has filled its own disk goes on in its own holes.
        let own = of(19 * GB, None, Some((150 * MB, 20 * GB)));
        assert_eq!(own.short(Some(Holes::among(19 * GB, GB)), short), None);
    }

    #[test]
    fn it_is_said_what_to_do() {
        let limit = Short::Limit { files: 9_600 * MB, limit: 10 * GB }.to_string();
        assert!(
            limit.contains("9.6 GB") && limit.contains("10.0 GB") && limit.contains("raise `max_bytes`"),
            "{limit}"
        );
        let disk = Short::Disk { free: 40 * MB, reserve: 64 << 20 }.to_string();
        assert!(disk.contains("40.0 MB left") && disk.contains("Free some space"), "{disk}");
    }
}
