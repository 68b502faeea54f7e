//! What a store that was damaged lacks of what it had acknowledged, in words, and noted in a store that was made of its export.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::open;

/// What is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// So many commits that were acknowledged are not there: the last ones.
    pub commits: u64,
    /// When the last of those that are there was made, where that is known.
    pub since: Option<Timestamp>,
    /// Something between them does not read.
    pub holes: bool,
}

/// What a person has to do once a store lacks something, whatever the reason.
pub const AGAIN: &str = "what people decided may be undone by that: who was forgotten, what was paused or resumed, which dead letters \
                         were dropped. Decide it again (`leadhook forget`, `destination pause`, `dead drop`); leads are read again by \
                         themselves";

impl Lacking {
    /// In a sentence or two; `None`: nothing is missing.
    pub fn told(&self) -> Option<String> {
        let commits = match self.commits {
            0 => None,
            1 => Some("the last commit that was acknowledged is".to_owned()),
            n => Some(format!("the last {n} commits that were acknowledged are")),
        };
        let when = self.since.map_or(String::new(), |since| format!(", all since {since:.0}"));
        let what = match (commits, self.holes) {
            (None, false) => return None,
            (None, true) => "parts of the store could not be read, and are missing".to_owned(),
            (Some(commits), false) => format!("{commits} missing{when}"),
            (Some(commits), true) => format!("{commits} missing{when}, and parts of the store before them"),
        };
        Some(format!("{what}; {AGAIN}"))
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("lacking")
}

/// Notes it in the store in this directory; whoever starts on it is told.
///
/// # Errors
/// It cannot be written.
pub fn note(directory: &Path, lacking: &Lacking) -> io::Result<()> {
    if lacking.told().is_none() {
        return Ok(());
    }
    let mut file = open::private().create(true).truncate(true).write(true).open(path(directory))?;
    serde_json::to_writer(&mut file, lacking)?;
    file.flush()?;
    file.sync_all()?;
    File::open(directory)?.sync_all()
}

/// What the store in this directory lacks by such a note.
pub fn noted(directory: &Path) -> Option<Lacking> {
    // Garbage tells nothing that anybody could act upon.
    serde_json::from_slice(&fs::read(path(directory)).ok()?).ok()
}

/// Takes the note away: it was told.
///
/// # Errors
/// It cannot be removed, and is told again.
pub fn is_told(directory: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Directory { path: path(directory), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_how_much_is_missing_since_when_and_what_to_do() {
        let since = Some("2026-11-26T03:00:00.123Z".parse().expect("a time"));
        let told = |commits, since, holes| Lacking { commits, since, holes }.told().unwrap_or_default();
        assert_eq!(told(0, since, false), "");
        assert!(
            told(1, None, false).starts_with("the last commit that was acknowledged is missing; what people decided")
        );
        let many = told(12, since, false);
        assert!(
            many.starts_with(
                "the last 12 commits that were acknowledged are missing, all since 2026-11-26T03:00:00Z; "
            )
        );
        assert!(many.contains("leadhook forget") && many.contains("paused"), "{many}");
        assert!(told(12, None, true).contains("are missing, and parts of the store before them; "));
        assert!(told(0, None, true).starts_with("parts of the store could not be read"));
    }

    #[test]
    fn a_note_is_there_until_it_was_told() {
        let directory = tempfile::tempdir().expect("a directory");
        note(directory.path(), &Lacking::default()).expect("nothing to do");
        assert_eq!(noted(directory.path()), None);
        let lacking = Lacking { commits: 3, ..Lacking::default() };
        note(directory.path(), &lacking).expect("written");
        assert_eq!(noted(directory.path()), Some(lacking));
        for _ in 0..2 {
            is_told(directory.path()).expect("removed");
            assert_eq!(noted(directory.path()), None);
        }
    }
}
