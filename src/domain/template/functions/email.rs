//! `email`: an address to which mail could be sent, as systems want it.

use minijinja::{Error, Value};

use super::shown;

/// The address in small letters, without what stands around it; undefined for what is none, so that `default` helps.
///
/// Systems refuse a whole person because of an address that cannot be right, and take two spellings for two persons.
pub(super) fn email(value: &Value) -> Result<Value, Error> {
    Ok(address(&shown(value)?).map_or(Value::UNDEFINED, Value::from))
}

fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("mailto:").unwrap_or(text).trim_end_matches(['.', ',', ';']).to_lowercase();
    let (name, host) = text.split_once('@')?;
    // RFC 5321 has these limits. Quoted names and addresses without a name of a host exist on paper alone.
    let fits = (1..=64).contains(&name.len()) && text.len() <= 254;
    let special = |c: char| c.is_whitespace() || c.is_control() || "()<>[]:;@\\,\"".contains(c);
    let dots = |part: &str| part.starts_with('.') || part.ends_with('.') || part.contains("..");
    let label = |label: &str| {
        let inner = |c: char| c.is_alphanumeric() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let (_, top) = host.rsplit_once('.')?;
    let is_one = fits
        && !name.chars().any(special)
        && !dots(name)
        && host.split('.').all(label)
        // An address by numbers is none.
        && top.chars().any(char::is_alphabetic)
        && top.chars().count() > 1;
    is_one.then_some(text)
}
