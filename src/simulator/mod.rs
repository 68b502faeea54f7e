//! A WeClever and destinations made for demonstrations and tests.
//!
//! Both speak real HTTP over real sockets and share no code with the product: what the product gets wrong, a simulator built from its parts
//! would get wrong in the same way.
//!
//! | file | one idea |
//! |---|---|
//! | `weclever` | the simulated WeClever as a whole, and its handle |
//! | `options` | what can be chosen about it |
//! | `api` | its three endpoints |
//! | `window` | the two dates of a list request |
//! | `world` | which leads there are at an instant; pure, nothing stored |
//! | `lead`, `people`, `talk` | what is said about a lead: its JSON, its person, its conversation |
//! | `faults` | which answers are broken, and how |
//! | `happenings` | counters, and news for whoever listens |
//! | `receiver`, `tally`, `signature` | simulated destinations: how they answer, what they saw, whether it was signed |
//! | `command` | `leadhook simulate` |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod command;
mod endpoint;
mod faults;
mod happenings;
mod lead;
mod options;
mod people;
mod receiver;
mod signature;
mod talk;
mod tally;
mod weclever;
mod window;
mod world;

pub use command::{SimulateArgs, simulate};
pub use endpoint::Endpoint;
pub use faults::{FaultKind, Faults};
pub use happenings::{Happening, Requests, Summary};
pub use lead::example;
pub use options::{CapKeeps, Ends, MessageDates, Misread, Options, Plus};
pub use receiver::{Behaviour, Mishap, Receiver, ReceiverOptions};
pub use signature::verify;
pub use tally::{Accepted, Received, Tally};
pub use weclever::WeClever;

#[cfg(test)]
mod over_http;
