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

/// The files grow by no more than so many bytes for each that intake hands over; see `docs/SURVIVAL.md` for what was measured.
const WRITTEN: u64 = 3;

/// Before a quarter of what is left may be written, it is looked again.
const SHARE: u64 = 4;

/// As much in holes alone: whether they are what they were taken for is seen by the files, as they grow.
const IN_HOLES: u64 = 256 << 10;

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
        /// Whether they would be clearly smaller if they were written anew.
        compact: bool,
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
                let compact = holes.is_some_and(|holes| holes.reusable >= limit / 20);
                return Some(Short::Limit { files: self.files, limit, compact });
            }
        }
        let Disk { free, total } = self.disk?;
        let reserve = reserve(total);
        let least = wanted(reserve, matches!(before, Some(Short::Disk { .. })));
        // Holes are no use where the files grow for all that: most of what is kept is left whatever they hold.
        let short = free < reserve / 4 * 3 || free.saturating_add(reusable) < least;
        short.then_some(Short::Disk { free, reserve })
    }

    /// How much may be handed to the store before it is looked again, in bytes of what is recorded, where it is not short: of
    /// what is left a share, so that no intake is too fast for those who look.
    pub fn until_the_next_look(&self, holes: Option<Holes>) -> u64 {
        let limit = self.limit.map_or(u64::MAX, |limit| (limit - limit / 20).saturating_sub(self.files));
        let disk = self.disk.map_or(u64::MAX, |Disk { free, total }| free.saturating_sub(reserve(total)));
        let share = limit.min(disk) / (SHARE * WRITTEN);
        let reusable = holes.map_or(0, |holes| holes.left(self.files)) / (SHARE * WRITTEN);
        share.max(reusable.min(IN_HOLES))
    }
}

/// What is kept free on a disk of this size. On a small one, half: letting go of what was delivered
/// takes room as well before it gives any, and it must not be short while it is empty.
fn reserve(total: u64) -> u64 {
    (total / 100).clamp(LEAST_RESERVE, LARGEST_RESERVE).min(total / 2)
}

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Short::Limit { files, limit, compact } => write!(
                f,
                "the store has {} and may have {} (`max_bytes` in [store]): nothing new is read until there is room, and \
                 deliveries go on. Room comes as old events go (`retention`); or {}raise `max_bytes`",
                size::format(*files),
                size::format(*limit),
                match compact {
                    true => "stop leadhook and run `leadhook store compact`, which makes the files smaller; or ",
                    false => "",
                }
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
        let short = Short::Limit { files: 9_600 * MB, limit: 10 * GB, compact: false };
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
        let compact = true;
        assert_eq!(shrunk.short(Some(holes), None), Some(Short::Limit { files: 8 * GB, limit: 7 * GB, compact }));
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
            (49 * MB, 100 * MB, true),
            (51 * MB, 100 * MB, false),
            (0, 0, false),
        ] {
            assert_eq!(at(free, total), short, "{free} of {total}");
        }
        // Whatever the holes are: the files may grow for all that.
        let holes = Some(Holes::among(19 * GB, GB));
        assert!(of(19 * GB, None, Some((140 * MB, 20 * GB))).short(holes, None).is_some());
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
    fn the_less_is_left_the_sooner_it_is_looked_again() {
        assert_eq!(of(MB, None, None).until_the_next_look(None), u64::MAX / (SHARE * WRITTEN));
        let disk = |free: u64| of(MB, None, Some((free, 100 * MB))).until_the_next_look(None);
        assert_eq!((disk(74 * MB), disk(62 * MB), disk(50 * MB), disk(0)), (2 * MB, MB, 0, 0));
        let limit = |files: u64| of(files, Some(100 * MB), Some((80 * MB, 100 * MB))).until_the_next_look(None);
        assert_eq!((limit(83 * MB), limit(95 * MB), limit(164 * MB)), (MB, 0, 0));
        // In holes alone a little at a time.
        let holes = Holes::among(100 * MB, 10 * MB);
        assert_eq!(of(100 * MB, Some(100 * MB), None).until_the_next_look(Some(holes)), IN_HOLES);
    }

    #[test]
    fn it_is_said_what_to_do() {
        let short = Short::Limit { files: 9_600 * MB, limit: 10 * GB, compact: true };
        assert!(short.to_string().contains("`leadhook store compact`"), "{short}");
        let limit = Short::Limit { files: 9_600 * MB, limit: 10 * GB, compact: false }.to_string();
        assert!(!limit.contains("compact"), "{limit}");
        assert!(
            limit.contains("9.6 GB") && limit.contains("10.0 GB") && limit.contains("raise `max_bytes`"),
            "{limit}"
        );
        let disk = Short::Disk { free: 40 * MB, reserve: 64 << 20 }.to_string();
        assert!(disk.contains("40.0 MB left") && disk.contains("Free some space"), "{disk}");
    }
}
