//! A glance at known leads: only what a row of a list is compared with, borrowed from the record's bytes. A poll lists
//! thousands of leads of which nothing is new, again and again.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use sled::IVec;

use super::error::StoreError;
use super::keys::PlatformNo;
use super::known::{Recheck, Standing, bytes_around};
use super::records;
use super::tree::Tree;
use crate::domain::lead::LeadId;
use crate::domain::window::Window;

/// What of a known lead is looked at.
#[derive(Debug, Default)]
pub struct Glance<'a> {
    pub standing: Standing,
    pub status: Option<&'a str>,
    from: i64,
    to: i64,
    pub recheck: Option<Recheck>,
}

impl Glance<'_> {
    /// The stretch in which it was finalized.
    pub fn stretch(&self) -> Window {
        Window { from: records::from_ms(self.from), to: records::from_ms(self.to) }
    }
}

impl<'de> Deserialize<'de> for Glance<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Glance<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what is known of a lead")
            }

            /// In the order of the fields of [`Known`](super::known::Known).
            fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Glance<'de>, A::Error> {
                let standing = fields.next_element()?.unwrap_or_default();
                let status = fields.next_element()?.unwrap_or_default();
                fields.next_element::<IgnoredAny>()?; // listed
                let from = fields.next_element()?.unwrap_or_default();
                let to = fields.next_element()?.unwrap_or_default();
                // happened, outcomes, watched, rating
                for _ in 0..4 {
                    fields.next_element::<IgnoredAny>()?;
                }
                let recheck = fields.next_element()?.unwrap_or_default();
                while fields.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Glance { standing, status, from, to, recheck })
            }
        }
        from.deserialize_seq(Fields)
    }
}

/// Glances at these leads, in the order of their numbers; each run is read once for all that it holds. `look` gets the
/// lead's place in `leads`.
pub fn glance(
    tree: &Tree,
    platform: PlatformNo,
    leads: &[LeadId],
    mut look: impl FnMut(usize, Option<&Glance<'_>>),
) -> Result<(), StoreError> {
    let mut order: Vec<usize> = (0..leads.len()).collect();
    order.sort_unstable_by_key(|&i| leads[i]);
    let mut order = order.into_iter().peekable();
    while let Some(&first) = order.peek() {
        let (bytes, next): (Option<IVec>, _) = bytes_around(tree, platform, leads[first])?;
        let run: Vec<(u64, Glance<'_>)> = bytes.as_deref().map(records::borrow).transpose()?.unwrap_or_default();
        while let Some(i) = order.next_if(|&i| next.is_none_or(|next| leads[i].0 < next)) {
            let at = run.binary_search_by_key(&leads[i].0, |(id, _)| *id);
            look(i, at.ok().map(|at| &run[at].1));
        }
    }
    Ok(())
}
