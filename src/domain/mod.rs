//! Vocabulary and pure decisions: nothing here opens, sends, sleeps or asks what time it is.

pub mod breaker;
pub mod clock;
pub mod coverage;
pub mod csat;
pub mod cut;
pub mod destination;
pub mod event;
pub mod lead;
pub mod news;
pub mod outcome;
pub mod pace;
pub mod patience;
pub mod raw;
pub mod recheck;
pub mod render;
pub mod retry;
pub mod retry_after;
pub mod route;
pub mod secret;
pub mod seen;
pub mod sign;
pub mod size;
pub mod span;
pub mod veil;
pub mod watched;
pub mod window;
