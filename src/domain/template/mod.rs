//! The one language of conditions, bodies, URLs and headers: minijinja, with its traps closed.
//!
//! - A comparison with `<`, `<=`, `>` or `>=` takes two numbers, two texts or two truth values. Minijinja orders values of
//!   different kinds by their kind, so that `"2" >= 4` would be true; here that is an error, and so is a missing field.
//! - A [`Condition`] that cannot be evaluated is neither true nor false: it [cannot tell](Judged::CannotTell).
//! - In a [`Text`] a missing field prints as nothing. What is printed is escaped for its [`Place`].
//! - Filters, tests and functions that do not exist are found when a template is parsed, not when the first lead needs them.
//! - `*` multiplies numbers, and repeats neither texts nor lists.
//! - Work and output are limited, and what panics is an error of that one rendering. What an error says names things and kinds, never a lead's data.
//!
//! Names are `id`, `type`, `timestamp`, everything under the envelope's `data`, and `settings`.

mod condition;
mod contained;
mod context;
mod escape;
mod functions;
mod guard;
mod header;
mod known;
mod language;
mod mended;
mod names;
mod place;
mod present;
mod program;
mod reason;
mod text;
mod tree;
mod url;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

pub use condition::{Condition, Judged};
pub use context::{Context, InStep, NoEvent};
pub use header::HeaderTemplate;
pub use known::{Doubt, check_names};
pub use names::Name;
pub use place::Place;
pub use text::Text;
pub use tree::{Tree, WrongLeaf};
pub use url::UrlTemplate;

/// What is wrong with a template, found by parsing it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Wrong {
    /// What is wrong, in a few words.
    pub message: String,
    /// Where, in bytes of the template's text.
    pub at: Range<usize>,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>, at: Range<usize>, help: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), at, help: Some(help.into()) }
    }
}

/// Why a template could not be rendered for an event. Names what is missing or of the wrong kind, and holds no lead data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RenderError {
    /// Which leaf of a tree, as a JSON Pointer; `None`: the template is not part of a tree, or the tree is its root.
    pub leaf: Option<String>,
    /// What could not be done, and why.
    pub message: String,
    /// What to change in the template, where that can be said.
    pub help: Option<String>,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(leaf) = &self.leaf {
            write!(f, "at {leaf}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Whether a text from outside the file, put into a template, would stay text: a secret that holds `{{` must not become
/// part of the template.
pub fn is_inert(put_in: &str) -> bool {
    !["{{", "{%", "{#"].iter().any(|mark| put_in.contains(mark)) && !put_in.ends_with('{')
}

/// Whether a text has anything to render.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}
