//! `rate_per_contact`: `"24/24h"`, or a table with `limit` and `by`.

use super::node::Node;
use super::telling::{Known, doubt, tell};
use crate::domain::contact::{MOST, PerContact};
use crate::domain::pace::Rate;
use crate::domain::template::{Place, Text};

/// `None` only where a mistake has been said.
pub(super) fn per_contact(node: Node<'_>, settings: &[&str]) -> Option<PerContact> {
    if !node.is_table() {
        return Some(PerContact { limit: limit(node)?, by: None });
    }
    let mut section = node.table()?;
    let limit = section.required("limit", "\"24/24h\"").and_then(limit);
    let by = section.take("by").map_or(Some(None), |node| {
        let text = node.template()?;
        let by = Text::parse(&text.value, Place::Plain).map_err(|wrong| tell(&text, &wrong)).ok()?;
        doubt(&text, by.names(), Known::settings(settings));
        Some(Some(by))
    });
    section.finish(&[]);
    Some(PerContact { limit: limit?, by: by? })
}

fn limit(node: Node<'_>) -> Option<Rate> {
    node.parsed("a rate", "24/24h", |text| match Rate::parse(text)? {
        rate if rate.count > MOST => Err(format!(
            "`{text}` counts more than {MOST}; write a smaller number, or `rate` for all contacts together"
        )),
        rate => Ok(rate),
    })
}
