//! Asking before something is done that cannot be undone.

use std::io::{IsTerminal, Write};

use super::exit::Failure;

/// Asks on the terminal, and refuses where there is none. `gone`: what would be gone, and how to say that it is meant.
///
/// # Errors
/// Nobody said yes.
pub fn confirm(question: &str, gone: &str, undone: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(gone));
    }
    let mut err = anstream::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" | "s" | "sim" => Ok(()),
        _ => Err(Failure::usage(undone)),
    }
}
