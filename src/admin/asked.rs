//! Who is asked over HTTP.

use jiff::Timestamp;

use super::access::Doors;
use super::page::Lines;
use crate::app::operator::Operator;

/// What every answer needs.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) operator: Operator,
    pub(super) doors: Doors,
    pub(super) lines: Lines,
}

impl Asked {
    /// By the service's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.operator.now()
    }
}
