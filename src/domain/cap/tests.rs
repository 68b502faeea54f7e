//! Against sources that cut in every way.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Leads and the seconds in which they were finalized.
type Leads = Vec<(u64, i64)>;

#[derive(Clone, Copy, Debug)]
enum Order {
    Oldest,
    Newest,
    Number,
}

/// A source that may cut its lists.
#[derive(Clone, Debug)]
struct Source {
    leads: Leads,
    cap: usize,
    order: Order,
    ends: (bool, bool),
    /// It looks at the days alone.
    days: bool,
}

const BASE: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BASE + second).expect("a time")
}

fn piece(from: i64, to: i64) -> Piece {
    Piece { from: at(from), to: at(to), window: Window { from: at(from), to: at(to) } }
}

impl Source {
    fn new(leads: Leads, cap: usize) -> Source {
        Source { leads, cap, order: Order::Oldest, ends: (true, true), days: false }
    }

    fn all(&self, window: Window) -> Vec<(i64, u64)> {
        let asked = window.asked(&TimeZone::UTC);
        let (mut from, mut to) = (asked.from.as_second() - BASE, asked.to.as_second() - BASE);
        if self.days {
            (from, to) = (from.div_euclid(DAY) * DAY, to.div_euclid(DAY) * DAY + DAY - 1);
        }
        let fits = |second: i64| {
            (from..=to).contains(&second) && (self.ends.0 || second != from) && (self.ends.1 || second != to)
        };
        let mut found: Vec<(i64, u64)> =
            self.leads.iter().filter(|(_, second)| fits(*second)).map(|(id, second)| (*second, *id)).collect();
        match self.order {
            Order::Oldest => found.sort_unstable(),
            Order::Newest => found.sort_unstable_by(|a, b| b.cmp(a)),
            Order::Number => found.sort_unstable_by_key(|(_, id)| *id),
        }
        found
    }

    fn list(&self, window: Window) -> HashSet<LeadId> {
        self.all(window).into_iter().take(self.cap).map(|(_, id)| LeadId(id)).collect()
    }
}

struct Read {
    leads: BTreeSet<u64>,
    found: Option<Found>,
    lists: usize,
}

/// Reads a piece as intake does.
fn read(source: &Source, caps: Caps, piece: Piece, prove: bool) -> Read {
    let whole = source.list(piece.window);
    let mut leads: BTreeSet<u64> = whole.iter().map(|lead| lead.0).collect();
    if caps.is_whole(whole.len()) && !prove {
        return Read { leads, found: None, lists: 1 };
    }
    let middle = Timestamp::from_second((piece.from.as_second() + piece.to.as_second()) / 2).expect("a time");
    let mut splitting = Splitting::new(&TimeZone::UTC, caps, piece, whole.len(), whole, middle);
    let mut lists = 1;
    while let Some(ask) = splitting.next() {
        lists += 1;
        assert!(lists < 50_000, "it does not end");
        let piece = ask.piece();
        assert!(piece.from <= piece.to);
        let listed = source.list(piece.window);
        leads.extend(listed.iter().map(|lead| lead.0));
        splitting.tell(listed.len(), listed);
    }
    Read { leads, found: Some(splitting.found()), lists }
}

/// So many leads, one each `every` seconds.
fn evenly(count: u64, every: i64) -> Leads {
    (0..count).map(|n| (n, n as i64 * every)).collect()
}

fn everyone(count: u64) -> BTreeSet<u64> {
    (0..count).collect()
}

#[test]
fn a_cap_is_found_and_the_rest_is_read() {
    for order in [Order::Oldest, Order::Newest, Order::Number] {
        for cap in [100, 1_000] {
            let source = Source { order, ..Source::new(evenly(2_500, 30), cap) };
            let first = read(&source, Caps::default(), piece(-60, DAY), false);
            assert_eq!(first.leads, everyone(2_500), "{order:?} {cap}");
            let found = first.found.expect("it was read in pieces");
            assert_eq!((found.new_cap, found.stuck.len()), (Some(cap), 0), "{order:?} {cap}");
            // It is known from now on.
            let again = read(&source, found.caps, piece(-60, DAY), false);
            assert_eq!((again.leads.len(), again.found.expect("pieces").new_cap), (2_500, None));
        }
    }
}

#[test]
fn a_list_that_is_only_the_fullest_yet_is_proven() {
    let source = Source::new(evenly(500, 60), usize::MAX);
    let first = read(&source, Caps::default(), piece(-60, DAY), false);
    let found = first.found.expect("it was read in pieces");
    assert_eq!(
        found,
        Found {
            caps: Caps { fullest: 500, cap: None },
            new_cap: None,
            stuck: Vec::new(),
            heedless: false,
            endless: false
        }
    );
    assert!(first.lists <= 5, "{}", first.lists);
    // Shorter ones are whole now; one as full is looked at again.
    assert!(found.caps.is_whole(499) && !found.caps.is_whole(500));
    assert!(Caps::default().is_whole(TRUSTED - 1) && !Caps::default().is_whole(TRUSTED));
}

#[test]
fn halving_once_proves_nothing() {
    // All of them within a minute of a day, and cut.
    let leads: Leads = (0..150).map(|n| (n, 40_000 + (n as i64 % 60))).collect();
    let read = read(&Source::new(leads, 100), Caps::default(), piece(0, DAY), false);
    assert_eq!(read.leads, everyone(150));
    assert_eq!(read.found.expect("pieces").new_cap, Some(100));
}

#[test]
fn a_second_that_is_full_is_said_so() {
    let leads: Leads = (0..150).map(|n| (n, 40_000)).collect();
    let first = read(&Source::new(leads.clone(), 100), Caps::default(), piece(0, DAY), false);
    let found = first.found.expect("pieces");
    assert_eq!((found.new_cap, found.stuck.len()), (None, 1), "one list of 100 says nothing of a cap");
    let stuck = found.stuck[0];
    assert_eq!((stuck.window, stuck.rows), (Window { from: at(40_000), to: at(40_000) }, 100));
    assert!(stuck.is_worth_a_word() && first.lists < 80);
    // With the cap known, and others around it, it is certain; and the others are read.
    let mut more = leads;
    more.extend((150..400).map(|n| (n, n as i64 * 100)));
    let read = read(&Source::new(more, 100), Caps { fullest: 100, cap: Some(100) }, piece(0, DAY), false);
    assert!((150..400).all(|lead| read.leads.contains(&lead)));
    let stuck = read.found.expect("pieces").stuck;
    assert!(stuck.len() == 1 && stuck[0].capped && stuck[0].window.from == at(40_000), "{stuck:?}");
    // Ten conversations in a second are nothing to talk of.
    let few: Leads = (0..20).map(|n| (n, 40_000)).collect();
    let found = read_found(&Source::new(few, usize::MAX));
    assert!(!found.stuck[0].is_worth_a_word());
}

fn read_found(source: &Source) -> Found {
    read(source, Caps::default(), piece(0, DAY), false).found.expect("pieces")
}

#[test]
fn a_source_that_does_not_look_at_the_time_of_day_is_not_asked_for_ever() {
    let source = Source { days: true, ..Source::new(evenly(300, 60), usize::MAX) };
    let first = read(&source, Caps::default(), piece(100, 50_000), false);
    let found = first.found.expect("pieces");
    assert_eq!((found.caps, found.stuck.len()), (Caps { fullest: 300, cap: None }, 1));
    assert!(first.lists <= 5, "{}", first.lists);
    assert_eq!(found.stuck[0].window, Window { from: at(100), to: at(50_000) });
}

#[test]
fn a_source_that_does_not_look_at_the_time_at_all_is_not_asked_for_ever_though_its_list_changes() {
    // All of it, whatever is asked for; with each reading a lead comes, and where it shows no more than so many, one goes.
    for goes in [0, 1] {
        let list = |reading: u64| (goes * reading..1_000 + reading).map(LeadId).collect::<HashSet<LeadId>>();
        let whole = list(0);
        let mut splitting = Splitting::new(&TimeZone::UTC, Caps::default(), piece(0, DAY), 1_000, whole, at(40_000));
        let mut readings = 1;
        while splitting.next().is_some() && readings < 100 {
            let listed = list(readings);
            splitting.tell(listed.len(), listed);
            readings += 1;
        }
        let found = splitting.found();
        assert_eq!((readings, found.heedless, found.new_cap, found.stuck.len()), (5, true, None, 1));
    }
}

#[test]
fn a_source_that_lists_other_leads_with_each_request_is_not_asked_for_ever() {
    for known in [None, Some(100)] {
        // A hundred of so many, whatever is asked for.
        for all in [110, 400, 3_000] {
            let dice = std::cell::Cell::new(1_u64);
            let throw = || {
                dice.set(dice.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
                dice.get() >> 33
            };
            let list = || {
                let mut leads = HashSet::new();
                while leads.len() < 100 {
                    leads.insert(LeadId(throw() % all));
                }
                leads
            };
            let caps = Caps { fullest: known.unwrap_or(0), cap: known };
            let mut splitting = Splitting::new(&TimeZone::UTC, caps, piece(0, 28 * 3_600), 100, list(), at(40_000));
            let mut readings = 1;
            while splitting.next().is_some() && readings < 5_000 {
                readings += 1;
                splitting.tell(100, list());
            }
            let found = splitting.found();
            assert!(readings < 2_200, "{all}: {readings}");
            assert_eq!((found.new_cap, found.stuck.len(), found.endless || found.heedless), (None, 1, true), "{all}");
        }
    }
}

#[test]
fn a_lead_that_comes_while_it_is_read_is_no_cap() {
    let source = Source::new(evenly(200, 60), usize::MAX);
    let whole = source.list(piece(0, DAY).window);
    let grown = Source::new(evenly(201, 60), usize::MAX);
    let mut splitting = Splitting::new(&TimeZone::UTC, Caps::default(), piece(0, DAY), whole.len(), whole, at(40_000));
    let mut again = 0;
    while let Some(ask) = splitting.next() {
        again += usize::from(matches!(ask, Ask::Again(_)));
        let listed = grown.list(ask.piece().window);
        splitting.tell(listed.len(), listed);
    }
    let found = splitting.found();
    assert_eq!((again, found.new_cap, found.caps.fullest), (1, None, 201));
}

#[test]
fn a_lead_that_comes_and_goes_while_it_is_read_is_no_cap() {
    let source = Source::new(evenly(200, 60), usize::MAX);
    let whole = source.list(piece(0, DAY).window);
    let mut splitting = Splitting::new(&TimeZone::UTC, Caps::default(), piece(0, DAY), whole.len(), whole, at(40_000));
    while let Some(ask) = splitting.next() {
        let mut listed = source.list(ask.piece().window);
        if matches!(ask, Ask::Piece(piece) if piece.to == at(DAY)) {
            listed.insert(LeadId(999));
        }
        splitting.tell(listed.len(), listed);
    }
    assert_eq!(splitting.found().new_cap, None);
}

#[test]
fn a_list_longer_than_the_cap_ends_it() {
    let source = Source::new(evenly(300, 60), usize::MAX);
    let found = read(&source, Caps { fullest: 100, cap: Some(100) }, piece(-1, DAY), false).found.expect("pieces");
    assert_eq!(found.caps, Caps { fullest: 300, cap: None });
}

#[test]
fn a_lower_cap_is_found_by_proving_what_is_full() {
    let source = Source::new(evenly(300, 60), 100);
    let before = Caps { fullest: 5_000, cap: None };
    assert!(read(&source, before, piece(-1, DAY), false).found.is_none(), "nobody would have looked");
    let read = read(&source, before, piece(-1, DAY), true);
    assert_eq!(read.leads.len(), 300);
    assert_eq!(read.found.expect("pieces").caps, Caps { fullest: 100, cap: Some(100) });
}

fn leads() -> impl Strategy<Value = Leads> {
    let seconds = prop_oneof![
        prop::collection::vec(1..DAY - 1, 0..400),
        // Bursts.
        prop::collection::vec(prop_oneof![30_000i64..30_020, Just(50_000i64), 1..DAY - 1], 0..400),
        (1..DAY - 200).prop_flat_map(|from| prop::collection::vec(from..from + 100, 0..400)),
    ];
    seconds.prop_map(|seconds| (0..).zip(seconds).collect())
}

fn sources() -> impl Strategy<Value = Source> {
    let order = prop_oneof![Just(Order::Oldest), Just(Order::Newest), Just(Order::Number)];
    let cap = prop_oneof![TRUSTED..150usize, Just(usize::MAX)];
    (leads(), cap, order, any::<(bool, bool)>(), prop::bool::weighted(0.1))
        .prop_map(|(leads, cap, order, ends, days)| Source { leads, cap, order, ends, days })
}

/// Whatever is missing lies where it was said that something may be.
fn said(missing: &[(i64, u64)], stuck: &[Stuck], days: bool) -> bool {
    missing.iter().all(|(second, _)| {
        stuck.iter().any(|stuck| {
            let widened = if days { DAY } else { 0 };
            let (from, to) = (stuck.window.from.as_second() - BASE, stuck.window.to.as_second() - BASE);
            (from - widened..=to + widened).contains(second)
        })
    })
}

proptest! {
    #[test]
    fn nothing_is_missing_that_is_not_said(source in sources(), known: bool) {
        let caps = if known && source.cap < usize::MAX {
            Caps { fullest: source.cap, cap: Some(source.cap) }
        } else {
            Caps::default()
        };
        let window = piece(0, DAY);
        let all = source.all(window.window);
        let read = read(&source, caps, window, false);
        let missing: Vec<_> = all.iter().copied().filter(|(_, id)| !read.leads.contains(id)).collect();
        let stuck = read.found.as_ref().map_or(&[][..], |found| &found.stuck);
        prop_assert!(said(&missing, stuck, source.days), "{:?} {:?}", missing, stuck);
        if let Some(found) = &read.found {
            prop_assert!(found.new_cap.is_none_or(|cap| cap == source.cap), "{:?}", found);
            if all.len() <= source.cap {
                prop_assert_eq!(found.new_cap, None);
                prop_assert!(found.caps.fullest >= all.len());
            } else if stuck.is_empty() {
                prop_assert_eq!(found.caps.cap, Some(source.cap));
            }
        }
    }

    /// Polls while leads come one after another: none is missed for good, whatever the cap.
    #[test]
    fn no_poll_misses_what_came_before_it(
        gaps in prop::collection::vec(0i64..2_000, 10..120),
        cap in TRUSTED..60usize,
        order in prop_oneof![Just(Order::Oldest), Just(Order::Newest), Just(Order::Number)],
    ) {
        let (mut now, mut caps) = (0, Caps::default());
        let mut source = Source { order, ..Source::new(Vec::new(), cap) };
        for gap in gaps {
            now += gap;
            source.leads.push((source.leads.len() as u64, now));
            let whole = piece(now - 50_000, now + DAY);
            let read = read(&source, caps, whole, false);
            let missing: Vec<_> =
                source.all(whole.window).into_iter().filter(|(_, id)| !read.leads.contains(id)).collect();
            let stuck = read.found.as_ref().map_or(&[][..], |found| &found.stuck);
            prop_assert!(said(&missing, stuck, false), "{:?} {:?} {:?}", missing, caps, stuck);
            caps = read.found.map_or(caps, |found| found.caps);
        }
    }
}
