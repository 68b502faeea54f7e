//! `truncate`: at most so long, as it stands in its place in the end.

use minijinja::value::Kwargs;
use minijinja::{Error, State, Value};
use unicode_segmentation::UnicodeSegmentation;

use super::shown;
use crate::domain::template::place::Place;
use crate::domain::template::reason::said;

/// What lengths are counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Chars,
    Bytes,
}

impl Unit {
    pub(super) fn of(options: &Kwargs) -> Result<Unit, Error> {
        match options.get::<Option<&str>>("unit")? {
            None | Some("chars") => Ok(Unit::Chars),
            Some("bytes") => Ok(Unit::Bytes),
            Some(_) => Err(said("unit is neither \"chars\" nor \"bytes\"")),
        }
    }

    pub(super) fn length(self, text: &str) -> usize {
        match self {
            Unit::Chars => text.chars().count(),
            Unit::Bytes => text.len(),
        }
    }
}

/// What it costs to escape and measure a text, beside what the engine charges for it.
pub(super) fn work(text: &str) -> u64 {
    text.len() as u64 / 16
}

/// The text, cut to `length` with `end` behind it where it was longer.
pub(super) fn truncate(
    place: Place,
    state: &State<'_, '_>,
    value: &Value,
    length: Option<usize>,
    options: &Kwargs,
) -> Result<Value, Error> {
    let length = length.or(options.get("length")?).unwrap_or(255);
    let end: Option<&str> = options.get("end")?;
    let unit = Unit::of(options)?;
    options.assert_all_used()?;
    if value.is_undefined() || value.is_none() {
        return Ok(value.clone());
    }
    let text = shown(value)?;
    state.consume_fuel(work(&text))?;
    let end = end.unwrap_or("…");
    if value.is_safe() {
        return Ok(Value::from_safe_string(cut(&text, length, end, |text| unit.length(text), parts_no_escape)));
    }
    Ok(Value::from(cut(&text, length, end, |text| unit.length(&place.escape(text)), |_, _| true)))
}

/// The longest beginning that fits, with `end` behind it if anything was cut; of `end` alone what fits. What a reader
/// takes for one character stays whole, and so does what `whole` says.
pub(super) fn cut(
    text: &str,
    length: usize,
    end: &str,
    measure: impl Fn(&str) -> usize,
    whole: impl Fn(&str, usize) -> bool,
) -> String {
    if measure(text) <= length {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.grapheme_indices(true).map(|(i, _)| i).filter(|i| whole(text, *i)).collect();
    let shortened = |i: usize| format!("{}{end}", text[..i].trim_end());
    // Escaped text grows with the text, so the longest that fits is found by halving.
    let kept = ends.partition_point(|i| measure(&shortened(*i)) <= length);
    match kept.checked_sub(1).and_then(|i| ends.get(i)) {
        Some(i) => shortened(*i),
        None => {
            let mut rest = end.to_owned();
            while !rest.is_empty() && measure(&rest) > length {
                rest.pop();
            }
            rest
        }
    }
}

/// Whether a text that is escaped already may be cut here: not inside of an escape.
fn parts_no_escape(text: &str, i: usize) -> bool {
    let before = &text.as_bytes()[..i];
    let backslashes = before.iter().rev().take_while(|b| **b == b'\\').count();
    let in_percent = before.iter().rev().take(2).any(|b| *b == b'%');
    let in_entity = before.iter().rposition(|b| *b == b'&').is_some_and(|at| {
        let reference = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
        let length = text.as_bytes()[at + 1..].iter().take_while(|b| reference(b)).count();
        let end = at + 1 + length;
        length > 0 && end >= i && text.as_bytes().get(end) == Some(&b';')
    });
    // %C3%A9 is one character: what begins with 8, 9, A or B goes on.
    let in_character = matches!(text.as_bytes()[i..], [b'%', b'8' | b'9' | b'A' | b'B', ..]);
    backslashes % 2 == 0 && !in_percent && !in_character && !in_entity
}
