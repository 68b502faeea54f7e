//! What WeClever sends, and how much of it may be wrong before an answer is no answer.
//!
//! Only a whole, well-formed answer counts; but within it a row that cannot be read costs that row and no other. Nothing
//! here repeats what an answer holds: what serde says of a mistake may quote a name or a phone number, so that its
//! words are not used, only the place and the kind.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Listing;
use crate::domain::lead::{Lead, LeadId, Row};
use crate::domain::malformed::{MOST, MalformedRow, Print};
use crate::domain::secret::Secret;

/// So many unreadable rows of one list are described; the others are only counted.
const DESCRIBED: usize = MOST;

/// Reads `{"token": "..."}`.
pub(super) fn token(body: &[u8]) -> Result<Secret, String> {
    #[derive(Deserialize)]
    struct Wire {
        token: String,
    }
    let wire: Wire = from_json(body, "an object with a text `token`")?;
    if wire.token.trim().is_empty() {
        return Err("`token` is empty".into());
    }
    Ok(Secret::new(wire.token))
}

/// Reads `{"leads": [...]}`. Rows that cannot be read are described and left out.
pub(super) fn listing(body: &[u8]) -> Result<Listing, String> {
    #[derive(Deserialize)]
    struct Whole {
        leads: Vec<WireRow>,
    }
    /// The same list, when some row of it is not as it should be.
    #[derive(Deserialize)]
    struct Piecemeal<'a> {
        #[serde(borrow)]
        leads: Vec<&'a RawValue>,
    }

    if let Ok(text) = text_of(body)
        && let Ok(whole) = serde_json::from_str::<Whole>(text)
    {
        let rows = whole.leads.into_iter().map(|row| row.0).collect();
        return Ok(Listing { rows, ..Listing::default() });
    }
    let list: Piecemeal = from_json(body, "an object with a list `leads`")?;
    let mut found = Listing::default();
    let mut same: HashMap<Print, u64> = HashMap::new();
    for (at, raw) in list.leads.into_iter().enumerate() {
        let reason = match read_row(raw) {
            Ok(row) => {
                found.rows.push(row);
                continue;
            }
            Err(reason) => reason,
        };
        found.malformed += 1;
        if found.bad.len() < DESCRIBED {
            let before = same.entry(print(raw, 0)).or_default();
            found.bad.push(MalformedRow { at, print: print(raw, *before), reason });
            *before += 1;
        }
    }
    Ok(found)
}

/// What a row that cannot be read is known by. Rows of the same text are told apart by their order alone.
fn print(raw: &RawValue, before: u64) -> Print {
    let digest = Sha256::new().chain_update(before.to_be_bytes()).chain_update(raw.get()).finalize();
    digest.first_chunk::<8>().map_or(0, |eight| u64::from_be_bytes(*eight))
}

/// Reads `{"lead": {...}}`.
pub(super) fn lead(body: &[u8]) -> Result<Lead, String> {
    let wire: WireLead = from_json(body, "an object with `lead`")?;
    let raw = wire.0.ok_or("there is no `lead` in the object")?;
    Lead::from_raw(raw).map_err(|raw| format!("`lead` is {}, not an object", kind_of(raw.get())))
}

/// Why one row cannot be read. A row is small: it is looked at a second time to find out.
fn read_row(raw: &RawValue) -> Result<Row, String> {
    if !raw.get().starts_with('{') {
        return Err(format!("it is {}, not an object", kind_of(raw.get())));
    }
    match serde_json::from_str::<Fields>(raw.get()) {
        Ok(fields) => fields.into_row(),
        Err(_) => Err("it is an object that cannot be read".into()),
    }
}

/// A row for the fast path, where the first mistake ends the reading.
struct WireRow(Row);

impl<'de> Deserialize<'de> for WireRow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Fields::deserialize(from)?.into_row().map(WireRow).map_err(serde::de::Error::custom)
    }
}

/// The fields of a row as they came. Of a key that stands there twice, the last counts, as for nearly every JSON reader.
#[derive(Default)]
struct Fields<'de> {
    id: Option<&'de RawValue>,
    status: Option<&'de RawValue>,
    client_id: Option<&'de RawValue>,
}

impl Fields<'_> {
    fn into_row(self) -> Result<Row, String> {
        let id = self.id.ok_or("there is no `weclever_lead_id`")?;
        Ok(Row {
            id: LeadId(read_id(id.get())?),
            mapped_status: self.status.map_or(Ok(None), |raw| read_status(raw.get()))?,
            client_lead_id: self.client_id.filter(|raw| raw.get() != "null").map(ToOwned::to_owned),
        })
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                #[derive(Deserialize)]
                #[serde(field_identifier, rename_all = "snake_case")]
                enum Key {
                    WecleverLeadId,
                    MappedStatus,
                    ClientLeadId,
                    #[serde(other)]
                    Other,
                }
                let mut fields = Fields::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::WecleverLeadId => fields.id = Some(map.next_value()?),
                        Key::MappedStatus => fields.status = Some(map.next_value()?),
                        Key::ClientLeadId => fields.client_id = Some(map.next_value()?),
                        Key::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Row)
    }
}

/// `lead` of an answer, the last if there are several.
struct WireLead(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for WireLead {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Answer;
        impl<'de> Visitor<'de> for Answer {
            type Value = WireLead;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an answer")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<WireLead, M::Error> {
                #[derive(Deserialize)]
                #[serde(field_identifier, rename_all = "snake_case")]
                enum Key {
                    Lead,
                    #[serde(other)]
                    Other,
                }
                let mut lead: Option<&'de RawValue> = None;
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Lead => lead = Some(map.next_value()?),
                        Key::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(WireLead(lead.map(ToOwned::to_owned)))
            }
        }
        from.deserialize_map(Answer)
    }
}

/// A whole number from 0 to 2^64-1, or the same as text. `12.0` is a whole number too, as some languages write them.
fn read_id(raw: &str) -> Result<u64, String> {
    let wrong = |what: &str| Err(format!("`weclever_lead_id` is {what}, not a whole number from 0 to {}", u64::MAX));
    if raw.starts_with('"') {
        return match serde_json::from_str::<String>(raw) {
            Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().or_else(|_| wrong("text with too large a number"))
            }
            _ => wrong("text that is no number"),
        };
    }
    if !raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return wrong(kind_of(raw));
    }
    let whole = match raw.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole,
        _ => raw,
    };
    whole.parse().or_else(|_| wrong("a number that is negative, broken or too large"))
}

/// Text as it is; a number or a truth value as it is written; null is none.
fn read_status(raw: &str) -> Result<Option<String>, String> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map(Some).map_err(|_| "`mapped_status` is broken text".into()),
        Some(b'n') => Ok(None),
        Some(b'{' | b'[') => Err(format!("`mapped_status` is {}, not text", kind_of(raw))),
        _ => Ok(Some(raw.to_owned())),
    }
}

fn kind_of(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "a truth value",
        _ => "a number",
    }
}

/// The body as text, without the mark that some servers put in front of UTF-8.
fn text_of(body: &[u8]) -> Result<&str, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|e| format!("it is not UTF-8 from byte {} on", e.valid_up_to()))
}

/// Parses, and says in words of our own what is wrong.
fn from_json<'a, T: Deserialize<'a>>(body: &'a [u8], wanted: &str) -> Result<T, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty".into());
    }
    let text = text_of(body)?;
    serde_json::from_str(text).map_err(|e| match e.classify() {
        _ if text.trim_start().starts_with('<') => "it is a page of HTML or XML, not JSON".into(),
        Category::Eof => format!("its JSON breaks off after {} bytes", body.len()),
        Category::Data => format!("it is JSON, but not {wanted} (line {}, column {})", e.line(), e.column()),
        Category::Syntax | Category::Io => format!("it is not JSON from line {}, column {} on", e.line(), e.column()),
    })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
