//! Headers with `{{ }}` in them.

use super::names::Name;
use super::{Context, Place, RenderError, Text, Wrong, escape};
use http::HeaderValue;

/// What expressions make a header's value of is at most so long, in bytes; many servers refuse all headers together
/// beyond 8 KiB.
const LONGEST: usize = 8 << 10;

/// A template for a header's value. Whatever a lead says, it stays one value of one header.
#[derive(Clone, Debug)]
pub struct HeaderTemplate {
    text: Text,
}

impl HeaderTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<HeaderTemplate, Wrong> {
        Ok(HeaderTemplate { text: Text::parse(text, Place::Header)? })
    }

    /// The value for this event: control characters are spaces, and it is cut after 8 KiB, unless it is the
    /// same for every event: half of a token is no token.
    ///
    /// # Errors
    /// What could not be evaluated, and why.
    pub fn render(&self, context: &Context) -> Result<HeaderValue, RenderError> {
        let text = self.text.render(context)?;
        let clean = escape::header(&text);
        let cut = if self.is_literal() { clean.len() } else { clean.floor_char_boundary(LONGEST) };
        HeaderValue::from_bytes(clean[..cut].trim().as_bytes()).map_err(|_| RenderError {
            leaf: None,
            message: "makes no value for a header".to_owned(),
            help: None,
        })
    }

    /// Whether it is the same for every event.
    pub fn is_literal(&self) -> bool {
        self.text.is_literal()
    }

    /// What it looks up.
    pub fn names(&self) -> &[Name] {
        self.text.names()
    }
}
