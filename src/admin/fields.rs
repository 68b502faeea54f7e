//! What a form holds.

use url::form_urlencoded;

/// A form of ours is small; ids of dead letters may be many.
pub(super) const LONGEST_FORM: usize = 256 * 1024;

/// The fields of a form, in its order.
#[derive(Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what a form sends as `application/x-www-form-urlencoded`. What is none has no fields.
    pub(super) fn read(bytes: &[u8]) -> Fields {
        Fields(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A field that stands once, without blanks around it; `None`: it is empty, or not there.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All fields of this name that hold something.
    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Fields whose names begin so, without that beginning.
    pub(super) fn starting_with<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(key, value)| Some((key.strip_prefix(beginning)?, value.trim())))
    }
}
