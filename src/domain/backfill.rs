//! Backfills: history for one destination, on a person's order, piece by piece and oldest first.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::clock;
use super::event::EventType;
use super::window::{DAY, Window};

/// How far windows reach into each other: whether the API includes the ends, nobody knows.
const MARGIN: Duration = Duration::from_secs(60);

/// What a person ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Who gets it.
    pub destination: String,
    /// What was finalized from then on...
    pub from: Timestamp,
    /// ...until then.
    pub to: Timestamp,
    /// The two as they were typed: the same command again is the same order, though a week ago was another day then.
    pub typed: (String, Option<String>),
    /// Which events, `lead.finalized` among them.
    pub on: Vec<EventType>,
    /// What was delivered there already is sent again.
    pub again: bool,
    /// Everything is counted and nothing sent.
    pub dry_run: bool,
}

impl Order {
    /// Whether the other is the same order, given again.
    pub fn is_again(&self, other: &Order) -> bool {
        let of = |order: &Order| {
            let Order { destination, typed, on, again, dry_run, .. } = order.clone();
            (destination, typed, on, again, dry_run)
        };
        of(self) == of(other)
    }
}

/// What became of the leads. Each listed lead is one of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Leads that WeClever lists.
    pub listed: u64,
    /// Put on their way by this backfill.
    pub sent: u64,
    /// Delivered there before.
    pub delivered: u64,
    /// On their way already.
    pub pending: u64,
    /// Dead letters there, which a person has to decide on.
    pub dead: u64,
    /// Dropped there by a person.
    pub dropped: u64,
    /// No route wants them there.
    pub unwanted: u64,
    /// Their details could not be read.
    pub unreadable: u64,
    /// Rows that make no sense: their leads could not be looked for. They are no leads that are listed.
    pub malformed_rows: u64,
    /// Forgotten: they are never sent again.
    #[serde(default)]
    pub forgotten: u64,
}

impl Counts {
    /// One more lead for which there was nothing to do.
    pub fn add(&mut self, account: Account) {
        *match account {
            Account::Delivered => &mut self.delivered,
            Account::Pending => &mut self.pending,
            Account::Dead => &mut self.dead,
            Account::Dropped => &mut self.dropped,
            Account::Forgotten => &mut self.forgotten,
            Account::Unwanted | Account::Missing => &mut self.unwanted,
        } += 1;
    }

    /// Both together.
    pub fn plus(self, more: Counts) -> Counts {
        Counts {
            listed: self.listed + more.listed,
            sent: self.sent + more.sent,
            delivered: self.delivered + more.delivered,
            pending: self.pending + more.pending,
            dead: self.dead + more.dead,
            dropped: self.dropped + more.dropped,
            unwanted: self.unwanted + more.unwanted,
            unreadable: self.unreadable + more.unreadable,
            malformed_rows: self.malformed_rows + more.malformed_rows,
            forgotten: self.forgotten + more.forgotten,
        }
    }

    /// Of a piece that is gone through for the second time, because the first was cut short: so many of those that are on
    /// their way or delivered were sent by this backfill itself.
    pub fn without_own(self, sent: u64) -> Counts {
        let pending = sent.min(self.pending);
        let delivered = (sent - pending).min(self.delivered);
        Counts { pending: self.pending - pending, delivered: self.delivered - delivered, ..self }
    }
}

/// How far a backfill has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There is more to do.
    Going,
    /// All of it was gone through.
    Done,
    /// A person ended it. What was put on its way stays so.
    Cancelled,
}

/// A backfill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Its number in this store.
    pub no: u32,
    /// What was ordered.
    pub order: Order,
    /// How far it has got.
    pub state: State,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Everything before this has been gone through.
    pub done_until: Timestamp,
    /// About where it is.
    pub reached: Timestamp,
    /// What became of the leads so far.
    pub counts: Counts,
    /// What it waits for, in a sentence.
    pub waits: Option<String>,
}

impl Backfill {
    /// How much of it is done, 0 to 1.
    pub fn share(&self) -> f64 {
        let ms = |from: Timestamp, to: Timestamp| clock::elapsed(from, to).as_millis().max(1) as f64;
        match self.state {
            State::Done => 1.0,
            _ => (ms(self.order.from, self.reached) / ms(self.order.from, self.order.to)).clamp(0.0, 1.0),
        }
    }

    /// Whether a person should look at what became of it.
    pub fn needs_a_look(&self) -> bool {
        self.counts.unreadable > 0 || self.counts.malformed_rows > 0 || self.counts.dead > 0
    }
}

/// The next stretch to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Behind it, everything up to here has been gone through.
    pub to: Timestamp,
    /// What to ask for.
    pub window: Window,
    /// Whoever was finalized in it and is not known is history: nobody else is to hear of it. Else it is a lead that is
    /// still to be seen, which is told to all who want it.
    pub history: bool,
}

/// The stretch behind `done_until`, a day at most; `None`: there is none left. What was finalized before `edge` is history:
/// the floor, or the end of the baseline. No window reaches over the edge, for rows carry no time.
pub fn next_piece(order: &Order, done_until: Timestamp, edge: Timestamp) -> Option<Piece> {
    if done_until >= order.to {
        return None;
    }
    let history = done_until < edge;
    let step = DAY - 2 * MARGIN - Duration::from_secs(2);
    let (lowest, highest) = if history { (order.from, order.to.min(edge)) } else { (order.from.max(edge), order.to) };
    let to = clock::after(done_until, step).min(highest);
    let window =
        Window { from: clock::before(done_until, MARGIN).max(lowest), to: clock::after(to, MARGIN).min(highest) };
    Some(Piece { to, window, history })
}

/// The window that the piece before `done_until` and the one behind it have in common; `None`: they have none.
pub fn overlap(order: &Order, done_until: Timestamp, edge: Timestamp) -> Option<Window> {
    if done_until <= order.from || done_until == edge {
        return None;
    }
    let (before, behind) = (clock::before(done_until, MARGIN), clock::after(done_until, MARGIN));
    let (lowest, highest) =
        if done_until < edge { (order.from, order.to.min(edge)) } else { (order.from.max(edge), order.to) };
    Some(Window { from: before.max(lowest), to: behind.min(highest) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn order(from: i64, to: i64) -> Order {
        Order {
            destination: "crm".into(),
            from: at(from),
            to: at(to),
            typed: ("7d".into(), None),
            on: vec![EventType::LeadFinalized],
            again: false,
            dry_run: false,
        }
    }

    #[test]
    fn the_same_command_again_is_the_same_order() {
        assert!(order(0, 10).is_again(&order(5, 15)));
        for other in [
            Order { destination: "chat".into(), ..order(0, 10) },
            Order { typed: ("7d".into(), Some("1d".into())), ..order(0, 10) },
            Order { on: vec![EventType::LeadFinalized, EventType::LeadRated], ..order(0, 10) },
            Order { again: true, ..order(0, 10) },
            Order { dry_run: true, ..order(0, 10) },
        ] {
            assert!(!order(0, 10).is_again(&other), "{other:?}");
        }
    }

    #[test]
    fn what_was_sent_by_itself_is_not_counted_twice() {
        let counts = Counts { pending: 3, delivered: 5, ..Counts::default() };
        assert_eq!(counts.without_own(2), Counts { pending: 1, delivered: 5, ..Counts::default() });
        assert_eq!(counts.without_own(4), Counts { pending: 0, delivered: 4, ..Counts::default() });
        assert_eq!(counts.without_own(99), Counts::default());
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_whole_and_none_reaches_over_the_edge(
            length in 1i64..1_000_000,
            edge in -100_000i64..1_100_000,
        ) {
            let (order, edge) = (order(0, length), at(edge));
            let (mut done, mut pieces) = (order.from, 0);
            while let Some(piece) = next_piece(&order, done, edge) {
                prop_assert!(piece.to > done && piece.window.from <= done && piece.window.to >= piece.to);
                prop_assert!(piece.window.from >= order.from && piece.window.to <= order.to);
                prop_assert!(clock::elapsed(piece.window.from, piece.window.to) <= DAY);
                prop_assert_eq!(piece.history, done < edge);
                let beside = if piece.history { piece.window.to <= edge } else { piece.window.from >= edge };
                prop_assert!(beside);
                let common = overlap(&order, piece.to, edge);
                prop_assert!(common.is_none_or(|common| common.to == piece.window.to), "{:?}", common);
                // Windows reach into each other, but not over the edge.
                if piece.to < order.to && piece.to != edge {
                    prop_assert!(piece.window.to > piece.to);
                }
                (done, pieces) = (piece.to, pieces + 1);
                if let Some(next) = next_piece(&order, done, edge) {
                    prop_assert!(common.is_none_or(|common| common.from == next.window.from));
                    prop_assert!(common.is_some() || next.window.from >= piece.window.to);
                }
                prop_assert!(pieces < 20);
            }
            prop_assert_eq!(done, order.to);
        }
    }

    #[test]
    fn the_share_is_of_the_time() {
        let backfill = Backfill {
            no: 1,
            order: order(0, 100),
            state: State::Going,
            begun_at: at(0),
            ended_at: None,
            done_until: at(0),
            reached: at(25),
            counts: Counts::default(),
            waits: None,
        };
        assert!((backfill.share() - 0.25).abs() < 1e-9);
        assert!((Backfill { state: State::Done, ..backfill }.share() - 1.0).abs() < 1e-9);
    }
}
