//! The world behind the API: which leads there are at an instant, and what is known of them.
//!
//! A lead of the plan is never stored. Its time and everything else is computed from the seed and its number, so that a world of millions of
//! leads costs nothing, answers at once, and is the same one after a restart. What is done by hand lies on top.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::lead::{self, About, Rating, Row, dice};
use super::options::{CapKeeps, MessageDates, Options};
use super::window::Window;

/// The leads of a simulated WeClever. Instants are Unix milliseconds, and `now` is always an argument.
#[derive(Debug)]
pub struct World {
    plan: Options,
    /// The zone of the messages' dates; `None`: they are in UTC, and say so.
    local: Option<TimeZone>,
    base_ms: i64,
    by_hand: HashMap<u64, ByHand>,
    /// The leads finalized by hand, by time.
    by_hand_order: BTreeSet<(i64, u64)>,
    touched: HashMap<u64, Touched>,
    /// Lists do not look at their window.
    heedless: bool,
}

/// A lead finalized by hand, or again by hand.
#[derive(Debug)]
struct ByHand {
    at_ms: i64,
    status: String,
}

/// What was changed by hand about a lead.
#[derive(Debug, Default)]
struct Touched {
    rating: Option<String>,
    fields: BTreeMap<String, Value>,
}

impl World {
    /// The world of these options, whose live leads begin at `base_ms`.
    pub fn new(plan: Options, base_ms: i64) -> World {
        let local = match plan.message_dates {
            MessageDates::Utc => None,
            MessageDates::Local => TimeZone::get(&plan.zone).ok(),
        };
        World {
            plan,
            local,
            base_ms,
            by_hand: HashMap::new(),
            by_hand_order: BTreeSet::new(),
            touched: HashMap::new(),
            heedless: false,
        }
    }

    /// The rows that a list of this window shows now, oldest first.
    pub fn list(&self, window: Window, now_ms: i64) -> Vec<Row> {
        let window = if self.heedless { Window { first: 0, last: i64::MAX } } else { window };
        let first_ms =
            window.first.saturating_mul(1000).saturating_add(if self.plan.first_included { 0 } else { 1000 });
        let last_ms = window.last.saturating_mul(1000).saturating_add(if self.plan.last_included { 999 } else { -1 });
        let last_ms = last_ms.min(now_ms);
        if first_ms > last_ms {
            return Vec::new();
        }
        let mut found: Vec<(i64, u64)> = (self.planned_until(first_ms - 1)..self.planned_until(last_ms))
            .map(|number| (self.planned_at(number), self.plan.first_id + number))
            .filter(|(at_ms, id)| !self.by_hand.contains_key(id) && at_ms + self.lateness(*id) <= now_ms)
            .collect();
        let planned = found.len();
        found.extend(self.by_hand_order.range((first_ms, 0)..=(last_ms, u64::MAX)));
        if found.len() > planned {
            found.sort_unstable();
        }
        let cut = found.len().saturating_sub(self.plan.cap.unwrap_or(usize::MAX));
        match self.plan.cap_keeps {
            CapKeeps::Oldest => found.truncate(found.len() - cut),
            CapKeeps::Newest => drop(found.drain(..cut)),
        }
        found.into_iter().map(|(_, id)| self.row(id)).collect()
    }

    /// The answer for one lead as JSON, if it has been finalized by now.
    pub fn detail(&self, id: u64, now_ms: i64) -> Option<Vec<u8>> {
        let at_ms = self.finalized_at(id).filter(|at_ms| *at_ms <= now_ms)?;
        let json =
            lead::detail(self.plan.seed, id, at_ms, &self.rating(id, at_ms, now_ms), now_ms, self.local.as_ref());
        let changed = self.touched.get(&id).map(|touched| &touched.fields).filter(|fields| !fields.is_empty());
        let Some(changed) = changed else { return Some(json) };
        let mut answer: Value = serde_json::from_slice(&json).ok()?;
        for (field, value) in changed {
            answer["lead"][field] = value.clone();
        }
        serde_json::to_vec(&answer).ok()
    }

    /// When a lead is, was or will be finalized.
    pub fn finalized_at(&self, id: u64) -> Option<i64> {
        match self.by_hand.get(&id) {
            Some(by_hand) => Some(by_hand.at_ms),
            None => self.number_of(id).map(|number| self.planned_at(number)),
        }
    }

    /// How many leads have been finalized by now.
    pub fn finalized(&self, now_ms: i64) -> u64 {
        let planned = self.planned_until(now_ms);
        let more = self.by_hand.iter().filter(|(id, by_hand)| {
            by_hand.at_ms <= now_ms && self.number_of(**id).is_none_or(|number| number >= planned)
        });
        // A lead of the plan that was moved into the future by hand does not count until then.
        let fewer = self.by_hand.iter().filter(|(id, by_hand)| {
            by_hand.at_ms > now_ms && self.number_of(**id).is_some_and(|number| number < planned)
        });
        planned + more.count() as u64 - fewer.count() as u64
    }

    /// The leads that have been finalized by now: those of the plan, then those made by hand, each in their order.
    pub fn finalized_ids(&self, now_ms: i64) -> Vec<u64> {
        let planned = (0..self.planned_until(now_ms)).map(|number| self.plan.first_id + number);
        let by_hand = self.by_hand_order.range(..=(now_ms, u64::MAX)).map(|(_, id)| *id);
        planned.filter(|id| !self.by_hand.contains_key(id)).chain(by_hand).collect()
    }

    /// The leads of the plan that are finalized after the first instant and not after the second.
    pub fn planned_between(&self, after_ms: i64, until_ms: i64) -> Vec<u64> {
        let range = self.planned_until(after_ms)..self.planned_until(until_ms);
        range.map(|number| self.plan.first_id + number).filter(|id| !self.by_hand.contains_key(id)).collect()
    }

    /// When the next lead of the plan after this instant is finalized.
    pub fn next_after(&self, now_ms: i64) -> Option<i64> {
        let number = self.planned_until(now_ms);
        (number < self.planned_in_all()).then(|| self.planned_at(number))
    }

    /// The row of a lead, as a list would show it.
    pub fn row(&self, id: u64) -> Row {
        let mut row = Row::draw(self.plan.seed, id);
        if let Some(by_hand) = self.by_hand.get(&id) {
            row.mapped_status.clone_from(&by_hand.status);
        }
        row
    }

    /// Finalizes a lead, one of the plan or another, at an instant. Finalized again, it stands in the lists at its new time only.
    pub fn finalize(&mut self, id: u64, status: &str, at_ms: i64) {
        if let Some(before) = self.by_hand.insert(id, ByHand { at_ms, status: status.to_owned() }) {
            self.by_hand_order.remove(&(before.at_ms, id));
        }
        self.by_hand_order.insert((at_ms, id));
    }

    /// Gives a lead a rating, which is there from now on.
    pub fn rate(&mut self, id: u64, rating: &str) {
        self.touched.entry(id).or_default().rating = Some(rating.to_owned());
    }

    /// Changes a field directly under `lead`.
    pub fn change(&mut self, id: u64, field: &str, value: Value) {
        self.touched.entry(id).or_default().fields.insert(field.to_owned(), value);
    }

    /// The plan finalizes nothing after this instant.
    pub fn end_plan(&mut self, now_ms: i64) {
        self.plan.max_leads = Some(self.planned_until(now_ms));
    }

    /// Changes how many rows a list may have.
    pub fn set_cap(&mut self, cap: Option<usize>) {
        self.plan.cap = cap;
    }

    /// Whether lists show everything from now on, whatever window is asked for.
    pub fn set_heedless(&mut self, heedless: bool) {
        self.heedless = heedless;
    }

    fn rating(&self, id: u64, at_ms: i64, now_ms: i64) -> Rating {
        let plan = &self.plan;
        if let Some(rating) = self.touched.get(&id).and_then(|touched| touched.rating.clone()) {
            return Rating::Given(rating);
        }
        let up_to_ms = plan.ratings_later_up_to.as_millis() as i64;
        match lead::draw_rating(plan.seed, id, plan.unrated_share, plan.ratings_later_share, up_to_ms) {
            Some((text, delay)) if at_ms + delay <= now_ms => Rating::Given(text),
            Some(_) => Rating::Open,
            None if lead::was_asked(plan.seed, id) => Rating::Open,
            None => Rating::Unasked,
        }
    }

    fn lateness(&self, id: u64) -> i64 {
        if self.plan.late_share <= 0.0 {
            return 0;
        }
        let mut dice = dice(self.plan.seed, id, About::Lateness);
        let late = dice.f64() < self.plan.late_share;
        if late { dice.i64(0..=self.plan.late_up_to.as_millis() as i64) } else { 0 }
    }

    /// How many leads the plan has, ever.
    fn planned_in_all(&self) -> u64 {
        let wanted = if self.plan.leads_per_second > 0.0 { u64::MAX } else { self.plan.past_leads };
        wanted.min(self.plan.max_leads.unwrap_or(u64::MAX)).min(u64::MAX - self.plan.first_id)
    }

    fn number_of(&self, id: u64) -> Option<u64> {
        id.checked_sub(self.plan.first_id).filter(|number| *number < self.planned_in_all())
    }

    /// When the plan finalizes its lead of this number. Somewhere in a slot of its own, so that times never run backwards.
    fn planned_at(&self, number: u64) -> i64 {
        let plan = &self.plan;
        let within = dice(plan.seed, number, About::Time).f64();
        let after_base = if number < plan.past_leads {
            let stretch_ms = plan.past_stretch.as_millis() as f64;
            stretch_ms * ((number as f64 + within) / plan.past_leads as f64 - 1.0)
        } else {
            ((number - plan.past_leads) as f64 + within) * 1000.0 / plan.leads_per_second
        };
        self.base_ms.saturating_add(after_base as i64)
    }

    /// How many leads the plan finalizes up to and with this instant: also the number of the next one.
    fn planned_until(&self, at_ms: i64) -> u64 {
        let live = (at_ms.saturating_sub(self.base_ms)).max(0) as f64 / 1000.0 * self.plan.leads_per_second;
        let (mut low, mut high) =
            (0, self.plan.past_leads.saturating_add(live as u64).saturating_add(2).min(self.planned_in_all()));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.planned_at(middle) <= at_ms { low = middle + 1 } else { high = middle }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BASE: i64 = 1_795_000_000_000;
    const HOUR: i64 = 3_600_000;
    const ALL: Window = Window { first: 0, last: i64::MAX / 1000 };

    fn world(options: Options) -> World {
        World::new(options, BASE)
    }

    fn ids(rows: &[Row]) -> Vec<u64> {
        rows.iter().map(|row| row.weclever_lead_id).collect()
    }

    fn rating(world: &World, id: u64, now_ms: i64) -> Value {
        let detail: Value = serde_json::from_slice(&world.detail(id, now_ms).unwrap()).unwrap();
        detail["lead"]["csat"]["rating"].clone()
    }

    #[test]
    fn the_same_seed_is_the_same_world_and_another_is_not() {
        let of = |seed| world(Options { seed, past_leads: 50, ..Options::default() });
        let (one, two, other) = (of(7), of(7), of(8));
        let now = BASE + 30_000;
        assert_eq!(one.list(ALL, now), two.list(ALL, now));
        assert_eq!(one.detail(100_003, now), two.detail(100_003, now));
        assert_ne!(one.list(ALL, now), other.list(ALL, now));
        assert_ne!(one.detail(100_003, now), other.detail(100_003, now));
    }

    #[test]
    fn leads_appear_with_time_at_their_rate_and_end_at_the_maximum() {
        let world = world(Options { past_leads: 10, leads_per_second: 2.0, max_leads: Some(30), ..Options::default() });
        assert_eq!(world.finalized(BASE - 2 * HOUR - 1), 0);
        assert_eq!(world.finalized(BASE), 10);
        assert_eq!(world.finalized(BASE + 5_000), 20);
        assert_eq!(world.finalized(BASE + HOUR), 30);
        assert_eq!(world.finalized_ids(BASE + HOUR), (100_000..100_030).collect::<Vec<_>>());
        assert_eq!(ids(&world.list(ALL, BASE + HOUR)), world.finalized_ids(BASE + HOUR));
        assert_eq!(world.detail(100_025, BASE), None);
        assert!(world.detail(100_025, BASE + HOUR).is_some());
        assert_eq!(world.detail(100_030, BASE + HOUR), None);
        let next = world.next_after(BASE).unwrap();
        assert_eq!(world.planned_between(BASE, next), [100_010]);
        assert_eq!(world.next_after(BASE + HOUR), None);
    }

    #[test]
    fn a_plan_that_is_ended_stays_as_it_is() {
        let mut world = world(Options { past_leads: 10, leads_per_second: 2.0, ..Options::default() });
        world.end_plan(BASE + 5_000);
        assert_eq!(world.finalized(BASE + HOUR), 20);
        assert_eq!(ids(&world.list(ALL, BASE + HOUR)), (100_000..100_020).collect::<Vec<_>>());
        assert_eq!(world.next_after(BASE + 5_000), None);
    }

    #[test]
    fn windows_partition_the_leads_and_include_both_ends() {
        let world = world(Options { past_leads: 5_000, leads_per_second: 0.0, ..Options::default() });
        let base = BASE / 1000;
        let (left, right) = (Window { first: 0, last: base - 3600 }, Window { first: base - 3599, last: base });
        let together = [ids(&world.list(left, BASE)), ids(&world.list(right, BASE))].concat();
        assert_eq!(together, (100_000..105_000).collect::<Vec<_>>());
        let second = world.finalized_at(102_000).unwrap() / 1000;
        let exact = world.list(Window { first: second, last: second }, BASE);
        assert!(ids(&exact).contains(&102_000));
        assert!(world.list(Window { first: base, last: base - 9 }, BASE).is_empty());
    }

    #[test]
    fn an_open_end_leaves_its_last_second_out() {
        let mut world = world(Options { leads_per_second: 0.0, last_included: false, ..Options::default() });
        world.finalize(1, "sold", 5_000);
        assert!(world.list(Window { first: 0, last: 5 }, BASE).is_empty());
        assert_eq!(ids(&world.list(Window { first: 5, last: 6 }, BASE)), [1]);
    }

    #[test]
    fn an_open_beginning_leaves_its_first_second_out() {
        let mut world = world(Options { leads_per_second: 0.0, first_included: false, ..Options::default() });
        world.finalize(1, "sold", 5_900);
        assert!(world.list(Window { first: 5, last: 9 }, BASE).is_empty());
        assert_eq!(ids(&world.list(Window { first: 4, last: 5 }, BASE)), [1]);
    }

    #[test]
    fn a_cap_cuts_without_a_word() {
        let mut world = world(Options { past_leads: 500, cap: Some(100), ..Options::default() });
        assert_eq!(ids(&world.list(ALL, BASE)), (100_000..100_100).collect::<Vec<_>>());
        world.plan.cap_keeps = CapKeeps::Newest;
        assert_eq!(ids(&world.list(ALL, BASE)), (100_400..100_500).collect::<Vec<_>>());
        world.set_cap(None);
        assert_eq!(world.list(ALL, BASE).len(), 500);
    }

    #[test]
    fn late_rows_come_later_and_all_come() {
        let late_up_to = Duration::from_secs(40 * 3600);
        let options =
            Options { past_leads: 1_000, leads_per_second: 0.0, late_share: 0.3, late_up_to, ..Options::default() };
        let world = world(options);
        let at_first = world.list(ALL, BASE).len();
        assert!((650..800).contains(&at_first), "{at_first}");
        assert!(world.list(ALL, BASE + 20 * HOUR).len() > at_first);
        assert_eq!(world.list(ALL, BASE + 40 * HOUR).len(), 1_000);
        assert_eq!(world.finalized(BASE), 1_000);
    }

    #[test]
    fn ratings_come_later_and_stay() {
        let world = world(Options {
            past_leads: 200,
            unrated_share: 0.0,
            ratings_later_share: 1.0,
            ratings_later_up_to: Duration::from_secs(24 * 3600),
            ..Options::default()
        });
        let rated = |now| (100_000..100_200).filter(|id| rating(&world, *id, now) != "").count();
        assert!(rated(BASE) < 30);
        assert!((60..140).contains(&rated(BASE + 11 * HOUR)));
        assert_eq!(rated(BASE + 24 * HOUR), 200);
    }

    #[test]
    fn hands_lie_on_top_of_the_plan() {
        let mut world = world(Options { past_leads: 10, leads_per_second: 0.0, ..Options::default() });
        world.finalize(7, "scheduled", BASE + 1_000);
        world.finalize(100_002, "sold", BASE + 2_000);
        assert_eq!(world.finalized(BASE), 9);
        assert_eq!(world.finalized(BASE + 2_000), 11);
        let newest = Window { first: BASE / 1000 + 1, last: BASE / 1000 + 9 };
        let rows = world.list(newest, BASE + 2_000);
        assert_eq!(ids(&rows), [7, 100_002]);
        assert_eq!(rows[1].mapped_status, "sold");
        world.finalize(7, "lost", BASE + 3_000);
        assert_eq!(ids(&world.list(newest, BASE + 3_000)), [100_002, 7]);

        world.rate(7, "2/5");
        world.change(7, "name", Value::from("Ana"));
        let detail: Value = serde_json::from_slice(&world.detail(7, BASE + 3_000).unwrap()).unwrap();
        assert_eq!(detail["lead"]["csat"]["rating"], "2/5");
        assert_eq!(detail["lead"]["name"], "Ana");
        let changed: Vec<_> = detail["lead"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(changed[..3], ["email", "name", "phone"]);
    }

    #[test]
    fn ids_may_be_large() {
        let first_id = u64::MAX - 5;
        let world = world(Options { first_id, past_leads: 100, ..Options::default() });
        assert_eq!(world.finalized(BASE + HOUR), 5);
        let listed = serde_json::to_string(&world.list(ALL, BASE + HOUR)).unwrap();
        assert!(listed.contains("18446744073709551614"), "{listed}");
    }
}
