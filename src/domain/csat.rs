//! A rating, read.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// How ratings are read.
#[derive(Clone, Debug, Default)]
pub struct CsatRules {}

/// What a rating means.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Csat {
    /// On the scale; `None` where there is no rating, or none that can be read.
    #[serde(serialize_with = "whole_where_it_is")]
    pub score: Option<f64>,
    /// Whether the score counts as a low one.
    pub low: bool,
    /// The rating as received; `None` where there is none.
    pub text: Option<String>,
}

impl CsatRules {
    /// Reads a rating as it stands in the details.
    pub fn read(&self, rating: Option<&RawValue>) -> Csat {
        let text = rating.and_then(|raw| match serde_json::from_str(raw.get()) {
            Ok(serde_json::Value::Null) => None,
            Ok(serde_json::Value::String(text)) => Some(text),
            _ => Some(raw.get().to_owned()),
        });
        Csat { score: None, low: false, text: text.filter(|text| !text.trim().is_empty()) }
    }
}

impl Csat {
    /// Whether a rating is there, readable or not.
    pub fn is_rated(&self) -> bool {
        self.text.is_some()
    }

    /// Whether a rating is there that cannot be read.
    pub fn is_unreadable(&self) -> bool {
        self.text.is_some() && self.score.is_none()
    }
}

fn whole_where_it_is<S: Serializer>(score: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match score {
        Some(score) if score.fract() == 0.0 && score.abs() < 1e15 => to.serialize_i64(*score as i64),
        Some(score) => to.serialize_f64(*score),
        None => to.serialize_none(),
    }
}
