//! The language: minijinja's own filters, tests and functions, those that leads need, and none that would leak.

use std::sync::{LazyLock, OnceLock};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::place::Place;
use super::{functions, guard};

/// Work that a condition may do: about so many steps, or 64 times as many bytes.
const CONDITION_FUEL: u64 = 50_000;

/// The same for each text, and each leaf of a body.
const TEXT_FUEL: u64 = 500_000;

/// A rendered text is at most so long, in bytes; and so is all text of a tree. Ten times the longest conversation that one
/// would send, and little enough to have in memory.
pub(super) const LONGEST: usize = 4 << 20;

/// What a program is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// `when`.
    Condition,
    /// A text for this place.
    Text(Place),
    /// A URL with its expressions' outputs marked, so that it can be checked afterwards.
    Url,
}

/// Around what an expression has put into a URL. No URL has these.
pub(super) const MARK_BEGIN: char = '\u{1}';
pub(super) const MARK_END: char = '\u{2}';

impl Use {
    const COUNT: usize = 2 + Place::ALL.len();

    fn index(self) -> usize {
        match self {
            Use::Condition => 0,
            Use::Url => 1,
            Use::Text(place) => 2 + Place::ALL.iter().position(|other| *other == place).unwrap_or(0),
        }
    }

    fn place(self) -> Place {
        match self {
            Use::Condition => Place::Plain,
            Use::Url => Place::UrlPart,
            Use::Text(place) => place,
        }
    }

    /// Not `None` where anything is escaped, so that the engine keeps apart what has been escaped and what has not.
    pub(super) fn auto_escape(self) -> AutoEscape {
        match self.place() {
            Place::Plain => AutoEscape::None,
            _ => AutoEscape::Custom("place".into()),
        }
    }
}

/// The language for this use; made once, and for good.
pub(super) fn of(purpose: Use) -> &'static Environment<'static> {
    static LANGUAGES: LazyLock<[OnceLock<Environment<'static>>; Use::COUNT]> =
        LazyLock::new(|| std::array::from_fn(|_| OnceLock::new()));
    LANGUAGES[purpose.index()].get_or_init(|| made(purpose))
}

fn made(purpose: Use) -> Environment<'static> {
    let mut language = Environment::new();
    language.set_debug(false);
    match purpose {
        Use::Condition => {
            language.set_undefined_behavior(UndefinedBehavior::SemiStrict);
            language.set_fuel(Some(CONDITION_FUEL));
        }
        Use::Text(_) | Use::Url => {
            language.set_undefined_behavior(UndefinedBehavior::Chainable);
            language.set_fuel(Some(TEXT_FUEL));
        }
    }
    let escape = purpose.auto_escape();
    language.set_auto_escape_callback(move |_| escape.clone());
    language.set_formatter(move |out, state, value| written(purpose, out, state, value));
    // It prints all that there is.
    language.remove_global("debug");
    for (names, test) in [
        (["<", "lt", "lessthan"].as_slice(), guard::less as fn(&Value, &Value) -> Result<bool, Error>),
        (&["<=", "le"], guard::less_or_equal),
        (&[">", "gt", "greaterthan"], guard::greater),
        (&[">=", "ge"], guard::greater_or_equal),
    ] {
        for name in names {
            language.add_test(*name, test);
        }
    }
    language.add_filter(guard::COMPARABLE, guard::comparable);
    language.add_filter(guard::FACTORS, guard::factors);
    functions::add(&mut language, purpose.place());
    language
}

/// Bytes that expressions have printed in this rendering, into the text or into what is set aside with `{% set %}`.
#[derive(Default)]
struct Printed(usize);

/// Prints a value: nothing for what is missing or null, JSON for lists and objects, and all of it escaped.
fn written(purpose: Use, out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = functions::shown(value)?;
    let escaped = if value.is_safe() { text } else { purpose.place().escape(&text).into_owned().into() };
    // Far beyond what a text may be: no use in going on until the fuel is spent.
    let Printed(printed) = state.get_or_insert_extension_with(Printed::default);
    *printed += escaped.len();
    if *printed > 2 * LONGEST {
        return Err(Error::from(ErrorKind::OutOfFuel));
    }
    if purpose == Use::Url {
        write!(out, "{MARK_BEGIN}{escaped}{MARK_END}")?;
    } else {
        out.write_str(&escaped)?;
    }
    Ok(())
}
