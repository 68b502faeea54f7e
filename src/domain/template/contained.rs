//! What panics costs the one rendering that it was in, and prints nothing of the lead.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use minijinja::Error;

use super::reason;

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does it; where it panics, that is an error which says where in the code.
///
/// The text of a panic may quote what was worked on, a lead's data, so it is neither printed nor passed on.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    hush();
    let outer = CONTAINING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CONTAINING.set(outer);
    done.unwrap_or_else(|_| {
        let place = PLACE.take().unwrap_or_else(|| "at an unknown place".to_owned());
        Err(reason::said(format!("a filter failed unexpectedly, {place}; this is a bug in leadhook, please report it")))
    })
}

/// Has panics of contained work noted and not printed; all others are told as they were before.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| match CONTAINING.try_with(Cell::get) {
            Ok(true) => {
                let place = panic.location().map(place);
                // Gone only where the thread itself is.
                let _ = PLACE.try_with(|noted| noted.replace(place));
            }
            _ => before(panic),
        }));
    });
}

/// The file's name is enough; its path is that of the machine where leadhook was built.
fn place(at: &Location<'_>) -> String {
    let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
    format!("in {file} line {}", at.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_quotes_nothing() {
        let lead = "Maria".to_owned();
        let failed: Result<(), Error> = contained(|| panic!("cannot work with {lead}"));
        let error = failed.expect_err("a panic");
        let said = std::error::Error::source(&error).expect("a reason").to_string();
        assert!(said.starts_with("a filter failed unexpectedly, in contained.rs line "), "{said}");
        assert!(!format!("{said}{error:?}").contains("Maria"));
        assert_eq!(contained(|| Ok(1)).expect("no panic"), 1);
        let inner = contained(|| Ok(contained::<()>(|| panic!("inner")).is_err()));
        assert!(inner.expect("only the inner one panics"));
        assert!(!CONTAINING.get());
    }
}
