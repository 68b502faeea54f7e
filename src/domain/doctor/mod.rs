//! What can be told about WeClever's API from what it answers: its page leaves these things open.
//!
//! Each file is one question: what to ask next, and what the answers mean. Nothing here asks. Leads are told apart by their
//! numbers alone, and times are those of the API's own clock ([`Shown`]), whose zone is the hardest of the questions.
//!
//! | file | question |
//! |---|---|
//! | `access` | which header carries the token |
//! | `token` | how long a token lives, where it says so |
//! | `plus` | how a `+` in a date has to be written, and whether times of day count |
//! | `newest` | when the newest lead was finalized, on the API's clock |
//! | `ends` | whether a list includes its first and its last second |
//! | `cap` | whether a list is cut without a word |
//! | `status` | which status a good answer with a lead has |
//! | `zone` | what the API's clock shows beside UTC |
//! | `clock` | whether that clock and this machine's agree |

pub mod access;
pub mod cap;
pub mod clock;
pub mod ends;
mod finding;
pub mod newest;
pub mod plus;
mod shown;
pub mod status;
pub mod token;
pub mod zone;

pub use finding::{About, Certainty, Finding, Fits};
pub use shown::Shown;
