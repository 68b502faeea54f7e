//! Texts with `{{ }}` in them.

use std::fmt;

use super::language::Use;
use super::names::Name;
use super::program::Program;
use super::{Context, Place, RenderError, Wrong, is_template};

/// A template for a text. What it prints is escaped for its place; its own text is not.
#[derive(Clone)]
pub struct Text {
    made: Made,
}

#[derive(Clone)]
enum Made {
    /// Nothing to render.
    Literal(String),
    Template(Program),
}

impl Text {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, place: Place) -> Result<Text, Wrong> {
        Text::parse_for(text, Use::Text(place))
    }

    pub(super) fn parse_for(text: &str, purpose: Use) -> Result<Text, Wrong> {
        let made = match is_template(text) {
            true => Made::Template(Program::text(text, purpose)?.text),
            false => Made::Literal(text.to_owned()),
        };
        Ok(Text { made })
    }

    pub(super) fn of_program(program: Program) -> Text {
        Text { made: Made::Template(program) }
    }

    /// The text for this event.
    ///
    /// # Errors
    /// What could not be evaluated, and why.
    pub fn render(&self, context: &Context) -> Result<String, RenderError> {
        match &self.made {
            Made::Literal(text) => Ok(text.clone()),
            Made::Template(program) => program.render(context),
        }
    }

    /// Whether it is the same for every event.
    pub fn is_literal(&self) -> bool {
        matches!(self.made, Made::Literal(_))
    }

    /// What it looks up.
    pub fn names(&self) -> &[Name] {
        match &self.made {
            Made::Literal(_) => &[],
            Made::Template(program) => program.names(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets may have been put into it.
        f.write_str("Text(..)")
    }
}
