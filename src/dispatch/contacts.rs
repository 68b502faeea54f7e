//! Which contacts something is on its way to, where a destination counts what each of them gets.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::contact::ContactKey;
use crate::store::contacts::Counts;
use crate::store::dispatch::Claim;

/// Held by whatever is on its way; dropped, it is on its way no more.
type Mark = Arc<()>;

/// What is about to be on its way to a contact.
pub struct OnItsWay {
    pub counts: Counts,
    pub mark: Mark,
}

/// What is on its way to each contact, and what waits for that.
#[derive(Default)]
pub struct Contacts {
    under_way: HashMap<ContactKey, Mark>,
    /// By the event's id.
    marks: BTreeMap<String, Mark>,
    waiting: VecDeque<Claim>,
}

impl Contacts {
    /// How many are on their way to this contact.
    pub fn under_way(&self, contact: ContactKey) -> usize {
        self.under_way.get(&contact).map_or(0, |mark| Arc::strong_count(mark) - 1)
    }

    /// One more may be on its way to it.
    pub fn begin(&mut self, counts: Counts) -> OnItsWay {
        // Those that nothing goes to any more are not kept.
        self.under_way.retain(|_, mark| Arc::strong_count(mark) > 1);
        let mark = Arc::clone(self.under_way.entry(counts.contact).or_default());
        OnItsWay { counts, mark }
    }

    /// It is.
    pub fn mark(&mut self, event_id: &str, mark: Mark) {
        self.marks.insert(event_id.to_owned(), mark);
    }

    /// It has come back, and is on its way until the mark is dropped.
    pub fn take_mark(&mut self, event_id: &str) -> Option<Mark> {
        self.marks.remove(event_id)
    }

    /// Waits for what is on its way.
    pub fn wait(&mut self, claim: Option<Claim>) {
        self.waiting.extend(claim);
    }

    /// What waits is next again, in its order.
    pub fn come_back(&mut self, ready: &mut VecDeque<Claim>) {
        while let Some(claim) = self.waiting.pop_back() {
            ready.push_front(claim);
        }
    }

    /// Lets go of what waits.
    pub fn give_back(&mut self) {
        self.waiting.clear();
    }
}
