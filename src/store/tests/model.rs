//! Random lives of a store beside a model that keeps them in a list.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::ops::began;
use super::*;
use crate::store::census::DestinationCensus;
use crate::store::dead::delivery_dead_id;
use crate::store::destinations::{Lanes, Moved, Place};

const DESTINATIONS: [&str; 3] = ["crm", "chat", "queue"];
const ROUTES: [&str; 2] = ["a", "b"];
const SUBJECTS: [&str; 2] = ["source", "crm"];

#[derive(Clone, Copy, Debug)]
enum What {
    Deliver,
    Again {
        wait: i64,
        counted: bool,
    },
    Die,
    Park,
    /// Dropped unsettled.
    Forget,
}

#[derive(Clone, Debug)]
enum Step {
    /// A lead's next event, for these destinations by these routes; from a backfill or not.
    Record(u64, Vec<(usize, usize)>, bool),
    /// What leadhook says of itself about a subject, for these destinations by these routes.
    Tell(usize, Vec<(usize, usize)>),
    /// Claims at most so many through these routes, and keeps them.
    Claim(usize, Vec<usize>, usize),
    /// Ends one of those that are held.
    Settle(usize, What),
    /// Ends all of them.
    SettleAll(What),
    RetryOne(usize),
    RetryAll(bool),
    DropDead(usize),
    DropPending(usize, Option<usize>),
    Move(usize, Option<usize>, usize, Option<usize>),
    Pause(usize),
    Resume(usize),
    SetAside(u64, i64),
    GiveUp(u64),
    Wait(i64),
    /// What is older than so many seconds, so many events at a time.
    Purge(i64, usize),
    Reopen,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => Just(What::Deliver),
        3 => (0i64..50, any::<bool>()).prop_map(|(wait, counted)| What::Again { wait, counted }),
        4 => Just(What::Die),
        1 => Just(What::Park),
        1 => Just(What::Forget),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (place, route) = (0..DESTINATIONS.len(), 0..ROUTES.len());
    let some = prop::option::of(route.clone());
    prop_oneof![
        10 => (0u64..3, prop::collection::vec((place.clone(), route.clone()), 0..4), any::<bool>())
            .prop_map(|(l, w, b)| Step::Record(l, w, b)),
        4 => (0..SUBJECTS.len(), prop::collection::vec((place.clone(), route.clone()), 0..4))
            .prop_map(|(s, w)| Step::Tell(s, w)),
        8 => (place.clone(), prop::sample::subsequence(vec![0, 1], 1..=2).prop_shuffle(), 1usize..5)
            .prop_map(|(d, r, n)| Step::Claim(d, r, n)),
        5 => (any::<usize>(), what()).prop_map(|(i, w)| Step::Settle(i, w)),
        4 => what().prop_map(Step::SettleAll),
        2 => any::<usize>().prop_map(Step::RetryOne),
        1 => any::<bool>().prop_map(Step::RetryAll),
        1 => any::<usize>().prop_map(Step::DropDead),
        1 => (place.clone(), some.clone()).prop_map(|(d, r)| Step::DropPending(d, r)),
        4 => (place.clone(), some.clone(), place.clone(), some).prop_map(|(f, l, t, r)| Step::Move(f, l, t, r)),
        1 => place.clone().prop_map(Step::Pause),
        1 => place.prop_map(Step::Resume),
        2 => (0u64..6, 0i64..50).prop_map(|(l, due)| Step::SetAside(l, due)),
        1 => (0u64..6).prop_map(Step::GiveUp),
        4 => (1i64..40).prop_map(Step::Wait),
        4 => (0i64..60, 1usize..5).prop_map(|(age, limit)| Step::Purge(age, limit)),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending { due: i64, opened: i64, failed: u32 },
    Delivered,
    Dead,
    Dropped,
}

#[derive(Clone, Debug)]
struct Delivery {
    lead: u64,
    /// It is said of leadhook itself.
    ops: bool,
    route: usize,
    tries: u32,
    /// It waits behind the others.
    behind: bool,
    state: State,
    /// When it was settled.
    at: i64,
}

/// A claim that is held: its place, and the delivery as it was.
type Held = (usize, Seq, Delivery, Claim);

#[derive(Default)]
struct Model {
    now: i64,
    /// The events' ids and leads, by number.
    events: Vec<(String, u64)>,
    /// When they were recorded, by number.
    recorded: Vec<i64>,
    /// Those that are there, and when they were last found with someone at work on them.
    kept: BTreeMap<Seq, i64>,
    deliveries: BTreeMap<(usize, Seq), Delivery>,
    paused: BTreeMap<usize, i64>,
    disabled: BTreeMap<usize, i64>,
    /// The lines of what is said of leadhook itself.
    subjects: Vec<u64>,
    /// Due, or given up on.
    aside: BTreeMap<u64, Option<i64>>,
}

impl Model {
    fn pending(&self, place: usize, route: Option<usize>) -> Vec<Seq> {
        let of = |(key, d): (&(usize, Seq), &Delivery)| {
            let fits = key.0 == place && matches!(d.state, State::Pending { .. }) && route.is_none_or(|r| r == d.route);
            fits.then_some(key.1)
        };
        self.deliveries.iter().filter_map(of).collect()
    }

    /// The first pending one of each lead there: whether it waits behind, due time, route, number.
    fn heads(&self, place: usize) -> Vec<(bool, i64, usize, Seq)> {
        let mut heads: BTreeMap<u64, (bool, i64, usize, Seq)> = BTreeMap::new();
        for seq in self.pending(place, None) {
            let delivery = &self.deliveries[&(place, seq)];
            if let State::Pending { due, .. } = delivery.state {
                heads.entry(delivery.lead).or_insert((delivery.behind, due, delivery.route, seq));
            }
        }
        heads.into_values().collect()
    }

    fn dead(&self) -> Vec<(usize, Seq)> {
        self.deliveries.iter().filter(|(_, d)| d.state == State::Dead).map(|(key, _)| *key).collect()
    }

    fn overtaken(&self, (place, seq): (usize, Seq)) -> bool {
        let lead = self.deliveries[&(place, seq)].lead;
        self.deliveries
            .iter()
            .any(|((p, s), d)| *p == place && *s > seq && d.lead == lead && d.state == State::Delivered)
    }

    fn letter(&self, (place, seq): (usize, Seq)) -> String {
        delivery_dead_id(&self.events[seq as usize - 1].0, DESTINATIONS[place])
    }

    fn end(&mut self, key: (usize, Seq), state: State) {
        let (now, delivery) = (self.now, self.deliveries.get_mut(&key).unwrap());
        (delivery.state, delivery.at) = (state, now);
    }

    /// When the last thing happened to an event; `None` while it waits somewhere, or died.
    fn changed(&self, seq: Seq) -> Option<i64> {
        let of = |(key, delivery): (&(usize, Seq), &Delivery)| {
            (key.1 == seq).then(|| matches!(delivery.state, State::Delivered | State::Dropped).then_some(delivery.at))
        };
        let ends: Option<Vec<i64>> = self.deliveries.iter().filter_map(of).collect();
        ends.map(|ends| ends.into_iter().max().unwrap_or(self.recorded[seq as usize - 1]))
    }

    fn open(&mut self, key: (usize, Seq)) {
        let (now, delivery) = (self.now, self.deliveries.get_mut(&key).unwrap());
        delivery.state = State::Pending { due: now, opened: now, failed: 0 };
        self.bring_forward(key);
    }

    /// One that does not wait behind takes those of its lead that stand before it along.
    fn bring_forward(&mut self, (place, seq): (usize, Seq)) {
        let Delivery { lead, behind, .. } = self.deliveries[&(place, seq)];
        if !behind {
            let before = self.deliveries.range_mut((place, 0)..(place, seq)).map(|(_, delivery)| delivery);
            let pending = before.filter(|d| d.lead == lead && matches!(d.state, State::Pending { .. }));
            pending.for_each(|delivery| delivery.behind = false);
        }
    }

    fn settle(&mut self, (place, seq, claimed): (usize, Seq, &Delivery), what: What) {
        let now = self.now;
        if matches!(what, What::Park) {
            self.disabled.entry(place).or_insert(now);
        }
        let delivery = self.deliveries.get_mut(&(place, seq)).unwrap();
        let State::Pending { due, opened, failed } = delivery.state else {
            delivery.tries = delivery.tries.max(claimed.tries + 1);
            if matches!(what, What::Deliver) {
                // It counts where it was claimed.
                delivery.route = claimed.route;
                self.end((place, seq), State::Delivered);
            }
            return;
        };
        delivery.tries += 1;
        if delivery.ops && matches!(what, What::Die) {
            // Nothing is left of it, and its event stays no shorter than one that was settled now.
            self.deliveries.remove(&(place, seq));
            if let Some(found) = self.kept.get_mut(&seq) {
                *found = now;
            }
            return;
        }
        delivery.state = match what {
            What::Deliver => State::Delivered,
            What::Die => State::Dead,
            What::Again { wait, counted } => {
                State::Pending { due: now + wait, opened, failed: failed + u32::from(counted) }
            }
            What::Park => State::Pending { due: now, opened, failed },
            What::Forget => State::Pending { due, opened, failed },
        };
        delivery.at = now;
    }

    fn move_all(&mut self, from: usize, lane: Option<usize>, to: usize, route: Option<usize>) -> Moved {
        let mut moved = Moved::default();
        for seq in self.pending(from, lane) {
            let mut there = self.deliveries[&(from, seq)].clone();
            let new = route.unwrap_or(there.route);
            if (to, new) == (from, there.route) {
                continue;
            }
            if to != from {
                self.end((from, seq), State::Dropped);
                match self.deliveries.get(&(to, seq)) {
                    Some(old) if old.state != State::Dropped => {
                        moved.merged += 1;
                        continue;
                    }
                    Some(old) => there.tries = there.tries.max(old.tries),
                    None => {}
                }
            }
            there.route = new;
            self.deliveries.insert((to, seq), there);
            self.open((to, seq));
            moved.moved += 1;
        }
        moved
    }
}

fn verdict(what: What, now: i64) -> Option<Verdict> {
    Some(match what {
        What::Deliver => Verdict::Delivered,
        What::Again { wait, counted } => Verdict::Again { at: at(now + wait), counted },
        What::Die => dead(),
        What::Park => Verdict::Parked,
        What::Forget => return None,
    })
}

struct Life {
    bench: Bench,
    model: Model,
    held: Vec<Held>,
}

impl Life {
    async fn step(&mut self, step: Step) {
        let (store, model) = (self.bench.store.clone(), &mut self.model);
        let (name, lanes) =
            (|place: usize| DESTINATIONS[place], |r: Option<usize>| Lanes { route: r.map(|r| ROUTES[r].into()) });
        match step {
            Step::Record(lead, wanted, behind) => {
                let names: Vec<_> = wanted.iter().map(|(d, r)| (DESTINATIONS[*d], ROUTES[*r])).collect();
                let id = self.bench.record_as(lead, &names, model.now, behind).await;
                assert!(model.events.iter().all(|event| event.0 != id), "two events with one id");
                model.events.push((id, lead));
                model.recorded.push(model.now);
                model.kept.insert(model.events.len() as Seq, i64::MIN);
                model.aside.remove(&lead);
                let (seq, now) = (model.events.len() as Seq, model.now);
                let state = State::Pending { due: now, opened: now, failed: 0 };
                for (place, route) in wanted {
                    let new = Delivery { lead, ops: false, route, tries: 0, behind, state, at: now };
                    model.deliveries.entry((place, seq)).or_insert(new);
                    model.bring_forward((place, seq));
                }
            }
            Step::Tell(subject, wanted) => {
                let names: Vec<_> = wanted.iter().map(|(d, r)| (DESTINATIONS[*d], ROUTES[*r])).collect();
                let (seq, now) = (model.events.len() as Seq + 1, model.now);
                let event = began(SUBJECTS[subject], seq as i64, now);
                let lead = event.lead.0;
                model.events.push((event.id.to_string(), lead));
                model.subjects.push(lead);
                model.recorded.push(now);
                model.kept.insert(seq, i64::MIN);
                store.record_ops(event, decision(&names), None).await.unwrap();
                let state = State::Pending { due: now, opened: now, failed: 0 };
                for (place, route) in wanted {
                    let new = Delivery { lead, ops: true, route, tries: 0, behind: false, state, at: now };
                    model.deliveries.entry((place, seq)).or_insert(new);
                }
            }
            Step::Claim(place, routes, limit) => self.claim(place, &routes, limit).await,
            Step::Settle(i, what) if !self.held.is_empty() => {
                let held = self.held.swap_remove(i % self.held.len());
                self.settle(held, what).await;
            }
            Step::SettleAll(what) => {
                for held in std::mem::take(&mut self.held) {
                    self.settle(held, what).await;
                }
            }
            Step::RetryOne(i) | Step::DropDead(i) => {
                let dead = model.dead();
                if dead.is_empty() {
                    return;
                }
                let key = dead[i % dead.len()];
                let (id, now) = (model.letter(key), at(model.now));
                let done = if matches!(step, Step::RetryOne(_)) {
                    model.deliveries.get_mut(&key).unwrap().behind = false;
                    model.open(key);
                    store.retry_dead(of_ids([&id]), false, now).await
                } else {
                    model.end(key, State::Dropped);
                    store.drop_dead(of_ids([&id]), now).await
                };
                assert_eq!(done.unwrap().done, [id]);
            }
            Step::RetryAll(overtaken) => {
                let (mut out, mut back) = (Vec::new(), Vec::new());
                for key in model.dead() {
                    let left_out = model.overtaken(key) && !overtaken;
                    if left_out { out.push(model.letter(key)) } else { back.push(key) }
                }
                for key in &back {
                    model.deliveries.get_mut(key).unwrap().behind = false;
                    model.open(*key);
                }
                let filter = Filter { error: Some("given_up".into()), ..Filter::default() };
                let mut decided = store.retry_dead(filter, overtaken, at(model.now)).await.unwrap();
                let mut done: Vec<_> = back.iter().map(|key| model.letter(*key)).collect();
                for ids in [&mut out, &mut done, &mut decided.done, &mut decided.overtaken] {
                    ids.sort_unstable();
                }
                assert_eq!((decided.done, decided.overtaken), (done, out));
            }
            Step::DropPending(place, route) => {
                let seqs = model.pending(place, route);
                let dropped = store.drop_pending(name(place), lanes(route), at(model.now)).await.unwrap();
                assert_eq!(dropped, seqs.len() as u64);
                seqs.into_iter().for_each(|seq| model.end((place, seq), State::Dropped));
            }
            Step::Move(from, lane, to, route) => {
                let place = Place { destination: name(to).into(), route: route.map(|r| ROUTES[r].into()) };
                let moved = store.move_pending(name(from), lanes(lane), place, at(model.now)).await.unwrap();
                assert_eq!(moved, model.move_all(from, lane, to, route));
            }
            Step::Pause(place) => {
                model.paused.entry(place).or_insert(model.now);
                store.pause(name(place), at(model.now)).await.unwrap();
            }
            Step::Resume(place) => {
                let held = [model.paused.remove(&place), model.disabled.remove(&place)].iter().any(Option::is_some);
                for (_, delivery) in model.deliveries.iter_mut().filter(|((there, _), _)| !held && *there == place) {
                    if let State::Pending { due, .. } = &mut delivery.state {
                        *due = model.now.min(*due);
                    }
                }
                store.resume(name(place), at(model.now)).await.unwrap();
            }
            Step::SetAside(lead, due) => {
                let seen = model.events.iter().any(|event| event.1 == lead) || model.aside.get(&lead) == Some(&None);
                if !seen {
                    model.aside.insert(lead, Some(model.now + due));
                }
                store.set_aside(&self.bench.platform, job(lead, model.now + due)).await.unwrap();
            }
            Step::GiveUp(lead) => {
                if let Some(due) = model.aside.get_mut(&lead) {
                    *due = None;
                }
                let now = at(model.now);
                store.give_up_lead(&self.bench.platform, LeadId(lead), "HTTP 500".into(), now).await.unwrap();
            }
            Step::Wait(seconds) => model.now += seconds,
            Step::Purge(age, limit) => self.purge(age, limit).await,
            Step::Reopen => {
                self.held.clear();
                drop(store);
                let Bench { store, directory, .. } = std::mem::replace(&mut self.bench, Bench::in_memory().await);
                store.close().await;
                self.bench = Bench::on(directory).await;
            }
            Step::Settle(..) => {}
        }
    }

    async fn claim(&mut self, place: usize, routes: &[usize], limit: usize) {
        let (model, now) = (&self.model, self.model.now);
        let names: Vec<String> = routes.iter().map(|r| ROUTES[*r].into()).collect();
        let due = self.bench.store.claim(DESTINATIONS[place], &names, at(now), limit).await.unwrap();

        let lane = |route: &usize| routes.iter().position(|r| r == route);
        let heads = model.heads(place).into_iter();
        let mut heads: Vec<_> =
            heads.filter_map(|(behind, due, r, seq)| lane(&r).map(|lane| (behind, due, lane, seq))).collect();
        heads.sort_unstable();
        let leads: Vec<u64> = self.held.iter().filter(|h| h.0 == place).map(|h| h.2.lead).collect();
        let free = |seq: &Seq| !leads.contains(&model.deliveries[&(place, *seq)].lead);
        let (mut wanted, mut next): (Vec<Seq>, Option<i64>) = (Vec::new(), None);
        for behind in [false, true] {
            for (_, due, _, seq) in heads.iter().filter(|head| head.0 == behind) {
                if *due > now || wanted.len() == limit {
                    next = next.into_iter().chain([*due]).min();
                    break;
                }
                wanted.extend(Some(*seq).filter(free));
            }
        }
        assert_eq!(due.next, next.map(at));
        assert_eq!(due.claims.len(), wanted.len());
        for (claim, seq) in due.claims.into_iter().zip(wanted) {
            let delivery = model.deliveries[&(place, seq)].clone();
            let State::Pending { opened, failed, .. } = delivery.state else { panic!("{delivery:?}") };
            assert_eq!((&claim.event_id, claim.lead.0), (&model.events[seq as usize - 1].0, delivery.lead));
            assert_eq!(claim.route, ROUTES[delivery.route]);
            assert_eq!((claim.attempt(), claim.failed(), claim.opened_at()), (delivery.tries + 1, failed, at(opened)));
            self.held.push((place, seq, delivery, claim));
        }
    }

    async fn settle(&mut self, (place, seq, claimed, claim): Held, what: What) {
        let Some(verdict) = verdict(what, self.model.now) else { return };
        self.model.settle((place, seq, &claimed), what);
        self.bench.store.settle(claim, settled(verdict, self.model.now)).await.unwrap();
    }

    async fn purge(&mut self, age: i64, limit: usize) {
        let (store, now) = (&self.bench.store, self.model.now);
        let mut events = 0;
        loop {
            let purged = store.purge(at(now - age), at(now), limit).await.unwrap();
            events += purged.events;
            assert!(purged.looked <= limit as u64 && events <= self.model.kept.len() as u64);
            if !purged.more {
                break;
            }
        }
        let before = self.model.kept.len() as u64;
        for seq in self.model.kept.keys().copied().collect::<Vec<_>>() {
            let there = store.inner().event(seq).unwrap().map(|(event, _)| event.id);
            let is_held = |h: &Held| h.2.lead == self.model.events[seq as usize - 1].1;
            let at_work = self.held.iter().any(|h| is_held(h) && self.model.deliveries.contains_key(&(h.0, seq)));
            let changed = self.model.changed(seq);
            let may_go = changed.is_some_and(|changed| changed < now - age) && !at_work;
            match there {
                Some(id) => {
                    assert_eq!(id, self.model.events[seq as usize - 1].0);
                    let found = self.model.kept.get_mut(&seq).unwrap();
                    assert!(!may_go || *found >= now - age, "event {seq} should be gone");
                    *found = if at_work { now } else { *found };
                }
                None => {
                    assert!(may_go, "event {seq} is lost: {changed:?}");
                    self.model.kept.remove(&seq);
                }
            }
        }
        assert_eq!(events, before - self.model.kept.len() as u64);
    }

    async fn check(&self) {
        let (store, model) = (&self.bench.store, &self.model);
        self.bench.audit();
        let mut wanted: BTreeMap<(&str, &str), [u64; 4]> = BTreeMap::new();
        for ((place, _), delivery) in &model.deliveries {
            let counts = wanted.entry((DESTINATIONS[*place], ROUTES[delivery.route])).or_default();
            counts[match delivery.state {
                State::Pending { .. } => 0,
                State::Delivered => 1,
                State::Dead => 2,
                State::Dropped => 3,
            }] += 1;
        }
        let census = store.census("my-platform").await.unwrap();
        for lane in &census.lanes {
            let counts = wanted.remove(&(lane.destination.as_str(), lane.route.as_str())).unwrap_or_default();
            assert_eq!([lane.pending, lane.delivered, lane.dead, lane.dropped], counts, "{lane:?}");
        }
        assert!(wanted.is_empty(), "{wanted:?}");
        for DestinationCensus { name, holds, .. } in &census.destinations {
            let place = DESTINATIONS.iter().position(|d| d == name).unwrap();
            assert_eq!(
                (holds.paused, holds.disabled),
                (model.paused.get(&place).map(|s| at(*s)), model.disabled.get(&place).map(|s| at(*s)),)
            );
        }
        let given_up = model.aside.values().filter(|due| due.is_none()).count() as u64;
        assert_eq!((census.set_aside, census.unreadable), (model.aside.len() as u64 - given_up, given_up));
        let mut leads: Vec<u64> = model.events.iter().map(|event| event.1).chain(model.aside.keys().copied()).collect();
        leads.sort_unstable();
        leads.dedup();
        leads.retain(|lead| !model.subjects.contains(lead));
        assert_eq!(census.seen_leads, leads.len() as u64);
    }
}

fn live(steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut life = Life { bench: Bench::in_memory().await, model: Model::default(), held: Vec::new() };
        for step in steps {
            life.step(step).await;
            life.check().await;
        }
        // In the end everything can be delivered, in order, and nothing is left.
        life.step(Step::SettleAll(What::Deliver)).await;
        life.step(Step::Wait(1_000)).await;
        for place in 0..DESTINATIONS.len() {
            while !life.model.pending(place, None).is_empty() {
                life.step(Step::Claim(place, vec![0, 1], 100)).await;
                assert!(!life.held.is_empty(), "what is pending cannot be claimed");
                life.step(Step::SettleAll(What::Deliver)).await;
            }
        }
        life.check().await;
        // And once nothing waits, all goes but what a person has to decide.
        life.step(Step::Wait(1)).await;
        life.step(Step::Purge(0, 4)).await;
        let dead = life.model.dead();
        assert!(life.model.kept.keys().all(|seq| dead.iter().any(|key| key.1 == *seq)));
        life.check().await;
    });
}

#[test]
fn the_store_does_as_its_model() {
    let mut config = ProptestConfig::with_cases(64);
    (config.failure_persistence, config.max_shrink_iters) = (None, 300);
    proptest!(config, |(steps in prop::collection::vec(step(), 20..60))| live(steps));
}
