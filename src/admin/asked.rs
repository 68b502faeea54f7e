//! Who is asked over HTTP, and who may ask.

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use super::page::Lines;
use crate::app::operator::Operator;
use crate::domain::secret::Secret;

/// What every answer needs.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) operator: Operator,
    pub(super) token: Secret,
    pub(super) lines: Lines,
}

impl Asked {
    /// Whether these headers show the token. Compared in constant time.
    pub(super) fn may_be_asked_by(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| given.ct_eq(self.token.expose().as_bytes()).into())
    }
}
