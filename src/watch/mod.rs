//! What is looked at while leadhook runs: the clock, the feed of happenings, the health of each part.

mod clock;
mod counters;
mod feed;
mod health;
mod history;
mod pulse;
mod room;
mod told;

pub use clock::Clock;
pub use counters::{ByDestination, Counters};
pub use feed::{Feed, Happening};
pub use health::{DestinationHealth, Doubt, Doubts, Health, Lateness, SourceHealth, Trouble, Unchecked};
pub use history::{History, Lately};
pub use pulse::{INTAKE, Pulse, Pulses};
pub use room::{Room, Underway};
pub use told::{Next, Told, What};
