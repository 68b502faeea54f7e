//! `truncate`: at most so long, as it stands in its place in the end.

use minijinja::value::Kwargs;
use minijinja::{Error, Value};
use unicode_normalization::char::is_combining_mark;

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

/// The text, cut to `length` with `end` behind it where it was longer.
pub(super) fn truncate(place: Place, value: &Value, length: Option<usize>, options: &Kwargs) -> Result<Value, Error> {
    let length = length.or(options.get("length")?).unwrap_or(255);
    let end: Option<&str> = options.get("end")?;
    let unit = Unit::of(options)?;
    options.assert_all_used()?;
    if value.is_undefined() || value.is_none() {
        return Ok(value.clone());
    }
    let text = shown(value)?;
    let end = end.unwrap_or("…");
    if value.is_safe() {
        return Ok(Value::from_safe_string(cut(&text, length, end, |text| unit.length(text), is_whole)));
    }
    Ok(Value::from(cut(&text, length, end, |text| unit.length(&place.escape(text)), is_whole_text)))
}

/// The longest beginning that fits, with `end` behind it if anything was cut; of `end` alone what fits.
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
    let ends: Vec<usize> = text.char_indices().map(|(i, _)| i).filter(|i| whole(text, *i)).collect();
    // Escaped text grows with the text, so the longest that fits is found by halving.
    let fits = |i: usize| measure(&format!("{}{end}", text[..i].trim_end())) <= length;
    let kept = ends.partition_point(|i| fits(*i));
    match kept.checked_sub(1).and_then(|i| ends.get(i)) {
        Some(i) => format!("{}{end}", text[..*i].trim_end()),
        None => {
            let mut rest = end.to_owned();
            while !rest.is_empty() && measure(&rest) > length {
                rest.pop();
            }
            rest
        }
    }
}

/// Whether a text may be cut here: not between a letter and its accents, or between the parts of one emoji.
pub(super) fn is_whole_text(text: &str, i: usize) -> bool {
    let (before, after) = text.split_at(i);
    let (Some(before_it), Some(after_it)) = (before.chars().next_back(), after.chars().next()) else { return true };
    let joins = |c: char| {
        is_combining_mark(c)
            || matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
    };
    if joins(after_it) || before_it == '\u{200d}' || (before_it, after_it) == ('\r', '\n') {
        return false;
    }
    let flag = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    // Flags are pairs: no cut after an odd number of halves.
    !(flag(after_it) && before.chars().rev().take_while(|c| flag(*c)).count() % 2 == 1)
}

/// The same for text that is escaped already: nor inside of an escape.
fn is_whole(text: &str, i: usize) -> bool {
    if !is_whole_text(text, i) {
        return false;
    }
    let before = &text[..i];
    let backslashes = before.bytes().rev().take_while(|b| *b == b'\\').count();
    let in_percent = before.ends_with('%') || before.len() >= 2 && before.as_bytes()[before.len() - 2] == b'%';
    let in_entity = before.rfind('&').is_some_and(|at| {
        let reference = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
        let length = text.as_bytes()[at + 1..].iter().take_while(|b| reference(b)).count();
        length > 0 && text.as_bytes().get(at + 1 + length) == Some(&b';') && at + 1 + length >= i
    });
    backslashes % 2 == 0 && !in_percent && !in_entity
}
