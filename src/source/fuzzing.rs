//! The way in for fuzzing: bytes as WeClever, or whoever stands before it, might answer them.

use super::Listing;
use super::wire;
use crate::domain::lead::Lead;

/// The answer to a question for a list. `None`: it is none.
pub fn listing(body: &[u8]) -> Option<Listing> {
    wire::listing(body).ok()
}

/// The answer to a question for a lead's details. `None`: it is none.
pub fn lead(body: &[u8]) -> Option<Lead> {
    wire::lead(body).ok()
}

/// The answer to a question for a token.
pub fn token(body: &[u8]) -> bool {
    wire::token(body).is_ok()
}
