//! `[csat]`: how a rating is read.

use super::node::Node;
use super::reader::Section;
use crate::domain::csat::{CsatRules, Direction, Scale};

/// No scale goes further, up or down: beyond it a number could be a year, or have separators in it.
pub(super) const FURTHEST: i64 = 100;

pub(super) fn csat(mut section: Section<'_>) -> Option<CsatRules> {
    let usual = CsatRules::default();
    let scale_node = section.take("scale");
    let scale_spot = scale_node.as_ref().map_or_else(|| section.spot.clone(), Node::spot);
    let scale = scale_node.map_or(Some(usual.scale), scale);
    let direction = section.take("direction").map_or(Some(usual.direction), direction);
    let low_node = section.take("low_max");
    let low_spot = low_node.as_ref().map(Node::spot);
    let low_max =
        low_node.map_or(Some(usual.low_max), |node| node.number(f64::MIN..=f64::MAX, "write a score, for example 2"));
    if let (Some(scale), Some(low_max)) = (scale, low_max) {
        let Scale { from, to } = scale;
        let help = format!("write low_max = N, with a score from {from} to {to}");
        match low_spot {
            Some(spot) if !scale.holds(low_max) => {
                section.reading.mistake(&spot, format!("lies outside of the scale from {from} to {to}"), Some(help));
            }
            None if !scale.holds(low_max) => {
                let message = "leaves out 2, up to which a score is low where `low_max` is not set";
                section.reading.mistake(&scale_spot, message, Some(help));
            }
            None if scale != usual.scale => {
                let message = format!("`low_max` is not set: of the scores from {from} to {to}, those up to 2 are low");
                section.reading.warn(&scale_spot, message, Some(help));
            }
            _ => {}
        }
    }
    let low = section.take("low_words").map_or(Some(Vec::new()), |node| words(node, &mut Vec::new()));
    let high =
        section.take("high_words").map_or(Some(Vec::new()), |node| words(node, &mut low.clone().unwrap_or_default()));
    section.finish(&[]);
    let rules = CsatRules::on(scale?, low_max?, direction?);
    Some(rules.with_words(&low?, &high?))
}

fn scale(node: Node<'_>) -> Option<Scale> {
    let spot = node.spot();
    let reading = node.reading;
    let ends = node.list("[1, 5]")?;
    let count = ends.len();
    let ends: Vec<Option<i64>> = ends.into_iter().map(|node| node.whole(-FURTHEST..=FURTHEST)).collect();
    let help = "write the lowest score and the highest, for example [1, 5]";
    if count != 2 {
        reading.mistake(&spot, "must be two numbers", Some(help.to_owned()));
        return None;
    }
    let ends: Vec<i32> = ends.into_iter().flatten().filter_map(|end| i32::try_from(end).ok()).collect();
    let [from, to] = ends.try_into().ok()?;
    if from >= to {
        reading.mistake(&spot, "must begin with the lowest score", Some(help.to_owned()));
        return None;
    }
    Some(Scale { from, to })
}

fn direction(node: Node<'_>) -> Option<Direction> {
    let text = node.filled()?;
    match text.value.trim() {
        "up" => Some(Direction::Up),
        "down" => Some(Direction::Down),
        _ => {
            text.mistake(
                "is neither \"up\" nor \"down\"",
                "write \"up\" where the highest score is the best, \"down\" where the lowest is",
            );
            None
        }
    }
}

/// Words and faces; none of them is among `taken` already.
fn words(node: Node<'_>, taken: &mut Vec<String>) -> Option<Vec<String>> {
    let mut read: Vec<Option<String>> = Vec::new();
    for node in node.list("[\"ruim\", \"não resolveu\"]")? {
        let word = node.filled().and_then(|text| {
            let same = taken.iter().any(|other| CsatRules::same_word(other, &text.value));
            if same {
                text.mistake(
                    "stands here or in `low_words` already",
                    "take one out; accents and capitals make no difference",
                );
            } else if CsatRules::is_no_word(&text.value) {
                text.mistake("holds neither a word nor a face", "write it as it stands in a rating, or take it out");
            } else {
                taken.push(text.value.clone());
                return Some(text.value);
            }
            None
        });
        read.push(word);
    }
    read.into_iter().collect()
}
