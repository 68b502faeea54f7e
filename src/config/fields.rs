//! `fields` and `payload`: how much of an event a destination or a route may see.

use super::node::Node;
use super::reader::Section;
use super::suggest;
use crate::domain::fields::{FieldPath, Fields};

/// Everything under `data` that can be chosen, and what is there whether chosen or not.
const KNOWN: [&str; 8] =
    ["lead", "csat", "client_lead_id", "mapped_status", "changes", "weclever_lead_id", "platform_id", "revision"];

/// There in any case; whoever lists them is not wrong.
const ALWAYS: [&str; 4] = ["id", "type", "timestamp", "origin"];

/// The fields of a lead that WeClever's page names. There may be others.
const OF_LEAD: [&str; 9] = ["email", "name", "phone", "state", "regional", "chats", "feelings", "csat", "status"];

const EXAMPLE: &str = "[\"lead.name\", \"csat\"]";

/// What the section says about it: `Some(None)` where all is sent, `None` where a mistake has been said.
pub(super) fn fields(section: &mut Section<'_>) -> Option<Option<Fields>> {
    let fields = section.take("fields");
    let payload = section.take("payload");
    if let (Some(fields), Some(_)) = (&fields, &payload) {
        fields.mistake(
            "is set, and so is `payload`",
            "keep one of them: `fields` lists what is sent, payload = \"thin\" sends ids alone",
        );
    }
    let thin = payload.map_or(Some(false), thin);
    let listed = fields.map_or(Some(None), |node| listed(node).map(Some));
    match (thin?, listed?) {
        (true, _) => Some(Some(Fields::thin())),
        (false, listed) => Some(listed),
    }
}

fn thin(node: Node<'_>) -> Option<bool> {
    let text = node.filled()?;
    match text.value.trim() {
        "full" => Some(false),
        "thin" => Some(true),
        _ => {
            text.mistake(
                "is neither \"full\" nor \"thin\"",
                "write \"full\" for all of an event, \"thin\" for its ids alone",
            );
            None
        }
    }
}

fn listed(node: Node<'_>) -> Option<Fields> {
    let spot = node.spot();
    let reading = node.reading;
    let nodes = node.list(EXAMPLE)?;
    if nodes.is_empty() {
        let help =
            format!("write for example {EXAMPLE}, payload = \"thin\" for ids alone, or take the key out to send all");
        reading.mistake(&spot, "must not be empty", Some(help));
        return None;
    }
    // All are read before any is missed, so that each mistake is found.
    let paths: Vec<Option<FieldPath>> = nodes.into_iter().map(path).collect();
    let paths: Option<Vec<FieldPath>> = paths.into_iter().collect();
    Some(Fields::of(&paths?))
}

fn path(node: Node<'_>) -> Option<FieldPath> {
    let spot = node.spot();
    let reading = node.reading;
    let path = node.parsed("the path to a field", "lead.name", FieldPath::parse)?;
    let names = path.names();
    let first = names.first().copied().unwrap_or_default();
    if !KNOWN.contains(&first) && !ALWAYS.contains(&first) {
        let help = match OF_LEAD.into_iter().find(|known| *known == first) {
            Some(known) => Some(format!("did you mean `lead.{known}`?")),
            None => suggest::instead(first, &KNOWN[..5]),
        };
        reading.mistake(&spot, "no event has a field of this name", help);
        return None;
    }
    if let ["lead", name, ..] = names.as_slice()
        && !OF_LEAD.contains(name)
        && let Some(near) = suggest::nearest(name, OF_LEAD)
    {
        reading.warn(
            &spot,
            "WeClever's page names no such field of a lead",
            Some(format!("did you mean `lead.{near}`?")),
        );
    }
    if let Some(rest) = path.to_string().strip_prefix("lead.chats.messages.") {
        let help = format!("write `lead.chats.messages[].{rest}`");
        reading.mistake(&spot, "`lead.chats.messages` is a list", Some(help));
        return None;
    }
    Some(path)
}
