//! `when`, of a route or of a step.

use super::node::Node;
use super::telling::{Known, doubt, tell_with};
use crate::domain::template::Condition;

/// `when`: what must hold for an event to be sent, or for a step to be taken.
pub(super) fn condition(node: Node<'_>, known: Known<'_>) -> Option<Condition> {
    let text = node.template()?;
    if text.value.trim().is_empty() {
        text.mistake("must not be empty", "write a condition, for example when = \"csat.low\", or take the key out");
        return None;
    }
    let condition = Condition::parse(&text.value)
        .map_err(|wrong| tell_with(&text, &wrong, "write for example csat.low and lead.regional == 'Sudeste'"))
        .ok()?;
    doubt(&text, condition.names(), known);
    Some(condition)
}
