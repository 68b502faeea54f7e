//! `phone_e164`: a telephone number as systems want it.

use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use super::shown;
use crate::domain::template::reason::said;

/// `+5511999990000`, from any of the usual spellings; undefined for what is no number, so that `default` helps.
pub(super) fn phone_e164(value: &Value, country: Option<&str>, options: Kwargs) -> Result<Value, Error> {
    let country = match country {
        Some(country) => country,
        None => options.get::<Option<&str>>("country")?.unwrap_or("BR"),
    };
    options.assert_all_used()?;
    if country != "BR" {
        return Err(said("numbers without a country can only be read as Brazilian ones: country=\"BR\""));
    }
    Ok(e164(&shown(value)?).map_or(Value::UNDEFINED, Value::from))
}

fn e164(text: &str) -> Option<String> {
    // As messengers write it: whatsapp:+55...
    let text = text.trim();
    let text = text.rsplit_once(':').map_or(text, |(_, number)| number).trim();
    let written = |c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '+' | '-' | '.' | '(' | ')' | '/');
    if !text.chars().all(written) || text.chars().skip(1).any(|c| c == '+') {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (digits, international) = match (text.starts_with('+'), digits.strip_prefix("00")) {
        (true, _) => (digits.as_str(), true),
        (false, Some(rest)) => (rest, true),
        (false, None) => (digits.as_str(), false),
    };
    if international {
        return match digits.strip_prefix("55") {
            Some(national) => brazilian(national),
            None => (7..=15)
                .contains(&digits.len())
                .then_some(())
                .filter(|()| !digits.starts_with('0'))
                .map(|()| format!("+{digits}")),
        };
    }
    // 55 is also the area code of a part of Rio Grande do Sul: with ten or eleven digits it is that.
    match digits.len() {
        12 | 13 if digits.starts_with("55") => brazilian(&digits[2..]),
        _ => brazilian(digits),
    }
}

/// An area code and a number, with or without the 0 and the carrier's code in front.
fn brazilian(digits: &str) -> Option<String> {
    let national = match digits.strip_prefix('0') {
        // 0 XX 11 99999-0000: the carrier that is dialled.
        Some(rest) if rest.len() >= 12 => &rest[2..],
        Some(rest) => rest,
        None => digits,
    };
    let area = national.as_bytes().get(..2)?;
    let number = &national[2..];
    let valid = !area.contains(&b'0')
        && match number.len() {
            9 => number.starts_with('9'),
            8 => number.starts_with(|c: char| ('2'..='9').contains(&c)),
            _ => false,
        };
    valid.then(|| format!("+55{national}"))
}
