//! The floors of the house, as `src/lib.rs` draws them: no file imports upward, nor from a room beside its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// From the ground up. Rooms on one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["config", "http_client"],
    &["watch"],
    &["store", "source", "transport"],
    &["ops", "tokens"],
    &["intake", "dispatch"],
    &["app"],
    &["admin"],
    &["commands"],
];

/// Stands apart: made for demonstrations and tests, it proves nothing if it shares code with what it stands opposite to.
const APART: &str = "simulator";

/// Who may start what stands apart.
const STARTS_IT: &str = "commands";

#[test]
fn no_file_imports_upward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut wrong = String::new();
    for file in sources(&root.join("src")) {
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let module = module_of(file.strip_prefix(root.join("src")).expect("found under src"));
        // The roof: lib.rs and main.rs see everything.
        let Some(room) = module.first() else { continue };
        if floor(room).is_none() && room != APART {
            writeln!(wrong, "{shown}: `{room}` has no floor yet: give it one in {}", file!()).expect("a string");
            continue;
        }
        let text = fs::read_to_string(&file).expect("a readable source file");
        for Import { line, of } in imports(&text, &module) {
            seen += 1;
            if let Some(why) = objection(room, &of) {
                writeln!(wrong, "{shown}:{line}: imports crate::{of}: {why}").expect("a string");
            }
        }
    }
    assert!(wrong.is_empty(), "the floors of the house do not hold:\n{wrong}");
    assert!(seen > 50, "only {seen} imports were found: the reader of this test no longer understands the sources");
}

#[test]
fn every_form_of_import_is_seen() {
    let text = r##"
//! crate::not_a_comment
/* crate::nor /* crate::nested */ crate::this */
use crate::one::{self, X};
use crate::{
    two, three::Y, // crate::hidden
    four::{Z, five},
};
use super::super::six::W;
use super::{sibling, super::seven};
use super::stays;
pub(crate) struct S<'a>(&'a str, char, [crate::eight::T; 1]);
const TEXT: &str = "crate::text \" crate::text"; const RAW: &str = r#"crate::raw " crate::raw"#; const Q: char = '"';
fn f() -> crate::nine::T { r#crate_like::x('\'', b'"', crate::ten()) }
mod tests {
    use super::super::stays_too;
    use super::super::super::eleven;
    mod deeper { use super::super::super::super::twelve; }
    use super::super::super::thirteen;
}
use super::super::*;
"##;
    let module = ["room".to_owned(), "file".to_owned()];
    let found: Vec<_> = imports(text, &module).into_iter().map(|import| (import.line, import.of)).collect();
    let found: Vec<_> = found.iter().map(|(line, of)| (*line, of.as_str())).collect();
    // Not found: what is quoted or a comment, and what `super` reaches without leaving the room.
    let first = [(4, "one"), (6, "two"), (6, "three"), (7, "four"), (9, "six"), (10, "seven"), (12, "eight")];
    let second = [(14, "nine"), (14, "ten"), (17, "eleven"), (18, "twelve"), (19, "thirteen"), (21, "*")];
    assert_eq!(found, [first.as_slice(), &second].concat());
}

#[test]
fn what_is_forbidden_is_found() {
    for (room, of) in [
        ("domain", "config"),
        ("config", "http_client"),
        ("store", "source"),
        ("transport", "store"),
        ("intake", "dispatch"),
        ("dispatch", "intake"),
        ("store", "app"),
        ("app", "admin"),
        ("admin", "commands"),
        ("app", APART),
        (APART, "domain"),
        ("commands", "*"),
        ("commands", "unheard_of"),
    ] {
        assert!(objection(room, of).is_some(), "{room} may import {of}");
    }
    for (room, of) in
        [("intake", "store"), ("commands", APART), ("commands", "admin"), ("watch", "domain"), (APART, APART)]
    {
        assert_eq!(objection(room, of), None, "{room} may not import {of}");
    }
}

/// Why `room` may not import `of`; `None`: it may.
fn objection(room: &str, of: &str) -> Option<String> {
    if room == of {
        return None;
    }
    if room == APART {
        return Some(format!("{APART} stands apart and imports nothing of the house"));
    }
    if of == APART {
        return (room != STARTS_IT).then(|| format!("{APART} stands apart; only {STARTS_IT} may start it"));
    }
    let Some((mine, other)) = floor(room).zip(floor(of)) else {
        return Some("that is no room of the house; import from the room it is in".to_owned());
    };
    if other > mine {
        Some(format!("{room} is on floor {mine}, {of} on floor {other}: nothing imports upward"))
    } else if other == mine {
        Some(format!("{room} and {of} are on the same floor, {mine}, and do not know each other"))
    } else {
        None
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Every `.rs` file below, in a steady order.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        fs::read_dir(directory).expect("a readable folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                iter::once(path).filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
            }
        })
        .collect()
}

/// `store/known.rs` is `store::known`, `store/mod.rs` is `store`, `lib.rs` and `main.rs` are the root.
fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<_> = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

/// A path that names something directly under the crate's root.
struct Import {
    line: usize,
    of: String,
}

/// All paths of a file that start with `crate` or climb to it with `super`, in `use` or anywhere else.
fn imports(text: &str, module: &[String]) -> Vec<Import> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut here = module.to_vec();
    // How deep in braces we are, and at which depths the modules around us began.
    let mut depth = 0;
    let mut modules = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.text.as_str());
        match token.text.as_str() {
            "mod" if next(2) == "{" => {
                here.push(next(1).to_owned());
                depth += 1;
                modules.push(depth);
                at += 3;
            }
            "crate" | "super" | "self" if next(1) == "::" => at = path(&tokens, at, here.clone(), &mut found),
            brace @ ("{" | "}") => {
                if brace == "{" {
                    depth += 1;
                } else {
                    if modules.last() == Some(&depth) {
                        modules.pop();
                        here.pop();
                    }
                    depth -= 1;
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// Follows one path from `at`, into its groups, and returns where it ends.
fn path(tokens: &[Token], mut at: usize, mut place: Vec<String>, found: &mut Vec<Import>) -> usize {
    // `super::x` below the root stays in the room; only what is named right under the root is an import.
    while let Some(Token { line, text }) = tokens.get(at) {
        at += 1;
        match text.as_str() {
            "crate" => place.clear(),
            "self" => {}
            "super" => drop(place.pop()),
            "{" => {
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = path(tokens, at, place.clone(), found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                }
                return at + 1;
            }
            name => {
                if place.is_empty() {
                    found.push(Import { line: *line, of: name.to_owned() });
                }
                place.push(name.to_owned());
            }
        }
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            // `as NAME`, which is part of a group's entry
            return if tokens.get(at).is_some_and(|token| token.text == "as") { at + 2 } else { at };
        }
        at += 1;
    }
    at
}

struct Token {
    line: usize,
    text: String,
}

/// Names, `::` and single signs; comments and everything in quotes are left out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| what.chars().eq(chars[at.min(chars.len())..].iter().copied().take(what.len()));
    let mut tokens: Vec<Token> = Vec::new();
    let (mut at, mut counted, mut line) = (0, 0, 1);
    while at < chars.len() {
        line += chars[counted..at].iter().filter(|&&c| c == '\n').count();
        counted = at;
        let c = chars[at];
        if starts(at, "//") {
            at += chars[at..].iter().take_while(|&&c| c != '\n').count();
        } else if starts(at, "/*") {
            let mut open = 0;
            loop {
                let step = if starts(at, "/*") {
                    open += 1;
                    2
                } else if starts(at, "*/") {
                    open -= 1;
                    2
                } else {
                    1
                };
                at += step;
                if open == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // A character, or a lifetime.
            if starts(at + 1, "\\") {
                at += 3;
                at += chars[at.min(chars.len())..].iter().take_while(|&&c| c != '\'').count() + 1;
            } else if chars.get(at + 2) == Some(&'\'') {
                at += 3;
            } else {
                at += 1;
            }
        } else if c.is_alphanumeric() || c == '_' {
            let name: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            at += name.chars().count();
            let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
            if ["r", "br", "cr"].contains(&name.as_str()) && chars.get(at + hashes) == Some(&'"') {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                while at < chars.len() && !starts(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else if name == "r" && hashes == 1 {
                at += 1; // `r#name`: the name follows
            } else {
                tokens.push(Token { line, text: name });
            }
        } else if starts(at, "::") {
            tokens.push(Token { line, text: "::".to_owned() });
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(Token { line, text: c.to_string() });
            }
            at += 1;
        }
    }
    tokens
}
