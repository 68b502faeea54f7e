//! A lead, as the list shows it and as its details tell it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::raw;

/// A WeClever lead's number (`weclever_lead_id`). The API promises a whole number and no upper limit; anything that
/// fits 64 bits without a sign is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeadId(pub u64);

impl fmt::Display for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lead {}", self.0)
    }
}

impl std::str::FromStr for LeadId {
    type Err = std::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(LeadId)
    }
}

/// One row of the list of finalized leads. A row carries no time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The lead's number.
    pub id: LeadId,
    /// The status the client's mapping gives it; `None` where the API sends null or nothing.
    pub mapped_status: Option<String>,
    /// The client's own id for the lead: text, number or null, passed through as it came.
    pub client_lead_id: Option<Box<RawValue>>,
}

/// A lead's details: the API's object, byte for byte as it came, so that numbers, key order and unknown fields survive.
#[derive(Clone, Debug)]
pub struct Lead(Box<RawValue>);

impl Lead {
    /// Takes the API's `lead` value, or gives it back where it is not a JSON object.
    ///
    /// # Errors
    /// The value itself, when it is anything but an object.
    pub fn from_raw(raw: Box<RawValue>) -> Result<Lead, Box<RawValue>> {
        if raw.get().starts_with('{') { Ok(Lead(raw)) } else { Err(raw) }
    }

    /// The object as it came.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// The rating as it came; `None` where there is no such field.
    pub fn rating(&self) -> Option<&RawValue> {
        serde_json::from_str(raw::at(self.json(), &["csat", "rating"])?).ok()
    }

    /// The object's JSON text.
    pub fn json(&self) -> &str {
        self.0.get()
    }
}
