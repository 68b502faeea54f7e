//! What the simulated WeClever can be asked for.

use serde::Serialize;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// A token.
    Token,
    /// The list of a stretch of time.
    List,
    /// One lead.
    Detail,
    /// Something that the API does not have.
    Unknown,
}
