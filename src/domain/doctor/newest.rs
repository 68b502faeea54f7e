//! When the newest lead was finalized, on the API's clock: first its day, then its second.
//!
//! Rows carry no time. But a list from some second on holds a lead or does not, and between the two lies the lead's own.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::Shown;
use super::shown::days_after;
use crate::domain::lead::LeadId;

/// So many days back leads are looked for.
const REACH: i64 = 64;

const DAY: i64 = 86_400;

/// Looks for the newest day that has leads.
#[derive(Clone, Debug)]
pub struct Days {
    /// No zone on Earth has seen a later day begin.
    top: Date,
    /// From so many days before `top` on nothing is listed.
    empty: i64,
    /// From so many days before `top` on these are.
    full: Option<(i64, BTreeSet<LeadId>)>,
}

impl Days {
    /// `today`: the day in UTC.
    pub fn new(today: Date) -> Days {
        Days { top: days_after(today, 1), empty: -1, full: None }
    }

    /// The two days to ask for, without times; `None`: it is found, or there is none.
    pub fn next(&self) -> Option<(Date, Date)> {
        let back = self.ask()?;
        Some((days_after(self.top, -back), self.last()))
    }

    /// What was listed from the day that was asked for on.
    pub fn tell(&mut self, leads: BTreeSet<LeadId>) {
        let Some(back) = self.ask() else { return };
        if leads.is_empty() { self.empty = back } else { self.full = Some((back, leads)) }
    }

    /// The day, and what was listed from it on.
    pub fn found(&self) -> Option<(Date, &BTreeSet<LeadId>)> {
        let (back, leads) = self.full.as_ref().filter(|(back, _)| back - self.empty == 1)?;
        Some((days_after(self.top, -back), leads))
    }

    /// A day that is still to come everywhere.
    pub fn last(&self) -> Date {
        days_after(self.top, 2)
    }

    fn ask(&self) -> Option<i64> {
        match &self.full {
            Some((back, _)) if back - self.empty == 1 => None,
            Some((back, _)) => Some(self.empty + (back - self.empty) / 2),
            None if self.empty >= REACH => None,
            None => Some(if self.empty < 1 { self.empty + 1 } else { self.empty * 2 }),
        }
    }
}

/// Looks for the second at which a lead was finalized: the newest of a day, or nearly so.
///
/// First only whether anything is listed counts, for a list that is cut may leave out the newest. Each list ends where the
/// last one found nothing, so that what is finalized meanwhile does not matter. Then the few leads that are left are
/// followed by their numbers.
#[derive(Clone, Debug)]
pub struct Second {
    /// Those that are followed; `None`: none yet.
    leads: Option<BTreeSet<LeadId>>,
    /// From here on some are listed...
    listed: Shown,
    /// ...and from here on none.
    gone: Shown,
    /// Where lists end while leads are followed.
    last: Shown,
    /// Whether anything was ever listed.
    any: bool,
    /// How far apart the two may be in the end, in seconds.
    to_within: i64,
    failed: bool,
}

/// So few seconds hold so few leads that they can be followed.
const FEW: i64 = 64;

/// Where lists reach into each other by a second, halving gets no further than this, in seconds.
const REACH_INTO: i64 = 2;

impl Second {
    /// Looks for the newest lead of this day.
    pub fn on(day: Date) -> Second {
        // The first second of the day itself may be excluded.
        let (first, last) = (Shown::midnight(day).plus(-1), Shown::midnight(day).plus(DAY));
        Second { leads: None, listed: first, gone: last, last, any: false, to_within: 1, failed: false }
    }

    /// Looks for this lead, which was finalized between the two, to within so many seconds.
    pub fn of(lead: LeadId, listed: Shown, gone: Shown, to_within: i64) -> Second {
        let to_within = to_within.max(1);
        Second { leads: Some([lead].into()), listed, gone, last: gone, any: false, to_within, failed: false }
    }

    /// The first and the last second of the list to ask for; `None`: it is found, or cannot be.
    pub fn next(&self) -> Option<(Shown, Shown)> {
        if self.failed {
            return None;
        }
        let last = if self.leads.is_some() { self.last } else { self.gone };
        if !self.any {
            return Some((self.listed, last));
        }
        let apart = self.gone.0 - self.listed.0;
        match self.leads {
            Some(_) => (apart > self.to_within).then(|| (self.listed.plus(apart / 2), last)),
            // They lie in what is known to have some, for lists reach a second into each other: see `tell`.
            None if apart <= REACH_INTO => Some((self.listed, last)),
            None => Some((self.listed.plus(apart / 2), last)),
        }
    }

    /// What was listed.
    pub fn tell(&mut self, listed: &BTreeSet<LeadId>) {
        let Some((at, _)) = self.next() else { return };
        let still: BTreeSet<LeadId> = match &self.leads {
            Some(leads) => leads.intersection(listed).copied().collect(),
            None => listed.clone(),
        };
        match (still.is_empty(), self.any) {
            (true, false) => self.failed = true,
            (true, true) if at == self.listed => self.failed = true,
            (true, true) if self.leads.is_some() => self.gone = at,
            // One that stands at `at` is in neither list where both ends are excluded.
            (true, true) => self.gone = at.plus(1),
            (false, _) => {
                (self.listed, self.any) = (at, true);
                if self.leads.is_some() || self.gone.0 - self.listed.0 <= FEW {
                    self.follow(still);
                }
            }
        }
    }

    /// A lead, and the last second from which on it is listed. It is right only if a list of the two seconds from there on
    /// shows the lead: one that others push out of a list that is cut seems to end earlier.
    pub fn found(&self) -> Option<(LeadId, Shown)> {
        if self.failed || self.next().is_some() {
            return None;
        }
        self.leads.as_ref()?.last().map(|lead| (*lead, self.listed))
    }

    fn follow(&mut self, leads: BTreeSet<LeadId>) {
        if self.leads.replace(leads).is_none() {
            // One that stands in the very second in which the list ended may be among them.
            self.gone = self.gone.plus(1);
            self.last = self.gone.plus(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn today() -> Date {
        "2026-11-23".parse().expect("a day")
    }

    /// How lists are made.
    #[derive(Clone, Copy, Debug)]
    struct Api {
        first_included: bool,
        last_included: bool,
        cap: usize,
        newest: bool,
    }

    const PLAIN: Api = Api { first_included: true, last_included: true, cap: usize::MAX, newest: false };

    /// Leads with the times at which the API's clock showed their end.
    fn list(api: Api, world: &[(u64, i64)], first: Shown, last: Shown) -> BTreeSet<LeadId> {
        let first = first.0 + i64::from(!api.first_included);
        let last = last.0 - i64::from(!api.last_included);
        let mut inside: Vec<(i64, u64)> =
            world.iter().filter(|(_, at)| first <= *at && *at <= last).map(|(id, at)| (*at, *id)).collect();
        inside.sort_unstable();
        if api.newest {
            inside.reverse();
        }
        inside.into_iter().take(api.cap).map(|(_, id)| LeadId(id)).collect()
    }

    fn second(
        api: Api,
        mut world: Vec<(u64, i64)>,
        day: Date,
        mut meanwhile: impl FnMut(&mut Vec<(u64, i64)>),
    ) -> Option<(LeadId, Shown, i64)> {
        let (mut second, mut asked) = (Second::on(day), 0);
        while let Some((first, last)) = second.next() {
            second.tell(&list(api, &world, first, last));
            meanwhile(&mut world);
            asked += 1;
            assert!(asked <= 20, "{asked} lists");
        }
        let (lead, at) = second.found()?;
        if !list(api, &world, at, at.plus(2)).contains(&lead) {
            return None;
        }
        let truly = world.iter().find(|(id, _)| *id == lead.0).expect("a lead").1;
        Some((lead, at, truly))
    }

    fn newest_day(world: &[(u64, i64)]) -> (Days, usize) {
        let (mut days, mut asked) = (Days::new(today()), 0);
        while let Some((first, last)) = days.next() {
            assert!(first < last);
            days.tell(list(PLAIN, world, Shown::midnight(first), Shown::midnight(last)));
            asked += 1;
        }
        (days, asked)
    }

    proptest! {
        #[test]
        fn the_newest_is_found_to_the_second(
            ago in prop::collection::vec(0i64..60 * DAY, 1..30),
            ahead in 0i64..14 * 3600,
        ) {
            let now = Shown::midnight(today()).0 + ahead + 43_200;
            let world: Vec<(u64, i64)> = ago.iter().enumerate().map(|(i, ago)| (i as u64, now - ago)).collect();
            let newest = world.iter().map(|(_, at)| *at).max().expect("one");
            let (days, asked) = newest_day(&world);
            prop_assert!(asked <= 13, "{} lists", asked);
            let (day, _) = days.found().expect("a day");
            prop_assert_eq!(day, Shown(newest).day());
            let (_, at, truly) = second(PLAIN, world, day, |_| ()).expect("a second");
            prop_assert_eq!((at, truly), (Shown(newest), newest));
        }

        #[test]
        fn whatever_the_lists_are_like_the_second_of_some_lead_is_found(
            seconds in prop::collection::vec(prop_oneof![0..DAY, 40_000i64..40_100], 1..60),
            first_included: bool,
            last_included: bool,
            cap in prop_oneof![1usize..5, Just(usize::MAX)],
            newest: bool,
            every in 1i64..40,
        ) {
            let api = Api { first_included, last_included, cap, newest };
            let start = Shown::midnight(today()).0;
            let world: Vec<(u64, i64)> = (0..).zip(&seconds).map(|(id, second)| (id, start + second)).collect();
            let latest = seconds.iter().max().expect("one") + start;
            // One more for every list.
            let mut next = latest;
            let meanwhile = |world: &mut Vec<(u64, i64)>| {
                next += every;
                world.push((world.len() as u64, next));
            };
            let found = second(api, world, today(), meanwhile);
            // Each that comes pushes another out of lists as short as these.
            prop_assert!(found.is_some() || newest && cap < 5);
            let Some((_, at, truly)) = found else { return Ok(()) };
            let early = truly - i64::from(!first_included) - at.0;
            prop_assert!(early == 0 || newest && cap < 5 && (0..3).contains(&early), "{} s early", early);
            prop_assert!(truly >= latest - FEW, "{} s before the newest", latest - truly);
        }

        #[test]
        fn a_lead_that_is_known_is_found_among_others(at in 0i64..DAY, every in 1i64..5) {
            let start = Shown::midnight(today());
            let mut world = vec![(1, start.0 + at)];
            let mut second = Second::of(LeadId(1), start, start.plus(DAY), 8);
            while let Some((first, last)) = second.next() {
                second.tell(&list(PLAIN, &world, first, last));
                let id = world.len() as u64 + 1;
                world.push((id, start.0 + at + id as i64 * every));
            }
            let (lead, found) = second.found().expect("a second");
            prop_assert!(lead == LeadId(1) && (0..8).contains(&(start.0 + at - found.0)));
        }
    }

    #[test]
    fn where_there_are_none_it_gives_up_soon() {
        let (days, asked) = newest_day(&[]);
        assert_eq!((days.found(), asked), (None, 8));
        assert_eq!(second(PLAIN, Vec::new(), today(), |_| ()), None);
    }

    proptest! {
        #[test]
        fn where_nothing_comes_meanwhile_the_newest_is_found_whatever_the_ends_are(
            seconds in prop::collection::vec(0..DAY, 1..4),
            first_included: bool,
            last_included: bool,
        ) {
            let api = Api { first_included, last_included, ..PLAIN };
            let start = Shown::midnight(today()).0;
            let world: Vec<(u64, i64)> = (0..).zip(&seconds).map(|(id, second)| (id, start + second)).collect();
            let (_, at, truly) = second(api, world, today(), |_| ()).expect("a second");
            prop_assert_eq!(truly, seconds.iter().max().expect("one") + start);
            prop_assert_eq!(truly - i64::from(!first_included), at.0);
        }
    }

    #[test]
    fn a_lead_that_is_gone_before_it_could_be_followed_ends_the_search() {
        let mut second = Second::on(today());
        second.tell(&[LeadId(1)].into());
        let asked = std::iter::from_fn(|| second.next().map(|_| second.tell(&BTreeSet::new()))).take(100).count();
        assert!(asked < 30, "{asked} lists");
        assert_eq!(second.found(), None);
    }

    #[test]
    fn one_that_is_not_where_it_was_is_not_found() {
        let start = Shown::midnight(today());
        let mut second = Second::of(LeadId(1), start, start.plus(DAY), 1);
        assert!(second.next().is_some());
        second.tell(&[LeadId(2)].into());
        assert_eq!((second.next(), second.found()), (None, None));
    }
}
