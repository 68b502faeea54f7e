//! sled's panics over bytes that are damaged, caught: they are told in words by whoever reads, and are no bugs to be reported.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Does what sled may trip over; `None`: it did.
pub fn caught<T>(what: impl FnOnce() -> T) -> Option<T> {
    let before = CATCHING.replace(true);
    let end = catch_unwind(AssertUnwindSafe(what));
    CATCHING.set(before);
    end.ok()
}

/// Whether a panic on this thread would be caught here.
pub fn is_catching() -> bool {
    CATCHING.try_with(Cell::get).unwrap_or(false)
}
