//! A captured value where there is no answer yet.

/// A value that an answer would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// What templates know it by.
    pub name: String,
    /// Where in the answer it would stand, in words.
    pub place: String,
    /// An answer without it is as good.
    pub optional: bool,
    /// What the steps behind see of it here, as JSON text; `None`: nothing.
    pub seen_as: Option<String>,
    /// Whether a person has given that.
    pub given: bool,
}

/// What stands for a captured value that nobody has given, as JSON text. A person recognizes it; a template may want a
/// number, or a list.
pub(super) fn stand_in(name: &str) -> String {
    format!("\"{}\"", name.to_ascii_uppercase())
}
